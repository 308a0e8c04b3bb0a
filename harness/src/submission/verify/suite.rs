//! Whether the suite is one of this program, as it is now, and the data sets are the suite's.

use super::concern::Concern;
use super::documents::Documents;
use retally_manifests::{Digest, Manifest};
use retally_submissions::statement::Statement;
use retally_submissions::{Check, CheckKind};
use retally_suites::Suite;
use retally_suites::lock::{Lock, LockedKind};

/// A document's word for the suite.
struct Reference<'a> {
    place: &'static str,
    id: &'a str,
    version: u32,
    content: String,
}

pub(super) fn check(
    documents: &Documents,
    statement: Option<&Statement>,
    manifest: &Manifest,
) -> (Option<Suite>, Check) {
    let mut concern = Concern::new(CheckKind::Suite);
    let references = references(documents, statement);
    let Some(first) = references.first() else {
        return (
            None,
            super::concern::skipped(CheckKind::Suite, "no document says which suite it is"),
        );
    };
    let suite = match Suite::builtin(first.id) {
        Ok(suite) => suite,
        Err(_) => {
            let known = Suite::builtin_ids().collect::<Vec<_>>().join(", ");
            concern.fail(format!(
                "{} names suite {:?}; the suites here are: {known}",
                first.place, first.id
            ));
            return (None, concern.finish("the suite was looked up"));
        }
    };
    for reference in &references {
        compare(reference, &suite, &mut concern);
    }
    lock(&suite, &mut concern);
    datasets(documents, &suite, manifest, &mut concern);
    let detail = format!(
        "suite `{}` version {} with its locked content, on data sets as the manifests here describe them",
        suite.id(),
        suite.definition().version
    );
    (Some(suite), concern.finish(detail))
}

fn references<'a>(
    documents: &'a Documents,
    statement: Option<&'a Statement>,
) -> Vec<Reference<'a>> {
    let text = |digest: &Digest| digest.to_string();
    let statement = statement.map(|statement| &statement.predicate.suite).map(|suite| Reference {
        place: "the statement",
        id: &suite.id,
        version: suite.version,
        content: text(&suite.content_sha256),
    });
    let run = documents.run.as_ref().map(|run| Reference {
        place: "run.json",
        id: &run.suite.id,
        version: run.suite.version,
        content: text(&run.suite.content_sha256),
    });
    let measurements = documents.measurements.as_ref().map(|measurements| Reference {
        place: "measurements.json",
        id: &measurements.suite,
        version: measurements.suite_version,
        content: measurements.suite_content_sha256.clone(),
    });
    [measurements, run, statement].into_iter().flatten().collect()
}

fn compare(reference: &Reference<'_>, suite: &Suite, concern: &mut Concern) {
    let Reference { place, id, version, content } = reference;
    let present = suite.definition().version;
    if *id != suite.id() {
        concern.fail(format!("{place} is of suite {id:?}, measurements.json of `{}`", suite.id()));
    } else if *version != present {
        concern.fail(format!(
            "{place} is of version {version} of suite `{id}`, the present version is {present}"
        ));
    } else if *content != suite.content_digest().to_string() {
        concern.fail(format!(
            "{place} is of suite `{id}` version {version} with content {content:?}, the locked content is {}",
            suite.content_digest()
        ));
    }
}

fn lock(suite: &Suite, concern: &mut Concern) {
    let version = suite.definition().version;
    let locked = Lock::builtin().and_then(|lock| {
        lock.check(LockedKind::Suite, suite.id(), version, suite.content_digest())
    });
    if let Err(reason) = locked {
        concern.fail(format!("the suite of this program is not as it was locked: {reason}"));
    }
}

/// Data sets must be those that the suite names; where it names none, any that the manifests here describe.
fn datasets(documents: &Documents, suite: &Suite, manifest: &Manifest, concern: &mut Concern) {
    let named = suite.run_plan().map(|plan| plan.datasets.as_slice()).unwrap_or_default();
    if suite.run_plan().is_none() {
        concern.fail(format!("suite `{}` has nothing to run", suite.id()));
    }
    for dataset in documents.manifest.iter().flat_map(|manifest| &manifest.datasets) {
        let id = &dataset.id;
        if !named.is_empty() && !named.contains(id) {
            concern.fail(format!(
                "data set {id:?} is none of the suite's, which are: {}",
                named.join(", ")
            ));
        }
        match manifest.dataset(id) {
            Err(_) => concern.fail(format!("no manifest here describes data set {id:?}")),
            Ok(known) if known != dataset => concern.fail(format!(
                "manifest.toml describes data set `{id}` in another way than the manifests here: artifacts, format, canvas, mask, \
                 split and chunk must be the same"
            )),
            Ok(_) => {}
        }
    }
}
