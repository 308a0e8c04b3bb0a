//! Decisions that are those of `f64`, at the price of `f32`: see [`super::filter`].

use super::filter::{Bounded, BoundedPair, Scale, Sieve, nearest_bound, squared_distance};
use super::shortlist::{Candidate, Shortlist};
use super::{Boundary, Hit, Manifold, ManifoldOptions};
use crate::distribution::features::Rows;
use crate::distribution::tiles::{self, SIDE, Tile};
use crate::executor::{Executor, map};

pub(super) fn manifold(
    reference: Rows<'_>,
    samples: Rows<'_>,
    options: &ManifoldOptions,
    executor: &dyn Executor,
) -> Manifold {
    let pair = BoundedPair::new(reference, samples);
    let radii = |set: &Bounded<'_>| {
        Radii::new(squared_radii(set, pair.scale, options.k, executor), pair.scale)
    };
    let comparison = Comparison {
        pair: &pair,
        reference_radii: radii(&pair.reference),
        sample_radii: radii(&pair.samples),
        boundary: options.boundary,
    };
    let mut manifold = Manifold::empty(*options, reference.len(), samples.len());
    tiles::for_each(
        executor,
        &tiles::rectangle(reference.len(), samples.len()),
        |tile| comparison.hits(tile),
        |_, hits| manifold.add(&hits),
    );
    manifold
}

/// The squared distance of every row to its k-th nearest other row. The set has more than k rows.
fn squared_radii(set: &Bounded<'_>, scale: Scale, k: usize, executor: &dyn Executor) -> Vec<f64> {
    let rows = set.original.len();
    let mut shortlists = vec![Shortlist::new(k, f32::INFINITY); rows];
    // The tiles on the diagonal come first: with the thresholds from there, few pairs of the others pass.
    let (diagonal, others): (Vec<Tile>, Vec<Tile>) =
        tiles::triangle(rows).into_iter().partition(Tile::is_diagonal);
    for wave in std::iter::once(diagonal.as_slice()).chain(others.chunks(tiles::WAVE)) {
        let found = map(executor, wave.len(), |index| {
            neighbours(set, scale, &wave[index], (k, &shortlists))
        });
        for (row, candidate) in found.into_iter().flatten() {
            shortlists[row].push(candidate, |other| resolve(set, scale, row, other));
        }
        // So that the next wave starts from the tightest thresholds.
        shortlists.iter_mut().for_each(Shortlist::prune);
    }
    let bands: Vec<&[Shortlist]> = shortlists.chunks(SIDE).collect();
    let radii = map(executor, bands.len(), |band| -> Vec<f64> {
        let first = band * SIDE;
        bands[band]
            .iter()
            .enumerate()
            .map(|(row, shortlist)| kth_distance(set, first + row, shortlist.clone(), k))
            .collect()
    });
    radii.into_iter().flatten().collect()
}

fn resolve(set: &Bounded<'_>, scale: Scale, row: usize, other: usize) -> (f64, Candidate) {
    let distance = squared_distance(set.original.row(row), set.original.row(other));
    let candidate =
        Candidate { lower: scale.below(distance), upper: scale.above(distance), index: other };
    (distance, candidate)
}

fn kth_distance(set: &Bounded<'_>, row: usize, mut shortlist: Shortlist, k: usize) -> f64 {
    shortlist.prune();
    let mut distances: Vec<f64> = shortlist
        .candidates()
        .iter()
        .map(|candidate| squared_distance(set.original.row(row), set.original.row(candidate.index)))
        .collect();
    distances.sort_unstable_by(f64::total_cmp);
    // A shortlist never holds fewer than k of the others, of which there are at least k.
    distances.get(k - 1).copied().unwrap_or(f64::INFINITY)
}

/// Candidates of the tile's rows among its columns, and of its columns among its rows.
fn neighbours(
    set: &Bounded<'_>,
    scale: Scale,
    tile: &Tile,
    (k, known): (usize, &[Shortlist]),
) -> Vec<(usize, Candidate)> {
    let mut products = tile.products(set.moved(), set.moved());
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
    let (lower, upper) = (&set.lower[tile.columns.clone()], &set.upper[tile.columns.clone()]);
    let mut found = Vec::new();
    for (position, products) in products.chunks_exact(tile.columns.len()).enumerate() {
        let row = tile.rows.start + position;
        if of_rows[position].threshold() == f32::INFINITY {
            let threshold = nearest_bound(products, set.upper[row], upper, k);
            of_rows[position] = Shortlist::new(k, threshold);
        }
        Sieve {
            products,
            own_lower: set.lower[row],
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
                lower: (set.lower[row] + lower[place]) - 2.0 * products[place],
                upper: (set.upper[row] + upper[place]) - 2.0 * products[place],
                index: column,
            };
            of_rows[position].push(bounds, |other| resolve(set, scale, row, other));
            if !tile.is_diagonal() {
                let bounds = Candidate { index: row, ..bounds };
                of_columns[place].push(bounds, |other| resolve(set, scale, column, other));
                thresholds[place] = of_columns[place].threshold();
            }
        }
    }
    let with_indices = |first: usize, lists: Vec<Shortlist>| {
        lists.into_iter().enumerate().flat_map(move |(position, mut list)| {
            list.prune();
            let candidates = list.candidates().to_vec();
            candidates.into_iter().map(move |candidate| (first + position, candidate))
        })
    };
    with_indices(tile.rows.start, of_rows)
        .chain(with_indices(tile.columns.start, of_columns))
        .collect()
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
    fn hits(&self, tile: &Tile) -> Vec<Hit> {
        let (reference, samples) = (&self.pair.reference, &self.pair.samples);
        let products = tile.products(reference.moved(), samples.moved());
        let mut found = Vec::new();
        let mut hits = Vec::new();
        for (position, products) in products.chunks_exact(tile.columns.len()).enumerate() {
            let row = tile.rows.start + position;
            Sieve {
                products,
                own_lower: reference.lower[row],
                lower: &samples.lower[tile.columns.clone()],
                own_threshold: self.reference_radii.above[row],
                thresholds: &self.sample_radii.above[tile.columns.clone()],
                found: &mut found,
            }
            .run();
            let pairs = found
                .iter()
                .map(|&place| self.compare(row, tile.columns.start + place, products[place]));
            hits.extend(pairs.filter(|hit| hit.in_reference_ball || hit.in_sample_ball));
        }
        hits
    }

    fn compare(&self, row: usize, column: usize, product: f32) -> Hit {
        let (reference, samples) = (&self.pair.reference, &self.pair.samples);
        let lower = (reference.lower[row] + samples.lower[column]) - 2.0 * product;
        let upper = (reference.upper[row] + samples.upper[column]) - 2.0 * product;
        let exact = std::cell::OnceCell::new();
        let inside = |radii: &Radii, index: usize| {
            if lower > radii.above[index] {
                return false;
            }
            if upper < radii.below[index] {
                return true;
            }
            let distance = *exact.get_or_init(|| {
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
