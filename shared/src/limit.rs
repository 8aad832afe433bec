//! The arithmetic of fixed-window rate limiting. [`crate::store`] counts the calls.

use jiff::Timestamp;

/// The greatest difference between the clocks of two processes, in seconds. AWS keeps its hosts within
/// milliseconds; a laptop that has just woken up may differ by more for a moment.
const MAX_CLOCK_SKEW_SECONDS: u64 = 5;

/// How often a credential may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Calls in one window.
    pub limit: u32,
    /// The window's length in seconds.
    pub window_seconds: u32,
}

/// One of the equal windows into which the time since the Unix epoch is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    number: u64,
    length_seconds: u32,
}

/// The state of a caller's limit in the current window.
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
    /// The window of this length that contains `now`. A length of zero counts as one second.
    pub fn at(now: Timestamp, length_seconds: u32) -> Window {
        let length_seconds = length_seconds.max(1);
        let second = u64::try_from(now.as_second()).unwrap_or(0);
        Window {
            number: second / u64::from(length_seconds),
            length_seconds,
        }
    }

    /// The window with this number among those of this length; see [`Window::number`].
    pub fn numbered(number: u64, length_seconds: u32) -> Window {
        Window {
            number,
            length_seconds: length_seconds.max(1),
        }
    }

    /// The window's length in seconds.
    pub fn length_seconds(self) -> u32 {
        self.length_seconds
    }

    /// How many windows of this length have passed since the Unix epoch.
    pub fn number(self) -> u64 {
        self.number
    }

    /// The first second after the window, since the Unix epoch.
    pub fn ends_at_second(self) -> u64 {
        (self.number.saturating_add(1)).saturating_mul(u64::from(self.length_seconds))
    }

    /// Whether no process counts in this window any more: it ended at least two window lengths ago,
    /// and longer ago than clocks differ.
    pub fn is_over(self, now: Timestamp) -> bool {
        let margin = (2 * u64::from(self.length_seconds)).max(MAX_CLOCK_SKEW_SECONDS);
        let second = u64::try_from(now.as_second()).unwrap_or(0);
        self.ends_at_second().saturating_add(margin) <= second
    }

    /// The state after `used` calls in this window, including this one.
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
        assert_eq!(window.length_seconds(), 60);
        let rate = window.rate(100, 101, now);
        assert_eq!((rate.remaining, rate.retry_after_seconds), (0, 43));
        let reset = Timestamp::from_second(i64::try_from(rate.resets_at_second).expect("small"))
            .expect("in range");
        assert_eq!(reset.to_string(), "2026-11-22T10:01:00Z");
        assert_eq!(Window::at(reset, 60).number(), window.number() + 1);
    }

    #[test]
    fn a_window_is_over_when_two_more_and_the_clock_skew_have_passed() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        for (length, margin) in [(1, 5), (2, 5), (3, 6), (60, 120)] {
            let window = Window::at(at(1_000_000), length);
            let end = i64::try_from(window.ends_at_second()).expect("small");
            assert!(!window.is_over(at(end)), "{length}");
            assert!(!window.is_over(at(end + margin - 1)), "{length}");
            assert!(window.is_over(at(end + margin)), "{length}");
        }
        assert!(!Window::numbered(u64::MAX, u32::MAX).is_over(Timestamp::MAX));
    }
}
