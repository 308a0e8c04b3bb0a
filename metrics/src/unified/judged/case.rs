//! What a case is worth in a column.

use crate::unified::{Protocol, Task};

/// What became of a case, before anybody says what it is worth.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseOutcome<Judgement> {
    /// The judge judged.
    Judged(Judgement),
    /// No reply was clear, as often as the judge was asked; the last reason.
    Unclear(String),
    /// The model gave nothing that could be judged.
    NothingToJudge,
    /// The data set lacks what the judge compares with.
    NoReference(String),
    /// The model's outputs do not have this case.
    NoCase,
}

/// What a case is worth in a column.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseValue {
    /// In the column's own scale: 0 or 1, or a score.
    Scored(f64),
    /// Not in the denominator.
    LeftOut(String),
    /// The released script ends here with an error, so the column has no official value.
    Stops(String),
}

impl<Judgement> CaseOutcome<Judgement> {
    /// The same outcome with another judgement.
    pub fn map<Other>(self, of: impl FnOnce(Judgement) -> Other) -> CaseOutcome<Other> {
        match self {
            Self::Judged(judgement) => CaseOutcome::Judged(of(judgement)),
            Self::Unclear(reason) => CaseOutcome::Unclear(reason),
            Self::NothingToJudge => CaseOutcome::NothingToJudge,
            Self::NoReference(what) => CaseOutcome::NoReference(what),
            Self::NoCase => CaseOutcome::NoCase,
        }
    }
}

impl CaseOutcome<f64> {
    /// The case's value in a column of `task`.
    ///
    /// Officially: geometry leaves out cases without a folder or a reference picture and counts unclear replies as 0; science counts
    /// everything that is missing as 0; code knows only the cases that have a folder, counts a missing reference as 0, and stops at a score
    /// that is no number. Fixed, for all tasks: what the model did not give is 0, what the data set or the judge did not give is left out.
    #[must_use]
    pub fn value(self, protocol: Protocol, task: Task) -> CaseValue {
        use CaseValue::{LeftOut, Scored, Stops};
        let no_case = || LeftOut("the outputs do not have it".to_owned());
        match (self, protocol, task) {
            (Self::Judged(value), ..) => Scored(value),
            (Self::NothingToJudge, ..) => Scored(0.0),
            (Self::NoCase, Protocol::Fixed, _) => Scored(0.0),
            (Self::NoReference(what) | Self::Unclear(what), Protocol::Fixed, _) => LeftOut(what),
            (Self::NoCase, Protocol::Official, Task::Science) => Scored(0.0),
            (Self::NoCase, Protocol::Official, _) => no_case(),
            (Self::NoReference(what), Protocol::Official, Task::Geometry) => LeftOut(what),
            (Self::NoReference(_), Protocol::Official, _) => Scored(0.0),
            (Self::Unclear(reason), Protocol::Official, Task::Code) => Stops(reason),
            (Self::Unclear(_), Protocol::Official, _) => Scored(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CaseOutcome::{Judged, NoCase, NoReference, NothingToJudge, Unclear};
    use Protocol::{Fixed, Official};
    use Task::{Code, Geometry, Science};

    #[test]
    fn denominators_are_those_of_the_protocol() {
        let reason = || "reason".to_owned();
        // Judged, unclear, nothing to judge, no reference, no case: `x` is left out, `!` stops.
        for (protocol, task, expected) in [
            (Official, Geometry, "100xx"),
            (Official, Science, "10000"),
            (Official, Code, "1!00x"),
            (Fixed, Geometry, "1x0x0"),
            (Fixed, Science, "1x0x0"),
            (Fixed, Code, "1x0x0"),
        ] {
            let outcomes =
                [Judged(1.0), Unclear(reason()), NothingToJudge, NoReference(reason()), NoCase];
            let values: String = outcomes
                .into_iter()
                .map(|outcome| match outcome.value(protocol, task) {
                    CaseValue::Scored(1.0) => '1',
                    CaseValue::Scored(_) => '0',
                    CaseValue::LeftOut(_) => 'x',
                    CaseValue::Stops(_) => '!',
                })
                .collect();
            assert_eq!(values, expected, "{protocol:?} {task:?}");
        }
    }
}
