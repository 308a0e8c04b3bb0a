//! What can be wrong with images, told so that a user can act on it.

use super::canvas::CanvasError;
use super::decode::DecodeError;
use super::geometry::GeometryError;
use super::mask::MaskSizeError;
use super::normalise::NormaliseError;
use std::io::{self, ErrorKind};
use std::path::Path;

/// An image, or a file of images, that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file could not be opened or read.
    #[error("cannot read {place}: {source}")]
    Read {
        /// The file.
        place: String,
        /// The operating system's words.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {place}: {source}")]
    Write {
        /// The file.
        place: String,
        /// The operating system's words.
        source: io::Error,
    },
    /// A file or folder is not laid out as its format demands.
    #[error("{place}: {problem}")]
    Layout {
        /// The file, and the member or row in it.
        place: String,
        /// What was found, what was expected, what to do.
        problem: String,
    },
    /// An image's bytes could not be decoded.
    #[error("{place}: {source}")]
    Decode {
        /// The file, and the member or row in it.
        place: String,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// An image does not fit the preprocessing.
    #[error("{place}: {source}")]
    Geometry {
        /// The file, and the member or row in it.
        place: String,
        /// What does not fit.
        source: GeometryError,
    },
    /// A canvas became too large.
    #[error("{place}: {source}")]
    Canvas {
        /// The file, and the member or row in it.
        place: String,
        /// What does not fit.
        source: CanvasError,
    },
    /// The data set says that each image has a mask file, and this one has none.
    #[error(
        "{place}: no mask; expected a second image beside it (`name.mask.png`, or a `mask` column)"
    )]
    MissingMask {
        /// The image.
        place: String,
    },
    /// A mask does not fit its image.
    #[error("{place}: {source}")]
    MaskSize {
        /// The image.
        place: String,
        /// Both sizes.
        source: MaskSizeError,
    },
    /// The model's normalisation constants are unusable.
    #[error("cannot normalise: {0}")]
    Normalise(#[from] NormaliseError),
    /// The model's geometry is unusable whatever the image.
    #[error("cannot preprocess for this model: {0}")]
    Preprocessing(String),
    /// 8-bit pixels were asked for, and the recipe makes none.
    #[error(
        "`{resize}` gives floating-point numbers, which 8 bits cannot hold: leave --raw out, or choose an 8-bit resize"
    )]
    NoBytes {
        /// The resize's id.
        resize: String,
    },
    /// A split that cannot be made.
    #[error("cannot split the data set into train and test: {0}")]
    Split(String),
    /// A caller's index is past the end; a bug.
    #[error("there is no sample {index} among {count}")]
    Index {
        /// The index.
        index: usize,
        /// How many samples there are.
        count: usize,
    },
    /// A caller's buffer is of another size; a bug.
    #[error("a buffer of {found} numbers was given for an image of {expected}")]
    Buffer {
        /// Numbers of the preprocessed image.
        expected: usize,
        /// Numbers of the buffer.
        found: usize,
    },
}

impl ImageError {
    /// A failed read of `path`.
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { place: quoted(path), source }
    }

    /// A wrong layout of `place`.
    pub(super) fn layout(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Layout { place: place.into(), problem: problem.into() }
    }

    /// Whether another try may succeed: input and output that failed for another reason than a wrong path or file.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => !matches!(
                source.kind(),
                ErrorKind::NotFound
                    | ErrorKind::PermissionDenied
                    | ErrorKind::NotADirectory
                    | ErrorKind::IsADirectory
                    | ErrorKind::InvalidInput
                    | ErrorKind::InvalidData
                    | ErrorKind::UnexpectedEof
            ),
            _ => false,
        }
    }
}

/// A path as messages show it.
pub(super) fn quoted(path: &Path) -> String {
    format!("`{}`", path.display())
}
