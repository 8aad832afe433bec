//! Which IP addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not public, each with the length of its prefix: what IANA's registry of
/// special-purpose addresses says is not globally reachable, and multicast.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry/>
///
/// 192.0.0.0/24 is refused whole, although the registry lists two anycast addresses in it as
/// reachable; so is 192.88.99.0/24, which once led to 6to4 relays.
const NOT_GLOBAL_V4: &[(Ipv4Addr, u32)] = &[
    // This network.
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    // Private.
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared with a provider's customers.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // Loopback.
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: a cloud's metadata is here.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Private.
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    // IETF protocol assignments.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation.
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // 6to4 relays, deprecated.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Private.
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Benchmarking.
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // Documentation.
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved, and the limited broadcast.
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only IPv6 addresses that IANA has given out as global unicast. Loopback, unique local,
/// link-local, site-local, multicast, IPv4-compatible and every other special network lie outside.
/// <https://www.iana.org/assignments/ipv6-unicast-address-assignments/>
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is not public within [`GLOBAL_V6`].
/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>
const NOT_GLOBAL_V6: &[(Ipv6Addr, u32)] = &[
    // IETF protocol assignments, refused whole: Teredo, benchmarking, ORCHID and others.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4: a packet would be unwrapped to any IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    // Documentation.
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// IPv6 networks whose last 32 bits are the IPv4 address that is reached: IPv4-mapped addresses, and
/// the well-known prefix of NAT64 (RFC 6052).
const EMBEDDING_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
];

/// Whether an address belongs to the public internet, by IANA's registries. An IPv6 address that
/// embeds an IPv4 address is judged by the latter.
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let within = |&(network, prefix): &(Ipv4Addr, u32)| {
        let differing = address.to_bits() ^ network.to_bits();
        differing.leading_zeros() >= prefix
    };
    !NOT_GLOBAL_V4.iter().any(within)
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let within = |&(network, prefix): &(Ipv6Addr, u32)| {
        let differing = address.to_bits() ^ network.to_bits();
        differing.leading_zeros() >= prefix
    };
    if EMBEDDING_V6.iter().any(within) {
        let [.., a, b, c, d] = address.octets();
        return is_global_v4(Ipv4Addr::new(a, b, c, d));
    }
    within(&GLOBAL_V6) && !NOT_GLOBAL_V6.iter().any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(address: &str) -> bool {
        is_global(address.parse().expect("an address"))
    }

    /// Each network's first and last address, and the nearest public ones before and after it.
    #[test]
    fn networks_end_where_the_registries_say() {
        const EDGES: &[(&str, &str, &str, &str)] = &[
            ("", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
            ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            (
                "100.63.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "100.128.0.0",
            ),
            (
                "126.255.255.255",
                "127.0.0.0",
                "127.255.255.255",
                "128.0.0.0",
            ),
            (
                "169.253.255.255",
                "169.254.0.0",
                "169.254.255.255",
                "169.255.0.0",
            ),
            (
                "172.15.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "172.32.0.0",
            ),
            ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
            (
                "192.88.98.255",
                "192.88.99.0",
                "192.88.99.255",
                "192.88.100.0",
            ),
            (
                "192.167.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "192.169.0.0",
            ),
            (
                "198.17.255.255",
                "198.18.0.0",
                "198.19.255.255",
                "198.20.0.0",
            ),
            (
                "198.51.99.255",
                "198.51.100.0",
                "198.51.100.255",
                "198.51.101.0",
            ),
            (
                "203.0.112.255",
                "203.0.113.0",
                "203.0.113.255",
                "203.0.114.0",
            ),
            ("223.255.255.255", "224.0.0.0", "239.255.255.255", ""),
            ("", "240.0.0.0", "255.255.255.255", ""),
            ("", "::", "1fff:ffff::ffff", "2000::"),
            ("2000:ffff::", "2001::", "2001:1ff:ffff::", "2001:200::"),
            (
                "2001:db7:ffff::",
                "2001:db8::",
                "2001:db8:ffff::",
                "2001:db9::",
            ),
            ("2001:ffff::", "2002::", "2002:ffff::", "2003::"),
            ("3ffe:ffff::", "3fff::", "3fff:fff::", "3fff:1000::"),
            ("3fff:ffff::", "4000::", "ffff:ffff::", ""),
        ];
        for (before, first, last, after) in EDGES {
            for address in [first, last] {
                assert!(!judge(address), "{address}");
            }
            for address in [before, after].into_iter().filter(|text| !text.is_empty()) {
                assert!(judge(address), "{address}");
            }
        }
    }

    #[test]
    fn an_embedded_address_is_judged_and_other_forms_are_not_public() {
        for inner in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0"] {
            for prefix in ["::ffff:", "64:ff9b::", "::", "::ffff:0:", "64:ff9b:1::"] {
                assert!(!judge(&format!("{prefix}{inner}")), "{prefix}{inner}");
            }
        }
        assert!(judge("::ffff:8.8.8.8"));
        assert!(judge("64:ff9b::8.8.8.8"));
        for prefix in ["::", "::ffff:0:", "64:ff9b:1::", "64:ff9b:0:1::"] {
            assert!(!judge(&format!("{prefix}8.8.8.8")), "{prefix}8.8.8.8");
        }
        for special in [
            "::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!judge(special), "{special}");
        }
        for public in ["2606:4700::1111", "2a00:1450::1", "8.8.8.8", "192.31.196.1"] {
            assert!(judge(public), "{public}");
        }
    }
}
