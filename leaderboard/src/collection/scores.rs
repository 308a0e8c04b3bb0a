//! The scores of single samples that stand beside an entry: `scores.safetensors`.

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A longer header is refused before memory is taken for it.
const LARGEST_HEADER: u64 = 16 << 20;
/// The key of the digest of the sample set.
const SAMPLES: &str = "samples";

/// Where each cell's scores are in the file; the numbers stay on disk until they are compared.
#[derive(Clone, Debug)]
pub struct Scores {
    path: PathBuf,
    samples: String,
    places: HashMap<String, Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    begin: u64,
    bytes: u64,
}

impl Scores {
    /// Reads the header. The message of an error names the file.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{}` {what}: verify the bundle again", path.display());
        let failed = |error: std::io::Error| format!("cannot read `{}`: {error}", path.display());
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut count = [0; 8];
        file.read_exact(&mut count).map_err(failed)?;
        let header_bytes = u64::from_le_bytes(count);
        if header_bytes > LARGEST_HEADER || header_bytes.saturating_add(8) > length {
            return Err(wrong("has a header that is larger than the file, or than 16 MiB"));
        }
        let header_end = 8 + header_bytes;
        let mut header = Vec::new();
        file.take(header_bytes).read_to_end(&mut header).map_err(failed)?;
        // Reading checks that tensors follow each other and have the bytes that their shapes ask for.
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| wrong(&format!("has no valid header ({error})")))?;
        let samples = metadata.metadata().as_ref().and_then(|texts| texts.get(SAMPLES)).cloned();
        let mut places = HashMap::new();
        for (name, info) in metadata.tensors() {
            let (begin, end) = info.data_offsets;
            if info.dtype != Dtype::F64 || info.shape.len() != 1 {
                return Err(wrong("holds something else than lists of 64-bit numbers"));
            }
            let (begin, end) = (begin as u64 + header_end, end as u64 + header_end);
            if end > length || begin > end {
                return Err(wrong("is shorter than its header says"));
            }
            places.insert(name, Place { begin, bytes: end - begin });
        }
        match samples {
            Some(samples) => Ok(Self { path: path.to_owned(), samples, places }),
            None if places.is_empty() => {
                Ok(Self { path: path.to_owned(), samples: String::new(), places })
            }
            None => Err(wrong("does not say of which samples its scores are (`samples`)")),
        }
    }

    /// The digest of the sample set.
    #[must_use]
    pub fn samples(&self) -> &str {
        &self.samples
    }

    /// Whether there are scores of a cell.
    #[must_use]
    pub fn has(&self, cell: &str) -> bool {
        self.places.contains_key(cell)
    }

    /// The scores of some cells; `None` for a cell without any.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read<'c>(
        &self,
        cells: impl IntoIterator<Item = &'c str>,
    ) -> std::io::Result<Vec<Option<Vec<f64>>>> {
        let mut file = File::open(&self.path)?;
        let mut bytes = Vec::new();
        let mut all = Vec::new();
        for cell in cells {
            all.push(match self.places.get(cell) {
                None => None,
                Some(place) => {
                    file.seek(SeekFrom::Start(place.begin))?;
                    bytes.clear();
                    // Within the file's length, which was looked at before.
                    bytes.resize(place.bytes as usize, 0);
                    file.read_exact(&mut bytes)?;
                    Some(bytes.chunks_exact(8).map(number).collect())
                }
            });
        }
        Ok(all)
    }
}

fn number(bytes: &[u8]) -> f64 {
    bytes.try_into().map_or(f64::NAN, f64::from_le_bytes)
}
