//! Signed submissions of runs: making a bundle of a run directory, and checking a bundle that nobody vouches for.
//!
//! The format is `retally-submissions`'. Here is what needs models and metrics: [`assemble()`] collects what a run's measurements rest
//! on, [`verify()`] makes every check of `CheckKind` in its order, [`deliver`] brings a bundle to a folder or a server.

mod assemble;
mod bundle_manifest;
mod chunk_form;
mod claim;
pub mod deliver;
mod key_file;
mod parts;
mod recompute;
mod scores;
mod verify;

pub use assemble::{Assembled, assemble};
pub(crate) use bundle_manifest::BundleManifest;
pub use key_file::{create_key, read_private_key, read_public_key};
pub use scores::{SampleScores, ScoredCell};
pub use verify::{Checked, Verified, VerifyOptions, verify};
