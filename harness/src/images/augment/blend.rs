//! Pillow's `Image.blend`, on which its enhancers rest.

/// One value of `Image.blend(degenerate, image, factor)`.
///
/// f32 arithmetic, clipped to 0..=255 and cut off, as all 65,536 pairs at 80 factors showed. A factor of 1 gives
/// `image`, exactly.
#[must_use]
pub fn blend(degenerate: u8, image: u8, factor: f32) -> u8 {
    let (start, end) = (f32::from(degenerate), f32::from(image));
    // `as` cuts off and clips.
    (start + factor * (end - start)) as u8
}

/// What each of the 256 values becomes when it is blended with one degenerate value.
#[must_use]
pub fn table(degenerate: u8, factor: f32) -> [u8; 256] {
    let mut value = 0;
    [(); 256].map(|()| {
        let blended = blend(degenerate, value, factor);
        value = value.wrapping_add(1);
        blended
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_off_and_clips() {
        // 10 + 0.5 (21 - 10) = 15.5
        assert_eq!(blend(10, 21, 0.5), 15);
        assert_eq!(blend(0, 200, 2.0), 255);
        assert_eq!(blend(200, 0, 2.0), 0);
        assert_eq!(blend(128, 128, 1e9), 128);
    }

    #[test]
    fn ends_are_exact() {
        for degenerate in [0, 1, 77, 255] {
            let (none, all) = (table(degenerate, 0.0), table(degenerate, 1.0));
            assert!(none.iter().all(|&value| value == degenerate));
            assert!(all.iter().zip(0..=255).all(|(&found, value)| found == value));
        }
    }
}
