//! Questions to a judge, asked until it answers clearly or has been asked often enough.

use super::instrument::Judge;
use super::prepared::Prepared;
use crate::endpoint::{ChatRequest, EndpointError};
use crate::failure::Failure;
use crate::progress::Progress;
use retally_metrics::unified::judged::{CaseOutcome, Reading};

/// Why there are no judgements.
#[derive(Debug)]
pub(crate) enum Unasked {
    /// The record lacks the replies to so many of so many cases, and nobody may be asked.
    NotRecorded(usize, usize),
    /// Something else, which ends the command.
    Failed(Failure),
}

impl Judge {
    /// Judges cases: `prepare` says what is asked of each, `read` what a reply says. A case whose reply is unclear is asked again, up to `tries`
    /// times in all. Neither threads nor the order of replies show in the result.
    ///
    /// # Errors
    /// If a case cannot be prepared or has no reply.
    pub(crate) fn judge<Case: Sync, Judgement: Send>(
        &self,
        title: &str,
        cases: &[Case],
        tries: u32,
        progress: &Progress,
        prepare: impl Fn(&Case) -> Result<Prepared, EndpointError> + Sync,
        read: impl Fn(&Case, &str) -> Reading<Judgement> + Sync,
    ) -> Result<Vec<CaseOutcome<Judgement>>, Unasked> {
        let outcomes =
            self.service().for_all(title, cases, progress, |case| match prepare(case)? {
                Prepared::NothingToJudge => Ok(CaseOutcome::NothingToJudge),
                Prepared::NoReference(what) => Ok(CaseOutcome::NoReference(what)),
                Prepared::NoCase => Ok(CaseOutcome::NoCase),
                Prepared::Ask(request) => {
                    self.ask_until_clear(&request, tries, |reply| read(case, reply))
                }
            });
        all_or_why(outcomes)
    }

    fn ask_until_clear<Judgement>(
        &self,
        request: &ChatRequest,
        tries: u32,
        read: impl Fn(&str) -> Reading<Judgement>,
    ) -> Result<CaseOutcome<Judgement>, EndpointError> {
        let mut last = "never asked".to_owned();
        for repetition in 0..tries {
            let reply = self.service().ask(&request.clone().repeated(repetition))?;
            match read(&reply.text) {
                Reading::Clear(judgement) => return Ok(CaseOutcome::Judged(judgement)),
                Reading::Unclear(reason) => last = reason,
            }
        }
        Ok(CaseOutcome::Unclear(last))
    }
}

/// All outcomes; of several failures the one that says most.
fn all_or_why<Output>(
    outcomes: Vec<Result<Output, EndpointError>>,
) -> Result<Vec<Output>, Unasked> {
    let count = outcomes.len();
    let (mut done, mut failures) = (Vec::with_capacity(count), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(outcome) => done.push(outcome),
            Err(error) => failures.push(error),
        }
    }
    let missing = failures.len();
    if missing > 0
        && failures.iter().all(|error| matches!(error, EndpointError::NotRecorded { .. }))
    {
        return Err(Unasked::NotRecorded(missing, count));
    }
    let telling = |error: &EndpointError| match error {
        EndpointError::NotAsked => 2,
        EndpointError::NotRecorded { .. } => 1,
        _ => 0,
    };
    match failures.into_iter().min_by_key(telling) {
        None => Ok(done),
        Some(error) => {
            let failure = Failure::from(error);
            Err(Unasked::Failed(
                failure.within(format_args!("{missing} of {count} cases are not judged")),
            ))
        }
    }
}
