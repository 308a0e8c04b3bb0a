//! Which photometric parameters are drawn, as data: IWM's defaults, or a manifest's own.

use super::colour_jitter::ColourJitter;
use super::draw::Draw;
use super::parameters::PhotometricParameters;
use super::scalars::{BlurRadius, ParameterError, Probability, blur_radius, probability};
use retally_metrics::random::Stream;
use serde::{Deserialize, Serialize};

/// A blur of a random radius.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BlurFields", into = "BlurFields")]
pub struct RandomBlur {
    probability: Probability,
    least: BlurRadius,
    most: BlurRadius,
}

/// A blur as a file spells it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BlurFields {
    probability: Probability,
    radius: [BlurRadius; 2],
}

impl RandomBlur {
    /// None at all.
    pub const NEVER: Self =
        Self { probability: probability(0.0), least: blur_radius(0.0), most: blur_radius(0.0) };

    /// With this probability, by a radius from `least` to `most`.
    ///
    /// # Errors
    /// If `least` is more than `most`.
    pub fn new(
        probability: Probability,
        least: BlurRadius,
        most: BlurRadius,
    ) -> Result<Self, ParameterError> {
        if least > most {
            return Err(ParameterError {
                what: "the least radius of a blur",
                found: least.get(),
                least: 0.0,
                most: most.get(),
            });
        }
        Ok(Self { probability, least, most })
    }
}

impl TryFrom<BlurFields> for RandomBlur {
    type Error = ParameterError;

    fn try_from(fields: BlurFields) -> Result<Self, ParameterError> {
        let [least, most] = fields.radius;
        Self::new(fields.probability, least, most)
    }
}

impl From<RandomBlur> for BlurFields {
    fn from(blur: RandomBlur) -> Self {
        Self { probability: blur.probability, radius: [blur.least, blur.most] }
    }
}

/// A solarization that is done or not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RandomSolarize {
    /// How often.
    pub probability: Probability,
    /// From which value on.
    pub threshold: u8,
}

/// Everything photometric that may be done to a view.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Photometric {
    /// The four steps of colour jitter.
    pub jitter: ColourJitter,
    /// Gaussian blur.
    pub blur: RandomBlur,
    /// How often the colours are taken away.
    pub grayscale: Probability,
    /// Inversion of light values.
    pub solarize: RandomSolarize,
}

impl Photometric {
    /// Colour jitter and nothing else: IWM's target views, and banks of variants.
    #[must_use]
    pub const fn jitter_alone(jitter: ColourJitter) -> Self {
        Self {
            jitter,
            blur: RandomBlur::NEVER,
            grayscale: probability(0.0),
            solarize: RandomSolarize { probability: probability(0.0), threshold: 128 },
        }
    }

    /// IWM's target views: colour jitter with its defaults.
    #[must_use]
    pub const fn iwm_target() -> Self {
        Self::jitter_alone(ColourJitter::iwm())
    }

    /// IWM's source views: an independent colour jitter, blur 0.2, grayscale 0.2, solarize 0.1 (its table; the prose beside it
    /// says 0.2).
    ///
    /// The paper's blur and threshold are not known to us. Here they are those of the recipes that it builds on: a radius of 0.1
    /// to 2 pixels (MoCo v2, for 224 pixels) and a threshold of 128 (BYOL). Set the fields to change them.
    #[must_use]
    pub const fn iwm_source() -> Self {
        let blur = RandomBlur {
            probability: probability(0.2),
            least: blur_radius(0.1),
            most: blur_radius(2.0),
        };
        Self {
            jitter: ColourJitter::iwm(),
            blur,
            grayscale: probability(0.2),
            solarize: RandomSolarize { probability: probability(0.1), threshold: 128 },
        }
    }

    /// The parameters of one view.
    ///
    /// Every number is drawn whether it is used or not, so that changing one probability or strength leaves the others'
    /// draws alone.
    #[must_use]
    pub fn draw(&self, draw: &Draw<'_>) -> PhotometricParameters {
        let mut stream = draw.stream();
        let purpose = format!("{} order of jitter", draw.purpose);
        let mut order = Draw { purpose: &purpose, ..*draw }.stream();
        let jitter = self.jitter.draw(&mut stream, &mut order);
        let blurred = happens(self.blur.probability, &mut stream);
        let radius = BlurRadius::between(self.blur.least, self.blur.most, stream.uniform());
        let grayscale = happens(self.grayscale, &mut stream);
        let solarized = happens(self.solarize.probability, &mut stream);
        PhotometricParameters {
            brightness: jitter.brightness,
            contrast: jitter.contrast,
            saturation: jitter.saturation,
            hue: jitter.hue,
            order: jitter.order,
            blur: blurred.then_some(radius),
            grayscale,
            solarize: solarized.then_some(self.solarize.threshold),
        }
    }
}

/// Whether something of this probability is done.
pub(super) fn happens(probability: Probability, stream: &mut Stream) -> bool {
    stream.uniform() < probability.get()
}
