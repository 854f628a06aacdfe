//! The one form of a URL in which two writings of it are compared.
//!
//! Scheme and host in lower case, the scheme's own port left away, no fragment, no trailing slashes;
//! path and query stay byte for byte, because servers tell them apart. It does not decode `%xx`.

/// A longer URL is neither kept nor looked for.
pub const MAX_URL: usize = 2048;

/// The canonical form, in `buffer`; `None` where `url` is not scheme://host….
pub fn canonical<'b>(url: &[u8], buffer: &'b mut [u8; MAX_URL]) -> Option<&'b [u8]> {
    let (scheme, rest) = split_scheme(url)?;
    let rest = upto(rest, |b| b == b'#');
    let authority = upto(rest, |b| matches!(b, b'/' | b'?' | b'\\'));
    let tail = rest.get(authority.len()..)?;
    let (user, host) = match memchr::memrchr(b'@', authority) {
        Some(at) => authority.split_at_checked(at + 1)?,
        None => authority.split_at_checked(0)?,
    };
    let host = without_own_port(scheme, host)?;
    if host.is_empty() {
        return None;
    }
    // After a `?` a slash belongs to the query.
    let tail = match memchr::memchr(b'?', tail) {
        Some(_) => tail,
        None => without_slashes(tail),
    };
    let mut at = 0;
    for (part, lower) in [
        (scheme, true),
        (b"://", false),
        (user, false),
        (host, true),
        (tail, false),
    ] {
        let place = buffer.get_mut(at..at + part.len())?;
        place.copy_from_slice(part);
        if lower {
            place.make_ascii_lowercase();
        }
        at += part.len();
    }
    buffer.get(..at)
}

fn split_scheme(url: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', url)?;
    let (scheme, rest) = url.split_at_checked(colon)?;
    let rest = rest.strip_prefix(b"://")?;
    let begins = scheme.first()?.is_ascii_alphabetic();
    let clean = scheme
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || *b == b'+');
    (begins && clean).then_some((scheme, rest))
}

/// `None` where what stands behind the name, or behind the brackets of an address, is no port.
fn without_own_port<'a>(scheme: &[u8], host: &'a [u8]) -> Option<&'a [u8]> {
    let end = match host.first() {
        Some(b'[') => memchr::memchr(b']', host)? + 1,
        // Brackets are an address's (RFC 3986, 3.2.2); elsewhere they hide what stands in them, or are of
        // the text around.
        _ if host.iter().any(|b| b"[](){}".contains(b)) => return None,
        _ => memchr::memchr(b':', host).unwrap_or(host.len()),
    };
    let (name, port) = host.split_at_checked(end)?;
    let digits = match port.split_first() {
        None => return Some(name),
        Some((b':', digits)) if digits.iter().all(u8::is_ascii_digit) => digits,
        Some(_) => return None,
    };
    let own: &[u8] = if scheme.eq_ignore_ascii_case(b"http") {
        b"80"
    } else if scheme.eq_ignore_ascii_case(b"https") {
        b"443"
    } else {
        b""
    };
    // An empty port is the scheme's own (RFC 3986, 3.2.3).
    let is_own = digits.is_empty() || digits == own;
    Some(if is_own { name } else { host })
}

fn without_slashes(mut path: &[u8]) -> &[u8] {
    while let Some(less) = path.strip_suffix(b"/") {
        path = less;
    }
    path
}

fn upto(bytes: &[u8], stop: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|b| stop(*b)).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(url: &str) -> Option<String> {
        let mut buffer = [0; MAX_URL];
        canonical(url.as_bytes(), &mut buffer).map(|u| String::from_utf8_lossy(u).into_owned())
    }

    #[test]
    fn writings_of_one_url_become_one() {
        for (written, canonical) in [
            ("HTTP://Evil.Example/A/", "http://evil.example/A"),
            ("http://evil.example:80#x", "http://evil.example"),
            (
                "https://evil.example:443/a?B=/",
                "https://evil.example/a?B=/",
            ),
            ("http://evil.example:8080/", "http://evil.example:8080"),
            ("ftp://User@Evil.example/x", "ftp://User@evil.example/x"),
            ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]"),
            ("ftp://evil.example:/a//", "ftp://evil.example/a"),
        ] {
            assert_eq!(form(written).as_deref(), Some(canonical));
            // It is a form: what has it already keeps it.
            assert_eq!(form(canonical).as_deref(), Some(canonical));
        }
    }

    #[test]
    fn what_is_no_url_has_no_form() {
        for text in [
            "",
            "://x",
            "http://",
            "http:///x",
            "1http://x",
            "a b://x",
            "evil.example/x",
            "htvps://a.eaEv::/48",
            "http://evil.example:80:80/",
            "http://[2001:db8::1/",
            "http://evil.example:port/",
            "https://evil[:/]/x",
            "http://evil]/x",
            "http://evil(/)x",
        ] {
            assert_eq!(form(text), None, "{text}");
        }
        assert_eq!(form(&format!("http://x/{}", "a".repeat(MAX_URL))), None);
    }
}
