//! The four metrics of one image.

use super::gram::GramPass;
use super::srss::{Anchors, SrssAbsence, srss};
use super::{Lattice, SpatialError, SpatialOptions, cds::cds, lds::lds, rmsc::rmsc};
use crate::Finite;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// The spatial metrics of one image, all pure numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageScores {
    /// Local distance similarity, in [-2, 2].
    pub lds: Finite,
    /// Correlation decay slope.
    pub cds: Finite,
    /// Semantic region self-similarity, in [-2, 2], or why the image has none.
    pub srss: Result<Finite, SrssAbsence>,
    /// Root mean square contrast, in [0, 1].
    pub rmsc: Finite,
}

/// Scores images one after another, with buffers that are used again. Make one for each thread.
#[derive(Clone, Debug)]
pub struct SpatialScorer {
    lattice: Lattice,
    options: SpatialOptions,
    pass: GramPass,
    anchors: Anchors,
}

impl SpatialScorer {
    /// Prepares for images whose tokens stand on `lattice`.
    ///
    /// # Errors
    /// If the options make no sense or the lattice lacks a distance that they need.
    pub fn new(lattice: Lattice, options: SpatialOptions) -> Result<Self, SpatialError> {
        lattice.check()?;
        options.check(lattice)?;
        let pass = GramPass::new(lattice, options.near_reach());
        Ok(Self { lattice, options, pass, anchors: Anchors::default() })
    }

    /// Scores one image.
    ///
    /// `tokens` is [T, D]: one row per token in reading order, without class or register tokens, not normalised. `mask`
    /// holds one value per token, true on the object; without it SRSS is absent. The result has the same bits on every
    /// machine and does not depend on earlier images.
    ///
    /// # Errors
    /// If tokens or mask do not fit the lattice, tokens have no channels, or a token is not finite.
    pub fn score(
        &mut self,
        tokens: ArrayView2<'_, f32>,
        mask: Option<&[bool]>,
    ) -> Result<ImageScores, SpatialError> {
        let (lattice, options) = (self.lattice, &self.options);
        let (actual, width) = tokens.dim();
        if actual != lattice.tokens() {
            return Err(SpatialError::TokenCount { lattice, actual });
        }
        if width == 0 {
            return Err(SpatialError::NoChannels);
        }
        if let Some(mask) = mask.filter(|mask| mask.len() != lattice.tokens()) {
            return Err(SpatialError::MaskLength { lattice, actual: mask.len() });
        }
        self.anchors.set(mask, lattice, options);
        let tokens = tokens.as_standard_layout();
        // An array in standard layout is one slice.
        let sums = self.pass.run(tokens.as_slice().unwrap_or_default(), width, &self.anchors)?;
        // Sums of finite unit tokens are finite.
        let finite = |value| Finite::new(value).ok_or(SpatialError::NonFiniteToken { token: 0 });
        Ok(ImageScores {
            lds: finite(lds(&sums, lattice, options))?,
            cds: finite(cds(&sums, lattice, options))?,
            srss: srss(&sums, &self.anchors),
            rmsc: finite(rmsc(&sums, lattice))?,
        })
    }
}
