//! Bilinear interpolation between two neighbours along each axis, whatever the scale.

use super::FloatPlane;

/// Whose positions and whose order of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// Position `p * (from / to)`; along x, then along y, each `low + (high - low) * fraction`.
    TensorFlow1,
    /// Position `max((p + 1/2) * (from / to) - 1/2, 0)`, its difference fused; the four neighbours times the products of
    /// their weights, summed by fused operations.
    Torch,
}

/// Resizes to an accepted size.
pub(super) fn resize(
    plane: &FloatPlane,
    width: usize,
    height: usize,
    arithmetic: Arithmetic,
) -> FloatPlane {
    let mut values = vec![0.0; width * height];
    pulp::Arch::new().dispatch(Job {
        plane,
        columns: &Neighbours::new(plane.width, width, arithmetic),
        rows: &Neighbours::new(plane.height, height, arithmetic),
        arithmetic,
        values: &mut values,
    });
    FloatPlane { width, height, values }
}

/// For every output position of one axis: its two inputs, and how far it lies from the first to the second.
struct Neighbours {
    low: Vec<usize>,
    high: Vec<usize>,
    fraction: Vec<f32>,
}

impl Neighbours {
    fn new(from: usize, to: usize, arithmetic: Arithmetic) -> Self {
        let scale = from as f32 / to as f32;
        let last = from - 1;
        let mut neighbours = Self {
            low: Vec::with_capacity(to),
            high: Vec::with_capacity(to),
            fraction: Vec::with_capacity(to),
        };
        for position in 0..to {
            let position = position as f32;
            let source = match arithmetic {
                Arithmetic::TensorFlow1 => position * scale,
                Arithmetic::Torch => scale.mul_add(position + 0.5, -0.5).max(0.0),
            };
            let low = (source as usize).min(last);
            neighbours.low.push(low);
            neighbours.high.push((low + 1).min(last));
            neighbours.fraction.push((source - low as f32).clamp(0.0, 1.0));
        }
        neighbours
    }
}

struct Job<'a> {
    plane: &'a FloatPlane,
    columns: &'a Neighbours,
    rows: &'a Neighbours,
    arithmetic: Arithmetic,
    values: &'a mut [f32],
}

// What runs inside `Job` is inlined there, loops are `for` loops: closures would be compiled apart, for the oldest machine.
impl pulp::WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let width = self.columns.low.len();
        let mut low = Row::new(width);
        let mut high = Row::new(width);
        for (index, target) in self.values.chunks_exact_mut(width).enumerate() {
            if high.index == Some(self.rows.low[index]) {
                std::mem::swap(&mut low, &mut high);
            }
            low.load(self.plane, self.rows.low[index], self.columns, self.arithmetic);
            high.load(self.plane, self.rows.high[index], self.columns, self.arithmetic);
            let fraction = self.rows.fraction[index];
            match self.arithmetic {
                Arithmetic::TensorFlow1 => blend_tensorflow(&low, &high, fraction, target),
                Arithmetic::Torch => {
                    blend_torch(&low, &high, &self.columns.fraction, fraction, target);
                }
            }
        }
    }
}

/// What an input row gives to the output columns; kept, since neighbouring output rows take the same.
struct Row {
    index: Option<usize>,
    /// TensorFlow 1: already interpolated along x.
    left: Vec<f32>,
    right: Vec<f32>,
}

impl Row {
    fn new(width: usize) -> Self {
        Self { index: None, left: vec![0.0; width], right: vec![0.0; width] }
    }

    #[inline(always)]
    fn load(
        &mut self,
        plane: &FloatPlane,
        index: usize,
        columns: &Neighbours,
        arithmetic: Arithmetic,
    ) {
        if self.index == Some(index) {
            return;
        }
        self.index = Some(index);
        let row = &plane.values[index * plane.width..(index + 1) * plane.width];
        for (left, &low) in self.left.iter_mut().zip(&columns.low) {
            *left = row[low];
        }
        for (right, &high) in self.right.iter_mut().zip(&columns.high) {
            *right = row[high];
        }
        if arithmetic == Arithmetic::TensorFlow1 {
            for ((left, &right), &fraction) in
                self.left.iter_mut().zip(&self.right).zip(&columns.fraction)
            {
                *left += (right - *left) * fraction;
            }
        }
    }
}

#[inline(always)]
fn blend_tensorflow(low: &Row, high: &Row, fraction: f32, target: &mut [f32]) {
    for ((target, &low), &high) in target.iter_mut().zip(&low.left).zip(&high.left) {
        *target = low + (high - low) * fraction;
    }
}

#[inline(always)]
fn blend_torch(low: &Row, high: &Row, fractions: &[f32], fraction: f32, target: &mut [f32]) {
    let (upper, lower) = (1.0 - fraction, fraction);
    let inputs = low.left.iter().zip(&low.right).zip(high.left.iter().zip(&high.right));
    for ((target, ((&a, &b), (&c, &d))), &right) in target.iter_mut().zip(inputs).zip(fractions) {
        let left = 1.0 - right;
        let top = a.mul_add(left * upper, b * (right * upper));
        *target = d.mul_add(right * lower, c.mul_add(left * lower, top));
    }
}
