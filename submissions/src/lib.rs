//! Signed submissions: keys, bundles, and what a leaderboard knows of one after checking it.
//!
//! Here is the format: [`archive`] (one form of zip), [`documents`], [`statement`] and [`dsse`] (what is signed, and how), [`key`],
//! [`limits`], [`label`]. Making a bundle of a run and checking one need models and metrics: that is the harness's.

pub mod archive;
pub mod documents;
pub mod dsse;
pub mod files;
pub mod key;
pub mod label;
pub mod limits;
pub mod statement;

mod checks;
mod entry;
mod tables;

pub use checks::{Check, CheckKind, CheckResult, Verification};
pub use entry::{
    ENTRY_SCHEMA, Entry, EntryCell, EntryRow, EntryTable, Environment, KeyFingerprint,
    SuiteIdentity,
};
pub use key::{PrivateKey, PublicKey};
pub use tables::entry_tables;
