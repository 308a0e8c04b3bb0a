//! Arrays that Rust and Python make alike: the other half of `tests/parity/portable_arrays.py`.

#![allow(dead_code, reason = "every test takes what it needs")]

use ndarray::Array2;
use retally_metrics::executor::Executor;

/// Multiples of 2^-24 in [0, 1): number `index` of sequence `seed`.
pub(crate) fn uniform(seed: u64, index: u64) -> f64 {
    let mut z = (seed << 40).wrapping_add(index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f64 / f64::from(1 << 24)
}

/// [rows, width]: eight centres that all seeds share, noise of the given width, one offset.
pub(crate) fn clusters(
    seed: u64,
    rows: usize,
    width: usize,
    spread: f64,
    offset: f64,
) -> Array2<f32> {
    Array2::from_shape_fn((rows, width), |(row, column)| {
        let centre = uniform(0, (row % 8 * width + column) as u64);
        let noise = uniform(seed, (row * width + column) as u64);
        (centre + spread * noise + offset) as f32
    })
}

/// [rows, width]: multiples of `step`, `levels` different ones.
pub(crate) fn grid(seed: u64, rows: usize, width: usize, levels: u32, step: f64) -> Array2<f32> {
    Array2::from_shape_fn((rows, width), |(row, column)| {
        let level = uniform(seed, (row * width + column) as u64) * f64::from(levels);
        (level.floor() * step) as f32
    })
}

/// [rows, classes], rows in class order: uniform numbers, with `height` added at the row's class.
pub(crate) fn logits(seed: u64, rows: usize, classes: usize, height: f64) -> Array2<f32> {
    Array2::from_shape_fn((rows, classes), |(row, class)| {
        let bump = if class == row * classes / rows { height } else { 0.0 };
        (4.0 * uniform(seed, (row * classes + class) as u64) + bump) as f32
    })
}

/// [rows, width] of class row modulo classes: centres that all seeds share, noise of the given width.
pub(crate) fn mixture(
    seed: u64,
    rows: usize,
    width: usize,
    classes: usize,
    spread: f64,
) -> Array2<f32> {
    Array2::from_shape_fn((rows, width), |(row, column)| {
        let centre = uniform(0, (row % classes * width + column) as u64);
        let noise = uniform(seed, (row * width + column) as u64) - 0.5;
        (centre + spread * noise) as f32
    })
}

/// Every fourth task on a thread of its own, last tasks first.
pub(crate) struct Scrambled;

impl Executor for Scrambled {
    fn for_each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for first in 0..count.min(4) {
                scope.spawn(move || (first..count).step_by(4).rev().for_each(task));
            }
        });
    }
}
