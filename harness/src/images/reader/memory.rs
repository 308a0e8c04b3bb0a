//! Images that are in memory already.

use super::catalogue::Catalogue;
use super::{Content, ImageSource, PixelLayout, RawSample};
use crate::images::error::ImageError;

/// Pixels of images of one size.
#[derive(Debug)]
pub struct MemoryReader {
    place: String,
    layout: PixelLayout,
    values: Vec<u8>,
    bytes: usize,
    catalogue: Catalogue,
}

impl MemoryReader {
    /// Images one after the other, row by row, the channels of a pixel side by side. They are called by their numbers, from
    /// `first` on; `place` is what messages call the set.
    ///
    /// # Errors
    /// If there are none, or `values` are not whole images.
    pub fn new(
        place: impl Into<String>,
        first: usize,
        layout: PixelLayout,
        values: Vec<u8>,
    ) -> Result<Self, ImageError> {
        let place = place.into();
        let bytes = layout.bytes().filter(|bytes| *bytes > 0);
        let whole = bytes.filter(|bytes| values.len().is_multiple_of(*bytes));
        let Some(bytes) = whole else {
            let problem = format!("{} bytes are no whole number of images", values.len());
            return Err(ImageError::layout(place, problem));
        };
        let count = values.len() / bytes;
        let keys = (first..first + count).map(|number| format!("{number:06}")).collect();
        let catalogue = Catalogue::unlabelled(&place, keys)?;
        Ok(Self { place, layout, values, bytes, catalogue })
    }
}

impl ImageSource for MemoryReader {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn read(&self, index: usize) -> Result<RawSample, ImageError> {
        let sample = self.catalogue.check(index)?;
        let values = self.values[index * self.bytes..][..self.bytes].to_vec();
        Ok(RawSample {
            place: format!("{}, image {}", self.place, sample.key),
            content: Content::Pixels { layout: self.layout, values },
            mask: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: PixelLayout = PixelLayout { width: 2, height: 1, channels: 3 };

    #[test]
    fn images_are_read_by_number() {
        let reader = MemoryReader::new("samples", 7, LAYOUT, (0..12).collect()).unwrap();
        assert_eq!(reader.catalogue().len(), 2);
        let second = reader.read(1).unwrap();
        assert_eq!(second.place, "samples, image 000008");
        let values = vec![6, 7, 8, 9, 10, 11];
        assert_eq!(second.content, Content::Pixels { layout: LAYOUT, values });
        assert!(reader.read(2).is_err());
    }

    #[test]
    fn parts_of_images_and_none_are_refused() {
        let empty = PixelLayout { width: 0, ..LAYOUT };
        for (layout, values) in [(LAYOUT, vec![0; 11]), (LAYOUT, vec![]), (empty, vec![0; 6])] {
            assert!(MemoryReader::new("samples", 0, layout, values).is_err());
        }
    }
}
