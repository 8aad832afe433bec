//! When the targets of a ticket fall due, if nothing happens to it.

use jiff::Timestamp;

use crate::domain::calendar::Calendar;
use crate::domain::cycle::{Marks, Standing};
use crate::domain::deadline::{DeadlineError, Trace, trace};
use crate::domain::rule::Targets;

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

/// When the targets of a ticket fall due.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The first response.
    pub first_response: MetricForecast,
    /// The resolution.
    pub resolution: MetricForecast,
}

/// When one target falls due.
#[derive(Clone, Debug)]
pub struct MetricForecast {
    /// The due, breach and warning instants.
    pub marks: Marks,
    /// The standing at the wanted instant.
    pub standing: Option<Standing>,
    /// The open periods until it is due.
    pub trace: Option<Trace>,
}

impl Forecast {
    /// Computes both targets.
    ///
    /// # Errors
    ///
    /// If a target falls due later than is searched for, see [`DeadlineError`].
    pub fn new(
        calendar: &Calendar,
        targets: Targets,
        options: ForecastOptions,
    ) -> Result<Forecast, DeadlineError> {
        let from = options.created_at;
        let response = Marks::of(calendar, from, targets.response())?;
        let resolution = Marks::of(calendar, from, targets.resolution())?;
        let forecast = |marks: Marks| MetricForecast {
            marks,
            standing: options
                .as_of
                .map(|as_of| marks.standing(calendar, from, as_of)),
            trace: options.trace.then(|| trace(calendar, from, marks.due_at)),
        };
        Ok(Forecast {
            first_response: forecast(response),
            resolution: forecast(resolution),
        })
    }
}
