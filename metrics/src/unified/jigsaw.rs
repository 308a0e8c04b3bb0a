//! The picture channel of the jigsaw task: how far two completed pictures are from what they should be.

/// A distance of two pictures that follows human judgement, 0 for equal ones.
///
/// The benchmark's is DreamSim (arXiv:2306.09344). No other may be reported under its name.
pub trait PerceptualDistance<Image: ?Sized> {
    /// Why a distance could not be computed.
    type Error;

    /// The distance of two pictures.
    ///
    /// # Errors
    /// If a picture cannot be read or the network fails.
    fn distance(&mut self, a: &Image, b: &Image) -> Result<f64, Self::Error>;
}

/// What an item gets that has not two pictures which can be read.
pub const PENALTY_DISTANCE: f64 = 1.0;

/// The pictures of one item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JigsawPictures {
    /// Distances of the first and of the second picture from their targets.
    Two([f64; 2]),
    /// Another number of pictures than two.
    WrongCount(usize),
    /// A picture could not be read.
    Unreadable,
}

impl JigsawPictures {
    /// The mean of both distances, or [`PENALTY_DISTANCE`] (Uni-MMMU, `eval_ummmu.py` at b5200b2).
    #[must_use]
    pub fn distance(&self) -> f64 {
        match self {
            Self::Two([first, second]) => f64::midpoint(*first, *second),
            Self::WrongCount(_) | Self::Unreadable => PENALTY_DISTANCE,
        }
    }

    /// 1 − the distance.
    #[must_use]
    pub fn score(&self) -> f64 {
        1.0 - self.distance()
    }
}

/// An embedding without a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddingError {
    /// Not as many numbers in both, or fewer than two.
    #[error("the embeddings have {a} and {b} numbers; as many in both, two at least, are needed")]
    Lengths {
        /// Numbers of the first.
        a: usize,
        /// Numbers of the second.
        b: usize,
    },
    /// All numbers of an embedding are equal, or one is not finite.
    #[error("an embedding is constant or not finite, so that it has no direction")]
    NoDirection,
}

/// DreamSim's distance of two embeddings, each the concatenation of its encoders' outputs: 1 − cosine after the mean **of
/// the embedding's own numbers** was subtracted from each of them, 0 to 2.
///
/// The package (dreamsim 0.2.1) divides by the length before it subtracts that mean; as a cosine has no scale, this is the same:
/// 1 − Pearson's r of the two embeddings. Computed in `f64`.
///
/// # Errors
/// If the embeddings do not fit each other or have no direction.
pub fn embedding_distance(a: &[f32], b: &[f32]) -> Result<f64, EmbeddingError> {
    if a.len() != b.len() || a.len() < 2 {
        return Err(EmbeddingError::Lengths { a: a.len(), b: b.len() });
    }
    let centred = |values: &[f32]| -> Vec<f64> {
        let mean = values.iter().copied().map(f64::from).sum::<f64>() / values.len() as f64;
        values.iter().map(|value| f64::from(*value) - mean).collect()
    };
    let (a, b) = (centred(a), centred(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (lengths, product) = ((dot(&a, &a) * dot(&b, &b)).sqrt(), dot(&a, &b));
    let cosine = product / lengths;
    // Equal numbers in f32 may leave a length of some 1e-16 of their size; it is no direction either.
    if lengths > 0.0 && cosine.is_finite() {
        Ok(1.0 - cosine.clamp(-1.0, 1.0))
    } else {
        Err(EmbeddingError::NoDirection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_without_two_pictures_gets_the_penalty() {
        assert_eq!(JigsawPictures::Two([0.25, 0.5]).score(), 1.0 - 0.375);
        assert_eq!(JigsawPictures::Two([0.0, 0.0]).score(), 1.0);
        for count in [0, 1, 3] {
            assert_eq!(JigsawPictures::WrongCount(count).score(), 0.0);
        }
        assert_eq!(JigsawPictures::Unreadable.score(), 0.0);
    }

    /// 1 - scipy.stats.pearsonr([1, 2, 4, 8], [3, 1, 4, 1]).statistic by hand: products -4.75, squares 28.75 and 6.75.
    #[test]
    fn the_distance_is_one_minus_pearsons_r() {
        let distance = embedding_distance(&[1.0, 2.0, 4.0, 8.0], &[3.0, 1.0, 4.0, 1.0]).unwrap();
        let expected = 1.0 + 4.75 / (28.75_f64 * 6.75).sqrt();
        assert!((distance - expected).abs() < 1e-14, "{distance} {expected}");
    }

    #[test]
    fn scale_and_offset_change_nothing() {
        let (a, b) = ([0.5, -1.0, 2.0, 0.25], [1.0, 0.0, -2.0, 3.0]);
        let moved = a.map(|value| 4.0 * value + 8.0);
        assert!((embedding_distance(&a, &moved).unwrap()).abs() < 1e-15);
        let distance = embedding_distance(&a, &b).unwrap();
        assert!((embedding_distance(&moved, &b).unwrap() - distance).abs() < 1e-15);
        assert!((embedding_distance(&b, &a).unwrap() - distance).abs() < 1e-15);
        let opposite = a.map(|value| -value);
        assert!((embedding_distance(&a, &opposite).unwrap() - 2.0).abs() < 1e-15);
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        assert_eq!(
            embedding_distance(&[1.0; 3], &[1.0, 2.0, 3.0]),
            Err(EmbeddingError::NoDirection)
        );
        assert_eq!(
            embedding_distance(&[f32::NAN, 1.0], &[1.0, 2.0]),
            Err(EmbeddingError::NoDirection)
        );
        assert!(embedding_distance(&[1.0, 2.0], &[1.0]).is_err());
        assert!(embedding_distance(&[], &[]).is_err());
    }
}
