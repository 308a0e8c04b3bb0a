//! What decides the ranks of an image: the name under which they are stored.

use crate::failure::Failure;
use crate::images::augment::Photometric;
use crate::pipeline::Execution;
use retally_manifests::{Digest, Predictor, Teacher, WorldModel, WorldModelEncoder};
use retally_suites::miniature::RetrievalPlan;
use retally_suites::run::method;
use serde::Serialize;

/// Everything that decides the ranks of an image beside the image.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WorldModelIdentity<'a> {
    method: &'static str,
    encoder: (&'a WorldModelEncoder, Digest),
    teacher: Option<(&'a Teacher, Digest)>,
    predictor: (&'a Predictor, Digest),
    preprocessing: String,
    augmentation: &'a Photometric,
    seed: u64,
    plan: &'a RetrievalPlan,
    provider: &'static str,
    session: String,
    library: String,
}

impl<'a> WorldModelIdentity<'a> {
    /// Collects it.
    pub(crate) fn new(
        (model, files): (&'a WorldModel, &super::WorldModelFiles),
        (plan, views): (&'a RetrievalPlan, &'a super::ViewMaker),
        execution: &Execution<'_>,
    ) -> Self {
        let teacher = model.teacher.as_ref().zip(files.teacher.as_ref());
        Self {
            method: method::WORLD_MODEL_RETRIEVAL,
            encoder: (&model.encoder, files.encoder.digest),
            teacher: teacher.map(|(teacher, file)| (teacher, file.digest)),
            predictor: (&model.predictor, files.predictor.digest),
            preprocessing: views.preprocessing(),
            augmentation: views.family(),
            seed: views.seed(),
            plan,
            provider: execution.device.provider(),
            session: execution.session_id(),
            library: execution.library_id(),
        }
    }

    /// The name of the ranks of an image with this key and this content.
    ///
    /// # Errors
    /// If the identity cannot be written as JSON, which is a bug.
    pub(crate) fn key(&self, image: &str, content: &Digest) -> Result<Digest, Failure> {
        let json = serde_json::to_vec(&(self, image, content)).map_err(|error| {
            Failure::invalid(format_args!("cannot name the ranks of an image: {error}"))
        })?;
        Ok(Digest::of_bytes(&json))
    }
}
