//! The values of a judged task's cases, collected column by column.

use crate::unified::exclusion::{Exclusion, ExclusionReason};
use crate::unified::scores::{CaseScore, TaskScores};
use retally_metrics::AbsenceReason;
use retally_metrics::unified::judged::{CaseOutcome, CaseValue};
use retally_metrics::unified::{Column, Protocol, Task};

/// Cases and what they are worth in each column.
#[derive(Debug)]
pub(super) struct Sheet {
    task: Task,
    protocol: Protocol,
    scores: Vec<CaseScore>,
    exclusions: Vec<Exclusion>,
    stops: Vec<(Column, String)>,
    unclear: usize,
    inconsistent: usize,
}

impl Sheet {
    /// A sheet of cases, (case, candidate) each, without values.
    pub(super) fn new(
        task: Task,
        protocol: Protocol,
        cases: impl Iterator<Item = (String, usize)>,
    ) -> Self {
        Self {
            task,
            protocol,
            scores: cases.map(|(case, candidate)| CaseScore::new(case, candidate)).collect(),
            exclusions: Vec::new(),
            stops: Vec::new(),
            unclear: 0,
            inconsistent: 0,
        }
    }

    /// Enters a column: one outcome a case, in their order.
    pub(super) fn enter(
        &mut self,
        column: Column,
        outcomes: impl Iterator<Item = CaseOutcome<f64>>,
    ) {
        for (score, outcome) in self.scores.iter_mut().zip(outcomes) {
            self.unclear += usize::from(matches!(outcome, CaseOutcome::Unclear(_)));
            let reason = reason(&outcome);
            if let CaseOutcome::Unclear(reason) = &outcome {
                score.tell(&format!("{} unclear", column.name()), reason.clone());
            }
            match outcome.value(self.protocol, self.task) {
                CaseValue::Scored(value) => score.set(column, value),
                CaseValue::LeftOut(detail) => self.exclusions.push(Exclusion {
                    case: score.case.clone(),
                    reason,
                    columns: vec![column],
                    detail,
                }),
                CaseValue::Stops(why) => {
                    let detail = format!("the released script stops at case {}: {why}", score.case);
                    self.stops.push((column, detail));
                }
            }
        }
    }

    /// Counts replies whose claim is not what their parts say.
    pub(super) fn count_inconsistent(&mut self, count: usize) {
        self.inconsistent += count;
    }

    /// The scores, with what a reader should know.
    pub(super) fn finish(self) -> TaskScores {
        let Self { task, protocol, scores, exclusions, stops, unclear, inconsistent } = self;
        let mut scores = TaskScores::of(task, protocol, scores, exclusions);
        for (column, detail) in stops.iter().rev() {
            scores.leave_out(*column, AbsenceReason::Undefined, detail);
        }
        if unclear > 0 {
            scores.note(format!("the judge gave no clear reply {unclear} times"));
        }
        if inconsistent > 0 {
            scores.note(format!("{inconsistent} replies contradict themselves"));
        }
        scores
    }
}

fn reason<Judgement>(outcome: &CaseOutcome<Judgement>) -> ExclusionReason {
    match outcome {
        CaseOutcome::Unclear(_) => ExclusionReason::UnclearJudgement,
        CaseOutcome::NoCase => ExclusionReason::NoCandidate,
        _ => ExclusionReason::NoReference,
    }
}
