//! The files: features, labels beside them, and the record.

use super::chunks::StoredRows;
use super::images::Labels;
use super::layout::Layout;
use super::record::LabelsRecord;
use crate::arrays::npy::header_bytes;
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::generation::path_beside;
use crate::interrupt;
use crate::run::directory::{write_durably, write_durably_with};
use retally_manifests::{Digest, Hasher};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where everything goes: `x.npy`, `x.labels.npy`, `x.npy.json`.
pub(super) struct OutputFiles {
    /// The features.
    pub(super) features: PathBuf,
    labels: PathBuf,
    /// The record.
    pub(super) record: PathBuf,
}

impl OutputFiles {
    /// The files of `--out`. What cannot be written is found out before hours of work, not after.
    ///
    /// # Errors
    /// If the name does not end in `.npy`, or its folder does not exist.
    pub(super) fn beside(out: &Path) -> Result<Self, Failure> {
        let invalid = |problem: &str| {
            Err(Failure::invalid(format_args!("--out `{}` {problem}", out.display())))
        };
        if !has_extension(out, "npy") {
            return invalid("must end in .npy, as `retally score probe` expects");
        }
        if out.is_dir() {
            return invalid("is a folder: give the name of a file");
        }
        match out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) if !folder.is_dir() => {
                invalid(&format!("lies in no folder: make `{}` first", folder.display()))
            }
            _ => Ok(Self {
                features: out.to_owned(),
                labels: out.with_extension("labels.npy"),
                record: path_beside(out),
            }),
        }
    }

    /// Labels of other images must not lie beside features that have none.
    ///
    /// # Errors
    /// If they would.
    pub(super) fn refuse_stale_labels(&self, has_labels: bool) -> Result<(), Failure> {
        if has_labels || !self.labels.exists() {
            return Ok(());
        }
        Err(Failure::invalid(format_args!(
            "these images have no classes, and `{}` is there already: remove it, or choose another --out",
            self.labels.display()
        )))
    }

    /// Writes the labels, `[N]`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn write_labels(&self, labels: Labels<'_>) -> Result<LabelsRecord, Failure> {
        let mut bytes = header_bytes("<i8", &[labels.of_samples.len() as u64]);
        bytes.extend(labels.of_samples.iter().flat_map(|label| label.to_le_bytes()));
        write_durably(&self.labels, &bytes)?;
        Ok(LabelsRecord {
            file: self.labels.clone(),
            sha256: Digest::of_bytes(&bytes),
            classes: labels.names.to_vec(),
            values: labels.values,
        })
    }
}

/// Writes the features chunk by chunk under a temporary name, and renames the file when it is whole; returns its digest.
///
/// # Errors
/// If it cannot be written, a chunk was lost, or the user interrupts.
pub(super) fn write_features(
    path: &Path,
    layout: &Layout,
    stored: &StoredRows,
) -> Result<Digest, Failure> {
    let mut hasher = Hasher::new();
    let mut cause = None;
    let written = write_durably_with(path, |file| {
        let mut file = Hashed { file: BufWriter::new(file), hasher: &mut hasher };
        file.write(&header_bytes("<f4", &layout.shape()))?;
        for index in 0..stored.chunks() {
            let rows =
                if interrupt::requested() { Err(stored.stopped()) } else { stored.load(index) };
            let rows = rows.map_err(|failure| {
                cause = Some(failure);
                io::Error::other("a chunk could not be read")
            })?;
            let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
            file.write(&bytes)?;
        }
        file.file.flush()
    });
    match cause {
        Some(failure) => Err(failure),
        None => written.map(|()| hasher.finish()),
    }
}

/// A file whose digest is taken while it is written.
struct Hashed<'a> {
    file: BufWriter<&'a mut File>,
    hasher: &'a mut Hasher,
}

impl Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }
}
