//! Signed submissions: keys, bundles, and what a leaderboard knows of one after checking it.

mod checks;
mod entry;

pub use checks::{Check, CheckKind, CheckResult, Verification};
pub use entry::{
    ENTRY_SCHEMA, Entry, EntryCell, EntryRow, EntryTable, Environment, KeyFingerprint,
    SuiteIdentity,
};
