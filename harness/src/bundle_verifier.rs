//! The checker of a leaderboard's server: what `retally leaderboard verify` does, for one file.

use retally_leaderboard::server::{Verifier, VerifierFailure};
use retally_submissions::Verification;
use std::path::Path;

/// Checks bundles as `retally leaderboard verify` does.
#[derive(Clone, Copy, Debug)]
pub struct BundleVerifier;

impl Verifier for BundleVerifier {
    fn verify(
        &self,
        bundle: &Path,
        _known: &Path,
        _into: &Path,
    ) -> Result<Verification, VerifierFailure> {
        // Here `harness/src/submission` is asked, once it is merged: check `bundle` against the submissions in `known`, write
        // `entry.json` and `scores.safetensors` into `into` where it holds, and return the report.
        Err(VerifierFailure(format!(
            "this build of retally has no checks of bundles, so `{}` waits for one that has",
            bundle.display()
        )))
    }
}
