//! Local distance similarity.

use super::gram::GramSums;
use super::{Lattice, SpatialOptions};

/// LDS = mean K over ordered pairs with 1 ≤ d ≤ near − mean K over ordered pairs with d ≥ far.
///
/// A pure number in [-2, 2]; 0 for equal tokens. The caller has checked that the lattice has pairs of both kinds.
pub(super) fn lds(sums: &GramSums, lattice: Lattice, options: &SpatialOptions) -> f64 {
    let near = 1..=options.lds_near;
    let near_pairs: u64 = near.clone().map(|distance| lattice.ordered_pairs(distance)).sum();
    let near_mean = sums.at_distance[near].iter().sum::<f64>() / near_pairs as f64;

    let nearer = 0..options.lds_far;
    let all_pairs = (lattice.tokens() as u64).pow(2);
    let far_pairs =
        all_pairs - nearer.clone().map(|distance| lattice.ordered_pairs(distance)).sum::<u64>();
    let far_mean = (sums.all - sums.at_distance[nearer].iter().sum::<f64>()) / far_pairs as f64;

    near_mean - far_mean
}
