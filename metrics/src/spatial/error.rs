//! What can be wrong with the input of the spatial metrics.

use super::Lattice;

/// Input that has no spatial score.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpatialError {
    /// The lattice has no rows or columns, or is absurdly large.
    #[error("a lattice of {lattice} tokens: both sides must be between 1 and {most}")]
    LatticeSize {
        /// The lattice that was asked for.
        lattice: Lattice,
        /// The longest side that is accepted.
        most: usize,
    },
    /// The definition needs token pairs at a distance that the lattice does not have.
    #[error(
        "the definition needs token pairs at distance {needed}, but a {lattice} lattice reaches {reach} only; \
         choose smaller distances or a larger lattice"
    )]
    LatticeTooSmall {
        /// The lattice.
        lattice: Lattice,
        /// The distance that is missing.
        needed: usize,
        /// The largest Manhattan distance on the lattice.
        reach: usize,
    },
    /// The distances of the definition make no sense.
    #[error("{0}")]
    Options(&'static str),
    /// The number of tokens is not the lattice's.
    #[error("the image has {actual} tokens, but a {lattice} lattice has {}; check the grid", lattice.tokens())]
    TokenCount {
        /// The lattice.
        lattice: Lattice,
        /// Tokens given.
        actual: usize,
    },
    /// Tokens of width 0.
    #[error("the tokens have no channels")]
    NoChannels,
    /// The mask does not fit the lattice.
    #[error("the mask has {actual} values, but a {lattice} lattice has {} tokens", lattice.tokens())]
    MaskLength {
        /// The lattice.
        lattice: Lattice,
        /// Values given.
        actual: usize,
    },
    /// A pixel mask whose length is not height times width, or with an empty side.
    #[error(
        "a pixel mask of {height} x {width} needs that many values and no empty side; it has {actual}"
    )]
    PixelMask {
        /// Rows of pixels.
        height: usize,
        /// Columns of pixels.
        width: usize,
        /// Values given.
        actual: usize,
    },
    /// NaN or infinity among the features.
    #[error("token {token} (counted from 0, row by row) holds NaN or an infinity")]
    NonFiniteToken {
        /// Index of the first such token.
        token: usize,
    },
}
