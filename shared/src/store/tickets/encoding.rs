//! The encoding of a ticket's history in the table, in postcard: one byte for most members, since an
//! event costs a write of the whole ticket.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::calendar::Calendar;
use crate::domain::clock::mark::MarkKind;
use crate::domain::clock::{Event, EventKind, Metric};
use crate::domain::coverage::CoverageSource;
use crate::domain::digest::Digest;
use crate::domain::id::{CalendarId, EventId, NoticeId, PolicyId, RuleId, TicketId};
use crate::domain::minutes::Minutes;
use crate::domain::notice::{Finding, Reported};
use crate::domain::plan::{
    CalendarVersion, Escalation, OnReopen, Plan, PlanOrigin, PlanTargets, PlannedBy, WarnAtPercent,
};
use crate::domain::priority::Priority;
use crate::domain::text::Reference;
use crate::domain::ticket::{Ticket, TicketEvent};
use crate::domain::version::Version;
use crate::problem::Problem;

/// The formats. A later one adds a variant.
#[derive(Serialize, Deserialize)]
enum Encoded {
    /// Of tickets without what [`MoreV2`] has.
    V1(TicketV1),
    V2(TicketV1, MoreV2),
}

/// What the first format does not have.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct MoreV2 {
    /// Of plans, by their indices.
    escalations: Vec<(u16, EscalationV2)>,
    reported: Vec<ReportedV2>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct EscalationV2 {
    metric: MetricV2,
    after_breach: Minutes,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct ReportedV2 {
    /// The number of the notice's id.
    id: [u8; 16],
    metric: MetricV2,
    cycle: u32,
    finding: FindingV2,
    at: InstantV1,
    target: Minutes,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum MetricV2 {
    FirstResponse,
    NextResponse,
    Resolution,
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
    created_at: InstantV1,
    updated_at: InstantV1,
    priority: Priority,
    /// The index of the plan of its priority.
    plan: Option<u16>,
    /// The index of the plan that was assigned at the creation.
    assigned: Option<u16>,
    plans: Vec<PlanV1>,
    events: Vec<EventV1>,
}

/// Seconds since the Unix epoch, and nanoseconds.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
struct InstantV1(i64, i32);

#[derive(Serialize, Deserialize)]
struct EventV1 {
    id: EventId,
    at: InstantV1,
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
    by: PlannedByV1,
    version: Version,
    source: SourceV1,
    calendar: Option<(CalendarId, Version)>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
enum PlannedByV1 {
    Rule(RuleId),
    Policy(PolicyId),
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
    let encoded = if more == MoreV2::default() {
        Encoded::V1(encoded)
    } else {
        Encoded::V2(encoded, more)
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
            by: match origin.by.clone() {
                PlannedBy::Rule(id) => PlannedByV1::Rule(id),
                PlannedBy::Policy(id) => PlannedByV1::Policy(id),
                PlannedBy::Request => {
                    return Err(Problem::Internal("a stored plan is a request's".into()));
                }
            },
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
                by: match self.by {
                    PlannedByV1::Rule(id) => PlannedBy::Rule(id),
                    PlannedByV1::Policy(id) => PlannedBy::Policy(id),
                },
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
        let (ticket, more) = match postcard::from_bytes(bytes).map_err(internal)? {
            Encoded::V1(ticket) => (ticket, MoreV2::default()),
            Encoded::V2(ticket, more) => (ticket, more),
        };
        Ok(Undecoded {
            id,
            version,
            fingerprint,
            ticket,
            more,
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
            version: self.version,
            fingerprint: self.fingerprint,
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

impl From<Metric> for MetricV2 {
    fn from(metric: Metric) -> MetricV2 {
        match metric {
            Metric::FirstResponse => MetricV2::FirstResponse,
            Metric::NextResponse => MetricV2::NextResponse,
            Metric::Resolution => MetricV2::Resolution,
        }
    }
}

impl From<MetricV2> for Metric {
    fn from(metric: MetricV2) -> Metric {
        match metric {
            MetricV2::FirstResponse => Metric::FirstResponse,
            MetricV2::NextResponse => Metric::NextResponse,
            MetricV2::Resolution => Metric::Resolution,
        }
    }
}

impl From<Timestamp> for InstantV1 {
    fn from(at: Timestamp) -> InstantV1 {
        InstantV1(at.as_second(), at.subsec_nanosecond())
    }
}

impl TryFrom<InstantV1> for Timestamp {
    type Error = Problem;

    fn try_from(InstantV1(second, nanosecond): InstantV1) -> Result<Timestamp, Problem> {
        Timestamp::new(second, nanosecond).map_err(internal)
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::Internal(Box::new(error))
}

fn corrupt() -> Problem {
    Problem::Internal("a stored ticket is corrupt".into())
}
