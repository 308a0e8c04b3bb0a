//! WebDataset tar shards.

use super::files::{GZIP_SIGNATURE, SharedFile, open_file};
use super::{Catalogue, Content, ImageSource, MAX_ENCODED_BYTES, RawSample};
use crate::images::error::{ImageError, quoted};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tar::{Archive, EntryType};

/// The members of a sample have one key, the name up to the first dot of its last part: `key.png`, `key.jpg` or
/// `key.jpeg` (an image; `key.webp` is found but not decoded), `key.cls` (class as text), `key.mask.png`. Other members
/// are left out. Samples are in the order of their first members, shard after shard.
///
/// Only offsets are kept in memory. Links and sparse members are refused.
#[derive(Debug)]
pub(super) struct TarReader {
    catalogue: Catalogue,
    shards: Vec<SharedFile>,
    samples: Vec<Sample>,
}

/// Where a sample lies.
#[derive(Debug)]
struct Sample {
    shard: usize,
    place: String,
    image: Member,
    mask: Option<Member>,
}

/// Bytes of a shard.
#[derive(Clone, Copy, Debug)]
struct Member {
    offset: u64,
    length: u64,
}

/// The members of one key.
#[derive(Debug, Default)]
struct Group {
    image: Option<Member>,
    mask: Option<Member>,
    class: Option<Member>,
}

/// No class name is longer.
const MAX_CLASS_BYTES: u64 = 1024;

impl TarReader {
    pub(super) fn open(files: &[PathBuf]) -> Result<Self, ImageError> {
        let mut shards = Vec::new();
        let mut samples = Vec::new();
        let mut keys = Vec::new();
        let mut classes = Vec::new();
        for path in files {
            let file = SharedFile::new(path, open_file(path)?)?;
            for (key, group) in list(path, &file)? {
                let place = format!("{}, sample `{key}`", quoted(path));
                let Some(image) = group.image else {
                    return Err(ImageError::layout(
                        place,
                        "it has no image member (.png, .jpg or .jpeg)",
                    ));
                };
                if let Some(class) = group.class {
                    classes.push(read_class(&file, class, &place)?);
                }
                samples.push(Sample { shard: shards.len(), place, image, mask: group.mask });
                keys.push(key);
            }
            shards.push(file);
        }
        let place = files.first().map(|path| quoted(path)).unwrap_or_default();
        let catalogue = if classes.is_empty() {
            Catalogue::unlabelled(&place, keys)?
        } else if classes.len() == keys.len() {
            Catalogue::labelled(&place, keys.into_iter().zip(classes).collect())?
        } else {
            let problem = format!(
                "{} of {} samples have a .cls member: give all one, or none",
                classes.len(),
                keys.len()
            );
            return Err(ImageError::layout(place, problem));
        };
        Ok(Self { catalogue, shards, samples })
    }
}

impl ImageSource for TarReader {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn read(&self, index: usize) -> Result<RawSample, ImageError> {
        self.catalogue.check(index)?;
        let sample = &self.samples[index];
        let read = |member: Member| self.shards[sample.shard].read_at(member.offset, member.length);
        Ok(RawSample {
            place: sample.place.clone(),
            content: Content::Encoded(read(sample.image)?),
            mask: sample.mask.map(read).transpose()?,
        })
    }
}

/// Keys and members of a shard, in the order of their first members.
fn list(path: &Path, file: &SharedFile) -> Result<Vec<(String, Group)>, ImageError> {
    let damaged = |error: std::io::Error| {
        let remedy = match file.read_at(0, 2) {
            Ok(start) if start == GZIP_SIGNATURE => "it is gzip-compressed: unpack it first",
            _ => "fetch it again",
        };
        ImageError::layout(
            quoted(path),
            format!("it is no tar archive, or damaged ({error}); {remedy}"),
        )
    };
    let mut archive = Archive::new(open_file(path)?);
    let mut groups: Vec<(String, Group)> = Vec::new();
    let mut positions = BTreeMap::new();
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|error| {
            let name = String::from_utf8_lossy(error.as_bytes()).into_owned();
            ImageError::layout(
                quoted(path),
                format!("the member name `{name}` is not UTF-8: rename it"),
            )
        })?;
        let place = || format!("{}, member `{name}`", quoted(path));
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            _ => {
                let problem = "it is a link, a device or a sparse file: pack plain files only";
                return Err(ImageError::layout(place(), problem));
            }
        }
        let (key, extension) = split_name(&name);
        let member = Member { offset: entry.raw_file_position(), length: entry.size() };
        let end = member.offset.checked_add(member.length);
        if end.is_none_or(|end| end > file.length()) {
            return Err(ImageError::layout(place(), "the archive ends within it; fetch it again"));
        }
        let Some(part) = Part::of(&extension) else { continue };
        if member.length > MAX_ENCODED_BYTES {
            let problem = format!("it has {} bytes, more than {MAX_ENCODED_BYTES}", member.length);
            return Err(ImageError::layout(place(), problem));
        }
        let position = *positions.entry(key.to_owned()).or_insert_with(|| {
            groups.push((key.to_owned(), Group::default()));
            groups.len() - 1
        });
        let group = &mut groups[position].1;
        let slot = match part {
            Part::Image => &mut group.image,
            Part::Mask => &mut group.mask,
            Part::Class => &mut group.class,
        };
        if slot.replace(member).is_some() {
            let problem = format!(
                "the sample `{key}` already has such a member: give every sample its own key"
            );
            return Err(ImageError::layout(place(), problem));
        }
    }
    Ok(groups)
}

/// What a member is to its sample.
#[derive(Clone, Copy, Debug)]
enum Part {
    Image,
    Mask,
    Class,
}

impl Part {
    fn of(extension: &str) -> Option<Self> {
        match extension {
            "png" | "jpg" | "jpeg" | "webp" => Some(Self::Image),
            "mask.png" => Some(Self::Mask),
            "cls" => Some(Self::Class),
            _ => None,
        }
    }
}

/// Splits at the first dot of the last part, as WebDataset does; extensions are compared in lower case.
fn split_name(name: &str) -> (&str, String) {
    let name = name.strip_prefix("./").unwrap_or(name);
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[base..].find('.') {
        Some(dot) => (&name[..base + dot], name[base + dot + 1..].to_ascii_lowercase()),
        None => (name, String::new()),
    }
}

fn read_class(file: &SharedFile, member: Member, place: &str) -> Result<String, ImageError> {
    let wrong = |problem: String| ImageError::layout(place, problem);
    if member.length > MAX_CLASS_BYTES {
        return Err(wrong(format!(
            "its .cls member has {} bytes, more than {MAX_CLASS_BYTES}",
            member.length
        )));
    }
    let text = String::from_utf8(file.read_at(member.offset, member.length)?)
        .map_err(|_| wrong("its .cls member is not UTF-8".to_owned()))?;
    let class = text.trim();
    if class.is_empty() {
        return Err(wrong("its .cls member is empty".to_owned()));
    }
    Ok(class.to_owned())
}
