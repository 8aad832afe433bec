//! Marks, against those that the walk finds, and the instants before which none may be missed.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use shared::domain::clock::mark::Mark;
use shared::domain::clock::{Clock, Event, EventKind, History};

use crate::scenes::{Scene, for_random, scene};
use crate::walk::FoundMark;

/// The marks are those of the walk, in any order.
pub fn agree(marks: &[Mark], mut walked: Vec<FoundMark>) -> Result<(), TestCaseError> {
    let marks = marks.iter();
    let mut marks: Vec<FoundMark> = marks
        .map(|mark| (mark.metric, mark.cycle, mark.kind, mark.at))
        .collect();
    marks.sort();
    walked.sort();
    prop_assert_eq!(marks, walked);
    Ok(())
}

/// What is told of a cycle at a mark is how it stood then, unless it was recalculated after that.
pub fn are_told_as_they_were(
    scene: &Scene,
    history: &History,
    clock: &Clock,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(history.priority_at(scene.as_of), clock.priority());
    let is_recalculation = |event: &Event| matches!(event.kind, EventKind::Recalculated(_));
    if scene.events.iter().any(is_recalculation) {
        return Ok(());
    }
    for mark in clock.marks(scene.as_of) {
        let then = clock.cycle_at(mark.metric, mark.cycle, mark.at).unwrap();
        let standing = history.at(mark.at).standing(mark.metric, mark.at).unwrap();
        let of_cycle = standing.cycle == mark.cycle;
        prop_assert!(of_cycle || standing.cycle == mark.cycle + 1);
        if of_cycle {
            prop_assert_eq!(then.elapsed, standing.elapsed, "{:?}", mark);
            prop_assert_eq!(then.target, standing.target, "{:?}", mark);
            if standing.stop.is_none() {
                prop_assert_eq!(then.due_at, standing.due_at, "{:?}", mark);
            }
        }
    }
    Ok(())
}

#[test]
fn no_mark_comes_before_the_next_one() {
    // Not only whole minutes: just before and after an instant, too.
    let looks = (0..14_000_i64, 0..60_000_i64, 0..4_000_i64, 0..60_000_i64);
    for_random((scene(), looks), |(scene, look)| {
        let (minutes, millis, more_minutes, more_millis) = look;
        let history = scene.history(scene.events.clone());
        let length = |minutes, millis| {
            SignedDuration::from_mins(minutes) + SignedDuration::from_millis(millis)
        };
        let from = scene.created_at + length(minutes, millis);
        let until = from + length(more_minutes, more_millis);
        let events = scene.events.iter().map(|event| event.at);
        let event = events.filter(|at| *at > from).min();
        // Up to an event, nothing else happens.
        let just_before = |at: Timestamp| at - SignedDuration::from_nanos(1);
        let until = event.map_or(until, |at| until.min(just_before(at)));
        let clock = history.at(from);
        let (known, next) = (clock.marks(from), clock.next_mark(from));
        for mark in history.at(until).marks(until) {
            let is_known = known.iter().any(|known| {
                (known.metric, known.cycle, known.kind) == (mark.metric, mark.cycle, mark.kind)
            });
            if is_known {
                // What is true stays as it is, if nothing happens.
                prop_assert!(known.contains(&mark), "{:?}\n{:?}", known, mark);
            } else {
                prop_assert!(mark.at >= from, "{:?} at {}", mark, from);
                prop_assert!(
                    next.is_some_and(|next| next <= mark.at),
                    "{:?} {:?}",
                    next,
                    mark
                );
            }
        }
        // Until then, nothing becomes true; and soon after it, something has.
        if let Some(next) = next.filter(|next| event.is_none_or(|event| *next < event)) {
            prop_assert!(next >= from);
            let before = next - SignedDuration::from_nanos(1);
            if before >= from {
                prop_assert_eq!(clock.marks(before).len(), known.len());
            }
            let after = next + SignedDuration::from_nanos(1);
            prop_assert_ne!(clock.marks(after), known);
        }
        Ok(())
    });
}
