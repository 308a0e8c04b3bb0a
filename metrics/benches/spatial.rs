//! One image of 16 x 16 tokens, all four metrics, at the widths of the encoders that the suites use.
#![allow(missing_docs)] // `criterion_main!` makes a function without any.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use retally_metrics::random::Stream;
use retally_metrics::spatial::{Lattice, SpatialOptions, SpatialScorer};
use std::hint::black_box;

fn score(criterion: &mut Criterion) {
    let lattice = Lattice { rows: 16, columns: 16 };
    let mask: Vec<bool> = (0..256).map(|token| (64..160).contains(&token)).collect();
    let mut group = criterion.benchmark_group("spatial");
    group.throughput(Throughput::Elements(1));
    for width in [112, 384, 768, 1024] {
        let mut stream = Stream::new(0, "tokens", width);
        let tokens =
            Array2::from_shape_fn((256, width as usize), |_| stream.uniform() as f32 - 0.5);
        let Ok(mut scorer) = SpatialScorer::new(lattice, SpatialOptions::code()) else { continue };
        group.bench_function(BenchmarkId::from_parameter(width), |bencher| {
            bencher.iter(|| scorer.score(black_box(tokens.view()), Some(&mask)));
        });
    }
    group.finish();
}

criterion_group!(benches, score);
criterion_main!(benches);
