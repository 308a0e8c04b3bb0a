//! Images as rows of patches, and back.

use super::TokenizerError;
use super::pca::MOST_DIMENSIONS;
use ndarray::{Array2, ArrayView2};

/// Channels of an image.
const CHANNELS: usize = 3;

/// How an RGB image of one size is cut into square patches that cover it without overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchGrid {
    patch: usize,
    rows: usize,
    columns: usize,
}

impl PatchGrid {
    /// Patches of `patch` x `patch` pixels of images of (width, height).
    ///
    /// # Errors
    /// `PatchSize` for patches of no pixels or of more than [`MOST_DIMENSIONS`] numbers, `Grid` for an image that they do not cover.
    pub fn new(patch: usize, (width, height): (usize, usize)) -> Result<Self, TokenizerError> {
        check_patch(patch)?;
        let covered = |side: usize| side > 0 && side.is_multiple_of(patch);
        if !(covered(width) && covered(height)) {
            return Err(TokenizerError::Grid { width, height, patch });
        }
        Ok(Self { patch, rows: height / patch, columns: width / patch })
    }

    /// Side of a patch in pixels.
    #[must_use]
    pub fn patch(&self) -> usize {
        self.patch
    }

    /// (rows, columns) of patches.
    #[must_use]
    pub fn lattice(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Patches of an image: T.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.rows * self.columns
    }

    /// Numbers of a patch: D = 3 p².
    #[must_use]
    pub fn dimensions(&self) -> usize {
        CHANNELS * self.patch * self.patch
    }

    /// (width, height) of the image.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.columns * self.patch, self.rows * self.patch)
    }

    /// The patches of an image given as `planes` [3, height, width] in C order: [T, D], row by row over the lattice, a patch's
    /// numbers channel by channel, row by row.
    ///
    /// # Errors
    /// `Shape` if there are more or fewer numbers.
    pub fn patches<A: Copy + Default>(&self, planes: &[A]) -> Result<Array2<A>, TokenizerError> {
        let (width, height) = self.size();
        if planes.len() != CHANNELS * width * height {
            return Err(TokenizerError::Shape {
                what: "an image has as many numbers as",
                found: vec![planes.len()],
                expected: vec![CHANNELS, height, width],
            });
        }
        let mut patches = Array2::default((self.tokens(), self.dimensions()));
        self.visit(|token, number, pixel| patches[(token, number)] = planes[pixel]);
        Ok(patches)
    }

    /// The image [3, height, width], in C order, of patches [T, D]: the inverse of [`PatchGrid::patches`].
    ///
    /// # Errors
    /// `Shape` if the patches are those of another grid.
    pub fn image<A: Copy + Default>(
        &self,
        patches: ArrayView2<'_, A>,
    ) -> Result<Vec<A>, TokenizerError> {
        if patches.dim() != (self.tokens(), self.dimensions()) {
            return Err(TokenizerError::Shape {
                what: "patches have shape",
                found: patches.shape().to_vec(),
                expected: vec![self.tokens(), self.dimensions()],
            });
        }
        let mut planes = vec![A::default(); self.tokens() * self.dimensions()];
        self.visit(|token, number, pixel| planes[pixel] = patches[(token, number)]);
        Ok(planes)
    }

    /// Calls `pair` with the token, the number in the patch and the place in the planes of every pixel value.
    fn visit(&self, mut pair: impl FnMut(usize, usize, usize)) {
        let (width, height) = self.size();
        for token in 0..self.tokens() {
            let (top, left) =
                (token / self.columns * self.patch, token % self.columns * self.patch);
            let mut number = 0;
            for channel in 0..CHANNELS {
                for row in top..top + self.patch {
                    let start = (channel * height + row) * width + left;
                    for pixel in start..start + self.patch {
                        pair(token, number, pixel);
                        number += 1;
                    }
                }
            }
        }
    }
}

/// # Errors
/// `PatchSize` for patches of no pixels or of more than [`MOST_DIMENSIONS`] numbers.
pub(super) fn check_patch(patch: usize) -> Result<(), TokenizerError> {
    let most = (MOST_DIMENSIONS / CHANNELS).isqrt();
    if (1..=most).contains(&patch) {
        Ok(())
    } else {
        Err(TokenizerError::PatchSize { patch, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_those_of_a_convolution() {
        // Two patches of 2 x 2 side by side; the value is channel · 100 + row · 10 + column.
        let grid = PatchGrid::new(2, (4, 2)).unwrap();
        let value = |channel: usize, row: usize, column: usize| channel * 100 + row * 10 + column;
        let planes: Vec<usize> = (0..3)
            .flat_map(|channel| {
                (0..2).flat_map(move |row| (0..4).map(move |column| (channel, row, column)))
            })
            .map(|(channel, row, column)| value(channel, row, column))
            .collect();
        let patches = grid.patches(&planes).unwrap();
        assert_eq!(patches.row(0).to_vec(), [0, 1, 10, 11, 100, 101, 110, 111, 200, 201, 210, 211]);
        assert_eq!(patches.row(1).to_vec(), [2, 3, 12, 13, 102, 103, 112, 113, 202, 203, 212, 213]);
        assert_eq!(grid.image(patches.view()).unwrap(), planes);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for (patch, size) in [(16, (250, 256)), (16, (256, 0)), (3, (4, 4))] {
            assert!(matches!(PatchGrid::new(patch, size), Err(TokenizerError::Grid { .. })));
        }
        for patch in [0, 33, usize::MAX] {
            let error = PatchGrid::new(patch, (256, 256)).unwrap_err();
            assert_eq!(error, TokenizerError::PatchSize { patch, most: 32 });
        }
        let grid = PatchGrid::new(2, (4, 2)).unwrap();
        assert!(grid.patches(&[0.0; 23]).is_err());
        assert!(grid.image(Array2::<f64>::zeros((2, 11)).view()).is_err());
    }
}
