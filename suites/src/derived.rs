//! Derived claims, with every reference resolved to cells: what `schema::DerivedGroup` says, checked against the data.

use crate::cells::{Cell, CellPlace, CorrelationRow};
use crate::evaluation::Provenance;
use crate::schema::{
    CellSet, DefinitionError, DefinitionText, DerivedClaim, DerivedGroup, Formula, PointSet,
};
use std::collections::BTreeMap;
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

impl ResolvedFormula {
    /// The cells of the arithmetic.
    pub(crate) fn cells(&self) -> Vec<usize> {
        match self {
            Self::Equal(index) => vec![*index],
            Self::Difference(minuend, subtrahend) => vec![*minuend, *subtrahend],
            Self::Maximum(set) | Self::Minimum(set) | Self::Range(set) => set.clone(),
            Self::Argmax(set) => set.iter().map(|(index, _)| *index).collect(),
            Self::Drop { cells, to } => cells.iter().copied().chain([*to]).collect(),
            Self::Correlation { x, y, .. } => x.iter().chain(y).copied().collect(),
            Self::ChanceMrr { .. }
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
            let found = self.set(set);
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

    fn set(self, set: &CellSet) -> Vec<usize> {
        let holds = |cell: &Cell| {
            cell.table == set.table
                && set.row.as_ref().is_none_or(|row| *row == cell.row)
                && set.column.as_ref().is_none_or(|column| *column == cell.column)
        };
        (0..self.cells.len()).filter(|&index| holds(&self.cells[index])).collect()
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
