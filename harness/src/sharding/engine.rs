//! Which shard an engine has started: the words of the command line, or the engine's variables. What is not told is asked
//! for, never guessed.

use super::shard::Shard;
use crate::failure::Failure;
use serde::Serialize;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// Holds the count of shards where an engine does not tell it, as `--shards` does.
const COUNT_VARIABLE: &str = "RETALLY_SHARDS";

/// What the command line says of shards.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShardRequest {
    /// `--shard`
    pub shard: Option<ShardWord>,
    /// `--shards`
    pub count: Option<NonZeroUsize>,
}

/// The value of `--shard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardWord {
    /// `none`: the whole run, whatever an engine says.
    None,
    /// `i/n`
    Part(Shard),
}

impl FromStr for ShardWord {
    type Err = super::shard::InvalidShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::Part) }
    }
}

/// Who said which shard this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShardSource {
    /// `--shard`
    Option,
    /// A task of a Slurm job array.
    SlurmArray,
    /// A task of a Slurm step (`srun`).
    SlurmStep,
    /// A pod of a Kubernetes Indexed Job.
    KubernetesIndexedJob,
    /// A job of a SkyPilot pool.
    SkyPilot,
    /// A worker of torchrun.
    Torchrun,
    /// A parallel job of GitLab CI.
    GitLab,
    /// A child of an AWS Batch array job.
    AwsBatch,
}

impl fmt::Display for ShardSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Option => "--shard",
            Self::SlurmArray => "Slurm array",
            Self::SlurmStep => "Slurm step",
            Self::KubernetesIndexedJob => "Kubernetes Indexed Job",
            Self::SkyPilot => "SkyPilot",
            Self::Torchrun => "torchrun",
            Self::GitLab => "GitLab CI",
            Self::AwsBatch => "AWS Batch",
        })
    }
}

/// A shard, and who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "FoundShardDocument")]
pub struct FoundShard {
    /// The part.
    pub shard: Shard,
    /// Who said so.
    pub source: ShardSource,
}

#[derive(Serialize)]
struct FoundShardDocument {
    index: usize,
    count: usize,
    source: ShardSource,
}

impl From<FoundShard> for FoundShardDocument {
    fn from(FoundShard { shard, source }: FoundShard) -> Self {
        Self { index: shard.index(), count: shard.count(), source }
    }
}

/// Finds out which shard this process is; `None` for the whole run. `variable` gives the environment.
///
/// # Errors
/// If an engine's variables are no numbers or contradict each other or the command line, two engines claim the process, or an
/// engine does not tell the count.
pub fn find_shard(
    request: ShardRequest,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<FoundShard>, Failure> {
    let shard = match request.shard {
        Some(ShardWord::None) => return Ok(None),
        Some(ShardWord::Part(shard)) => shard,
        None => return from_engine(request.count, variable),
    };
    match request.count {
        Some(count) if count.get() != shard.count() => Err(Failure::invalid(format_args!(
            "--shard {shard} and --shards {count} contradict each other: leave --shards out"
        ))),
        _ => Ok(Some(FoundShard { shard, source: ShardSource::Option })),
    }
}

/// Asks an engine.
type Engine = fn(&Variables<'_>) -> Result<Option<Position>, Failure>;

/// What an engine says of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    source: ShardSource,
    /// From 0.
    index: usize,
    /// `None` where the engine does not tell it.
    count: Option<usize>,
}

fn from_engine(
    count: Option<NonZeroUsize>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<FoundShard>, Failure> {
    let variables = Variables { variable };
    let count = match count {
        Some(count) => Some((count.get(), "--shards")),
        None => variables.number(COUNT_VARIABLE)?.map(|count| (count, COUNT_VARIABLE)),
    };
    let engines: [Engine; 7] = [
        slurm_array,
        slurm_step,
        kubernetes,
        |variables| {
            variables.pair(ShardSource::SkyPilot, "SKYPILOT_JOB_RANK", "SKYPILOT_NUM_JOBS", 0)
        },
        |variables| variables.pair(ShardSource::Torchrun, "RANK", "WORLD_SIZE", 0),
        |variables| variables.pair(ShardSource::GitLab, "CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
        |variables| {
            let [index, size] = ["AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"];
            variables.pair(ShardSource::AwsBatch, index, size, 0)
        },
    ];
    let mut found: Option<Position> = None;
    for engine in engines {
        // A count of 1 says nothing: a job of one task is the whole run, and may stand within another engine's.
        let Some(position) = engine(&variables)?.filter(|position| position.count != Some(1))
        else {
            continue;
        };
        match found {
            Some(first) if (first.index, first.count) != (position.index, position.count) => {
                return Err(contradiction(first, position));
            }
            Some(_) => {}
            None => found = Some(position),
        }
    }
    match (found, count) {
        (Some(position), count) => shard_of(position, count),
        (None, None | Some((1, _))) => Ok(None),
        (None, Some((count, word))) => Err(Failure::invalid(format_args!(
            "{word} says that there are {count} shards, and neither --shard nor an engine's variable says which one this is: give \
             --shard i/{count}{}",
            variables.hyper_queue_hint(count)
        ))),
    }
}

fn shard_of(
    position: Position,
    count: Option<(usize, &'static str)>,
) -> Result<Option<FoundShard>, Failure> {
    let Position { source, index, count: told } = position;
    let count = match (told, count) {
        (Some(told), Some((count, word))) if told != count => {
            return Err(Failure::invalid(format_args!(
                "{source} says that there are {told} shards, and {word} says {count}: leave the latter out, or give --shard i/n"
            )));
        }
        (Some(count), _) | (None, Some((count, _))) => count,
        (None, None) => {
            return Err(Failure::invalid(format_args!(
                "{source} says that this is index {index}, and does not say of how many: give the number of completions with \
                 --shards N or the variable {COUNT_VARIABLE} (or `--shard none` for the whole run)"
            )));
        }
    };
    let shard = Shard::new(index + 1, count).map_err(|_| {
        Failure::invalid(format_args!(
            "{source} says that this is index {index} of {count}, counted from 0, which there is not: give --shard i/n"
        ))
    })?;
    Ok((!shard.is_whole()).then_some(FoundShard { shard, source }))
}

fn contradiction(first: Position, second: Position) -> Failure {
    let told = |position: Position| {
        let count = position.count.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
        format!("{} says index {} (from 0) of {count}", position.source, position.index)
    };
    Failure::invalid(format_args!(
        "{}, and {}: say with --shard i/n which part of the run this process is, or with `--shard none` that it is the whole",
        told(first),
        told(second)
    ))
}

/// The environment, read strictly: an engine's variable that is no number is an error.
struct Variables<'v> {
    variable: &'v dyn Fn(&str) -> Option<String>,
}

impl Variables<'_> {
    fn number(&self, name: &str) -> Result<Option<usize>, Failure> {
        let Some(text) = (self.variable)(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            Failure::invalid(format_args!(
                "the variable {name} is `{text}`, which is no number: mend it, or give --shard i/n"
            ))
        })
    }

    /// Index and count of an engine that tells both.
    fn pair(
        &self,
        source: ShardSource,
        index: &str,
        count: &str,
        base: usize,
    ) -> Result<Option<Position>, Failure> {
        let (told, count) = match (self.number(index)?, self.number(count)?) {
            (Some(told), Some(count)) => (told, count),
            // GitLab says 1 of every job, and counts only those that are parallel.
            (None, None | Some(1)) => return Ok(None),
            (told, _) => {
                let (set, unset) = if told.is_some() { (index, count) } else { (count, index) };
                return Err(Failure::invalid(format_args!(
                    "the variable {set} of {source} is set and {unset} is not: give --shard i/n, or --shard none for the whole run"
                )));
            }
        };
        let position =
            told.checked_sub(base).map(|index| Position { source, index, count: Some(count) });
        position.map(Some).ok_or_else(|| {
            Failure::invalid(format_args!(
                "the variable {index} is {told}, and {source} counts from {base}: give --shard i/n"
            ))
        })
    }

    /// HyperQueue tells a number whose base and count are its user's.
    fn hyper_queue_hint(&self, count: usize) -> String {
        match (self.variable)("HQ_TASK_ID") {
            Some(_) => format!(
                " (of HyperQueue, `--shard $HQ_TASK_ID/{count}` for an array from 1 to {count})"
            ),
            None => String::new(),
        }
    }
}

/// A task of an array; one that was submitted with gaps does not tell how many shards there are.
fn slurm_array(variables: &Variables<'_>) -> Result<Option<Position>, Failure> {
    let Some(task) = variables.number("SLURM_ARRAY_TASK_ID")? else { return Ok(None) };
    let part = |name: &str| {
        let name = format!("SLURM_ARRAY_TASK_{name}");
        variables.number(&name)?.ok_or_else(|| {
            Failure::invalid(format_args!(
                "this is task {task} of a Slurm array, and the variable {name} is not set: give --shard i/n"
            ))
        })
    };
    let (count, first, last) = (part("COUNT")?, part("MIN")?, part("MAX")?);
    let step = variables.number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
    let has_no_gap = last.checked_sub(first).is_some_and(|span| span / step + 1 == count);
    match task.checked_sub(first) {
        Some(offset) if has_no_gap && offset.is_multiple_of(step) => Ok(Some(Position {
            source: ShardSource::SlurmArray,
            index: offset / step,
            count: Some(count),
        })),
        _ => Err(Failure::invalid(format_args!(
            "this is task {task} of a Slurm array of {count} tasks from {first} to {last} by {step}, which has gaps: say which \
             part of the run this is, for example with --shard \"$SLURM_ARRAY_TASK_ID/N\" for an array that was 1 to N before"
        ))),
    }
}

/// A task of a step. A batch script has a rank and a number of tasks as well, though it is alone: only a step has its id.
fn slurm_step(variables: &Variables<'_>) -> Result<Option<Position>, Failure> {
    if variables.number("SLURM_STEP_ID")?.is_none() {
        return Ok(None);
    }
    variables.pair(ShardSource::SlurmStep, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", 0)
}

/// Kubernetes tells the index alone.
fn kubernetes(variables: &Variables<'_>) -> Result<Option<Position>, Failure> {
    let index = variables.number("JOB_COMPLETION_INDEX")?;
    let source = ShardSource::KubernetesIndexedJob;
    Ok(index.map(|index| Position { source, index, count: None }))
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
