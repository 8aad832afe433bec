//! The encoding of a ticket's facts on a day, in postcard.

use serde::{Deserialize, Serialize};

use crate::domain::clock::fact::CycleFact;
use crate::domain::clock::{Stop, StoppedBy};
use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::problem::Problem;
use crate::store::encoding::{
    EncodedInstant, EncodedMetric, EncodedOutcome, EncodedPlannedBy, internal,
};

/// The formats. A later one adds a variant.
#[derive(Serialize, Deserialize)]
enum Encoded {
    V1(Vec<FactV1>),
}

#[derive(Serialize, Deserialize)]
struct FactV1 {
    metric: EncodedMetric,
    cycle: u32,
    outcome: EncodedOutcome,
    counted_at: EncodedInstant,
    priority: Priority,
    planned_by: EncodedPlannedBy,
    target: Minutes,
    started_at: EncodedInstant,
    due_at: Option<EncodedInstant>,
    breached_at: Option<EncodedInstant>,
    stop: Option<(EncodedInstant, StoppedByV1)>,
    elapsed_seconds: Option<u64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum StoppedByV1 {
    AgentReply,
    Resolved,
    Cancelled,
}

/// Encodes facts.
pub(in crate::store) fn encode(facts: &[CycleFact]) -> Result<Vec<u8>, Problem> {
    let facts = facts.iter().map(FactV1::try_from);
    let facts = facts.collect::<Result<_, _>>()?;
    postcard::to_allocvec(&Encoded::V1(facts)).map_err(internal)
}

/// Reads encoded facts.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<CycleFact>, Problem> {
    let Encoded::V1(facts) = postcard::from_bytes(bytes).map_err(internal)?;
    facts.into_iter().map(CycleFact::try_from).collect()
}

impl TryFrom<&CycleFact> for FactV1 {
    type Error = Problem;

    fn try_from(fact: &CycleFact) -> Result<FactV1, Problem> {
        Ok(FactV1 {
            metric: fact.metric.into(),
            cycle: fact.cycle,
            outcome: fact.outcome.into(),
            counted_at: fact.counted_at.into(),
            priority: fact.priority,
            planned_by: (&fact.planned_by).try_into()?,
            target: fact.target,
            started_at: fact.started_at.into(),
            due_at: fact.due_at.map(EncodedInstant::from),
            breached_at: fact.breached_at.map(EncodedInstant::from),
            stop: fact.stop.map(|stop| (stop.at.into(), stop.by.into())),
            elapsed_seconds: fact.elapsed_seconds,
        })
    }
}

impl TryFrom<FactV1> for CycleFact {
    type Error = Problem;

    fn try_from(fact: FactV1) -> Result<CycleFact, Problem> {
        let stop = fact.stop.map(|(at, by)| {
            Ok::<_, Problem>(Stop {
                at: at.try_into()?,
                by: by.into(),
            })
        });
        Ok(CycleFact {
            metric: fact.metric.into(),
            cycle: fact.cycle,
            outcome: fact.outcome.into(),
            counted_at: fact.counted_at.try_into()?,
            priority: fact.priority,
            planned_by: fact.planned_by.into(),
            target: fact.target,
            started_at: fact.started_at.try_into()?,
            due_at: fact.due_at.map(TryInto::try_into).transpose()?,
            breached_at: fact.breached_at.map(TryInto::try_into).transpose()?,
            stop: stop.transpose()?,
            elapsed_seconds: fact.elapsed_seconds,
        })
    }
}

impl From<StoppedBy> for StoppedByV1 {
    fn from(by: StoppedBy) -> StoppedByV1 {
        match by {
            StoppedBy::AgentReply => StoppedByV1::AgentReply,
            StoppedBy::Resolved => StoppedByV1::Resolved,
            StoppedBy::Cancelled => StoppedByV1::Cancelled,
        }
    }
}

impl From<StoppedByV1> for StoppedBy {
    fn from(by: StoppedByV1) -> StoppedBy {
        match by {
            StoppedByV1::AgentReply => StoppedBy::AgentReply,
            StoppedByV1::Resolved => StoppedBy::Resolved,
            StoppedByV1::Cancelled => StoppedBy::Cancelled,
        }
    }
}
