//! One line of an indicator file → one indicator, or what was expected in its place.
//!
//! Refuses what would hit everything (`0.0.0.0/0`, `com`, the loopback): such a line floods whoever
//! reads the alerts, and is always a mistake of the list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::refang::refang;
use super::url::{MAX_URL, canonical};

/// An indicator in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    V4(u32),
    V6([u8; 16]),
    Net4(u32, u8),
    Net6([u8; 16], u8),
    Domain(String),
    Url(Vec<u8>),
    Md5([u8; 16]),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

/// Public suffixes have these below a country's domain (`co.uk`, `com.au`): too wide to be meant.
const SECOND_LEVEL: [&str; 8] = ["ac", "co", "com", "edu", "gov", "mil", "net", "org"];

/// `Ok(None)`: nothing but space or a comment.
pub fn line(bytes: &[u8]) -> Result<Option<Parsed>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "UTF-8 text".to_owned())?;
    let text = without_comment(text)
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';'));
    if text.is_empty() {
        return Ok(None);
    }
    indicator(&refang(text)).map(Some)
}

/// A `#` begins a comment at the head of the line or after a space; elsewhere it is a URL's.
fn without_comment(text: &str) -> &str {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c == '#' && before.is_whitespace() {
            return text.get(..at).unwrap_or_default();
        }
        before = c;
    }
    text
}

fn indicator(text: &str) -> Result<Parsed, String> {
    if text.contains("://") {
        return url(text);
    }
    if text.chars().any(char::is_whitespace) {
        return Err("one indicator a line".to_owned());
    }
    if let Some((address, length)) = text.split_once('/') {
        return match parse_ip(address) {
            Some(ip) => network(ip, length),
            None => {
                Err("a URL with its scheme (http://…), or a network as ADDRESS/LENGTH".to_owned())
            }
        };
    }
    if let Some(ip) = parse_ip(text) {
        return address(ip);
    }
    if text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return digest(text);
    }
    domain(text)
}

fn parse_ip(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn address(ip: IpAddr) -> Result<Parsed, String> {
    if ip.is_unspecified() || ip.is_loopback() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(format!("an address of some other machine, not {ip}"));
    }
    Ok(match ip {
        IpAddr::V4(v4) => Parsed::V4(v4.to_bits()),
        IpAddr::V6(v6) => Parsed::V6(v6.octets()),
    })
}

fn network(ip: IpAddr, length: &str) -> Result<Parsed, String> {
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let length = match length.parse::<u8>() {
        Ok(length) if length <= most => length,
        _ => return Err(format!("a prefix length of 0 to {most} after the '/'")),
    };
    if length == most {
        return address(ip);
    }
    let least = if ip.is_ipv4() { 8 } else { 16 };
    if length < least {
        return Err(format!(
            "a network of /{least} or longer: /{length} would hit almost everything"
        ));
    }
    let (network, parsed) = match ip {
        IpAddr::V4(v4) => {
            let bits = mask4(v4.to_bits(), length);
            (Ipv4Addr::from_bits(bits).into(), Parsed::Net4(bits, length))
        }
        IpAddr::V6(v6) => {
            let octets = mask6(v6.to_bits(), length);
            (Ipv6Addr::from(octets).into(), Parsed::Net6(octets, length))
        }
    };
    // A public address can stand in a network that begins privately: `::ffff:20:ffff:2/24` is `::/24`.
    if is_private(ip) || is_private(network) {
        return Err(
            "a network of the public internet: this one is private and would hit your own"
                .to_owned(),
        );
    }
    Ok(parsed)
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.octets()[0] == 0
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.segments()[..6] == Ipv6Addr::UNSPECIFIED.segments()[..6]
        }
    }
}

pub fn mask4(bits: u32, length: u8) -> u32 {
    bits & u32::MAX
        .checked_shl(32 - u32::from(length.min(32)))
        .unwrap_or(0)
}

pub fn mask6(bits: u128, length: u8) -> [u8; 16] {
    let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128)));
    (bits & mask.unwrap_or(0)).to_be_bytes()
}

fn digest(text: &str) -> Result<Parsed, String> {
    fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
    }
    let parsed = match text.len() {
        32 => bytes(text).map(Parsed::Md5),
        40 => bytes(text).map(Parsed::Sha1),
        64 => bytes(text).map(Parsed::Sha256),
        _ => None,
    };
    parsed.ok_or_else(|| format!("32, 40 or 64 hex digits, not {}", text.len()))
}

fn url(text: &str) -> Result<Parsed, String> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("a URL without spaces".to_owned());
    }
    let mut buffer = [0; MAX_URL];
    canonical(text.as_bytes(), &mut buffer)
        .map(|url| Parsed::Url(url.to_vec()))
        .ok_or_else(|| format!("scheme://host/… of at most {MAX_URL} bytes"))
}

fn domain(text: &str) -> Result<Parsed, String> {
    const EXPECTED: &str = "an address, a network, a domain, a URL, or an MD5, SHA-1 or SHA-256";
    let name = text
        .strip_prefix("*.")
        .or(text.strip_prefix('.'))
        .unwrap_or(text);
    let name = name.strip_suffix('.').unwrap_or(name).to_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    let numeric = last.bytes().all(|b| b.is_ascii_digit());
    if name.len() > 253 || numeric || !labels.iter().all(|label| is_label(label)) {
        return Err(EXPECTED.to_owned());
    }
    match labels.as_slice() {
        [_] => Err("a domain with a dot: a single label would hit far too much".to_owned()),
        [first, country] if country.len() == 2 && SECOND_LEVEL.contains(first) => {
            Err(format!("a domain below the public suffix {name}"))
        }
        _ => Ok(Parsed::Domain(name)),
    }
}

fn is_label(label: &str) -> bool {
    let clean = |c: char| {
        c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && c.is_alphanumeric())
    };
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Parsed {
        match line(text.as_bytes()) {
            Ok(Some(parsed)) => parsed,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn refused(text: &str) -> String {
        match line(text.as_bytes()) {
            Err(expected) => expected,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn each_kind_is_known_by_its_form() {
        assert_eq!(ok(" 203[.]0[.]113[.]66\t# note"), Parsed::V4(0xcb00_7142));
        assert_eq!(ok("::ffff:203.0.113.66"), Parsed::V4(0xcb00_7142));
        assert_eq!(ok("[2001:DB8::1]"), ok("2001:db8:0::1"));
        assert_eq!(ok("203.0.113.66/24"), Parsed::Net4(0xcb00_7100, 24));
        assert_eq!(ok("203.0.113.66/32"), Parsed::V4(0xcb00_7142));
        assert_eq!(ok("2001:db8::1/32"), ok("2001:db8::/32"));
        assert_eq!(
            ok("\"*.Evil.Example.\","),
            Parsed::Domain("evil.example".into())
        );
        assert_eq!(ok(".evil.example"), Parsed::Domain("evil.example".into()));
        assert_eq!(
            ok("BÜCHER.example"),
            Parsed::Domain("bücher.example".into())
        );
        assert_eq!(
            ok("hxxp://Evil.example/#a"),
            Parsed::Url(b"http://evil.example".into())
        );
        assert_eq!(ok(&"Ab".repeat(16)), Parsed::Md5([0xab; 16]));
        assert_eq!(ok(&"0f".repeat(20)), Parsed::Sha1([0x0f; 20]));
        assert_eq!(ok(&"EE".repeat(32)), Parsed::Sha256([0xee; 32]));
    }

    #[test]
    fn space_and_comments_are_nothing() {
        for text in ["", "  \r", "# all of it", "   # evil.example", "\"\","] {
            assert_eq!(line(text.as_bytes()), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn what_would_hit_everything_is_refused_with_the_reason() {
        assert!(refused("0.0.0.0/0").contains("/8 or longer"));
        assert!(refused("2001::/8").contains("/16 or longer"));
        assert!(refused("192.168.1.0/24").contains("private"));
        assert!(refused("fe80::/64").contains("private"));
        assert!(refused("::ffff:20:ffff:2/24").contains("private"));
        assert!(refused("127.0.0.1").contains("other machine"));
        assert!(refused("::").contains("other machine"));
        assert!(refused("com").contains("single label"));
        assert!(refused("*.com").contains("single label"));
        assert!(refused("co.uk").contains("public suffix"));
    }

    #[test]
    fn what_is_no_indicator_is_refused() {
        for text in [
            "evil example",
            "evil..example",
            "-evil.example",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.4/33",
            "evil.example/path",
            "http://",
            "a_b!.example",
            "1.2.3.4:80",
            "abcdef",
            "\u{fffd}.x",
        ] {
            refused(text);
        }
        assert!(refused(&"a".repeat(33)).contains("33"));
        assert!(line(b"\xff\xfe.example").is_err());
    }
}
