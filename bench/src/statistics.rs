//! Order statistics. Medians and quantiles, because a scheduler's hiccup must not move a figure.

use std::time::Duration;

use serde::Serialize;

/// Where a set of durations lies, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The shortest.
    pub min: f64,
    /// Half of them are shorter.
    pub median: f64,
    /// Nine tenths of them are shorter.
    pub p90: f64,
}

impl Spread {
    /// Summarises `durations`; `None` if there are none.
    #[must_use]
    pub fn of(durations: &[Duration]) -> Option<Self> {
        let mut micros: Vec<f64> = durations.iter().map(|one| one.as_secs_f64() * 1e6).collect();
        micros.sort_unstable_by(f64::total_cmp);
        Some(Self { min: *micros.first()?, median: quantile(&micros, 0.5)?, p90: quantile(&micros, 0.9)? })
    }

    /// The medians of each figure over several runs; `None` if there are none.
    #[must_use]
    pub fn over_runs(runs: &[Self]) -> Option<Self> {
        Some(Self {
            min: median(runs.iter().map(|run| run.min))?,
            median: median(runs.iter().map(|run| run.median))?,
            p90: median(runs.iter().map(|run| run.p90))?,
        })
    }
}

/// The value half of `values` are below; `None` if there are none.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    quantile(&values, 0.5)
}

/// The median of what each of `these` is as a multiple of the one of `those` that was measured beside it; `None` if there
/// are none.
///
/// A machine that is slow for some seconds is slow for both, where the ratio of two medians could take one from a slow
/// moment and the other from a quick one.
#[must_use]
pub fn median_ratio(these: &[f64], those: &[f64]) -> Option<f64> {
    median(these.iter().zip(those).map(|(this, that)| this / that))
}

/// The value at `fraction` of the way through `sorted`, between its two neighbours in proportion.
fn quantile(sorted: &[f64], fraction: f64) -> Option<f64> {
    let place = fraction * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (*sorted.get(place.floor() as usize)?, *sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_lies_between_the_two_middle_values() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median([9.0]), Some(9.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_ratio_compares_what_was_measured_together() {
        assert_eq!(median_ratio(&[2.0, 20.0, 2.0], &[1.0, 10.0, 10.0]), Some(2.0));
        assert_eq!(median_ratio(&[], &[]), None);
    }

    #[test]
    fn spread_is_in_microseconds_and_sorts() {
        let durations: Vec<Duration> = (0..=10).rev().map(Duration::from_micros).collect();
        assert_eq!(Spread::of(&durations), Some(Spread { min: 0.0, median: 5.0, p90: 9.0 }));
    }
}
