//! One execution of a suite: what is selected, what is done in which order, what is written.

mod conclusion;
pub mod directory;
mod encoders;
mod execute;
mod generators;
pub mod merge;
pub mod miniature;
mod outcome;
pub mod place;
mod probe;
mod record;
pub(crate) mod samples_table;
mod sealed_document;
mod selection;
mod shard_record;
pub mod status;
mod to_fetch;
mod work_file;
mod work_list;

pub use execute::{Ended, Plan, ShardChunks, ShardDone, execute, execute_shard, plan};
pub(crate) use outcome::MEASUREMENTS_DIGEST;
pub use outcome::{FinishedRun, StoredRun, status, write_report};
pub use probe::{ProbedModel, probe};
pub use selection::{GeneratorRequest, RunRequest};
pub(crate) use selection::{Selection, measure_settings, methods};
pub use to_fetch::ToFetch;

/// Reads what stands in a work list under its seal, and cuts the work as shards do; whether it is a list.
pub(crate) fn read_work_list(line: &[u8]) -> bool {
    let Ok(list) = work_file::of_line(line) else { return false };
    let total = list.total();
    assert_eq!(list.chunks().count(), total);
    for count in [1, 3] {
        let Ok(shards) = crate::sharding::Shard::all(count) else { continue };
        let parts = shards.flat_map(|shard| list.part(shard)).map(|(_, part)| part.len());
        assert_eq!(parts.sum::<usize>(), total, "every chunk is a shard's");
    }
    for dataset in &list.datasets {
        let _ = dataset.listed();
    }
    true
}
