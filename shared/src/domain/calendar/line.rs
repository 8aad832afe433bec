//! Open time on the Unix timeline.
//!
//! Between two clock changes the offset of a zone is constant, so a period of Unix seconds
//! corresponds to a period of local seconds, and its open time is the difference of two sums on the
//! local timeline. Adding up those periods is all that clock changes need: skipped hours are in no
//! period, repeated hours are in two, and a date that a zone skipped is in none.
//!
//! Every boundary of open time is a whole second, because hours are given in minutes and clocks
//! change at whole seconds. [`crate::domain::deadline`] takes care of fractions.

use std::sync::Arc;

use super::hours::{LocalHours, OpenLocalSecond};
use super::zone::{OffsetPeriod, WINDOW_END, Zone};

/// A period of constant offset within the window, with sums of open time.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Its first Unix second.
    start: i64,
    /// Seconds to add to a Unix second for the local second.
    offset: i64,
    /// Open seconds from the start of the window to the start of this segment.
    open_before: i64,
    /// What to add to a sum on the local timeline for the sum from the start of the window.
    anchor: i64,
}

/// An open Unix second.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct OpenSecond {
    pub(in crate::domain) second: i64,
    /// Consecutive open seconds from this one, inclusive. There may be more.
    pub(in crate::domain) run: i64,
}

/// The open time of a calendar on the Unix timeline.
#[derive(Clone, Debug)]
pub(in crate::domain) struct OpenTimeline {
    zone: Arc<Zone>,
    hours: LocalHours,
    /// The segments of the window, without gaps.
    segments: Vec<Segment>,
}

impl OpenTimeline {
    pub(super) fn new(zone: Arc<Zone>, hours: LocalHours) -> Self {
        let mut segments = Vec::with_capacity(zone.changes().len());
        let mut previous: Option<Segment> = None;
        for change in zone.changes() {
            let old_offset = previous.map_or(change.offset, |segment| segment.offset);
            let (old_sum, new_sum) =
                hours.open_before_both(change.start + old_offset, change.start + change.offset);
            let open_before = previous.map_or(0, |segment| segment.anchor + old_sum);
            let segment = Segment {
                start: change.start,
                offset: change.offset,
                open_before,
                anchor: open_before - new_sum,
            };
            segments.push(segment);
            previous = Some(segment);
        }
        Self {
            zone,
            hours,
            segments,
        }
    }

    /// The name of the zone.
    pub(super) fn zone_name(&self) -> &str {
        self.zone.name()
    }

    /// Whether a Unix second is open.
    pub(in crate::domain) fn is_open(&self, second: i64) -> bool {
        self.hours
            .position(second + self.offset_period(second).offset)
            .is_open
    }

    /// The number of open seconds in `[from, to)`; 0 unless `from < to`.
    pub(in crate::domain) fn open_between(&self, from: i64, to: i64) -> i64 {
        if to <= from {
            return 0;
        }
        if let (Some(before), Some(after)) = (self.open_before(from), self.open_before(to)) {
            return after - before;
        }
        let mut open = 0;
        let mut at = from;
        while at < to {
            let OffsetPeriod { offset, end } = self.offset_period(at);
            let end = end.min(to);
            open += self.hours.open_before(end + offset) - self.hours.open_before(at + offset);
            at = end;
        }
        open
    }

    /// The open second that has exactly `skip` open seconds between `from` and itself, if it is not
    /// later than `last`.
    pub(in crate::domain) fn nth_open(
        &self,
        from: i64,
        skip: i64,
        last: i64,
    ) -> Option<OpenSecond> {
        let found = match self.segment_index(from) {
            Some(index) if last < WINDOW_END => {
                let segment = self.segments.get(index)?;
                let before = segment.anchor + self.hours.open_before(from + segment.offset);
                self.select(index, before + skip)
            }
            _ => self.nth_open_by_walk(from, skip, last),
        };
        found.filter(|open| open.second <= last)
    }

    /// The first closed second at or after `from`, or `last` if all seconds before that are open.
    pub(in crate::domain) fn next_closed(&self, from: i64, last: i64) -> i64 {
        let mut at = from;
        while at < last {
            let OffsetPeriod { offset, end } = self.offset_period(at);
            let end = end.min(last);
            let run = self.hours.run(at + offset, end - at);
            at += run;
            if at < end {
                return at;
            }
        }
        last
    }

    /// Open seconds from the start of the window to `second`; `None` outside the window.
    fn open_before(&self, second: i64) -> Option<i64> {
        let segment = self.segment(second)?;
        Some(segment.anchor + self.hours.open_before(second + segment.offset))
    }

    /// The index of a second's segment; `None` outside the window.
    fn segment_index(&self, second: i64) -> Option<usize> {
        let hint = self.zone.hint(second)?;
        let later = self.segments.get(hint + 1..)?;
        let passed = later
            .iter()
            .take_while(|segment| segment.start <= second)
            .count();
        Some(hint + passed)
    }

    /// The segment of a second; `None` outside the window.
    fn segment(&self, second: i64) -> Option<&Segment> {
        self.segments.get(self.segment_index(second)?)
    }

    fn segment_end(&self, index: usize) -> i64 {
        self.segments
            .get(index + 1)
            .map_or(WINDOW_END, |segment| segment.start)
    }

    /// The open second that has exactly `open_before` open seconds between the start of the window
    /// and itself. It must be in the segment with index `first` or a later one. A result after the
    /// end of the window is unreliable.
    ///
    /// This is an exponential search: a date next week is found at once, one in ten years in a few
    /// steps.
    fn select(&self, first: usize, open_before: i64) -> Option<OpenSecond> {
        let later = self.segments.get(first + 1..)?;
        let is_before = |segment: &Segment| segment.open_before <= open_before;
        let mut passed = 0;
        let mut step = 1;
        while later.get(passed + step - 1).is_some_and(is_before) {
            passed += step;
            step *= 2;
        }
        let rest = later.get(passed..later.len().min(passed + step - 1))?;
        let index = first + passed + rest.partition_point(is_before);
        let segment = self.segments.get(index)?;
        let open = self.hours.select(open_before - segment.anchor)?;
        Some(on_unix_timeline(
            open,
            segment.offset,
            self.segment_end(index),
        ))
    }

    /// [`Self::nth_open`] for any instant, at a cost that grows with the number of clock changes up
    /// to `last`.
    fn nth_open_by_walk(&self, from: i64, skip: i64, last: i64) -> Option<OpenSecond> {
        let mut skip = skip;
        let mut at = from;
        while at <= last {
            let OffsetPeriod { offset, end } = self.offset_period(at);
            let before = self.hours.open_before(at + offset);
            let open = self.hours.open_before(end.min(last + 1) + offset) - before;
            if skip < open {
                let open = self.hours.select(before + skip)?;
                return Some(on_unix_timeline(open, offset, end));
            }
            skip -= open;
            at = end;
        }
        None
    }

    fn offset_period(&self, second: i64) -> OffsetPeriod {
        let index = self.segment_index(second);
        match index.and_then(|index| Some((index, self.segments.get(index)?))) {
            Some((index, segment)) => OffsetPeriod {
                offset: segment.offset,
                end: self.segment_end(index),
            },
            None => self.zone.offset_period(second),
        }
    }
}

fn on_unix_timeline(open: OpenLocalSecond, offset: i64, segment_end: i64) -> OpenSecond {
    let second = open.local - offset;
    OpenSecond {
        second,
        run: open.run.min(segment_end - second),
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::calendar::{Calendar, Schedule};

    fn at(text: &str) -> i64 {
        let at: jiff::Timestamp = text.parse().expect("a timestamp");
        at.as_second()
    }

    #[test]
    fn a_search_finds_its_last_second() {
        let timeline = Calendar::always_open().timeline();
        // Up to the Unix epoch, within the window, and after it.
        for from in [
            "1969-12-31T23:59:50Z",
            "2026-01-01T00:00:00Z",
            "2080-01-01T00:00:00Z",
        ] {
            let from = at(from);
            let last = timeline.nth_open(from, 10, from + 10);
            assert_eq!(last.map(|open| open.second), Some(from + 10));
            assert!(timeline.nth_open(from, 10, from + 9).is_none());
        }
    }

    /// In 2011 Samoa changed its offset by an hour in April and September, and by a day in December, so
    /// that no two of these changes cancel each other.
    #[test]
    fn a_search_across_some_clock_changes_counts_what_is_open() {
        let schedule = Schedule {
            time_zone: "Pacific/Apia".to_owned(),
            hours: std::array::from_fn(|_| vec![("09:00".to_owned(), "17:00".to_owned())]),
            ..Schedule::default()
        };
        let calendar = Calendar::parse(&schedule).expect("a calendar");
        let timeline = calendar.timeline();
        let (from, last) = (at("2011-03-01T00:00:00Z"), at("2014-01-01T00:00:00Z"));
        for day in 0..800 {
            let skip = day * 8 * 3_600 + 1;
            let open = timeline.nth_open(from, skip, last).expect("an open second");
            assert!(timeline.is_open(open.second), "{day}");
            assert_eq!(timeline.open_between(from, open.second), skip, "{day}");
        }
    }
}
