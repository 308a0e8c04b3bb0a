//! A folder of image files.

use super::files::read_file;
use super::{Catalogue, Content, ImageSource, RawSample};
use crate::images::error::{ImageError, quoted};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

/// Names that images have. Formats that retally does not decode are listed too, so that such a file is an error, not
/// silently left out.
const IMAGE_EXTENSIONS: [&str; 15] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "avif",
    "jp2", "jxl",
];

/// A mask lies beside its image `name.png` or `name.jpg` under this ending: `name.mask.png`.
const MASK_ENDING: &str = ".mask.png";

/// Where the classes of a folder come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderLabels {
    /// The first-level subfolder, if there are any; images both in subfolders and beside them are an error.
    Subfolders,
    /// There are none.
    None,
}

/// All images below a folder, sorted bytewise by their relative names with `/` between the parts.
///
/// Files and folders whose name begins with a dot, and files without an image's extension, are left out. Symbolic links
/// to folders, and links that lead out of the folder, are refused.
#[derive(Debug)]
pub(super) struct FolderReader {
    catalogue: Catalogue,
    paths: Vec<PathBuf>,
}

impl FolderReader {
    pub(super) fn open(folder: &Path, labels: FolderLabels) -> Result<Self, ImageError> {
        let root = fs::canonicalize(folder).map_err(|error| ImageError::read(folder, error))?;
        let mut listing = Listing { root: &root, images: Vec::new() };
        listing.visit(&root, "")?;
        let mut images = listing.images;
        images.sort();
        let (keys, paths): (Vec<String>, Vec<PathBuf>) = images.into_iter().unzip();
        let place = quoted(folder);
        let nested = keys.iter().filter(|key| key.contains('/')).count();
        let catalogue = match labels {
            FolderLabels::Subfolders if nested > 0 && nested < keys.len() => {
                let outside = keys.iter().find(|key| !key.contains('/')).map_or("", String::as_str);
                let problem = format!(
                    "`{outside}` lies beside the class folders: move it into one, or the others out of theirs"
                );
                return Err(ImageError::layout(place, problem));
            }
            FolderLabels::Subfolders if nested > 0 => {
                let named = keys.into_iter().map(|key| {
                    let class = key.split('/').next().unwrap_or_default().to_owned();
                    (key, class)
                });
                Catalogue::labelled(&place, named.collect())?
            }
            FolderLabels::Subfolders | FolderLabels::None => Catalogue::unlabelled(&place, keys)?,
        };
        Ok(Self { catalogue, paths })
    }

    /// A single image file.
    pub(super) fn single(path: &Path) -> Result<Self, ImageError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let catalogue = Catalogue::unlabelled(&quoted(path), vec![name])?;
        Ok(Self { catalogue, paths: vec![path.to_owned()] })
    }
}

impl ImageSource for FolderReader {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn read(&self, index: usize) -> Result<RawSample, ImageError> {
        self.catalogue.check(index)?;
        let path = &self.paths[index];
        let mask_path = path.with_extension(&MASK_ENDING[1..]);
        let mask = if mask_path.is_file() { Some(read_file(&mask_path)?) } else { None };
        Ok(RawSample { place: quoted(path), content: Content::Encoded(read_file(path)?), mask })
    }
}

struct Listing<'a> {
    root: &'a Path,
    /// Relative names and paths.
    images: Vec<(String, PathBuf)>,
}

impl Listing<'_> {
    fn visit(&mut self, folder: &Path, prefix: &str) -> Result<(), ImageError> {
        let failed = |error| ImageError::read(folder, error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            self.add(&entry, prefix)?;
        }
        Ok(())
    }

    fn add(&mut self, entry: &DirEntry, prefix: &str) -> Result<(), ImageError> {
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(ImageError::layout(quoted(&path), "its name is not UTF-8: rename it"));
        };
        if name.starts_with('.') {
            return Ok(());
        }
        let kind = entry.file_type().map_err(|error| ImageError::read(&path, error))?;
        if kind.is_dir() {
            return self.visit(&path, &format!("{prefix}{name}/"));
        }
        let is_image = !name.ends_with(MASK_ENDING)
            && path.extension().is_some_and(|extension| {
                IMAGE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
            });
        if kind.is_symlink() {
            let target = fs::canonicalize(&path).map_err(|error| ImageError::read(&path, error))?;
            if target.is_dir() || (is_image && !target.starts_with(self.root)) {
                let problem = "it is a symbolic link to a folder, or leads out of the folder: copy what it points to";
                return Err(ImageError::layout(quoted(&path), problem));
            }
        }
        if is_image && !path.is_file() {
            return Err(ImageError::layout(quoted(&path), "it is not a regular file: remove it"));
        }
        if is_image {
            self.images.push((format!("{prefix}{name}"), path));
        }
        Ok(())
    }
}
