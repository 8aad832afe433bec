//! Notices: what is reported about a ticket, each mark once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::clock::mark::{CycleThen, Mark, MarkKind};
use crate::domain::clock::{History, Metric};
use crate::domain::id::{NoticeId, TicketId};
use crate::domain::minutes::Minutes;
use crate::domain::plan::PlannedBy;
use crate::domain::priority::Priority;
use crate::domain::text::Reference;
use crate::domain::ticket::Ticket;

/// How long notices and their deliveries are kept.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a notice reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeType {
    /// A share of a target is used up.
    Warning,
    /// A target is breached.
    Breached,
    /// A target has been in breach for some open time.
    Escalated,
    /// A breach that was reported is none after all.
    Withdrawn,
}

/// What is reported about a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A mark.
    Mark(MarkKind),
    /// The breach that was reported last has become untrue.
    Withdrawal,
}

/// Something that has been reported about a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The notice.
    pub id: NoticeId,
    /// The metric.
    pub metric: Metric,
    /// The number of the cycle.
    pub cycle: u32,
    /// What was reported about it.
    pub finding: Finding,
    /// The instant of the mark.
    pub at: Timestamp,
    /// The target at that instant.
    pub target: Minutes,
}

/// A metric, and the number of a cycle.
type CycleKey = (Metric, u32);

type Reports<'a> = BTreeMap<CycleKey, CycleReports<'a>>;

/// What has been reported about a cycle, and not been withdrawn.
#[derive(Default)]
struct CycleReports<'a> {
    warning: bool,
    breach: Option<&'a Reported>,
    escalations: Vec<Minutes>,
}

/// Something that is still to be reported about a ticket.
#[derive(Clone, Debug)]
pub struct Unreported {
    /// The metric.
    pub metric: Metric,
    /// The number of the cycle.
    pub cycle: u32,
    /// What is to be reported about it.
    pub finding: Finding,
    /// The instant of the mark.
    pub at: Timestamp,
    /// The ticket's priority, when it became true.
    pub priority: Priority,
    /// What the ticket was planned by.
    pub by: Option<PlannedBy>,
    /// The target.
    pub target: Minutes,
    /// When that is used up.
    pub due_at: Option<Timestamp>,
    /// The open time that was counted.
    pub elapsed: SignedDuration,
}

/// A notice.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// When it was made.
    pub made_at: Timestamp,
    /// The ticket.
    pub ticket: TicketId,
    /// What the ticket's client calls it.
    pub reference: Option<Reference>,
    /// What it reports.
    pub content: Unreported,
}

impl NoticeType {
    /// All types.
    pub const ALL: [NoticeType; 4] = [
        NoticeType::Warning,
        NoticeType::Breached,
        NoticeType::Escalated,
        NoticeType::Withdrawn,
    ];

    /// The types as clients see them.
    pub const WORDS: &[&str] = &[
        "sla.warning",
        "sla.breached",
        "sla.escalated",
        "sla.withdrawn",
    ];

    /// The type as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeType::Warning => "sla.warning",
            NoticeType::Breached => "sla.breached",
            NoticeType::Escalated => "sla.escalated",
            NoticeType::Withdrawn => "sla.withdrawn",
        }
    }

    /// Reads a type; `None` for any other word.
    pub fn parse(text: &str) -> Option<NoticeType> {
        NoticeType::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl Finding {
    /// The type of the notice that reports it.
    pub fn notice_type(self) -> NoticeType {
        match self {
            Finding::Mark(MarkKind::Warning) => NoticeType::Warning,
            Finding::Mark(MarkKind::Breach) => NoticeType::Breached,
            Finding::Mark(MarkKind::Escalation(_)) => NoticeType::Escalated,
            Finding::Withdrawal => NoticeType::Withdrawn,
        }
    }
}

impl Ticket {
    /// What is true at `now` and has not been reported, by the instants of the marks; then the
    /// reported breaches that are none after all.
    ///
    /// A breach that is withdrawn may come again, and is then reported again, as are its escalations.
    pub fn unreported(&self, now: Timestamp) -> Vec<Unreported> {
        // The clock of a process may be behind that of the one that wrote the ticket.
        let now = now.max(self.updated_at);
        let history = self.history();
        let clock = history.at(now);
        let mut marks = clock.marks(now);
        let reports = self.reports();
        let untrue = untrue(&history, &marks, &reports, now);
        marks.retain(|mark| {
            let key = (mark.metric, mark.cycle);
            let Some(reports) = reports.get(&key) else {
                return true;
            };
            let is_in_breach = reports.breach.is_some() && !untrue.contains_key(&key);
            let is_late = mark.kind == MarkKind::Warning && is_in_breach;
            !is_late && !reports.contain(mark.kind)
        });
        marks.sort_by_key(|mark| mark.at);
        let new = marks.iter().filter_map(|mark| {
            let cycle = clock.cycle_at(mark.metric, mark.cycle, mark.at)?;
            Some(Unreported::of(mark, cycle, history.priority_at(mark.at)))
        });
        let withdrawals = untrue.values().map(|reported| {
            let cycle = clock.cycle_at(reported.metric, reported.cycle, now);
            let by = clock.plan().and_then(|plan| plan.origin.as_ref());
            let by = by.map(|origin| origin.by.clone());
            Unreported::withdrawal(reported, cycle, clock.priority(), by)
        });
        new.chain(withdrawals).collect()
    }

    /// The ticket with these notices among what has been reported.
    #[must_use]
    pub fn with_reported(&self, notices: &[Notice]) -> Ticket {
        let reported = notices.iter().map(|notice| Reported {
            id: notice.id.clone(),
            metric: notice.content.metric,
            cycle: notice.content.cycle,
            finding: notice.content.finding,
            at: notice.content.at,
            target: notice.content.target,
        });
        let mut ticket = self.clone();
        ticket.reported.extend(reported);
        ticket
    }

    /// What has been reported about each cycle.
    fn reports(&self) -> Reports<'_> {
        let mut reports = Reports::new();
        for reported in &self.reported {
            let key = (reported.metric, reported.cycle);
            reports.entry(key).or_default().add(reported);
        }
        reports
    }
}

/// The reported breaches that are none after all, by the marks at `now`. One that is still to come, as
/// it is by the clock of a process that is behind, has to come.
fn untrue<'a>(
    history: &History,
    marks: &[Mark],
    reports: &Reports<'a>,
    now: Timestamp,
) -> BTreeMap<CycleKey, &'a Reported> {
    let breaches = |marks: &[Mark]| -> BTreeSet<CycleKey> {
        let breaches = marks.iter().filter(|mark| mark.kind == MarkKind::Breach);
        breaches.map(|mark| (mark.metric, mark.cycle)).collect()
    };
    let true_now = breaches(marks);
    let reported = reports
        .iter()
        .filter_map(|(key, reports)| Some((*key, reports.breach?)));
    let untrue = reported.filter(|(key, reported)| {
        if true_now.contains(key) {
            return false;
        }
        let after = reported.at.checked_add(SignedDuration::from_nanos(1));
        let after = after.unwrap_or(Timestamp::MAX);
        after <= now || !breaches(&history.at(after).marks(after)).contains(key)
    });
    untrue.collect()
}

impl<'a> CycleReports<'a> {
    fn add(&mut self, reported: &'a Reported) {
        match reported.finding {
            Finding::Mark(MarkKind::Warning) => self.warning = true,
            Finding::Mark(MarkKind::Breach) => self.breach = Some(reported),
            Finding::Mark(MarkKind::Escalation(after)) => self.escalations.push(after),
            // It takes back the breach and its escalations, not the warning.
            Finding::Withdrawal => {
                self.breach = None;
                self.escalations.clear();
            }
        }
    }

    fn contain(&self, kind: MarkKind) -> bool {
        match kind {
            MarkKind::Warning => self.warning,
            MarkKind::Breach => self.breach.is_some(),
            MarkKind::Escalation(after) => self.escalations.contains(&after),
        }
    }
}

impl Unreported {
    fn of(mark: &Mark, cycle: CycleThen, priority: Priority) -> Unreported {
        Unreported {
            metric: mark.metric,
            cycle: mark.cycle,
            finding: Finding::Mark(mark.kind),
            at: mark.at,
            priority,
            by: cycle.plan.origin.as_ref().map(|origin| origin.by.clone()),
            target: cycle.target,
            due_at: cycle.due_at,
            elapsed: cycle.elapsed,
        }
    }

    fn withdrawal(
        reported: &Reported,
        cycle: Option<CycleThen>,
        priority: Priority,
        by: Option<PlannedBy>,
    ) -> Unreported {
        Unreported {
            metric: reported.metric,
            cycle: reported.cycle,
            finding: Finding::Withdrawal,
            at: reported.at,
            priority,
            by,
            target: cycle.as_ref().map_or(reported.target, |cycle| cycle.target),
            due_at: cycle.as_ref().and_then(|cycle| cycle.due_at),
            elapsed: cycle.map_or(SignedDuration::ZERO, |cycle| cycle.elapsed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::calendar::Calendar;
    use crate::domain::clock::EventKind;
    use crate::domain::plan::{Escalation, Plan, PlanTargets};
    use crate::domain::ticket::tests;

    #[test]
    fn the_words_of_types_are_those_of_all_types() {
        assert_eq!(NoticeType::ALL.map(NoticeType::as_str), NoticeType::WORDS);
        for kind in NoticeType::ALL {
            assert_eq!(NoticeType::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(NoticeType::parse("sla.late"), None);
    }

    fn at(text: &str) -> Timestamp {
        format!("2026-03-02T{text}Z")
            .parse()
            .expect("a time of day")
    }

    fn minutes(number: i64) -> Minutes {
        Minutes::new(number, Minutes::MAX_RULE_TARGET).expect("a target")
    }

    /// Half an hour to each response and an hour to the resolution, all around the clock, with an
    /// escalation ten minutes after the breach of a resolution.
    fn ticket() -> Ticket {
        let targets = PlanTargets {
            first_response: Some(minutes(30)),
            next_response: Some(minutes(30)),
            resolution: Some(minutes(60)),
        };
        let escalation = Escalation {
            metric: Metric::Resolution,
            after_breach: minutes(10),
        };
        let plan = Plan {
            escalations: vec![escalation],
            ..Plan::new(targets, Arc::new(Calendar::always_open().clone()))
        };
        tests::ticket(at("09:00:00"), Priority::Low, plan)
    }

    /// The ticket with an event that arrives at `now`.
    fn with(ticket: &Ticket, kind: EventKind, instant: &str, now: &str) -> Ticket {
        let event = tests::event(ticket.events.len(), at(instant), kind);
        let ticket = ticket.with_events(vec![event], at(now));
        ticket.expect("room for an event")
    }

    /// Reports everything. Returns what that is, and the ticket after it.
    fn report(ticket: &Ticket, now: &str) -> (Vec<String>, Ticket) {
        let unreported = ticket.unreported(at(now));
        let told = unreported.iter().map(|one| {
            let kind = one.finding.notice_type().as_str();
            let (metric, cycle) = (one.metric.as_str(), one.cycle);
            let at = one.at.strftime("%H:%M");
            format!("{kind} {metric} {cycle} {at}")
        });
        let notices = unreported
            .iter()
            .enumerate()
            .map(|(number, content)| Notice {
                id: NoticeId::of_number(u128::try_from(number).unwrap_or_default()),
                made_at: at(now),
                ticket: ticket.id.clone(),
                reference: None,
                content: content.clone(),
            });
        let notices: Vec<Notice> = notices.collect();
        (told.collect(), ticket.with_reported(&notices))
    }

    #[test]
    fn a_late_reply_withdraws_a_reported_breach() {
        let (told, ticket) = report(&ticket(), "09:40:00");
        assert_eq!(told, ["sla.breached firstResponse 1 09:30"]);
        let ticket = with(&ticket, EventKind::AgentReply, "09:10:00", "09:41:00");
        let (told, ticket) = report(&ticket, "09:41:00");
        assert_eq!(told, ["sla.withdrawn firstResponse 1 09:30"]);
        assert!(report(&ticket, "09:41:00").0.is_empty());
    }

    #[test]
    fn a_breach_that_moves_into_the_future_is_withdrawn_and_reported_again() {
        let ticket = with(&ticket(), EventKind::AgentReply, "09:01:00", "09:01:00");
        let (told, ticket) = report(&ticket, "10:15:00");
        let breach_and_escalation = [
            "sla.breached resolution 1 10:00",
            "sla.escalated resolution 1 10:10",
        ];
        assert_eq!(told, breach_and_escalation);
        let ticket = with(&ticket, EventKind::Paused, "09:20:00", "10:16:00");
        let ticket = with(&ticket, EventKind::Resumed, "10:00:00", "10:16:00");
        let (told, ticket) = report(&ticket, "10:16:00");
        assert_eq!(told, ["sla.withdrawn resolution 1 10:00"]);
        let (told, ticket) = report(&ticket, "10:30:00");
        assert_eq!(told, ["sla.warning resolution 1 10:28"]);
        let (told, ticket) = report(&ticket, "10:55:00");
        let again = [
            "sla.breached resolution 1 10:40",
            "sla.escalated resolution 1 10:50",
        ];
        assert_eq!(told, again);
        assert!(report(&ticket, "10:55:00").0.is_empty());
    }

    #[test]
    fn a_warning_is_not_reported_once_its_cycle_is_stopped_or_in_breach() {
        assert_eq!(
            report(&ticket(), "09:25:00").0,
            ["sla.warning firstResponse 1 09:24"]
        );
        let replied = with(&ticket(), EventKind::AgentReply, "09:25:00", "09:25:00");
        assert!(report(&replied, "09:25:00").0.is_empty());
        let (told, ticket) = report(&ticket(), "09:30:01");
        assert_eq!(told, ["sla.breached firstResponse 1 09:30"]);
        assert!(report(&ticket, "09:30:00").0.is_empty());
    }

    #[test]
    fn a_breach_of_an_earlier_cycle_is_reported_while_the_next_one_runs() {
        let mut ticket = ticket();
        for (kind, instant) in [
            (EventKind::AgentReply, "09:01:00"),
            (EventKind::CustomerReply, "09:02:00"),
            (EventKind::AgentReply, "09:40:00"),
            (EventKind::CustomerReply, "09:41:00"),
        ] {
            ticket = with(&ticket, kind, instant, "09:42:00");
        }
        let (told, ticket) = report(&ticket, "09:42:00");
        assert_eq!(told, ["sla.breached nextResponse 1 09:32"]);
        let (told, _) = report(&ticket, "10:06:00");
        let rest = [
            "sla.breached resolution 1 10:00",
            "sla.warning nextResponse 2 10:05",
        ];
        assert_eq!(told, rest);
    }

    #[test]
    fn a_process_that_is_behind_withdraws_nothing() {
        let (told, ticket) = report(&ticket(), "09:30:01");
        assert_eq!(told, ["sla.breached firstResponse 1 09:30"]);
        for behind in ["09:30:00", "09:29:00", "09:00:00"] {
            assert!(report(&ticket, behind).0.is_empty(), "{behind}");
        }
        // The reply is in time, whatever the clock says.
        let ticket = with(&ticket, EventKind::AgentReply, "09:29:59", "09:29:59");
        let (told, _) = report(&ticket, "09:29:59");
        assert_eq!(told, ["sla.withdrawn firstResponse 1 09:30"]);
    }

    #[test]
    fn a_notice_has_the_priority_at_its_mark_and_the_target_in_force() {
        let raised = EventKind::PriorityChanged {
            priority: Priority::High,
            plan: None,
        };
        let ticket = with(&ticket(), raised, "09:45:00", "09:45:00");
        let unreported = ticket.unreported(at("10:05:00"));
        let told = unreported.iter().map(|one| {
            let due_at = one.due_at.map(|at| at.strftime("%H:%M").to_string());
            (
                one.priority,
                one.target.get(),
                due_at,
                one.elapsed.as_secs(),
            )
        });
        let due_at = |text: &str| Some(text.to_owned());
        let expected = [
            (Priority::Low, 30, due_at("09:30"), 1_800),
            (Priority::High, 60, due_at("10:00"), 3_600),
        ];
        assert!(told.eq(expected), "{unreported:?}");
    }
}
