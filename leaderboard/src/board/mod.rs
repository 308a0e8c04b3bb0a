//! Submissions compared: every suite, its tables, the entries of each row, their ranks, and who led when.

mod family;
mod history;
mod rank;
mod representative;
mod row;
mod samples;
mod suite;
mod table;

pub use family::{LEVEL, PairedScores};
pub use history::{Lead, LeadReason};
pub use rank::{Candidate, Standing, standings};
pub use row::{Place, RowBoard, RowEntry};
pub use suite::SuiteBoard;
pub use table::TableBoard;

use crate::collection::{Collection, Submission};
use crate::error::LeaderboardError;
use rayon::prelude::*;
use retally_submissions::SuiteIdentity;
use std::collections::BTreeMap;

/// Everything that a site shows.
#[derive(Debug)]
pub struct Board<'a> {
    /// One board a suite, version and content: numbers of different ones do not compare. By id, newest version first.
    pub suites: Vec<SuiteBoard<'a>>,
}

impl<'a> Board<'a> {
    /// Compares all submissions. `progress` is told of each row.
    ///
    /// # Errors
    /// If scores cannot be read.
    pub fn of(
        collection: &'a Collection,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Self, LeaderboardError> {
        let mut groups: BTreeMap<_, (&SuiteIdentity, Vec<&Submission>)> = BTreeMap::new();
        for submission in &collection.submissions {
            let suite = &submission.entry.suite;
            let newest_first = std::cmp::Reverse(suite.version);
            let key = (suite.id.as_str(), newest_first, suite.content_sha256);
            groups.entry(key).or_insert((suite, Vec::new())).1.push(submission);
        }
        let groups: Vec<_> = groups.into_values().collect();
        let suites = groups
            .into_par_iter()
            .map(|(identity, submissions)| SuiteBoard::of(identity, submissions, progress))
            .collect::<Result<_, _>>()?;
        Ok(Self { suites })
    }

    /// When the newest run ended, as submitters say; 0 without submissions.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.suites.iter().map(SuiteBoard::newest).max().unwrap_or(0)
    }
}
