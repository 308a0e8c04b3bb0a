//! Answers to instances, right or wrong on purpose: what a scorer must print for them is arithmetic on the list of mistakes.

mod code;
mod expected;
mod jigsaw;
mod maze;
mod mistakes;
mod record;
mod sliding;

pub use expected::ExpectedColumn;
pub use record::{AnswersReport, Mistakes};

use super::check_interruption;
use super::folder::{NewFolder, read_verified};
use super::manifest::{InstanceList, LIST};
use super::paint::NewFile;
use crate::context::Context;
use crate::failure::Failure;
use crate::images::decode::decode;
use record::{ANSWERS, AnswerList, AnswersIdentity};
use retally_manifests::Digest;
use std::path::{Path, PathBuf};

/// What is to be made.
#[derive(Clone, Debug)]
pub struct AnswersRequest {
    /// A folder of instances.
    pub data: PathBuf,
    /// The folder of the answers: what the released scripts call `outputs/<model>`.
    pub out: PathBuf,
    /// Probability that a unit of an answer (a move, a frame, a choice, a picture, a summary) is made wrong.
    pub corrupt: f64,
    /// Of the mistakes.
    pub seed: u64,
}

/// Writes answers to all instances of a folder, or checks every file if they are there.
///
/// # Errors
/// If the instances are not retally's or damaged, the folder holds something else, or a file cannot be written.
pub fn make_answers(request: &AnswersRequest, context: &Context) -> Result<AnswersReport, Failure> {
    if !(0.0..=1.0).contains(&request.corrupt) {
        return Err(Failure::invalid(format_args!(
            "--corrupt {}: expected a probability from 0 to 1",
            request.corrupt
        )));
    }
    let list = InstanceList::read(&request.data)?;
    let path = request.data.join(LIST);
    let instances = Digest::of_file(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let identity = AnswersIdentity::new(instances, request.corrupt, request.seed);
    if let Some(found) = AnswerList::of_same(&request.out, &identity)? {
        return AnswersReport::new(&request.out, &found, false);
    }
    let total = list.maze.len() + list.sliding.len() + list.jigsaw.len() + list.code.len();
    let mut job = context.progress.job("answers", total as u64, "cases");
    let mut folder = NewFolder::begin(&request.out)?;
    let mut answers = AnswerList::new(identity);
    let source =
        Source { data: &request.data, list: &list, seed: request.seed, p: request.corrupt };
    let mut write = |files: Vec<NewFile>| -> Result<(), Failure> {
        check_interruption()?;
        job.advance(1);
        files.iter().try_for_each(|file| folder.write(file))
    };
    for number in 0..list.maze.len() {
        let (record, files) = maze::answer(&source, number)?;
        answers.maze.push(record);
        write(files)?;
    }
    let solutions = super::manifest::sliding_solutions();
    for number in 0..list.sliding.len() {
        let (record, files) = sliding::answer(&source, number, &solutions)?;
        answers.sliding.push(record);
        write(files)?;
    }
    for number in 0..list.jigsaw.len() {
        let (record, files) = jigsaw::answer(&source, number)?;
        answers.jigsaw.push(record);
        write(files)?;
    }
    for number in 0..list.code.len() {
        let (record, files) = code::answer(&source, number)?;
        answers.code.push(record);
        write(files)?;
    }
    if !list.jigsaw.is_empty() {
        folder.write(&jigsaw::summary(&list.jigsaw)?)?;
    }
    answers.complete(folder.digests().clone());
    folder.finish(&NewFile::json(ANSWERS, &answers)?)?;
    job.finish();
    AnswersReport::new(&request.out, &answers, true)
}

/// What answers are made from.
struct Source<'a> {
    data: &'a Path,
    list: &'a InstanceList,
    seed: u64,
    p: f64,
}

impl Source<'_> {
    /// A picture of the instances, as it is there, its digest and that it is a picture checked.
    fn copy(&self, from: &str, to: impl Into<String>) -> Result<NewFile, Failure> {
        let bytes = read_verified(self.data, from, self.list.files.get(from))?;
        decode(&bytes).map_err(|error| Failure::invalid(format_args!("`{from}`: {error}")))?;
        Ok(NewFile { path: to.into(), bytes })
    }
}
