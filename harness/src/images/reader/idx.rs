//! MNIST's idx files: unsigned bytes, images [N, rows, columns] and labels [N], big-endian sizes.

use super::files::{GZIP_SIGNATURE, SharedFile, open_file, read_file};
use super::{Catalogue, Content, ImageSource, PixelLayout, RawSample};
use crate::images::error::{ImageError, quoted};
use crate::images::raster::is_size_accepted;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Images without labels, or pairs of an image and a label file, one after the other: train images, train labels, test
/// images, test labels.
#[derive(Debug)]
pub(super) struct IdxReader {
    catalogue: Catalogue,
    parts: Vec<Part>,
}

/// One image file.
#[derive(Debug)]
struct Part {
    file: SharedFile,
    place: String,
    count: usize,
    layout: PixelLayout,
}

/// Magic number and three sizes.
const IMAGE_HEADER_BYTES: u64 = 16;

impl IdxReader {
    pub(super) fn open(files: &[PathBuf]) -> Result<Self, ImageError> {
        let place = files.first().map(|path| quoted(path)).unwrap_or_default();
        if files.len() > 1 && files.len() % 2 == 1 {
            let problem = format!(
                "{} idx files are given; give images, or images and labels in turn",
                files.len()
            );
            return Err(ImageError::layout(place, problem));
        }
        let mut parts = Vec::new();
        let mut labels = Vec::new();
        for pair in files.chunks(2) {
            let part = open_images(&pair[0])?;
            if let Some(path) = pair.get(1) {
                labels.extend(read_labels(path, part.count)?);
            }
            parts.push(part);
        }
        let count: usize = parts.iter().map(|part| part.count).sum();
        let keys = (0..count).map(|index| format!("{index:06}"));
        let catalogue = if files.len() == 1 {
            Catalogue::unlabelled(&place, keys.collect())?
        } else {
            let named = keys.zip(labels.iter().map(u8::to_string)).collect();
            Catalogue::labelled(&place, named)?
        };
        Ok(Self { catalogue, parts })
    }
}

impl ImageSource for IdxReader {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn read(&self, index: usize) -> Result<RawSample, ImageError> {
        self.catalogue.check(index)?;
        let mut row = index;
        for part in &self.parts {
            if row >= part.count {
                row -= part.count;
                continue;
            }
            let bytes = part.layout.bytes().unwrap_or_default() as u64;
            let values = part.file.read_at(IMAGE_HEADER_BYTES + row as u64 * bytes, bytes)?;
            return Ok(RawSample {
                place: format!("{}, image {row}", part.place),
                content: Content::Pixels { layout: part.layout, values },
                mask: None,
            });
        }
        Err(ImageError::Index { index, count: self.catalogue.len() })
    }
}

fn open_images(path: &Path) -> Result<Part, ImageError> {
    let mut file = open_file(path)?;
    let mut header = [0; IMAGE_HEADER_BYTES as usize];
    let length = file.metadata().map_err(|error| ImageError::read(path, error))?.len();
    if length < IMAGE_HEADER_BYTES {
        return Err(wrong(path, "it is shorter than an idx header of images; fetch it again"));
    }
    file.read_exact(&mut header).map_err(|error| ImageError::read(path, error))?;
    let (words, _) = header.as_chunks::<4>();
    check_magic(path, words[0], 3)?;
    let [count, height, width] = [1, 2, 3].map(|index| u32::from_be_bytes(words[index]) as usize);
    let layout = PixelLayout { width, height, channels: 1 };
    let expected = layout
        .bytes()
        .filter(|_| is_size_accepted(width, height))
        .and_then(|bytes| (bytes as u64).checked_mul(count as u64))
        .and_then(|bytes| bytes.checked_add(IMAGE_HEADER_BYTES));
    if expected != Some(length) {
        let problem = format!(
            "its header promises {count} images of {width}x{height}, which does not fit its {length} bytes; \
             fetch it again"
        );
        return Err(wrong(path, problem));
    }
    Ok(Part { file: SharedFile::new(path, file)?, place: quoted(path), count, layout })
}

fn read_labels(path: &Path, count: usize) -> Result<Vec<u8>, ImageError> {
    let bytes = read_file(path)?;
    let Some((header, labels)) = bytes.split_first_chunk::<8>() else {
        return Err(wrong(path, "it is shorter than an idx header of labels; fetch it again"));
    };
    let (words, _) = header.as_chunks::<4>();
    check_magic(path, words[0], 1)?;
    let promised = u32::from_be_bytes(words[1]) as usize;
    if promised != labels.len() || promised != count {
        let problem = format!(
            "its header promises {promised} labels, it holds {}, and there are {count} images",
            labels.len()
        );
        return Err(wrong(path, problem));
    }
    Ok(labels.to_vec())
}

/// Two zeros, 8 for unsigned bytes, the number of axes.
fn check_magic(path: &Path, magic: [u8; 4], axes: u8) -> Result<(), ImageError> {
    if magic == [0, 0, 8, axes] {
        return Ok(());
    }
    if magic.starts_with(&GZIP_SIGNATURE) {
        return Err(wrong(path, "it is gzip-compressed: unpack it with gunzip first"));
    }
    let problem = format!(
        "its first bytes are {magic:02x?}, expected {:02x?}: an idx file of unsigned bytes with {axes} axes \
         (images first, then labels)",
        [0, 0, 8, axes]
    );
    Err(wrong(path, problem))
}

fn wrong(path: &Path, problem: impl Into<String>) -> ImageError {
    ImageError::layout(quoted(path), problem)
}
