//! Bounds of squared distances from `f32` products, tight enough that few pairs need `f64`.
//!
//! Rows are moved to a common centre and scaled by a power of two to at most 1 in magnitude, both in `f32`. With u = 2^-24
//! and z the moved rows, |z|² + |z'|² - 2 z·z' differs from the scaled squared distance by at most κ (|z|² + |z'|²) and an
//! underflow term:
//!
//! - a product of d terms, in any order, fused or not, is off by at most du/(1 - du) Σ|z_i z'_i| (Higham 2002, "Accuracy and
//!   Stability of Numerical Algorithms", section 3.1), and twice that sum is at most |z|² + |z'|²;
//! - moving a row rounds every coordinate once, which moves the squared distance by at most 4.2 u (|z|² + |z'|²);
//! - rounding the bounds of both rows to `f32`, adding them and subtracting the product: at most 5 u (|z|² + |z'|²);
//! - the `f64` sums on both sides: far below u.
//!
//! κ = 1.01 (du/(1 - du) + 16 u) covers all of it. A pair that the bounds leave open is decided in `f64`.

use super::super::features::Rows;

/// Coordinates summed side by side in `f64`. Part of the definition of a distance, because it fixes the order of the sum.
const LANES: usize = 16;

/// Columns that are looked at together; nearly always none of them passes.
const GROUP: usize = 64;

/// A set of rows with what bounds their distances.
pub(super) struct Bounded<'a> {
    /// As given.
    pub(super) original: Rows<'a>,
    moved: Vec<f32>,
    /// Each row's part of the lower bound.
    pub(super) lower: Vec<f32>,
    /// Each row's part of the upper bound.
    pub(super) upper: Vec<f32>,
}

impl<'a> Bounded<'a> {
    fn new(original: Rows<'a>, centre: &[f32], scale: f32) -> Self {
        let moved: Vec<f32> = original
            .iter()
            .flat_map(|row| row.iter().zip(centre).map(|(&value, &middle)| value * scale - middle))
            .collect();
        let width = original.width() as f64;
        let unit = f64::from(f32::EPSILON) / 2.0;
        let kappa = 1.01 * (width * unit / (1.0 - width * unit) + 16.0 * unit);
        let underflow = width * f64::from(f32::MIN_POSITIVE) * 64.0;
        let lengths = Rows::new(&moved, original.width()).squared_lengths();
        let lower =
            lengths.iter().map(|&length| ((1.0 - kappa) * length - underflow) as f32).collect();
        let upper =
            lengths.iter().map(|&length| ((1.0 + kappa) * length + underflow) as f32).collect();
        Self { original, moved, lower, upper }
    }

    /// The moved rows, whose products the bounds are about.
    pub(super) fn moved(&self) -> Rows<'_> {
        Rows::new(&self.moved, self.original.width())
    }
}

/// Both sets on one scale.
pub(super) struct BoundedPair<'a> {
    pub(super) reference: Bounded<'a>,
    pub(super) samples: Bounded<'a>,
    pub(super) scale: Scale,
}

impl<'a> BoundedPair<'a> {
    pub(super) fn new(reference: Rows<'a>, samples: Rows<'a>) -> Self {
        let values = || reference.as_slice().iter().chain(samples.as_slice());
        let largest = values().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let scale = power_of_two_for(largest);
        let mut sums = vec![0.0; reference.width()];
        for row in reference.iter().chain(samples.iter()) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        let count = (reference.len() + samples.len()) as f64;
        let centre: Vec<f32> =
            sums.iter().map(|sum| (sum / count * f64::from(scale)) as f32).collect();
        Self {
            reference: Bounded::new(reference, &centre, scale),
            samples: Bounded::new(samples, &centre, scale),
            scale: Scale(f64::from(scale) * f64::from(scale)),
        }
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
