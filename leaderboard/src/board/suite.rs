//! One suite: its tables, and all that was submitted for it.

use super::table::TableBoard;
use crate::collection::Submission;
use crate::error::LeaderboardError;
use retally_submissions::SuiteIdentity;

/// A suite in one version with one content.
#[derive(Debug)]
pub struct SuiteBoard<'a> {
    /// Which.
    pub identity: &'a SuiteIdentity,
    /// Its submissions, the newest run first.
    pub submissions: Vec<&'a Submission>,
    /// Its tables in which something was measured.
    pub tables: Vec<TableBoard<'a>>,
}

impl<'a> SuiteBoard<'a> {
    pub(super) fn of(
        identity: &'a SuiteIdentity,
        mut submissions: Vec<&'a Submission>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Self, LeaderboardError> {
        submissions.sort_by_key(|submission| (submission.entry.ended, submission.entry.id));
        let mut ids: Vec<&str> = Vec::new();
        for table in submissions.iter().flat_map(|submission| &submission.entry.tables) {
            if !ids.contains(&table.id.as_str()) {
                ids.push(&table.id);
            }
        }
        let mut tables = Vec::with_capacity(ids.len());
        for id in ids {
            tables.extend(TableBoard::of(id, &submissions, progress)?);
        }
        submissions.reverse();
        Ok(Self { identity, submissions, tables })
    }

    /// When the newest run ended.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.submissions.first().map_or(0, |submission| submission.entry.ended)
    }

    /// The name of its folder in a site. The id is made of letters that every file system takes; the digest tells apart what
    /// calls itself the same version.
    #[must_use]
    pub fn folder(&self) -> String {
        let digest = self.identity.content_sha256.to_string();
        let begin = digest.get(..8).unwrap_or_default();
        format!("{}-v{}-{begin}", self.identity.id, self.identity.version)
    }
}
