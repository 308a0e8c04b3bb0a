//! Attention of a unified model in files, to curves of interaction intensity: one row block of one layer of one sample is in memory at a time.

mod collect;
mod description;
mod dump;
mod masses;

pub(crate) use collect::{Collected, collect};
