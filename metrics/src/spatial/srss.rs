//! Semantic region self-similarity.

use super::gram::GramSums;
use super::lanes::Lanes;
use super::{Lattice, SpatialOptions};
use crate::Finite;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why an image has no SRSS. The released code makes it NaN and leaves it out of the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SrssAbsence {
    /// No mask was given.
    NoMask,
    /// The mask has fewer than 2 object tokens.
    FewerThanTwoObjectTokens,
    /// The mask has no background token.
    NoBackground,
    /// The object or the background has too small a share of the tokens (`KeptImages`).
    NotKept,
    /// No object token has both an object token near and a background token far.
    NoAnchor,
}

impl fmt::Display for SrssAbsence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMask => "no mask",
            Self::FewerThanTwoObjectTokens => "fewer than 2 object tokens",
            Self::NoBackground => "no background token",
            Self::NotKept => "object or background below its smallest share",
            Self::NoAnchor => "no anchor",
        })
    }
}

/// SRSS = 1/|A| Σ over a ∈ A of (mean of K(a, p) over positives p − mean of K(a, n) over negatives n).
///
/// Positives of an anchor are object tokens with 1 ≤ d ≤ near, negatives are background tokens with d ≥ far; A holds
/// the object tokens that have at least one of each. A pure number in [-2, 2]; 0 for equal tokens.
pub(super) fn srss(sums: &GramSums, anchors: &Anchors) -> Result<Finite, SrssAbsence> {
    match anchors.absence {
        Some(absence) => Err(absence),
        None => {
            Finite::new(sums.contrast / anchors.anchors.len() as f64).ok_or(SrssAbsence::NoAnchor)
        }
    }
}

/// The anchors that a mask gives, with their partners.
#[derive(Clone, Debug, Default)]
pub(super) struct Anchors {
    anchors: Vec<Anchor>,
    /// Token indices that the anchors' ranges point into.
    partners: Vec<usize>,
    background: Vec<usize>,
    absence: Option<SrssAbsence>,
}

#[derive(Clone, Debug)]
struct Anchor {
    token: usize,
    /// Positives: `partners[start..middle]`.
    start: usize,
    middle: usize,
    /// Background tokens that are too near to be negatives: `partners[middle..end]`.
    end: usize,
    inverse_positives: f64,
    inverse_negatives: f64,
}

impl Anchors {
    /// Forgets the last mask and takes this one, of one value per token.
    pub(super) fn set(
        &mut self,
        mask: Option<&[bool]>,
        lattice: Lattice,
        options: &SpatialOptions,
    ) {
        self.anchors.clear();
        self.partners.clear();
        self.background.clear();
        self.absence = match mask {
            Some(mask) => self.fill(mask, lattice, options).err(),
            None => Some(SrssAbsence::NoMask),
        };
    }

    fn fill(
        &mut self,
        mask: &[bool],
        lattice: Lattice,
        options: &SpatialOptions,
    ) -> Result<(), SrssAbsence> {
        let foreground = mask.iter().filter(|&&object| object).count();
        let background = mask.len() - foreground;
        if foreground < 2 {
            return Err(SrssAbsence::FewerThanTwoObjectTokens);
        }
        if background == 0 {
            return Err(SrssAbsence::NoBackground);
        }
        if !options.kept_images.keeps(foreground, background) {
            return Err(SrssAbsence::NotKept);
        }
        for token in (0..mask.len()).filter(|&token| mask[token]) {
            self.push(token, mask, background, lattice, options);
        }
        if self.anchors.is_empty() {
            return Err(SrssAbsence::NoAnchor);
        }
        self.background.extend((0..mask.len()).filter(|&token| !mask[token]));
        Ok(())
    }

    fn push(
        &mut self,
        token: usize,
        mask: &[bool],
        background: usize,
        lattice: Lattice,
        options: &SpatialOptions,
    ) {
        let start = self.partners.len();
        let near = |reach| within(lattice, token, reach).filter(move |&partner| partner != token);
        self.partners.extend(near(options.srss_near).filter(|&partner| mask[partner]));
        let middle = self.partners.len();
        self.partners.extend(near(options.srss_far - 1).filter(|&partner| !mask[partner]));
        let end = self.partners.len();
        let (positives, negatives) = (middle - start, background - (end - middle));
        if positives == 0 || negatives == 0 {
            self.partners.truncate(start);
            return;
        }
        let (inverse_positives, inverse_negatives) =
            (1.0 / positives as f64, 1.0 / negatives as f64);
        self.anchors.push(Anchor {
            token,
            start,
            middle,
            end,
            inverse_positives,
            inverse_negatives,
        });
    }

    /// Σ over anchors of u_a · (mean positive − mean negative) for one block of channels.
    ///
    /// The sum of the negatives is the whole background minus its near part, which is the smaller list.
    #[inline(always)]
    pub(super) fn contrast(&self, block: &[Lanes]) -> Lanes {
        let background = sum_of(block, &self.background);
        let mut contrast = Lanes::ZERO;
        for anchor in &self.anchors {
            let positives = sum_of(block, &self.partners[anchor.start..anchor.middle]);
            let negatives = background - sum_of(block, &self.partners[anchor.middle..anchor.end]);
            let difference = positives * Lanes::splat(anchor.inverse_positives)
                - negatives * Lanes::splat(anchor.inverse_negatives);
            contrast = contrast + block[anchor.token] * difference;
        }
        contrast
    }
}

/// Two sums run side by side, because one alone would wait for each addition.
#[inline(always)]
fn sum_of(block: &[Lanes], tokens: &[usize]) -> Lanes {
    let (pairs, rest) = tokens.as_chunks::<2>();
    let [mut even, mut odd] = [Lanes::ZERO; 2];
    for &[first, second] in pairs {
        even = even + block[first];
        odd = odd + block[second];
    }
    for &token in rest {
        even = even + block[token];
    }
    even + odd
}

/// The tokens at Manhattan distance `reach` or less from `token`, itself included, in reading order.
fn within(lattice: Lattice, token: usize, reach: usize) -> impl Iterator<Item = usize> {
    let (row, column) = (token / lattice.columns, token % lattice.columns);
    let rows = row.saturating_sub(reach)..lattice.rows.min(row + reach + 1);
    rows.flat_map(move |other| {
        let across = reach - row.abs_diff(other);
        let columns = column.saturating_sub(across)..lattice.columns.min(column + across + 1);
        columns.map(move |column| other * lattice.columns + column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbourhoods_equal_enumeration() {
        let lattice = Lattice { rows: 5, columns: 7 };
        for (token, reach) in [(0, 2), (17, 3), (34, 20), (6, 0)] {
            let expected: Vec<usize> =
                (0..35).filter(|&other| lattice.distance(token, other) <= reach).collect();
            assert_eq!(within(lattice, token, reach).collect::<Vec<_>>(), expected);
        }
    }
}
