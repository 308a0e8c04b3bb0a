//! One process' share of a run: which chunks it computes, and how it learns that from the engine that started it.
//!
//! retally embeds no engine. It is a process in those that people have, and reads what they tell it ([`find_shard`]).

pub(crate) mod engine;
pub(crate) mod index_ranges;
pub(crate) mod shard;

pub use engine::{FoundShard, ShardRequest, ShardSource, ShardWord, find_shard};
pub(crate) use index_ranges::index_ranges;
pub use shard::Shard;
