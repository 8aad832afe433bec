//! A cycle: one run of a target, when it falls due and how it stands at an instant.

use jiff::{SignedDuration, Timestamp};

use crate::domain::calendar::Calendar;
use crate::domain::deadline::{DeadlineError, due, elapsed};
use crate::domain::minutes::Minutes;

/// The percentage of a target at which its status becomes a warning.
pub const WARN_AT_PERCENT: i32 = 80;

/// When a target falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The target.
    pub target: Minutes,
    /// The earliest instant at which the target is used up: the closing time, if it ends there.
    pub due_at: Timestamp,
    /// The latest instant at which no more than the target is used up: the next opening time, if
    /// `due_at` is a closing time. Any later instant is a breach.
    pub breach_at: Timestamp,
    /// The earliest instant at which [`WARN_AT_PERCENT`] of the target is used up.
    pub warn_at: Timestamp,
}

/// The state of a target at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Open time since the start, in whole seconds, rounded down.
    pub elapsed_seconds: i64,
    /// Open time left, in whole seconds, rounded down; zero once the target is used up.
    pub remaining_seconds: i64,
    /// The status that follows from them.
    pub status: Status,
}

/// The status of a target that is not yet met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Less than [`WARN_AT_PERCENT`] of the target is used up.
    Active,
    /// At least that much is used up, but not more than the target.
    Warning,
    /// More open time has passed than the target allows.
    Breached,
}

impl Marks {
    /// The marks of a target that starts at `from`.
    ///
    /// # Errors
    ///
    /// If a mark lies beyond the bounds of the search, see [`due`].
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

    /// The standing at `as_of` of a target that started at `from`; `as_of` is not before `from`.
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
    /// The status as clients see it.
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

    /// A target of ten hours that starts on a Friday at noon, in an office that opens for eight
    /// hours a day.
    fn ten_hours() -> (&'static Calendar, Timestamp, Marks) {
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
    fn the_warning_is_due_when_four_fifths_are_used_up() {
        let (_, _, marks) = ten_hours();
        assert_eq!(marks.due_at, at("2026-01-12T14:00:00Z"));
        assert_eq!(marks.breach_at, at("2026-01-12T14:00:00Z"));
        assert_eq!(marks.warn_at, at("2026-01-12T12:00:00Z"));
    }

    #[test]
    fn a_target_that_ends_at_closing_time_is_breached_after_the_next_opening_time() {
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
    fn the_status_changes_exactly_at_the_marks() {
        let (calendar, from, marks) = ten_hours();
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
    fn each_status_has_its_own_word() {
        let words = [Status::Active, Status::Warning, Status::Breached].map(Status::as_str);
        assert_eq!(words, ["active", "warning", "breached"]);
    }
}
