//! Printed numbers that follow from other printed numbers: which, and how.

use crate::cells::Cell;
use serde::Deserialize;
use toml::Spanned;

/// Numbers that belong together, such as the steps of one table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedGroup {
    /// Id, unique among tables, figures, pictures and groups of derived numbers.
    pub id: Spanned<String>,
    /// `Table 3, steps`.
    pub label: String,
    /// What is recomputed, one sentence.
    pub title: String,
    /// The numbers, in print order.
    #[serde(rename = "claim")]
    pub claims: Vec<DerivedClaim>,
}

/// A number that is stated somewhere, and how it follows from others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedClaim {
    /// The cell that states it: `table / row / column`. Where several cells stand there, the first of the data file.
    pub cell: Option<Spanned<String>>,
    /// The row of the correlations file that states it, where no cell does.
    pub correlation: Option<Spanned<CorrelationKey>>,
    /// How it is recomputed.
    pub by: Spanned<Formula>,
}

/// Names one row of the correlations file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationKey {
    /// `figure` of the row.
    pub figure: String,
    /// Its abscissa, where figure, subset and coefficient name several rows.
    pub x: Option<String>,
    /// Its ordinate, likewise.
    pub y: Option<String>,
    /// Its subset.
    pub subset: String,
    /// `pearson`, `spearman`, `unspecified`.
    pub coefficient: String,
}

/// How a number follows from printed ones.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Formula {
    /// The same number stands in this cell.
    Equal(Spanned<String>),
    /// The first cell minus the second.
    Difference([Spanned<String>; 2]),
    /// The largest of these cells.
    Maximum(CellSet),
    /// The smallest.
    Minimum(CellSet),
    /// The largest minus the smallest.
    Range(CellSet),
    /// Their mean.
    Mean(CellSet),
    /// The sum of these cells.
    Sum(Vec<Spanned<String>>),
    /// The first cell in percent of the second.
    Share([Spanned<String>; 2]),
    /// The least that the largest difference over rows can be between one column and the plain mean of some other columns:
    /// every non-empty choice of columns is tried.
    BestMean(BestMean),
    /// Where the largest of these cells stands: the number of the qualifier `along` in its key.
    Argmax {
        /// The cells.
        cells: CellSet,
        /// Key of the qualifier: `d` in `accuracy|d=16`.
        along: String,
    },
    /// The largest of these cells minus one of them.
    Drop {
        /// The cells.
        cells: CellSet,
        /// Place of the one.
        to: Spanned<String>,
    },
    /// Pearson correlation of two columns over rows of a table.
    Pearson(PointSet),
    /// Spearman correlation, mean ranks for ties.
    Spearman(PointSet),
    /// Pearson correlation of two curves.
    CurvePearson(CurvePair),
    /// Spearman correlation of two curves, mean ranks for ties.
    CurveSpearman(CurvePair),
    /// Mean absolute difference of two curves.
    CurveDistance(CurvePair),
    /// Mean over the points of a curve of a Huber loss whose target and width change in stages.
    StagedLoss(StagedLoss),
    /// One Huber loss: d² / 2 up to |d| = delta, then delta |d| - delta² / 2.
    Huber {
        /// What is compared.
        value: f64,
        /// With what.
        target: f64,
        /// Width of the square part, above 0.
        delta: f64,
    },
    /// Mean attention mass on the first `conditioning` tokens of each of the next `queries` tokens, where every token
    /// attends uniformly to itself and all before it.
    UniformAttention {
        /// T, at least 1.
        conditioning: u64,
        /// Q, at least 1.
        queries: u64,
    },
    /// Expected mean reciprocal rank of a target among `bank` candidates under uniform ranks: H_N / N.
    ChanceMrr {
        /// N, at least 1.
        bank: u64,
    },
    /// Expected share of targets among the first `within` of `bank` candidates under uniform ranks.
    ChanceHits {
        /// N, at least 1.
        bank: u64,
        /// k, 1 to N.
        within: u64,
    },
    /// The smallest N whose H_N / N is below this number.
    SmallestBank {
        /// Above 0, at most 1.
        below: f64,
    },
    /// Not at all, and why, one sentence.
    Unknown(String),
}

/// Cells of one row or one column of a table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellSet {
    /// Table of the data file.
    pub table: String,
    /// The row; every row if absent.
    pub row: Option<String>,
    /// The column; every column if absent.
    pub column: Option<String>,
    /// These columns alone, the first cell in each; for a set of one row.
    #[serde(default)]
    pub columns: Vec<String>,
}

impl CellSet {
    /// Whether it has this cell.
    #[must_use]
    pub fn holds(&self, cell: &Cell) -> bool {
        cell.table == self.table
            && self.row.as_ref().is_none_or(|row| *row == cell.row)
            && self.column.as_ref().is_none_or(|column| *column == cell.column)
            && (self.columns.is_empty() || self.columns.contains(&cell.column))
    }
}

/// A choice of columns whose plain mean should come near to another column.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestMean {
    /// Table of the data file.
    pub table: String,
    /// Row keys.
    pub rows: Vec<String>,
    /// The columns to choose from, at most 20.
    pub columns: Vec<String>,
    /// The column that should be their mean.
    pub to: String,
}

/// A curve: the numbers of a row in file order, one a column.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Table of the data file.
    pub table: String,
    /// The row.
    pub row: String,
}

/// Two curves of one table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePair {
    /// Table of the data file.
    pub table: String,
    /// Row of the first curve.
    pub x: String,
    /// Row of the second.
    pub y: String,
    /// Both curves are resampled linearly to so many points; where absent they have equally many as they stand.
    pub points: Option<u64>,
}

/// A curve and the stages of its targets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagedLoss {
    /// The curve; its first point has number 0.
    pub curve: Curve,
    /// The stages in order; together they have every point.
    pub stages: Vec<Stage>,
}

/// Points of a curve with one target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Number of the last point; the last of the curve if absent.
    pub through: Option<usize>,
    /// Place of the target.
    pub target: Spanned<String>,
    /// Place of the Huber width.
    pub delta: Spanned<String>,
}

/// Points: two columns over rows of a table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointSet {
    /// Table of the data file.
    pub table: String,
    /// Column of the abscissa.
    pub x: String,
    /// Column of the ordinate.
    pub y: String,
    /// Row keys; every row if absent.
    #[serde(default)]
    pub rows: Vec<String>,
}
