//! KID at the size of the literature: 10,000 rows a side, 2048 dimensions, one thread.
#![allow(missing_docs)] // `criterion_main!` makes a function without any.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use retally_metrics::distribution::kernel_distance::{KernelDistanceOptions, kernel_distance};
use retally_metrics::executor::Sequential;
use retally_metrics::random::Stream;
use std::hint::black_box;

fn features(purpose: &str, rows: usize) -> Array2<f32> {
    let mut stream = Stream::new(0, purpose, 0);
    Array2::from_shape_fn((rows, 2048), |_| stream.uniform() as f32)
}

fn measure(criterion: &mut Criterion) {
    let (reference, samples) = (features("reference", 10_000), features("samples", 10_000));
    let mut group = criterion.benchmark_group("kernel distance");
    group.sample_size(10);
    for all_rows in [false, true] {
        let options = KernelDistanceOptions { all_rows, ..KernelDistanceOptions::default() };
        group.bench_function(format!("10,000 rows a side, all rows: {all_rows}"), |bencher| {
            bencher.iter(|| {
                kernel_distance(
                    black_box(reference.view()),
                    black_box(samples.view()),
                    &options,
                    &Sequential,
                )
            });
        });
    }
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
