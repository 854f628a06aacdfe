//! Which events a filter drops or a label marks: conditions over what an event says of itself.
//!
//! All conditions of a selector must hold; of a list in it, one. Patterns are globs, compiled once; they
//! are matched once for each event, and not at all where nothing is configured.

use globset::{Candidate, GlobBuilder, GlobMatcher};

use super::Kind;
use super::process::Account;
use super::settings::Kinds;

/// A glob over bytes: `*` and `?` stop at `/`, `**` does not; `{a,b}`, `[a-z]`.
#[derive(Clone, Debug)]
pub struct Pattern(GlobMatcher);

impl Pattern {
    /// # Errors
    /// What is wrong with the glob, in words.
    pub fn new(glob: &str) -> Result<Pattern, String> {
        let glob = GlobBuilder::new(glob).literal_separator(true).build();
        let glob = glob.map_err(|error| error.kind().to_string())?;
        Ok(Pattern(glob.compile_matcher()))
    }

    pub fn as_str(&self) -> &str {
        self.0.glob().glob()
    }

    fn matches(&self, text: &[u8]) -> bool {
        self.0.is_match_candidate(&Candidate::from_bytes(text))
    }

    /// An account by its name or its number; one that is unset by the word `unset`.
    fn matches_account(&self, who: &Account<'_>) -> bool {
        match (who.id, who.name) {
            (None, None) => self.matches(b"unset"),
            (id, name) => {
                name.is_some_and(|name| self.matches(name))
                    || id.is_some_and(|id| self.matches(itoa::Buffer::new().format(id).as_bytes()))
            }
        }
    }
}

/// What an event says of itself, as selectors look at it.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    pub kind: Option<Kind>,
    /// Types of its records.
    pub types: Vec<&'a [u8]>,
    /// Keys of the audit rules that matched.
    pub keys: Vec<&'a [u8]>,
    pub exe: Option<&'a [u8]>,
    /// Who runs it, and the account that it is about.
    pub users: Vec<Account<'a>>,
    /// Who logged on, by auid.
    pub login_user: Option<Account<'a>>,
}

/// The conditions of one filter or label; an empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    pub name: Box<str>,
    pub kinds: Option<Kinds>,
    pub keys: Vec<Pattern>,
    pub types: Vec<Pattern>,
    pub users: Vec<Pattern>,
    pub login_users: Vec<Pattern>,
    pub exes: Vec<Pattern>,
}

fn some(patterns: &[Pattern], texts: &[&[u8]]) -> bool {
    patterns.is_empty()
        || texts
            .iter()
            .any(|text| patterns.iter().any(|pattern| pattern.matches(text)))
}

fn one_of<'a>(patterns: &[Pattern], who: impl IntoIterator<Item = &'a Account<'a>>) -> bool {
    patterns.is_empty()
        || who
            .into_iter()
            .any(|who| patterns.iter().any(|pattern| pattern.matches_account(who)))
}

impl Selector {
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        let no_key: &[&[u8]] = &[b"(null)"];
        let keys = if facts.keys.is_empty() && facts.kind != Some(Kind::Logon) {
            no_key
        } else {
            &facts.keys
        };
        self.kinds
            .is_none_or(|kinds| facts.kind.is_some_and(|kind| kinds.has(kind)))
            && some(&self.keys, keys)
            && some(&self.types, &facts.types)
            && some(&self.exes, facts.exe.as_slice())
            && one_of(&self.users, &facts.users)
            && one_of(&self.login_users, &facts.login_user)
    }
}

/// All filters and labels.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub filters: Vec<Selector>,
    pub labels: Vec<Selector>,
}

/// What was selected of an event.
#[derive(Clone, Debug, Default)]
pub struct Choice<'s> {
    /// Place of the first filter that drops it.
    pub filter: Option<usize>,
    pub labels: Vec<&'s str>,
}

impl Selection {
    /// `facts` are only asked for where there is something to select by.
    pub fn choose<'f>(&self, facts: impl FnOnce() -> Facts<'f>) -> Choice<'_> {
        if self.filters.is_empty() && self.labels.is_empty() {
            return Choice::default();
        }
        let facts = facts();
        let mut labels: Vec<&str> = Vec::new();
        for label in &self.labels {
            if !labels.contains(&&*label.name) && label.matches(&facts) {
                labels.push(&label.name);
            }
        }
        Choice {
            filter: self
                .filters
                .iter()
                .position(|filter| filter.matches(&facts)),
            labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(globs: &[&str]) -> Vec<Pattern> {
        globs
            .iter()
            .map(|glob| Pattern::new(glob).unwrap())
            .collect()
    }

    fn facts() -> Facts<'static> {
        Facts {
            kind: Some(Kind::Process),
            types: vec![b"SYSCALL", b"EXECVE"],
            keys: vec![b"exec", b"tmp"],
            exe: Some(b"/usr/lib/jvm/17/bin/java"),
            users: vec![Account {
                id: Some(1001),
                name: Some(b"app"),
            }],
            login_user: Some(Account::default()),
        }
    }

    #[test]
    fn one_of_a_list_and_all_of_the_lists() {
        let holds = |selector: Selector| selector.matches(&facts());
        let exes = |globs: &[&str]| Selector {
            exes: patterns(globs),
            ..Selector::default()
        };
        assert!(holds(exes(&["/bin/sh", "/usr/lib/jvm/**/java"])));
        assert!(!holds(exes(&["/usr/lib/jvm/*/java"])), "* stops at /");
        assert!(holds(Selector {
            users: patterns(&["1001"]),
            login_users: patterns(&["unset"]),
            keys: patterns(&["t*"]),
            types: patterns(&["EXECVE"]),
            kinds: Some([Kind::Process].into_iter().collect()),
            ..exes(&["**"])
        }));
        assert!(!holds(Selector {
            users: patterns(&["root"]),
            ..exes(&["**"])
        }));
        assert!(!holds(Selector {
            keys: patterns(&["(null)"]),
            ..exes(&["**"])
        }));
    }

    #[test]
    fn no_key_is_written_as_the_kernel_writes_it() {
        let selector = Selector {
            keys: patterns(&["(null)"]),
            ..Selector::default()
        };
        let mut facts = facts();
        facts.keys.clear();
        assert!(selector.matches(&facts));
        facts.kind = Some(Kind::Logon);
        assert!(!selector.matches(&facts), "a logon is no single event");
    }

    #[test]
    fn bytes_that_are_no_text_are_matched_too() {
        let facts = Facts {
            exe: Some(b"/tmp/\xff\xfe/x"),
            ..Facts::default()
        };
        let selector = |glob| Selector {
            exes: patterns(&[glob]),
            ..Selector::default()
        };
        assert!(selector("/tmp/*/x").matches(&facts));
        assert!(!selector("/tmp/*").matches(&facts));
        assert!(Pattern::new("/tmp/[").is_err());
    }

    #[test]
    fn facts_are_not_asked_for_where_nothing_is_configured() {
        let selection = Selection::default();
        let choice = selection.choose(|| panic!("asked"));
        assert!(choice.filter.is_none() && choice.labels.is_empty());
    }
}
