//! Numbers that augmentations take, each within its bounds.

use serde::{Deserialize, Serialize};

/// A number that is outside its bounds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{what} is {found}; expected {least} to {most}")]
pub struct ParameterError {
    /// What the number is.
    pub what: &'static str,
    /// The number.
    pub found: f64,
    /// The least that is accepted.
    pub least: f64,
    /// The most that is accepted.
    pub most: f64,
}

/// A finite number between two bounds, both included.
macro_rules! bounded {
    ($(#[$documentation:meta])* $name:ident, $what:literal, $least:expr, $most:expr) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Takes a number within the bounds.
            ///
            /// # Errors
            /// If it is outside, or no number.
            pub fn new(value: f64) -> Result<Self, ParameterError> {
                let (least, most) = ($least, $most);
                if (least..=most).contains(&value) {
                    return Ok(Self(value));
                }
                Err(ParameterError { what: $what, found: value, least, most })
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = ParameterError;

            fn try_from(value: f64) -> Result<Self, ParameterError> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

bounded! {
    /// How often something is done.
    Probability, "a probability", 0.0, 1.0
}

bounded! {
    /// How far a factor of brightness, contrast or saturation may be from 1.
    Strength, "the strength of a jitter", 0.0, 1e6
}

bounded! {
    /// How far the hue may turn, in turns.
    HueStrength, "the strength of the hue's jitter", 0.0, 0.5
}

bounded! {
    /// A factor of brightness, contrast or saturation: 0 leaves none, 1 changes nothing.
    Factor, "a factor of brightness, contrast or saturation", 0.0, 1e9
}

bounded! {
    /// How far the hue turns, in turns: 0 is nowhere, and one half ends on the other side.
    Turns, "the turn of the hue", -0.5, 0.5
}

bounded! {
    /// The standard deviation of a Gaussian blur, in pixels; Pillow calls it the radius. 0 changes nothing.
    BlurRadius, "the radius of a blur", 0.0, 1000.0
}

impl Factor {
    /// Changes nothing.
    pub const NEUTRAL: Self = Self(1.0);

    /// torchvision's range for a strength, from `max(0, 1 - strength)` to `1 + strength`, at a place in `0..=1`.
    pub(super) fn around_one(strength: Strength, place: f64) -> Self {
        let (least, most) = ((1.0 - strength.get()).max(0.0), 1.0 + strength.get());
        Self(least + (most - least) * place)
    }
}

impl Turns {
    /// Changes nothing.
    pub const NEUTRAL: Self = Self(0.0);

    /// From `-strength` to `strength`, at a place in `0..=1`.
    pub(super) fn around_zero(strength: HueStrength, place: f64) -> Self {
        Self((2.0 * place - 1.0) * strength.get())
    }
}

impl BlurRadius {
    /// From `least` to `most`, at a place in `0..=1`.
    pub(super) fn between(least: Self, most: Self, place: f64) -> Self {
        Self(least.0 + (most.0 - least.0) * place)
    }
}

/// Constants of this crate; every one of them is within its bounds.
pub(super) const fn probability(value: f64) -> Probability {
    Probability(value)
}

/// See [`probability`].
pub(super) const fn strength(value: f64) -> Strength {
    Strength(value)
}

/// See [`probability`].
pub(super) const fn hue_strength(value: f64) -> HueStrength {
    HueStrength(value)
}

/// See [`probability`].
pub(super) const fn blur_radius(value: f64) -> BlurRadius {
    BlurRadius(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_included_and_nothing_else() {
        assert_eq!(Turns::new(-0.5).unwrap().get(), -0.5);
        assert_eq!(Factor::new(0.0).unwrap().get(), 0.0);
        for bad in [-0.1, f64::NAN, f64::INFINITY, 2e9] {
            assert!(Factor::new(bad).is_err(), "{bad}");
        }
        let error = serde_json::from_str::<Turns>("0.6").unwrap_err().to_string();
        assert!(error.contains("the turn of the hue is 0.6; expected -0.5 to 0.5"), "{error}");
    }
}
