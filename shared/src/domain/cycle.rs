//! The numbers of a cycle: one run of a promise, from its start to its target.

use jiff::{SignedDuration, Timestamp};

use crate::domain::calendar::Calendar;
use crate::domain::deadline::{DeadlineError, due, elapsed};
use crate::domain::minutes::Minutes;

/// When a promise is about to break: at this share of its target, in percent.
pub const WARN_AT_PERCENT: i32 = 80;

/// When a promise falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// What is promised.
    pub target: Minutes,
    /// The earliest instant at which the target is used up: closing time, if it ends there.
    pub due_at: Timestamp,
    /// The latest such instant: the next opening, if it ends at closing. Later is too late.
    pub breach_at: Timestamp,
    /// The earliest instant at which [`WARN_AT_PERCENT`] of the target is used up.
    pub warn_at: Timestamp,
}

/// How a promise stands at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Open time since the start, in whole seconds, rounded down.
    pub elapsed_seconds: i64,
    /// Open time that is left, in whole seconds, rounded down; none if there is none.
    pub remaining_seconds: i64,
    /// What that means.
    pub status: Status,
}

/// What the numbers mean while nobody has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is time.
    Active,
    /// There is little time.
    Warning,
    /// More open time has passed than was promised.
    Breached,
}

impl Marks {
    /// The marks of a promise that starts at `from`.
    ///
    /// # Errors
    ///
    /// If a mark lies beyond the search's bounds, see [`due`].
    pub fn of(
        calendar: &Calendar,
        from: Timestamp,
        target: Minutes,
    ) -> Result<Marks, DeadlineError> {
        let whole = due(calendar, from, length(target))?;
        let warning = due(calendar, from, length(target) * WARN_AT_PERCENT / 100)?;
        Ok(Marks {
            target,
            due_at: whole.due_at(),
            breach_at: whole.breach_at(),
            warn_at: warning.due_at(),
        })
    }

    /// How the promise that started at `from` stands at `as_of`, which is not before it.
    pub fn standing(&self, calendar: &Calendar, from: Timestamp, as_of: Timestamp) -> Standing {
        let (target, elapsed) = (length(self.target), elapsed(calendar, from, as_of));
        let status = if elapsed > target {
            Status::Breached
        } else if elapsed >= target * WARN_AT_PERCENT / 100 {
            Status::Warning
        } else {
            Status::Active
        };
        let remaining = (target - elapsed).max(SignedDuration::ZERO);
        Standing {
            elapsed_seconds: elapsed.as_secs(),
            remaining_seconds: remaining.as_secs(),
            status,
        }
    }
}

impl Status {
    /// The status as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Warning => "warning",
            Status::Breached => "breached",
        }
    }
}

fn length(minutes: Minutes) -> SignedDuration {
    SignedDuration::from_mins(i64::from(minutes.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A promise of ten hours that starts on a Friday at noon, in an office of eight hours.
    fn promise() -> (&'static Calendar, Timestamp, Marks) {
        let (calendar, from) = (Calendar::built_in(), at("2026-01-09T12:00:00Z"));
        let target = Minutes::new(600, Minutes::MAX_RULE_TARGET).expect("a target");
        (
            calendar,
            from,
            Marks::of(calendar, from, target).expect("marks"),
        )
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn a_warning_comes_when_four_fifths_are_used_up() {
        let (_, _, marks) = promise();
        assert_eq!(marks.due_at, at("2026-01-12T14:00:00Z"));
        assert_eq!(marks.breach_at, at("2026-01-12T14:00:00Z"));
        assert_eq!(marks.warn_at, at("2026-01-12T12:00:00Z"));
    }

    #[test]
    fn a_promise_that_ends_at_closing_is_broken_at_the_next_opening() {
        let (calendar, from) = (Calendar::built_in(), at("2026-01-09T12:00:00Z"));
        let target = Minutes::new(300, Minutes::MAX_RULE_TARGET).expect("a target");
        let marks = Marks::of(calendar, from, target).expect("marks");
        assert_eq!(marks.due_at, at("2026-01-09T17:00:00Z"));
        assert_eq!(marks.breach_at, at("2026-01-12T09:00:00Z"));
        let standing = |as_of| marks.standing(calendar, from, at(as_of)).status;
        assert_eq!(standing("2026-01-10T00:00:00Z"), Status::Warning);
        assert_eq!(standing("2026-01-12T09:00:00.001Z"), Status::Breached);
    }

    #[test]
    fn standing_changes_just_at_the_marks() {
        let (calendar, from, marks) = promise();
        for (as_of, elapsed, remaining, status) in [
            ("2026-01-09T12:00:00Z", 0, 36_000, Status::Active),
            ("2026-01-12T11:59:59.5Z", 28_799, 7_200, Status::Active),
            ("2026-01-12T12:00:00Z", 28_800, 7_200, Status::Warning),
            ("2026-01-12T14:00:00Z", 36_000, 0, Status::Warning),
            ("2026-01-12T14:00:00.001Z", 36_000, 0, Status::Breached),
            ("2026-01-13T10:00:00Z", 50_400, 0, Status::Breached),
        ] {
            let standing = Standing {
                elapsed_seconds: elapsed,
                remaining_seconds: remaining,
                status,
            };
            assert_eq!(
                marks.standing(calendar, from, at(as_of)),
                standing,
                "{as_of}"
            );
        }
    }

    #[test]
    fn statuses_have_a_word_each() {
        let words = [Status::Active, Status::Warning, Status::Breached].map(Status::as_str);
        assert_eq!(words, ["active", "warning", "breached"]);
    }
}
