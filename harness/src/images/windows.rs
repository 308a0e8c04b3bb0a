//! Weighted windows: what one output position of a resampled axis takes from its input.

/// For every output position of one axis: where its inputs begin, and their weights.
#[derive(Debug)]
pub(super) struct Windows<W> {
    starts: Vec<usize>,
    /// `starts.len() + 1` offsets into `weights`.
    offsets: Vec<usize>,
    weights: Vec<W>,
}

impl<W: Copy> Windows<W> {
    /// No positions yet, room for `positions`.
    pub(super) fn with_capacity(positions: usize) -> Self {
        let mut offsets = Vec::with_capacity(positions + 1);
        offsets.push(0);
        Self { starts: Vec::with_capacity(positions), offsets, weights: Vec::new() }
    }

    /// Adds the next output position.
    pub(super) fn push(&mut self, start: usize, weights: &[W]) {
        self.starts.push(start);
        self.weights.extend_from_slice(weights);
        self.offsets.push(self.weights.len());
    }

    /// The same windows with other weights.
    pub(super) fn map<V>(self, convert: impl Fn(W) -> V) -> Windows<V> {
        let Self { starts, offsets, weights } = self;
        Windows { starts, offsets, weights: weights.into_iter().map(convert).collect() }
    }

    /// Output positions.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Per output position: the first input and the weights of the inputs from there on.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[W])> {
        self.starts
            .iter()
            .zip(self.offsets.windows(2))
            .map(|(&start, ends)| (start, &self.weights[ends[0]..ends[1]]))
    }
}
