//! Which way a flow goes, by what is inside: for records that do not say it themselves.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::flow::Direction;

fn is_inside(internal: &[IpNet], ip: IpAddr) -> bool {
    // Multicast and broadcast do not leave the net that they are heard on.
    let near = match ip {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    };
    near || internal.iter().any(|net| net.contains(&ip))
}

/// By the addresses.
pub fn of_addresses(internal: &[IpNet], src: IpAddr, dst: IpAddr) -> Direction {
    of_sides(is_inside(internal, src), is_inside(internal, dst))
}

/// By what is known of each end: inside or not.
pub fn of_sides(src: bool, dst: bool) -> Direction {
    match (src, dst) {
        (true, true) => Direction::Internal,
        (true, false) => Direction::Outbound,
        (false, true) => Direction::Inbound,
        (false, false) => Direction::External,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::default_internal_networks;

    #[test]
    fn the_four_ways() {
        let internal = default_internal_networks();
        for (src, dst, way) in [
            ("10.0.0.1", "192.0.2.1", Direction::Outbound),
            ("192.0.2.1", "10.0.0.1", Direction::Inbound),
            ("10.0.0.1", "fd00::1", Direction::Internal),
            ("192.0.2.1", "2001:db8::1", Direction::External),
            ("fe80::1", "ff02::1:3", Direction::Internal),
            ("10.0.0.1", "255.255.255.255", Direction::Internal),
        ] {
            let ip = |text: &str| text.parse().expect("an address");
            assert_eq!(
                of_addresses(&internal, ip(src), ip(dst)),
                way,
                "{src} {dst}"
            );
        }
    }
}
