//! Antialiased resampling: two passes of weighted windows over floating-point rows.

use super::FloatPlane;
use crate::images::raster::is_size_accepted;
use crate::images::resize::{ResizeError, columns_first, pillow_windows};
use crate::images::windows::Windows;
use retally_manifests::Filter;

/// Pillow's bicubic on mode `F`: products and sums in `f64`, rounded to `f32` after each pass, and the same order of the
/// passes as for 8-bit images. Clipped to 0 to 255 as clean-fid does.
pub(super) fn pillow_bicubic(
    plane: &FloatPlane,
    width: usize,
    height: usize,
) -> Result<FloatPlane, ResizeError> {
    let passes = Passes {
        columns: pillow_windows(plane.width, width, Filter::Bicubic),
        rows: pillow_windows(plane.height, height, Filter::Bicubic),
        rows_first: columns_first((plane.width, plane.height), (width, height)),
        arithmetic: Pillow,
    };
    let mut resized = passes.apply(plane)?;
    for value in &mut resized.values {
        *value = value.clamp(0.0, 255.0);
    }
    Ok(resized)
}

/// PyTorch's antialiased bilinear: a triangle filter, all in `f32`, first along x.
pub(super) fn torch_antialias(
    plane: &FloatPlane,
    width: usize,
    height: usize,
) -> Result<FloatPlane, ResizeError> {
    let passes = Passes {
        columns: torch_windows(plane.width, width),
        rows: torch_windows(plane.height, height),
        rows_first: false,
        arithmetic: Torch,
    };
    passes.apply(plane)
}

/// PyTorch's windows. Its sources mix `float` with the `double` literals 0.5 and 1.0; so do these lines.
fn torch_windows(from: usize, to: usize) -> Windows<f32> {
    let scale = from as f32 / to as f32;
    let support = scale.max(1.0);
    let inverse = if scale >= 1.0 { (1.0 / f64::from(scale)) as f32 } else { 1.0 };
    let longest = 2 * support.ceil() as usize + 1;
    let mut windows = Windows::with_capacity(to);
    let mut window = Vec::new();
    for position in 0..to {
        let centre = (f64::from(scale) * (position as f64 + 0.5)) as f32;
        // `as` truncates towards zero and clips at 0, as C's conversion and the test behind it do.
        let start = (f64::from(centre - support) + 0.5) as usize;
        let end = ((f64::from(centre + support) + 0.5) as usize).min(from);
        window.clear();
        window.extend((start..end).take(longest).map(|input| {
            let distance = (f64::from(input as f32 - centre) + 0.5) * f64::from(inverse);
            (1.0 - (distance as f32).abs()).max(0.0)
        }));
        let mut sum = 0.0;
        for weight in &window {
            sum += weight;
        }
        if sum != 0.0 {
            for weight in &mut window {
                *weight /= sum;
            }
        }
        windows.push(start, &window);
    }
    windows
}

/// How the products of a window are added up.
trait Arithmetic: Copy {
    type Weight: Copy;

    /// The weighted sums of `N` values side by side.
    fn sum<const N: usize>(self, weights: &[Self::Weight], inputs: impl Inputs<N>) -> [f32; N];
}

/// The inputs of `N` windows that lie side by side.
trait Inputs<const N: usize>: Copy {
    fn get(&self, tap: usize) -> [f32; N];
}

#[derive(Clone, Copy)]
struct Pillow;

impl Arithmetic for Pillow {
    type Weight = f64;

    #[inline(always)]
    fn sum<const N: usize>(self, weights: &[f64], inputs: impl Inputs<N>) -> [f32; N] {
        let mut sums = [0.0; N];
        for (tap, &weight) in weights.iter().enumerate() {
            let values = inputs.get(tap);
            for lane in 0..N {
                sums[lane] += f64::from(values[lane]) * weight;
            }
        }
        let mut rounded = [0.0; N];
        for lane in 0..N {
            rounded[lane] = sums[lane] as f32;
        }
        rounded
    }
}

#[derive(Clone, Copy)]
struct Torch;

/// PyTorch's compiler takes the products of this many taps together, unfused; those that are left over are fused.
const TAPS_TOGETHER: usize = 4;

impl Arithmetic for Torch {
    type Weight = f32;

    #[inline(always)]
    fn sum<const N: usize>(self, weights: &[f32], inputs: impl Inputs<N>) -> [f32; N] {
        let Some((&first, others)) = weights.split_first() else {
            return [0.0; N];
        };
        let mut sums = [0.0; N];
        let values = inputs.get(0);
        for lane in 0..N {
            sums[lane] = values[lane] * first;
        }
        let unfused = others.len() - others.len() % TAPS_TOGETHER;
        for (tap, &weight) in others.iter().enumerate() {
            let values = inputs.get(tap + 1);
            if tap < unfused {
                for lane in 0..N {
                    sums[lane] += values[lane] * weight;
                }
            } else {
                for lane in 0..N {
                    sums[lane] = values[lane].mul_add(weight, sums[lane]);
                }
            }
        }
        sums
    }
}

/// Both passes. One that keeps the length changes nothing and is left out.
struct Passes<A: Arithmetic> {
    columns: Windows<A::Weight>,
    rows: Windows<A::Weight>,
    /// Whether the pass that makes the output rows comes first.
    rows_first: bool,
    arithmetic: A,
}

impl<A: Arithmetic> Passes<A> {
    fn apply(&self, plane: &FloatPlane) -> Result<FloatPlane, ResizeError> {
        let (width, height) = (self.columns.len(), self.rows.len());
        let between = if self.rows_first { (plane.width, height) } else { (width, plane.height) };
        if !is_size_accepted(between.0, between.1) {
            return Err(ResizeError { width, height });
        }
        let (along_rows, along_columns) = (plane.width != width, plane.height != height);
        Ok(match (along_rows, along_columns) {
            (false, false) => plane.clone(),
            (true, false) => self.make_columns(plane),
            (false, true) => self.make_rows(plane),
            (true, true) if self.rows_first => self.make_columns(&self.make_rows(plane)),
            (true, true) => self.make_rows(&self.make_columns(plane)),
        })
    }

    fn make_columns(&self, plane: &FloatPlane) -> FloatPlane {
        let width = self.columns.len();
        let mut values = vec![0.0; width * plane.height];
        pulp::Arch::new().dispatch(ColumnsJob {
            plane,
            windows: &self.columns,
            arithmetic: self.arithmetic,
            values: &mut values,
        });
        FloatPlane { width, height: plane.height, values }
    }

    fn make_rows(&self, plane: &FloatPlane) -> FloatPlane {
        let height = self.rows.len();
        let mut values = vec![0.0; plane.width * height];
        pulp::Arch::new().dispatch(RowsJob {
            plane,
            windows: &self.rows,
            arithmetic: self.arithmetic,
            values: &mut values,
        });
        FloatPlane { width: plane.width, height, values }
    }
}

/// Values that are summed together: as many as fit the vector registers.
const LANES: usize = 16;

struct ColumnsJob<'a, A: Arithmetic> {
    plane: &'a FloatPlane,
    windows: &'a Windows<A::Weight>,
    arithmetic: A,
    values: &'a mut [f32],
}

#[derive(Clone, Copy)]
struct Transposed<'a>(&'a [[f32; LANES]]);

impl Inputs<LANES> for Transposed<'_> {
    #[inline(always)]
    fn get(&self, tap: usize) -> [f32; LANES] {
        self.0[tap]
    }
}

// What runs inside the jobs is inlined there, loops are `for` loops: closures would be compiled apart, for the oldest
// machine.
impl<A: Arithmetic> pulp::WithSimd for ColumnsJob<'_, A> {
    type Output = ();

    /// Takes [`LANES`] rows at a time, transposed, so that one weight serves them all.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let (from, to) = (self.plane.width, self.windows.len());
        let mut block = vec![[0.0; LANES]; from];
        let sources = self.plane.values.chunks(LANES * from);
        for (source, target) in sources.zip(self.values.chunks_mut(LANES * to)) {
            for (lane, row) in source.chunks_exact(from).enumerate() {
                for (values, &value) in block.iter_mut().zip(row) {
                    values[lane] = value;
                }
            }
            let rows = source.len() / from;
            for (column, (start, weights)) in self.windows.iter().enumerate() {
                let inputs = Transposed(&block[start..start + weights.len()]);
                let sums = self.arithmetic.sum(weights, inputs);
                for (lane, &sum) in sums.iter().take(rows).enumerate() {
                    target[lane * to + column] = sum;
                }
            }
        }
    }
}

struct RowsJob<'a, A: Arithmetic> {
    plane: &'a FloatPlane,
    windows: &'a Windows<A::Weight>,
    arithmetic: A,
    values: &'a mut [f32],
}

/// The values of `N` neighbouring columns, in the rows from some row on.
#[derive(Clone, Copy)]
struct Strip<'a> {
    /// Begins with the first of the columns in the first of the rows.
    values: &'a [f32],
    stride: usize,
}

impl<const N: usize> Inputs<N> for Strip<'_> {
    #[inline(always)]
    fn get(&self, tap: usize) -> [f32; N] {
        let mut values = [0.0; N];
        values.copy_from_slice(&self.values[tap * self.stride..][..N]);
        values
    }
}

impl<A: Arithmetic> pulp::WithSimd for RowsJob<'_, A> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let stride = self.plane.width;
        for (target, (start, weights)) in
            self.values.chunks_exact_mut(stride).zip(self.windows.iter())
        {
            let rows = &self.plane.values[start * stride..(start + weights.len()) * stride];
            let (blocks, rest) = target.as_chunks_mut::<LANES>();
            let begin_of_rest = blocks.len() * LANES;
            for (index, block) in blocks.iter_mut().enumerate() {
                *block =
                    self.arithmetic.sum(weights, Strip { values: &rows[index * LANES..], stride });
            }
            for (index, value) in rest.iter_mut().enumerate() {
                let strip = Strip { values: &rows[begin_of_rest + index..], stride };
                let [sum] = self.arithmetic.sum(weights, strip);
                *value = sum;
            }
        }
    }
}
