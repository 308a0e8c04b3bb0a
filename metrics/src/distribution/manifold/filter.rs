//! Bounds of squared distances from products of limited precision, tight enough that few pairs need `f64`.
//!
//! Rows are moved to a common centre and scaled by a power of two to at most 1 in magnitude, both in `f32`. With u = 2^-24
//! and z the moved rows, |z|² + |z'|² - 2 z·z' with a product in `f32` differs from the scaled squared distance by at most
//! κ (|z|² + |z'|²) and an underflow term:
//!
//! - a product of d terms, in any order, fused or not, is off by at most du/(1 - du) Σ|z_i z'_i| (Higham 2002, "Accuracy and
//!   Stability of Numerical Algorithms", section 3.1), and twice that sum is at most |z|² + |z'|²;
//! - moving a row rounds every coordinate once, which moves the squared distance by at most 4.2 u (|z|² + |z'|²);
//! - rounding the bounds of both rows to `f32`, adding them and subtracting the product: at most 5 u (|z|² + |z'|²);
//! - the `f64` sums on both sides: far below u.
//!
//! κ = 1.01 (du/(1 - du) + 16 u) covers all of it.
//!
//! A product of rows rounded to integers (see [`super::integer_rows`]) is exact but for those roundings. If they move the
//! rows by e and e', the product moves by at most e|z'| + |z|e' + ee', and, for any c > 0,
//!
//! 2 (e|z'| + |z|e' + ee') ≤ (e²(1/c + 1) + c|z|²) + (e'²(1/c + 1) + c|z'|²):
//!
//! a part of each row. c is what e/|z| comes to where errors are spread evenly. Instead of du/(1 - du) there are three
//! roundings that make the integer an `f32`, at most 6 u (|z|² + e² + |z'|² + e'²): 20 u in place of 16 u, and a millionth of
//! the errors, cover them.
//!
//! A pair that the bounds leave open is decided in `f64`.

use super::super::features::Rows;
use super::super::tiles::{SIDE, Tile};
use super::integer_rows::{IntegerRows, LONGEST};
use crate::executor::{Executor, for_each_part, map};

/// Coordinates summed side by side in `f64`. Part of the definition of a distance, because it fixes the order of the sum.
const LANES: usize = 16;

/// Columns that are looked at together; nearly always none of them passes.
const GROUP: usize = 64;

/// 2^-24, the largest relative error of rounding to `f32`.
const UNIT: f64 = f32::EPSILON as f64 / 2.0;

/// How inner products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// Of rows rounded to integers: fast, with wider bounds.
    Integer,
    /// Of the rows, in `f32`.
    Single,
}

/// Each row's part of the bounds of its squared distances.
pub(super) struct Bounds {
    pub(super) lower: Vec<f32>,
    pub(super) upper: Vec<f32>,
}

impl Bounds {
    /// `slack` is what a row's part may be off by.
    fn new(squared_lengths: &[f64], slack: impl Fn(usize) -> f64) -> Self {
        let bound = |sign: f64| {
            let rows = squared_lengths.iter().enumerate();
            rows.map(|(row, length)| (length + sign * slack(row)) as f32).collect()
        };
        Self { lower: bound(-1.0), upper: bound(1.0) }
    }

    fn of_single(squared_lengths: &[f64], width: f64) -> Self {
        let kappa = 1.01 * (width * UNIT / (1.0 - width * UNIT) + 16.0 * UNIT);
        let underflow = width * f64::from(f32::MIN_POSITIVE) * 64.0;
        Self::new(squared_lengths, |row| kappa * squared_lengths[row] + underflow)
    }

    fn of_integers(squared_lengths: &[f64], width: f64, errors: &[f64]) -> Self {
        let even = (width / 12.0).sqrt() / LONGEST;
        // The second term: a product of two steps may be below what `f32` holds exactly, and is multiplied by up to 2^32.
        let underflow = width * f64::from(f32::MIN_POSITIVE) * 64.0 + (-110_f64).exp2();
        Self::new(squared_lengths, |row| {
            let moved = errors[row] * errors[row] * (1.0 / even + 1.0);
            // Where it is larger than the squared length, its own rounding counts: hence the millionth.
            moved * (1.0 + 1e-6) + (even + 1.01 * 20.0 * UNIT) * squared_lengths[row] + underflow
        })
    }
}

/// A set of rows with what bounds their distances.
pub(super) struct Bounded<'a> {
    /// As given.
    pub(super) original: Rows<'a>,
    moved: Vec<f32>,
    single: Bounds,
    /// `None` if the processor lacks the instructions.
    integer: Option<(IntegerRows, Bounds)>,
}

impl<'a> Bounded<'a> {
    fn new(original: Rows<'a>, centre: &[f32], scale: f32, executor: &dyn Executor) -> Self {
        let width = original.width();
        let mut moved = vec![0.0; original.as_slice().len()];
        let mut squared_lengths = vec![0.0; original.len()];
        let parts = moved.chunks_mut(SIDE * width).zip(squared_lengths.chunks_mut(SIDE));
        for_each_part(executor, parts, |part, (moved, squared_lengths)| {
            let rows = moved.chunks_exact_mut(width).zip(squared_lengths.iter_mut());
            for (position, (moved, squared_length)) in rows.enumerate() {
                let row = original.row(part * SIDE + position);
                *squared_length = pulp::Arch::new().dispatch(Move { row, centre, scale, moved });
            }
        });
        let lengths: Vec<f64> = squared_lengths.iter().map(|length| length.sqrt()).collect();
        let integers = IntegerRows::new(Rows::new(&moved, width), &lengths, executor);
        let integer = integers.map(|rows| {
            let bounds = Bounds::of_integers(&squared_lengths, width as f64, rows.errors());
            (rows, bounds)
        });
        let single = Bounds::of_single(&squared_lengths, width as f64);
        Self { original, moved, single, integer }
    }

    /// What belongs to products of this precision.
    pub(super) fn bounds(&self, precision: Precision) -> &Bounds {
        match (precision, &self.integer) {
            (Precision::Integer, Some((_, bounds))) => bounds,
            _ => &self.single,
        }
    }

    /// Inner products of the tile's moved rows with the moved columns, which are of `other`, row by row.
    pub(super) fn products(&self, other: &Self, tile: &Tile, precision: Precision) -> Vec<f32> {
        match (precision, &self.integer, &other.integer) {
            (Precision::Integer, Some((rows, _)), Some((columns, _))) => {
                rows.products(columns, tile)
            }
            _ => {
                let width = self.original.width();
                tile.products(Rows::new(&self.moved, width), Rows::new(&other.moved, width))
            }
        }
    }
}

struct Move<'a> {
    row: &'a [f32],
    centre: &'a [f32],
    scale: f32,
    moved: &'a mut [f32],
}

impl pulp::NullaryFnOnce for Move<'_> {
    /// |moved|².
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        for ((moved, &value), &middle) in self.moved.iter_mut().zip(self.row).zip(self.centre) {
            *moved = value * self.scale - middle;
        }
        let mut lanes = [0.0; LANES];
        let (chunks, rest) = self.moved.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(value) * f64::from(value);
            }
        }
        for (lane, &value) in lanes.iter_mut().zip(rest) {
            *lane += f64::from(value) * f64::from(value);
        }
        lanes.iter().sum()
    }
}

/// Both sets on one scale.
pub(super) struct BoundedPair<'a> {
    pub(super) reference: Bounded<'a>,
    pub(super) samples: Bounded<'a>,
    pub(super) scale: Scale,
}

impl<'a> BoundedPair<'a> {
    pub(super) fn new(reference: Rows<'a>, samples: Rows<'a>, executor: &dyn Executor) -> Self {
        let (of_reference, of_samples) =
            (Extent::of(reference, executor), Extent::of(samples, executor));
        let scale = power_of_two_for(of_reference.largest.max(of_samples.largest));
        let count = (reference.len() + samples.len()) as f64;
        let centre: Vec<f32> = of_reference
            .sums
            .iter()
            .zip(&of_samples.sums)
            .map(|(reference, samples)| ((reference + samples) / count * f64::from(scale)) as f32)
            .collect();
        Self {
            reference: Bounded::new(reference, &centre, scale, executor),
            samples: Bounded::new(samples, &centre, scale, executor),
            scale: Scale(f64::from(scale) * f64::from(scale)),
        }
    }

    /// The faster precision that the processor has.
    pub(super) fn fastest(&self) -> Precision {
        if self.reference.integer.is_some() { Precision::Integer } else { Precision::Single }
    }
}

/// Where the rows of a set lie.
struct Extent {
    /// The largest magnitude.
    largest: f32,
    /// Of every coordinate.
    sums: Vec<f64>,
}

impl Extent {
    fn of(rows: Rows<'_>, executor: &dyn Executor) -> Self {
        let bands: Vec<&[f32]> = rows.as_slice().chunks(SIDE * rows.width()).collect();
        let parts = map(executor, bands.len(), |band| {
            pulp::Arch::new().dispatch(PartExtent { rows: Rows::new(bands[band], rows.width()) })
        });
        let mut all = Self { largest: 0.0, sums: vec![0.0; rows.width()] };
        for part in parts {
            all.largest = all.largest.max(part.largest);
            all.sums.iter_mut().zip(part.sums).for_each(|(sum, part)| *sum += part);
        }
        all
    }
}

struct PartExtent<'a> {
    rows: Rows<'a>,
}

impl pulp::NullaryFnOnce for PartExtent<'_> {
    type Output = Extent;

    #[inline(always)]
    fn call(self) -> Extent {
        let mut sums = vec![0.0; self.rows.width()];
        let mut largest = [0.0_f32; LANES];
        for row in self.rows.iter() {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
            let (chunks, rest) = row.as_chunks::<LANES>();
            for values in chunks.iter().map(<[f32; LANES]>::as_slice).chain([rest]) {
                for (largest, &value) in largest.iter_mut().zip(values) {
                    *largest = if value.abs() > *largest { value.abs() } else { *largest };
                }
            }
        }
        Extent { largest: largest.into_iter().fold(0.0, f32::max), sums }
    }
}

/// The power of two that brings `largest` to between 1/4 and 1/2, so that differences stay below 1; as near as `f32`
/// reaches.
fn power_of_two_for(largest: f32) -> f32 {
    let exponent = if largest == 0.0 { 0.0 } else { -2.0 - f64::from(largest).log2().floor() };
    exponent.clamp(-126.0, 126.0).exp2() as f32
}

/// From squared distances to the scale of the bounds.
#[derive(Clone, Copy)]
pub(super) struct Scale(f64);

impl Scale {
    /// An `f32` not below the scaled number.
    pub(super) fn above(self, squared: f64) -> f32 {
        ((squared * self.0) as f32).next_up()
    }

    /// An `f32` not above the scaled number.
    pub(super) fn below(self, squared: f64) -> f32 {
        ((squared * self.0) as f32).next_down()
    }
}

/// The squared distance that every decision rests on: Σ(a - b)² in `f64`.
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    pulp::Arch::new().dispatch(SquaredDistance { a, b })
}

struct SquaredDistance<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl pulp::NullaryFnOnce for SquaredDistance<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let mut lanes = [0.0; LANES];
        let (a, a_rest) = self.a.as_chunks::<LANES>();
        let (b, b_rest) = self.b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                let difference = f64::from(a[lane]) - f64::from(b[lane]);
                lanes[lane] += difference * difference;
            }
        }
        for (lane, (&a, &b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
            let difference = f64::from(a) - f64::from(b);
            *lane += difference * difference;
        }
        let mut sum = 0.0;
        for lane in lanes {
            sum += lane;
        }
        sum
    }
}

/// A number that at least k of the columns are surely not farther than; infinity where it cannot be told quickly.
///
/// Each of 64 interleaved parts of the columns has a nearest one: the k-th smallest of those 64 bounds will do.
pub(super) fn nearest_bound(products: &[f32], own_upper: f32, upper: &[f32], k: usize) -> f32 {
    let mut parts = [f32::INFINITY; GROUP];
    pulp::Arch::new().dispatch(PartMinima { products, own_upper, upper, parts: &mut parts });
    parts.sort_unstable_by(f32::total_cmp);
    parts.get(k - 1).copied().unwrap_or(f32::INFINITY)
}

struct PartMinima<'a> {
    products: &'a [f32],
    own_upper: f32,
    upper: &'a [f32],
    parts: &'a mut [f32; GROUP],
}

impl pulp::NullaryFnOnce for PartMinima<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        // Columns beyond the last full group only make the bound less tight.
        let (groups, _) = self.products.as_chunks::<GROUP>();
        let (upper, _) = self.upper.as_chunks::<GROUP>();
        for (products, upper) in groups.iter().zip(upper) {
            for lane in 0..GROUP {
                let bound = (self.own_upper + upper[lane]) - 2.0 * products[lane];
                self.parts[lane] = if bound < self.parts[lane] { bound } else { self.parts[lane] };
            }
        }
    }
}

/// Finds the columns of one row of products whose distance may be at most the row's threshold or the column's.
pub(super) struct Sieve<'a> {
    /// Inner products of the row with the columns.
    pub(super) products: &'a [f32],
    /// The row's part of the lower bound.
    pub(super) own_lower: f32,
    /// The columns' parts.
    pub(super) lower: &'a [f32],
    pub(super) own_threshold: f32,
    pub(super) thresholds: &'a [f32],
    /// Positions of the columns found are put here.
    pub(super) found: &'a mut Vec<usize>,
}

impl Sieve<'_> {
    pub(super) fn run(self) {
        self.found.clear();
        pulp::Arch::new().dispatch(self);
    }

    #[inline(always)]
    fn passes(&self, column: usize) -> bool {
        let bound = (self.own_lower + self.lower[column]) - 2.0 * self.products[column];
        bound <= self.own_threshold || bound <= self.thresholds[column]
    }
}

impl pulp::NullaryFnOnce for Sieve<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (groups, rest) = self.products.as_chunks::<GROUP>();
        let (lower, _) = self.lower.as_chunks::<GROUP>();
        let (thresholds, _) = self.thresholds.as_chunks::<GROUP>();
        for (group, ((products, lower), thresholds)) in
            groups.iter().zip(lower).zip(thresholds).enumerate()
        {
            let mut any = 0;
            for lane in 0..GROUP {
                let bound = (self.own_lower + lower[lane]) - 2.0 * products[lane];
                let threshold = if thresholds[lane] > self.own_threshold {
                    thresholds[lane]
                } else {
                    self.own_threshold
                };
                any |= u32::from(bound <= threshold);
            }
            if any != 0 {
                for column in group * GROUP..(group + 1) * GROUP {
                    if self.passes(column) {
                        self.found.push(column);
                    }
                }
            }
        }
        for column in self.products.len() - rest.len()..self.products.len() {
            if self.passes(column) {
                self.found.push(column);
            }
        }
    }
}
