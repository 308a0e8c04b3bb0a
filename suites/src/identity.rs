//! Identity checks: laws that numbers obey by definition. A measurement that breaks one is wrong, so its cells are invalid.
//!
//! | law | why |
//! |---|---|
//! | percentages lie in [0, 100], fractions in [0, 1] | units |
//! | LDS and SRSS lie in [-2, 2] | differences of two mean cosines |
//! | CDS lies in [-8/21, 8/21] | Σ w(δ) g(δ) with \|g\| <= 1 and Σ \|w\| = 16/42 over δ = 1…8 |
//! | RMSC lies in [0, 1] | RMSC² = 1 - ‖mean unit token‖² |
//! | Fréchet distances are at least 0 | they are squared distances |
//! | an Inception Score is at least 1 | a KL divergence is at least 0 |
//! | MRR lies in (0, 1] | a mean of 1/rank with ranks of at least 1; a printed 0.00 is a rounded number |
//! | H@k and PRE lie in [0, 1] | a share; a mean of 1 - cos² |
//! | H@k does not fall with k, and MRR is at least H@1 | hits among k are hits among k + 1; each hit at 1 has reciprocal rank 1 |
//! | accuracy x n is an integer | it counts samples |
//! | top-1 <= top-5 | a top-1 hit is a top-5 hit |
//! | all models have the same n | one data set, one split |
//! | a model has each metric once | or nothing tells which is meant |
//! | the interval holds the value | by construction of every interval here |
//! | \|r\| <= 1 | Cauchy-Schwarz |

use crate::cells::{Cell, CorrelationRow};
use crate::evaluation::{IdentityCheck, MeasuredModel};
use crate::run::{DatasetMeasurements, RunMeasurements};
use retally_metrics::{Measurement, Unit};
use std::collections::{BTreeMap, BTreeSet};

/// Metrics that count samples: value x n / 100 is an integer.
const COUNTED: [&str; 6] =
    ["accuracy", "top-5", "k-NN accuracy", "k-NN top-5", "token accuracy", "image accuracy"];

/// Top-1 and top-5 of one classifier.
const TOP_ONE_AND_FIVE: [[&str; 2]; 2] = [["accuracy", "top-5"], ["k-NN accuracy", "k-NN top-5"]];

/// Slack for a value that was formed as 100 * count / n in double precision.
const ROUNDING: f64 = 1e-9;

/// Metrics and the interval in which they lie by definition.
const BOUNDS: [(&str, f64, f64); 14] = [
    ("LDS", -2.0, 2.0),
    ("CDS", -8.0 / 21.0, 8.0 / 21.0),
    ("SRSS", -2.0, 2.0),
    ("RMSC", 0.0, 1.0),
    ("gFID", 0.0, f64::INFINITY),
    ("sFID", 0.0, f64::INFINITY),
    ("FD", 0.0, f64::INFINITY),
    ("IS", 1.0, f64::INFINITY),
    ("reconstruction error", 0.0, f64::INFINITY),
    ("MRR", f64::MIN_POSITIVE, 1.0),
    ("H@1", 0.0, 1.0),
    ("H@5", 0.0, 1.0),
    ("H@10", 0.0, 1.0),
    ("PRE", 0.0, 1.0),
];

/// The interval in which a metric lies by definition, as far as its unit or its formula gives one; an end may be infinite.
#[must_use]
pub fn bounds(metric: &str, unit: Unit) -> Option<(f64, f64)> {
    match unit {
        Unit::Percent => Some((0.0, 100.0)),
        Unit::Fraction => Some((0.0, 1.0)),
        Unit::Count => Some((0.0, f64::INFINITY)),
        Unit::None => {
            let (_, low, high) = BOUNDS.into_iter().find(|(key, ..)| *key == metric_of(metric))?;
            // The smallest number above 0 stands for an end that is itself excluded.
            Some((if low == f64::MIN_POSITIVE { 0.0 } else { low }, high))
        }
        Unit::Nats => None,
    }
}

/// Scores of one retrieval that never fall from left to right, by how often each counts a rank: H@1 <= H@2 <= …
const HITS: [&str; 4] = ["H@1", "H@2", "H@5", "H@10"];

/// The metric of a column or of a measurement: its key before the first qualifier.
fn metric_of(key: &str) -> &str {
    key.split('|').next().unwrap_or(key)
}

/// The checks made and the measurements that failed one.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Every check with its result.
    pub checks: Vec<IdentityCheck>,
    failed: BTreeSet<(String, String, String)>,
}

impl Findings {
    /// Whether this model's measurement of this metric on this data set failed a check.
    #[must_use]
    pub fn is_invalid(&self, dataset: &str, model: &str, metric: &str) -> bool {
        self.failed.contains(&(dataset.to_owned(), model.to_owned(), metric.to_owned()))
    }

    fn add(&mut self, law: &str, subject: String, total: usize, broken: &[String]) {
        let detail = match broken {
            [] => format!("{total} checked, all hold"),
            broken => format!("{} of {total} fail: {}", broken.len(), broken.join("; ")),
        };
        self.checks.push(IdentityCheck {
            law: law.to_owned(),
            subject,
            holds: broken.is_empty(),
            detail,
        });
    }
}

/// Checks printed numbers: units and coefficients.
#[must_use]
pub fn check_printed(cells: &[Cell], correlations: &[CorrelationRow]) -> Findings {
    let mut findings = Findings::default();
    for (unit, low, high) in [("percent", 0.0, 100.0), ("fraction", 0.0, 1.0)] {
        let own = cells.iter().filter(|cell| cell.unit == unit);
        printed_bound(
            &mut findings,
            &format!("a {unit} lies in [{low}, {high}]"),
            own,
            (low, high),
        );
    }
    for (metric, low, high) in BOUNDS {
        let is_value = |cell: &&Cell| metric_of(&cell.column) == metric && cell.unit == "none";
        printed_bound(
            &mut findings,
            &bound_law(metric, low, high),
            cells.iter().filter(is_value),
            (low, high),
        );
    }
    printed_hits(&mut findings, cells);
    if !correlations.is_empty() {
        let broken: Vec<String> = correlations
            .iter()
            .filter(|row| row.number.value().abs() > 1.0)
            .map(|row| format!("{} {} = {}", row.figure, row.x, row.number))
            .collect();
        findings.add("|r| <= 1", "printed correlations".to_owned(), correlations.len(), &broken);
    }
    findings
}

fn bound_law(metric: &str, low: f64, high: f64) -> String {
    if low == f64::MIN_POSITIVE {
        format!("{metric} lies in (0, {high}]")
    } else if high.is_infinite() {
        format!("{metric} is at least {low}")
    } else {
        format!("{metric} lies in [{low:.3}, {high:.3}]")
    }
}

fn printed_bound<'a>(
    findings: &mut Findings,
    law: &str,
    cells: impl Iterator<Item = &'a Cell>,
    (low, high): (f64, f64),
) {
    let cells: Vec<&Cell> = cells.collect();
    // The true number may be half a unit of the last digit away: 0.00 may stand for a number above 0.
    let outside = cells.iter().filter(|cell| {
        let (value, room) = (cell.number.value(), rounding(cell));
        value + room < low || value - room > high || !value.is_finite()
    });
    let broken: Vec<String> = outside
        .map(|cell| format!("{} {} {} = {}", cell.table, cell.row, cell.column, cell.number))
        .collect();
    if !cells.is_empty() {
        findings.add(law, "printed cells".to_owned(), cells.len(), &broken);
    }
}

/// How far rounding may have moved a printed number over the end of its range: only a number at that end can be.
fn rounding(cell: &Cell) -> f64 {
    if cell.number.value() == 0.0 { cell.number.last_digit_unit() / 2.0 } else { 0.0 }
}

/// H@k and MRR of one printed row, where it has several of them.
fn printed_hits(findings: &mut Findings, cells: &[Cell]) {
    let mut rows: BTreeMap<_, Vec<&Cell>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| is_retrieval(&cell.column)) {
        rows.entry((&cell.table, &cell.row)).or_default().push(cell);
    }
    let (mut total, mut broken) = (0, Vec::new());
    for ((table, row), scores) in rows {
        let find = |metric: &str| {
            let cell = scores.iter().find(|cell| cell.column == metric)?;
            Some((&cell.column, cell.number.value(), cell.half_width()))
        };
        for (low, high) in pairs_of_hits() {
            if let (Some(low), Some(high)) = (find(low), find(high)) {
                total += 1;
                if low.1 - low.2 > high.1 + high.2 + ROUNDING {
                    broken
                        .push(format!("{table} {row}: {} {}, {} {}", low.0, low.1, high.0, high.1));
                }
            }
        }
    }
    if total > 0 {
        findings.add(HITS_LAW, "printed cells".to_owned(), total, &broken);
    }
}

const HITS_LAW: &str = "H@k does not fall with k, MRR >= H@1";

fn is_retrieval(column: &str) -> bool {
    column == "MRR" || HITS.contains(&column)
}

/// Pairs of scores of which the first is never above the second.
fn pairs_of_hits() -> impl Iterator<Item = (&'static str, &'static str)> {
    let later = |index: usize| HITS.into_iter().skip(index + 1);
    let rising = HITS
        .into_iter()
        .enumerate()
        .flat_map(move |(i, low)| later(i).map(move |high| (low, high)));
    rising.chain([("H@1", "MRR")])
}

/// Checks what a run measured.
#[must_use]
pub fn check_run(run: &RunMeasurements) -> Findings {
    let mut findings = Findings::default();
    for dataset in &run.datasets {
        let mut check = RunCheck { dataset, findings: &mut findings };
        check.each("a percentage lies in [0, 100]", |m| in_unit_range(m, Unit::Percent, 100.0));
        check.each("a fraction lies in [0, 1]", |m| in_unit_range(m, Unit::Fraction, 1.0));
        for (metric, low, high) in BOUNDS {
            check.each(&bound_law(metric, low, high), |m| {
                let value = m.value().filter(|_| metric_of(&m.metric) == metric)?;
                // An end that is itself excluded has no slack.
                let low = if low == f64::MIN_POSITIVE { low } else { low - ROUNDING };
                Some((low..=high + ROUNDING).contains(&value))
            });
        }
        check.each("accuracy x n is an integer", counts_samples);
        check.each("the interval holds the value", interval_holds_value);
        check.each("|r| <= 1", |m| {
            let r = m.value().filter(|_| matches!(m.metric.as_str(), "pearson" | "spearman"))?;
            Some(r.abs() <= 1.0)
        });
        check.top_one_is_at_most_top_five();
        check.hits_rise();
        check.metrics_stand_once();
        check.equal_counts();
    }
    findings
}

fn in_unit_range(measurement: &Measurement, unit: Unit, high: f64) -> Option<bool> {
    let value = measurement.value().filter(|_| measurement.unit == unit)?;
    Some((-ROUNDING..=high + ROUNDING).contains(&value))
}

/// value · n / 100 is a whole number, up to the rounding of the division that formed it.
fn counts_samples(measurement: &Measurement) -> Option<bool> {
    let is_count =
        COUNTED.contains(&metric_of(&measurement.metric)) && measurement.unit == Unit::Percent;
    let hits = measurement.value().filter(|_| is_count)? * measurement.n as f64 / 100.0;
    Some((hits - hits.round()).abs() <= ROUNDING * measurement.n.max(1) as f64)
}

fn interval_holds_value(measurement: &Measurement) -> Option<bool> {
    let (value, interval) = (measurement.value()?, measurement.interval()?);
    // Ends and value are rounded separately; at 100 % they are the same number before rounding.
    let slack = ROUNDING * value.abs().max(1.0);
    Some((interval.low.get() - slack..=interval.high.get() + slack).contains(&value))
}

/// One data set under inspection.
struct RunCheck<'a> {
    dataset: &'a DatasetMeasurements,
    findings: &'a mut Findings,
}

impl RunCheck<'_> {
    fn measurements(&self) -> impl Iterator<Item = (&MeasuredModel, &Measurement)> {
        self.dataset
            .models
            .iter()
            .flat_map(|model| model.measurements.iter().map(move |m| (model, m)))
    }

    /// Applies a law to every measurement it speaks of (`None` where it does not).
    fn each(&mut self, law: &str, holds: impl Fn(&Measurement) -> Option<bool>) {
        let results: Vec<(String, String, Option<f64>, u64, bool)> = self
            .measurements()
            .filter_map(|(model, m)| {
                Some((model.key.clone(), m.metric.clone(), m.value(), m.n, holds(m)?))
            })
            .collect();
        let mut broken = Vec::new();
        for (model, metric, value, n, holds) in &results {
            if !holds {
                broken
                    .push(format!("{model} {metric} = {} with n = {n}", value.unwrap_or_default()));
                self.fail(model, metric);
            }
        }
        self.report(law, results.len(), &broken);
    }

    fn fail(&mut self, model: &str, metric: &str) {
        self.findings.failed.insert((
            self.dataset.dataset.clone(),
            model.to_owned(),
            metric.to_owned(),
        ));
    }

    fn top_one_is_at_most_top_five(&mut self) {
        for [first, fifth] in TOP_ONE_AND_FIVE {
            let hits = |e: &MeasuredModel| Some((e.key.clone(), e.value(first)?, e.value(fifth)?));
            let pairs: Vec<_> = self.dataset.models.iter().filter_map(hits).collect();
            let mut broken = Vec::new();
            for (model, top_one, top_five) in &pairs {
                if top_one > top_five {
                    broken.push(format!("{model}: {first} {top_one}, {fifth} {top_five}"));
                    self.fail(model, first);
                    self.fail(model, fifth);
                }
            }
            self.report("top-1 <= top-5", pairs.len(), &broken);
        }
    }

    fn hits_rise(&mut self) {
        let (mut total, mut broken) = (0, Vec::new());
        for (low, high) in pairs_of_hits() {
            let both = |m: &MeasuredModel| Some((m.key.clone(), m.value(low)?, m.value(high)?));
            let found: Vec<_> = self.dataset.models.iter().filter_map(both).collect();
            total += found.len();
            for (model, smaller, larger) in found {
                if smaller > larger + ROUNDING {
                    broken.push(format!("{model}: {low} {smaller}, {high} {larger}"));
                    self.fail(&model, low);
                    self.fail(&model, high);
                }
            }
        }
        self.report(HITS_LAW, total, &broken);
    }

    /// Of two measurements of one metric, nothing tells which is meant.
    fn metrics_stand_once(&mut self) {
        let mut broken = Vec::new();
        let models = &self.dataset.models;
        for model in models {
            let mut seen = BTreeSet::new();
            for measurement in &model.measurements {
                if !seen.insert(measurement.metric.as_str()) {
                    broken.push(format!("{}: {}", model.key, measurement.metric));
                    self.fail(&model.key, &measurement.metric);
                }
            }
        }
        self.report("a model has each metric once", models.len(), &broken);
    }

    /// Adds a check of this data set, unless there was nothing to check.
    fn report(&mut self, law: &str, total: usize, broken: &[String]) {
        if total > 0 {
            let subject = format!("data set {}", self.dataset.dataset);
            self.findings.add(law, subject, total, broken);
        }
    }

    /// Where counts differ, nothing tells which is right, so the metric is invalid for every model.
    fn equal_counts(&mut self) {
        let metrics: BTreeSet<String> =
            self.measurements().map(|(_, m)| m.metric.clone()).collect();
        for metric in metrics {
            let counted: Vec<(String, u64)> = self
                .measurements()
                .filter(|(_, m)| m.metric == metric && m.value().is_some())
                .map(|(model, m)| (model.key.clone(), m.n))
                .collect();
            let counts: BTreeSet<u64> = counted.iter().map(|(_, n)| *n).collect();
            let mut broken = Vec::new();
            if counts.len() > 1 {
                for (model, n) in &counted {
                    broken.push(format!("{model} has n = {n}"));
                    self.fail(model, &metric);
                }
            }
            if !counted.is_empty() {
                let subject = format!("data set {}, {metric}", self.dataset.dataset);
                self.findings.add("all models have the same n", subject, counted.len(), &broken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_metrics::{Absence, AbsenceReason, Finite, Interval};
    use std::collections::BTreeMap;

    fn measured(metric: &str, value: f64, unit: Unit, n: u64) -> Measurement {
        Measurement::of(metric, value, unit, n, "test")
    }

    fn run(models: Vec<(&str, Vec<Measurement>)>) -> RunMeasurements {
        let models = models.into_iter().map(|(key, measurements)| MeasuredModel {
            key: key.to_owned(),
            label: key.to_owned(),
            family: String::new(),
            measurements,
        });
        let dataset = DatasetMeasurements {
            dataset: "d".to_owned(),
            samples: 10,
            samples_in_dataset: 10,
            methods: BTreeMap::new(),
            models: models.collect(),
        };
        RunMeasurements {
            schema: 1,
            suite: "s".to_owned(),
            suite_version: 1,
            suite_content_sha256: String::new(),
            datasets: vec![dataset],
        }
    }

    /// The law that one bad measurement breaks, if exactly one does.
    fn broken_law(measurement: Measurement) -> Option<String> {
        let metric = measurement.metric.clone();
        let findings = check_run(&run(vec![("a", vec![measurement])]));
        let broken: Vec<_> = findings.checks.iter().filter(|check| !check.holds).collect();
        assert_eq!(findings.is_invalid("d", "a", &metric), !broken.is_empty());
        assert!(broken.len() <= 1, "{broken:?}");
        broken.first().map(|check| check.law.clone())
    }

    #[test]
    fn each_law_is_broken_by_its_own_case() {
        let law = |metric, value, unit| broken_law(measured(metric, value, unit, 300));
        assert_eq!(law("accuracy", 61.0, Unit::Percent), None);
        assert_eq!(law("accuracy", 100.0 * 200.0 / 300.0, Unit::Percent), None);
        assert_eq!(law("accuracy", 61.1, Unit::Percent).unwrap(), "accuracy x n is an integer");
        assert_eq!(law("accuracy", 101.0, Unit::Percent).unwrap(), "a percentage lies in [0, 100]");
        assert_eq!(law("recall", 1.5, Unit::Fraction).unwrap(), "a fraction lies in [0, 1]");
        assert_eq!(law("LDS", 2.1, Unit::None).unwrap(), "LDS lies in [-2.000, 2.000]");
        assert_eq!(law("CDS", 0.39, Unit::None).unwrap(), "CDS lies in [-0.381, 0.381]");
        assert_eq!(law("SRSS", -2.1, Unit::None).unwrap(), "SRSS lies in [-2.000, 2.000]");
        assert_eq!(law("RMSC", 1.1, Unit::None).unwrap(), "RMSC lies in [0.000, 1.000]");
        assert_eq!(law("pearson", -1.1, Unit::None).unwrap(), "|r| <= 1");
        assert_eq!(law("MRR", 1.0, Unit::None), None);
        assert_eq!(law("MRR", 0.0, Unit::None).unwrap(), "MRR lies in (0, 1]");
        assert_eq!(law("MRR|pooled", 1.1, Unit::None).unwrap(), "MRR lies in (0, 1]");
        assert_eq!(law("H@5", -0.1, Unit::None).unwrap(), "H@5 lies in [0.000, 1.000]");
        assert_eq!(
            law("accuracy|linear", 61.1, Unit::Percent).unwrap(),
            "accuracy x n is an integer"
        );
        let interval = Interval {
            low: Finite::new(0.2).unwrap(),
            high: Finite::new(0.3).unwrap(),
            level: 0.95,
            method: "student-t".to_owned(),
        };
        let outside = measured("LDS", 0.1, Unit::None, 3).with_interval(Some(interval));
        assert_eq!(broken_law(outside).unwrap(), "the interval holds the value");
    }

    #[test]
    fn a_large_count_is_still_told_from_its_neighbour() {
        let n = 50_000;
        assert_eq!(
            broken_law(measured("accuracy", 100.0 * 33_333.0 / 50_000.0, Unit::Percent, n)),
            None
        );
        assert!(
            broken_law(measured("accuracy", 100.0 * 33_333.4 / 50_000.0, Unit::Percent, n))
                .is_some()
        );
    }

    #[test]
    fn hits_do_not_fall_and_each_hit_at_one_counts_fully() {
        let scores = |h1, h5, mrr| {
            let of = |metric, value| measured(metric, value, Unit::None, 10);
            check_run(&run(vec![("a", vec![of("H@1", h1), of("H@5", h5), of("MRR", mrr)])]))
        };
        assert!(scores(0.2, 0.5, 0.3).checks.iter().all(|check| check.holds));
        let findings = scores(0.6, 0.5, 0.7);
        assert!(findings.is_invalid("d", "a", "H@1") && findings.is_invalid("d", "a", "H@5"));
        assert!(!findings.is_invalid("d", "a", "MRR"));
        assert!(scores(0.4, 0.5, 0.3).is_invalid("d", "a", "MRR"));
    }

    #[test]
    fn a_printed_zero_is_a_rounded_number() {
        let header = crate::cells::CELL_HEADER.join(",");
        let broken = |lines: &str| {
            let cells = crate::cells::read_cells("c", &format!("{header}\n{lines}")).unwrap();
            let checks = check_printed(&cells, &[]).checks;
            checks.into_iter().filter(|check| !check.holds).map(|c| c.law).collect::<Vec<_>>()
        };
        assert!(broken("t,a,MRR|x,0.00,none,reported,s,\n").is_empty());
        assert_eq!(broken("t,a,MRR,1.01,none,reported,s,\n"), ["MRR lies in (0, 1]"]);
        assert_eq!(broken("t,a,MRR,-0.01,none,reported,s,\n"), ["MRR lies in (0, 1]"]);
        let hits = "t,a,H@1,0.30,none,reported,s,\nt,a,MRR,0.29,none,reported,s,\n";
        assert!(broken(hits).is_empty());
        let hits = "t,a,H@1,0.31,none,reported,s,\nt,a,MRR,0.29,none,reported,s,\n";
        assert_eq!(broken(hits), [HITS_LAW]);
    }

    #[test]
    fn laws_between_measurements() {
        let accuracy = |value| measured("accuracy", value, Unit::Percent, 10);
        let top_five = |value| measured("top-5", value, Unit::Percent, 10);
        let findings = check_run(&run(vec![("a", vec![accuracy(70.0), top_five(60.0)])]));
        assert!(
            findings.is_invalid("d", "a", "accuracy") && findings.is_invalid("d", "a", "top-5")
        );

        let findings = check_run(&run(vec![("a", vec![accuracy(70.0), accuracy(60.0)])]));
        assert!(findings.is_invalid("d", "a", "accuracy"));

        let lds = |n| measured("LDS", 0.1, Unit::None, n);
        let findings = check_run(&run(vec![
            ("a", vec![lds(10), accuracy(70.0)]),
            ("b", vec![lds(9), accuracy(50.0)]),
        ]));
        assert!(findings.is_invalid("d", "a", "LDS") && findings.is_invalid("d", "b", "LDS"));
        assert!(!findings.is_invalid("d", "a", "accuracy"));

        let absence = Absence::new(AbsenceReason::MissingInput, "no masks");
        let absent = Measurement::absent("LDS", Unit::None, 0, "test", absence);
        assert!(
            check_run(&run(vec![("a", vec![lds(10)]), ("b", vec![absent])]))
                .checks
                .iter()
                .all(|c| c.holds)
        );
    }
}
