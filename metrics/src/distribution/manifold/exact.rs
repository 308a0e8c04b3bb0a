//! Decisions that are those of `f64`, at the price of 16-bit integers or of `f32`: see [`super::filter`].

use super::filter::{
    Bounded, BoundedPair, Bounds, Precision, Scale, Sieve, nearest_bound, squared_distance,
};
use super::shortlist::{Candidate, Shortlist};
use super::{Boundary, Hit, Manifold, ManifoldOptions};
use crate::distribution::features::Rows;
use crate::distribution::tiles::{self, SIDE, Tile};
use crate::executor::{Executor, map};
use std::cell::{Cell, OnceCell};

/// Of how many pairs of a tile one may need `f64` before wider bounds cost more than they save.
const PAIRS_PER_DOUBT: usize = 64;

pub(super) fn manifold(
    reference: Rows<'_>,
    samples: Rows<'_>,
    options: &ManifoldOptions,
    executor: &dyn Executor,
) -> Manifold {
    let pair = BoundedPair::new(reference, samples, executor);
    let precision = pair.fastest();
    manifold_of(&pair, precision, options, executor)
}

/// No result depends on the precision.
fn manifold_of(
    pair: &BoundedPair<'_>,
    precision: Precision,
    options: &ManifoldOptions,
    executor: &dyn Executor,
) -> Manifold {
    let radii = |set: &Bounded<'_>| {
        let neighbours = Neighbours { set, scale: pair.scale, k: options.k };
        Radii::new(neighbours.squared_radii(precision, executor), pair.scale)
    };
    let comparison = Comparison {
        pair,
        reference_radii: radii(&pair.reference),
        sample_radii: radii(&pair.samples),
        boundary: options.boundary,
    };
    let (rows, columns) = (pair.reference.original.len(), pair.samples.original.len());
    let mut manifold = Manifold::empty(*options, rows, columns);
    let mut tiler = Tiler { precision };
    for wave in tiles::rectangle(rows, columns, SIDE).chunks(tiles::WAVE) {
        let found = tiler.run(wave, executor, |tile, work| comparison.hits(tile, work));
        found.iter().for_each(|hits| manifold.add(hits));
    }
    manifold
}

/// Takes tiles with integer products as long as these decide nearly all pairs.
struct Tiler {
    precision: Precision,
}

impl Tiler {
    /// The results of all tiles, in their order. `task` returns `None` where [`Work::is_wasted`].
    fn run<T: Send + Sync>(
        &mut self,
        tiles: &[Tile],
        executor: &dyn Executor,
        task: impl Fn(&Tile, &Work) -> Option<T> + Sync,
    ) -> Vec<T> {
        let precision = self.precision;
        let results = map(executor, tiles.len(), |index| {
            let tile = &tiles[index];
            let first = task(tile, &Work::new(tile, precision));
            let single = precision == Precision::Single;
            let kept = first.is_some() || single;
            // In `f32` no work counts as wasted: there is always a result.
            let result = first.or_else(|| task(tile, &Work::new(tile, Precision::Single)));
            (result, kept)
        });
        let kept = results.iter().filter(|(_, kept)| *kept).count();
        if 2 * kept < tiles.len() {
            self.precision = Precision::Single;
        }
        results.into_iter().filter_map(|(result, _)| result).collect()
    }
}

/// What a tile has cost beyond its products.
struct Work {
    precision: Precision,
    doubts: Cell<usize>,
    most_doubts: usize,
}

impl Work {
    fn new(tile: &Tile, precision: Precision) -> Self {
        let most_doubts = match precision {
            Precision::Integer => tile.rows.len() * tile.columns.len() / PAIRS_PER_DOUBT,
            Precision::Single => usize::MAX,
        };
        Self { precision, doubts: Cell::new(0), most_doubts }
    }

    /// Counts a distance that is computed in `f64`.
    fn doubt(&self) {
        self.doubts.set(self.doubts.get() + 1);
    }

    /// Whether products in `f32`, with their tighter bounds, would have been cheaper.
    fn is_wasted(&self) -> bool {
        self.doubts.get() > self.most_doubts
    }
}

/// The search for the k nearest other rows of every row of a set, which has more than k.
struct Neighbours<'a> {
    set: &'a Bounded<'a>,
    scale: Scale,
    k: usize,
}

impl Neighbours<'_> {
    /// The squared distance of every row to its k-th nearest other row.
    fn squared_radii(&self, precision: Precision, executor: &dyn Executor) -> Vec<f64> {
        let rows = self.set.original.len();
        let mut shortlists = vec![Shortlist::new(self.k, f32::INFINITY); rows];
        // The tiles on the diagonal come first: with the thresholds from there, few pairs of the others pass.
        let (diagonal, others): (Vec<Tile>, Vec<Tile>) =
            tiles::triangle(rows, SIDE).into_iter().partition(Tile::is_diagonal);
        let mut tiler = Tiler { precision };
        for wave in std::iter::once(diagonal.as_slice()).chain(others.chunks(tiles::WAVE)) {
            let found =
                tiler.run(wave, executor, |tile, work| self.of_tile(tile, &shortlists, work));
            for (row, candidate) in found.into_iter().flatten() {
                shortlists[row].push(candidate, |other| self.resolve(row, other));
            }
            // So that the next wave starts from the tightest thresholds.
            shortlists.iter_mut().for_each(Shortlist::prune);
        }
        let bands: Vec<&[Shortlist]> = shortlists.chunks(SIDE).collect();
        let radii = map(executor, bands.len(), |band| -> Vec<f64> {
            let first = band * SIDE;
            let rows = bands[band].iter().enumerate();
            rows.map(|(row, shortlist)| self.kth_distance(first + row, shortlist.clone())).collect()
        });
        radii.into_iter().flatten().collect()
    }

    fn distance(&self, row: usize, other: usize) -> f64 {
        squared_distance(self.set.original.row(row), self.set.original.row(other))
    }

    fn resolve(&self, row: usize, other: usize) -> (f64, Candidate) {
        let distance = self.distance(row, other);
        let (lower, upper) = (self.scale.below(distance), self.scale.above(distance));
        (distance, Candidate { lower, upper, index: other })
    }

    fn kth_distance(&self, row: usize, mut shortlist: Shortlist) -> f64 {
        shortlist.prune();
        let mut distances: Vec<f64> = shortlist
            .candidates()
            .iter()
            .map(|candidate| self.distance(row, candidate.index))
            .collect();
        distances.sort_unstable_by(f64::total_cmp);
        // A shortlist never holds fewer than k of the others, of which there are at least k.
        distances.get(self.k - 1).copied().unwrap_or(f64::INFINITY)
    }

    /// Candidates of the tile's rows among its columns, and of its columns among its rows.
    fn of_tile(
        &self,
        tile: &Tile,
        known: &[Shortlist],
        work: &Work,
    ) -> Option<Vec<(usize, Candidate)>> {
        let (set, k) = (self.set, self.k);
        let Bounds { lower: own_lower, upper: own_upper } = set.bounds(work.precision);
        let mut products = set.products(set, tile, work.precision);
        if tile.is_diagonal() {
            // No row is its own neighbour: this puts it infinitely far away.
            (0..tile.rows.len())
                .for_each(|row| products[row * (tile.columns.len() + 1)] = f32::NEG_INFINITY);
        }
        let fresh = |rows: &std::ops::Range<usize>| -> Vec<Shortlist> {
            known[rows.clone()].iter().map(|known| Shortlist::new(k, known.threshold())).collect()
        };
        let (mut of_rows, mut of_columns) = (fresh(&tile.rows), fresh(&tile.columns));
        let mut thresholds: Vec<f32> = of_columns.iter().map(Shortlist::threshold).collect();
        if tile.is_diagonal() {
            // Every pair comes twice, once from each side, so that the rows alone see all.
            thresholds.fill(f32::NEG_INFINITY);
        }
        let (lower, upper) = (&own_lower[tile.columns.clone()], &own_upper[tile.columns.clone()]);
        let resolve = |row: usize, other: usize| {
            work.doubt();
            self.resolve(row, other)
        };
        let mut found = Vec::new();
        for (position, products) in products.chunks_exact(tile.columns.len()).enumerate() {
            let row = tile.rows.start + position;
            if of_rows[position].threshold() == f32::INFINITY {
                let threshold = nearest_bound(products, own_upper[row], upper, k);
                of_rows[position] = Shortlist::new(k, threshold);
            }
            Sieve {
                products,
                own_lower: own_lower[row],
                lower,
                own_threshold: of_rows[position].threshold(),
                thresholds: &thresholds,
                found: &mut found,
            }
            .run();
            for &place in &found {
                let column = tile.columns.start + place;
                if column == row {
                    continue;
                }
                let bounds = Candidate {
                    lower: (own_lower[row] + lower[place]) - 2.0 * products[place],
                    upper: (own_upper[row] + upper[place]) - 2.0 * products[place],
                    index: column,
                };
                of_rows[position].push(bounds, |other| resolve(row, other));
                if !tile.is_diagonal() {
                    let bounds = Candidate { index: row, ..bounds };
                    of_columns[place].push(bounds, |other| resolve(column, other));
                    thresholds[place] = of_columns[place].threshold();
                }
            }
            if work.is_wasted() {
                return None;
            }
        }
        let with_indices = |first: usize, lists: Vec<Shortlist>| {
            lists.into_iter().enumerate().flat_map(move |(position, mut list)| {
                list.prune();
                let candidates = list.candidates().to_vec();
                candidates.into_iter().map(move |candidate| (first + position, candidate))
            })
        };
        let of_rows = with_indices(tile.rows.start, of_rows);
        Some(of_rows.chain(with_indices(tile.columns.start, of_columns)).collect())
    }
}

/// Squared radii of a set with what bounds them.
struct Radii {
    squared: Vec<f64>,
    above: Vec<f32>,
    below: Vec<f32>,
}

impl Radii {
    fn new(squared: Vec<f64>, scale: Scale) -> Self {
        let above = squared.iter().map(|&radius| scale.above(radius)).collect();
        let below = squared.iter().map(|&radius| scale.below(radius)).collect();
        Self { squared, above, below }
    }
}

/// Who lies in whose ball.
struct Comparison<'a> {
    pair: &'a BoundedPair<'a>,
    reference_radii: Radii,
    sample_radii: Radii,
    boundary: Boundary,
}

impl Comparison<'_> {
    fn hits(&self, tile: &Tile, work: &Work) -> Option<Vec<Hit>> {
        let (reference, samples) = (&self.pair.reference, &self.pair.samples);
        let products = reference.products(samples, tile, work.precision);
        let (of_rows, of_columns) =
            (reference.bounds(work.precision), samples.bounds(work.precision));
        let mut found = Vec::new();
        let mut hits = Vec::new();
        for (position, products) in products.chunks_exact(tile.columns.len()).enumerate() {
            let row = tile.rows.start + position;
            Sieve {
                products,
                own_lower: of_rows.lower[row],
                lower: &of_columns.lower[tile.columns.clone()],
                own_threshold: self.reference_radii.above[row],
                thresholds: &self.sample_radii.above[tile.columns.clone()],
                found: &mut found,
            }
            .run();
            let pairs = found.iter().map(|&place| {
                let column = tile.columns.start + place;
                let distance = DistanceBounds {
                    lower: (of_rows.lower[row] + of_columns.lower[column]) - 2.0 * products[place],
                    upper: (of_rows.upper[row] + of_columns.upper[column]) - 2.0 * products[place],
                };
                self.compare(row, column, &distance, work)
            });
            hits.extend(pairs.filter(|hit| hit.in_reference_ball || hit.in_sample_ball));
            if work.is_wasted() {
                return None;
            }
        }
        Some(hits)
    }

    fn compare(&self, row: usize, column: usize, bounds: &DistanceBounds, work: &Work) -> Hit {
        let exact = OnceCell::new();
        let inside = |radii: &Radii, index: usize| {
            if bounds.lower > radii.above[index] {
                return false;
            }
            if bounds.upper < radii.below[index] {
                return true;
            }
            let distance = *exact.get_or_init(|| {
                work.doubt();
                let (reference, samples) = (&self.pair.reference, &self.pair.samples);
                squared_distance(reference.original.row(row), samples.original.row(column))
            });
            match self.boundary {
                Boundary::Closed => distance <= radii.squared[index],
                Boundary::Open => distance < radii.squared[index],
            }
        };
        Hit {
            reference: row,
            sample: column,
            in_reference_ball: inside(&self.reference_radii, row),
            in_sample_ball: inside(&self.sample_radii, column),
        }
    }
}

/// What a squared distance lies between.
struct DistanceBounds {
    lower: f32,
    upper: f32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Sequential;
    use crate::random::Stream;

    const WIDTH: usize = 24;

    /// Rows that are hard to tell apart with wide bounds.
    fn rows(kind: &str, seed: u64, count: usize) -> Vec<f32> {
        let mut stream = Stream::new(seed, kind, 0);
        let value = |row: usize, column: usize, uniform: f64| match kind {
            // Neighbours are nearer than the bounds are wide.
            "tight clusters" => 1000.0 * ((row % 5 * (column + 3)) % 7) as f64 + uniform,
            // All distances of rows with unlike places nearly the same.
            "corners" => {
                if row % WIDTH == column {
                    1.0 + 1e-4 * uniform
                } else {
                    0.0
                }
            }
            "ties" => (uniform * 3.0).floor(),
            "unlike lengths" => uniform * 10_f64.powi(-(row as i32 % 30)),
            _ => uniform,
        };
        (0..count * WIDTH)
            .map(|index| value(index / WIDTH, index % WIDTH, stream.uniform()) as f32)
            .collect()
    }

    /// Straight from the definition, in `f64`.
    fn radii(rows: Rows<'_>, k: usize) -> Vec<f64> {
        (0..rows.len())
            .map(|row| {
                let others = (0..rows.len()).filter(|&other| other != row);
                let mut distances: Vec<f64> =
                    others.map(|other| squared_distance(rows.row(row), rows.row(other))).collect();
                distances.sort_by(f64::total_cmp);
                distances[k - 1]
            })
            .collect()
    }

    fn brute_force(reference: Rows<'_>, samples: Rows<'_>, options: &ManifoldOptions) -> Manifold {
        let (of_reference, of_samples) = (radii(reference, options.k), radii(samples, options.k));
        let mut manifold = Manifold::empty(*options, reference.len(), samples.len());
        for (row, &of_reference) in of_reference.iter().enumerate() {
            for (sample, &of_sample) in of_samples.iter().enumerate() {
                let distance = squared_distance(reference.row(row), samples.row(sample));
                let inside = |radius: f64| match options.boundary {
                    Boundary::Closed => distance <= radius,
                    Boundary::Open => distance < radius,
                };
                manifold.add(&[Hit {
                    reference: row,
                    sample,
                    in_reference_ball: inside(of_reference),
                    in_sample_ball: inside(of_sample),
                }]);
            }
        }
        manifold
    }

    #[test]
    fn no_result_depends_on_the_precision() {
        for kind in ["tight clusters", "corners", "ties", "unlike lengths", "uniform"] {
            let (reference, samples) = (rows(kind, 1, 1100), rows(kind, 2, 600));
            let (reference, samples) = (Rows::new(&reference, WIDTH), Rows::new(&samples, WIDTH));
            let pair = BoundedPair::new(reference, samples, &Sequential);
            for boundary in [Boundary::Closed, Boundary::Open] {
                let options = ManifoldOptions { k: 4, boundary, ..ManifoldOptions::default() };
                let expected = brute_force(reference, samples, &options);
                for precision in [Precision::Integer, Precision::Single] {
                    let actual = manifold_of(&pair, precision, &options, &Sequential);
                    assert_eq!(actual, expected, "{kind}, {precision:?}");
                }
            }
        }
    }

    #[test]
    fn bounds_hold_the_distances() {
        for kind in ["tight clusters", "corners", "ties", "unlike lengths", "uniform"] {
            let (reference, samples) = (rows(kind, 3, 100), rows(kind, 4, 90));
            let (reference, samples) = (Rows::new(&reference, WIDTH), Rows::new(&samples, WIDTH));
            let pair = BoundedPair::new(reference, samples, &Sequential);
            let tile = Tile { rows: 0..100, columns: 0..90 };
            for precision in [Precision::Integer, Precision::Single] {
                let products = pair.reference.products(&pair.samples, &tile, precision);
                let (rows, columns) =
                    (pair.reference.bounds(precision), pair.samples.bounds(precision));
                for (index, product) in products.into_iter().enumerate() {
                    let (row, column) = (index / 90, index % 90);
                    let distance = squared_distance(reference.row(row), samples.row(column));
                    let lower = (rows.lower[row] + columns.lower[column]) - 2.0 * product;
                    let upper = (rows.upper[row] + columns.upper[column]) - 2.0 * product;
                    assert!(lower <= pair.scale.above(distance), "{kind}, {precision:?}");
                    assert!(upper >= pair.scale.below(distance), "{kind}, {precision:?}");
                }
            }
        }
    }

    #[test]
    fn tiles_whose_work_is_wasted_are_done_again_and_change_the_precision() {
        let wave = tiles::rectangle(SIDE * 3, SIDE, SIDE);
        let mut tiler = Tiler { precision: Precision::Integer };
        let wasted = |tile: &Tile, work: &Work, from: usize| {
            let wasted = work.precision == Precision::Integer && tile.rows.start >= from;
            (!wasted).then_some(tile.rows.start)
        };
        let starts = [0, SIDE, 2 * SIDE];
        let one = tiler.run(&wave, &Sequential, |tile, work| wasted(tile, work, 2 * SIDE));
        assert_eq!((one.as_slice(), tiler.precision), (&starts[..], Precision::Integer));
        let two = tiler.run(&wave, &Sequential, |tile, work| wasted(tile, work, SIDE));
        assert_eq!((two.as_slice(), tiler.precision), (&starts[..], Precision::Single));
        let work = Work::new(&Tile { rows: 0..64, columns: 0..10 }, Precision::Integer);
        (0..10).for_each(|_| work.doubt());
        assert!(!work.is_wasted());
        work.doubt();
        assert!(work.is_wasted());
    }
}
