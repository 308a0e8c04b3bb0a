//! Root mean square contrast.

use super::Lattice;
use super::gram::GramSums;

/// RMSC = √(1/T Σ |u_t - ū|²), the distance of the unit tokens from their mean ū.
///
/// A pure number in [0, 1]; 0 for equal tokens. For tokens of unit length RMSC² = 1 − |ū|², a law that the tests use; the
/// formula itself is kept because the law cancels where tokens are nearly equal.
pub(super) fn rmsc(sums: &GramSums, lattice: Lattice) -> f64 {
    (sums.spread / lattice.tokens() as f64).sqrt()
}
