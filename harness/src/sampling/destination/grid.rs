//! A contact sheet of the first samples.

use crate::failure::Failure;
use crate::images::png_file;
use crate::run::directory::write_durably;
use crate::sampling::SampleChunk;
use retally_manifests::Digest;
use std::path::{Path, PathBuf};

/// Most samples on a sheet.
const MOST: usize = 100;
/// Most pixels of a sheet.
const MOST_PIXELS: usize = 64 << 20;
/// White pixels between two samples, and around all.
const GAP: usize = 2;
const WHITE: u8 = 255;
const CHANNELS: usize = 3;
/// Keyword of the text that says which samples a sheet shows.
const KEYWORD: &str = "retally-samples";

/// A contact sheet in the making: samples sorted by class where there are classes, in the order of their indices
/// otherwise, in rows of about equal length and number.
pub(super) struct Grid {
    path: PathBuf,
    key: Digest,
    size: (usize, usize),
    wanted: usize,
    /// Class (0 without classes) and image.
    taken: Vec<(i64, Vec<u8>)>,
}

impl Grid {
    /// A sheet of at most `count` samples of `size` (width, height). `key` names the samples.
    ///
    /// # Errors
    /// If the file exists and shows other samples, or cannot be one.
    pub(super) fn begin(
        path: &Path,
        key: Digest,
        count: usize,
        size: (usize, usize),
    ) -> Result<Self, Failure> {
        if !crate::file_names::has_extension(path, "png") {
            return Err(Failure::invalid(format_args!(
                "--grid {}: give a file name that ends in .png",
                path.display()
            )));
        }
        super::check_folder_of(path)?;
        match std::fs::read(path) {
            Ok(bytes) if png_file::text(&bytes, KEYWORD) == Some(key.to_string()) => {}
            Ok(_) => {
                return Err(Failure::invalid(format_args!(
                    "--grid {}: the file exists and does not show these samples; choose another name or remove it",
                    path.display()
                )));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::file("read", path, &error)),
        }
        let tile = (size.0 + GAP) * (size.1 + GAP);
        let wanted = count.min(MOST).min((MOST_PIXELS / tile).max(1));
        Ok(Self { path: path.to_owned(), key, size, wanted, taken: Vec::new() })
    }

    /// Takes the samples that the sheet still lacks.
    pub(super) fn push(&mut self, chunk: &SampleChunk) {
        for (row, image) in chunk.each_image().enumerate() {
            if self.taken.len() == self.wanted {
                return;
            }
            let class = chunk.labels.as_ref().and_then(|labels| labels.get(row).copied());
            self.taken.push((class.unwrap_or(0), image.to_vec()));
        }
    }

    /// Writes the sheet.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn finish(mut self) -> Result<PathBuf, Failure> {
        self.taken.sort_by_key(|(class, _)| *class);
        let (width, height, values) = self.draw();
        let note = Some((KEYWORD, self.key.to_string()));
        write_durably(&self.path, &png_file::encode(&values, (width, height), note)?)?;
        Ok(self.path)
    }

    /// Width, height and values of the sheet.
    fn draw(&self) -> (usize, usize, Vec<u8>) {
        let columns = (1..=self.taken.len()).find(|side| side * side >= self.taken.len());
        let columns = columns.unwrap_or(1);
        let rows = self.taken.len().div_ceil(columns);
        let (tile_width, tile_height) = (self.size.0 + GAP, self.size.1 + GAP);
        let (width, height) = (columns * tile_width + GAP, rows * tile_height + GAP);
        let mut values = vec![WHITE; width * height * CHANNELS];
        let row_bytes = self.size.0 * CHANNELS;
        for (index, (_, image)) in self.taken.iter().enumerate() {
            let left = index % columns * tile_width + GAP;
            let top = index / columns * tile_height + GAP;
            for (row, line) in image.chunks_exact(row_bytes).enumerate() {
                let start = ((top + row) * width + left) * CHANNELS;
                values[start..start + row_bytes].copy_from_slice(line);
            }
        }
        (width, height, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(labels: Option<Vec<i64>>, count: usize) -> SampleChunk {
        let images = (0..count).flat_map(|index| vec![index as u8; 2 * CHANNELS]).collect();
        SampleChunk { first: 0, count, images, labels }
    }

    fn sheet(labels: Option<Vec<i64>>, count: usize) -> (usize, usize, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let key = Digest::of_bytes(b"key");
        let mut grid = Grid::begin(&path, key, count, (2, 1)).unwrap();
        grid.push(&chunk(labels, count));
        let drawn = {
            grid.taken.sort_by_key(|(class, _)| *class);
            grid.draw()
        };
        grid.finish().unwrap();
        // The same samples may be drawn again, others not over them.
        assert!(Grid::begin(&path, key, count, (2, 1)).is_ok());
        let other = Grid::begin(&path, Digest::of_bytes(b"other"), count, (2, 1)).err().unwrap();
        assert!(other.message().contains("does not show these samples"), "{}", other.message());
        drawn
    }

    #[test]
    fn samples_lie_in_rows_with_white_between() {
        let (width, height, values) = sheet(None, 3);
        assert_eq!((width, height), (2 * 4 + 2, 2 * 3 + 2));
        let at = |x: usize, y: usize| values[(y * width + x) * CHANNELS];
        assert_eq!([at(2, 2), at(3, 2), at(6, 2), at(2, 5)], [0, 0, 1, 2]);
        for (x, y) in [(0, 0), (1, 2), (4, 2), (5, 2), (2, 3), (6, 5), (9, 7)] {
            assert_eq!(at(x, y), WHITE, "{x}, {y}");
        }
    }

    #[test]
    fn classes_lie_side_by_side() {
        let (width, _, values) = sheet(Some(vec![1, 0, 1, 0]), 4);
        let at = |x: usize, y: usize| values[(y * width + x) * CHANNELS];
        assert_eq!([at(2, 2), at(6, 2), at(2, 5), at(6, 5)], [1, 3, 0, 2]);
    }

    #[test]
    fn a_sheet_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let key = Digest::of_bytes(b"key");
        let begin = |name: &str, size| Grid::begin(&folder.path().join(name), key, 50_000, size);
        assert_eq!(begin("a.png", (256, 256)).unwrap().wanted, MOST);
        assert_eq!(begin("a.png", (4096, 4096)).unwrap().wanted, 3);
        assert!(begin("a.jpg", (2, 1)).is_err());
        assert!(begin("no/a.png", (2, 1)).is_err());
    }
}
