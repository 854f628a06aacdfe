//! Texts that were kept lately: the same again is the same piece of memory.
//!
//! Place in the flow: [`super::image`] asks it. Hosts start the same commands over and over, and thousands of hosts the
//! same ones. It is a help and no state: what is remembered of a host is the same with it and without, and so
//! is what that weighs, so a text that several share counts for each of them. It refuses to keep long texts, or many.

use std::sync::Arc;

use crate::model::eight;

/// Places for texts. One that comes takes that of another.
const PLACES: usize = 1024;

const LONGEST: usize = 256;

#[derive(Debug)]
pub struct Texts {
    lately: Box<[Option<Arc<[u8]>>]>,
    /// Memory for putting one together.
    text: Vec<u8>,
}

/// By its length, and what stands at its begin, in its middle and at its end, eight bytes each: commands
/// that are like each other differ in one of these.
#[inline]
fn place_of(text: &[u8]) -> usize {
    let Some(last) = text.len().checked_sub(8) else {
        return text.len();
    };
    let parts = [0, last / 2, last].map(|at| eight::load(text, at));
    let mixed = parts.iter().fold(text.len() as u64, |mixed, part| {
        (mixed.rotate_left(23) ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    (mixed >> 32) as usize % PLACES
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            lately: vec![None; PLACES].into(),
            text: Vec::new(),
        }
    }
}

impl Texts {
    /// The text that these parts make.
    pub fn join(&mut self, parts: &[&[u8]]) -> Arc<[u8]> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        parts.iter().for_each(|part| text.extend_from_slice(part));
        let kept = self.keep(&text);
        self.text = text;
        kept
    }

    fn keep(&mut self, text: &[u8]) -> Arc<[u8]> {
        if text.len() > LONGEST {
            return text.into();
        }
        let place = &mut self.lately[place_of(text)];
        match place {
            Some(known) if **known == *text => Arc::clone(known),
            place => Arc::clone(place.insert(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_the_same_memory_and_no_other_is() {
        let mut texts = Texts::default();
        let first = texts.join(&[b"/bin/ls", b"ls -la"]);
        let again = texts.join(&[b"/bin/", b"lsls -la"]);
        assert!(Arc::ptr_eq(&first, &again) && *first == *b"/bin/lsls -la");
        for n in 0..5000 {
            let text = format!("job {n}");
            assert_eq!(*texts.join(&[text.as_bytes()]), *text.as_bytes());
        }
        let long = [b'a'; LONGEST + 1];
        assert!(!Arc::ptr_eq(&texts.join(&[&long]), &texts.join(&[&long])));
    }
}
