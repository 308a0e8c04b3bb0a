//! What is done to the colours of one view: the parameters, apart from all pixels.

use super::blur::gaussian_blur;
use super::brightness::adjust_brightness;
use super::contrast::adjust_contrast;
use super::grayscale::to_grayscale;
use super::hue::adjust_hue;
use super::saturation::adjust_saturation;
use super::scalars::{BlurRadius, Factor, Turns};
use super::solarize::solarize;
use crate::images::raster::Rgb;
use serde::{Deserialize, Serialize};

/// One of the four steps of colour jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JitterStep {
    /// Towards black, or away from it.
    Brightness,
    /// Towards the mean grey, or away from it.
    Contrast,
    /// Towards each pixel's grey, or away from it.
    Saturation,
    /// Around the circle of hues.
    Hue,
}

impl JitterStep {
    /// In the order of torchvision's arguments.
    pub const ALL: [Self; 4] = [Self::Brightness, Self::Contrast, Self::Saturation, Self::Hue];
}

/// The order of the four steps of colour jitter, each once. torchvision draws it anew for each image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[JitterStep; 4]", into = "[JitterStep; 4]")]
pub struct JitterOrder([JitterStep; 4]);

/// Steps of which one is missing and another stands twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order of colour jitter names {0:?} twice; name each of its four steps once")]
pub struct JitterOrderError(pub JitterStep);

impl JitterOrder {
    /// Of an array that has each step once.
    pub(super) fn of_permutation(steps: [JitterStep; 4]) -> Self {
        Self(steps)
    }

    /// The steps, first to last.
    #[must_use]
    pub const fn steps(self) -> [JitterStep; 4] {
        self.0
    }
}

impl Default for JitterOrder {
    fn default() -> Self {
        Self(JitterStep::ALL)
    }
}

impl TryFrom<[JitterStep; 4]> for JitterOrder {
    type Error = JitterOrderError;

    fn try_from(steps: [JitterStep; 4]) -> Result<Self, JitterOrderError> {
        for (place, step) in steps.iter().enumerate() {
            if steps[..place].contains(step) {
                return Err(JitterOrderError(*step));
            }
        }
        Ok(Self(steps))
    }
}

impl From<JitterOrder> for [JitterStep; 4] {
    fn from(order: JitterOrder) -> Self {
        order.0
    }
}

/// What is done to the colours of one view. The default does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PhotometricParameters {
    /// 1 changes nothing.
    pub brightness: Factor,
    /// 1 changes nothing.
    pub contrast: Factor,
    /// 1 changes nothing.
    pub saturation: Factor,
    /// 0 changes nothing.
    pub hue: Turns,
    /// Which of these four comes first.
    pub order: JitterOrder,
    /// The radius of a Gaussian blur.
    pub blur: Option<BlurRadius>,
    /// Whether the colours are taken away.
    pub grayscale: bool,
    /// From which value on the image is inverted.
    pub solarize: Option<u8>,
}

impl Default for PhotometricParameters {
    fn default() -> Self {
        Self {
            brightness: Factor::NEUTRAL,
            contrast: Factor::NEUTRAL,
            saturation: Factor::NEUTRAL,
            hue: Turns::NEUTRAL,
            order: JitterOrder::default(),
            blur: None,
            grayscale: false,
            solarize: None,
        }
    }
}

impl PhotometricParameters {
    /// Numbers of an action.
    pub const ACTION_LENGTH: usize = 7;

    /// What leads from the view with the parameters `source` to this one, as IWM conditions its predictor: how much
    /// brightness, contrast, saturation and hue (in turns) are larger here than there; then 1 or 0 for whether the
    /// *source* was blurred, made grey and solarized, which the predictor has to undo.
    ///
    /// The paper's own layout and scale are not known to us; these are the plain differences. The order of the steps
    /// is no part of the action.
    #[must_use]
    pub fn action(&self, source: &Self) -> [f32; Self::ACTION_LENGTH] {
        let difference = |target: f64, source: f64| (target - source) as f32;
        let flag = |is_set: bool| f32::from(u8::from(is_set));
        [
            difference(self.brightness.get(), source.brightness.get()),
            difference(self.contrast.get(), source.contrast.get()),
            difference(self.saturation.get(), source.saturation.get()),
            difference(self.hue.get(), source.hue.get()),
            flag(source.blur.is_some()),
            flag(source.grayscale),
            flag(source.solarize.is_some()),
        ]
    }

    /// The view of `image`: the four steps in their order, then grayscale, blur, solarize (BYOL's order).
    ///
    /// A step whose factor is neutral is left out, as torchvision leaves out a jitter of strength 0. It matters for the
    /// hue alone, where going to HSV and back by 0 turns changes bytes.
    #[must_use]
    pub fn apply(&self, image: &Rgb) -> Rgb {
        let mut view = image.clone();
        for step in self.order.steps() {
            view = self.jittered(view, step);
        }
        if self.grayscale {
            view = to_grayscale(view);
        }
        if let Some(radius) = self.blur {
            view = gaussian_blur(view, radius);
        }
        match self.solarize {
            Some(threshold) => solarize(view, threshold),
            None => view,
        }
    }

    fn jittered(&self, view: Rgb, step: JitterStep) -> Rgb {
        match step {
            JitterStep::Brightness if self.brightness != Factor::NEUTRAL => {
                adjust_brightness(view, self.brightness)
            }
            JitterStep::Contrast if self.contrast != Factor::NEUTRAL => {
                adjust_contrast(view, self.contrast)
            }
            JitterStep::Saturation if self.saturation != Factor::NEUTRAL => {
                adjust_saturation(view, self.saturation)
            }
            JitterStep::Hue if self.hue != Turns::NEUTRAL => adjust_hue(view, self.hue),
            _ => view,
        }
    }
}
