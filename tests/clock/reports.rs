//! The laws of reporting: a ticket's events arrive one by one, late ones among them, and after each
//! write what has become true is reported, now and then only the first few of it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use shared::domain::clock::mark::MarkKind;
use shared::domain::clock::{Event, EventKind, Metric};
use shared::domain::digest::Digest;
use shared::domain::id::{EventId, NoticeId, TicketId};
use shared::domain::notice::{Finding, Notice, Unreported};
use shared::domain::priority::Priority;
use shared::domain::ticket::{MAX_AHEAD, Ticket, TicketEvent};
use shared::domain::version::Version;

use crate::scenes::{Scene, for_random, name, scene};

const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

/// A ticket's writes, by their instants.
#[derive(Clone)]
struct Play {
    scene: Scene,
    steps: Vec<Step>,
    /// How late sweeps are; `None` if there are none.
    sweeps: Option<SignedDuration>,
    /// How far the clock of another process is behind.
    behind: SignedDuration,
}

/// A write of the ticket. The first one creates it.
#[derive(Clone)]
struct Step {
    now: Timestamp,
    event: Option<Event>,
    /// How many notices a transaction has room for.
    room: usize,
}

/// What a receiver of the notices believes, and the ticket.
struct Told {
    ticket: Ticket,
    /// The true marks and their instants, as far as notices say.
    believed: BTreeMap<(Metric, u32, MarkKind), Timestamp>,
    notices: u128,
}

#[test]
fn every_mark_is_reported_once_and_untrue_breaches_are_withdrawn() {
    for_random(play(), |play| {
        let mut told = Told::new(&play.scene);
        for (place, step) in play.steps.iter().enumerate() {
            if let Some(event) = &step.event {
                told.add(event, place, step.now);
            }
            let mut due = told.write(step.now, step.room, play.behind)?;
            let Some(next) = play.steps.get(place + 1) else {
                continue;
            };
            let mut written = step.now;
            for _ in 0..1_000 {
                told.stays_silent(written, due.unwrap_or(next.now).min(next.now))?;
                let (Some(late), Some(at)) = (play.sweeps, due) else {
                    break;
                };
                let now = written.max(at + late);
                if now >= next.now {
                    break;
                }
                due = told.write(now, step.room, play.behind)?;
                written = now;
            }
        }
        let end = play.steps.last().unwrap().now;
        while !told.ticket.unreported(end).is_empty() {
            told.write(end, 2, play.behind)?;
        }
        let mut marks = BTreeMap::new();
        for mark in told.ticket.at(end).marks(end) {
            let key = (mark.metric, mark.cycle, mark.kind);
            prop_assert!(marks.insert(key, mark.at).is_none());
            prop_assert!(told.believed.contains_key(&key), "{:?}", mark);
        }
        for believed in told.believed.keys() {
            let is_breach = believed.2 == MarkKind::Breach;
            prop_assert!(!is_breach || marks.contains_key(believed), "{:?}", believed);
        }
        Ok(())
    });
}

impl Told {
    fn new(scene: &Scene) -> Told {
        let ticket = Ticket {
            id: TicketId::parse("ticket").unwrap(),
            reference: None,
            created_at: scene.created_at,
            updated_at: scene.created_at,
            priority: Priority::Normal,
            plan: scene.plan.clone(),
            assigned: None,
            events: Vec::new(),
            reported: Vec::new(),
            counted: Vec::new(),
            version: Version::default(),
            fingerprint: Digest::of(""),
        };
        Told {
            ticket,
            believed: BTreeMap::new(),
            notices: 0,
        }
    }

    fn add(&mut self, event: &Event, place: usize, now: Timestamp) {
        let event = TicketEvent {
            id: EventId::parse(&place.to_string()).unwrap(),
            event: event.clone(),
        };
        self.ticket = self.ticket.with_events(vec![event], now).unwrap();
    }

    /// Reports what has become true, as far as there is room. Returns when the ticket is due again.
    fn write(
        &mut self,
        now: Timestamp,
        room: usize,
        behind: SignedDuration,
    ) -> Result<Option<Timestamp>, TestCaseError> {
        let unreported = self.ticket.unreported(now);
        let marks = self.ticket.at(now).marks(now);
        let is_true = |one: &Unreported, kind| {
            marks.iter().any(|mark| {
                (mark.metric, mark.cycle, mark.kind) == (one.metric, one.cycle, kind)
                    && mark.at == one.at
            })
        };
        let is_withdrawal = |one: &Unreported| one.finding == Finding::Withdrawal;
        prop_assert!(unreported.is_sorted_by_key(is_withdrawal));
        let new = unreported.iter().filter(|one| !is_withdrawal(one));
        prop_assert!(new.is_sorted_by_key(|one| one.at));
        for one in unreported.iter().take(room) {
            let of = |kind| (one.metric, one.cycle, kind);
            match one.finding {
                Finding::Mark(kind) => {
                    prop_assert!(is_true(one, kind), "{:?}", one);
                    let before = self.believed.insert(of(kind), one.at);
                    prop_assert_eq!(before, None, "twice: {:?}", one);
                }
                Finding::Withdrawal => {
                    let breach = self.believed.get(&of(MarkKind::Breach)).copied();
                    prop_assert_eq!(breach, Some(one.at), "{:?}", one);
                    let is_breach = |mark: &_| *mark == of(MarkKind::Breach);
                    let mut breaches = marks.iter().map(|m| (m.metric, m.cycle, m.kind));
                    prop_assert!(!breaches.any(|mark| is_breach(&mark)), "{:?}", one);
                    self.believed.retain(|(metric, cycle, kind), _| {
                        (*metric, *cycle) != (one.metric, one.cycle) || *kind == MarkKind::Warning
                    });
                }
            }
        }
        let (reported, left) = unreported.split_at(room.min(unreported.len()));
        self.report(reported, now);
        if let Some(left) = left.first() {
            return Ok(Some(left.at));
        }
        prop_assert_eq!(self.ticket.unreported(now).len(), 0);
        for behind in [NANOSECOND, SignedDuration::from_secs(1), behind] {
            self.holds_behind(now - behind, now)?;
        }
        Ok(self.ticket.next_mark(&self.ticket.at(now), now))
    }

    fn report(&mut self, reported: &[Unreported], now: Timestamp) {
        let notices = reported.iter().map(|content| {
            self.notices += 1;
            Notice {
                id: NoticeId::of_number(self.notices),
                made_at: now,
                ticket: self.ticket.id.clone(),
                reference: None,
                content: content.clone(),
            }
        });
        let notices: Vec<Notice> = notices.collect();
        self.ticket = self.ticket.with_reported(&notices);
    }

    /// After everything has been reported at `now`, a process that is behind reports nothing, unless
    /// an event that was announced has come between the two. It never withdraws, unless a breach has
    /// moved to an instant between them before there was room to withdraw it.
    fn holds_behind(&self, behind: Timestamp, now: Timestamp) -> Result<(), TestCaseError> {
        let since = behind.max(self.ticket.updated_at);
        let mut events = self.ticket.events.iter().map(|event| event.event.at);
        let has_event = events.any(|at| since < at && at <= now);
        let marks = self.ticket.at(now).marks(now);
        for one in self.ticket.unreported(behind) {
            let key = (one.metric, one.cycle, MarkKind::Breach);
            let has_moved = marks.iter().any(|mark| {
                let is_breach = (mark.metric, mark.cycle, mark.kind) == key;
                is_breach && since <= mark.at && self.believed.get(&key) != Some(&mark.at)
            });
            let may_report = has_event && one.finding != Finding::Withdrawal;
            prop_assert!(has_moved || may_report, "{} {:?}", behind, one);
        }
        Ok(())
    }

    /// Until the ticket is due, there is nothing to report.
    fn stays_silent(&self, now: Timestamp, due: Timestamp) -> Result<(), TestCaseError> {
        let half = now + due.duration_since(now) / 2;
        for at in [half, due - NANOSECOND] {
            if now <= at && at < due {
                let unreported = self.ticket.unreported(at);
                prop_assert_eq!(unreported.len(), 0, "{}: {:?}", at, unreported);
            }
        }
        Ok(())
    }
}

fn play() -> impl Strategy<Value = Play> {
    let millis = || (0..60_000_i64).prop_map(SignedDuration::from_millis);
    let minutes = |range: std::ops::Range<i64>| range.prop_map(SignedDuration::from_mins);
    let delay = prop_oneof![
        4 => Just(SignedDuration::ZERO),
        3 => (0..60_i64).prop_map(SignedDuration::from_mins),
        2 => (0..4_000_i64).prop_map(SignedDuration::from_mins),
        1 => (0..=MAX_AHEAD.as_secs()).prop_map(|seconds| -SignedDuration::from_secs(seconds)),
    ];
    let room = || prop_oneof![3 => Just(usize::MAX), 1 => 1..4_usize];
    let creation = prop_oneof![3 => Just(SignedDuration::ZERO), 1 => minutes(0..3_000)];
    let late = prop_oneof![
        Just(NANOSECOND),
        (1..5_000_i64).prop_map(SignedDuration::from_millis),
        minutes(1..300),
    ];
    (
        scene(),
        creation,
        vec((delay, room()), 14),
        vec((minutes(0..9_000), millis(), room()), 0..6),
        proptest::option::of(late),
        minutes(1..3_000),
    )
        .prop_map(|(scene, creation, arrivals, looks, sweeps, behind)| {
            let created = scene.created_at + creation;
            let mut steps = Vec::new();
            for (event, (delay, room)) in scene.events.iter().zip(arrivals) {
                // The service dates a recalculation itself.
                let is_ahead = delay.is_negative();
                let delay = match event.kind {
                    EventKind::Recalculated(_) if is_ahead => SignedDuration::ZERO,
                    _ => delay,
                };
                steps.push(Step {
                    now: created.max(event.at + delay),
                    event: Some(event.clone()),
                    room,
                });
            }
            for (minutes, millis, room) in looks {
                steps.push(Step {
                    now: created + minutes + millis,
                    event: None,
                    room,
                });
            }
            steps.sort_by_key(|step| step.now);
            let first = Step {
                now: created,
                event: None,
                room: usize::MAX,
            };
            steps.insert(0, first);
            Play {
                scene,
                steps,
                sweeps,
                behind,
            }
        })
}

impl fmt::Debug for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.scene)?;
        writeln!(f, "sweeps {:?}, behind {:?}", self.sweeps, self.behind)?;
        for Step { now, event, room } in &self.steps {
            let event = event.as_ref();
            let event = event.map(|event| format!("{} {}", event.at, name(&event.kind)));
            writeln!(f, "{now} {event:?}, room for {room}")?;
        }
        Ok(())
    }
}
