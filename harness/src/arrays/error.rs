//! What can be wrong with an array file.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An array that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArrayError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// `open` or `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither format.
    #[error("`{}` is neither a NumPy .npy or .npz file nor a .safetensors file", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The header is damaged or describes something that is not supported.
    #[error("`{}`: {detail}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        detail: String,
    },
    /// The header promises more than the file holds.
    #[error("`{}` is too short: its header says {shape:?}, but the file has {actual} bytes", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Shape in the header.
        shape: Vec<usize>,
        /// Length of the file.
        actual: u64,
    },
    /// Numbers of another type.
    #[error("`{}` holds {element}, but {expected} are needed", path.display())]
    Element {
        /// The file.
        path: PathBuf,
        /// Its type.
        element: String,
        /// What is needed.
        expected: &'static str,
    },
    /// Another shape.
    #[error("`{}` has shape {shape:?}, but {expected} is needed", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Its shape.
        shape: Vec<usize>,
        /// What is needed.
        expected: String,
    },
    /// Rows outside the array.
    #[error("`{}` has {count} rows; {rows:?} are not among them", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// Rows asked for.
        rows: Range<usize>,
        /// Rows there are.
        count: usize,
    },
    /// Statistics that are no mean and covariance.
    #[error("`{}`, array `{name}`: {detail}", path.display())]
    Statistics {
        /// The file.
        path: PathBuf,
        /// The array.
        name: String,
        /// What is wrong and what was expected.
        detail: String,
    },
    /// A number that 32 bits cannot hold.
    #[error("`{}`: row {row} (counted from 0) holds {number:e}, which a 32-bit number cannot; scale the features down", path.display())]
    Range {
        /// The file.
        path: PathBuf,
        /// Index of the row.
        row: usize,
        /// The number.
        number: f64,
    },
    /// A label out of range.
    #[error("`{}`: label {row} (counted from 0) is {number}, but labels are between 0 and {}", path.display(), u32::MAX)]
    Label {
        /// The file.
        path: PathBuf,
        /// Index of the label.
        row: usize,
        /// Its value.
        number: i128,
    },
}

impl ArrayError {
    pub(super) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }

    pub(super) fn header(path: &Path, detail: impl Into<String>) -> Self {
        Self::Header { path: path.to_owned(), detail: detail.into() }
    }

    /// Whether another try may help: the operating system refused for another reason than the path.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound, UnexpectedEof};
        let hopeless = [InvalidInput, IsADirectory, NotADirectory, NotFound, UnexpectedEof];
        matches!(self, Self::File { source, .. } if !hopeless.contains(&source.kind()))
    }
}
