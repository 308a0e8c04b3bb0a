//! Precision, recall, density and coverage at the size of the literature: 10,000 rows a side, 2048 dimensions, one thread.
#![allow(missing_docs)] // `criterion_main!` makes a function without any.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use retally_metrics::distribution::{Arithmetic, ManifoldOptions, manifold};
use retally_metrics::executor::Sequential;
use retally_metrics::random::Stream;
use std::hint::black_box;

/// Numbers without structure: the worst case.
fn independent(purpose: &str, rows: usize) -> Array2<f32> {
    let mut stream = Stream::new(0, purpose, 0);
    Array2::from_shape_fn((rows, 2048), |_| stream.uniform() as f32)
}

/// 64 hidden numbers of falling variance, mixed, with noise, rectified: closer to the features of a network.
fn correlated(purpose: &str, rows: usize) -> Array2<f32> {
    let (mut common, mut own) = (Stream::new(0, "mixing", 0), Stream::new(1, purpose, 0));
    let mixing = Array2::from_shape_fn((64, 2048), |_| common.uniform() as f32 - 0.5);
    let hidden = Array2::from_shape_fn((rows, 64), |(_, index)| {
        (own.uniform() as f32 - 0.5) / (1.0 + index as f32).sqrt()
    });
    (hidden.dot(&mixing)).mapv_into(|value| (value + 0.1 * own.uniform() as f32).max(0.0))
}

fn measure(criterion: &mut Criterion) {
    let sets = [("independent", independent as fn(&str, usize) -> _), ("correlated", correlated)];
    let mut group = criterion.benchmark_group("manifold");
    group.sample_size(10);
    for (name, features) in sets {
        let (reference, samples) = (features("reference", 10_000), features("samples", 10_000));
        for arithmetic in [Arithmetic::Exact, Arithmetic::AdmHalf] {
            let options = ManifoldOptions { arithmetic, ..ManifoldOptions::default() };
            group.bench_function(BenchmarkId::new(format!("{arithmetic:?}"), name), |bencher| {
                bencher.iter(|| {
                    manifold(
                        black_box(reference.view()),
                        black_box(samples.view()),
                        &options,
                        &Sequential,
                    )
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
