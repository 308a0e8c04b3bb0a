//! Derived claims: stated numbers recomputed from printed ones, without any run.
//!
//! Verdicts, in this order:
//! - not-run: the number cannot be recomputed, and the explanation says why;
//! - identical: what the arithmetic gives, rounded, shows the stated digits;
//! - within-numeric: the difference is no larger than print rounding can make it, that of the stated number and of every
//!   number in the arithmetic;
//! - outside-worse: otherwise. Neither side of an identity is better.
//!
//! Coefficients are judged as those of figures are (see `claim`).

use super::Evaluation;
use crate::cells::Cell;
use crate::chance;
use crate::claim::{self, Coordinates, PrintedClaim, Subject};
use crate::curve;
use crate::derived::{Coefficient, ResolvedClaim, ResolvedFormula, ResolvedPair, StatedAt};
use crate::evaluation::{
    EvaluatedDerivation, EvaluatedDerivedClaim, Provenance, ReportedValue, Verdict,
};
use crate::labels;
use crate::printed::PrintedNumber;
use crate::schema::{DerivedGroup, Metric};
use retally_metrics::unified::interaction::{huber, uniform_causal};

/// Decimals of a coefficient and of a chance level.
const COMPUTED_DECIMALS: usize = 4;
/// Decimals of a single loss and of a share in percent.
const LOSS_DECIMALS: usize = 5;
const SHARE_DECIMALS: usize = 2;
/// Most numbers that a formula lists one by one.
const LISTED: usize = 20;

/// What an arithmetic gives.
struct Outcome {
    /// The number, or why there is none.
    value: Result<f64, String>,
    /// The arithmetic with its numbers.
    formula: String,
    /// How far print rounding of its numbers may move it.
    half_width: f64,
    decimals: usize,
}

impl<'a> Evaluation<'a> {
    pub(super) fn derived(self) -> Vec<EvaluatedDerivation> {
        let groups = self.suite.definition.derived.iter().zip(&self.suite.derived);
        let group = |(group, resolved): (&DerivedGroup, &'a crate::derived::ResolvedGroup)| {
            EvaluatedDerivation {
                id: group.id.get_ref().clone(),
                label: group.label.clone(),
                title: group.title.clone(),
                claims: resolved.claims.iter().map(|claim| self.derived_claim(claim)).collect(),
            }
        };
        groups.map(group).collect()
    }

    fn derived_claim(self, claim: &ResolvedClaim) -> EvaluatedDerivedClaim {
        let (stated, number, unit) = self.stated(claim.stated);
        let outcome = self.outcome(&claim.by);
        let (verdict, explanation) = match (&claim.by, claim.stated) {
            (
                ResolvedFormula::Correlation { kind: Coefficient::Pearson, x, y },
                StatedAt::Correlation(at),
            ) => self.judge_pearson(at, &self.coordinates(x, y)),
            (
                ResolvedFormula::CurveCorrelation { kind: Coefficient::Pearson, pair },
                StatedAt::Correlation(at),
            ) => self.judge_pearson(at, &self.curve_coordinates(pair)),
            _ => judge(number, &outcome),
        };
        let recomputed = outcome.value.ok();
        EvaluatedDerivedClaim {
            subject: self.subject(claim.stated),
            cell: self.anchor(claim.stated),
            unit,
            formula: outcome.formula,
            inputs: self.inputs(&claim.by),
            recomputed,
            decimals: outcome.decimals.max(number.decimals()),
            difference: recomputed.map(|value| value - number.value()),
            verdict,
            explanation,
            stated,
        }
    }

    fn cell_at(self, index: usize) -> &'a Cell {
        &self.suite.cells[index]
    }

    fn stated(self, at: StatedAt) -> (ReportedValue, &'a PrintedNumber, String) {
        match at {
            StatedAt::Cell(index) => {
                let cell = self.cell_at(index);
                (self.suite.reported(index), &cell.number, cell.unit.clone())
            }
            StatedAt::Correlation(index) => {
                let row = &self.suite.correlations[index];
                let reported = ReportedValue {
                    text: row.number.text().to_owned(),
                    value: row.number.value(),
                    provenance: row.provenance,
                    basis: None,
                    source: row.source.clone(),
                    bound: None,
                    reach: None,
                    note: row.note.clone(),
                };
                (reported, &row.number, "none".to_owned())
            }
        }
    }

    /// What a stated number is: headings of its row and column.
    pub(super) fn subject(self, at: StatedAt) -> String {
        match at {
            StatedAt::Cell(index) => match self.suite.place_of(index) {
                Some([table, row, column]) => {
                    let layout = &self.suite.layouts[table];
                    format!("{}: {}", layout.rows[row].label, layout.columns[column].label)
                }
                None => self.cell_at(index).row.clone(),
            },
            StatedAt::Correlation(index) => {
                let row = &self.suite.correlations[index];
                let name = |key: &str| {
                    let definition = &self.suite.definition;
                    let metric =
                        definition.metric(key).map(|metric: &Metric| metric.label.as_str());
                    labels::readable(key, metric, &definition.qualifiers)
                };
                let (x, y) = (name(&row.x), name(&row.y));
                format!("{} of {x} and {y}, {}", capitalised(&row.coefficient), row.subset)
            }
        }
    }

    /// The id of the cell that states a number.
    pub(super) fn anchor(self, at: StatedAt) -> Option<String> {
        let StatedAt::Cell(index) = at else { return None };
        let [table, row, column] = self.suite.place_of(index)?;
        let layout = &self.suite.layouts[table];
        let anchor = crate::layout::column_anchor(&layout.columns, &layout.columns[column]);
        let id = self.suite.definition.tables[table].id.get_ref();
        Some(labels::cell_id(id, &layout.rows[row].key, &anchor))
    }

    fn inputs(self, formula: &ResolvedFormula) -> Vec<Provenance> {
        let mut found: Vec<Provenance> = Vec::new();
        for index in formula.cells() {
            let provenance = self.cell_at(index).provenance;
            if provenance != Provenance::Reported && !found.contains(&provenance) {
                found.push(provenance);
            }
        }
        found.sort_unstable();
        found
    }

    fn outcome(self, formula: &ResolvedFormula) -> Outcome {
        let value = |index: &usize| self.cell_at(*index).number.value();
        let text = |index: &usize| self.cell_at(*index).number.text().trim_start_matches('+');
        let half_width = |index: &usize| half_width(self.cell_at(*index));
        let widest = |set: &[usize]| set.iter().map(half_width).fold(0.0, f64::max);
        let largest = |set: &[usize]| set.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
        let smallest = |set: &[usize]| set.iter().map(value).fold(f64::INFINITY, f64::min);
        let list = |set: &[usize]| set.iter().map(text).collect::<Vec<_>>().join(", ");
        let shown = formula.cells().into_iter();
        let decimals = shown.map(|index| self.cell_at(index).number.decimals()).max();
        let exact = |value: f64, formula: String, half_width: f64| Outcome {
            value: Ok(value),
            formula,
            half_width,
            decimals: decimals.unwrap_or(0),
        };
        let computed = |value: Result<f64, String>, formula: String| Outcome {
            value,
            formula,
            half_width: 0.0,
            decimals: COMPUTED_DECIMALS,
        };
        match formula {
            ResolvedFormula::Equal(other) => {
                let place = self.subject(StatedAt::Cell(*other));
                let table = self.suite.place_of(*other).map(|[table, ..]| table);
                let label = table.map_or("", |table| &self.suite.definition.tables[table].label);
                exact(
                    value(other),
                    format!("{} in {label}, {place}", text(other)),
                    half_width(other),
                )
            }
            ResolvedFormula::Difference(minuend, subtrahend) => exact(
                value(minuend) - value(subtrahend),
                format!("{} - {}", text(minuend), bracketed(text(subtrahend))),
                half_width(minuend) + half_width(subtrahend),
            ),
            ResolvedFormula::Maximum(set) => {
                exact(largest(set), format!("largest of {}", list(set)), widest(set))
            }
            ResolvedFormula::Minimum(set) => {
                exact(smallest(set), format!("smallest of {}", list(set)), widest(set))
            }
            ResolvedFormula::Range(set) => exact(
                largest(set) - smallest(set),
                format!("largest minus smallest of {}", list(set)),
                2.0 * widest(set),
            ),
            ResolvedFormula::Mean(set) => {
                let count = set.len() as f64;
                let mean = set.iter().map(value).sum::<f64>() / count;
                let room = set.iter().map(half_width).sum::<f64>() / count;
                let formula = match set.len() {
                    ..=LISTED => format!("mean of {}", list(set)),
                    many => format!("mean of {many} numbers"),
                };
                // One digit more than the numbers have: the mean of tenths may be a tie of tenths.
                let mean = exact(mean, formula, room);
                Outcome { decimals: mean.decimals + 1, ..mean }
            }
            ResolvedFormula::Sum(set) => {
                let texts = set.iter().map(text).collect::<Vec<_>>().join(" + ");
                exact(set.iter().map(value).sum(), texts, set.iter().map(half_width).sum())
            }
            ResolvedFormula::Share(part, whole) => {
                let share = value(part) / value(whole);
                let room = (half_width(part) + share * half_width(whole)) / value(whole);
                let formula = format!("100 x {} / {}", text(part), text(whole));
                Outcome { decimals: SHARE_DECIMALS, ..exact(100.0 * share, formula, 100.0 * room) }
            }
            ResolvedFormula::BestMean(rows) => {
                let numbers = |(cells, to): &(Vec<usize>, usize)| {
                    (cells.iter().map(value).collect::<Vec<_>>(), value(to))
                };
                let rows: Vec<_> = rows.iter().map(numbers).collect();
                let found = curve::best_mean(&rows);
                let choices = found.map_or(0, |(_, choices)| choices);
                let formula = format!(
                    "least over {choices} choices of columns of the largest |mean - stated| over {} rows",
                    rows.len()
                );
                computed(found.map(|(least, _)| least).ok_or("No columns.".to_owned()), formula)
            }
            ResolvedFormula::CurveCorrelation { kind, pair } => {
                let points = self.curve_coordinates(pair);
                let formula = format!("over {} points of two curves", points.x.len());
                let found = claim::evaluate(plain_subject(None), &points);
                computed(coefficient(*kind, &found), formula)
            }
            ResolvedFormula::CurveDistance(pair) => {
                let points = self.curve_coordinates(pair);
                let count = points.x.len() as f64;
                let widths = points.x_tolerance.iter().chain(&points.y_tolerance);
                let found = curve::mean_absolute_difference(&points.x, &points.y);
                Outcome {
                    half_width: widths.sum::<f64>() / count,
                    ..computed(
                        found.ok_or("The curves have different lengths.".to_owned()),
                        format!("mean of |difference| over {count} points"),
                    )
                }
            }
            ResolvedFormula::StagedLoss(points) => {
                let count = points.len() as f64;
                let loss =
                    |[i, target, delta]: &[usize; 3]| huber(value(i) - value(target), value(delta));
                let change = |[i, target, delta]: &[usize; 3]| {
                    curve::huber_change(value(i), value(target), value(delta), half_width(i))
                };
                Outcome {
                    half_width: points.iter().map(change).sum::<f64>() / count,
                    ..computed(
                        Ok(points.iter().map(loss).sum::<f64>() / count),
                        format!("mean Huber loss over {count} layers"),
                    )
                }
            }
            ResolvedFormula::Huber { value, target, delta } => {
                let d = (value - target).abs();
                let formula = if d <= *delta {
                    format!("({value} - {target})^2 / 2")
                } else {
                    format!("{delta} |{value} - {target}| - {delta}^2 / 2")
                };
                let loss = huber(value - target, *delta);
                Outcome { decimals: LOSS_DECIMALS, ..computed(Ok(loss), formula) }
            }
            ResolvedFormula::UniformAttention { conditioning: t, queries: q } => computed(
                uniform_causal(*t, 0, *q).ok_or("No queries.".to_owned()),
                format!("({t} / {q}) (H({}) - H({t}))", t + q),
            ),
            ResolvedFormula::Drop { cells, to } => exact(
                largest(cells) - value(to),
                format!("largest of {} minus {}", list(cells), text(to)),
                widest(cells) + half_width(to),
            ),
            ResolvedFormula::Argmax(set) => self.argmax(set),
            ResolvedFormula::Correlation { kind, x, y } => {
                let found = self.correlation(x, y);
                let formula = format!("over {} points", x.len());
                computed(coefficient(*kind, &found), formula)
            }
            ResolvedFormula::ChanceMrr { bank } => computed(
                chance::mean_reciprocal_rank(*bank).ok_or("The bank is too large.".to_owned()),
                format!("(1 + 1/2 + ... + 1/{bank}) / {bank}"),
            ),
            ResolvedFormula::ChanceHits { bank, within } => computed(
                chance::hits(*within, *bank).ok_or("The bank is too small.".to_owned()),
                format!("{within} / {bank}"),
            ),
            ResolvedFormula::SmallestBank { below } => Outcome {
                decimals: 0,
                ..computed(
                    chance::smallest_bank(*below)
                        .map(|bank| bank as f64)
                        .ok_or("No bank of up to a million candidates is large enough.".to_owned()),
                    format!("smallest N with (1 + 1/2 + ... + 1/N) / N < {below}"),
                )
            },
            ResolvedFormula::Unknown(reason) => computed(Err(reason.clone()), String::new()),
        }
    }

    /// Where the largest cell stands; nowhere, if two are equally large.
    fn argmax(self, set: &[(usize, f64)]) -> Outcome {
        let value = |index: usize| self.cell_at(index).number.value();
        let largest = set.iter().map(|(index, _)| value(*index)).fold(f64::NEG_INFINITY, f64::max);
        let mut places = set.iter().filter(|(index, _)| value(*index) == largest);
        let first = places.next().map(|(_, place)| *place);
        let value = match (first, places.next()) {
            (Some(place), None) => Ok(place),
            _ => Err(format!("{largest} stands at several places.")),
        };
        let texts =
            set.iter().map(|(index, at)| format!("{} at {at}", self.cell_at(*index).number));
        let formula = format!("place of the largest of {}", texts.collect::<Vec<_>>().join(", "));
        Outcome { value, formula, half_width: 0.0, decimals: 0 }
    }

    fn correlation(self, x: &[usize], y: &[usize]) -> crate::evaluation::EvaluatedCorrelation {
        claim::evaluate(plain_subject(None), &self.coordinates(x, y))
    }

    fn judge_pearson(self, at: usize, points: &Coordinates) -> (Verdict, String) {
        let row = &self.suite.correlations[at];
        let claim = PrintedClaim { number: &row.number, n: row.n, provenance: row.provenance };
        let found = claim::evaluate(plain_subject(Some(claim)), points);
        let interval = match found.interval {
            Some([low, high]) => format!(" 95 % Fisher interval [{low:.2}, {high:.2}]."),
            None => format!(" {} points are too few for an interval.", found.n),
        };
        (found.verdict.unwrap_or(Verdict::NotRun), format!("{}{interval}", found.explanation))
    }

    /// Two curves, resampled where the claim says so. A number between two points may be off by as much as both, weighted
    /// as it is.
    fn curve_coordinates(self, pair: &ResolvedPair) -> Coordinates {
        let own = self.coordinates(&pair.x, &pair.y);
        let Some(points) = pair.points else {
            return Coordinates { keys: numbered(own.x.len()), ..own };
        };
        Coordinates {
            keys: numbered(points),
            x: curve::resampled(&own.x, points),
            y: curve::resampled(&own.y, points),
            x_tolerance: curve::resampled(&own.x_tolerance, points),
            y_tolerance: curve::resampled(&own.y_tolerance, points),
        }
    }

    fn coordinates(self, x: &[usize], y: &[usize]) -> Coordinates {
        let values = |set: &[usize]| set.iter().map(|&i| self.cell_at(i).number.value()).collect();
        let widths = |set: &[usize]| set.iter().map(|&i| self.cell_at(i).half_width()).collect();
        Coordinates {
            keys: x.iter().map(|&index| self.cell_at(index).row.clone()).collect(),
            x: values(x),
            y: values(y),
            x_tolerance: widths(x),
            y_tolerance: widths(y),
        }
    }
}

fn numbered(points: usize) -> Vec<String> {
    (0..points).map(|point| point.to_string()).collect()
}

fn coefficient(
    kind: Coefficient,
    found: &crate::evaluation::EvaluatedCorrelation,
) -> Result<f64, String> {
    let r = match kind {
        Coefficient::Pearson => found.pearson,
        Coefficient::Spearman => found.spearman,
    };
    r.ok_or_else(|| found.explanation.clone())
}

/// How far rounding or digitising may have moved a number; a count is exact.
fn half_width(cell: &Cell) -> f64 {
    if cell.unit == "count" { 0.0 } else { cell.half_width() }
}

fn plain_subject(claim: Option<PrintedClaim<'_>>) -> Subject<'_> {
    Subject { figure: "", x: "", y: "", claim, incomplete: None, outliers: &[], provenance: None }
}

fn judge(stated: &PrintedNumber, outcome: &Outcome) -> (Verdict, String) {
    let value = match &outcome.value {
        Ok(value) => *value,
        Err(reason) => return (Verdict::NotRun, format!("Cannot be recomputed. {reason}")),
    };
    if stated.is_rounding_of(value) {
        return (Verdict::Identical, "The stated digits.".to_owned());
    }
    let difference = (value - stated.value()).abs();
    let room = stated.last_digit_unit() / 2.0 + outcome.half_width;
    // Decimal numbers and their differences are rounded to binary.
    let slack = 4.0 * f64::EPSILON * value.abs().max(stated.value().abs());
    let size = format!("Off by {difference:.3e}");
    if difference <= room + slack {
        (Verdict::WithinNumeric, format!("{size}: within print rounding ({room:.3e})."))
    } else {
        (Verdict::OutsideWorse, format!("{size}: more than print rounding ({room:.3e}) explains."))
    }
}

/// A negative number after a minus sign stands in brackets.
fn bracketed(text: &str) -> String {
    if text.starts_with('-') { format!("({text})") } else { text.to_owned() }
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + characters.as_str()
    })
}
