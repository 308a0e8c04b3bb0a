//! Batches of images as NumPy writes them: `.npy`, or `.npz` with `arr_0` (and labels in `arr_1`).

use super::checksum::PiecewiseChecksum;
use super::files::{SharedFile, open_file};
use super::{Catalogue, Content, ImageSource, PixelLayout, RawSample};
use crate::arrays::archive::{Archive, Member, Place, SMALL_BYTES, temporary_file};
use crate::arrays::npy::{Header, read_header};
use crate::file_names::has_extension;
use crate::images::error::{ImageError, quoted};
use crate::images::raster::is_size_accepted;
use npyz::{DType, Endianness, Order, TypeChar};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// uint8 [N, height, width, 3], [N, height, width, 1] or [N, height, width], in C order. Labels are whole numbers
/// [N], in `arr_1` of the `.npz` or in a second `.npy`.
///
/// An `arr_1` that is not an array of whole numbers with one axis holds no labels, and is not read: ADM's own reader takes
/// the images alone.
///
/// Images are read from the file one by one. A deflated array is first unpacked to a file without a name in the folder for
/// temporary files (`TMPDIR`). The archive's checksum is compared when a deflated array, or a stored one of up to 256 MiB,
/// is opened; a larger one is not read twice for it: there it is compared as soon as every image has been read.
#[derive(Debug)]
pub(super) struct NpzReader {
    catalogue: Catalogue,
    place: String,
    file: SharedFile,
    /// Where the first image begins.
    offset: u64,
    layout: PixelLayout,
    /// Where it could not be compared when the file was opened.
    checksum: Option<PiecewiseChecksum>,
}

/// Names that `numpy.savez` gives to arrays without names.
const IMAGES: &str = "arr_0";
const LABELS: &str = "arr_1";

/// Names that means have in files of statistics.
const MEANS: [&str; 2] = ["mu", "ref_mu"];

/// Whether a file is a zip archive: by its name, or, where the name says nothing (as in the store), by its first bytes.
fn is_archive(path: &Path) -> Result<bool, ImageError> {
    const SIGNATURE: [u8; 4] = *b"PK\x03\x04";
    if has_extension(path, "npz") || has_extension(path, "npy") {
        return Ok(has_extension(path, "npz"));
    }
    let mut first = Vec::with_capacity(SIGNATURE.len());
    let file = open_file(path)?;
    file.take(SIGNATURE.len() as u64)
        .read_to_end(&mut first)
        .map_err(|error| ImageError::read(path, error))?;
    Ok(first == SIGNATURE)
}

impl NpzReader {
    pub(super) fn open(files: &[PathBuf]) -> Result<Self, ImageError> {
        match files {
            [file] if is_archive(file)? => Self::open_npz(file),
            [images] => Self::open_npy(images, None),
            [images, labels] if !is_archive(images)? => Self::open_npy(images, Some(labels)),
            _ => Err(ImageError::layout(
                files.first().map(|path| quoted(path)).unwrap_or_default(),
                "give one .npz file, or one .npy file of images and at most one of labels",
            )),
        }
    }

    fn open_npy(images: &Path, labels: Option<&Path>) -> Result<Self, ImageError> {
        let place = quoted(images);
        let mut file = open_file(images)?;
        let header = header_of(&mut file, &place)?;
        let shape = image_shape(&header, &place)?;
        let labels = match labels {
            Some(path) => {
                let place = quoted(path);
                let mut file = open_file(path)?;
                let header = header_of(&mut file, &place)?;
                Some(read_labels(&header, &mut file, shape.0, &place)?)
            }
            None => None,
        };
        let file = SharedFile::new(images, file)?;
        Self::new(place, (file, header.bytes), shape, labels)
    }

    fn open_npz(path: &Path) -> Result<Self, ImageError> {
        let mut archive = Archive::open(path)?;
        if !archive.contains(IMAGES) {
            return Err(ImageError::layout(quoted(path), no_images(&archive)));
        }
        let place = format!("{}, {IMAGES}", quoted(path));
        let member = archive.find(IMAGES)?;
        let shape = image_shape(&member.header, &place)?;
        let labels = archive_labels(&mut archive, shape.0)?;
        let data = open_member(&mut archive, &member)?;
        let mut reader = Self::new(place, data, shape, labels)?;
        if member.length > SMALL_BYTES
            && let Place::Stored(start) = member.place
        {
            let bytes = member.header.bytes;
            let head = reader.file.read_at(start - bytes, bytes)?;
            let count = reader.catalogue.len();
            reader.checksum = Some(PiecewiseChecksum::new(member.checksum, &head, count));
        }
        Ok(reader)
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
        Ok(Self { catalogue, place, file, offset, layout, checksum: None })
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
        if self.checksum.as_ref().is_some_and(|checksum| !checksum.note(index, &values)) {
            let problem = "the archive's checksum is not that of its images: fetch it again";
            return Err(ImageError::layout(self.place.clone(), problem));
        }
        Ok(RawSample {
            place: format!("{}, image {index}", self.place),
            content: Content::Pixels { layout: self.layout, values },
            mask: None,
        })
    }
}

/// What an archive without images holds instead.
fn no_images(archive: &Archive) -> String {
    let hint = if MEANS.iter().any(|mean| archive.contains(mean)) {
        ": these are statistics of images, not the images; give it where statistics are expected"
    } else {
        ""
    };
    format!("it has no array `{IMAGES}` of images, only {}{hint}", archive.names_in_words())
}

/// The images of an archive: in place if they are stored, else unpacked.
fn open_member(archive: &mut Archive, member: &Member) -> Result<(SharedFile, u64), ImageError> {
    let path = archive.path().to_owned();
    match member.place {
        Place::Stored(start) => {
            if member.length <= SMALL_BYTES {
                archive.unpack(member, &mut io::sink(), "nowhere")?;
            }
            Ok((SharedFile::new(&path, open_file(&path)?)?, start))
        }
        Place::Deflated => {
            let (mut unpacked, name) = temporary_file()?;
            archive.unpack(member, &mut unpacked, &name)?;
            Ok((SharedFile::new(&path, unpacked)?, 0))
        }
    }
}

/// The labels of an archive, if its second array can be any.
fn archive_labels(archive: &mut Archive, count: usize) -> Result<Option<Vec<i64>>, ImageError> {
    if !archive.contains(LABELS) {
        return Ok(None);
    }
    let header = archive.header(LABELS)?;
    let is_whole = matches!(number(&header), Some((TypeChar::Int | TypeChar::Uint, ..)));
    if !is_whole || header.lengths.len() != 1 {
        return Ok(None);
    }
    let member = archive.find(LABELS)?;
    let mut bytes = Vec::new();
    archive.unpack(&member, &mut bytes, "memory")?;
    let place = format!("{}, {LABELS}", quoted(archive.path()));
    read_labels(&member.header, &mut bytes.as_slice(), count, &place).map(Some)
}

fn header_of(reader: &mut impl Read, place: &str) -> Result<Header, ImageError> {
    read_header(reader).map_err(|detail| ImageError::layout(place, detail))
}

/// Kind of number, bytes of one, byte order.
fn number(header: &Header) -> Option<(TypeChar, u64, Endianness)> {
    match &header.dtype {
        DType::Plain(kind) => Some((kind.type_char(), kind.size_field(), kind.endianness())),
        DType::Array(..) | DType::Record(_) => None,
    }
}

/// Number and arrangement of images.
fn image_shape(header: &Header, place: &str) -> Result<(usize, PixelLayout), ImageError> {
    if header.order != Order::C {
        let problem = "it is in Fortran order: save `numpy.ascontiguousarray(array)`";
        return Err(ImageError::layout(place, problem));
    }
    let shape = header.shape().map_err(|detail| ImageError::layout(place, detail))?;
    let (count, height, width, channels) = match shape[..] {
        [count, height, width] => (count, height, width, 1),
        [count, height, width, channels @ (1 | 3)] => (count, height, width, channels),
        _ => (0, 0, 0, 0),
    };
    let is_bytes = matches!(number(header), Some((TypeChar::Uint, 1, _)));
    if !is_bytes || !is_size_accepted(width, height) {
        let problem = format!(
            "it is an array of {} {shape:?}, expected uint8 [N, height, width, 3]",
            header.dtype.descr()
        );
        return Err(ImageError::layout(place, problem));
    }
    Ok((count, PixelLayout { width, height, channels }))
}

/// Reads `count` whole numbers of any width.
fn read_labels(
    header: &Header,
    reader: &mut impl Read,
    count: usize,
    place: &str,
) -> Result<Vec<i64>, ImageError> {
    let kind = number(header).filter(|(kind, ..)| matches!(kind, TypeChar::Int | TypeChar::Uint));
    let (Some((kind, width @ (1 | 2 | 4 | 8), order)), [length]) =
        (kind, header.lengths.as_slice())
    else {
        let problem = format!(
            "it is an array of {} {:?}, expected whole numbers [{count}] as labels",
            header.dtype.descr(),
            header.lengths
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
