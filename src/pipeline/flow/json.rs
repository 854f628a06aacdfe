//! A parsed JSON value as a slice of simd-json's tape: in the order of the text, without maps.
//!
//! simd-json's own view of the tape lends its strings no longer than the view itself; rows here
//! outlive it. Of two equal names the first counts.

use simd_json::{Node, StaticNode, Tape};

/// A value and everything within it.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(&'a [Node<'a>]);

impl<'a> Json<'a> {
    pub fn of(tape: &'a Tape<'a>) -> Json<'a> {
        Json(&tape.0)
    }

    /// All nodes, in order.
    pub fn nodes(self) -> &'a [Node<'a>] {
        self.0
    }

    pub fn text(self) -> Option<&'a str> {
        match self.0.first() {
            Some(Node::String(text)) => Some(text),
            _ => None,
        }
    }

    pub fn plain(self) -> Option<StaticNode> {
        match self.0.first() {
            Some(Node::Static(plain)) => Some(*plain),
            _ => None,
        }
    }

    pub fn is_object(self) -> bool {
        matches!(self.0.first(), Some(Node::Object { .. }))
    }

    pub fn is_array(self) -> bool {
        matches!(self.0.first(), Some(Node::Array { .. }))
    }

    /// Names and values of an object; nothing of anything else.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, Json<'a>)> {
        let mut rest = self.inside(self.is_object());
        std::iter::from_fn(move || {
            let name = take(&mut rest)?.text()?;
            Some((name, take(&mut rest)?))
        })
    }

    /// Values of an array; nothing of anything else.
    pub fn items(self) -> impl Iterator<Item = Json<'a>> {
        let mut rest = self.inside(self.is_array());
        std::iter::from_fn(move || take(&mut rest))
    }

    pub fn get(self, name: &str) -> Option<Json<'a>> {
        let mut fields = self.fields();
        fields.find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    fn inside(self, is_this: bool) -> &'a [Node<'a>] {
        self.0.get(1..).filter(|_| is_this).unwrap_or_default()
    }
}

/// Takes the first value off the nodes.
fn take<'a>(rest: &mut &'a [Node<'a>]) -> Option<Json<'a>> {
    let nodes = match rest.first()? {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    };
    let (value, after) = rest.split_at_checked(nodes)?;
    *rest = after;
    Some(Json(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_order_of_the_text() {
        let mut text = br#"{"b":[1,{"x":[]},"t"],"a":{"y":null},"b":2}"#.to_vec();
        let tape = simd_json::to_tape(&mut text).expect("JSON");
        let value = Json::of(&tape);
        let names: Vec<&str> = value.fields().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a", "b"]);
        let items: Vec<Json<'_>> = value.get("b").expect("b").items().collect();
        assert_eq!(items.len(), 3);
        assert_eq!(items[2].text(), Some("t"));
        assert!(
            value
                .get("a")
                .is_some_and(|a| a.get("y").is_some_and(|y| y.plain().is_some()))
        );
        assert!(value.get("c").is_none() && value.items().next().is_none());
    }
}
