//! Bilinear interpolation between two neighbours along each axis, whatever the scale.

use super::FloatPlane;

/// Whose positions and whose order of operations. Both interpolate along x, then along y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// Position `p * (from / to)`; `low + (high - low) * fraction`.
    TensorFlow1,
    /// Position `max((p + 1/2) * (from / to) - 1/2, 0)`; `low * (1 - fraction) + high * fraction`, the sum fused with the
    /// first product.
    ///
    /// This is what PyTorch does with two threads or more, whatever the batch and the memory format, if the target has
    /// more than 128 rows and columns together. With one thread, and for smaller targets, it takes another kernel that
    /// fuses more: results differ by up to 1.4e-5 of the range of the values (measured on sides up to 1024; `float.json`).
    Torch,
}

impl Arithmetic {
    #[inline(always)]
    fn between(self, low: f32, high: f32, fraction: f32) -> f32 {
        match self {
            Self::TensorFlow1 => low + (high - low) * fraction,
            Self::Torch => low.mul_add(1.0 - fraction, high * fraction),
        }
    }
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
                Arithmetic::Torch => ((position + 0.5) * scale - 0.5).max(0.0),
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
            for ((target, &low), &high) in target.iter_mut().zip(&low.values).zip(&high.values) {
                *target = self.arithmetic.between(low, high, fraction);
            }
        }
    }
}

/// An input row at the output columns; kept, since neighbouring output rows take the same.
struct Row {
    index: Option<usize>,
    values: Vec<f32>,
    /// The right neighbours, while `values` still holds the left ones.
    right: Vec<f32>,
}

impl Row {
    fn new(width: usize) -> Self {
        Self { index: None, values: vec![0.0; width], right: vec![0.0; width] }
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
        for (value, &low) in self.values.iter_mut().zip(&columns.low) {
            *value = row[low];
        }
        for (right, &high) in self.right.iter_mut().zip(&columns.high) {
            *right = row[high];
        }
        for ((value, &right), &fraction) in
            self.values.iter_mut().zip(&self.right).zip(&columns.fraction)
        {
            *value = arithmetic.between(*value, right, fraction);
        }
    }
}
