//! Open time on the line of Unix seconds.
//!
//! Between two clock changes a zone's offset is constant, so a period of Unix
//! seconds is a period of local seconds, and its open time is a difference of
//! two sums over the local line. Adding those periods up is the whole
//! treatment of clock changes: skipped hours are in no period, repeated hours
//! are in two, and a date that a zone skipped is in none.
//!
//! Every boundary of open time falls on a whole second, since hours are minutes
//! and clock changes are seconds. Fractions are dealt with in
//! [`crate::domain::deadline`].

use std::sync::Arc;

use super::hours::{LocalHours, OpenLocalSecond};
use super::zone::{Reach, WINDOW_END, Zone};

/// A period of constant offset within the window, with its sums.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Unix second.
    start: i64,
    /// Seconds from Unix to local.
    offset: i64,
    /// Open seconds from the window's start to this segment's.
    open_before: i64,
    /// What turns a sum over the local line into one from the window's start.
    anchor: i64,
}

/// An open Unix second, found by its number.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct OpenSecond {
    pub(in crate::domain) second: i64,
    /// Open seconds from this one, with it, that are sure to follow at once.
    pub(in crate::domain) run: i64,
}

/// The open time of a calendar on the line of Unix seconds.
#[derive(Clone, Debug)]
pub(in crate::domain) struct OpenLine {
    zone: Arc<Zone>,
    hours: LocalHours,
    /// From the window's start to its end, without holes.
    segments: Vec<Segment>,
}

impl OpenLine {
    pub(super) fn new(zone: Arc<Zone>, hours: LocalHours) -> Self {
        let mut segments = Vec::with_capacity(zone.changes().len());
        let mut before: Option<Segment> = None;
        for change in zone.changes() {
            let offset_before = before.map_or(change.offset, |segment| segment.offset);
            let (old_sum, new_sum) =
                hours.open_before_both(change.start + offset_before, change.start + change.offset);
            let open_before = before.map_or(0, |segment| segment.anchor + old_sum);
            let segment = Segment {
                start: change.start,
                offset: change.offset,
                open_before,
                anchor: open_before - new_sum,
            };
            segments.push(segment);
            before = Some(segment);
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
            .position(second + self.reach(second).offset)
            .is_open
    }

    /// Open seconds in `[from, to)`; 0 unless `from < to`.
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
            let Reach { offset, end } = self.reach(at);
            let end = end.min(to);
            open += self.hours.open_before(end + offset) - self.hours.open_before(at + offset);
            at = end;
        }
        open
    }

    /// The open second with exactly `skip` open seconds in `[from, it)`, if it
    /// is not later than `last`.
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

    /// The first second at or after `from` that is closed, or `last` if none
    /// before it is.
    pub(in crate::domain) fn next_closed(&self, from: i64, last: i64) -> i64 {
        let mut at = from;
        while at < last {
            let Reach { offset, end } = self.reach(at);
            let end = end.min(last);
            let run = self.hours.run(at + offset, end - at);
            at += run;
            if at < end {
                return at;
            }
        }
        last
    }

    /// Open seconds from the window's start to `second`; `None` outside of it.
    fn open_before(&self, second: i64) -> Option<i64> {
        let segment = self.segment(second)?;
        Some(segment.anchor + self.hours.open_before(second + segment.offset))
    }

    /// The index of a second's segment; `None` outside of the window.
    fn segment_index(&self, second: i64) -> Option<usize> {
        let hint = self.zone.hint(second)?;
        let later = self.segments.get(hint + 1..)?;
        let passed = later
            .iter()
            .take_while(|segment| segment.start <= second)
            .count();
        Some(hint + passed)
    }

    /// The segment of a second; `None` outside of the window.
    fn segment(&self, second: i64) -> Option<&Segment> {
        self.segments.get(self.segment_index(second)?)
    }

    fn segment_end(&self, index: usize) -> i64 {
        self.segments
            .get(index + 1)
            .map_or(WINDOW_END, |segment| segment.start)
    }

    /// The open second with `open_before` others since the window's start, which
    /// is in the segment of index `first` or later; past the window's end it is
    /// not to be trusted.
    ///
    /// The segment is looked for in leaps of doubling length, so that a date of
    /// next week is found at once, and one in ten years in a handful of steps.
    fn select(&self, first: usize, open_before: i64) -> Option<OpenSecond> {
        let later = self.segments.get(first + 1..)?;
        let is_before = |segment: &Segment| segment.open_before <= open_before;
        let mut known = 0;
        let mut leap = 1;
        while later.get(known + leap - 1).is_some_and(is_before) {
            known += leap;
            leap *= 2;
        }
        let unknown = later.get(known..later.len().min(known + leap - 1))?;
        let index = first + known + unknown.partition_point(is_before);
        let segment = self.segments.get(index)?;
        let open = self.hours.select(open_before - segment.anchor)?;
        Some(on_unix_line(open, segment.offset, self.segment_end(index)))
    }

    /// [`Self::nth_open`] for any instant, at a cost that grows with the clock
    /// changes up to `last`.
    fn nth_open_by_walk(&self, from: i64, skip: i64, last: i64) -> Option<OpenSecond> {
        let mut skip = skip;
        let mut at = from;
        while at <= last {
            let Reach { offset, end } = self.reach(at);
            let before = self.hours.open_before(at + offset);
            let open = self.hours.open_before(end.min(last + 1) + offset) - before;
            if skip < open {
                let open = self.hours.select(before + skip)?;
                return Some(on_unix_line(open, offset, end));
            }
            skip -= open;
            at = end;
        }
        None
    }

    fn reach(&self, second: i64) -> Reach {
        let index = self.segment_index(second);
        match index.and_then(|index| Some((index, self.segments.get(index)?))) {
            Some((index, segment)) => Reach {
                offset: segment.offset,
                end: self.segment_end(index),
            },
            None => self.zone.reach(second),
        }
    }
}

fn on_unix_line(open: OpenLocalSecond, offset: i64, segment_end: i64) -> OpenSecond {
    let second = open.local - offset;
    OpenSecond {
        second,
        run: open.run.min(segment_end - second),
    }
}
