//! Laws that parameters and draws obey.

use super::colour_jitter::ColourJitter;
use super::crop::RandomResizedCrop;
use super::draw::Draw;
use super::flip::flip_horizontally;
use super::grayscale::to_grayscale;
use super::parameters::{JitterOrder, JitterStep, PhotometricParameters};
use super::photometric::{Photometric, RandomBlur, RandomSolarize};
use super::scalars::{BlurRadius, Factor, Probability, Turns};
use super::solarize::solarize;
use super::view::{ViewAugmentation, ViewError};
use crate::images::raster::Rgb;
use crate::images::resize::Resampler;
use proptest::collection::vec;
use proptest::prelude::*;
use retally_manifests::Filter;
use std::collections::BTreeSet;

fn images() -> impl Strategy<Value = Rgb> {
    (1_usize..12, 1_usize..12).prop_flat_map(|(width, height)| {
        vec(any::<u8>(), width * height * 3)
            .prop_map(move |values| Rgb::new(width, height, values).unwrap())
    })
}

fn draw(view: u32) -> Draw<'static> {
    Draw { seed: 5, purpose: "test", sample: 3, view }
}

proptest! {
    #[test]
    fn default_parameters_change_nothing(image in images()) {
        prop_assert_eq!(PhotometricParameters::default().apply(&image), image);
    }

    #[test]
    fn grayscale_twice_is_grayscale_once(image in images()) {
        let once = to_grayscale(image);
        prop_assert_eq!(to_grayscale(once.clone()), once);
    }

    #[test]
    fn mirrored_twice_is_the_image(image in images()) {
        prop_assert_eq!(flip_horizontally(flip_horizontally(image.clone())), image);
    }

    #[test]
    fn solarized_from_0_twice_is_the_image(image in images()) {
        prop_assert_eq!(solarize(solarize(image.clone(), 0), 0), image);
    }

    #[test]
    fn windows_are_inside(
        width in 1_usize..200, height in 1_usize..200,
        least in 0.001_f64..1.0, narrow in 0.01_f64..50.0, wide in 1.0_f64..10.0,
        sample in any::<u32>(), view in any::<u32>(),
    ) {
        let crop = RandomResizedCrop::new([least, 1.0], [narrow, narrow * wide]).unwrap();
        let views = ViewAugmentation { crop, flip: Probability::new(0.5).unwrap() };
        let drawn = views.draw(&Draw { seed: 1, purpose: "windows", sample, view }, width, height);
        let window = drawn.window;
        prop_assert!(window.width >= 1 && window.left + window.width <= width, "{window:?}");
        prop_assert!(window.height >= 1 && window.top + window.height <= height, "{window:?}");
    }

    #[test]
    fn actions_are_differences(seed in any::<u64>()) {
        let recipe = Photometric::iwm_source();
        let draw = |view| recipe.draw(&Draw { seed, purpose: "action", sample: 0, view });
        let (source, target, none) = (draw(0), draw(1), PhotometricParameters::default());
        let (there, back) = (target.action(&source), source.action(&target));
        for (there, back) in there[..4].iter().zip(&back[..4]) {
            prop_assert_eq!(*there, -back);
        }
        // The flags are those of the source alone.
        prop_assert_eq!(&there[4..], &none.action(&source)[4..]);
        prop_assert_eq!(target.action(&none)[4..].to_vec(), vec![0.0; 3]);
        prop_assert_eq!(source.action(&source)[..4].to_vec(), vec![0.0; 4]);
    }

    #[test]
    fn parameters_survive_json(seed in any::<u64>()) {
        let drawn = Photometric::iwm_source().draw(&Draw { seed, ..draw(0) });
        let text = serde_json::to_string(&drawn).unwrap();
        prop_assert_eq!(serde_json::from_str::<PhotometricParameters>(&text).unwrap(), drawn);
    }
}

#[test]
fn draws_do_not_depend_on_the_order_in_which_they_are_asked_for() {
    let recipe = Photometric::iwm_source();
    let forwards: Vec<_> = (0..50).map(|view| recipe.draw(&draw(view))).collect();
    let mut backwards: Vec<_> = (0..50).rev().map(|view| recipe.draw(&draw(view))).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    for other in [
        Draw { seed: 6, ..draw(0) },
        Draw { purpose: "another", ..draw(0) },
        Draw { sample: 4, ..draw(0) },
        draw(1),
    ] {
        let always = Photometric::jitter_alone(ColourJitter::iwm().always());
        assert_ne!(always.draw(&other), always.draw(&draw(0)), "{other:?}");
    }
}

#[test]
fn one_probability_does_not_touch_the_other_draws() {
    let source = Photometric::iwm_source();
    let always = Probability::new(1.0).unwrap();
    let changed = Photometric { jitter: source.jitter.always(), grayscale: always, ..source };
    for view in 0..200 {
        let (here, there) = (source.draw(&draw(view)), changed.draw(&draw(view)));
        assert_eq!((here.blur, here.solarize), (there.blur, there.solarize));
        assert!(there.grayscale);
        if here.hue != Turns::NEUTRAL {
            assert_eq!((here.brightness, here.order), (there.brightness, there.order));
        }
    }
}

#[test]
fn draws_have_their_distribution() {
    const COUNT: u32 = 40_000;
    let drawn: Vec<_> =
        (0..COUNT).map(|view| Photometric::iwm_source().draw(&draw(view))).collect();
    let part = |is_counted: &dyn Fn(&PhotometricParameters) -> bool| {
        drawn.iter().filter(|parameters| is_counted(parameters)).count() as f64 / f64::from(COUNT)
    };
    // Six standard deviations of a part p of 40,000 draws.
    let near = |found: f64, p: f64| (found - p).abs() < 6.0 * (p * (1.0 - p) / 40_000.0).sqrt();
    let neutral = PhotometricParameters::default();
    let is_jittered = |drawn: &PhotometricParameters| drawn.brightness != neutral.brightness;
    assert!(near(part(&|drawn| is_jittered(drawn)), 0.8));
    assert!(near(part(&|drawn| drawn.blur.is_some()), 0.2));
    assert!(near(part(&|drawn| drawn.grayscale), 0.2));
    assert!(near(part(&|drawn| drawn.solarize == Some(128)), 0.1));
    // A quarter of a uniform range is below its first quarter.
    assert!(near(part(&|drawn| is_jittered(drawn) && drawn.contrast.get() < 0.8), 0.8 * 0.25));
    assert!(near(part(&|drawn| is_jittered(drawn) && drawn.saturation.get() < 0.9), 0.8 * 0.25));
    assert!(near(part(&|drawn| is_jittered(drawn) && drawn.hue.get() < -0.05), 0.8 * 0.25));
    for parameters in &drawn {
        assert!((0.6..=1.4).contains(&parameters.brightness.get()));
        assert!((0.6..=1.4).contains(&parameters.contrast.get()));
        assert!((0.8..=1.2).contains(&parameters.saturation.get()));
        assert!((-0.1..=0.1).contains(&parameters.hue.get()));
        assert!(parameters.blur.is_none_or(|radius| (0.1..=2.0).contains(&radius.get())));
    }
    let orders: BTreeSet<String> =
        drawn.iter().map(|parameters| format!("{:?}", parameters.order)).collect();
    assert_eq!(orders.len(), 24);
    for step in JitterStep::ALL {
        let is_first =
            |drawn: &PhotometricParameters| is_jittered(drawn) && drawn.order.steps()[0] == step;
        assert!(near(part(&is_first), 0.2), "{step:?}");
    }
}

#[test]
fn strengths_above_1_stop_at_black() {
    let jitter: ColourJitter = serde_json::from_str(
        r#"{"probability": 1, "brightness": 3, "contrast": 0, "saturation": 0, "hue": 0}"#,
    )
    .unwrap();
    let recipe = Photometric::jitter_alone(jitter);
    let drawn: Vec<_> = (0..1000).map(|view| recipe.draw(&draw(view))).collect();
    assert!(drawn.iter().all(|drawn| (0.0..=4.0).contains(&drawn.brightness.get())));
    assert!(drawn.iter().all(|drawn| drawn.contrast == Factor::NEUTRAL));
    assert!(drawn.iter().all(|drawn| drawn.hue == Turns::NEUTRAL));
}

#[test]
fn the_order_of_steps_shows() {
    let image = Rgb::new(2, 1, vec![10, 200, 90, 250, 30, 60]).unwrap();
    let mut parameters = PhotometricParameters {
        brightness: Factor::new(1.4).unwrap(),
        contrast: Factor::new(0.6).unwrap(),
        ..PhotometricParameters::default()
    };
    let brightness_first = parameters.apply(&image);
    let [a, b, c, d] = JitterStep::ALL;
    parameters.order = JitterOrder::try_from([b, a, c, d]).unwrap();
    assert_ne!(parameters.apply(&image), brightness_first);
    let twice = JitterOrder::try_from([a, b, a, d]).unwrap_err().to_string();
    assert!(twice.contains("names Brightness twice"), "{twice}");
}

#[test]
fn recipes_survive_json_and_wrong_ones_are_refused() {
    let recipe = Photometric::iwm_source();
    let text = serde_json::to_string(&recipe).unwrap();
    assert_eq!(serde_json::from_str::<Photometric>(&text).unwrap(), recipe);
    for (from, to, message) in [
        ("[0.1,2.0]", "[2.0,0.1]", "the least radius of a blur is 2; expected 0 to 0.1"),
        ("\"hue\":0.1", "\"hue\":0.6", "the strength of the hue's jitter is 0.6"),
        ("\"probability\":0.8", "\"probability\":1.8", "a probability is 1.8"),
        ("\"grayscale\"", "\"greyscale\"", "unknown field `greyscale`"),
    ] {
        assert!(text.contains(from), "{from} is not in {text}");
        let error = serde_json::from_str::<Photometric>(&text.replace(from, to)).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn views_have_the_size_asked_for_and_flip_half_the_time() {
    let crop = RandomResizedCrop::new([0.3, 1.0], RandomResizedCrop::USUAL_RATIO).unwrap();
    let views = ViewAugmentation { crop, flip: Probability::new(0.5).unwrap() };
    assert_eq!(views.id(), "random-resized-crop=0.3..1,0.75..1.3333333333333333;flip=0.5");
    let values = (0..60 * 40 * 3).map(|value| (value % 251) as u8).collect();
    let image = Rgb::new(60, 40, values).unwrap();
    let resampler = Resampler::default();
    let mut flips = 0;
    for view in 0..2_000 {
        let drawn = views.draw(&draw(view), 60, 40);
        flips += u32::from(drawn.flip);
        let area = (drawn.window.width * drawn.window.height) as f64 / 2400.0;
        // The sides are whole pixels.
        assert!((0.27..=1.0).contains(&area), "{area}");
        if view < 20 {
            let made = drawn.apply(&image, (24, 16), Filter::Bicubic, &resampler).unwrap();
            assert_eq!((made.width(), made.height()), (24, 16));
        }
    }
    assert!((866..=1134).contains(&flips), "{flips} flips of 2,000");
    let large = views.draw(&draw(0), 600, 400);
    let error = large.apply(&image, (24, 16), Filter::Bicubic, &resampler).unwrap_err();
    assert!(matches!(error, ViewError::Window { width: 60, height: 40, .. }), "{error}");
}

#[test]
fn never_is_never() {
    let never = Probability::new(0.0).unwrap();
    let recipe = Photometric {
        jitter: ColourJitter { probability: never, ..ColourJitter::iwm() },
        blur: RandomBlur::new(never, BlurRadius::new(1.0).unwrap(), BlurRadius::new(1.0).unwrap())
            .unwrap(),
        grayscale: never,
        solarize: RandomSolarize { probability: never, threshold: 0 },
    };
    for view in 0..500 {
        assert_eq!(recipe.draw(&draw(view)), PhotometricParameters::default());
    }
}
