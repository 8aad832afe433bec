//! A chart of a metric: the share of targets that were met on each day, as a line, and the number of
//! those that were missed, as bars.

use jiff::civil::Date;
use maud::{Markup, html};

use super::title;
use crate::domain::clock::Metric;
use crate::domain::report::Span;
use crate::domain::report::summary::Cell;

/// The chart's size in units of its own. Browsers scale it.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 216.0;
/// The space for labels on either side, above and below.
const LEFT: f64 = 66.0;
const RIGHT: f64 = 48.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;
/// The width of a bar, where there are few days.
const MAX_BAR: f64 = 28.0;
/// The most labels of days.
const MAX_LABELS: usize = 6;
/// The most days whose points are marked: more would be a band.
const MAX_POINTS: usize = 62;

pub(super) fn chart(metric: Metric, span: &Span, days: &[(Date, &Cell)]) -> Markup {
    let scale = Scale::new(span, days);
    let name = title(metric);
    let shares: Vec<(f64, f64)> = days
        .iter()
        .filter_map(|(day, cell)| {
            let points = cell.achieved_basis_points()?;
            Some((scale.middle(*day), scale.share(points)))
        })
        .collect();
    let line = shares.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
    let line: Vec<String> = line.collect();
    html! {
        figure {
            figcaption {
                strong { (name) }
                ": " span.key-line { "line, achieved %" } "; " span.key-bar { "bars, breaches" }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
                aria-label=(format!("{name}: achieved percent and breaches of each day; the table below \
                    has the numbers")) {
                @for share in [0, 50, 100] {
                    @let y = format!("{:.1}", scale.share(share * 100));
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                    text.left x=(LEFT - 6.0) y=(y) { (share) " %" }
                }
                text.right x=(WIDTH - RIGHT + 6.0) y=(format!("{:.1}", scale.share(10_000))) {
                    (scale.most)
                }
                text.right x=(WIDTH - RIGHT + 6.0) y=(format!("{:.1}", scale.share(0))) { "0" }
                @for (day, cell) in days {
                    @if cell.breached > 0 {
                        @let (x, width) = scale.bar(*day);
                        @let top = scale.breaches(cell.breached);
                        rect.bar x=(format!("{x:.1}")) width=(format!("{width:.1}"))
                            y=(format!("{top:.1}")) height=(format!("{:.1}", scale.bottom() - top)) {
                            title { (day) ": " (cell.breached) " breached" }
                        }
                    }
                }
                polyline.line points=(line.join(" ")) {}
                @if shares.len() <= MAX_POINTS {
                    @for (x, y) in &shares {
                        circle.point cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="2.5" {}
                    }
                }
                @for day in scale.labels() {
                    text.below x=(format!("{:.1}", scale.middle(day))) y=(HEIGHT - 6.0) {
                        (day.strftime("%-d %b"))
                    }
                }
            }
        }
    }
}

/// Where days and numbers lie in the chart.
struct Scale {
    first: Date,
    days: usize,
    most: i64,
}

impl Scale {
    fn new(span: &Span, days: &[(Date, &Cell)]) -> Scale {
        let number = (span.to() - span.from()).get_days() + 1;
        let most = days.iter().map(|(_, cell)| cell.breached).max();
        Scale {
            first: span.from(),
            days: usize::try_from(number).unwrap_or(1),
            most: most.unwrap_or_default().max(1),
        }
    }

    fn step(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) / self.days as f64
    }

    fn number(&self, day: Date) -> f64 {
        f64::from((day - self.first).get_days())
    }

    fn middle(&self, day: Date) -> f64 {
        LEFT + (self.number(day) + 0.5) * self.step()
    }

    /// The left side of a day's bar, and its width.
    fn bar(&self, day: Date) -> (f64, f64) {
        let width = (self.step() * 0.7).clamp(0.8, MAX_BAR);
        (self.middle(day) - width / 2.0, width)
    }

    fn bottom(&self) -> f64 {
        HEIGHT - BOTTOM
    }

    fn share(&self, basis_points: i64) -> f64 {
        self.bottom() - (self.bottom() - TOP) * basis_points as f64 / 10_000.0
    }

    fn breaches(&self, number: i64) -> f64 {
        self.bottom() - (self.bottom() - TOP) * number as f64 / self.most as f64
    }

    /// Some days at equal distances.
    fn labels(&self) -> impl Iterator<Item = Date> {
        let every = self.days.div_ceil(MAX_LABELS);
        let days = self.first.series(jiff::Span::new().days(1));
        days.take(self.days).step_by(every)
    }
}
