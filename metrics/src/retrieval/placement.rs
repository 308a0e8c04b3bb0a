//! Where a target stands among the members of a bank, and the rank that a tie rule makes of it.

use serde::{Deserialize, Serialize};

/// The members of a bank beside a query's target, counted by their distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Members that are nearer than the target.
    pub nearer: u64,
    /// Other members that are exactly as near as the target.
    pub level: u64,
}

/// Which of the ranks that equally near members share is the target's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TieRule {
    /// Their mean: an integer or a half. A predictor gains nothing by answers that make members equal.
    #[default]
    MidRank,
    /// The best: 1 + members that are nearer (IWM's definition read word by word).
    Optimistic,
    /// The worst.
    Pessimistic,
}

impl TieRule {
    /// Its name as an option writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MidRank => "mid-rank",
            Self::Optimistic => "optimistic",
            Self::Pessimistic => "pessimistic",
        }
    }
}

impl Placement {
    /// The rank, from 1.
    #[must_use]
    pub fn rank(self, ties: TieRule) -> f64 {
        let best = 1.0 + self.nearer as f64;
        match ties {
            TieRule::MidRank => best + self.level as f64 / 2.0,
            TieRule::Optimistic => best,
            TieRule::Pessimistic => best + self.level as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_ranked_by_their_rule() {
        let placement = Placement { nearer: 2, level: 3 };
        assert_eq!(placement.rank(TieRule::MidRank), 4.5);
        assert_eq!(placement.rank(TieRule::Optimistic), 3.0);
        assert_eq!(placement.rank(TieRule::Pessimistic), 6.0);
        assert_eq!(Placement::default().rank(TieRule::MidRank), 1.0);
    }
}
