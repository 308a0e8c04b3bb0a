//! Pictures that a run left in its folder: read with care, since a run's folder may come from anywhere.

use crate::error::ReportError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ImageDecoder as _;
use image::codecs::png::PngDecoder;
use retally_suites::evaluation::EvaluatedPicture;
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read as _};
use std::path::Path;

/// The largest file that is read. All pictures stand inside the page, which must stay fit to send.
pub const MOST_BYTES: u64 = 4 << 20;

/// The longest side in pixels.
pub const LONGEST_SIDE: u32 = 16_384;

/// A PNG file in memory, whose size and header have been checked.
#[derive(Debug)]
pub(crate) struct PictureFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl PictureFile {
    /// Reads `pictures/<id>.png` in the folder of a run; `None` if the run made no such picture.
    pub(crate) fn read(
        folder: &Path,
        picture: &EvaluatedPicture,
    ) -> Result<Option<Self>, ReportError> {
        let path = folder.join("pictures").join(format!("{}.png", picture.id));
        let refused = |problem: String| ReportError::Picture { path: path.clone(), problem };
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(error.to_string())),
        };
        if !metadata.is_file() {
            return Err(refused("expected a plain file, not a folder or a link".to_owned()));
        }
        let too_large = |size: &str| {
            refused(format!(
                "{size} bytes; a picture of a report has at most {MOST_BYTES}: draw a smaller one"
            ))
        };
        if metadata.len() > MOST_BYTES {
            return Err(too_large(&metadata.len().to_string()));
        }
        let mut bytes = Vec::new();
        // The file may grow between the two looks at it.
        File::open(&path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| refused(error.to_string()))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(too_large("more than allowed"));
        }
        let (width, height) = PngDecoder::new(Cursor::new(&bytes))
            .map_err(|error| refused(format!("not a PNG file: {error}")))?
            .dimensions();
        if width.max(height) > LONGEST_SIDE {
            return Err(refused(format!(
                "{width} x {height} pixels; a side has at most {LONGEST_SIDE}"
            )));
        }
        Ok(Some(Self { bytes, width, height }))
    }

    /// The file as the address of an `img` element.
    pub(crate) fn data_uri(&self) -> String {
        format!("data:image/png;base64,{}", STANDARD.encode(&self.bytes))
    }
}
