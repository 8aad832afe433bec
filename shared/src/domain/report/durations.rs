//! Many durations in little space: how many lie in each of the bins of a DDSketch, whose width is one
//! percent of the duration.
//!
//! Unlike the sketch itself, the counts can be subtracted again, and lie apart in a summary, so that
//! any of them can be merged for any span. The crate `sketches-ddsketch` maps durations to bins.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sketches_ddsketch::Config;

/// The distance of a duration to the value of its bin, as a share of it. Rounded to whole seconds, a
/// percentile is within 1 % of the exact one.
const ACCURACY: f64 = 0.005;

/// The bin of durations below one second.
const ZERO: i32 = -1;

static BINS: LazyLock<Config> = LazyLock::new(|| Config::new(ACCURACY, u32::MAX, 1.0));

/// The number of durations in each bin. While changes are applied, a number can be below zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    bins: BTreeMap<i32, i64>,
}

impl Durations {
    /// The numbers of a stored summary.
    pub fn of_bins(bins: impl IntoIterator<Item = (i32, i64)>) -> Durations {
        let bins = bins.into_iter().filter(|(_, number)| *number != 0);
        Durations {
            bins: bins.collect(),
        }
    }

    /// The bins that are not empty, shortest durations first, each with its number.
    pub fn bins(&self) -> impl ExactSizeIterator<Item = (i32, i64)> {
        self.bins.iter().map(|(bin, number)| (*bin, *number))
    }

    /// Adds a duration so many times; removes it if that is below zero.
    pub fn add(&mut self, seconds: u64, times: i64) {
        self.add_to_bin(bin(seconds), times);
    }

    /// Adds all durations of others.
    pub fn merge(&mut self, others: &Durations) {
        for (bin, number) in others.bins() {
            self.add_to_bin(bin, number);
        }
    }

    /// The shortest duration that at least so many percent of the durations do not exceed (the nearest
    /// rank), within 1 %; `None` if there is none.
    pub fn percentile(&self, percent: u8) -> Option<u64> {
        let present = || self.bins().filter(|(_, number)| *number > 0);
        let count: i64 = present().map(|(_, number)| number).sum();
        let rank = (count * i64::from(percent) + 99) / 100;
        let mut below = 0;
        let (bin, _) = present().find(|(_, number)| {
            below += number;
            below >= rank
        })?;
        Some(seconds(bin))
    }

    fn add_to_bin(&mut self, bin: i32, times: i64) {
        let number = self.bins.entry(bin).or_default();
        *number += times;
        if *number == 0 {
            self.bins.remove(&bin);
        }
    }
}

fn bin(seconds: u64) -> i32 {
    if seconds == 0 {
        ZERO
    } else {
        BINS.key(seconds as f64)
    }
}

fn seconds(bin: i32) -> u64 {
    if bin == ZERO {
        0
    } else {
        BINS.value(bin).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn percentiles_are_within_one_percent_of_the_exact_ones(
            mut all in prop::collection::vec(prop_oneof![0..200_u64, 0..10_000_000_u64], 1..200),
            removed in prop::collection::vec(0..10_000_000_u64, 0..20),
            percent in 1..=100_u8,
        ) {
            let mut durations = Durations::default();
            for seconds in all.iter().chain(&removed) {
                durations.add(*seconds, 1);
            }
            for seconds in &removed {
                durations.add(*seconds, -1);
            }
            all.sort_unstable();
            let at_least = |share: f64| (share * all.len() as f64 / 100.0).ceil() as usize;
            let exact = all[at_least(percent.into()) - 1];
            let found = durations.percentile(percent).expect("durations");
            prop_assert!(found.abs_diff(exact) * 100 <= exact, "{found} for {exact}");
        }
    }

    /// Summaries store them, and two versions of the service read each other's.
    #[test]
    fn durations_keep_their_bins() {
        let mut durations = Durations::default();
        for seconds in [0, 1, 2, 3_600, 10_000_000] {
            durations.add(seconds, 1);
        }
        let bins: Vec<i32> = durations.bins().map(|(bin, _)| bin).collect();
        assert_eq!(bins, [-1, 0, 69, 818, 1_611]);
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Durations::default().percentile(50), None);
    }
}
