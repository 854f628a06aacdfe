//! A socket address as the kernel copied it: the bytes of `saddr=` → family and address.
//!
//! Place in the flow: behind hex decoding, for whoever wants to know with whom a call spoke. The bytes are
//! what the program handed over (`audit_sockaddr` in kernel/auditsc.c), so they may be shorter than their
//! family asks for, or longer, with rubbish at the end. The family and a few more numbers are in the host's
//! byte order, and the host may be another kind of machine than this one. Ports and addresses are in the
//! network's. It looks no name up.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;

use super::fields::decode_hex;
use super::tables;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SockAddr<'a> {
    Inet {
        ip: Ipv4Addr,
        port: u16,
    },
    Inet6 {
        ip: Ipv6Addr,
        port: u16,
        flow: u32,
        scope: u32,
    },
    /// Empty and not abstract: a socket without a name.
    Unix {
        path: &'a [u8],
        is_abstract: bool,
    },
    Netlink {
        pid: u32,
        groups: u32,
    },
    Packet {
        interface: u32,
        /// EtherType.
        protocol: u16,
        address: &'a [u8],
    },
    Vsock {
        cid: u32,
        port: u32,
    },
    /// Another family, or one of the above with too few bytes to hold an address.
    Other {
        family: u16,
        rest: &'a [u8],
    },
}

/// Reads a decoded address; `None` where not even the family is there.
pub fn read(bytes: &[u8]) -> Option<SockAddr<'_>> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    // There are less than 256 families, so one of the two bytes is zero.
    let little = family[1] == 0;
    let family = match little {
        true => u16::from_le_bytes(*family),
        false => u16::from_be_bytes(*family),
    };
    let host = Host { little };
    let known = match family {
        1 => Some(unix(rest)),
        2 => inet(rest),
        10 => inet6(rest, host),
        16 => netlink(rest, host),
        17 => packet(rest, host),
        40 => vsock(rest, host),
        _ => None,
    };
    Some(known.unwrap_or(SockAddr::Other { family, rest }))
}

/// Reads the hexadecimal digits of `saddr=`. A line that was cut may leave half a byte, which is dropped.
pub fn read_hex<'b>(text: &[u8], bump: &'b Bump) -> Option<SockAddr<'b>> {
    let whole = text.len() & !1;
    read(decode_hex(&text[..whole], bump)?)
}

/// The byte order of the host that wrote the address.
#[derive(Clone, Copy)]
struct Host {
    little: bool,
}

impl Host {
    fn number(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk::<4>()?;
        Some(match self.little {
            true => u32::from_le_bytes(four),
            false => u32::from_be_bytes(four),
        })
    }
}

fn network(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk::<2>().map(|two| u16::from_be_bytes(*two))
}

/// struct sockaddr_in: port, address, eight bytes that mean nothing.
fn inet(rest: &[u8]) -> Option<SockAddr<'_>> {
    let ip = *rest.get(2..)?.first_chunk::<4>()?;
    Some(SockAddr::Inet {
        ip: ip.into(),
        port: network(rest)?,
    })
}

/// struct sockaddr_in6. Programs of before RFC 2553 leave the scope out, and the kernel takes that
/// (SIN6_LEN_RFC2133).
fn inet6(rest: &[u8], host: Host) -> Option<SockAddr<'_>> {
    let ip = *rest.get(6..)?.first_chunk::<16>()?;
    let flow = *rest.get(2..)?.first_chunk::<4>()?;
    Some(SockAddr::Inet6 {
        ip: ip.into(),
        port: network(rest)?,
        flow: u32::from_be_bytes(flow),
        scope: host.number(rest, 22).unwrap_or(0),
    })
}

/// struct sockaddr_un (unix(7)): a path ends at its NUL, whatever stands behind it. An abstract name
/// begins with one and is as long as the address; those at its end are what a program left of its buffer.
fn unix(rest: &[u8]) -> SockAddr<'_> {
    match rest.split_first() {
        Some((0, name)) => {
            let end = name.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
            SockAddr::Unix {
                path: &name[..end],
                is_abstract: end > 0,
            }
        }
        _ => {
            let end = memchr::memchr(0, rest).unwrap_or(rest.len());
            SockAddr::Unix {
                path: &rest[..end],
                is_abstract: false,
            }
        }
    }
}

/// struct sockaddr_nl: padding, process, groups.
fn netlink(rest: &[u8], host: Host) -> Option<SockAddr<'_>> {
    Some(SockAddr::Netlink {
        pid: host.number(rest, 2)?,
        groups: host.number(rest, 6).unwrap_or(0),
    })
}

/// struct sockaddr_ll: protocol, interface, kinds of hardware and packet, length, hardware address.
fn packet(rest: &[u8], host: Host) -> Option<SockAddr<'_>> {
    let address = rest.get(10..).unwrap_or_default();
    let length = rest.get(9).map_or(0, |&n| n as usize);
    Some(SockAddr::Packet {
        interface: host.number(rest, 2)?,
        protocol: network(rest)?,
        address: &address[..length.min(address.len())],
    })
}

/// struct sockaddr_vm: two bytes reserved, port, context.
fn vsock(rest: &[u8], host: Host) -> Option<SockAddr<'_>> {
    Some(SockAddr::Vsock {
        port: host.number(rest, 2)?,
        cid: host.number(rest, 6)?,
    })
}

impl SockAddr<'_> {
    pub fn family(&self) -> u16 {
        match self {
            SockAddr::Unix { .. } => 1,
            SockAddr::Inet { .. } => 2,
            SockAddr::Inet6 { .. } => 10,
            SockAddr::Netlink { .. } => 16,
            SockAddr::Packet { .. } => 17,
            SockAddr::Vsock { .. } => 40,
            SockAddr::Other { family, .. } => *family,
        }
    }
}

/// As the SADDR of enriched records has it: `saddr_fam=inet laddr=192.0.2.1 lport=53`. An abstract name
/// has `@` before it.
impl Display for SockAddr<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let family = self.family();
        match tables::family(family as u32) {
            Some(name) => write!(f, "saddr_fam={name}")?,
            None => write!(f, "saddr_fam={family}")?,
        }
        match self {
            SockAddr::Inet { ip, port } => write!(f, " laddr={ip} lport={port}"),
            SockAddr::Inet6 { ip, port, .. } => write!(f, " laddr={ip} lport={port}"),
            // A socket without a name.
            SockAddr::Unix { path: [], .. } => Ok(()),
            SockAddr::Unix { path, is_abstract } => {
                let at = if *is_abstract { "@" } else { "" };
                write!(f, " path={at}{}", String::from_utf8_lossy(path))
            }
            SockAddr::Netlink { pid, groups } => {
                write!(f, " nlnk-fam=16 nlnk-pid={pid}")?;
                match groups {
                    0 => Ok(()),
                    groups => write!(f, " nlnk-grp={groups}"),
                }
            }
            SockAddr::Packet {
                interface,
                protocol,
                ..
            } => {
                write!(f, " ifindex={interface} protocol={protocol:#06x}")
            }
            SockAddr::Vsock { cid, port } => write!(f, " cid={cid} port={port}"),
            SockAddr::Other { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(hex: &str) -> String {
        let bump = Bump::new();
        read_hex(hex.as_bytes(), &bump).map_or("-".to_owned(), |address| address.to_string())
    }

    #[test]
    fn families_are_read_as_recorded() {
        for (hex, want) in [
            (
                "02000035C00002010000000000000000",
                "saddr_fam=inet laddr=192.0.2.1 lport=53",
            ),
            (
                "0A00005000000000FE80000000000000000000000000000102000000",
                "saddr_fam=inet6 laddr=fe80::1 lport=80",
            ),
            (
                "01002F7661722F72756E2F6E7363642F736F636B65740000",
                "saddr_fam=local path=/var/run/nscd/socket",
            ),
            ("0100002F746D702F78", "saddr_fam=local path=@/tmp/x"),
            ("0100", "saddr_fam=local"),
            (
                "100000000000000000000000",
                "saddr_fam=netlink nlnk-fam=16 nlnk-pid=0",
            ),
            (
                "100000000B00000001000000",
                "saddr_fam=netlink nlnk-fam=16 nlnk-pid=11 nlnk-grp=1",
            ),
            (
                "110008060200000001000006FFFFFFFFFFFF0000",
                "saddr_fam=packet ifindex=2 protocol=0x0806",
            ),
            (
                "28000000D204000002000000",
                "saddr_fam=vsock cid=2 port=1234",
            ),
            ("26000000", "saddr_fam=alg"),
            ("FF00", "saddr_fam=255"),
        ] {
            assert_eq!(shown(hex), want, "{hex}");
        }
    }

    #[test]
    fn a_big_endian_host_is_known_by_its_family() {
        assert_eq!(
            shown("00020035C0000201"),
            "saddr_fam=inet laddr=192.0.2.1 lport=53"
        );
        assert_eq!(
            shown("00100000000000070000000F"),
            "saddr_fam=netlink nlnk-fam=16 nlnk-pid=7 nlnk-grp=15"
        );
        assert_eq!(shown("00012F78"), "saddr_fam=local path=/x");
    }

    #[test]
    fn what_is_short_gives_what_is_there() {
        assert_eq!(shown(""), "-");
        assert_eq!(shown("02"), "-");
        assert_eq!(shown("zz"), "-");
        assert_eq!(shown("020"), "-");
        assert_eq!(shown("0200"), "saddr_fam=inet");
        assert_eq!(shown("02000035C00002"), "saddr_fam=inet");
        assert_eq!(
            shown("02000035C00002010"),
            "saddr_fam=inet laddr=192.0.2.1 lport=53"
        );
        let unscoped = "0A00005000000000FE800000000000000000000000000001";
        assert_eq!(shown(unscoped), "saddr_fam=inet6 laddr=fe80::1 lport=80");
        assert_eq!(
            read(&[10, 0, 0, 80]),
            Some(SockAddr::Other {
                family: 10,
                rest: &[0, 80]
            })
        );
    }

    #[test]
    fn a_path_ends_at_its_nul_and_an_abstract_name_at_its_last_byte() {
        assert_eq!(
            read(b"\x01\0/run/x\0rubbish"),
            Some(SockAddr::Unix {
                path: b"/run/x",
                is_abstract: false
            })
        );
        assert_eq!(
            read(b"\x01\0\0a\0b\0\0"),
            Some(SockAddr::Unix {
                path: b"a\0b",
                is_abstract: true
            })
        );
        assert_eq!(
            read(b"\x01\0\0\0\0"),
            Some(SockAddr::Unix {
                path: b"",
                is_abstract: false
            })
        );
    }

    /// As a program on a host of that byte order hands it over.
    fn written(address: &SockAddr<'_>, little: bool) -> Vec<u8> {
        let two = |n: u16| {
            if little {
                n.to_le_bytes()
            } else {
                n.to_be_bytes()
            }
        };
        let four = |n: u32| {
            if little {
                n.to_le_bytes()
            } else {
                n.to_be_bytes()
            }
        };
        let mut out = two(address.family()).to_vec();
        match address {
            SockAddr::Inet { ip, port } => {
                out.extend(port.to_be_bytes());
                out.extend(ip.octets());
                out.extend([0; 8]);
            }
            SockAddr::Inet6 {
                ip,
                port,
                flow,
                scope,
            } => {
                out.extend(port.to_be_bytes());
                out.extend(flow.to_be_bytes());
                out.extend(ip.octets());
                out.extend(four(*scope));
            }
            SockAddr::Unix { path, is_abstract } => {
                out.extend(is_abstract.then_some(0));
                out.extend(*path);
                out.extend([0; 3]);
            }
            SockAddr::Netlink { pid, groups } => {
                out.extend([0; 2]);
                out.extend(four(*pid));
                out.extend(four(*groups));
            }
            SockAddr::Packet {
                interface,
                protocol,
                address,
            } => {
                out.extend(protocol.to_be_bytes());
                out.extend(four(*interface));
                out.extend(two(1));
                out.extend([0, address.len() as u8]);
                out.extend(*address);
            }
            SockAddr::Vsock { cid, port } => {
                out.extend([0; 2]);
                out.extend(four(*port));
                out.extend(four(*cid));
                out.extend([0; 4]);
            }
            SockAddr::Other { rest, .. } => out.extend(*rest),
        }
        out
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, family in 0u8..50, text: Vec<u8>) {
            let bump = Bump::new();
            for all in [bytes.clone(), [&[family, 0], bytes.as_slice()].concat()] {
                if let Some(address) = read(&all) {
                    let _ = address.to_string();
                }
            }
            read_hex(&text, &bump);
            read_hex(hex::encode(&bytes).as_bytes(), &bump);
        }

        #[test]
        fn what_a_host_writes_is_read_back(
            little: bool, four: [u8; 4], sixteen: [u8; 16], a: u32, b: u32, port: u16, kind in 0..7,
            path in proptest::collection::vec(1u8.., 1..100), hardware in proptest::collection::vec(any::<u8>(), 0..8),
        ) {
            let address = match kind {
                0 => SockAddr::Inet { ip: four.into(), port },
                1 => SockAddr::Inet6 { ip: sixteen.into(), port, flow: a, scope: b },
                2 => SockAddr::Unix { path: &path, is_abstract: false },
                3 => SockAddr::Unix { path: &path, is_abstract: true },
                4 => SockAddr::Netlink { pid: a, groups: b },
                5 => SockAddr::Packet { interface: a, protocol: port, address: &hardware },
                _ => SockAddr::Vsock { cid: a, port: b },
            };
            let bytes = written(&address, little);
            prop_assert_eq!(read(&bytes), Some(address));
        }
    }
}
