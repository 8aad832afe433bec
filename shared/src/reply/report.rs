//! Reports, as clients see them: as JSON, or as a page for people.

pub mod page;

use serde::Serialize;
use serde_json::Number;

use crate::domain::clock::Metric;
use crate::domain::report::summary::Cell;
use crate::domain::report::{Group, Report};
use crate::reply::{Answer, Reply};

/// A report.
pub fn one(report: &Report) -> Answer {
    let rows = report.rows.iter();
    let totals = report.totals.iter();
    let view = View {
        from: report.span.from().to_string(),
        to: report.span.to().to_string(),
        time_zone: report.span.zone().name(),
        group_by: report.group_by.as_str(),
        rows: rows
            .map(|((group, metric), cell)| RowView::of(Some(group), *metric, cell))
            .collect(),
        totals: totals
            .map(|(metric, cell)| RowView::of(None, *metric, cell))
            .collect(),
    };
    Ok(Reply::ok(&view)?.header("vary", "accept"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    from: String,
    to: String,
    time_zone: &'a str,
    group_by: &'static str,
    rows: Vec<RowView>,
    totals: Vec<RowView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RowView {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    metric: &'static str,
    achieved: i64,
    breached: i64,
    cancelled: i64,
    open: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    achieved_percent: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p90_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p95_seconds: Option<u64>,
}

impl RowView {
    fn of(group: Option<&Group>, metric: Metric, cell: &Cell) -> RowView {
        let percent = cell
            .achieved_basis_points()
            .map(|points| points as f64 / 100.0);
        RowView {
            group: group.map(Group::name),
            metric: metric.as_str(),
            achieved: cell.achieved,
            breached: cell.breached,
            cancelled: cell.cancelled,
            open: cell.open,
            achieved_percent: percent.and_then(Number::from_f64),
            average_seconds: cell.average_seconds(),
            p50_seconds: cell.durations.percentile(50),
            p90_seconds: cell.durations.percentile(90),
            p95_seconds: cell.durations.percentile(95),
        }
    }
}
