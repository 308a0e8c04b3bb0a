//! Byte parity with Pillow and bit parity with NumPy and PyTorch, on the files that `tests/parity/images_golden.py` and
//! `tests/parity/images_float_golden.py` made.

use super::decode::decode;
use super::prepare::{Preparer, Recipe};
use super::raster::Plane;
use super::reader::{Content, PixelLayout, RawSample};
use super::resize::Resampler;
use retally_manifests::{Canvas, Digest, Filter, ImageLayout, Normalise, Resize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Leaves 8-bit values as they are.
const PLAIN: Normalise = Normalise::OffsetDivisor { offset: 0.0, divisor: 1.0 };

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/images")
}

fn number(operation: &Value, key: &str) -> u32 {
    operation[key].as_u64().unwrap() as u32
}

fn numbers<const COUNT: usize>(operation: &Value, key: &str) -> [f32; COUNT] {
    let numbers: Vec<f32> = operation[key]
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap() as f32)
        .collect();
    numbers.try_into().unwrap()
}

fn filter(operation: &Value) -> Filter {
    serde_json::from_value(operation["filter"].clone()).unwrap()
}

fn stretch(operation: &Value) -> Resize {
    Resize::Stretch {
        width: number(operation, "width"),
        height: number(operation, "height"),
        filter: filter(operation),
    }
}

fn canvas(operation: &Value) -> Canvas {
    let background = numbers::<3>(operation, "background").map(|value| value as u8);
    Canvas { background, margin: number(operation, "margin") }
}

fn recipe(resize: Resize) -> Recipe {
    Recipe { canvas: None, mask: None, resize, normalise: PLAIN, layout: ImageLayout::Nhwc }
}

fn pixels(bytes: &[u8], recipe: Recipe) -> Vec<u8> {
    let sample = RawSample {
        place: "golden".to_owned(),
        content: Content::Encoded(bytes.to_vec()),
        mask: None,
    };
    Preparer::new(recipe).unwrap().pixels(&sample).unwrap().0.values().to_vec()
}

/// Bytes of what retally makes of a source.
fn perform(bytes: &[u8], operation: &Value) -> Vec<u8> {
    let decoded = decode(bytes).unwrap();
    match operation["name"].as_str().unwrap() {
        "rgb" => decoded.rgb.values().to_vec(),
        "alpha" => decoded.alpha.unwrap().values().to_vec(),
        "stretch" => pixels(bytes, recipe(stretch(operation))),
        "grey-stretch" => {
            let grey = decoded.rgb.values().iter().step_by(3).copied().collect();
            let grey = Plane::new(decoded.rgb.width(), decoded.rgb.height(), grey).unwrap();
            let (width, height) =
                (number(operation, "width") as usize, number(operation, "height") as usize);
            let resized = Resampler::default().resize(&grey, width, height, filter(operation));
            resized.unwrap().values().to_vec()
        }
        "shorter-side-crop" => {
            let shorter_side = number(operation, "shorter_side");
            let crop = number(operation, "crop");
            let filter = filter(operation);
            pixels(bytes, recipe(Resize::ShorterSideCrop { shorter_side, crop, filter }))
        }
        "adm-crop" => pixels(bytes, recipe(Resize::AdmCrop { size: number(operation, "size") })),
        "canvas" => {
            let canvas = canvas(operation);
            let (width, height) = (decoded.rgb.width() as u32, decoded.rgb.height() as u32);
            let (width, height) = (width + 2 * canvas.margin, height + 2 * canvas.margin);
            let unchanged = Resize::Stretch { width, height, filter: Filter::Box };
            pixels(bytes, Recipe { canvas: Some(canvas), ..recipe(unchanged) })
        }
        "pipeline" => {
            pixels(bytes, Recipe { canvas: Some(canvas(operation)), ..recipe(stretch(operation)) })
        }
        "normalise" => normalised(bytes, operation),
        other => panic!("unknown operation {other}"),
    }
}

fn normalised(bytes: &[u8], operation: &Value) -> Vec<u8> {
    let normalise = if operation["mean"].is_array() {
        Normalise::MeanStd { mean: numbers(operation, "mean"), std: numbers(operation, "std") }
    } else {
        Normalise::OffsetDivisor {
            offset: operation["offset"].as_f64().unwrap() as f32,
            divisor: operation["divisor"].as_f64().unwrap() as f32,
        }
    };
    let layout = serde_json::from_value(operation["layout"].clone()).unwrap();
    let preparer =
        Preparer::new(Recipe { normalise, layout, ..recipe(stretch(operation)) }).unwrap();
    let mut out = vec![0.0; preparer.shape().iter().product()];
    let sample = RawSample {
        place: "golden".to_owned(),
        content: Content::Encoded(bytes.to_vec()),
        mask: None,
    };
    preparer.prepare(&sample, &mut out).unwrap();
    out.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn equals_pillow_byte_for_byte() {
    let text = std::fs::read_to_string(folder().join("golden.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 2000, "only {} cases", cases.len());
    let mut failures: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for case in cases {
        let source = case["source"].as_str().unwrap();
        let bytes = std::fs::read(folder().join("sources").join(source)).unwrap();
        let result = perform(&bytes, &case["operation"]);
        if Digest::of_bytes(&result).to_string() != case["sha256"] {
            failures.entry(source).or_default().push(case["operation"].to_string());
        }
    }
    assert!(failures.is_empty(), "differ from Pillow: {failures:#?}");
}

/// The images of `pattern` in `images_float_golden.py`: a hash of the position.
fn pattern(width: usize, height: usize) -> Content {
    let mut values = Vec::new();
    for y in 0..height as u32 {
        for x in 0..width as u32 {
            for channel in 0..3_u32 {
                let mixed = x.wrapping_mul(73_856_093)
                    ^ y.wrapping_mul(19_349_663)
                    ^ channel.wrapping_mul(83_492_791);
                values.push((mixed.wrapping_mul(2_654_435_761) >> 24) as u8);
            }
        }
    }
    Content::Pixels { layout: PixelLayout { width, height, channels: 3 }, values }
}

fn float_content(case: &Value) -> Content {
    match case["source"].as_str() {
        Some(source) => {
            Content::Encoded(std::fs::read(folder().join("sources").join(source)).unwrap())
        }
        None => {
            let [width, height] = numbers::<2>(case, "pattern").map(|side| side as usize);
            pattern(width, height)
        }
    }
}

#[test]
fn float_resizes_equal_their_programs_bit_for_bit() {
    let text = std::fs::read_to_string(folder().join("float.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 800, "only {} cases", cases.len());
    let mut failures: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for case in cases {
        let (normalise, layout) = match case["scale"].as_str().unwrap() {
            "unit" => (Normalise::MeanStd { mean: [0.5; 3], std: [0.5; 3] }, ImageLayout::Nchw),
            _ => (Normalise::OffsetDivisor { offset: 128.0, divisor: 128.0 }, ImageLayout::Nhwc),
        };
        let resize = Resize::FloatStretch {
            width: number(case, "width"),
            height: number(case, "height"),
            kernel: serde_json::from_value(case["kernel"].clone()).unwrap(),
        };
        let preparer = Preparer::new(Recipe { normalise, layout, ..recipe(resize) }).unwrap();
        let mut out = vec![f32::NAN; preparer.shape().iter().product()];
        let sample =
            RawSample { place: "golden".to_owned(), content: float_content(case), mask: None };
        preparer.prepare(&sample, &mut out).unwrap();
        let bytes: Vec<u8> = out.iter().flat_map(|value| value.to_le_bytes()).collect();
        if Digest::of_bytes(&bytes).to_string() != case["sha256"] {
            failures.entry(case["kernel"].as_str().unwrap()).or_default().push(case.to_string());
        }
    }
    assert!(failures.is_empty(), "differ from their programs: {failures:#?}");
}
