//! What a predictor is told of the two views: the numbers of a manifest's action layout.

use crate::images::augment::PhotometricParameters;
use ndarray::Array2;
use retally_manifests::{ActionInput, ActionParameter, ActionRole, ActionScalar};

/// One row for each pair of source and target, [pairs, scalars]; no columns without an action input.
pub(super) fn actions<'a>(
    layout: Option<&ActionInput>,
    pairs: impl ExactSizeIterator<Item = (&'a PhotometricParameters, &'a PhotometricParameters)>,
) -> Array2<f32> {
    let scalars = layout.map_or(&[][..], |layout| layout.scalars.as_slice());
    let mut rows = Array2::zeros((pairs.len(), scalars.len()));
    for (mut row, (source, target)) in rows.outer_iter_mut().zip(pairs) {
        for (number, scalar) in row.iter_mut().zip(scalars) {
            *number = value(*scalar, source, target);
        }
    }
    rows
}

fn value(
    scalar: ActionScalar,
    source: &PhotometricParameters,
    target: &PhotometricParameters,
) -> f32 {
    let [source, target] = [source, target].map(|view| parameter(scalar.parameter, view));
    let number = match scalar.of {
        ActionRole::Difference => target - source,
        ActionRole::Source => source,
        ActionRole::Target => target,
    };
    (number * f64::from(scalar.scale)) as f32
}

fn parameter(parameter: ActionParameter, view: &PhotometricParameters) -> f64 {
    let flag = |done: bool| f64::from(u8::from(done));
    match parameter {
        ActionParameter::Brightness => view.brightness.get(),
        ActionParameter::Contrast => view.contrast.get(),
        ActionParameter::Saturation => view.saturation.get(),
        ActionParameter::Hue => view.hue.get(),
        ActionParameter::Blur => flag(view.blur.is_some()),
        ActionParameter::Grayscale => flag(view.grayscale),
        ActionParameter::Solarize => flag(view.solarize.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::augment::{Factor, Photometric, Turns};

    fn layout(scalars: &[(ActionParameter, ActionRole, f32)]) -> ActionInput {
        let scalar = |&(parameter, of, scale)| ActionScalar { parameter, of, scale };
        ActionInput { tensor: "action".to_owned(), scalars: scalars.iter().map(scalar).collect() }
    }

    #[test]
    fn numbers_stand_where_the_layout_says() {
        let source = PhotometricParameters { grayscale: true, ..PhotometricParameters::default() };
        let target = PhotometricParameters {
            brightness: Factor::new(1.5).unwrap(),
            hue: Turns::new(-0.25).unwrap(),
            solarize: Some(128),
            ..PhotometricParameters::default()
        };
        let layout = layout(&[
            (ActionParameter::Hue, ActionRole::Difference, 4.0),
            (ActionParameter::Brightness, ActionRole::Difference, 1.0),
            (ActionParameter::Brightness, ActionRole::Source, 1.0),
            (ActionParameter::Brightness, ActionRole::Target, 1.0),
            (ActionParameter::Grayscale, ActionRole::Source, 1.0),
            (ActionParameter::Solarize, ActionRole::Source, 1.0),
            (ActionParameter::Solarize, ActionRole::Target, 1.0),
            (ActionParameter::Blur, ActionRole::Difference, 1.0),
        ]);
        let rows = actions(Some(&layout), [(&source, &target)].into_iter());
        assert_eq!(rows.row(0).to_vec(), [-1.0, 0.5, 1.0, 1.5, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(actions(None, [(&source, &target)].into_iter()).dim(), (1, 0));
    }

    /// The layout of the emoji world models is the plain action of the augmentations.
    #[test]
    fn iwms_reading_is_the_action_of_the_augmentations() {
        use ActionParameter::{Blur, Brightness, Contrast, Grayscale, Hue, Saturation, Solarize};
        let differences = [Brightness, Contrast, Saturation, Hue]
            .map(|parameter| (parameter, ActionRole::Difference, 1.0));
        let flags =
            [Blur, Grayscale, Solarize].map(|parameter| (parameter, ActionRole::Source, 1.0));
        let layout = layout(&[&differences[..], &flags[..]].concat());
        let draw = |view| {
            let draw = crate::images::augment::Draw { seed: 3, purpose: "test", sample: 0, view };
            Photometric::iwm_source().draw(&draw)
        };
        for view in 0..50 {
            let (source, target) = (draw(view), draw(view + 1000));
            let rows = actions(Some(&layout), [(&source, &target)].into_iter());
            assert_eq!(rows.row(0).to_vec(), target.action(&source));
        }
    }
}
