//! A report as one self-contained page: tables, and charts of what each day brought. It has no script,
//! loads nothing, and can be printed and read without colours.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use maud::{DOCTYPE, Markup, html};
use sha2::{Digest as _, Sha256};

use crate::domain::clock::Metric;
use crate::domain::report::summary::Cell;
use crate::domain::report::{Group, GroupBy, Report};
use crate::reply::{Outcome, Reply};

mod chart;

/// The media type of the page.
pub const HTML: &str = "text/html";

const STYLE: &str = include_str!("page/style.css");

/// Nothing is allowed but this very style, and the icon that keeps browsers from asking for one.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
});

/// The page of a report, with charts of the same report by day.
pub fn page(report: &Report, by_day: &Report) -> Reply {
    let span = &report.span;
    let (from, to) = (span.from().to_string(), span.to().to_string());
    let title = format!("SLA report, {from} to {to}");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "SLA report" }
                    p { time { (from) } " to " time { (to) } ", time zone " (span.zone().name()) }
                }
                main {
                    @if report.totals.is_empty() {
                        p { "No targets were met, missed or pending on these days." }
                    } @else {
                        (totals(report))
                        (charts(by_day))
                        (groups(report))
                        (notes())
                    }
                }
            }
        }
    };
    Reply::of(Outcome::Document, page.into_string())
        .header("content-type", format!("{HTML}; charset=utf-8"))
        .header("content-security-policy", POLICY.clone())
        .header("referrer-policy", "no-referrer")
        .header("vary", "accept")
}

fn totals(report: &Report) -> Markup {
    let rows = report.totals.iter();
    let rows = rows.map(|(metric, cell)| (title(*metric).to_owned(), cell));
    section("All together", "Metric", rows)
}

fn groups(report: &Report) -> Markup {
    // By metric, the totals say it all.
    if report.group_by == GroupBy::Metric {
        return html! {};
    }
    let of_metric = |metric| {
        let rows = report.rows.iter();
        let rows = rows.filter(move |((_, of), _)| *of == metric);
        rows.map(|((group, _), cell)| (group.name(), cell))
    };
    html! {
        @for metric in report.totals.keys() {
            (section(&format!("{}, by {}", title(*metric), report.group_by.as_str()),
                heading(report.group_by), of_metric(*metric)))
        }
    }
}

fn charts(by_day: &Report) -> Markup {
    html! {
        @for metric in by_day.totals.keys() {
            (chart::chart(*metric, &by_day.span, &days(by_day, *metric)))
        }
    }
}

/// The days with cycles of a metric.
fn days(by_day: &Report, metric: Metric) -> Vec<(Date, &Cell)> {
    let rows = by_day.rows.iter();
    let days = rows.filter_map(|((group, of), cell)| match group {
        Group::Day(day) if *of == metric => Some((*day, cell)),
        _ => None,
    });
    days.collect()
}

fn section<'a>(
    name: &str,
    heading: &str,
    rows: impl Iterator<Item = (String, &'a Cell)>,
) -> Markup {
    html! {
        section {
            h2 { (name) }
            div.scroll tabindex="0" role="region" aria-label=(name) {
                table {
                    thead {
                        tr {
                            th scope="col" { (heading) }
                            th scope="col" { "Achieved" }
                            th scope="col" { "Breached" }
                            th scope="col" { "Achieved %" }
                            th scope="col" { "Cancelled" }
                            th scope="col" { "Open" }
                            th scope="col" { "Average" }
                            th scope="col" { "Median" }
                            th scope="col" { "90 %" }
                            th scope="col" { "95 %" }
                        }
                    }
                    tbody {
                        @for (name, cell) in rows {
                            (row(&name, cell))
                        }
                    }
                }
            }
        }
    }
}

fn row(name: &str, cell: &Cell) -> Markup {
    let duration = |seconds: Option<u64>| seconds.map_or_else(absent, duration);
    let average = cell.average_seconds();
    let average = average.and_then(|seconds| seconds.try_into().ok());
    html! {
        tr {
            th scope="row" { (name) }
            td { (cell.achieved) }
            td { (cell.breached) }
            td { (cell.achieved_basis_points().map_or_else(absent, percent)) }
            td { (cell.cancelled) }
            td { (cell.open) }
            td { (duration(average)) }
            @for share in [50, 90, 95] {
                td { (duration(cell.durations.percentile(share))) }
            }
        }
    }
}

fn notes() -> Markup {
    html! {
        footer {
            p {
                "A target counts on the day on which it was met, missed or cancelled; one that is open \
                 and missed, on the day of its breach; any other open one, on the day on which it began. \
                 Cancelled and open ones are left out of the percentage. Times are working time, as the \
                 calendars count it, of what was met or missed and is closed; percentiles are within 1 %."
            }
        }
    }
}

fn title(metric: Metric) -> &'static str {
    match metric {
        Metric::FirstResponse => "First response",
        Metric::NextResponse => "Next response",
        Metric::Resolution => "Resolution",
    }
}

fn heading(group_by: GroupBy) -> &'static str {
    match group_by {
        GroupBy::Day => "Day",
        GroupBy::Week => "Week",
        GroupBy::Month => "Month",
        GroupBy::Priority => "Priority",
        GroupBy::Rule => "Rule or policy",
        GroupBy::Metric => "Metric",
    }
}

fn absent() -> String {
    "–".to_owned()
}

fn percent(basis_points: i64) -> String {
    format!("{}.{:02}", basis_points / 100, basis_points % 100)
}

/// A duration, rounded to minutes if it has any, such as `3 h 20 min`.
fn duration(seconds: u64) -> String {
    let minutes = (seconds + 30) / 60;
    match minutes {
        _ if seconds < 60 => format!("{seconds} s"),
        0..60 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_units_that_people_use() {
        let told = [0, 59, 60, 89, 3_569, 3_570, 90_061].map(duration);
        let expected = [
            "0 s",
            "59 s",
            "1 min",
            "1 min",
            "59 min",
            "1 h 00 min",
            "25 h 01 min",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page_and_no_other() {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        assert!(POLICY.contains(&format!("style-src 'sha256-{hash}';")));
    }
}
