//! A folder of samples: `000000.png` …, and their classes in `labels.csv`.

use crate::failure::Failure;
use crate::images::png_file;
use crate::run::directory::write_durably;
use crate::sampling::SampleChunk;
use retally_manifests::{Digest, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

/// File of the classes.
const LABELS: &str = "labels.csv";
/// Digits of a file's name, unless there are more samples.
const DIGITS: usize = 6;
/// Beginning of the names of files in the making.
const PARTIAL: &str = ".partial-";

/// A folder that samples are written to.
pub(super) struct SampleFolder {
    root: PathBuf,
    size: (usize, usize),
    digits: usize,
    /// Names of the classes, where they have some.
    names: Vec<String>,
    labels: Vec<(String, i64)>,
    /// Over `sha256sum`'s lines of all files.
    digest: Hasher,
}

impl SampleFolder {
    /// Opens a folder for `count` samples. Whoever calls knows that what is in it belongs to them; a file that has another
    /// name than those written here is an error all the same.
    ///
    /// # Errors
    /// If the folder cannot be made, or holds something else.
    pub(super) fn open(
        root: &Path,
        count: usize,
        size: (usize, usize),
        names: &[String],
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(root)
            .map_err(|error| Failure::file("create the folder", root, &error))?;
        let digits = count.saturating_sub(1).to_string().len().max(DIGITS);
        let folder = Self {
            root: root.to_owned(),
            size,
            digits,
            names: names.to_vec(),
            labels: Vec::new(),
            digest: Hasher::new(),
        };
        folder.check_content(count)?;
        Ok(folder)
    }

    fn check_content(&self, count: usize) -> Result<(), Failure> {
        let unreadable = |error| Failure::file("read the folder", &self.root, &error);
        for entry in std::fs::read_dir(&self.root).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let index = name.strip_suffix(".png").and_then(|digits| digits.parse::<usize>().ok());
            match index.filter(|index| self.file_name(*index) == name) {
                Some(index) if index < count => {}
                Some(_) => {
                    return Err(Failure::invalid(format_args!(
                        "folder `{}` holds more than {count} samples of this run: give a larger --count, or choose \
                         another --out",
                        self.root.display()
                    )));
                }
                None if name == LABELS => {}
                // Left by a process that was killed.
                None if name.starts_with(PARTIAL) => std::fs::remove_file(entry.path())
                    .map_err(|error| Failure::file("remove", &entry.path(), &error))?,
                None => {
                    return Err(Failure::invalid(format_args!(
                        "folder `{}` holds `{name}`, which is no sample: choose another --out",
                        self.root.display()
                    )));
                }
            }
        }
        Ok(())
    }

    /// Writes samples, which must follow those that were written before.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn push(&mut self, chunk: &SampleChunk) -> Result<(), Failure> {
        for (row, image) in chunk.each_image().enumerate() {
            let name = self.file_name(chunk.first + row);
            self.write(&name, &png_file::encode(image, self.size, None)?)?;
            if let Some(label) = chunk.labels.as_ref().and_then(|labels| labels.get(row)) {
                self.labels.push((name, *label));
            }
        }
        Ok(())
    }

    /// Writes the classes, if there are any, and gives a digest of everything: that of what `sha256sum` prints of the images
    /// in order and of `labels.csv`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn finish(mut self) -> Result<Digest, Failure> {
        if !self.labels.is_empty() {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let not_written = |error: csv::Error| {
                Failure::invalid(format_args!("cannot write {LABELS}: {error}"))
            };
            let named = !self.names.is_empty();
            let head = ["file", "class", "name"];
            writer.write_record(if named { &head[..] } else { &head[..2] }).map_err(not_written)?;
            for (file, class) in &self.labels {
                let text = class.to_string();
                let name = usize::try_from(*class).ok().and_then(|class| self.names.get(class));
                let record = [file.as_str(), &text, name.map_or("", String::as_str)];
                let record = if named { &record[..] } else { &record[..2] };
                writer.write_record(record).map_err(not_written)?;
            }
            let bytes = writer.into_inner().map_err(|error| {
                Failure::invalid(format_args!("cannot write {LABELS}: {error}"))
            })?;
            write_durably(&self.root.join(LABELS), &bytes)?;
            self.note(LABELS, &bytes);
        }
        Ok(self.digest.finish())
    }

    fn file_name(&self, index: usize) -> String {
        format!("{index:0width$}.png", width = self.digits)
    }

    /// Writes under a temporary name first: a file with a sample's name is a whole sample. It is not synced, since the
    /// samples are in the store and the same command writes them again.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.root.join(name);
        let partial = self.root.join(format!("{PARTIAL}{name}"));
        std::fs::File::create(&partial)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| std::fs::rename(&partial, &path))
            .map_err(|error| Failure::file("write", &path, &error))?;
        self.note(name, bytes);
        Ok(())
    }

    fn note(&mut self, name: &str, bytes: &[u8]) {
        self.digest.update(format!("{}  {name}\n", Digest::of_bytes(bytes)).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::reader::open_path;

    fn chunk(first: usize, count: usize) -> SampleChunk {
        let images = (0..count).flat_map(|row| [(first + row) as u8; 6]).collect();
        let labels = Some((0..count).map(|row| ((first + row) % 2) as i64).collect());
        SampleChunk { first, count, images, labels }
    }

    fn written(root: &Path, count: usize) -> Digest {
        let names = ["cat".to_owned(), "dog, small".to_owned()];
        let mut folder = SampleFolder::open(root, count, (2, 1), &names).unwrap();
        folder.push(&chunk(0, count - 1)).unwrap();
        folder.push(&chunk(count - 1, 1)).unwrap();
        folder.finish().unwrap()
    }

    #[test]
    fn images_and_classes_are_written_and_read() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("samples");
        let digest = written(&root, 3);
        let labels = std::fs::read_to_string(root.join(LABELS)).unwrap();
        assert_eq!(
            labels,
            "file,class,name\n000000.png,0,cat\n000001.png,1,\"dog, small\"\n000002.png,0,cat\n"
        );
        let source = open_path(&root).unwrap();
        let keys: Vec<_> =
            source.catalogue().samples().iter().map(|sample| sample.key.clone()).collect();
        assert_eq!(keys, ["000000.png", "000001.png", "000002.png"]);
        // `sha256sum *.png labels.csv | sha256sum`
        let mut listing = String::new();
        for name in ["000000.png", "000001.png", "000002.png", LABELS] {
            let bytes = std::fs::read(root.join(name)).unwrap();
            listing.push_str(&format!("{}  {name}\n", Digest::of_bytes(&bytes)));
        }
        assert_eq!(digest, Digest::of_bytes(listing.as_bytes()));
        assert_eq!(written(&root, 3), digest);
    }

    #[test]
    fn a_folder_with_something_else_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        written(root, 3);
        std::fs::write(root.join(".partial-000007.png"), "").unwrap();
        let open = |count| SampleFolder::open(root, count, (2, 1), &[]).err();
        assert!(open(4).is_none());
        assert!(!root.join(".partial-000007.png").exists());
        assert!(open(2).unwrap().message().contains("more than 2 samples"));
        std::fs::write(root.join("holiday.png"), "").unwrap();
        assert!(open(3).unwrap().message().contains("holiday.png"));
        let file = root.join("000000.png");
        assert!(SampleFolder::open(&file, 3, (2, 1), &[]).is_err());
    }
}
