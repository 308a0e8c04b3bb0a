//! Correlation decay slope.

use super::gram::GramSums;
use super::{Lattice, SpatialOptions};

/// CDS = − Σ (δ - δ̄) g(δ) / Σ (δ - δ̄)² over δ = 1 … Δ, where g(δ) is the mean of K over ordered pairs at distance δ.
///
/// This is minus the slope of the unweighted least-squares line through the Δ means: cosine lost per token step. A pure
/// number; 0 for equal tokens. The caller has checked that the lattice has pairs at every δ and that Δ ≥ 2.
pub(super) fn cds(sums: &GramSums, lattice: Lattice, options: &SpatialOptions) -> f64 {
    let middle = (options.cds_reach as f64 + 1.0) / 2.0;
    let (mut products, mut squares) = (0.0, 0.0);
    for distance in 1..=options.cds_reach {
        let mean = sums.at_distance[distance] / lattice.ordered_pairs(distance) as f64;
        let offset = distance as f64 - middle;
        products += offset * mean;
        squares += offset * offset;
    }
    -products / squares
}
