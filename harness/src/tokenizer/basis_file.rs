//! A basis of patches in a file: `mean`, `eigenvalues` and `components` in an `.npz`, and how they were made in a JSON file beside it.

use crate::arrays::archive::Archive;
use crate::arrays::statistics_writer::write_array;
use crate::arrays::{ArrayError, ArrayFile};
use crate::failure::Failure;
use crate::run::directory::{write_durably, write_durably_with};
use crate::tokenizer::PIXEL_SCALE;
use crate::tokenizer::images::PatchImages;
use ndarray::{Array2, ArrayView2, aview1};
use retally_manifests::{Canvas, Digest, Resize};
use retally_metrics::tokenizer::{Centring, MOST_DIMENSIONS, PatchPca};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use zip::ZipWriter;

/// Version of the JSON file's form.
const SCHEMA: u32 = 1;

/// A file of provenance is small; a longer one is something else.
const MOST_BYTES: u64 = 1 << 20;

/// Names of the arrays.
const MEAN: &str = "mean";
const EIGENVALUES: &str = "eigenvalues";
const COMPONENTS: &str = "components";

/// Which patches of the images were fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum PatchChoice {
    /// All of the grid that covers each image.
    All,
    /// So many, each at a random place of a random image.
    Random {
        /// How many.
        count: u64,
        /// Seed of the draw.
        seed: u64,
    },
}

/// How a basis was made: the content of `pca.npz.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasisOrigin {
    /// [`SCHEMA`].
    pub(super) schema: u32,
    /// Version of the program.
    pub(super) retally: String,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// What patches were measured from.
    pub centring: Centring,
    /// Which patches were taken.
    pub choice: PatchChoice,
    /// How many patches there were.
    pub patches: u64,
    /// What was put behind transparent pixels.
    pub canvas: Option<Canvas>,
    /// How images were brought to one size.
    pub resize: Resize,
    /// Id of every step up to the bytes of the resized image.
    pub preprocessing: String,
    /// From bytes to the numbers that were fitted.
    pub pixels: String,
    /// How many images.
    pub images: u64,
    /// One digest over those of the images, in order.
    pub images_sha256: Digest,
}

/// The JSON file: an origin, and the digest of the file that it is about.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginDocument {
    basis_sha256: Digest,
    origin: BasisOrigin,
}

impl BasisOrigin {
    /// The current form and program.
    pub(super) fn stamp() -> (u32, String) {
        (SCHEMA, env!("CARGO_PKG_VERSION").to_owned())
    }
}

/// A basis, where it comes from, and the digest of its file.
#[derive(Clone, Debug)]
pub struct BasisFile {
    /// The file.
    pub path: PathBuf,
    /// Its digest.
    pub sha256: Digest,
    /// The basis.
    pub pca: PatchPca,
    /// How it was made.
    pub origin: BasisOrigin,
}

impl BasisFile {
    /// Writes a basis and its origin: the `.npz` first, stored, without times, so that the same basis gives the same bytes.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(path: &Path, pca: PatchPca, origin: BasisOrigin) -> Result<Self, Failure> {
        let width = pca.dimensions();
        write_durably_with(path, |file| {
            let mut zip = ZipWriter::new(BufWriter::new(file));
            let vector = |zip: &mut ZipWriter<_>, name: &str, values: &[f64]| {
                write_array(zip, name, &[width], aview1(values).insert_axis(ndarray::Axis(0)))
            };
            vector(&mut zip, MEAN, pca.mean())?;
            vector(&mut zip, EIGENVALUES, pca.eigenvalues())?;
            let components: ArrayView2<'_, f64> = pca.components();
            write_array(&mut zip, COMPONENTS, &[width, width], components)?;
            zip.finish()?.flush()
        })?;
        let sha256 = digest_of(path)?;
        let document = OriginDocument { basis_sha256: sha256, origin };
        let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| {
            Failure::invalid(format_args!("cannot write a basis's origin as JSON: {error}"))
        })?;
        bytes.push(b'\n');
        write_durably(&path_beside(path), &bytes)?;
        Ok(Self { path: path.to_owned(), sha256, pca, origin: document.origin })
    }

    /// Reads a basis and its origin, and checks that they belong together.
    ///
    /// # Errors
    /// If a file is missing, damaged, of another form or about another file, or the numbers are no orthonormal basis.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let sha256 = digest_of(path)?;
        let origin = read_origin(path, sha256)?;
        let mut archive = Archive::open(path)?;
        let mut read = |name: &str| read_numbers(&mut archive, name);
        let (mean, eigenvalues, components) = (read(MEAN)?, read(EIGENVALUES)?, read(COMPONENTS)?);
        let about = |problem: String| {
            Failure::invalid(format_args!(
                "`{}`: {problem}; make it again with `retally tokenizer fit`",
                path.display()
            ))
        };
        let width = mean.len();
        let components = Array2::from_shape_vec((width, width), components).map_err(|_| {
            about(format!(
                "`{COMPONENTS}` is not [{width}, {width}], and `{MEAN}` has {width} numbers"
            ))
        })?;
        if Some(width) != origin.patch.checked_pow(2).and_then(|pixels| pixels.checked_mul(3)) {
            return Err(about(format!(
                "patches have {width} numbers, and {0}x{0} pixels do not",
                origin.patch
            )));
        }
        let pca =
            PatchPca::from_parts((origin.centring, origin.patches), mean, eigenvalues, components)
                .map_err(|error| about(error.to_string()))?;
        Ok(Self { path: path.to_owned(), sha256, pca, origin })
    }

    /// Prepares images as those of the basis were.
    ///
    /// # Errors
    /// If the origin's geometry is impossible.
    pub(crate) fn images(&self) -> Result<PatchImages, Failure> {
        let BasisOrigin { canvas, resize, patch, .. } = self.origin;
        PatchImages::new(canvas, resize, patch).map_err(|failure| {
            failure.within(format_args!("`{}`", path_beside(&self.path).display()))
        })
    }
}

/// `pca.npz` → `pca.npz.json`.
pub(super) fn path_beside(basis: &Path) -> PathBuf {
    let mut name = OsString::from(basis);
    name.push(".json");
    PathBuf::from(name)
}

fn digest_of(path: &Path) -> Result<Digest, Failure> {
    Digest::of_file(path).map_err(|error| Failure::file("read", path, &error))
}

fn read_origin(basis: &Path, sha256: Digest) -> Result<BasisOrigin, Failure> {
    let path = path_beside(basis);
    let invalid = |problem: String| {
        Failure::invalid(format_args!(
            "`{}` does not say how `{}` was made: {problem}; make both again with `retally tokenizer fit`",
            path.display(),
            basis.display()
        ))
    };
    let length = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(invalid("there is no such file".to_owned()));
        }
        Err(error) => return Err(Failure::file("read", &path, &error)),
    };
    if length > MOST_BYTES {
        return Err(invalid(format!("it has {length} bytes")));
    }
    let bytes = std::fs::read(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let document: OriginDocument =
        serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    let OriginDocument { basis_sha256, origin } = document;
    if origin.schema != SCHEMA {
        return Err(invalid(format!("it has schema {}, not {SCHEMA}", origin.schema)));
    }
    if basis_sha256 != sha256 {
        return Err(invalid(format!(
            "it is about a file of digest {basis_sha256}, and that one has {sha256}"
        )));
    }
    if origin.pixels != PIXEL_SCALE {
        return Err(invalid(format!(
            "its pixels are on the scale {}, and this retally reads {PIXEL_SCALE}",
            origin.pixels
        )));
    }
    Ok(origin)
}

/// All numbers of an array; a header that claims more than any basis has is refused before memory is asked for.
fn read_numbers(archive: &mut Archive, name: &str) -> Result<Vec<f64>, ArrayError> {
    let mut array = ArrayFile::of_archive(archive, name)?;
    let numbers =
        array.shape().iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
    if numbers.is_none_or(|numbers| numbers > MOST_DIMENSIONS * MOST_DIMENSIONS) {
        return Err(array.wrong_shape("[D] or [D, D] of at most 3072 dimensions"));
    }
    let rows = array.shape().first().copied().unwrap_or(0);
    let mut values = Vec::new();
    array.read_f64(0..rows, &mut values)?;
    Ok(values)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use retally_metrics::executor::Sequential;
    use retally_metrics::random::Stream;
    use retally_metrics::tokenizer::PatchStream;

    pub(in super::super) fn basis() -> (PatchPca, BasisOrigin) {
        let mut stream = Stream::new(0, "test", 0);
        let patches = Array2::from_shape_simple_fn((40, 12), || stream.uniform());
        let mut fitted = PatchStream::new(12).unwrap();
        fitted.push(patches.view(), &Sequential).unwrap();
        let pca = fitted.finish(Centring::Mean, &Sequential).unwrap();
        let (schema, retally) = BasisOrigin::stamp();
        let origin = BasisOrigin {
            schema,
            retally,
            patch: 2,
            centring: Centring::Mean,
            choice: PatchChoice::Random { count: 40, seed: 0 },
            patches: 40,
            canvas: Some(Canvas { background: [255, 0, 0], margin: 1 }),
            resize: Resize::AdmCrop { size: 4 },
            preprocessing: "test".to_owned(),
            pixels: PIXEL_SCALE.to_owned(),
            images: 3,
            images_sha256: Digest::of_bytes(b"images"),
        };
        (pca, origin)
    }

    #[test]
    fn a_basis_comes_back_and_has_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
        let (pca, origin) = basis();
        let written = BasisFile::write(&first, pca.clone(), origin.clone()).unwrap();
        BasisFile::write(&second, pca.clone(), origin.clone()).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
        let read = BasisFile::read(&first).unwrap();
        assert_eq!((&read.pca, &read.origin, read.sha256), (&pca, &origin, written.sha256));
        assert_eq!(read.images().unwrap().grid().tokens(), 4);
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pca.npz");
        let (pca, origin) = basis();
        let refused = |edit: &dyn Fn(&Path)| {
            BasisFile::write(&path, pca.clone(), origin.clone()).unwrap();
            edit(&path);
            BasisFile::read(&path).unwrap_err().message()
        };
        let beside = |from: &'static str, to: &'static str| {
            move |path: &Path| {
                let path = path_beside(path);
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.contains(from), "{text}");
                std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            }
        };
        let gone = refused(&|path| std::fs::remove_file(path_beside(path)).unwrap());
        assert!(gone.contains("there is no such file"), "{gone}");
        assert!(refused(&beside("\"schema\": 1", "\"schema\": 2")).contains("schema 2, not 1"));
        assert!(refused(&beside("\"patch\": 2", "\"patch\": 3")).contains("3x3 pixels do not"));
        assert!(refused(&beside("\"patch\"", "\"patsch\"")).contains("patsch"));
        assert!(refused(&beside("127.5)", "1)")).contains("on the scale"));
        let mean = refused(&beside("\"centring\": \"mean\"", "\"centring\": \"none\""));
        assert!(mean.contains("the mean is not zero"), "{mean}");
        let other = refused(&|path| {
            let mut bytes = std::fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(path, bytes).unwrap();
        });
        assert!(other.contains("it is about a file of digest"), "{other}");
        assert!(BasisFile::read(&folder.path().join("none.npz")).is_err());
    }
}
