//! Previews, as clients see them.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::coverage::Coverage;
use crate::domain::deadline::{OpenPeriod, Trace};
use crate::domain::forecast::{Forecast, MetricForecast};
use crate::domain::id::{CalendarId, RuleId};
use crate::reply::{Answer, Reply};

/// A preview: which rule applies, which calendar counts, and when the targets fall due. Without a
/// rule there are no targets.
pub fn one(rule: Option<&RuleId>, coverage: &Coverage, forecast: Option<&Forecast>) -> Answer {
    Reply::ok(&View {
        rule_id: rule,
        calendar: CoverageView {
            id: coverage.calendar_id.as_ref(),
            time_zone: coverage.calendar.time_zone(),
            source: coverage.source.as_str(),
        },
        forecast: forecast.map(ForecastView::of),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<&'a RuleId>,
    calendar: CoverageView<'a>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    forecast: Option<ForecastView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CoverageView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a CalendarId>,
    time_zone: &'a str,
    source: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ForecastView {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_response: Option<MetricView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<MetricView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetricView {
    target_minutes: u32,
    due_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    breach_at: Option<Timestamp>,
    warn_at: Timestamp,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    standing: Option<StandingView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StandingView {
    elapsed_seconds: i64,
    remaining_seconds: i64,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceView {
    first_response: Vec<PeriodView>,
    resolution: Vec<PeriodView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
}

/// An open period that counts.
#[derive(Serialize)]
pub(super) struct PeriodView {
    from: Timestamp,
    to: Timestamp,
    seconds: serde_json::Number,
}

impl ForecastView {
    fn of(forecast: &Forecast) -> ForecastView {
        let Forecast {
            first_response,
            resolution,
        } = forecast;
        let trace = |metric: &Option<MetricForecast>| metric.as_ref().and_then(|m| m.trace.clone());
        let traces = trace(first_response).zip(trace(resolution));
        ForecastView {
            first_response: first_response.as_ref().map(MetricView::of),
            resolution: resolution.as_ref().map(MetricView::of),
            trace: traces.map(|(first_response, resolution)| {
                let truncated = first_response.is_truncated() || resolution.is_truncated();
                TraceView {
                    first_response: periods(&first_response),
                    resolution: periods(&resolution),
                    truncated: truncated.then_some(true),
                }
            }),
        }
    }
}

impl MetricView {
    fn of(metric: &MetricForecast) -> MetricView {
        MetricView {
            target_minutes: metric.target.get(),
            due_at: metric.due_at,
            breach_at: (metric.breach_at != metric.due_at).then_some(metric.breach_at),
            warn_at: metric.warn_at,
            standing: metric.standing.map(|standing| StandingView {
                elapsed_seconds: standing.elapsed.as_secs(),
                remaining_seconds: standing.remaining.as_secs(),
                status: standing.status.as_str(),
            }),
        }
    }
}

impl PeriodView {
    pub(super) fn of(period: &OpenPeriod) -> PeriodView {
        PeriodView {
            from: period.from(),
            to: period.to(),
            seconds: seconds(period.length()),
        }
    }
}

fn periods(trace: &Trace) -> Vec<PeriodView> {
    trace.periods().iter().map(PeriodView::of).collect()
}

/// Whole seconds as an integer, others with their fraction.
fn seconds(length: SignedDuration) -> serde_json::Number {
    if length.subsec_nanos() == 0 {
        return length.as_secs().into();
    }
    serde_json::Number::from_f64(length.as_secs_f64()).unwrap_or_else(|| length.as_secs().into())
}
