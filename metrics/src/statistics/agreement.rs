//! How far two raters who put the same items into categories agree beyond chance.

use super::correlation::LEVEL;
use super::fisher::normal_quantile_two_sided;
use crate::{Absence, AbsenceReason, Finite, Interval, Measurement, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Cohen's kappa of n items. Every number in it is finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CohenKappa {
    /// Number of items, at least 1.
    pub n: usize,
    /// κ = (observed - chance) / (1 - chance), in [-1, 1].
    pub kappa: f64,
    /// Share of items that both raters put into the same category, in [0, 1].
    pub observed: f64,
    /// Share expected of raters that keep their own frequencies and know nothing of each other, in [0, 1).
    pub chance: f64,
    /// 95 % interval, κ ± 1.96 standard errors within [-1, 1]; `None` where the standard error is 0, which says nothing.
    pub interval: Option<Interval>,
}

/// Unweighted kappa of the pairs (`first[i]`, `second[i]`) of categories (Cohen 1960), with the large-sample standard error of
/// Fleiss, Cohen and Everitt (1969, eq. 13): the one for an interval, not the one for a test of κ = 0.
///
/// # Errors
/// An absence if the lengths differ, there is no item, or both raters use one and the same category throughout, which leaves κ
/// undefined (0/0).
pub fn cohen_kappa<Category: Ord>(
    first: &[Category],
    second: &[Category],
) -> Result<CohenKappa, Absence> {
    if first.len() != second.len() {
        let detail = format!(
            "the first rater has {} items and the second {}; kappa needs the same items",
            first.len(),
            second.len()
        );
        return Err(Absence::new(AbsenceReason::MissingInput, detail));
    }
    let n = first.len();
    if n == 0 {
        return Err(Absence::new(AbsenceReason::TooFewSamples, "no items that both raters judged"));
    }
    let table = Table::of(first, second);
    let (observed, chance) = (table.observed(), table.chance());
    // Marginal shares of counts are exact here only if one category holds everything.
    if table.rows.len() == 1 && table.columns.len() == 1 && observed == 1.0 {
        let detail =
            format!("both raters put all {n} items into one category, so kappa is undefined");
        return Err(Absence::new(AbsenceReason::Undefined, detail));
    }
    let kappa = (observed - chance) / (1.0 - chance);
    let error = table.standard_error(kappa, chance);
    Ok(CohenKappa { n, kappa, observed, chance, interval: interval(kappa, error) })
}

fn interval(kappa: f64, error: f64) -> Option<Interval> {
    if error == 0.0 {
        return None;
    }
    let half = normal_quantile_two_sided(LEVEL) * error;
    Some(Interval {
        low: Finite::new((kappa - half).max(-1.0))?,
        high: Finite::new((kappa + half).min(1.0))?,
        level: LEVEL,
        method: "fleiss-cohen-everitt".to_owned(),
    })
}

/// A variance times n below this is a zero with rounding errors.
const ROUNDING: f64 = 1e-13;

/// Shares of items by both raters' categories.
struct Table<'a, Category> {
    cells: BTreeMap<(&'a Category, &'a Category), f64>,
    rows: BTreeMap<&'a Category, f64>,
    columns: BTreeMap<&'a Category, f64>,
    n: f64,
}

impl<'a, Category: Ord> Table<'a, Category> {
    fn of(first: &'a [Category], second: &'a [Category]) -> Self {
        let n = first.len() as f64;
        let mut table =
            Self { cells: BTreeMap::new(), rows: BTreeMap::new(), columns: BTreeMap::new(), n };
        for pair in first.iter().zip(second) {
            *table.cells.entry(pair).or_default() += 1.0;
            *table.rows.entry(pair.0).or_default() += 1.0;
            *table.columns.entry(pair.1).or_default() += 1.0;
        }
        for share in table
            .cells
            .values_mut()
            .chain(table.rows.values_mut())
            .chain(table.columns.values_mut())
        {
            *share /= n;
        }
        table
    }

    fn observed(&self) -> f64 {
        self.cells.iter().filter(|((row, column), _)| row == column).map(|(_, share)| share).sum()
    }

    fn chance(&self) -> f64 {
        self.rows.iter().map(|(category, share)| share * self.column(category)).sum()
    }

    fn row(&self, category: &Category) -> f64 {
        self.rows.get(category).copied().unwrap_or_default()
    }

    fn column(&self, category: &Category) -> f64 {
        self.columns.get(category).copied().unwrap_or_default()
    }

    /// √{[Σᵢ pᵢᵢ(1 - (pᵢ. + p.ᵢ)(1 - κ))² + (1 - κ)² Σᵢ≠ⱼ pᵢⱼ(p.ᵢ + pⱼ.)² - (κ - pₑ(1 - κ))²] / n} / (1 - pₑ)
    fn standard_error(&self, kappa: f64, chance: f64) -> f64 {
        let rest = 1.0 - kappa;
        let mut sum = -(kappa - chance * rest).powi(2);
        for ((row, column), share) in &self.cells {
            sum += if row == column {
                share * (1.0 - (self.row(row) + self.column(row)) * rest).powi(2)
            } else {
                share * (rest * (self.column(row) + self.row(column))).powi(2)
            };
        }
        // What the rounding of the terms, all of the order of 1, may leave of a zero.
        let sum = if sum > ROUNDING { sum } else { 0.0 };
        (sum / self.n).sqrt() / (1.0 - chance)
    }
}

impl CohenKappa {
    /// κ with its interval under `metric`.
    #[must_use]
    pub fn measurement(&self, metric: impl Into<String>) -> Measurement {
        Measurement::of(metric, self.kappa, Unit::None, self.n as u64, KAPPA_METHOD)
            .with_interval(self.interval.clone())
    }
}

/// How κ is computed, for measurements and absences.
pub const KAPPA_METHOD: &str = "Cohen's kappa, unweighted";
