//! Checks of a bundle that nobody vouches for. Every check that is possible is made and reports; then there is a verdict.

mod concern;
mod consistency;
mod documents;
mod recomputation;
mod reinference;
mod replay;
mod signature;
mod statement;
mod suite;

use super::claim;
use super::parts::DatasetPart;
use super::scores::SampleScores;
use crate::context::Context;
use crate::failure::Failure;
use crate::run::directory::write_durably;
use crate::threads::Threads;
use concern::Concern;
use documents::Documents;
use recomputation::Recomputed;
use retally_manifests::Digest;
use retally_submissions::archive::{ArchiveError, ArchiveReader};
use retally_submissions::statement::Statement;
use retally_submissions::{
    Check, CheckKind, ENTRY_SCHEMA, Entry, KeyFingerprint, PublicKey, Verification, entry_tables,
};
use retally_suites::{RunMeasurements, Suite, evaluate};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::Path;

/// How a bundle is checked.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions<'a> {
    /// Manifests, store and progress.
    pub context: &'a Context,
    /// A folder of accepted submissions: a bundle that is one of them, or has the measurements of one, is refused.
    pub known: Option<&'a Path>,
    /// Only these keys may sign; any may if there is none.
    pub trust: &'a [PublicKey],
    /// So many samples of each data set are run through the models again; none if 0.
    pub reinfer: usize,
    /// Threads; all cores if none are named. No result depends on it.
    pub threads: Option<NonZeroUsize>,
}

/// What came out.
#[derive(Debug)]
pub struct Verified {
    /// Every check.
    pub verification: Verification,
    /// What a leaderboard shows; `None` if the bundle is refused.
    pub checked: Option<Checked>,
}

/// A submission that holds.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What a leaderboard shows.
    pub entry: Entry,
    /// Scores of each sample, for paired tests.
    pub scores: SampleScores,
}

impl Checked {
    /// Writes `entry.json` and `scores.safetensors`.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        write_json(&folder.join("entry.json"), &self.entry)?;
        write_durably(&folder.join("scores.safetensors"), &self.scores.to_bytes()?)
    }
}

impl Verified {
    /// Writes `verification.json`, and what a leaderboard reads if the bundle holds.
    ///
    /// # Errors
    /// If the folder or a file cannot be made.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::file("create the folder", folder, &error))?;
        write_json(&folder.join("verification.json"), &self.verification)?;
        self.checked.as_ref().map_or(Ok(()), |checked| checked.write(folder))
    }
}

fn write_json(path: &Path, document: &impl Serialize) -> Result<(), Failure> {
    let mut bytes = serde_json::to_vec_pretty(document).map_err(|error| {
        Failure::invalid(format_args!("cannot write `{}`: {error}", path.display()))
    })?;
    bytes.push(b'\n');
    write_durably(path, &bytes)
}

/// Checks a bundle.
///
/// # Errors
/// Only for what is not the bundle's fault: the file or the folder of known submissions cannot be read, a model in the store cannot
/// be run. A bundle that is wrong in whatever way is no error, but refused.
pub fn verify(path: &Path, options: &VerifyOptions<'_>) -> Result<Verified, Failure> {
    let metadata =
        std::fs::metadata(path).map_err(|error| Failure::file("read the bundle", path, &error))?;
    if !metadata.is_file() {
        return Err(Failure::invalid(format_args!("`{}` is not a file", path.display())));
    }
    let read = |error: std::io::Error| Failure::file("read the bundle", path, &error);
    match ArchiveReader::open(path) {
        Ok(archive) => Verifier { archive: &archive, options }.all(),
        Err(ArchiveError::Form(reason)) => {
            let bundle_sha256 = Digest::of_file(path).map_err(read)?;
            Ok(refused_archive(bundle_sha256, reason))
        }
        Err(ArchiveError::Read(error)) => Err(read(error)),
    }
}

fn verification(bundle_sha256: Digest, checks: Vec<Check>) -> Verification {
    Verification { bundle_sha256, retally: env!("CARGO_PKG_VERSION").to_owned(), checks }
}

fn refused_archive(bundle_sha256: Digest, reason: String) -> Verified {
    let mut archive = Concern::new(CheckKind::Archive);
    archive.fail(reason);
    let mut checks = vec![archive.finish("the archive was read")];
    let rest = [
        CheckKind::Signature,
        CheckKind::Digests,
        CheckKind::Schema,
        CheckKind::Suite,
        CheckKind::Consistency,
        CheckKind::Recomputation,
        CheckKind::Identities,
        CheckKind::Replay,
        CheckKind::Reinference,
    ];
    checks.extend(rest.map(|kind| concern::skipped(kind, "the archive cannot be read")));
    Verified { verification: verification(bundle_sha256, checks), checked: None }
}

/// What every check sees.
#[derive(Clone, Copy)]
struct Verifier<'a> {
    archive: &'a ArchiveReader,
    options: &'a VerifyOptions<'a>,
}

impl Verifier<'_> {
    fn all(self) -> Result<Verified, Failure> {
        let Self { archive, options } = self;
        let mut checks = vec![archive_passed(archive)];
        let (signed, check) = signature::check(archive, options.trust)?;
        checks.push(check);
        let (statement, statement_reasons) = statement::read(signed.payload.as_deref());
        checks.push(statement::digests(archive, statement.as_ref()));
        let (documents, check) = documents::check(archive, statement_reasons, signed.key)?;
        checks.push(check);
        let (suite, check) =
            suite::check(&documents, statement.as_ref(), &options.context.manifest);
        checks.push(check);
        let whole = whole(&documents, statement.as_ref(), suite.as_ref());
        let (parts, check) = match &whole {
            Some(whole) => consistency::check(whole, archive, options)?,
            None => (None, concern::skipped(CheckKind::Consistency, documents::MISSING)),
        };
        checks.push(check);
        let threads = Threads::new(options.threads)?;
        let (recomputed, check) = match (&whole, &parts) {
            (Some(whole), Some(parts)) => recomputation::check(self, whole, parts, &threads)?,
            _ => (None, concern::skipped(CheckKind::Recomputation, NO_PARTS)),
        };
        checks.push(check);
        checks
            .push(recomputation::identities(documents.measurements.as_ref(), recomputed.as_ref()));
        checks.push(replay::check(statement.as_ref(), signed.payload.as_deref(), options.known)?);
        checks.push(match (&whole, &parts, &signed.payload) {
            (Some(whole), Some(parts), Some(payload)) => {
                reinference::check(self, whole, parts, &Statement::id(payload))?
            }
            _ => concern::skipped(CheckKind::Reinference, NO_PARTS),
        });
        let verification = verification(archive.sha256(), checks);
        let checked = match (whole, parts, recomputed, signed.payload) {
            (Some(whole), Some(parts), Some(recomputed), Some(payload))
                if verification.is_valid() =>
            {
                Some(checked(&whole, &parts, &recomputed, &payload))
            }
            _ => None,
        };
        Ok(Verified { verification, checked })
    }
}

const NO_PARTS: &str = "its documents do not say what belongs to what";

fn archive_passed(archive: &ArchiveReader) -> Check {
    let bytes: u64 = archive.files().values().map(|file| file.bytes).sum();
    let files = archive.files().len();
    Concern::new(CheckKind::Archive).finish(format!(
        "{files} files with {bytes} bytes read through, all in the one form and within the limits"
    ))
}

/// All documents of a bundle.
#[derive(Clone, Copy)]
struct Whole<'a> {
    documents: &'a Documents,
    run: &'a retally_submissions::documents::RunDocument,
    manifest: &'a super::bundle_manifest::BundleManifest,
    samples: &'a retally_submissions::documents::SamplesDocument,
    measurements: &'a RunMeasurements,
    statement: &'a Statement,
    suite: &'a Suite,
}

impl Whole<'_> {
    /// The name of the key in the bundle, if it is one.
    fn documents_key(&self) -> Option<KeyFingerprint> {
        self.documents.key
    }
}

fn whole<'a>(
    documents: &'a Documents,
    statement: Option<&'a Statement>,
    suite: Option<&'a Suite>,
) -> Option<Whole<'a>> {
    Some(Whole {
        documents,
        run: documents.run.as_ref()?,
        manifest: documents.manifest.as_ref()?,
        samples: documents.samples.as_ref()?,
        measurements: documents.measurements.as_ref()?,
        statement: statement?,
        suite: suite?,
    })
}

fn checked(
    whole: &Whole<'_>,
    parts: &[DatasetPart],
    recomputed: &Recomputed,
    payload: &[u8],
) -> Checked {
    let evaluated = evaluate(whole.suite, Some(&recomputed.measurements));
    let scores = SampleScores::of(&evaluated, parts, &recomputed.datasets);
    let predicate = &whole.statement.predicate;
    let entry = Entry {
        schema: ENTRY_SCHEMA,
        id: Statement::id(payload),
        name: predicate.name.to_string(),
        key: predicate.key,
        suite: claim::suite_identity(whole.suite),
        ended: predicate.ended,
        environment: predicate.environment.clone(),
        tables: entry_tables(&evaluated, |id| scores.has(id)),
    };
    Checked { entry, scores }
}
