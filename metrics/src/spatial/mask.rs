//! From a mask of pixels to a mask of tokens.

use super::{Lattice, SpatialError};
use std::ops::Range;

/// A token is object if any pixel that its cell touches is (max-pooling), as in the released code.
///
/// `pixels` holds `height` x `width` values, row by row; the result holds one value per token, row by row. Cell i of n
/// covers the pixels floor(i·height/n) to ceil((i + 1)·height/n) exclusive, so the cells are disjoint where n divides
/// the side (16 x 16 pixels a cell for the code's 256 x 256 masks), share a pixel where it does not, and repeat pixels
/// where the mask is smaller than the lattice.
///
/// # Errors
/// `PixelMask` if the number of values is not `height` · `width` or a side is empty.
pub fn pool_mask(
    pixels: &[bool],
    height: usize,
    width: usize,
    lattice: Lattice,
) -> Result<Vec<bool>, SpatialError> {
    lattice.check()?;
    if height == 0 || width == 0 || height.checked_mul(width) != Some(pixels.len()) {
        return Err(SpatialError::PixelMask { height, width, actual: pixels.len() });
    }
    let mut tokens = Vec::with_capacity(lattice.tokens());
    for row in 0..lattice.rows {
        let rows = cell(row, lattice.rows, height);
        for column in 0..lattice.columns {
            let columns = cell(column, lattice.columns, width);
            tokens.push(
                rows.clone().any(|row| pixels[row * width..][columns.clone()].contains(&true)),
            );
        }
    }
    Ok(tokens)
}

fn cell(index: usize, cells: usize, side: usize) -> Range<usize> {
    // In u128, because the side comes from a file and the product must not overflow.
    let edge = |index: usize| index as u128 * side as u128;
    let (start, end) = (edge(index) / cells as u128, edge(index + 1).div_ceil(cells as u128));
    start as usize..end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_BY_TWO: Lattice = Lattice { rows: 2, columns: 2 };

    #[test]
    fn one_pixel_makes_its_token_an_object() {
        let mut pixels = vec![false; 16];
        pixels[4 + 2] = true;
        assert_eq!(pool_mask(&pixels, 4, 4, TWO_BY_TWO).unwrap(), [false, true, false, false]);
    }

    #[test]
    fn a_mask_of_the_lattice_is_kept() {
        let pixels = [true, false, false, true];
        assert_eq!(pool_mask(&pixels, 2, 2, TWO_BY_TWO).unwrap(), pixels);
    }

    #[test]
    fn a_pixel_on_the_border_of_two_cells_belongs_to_both() {
        let pixels = [false, true, false];
        let lattice = Lattice { rows: 1, columns: 2 };
        assert_eq!(pool_mask(&pixels, 1, 3, lattice).unwrap(), [true, true]);
    }

    #[test]
    fn a_smaller_mask_is_repeated() {
        assert_eq!(pool_mask(&[true], 1, 1, TWO_BY_TWO).unwrap(), [true; 4]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(pool_mask(&[true; 3], 2, 2, TWO_BY_TWO).is_err());
        assert!(pool_mask(&[], 0, 2, TWO_BY_TWO).is_err());
        assert!(pool_mask(&[], usize::MAX, 2, TWO_BY_TWO).is_err());
        assert!(pool_mask(&[true], 1, 1, Lattice { rows: 0, columns: 2 }).is_err());
    }
}
