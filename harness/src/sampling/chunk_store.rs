//! Stored samples: one folder for each way of making them, in it one sealed file for each range of consecutive samples.
//!
//! The folder's name is the digest of what decides the samples' bytes; which samples they are stands in the file's name
//! and in its seal. Files begin where chunks begin. A file that ends before its chunk does holds what was finished when the
//! command was stopped, or the end of a smaller count, and is continued, not computed again.

use crate::failure::Failure;
use crate::pipeline::sealed::{self, NamedTensor};
use retally_manifests::{Digest, Hasher};
use safetensors::tensor::Dtype;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Channels of every stored image.
const CHANNELS: usize = 3;
const IMAGES: &str = "images";
const LABELS: &str = "labels";
const DIGESTS: &str = "digests";
/// Bytes of a digest.
const DIGEST_BYTES: usize = 32;

/// Finished samples with consecutive indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleChunk {
    /// Index of the first.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// uint8 [count, height, width, 3].
    pub images: Vec<u8>,
    /// The class of each; none where the generator has no classes.
    pub labels: Option<Vec<i64>>,
}

impl SampleChunk {
    /// Indices of the samples.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.first..self.first + self.count
    }

    /// The images one by one.
    pub fn each_image(&self) -> impl Iterator<Item = &[u8]> {
        self.images.chunks_exact((self.images.len() / self.count.max(1)).max(1))
    }

    /// No samples yet.
    pub(super) fn empty(first: usize, labelled: bool) -> Self {
        Self { first, count: 0, images: Vec::new(), labels: labelled.then(Vec::new) }
    }

    /// Appends the samples that follow.
    pub(super) fn append(&mut self, mut other: Self) {
        self.count += other.count;
        self.images.append(&mut other.images);
        if let (Some(labels), Some(others)) = (&mut self.labels, &mut other.labels) {
            labels.append(others);
        }
    }

    /// The first `count` samples.
    fn truncated(mut self, count: usize) -> Self {
        let bytes = self.images.len() / self.count.max(1);
        self.images.truncate(count * bytes);
        if let Some(labels) = &mut self.labels {
            labels.truncate(count);
        }
        self.count = self.count.min(count);
        self
    }
}

/// The stored samples of one way of making them.
#[derive(Clone, Debug)]
pub(super) struct ChunkStore {
    folder: PathBuf,
    key: Digest,
    /// (width, height).
    size: (usize, usize),
    labelled: bool,
}

impl ChunkStore {
    /// The samples with this key below `samples`, images of `size` (width, height).
    pub(super) fn new(samples: &Path, key: Digest, size: (usize, usize), labelled: bool) -> Self {
        Self { folder: samples.join(key.to_string()), key, size, labelled }
    }

    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates the folder, with a note in it of what made the samples.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn create(&self, identity: &[u8]) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| Failure::file("create the folder", &self.folder, &error))?;
        let note = self.folder.join("identity.json");
        if note.exists() {
            return Ok(());
        }
        crate::run::directory::write_durably(&note, identity)
    }

    /// The longest stored beginning of a range of samples that begins where a chunk begins. `note` hears of damaged files,
    /// which count as not there.
    ///
    /// # Errors
    /// If the folder or a file in it exists and cannot be read.
    pub(super) fn load(
        &self,
        range: &Range<usize>,
        note: impl Fn(String),
    ) -> Result<Option<SampleChunk>, Failure> {
        let mut ends = self.ends(range.start)?;
        // The shortest that has all comes first, then what has most.
        ends.sort_unstable_by_key(|&end| (end < range.end, end.abs_diff(range.end)));
        for end in ends {
            let stored = range.start..end;
            let path = self.path(&stored);
            let Some(bytes) = sealed::read_bytes(&path)? else { continue };
            match self.decode(&bytes, &stored) {
                Ok(chunk) => return Ok(Some(chunk.truncated(range.len()))),
                Err(reason) => note(format!(
                    "samples {} are damaged ({reason}); they are computed again",
                    path.display()
                )),
            }
        }
        Ok(None)
    }

    /// Samples that were stored whole; none at all for an empty range.
    ///
    /// # Errors
    /// If they have vanished or were damaged in the meantime.
    pub(super) fn beginning(&self, range: &Range<usize>) -> Result<SampleChunk, Failure> {
        let found = if range.is_empty() {
            Some(SampleChunk::empty(range.start, self.labelled))
        } else {
            self.load(range, |_| ())?
        };
        found.filter(|chunk| chunk.range() == *range).ok_or_else(|| {
            Failure::temporary(format_args!(
                "samples {} to {} are gone from `{}` or were damaged since they were stored; start the same command again",
                range.start,
                range.end - 1,
                self.folder.display()
            ))
        })
    }

    /// Stores samples, and removes shorter files that they contain.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn store(&self, chunk: &SampleChunk) -> Result<(), Failure> {
        let range = chunk.range();
        let mut tensors = vec![NamedTensor {
            name: IMAGES.to_owned(),
            dtype: Dtype::U8,
            shape: self.shape(chunk.count).to_vec(),
            bytes: chunk.images.clone(),
        }];
        if let Some(labels) = &chunk.labels {
            tensors.push(NamedTensor {
                name: LABELS.to_owned(),
                dtype: Dtype::I64,
                shape: vec![chunk.count],
                bytes: labels.iter().flat_map(|label| label.to_le_bytes()).collect(),
            });
        }
        sealed::write(&self.path(&range), &self.seal(&range), tensors)?;
        for end in self.ends(range.start)?.into_iter().filter(|end| *end < range.end) {
            // One that stays costs room and nothing else.
            let _ = std::fs::remove_file(self.path(&(range.start..end)));
        }
        Ok(())
    }

    /// Removes the stored samples that begin where these ranges begin.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub(super) fn remove(&self, chunks: &[Range<usize>]) -> Result<(), Failure> {
        for chunk in chunks {
            for end in self.ends(chunk.start)? {
                let path = self.path(&(chunk.start..end));
                std::fs::remove_file(&path)
                    .map_err(|error| Failure::file("remove the samples", &path, &error))?;
            }
        }
        Ok(())
    }

    /// Keeps the digests of the images of a range, whether or not the images are kept.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn store_digests(
        &self,
        range: &Range<usize>,
        digests: &[Digest],
    ) -> Result<(), Failure> {
        let tensor = NamedTensor {
            name: DIGESTS.to_owned(),
            dtype: Dtype::U8,
            shape: vec![digests.len(), DIGEST_BYTES],
            bytes: digests.iter().flat_map(|digest| *digest.as_bytes()).collect(),
        };
        sealed::write(&self.digests_path(range), &self.seal(range), vec![tensor])
    }

    /// The digests of the images of a range, if they are kept. `note` hears of a damaged file, which counts as not there.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    pub(super) fn load_digests(
        &self,
        range: &Range<usize>,
        note: impl Fn(String),
    ) -> Result<Option<Vec<Digest>>, Failure> {
        let path = self.digests_path(range);
        let Some(bytes) = sealed::read_bytes(&path)? else { return Ok(None) };
        let read = || -> Result<Vec<Digest>, String> {
            let tensors = sealed::open(&bytes, &self.seal(range))?;
            let shape = [range.len(), DIGEST_BYTES];
            let data = sealed::tensor(&tensors, DIGESTS, Dtype::U8, &shape)?;
            Ok(data.as_chunks().0.iter().map(|bytes| Digest::from_bytes(*bytes)).collect())
        };
        match read() {
            Ok(digests) => Ok(Some(digests)),
            Err(reason) => {
                note(format!(
                    "digests {} are damaged ({reason}); they are taken again",
                    path.display()
                ));
                Ok(None)
            }
        }
    }

    fn digests_path(&self, range: &Range<usize>) -> PathBuf {
        self.folder.join(format!("{:08}-{:08}.digests", range.start, range.end))
    }

    /// Ends of the stored files that begin at a sample.
    fn ends(&self, start: usize) -> Result<Vec<usize>, Failure> {
        let unreadable = |error| Failure::file("read the folder", &self.folder, &error);
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut ends = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            let found = name.to_str().and_then(range_of_name).filter(|range| range.start == start);
            ends.extend(found.map(|range| range.end));
        }
        Ok(ends)
    }

    fn path(&self, range: &Range<usize>) -> PathBuf {
        self.folder.join(format!("{:08}-{:08}.safetensors", range.start, range.end))
    }

    /// The name under which a range is sealed.
    fn seal(&self, range: &Range<usize>) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(format!("{} {}-{}", self.key, range.start, range.end).as_bytes());
        hasher.finish()
    }

    fn shape(&self, count: usize) -> [usize; 4] {
        let (width, height) = self.size;
        [count, height, width, CHANNELS]
    }

    fn decode(&self, bytes: &[u8], range: &Range<usize>) -> Result<SampleChunk, String> {
        let tensors = sealed::open(bytes, &self.seal(range))?;
        let count = range.len();
        let images = sealed::tensor(&tensors, IMAGES, Dtype::U8, &self.shape(count))?.to_vec();
        let labels = if self.labelled {
            let data = sealed::tensor(&tensors, LABELS, Dtype::I64, &[count])?;
            Some(data.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
        } else {
            None
        };
        Ok(SampleChunk { first: range.start, count, images, labels })
    }
}

/// `00000064-00000128.safetensors`; other names are none of ours.
fn range_of_name(name: &str) -> Option<Range<usize>> {
    let (start, end) = name.strip_suffix(".safetensors")?.split_once('-')?;
    let range = start.parse().ok()?..end.parse().ok()?;
    let ours = format!("{:08}-{:08}", range.start, range.end) == format!("{start}-{end}");
    (ours && !range.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn chunk(range: Range<usize>) -> SampleChunk {
        let images = range.clone().flat_map(|index| [index as u8, 1, 2, 3, 4, 5]).collect();
        let labels = Some(range.clone().map(|index| index as i64 % 3).collect());
        SampleChunk { first: range.start, count: range.len(), images, labels }
    }

    fn store(folder: &Path) -> ChunkStore {
        let store = ChunkStore::new(folder, Digest::of_bytes(b"key"), (2, 1), true);
        store.create(b"{}").unwrap();
        store
    }

    fn loaded(store: &ChunkStore, range: Range<usize>) -> Option<Range<usize>> {
        let found = store.load(&range, |note| panic!("{note}")).unwrap();
        found.map(|found| {
            assert_eq!(found, chunk(found.range()));
            found.range()
        })
    }

    #[test]
    fn the_longest_beginning_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        assert_eq!(loaded(&store, 8..16), None);
        store.store(&chunk(8..11)).unwrap();
        assert_eq!(loaded(&store, 8..16), Some(8..11));
        assert_eq!(loaded(&store, 8..10), Some(8..10));
        assert_eq!(loaded(&store, 0..8), None);
        // The longer one takes the place of the shorter.
        store.store(&chunk(8..16)).unwrap();
        assert_eq!(loaded(&store, 8..16), Some(8..16));
        assert_eq!(loaded(&store, 8..9), Some(8..9));
        let mut names: Vec<_> = std::fs::read_dir(store.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["00000008-00000016.safetensors", "identity.json"]);
    }

    #[test]
    fn damage_and_files_of_others_are_not_samples() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.store(&chunk(0..4)).unwrap();
        let path = store.path(&(0..4));
        let bytes = std::fs::read(&path).unwrap();
        // A file under another range's name is not taken for that range.
        std::fs::write(store.path(&(0..8)), &bytes).unwrap();
        let notes = RefCell::new(Vec::new());
        let found = store.load(&(0..8), |note| notes.borrow_mut().push(note)).unwrap().unwrap();
        assert_eq!((found.range(), notes.borrow().len()), (0..4, 1));
        // Neither are the samples of another key, another size, or without labels.
        for other in [
            ChunkStore { key: Digest::of_bytes(b"other"), ..store.clone() },
            ChunkStore { size: (1, 2), ..store.clone() },
        ] {
            assert_eq!(other.load(&(0..4), |note| notes.borrow_mut().push(note)).unwrap(), None);
        }
        let mut damaged = bytes;
        *damaged.last_mut().unwrap() ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(store.load(&(0..4), |note| notes.borrow_mut().push(note)).unwrap(), None);
        assert!(notes.borrow().iter().all(|note| note.contains("damaged")), "{notes:?}");
        for name in ["8-9.safetensors", "00000009-00000008.safetensors", "00000000-00000004.npz"] {
            assert_eq!(range_of_name(name), None, "{name}");
        }
        assert_eq!(range_of_name("00000000-123456789.safetensors"), Some(0..123_456_789));
    }

    #[test]
    fn digests_stay_when_images_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let digests: Vec<Digest> = (0..4_u8).map(|n| Digest::of_bytes(&[n])).collect();
        let load = |range| store.load_digests(&range, |note| panic!("{note}")).unwrap();
        assert_eq!(load(0..4), None);
        store.store(&chunk(0..2)).unwrap();
        store.store(&chunk(2..4)).unwrap();
        store.store_digests(&(0..4), &digests).unwrap();
        store.remove(&[0..2, 2..4]).unwrap();
        assert_eq!((loaded(&store, 0..2), loaded(&store, 2..4)), (None, None));
        assert_eq!(load(0..4), Some(digests.clone()));
        assert_eq!(load(0..2), None);
        // A file under another range's name is not taken for that range.
        std::fs::copy(store.digests_path(&(0..4)), store.digests_path(&(4..8))).unwrap();
        let notes = RefCell::new(Vec::new());
        let found = store.load_digests(&(4..8), |note| notes.borrow_mut().push(note)).unwrap();
        assert_eq!((found, notes.borrow().len()), (None, 1));
    }

    #[test]
    fn samples_without_classes_have_no_labels() {
        let folder = tempfile::tempdir().unwrap();
        let store = ChunkStore { labelled: false, ..store(folder.path()) };
        let unlabelled = SampleChunk { labels: None, ..chunk(0..2) };
        store.store(&unlabelled).unwrap();
        assert_eq!(store.load(&(0..2), |note| panic!("{note}")).unwrap(), Some(unlabelled.clone()));
        let images: Vec<&[u8]> = unlabelled.each_image().collect();
        assert_eq!(images, [[0, 1, 2, 3, 4, 5], [1, 1, 2, 3, 4, 5]]);
    }
}
