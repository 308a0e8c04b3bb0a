//! Batches of images as NumPy writes them: `.npy`, or `.npz` with `arr_0` (and labels in `arr_1`).

use super::files::{SharedFile, open_file};
use super::{Catalogue, Content, ImageSource, PixelLayout, RawSample};
use crate::images::error::{ImageError, quoted};
use crate::images::raster::is_size_accepted;
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zip::{CompressionMethod, ZipArchive};

/// uint8 [N, height, width, 3], [N, height, width, 1] or [N, height, width], in C order. Labels are whole numbers
/// [N], in `arr_1` of the `.npz` or in a second `.npy`.
///
/// Images are read from the file one by one. A compressed array is first unpacked to a temporary file.
#[derive(Debug)]
pub(super) struct NpzReader {
    catalogue: Catalogue,
    place: String,
    file: SharedFile,
    /// Where the first image begins.
    offset: u64,
    layout: PixelLayout,
}

/// Names that `numpy.savez` gives to arrays without names.
const IMAGES_MEMBER: &str = "arr_0.npy";
const LABELS_MEMBER: &str = "arr_1.npy";

impl NpzReader {
    pub(super) fn open(files: &[PathBuf]) -> Result<Self, ImageError> {
        match files {
            [file] if has_extension(file, "npz") => Self::open_npz(file),
            [images] => Self::open_npy(images, None),
            [images, labels] if has_extension(images, "npy") => {
                Self::open_npy(images, Some(labels))
            }
            _ => Err(ImageError::layout(
                files.first().map(|path| quoted(path)).unwrap_or_default(),
                "give one .npz file, or one .npy file of images and at most one of labels",
            )),
        }
    }

    fn open_npy(images: &Path, labels: Option<&Path>) -> Result<Self, ImageError> {
        let place = quoted(images);
        let mut file = open_file(images)?;
        let header = Header::read(&mut file, &place)?;
        let (count, layout) = header.images(&place)?;
        let labels = match labels {
            Some(path) => Some(read_labels(&mut open_file(path)?, count, &quoted(path))?),
            None => None,
        };
        let file = SharedFile::new(images, file)?;
        Self::new(place, (file, header.bytes), (count, layout), labels)
    }

    fn open_npz(path: &Path) -> Result<Self, ImageError> {
        let place = quoted(path);
        let mut archive =
            ZipArchive::new(open_file(path)?).map_err(|error| damaged(&place, error))?;
        if archive.index_for_name(IMAGES_MEMBER).is_none() {
            let names: Vec<_> = archive.file_names().filter_map(Result::ok).collect();
            let problem = format!("it has no array `arr_0` of images, only {}", names.join(", "));
            return Err(ImageError::layout(place, problem));
        }
        let images_place = format!("{place}, arr_0");
        let (data, shape) = open_member(&mut archive, path, &images_place)?;
        let labels = match archive.index_for_name(LABELS_MEMBER) {
            Some(_) => {
                let place = format!("{place}, arr_1");
                let mut member =
                    archive.by_name(LABELS_MEMBER).map_err(|error| damaged(&place, error))?;
                Some(read_labels(&mut member, shape.0, &place)?)
            }
            None => None,
        };
        Self::new(images_place, data, shape, labels)
    }

    fn new(
        place: String,
        (file, offset): (SharedFile, u64),
        (count, layout): (usize, PixelLayout),
        labels: Option<Vec<i64>>,
    ) -> Result<Self, ImageError> {
        let bytes = layout.bytes().unwrap_or_default() as u64;
        let end = bytes.checked_mul(count as u64).and_then(|bytes| bytes.checked_add(offset));
        if end.is_none_or(|end| end > file.length()) {
            let problem = format!(
                "its header promises {count} images of {}x{}x{}, more than its {} bytes hold; fetch it again",
                layout.height,
                layout.width,
                layout.channels,
                file.length()
            );
            return Err(ImageError::layout(place, problem));
        }
        let keys = (0..count).map(|index| format!("{index:06}"));
        let catalogue = match labels {
            None => Catalogue::unlabelled(&place, keys.collect())?,
            Some(labels) => {
                let named = keys.zip(labels.iter().map(i64::to_string)).collect();
                Catalogue::labelled(&place, named)?
            }
        };
        Ok(Self { catalogue, place, file, offset, layout })
    }
}

impl ImageSource for NpzReader {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn read(&self, index: usize) -> Result<RawSample, ImageError> {
        self.catalogue.check(index)?;
        let bytes = self.layout.bytes().unwrap_or_default() as u64;
        let values = self.file.read_at(self.offset + index as u64 * bytes, bytes)?;
        Ok(RawSample {
            place: format!("{}, image {index}", self.place),
            content: Content::Pixels { layout: self.layout, values },
            mask: None,
        })
    }
}

type ImageData = ((SharedFile, u64), (usize, PixelLayout));

/// The images of an archive: in place if they are stored, else unpacked to a file without a name.
fn open_member(
    archive: &mut ZipArchive<File>,
    path: &Path,
    place: &str,
) -> Result<ImageData, ImageError> {
    let mut member = archive.by_name(IMAGES_MEMBER).map_err(|error| damaged(place, error))?;
    let header = Header::read(&mut member, place)?;
    let shape = header.images(place)?;
    if member.compression() == CompressionMethod::Stored
        && let Some(start) = member.data_start()
    {
        let file = SharedFile::new(path, open_file(path)?)?;
        return Ok(((file, start + header.bytes), shape));
    }
    let write_failed = |source| ImageError::Write { place: "a temporary file".to_owned(), source };
    let promised = shape.1.bytes().unwrap_or_default() as u64 * shape.0 as u64;
    let mut unpacked = tempfile::tempfile().map_err(write_failed)?;
    // Reading and writing fail with the same type; a member that is damaged says InvalidData.
    let copied =
        io::copy(&mut member.take(promised), &mut unpacked).map_err(|error| {
            match error.kind() {
                io::ErrorKind::InvalidData
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::UnexpectedEof => damaged(place, error),
                _ => write_failed(error),
            }
        })?;
    if copied < promised {
        return Err(damaged(
            place,
            format!("it has {copied} bytes of images, its header promises {promised}"),
        ));
    }
    Ok(((SharedFile::new(path, unpacked)?, 0), shape))
}

/// The header of a `.npy` file.
struct Header {
    npy: NpyHeader,
    /// Bytes before the data.
    bytes: u64,
}

/// Headers of plain arrays have 118 or 54 bytes. A longer one is not read, since the parser recurses.
const MAX_HEADER_BYTES: usize = 1024;

impl Header {
    fn read(reader: &mut impl Read, place: &str) -> Result<Self, ImageError> {
        let broken =
            |problem: &str| ImageError::layout(place, format!("{problem}; expected a .npy array"));
        let mut start = [0; 10];
        reader.read_exact(&mut start).map_err(|_| broken("it is shorter than a header"))?;
        if !start.starts_with(b"\x93NUMPY") {
            return Err(broken("it does not begin with NumPy's signature"));
        }
        // Versions 2 and 3 have lengths of 4 bytes, for headers that are too long for us anyway.
        if start[6] != 1 {
            return Err(broken("its header has a version other than 1"));
        }
        let length = usize::from(u16::from_le_bytes([start[8], start[9]]));
        if length > MAX_HEADER_BYTES {
            return Err(broken("its header is too long for a plain array"));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(|_| broken("it ends within its header"))?;
        let npy = NpyHeader::from_reader(start.as_slice().chain(text.as_slice()))
            .map_err(|error| broken(&format!("its header is damaged ({error})")))?;
        if npy.order() != Order::C && npy.shape().len() > 1 {
            return Err(broken("it is in Fortran order: save `numpy.ascontiguousarray(array)`"));
        }
        Ok(Self { npy, bytes: (start.len() + length) as u64 })
    }

    /// Kind of number, bytes of one, byte order.
    fn number(&self) -> Option<(TypeChar, u64, Endianness)> {
        match self.npy.dtype() {
            DType::Plain(kind) => Some((kind.type_char(), kind.size_field(), kind.endianness())),
            DType::Array(..) | DType::Record(_) => None,
        }
    }

    /// Number and arrangement of images.
    fn images(&self, place: &str) -> Result<(usize, PixelLayout), ImageError> {
        let shape: Vec<usize> = self
            .npy
            .shape()
            .iter()
            .map(|&length| usize::try_from(length).unwrap_or(usize::MAX))
            .collect();
        let (count, height, width, channels) = match shape[..] {
            [count, height, width] => (count, height, width, 1),
            [count, height, width, channels @ (1 | 3)] => (count, height, width, channels),
            _ => (0, 0, 0, 0),
        };
        let is_bytes = matches!(self.number(), Some((TypeChar::Uint, 1, _)));
        if !is_bytes || !is_size_accepted(width, height) {
            let problem = format!(
                "it is an array of {} {shape:?}, expected uint8 [N, height, width, 3]",
                self.npy.dtype().descr()
            );
            return Err(ImageError::layout(place, problem));
        }
        Ok((count, PixelLayout { width, height, channels }))
    }
}

/// Reads `count` whole numbers of any width.
fn read_labels(reader: &mut impl Read, count: usize, place: &str) -> Result<Vec<i64>, ImageError> {
    let header = Header::read(reader, place)?;
    let kind = header.number().filter(|(kind, ..)| matches!(kind, TypeChar::Int | TypeChar::Uint));
    let (Some((kind, width @ (1 | 2 | 4 | 8), order)), [length]) = (kind, header.npy.shape())
    else {
        let problem = format!(
            "it is an array of {} {:?}, expected whole numbers [{count}] as labels",
            header.npy.dtype().descr(),
            header.npy.shape()
        );
        return Err(ImageError::layout(place, problem));
    };
    if *length != count as u64 {
        return Err(ImageError::layout(
            place,
            format!("it has {length} labels for {count} images"),
        ));
    }
    let mut labels = Vec::new();
    let mut bytes = [0; 8];
    let bytes = &mut bytes[..width as usize];
    for _ in 0..count {
        reader
            .read_exact(bytes)
            .map_err(|_| ImageError::layout(place, "it ends within its labels; fetch it again"))?;
        labels.push(whole_number(bytes, kind, order).ok_or_else(|| {
            ImageError::layout(place, "a label is larger than 9223372036854775807")
        })?);
    }
    Ok(labels)
}

fn whole_number(bytes: &[u8], kind: TypeChar, order: Endianness) -> Option<i64> {
    let from_most_significant: Vec<u8> = match order {
        Endianness::Big => bytes.to_vec(),
        Endianness::Little | Endianness::Irrelevant => bytes.iter().rev().copied().collect(),
    };
    let negative =
        kind == TypeChar::Int && from_most_significant.first().is_some_and(|&byte| byte >= 0x80);
    let start = if negative { -1_i128 } else { 0 };
    let value =
        from_most_significant.iter().fold(start, |value, &byte| value << 8 | i128::from(byte));
    i64::try_from(value).ok()
}

fn has_extension(path: &Path, expected: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(expected))
}

fn damaged(place: &str, reason: impl std::fmt::Display) -> ImageError {
    ImageError::layout(place, format!("the archive is damaged: {reason}; fetch it again"))
}
