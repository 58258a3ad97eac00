//! What an IP address is for (RFC 6890 and the IANA registries of special-purpose addresses).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where clouds have their metadata services besides link-local addresses.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The address, and the IPv4 address in it that a gateway or the system may make of it: mapped
/// and compatible (RFC 4291 section 2.5.5), NAT64 (RFC 6052), 6to4 (RFC 3056).
pub(super) fn embedded(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => {
            let [a, b, c, .., g, h] = v6.segments();
            let of = |high: u16, low: u16| {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
            };
            match v6.segments() {
                [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
                [0, 0, 0, 0, 0, 0 | 0xffff, ..] => of(g, h),
                [0x64, 0xff9b, 0, 0, 0, 0, ..] => of(g, h),
                _ if a == 0x2002 => of(b, c),
                _ => None,
            }
        }
    };
    [Some(address), inner].into_iter().flatten()
}

/// Why nobody's CA has this address.
pub(super) fn never_reached(address: IpAddr) -> Option<&'static str> {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let this_network = matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 0);
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    Some(match () {
        () if link_local => "a link-local address",
        () if METADATA.contains(&address) => "the address of a cloud's metadata service",
        () if address.is_multicast() => "a multicast address",
        () if address.is_unspecified() || this_network => "an unspecified address",
        () if broadcast => "a broadcast address",
        () => return None,
    })
}

/// Why an address is not one of the public Internet.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => not_public_v4(v4),
        // What is embedded is looked at by itself.
        IpAddr::V6(_) if embedded(address).count() > 1 => None,
        IpAddr::V6(v6) => not_public_v6(v6),
    }
}

fn not_public_v4(v4: Ipv4Addr) -> Option<&'static str> {
    Some(match v4.octets() {
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "a shared address (RFC 6598)",
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [240..=255, ..] => {
            "a reserved address"
        }
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "an address for documentation",
        _ => return None,
    })
}

fn not_public_v6(v6: Ipv6Addr) -> Option<&'static str> {
    Some(match v6.segments() {
        _ if v6.is_loopback() => "a loopback address",
        [0xfc00..=0xfdff, ..] => "a private address",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => "an address for documentation",
        // Protocol assignments: Teredo, ORCHID and others (RFC 2928).
        [0x2001, 0..=0x1ff, ..] => "a reserved address",
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved address",
    })
}

#[cfg(test)]
mod tests {
    use crate::aia::Addresses;

    #[test]
    fn each_kind_of_address_is_told() {
        let refusal = |addresses: Addresses, text: &str| {
            addresses.refusal(text.parse().unwrap_or_else(|_| panic!("{text}")))
        };
        for never in [
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "ff02::1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "255.255.255.255",
        ] {
            assert!(refusal(Addresses::PrivateToo, never).is_some(), "{never}");
            assert!(refusal(Addresses::PublicOnly, never).is_some(), "{never}");
        }
        for private in [
            "127.0.0.1",
            "127.255.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "203.0.113.9",
            "240.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:c0a8:101::1",
            "fc00::1",
            "fd12::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "4000::1",
            "64:ff9b:1::1",
        ] {
            assert_eq!(refusal(Addresses::PrivateToo, private), None, "{private}");
            assert!(
                refusal(Addresses::PublicOnly, private).is_some(),
                "{private}"
            );
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "2606:4700::1111",
            "2001:200::1",
        ] {
            assert_eq!(refusal(Addresses::PublicOnly, public), None, "{public}");
        }
    }
}
