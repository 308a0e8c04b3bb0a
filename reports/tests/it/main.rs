//! Tests of the reports crate on small suites; see `fixture.rs`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may stop the test")]

mod builtin;
mod claims;
mod figures;
mod files;
mod fixture;
mod github;
mod junit;
mod page;
mod pictures;
mod summaries;
mod tables;
mod xsd;
