//! Derived claims, with every reference resolved to cells: what `schema::DerivedGroup` says, checked against the data.

use crate::cells::{Cell, CellPlace, CorrelationRow};
use crate::evaluation::Provenance;
use crate::schema::{
    BestMean, CellSet, CurvePair, DefinitionError, DefinitionText, DerivedClaim, DerivedGroup,
    Formula, PointSet, StagedLoss,
};
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// A group whose claims are resolved.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedGroup {
    pub(crate) claims: Vec<ResolvedClaim>,
}

/// A claim: positions instead of names.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedClaim {
    pub(crate) stated: StatedAt,
    pub(crate) by: ResolvedFormula,
}

/// Where a number is stated: a position in the suite's cells or correlations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatedAt {
    Cell(usize),
    Correlation(usize),
}

/// A formula over positions in the suite's cells. Sets are never empty.
#[derive(Clone, Debug)]
pub(crate) enum ResolvedFormula {
    Equal(usize),
    Difference(usize, usize),
    Maximum(Vec<usize>),
    Minimum(Vec<usize>),
    Range(Vec<usize>),
    Mean(Vec<usize>),
    Sum(Vec<usize>),
    Share(usize, usize),
    /// For each row the cells to choose from, the same columns in each, and the cell that should be their mean.
    BestMean(Vec<(Vec<usize>, usize)>),
    /// Cells, and for each the number of its qualifier.
    Argmax(Vec<(usize, f64)>),
    Drop {
        cells: Vec<usize>,
        to: usize,
    },
    Correlation {
        kind: Coefficient,
        x: Vec<usize>,
        y: Vec<usize>,
    },
    CurveCorrelation {
        kind: Coefficient,
        pair: ResolvedPair,
    },
    CurveDistance(ResolvedPair),
    /// For each point the cells of value, target and width.
    StagedLoss(Vec<[usize; 3]>),
    Huber {
        value: f64,
        target: f64,
        delta: f64,
    },
    UniformAttention {
        conditioning: u64,
        queries: u64,
    },
    ChanceMrr {
        bank: u64,
    },
    ChanceHits {
        bank: u64,
        within: u64,
    },
    SmallestBank {
        below: f64,
    },
    Unknown(String),
}

/// Two curves: cells in order, never empty; equally many where they are not resampled.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedPair {
    pub(crate) x: Vec<usize>,
    pub(crate) y: Vec<usize>,
    pub(crate) points: Option<usize>,
}

impl ResolvedFormula {
    /// The cells of the arithmetic.
    pub(crate) fn cells(&self) -> Vec<usize> {
        match self {
            Self::Equal(index) => vec![*index],
            Self::Difference(first, second) | Self::Share(first, second) => vec![*first, *second],
            Self::Maximum(set)
            | Self::Minimum(set)
            | Self::Range(set)
            | Self::Mean(set)
            | Self::Sum(set) => set.clone(),
            Self::BestMean(rows) => {
                rows.iter().flat_map(|(cells, to)| cells.iter().chain([to])).copied().collect()
            }
            Self::CurveCorrelation { pair, .. } | Self::CurveDistance(pair) => {
                pair.x.iter().chain(&pair.y).copied().collect()
            }
            Self::StagedLoss(points) => points.iter().flatten().copied().collect(),
            Self::Argmax(set) => set.iter().map(|(index, _)| *index).collect(),
            Self::Drop { cells, to } => cells.iter().copied().chain([*to]).collect(),
            Self::Correlation { x, y, .. } => x.iter().chain(y).copied().collect(),
            Self::Huber { .. }
            | Self::UniformAttention { .. }
            | Self::ChanceMrr { .. }
            | Self::ChanceHits { .. }
            | Self::SmallestBank { .. }
            | Self::Unknown(_) => Vec::new(),
        }
    }
}

/// The weaker ones among provenances, the weakest first.
const WEAK: [Provenance; 2] = [Provenance::Secondary, Provenance::Digitised];

/// The weakest of these provenances, if it is secondary or digitised.
pub(crate) fn weakest(provenances: impl Iterator<Item = Provenance> + Clone) -> Option<Provenance> {
    WEAK.into_iter().find(|weak| provenances.clone().any(|provenance| provenance == *weak))
}

/// Which correlation coefficient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coefficient {
    Pearson,
    Spearman,
}

/// What resolving needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    pub(crate) place: DefinitionText<'a>,
    pub(crate) cells: &'a [Cell],
    pub(crate) correlations: &'a [CorrelationRow],
}

type Resolved<T> = Result<T, Box<DefinitionError>>;

impl Resolver<'_> {
    /// Resolves a group.
    pub(crate) fn group(self, group: &DerivedGroup) -> Resolved<ResolvedGroup> {
        if group.claims.is_empty() {
            return Err(self.place.error(group.id.span(), "`claim` is empty; name at least one"));
        }
        let claims = group.claims.iter().map(|claim| self.claim(claim)).collect::<Resolved<_>>()?;
        Ok(ResolvedGroup { claims })
    }

    fn claim(self, claim: &DerivedClaim) -> Resolved<ResolvedClaim> {
        let stated = match (&claim.cell, &claim.correlation) {
            (Some(cell), None) => StatedAt::Cell(self.cell(cell)?),
            (None, Some(key)) => {
                let wanted = key.get_ref();
                let is_wanted = |row: &CorrelationRow| {
                    row.figure == wanted.figure
                        && wanted.x.as_ref().is_none_or(|x| *x == row.x)
                        && wanted.y.as_ref().is_none_or(|y| *y == row.y)
                        && row.subset == wanted.subset
                        && row.coefficient == wanted.coefficient
                };
                let mut hits = (0..self.correlations.len())
                    .filter(|&index| is_wanted(&self.correlations[index]));
                match (hits.next(), hits.next()) {
                    (Some(index), None) => StatedAt::Correlation(index),
                    _ => {
                        let problem = "expected keys of exactly one line of the correlations file";
                        return Err(self.place.error(key.span(), problem));
                    }
                }
            }
            _ => {
                let problem = "a claim is stated either in a `cell` or in a `correlation`";
                return Err(self.place.error(claim.by.span(), problem));
            }
        };
        Ok(ResolvedClaim { stated, by: self.formula(&claim.by)? })
    }

    fn formula(self, formula: &Spanned<Formula>) -> Resolved<ResolvedFormula> {
        let span = formula.span();
        let refuse = |problem: &str| self.place.error(span.clone(), problem);
        let set = |set: &CellSet| {
            let found = self.set(set).map_err(|column| {
                refuse(&format!("no cell of the row stands in column `{column}`"))
            })?;
            if found.is_empty() { Err(refuse("no cell stands there")) } else { Ok(found) }
        };
        Ok(match formula.get_ref() {
            Formula::Equal(cell) => ResolvedFormula::Equal(self.cell(cell)?),
            Formula::Difference([minuend, subtrahend]) => {
                ResolvedFormula::Difference(self.cell(minuend)?, self.cell(subtrahend)?)
            }
            Formula::Maximum(cells) => ResolvedFormula::Maximum(set(cells)?),
            Formula::Minimum(cells) => ResolvedFormula::Minimum(set(cells)?),
            Formula::Range(cells) => ResolvedFormula::Range(set(cells)?),
            Formula::Mean(cells) => ResolvedFormula::Mean(set(cells)?),
            Formula::Sum(places) if places.is_empty() => {
                return Err(refuse("a sum needs at least one cell"));
            }
            Formula::Sum(places) => ResolvedFormula::Sum(
                places.iter().map(|place| self.cell(place)).collect::<Resolved<_>>()?,
            ),
            Formula::Share([part, whole]) => {
                let (part, whole) = (self.cell(part)?, self.cell(whole)?);
                if self.cells[whole].number.value() <= 0.0 {
                    return Err(refuse("the second cell of a share must be above 0"));
                }
                ResolvedFormula::Share(part, whole)
            }
            Formula::BestMean(choice) => self.best_mean(choice).map_err(|why| refuse(&why))?,
            Formula::CurvePearson(pair) => ResolvedFormula::CurveCorrelation {
                kind: Coefficient::Pearson,
                pair: self.pair(pair).map_err(|why| refuse(&why))?,
            },
            Formula::CurveSpearman(pair) => ResolvedFormula::CurveCorrelation {
                kind: Coefficient::Spearman,
                pair: self.pair(pair).map_err(|why| refuse(&why))?,
            },
            Formula::CurveDistance(pair) => {
                ResolvedFormula::CurveDistance(self.pair(pair).map_err(|why| refuse(&why))?)
            }
            Formula::StagedLoss(loss) => self.staged_loss(loss, &refuse)?,
            Formula::Huber { value, target, delta } => {
                let is_sound = value.is_finite() && target.is_finite() && delta.is_finite();
                if !is_sound || *delta <= 0.0 {
                    return Err(refuse("expected finite numbers and a `delta` above 0"));
                }
                ResolvedFormula::Huber { value: *value, target: *target, delta: *delta }
            }
            Formula::UniformAttention { conditioning, queries } => {
                if !(1..=MOST_TOKENS).contains(conditioning) || !(1..=MOST_TOKENS).contains(queries)
                {
                    return Err(refuse(&format!("expected 1 to {MOST_TOKENS} tokens each")));
                }
                ResolvedFormula::UniformAttention { conditioning: *conditioning, queries: *queries }
            }
            Formula::Argmax { cells, along } => {
                let place = |index: usize| {
                    let cell = &self.cells[index];
                    let number = qualifier(&cell.column, along).or(qualifier(&cell.row, along));
                    number.map(|number| (index, number)).ok_or_else(|| {
                        refuse(&format!(
                            "`{} / {}` has no number as qualifier `{along}`",
                            cell.row, cell.column
                        ))
                    })
                };
                ResolvedFormula::Argmax(
                    set(cells)?.into_iter().map(place).collect::<Resolved<_>>()?,
                )
            }
            Formula::Drop { cells, to } => {
                ResolvedFormula::Drop { cells: set(cells)?, to: self.cell(to)? }
            }
            Formula::Pearson(points) => {
                self.points(Coefficient::Pearson, points).ok_or_else(|| refuse(NO_POINTS))?
            }
            Formula::Spearman(points) => {
                self.points(Coefficient::Spearman, points).ok_or_else(|| refuse(NO_POINTS))?
            }
            Formula::ChanceMrr { bank } if *bank > 0 => ResolvedFormula::ChanceMrr { bank: *bank },
            Formula::ChanceHits { bank, within } if (1..=*bank).contains(within) => {
                ResolvedFormula::ChanceHits { bank: *bank, within: *within }
            }
            Formula::SmallestBank { below } if *below > 0.0 && *below <= 1.0 => {
                ResolvedFormula::SmallestBank { below: *below }
            }
            Formula::ChanceMrr { .. } | Formula::ChanceHits { .. } => {
                return Err(refuse("expected 1 <= `within` <= `bank`"));
            }
            Formula::SmallestBank { .. } => {
                return Err(refuse("expected a number above 0 and at most 1"));
            }
            Formula::Unknown(reason) if reason.is_empty() => {
                return Err(refuse("say why the number cannot be recomputed"));
            }
            Formula::Unknown(reason) => ResolvedFormula::Unknown(reason.clone()),
        })
    }

    fn cell(self, text: &Spanned<String>) -> Resolved<usize> {
        let refuse = |problem: &str| self.place.error(text.span(), problem);
        let place = CellPlace::parse(text.get_ref())
            .ok_or_else(|| refuse("expected `table / row / column`, as `table-2 / A / gFID`"))?;
        let found = self.cells.iter().position(|cell| place.holds(cell));
        found.ok_or_else(|| refuse("no cell stands there"))
    }

    /// The cells of a set; of listed columns the first cell each, or the column that has none.
    fn set(self, set: &CellSet) -> Result<Vec<usize>, String> {
        let all: Vec<usize> =
            (0..self.cells.len()).filter(|&index| set.holds(&self.cells[index])).collect();
        if set.columns.is_empty() {
            return Ok(all);
        }
        let first = |column: &String| {
            let found = all.iter().find(|&&index| self.cells[index].column == *column);
            found.copied().ok_or_else(|| column.clone())
        };
        set.columns.iter().map(first).collect()
    }

    fn best_mean(self, choice: &BestMean) -> Result<ResolvedFormula, String> {
        let (rows, columns) = (choice.rows.len(), choice.columns.len());
        if rows == 0 || !(1..=MOST_CHOICES).contains(&columns) {
            return Err(format!("expected at least one row and 1 to {MOST_CHOICES} columns"));
        }
        let row = |row: &String| {
            let of = |columns: &[String]| {
                let set = CellSet {
                    table: choice.table.clone(),
                    row: Some(row.clone()),
                    column: None,
                    columns: columns.to_vec(),
                };
                self.set(&set).map_err(|column| format!("`{row}` has no cell in `{column}`"))
            };
            let to = of(std::slice::from_ref(&choice.to))?;
            let to = to.first().copied().ok_or_else(|| format!("`{row}` is no row"))?;
            Ok::<_, String>((of(&choice.columns)?, to))
        };
        Ok(ResolvedFormula::BestMean(choice.rows.iter().map(row).collect::<Result<_, _>>()?))
    }

    /// The cells of a curve in file order; two cells in one column are no curve.
    fn curve(self, table: &str, row: &str) -> Result<Vec<usize>, String> {
        let is_own = |index: &usize| {
            let cell = &self.cells[*index];
            cell.table == table && cell.row == row
        };
        let own: Vec<usize> = (0..self.cells.len()).filter(is_own).collect();
        let columns: BTreeSet<&str> =
            own.iter().map(|&index| self.cells[index].column.as_str()).collect();
        if own.is_empty() || columns.len() != own.len() {
            return Err(format!("`{table} / {row}` is no curve: one cell a column, at least one"));
        }
        Ok(own)
    }

    fn pair(self, pair: &CurvePair) -> Result<ResolvedPair, String> {
        let (x, y) = (self.curve(&pair.table, &pair.x)?, self.curve(&pair.table, &pair.y)?);
        let points = match pair.points {
            None if x.len() != y.len() => {
                return Err(format!(
                    "the curves have {} and {} points; say to how many `points` both are resampled",
                    x.len(),
                    y.len()
                ));
            }
            None => None,
            Some(points) => Some(
                usize::try_from(points)
                    .ok()
                    .filter(|points| (2..=MOST_POINTS).contains(points))
                    .ok_or_else(|| format!("expected 2 to {MOST_POINTS} `points`"))?,
            ),
        };
        Ok(ResolvedPair { x, y, points })
    }

    fn staged_loss(
        self,
        loss: &StagedLoss,
        refuse: &dyn Fn(&str) -> Box<DefinitionError>,
    ) -> Resolved<ResolvedFormula> {
        let curve = self.curve(&loss.curve.table, &loss.curve.row).map_err(|why| refuse(&why))?;
        let mut points = Vec::with_capacity(curve.len());
        for stage in &loss.stages {
            let (target, delta) = (self.cell(&stage.target)?, self.cell(&stage.delta)?);
            if self.cells[delta].number.value() <= 0.0 {
                return Err(refuse("the width of a Huber loss must be above 0"));
            }
            let end = stage.through.map_or(curve.len(), |last| last.saturating_add(1));
            if end < points.len() {
                return Err(refuse("the stages must follow each other"));
            }
            let own = curve.iter().skip(points.len()).take(end - points.len());
            let own: Vec<_> = own.map(|&value| [value, target, delta]).collect();
            points.extend(own);
        }
        if points.len() != curve.len() {
            return Err(refuse("the stages leave out the end of the curve"));
        }
        Ok(ResolvedFormula::StagedLoss(points))
    }

    /// The cells of both columns for each row that has them; `None` if a listed row has not, or there are none.
    fn points(self, kind: Coefficient, points: &PointSet) -> Option<ResolvedFormula> {
        let mut rows: BTreeMap<&str, [Option<usize>; 2]> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        for (index, cell) in self.cells.iter().enumerate() {
            let axis = [&points.x, &points.y].iter().position(|column| **column == cell.column);
            let Some(axis) = axis.filter(|_| cell.table == points.table) else { continue };
            let row = rows.entry(&cell.row).or_insert_with(|| {
                order.push(&cell.row);
                [None; 2]
            });
            // Where a row prints a number twice, the first counts, as in its table.
            row[axis] = row[axis].or(Some(index));
        }
        let wanted: Vec<&str> = match points.rows.as_slice() {
            [] => order,
            listed => listed.iter().map(String::as_str).collect(),
        };
        let pairs = wanted.into_iter().map(|row| match rows.get(row)? {
            [Some(x), Some(y)] => Some((*x, *y)),
            _ => None,
        });
        let (x, y): (Vec<usize>, Vec<usize>) =
            pairs.collect::<Option<Vec<_>>>()?.into_iter().unzip();
        (!x.is_empty()).then_some(ResolvedFormula::Correlation { kind, x, y })
    }
}

/// Most columns of which every choice is tried: a million choices.
const MOST_CHOICES: usize = 20;
/// Most points that a curve is resampled to, and most tokens of a sequence: sums over them stay short.
const MOST_POINTS: usize = 10_000;
const MOST_TOKENS: u64 = 1_000_000;

const NO_POINTS: &str = "a row lacks one of the two columns, or there is no row";

/// The number of the qualifier `key=…` among the parts of a key.
pub(crate) fn qualifier(text: &str, key: &str) -> Option<f64> {
    let value = text.split('|').find_map(|part| part.strip_prefix(key)?.strip_prefix('='))?;
    value.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::qualifier;

    #[test]
    fn qualifiers_are_numbers_of_parts() {
        assert_eq!(qualifier("accuracy|linear-probe|d=16", "d"), Some(16.0));
        assert_eq!(qualifier("encoder-blocks=9", "encoder-blocks"), Some(9.0));
        assert_eq!(qualifier("accuracy|id=16", "d"), None);
        assert_eq!(qualifier("accuracy|d=nan", "d"), None);
        assert_eq!(qualifier("accuracy", "d"), None);
    }
}
