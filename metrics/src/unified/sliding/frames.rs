//! How many of a model's frames of a sliding puzzle are right.

use super::reading::SlidingReading;
use crate::unified::Protocol;

/// How a model's frames compare with those of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlidingFrameScore {
    /// Expected frames that are there and equal.
    pub matched: usize,
    /// Expected frames.
    pub expected: usize,
    /// Frames of the model.
    pub produced: usize,
}

impl SlidingFrameScore {
    /// Compares frame by frame; a frame that could not be decoded is `None` and wrong.
    ///
    /// [`Protocol::Official`] compares texts, so an unreadable cell equals an unreadable cell; in [`Protocol::Fixed`] a frame
    /// with one equals nothing.
    #[must_use]
    pub fn of(
        expected: &[SlidingReading],
        produced: &[Option<SlidingReading>],
        protocol: Protocol,
    ) -> Self {
        let is_match = |expected: &SlidingReading, frame: &Option<SlidingReading>| {
            *frame == Some(*expected) && (protocol == Protocol::Official || expected.is_complete())
        };
        let pairs = expected.iter().zip(produced);
        Self {
            matched: pairs.filter(|(expected, frame)| is_match(expected, frame)).count(),
            expected: expected.len(),
            produced: produced.len(),
        }
    }

    /// Share of the expected frames that match, 0 to 1. Where none is expected: 1 if there is none, else 0.
    #[must_use]
    pub fn step(&self) -> f64 {
        match self.expected {
            0 => f64::from(u8::from(self.produced == 0)),
            expected => self.matched as f64 / expected as f64,
        }
    }

    /// Whether all match and there are as many as expected.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.produced == self.expected && self.matched == self.expected
    }
}
