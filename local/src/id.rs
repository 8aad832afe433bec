//! The ids that AWS makes up: for requests, invocations and traces.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// A request id as HTTP APIs write it, such as `QQCtFipSIAMEPNQ=`.
pub(crate) fn api_request() -> String {
    BASE64_STANDARD.encode(random::<11>())
}

/// An invocation's id: a random UUID.
pub(crate) fn invocation() -> String {
    let number = u128::from_be_bytes(random());
    // RFC 9562, version 4: the four version bits, then the two variant bits.
    let number = number & !(0xf << 76) | (0x4 << 76);
    let hex = format!("{:032x}", number & !(0x3 << 62) | (0x2 << 62));
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// A trace header's root, such as `Root=1-5e9f0c65-1de4d666d4dd26aced652b6c`.
pub(crate) fn trace_root() -> String {
    let random = u128::from_be_bytes(random()) >> 32;
    format!("Root=1-{:08x}-{random:024x}", now_ms() / 1000)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Ids need only differ; without a source of randomness the clock has to do.
    if getrandom::fill(&mut bytes).is_err() {
        for (byte, of_clock) in bytes
            .iter_mut()
            .zip(now_ms().to_le_bytes().into_iter().cycle())
        {
            *byte = of_clock;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_invocation_id_is_a_random_uuid() {
        let id = super::invocation();
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(
            id.split('-')
                .nth(2)
                .is_some_and(|part| part.starts_with('4')),
            "{id}"
        );
        assert!(
            id.split('-')
                .nth(3)
                .is_some_and(|part| part.starts_with(['8', '9', 'a', 'b'])),
            "{id}"
        );
    }
}
