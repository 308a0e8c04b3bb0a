//! Who checks a bundle. The checks themselves are the harness's: they need its metrics and models.

use retally_submissions::Verification;
use std::path::Path;

/// Checks bundles.
pub trait Verifier: Send + Sync {
    /// Checks `bundle` and reports every check. Of a valid one it leaves `entry.json` and, if there are scores of single samples,
    /// `scores.safetensors` in the folder `into`; of another one it need not leave anything.
    ///
    /// `known` is the folder of the submissions that are already accepted.
    ///
    /// # Errors
    /// Only if checking itself failed (a disk that is full); what is wrong with the bundle is in the report.
    fn verify(
        &self,
        bundle: &Path,
        known: &Path,
        into: &Path,
    ) -> Result<Verification, VerifierFailure>;
}

/// Why a bundle could not be checked; it is tried again later.
#[derive(Debug, thiserror::Error)]
#[error("the bundle cannot be checked now: {0}")]
pub struct VerifierFailure(pub String);
