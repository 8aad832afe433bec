//! The encodings of summaries and of changes, in postcard. A summary is compressed, since a report
//! reads hundreds of them.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use crate::domain::plan::PlannedBy;
use crate::domain::priority::Priority;
use crate::domain::report::durations::Durations;
use crate::domain::report::summary::{Cell, CellKey, Day, DayChange, DaySummary, Quarter, Tally};
use crate::problem::Problem;
use crate::store::encoding::{EncodedMetric, EncodedOutcome, EncodedPlannedBy, internal};

/// The formats. A later one adds a variant.
#[derive(Serialize, Deserialize)]
enum EncodedSummary {
    V1(SummaryV1),
}

/// The cells of a summary, a column for each member, which compresses better than rows do.
#[derive(Default, Serialize, Deserialize)]
struct SummaryV1 {
    /// What the cells are planned by, each once.
    planned_by: Vec<EncodedPlannedBy>,
    quarters: Vec<u8>,
    metrics: Vec<EncodedMetric>,
    priorities: Vec<Priority>,
    /// Indices of `planned_by`.
    plans: Vec<u16>,
    achieved: Vec<i64>,
    breached: Vec<i64>,
    cancelled: Vec<i64>,
    open: Vec<i64>,
    elapsed_seconds: Vec<i64>,
    /// The number of bins of each cell.
    bin_counts: Vec<u32>,
    /// The bins of all cells, each as the distance to the one before it in its cell.
    bins: Vec<i32>,
    /// The number of durations in each bin.
    numbers: Vec<i64>,
}

/// The formats of changes. A later one adds a variant.
#[derive(Serialize, Deserialize)]
enum EncodedChanges {
    V1(Vec<DayChangeV1>),
}

#[derive(Serialize, Deserialize)]
struct DayChangeV1 {
    day: i32,
    removed: Vec<TallyV1>,
    added: Vec<TallyV1>,
}

#[derive(Serialize, Deserialize)]
struct TallyV1 {
    quarter: u8,
    metric: EncodedMetric,
    priority: Priority,
    planned_by: EncodedPlannedBy,
    outcome: EncodedOutcome,
    elapsed_seconds: Option<u64>,
}

/// Encodes a summary.
pub(super) fn encode(summary: &DaySummary) -> Result<Vec<u8>, Problem> {
    let encoded = EncodedSummary::V1(SummaryV1::new(summary)?);
    let plain = postcard::to_allocvec(&encoded).map_err(internal)?;
    let mut compressed = DeflateEncoder::new(Vec::new(), Compression::default());
    compressed.write_all(&plain).map_err(internal)?;
    compressed.finish().map_err(internal)
}

/// Reads an encoded summary.
pub(super) fn decode(bytes: &[u8]) -> Result<DaySummary, Problem> {
    let mut plain = Vec::new();
    let mut compressed = DeflateDecoder::new(bytes);
    compressed.read_to_end(&mut plain).map_err(internal)?;
    let EncodedSummary::V1(summary) = postcard::from_bytes(&plain).map_err(internal)?;
    summary.decode().ok_or_else(corrupt)
}

/// Encodes the changes of one write.
pub(super) fn encode_changes(changes: &[DayChange]) -> Result<Vec<u8>, Problem> {
    let changes = changes.iter().map(|change| {
        Ok(DayChangeV1 {
            day: change.day.number(),
            removed: tallies(&change.removed)?,
            added: tallies(&change.added)?,
        })
    });
    let changes = changes.collect::<Result<_, Problem>>()?;
    postcard::to_allocvec(&EncodedChanges::V1(changes)).map_err(internal)
}

/// Reads the encoded changes of one write.
pub(super) fn decode_changes(bytes: &[u8]) -> Result<Vec<DayChange>, Problem> {
    let EncodedChanges::V1(changes) = postcard::from_bytes(bytes).map_err(internal)?;
    let changes = changes.into_iter().map(|change| {
        let decode = |tallies: Vec<TallyV1>| tallies.into_iter().map(TallyV1::decode).collect();
        let (removed, added): (Option<_>, Option<_>) =
            (decode(change.removed), decode(change.added));
        Some(DayChange {
            day: Day::of_number(change.day)?,
            removed: removed?,
            added: added?,
        })
    });
    changes.collect::<Option<_>>().ok_or_else(corrupt)
}

fn tallies(tallies: &[Tally]) -> Result<Vec<TallyV1>, Problem> {
    let tallies = tallies.iter().map(|tally| {
        Ok(TallyV1 {
            quarter: tally.cell.quarter.number(),
            metric: tally.cell.metric.into(),
            priority: tally.cell.priority,
            planned_by: (&tally.cell.planned_by).try_into()?,
            outcome: tally.outcome.into(),
            elapsed_seconds: tally.elapsed_seconds,
        })
    });
    tallies.collect()
}

impl TallyV1 {
    fn decode(self) -> Option<Tally> {
        Some(Tally {
            cell: CellKey {
                quarter: Quarter::of_number(self.quarter)?,
                metric: self.metric.into(),
                priority: self.priority,
                planned_by: self.planned_by.into(),
            },
            outcome: self.outcome.into(),
            elapsed_seconds: self.elapsed_seconds,
        })
    }
}

impl SummaryV1 {
    fn new(summary: &DaySummary) -> Result<SummaryV1, Problem> {
        let mut encoded = SummaryV1::default();
        for (key, cell) in &summary.cells {
            let by = EncodedPlannedBy::try_from(&key.planned_by)?;
            let known = encoded.planned_by.iter().position(|known| *known == by);
            let index = known.unwrap_or_else(|| {
                encoded.planned_by.push(by);
                encoded.planned_by.len() - 1
            });
            encoded.quarters.push(key.quarter.number());
            encoded.metrics.push(key.metric.into());
            encoded.priorities.push(key.priority);
            encoded.plans.push(u16::try_from(index).map_err(internal)?);
            encoded.achieved.push(cell.achieved);
            encoded.breached.push(cell.breached);
            encoded.cancelled.push(cell.cancelled);
            encoded.open.push(cell.open);
            encoded.elapsed_seconds.push(cell.elapsed_seconds);
            let bins = cell.durations.bins();
            let number = u32::try_from(bins.len()).map_err(internal)?;
            encoded.bin_counts.push(number);
            let mut before = 0;
            for (bin, number) in bins {
                encoded.bins.push(bin - before);
                encoded.numbers.push(number);
                before = bin;
            }
        }
        Ok(encoded)
    }

    /// The summary; `None` if the columns do not fit each other.
    fn decode(self) -> Option<DaySummary> {
        let planned_by: Vec<PlannedBy> = self.planned_by.into_iter().map(Into::into).collect();
        let mut bins = self.bins.into_iter().zip(self.numbers);
        let mut summary = DaySummary::default();
        for (place, quarter) in self.quarters.iter().enumerate() {
            let plan = usize::from(*self.plans.get(place)?);
            let key = CellKey {
                quarter: Quarter::of_number(*quarter)?,
                metric: (*self.metrics.get(place)?).into(),
                priority: *self.priorities.get(place)?,
                planned_by: planned_by.get(plan)?.clone(),
            };
            let number = usize::try_from(*self.bin_counts.get(place)?).ok()?;
            let mut last = 0;
            let of_cell = bins.by_ref().take(number).map(|(distance, number)| {
                last += distance;
                (last, number)
            });
            let cell = Cell {
                durations: Durations::of_bins(of_cell),
                achieved: *self.achieved.get(place)?,
                breached: *self.breached.get(place)?,
                cancelled: *self.cancelled.get(place)?,
                open: *self.open.get(place)?,
                elapsed_seconds: *self.elapsed_seconds.get(place)?,
            };
            summary.cells.insert(key, cell);
        }
        Some(summary)
    }
}

fn corrupt() -> Problem {
    Problem::Internal("a stored summary is corrupt".into())
}
