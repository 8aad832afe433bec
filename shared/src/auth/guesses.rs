//! Unknown credentials, counted by the address that presents them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::limit::Window;

/// The most unknown credentials that an address may present in one window. A client with a revoked
/// key gives up long before that; an attacker who guesses keys does not.
const MAX_GUESSES: u32 = 20;

/// The window's length in seconds.
const WINDOW_SECONDS: u32 = 60;

/// The most addresses that a process remembers. A full memory is emptied: it only saves calls.
const MAX_ADDRESSES: usize = 1_024;

/// How many unknown credentials each address has presented in the current minute.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    counted: Mutex<HashMap<IpAddr, Counted>>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    window: Window,
    guesses: u32,
}

impl Guesses {
    /// Whether an address has presented as many unknown credentials as it may.
    pub(super) fn are_exhausted(&self, address: IpAddr, now: Timestamp) -> bool {
        let window = Window::at(now, WINDOW_SECONDS);
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted
            .get(&network(address))
            .is_some_and(|counted| counted.window == window && counted.guesses >= MAX_GUESSES)
    }

    /// Counts an unknown credential that an address has presented.
    pub(super) fn count(&self, address: IpAddr, now: Timestamp) {
        let (network, window) = (network(address), Window::at(now, WINDOW_SECONDS));
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MAX_ADDRESSES && !counted.contains_key(&network) {
            counted.clear();
        }
        let entry = counted
            .entry(network)
            .or_insert(Counted { window, guesses: 0 });
        if entry.window != window {
            *entry = Counted { window, guesses: 0 };
        }
        entry.guesses = entry.guesses.saturating_add(1);
    }
}

/// An IPv4 address, or the first half of an IPv6 address: a single host often has a whole /64
/// network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_may_guess_twenty_times_a_minute() {
        let guesses = Guesses::default();
        let now: Timestamp = "2026-11-25T10:00:30Z".parse().expect("an instant");
        let later: Timestamp = "2026-11-25T10:01:00Z".parse().expect("an instant");
        let (guesser, neighbour) = (address("2001:db8::1"), address("2001:db8:0:1::1"));
        for _ in 0..MAX_GUESSES {
            assert!(!guesses.are_exhausted(guesser, now));
            guesses.count(guesser, now);
        }
        assert!(guesses.are_exhausted(guesser, now));
        assert!(
            guesses.are_exhausted(address("2001:db8::ffff"), now),
            "the same host"
        );
        assert!(!guesses.are_exhausted(neighbour, now));
        assert!(!guesses.are_exhausted(guesser, later), "the next minute");
        guesses.count(guesser, later);
        assert!(!guesses.are_exhausted(guesser, later));
    }

    #[test]
    fn memory_is_bounded() {
        let guesses = Guesses::default();
        let count = |number: usize| {
            let address = u32::try_from(number).expect("small").to_be_bytes();
            guesses.count(IpAddr::from(address), Timestamp::UNIX_EPOCH);
            guesses.counted.lock().expect("no panic").len()
        };
        for number in 0..MAX_ADDRESSES {
            assert_eq!(count(number), number + 1);
        }
        assert_eq!(count(0), MAX_ADDRESSES);
        assert_eq!(count(MAX_ADDRESSES), 1, "a full memory is emptied");
    }
}
