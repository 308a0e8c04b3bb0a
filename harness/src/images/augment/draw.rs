//! What a random view depends on, and on nothing else.

use retally_metrics::random::Stream;

/// The name of a random view. The same name draws the same parameters on every machine, whoever asks, in whatever order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw<'a> {
    /// The run's seed.
    pub seed: u64,
    /// What the view is for: `"mrr bank"`, `"views crop"`. Another purpose draws independently.
    pub purpose: &'a str,
    /// The image.
    pub sample: u32,
    /// Which view of the image.
    pub view: u32,
}

impl Draw<'_> {
    /// The random numbers of this view.
    pub(super) fn stream(&self) -> Stream {
        let index = u64::from(self.sample) << 32 | u64::from(self.view);
        Stream::new(self.seed, self.purpose, index)
    }
}
