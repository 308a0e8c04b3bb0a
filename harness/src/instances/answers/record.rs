//! `answers.json`: what the answers are, what is wrong with them, and what they must score.

use super::code::CodeRecord;
use super::expected::{ExpectedColumn, expected};
use super::jigsaw::JigsawRecord;
use super::mistakes::SequenceRecord;
use crate::failure::Failure;
use crate::instances::folder::{Place, look, verify};
use retally_manifests::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The record, in the folder of the answers.
pub(super) const ANSWERS: &str = "answers.json";
/// Another number, other bytes for the same instances and seed.
const GENERATOR: &str = "retally-uni-mmmu-answers/1";

const NOTICE: &str = "Answers made by retally from the ground truth, to measure a scorer with: no model gave them. `expected` is arithmetic on \
    the mistakes listed here, in which no scorer takes part. Jigsaw-I needs DreamSim and the columns of code need a judge: their \
    mistakes are listed, and nothing is expected.";

/// What decides every byte of the answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswersIdentity {
    generator: String,
    /// SHA-256 of the list of instances.
    instances_sha256: Digest,
    corrupt: f64,
    seed: u64,
}

impl AnswersIdentity {
    pub(super) fn new(instances_sha256: Digest, corrupt: f64, seed: u64) -> Self {
        Self { generator: GENERATOR.to_owned(), instances_sha256, corrupt, seed }
    }
}

/// The whole record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerList {
    notice: String,
    identity: AnswersIdentity,
    expected: Vec<ExpectedColumn>,
    pub(super) maze: Vec<SequenceRecord>,
    pub(super) sliding: Vec<SequenceRecord>,
    pub(super) jigsaw: Vec<JigsawRecord>,
    pub(super) code: Vec<CodeRecord>,
    files: BTreeMap<String, Digest>,
}

impl AnswerList {
    pub(super) fn new(identity: AnswersIdentity) -> Self {
        Self {
            notice: NOTICE.to_owned(),
            identity,
            expected: Vec::new(),
            maze: Vec::new(),
            sliding: Vec::new(),
            jigsaw: Vec::new(),
            code: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// Adds what follows from the cases, and the digests of the files.
    pub(super) fn complete(&mut self, files: BTreeMap<String, Digest>) {
        self.expected = expected(&self.maze, &self.sliding, &self.jigsaw);
        self.files = files;
    }

    /// The record of a folder that holds these answers, every file checked; `None` if the place is free.
    ///
    /// # Errors
    /// If something else is there, or a file is damaged.
    pub(super) fn of_same(
        folder: &Path,
        identity: &AnswersIdentity,
    ) -> Result<Option<Self>, Failure> {
        if look(folder)? == Place::Free {
            return Ok(None);
        }
        let path = folder.join(ANSWERS);
        let found = std::fs::read(&path).ok();
        let found = found.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        match found {
            Some(list) if list.identity == *identity => {
                verify(folder, &list.files)?;
                Ok(Some(list))
            }
            _ => Err(Failure::invalid(format_args!(
                "`{}` is not empty and does not hold these answers (same instances, --corrupt and seed): choose another folder, or \
                 remove it",
                folder.display()
            ))),
        }
    }
}

/// Answers in a folder.
#[derive(Clone, Debug, Serialize)]
pub struct AnswersReport {
    /// The folder of the answers.
    pub out: PathBuf,
    /// Whether they were made now; otherwise they were there, and every file was checked.
    pub made: bool,
    /// SHA-256 of the record, which holds the digests of all other files.
    pub answers_sha256: Digest,
    /// Probability of a mistake in each unit.
    pub corrupt: f64,
    /// Of the mistakes.
    pub seed: u64,
    /// Units that are wrong, of how many, by their kind.
    pub mistakes: BTreeMap<&'static str, Mistakes>,
    /// What the programmatic columns must be.
    pub expected: Vec<ExpectedColumn>,
}

/// Wrong units of all units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Mistakes {
    /// Wrong on purpose.
    pub wrong: usize,
    /// Of so many.
    pub of: usize,
}

impl AnswersReport {
    pub(super) fn new(out: &Path, list: &AnswerList, made: bool) -> Result<Self, Failure> {
        let path = out.join(ANSWERS);
        let answers_sha256 =
            Digest::of_file(&path).map_err(|error| Failure::file("read", &path, &error))?;
        Ok(Self {
            out: out.to_owned(),
            made,
            answers_sha256,
            corrupt: list.identity.corrupt,
            seed: list.identity.seed,
            mistakes: mistakes(list),
            expected: list.expected.clone(),
        })
    }
}

fn mistakes(list: &AnswerList) -> BTreeMap<&'static str, Mistakes> {
    let units =
        |records: &[SequenceRecord]| records.iter().map(|record| record.moves.len()).sum::<usize>();
    let words = |records: &[SequenceRecord]| Mistakes {
        wrong: records.iter().map(|record| record.wrong_moves.len()).sum(),
        of: units(records),
    };
    let frames = |records: &[SequenceRecord]| Mistakes {
        wrong: records.iter().map(|record| record.wrong_frames.len()).sum(),
        of: units(records),
    };
    let jigsaw = &list.jigsaw;
    let code = &list.code;
    let count = |wrong: usize, of: usize| Mistakes { wrong, of };
    let all = [
        ("maze moves", words(&list.maze)),
        ("maze frames", frames(&list.maze)),
        ("sliding moves", words(&list.sliding)),
        ("sliding frames", frames(&list.sliding)),
        (
            "jigsaw choices",
            count(jigsaw.iter().filter(|record| record.wrong_choice).count(), jigsaw.len()),
        ),
        (
            "jigsaw pictures",
            count(jigsaw.iter().map(|record| record.wrong_pictures.len()).sum(), 2 * jigsaw.len()),
        ),
        (
            "code summaries",
            count(code.iter().filter(|r| r.wrong_in_summary.is_some()).count(), code.len()),
        ),
        (
            "code pictures",
            count(code.iter().filter(|r| r.wrong_in_picture.is_some()).count(), code.len()),
        ),
    ];
    all.into_iter().filter(|(_, mistakes)| mistakes.of > 0).collect()
}
