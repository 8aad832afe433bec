//! Fixed-window rate limiting, as arithmetic. Who counts, and where, is [`crate::store`]'s.

use jiff::Timestamp;

/// How often a credential may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Calls in one window.
    pub limit: u32,
    /// The window's length in seconds.
    pub window_seconds: u32,
}

/// One of the equal stretches that time since the Unix epoch is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    number: u64,
    length_seconds: u32,
}

/// Where a caller stands in its current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls in one window.
    pub limit: u32,
    /// Calls left in this window.
    pub remaining: u32,
    /// The window's length in seconds.
    pub window_seconds: u32,
    /// The window's end, in seconds since the Unix epoch.
    pub resets_at_second: u64,
    /// Seconds from now to the window's end, rounded up, so that waiting this long is enough.
    pub retry_after_seconds: u64,
}

impl Window {
    /// The window of this length that `now` lies in. A length of zero counts as one second.
    pub fn at(now: Timestamp, length_seconds: u32) -> Window {
        let length_seconds = length_seconds.max(1);
        let second = u64::try_from(now.as_second()).unwrap_or(0);
        Window {
            number: second / u64::from(length_seconds),
            length_seconds,
        }
    }

    /// How many windows of this length have passed since the Unix epoch.
    pub fn number(self) -> u64 {
        self.number
    }

    /// The first second after the window, since the Unix epoch.
    pub fn ends_at_second(self) -> u64 {
        (self.number + 1) * u64::from(self.length_seconds)
    }

    /// Where a caller stands who has made `used` calls in this window, this one included.
    pub fn rate(self, limit: u32, used: u64, now: Timestamp) -> Rate {
        let left = u64::from(limit).saturating_sub(used);
        let milliseconds_left =
            i128::from(self.ends_at_second()) * 1_000 - i128::from(now.as_millisecond());
        Rate {
            limit,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            window_seconds: self.length_seconds,
            resets_at_second: self.ends_at_second(),
            retry_after_seconds: u64::try_from((milliseconds_left + 999) / 1_000).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_where_the_next_begins_and_waiting_is_rounded_up() {
        let now: Timestamp = "2026-11-22T10:00:17.001Z".parse().expect("a timestamp");
        let window = Window::at(now, 60);
        let rate = window.rate(100, 101, now);
        assert_eq!((rate.remaining, rate.retry_after_seconds), (0, 43));
        let reset = Timestamp::from_second(i64::try_from(rate.resets_at_second).expect("small"))
            .expect("in range");
        assert_eq!(reset.to_string(), "2026-11-22T10:01:00Z");
        assert_eq!(Window::at(reset, 60).number(), window.number() + 1);
    }
}
