//! The networks of a world model, opened and checked against the manifest.

use super::encoder::TokenEncoder;
use super::predictor::TokenPredictor;
use crate::failure::Failure;
use crate::onnx::session::{BoundSession, SessionOptions, SessionRecord};
use crate::pipeline::Execution;
use retally_manifests::{Digest, WorldModel};
use retally_suites::miniature::EncoderRole;
use std::path::{Path, PathBuf};

/// A file of a world model.
#[derive(Clone, Debug)]
pub(crate) struct NetworkFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its content.
    pub(crate) digest: Digest,
}

/// The files of a world model.
#[derive(Clone, Debug)]
pub(crate) struct WorldModelFiles {
    pub(crate) encoder: NetworkFile,
    pub(crate) teacher: Option<NetworkFile>,
    pub(crate) predictor: NetworkFile,
}

impl WorldModelFiles {
    /// Bytes of all files, for the choice of how many sessions run side by side.
    ///
    /// # Errors
    /// If a file cannot be looked at.
    pub(crate) fn bytes(&self) -> Result<u64, Failure> {
        let files = [Some(&self.encoder), self.teacher.as_ref(), Some(&self.predictor)];
        files.into_iter().flatten().try_fold(0, |sum, file| Ok(sum + size(&file.path)?))
    }
}

fn size(path: &Path) -> Result<u64, Failure> {
    let metadata = std::fs::metadata(path);
    Ok(metadata.map_err(|error| Failure::file("read the model", path, &error))?.len())
}

/// The sessions of one thread.
pub(super) struct Networks {
    student: TokenEncoder,
    /// None where the encoder makes the targets itself.
    teacher: Option<TokenEncoder>,
    pub(super) predictor: TokenPredictor,
}

impl Networks {
    /// Opens the files and checks their inputs and outputs.
    ///
    /// # Errors
    /// If a file is no such model as the manifest says; the message names the part.
    pub(super) fn open(
        model: &WorldModel,
        files: &WorldModelFiles,
        execution: &Execution<'_>,
        threads: usize,
    ) -> Result<Self, Failure> {
        let within = |failure: Failure, part: &str| {
            failure.within(format_args!("world model `{}`, its {part}", model.id))
        };
        let execution = &Execution { threads, ..*execution };
        let encoder = |file: &NetworkFile, names: (&str, &str)| {
            TokenEncoder::open(&model.encoder, file, names, execution)
        };
        let entry = &model.encoder;
        let names = (entry.input.tensor.as_str(), entry.tokens.as_str());
        let student =
            encoder(&files.encoder, names).map_err(|failure| within(failure, "encoder"))?;
        let teacher = match (&model.teacher, &files.teacher) {
            (Some(teacher), Some(file)) => {
                let input = teacher.input.as_deref().unwrap_or(names.0);
                let tokens = teacher.tokens.as_deref().unwrap_or(names.1);
                let teacher = encoder(file, (input, tokens));
                Some(teacher.map_err(|failure| within(failure, "teacher"))?)
            }
            _ => None,
        };
        let predictor = || {
            let options = SessionOptions {
                device: execution.device,
                threads,
                fast: execution.fast,
                outputs: vec![model.predictor.output.clone()],
            };
            let session = BoundSession::open(execution.library, &files.predictor.path, &options)?;
            TokenPredictor::new(session, model)
        };
        let predictor = predictor().map_err(|failure| within(failure, "predictor"))?;
        Ok(Self { student, teacher, predictor })
    }

    /// What encodes the source of a prediction.
    pub(super) fn source(&mut self, role: EncoderRole) -> &mut TokenEncoder {
        match role {
            EncoderRole::Student => &mut self.student,
            EncoderRole::Teacher => self.target(),
        }
    }

    /// What makes the targets.
    pub(super) fn target(&mut self) -> &mut TokenEncoder {
        self.teacher.as_mut().unwrap_or(&mut self.student)
    }

    /// What is recorded of the sessions: encoder, teacher if there is one, predictor.
    pub(super) fn records(&self) -> Vec<SessionRecord> {
        let teacher = self.teacher.iter().map(|teacher| teacher.record().clone());
        std::iter::once(self.student.record().clone())
            .chain(teacher)
            .chain([self.predictor.record().clone()])
            .collect()
    }
}
