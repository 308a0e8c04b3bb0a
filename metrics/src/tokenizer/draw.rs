//! Which patches a basis is made of, where not all are taken.

use super::TokenizerError;
use crate::random::Stream;

/// Random numbers of patch number i come from (seed, this, i).
const PURPOSE: &str = "tokenizer patches";

/// A patch of an image set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PatchPlace {
    /// Position of the image in the set.
    pub image: usize,
    /// First row of the patch.
    pub top: usize,
    /// First column of the patch.
    pub left: usize,
}

/// `count` patches of `patch` x `patch` pixels from `images` images of (width, height): image, row and column each uniform,
/// anywhere in the image, with replacement. In the order of the images, so that each is read once.
///
/// The paper takes "a large set" of random patches; their number and how they were drawn are not said.
///
/// # Errors
/// `Draw` without images or with images that are smaller than a patch.
pub fn draw_patches(
    count: usize,
    patch: usize,
    (images, width, height): (usize, usize, usize),
    seed: u64,
) -> Result<Vec<PatchPlace>, TokenizerError> {
    super::patches::check_patch(patch)?;
    if images == 0 || width < patch || height < patch {
        return Err(TokenizerError::Draw(format!(
            "no patch of {patch}x{patch} pixels can be drawn from {images} images of {width}x{height}"
        )));
    }
    let mut places: Vec<PatchPlace> = (0..count as u64)
        .map(|index| {
            let mut stream = Stream::new(seed, PURPOSE, index);
            let mut below = |end: usize| stream.below(end as u64) as usize;
            PatchPlace {
                image: below(images),
                top: below(height - patch + 1),
                left: below(width - patch + 1),
            }
        })
        .collect();
    places.sort_unstable();
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_lie_inside_and_everywhere() {
        let places = draw_patches(20_000, 4, (3, 8, 6), 5).unwrap();
        assert!(places.is_sorted());
        let mut counts = [[[0_u32; 5]; 3]; 3];
        for PatchPlace { image, top, left } in &places {
            counts[*image][*top][*left] += 1;
        }
        // 45 places, about 444 each; six standard deviations of a binomial count are 125.
        let all = counts.iter().flatten().flatten();
        assert!(all.clone().all(|&count| count.abs_diff(444) < 125), "{counts:?}");
        assert_eq!(places, draw_patches(20_000, 4, (3, 8, 6), 5).unwrap());
        assert_ne!(places, draw_patches(20_000, 4, (3, 8, 6), 6).unwrap());
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        for set in [(0, 8, 8), (1, 3, 8), (1, 8, 3)] {
            assert!(matches!(draw_patches(1, 4, set, 0), Err(TokenizerError::Draw(_))));
        }
        assert!(draw_patches(1, 0, (1, 8, 8), 0).is_err());
    }
}
