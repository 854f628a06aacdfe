//! One source file: its code without comments and texts, and which part of it is test code.

pub struct Source {
    /// Path from the project's root, with `/`.
    pub name: String,
    pub text: String,
    /// The text with comments and the insides of literals blanked; same lines.
    pub code: String,
    /// From this byte of `code` on it is test code.
    pub tests_from: usize,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Source {
        let name = name.replace('\\', "/");
        let code = blank(text);
        let tests_from = if is_test_file(&name) {
            0
        } else {
            inline_tests(&code)
        };
        Source {
            name,
            text: text.to_owned(),
            code,
            tests_from,
        }
    }

    pub fn line(&self, at: usize) -> usize {
        self.code.bytes().take(at).filter(|b| *b == b'\n').count() + 1
    }

    pub fn shipped(&self) -> &str {
        &self.code[..self.tests_from]
    }
}

/// A module of tests that has its own file is named so.
fn is_test_file(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file == "tests.rs" || file.ends_with("_tests.rs") || !name.starts_with("src/")
}

/// Test modules stand at the end of a file.
fn inline_tests(code: &str) -> usize {
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]").map(|i| from + i) {
        let after = code[at + 12..].trim_start();
        let body = after.split(['{', ';']).next().unwrap_or_default();
        if after.starts_with("mod ") && after[body.len()..].starts_with('{') {
            return at;
        }
        from = at + 12;
    }
    code.len()
}

/// Comments and the insides of texts become spaces.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest)).unwrap_or(0);
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            // The tail of a name is no prefix of a text: `br` in `abr"…"`.
            if c.is_alphanumeric() || c == '_' {
                let name = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let ends_raw = rest[name..].starts_with(['"', '#']) && is_prefix(c, &rest[..name]);
                if !ends_raw {
                    out.push_str(&rest[..name]);
                    rest = &rest[name..];
                }
            }
            continue;
        }
        out.extend(
            rest[..skipped]
                .chars()
                .map(|c| if c == '\n' { '\n' } else { ' ' }),
        );
        rest = &rest[skipped..];
    }
    out
}

fn is_prefix(first: char, more: &str) -> bool {
    matches!((first, more), ('r' | 'b' | 'c', "") | ('b' | 'c', "r"))
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return Some(at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    Some(text.len())
}

fn literal(text: &str) -> Option<usize> {
    let prefix = text
        .bytes()
        .take_while(|b| matches!(b, b'r' | b'b' | b'c'))
        .count();
    let after = &text[prefix.min(2)..];
    let hashes = after.bytes().take_while(|b| *b == b'#').count();
    if prefix > 0 && text[..prefix.min(2)].contains('r') && after[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = prefix + hashes + 1;
        let length = text[start..].find(&end).map(|i| i + end.len());
        return Some(length.map_or(text.len(), |l| start + l));
    }
    if text.starts_with('"') {
        return Some(closing(text, b'"'));
    }
    // A character, not a lifetime.
    let mut inside = text.strip_prefix('\'')?.chars();
    let first = inside.next()?;
    (first == '\\' || inside.next() == Some('\'')).then(|| closing(text, b'\''))
}

fn closing(text: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b if b == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_remains() {
        let text = "a(\"x // \\\" y\"); // c\nb('\"', 'a', br#\"q\"w\"#); /* d /* e */ f */ g::<'t>(r\"z\")";
        let code = blank(text);
        for gone in ["x", "y", "c\n", "q", "w", " d ", " e ", "f", "z"] {
            assert!(!code.contains(gone), "{gone}: {code}");
        }
        assert!(code.contains("a(") && code.contains("b(") && code.contains("g::<'t>("));
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn tests_begin_at_their_module() {
        let shipped = |text: &str| Source::new("src/a.rs", text).shipped().len();
        let text = "fn a() {}\n#[cfg(test)]\nmod tests;\nfn b() {}\n#[cfg(test)]\nmod more {\n}\n";
        assert_eq!(shipped(text), text.rfind("#[cfg").expect("it is there"));
        assert_eq!(Source::new("src/a/x_tests.rs", text).shipped(), "");
    }
}
