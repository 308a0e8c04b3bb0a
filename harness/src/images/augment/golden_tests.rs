//! Byte parity with torchvision on Pillow images, on the files that `tests/parity/images_augment_golden.py` made.

use super::blur::gaussian_blur;
use super::brightness::adjust_brightness;
use super::contrast::adjust_contrast;
use super::crop::{RandomResizedCrop, central_window, window_size};
use super::draw::Draw;
use super::flip::flip_horizontally;
use super::grayscale::to_grayscale;
use super::hue::{adjust_hue, from_hsv, to_hsv};
use super::parameters::PhotometricParameters;
use super::photometric::Photometric;
use super::saturation::adjust_saturation;
use super::scalars::{BlurRadius, Factor, Probability, Turns};
use super::solarize::solarize;
use super::view::{ViewAugmentation, ViewParameters};
use crate::images::decode::decode;
use crate::images::raster::{Rgb, Window};
use crate::images::resize::Resampler;
use retally_manifests::{Digest, Filter};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/images_augment")
}

fn golden() -> Value {
    let text = std::fs::read_to_string(folder().join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn number(operation: &Value, key: &str) -> f64 {
    operation[key].as_f64().unwrap()
}

fn count(operation: &Value, key: &str) -> usize {
    operation[key].as_u64().unwrap() as usize
}

fn factor(operation: &Value) -> Factor {
    Factor::new(number(operation, "factor")).unwrap()
}

fn resized_crop(image: &Rgb, operation: &Value) -> Rgb {
    let [left, top, width, height] =
        ["left", "top", "width", "height"].map(|key| count(operation, key));
    let view = ViewParameters { window: Window { left, top, width, height }, flip: false };
    let filter: Filter = serde_json::from_value(operation["filter"].clone()).unwrap();
    let size = (count(operation, "to_width"), count(operation, "to_height"));
    view.apply(image, size, filter, &Resampler::default()).unwrap()
}

fn photometric(operation: &Value) -> PhotometricParameters {
    let mut fields = operation.clone();
    fields.as_object_mut().unwrap().remove("name");
    serde_json::from_value(fields).unwrap()
}

fn perform(image: Rgb, operation: &Value) -> Rgb {
    match operation["name"].as_str().unwrap() {
        "brightness" => adjust_brightness(image, factor(operation)),
        "contrast" => adjust_contrast(image, factor(operation)),
        "saturation" => adjust_saturation(image, factor(operation)),
        "hue" => adjust_hue(image, Turns::new(number(operation, "factor")).unwrap()),
        "grayscale" => to_grayscale(image),
        "solarize" => solarize(image, count(operation, "threshold") as u8),
        "flip" => flip_horizontally(image),
        "blur" => gaussian_blur(image, BlurRadius::new(number(operation, "radius")).unwrap()),
        "resized-crop" => resized_crop(&image, operation),
        "photometric" => photometric(operation).apply(&image),
        "hsv" => image.mapped_pixels(to_hsv),
        "from-hsv" => image.mapped_pixels(from_hsv),
        name => panic!("unknown operation {name}"),
    }
}

fn agrees(found: &Rgb, case: &Value) -> bool {
    json!([found.width(), found.height()]) == case["size"]
        && Digest::of_bytes(found.values()).to_string() == case["sha256"].as_str().unwrap()
}

#[test]
fn small_images_agree_with_torchvision() {
    let golden = golden();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 2_000, "only {} cases", cases.len());
    let mut failures: BTreeMap<String, usize> = BTreeMap::new();
    let mut sources: BTreeMap<&str, Rgb> = BTreeMap::new();
    for case in cases {
        let name = case["source"].as_str().unwrap();
        let image = sources.entry(name).or_insert_with(|| {
            decode(&std::fs::read(folder().join("sources").join(name)).unwrap()).unwrap().rgb
        });
        if !agrees(&perform(image.clone(), &case["operation"]), case) {
            let operation = case["operation"]["name"].as_str().unwrap();
            *failures.entry(format!("{operation} of {name}")).or_default() += 1;
        }
    }
    assert!(failures.is_empty(), "differ from torchvision: {failures:#?}");
}

#[test]
fn all_colours_agree_with_torchvision() {
    let golden = golden();
    let cases = golden["all_colours"].as_array().unwrap();
    assert!(cases.len() >= 12, "only {} cases", cases.len());
    let values = (0..1_u32 << 24).flat_map(|colour| {
        let [_, red, green, blue] = colour.to_be_bytes();
        [red, green, blue]
    });
    let colours = Rgb::new(4096, 4096, values.collect()).unwrap();
    for case in cases {
        let found = perform(colours.clone(), &case["operation"]);
        assert!(agrees(&found, case), "differs from torchvision: {}", case["operation"]);
    }
}

#[test]
fn windows_agree_with_torchvision() {
    let golden = golden();
    let cases = golden["crops"].as_array().unwrap();
    assert!(cases.len() >= 80, "only {} cases", cases.len());
    let (mut tries_that_fit, mut fallbacks) = (0, 0);
    for case in cases {
        let [width, height]: [usize; 2] = serde_json::from_value(case["size"].clone()).unwrap();
        let tries: Vec<[f64; 2]> = serde_json::from_value(case["tries"].clone()).unwrap();
        let window: [usize; 4] = serde_json::from_value(case["window"].clone()).unwrap();
        let mut sizes = tries
            .iter()
            .map(|&[area, aspect]| window_size((width, height), area, aspect))
            .skip_while(Option::is_none);
        if let Some(size) = sizes.next() {
            // torchvision stops at the first that fits, where it draws the corner with its own generator.
            assert_eq!(sizes.next(), None, "{case}");
            assert_eq!(size, Some((window[2], window[3])), "{case}");
            tries_that_fit += 1;
        } else {
            assert_eq!(tries.len(), 10, "{case}");
            let ratio = serde_json::from_value(case["ratio"].clone()).unwrap();
            let found = central_window((width, height), ratio);
            assert_eq!([found.left, found.top, found.width, found.height], window, "{case}");
            fallbacks += 1;
        }
    }
    assert!(tries_that_fit >= 40 && fallbacks >= 40, "{tries_that_fit} and {fallbacks}");
}

/// Made by `tests/parity/images_augment_draws.py`, with random streams of its own.
#[test]
fn draws_agree_with_python() {
    let text = std::fs::read_to_string(folder().join("draws.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 48);
    let crop = RandomResizedCrop::new([0.3, 1.0], RandomResizedCrop::USUAL_RATIO).unwrap();
    let views = ViewAugmentation { crop, flip: Probability::new(0.5).unwrap() };
    for case in &cases {
        let draw = Draw {
            seed: case["seed"].as_u64().unwrap(),
            purpose: case["purpose"].as_str().unwrap(),
            sample: count(case, "sample") as u32,
            view: count(case, "view") as u32,
        };
        assert_eq!(Photometric::iwm_source().draw(&draw), photometric(&case["photometric"]));
        let view = views.draw(&draw, 320, 240);
        let Window { left, top, width, height } = view.window;
        assert_eq!(json!([left, top, width, height]), case["window"], "{draw:?}");
        assert_eq!(json!(view.flip), case["flip"], "{draw:?}");
    }
}
