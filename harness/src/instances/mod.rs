//! Open instances of Uni-MMMU: mazes, sliding puzzles, jigsaws and SVG code tasks with ground truth, made from a seed; and answers
//! to them whose score is known beforehand.
//!
//! ```text
//! metrics/unified (puzzles) → maze, sliding, jigsaw, code (pictures, files) → folder (whole or not at all) → instances.json
//!                                                                               answers (right, or wrong on purpose) ┘
//! ```

mod answers;
mod code;
mod folder;
mod jigsaw;
mod layout;
mod manifest;
mod maze;
mod paint;
mod report;
mod sliding;

pub use answers::{AnswersReport, AnswersRequest, ExpectedColumn, Mistakes, make_answers};
pub use manifest::UnusableImage;
pub use report::InstancesReport;

use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Job;
use code::CodeEntry;
use folder::NewFolder;
use jigsaw::Pictures;
use manifest::{Identity, InstanceList, JigsawEntry, LIST, MazeEntry, SlidingEntry};
use paint::NewFile;
use rayon::prelude::*;
use retally_metrics::unified::Task;
use retally_metrics::unified::maze::MazePuzzles;
use retally_metrics::unified::sliding::SlidingPuzzles;
use std::path::PathBuf;

/// Tasks of which instances are made.
pub const OPEN_TASKS: [Task; 4] = [Task::Jigsaw, Task::Maze, Task::Sliding, Task::Code];

/// Instances whose pictures are made at once: between them an interruption is noticed.
const BATCH: usize = 32;

/// What is to be made.
#[derive(Clone, Debug)]
pub struct InstancesRequest {
    /// Of all random draws.
    pub seed: u64,
    /// Of each task.
    pub count: usize,
    /// Some of [`OPEN_TASKS`]; all of them if empty.
    pub tasks: Vec<Task>,
    /// Images that jigsaws are cut from, instead of scenes of the shipped emoji.
    pub images: Option<PathBuf>,
    /// The folder of the data.
    pub out: PathBuf,
}

/// Makes the instances, or checks every file if they are there.
///
/// # Errors
/// If the request cannot be met, the folder holds something else, or a file cannot be written.
pub fn make_instances(
    request: &InstancesRequest,
    context: &Context,
) -> Result<InstancesReport, Failure> {
    let tasks = tasks(request)?;
    check_count(request, &tasks)?;
    let pictures = tasks
        .contains(&Task::Jigsaw)
        .then(|| Pictures::open(request.images.as_deref(), request.seed, context))
        .transpose()?;
    let identity = Identity::new(
        request.seed,
        request.count,
        &tasks,
        pictures.as_ref().map(|pictures| pictures.identity().clone()),
    );
    if let Some(list) = InstanceList::of_same(&request.out, &identity)? {
        return InstancesReport::new(&request.out, &list, false);
    }
    let total = request.count * tasks.len();
    let mut maker = Maker {
        request,
        folder: NewFolder::begin(&request.out)?,
        list: InstanceList::new(identity),
        job: context.progress.job("instances", total as u64, "instances"),
    };
    for task in tasks {
        match task {
            Task::Maze => maker.mazes()?,
            Task::Sliding => maker.sliding_puzzles()?,
            Task::Code => maker.code()?,
            Task::Jigsaw | Task::Geometry | Task::Science => {}
        }
    }
    if let Some(pictures) = pictures {
        maker.jigsaws(pictures)?;
    }
    let list = maker.finish()?;
    InstancesReport::new(&request.out, &list, true)
}

/// The tasks asked for, each once, in the order of the table.
fn tasks(request: &InstancesRequest) -> Result<Vec<Task>, Failure> {
    if let Some(task) = request.tasks.iter().find(|task| !OPEN_TASKS.contains(task)) {
        return Err(Failure::invalid(format_args!(
            "instances of {} are not made: its pictures and texts were written and curated by hand; there are {}",
            task.as_str(),
            OPEN_TASKS.map(Task::as_str).join(", ")
        )));
    }
    let all = request.tasks.is_empty();
    let tasks: Vec<Task> =
        OPEN_TASKS.into_iter().filter(|task| all || request.tasks.contains(task)).collect();
    if request.images.is_some() && !tasks.contains(&Task::Jigsaw) {
        return Err(Failure::invalid(
            "--images gives pictures for jigsaws, and none are asked for: leave it out, or add --task jigsaw",
        ));
    }
    Ok(tasks)
}

fn check_count(request: &InstancesRequest, tasks: &[Task]) -> Result<(), Failure> {
    let InstancesRequest { count, seed, .. } = *request;
    if count == 0 || count > layout::MOST_INSTANCES {
        return Err(Failure::invalid(format_args!(
            "--count {count}: 1 to {} instances of a task can be made",
            layout::MOST_INSTANCES
        )));
    }
    let different = SlidingPuzzles::new(seed).left();
    if tasks.contains(&Task::Sliding) && count > different {
        return Err(Failure::invalid(format_args!(
            "--count {count}: there are only {different} sliding puzzles of 2 to 8 moves with one shortest solution; give at most that \
             many, or leave sliding out (--task maze --task jigsaw --task code)"
        )));
    }
    Ok(())
}

/// Instances in the making.
struct Maker<'a> {
    request: &'a InstancesRequest,
    folder: NewFolder,
    list: InstanceList,
    job: Job,
}

impl Maker<'_> {
    fn mazes(&mut self) -> Result<(), Failure> {
        let puzzles: Vec<_> =
            MazePuzzles::new(self.request.seed).take(self.request.count).collect();
        if puzzles.len() < self.request.count {
            return Err(Failure::invalid(format_args!(
                "only {} different mazes were found: give a smaller --count",
                puzzles.len()
            )));
        }
        self.write_all(&puzzles, maze::files)?;
        let entries = puzzles.iter().enumerate();
        self.list.maze = entries.map(|(number, puzzle)| MazeEntry::of(number, puzzle)).collect();
        Ok(())
    }

    fn sliding_puzzles(&mut self) -> Result<(), Failure> {
        let puzzles: Vec<_> =
            SlidingPuzzles::new(self.request.seed).take(self.request.count).collect();
        self.write_all(&puzzles, sliding::files)?;
        self.folder.write(&sliding::summary(&puzzles)?)?;
        let entries = puzzles.iter().enumerate();
        self.list.sliding =
            entries.map(|(number, puzzle)| SlidingEntry::of(number, puzzle)).collect();
        Ok(())
    }

    fn code(&mut self) -> Result<(), Failure> {
        let numbers: Vec<u64> = (0..self.request.count as u64).collect();
        let seed = self.request.seed;
        for batch in numbers.chunks(BATCH) {
            check_interruption()?;
            let drawings: Vec<_> = batch
                .par_iter()
                .map(|&number| {
                    let drawing = code::draw(seed, number)?;
                    let files = code::files(number as usize, &drawing)?;
                    Ok((number, drawing, files))
                })
                .collect::<Result<_, Failure>>()?;
            for (number, drawing, files) in drawings {
                self.write(&files)?;
                let id = layout::code_id(number as usize);
                self.list.code.push(CodeEntry { id, drawing });
            }
        }
        self.folder.write(&code::metadata(&self.list.code)?)
    }

    fn jigsaws(&mut self, mut pictures: Pictures) -> Result<(), Failure> {
        for number in 0..self.request.count {
            check_interruption()?;
            let jigsaw = pictures.next_jigsaw()?;
            self.write(&jigsaw::files(number, &jigsaw)?)?;
            self.list.jigsaw.push(JigsawEntry {
                id: layout::jigsaw_id(number),
                label: jigsaw.label,
                cut_from: jigsaw.cut_from,
                distractor: jigsaw.distractor,
                measures: jigsaw.measures,
            });
        }
        self.list.unusable_images = pictures.into_unusable();
        self.folder.write(&jigsaw::metadata(&self.list.jigsaw)?)
    }

    /// Makes the files of instances on all cores and writes them in order.
    fn write_all<T: Sync>(
        &mut self,
        instances: &[T],
        files_of: impl Fn(usize, &T) -> Result<Vec<NewFile>, Failure> + Sync,
    ) -> Result<(), Failure> {
        for (batch, instances) in instances.chunks(BATCH).enumerate() {
            check_interruption()?;
            let files: Vec<_> = instances
                .par_iter()
                .enumerate()
                .map(|(index, instance)| files_of(batch * BATCH + index, instance))
                .collect::<Result<_, Failure>>()?;
            files.iter().try_for_each(|files| self.write(files))?;
        }
        Ok(())
    }

    /// Writes the files of one instance.
    fn write(&mut self, files: &[NewFile]) -> Result<(), Failure> {
        files.iter().try_for_each(|file| self.folder.write(file))?;
        self.job.advance(1);
        Ok(())
    }

    fn finish(self) -> Result<InstanceList, Failure> {
        let Self { folder, mut list, job, .. } = self;
        list.files = folder.digests().clone();
        folder.finish(&NewFile::json(LIST, &list)?)?;
        job.finish();
        Ok(list)
    }
}

/// An unfinished folder is removed; there is nothing to resume, since all is made within seconds.
fn check_interruption() -> Result<(), Failure> {
    if interrupt::requested() {
        return Err(Failure::new(
            ExitStatus::Incomplete,
            "interrupted: nothing was written; the same command begins again",
        ));
    }
    Ok(())
}
