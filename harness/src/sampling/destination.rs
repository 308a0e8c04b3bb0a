//! Where samples go: an `.npz` as ADM's, or a folder of PNG files; a contact sheet; and a file beside them that says how
//! they were made.

mod folder;
mod grid;

use super::SampleChunk;
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::images::writer::SampleWriter;
use crate::run::directory::write_durably;
use folder::SampleFolder;
use grid::Grid;
use retally_manifests::Digest;
use serde::Serialize;
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Endings of file names that are no folder's. Samples are written to none of them.
const OTHER_FILES: [&str; 9] =
    ["npy", "zip", "tar", "png", "jpg", "jpeg", "parquet", "safetensors", "onnx"];
/// Key of the record's entry that names the samples.
const SAMPLES: &str = "samples_sha256";

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct DestinationRequest<'a> {
    /// An `.npz` file or a folder.
    pub(super) out: &'a Path,
    /// A PNG file.
    pub(super) grid: Option<&'a Path>,
    /// Names the samples, whatever their number.
    pub(super) key: Digest,
    /// How many.
    pub(super) count: usize,
    /// (width, height).
    pub(super) size: (usize, usize),
    /// Names of the classes, where they have some.
    pub(super) class_names: &'a [String],
}

/// Files that were written.
#[derive(Clone, Debug, Serialize)]
pub struct WrittenSamples {
    /// The `.npz` file or the folder.
    pub path: PathBuf,
    /// Digest of the file; of a folder, that of what `sha256sum *.png labels.csv` prints.
    pub sha256: Digest,
    /// The contact sheet.
    pub grid: Option<PathBuf>,
    /// Digest of the contact sheet.
    pub grid_sha256: Option<Digest>,
    /// The file that says how they were made.
    pub record: PathBuf,
}

/// Files in the making, which this process alone writes.
pub(super) struct Destination {
    path: PathBuf,
    writer: Writer,
    grid: Option<Grid>,
    record: RecordFile,
    labels: Option<Vec<i64>>,
}

enum Writer {
    Archive(Box<SampleWriter>),
    Folder(SampleFolder),
}

/// What became of an attempt to begin.
pub(super) enum Begun {
    /// Nobody else writes there.
    Mine(Box<Destination>),
    /// Another process is writing there.
    Taken,
}

impl Destination {
    /// Checks that nothing of others would be overwritten, and begins. `record` is what the file beside the samples says
    /// until they are complete.
    ///
    /// # Errors
    /// If there is something else in the place, or it cannot be written.
    pub(super) fn begin(
        request: &DestinationRequest<'_>,
        record: &Value,
    ) -> Result<Begun, Failure> {
        let DestinationRequest { out, key, count, size, .. } = *request;
        check_name(out)?;
        check_folder_of(out)?;
        let ours = RecordFile::of(out).belongs_to(out, &key)?;
        let is_archive = has_extension(out, "npz");
        check_free(out, is_archive, ours)?;
        let Some(record) = RecordFile::of(out).begin(ours, record)? else {
            return Ok(Begun::Taken);
        };
        let writer = if is_archive {
            Writer::Archive(Box::new(SampleWriter::create(out, count, size)?))
        } else {
            Writer::Folder(SampleFolder::open(out, count, size, request.class_names)?)
        };
        let grid = request.grid.map(|path| Grid::begin(path, key, count, size)).transpose()?;
        let path = out.to_owned();
        Ok(Begun::Mine(Box::new(Self { path, writer, grid, record, labels: None })))
    }

    /// Writes samples, which must follow those that were written before.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) fn push(&mut self, chunk: &SampleChunk) -> Result<(), Failure> {
        if let Some(grid) = &mut self.grid {
            grid.push(chunk);
        }
        match &mut self.writer {
            Writer::Folder(folder) => folder.push(chunk),
            Writer::Archive(archive) => {
                if let Some(labels) = &chunk.labels {
                    self.labels.get_or_insert_default().extend(labels);
                }
                for image in chunk.each_image() {
                    archive.push(image)?;
                }
                Ok(())
            }
        }
    }

    /// Ends the files. `record` gives what the file beside them says, from what was written.
    ///
    /// # Errors
    /// If they cannot be written, or samples are missing.
    pub(super) fn finish(
        self,
        record: impl FnOnce(&WrittenSamples) -> Result<Value, Failure>,
    ) -> Result<WrittenSamples, Failure> {
        let sha256 = match self.writer {
            Writer::Folder(folder) => folder.finish()?,
            Writer::Archive(archive) => {
                archive.finish(self.labels.as_deref())?;
                digest(&self.path)?
            }
        };
        let grid = self.grid.map(Grid::finish).transpose()?;
        let written = WrittenSamples {
            path: self.path,
            sha256,
            grid_sha256: grid.as_deref().map(digest).transpose()?,
            grid,
            record: self.record.path.clone(),
        };
        self.record.write(&record(&written)?)?;
        Ok(written)
    }
}

/// The file beside the samples. While it is locked its process alone writes there.
struct RecordFile {
    path: PathBuf,
    _lock: Option<File>,
}

impl RecordFile {
    /// `samples.npz.json` beside `samples.npz`, and beside a folder.
    fn of(out: &Path) -> Self {
        // Without the slash that may end a folder's name.
        let mut name: OsString = out.components().as_path().into();
        name.push(".json");
        Self { path: name.into(), _lock: None }
    }

    /// Whether it is there and is about these samples. One that announces other samples, of which none was ever written,
    /// is removed.
    fn belongs_to(&self, out: &Path, key: &Digest) -> Result<bool, Failure> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Failure::file("read", &self.path, &error)),
        };
        let known = serde_json::from_slice::<Value>(&bytes).ok();
        if known.as_ref().is_some_and(|record| record[SAMPLES] == key.to_string()) {
            return Ok(true);
        }
        if known.is_some_and(|record| record["complete"] == false) && !holds_something(out) {
            return self.give_up().map(|()| false);
        }
        Err(Failure::invalid(format_args!(
            "`{}` exists and is not about these samples (another generator, seed, setting or ONNX Runtime); choose \
             another --out, or remove both",
            self.path.display()
        )))
    }

    /// Removes the file, unless another process is about to write what it announces.
    fn give_up(&self) -> Result<(), Failure> {
        let unusable = |error| Failure::file("remove", &self.path, &error);
        let lock = File::open(&self.path).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => std::fs::remove_file(&self.path).map_err(unusable),
            Err(_) => Err(Failure::temporary(format_args!(
                "another process is about to write what `{}` announces: wait for it, or choose another --out",
                self.path.display()
            ))),
        }
    }

    /// Makes the file, if it is not there, and locks it; none if another process has.
    fn begin(self, exists: bool, record: &Value) -> Result<Option<Self>, Failure> {
        if !exists {
            self.write(record)?;
        }
        let lock =
            File::open(&self.path).map_err(|error| Failure::file("open", &self.path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { _lock: Some(lock), ..self })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Failure::file("lock", &self.path, &error)),
        }
    }

    fn write(&self, record: &Value) -> Result<(), Failure> {
        write_durably(&self.path, format!("{record:#}\n").as_bytes())
    }
}

fn check_name(out: &Path) -> Result<(), Failure> {
    let known = OTHER_FILES.into_iter().find(|ending| has_extension(out, ending));
    match known {
        Some(_) => Err(Failure::invalid(format_args!(
            "--out {}: samples are written to an .npz file or to a folder",
            out.display()
        ))),
        None => Ok(()),
    }
}

/// The folder of a file must be there: a slip in its name must not cost the samples.
fn check_folder_of(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_none_or(Path::is_dir) {
        return Ok(());
    }
    Err(Failure::invalid(format_args!(
        "there is no folder for `{}`: create it first",
        path.display()
    )))
}

/// Whether there is a file, or a folder with something in it. What cannot be looked at counts as something.
fn holds_something(out: &Path) -> bool {
    let nothing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    match std::fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => !nothing(&error),
    }
}

/// Nothing is written over what this command did not make.
fn check_free(out: &Path, is_archive: bool, ours: bool) -> Result<(), Failure> {
    let refuse = |what: &str, advice: &str| {
        Err(Failure::invalid(format_args!("--out {}: {what}; {advice}", out.display())))
    };
    let metadata = match std::fs::metadata(out) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::file("look at", out, &error)),
    };
    if is_archive != metadata.is_file() {
        let what = if is_archive { "it is no file" } else { "it is no folder" };
        return refuse(what, "choose another name");
    }
    if ours {
        return Ok(());
    }
    if is_archive {
        return refuse("the file exists", "choose another name or remove it");
    }
    let mut entries =
        std::fs::read_dir(out).map_err(|error| Failure::file("read the folder", out, &error))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => refuse("the folder is not empty", "choose another name or empty it"),
    }
}

fn digest(path: &Path) -> Result<Digest, Failure> {
    Digest::of_file(path).map_err(|error| Failure::file("read", path, &error))
}

/// The entry of a record that says which samples it is about.
pub(super) fn samples_entry(key: &Digest) -> (&'static str, String) {
    (SAMPLES, key.to_string())
}

#[cfg(test)]
mod tests;
