//! What a submission says of its measurements: the predicate of its statement. Everything but the name and the key follows from the
//! other files, so a checker makes it again and compares.

use crate::onnx::device::Device;
use retally_submissions::documents::RunDocument;
use retally_submissions::label::Label;
use retally_submissions::statement::{PREDICATE_SCHEMA, Predicate, results};
use retally_submissions::{Environment, KeyFingerprint, SuiteIdentity};
use retally_suites::{EvaluatedSuite, Suite};

/// Who says it, and what it is called.
#[derive(Clone, Debug)]
pub(super) struct Claimant {
    pub(super) name: Label,
    pub(super) key: KeyFingerprint,
}

/// The predicate of a run.
pub(super) fn predicate(
    claimant: Claimant,
    suite: &Suite,
    evaluated: &EvaluatedSuite,
    run: &RunDocument,
    device: Device,
) -> Predicate {
    Predicate {
        schema: PREDICATE_SCHEMA,
        name: claimant.name,
        key: claimant.key,
        suite: suite_identity(suite),
        ended: run.ended,
        environment: environment(run),
        provider: device.provider().to_owned(),
        results: results(evaluated),
    }
}

pub(super) fn suite_identity(suite: &Suite) -> SuiteIdentity {
    SuiteIdentity {
        id: suite.id().to_owned(),
        name: suite.definition().name.clone(),
        version: suite.definition().version,
        content_sha256: *suite.content_digest(),
    }
}

fn environment(run: &RunDocument) -> Environment {
    Environment {
        retally: run.retally.clone(),
        onnxruntime: run.onnxruntime.version.clone(),
        device: run.options.device.clone(),
        processor: run.machine.processor.clone().unwrap_or_else(|| "unknown".to_owned()),
    }
}
