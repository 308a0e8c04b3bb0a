//! Printed numbers that follow from other printed numbers: which, and how.

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
