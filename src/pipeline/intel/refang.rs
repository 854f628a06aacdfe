//! Undoes the ways in which reports make indicators harmless: `hxxps://evil[.]example` and its kin.
//!
//! Works on one indicator at a time and only removes disguise: it does not judge what remains.

/// What may stand in brackets of any kind, and what it means.
const DISGUISES: [(&str, &str); 9] = [
    (".", "."),
    ("dot", "."),
    ("d", "."),
    (":", ":"),
    ("://", "://"),
    ("//", "//"),
    ("/", "/"),
    ("@", "@"),
    ("at", "@"),
];

/// The indicator as it would be typed.
pub fn refang(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((meaning, used)) = bracketed(rest) {
            plain.push_str(meaning);
            rest = rest.get(used..).unwrap_or_default();
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        // `evil\.example`: copied out of a regular expression.
        if c != '\\' || !rest.starts_with(['.', '/', ':']) {
            plain.push(c);
        }
    }
    scheme(plain)
}

fn bracketed(text: &str) -> Option<(&'static str, usize)> {
    let close = match text.as_bytes().first()? {
        b'[' => ']',
        b'(' => ')',
        b'{' => '}',
        _ => return None,
    };
    let end = text.find(close)?;
    let inner = text.get(1..end)?.trim();
    let (_, meaning) = DISGUISES
        .iter()
        .find(|(disguise, _)| inner.eq_ignore_ascii_case(disguise))?;
    Some((meaning, end + 1))
}

/// `hxxp://`, `hXXps://`, `h**p://`, `fxp://` → the real scheme.
fn scheme(text: String) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text;
    };
    let real = match scheme.to_ascii_lowercase().as_str() {
        "hxxp" | "hxtp" | "htxp" | "h**p" | "hxxx" | "meow" => "http",
        "hxxps" | "hxtps" | "htxps" | "h**ps" => "https",
        "fxp" | "fxxp" | "f*p" => "ftp",
        _ => return text,
    };
    format!("{real}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_disguise_comes_off() {
        for (disguised, plain) in [
            ("hxxp://evil[.]example/x", "http://evil.example/x"),
            ("hXXps[://]evil(.)example", "https://evil.example"),
            ("hxxp[:]//evil{dot}example", "http://evil.example"),
            ("evil[DOT]example", "evil.example"),
            ("evil( dot )example", "evil.example"),
            ("evil\\.example", "evil.example"),
            ("203[.]0[.]113[.]66", "203.0.113.66"),
            ("2001[:]db8[:][:]1", "2001:db8::1"),
            ("fxp://evil.example", "ftp://evil.example"),
            ("user[at]evil.example", "user@evil.example"),
        ] {
            assert_eq!(refang(disguised), plain, "{disguised}");
        }
    }

    #[test]
    fn what_is_plain_stays() {
        for plain in [
            "",
            "evil.example",
            "[2001:db8::1]",
            "http://[2001:db8::1]:80/a(b)c",
            "hxxp",
            "a\\b",
            "[",
            "[.",
            "(ü)",
        ] {
            assert_eq!(refang(plain), plain);
        }
    }
}
