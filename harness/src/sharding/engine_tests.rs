use super::*;
use crate::exit_status::ExitStatus;
use std::collections::HashMap;

fn find(
    request: ShardRequest,
    environment: &[(&str, &str)],
) -> Result<Option<FoundShard>, Failure> {
    let variables: HashMap<&str, &str> = environment.iter().copied().collect();
    find_shard(request, &|name| variables.get(name).map(|&value| value.to_owned()))
}

fn by_engine(environment: &[(&str, &str)]) -> Result<Option<(String, ShardSource)>, Failure> {
    let found = find(ShardRequest::default(), environment)?;
    Ok(found.map(|found| (found.shard.to_string(), found.source)))
}

fn refusal(request: ShardRequest, environment: &[(&str, &str)]) -> String {
    let failure = find(request, environment).unwrap_err();
    assert_eq!(failure.status, ExitStatus::Invalid);
    failure.message()
}

fn counted(count: usize) -> ShardRequest {
    ShardRequest { shard: None, count: NonZeroUsize::new(count) }
}

fn worded(word: &str) -> ShardRequest {
    ShardRequest { shard: Some(word.parse().unwrap()), count: None }
}

/// As seen in tasks of Slurm 22.05 (tests/slurm/README.md).
fn array([id, count, min, max, step]: [&'static str; 5]) -> Vec<(&'static str, &'static str)> {
    vec![
        ("SLURM_ARRAY_TASK_ID", id),
        ("SLURM_ARRAY_TASK_COUNT", count),
        ("SLURM_ARRAY_TASK_MIN", min),
        ("SLURM_ARRAY_TASK_MAX", max),
        ("SLURM_ARRAY_TASK_STEP", step),
        ("SLURM_PROCID", "0"),
    ]
}

#[test]
fn without_words_and_engines_it_is_the_whole_run() {
    assert_eq!(by_engine(&[]).unwrap(), None);
    assert_eq!(find(counted(1), &[]).unwrap(), None);
}

#[test]
fn every_engine_is_read() {
    let step = [("SLURM_STEP_ID", "0"), ("SLURM_PROCID", "2"), ("SLURM_STEP_NUM_TASKS", "4")];
    let cases = [
        (array(["2", "3", "1", "3", "1"]), "2/3", ShardSource::SlurmArray),
        (array(["3", "3", "0", "6", "3"]), "2/3", ShardSource::SlurmArray),
        (array(["1", "2", "0", "1", "1"]), "2/2", ShardSource::SlurmArray),
        (step.to_vec(), "3/4", ShardSource::SlurmStep),
        (
            vec![("SKYPILOT_JOB_RANK", "0"), ("SKYPILOT_NUM_JOBS", "5")],
            "1/5",
            ShardSource::SkyPilot,
        ),
        (
            vec![("RANK", "7"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "3")],
            "8/8",
            ShardSource::Torchrun,
        ),
        (vec![("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "3")], "1/3", ShardSource::GitLab),
        (
            vec![("AWS_BATCH_JOB_ARRAY_INDEX", "9"), ("AWS_BATCH_JOB_ARRAY_SIZE", "10")],
            "10/10",
            ShardSource::AwsBatch,
        ),
    ];
    for (environment, shard, source) in cases {
        assert_eq!(by_engine(&environment).unwrap(), Some((shard.to_owned(), source)));
    }
}

#[test]
fn a_job_of_one_task_is_the_whole_run() {
    assert_eq!(by_engine(&array(["1", "1", "1", "1", "1"])).unwrap(), None);
    assert_eq!(by_engine(&[("RANK", "0"), ("WORLD_SIZE", "1")]).unwrap(), None);
    // A step of one task within an array is no part of its own.
    let mut nested = array(["2", "3", "1", "3", "1"]);
    nested.extend([("SLURM_STEP_ID", "0"), ("SLURM_STEP_NUM_TASKS", "1")]);
    assert_eq!(by_engine(&nested).unwrap(), Some(("2/3".to_owned(), ShardSource::SlurmArray)));
}

#[test]
fn a_batch_script_is_no_step() {
    // `sbatch --ntasks=4` without srun: one process, whatever the number of tasks.
    let batch = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4"), ("SLURM_NPROCS", "4")];
    assert_eq!(by_engine(&batch).unwrap(), None);
}

#[test]
fn an_array_with_gaps_is_refused() {
    let message = refusal(ShardRequest::default(), &array(["7", "4", "3", "9", "1"]));
    assert!(message.contains("gaps") && message.contains("--shard"), "{message}");
    let shard = find(worded("7/8"), &array(["7", "4", "3", "9", "1"])).unwrap().unwrap();
    assert_eq!((shard.shard.index(), shard.source), (7, ShardSource::Option));
}

#[test]
fn kubernetes_is_asked_for_its_count() {
    let index = ("JOB_COMPLETION_INDEX", "3");
    let message = refusal(ShardRequest::default(), &[index]);
    assert!(message.contains("--shards N") && message.contains(COUNT_VARIABLE), "{message}");
    let found = find(counted(8), &[index]).unwrap().unwrap();
    assert_eq!(found.shard.to_string(), "4/8");
    let found = by_engine(&[index, (COUNT_VARIABLE, "8")]).unwrap().unwrap();
    assert_eq!(found.0, "4/8");
    assert!(refusal(counted(3), &[index]).contains("index 3 of 3"));
    assert_eq!(find(worded("none"), &[index]).unwrap(), None);
}

#[test]
fn contradictions_are_refused() {
    let mut both = array(["2", "2", "1", "2", "1"]);
    both.extend([("SLURM_STEP_ID", "0"), ("SLURM_STEP_NUM_TASKS", "2")]);
    let message = refusal(ShardRequest::default(), &both);
    assert!(message.contains("Slurm array") && message.contains("Slurm step"), "{message}");
    let message = refusal(counted(4), &array(["2", "2", "1", "2", "1"]));
    assert!(message.contains("2 shards") && message.contains("--shards says 4"), "{message}");
    let both = ShardRequest { count: NonZeroUsize::new(4), ..worded("1/3") };
    assert!(refusal(both, &[]).contains("contradict"));
    assert!(refusal(counted(4), &[]).contains("--shard i/4"));
    assert!(refusal(counted(4), &[("HQ_TASK_ID", "2")]).contains("$HQ_TASK_ID/4"));
    assert!(
        refusal(ShardRequest::default(), &[("RANK", "x"), ("WORLD_SIZE", "2")]).contains("RANK")
    );
    for half in ["RANK", "WORLD_SIZE", "SKYPILOT_JOB_RANK", "CI_NODE_TOTAL"] {
        let message = refusal(ShardRequest::default(), &[(half, "2")]);
        assert!(message.contains(half) && message.contains("--shard none"), "{message}");
    }
    assert_eq!(by_engine(&[("CI_NODE_TOTAL", "1")]).unwrap(), None);
    let node = [("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "3")];
    assert!(refusal(ShardRequest::default(), &node).contains("counts from 1"));
}

#[test]
fn two_engines_that_agree_are_one() {
    let same = [
        ("RANK", "1"),
        ("WORLD_SIZE", "3"),
        ("SKYPILOT_JOB_RANK", "1"),
        ("SKYPILOT_NUM_JOBS", "3"),
    ];
    assert_eq!(by_engine(&same).unwrap(), Some(("2/3".to_owned(), ShardSource::SkyPilot)));
}
