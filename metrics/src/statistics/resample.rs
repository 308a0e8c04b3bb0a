//! Percentile bootstrap of any statistic of groups in strata (Efron 1979).

use super::quantile;
use crate::random::Stream;
use crate::{Finite, Interval};

/// Nominal coverage.
const LEVEL: f64 = 0.95;

/// How a bootstrap is drawn. The default is seed 0 and 2,000 draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResampleOptions {
    /// Seed.
    pub seed: u64,
    /// Resamples; 0 for no interval.
    pub draws: u32,
}

impl Default for ResampleOptions {
    fn default() -> Self {
        Self { seed: 0, draws: 2000 }
    }
}

/// The 95 % percentile interval of `statistic`, which is given indices of as many groups as there are in each stratum, drawn with replacement.
///
/// `unit` is what a group is (`pairs of questions`). Draw b takes its indices, stratum by stratum, from the stream (seed, `resample`, b). Draws without a value are left
/// out and counted in the method. `None` without draws, for a stratum without groups, if no stratum has two groups, or if half of the draws have no value.
pub fn resampled_interval(
    strata: &[usize],
    unit: &str,
    options: ResampleOptions,
    statistic: impl Fn(&[Vec<usize>]) -> Option<f64>,
) -> Option<Interval> {
    let ResampleOptions { seed, draws } = options;
    if draws == 0 || strata.contains(&0) || strata.iter().all(|&groups| groups < 2) {
        return None;
    }
    let mut indices: Vec<Vec<usize>> = strata.iter().map(|&groups| vec![0; groups]).collect();
    let mut values = Vec::with_capacity(draws as usize);
    for draw in 0..draws {
        let mut stream = Stream::new(seed, "resample", u64::from(draw));
        for stratum in &mut indices {
            let groups = stratum.len() as u64;
            stratum.fill_with(|| stream.below(groups) as usize);
        }
        values.extend(statistic(&indices).filter(|value| value.is_finite()));
    }
    let missing = draws as usize - values.len();
    if 2 * missing > draws as usize {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    let without =
        if missing == 0 { String::new() } else { format!(", {missing} without a value left out") };
    Some(Interval {
        low: Finite::new(quantile(&values, tail)?)?,
        high: Finite::new(quantile(&values, 1.0 - tail)?)?,
        level: LEVEL,
        method: format!("bootstrap-percentile over {unit} (seed {seed}, {draws} draws{without})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64], indices: &[usize]) -> f64 {
        indices.iter().map(|&index| values[index]).sum::<f64>() / indices.len() as f64
    }

    #[test]
    fn a_mean_has_about_the_normal_interval() {
        let values: Vec<f64> = (0..400).map(|index| f64::from(index % 2)).collect();
        let interval = resampled_interval(&[400], "values", ResampleOptions::default(), |drawn| {
            Some(mean(&values, &drawn[0]))
        })
        .unwrap();
        // 0.5 ± 1.96 · 0.5 / 20.
        assert!((interval.low.get() - 0.451).abs() < 0.01, "{interval:?}");
        assert!((interval.high.get() - 0.549).abs() < 0.01, "{interval:?}");
    }

    #[test]
    fn nothing_to_resample_has_no_interval() {
        let options = ResampleOptions::default();
        let constant = |_: &[Vec<usize>]| Some(1.0);
        assert_eq!(resampled_interval(&[1, 1], "values", options, constant), None);
        assert_eq!(resampled_interval(&[3, 0], "values", options, constant), None);
        assert_eq!(resampled_interval(&[], "values", options, constant), None);
        let none = ResampleOptions { draws: 0, ..options };
        assert_eq!(resampled_interval(&[3], "values", none, constant), None);
        assert_eq!(resampled_interval(&[3], "values", options, |_| None), None);
        let all = resampled_interval(&[3], "values", options, constant).unwrap();
        assert_eq!((all.low.get(), all.high.get()), (1.0, 1.0));
        // A third of the draws has no value.
        let some =
            resampled_interval(&[3], "values", options, |drawn| (drawn[0][0] > 0).then_some(1.0));
        assert!(some.unwrap().method.contains("without a value left out"));
    }
}
