//! A picture in memory, as the readers of puzzles take it.

/// Eight-bit RGB, rows from top to bottom, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    width: usize,
    height: usize,
    pixels: &'a [[u8; 3]],
}

/// Values that are no picture of the size named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a picture of {width}x{height} pixels needs at least one pixel and three values for each; {values} values were given"
)]
pub struct PictureError {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Values given.
    pub values: usize,
}

impl<'a> Picture<'a> {
    /// Takes `values`: red, green, blue of each pixel, row by row, `[height, width, 3]`.
    ///
    /// # Errors
    /// If a side is 0 or the number of values does not fit the size.
    pub fn new(width: usize, height: usize, values: &'a [u8]) -> Result<Self, PictureError> {
        let (pixels, rest) = values.as_chunks::<3>();
        let fits = width.checked_mul(height) == Some(pixels.len());
        if width == 0 || height == 0 || !fits || !rest.is_empty() {
            return Err(PictureError { width, height, values: values.len() });
        }
        Ok(Self { width, height, pixels })
    }

    /// Columns, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels, row by row.
    #[must_use]
    pub fn pixels(&self) -> &'a [[u8; 3]] {
        self.pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_must_fit_the_size() {
        assert!(Picture::new(2, 1, &[0; 6]).is_ok());
        for (width, height, values) in [(2, 1, 5), (2, 1, 7), (0, 1, 0), (1, 0, 0), (2, 2, 6)] {
            assert!(Picture::new(width, height, &vec![0; values]).is_err());
        }
        assert!(Picture::new(usize::MAX, usize::MAX, &[0; 3]).is_err());
    }
}
