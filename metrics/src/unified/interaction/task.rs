//! Which modality is produced from which.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A direction between the modalities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum InteractionTask {
    /// Generation: image tokens attend to the tokens of the text.
    #[serde(rename = "T2I")]
    TextToImage,
    /// Understanding: tokens of the answer attend to the tokens of the image.
    #[serde(rename = "I2T")]
    ImageToText,
}

impl InteractionTask {
    /// Both, in the order in which they are printed.
    pub const ALL: [Self; 2] = [Self::TextToImage, Self::ImageToText];

    /// The name in the paper, in files and in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextToImage => "T2I",
            Self::ImageToText => "I2T",
        }
    }
}

impl fmt::Display for InteractionTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
