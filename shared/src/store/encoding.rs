//! How the values that several items share are encoded in the table, in postcard. The order of the
//! variants is part of the format.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::clock::Metric;
use crate::domain::clock::fact::Outcome;
use crate::domain::id::{PolicyId, RuleId};
use crate::domain::plan::PlannedBy;
use crate::problem::Problem;

/// Seconds since the Unix epoch, and nanoseconds.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct EncodedInstant(i64, i32);

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum EncodedMetric {
    FirstResponse,
    NextResponse,
    Resolution,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum EncodedPlannedBy {
    Rule(RuleId),
    Policy(PolicyId),
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum EncodedOutcome {
    Achieved,
    Breached,
    Cancelled,
    Open,
}

impl From<Timestamp> for EncodedInstant {
    fn from(at: Timestamp) -> EncodedInstant {
        EncodedInstant(at.as_second(), at.subsec_nanosecond())
    }
}

impl TryFrom<EncodedInstant> for Timestamp {
    type Error = Problem;

    fn try_from(EncodedInstant(second, nanosecond): EncodedInstant) -> Result<Timestamp, Problem> {
        Timestamp::new(second, nanosecond).map_err(internal)
    }
}

impl From<Metric> for EncodedMetric {
    fn from(metric: Metric) -> EncodedMetric {
        match metric {
            Metric::FirstResponse => EncodedMetric::FirstResponse,
            Metric::NextResponse => EncodedMetric::NextResponse,
            Metric::Resolution => EncodedMetric::Resolution,
        }
    }
}

impl From<EncodedMetric> for Metric {
    fn from(metric: EncodedMetric) -> Metric {
        match metric {
            EncodedMetric::FirstResponse => Metric::FirstResponse,
            EncodedMetric::NextResponse => Metric::NextResponse,
            EncodedMetric::Resolution => Metric::Resolution,
        }
    }
}

impl TryFrom<&PlannedBy> for EncodedPlannedBy {
    type Error = Problem;

    fn try_from(by: &PlannedBy) -> Result<EncodedPlannedBy, Problem> {
        match by.clone() {
            PlannedBy::Rule(id) => Ok(EncodedPlannedBy::Rule(id)),
            PlannedBy::Policy(id) => Ok(EncodedPlannedBy::Policy(id)),
            PlannedBy::Request => Err(Problem::Internal("a stored plan is a request's".into())),
        }
    }
}

impl From<EncodedPlannedBy> for PlannedBy {
    fn from(by: EncodedPlannedBy) -> PlannedBy {
        match by {
            EncodedPlannedBy::Rule(id) => PlannedBy::Rule(id),
            EncodedPlannedBy::Policy(id) => PlannedBy::Policy(id),
        }
    }
}

impl From<Outcome> for EncodedOutcome {
    fn from(outcome: Outcome) -> EncodedOutcome {
        match outcome {
            Outcome::Achieved => EncodedOutcome::Achieved,
            Outcome::Breached => EncodedOutcome::Breached,
            Outcome::Cancelled => EncodedOutcome::Cancelled,
            Outcome::Open => EncodedOutcome::Open,
        }
    }
}

impl From<EncodedOutcome> for Outcome {
    fn from(outcome: EncodedOutcome) -> Outcome {
        match outcome {
            EncodedOutcome::Achieved => Outcome::Achieved,
            EncodedOutcome::Breached => Outcome::Breached,
            EncodedOutcome::Cancelled => Outcome::Cancelled,
            EncodedOutcome::Open => Outcome::Open,
        }
    }
}

/// What cannot be encoded or decoded is a bug of ours.
pub(super) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::Internal(Box::new(error))
}
