//! The covariance of features and every path of the trace term, at the width of the FID Inception network.
#![allow(missing_docs)] // `criterion_main!` makes a function without any.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ndarray::{Array1, Array2, Axis, s};
use retally_metrics::distribution::{
    DistributionError, FrechetSide, Gaussian, Moments, frechet_distance,
};
use retally_metrics::executor::Sequential;
use retally_metrics::random::Stream;
use std::hint::black_box;

const WIDTH: usize = 2048;

/// Sums of neighbouring uniform numbers; column j scaled by (j + 1)^-decay.
fn features(rows: usize, seed: u64, decay: f64) -> Array2<f32> {
    let mut stream = Stream::new(seed, "features", 0);
    let raw = Array2::from_shape_fn((rows, WIDTH + 1), |_| stream.uniform() - 0.5);
    let sums = &raw.slice(s![.., ..WIDTH]) + &raw.slice(s![.., 1..]);
    let scales = Array1::from_shape_fn(WIDTH, |column| (column as f64 + 1.0).powf(-decay));
    (sums * scales.insert_axis(Axis(0))).mapv(|value| value as f32)
}

fn gaussian(features: &Array2<f32>) -> Result<Gaussian, DistributionError> {
    Gaussian::of_moments(&Moments::of(features.view(), "a bench", &Sequential)?, "a bench")
}

fn covariance(criterion: &mut Criterion) {
    let rows = features(10_000, 0, 0.0);
    criterion.bench_function("moments of 10000 x 2048", |bencher| {
        bencher.iter(|| Moments::of(black_box(rows.view()), "a bench", &Sequential));
    });
}

fn trace(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("distance");
    group.sample_size(10);
    let cases = [
        ("cholesky", 5000, 0.0),
        ("cholesky-singular-values", 5000, 1.5),
        ("eigen-cut-off", 1000, 0.0),
    ];
    for (path, rows, decay) in cases {
        let sets = [1, 2].map(|seed| gaussian(&features(rows, seed, decay)));
        let [Ok(reference), Ok(samples)] = &sets else { continue };
        group.bench_function(BenchmarkId::new("statistics", path), |bencher| {
            bencher.iter(|| {
                let sides = [reference, samples].map(FrechetSide::Gaussian);
                frechet_distance(sides[0], sides[1], &Sequential).map(|distance| distance.path)
            });
        });
    }
    let [reference, samples] = [features(1000, 1, 0.0), features(800, 2, 0.0)];
    group.bench_function(BenchmarkId::new("features", "nuclear-norm"), |bencher| {
        bencher.iter(|| {
            let sides = [&reference, &samples].map(|set| FrechetSide::from(set.view()));
            frechet_distance(sides[0], sides[1], &Sequential).map(|distance| distance.path)
        });
    });
    group.finish();
}

criterion_group!(benches, covariance, trace);
criterion_main!(benches);
