//! Writes sample files as ADM's: an `.npz` with `arr_0`, uint8 [N, height, width, 3], and perhaps labels in `arr_1`.

use super::error::{ImageError, quoted};
use super::raster::is_size_accepted;
use crate::arrays::npy::header_bytes;
use crate::arrays::statistics_writer::member_options;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use zip::ZipWriter;
use zip::result::ZipError;

/// Channels of every image.
const CHANNELS: usize = 3;

/// A sample file being written: stored, zip64, the images streamed, so that memory stays flat.
///
/// It has a temporary name in its folder until [`SampleWriter::finish`]; a writer that is dropped leaves nothing.
pub struct SampleWriter {
    path: PathBuf,
    zip: ZipWriter<BufWriter<NamedTempFile>>,
    image_bytes: usize,
    count: usize,
    written: usize,
}

impl SampleWriter {
    /// Begins a file of `count` images of `width` x `height` at `path`.
    ///
    /// # Errors
    /// If there are no images, they are empty or too large, or the file cannot be written.
    pub fn create(
        path: &Path,
        count: usize,
        (width, height): (usize, usize),
    ) -> Result<Self, ImageError> {
        if count == 0 || !is_size_accepted(width, height) {
            let problem = format!(
                "{count} images of {width}x{height} cannot be written: expected at least one, not empty"
            );
            return Err(ImageError::layout(quoted(path), problem));
        }
        let folder = folder_of(path);
        let failed = |error| write_error(path, error);
        let file = temporary_file(folder).map_err(failed)?;
        let mut zip = ZipWriter::new(BufWriter::with_capacity(1 << 20, file));
        let shape = [count, height, width, CHANNELS].map(|length| length as u64);
        begin(&mut zip, "arr_0.npy", &header_bytes("|u1", &shape)).map_err(failed)?;
        let image_bytes = width * height * CHANNELS;
        Ok(Self { path: path.to_owned(), zip, image_bytes, count, written: 0 })
    }

    /// Appends one image: row by row, the channels of a pixel side by side.
    ///
    /// # Errors
    /// If it has another size, all images have been written, or writing fails.
    pub fn push(&mut self, image: &[u8]) -> Result<(), ImageError> {
        if image.len() != self.image_bytes {
            return Err(ImageError::Buffer { expected: self.image_bytes, found: image.len() });
        }
        if self.written == self.count {
            return Err(ImageError::Index { index: self.written, count: self.count });
        }
        self.zip.write_all(image).map_err(|error| write_error(&self.path, error))?;
        self.written += 1;
        Ok(())
    }

    /// Writes the labels, if there are any, syncs the file and gives it its name.
    ///
    /// # Errors
    /// If images are missing, there are not as many labels as images, or writing fails.
    pub fn finish(self, labels: Option<&[i64]>) -> Result<(), ImageError> {
        let Self { path, mut zip, count, written, .. } = self;
        let wrong_count = |number: usize, what: &str| {
            let problem = format!("{number} {what} were given for {count} images");
            ImageError::layout(quoted(&path), problem)
        };
        if written != count {
            return Err(wrong_count(written, "images"));
        }
        if let Some(labels) = labels.filter(|labels| labels.len() != count) {
            return Err(wrong_count(labels.len(), "labels"));
        }
        let mut complete = || -> io::Result<()> {
            if let Some(labels) = labels {
                begin(&mut zip, "arr_1.npy", &header_bytes("<i8", &[count as u64]))?;
                for label in labels {
                    zip.write_all(&label.to_le_bytes())?;
                }
            }
            Ok(())
        };
        complete()
            .and_then(|()| zip.finish().map_err(ZipError::into))
            .and_then(|file| file.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(|file| {
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|error| error.error)?;
                // The name, too, has to survive a crash.
                File::open(folder_of(&path))?.sync_all()
            })
            .map_err(|error| write_error(&path, error))
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn begin(
    zip: &mut ZipWriter<BufWriter<NamedTempFile>>,
    name: &str,
    header: &[u8],
) -> io::Result<()> {
    zip.start_file(name, member_options())?;
    zip.write_all(header)
}

fn write_error(path: &Path, source: io::Error) -> ImageError {
    ImageError::Write { place: quoted(path), source }
}

/// A temporary file that others may read once it has its name, as the user's umask says.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".partial-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::reader::{Content, PixelLayout, open_path};
    use retally_manifests::Digest;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.npz");
        let mut writer = SampleWriter::create(&path, 3, (5, 2)).unwrap();
        let image = |seed: u8| -> Vec<u8> { (0..30).map(|value| (value * 7) ^ seed).collect() };
        for seed in 0..3 {
            writer.push(&image(seed)).unwrap();
        }
        assert!(writer.push(&image(3)).is_err());
        writer.finish(Some(&[7, -2, 7])).unwrap();
        let source = open_path(&path).unwrap();
        assert_eq!(source.catalogue().classes(), ["-2", "7"]);
        for seed in 0..3 {
            let layout = PixelLayout { width: 5, height: 2, channels: 3 };
            let expected = Content::Pixels { layout, values: image(seed) };
            assert_eq!(source.read(seed.into()).unwrap().content, expected);
        }
        // `numpy.load` has read a file with this digest: see `written` in layouts.json.
        if let Some(keep) = std::env::var_os("RETALLY_KEEP_WRITTEN") {
            std::fs::copy(&path, Path::new(&keep).join("written-samples.npz")).unwrap();
        }
        let layouts =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/npz/layouts.json");
        let layouts: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(layouts).unwrap()).unwrap();
        let digest = Digest::of_bytes(&std::fs::read(&path).unwrap()).to_string();
        assert_eq!(layouts["written"]["written-samples.npz"]["sha256"], digest);
    }

    #[test]
    fn an_unfinished_file_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.npz");
        assert!(SampleWriter::create(&path, 0, (5, 2)).is_err());
        assert!(SampleWriter::create(&path, 1, (0, 2)).is_err());
        let mut writer = SampleWriter::create(&path, 2, (1, 1)).unwrap();
        assert!(writer.push(&[1, 2]).is_err());
        writer.push(&[1, 2, 3]).unwrap();
        let error = writer.finish(None).unwrap_err();
        assert!(error.to_string().contains("1 images were given for 2"), "{error}");
        let mut writer = SampleWriter::create(&path, 1, (1, 1)).unwrap();
        writer.push(&[1, 2, 3]).unwrap();
        assert!(writer.finish(Some(&[1, 2])).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
