//! Cutting a picture, and finding a wrong candidate that makes the jigsaw well posed.

use crate::failure::Failure;
use crate::images::raster::{Rgb, Window};
use crate::instances::paint::{fill, paste, square};
use retally_metrics::random::Stream;
use retally_metrics::unified::seams::{JigsawFault, JigsawMeasures, Patch};

/// Pixels on a side of a patch.
pub(in crate::instances) const PATCH: usize = 128;
/// Patches on a side of a picture.
pub(in crate::instances) const PATCHES: usize = 3;
/// Pixels on a side of a picture.
pub(in crate::instances) const PICTURE: usize = PATCH * PATCHES;
/// What covers the patch that is to be chosen.
const MASK: [u8; 3] = [0; 3];
/// Row and column of that patch.
const MISSING: [usize; 2] = [1, 1];
/// The patches that the reference does not show. One that it shows could be told by its being there already.
const UNSEEN: [[usize; 2]; 5] = [[0, 2], [1, 2], [2, 0], [2, 1], [2, 2]];

/// A jigsaw that is well posed.
#[derive(Clone, Debug)]
pub(in crate::instances) struct Jigsaw {
    picture: Rgb,
    /// Row and column of the wrong candidate.
    pub(in crate::instances) distractor: [usize; 2],
    /// Which candidate is right.
    pub(in crate::instances) label: u8,
    /// Why it is well posed.
    pub(in crate::instances) measures: JigsawMeasures,
    /// The images in the picture.
    pub(in crate::instances) cut_from: Vec<String>,
}

impl Jigsaw {
    /// Cuts a square picture of [`PICTURE`] pixels. Wrong candidates are tried in random order.
    ///
    /// # Errors
    /// The outer one if the picture has another size, which is a bug; the inner one if no wrong candidate makes it well posed.
    pub(super) fn cut(
        picture: Rgb,
        cut_from: Vec<String>,
        random: &mut Stream,
    ) -> Result<Result<Self, JigsawFault>, Failure> {
        let above = part(&picture, [0, 1])?;
        let left = part(&picture, [1, 0])?;
        let right = part(&picture, MISSING)?;
        let mut others = UNSEEN;
        random.shuffle(&mut others);
        let label = random.below(2) as u8;
        let mut fault = JigsawFault::Blank;
        for distractor in others {
            let wrong = part(&picture, distractor)?;
            let patches = (patch(&above)?, patch(&left)?, patch(&right)?, patch(&wrong)?);
            let measures = JigsawMeasures::of(patches.0, patches.1, patches.2, patches.3)
                .ok_or_else(wrong_size)?;
            match measures.fault() {
                Some(found) => fault = found,
                None => return Ok(Ok(Self { picture, distractor, label, measures, cut_from })),
            }
        }
        Ok(Err(fault))
    }

    /// The right patch and the wrong one, in the order of the candidates.
    pub(super) fn candidates(&self) -> Result<[Rgb; 2], Failure> {
        let right = part(&self.picture, MISSING)?;
        let wrong = part(&self.picture, self.distractor)?;
        Ok(if self.label == 0 { [right, wrong] } else { [wrong, right] })
    }

    /// Two by two patches, the last one covered.
    pub(super) fn reference(&self) -> Result<Rgb, Failure> {
        let mut image = self.completed()?;
        fill(&mut image, square(PATCH, PATCH, PATCH), MASK);
        Ok(image)
    }

    /// Two by two patches, as they are in the picture.
    pub(super) fn completed(&self) -> Result<Rgb, Failure> {
        self.picture.crop(square(0, 0, 2 * PATCH)).ok_or_else(wrong_size)
    }

    /// Two by two patches, the last one the wrong candidate.
    pub(super) fn wrongly_completed(&self) -> Result<Rgb, Failure> {
        let mut image = self.completed()?;
        paste(&mut image, &part(&self.picture, self.distractor)?, (PATCH, PATCH));
        Ok(image)
    }
}

fn part(picture: &Rgb, [row, column]: [usize; 2]) -> Result<Rgb, Failure> {
    let window = Window { left: column * PATCH, top: row * PATCH, width: PATCH, height: PATCH };
    picture.crop(window).ok_or_else(wrong_size)
}

fn patch(image: &Rgb) -> Result<Patch<'_>, Failure> {
    Patch::new(PATCH, image.values()).ok_or_else(wrong_size)
}

fn wrong_size() -> Failure {
    Failure::invalid(format_args!("a picture for a jigsaw has not {PICTURE}x{PICTURE} pixels"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient() -> Rgb {
        let pixels = (0..PICTURE * PICTURE).map(|pixel| (pixel / PICTURE, pixel % PICTURE));
        let values = pixels.flat_map(|(row, column)| {
            [(row * 2 / 3) as u8, (column * 2 / 3) as u8, ((row + column) / 4) as u8]
        });
        Rgb::new(PICTURE, PICTURE, values.collect()).unwrap()
    }

    #[test]
    fn a_gradient_is_a_good_picture_and_a_plain_one_is_not() {
        let mut random = Stream::new(0, "cut", 0);
        let jigsaw = Jigsaw::cut(gradient(), Vec::new(), &mut random).unwrap().unwrap();
        assert!(UNSEEN.contains(&jigsaw.distractor));
        let [first, second] = jigsaw.candidates().unwrap();
        let right = part(&gradient(), MISSING).unwrap();
        assert_eq!(first == right, jigsaw.label == 0);
        assert_eq!(second == right, jigsaw.label == 1);
        // Pasting the right candidate into the reference completes it.
        let mut image = jigsaw.reference().unwrap();
        paste(&mut image, &right, (PATCH, PATCH));
        assert_eq!(image, jigsaw.completed().unwrap());
        assert_ne!(image, jigsaw.wrongly_completed().unwrap());

        let plain = Rgb::filled(PICTURE, PICTURE, [90, 120, 30]).unwrap();
        let fault = Jigsaw::cut(plain, Vec::new(), &mut random).unwrap().unwrap_err();
        assert_eq!(fault, JigsawFault::Blank);
        let small = Rgb::filled(9, 9, [0; 3]).unwrap();
        assert!(Jigsaw::cut(small, Vec::new(), &mut random).is_err());
    }

    #[test]
    fn both_labels_and_all_distractors_come_up() {
        let cut = |index| {
            let mut random = Stream::new(0, "cut", index);
            Jigsaw::cut(gradient(), Vec::new(), &mut random).unwrap().unwrap()
        };
        let jigsaws: Vec<_> = (0..60).map(cut).collect();
        let labels = jigsaws.iter().filter(|jigsaw| jigsaw.label == 1).count();
        assert!((15..45).contains(&labels), "{labels} of 60");
        let found: std::collections::BTreeSet<_> =
            jigsaws.iter().map(|jigsaw| jigsaw.distractor).collect();
        assert!(found.len() >= 3, "{found:?}");
    }
}
