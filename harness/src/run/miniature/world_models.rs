//! The part of a miniature that measures world models.

use super::{PartDescription, Workbench};
use crate::context::Context;
use crate::failure::Failure;
use crate::run::record::RunRecord;
use retally_manifests::ArtifactId;
use retally_suites::DatasetMeasurements;
use retally_suites::miniature::WorldModelPlan;

/// What they needs beside their data set.
pub(super) fn artifacts(
    _plan: &WorldModelPlan,
    _context: &Context,
) -> Result<Vec<ArtifactId>, Failure> {
    Ok(Vec::new())
}

/// What they would measure.
pub(super) fn describe(
    plan: &WorldModelPlan,
    _context: &Context,
) -> Result<PartDescription, Failure> {
    Ok(PartDescription { part: "world models", dataset: plan.dataset.clone(), work: Vec::new() })
}

/// Measures them; `None` if an interruption stopped it.
pub(super) fn measure(
    plan: &WorldModelPlan,
    _bench: &Workbench<'_>,
    _record: &mut RunRecord,
) -> Result<Option<DatasetMeasurements>, Failure> {
    Err(Failure::invalid(format_args!(
        "the world-model part of a miniature (on `{}`) is not in this version of retally",
        plan.dataset
    )))
}
