//! Which printed shares can be counts: those that cannot, and those that can only if they were cut off.

use super::Evaluation;
use crate::derived::StatedAt;
use crate::evaluation::{EvaluatedReachability, ReachFinding};
use crate::reach::ResolvedLint;
use crate::reachability::Reach;
use crate::schema::Reachability;

impl Evaluation<'_> {
    pub(super) fn reachability(self) -> Vec<EvaluatedReachability> {
        let lints = self.suite.definition.reachability.iter().zip(&self.suite.lints);
        lints.map(|(lint, resolved)| self.reached(lint, resolved)).collect()
    }

    fn reached(self, lint: &Reachability, resolved: &ResolvedLint) -> EvaluatedReachability {
        let all = resolved.findings();
        let others = all.iter().filter(|(_, reach)| !matches!(reach, Reach::Rounding { .. }));
        let findings: Vec<ReachFinding> = others.map(|(cell, _)| self.finding(*cell)).collect();
        EvaluatedReachability {
            id: lint.id.get_ref().clone(),
            label: lint.label.clone(),
            title: lint.title.clone(),
            items: *lint.items.get_ref(),
            of: lint.of.clone(),
            rounded: all.len() - findings.len(),
            findings,
        }
    }

    fn finding(self, cell: usize) -> ReachFinding {
        let at = StatedAt::Cell(cell);
        let table = self.suite.place_of(cell).map(|[table, ..]| table);
        let label = table.map_or("", |table| &self.suite.definition.tables[table].label);
        let version =
            self.suite.version(cell).map_or_else(String::new, |label| format!(" ({label})"));
        ReachFinding {
            subject: format!("{label}, {}{version}", self.subject(at)),
            cell: self.anchor(at),
            stated: self.suite.reported(cell),
        }
    }
}
