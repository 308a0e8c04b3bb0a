//! The two definitions of the metrics, as data.

use super::{Lattice, SpatialError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which source the constants follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Definition {
    /// The released code (repository `End2End-Diffusion/iREPA` at 99ad4ac), which made the paper's Figure 4.
    #[default]
    Code,
    /// The text of arXiv:2512.10794v1.
    Paper,
}

/// Which images count for SRSS, by the share of object and background tokens in their mask.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptImages {
    /// Smallest share of object tokens, 0 to 1.
    pub minimum_foreground_share: f64,
    /// Smallest share of background tokens, 0 to 1.
    pub minimum_background_share: f64,
}

/// All distances are Manhattan distances in token steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpatialOptions {
    /// Whose constants these are.
    pub definition: Definition,
    /// LDS: near pairs have 1 ≤ d ≤ this.
    pub lds_near: usize,
    /// LDS: far pairs have d ≥ this.
    pub lds_far: usize,
    /// CDS: the line goes through d = 1 … this (Δ).
    pub cds_reach: usize,
    /// SRSS: positives have 1 ≤ d ≤ this.
    pub srss_near: usize,
    /// SRSS: negatives have d ≥ this.
    pub srss_far: usize,
    /// SRSS: which images count.
    pub kept_images: KeptImages,
}

impl KeptImages {
    /// Every image whose mask gives SRSS a value.
    #[must_use]
    pub fn every() -> Self {
        Self { minimum_foreground_share: 0.0, minimum_background_share: 0.0 }
    }

    /// The released code's rule: at least 64 object and 64 background tokens of 256, here a quarter of any lattice.
    #[must_use]
    pub fn reference() -> Self {
        Self { minimum_foreground_share: 0.25, minimum_background_share: 0.25 }
    }

    pub(super) fn keeps(&self, foreground: usize, background: usize) -> bool {
        let tokens = (foreground + background) as f64;
        foreground as f64 >= self.minimum_foreground_share * tokens
            && background as f64 >= self.minimum_background_share * tokens
    }
}

impl SpatialOptions {
    /// The constants that the released code passes when it draws Figure 4, whatever the lattice: near d = 1, far d ≥ 6,
    /// Δ = 8.
    #[must_use]
    pub fn code() -> Self {
        Self {
            definition: Definition::Code,
            lds_near: 1,
            lds_far: 6,
            cds_reach: 8,
            srss_near: 1,
            srss_far: 6,
            kept_images: KeptImages::reference(),
        }
    }

    /// The constants of the paper's text, with r = rows / 2 (8 on the 16 x 16 lattice): LDS near 0 < d < r and far
    /// d ≥ r; SRSS positives d ≤ r and negatives d ≥ r. The text leaves three things open, filled in here as the code
    /// has them: Δ = 8; self pairs are left out (appendix B would include them); SRSS takes all anchors, positives and
    /// negatives instead of a random draw.
    #[must_use]
    pub fn paper(lattice: Lattice) -> Self {
        let radius = lattice.rows / 2;
        Self {
            definition: Definition::Paper,
            lds_near: radius.saturating_sub(1),
            lds_far: radius,
            cds_reach: 8,
            srss_near: radius,
            srss_far: radius,
            kept_images: KeptImages::reference(),
        }
    }

    /// The constants of a definition on a lattice.
    #[must_use]
    pub fn of(definition: Definition, lattice: Lattice) -> Self {
        match definition {
            Definition::Code => Self::code(),
            Definition::Paper => Self::paper(lattice),
        }
    }

    /// The same distances with another rule for the images of SRSS.
    #[must_use]
    pub fn with_kept_images(self, kept_images: KeptImages) -> Self {
        Self { kept_images, ..self }
    }

    /// The largest distance whose pairs are summed one by one; what lies further follows from the total.
    pub(super) fn near_reach(&self) -> usize {
        self.lds_near.max(self.lds_far - 1).max(self.cds_reach)
    }

    pub(super) fn check(&self, lattice: Lattice) -> Result<(), SpatialError> {
        if self.lds_near == 0 || self.srss_near == 0 {
            return Err(SpatialError::Options(
                "LDS and SRSS need near pairs: a near distance of 0 leaves none",
            ));
        }
        if self.lds_far == 0 || self.srss_far == 0 {
            return Err(SpatialError::Options(
                "a far distance of 0 would count every token as far from itself",
            ));
        }
        if self.cds_reach < 2 {
            return Err(SpatialError::Options(
                "CDS fits a line, so it needs at least the distances 1 and 2",
            ));
        }
        let shares =
            [self.kept_images.minimum_foreground_share, self.kept_images.minimum_background_share];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return Err(SpatialError::Options(
                "the shares that keep an image must be between 0 and 1",
            ));
        }
        let (needed, reach) =
            (self.lds_near.max(self.lds_far).max(self.cds_reach), lattice.largest_distance());
        if needed > reach {
            Err(SpatialError::LatticeTooSmall { lattice, needed, reach })
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "code",
            Self::Paper => "paper",
        })
    }
}
