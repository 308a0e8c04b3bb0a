//! The checker of a leaderboard's server: what `retally leaderboard verify` does, for one file.

use crate::context::Context;
use crate::progress::Progress;
use crate::submission::{VerifyOptions, verify};
use retally_leaderboard::server::{Verifier, VerifierFailure};
use retally_submissions::{PublicKey, Verification};
use std::num::NonZeroUsize;
use std::path::Path;

/// Checks bundles as `retally leaderboard verify` does.
#[derive(Clone, Debug)]
pub struct BundleVerifier {
    context: Context,
    options: BundleVerifierOptions,
}

/// How a server checks.
#[derive(Clone, Debug, Default)]
pub struct BundleVerifierOptions {
    /// Only these keys may sign; any may if there is none.
    pub trust: Vec<PublicKey>,
    /// So many samples of each data set are run through the models again; none if 0.
    pub reinfer: usize,
    /// Threads of one check; all cores if none are named.
    pub threads: Option<NonZeroUsize>,
}

impl BundleVerifier {
    /// A checker with the manifests and the store of a command. It shows no progress: a server has nobody who watches.
    #[must_use]
    pub fn new(context: &Context, options: BundleVerifierOptions) -> Self {
        let context = Context { progress: Progress::new(true), ..context.clone() };
        Self { context, options }
    }
}

impl Verifier for BundleVerifier {
    fn verify(
        &self,
        bundle: &Path,
        known: &Path,
        into: &Path,
    ) -> Result<Verification, VerifierFailure> {
        let BundleVerifierOptions { trust, reinfer, threads } = &self.options;
        let options = VerifyOptions {
            context: &self.context,
            known: Some(known),
            trust,
            reinfer: *reinfer,
            threads: *threads,
        };
        let failed = |failure: crate::failure::Failure| VerifierFailure(failure.message());
        let verified = verify(bundle, &options).map_err(failed)?;
        verified.checked.as_ref().map_or(Ok(()), |checked| checked.write(into)).map_err(failed)?;
        Ok(verified.verification)
    }
}
