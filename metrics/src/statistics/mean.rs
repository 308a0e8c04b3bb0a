//! The mean of a sample with Student's t interval.

use super::centred::CentredValues;
use crate::{Absence, AbsenceReason, Finite, Interval};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A sample's mean and spread. Every number in it is finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanEstimate {
    /// Number of values, at least 1.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation with denominator n - 1; `None` for one value.
    pub standard_deviation: Option<f64>,
    /// mean ± t(n - 1) · standard deviation / √n (Student 1908); `None` for one value.
    pub interval: Option<Interval>,
}

/// Mean, standard deviation and two-sided Student-t interval of `values` at `level` (for example 0.95).
///
/// # Errors
/// An absence if there are no values, one is not finite, `level` is not inside (0, 1), or the spread overflows.
pub fn mean_estimate(values: &[f64], level: f64) -> Result<MeanEstimate, Absence> {
    if values.is_empty() {
        return Err(Absence::new(AbsenceReason::TooFewSamples, "no values to average"));
    }
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        let detail = format!("value {index} (counted from 0) is {}, not finite", values[index]);
        return Err(Absence::new(AbsenceReason::NotFinite, detail));
    }
    if !(level > 0.0 && level < 1.0) {
        let detail = format!("coverage {level} is not between 0 and 1");
        return Err(Absence::new(AbsenceReason::Undefined, detail));
    }
    let n = values.len();
    let centred = CentredValues::of(values.iter().copied());
    let mean = centred.mean;
    if n == 1 {
        return Ok(MeanEstimate { n, mean, standard_deviation: None, interval: None });
    }
    let squares: f64 = centred.deviations.iter().map(|deviation| deviation * deviation).sum();
    let standard_deviation = (squares / (n as f64 - 1.0)).sqrt() / centred.scale;
    let half_width = t_quantile_two_sided(level, n - 1)? * (standard_deviation / (n as f64).sqrt());
    let interval = Interval {
        low: finite(mean - half_width)?,
        high: finite(mean + half_width)?,
        level,
        method: "student-t".to_owned(),
    };
    Ok(MeanEstimate {
        n,
        mean,
        standard_deviation: Some(standard_deviation),
        interval: Some(interval),
    })
}

/// The t for which Student's variable with `freedom` degrees lies in [-t, t] with probability `level`.
fn t_quantile_two_sided(level: f64, freedom: usize) -> Result<f64, Absence> {
    StudentsT::new(0.0, 1.0, freedom as f64)
        .map(|distribution| distribution.inverse_cdf(0.5 + level / 2.0))
        .map_err(|error| Absence::new(AbsenceReason::Undefined, format!("Student's t: {error}")))
}

fn finite(value: f64) -> Result<Finite, Absence> {
    Finite::new(value)
        .ok_or_else(|| Absence::new(AbsenceReason::NotFinite, "the spread of the values overflows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // scipy.stats.t.interval(0.95, 4, loc=mean, scale=sem) for these five values.
        let estimate = mean_estimate(&[1.0, 2.0, 4.0, 8.0, 16.0], 0.95).unwrap();
        let interval = estimate.interval.unwrap();
        assert!((estimate.mean - 6.2).abs() < 1e-14);
        assert!((estimate.standard_deviation.unwrap() - 37.2_f64.sqrt()).abs() < 1e-14);
        assert!((interval.low.get() - STUDENT_LOW).abs() < 1e-9, "{}", interval.low.get());
        assert!((interval.high.get() - STUDENT_HIGH).abs() < 1e-9, "{}", interval.high.get());
    }

    const STUDENT_LOW: f64 = -1.373_132_563_278_902_7;
    const STUDENT_HIGH: f64 = 13.773_132_563_278_903;

    #[test]
    fn one_value_has_no_interval_and_equal_values_have_width_zero() {
        let one = mean_estimate(&[3.0], 0.95).unwrap();
        assert_eq!((one.mean, one.standard_deviation, one.interval), (3.0, None, None));
        let equal = mean_estimate(&[0.1; 3], 0.95).unwrap();
        assert_eq!((equal.mean, equal.standard_deviation), (0.1, Some(0.0)));
    }

    #[test]
    fn huge_offsets_cost_no_digits() {
        let estimate = mean_estimate(&[1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0], 0.95).unwrap();
        assert_eq!((estimate.mean, estimate.standard_deviation), (1e15 + 2.0, Some(1.0)));
    }

    #[test]
    fn bad_input_is_absent() {
        let reason = |values: &[f64], level| mean_estimate(values, level).unwrap_err().reason;
        assert_eq!(reason(&[], 0.95), AbsenceReason::TooFewSamples);
        assert_eq!(reason(&[1.0, f64::NAN], 0.95), AbsenceReason::NotFinite);
        assert_eq!(reason(&[1.0, 2.0], 1.0), AbsenceReason::Undefined);
        assert_eq!(reason(&[1.0, 2.0], f64::NAN), AbsenceReason::Undefined);
        assert_eq!(reason(&[f64::MAX, -f64::MAX], 0.95), AbsenceReason::NotFinite);
    }
}
