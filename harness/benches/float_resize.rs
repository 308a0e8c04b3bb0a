//! One image of 256 x 256 to the 299 x 299 numbers of the FID network, one core.

use criterion::{Criterion, criterion_group, criterion_main};
use retally::images::prepare::{Preparer, Recipe};
use retally::images::reader::{Content, PixelLayout, RawSample};
use retally_manifests::{FloatKernel, ImageLayout, Normalise, Resize};
use std::hint::black_box;

fn float_resize(criterion: &mut Criterion) {
    let layout = PixelLayout { width: 256, height: 256, channels: 3 };
    let values = (0..layout.bytes().unwrap_or_default()).map(|value| (value * 31) as u8).collect();
    let content = Content::Pixels { layout, values };
    let sample = RawSample { place: "bench".to_owned(), content, mask: None };
    for (name, kernel) in [
        ("tf1-bilinear", FloatKernel::Tf1Bilinear),
        ("pillow-float-bicubic", FloatKernel::PillowFloatBicubic),
        ("torch-bilinear", FloatKernel::TorchBilinear),
        ("torch-bilinear-antialias", FloatKernel::TorchBilinearAntialias),
    ] {
        let recipe = Recipe {
            canvas: None,
            mask: None,
            resize: Resize::FloatStretch { width: 299, height: 299, kernel },
            normalise: Normalise::OffsetDivisor { offset: 128.0, divisor: 128.0 },
            layout: ImageLayout::Nchw,
        };
        let Ok(preparer) = Preparer::new(recipe) else { continue };
        let mut out = vec![0.0; preparer.shape().iter().product()];
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| preparer.prepare(black_box(&sample), &mut out).is_ok());
        });
    }
}

criterion_group!(benches, float_resize);
criterion_main!(benches);
