//! 8-bit images in memory.

/// No image may have more pixels; checked before memory is asked for.
pub const MAX_PIXELS: usize = 128 << 20;

/// No image may be wider or taller; bounds the memory of the resampling weights.
pub const MAX_SIDE: usize = 1 << 18;

/// Whether an image of this size is accepted: at least one pixel, at most [`MAX_SIDE`] a side and [`MAX_PIXELS`] in
/// all.
#[must_use]
pub fn is_size_accepted(width: usize, height: usize) -> bool {
    let sides = 1..=MAX_SIDE;
    sides.contains(&width)
        && sides.contains(&height)
        && width.checked_mul(height).is_some_and(|pixels| pixels <= MAX_PIXELS)
}

/// An 8-bit image of an accepted size: rows from top to bottom, the channels of a pixel side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster<const CHANNELS: usize> {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

/// Red, green, blue.
pub type Rgb = Raster<3>;

/// One channel: grey, or alpha.
pub type Plane = Raster<1>;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl<const CHANNELS: usize> Raster<CHANNELS> {
    /// Takes `width * height * CHANNELS` values.
    ///
    /// Returns `None` if the size is not accepted or does not fit the number of values.
    #[must_use]
    pub fn new(width: usize, height: usize, values: Vec<u8>) -> Option<Self> {
        (is_size_accepted(width, height) && values.len() == width * height * CHANNELS)
            .then_some(Self { width, height, values })
    }

    /// An image of one colour, or `None` if the size is not accepted.
    #[must_use]
    pub fn filled(width: usize, height: usize, colour: [u8; CHANNELS]) -> Option<Self> {
        is_size_accepted(width, height).then(|| Self {
            width,
            height,
            values: colour.repeat(width * height),
        })
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

    /// All values, row by row.
    #[must_use]
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// All values, row by row.
    #[must_use]
    pub fn into_values(self) -> Vec<u8> {
        self.values
    }

    /// The rows from top to bottom, each `width * CHANNELS` values.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.values.chunks_exact(self.width * CHANNELS)
    }

    /// The rows from top to bottom, to be written.
    pub fn rows_mut(&mut self) -> std::slice::ChunksExactMut<'_, u8> {
        self.values.chunks_exact_mut(self.width * CHANNELS)
    }

    /// Every value through `value_of`.
    #[must_use]
    pub fn mapped(mut self, value_of: impl Fn(u8) -> u8) -> Self {
        for value in &mut self.values {
            *value = value_of(*value);
        }
        self
    }

    /// Every pixel through `pixel_of`.
    #[must_use]
    pub fn mapped_pixels(mut self, pixel_of: impl Fn([u8; CHANNELS]) -> [u8; CHANNELS]) -> Self {
        for pixel in self.values.as_chunks_mut::<CHANNELS>().0 {
            *pixel = pixel_of(*pixel);
        }
        self
    }

    /// The image with rows and columns exchanged.
    #[must_use]
    pub fn transposed(&self) -> Self {
        // Square tiles, so that the pixels that are read and those that are written stay in the cache together.
        const TILE: usize = 16;
        let mut values = vec![0; self.values.len()];
        let (from, _) = self.values.as_chunks::<CHANNELS>();
        let (to, _) = values.as_chunks_mut::<CHANNELS>();
        for top in (0..self.height).step_by(TILE) {
            let bottom = self.height.min(top + TILE);
            for left in (0..self.width).step_by(TILE) {
                let right = self.width.min(left + TILE);
                for x in left..right {
                    let column = &mut to[x * self.height + top..x * self.height + bottom];
                    for (y, pixel) in (top..bottom).zip(column) {
                        *pixel = from[y * self.width + x];
                    }
                }
            }
        }
        Self { width: self.height, height: self.width, values }
    }

    /// The part of the image in `window`, or `None` if it is empty or reaches outside.
    #[must_use]
    pub fn crop(&self, window: Window) -> Option<Self> {
        let right = window.left.checked_add(window.width)?;
        let bottom = window.top.checked_add(window.height)?;
        if window.width == 0 || window.height == 0 || right > self.width || bottom > self.height {
            return None;
        }
        let mut values = Vec::with_capacity(window.width * window.height * CHANNELS);
        for row in self.rows().skip(window.top).take(window.height) {
            values.extend_from_slice(&row[window.left * CHANNELS..right * CHANNELS]);
        }
        Some(Self { width: window.width, height: window.height, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_sizes_that_do_not_fit() {
        assert!(Rgb::new(2, 2, vec![0; 12]).is_some());
        assert!(Rgb::new(2, 2, vec![0; 11]).is_none());
        assert!(Rgb::new(0, 2, vec![]).is_none());
        assert!(!is_size_accepted(MAX_SIDE + 1, 1));
        assert!(!is_size_accepted(MAX_SIDE, MAX_SIDE));
        assert!(!is_size_accepted(usize::MAX, usize::MAX));
    }

    #[test]
    fn crops_inside_only() {
        let image = Plane::new(3, 2, vec![0, 1, 2, 3, 4, 5]).unwrap();
        let window = Window { left: 1, top: 0, width: 2, height: 2 };
        assert_eq!(image.crop(window).unwrap().values(), [1, 2, 4, 5]);
        assert!(image.crop(Window { left: 2, ..window }).is_none());
        assert!(image.crop(Window { left: usize::MAX, ..window }).is_none());
        assert!(image.crop(Window { width: 0, ..window }).is_none());
    }
}
