//! When the targets of a ticket fall due, if nothing happens to it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::clock::{Clock, Metric, Standing};
use crate::domain::deadline::{DeadlineError, Trace, trace};
use crate::domain::minutes::Minutes;
use crate::domain::plan::Plan;
use crate::domain::priority::Priority;

/// What a forecast is made for, and how much it includes.
#[derive(Clone, Copy, Debug)]
pub struct ForecastOptions {
    /// When the ticket is created.
    pub created_at: Timestamp,
    /// The instant at which its standing is wanted, if it is; not before `created_at`.
    pub as_of: Option<Timestamp>,
    /// Whether the open periods that count are wanted.
    pub trace: bool,
}

/// When the targets of a ticket fall due, of those that its plan has.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The first response.
    pub first_response: Option<MetricForecast>,
    /// The resolution.
    pub resolution: Option<MetricForecast>,
}

/// When one target falls due.
#[derive(Clone, Debug)]
pub struct MetricForecast {
    /// The target.
    pub target: Minutes,
    /// The earliest instant at which the target is used up.
    pub due_at: Timestamp,
    /// The latest such instant.
    pub breach_at: Timestamp,
    /// When the warning begins.
    pub warn_at: Timestamp,
    /// The standing at the wanted instant.
    pub standing: Option<Standing>,
    /// The open periods until it is due.
    pub trace: Option<Trace>,
}

impl Forecast {
    /// Computes the targets of a plan.
    ///
    /// # Errors
    ///
    /// If a target falls due later than is searched for, see [`DeadlineError`].
    pub fn new(plan: &Arc<Plan>, options: ForecastOptions) -> Result<Forecast, DeadlineError> {
        // Only events of other priorities would tell them apart.
        let clock = Clock::new(
            options.created_at,
            Priority::Normal,
            Some(Arc::clone(plan)),
            None,
        );
        Ok(Forecast {
            first_response: metric(&clock, Metric::FirstResponse, plan, options)?,
            resolution: metric(&clock, Metric::Resolution, plan, options)?,
        })
    }
}

fn metric(
    clock: &Clock,
    metric: Metric,
    plan: &Plan,
    options: ForecastOptions,
) -> Result<Option<MetricForecast>, DeadlineError> {
    let (due, warning) = (clock.due(metric)?, clock.warning(metric)?);
    let standing = clock.standing(metric, options.created_at);
    let Some(((due, warning), standing)) = due.zip(warning).zip(standing) else {
        return Ok(None);
    };
    Ok(Some(MetricForecast {
        target: standing.target,
        due_at: due.first,
        breach_at: due.last.unwrap_or(due.first),
        warn_at: warning.first,
        standing: options
            .as_of
            .and_then(|as_of| clock.standing(metric, as_of)),
        trace: options
            .trace
            .then(|| trace(&plan.calendar, options.created_at, due.first)),
    }))
}
