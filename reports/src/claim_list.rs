//! What the files for CI are made from: every claim of a check, and what the check says as a whole.

use retally_suites::claims::{Claim, ClaimState};
use std::collections::BTreeMap;

/// A check, as the files for CI show it.
#[derive(Clone, Copy, Debug)]
pub struct CheckedClaims<'a> {
    /// Id of the suite.
    pub suite: &'a str,
    /// Its version.
    pub version: u32,
    /// One sentence: `not as claimed`.
    pub answer: &'a str,
    /// The exit code of the check.
    pub exit_code: u8,
    /// Every claim, in the order of the report.
    pub claims: &'a [Claim],
    /// The suite's folder, before the names of its files: `suites/starter`.
    pub folder: &'a str,
}

impl CheckedClaims<'_> {
    /// How many claims have each state.
    pub(crate) fn counts(&self) -> BTreeMap<ClaimState, usize> {
        let mut counts = BTreeMap::new();
        for claim in self.claims {
            *counts.entry(claim.state).or_insert(0) += 1;
        }
        counts
    }

    /// The file and line of a claim, from the folder from which the suite's folder is named.
    pub(crate) fn place(&self, claim: &Claim) -> Option<(String, u64)> {
        let place = claim.place.as_ref()?;
        Some((format!("{}/{}", self.folder.trim_end_matches('/'), place.file), place.line))
    }
}

/// The numbers of a claim in one line: `expected 0.319539, measured 0.569539, off by 2.500e-1, band 1.005e-4`.
pub(crate) fn numbers(claim: &Claim) -> String {
    let mut parts = Vec::new();
    let unit = match claim.unit.as_str() {
        "none" => String::new(),
        unit => format!(" {unit}"),
    };
    parts.extend(claim.expected.as_ref().map(|expected| format!("expected {expected}{unit}")));
    parts.extend(claim.measured.map(|measured| format!("measured {measured}{unit}")));
    parts.extend(claim.difference.map(|difference| format!("off by {difference:+.3e}")));
    parts.extend(claim.band.map(|band| format!("band {band:.3e}")));
    parts.join(", ")
}
