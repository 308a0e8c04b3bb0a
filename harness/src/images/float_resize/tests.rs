//! Laws that hold for every kernel; equality with the references is in the golden tests.

use super::*;
use crate::images::raster::{MAX_SIDE, Plane};
use proptest::prelude::*;

const KERNELS: [FloatKernel; 4] = [
    FloatKernel::Tf1Bilinear,
    FloatKernel::PillowFloatBicubic,
    FloatKernel::TorchBilinear,
    FloatKernel::TorchBilinearAntialias,
];

fn plane() -> impl Strategy<Value = FloatPlane> {
    (1..40_usize, 1..40_usize).prop_flat_map(|(width, height)| {
        proptest::collection::vec(0.0_f32..=255.0, width * height)
            .prop_map(move |values| FloatPlane { width, height, values })
    })
}

fn kernel() -> impl Strategy<Value = FloatKernel> {
    proptest::sample::select(&KERNELS)
}

proptest! {
    #[test]
    fn stays_in_range(plane in plane(), width in 1..60_usize, height in 1..60_usize, kernel in kernel()) {
        let resized = resize(&plane, width, height, kernel).unwrap();
        prop_assert_eq!(resized.values().len(), width * height);
        // Rounded weights may sum to a little more than 1.
        prop_assert!(resized.values().iter().all(|value| (-1e-3..=255.001).contains(value)));
    }

    #[test]
    fn the_same_size_changes_nothing(plane in plane(), kernel in kernel()) {
        let resized = resize(&plane, plane.width, plane.height, kernel).unwrap();
        prop_assert_eq!(resized, plane);
    }

    /// The skipped passes would have changed nothing either: resizing one axis alone keeps the other.
    #[test]
    fn rows_of_equal_values_stay_equal(
        column in proptest::collection::vec(0.0_f32..=255.0, 1..30),
        width in 2..40_usize,
        to_width in 2..40_usize,
        kernel in kernel(),
    ) {
        let height = column.len();
        let values: Vec<f32> = column.iter().flat_map(|&value| vec![value; width]).collect();
        let resized = resize(&FloatPlane { width, height, values }, to_width, height, kernel).unwrap();
        for (row, value) in resized.values().chunks_exact(to_width).zip(&column) {
            prop_assert!(row.iter().all(|other| (other - value).abs() <= 255.0 * 4.0 * f32::EPSILON), "{row:?} {value}");
        }
    }
}

/// By hand: TensorFlow 1 keeps the first pixel where it is and repeats the last; PyTorch centres.
#[test]
fn positions_are_those_of_the_programs() {
    let plane = FloatPlane::new(2, 1, vec![0.0, 8.0]).unwrap();
    let doubled = |kernel| resize(&plane, 4, 1, kernel).unwrap().values;
    assert_eq!(doubled(FloatKernel::Tf1Bilinear), [0.0, 4.0, 8.0, 8.0]);
    assert_eq!(doubled(FloatKernel::TorchBilinear), [0.0, 2.0, 6.0, 8.0]);
    assert_eq!(doubled(FloatKernel::TorchBilinearAntialias), [0.0, 2.0, 6.0, 8.0]);
    let plane = FloatPlane::new(4, 1, vec![0.0, 8.0, 16.0, 40.0]).unwrap();
    let halved = |kernel| resize(&plane, 2, 1, kernel).unwrap().values;
    assert_eq!(halved(FloatKernel::Tf1Bilinear), [0.0, 16.0]);
    assert_eq!(halved(FloatKernel::TorchBilinear), [4.0, 28.0]);
    // Weights 3, 3, 1 of 7 at the left edge.
    let left = halved(FloatKernel::TorchBilinearAntialias)[0];
    assert!((left - (3.0 * 8.0 + 16.0) / 7.0).abs() < 1e-5, "{left}");
}

#[test]
fn the_longest_sides_are_resized_and_impossible_ones_refused() {
    let line = Plane::filled(MAX_SIDE, 1, [7]).unwrap();
    let line = FloatPlane::of_channel(&line, 0, Scale::Byte);
    for kernel in KERNELS {
        for width in [1, 3, MAX_SIDE - 1] {
            let resized = resize(&line, width, 1, kernel).unwrap();
            let all = |value: &f32| (value - 7.0).abs() < 1e-2;
            assert!(resized.values().iter().all(all), "{kernel:?} to {width}");
        }
        assert!(resize(&line, 0, 1, kernel).is_err());
        assert!(resize(&line, MAX_SIDE + 1, 1, kernel).is_err());
    }
    // The target is small enough, what lies between the passes is not.
    let tall = Plane::filled(1, MAX_SIDE, [0]).unwrap();
    let tall = FloatPlane::of_channel(&tall, 0, Scale::Byte);
    assert!(resize(&tall, 1000, MAX_SIDE - 1, FloatKernel::TorchBilinearAntialias).is_err());
}
