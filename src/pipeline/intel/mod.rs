//! Indicators of compromise: read from text, kept compactly, matched against addresses and text.
//!
//! Stands between state and detect. [`Builder`] reads the text of files ([`parse`], [`refang`]) into
//! an [`IntelSet`] ([`table`]), which never changes: a reload makes a new one and swaps it in.
//! [`scan`] finds the tokens of a text. This module opens no file and judges nothing: a hit is a
//! fact about an event, what it means is detect's.

mod parse;
mod refang;
mod scan;
pub mod sightings;
mod table;
#[cfg(test)]
mod tests;
mod url;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::model::{Indicator, IndicatorKind};

use parse::{Parsed, mask4, mask6};
use scan::{Dotted, MAX_NAME};
use table::{Names, Networks, Origin, Table};
use url::{MAX_URL, canonical};

/// An immutable set of indicators; a reload makes a new one.
#[derive(Debug, Default)]
pub struct IntelSet {
    files: Vec<Box<str>>,
    v4: Table<u32>,
    v6: Table<[u8; 16]>,
    nets4: Networks<u32>,
    nets6: Networks<[u8; 16]>,
    domains: Names,
    urls: Names,
    md5: Table<[u8; 16]>,
    sha1: Table<[u8; 20]>,
    sha256: Table<[u8; 32]>,
}

impl IntelSet {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.v4.len()
            + self.v6.len()
            + self.nets4.len()
            + self.nets6.len()
            + self.domains.len()
            + self.urls.len()
            + self.md5.len()
            + self.sha1.len()
            + self.sha256.len()
    }

    /// Bytes that the indicators take.
    pub fn memory(&self) -> usize {
        self.v4.memory()
            + self.v6.memory()
            + self.nets4.memory()
            + self.nets6.memory()
            + self.domains.memory()
            + self.urls.memory()
            + self.md5.memory()
            + self.sha1.memory()
            + self.sha256.memory()
    }

    /// Every address indicator and network that covers `ip`. An IPv4 address in its IPv6 clothing
    /// (`::ffff:a.b.c.d`) is the IPv4 address.
    pub fn ip(&self, ip: IpAddr, each: &mut dyn FnMut(Indicator)) {
        match ip.to_canonical() {
            IpAddr::V4(v4) => self.ip4(v4, each),
            IpAddr::V6(v6) => self.ip6(v6, each),
        }
    }

    fn ip4(&self, ip: Ipv4Addr, each: &mut dyn FnMut(Indicator)) {
        let bits = ip.to_bits();
        if let Some(origin) = self.v4.find(&bits) {
            each(self.told(IndicatorKind::Ipv4, ip.to_string(), origin));
        }
        let masked = |length| mask4(bits, length);
        self.nets4.covering(masked, |net, length, origin| {
            let value = format!("{}/{length}", Ipv4Addr::from_bits(net));
            each(self.told(IndicatorKind::Cidr, value, origin));
        });
    }

    fn ip6(&self, ip: Ipv6Addr, each: &mut dyn FnMut(Indicator)) {
        if let Some(origin) = self.v6.find(&ip.octets()) {
            each(self.told(IndicatorKind::Ipv6, ip.to_string(), origin));
        }
        let masked = |length| mask6(ip.to_bits(), length);
        self.nets6.covering(masked, |net, length, origin| {
            let value = format!("{}/{length}", Ipv6Addr::from(net));
            each(self.told(IndicatorKind::Cidr, value, origin));
        });
    }

    /// Every domain indicator that is `name` or a parent of it, the name itself first.
    pub fn domain(&self, name: &str, each: &mut dyn FnMut(Indicator)) {
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut buffer = [0; MAX_NAME];
        if let Some(lower) = buffer.get_mut(..name.len()) {
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            self.suffixes(lower, each);
        }
    }

    fn suffixes(&self, name: &[u8], each: &mut dyn FnMut(Indicator)) {
        let mut rest = Some(name);
        // An indicator has two labels at least.
        while let Some(suffix) = rest.filter(|s| !s.is_empty() && !self.domains.is_empty()) {
            let Some(dot) = memchr::memchr(b'.', suffix) else {
                return;
            };
            if let Some(origin) = self.domains.find(suffix) {
                let value = String::from_utf8_lossy(suffix).into_owned();
                each(self.told(IndicatorKind::Domain, value, origin));
            }
            rest = suffix.get(dot + 1..);
        }
    }

    /// Every whole token of `text` that an indicator matches, with its span: URLs, then addresses
    /// and names, then digests, each in the order of the text.
    pub fn text(&self, text: &[u8], each: &mut dyn FnMut(Range<usize>, Indicator)) {
        if !self.urls.is_empty() {
            scan::urls(text, &mut |span| self.url(text, span, each));
        }
        let v4 = !(self.v4.is_empty() && self.nets4.is_empty());
        if v4 || !(self.v6.is_empty() && self.nets6.is_empty()) {
            scan::addresses_v6(text, &mut |span, ip| {
                self.ip(ip, &mut |indicator| each(span.clone(), indicator));
            });
        }
        let names = !self.domains.is_empty();
        if v4 || names {
            scan::dotted(text, v4, names, &mut |span, token| match token {
                Dotted::V4(ip) => self.ip4(ip, &mut |i| each(span.clone(), i)),
                Dotted::Name(name) => self.suffixes(name, &mut |i| each(span.clone(), i)),
            });
        }
        if !(self.md5.is_empty() && self.sha1.is_empty() && self.sha256.is_empty()) {
            scan::digests(text, &mut |span| {
                if let Some(indicator) = text.get(span.clone()).and_then(|t| self.digest(t)) {
                    each(span, indicator);
                }
            });
        }
    }

    fn url(
        &self,
        text: &[u8],
        span: Range<usize>,
        each: &mut dyn FnMut(Range<usize>, Indicator),
    ) -> bool {
        let mut buffer = [0; MAX_URL];
        let url = text
            .get(span.clone())
            .and_then(|url| canonical(url, &mut buffer));
        let Some((url, origin)) = url.and_then(|url| Some((url, self.urls.find(url)?))) else {
            return false;
        };
        let value = String::from_utf8_lossy(url).into_owned();
        each(span, self.told(IndicatorKind::Url, value, origin));
        true
    }

    fn digest(&self, hex: &[u8]) -> Option<Indicator> {
        fn find<const N: usize>(table: &Table<[u8; N]>, hex: &[u8]) -> Option<Origin> {
            let mut bytes = [0; N];
            hex::decode_to_slice(hex, &mut bytes).ok()?;
            table.find(&bytes)
        }
        let (kind, origin) = match hex.len() {
            32 => (IndicatorKind::Md5, find(&self.md5, hex)?),
            40 => (IndicatorKind::Sha1, find(&self.sha1, hex)?),
            _ => (IndicatorKind::Sha256, find(&self.sha256, hex)?),
        };
        let value = String::from_utf8_lossy(hex).to_ascii_lowercase();
        Some(self.told(kind, value, origin))
    }

    fn told(&self, kind: IndicatorKind, value: String, origin: Origin) -> Indicator {
        Indicator {
            kind,
            value: value.into(),
            file: self
                .files
                .get(usize::from(origin.file))
                .cloned()
                .unwrap_or_default(),
            line: origin.line,
        }
    }

    fn keep(&mut self, parsed: Parsed, origin: Origin) -> Result<(), String> {
        let kept = match parsed {
            Parsed::Domain(name) => self.domains.push(name.as_bytes(), origin),
            Parsed::Url(url) => self.urls.push(&url, origin),
            sized => {
                self.keep_sized(sized, origin);
                true
            }
        };
        kept.then_some(())
            .ok_or_else(|| "less than 4 GiB of names in all".to_owned())
    }

    fn keep_sized(&mut self, parsed: Parsed, origin: Origin) {
        match parsed {
            Parsed::V4(key) => self.v4.push(key, origin),
            Parsed::V6(key) => self.v6.push(key, origin),
            Parsed::Net4(key, length) => self.nets4.push(key, length, origin),
            Parsed::Net6(key, length) => self.nets6.push(key, length, origin),
            Parsed::Md5(key) => self.md5.push(key, origin),
            Parsed::Sha1(key) => self.sha1.push(key, origin),
            Parsed::Sha256(key) => self.sha256.push(key, origin),
            Parsed::Domain(_) | Parsed::Url(_) => {}
        }
    }

    fn settle(&mut self) {
        self.v4.settle();
        self.v6.settle();
        self.nets4.settle();
        self.nets6.settle();
        self.domains.settle();
        self.urls.settle();
        self.md5.settle();
        self.sha1.settle();
        self.sha256.settle();
    }

    fn shrink(&mut self) {
        self.v4.shrink();
        self.v6.shrink();
        self.nets4.shrink();
        self.nets6.shrink();
        self.domains.shrink();
        self.urls.shrink();
        self.md5.shrink();
        self.sha1.shrink();
        self.sha256.shrink();
    }
}

/// What was read of one file.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Those that no earlier line or file had.
    pub indicators: usize,
    /// Line (from 1) and what was expected there.
    pub refused: Vec<(u32, String)>,
}

/// Collects files into a set. An indicator that stands in several places is told from the first.
#[derive(Default)]
pub struct Builder {
    set: IntelSet,
}

impl Builder {
    /// Reads the text of one file; `file` is the name that hits will carry.
    pub fn add(&mut self, file: &str, text: &[u8]) -> Loaded {
        let Ok(index) = u16::try_from(self.set.files.len()) else {
            let refused = vec![(0, "at most 65,536 files".to_owned())];
            return Loaded {
                indicators: 0,
                refused,
            };
        };
        self.set.files.push(file.into());
        let had = self.set.len();
        let mut refused = Vec::new();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for (number, line) in (1..=u32::MAX).zip(text.split(|b| *b == b'\n')) {
            let origin = Origin {
                line: number,
                file: index,
            };
            let kept = match parse::line(line) {
                Ok(Some(parsed)) => self.set.keep(parsed, origin),
                Ok(None) => Ok(()),
                Err(expected) => Err(expected),
            };
            if let Err(expected) = kept {
                refused.push((number, expected));
            }
        }
        self.set.settle();
        Loaded {
            indicators: self.set.len() - had,
            refused,
        }
    }

    pub fn build(mut self) -> IntelSet {
        self.set.shrink();
        self.set
    }
}
