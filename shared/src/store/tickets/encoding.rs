//! The encoding of a ticket's history in the table, in postcard: one byte for most members, since an
//! event costs a write of the whole ticket.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::calendar::Calendar;
use crate::domain::clock::mark::MarkKind;
use crate::domain::clock::{Event, EventKind};
use crate::domain::coverage::CoverageSource;
use crate::domain::digest::Digest;
use crate::domain::id::{CalendarId, EventId, NoticeId, TicketId};
use crate::domain::minutes::Minutes;
use crate::domain::notice::{Finding, Reported};
use crate::domain::plan::{
    CalendarVersion, Escalation, OnReopen, Plan, PlanOrigin, PlanTargets, WarnAtPercent,
};
use crate::domain::priority::Priority;
use crate::domain::report::summary::{CellKey, CountedDay, Day, Quarter, Tally};
use crate::domain::text::Reference;
use crate::domain::ticket::{Ticket, TicketEvent};
use crate::domain::version::Version;
use crate::problem::Problem;
use crate::store::encoding::{
    EncodedInstant, EncodedMetric, EncodedOutcome, EncodedPlannedBy, internal,
};

/// The formats. A later one adds a variant.
#[derive(Serialize, Deserialize)]
enum Encoded {
    /// Of tickets without what [`MoreV2`] has.
    V1(TicketV1),
    /// Of tickets without facts.
    V2(TicketV1, MoreV2),
    V3(TicketV1, MoreV2, Vec<CountedDayV3>),
}

/// What the first format does not have.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct MoreV2 {
    /// Of plans, by their indices.
    escalations: Vec<(u16, EscalationV2)>,
    reported: Vec<ReportedV2>,
}

/// What is counted of the ticket on a day.
#[derive(Serialize, Deserialize)]
struct CountedDayV3 {
    day: i32,
    checksum: u32,
    tallies: Vec<TallyV3>,
}

#[derive(Serialize, Deserialize)]
struct TallyV3 {
    quarter: u8,
    metric: EncodedMetric,
    priority: Priority,
    /// The index of a plan with the rule or the policy.
    plan: u16,
    outcome: EncodedOutcome,
    elapsed_seconds: Option<u64>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct EscalationV2 {
    metric: EncodedMetric,
    after_breach: Minutes,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct ReportedV2 {
    /// The number of the notice's id.
    id: [u8; 16],
    metric: EncodedMetric,
    cycle: u32,
    finding: FindingV2,
    at: EncodedInstant,
    target: Minutes,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum FindingV2 {
    Warning,
    Breach,
    Escalation(Minutes),
    Withdrawal,
}

#[derive(Serialize, Deserialize)]
struct TicketV1 {
    reference: Option<Reference>,
    created_at: EncodedInstant,
    updated_at: EncodedInstant,
    priority: Priority,
    /// The index of the plan of its priority.
    plan: Option<u16>,
    /// The index of the plan that was assigned at the creation.
    assigned: Option<u16>,
    plans: Vec<PlanV1>,
    events: Vec<EventV1>,
}

#[derive(Serialize, Deserialize)]
struct EventV1 {
    id: EventId,
    at: EncodedInstant,
    kind: KindV1,
}

/// Plans are indices.
#[derive(Serialize, Deserialize)]
enum KindV1 {
    AgentReply,
    CustomerReply,
    Paused,
    Resumed,
    Resolved,
    Reopened,
    Cancelled,
    PriorityChanged(Priority, Option<u16>),
    Assigned(Option<u16>),
    Recalculated(u16),
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct PlanV1 {
    targets: [Option<Minutes>; 3],
    warn_at_percent: u8,
    on_reopen: OnReopenV1,
    by: EncodedPlannedBy,
    version: Version,
    source: SourceV1,
    calendar: Option<(CalendarId, Version)>,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum OnReopenV1 {
    Continue,
    Restart,
    Ignore,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum SourceV1 {
    Inline,
    Rule,
    Default,
    BuiltIn,
    None,
}

/// A ticket whose calendars are still to be looked up.
pub(super) struct Undecoded {
    id: TicketId,
    version: Version,
    fingerprint: Digest,
    ticket: TicketV1,
    more: MoreV2,
    counted: Vec<CountedDayV3>,
}

/// The calendars of plans.
pub(super) type Calendars = HashMap<CalendarVersion, Arc<Calendar>>;

/// Encodes a ticket.
pub(super) fn encode(ticket: &Ticket) -> Result<Vec<u8>, Problem> {
    let mut plans = Plans::default();
    let plan = plans.index_of(ticket.plan.as_ref())?;
    let assigned = plans.index_of(ticket.assigned.as_ref())?;
    let events = ticket
        .events
        .iter()
        .map(|event| {
            Ok(EventV1 {
                id: event.id.clone(),
                at: event.event.at.into(),
                kind: plans.encode(&event.event.kind)?,
            })
        })
        .collect::<Result<_, Problem>>()?;
    let more = MoreV2 {
        escalations: plans.escalations()?,
        reported: ticket.reported.iter().map(ReportedV2::from).collect(),
    };
    let counted = ticket.counted.iter().map(|day| plans.counted(day));
    let counted = counted.collect::<Result<Vec<_>, _>>()?;
    let encoded = TicketV1 {
        reference: ticket.reference.clone(),
        created_at: ticket.created_at.into(),
        updated_at: ticket.updated_at.into(),
        priority: ticket.priority,
        plan,
        assigned,
        plans: plans.0.into_iter().map(|(plan, _)| plan).collect(),
        events,
    };
    let encoded = match (more == MoreV2::default(), counted.is_empty()) {
        (true, true) => Encoded::V1(encoded),
        (false, true) => Encoded::V2(encoded, more),
        (_, false) => Encoded::V3(encoded, more, counted),
    };
    postcard::to_allocvec(&encoded).map_err(internal)
}

/// The distinct plans of a ticket, with their escalations.
#[derive(Default)]
struct Plans(Vec<(PlanV1, Vec<EscalationV2>)>);

impl Plans {
    fn index_of(&mut self, plan: Option<&Arc<Plan>>) -> Result<Option<u16>, Problem> {
        let Some(plan) = plan else { return Ok(None) };
        let escalations = plan.escalations.iter().map(EscalationV2::from);
        let encoded = (PlanV1::new(plan)?, escalations.collect());
        let known = self.0.iter().position(|known| *known == encoded);
        let index = known.unwrap_or_else(|| {
            self.0.push(encoded);
            self.0.len() - 1
        });
        u16::try_from(index).map(Some).map_err(internal)
    }

    fn escalations(&self) -> Result<Vec<(u16, EscalationV2)>, Problem> {
        let mut all = Vec::new();
        for (index, (_, escalations)) in self.0.iter().enumerate() {
            let index = u16::try_from(index).map_err(internal)?;
            all.extend(escalations.iter().map(|one| (index, one.clone())));
        }
        Ok(all)
    }

    fn counted(&self, day: &CountedDay) -> Result<CountedDayV3, Problem> {
        let tallies = day.tallies.iter().map(|tally| {
            let by = EncodedPlannedBy::try_from(&tally.cell.planned_by)?;
            let plan = self.0.iter().position(|(plan, _)| plan.by == by);
            Ok(TallyV3 {
                quarter: tally.cell.quarter.number(),
                metric: tally.cell.metric.into(),
                priority: tally.cell.priority,
                plan: u16::try_from(plan.ok_or_else(corrupt)?).map_err(internal)?,
                outcome: tally.outcome.into(),
                elapsed_seconds: tally.elapsed_seconds,
            })
        });
        Ok(CountedDayV3 {
            day: day.day.number(),
            checksum: day.checksum,
            tallies: tallies.collect::<Result<_, Problem>>()?,
        })
    }

    fn encode(&mut self, kind: &EventKind) -> Result<KindV1, Problem> {
        Ok(match kind {
            EventKind::AgentReply => KindV1::AgentReply,
            EventKind::CustomerReply => KindV1::CustomerReply,
            EventKind::Paused => KindV1::Paused,
            EventKind::Resumed => KindV1::Resumed,
            EventKind::Resolved => KindV1::Resolved,
            EventKind::Reopened => KindV1::Reopened,
            EventKind::Cancelled => KindV1::Cancelled,
            EventKind::PriorityChanged { priority, plan } => {
                KindV1::PriorityChanged(*priority, self.index_of(plan.as_ref())?)
            }
            EventKind::Assigned(plan) => KindV1::Assigned(self.index_of(plan.as_ref())?),
            EventKind::Recalculated(plan) => {
                KindV1::Recalculated(self.index_of(Some(plan))?.ok_or_else(corrupt)?)
            }
        })
    }
}

impl PlanV1 {
    fn new(plan: &Plan) -> Result<PlanV1, Problem> {
        let origin = plan.origin.as_ref();
        let origin = origin.ok_or_else(|| Problem::Internal("a plan has no origin".into()))?;
        let targets = plan.targets;
        Ok(PlanV1 {
            targets: [
                targets.first_response,
                targets.next_response,
                targets.resolution,
            ],
            warn_at_percent: plan.warn_at_percent.get(),
            on_reopen: match plan.on_reopen {
                OnReopen::Continue => OnReopenV1::Continue,
                OnReopen::Restart => OnReopenV1::Restart,
                OnReopen::Ignore => OnReopenV1::Ignore,
            },
            by: (&origin.by).try_into()?,
            version: origin.version,
            source: match origin.source {
                CoverageSource::Inline => SourceV1::Inline,
                CoverageSource::Rule => SourceV1::Rule,
                CoverageSource::Default => SourceV1::Default,
                CoverageSource::BuiltIn => SourceV1::BuiltIn,
                CoverageSource::None => SourceV1::None,
            },
            calendar: origin
                .calendar
                .clone()
                .map(|calendar| (calendar.id, calendar.version)),
        })
    }

    fn calendar(&self) -> Option<CalendarVersion> {
        let (id, version) = self.calendar.clone()?;
        Some(CalendarVersion { id, version })
    }

    fn decode(
        self,
        calendars: &Calendars,
        escalations: Vec<Escalation>,
    ) -> Result<Arc<Plan>, Problem> {
        let version = self.calendar();
        let calendar = match (&version, self.source) {
            (Some(version), _) => Arc::clone(calendars.get(version).ok_or_else(corrupt)?),
            (None, SourceV1::BuiltIn) => Calendar::built_in_shared(),
            (None, _) => Calendar::always_open_shared(),
        };
        let [first_response, next_response, resolution] = self.targets;
        Ok(Arc::new(Plan {
            targets: PlanTargets {
                first_response,
                next_response,
                resolution,
            },
            calendar,
            warn_at_percent: WarnAtPercent::new(self.warn_at_percent.into()).ok_or_else(corrupt)?,
            on_reopen: match self.on_reopen {
                OnReopenV1::Continue => OnReopen::Continue,
                OnReopenV1::Restart => OnReopen::Restart,
                OnReopenV1::Ignore => OnReopen::Ignore,
            },
            escalations,
            origin: Some(PlanOrigin {
                by: self.by.into(),
                version: self.version,
                source: match self.source {
                    SourceV1::Inline => CoverageSource::Inline,
                    SourceV1::Rule => CoverageSource::Rule,
                    SourceV1::Default => CoverageSource::Default,
                    SourceV1::BuiltIn => CoverageSource::BuiltIn,
                    SourceV1::None => CoverageSource::None,
                },
                calendar: version,
            }),
        }))
    }
}

impl Undecoded {
    /// Reads an encoded ticket.
    pub(super) fn read(
        id: TicketId,
        version: Version,
        fingerprint: Digest,
        bytes: &[u8],
    ) -> Result<Undecoded, Problem> {
        let (ticket, more, counted) = match postcard::from_bytes(bytes).map_err(internal)? {
            Encoded::V1(ticket) => (ticket, MoreV2::default(), Vec::new()),
            Encoded::V2(ticket, more) => (ticket, more, Vec::new()),
            Encoded::V3(ticket, more, counted) => (ticket, more, counted),
        };
        Ok(Undecoded {
            id,
            version,
            fingerprint,
            ticket,
            more,
            counted,
        })
    }

    /// The calendars of its plans.
    pub(super) fn calendars(&self) -> BTreeSet<(CalendarId, Version)> {
        let plans = self.ticket.plans.iter();
        plans.filter_map(|plan| plan.calendar.clone()).collect()
    }

    /// The ticket, with its calendars.
    pub(super) fn decode(self, calendars: &Calendars) -> Result<Ticket, Problem> {
        let MoreV2 {
            escalations,
            reported,
        } = self.more;
        let plans: Vec<Arc<Plan>> = self
            .ticket
            .plans
            .into_iter()
            .enumerate()
            .map(|(index, plan)| {
                let of_plan = escalations
                    .iter()
                    .filter(|(of, _)| usize::from(*of) == index);
                let of_plan = of_plan.map(|(_, escalation)| Escalation::from(escalation));
                plan.decode(calendars, of_plan.collect())
            })
            .collect::<Result<_, _>>()?;
        let plan = |index: Option<u16>| match index {
            None => Ok(None),
            Some(index) => {
                let plan = plans.get(usize::from(index)).ok_or_else(corrupt)?;
                Ok(Some(Arc::clone(plan)))
            }
        };
        let events = self
            .ticket
            .events
            .into_iter()
            .map(|event| {
                let kind = match event.kind {
                    KindV1::AgentReply => EventKind::AgentReply,
                    KindV1::CustomerReply => EventKind::CustomerReply,
                    KindV1::Paused => EventKind::Paused,
                    KindV1::Resumed => EventKind::Resumed,
                    KindV1::Resolved => EventKind::Resolved,
                    KindV1::Reopened => EventKind::Reopened,
                    KindV1::Cancelled => EventKind::Cancelled,
                    KindV1::PriorityChanged(priority, index) => EventKind::PriorityChanged {
                        priority,
                        plan: plan(index)?,
                    },
                    KindV1::Assigned(index) => EventKind::Assigned(plan(index)?),
                    KindV1::Recalculated(index) => {
                        EventKind::Recalculated(plan(Some(index))?.ok_or_else(corrupt)?)
                    }
                };
                let at = event.at.try_into()?;
                Ok(TicketEvent {
                    id: event.id,
                    event: Event { at, kind },
                })
            })
            .collect::<Result<_, Problem>>()?;
        let counted = self.counted.into_iter().map(|day| day.decode(&plans));
        let counted = counted.collect::<Result<_, _>>()?;
        Ok(Ticket {
            id: self.id,
            reference: self.ticket.reference,
            created_at: self.ticket.created_at.try_into()?,
            updated_at: self.ticket.updated_at.try_into()?,
            priority: self.ticket.priority,
            plan: plan(self.ticket.plan)?,
            assigned: plan(self.ticket.assigned)?,
            events,
            reported: reported
                .into_iter()
                .map(Reported::try_from)
                .collect::<Result<_, _>>()?,
            counted,
            version: self.version,
            fingerprint: self.fingerprint,
        })
    }
}

impl CountedDayV3 {
    fn decode(self, plans: &[Arc<Plan>]) -> Result<CountedDay, Problem> {
        let tallies = self.tallies.into_iter().map(|tally| {
            let plan = plans.get(usize::from(tally.plan)).ok_or_else(corrupt)?;
            let origin = plan.origin.as_ref().ok_or_else(corrupt)?;
            Ok(Tally {
                cell: CellKey {
                    quarter: Quarter::of_number(tally.quarter).ok_or_else(corrupt)?,
                    metric: tally.metric.into(),
                    priority: tally.priority,
                    planned_by: origin.by.clone(),
                },
                outcome: tally.outcome.into(),
                elapsed_seconds: tally.elapsed_seconds,
            })
        });
        Ok(CountedDay {
            day: Day::of_number(self.day).ok_or_else(corrupt)?,
            checksum: self.checksum,
            tallies: tallies.collect::<Result<_, Problem>>()?,
        })
    }
}

impl From<&Escalation> for EscalationV2 {
    fn from(escalation: &Escalation) -> EscalationV2 {
        EscalationV2 {
            metric: escalation.metric.into(),
            after_breach: escalation.after_breach,
        }
    }
}

impl From<&EscalationV2> for Escalation {
    fn from(escalation: &EscalationV2) -> Escalation {
        Escalation {
            metric: escalation.metric.into(),
            after_breach: escalation.after_breach,
        }
    }
}

impl From<&Reported> for ReportedV2 {
    fn from(reported: &Reported) -> ReportedV2 {
        ReportedV2 {
            id: reported.id.number().to_be_bytes(),
            metric: reported.metric.into(),
            cycle: reported.cycle,
            finding: match reported.finding {
                Finding::Mark(MarkKind::Warning) => FindingV2::Warning,
                Finding::Mark(MarkKind::Breach) => FindingV2::Breach,
                Finding::Mark(MarkKind::Escalation(after)) => FindingV2::Escalation(after),
                Finding::Withdrawal => FindingV2::Withdrawal,
            },
            at: reported.at.into(),
            target: reported.target,
        }
    }
}

impl TryFrom<ReportedV2> for Reported {
    type Error = Problem;

    fn try_from(reported: ReportedV2) -> Result<Reported, Problem> {
        Ok(Reported {
            id: NoticeId::of_number(u128::from_be_bytes(reported.id)),
            metric: reported.metric.into(),
            cycle: reported.cycle,
            finding: match reported.finding {
                FindingV2::Warning => Finding::Mark(MarkKind::Warning),
                FindingV2::Breach => Finding::Mark(MarkKind::Breach),
                FindingV2::Escalation(after) => Finding::Mark(MarkKind::Escalation(after)),
                FindingV2::Withdrawal => Finding::Withdrawal,
            },
            at: reported.at.try_into()?,
            target: reported.target,
        })
    }
}

fn corrupt() -> Problem {
    Problem::Internal("a stored ticket is corrupt".into())
}
