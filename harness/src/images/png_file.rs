//! Images as PNG: 8-bit RGB, the same bytes for the same image.

use crate::failure::Failure;
use png::{BitDepth, ColorType, Encoder};

/// A PNG of an image: `values` row by row, the channels of a pixel side by side. `note` is a keyword and a text that the
/// file keeps.
///
/// # Errors
/// If the values do not fill the size, which is a bug.
pub(crate) fn encode(
    values: &[u8],
    (width, height): (usize, usize),
    note: Option<(&str, String)>,
) -> Result<Vec<u8>, Failure> {
    let size = |length: usize| u32::try_from(length).map_err(|_| not_encoded("it is too large"));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, size(width)?, size(height)?);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    if let Some((keyword, text)) = note {
        encoder.add_text_chunk(keyword.to_owned(), text).map_err(not_encoded)?;
    }
    let mut writer = encoder.write_header().map_err(not_encoded)?;
    writer.write_image_data(values).map_err(not_encoded)?;
    writer.finish().map_err(not_encoded)?;
    Ok(bytes)
}

fn not_encoded(reason: impl std::fmt::Display) -> Failure {
    Failure::invalid(format_args!("cannot write an image as PNG: {reason}"))
}

/// The text that a PNG keeps under a keyword; none if the bytes are no PNG.
pub(crate) fn text(bytes: &[u8], keyword: &str) -> Option<String> {
    let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().ok()?;
    let texts = &reader.info().uncompressed_latin1_text;
    texts.iter().find(|chunk| chunk.keyword == keyword).map(|chunk| chunk.text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::decode::decode;

    #[test]
    fn images_and_texts_come_back() {
        let values: Vec<u8> = (0..5 * 3 * 3).map(|value| value * 5).collect();
        let bytes = encode(&values, (5, 3), Some(("about", "samples".to_owned()))).unwrap();
        let decoded = decode(&bytes).unwrap();
        assert_eq!((decoded.rgb.width(), decoded.rgb.height()), (5, 3));
        assert_eq!(decoded.rgb.values(), values);
        assert_eq!(text(&bytes, "about").as_deref(), Some("samples"));
        assert_eq!(text(&bytes, "other"), None);
        assert_eq!(text(b"no image", "about"), None);
        let plain = encode(&values, (5, 3), None).unwrap();
        assert_eq!(plain, encode(&values, (5, 3), None).unwrap());
        assert!(encode(&values, (5, 4), None).is_err());
    }
}
