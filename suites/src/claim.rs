//! Correlation claims: a printed r against the r of the points.
//!
//! Verdicts, in this order:
//! - not-run: only some of the paper's points are known, so nothing is recomputed;
//! - not-comparable: the paper's n is not the number of points;
//! - identical: the recomputed r, rounded, shows the printed digits;
//! - within-numeric: |recomputed - printed| <= print rounding + digitising error;
//! - within-sampling: the printed r lies in the 95 % Fisher interval of the recomputed one;
//! - outside-worse: otherwise. Neither side of a correlation is better.
//!
//! Digitising error: each coordinate may be off by its `tol=` (or half a unit of its last digit, if it was printed). The half-width is how far r moves when every coordinate is
//! moved by its full tolerance in the direction that raises (or lowers) r most. That is the largest possible movement up
//! to second order in the tolerances, so r of the true coordinates lies inside.

use crate::evaluation::{EvaluatedCorrelation, Line, Provenance, Verdict};
use crate::printed::PrintedNumber;
use retally_metrics::Interval;
use retally_metrics::statistics::{Correlation, CorrelationOptions, fisher_test};

/// How many single points a report lists by influence.
const INFLUENCE_LISTED: usize = 5;

/// Coordinates of the points of one panel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coordinates {
    pub(crate) keys: Vec<String>,
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    /// How far x and y may be off; empty where coordinates are exact.
    pub(crate) x_tolerance: Vec<f64>,
    pub(crate) y_tolerance: Vec<f64>,
}

/// What the paper prints about a panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PrintedClaim<'a> {
    pub(crate) number: &'a PrintedNumber,
    pub(crate) n: Option<u64>,
    pub(crate) provenance: Provenance,
}

/// What is correlated with what, and what is said about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) figure: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) claim: Option<PrintedClaim<'a>>,
    /// Why the points are only some of the paper's, if they are.
    pub(crate) incomplete: Option<&'a str>,
    /// Keys of named outliers.
    pub(crate) outliers: &'a [&'a str],
    pub(crate) provenance: Option<Provenance>,
}

/// Recomputes a correlation and judges the printed one.
pub(crate) fn evaluate(subject: Subject<'_>, points: &Coordinates) -> EvaluatedCorrelation {
    let mut evaluated = EvaluatedCorrelation {
        figure: subject.figure.to_owned(),
        x: subject.x.to_owned(),
        y: subject.y.to_owned(),
        n: points.x.len() as u64,
        pearson: None,
        spearman: None,
        incomplete: subject.incomplete.map(str::to_owned),
        reported: subject.claim.map(|claim| claim.number.value()),
        reported_text: subject.claim.map(|claim| claim.number.text().to_owned()),
        reported_provenance: subject.claim.map(|claim| claim.provenance),
        interval: None,
        bootstrap_interval: None,
        leave_one_out: None,
        influence: Vec::new(),
        line: None,
        fisher_p: None,
        provenance: subject.provenance,
        verdict: None,
        explanation: String::new(),
    };
    if let Some(reason) = subject.incomplete {
        evaluated.explanation = format!("Not recomputed. {reason}");
        evaluated.verdict = subject.claim.map(|_| Verdict::NotRun);
        return evaluated;
    }
    match Correlation::of(&points.x, &points.y, CorrelationOptions::default()) {
        Err(absence) => {
            evaluated.explanation = format!("No correlation: {}.", absence.detail);
            evaluated.verdict = subject.claim.map(|_| Verdict::NotRun);
        }
        Ok(correlation) => {
            evaluated.influence = influence(&correlation, points, subject.outliers);
            fill(&mut evaluated, &correlation);
            match subject.claim {
                None => {
                    evaluated.explanation = "No printed coefficient to compare with.".to_owned()
                }
                Some(claim) => {
                    evaluated.fisher_p =
                        fisher_test(correlation.pearson, claim.number.value(), correlation.n);
                    let (verdict, explanation) = judge(claim, &correlation, points);
                    evaluated.verdict = Some(verdict);
                    evaluated.explanation = explanation;
                }
            }
        }
    }
    evaluated
}

fn fill(evaluated: &mut EvaluatedCorrelation, correlation: &Correlation) {
    let ends = |interval: &Interval| [interval.low.get(), interval.high.get()];
    evaluated.pearson = Some(correlation.pearson);
    evaluated.spearman = Some(correlation.spearman);
    evaluated.interval = correlation.fisher_interval.as_ref().map(ends);
    evaluated.bootstrap_interval = correlation.bootstrap_interval.as_ref().map(ends);
    evaluated.leave_one_out = correlation.leave_one_out;
    evaluated.line =
        Some(Line { intercept: correlation.line.intercept, slope: correlation.line.slope });
}

/// First r without all named outliers together, then without each of them, then without the other points that move r most.
fn influence(
    correlation: &Correlation,
    points: &Coordinates,
    outliers: &[&str],
) -> Vec<(String, f64)> {
    let mut listed = Vec::new();
    if outliers.len() > 1
        && let Some(r) = without(points, outliers)
    {
        listed.push((outliers.join(" and "), r));
    }
    let singles =
        correlation.influence.iter().filter_map(|&(index, r)| Some((points.keys.get(index)?, r)));
    let (named, others): (Vec<_>, Vec<_>) =
        singles.partition(|(key, _)| outliers.contains(&key.as_str()));
    listed.extend(
        named
            .into_iter()
            .chain(others.into_iter().take(INFLUENCE_LISTED))
            .map(|(key, r)| (key.clone(), r)),
    );
    listed
}

fn without(points: &Coordinates, outliers: &[&str]) -> Option<f64> {
    let kept = |values: &[f64]| -> Vec<f64> {
        let pairs =
            points.keys.iter().zip(values).filter(|(key, _)| !outliers.contains(&key.as_str()));
        pairs.map(|(_, value)| *value).collect()
    };
    pearson(&kept(&points.x), &kept(&points.y))
}

fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let options = CorrelationOptions { bootstrap_draws: 0, ..CorrelationOptions::default() };
    Correlation::of(x, y, options).ok().map(|correlation| correlation.pearson)
}

fn judge(
    claim: PrintedClaim<'_>,
    correlation: &Correlation,
    points: &Coordinates,
) -> (Verdict, String) {
    let (recomputed, printed) = (correlation.pearson, claim.number.value());
    if let Some(n) = claim.n.filter(|&n| n != correlation.n as u64) {
        let explanation =
            format!("The paper's r is over n = {n} points, {} are given.", correlation.n);
        return (Verdict::NotComparable, explanation);
    }
    if claim.number.is_rounding_of(recomputed) {
        return (
            Verdict::Identical,
            format!("{recomputed:.4} rounds to the printed {}.", claim.number),
        );
    }
    let rounding = claim.number.last_digit_unit() / 2.0;
    let digitising = digitising_half_width(points, correlation.pearson);
    let difference = (recomputed - printed).abs();
    let shown =
        format!("{recomputed:.4} differs from the printed {} by {difference:.4}", claim.number);
    if difference <= rounding + digitising + 4.0 * f64::EPSILON {
        let explanation = format!(
            "{shown}: within print rounding ({rounding:.4}) and the digitising error of the points ({digitising:.4})."
        );
        return (Verdict::WithinNumeric, explanation);
    }
    let interval = correlation.fisher_interval.as_ref();
    match interval.filter(|interval| (interval.low.get()..=interval.high.get()).contains(&printed))
    {
        Some(interval) => {
            let (low, high) = (interval.low.get(), interval.high.get());
            let explanation =
                format!("{shown}: within the 95 % Fisher interval [{low:.3}, {high:.3}] only.");
            (Verdict::WithinSampling, explanation)
        }
        None => (Verdict::OutsideWorse, format!("{shown}: outside the 95 % Fisher interval.")),
    }
}

/// Largest movement of r under the digitising tolerances; 0 for exact points.
///
/// The partial derivative of r by x_i is (v_i - r u_i) / (n s_x), where u and v are x and y standardised with their
/// population standard deviations s; by y_i it is (u_i - r v_i) / (n s_y). Only its sign is needed.
fn digitising_half_width(points: &Coordinates, r: f64) -> f64 {
    if points.x_tolerance.is_empty() && points.y_tolerance.is_empty() {
        return 0.0;
    }
    let (u, v) = (standardised(&points.x), standardised(&points.y));
    let direction = |own: &[f64], other: &[f64]| -> Vec<f64> {
        own.iter().zip(other).map(|(own, other)| (other - r * own).signum()).collect()
    };
    let (x_direction, y_direction) = (direction(&u, &v), direction(&v, &u));
    let moved = |sign: f64| {
        let x = shifted(&points.x, &points.x_tolerance, &x_direction, sign);
        let y = shifted(&points.y, &points.y_tolerance, &y_direction, sign);
        pearson(&x, &y).map_or(0.0, |moved| (moved - r).abs())
    };
    moved(1.0).max(moved(-1.0))
}

fn standardised(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    values.iter().map(|value| (value - mean) / deviation).collect()
}

fn shifted(values: &[f64], tolerance: &[f64], direction: &[f64], sign: f64) -> Vec<f64> {
    if tolerance.is_empty() {
        return values.to_vec();
    }
    values
        .iter()
        .zip(tolerance)
        .zip(direction)
        .map(|((value, by), towards)| value + sign * by * towards)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(x: &[f64], y: &[f64], tolerance: f64) -> Coordinates {
        Coordinates {
            keys: (0..x.len()).map(|index| format!("p{index}")).collect(),
            x: x.to_vec(),
            y: y.to_vec(),
            x_tolerance: vec![tolerance; x.len()],
            y_tolerance: vec![tolerance; x.len()],
        }
    }

    fn evaluated(points: &Coordinates, printed: &str, n: Option<u64>) -> EvaluatedCorrelation {
        let number = PrintedNumber::parse(printed).unwrap();
        let claim = Some(PrintedClaim { number: &number, n, provenance: Provenance::Reported });
        let subject = Subject {
            figure: "figure-1",
            x: "x",
            y: "y",
            claim,
            incomplete: None,
            outliers: &["p0", "p1"],
            provenance: None,
        };
        evaluate(subject, points)
    }

    // numpy.corrcoef(X, Y)[0, 1] = 0.8964214570007952 (NumPy 2.4)
    const X: [f64; 8] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    const Y: [f64; 8] = [2.0, 1.0, 4.0, 3.0, 7.0, 8.0, 6.0, 9.0];

    #[test]
    fn each_verdict_is_reached() {
        let exact = points(&X, &Y, 0.0);
        let r = evaluated(&exact, "0.9", Some(8)).pearson.unwrap();
        assert!((r - 0.896_421_457_000_795_2).abs() < 1e-14, "{r}");
        assert_eq!(evaluated(&exact, "0.896", Some(8)).verdict, Some(Verdict::Identical));
        assert_eq!(evaluated(&exact, "0.896", None).verdict, Some(Verdict::Identical));
        assert_eq!(evaluated(&exact, "0.896", Some(9)).verdict, Some(Verdict::NotComparable));
        assert_eq!(evaluated(&exact, "0.895", Some(8)).verdict, Some(Verdict::WithinSampling));
        assert_eq!(
            evaluated(&points(&X, &Y, 0.05), "0.895", Some(8)).verdict,
            Some(Verdict::WithinNumeric)
        );
        assert_eq!(evaluated(&exact, "-0.896", Some(8)).verdict, Some(Verdict::OutsideWorse));
        let constant = evaluated(&points(&X, &[1.0; 8], 0.0), "0.9", Some(8));
        assert_eq!((constant.pearson, constant.verdict), (None, Some(Verdict::NotRun)));
        assert!(constant.explanation.contains("same value"), "{}", constant.explanation);
    }

    #[test]
    fn incomplete_points_give_no_coefficient() {
        let number = PrintedNumber::parse("0.93").unwrap();
        let claim = PrintedClaim { number: &number, n: None, provenance: Provenance::Secondary };
        let subject = Subject {
            figure: "figure-1",
            x: "x",
            y: "y",
            claim: Some(claim),
            incomplete: Some("Three points are known."),
            outliers: &[],
            provenance: None,
        };
        let found = evaluate(subject, &points(&X, &Y, 0.0));
        assert_eq!((found.pearson, found.spearman, found.line), (None, None, None));
        assert_eq!((found.verdict, found.n), (Some(Verdict::NotRun), 8));
        assert_eq!(found.reported_text.as_deref(), Some("0.93"));
        assert_eq!(found.reported_provenance, Some(Provenance::Secondary));
        assert_eq!(found.explanation, "Not recomputed. Three points are known.");
    }

    #[test]
    fn named_outliers_come_first() {
        let listed = evaluated(&points(&X, &Y, 0.0), "0.9", None).influence;
        assert_eq!(listed[0].0, "p0 and p1");
        assert!(
            ["p0", "p1"].contains(&listed[1].0.as_str())
                && ["p0", "p1"].contains(&listed[2].0.as_str())
        );
        assert_eq!(listed.len(), 3 + INFLUENCE_LISTED);
        let remaining = pearson(&X[2..], &Y[2..]).unwrap();
        assert_eq!(listed[0].1, remaining);
    }

    proptest! {
        #[test]
        fn no_perturbation_within_the_tolerances_leaves_the_digitising_band(
            moves in proptest::collection::vec((-1.0_f64..=1.0, -1.0_f64..=1.0), 8),
            tolerance in 0.0_f64..0.01,
        ) {
            let exact = points(&X, &Y, tolerance);
            let r = pearson(&X, &Y).unwrap();
            let half_width = digitising_half_width(&exact, r);
            let x: Vec<f64> = X.iter().zip(&moves).map(|(value, (by, _))| value + by * tolerance).collect();
            let y: Vec<f64> = Y.iter().zip(&moves).map(|(value, (_, by))| value + by * tolerance).collect();
            let moved = (pearson(&x, &y).unwrap() - r).abs();
            // Second order in tolerance / spread (0.01 / 2.3).
            prop_assert!(moved <= half_width * 1.01 + 1e-12, "{moved} > {half_width}");
        }
    }
}
