//! Spatial structure of patch tokens: LDS, CDS, SRSS and RMSC (Singh et al., iREPA, arXiv:2512.10794v1, section 3 and
//! appendix B).
//!
//! Tokens x_t of one image stand on a [`Lattice`]; u_t = x_t / max(|x_t|, 1e-8) is the unit token, K(t, t') = u_t · u_t'
//! the cosine and d the Manhattan distance in token steps.
//!
//! | metric | formula | file |
//! |---|---|---|
//! | LDS | mean K at 1 ≤ d ≤ near − mean K at d ≥ far | `lds.rs` |
//! | CDS | − slope of the least-squares line through the mean K at d = 1 … Δ | `cds.rs` |
//! | SRSS | mean over object tokens of (mean K to near object tokens − mean K to far background tokens) | `srss.rs` |
//! | RMSC | √(mean over tokens of \|u_t − ū\|²) | `rmsc.rs` |
//!
//! The paper's text and the released code differ in the distances; both are [`SpatialOptions`]. The score of a data set
//! is the mean over its images ([`summarise`]).

mod cds;
mod error;
mod gram;
mod lanes;
mod lattice;
mod lds;
mod mask;
mod options;
mod rmsc;
mod scorer;
mod srss;
mod summary;

pub use error::SpatialError;
pub use lattice::Lattice;
pub use mask::pool_mask;
pub use options::{Definition, KeptImages, SpatialOptions};
pub use scorer::{ImageScores, SpatialScorer};
pub use srss::SrssAbsence;
pub use summary::summarise;
