//! Leaderboards: ranks with ties, a static site, and a server that accepts submissions. What a submission is, and whether
//! it holds, is known by `retally-submissions` and by the harness; here checked entries are compared and shown.
//!
//! [`Collection`] reads a folder of checked submissions, [`Board`] compares them, [`site`] writes pages, and [`server`]
//! accepts uploads and serves the same pages.

pub mod board;
pub mod collection;
mod error;
pub mod server;
pub mod site;
mod time;

pub use board::Board;
pub use collection::{Collection, LeftOut, LeftOutReason, Submission};
pub use error::LeaderboardError;
