//! How much a correlation leans on single points.

use super::centred::{CentredPairs, SecondMoments};

/// Pearson's r without each point in turn: (index, r without it), in index order. A point without which one side no
/// longer varies is left out of the list.
///
/// Removing point i from centred sums is the exact update S' = S - n/(n - 1) · dᵢ²; where the point holds nearly all of
/// a sum the update would cancel, and the sums are formed anew. That is so for at most one point a side, so the whole
/// list costs O(n).
pub(super) fn without_each(x: &[f64], y: &[f64], centred: &CentredPairs) -> Vec<(usize, f64)> {
    let total = centred.second_moments();
    (0..x.len())
        .filter_map(|index| {
            let moments =
                removed(&total, centred, index).unwrap_or_else(|| recomputed(x, y, index));
            Some((index, moments.pearson()?))
        })
        .collect()
}

/// The downdated sums, or `None` if more than three digits would cancel.
fn removed(total: &SecondMoments, centred: &CentredPairs, index: usize) -> Option<SecondMoments> {
    const LARGEST_SHARE: f64 = 0.999;
    let n = centred.x.deviations.len() as f64;
    let factor = n / (n - 1.0);
    let (x, y) = (centred.x.deviations[index], centred.y.deviations[index]);
    let (xx, xy, yy) = (factor * x * x, factor * x * y, factor * y * y);
    if xx > LARGEST_SHARE * total.xx || yy > LARGEST_SHARE * total.yy {
        return None;
    }
    Some(SecondMoments { xx: total.xx - xx, xy: total.xy - xy, yy: total.yy - yy })
}

fn recomputed(x: &[f64], y: &[f64], without: usize) -> SecondMoments {
    let others = (0..x.len()).filter(|&index| index != without).map(|index| (x[index], y[index]));
    CentredPairs::of(others).second_moments()
}
