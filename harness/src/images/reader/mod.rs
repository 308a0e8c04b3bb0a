//! Readers of image sets. All give the same thing: named samples with classes, read by index, from any thread.

mod catalogue;
mod checksum;
mod files;
mod folder;
mod idx;
mod memory;
mod npz;
mod parquet;
mod selection;
mod tar;
#[cfg(test)]
mod tests;

use super::error::{ImageError, quoted};
pub use catalogue::{Catalogue, SampleInfo};
pub use folder::FolderLabels;
pub use memory::MemoryReader;
use retally_manifests::{DatasetFormat, Digest, Hasher};
pub use selection::Selection;
use std::path::{Path, PathBuf};

/// No encoded image may be larger; checked before memory is asked for.
pub const MAX_ENCODED_BYTES: u64 = 512 << 20;

/// A set of images.
pub trait ImageSource: Send + Sync {
    /// Keys and classes of all samples, in order.
    fn catalogue(&self) -> &Catalogue;

    /// Reads one sample.
    ///
    /// # Errors
    /// If there is no such sample or its bytes cannot be read.
    fn read(&self, index: usize) -> Result<RawSample, ImageError>;
}

/// A sample as its file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSample {
    /// The file, and the member or row in it, for messages.
    pub place: String,
    /// The image.
    pub content: Content,
    /// The mask file's bytes, where there is one.
    pub mask: Option<Vec<u8>>,
}

/// An image as its file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A PNG or JPEG file.
    Encoded(Vec<u8>),
    /// Pixels.
    Pixels {
        /// Their arrangement.
        layout: PixelLayout,
        /// Row by row, the channels of a pixel side by side.
        values: Vec<u8>,
    },
}

/// How raw pixels are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelLayout {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
}

impl PixelLayout {
    /// Bytes of one image, or `None` if they cannot be counted.
    #[must_use]
    pub fn bytes(self) -> Option<usize> {
        self.width.checked_mul(self.height)?.checked_mul(self.channels)
    }
}

impl RawSample {
    /// SHA-256 of what decides the sample's preprocessed values: the file's bytes; for raw pixels their sizes and
    /// values; and, where there is a mask file, both digests together.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let image = match &self.content {
            Content::Encoded(bytes) => Digest::of_bytes(bytes),
            Content::Pixels { layout: PixelLayout { width, height, channels }, values } => {
                let mut hasher = Hasher::new();
                hasher.update(format!("{height}x{width}x{channels}\n").as_bytes());
                hasher.update(values);
                hasher.finish()
            }
        };
        let Some(mask) = &self.mask else {
            return image;
        };
        let mut hasher = Hasher::new();
        hasher.update(image.as_bytes());
        hasher.update(Digest::of_bytes(mask).as_bytes());
        hasher.finish()
    }
}

/// Opens the files of a data set, in the order that its format needs.
///
/// # Errors
/// If a file is missing, unreadable or not of that format.
pub fn open(format: DatasetFormat, files: &[PathBuf]) -> Result<Box<dyn ImageSource>, ImageError> {
    let Some(first) = files.first() else {
        return Err(ImageError::layout("the data set", "it names no file"));
    };
    Ok(match format {
        DatasetFormat::Folder => {
            if let Some(second) = files.get(1) {
                return Err(ImageError::layout(quoted(second), "a folder data set is one folder"));
            }
            Box::new(folder::FolderReader::open(first, FolderLabels::Subfolders)?)
        }
        DatasetFormat::Tar => Box::new(tar::TarReader::open(files)?),
        DatasetFormat::Idx => Box::new(idx::IdxReader::open(files)?),
        DatasetFormat::Npz => Box::new(npz::NpzReader::open(files)?),
        DatasetFormat::Parquet => Box::new(parquet::ParquetReader::open(files)?),
    })
}

/// Opens whatever a user points at: a folder (every image below it, unlabelled), a `.tar`, `.npz`, `.npy`, `.parquet`
/// or idx file, or a single image.
///
/// # Errors
/// If it is missing, unreadable or not of the format that its name says.
pub fn open_path(path: &Path) -> Result<Box<dyn ImageSource>, ImageError> {
    let metadata = std::fs::metadata(path).map_err(|error| ImageError::read(path, error))?;
    if metadata.is_dir() {
        return Ok(Box::new(folder::FolderReader::open(path, FolderLabels::None)?));
    }
    let name =
        path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let ends_with = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    let format = if ends_with(&[".tar"]) {
        DatasetFormat::Tar
    } else if ends_with(&[".npz", ".npy"]) {
        DatasetFormat::Npz
    } else if ends_with(&[".parquet"]) {
        DatasetFormat::Parquet
    } else if ends_with(&[".idx", "-idx3-ubyte", ".idx3-ubyte"]) {
        DatasetFormat::Idx
    } else if ends_with(&[".tar.gz", ".tgz", ".gz", ".zip"]) {
        return Err(ImageError::layout(
            quoted(path),
            "compressed archives are not read: unpack it first",
        ));
    } else {
        return Ok(Box::new(folder::FolderReader::single(path)?));
    };
    open(format, &[path.to_owned()])
}
