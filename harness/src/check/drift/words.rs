//! Drift in words, for a terminal and for files that list claims.

use super::super::inputs::InputDifference;
use super::{Drift, Moved, Movement};
use retally_suites::claims::{Claim, ClaimKind, ClaimState};
use std::fmt::Write as _;

/// What can have moved a number when no input differs.
const NO_INPUT: &str = "No input differs that could have moved it: equal inputs on the same kind of processor give the same \
bits, so that the machine, its memory or an edited file is at fault";

/// Of a mean that moved by something else than its samples did.
const SAMPLES_CONTRADICT: &str = " The samples did not move by that: in one of the runs measurements.json and samples.parquet \
contradict each other, so that one of them was edited.";

impl Movement {
    fn as_str(self) -> &'static str {
        match self {
            Self::BeyondBudget => "beyond-budget",
            Self::Vanished => "vanished",
            Self::WithinBudget => "within-budget",
            Self::SideResult => "side-result",
            Self::Appeared => "appeared",
        }
    }
}

impl Moved {
    fn cause(&self) -> String {
        match self.causes.as_slice() {
            [] => NO_INPUT.to_owned(),
            causes => format!("What differs: {}", causes.join("; ")),
        }
    }

    fn numbers(&self) -> String {
        let number =
            |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |v| v.to_string());
        let budget = match (self.budget, self.movement) {
            (Some(budget), _) => format!(", budget {budget}"),
            (None, Movement::SideResult) => String::new(),
            (None, _) => ", no budget".to_owned(),
        };
        let difference =
            self.difference.map_or_else(String::new, |moved| format!(" ({moved:+.3e}{budget})"));
        format!("{} -> {}{difference}", number(self.old), number(self.new))
    }

    fn explanation(&self) -> String {
        let paired = self
            .paired
            .as_ref()
            .map_or_else(String::new, |paired| format!(" {}", paired.sentence(self.unit)));
        let edited = if self.contradicts_samples { SAMPLES_CONTRADICT } else { "" };
        format!("{}.{paired}{edited} {}.", self.numbers(), self.cause())
    }

    fn name(&self) -> String {
        let name = if self.label.is_empty() { &self.model } else { &self.label };
        format!("{name}, {} on {}", self.metric, self.dataset)
    }

    fn claim(&self) -> Claim {
        let state = if self.decides { ClaimState::Fails } else { ClaimState::Remark };
        let id = format!("{}--{}--{}", self.dataset, self.model, self.metric);
        let group = ["drift", "Drift"];
        Claim {
            word: self.movement.as_str().to_owned(),
            expected: self.old.map(|old| old.to_string()),
            source: Some("the old run".to_owned()),
            measured: self.new,
            difference: self.difference,
            band: self.budget,
            unit: self.unit.to_string(),
            explanation: self.explanation(),
            ..Claim::new(ClaimKind::Drift, group, [&id, &self.name()], state)
        }
    }
}

impl Drift {
    /// Whether something moved that may not.
    pub(in crate::check) fn fails(&self) -> bool {
        self.moved.iter().any(|moved| moved.decides)
    }

    /// One claim for each measurement that is not what it was, and one for all others.
    pub(in crate::check) fn claims(&self) -> Vec<Claim> {
        let mut claims: Vec<Claim> = self.moved.iter().map(Moved::claim).collect();
        let name =
            format!("{} of {} measurements are the same bits", self.equal, self.measurements);
        claims.push(Claim {
            word: "equal".to_owned(),
            explanation: self.inputs_sentence(),
            ..Claim::new(ClaimKind::Drift, ["drift", "Drift"], ["equal", &name], ClaimState::Holds)
        });
        claims
    }

    fn inputs_sentence(&self) -> String {
        if self.inputs.is_empty() {
            return "No input differs.".to_owned();
        }
        let all: Vec<String> = self.inputs.iter().map(InputDifference::sentence).collect();
        let only_machine = self.inputs.iter().all(|input| input.is_machine);
        let machine = if only_machine { " Only the machine differs." } else { "" };
        format!("What differs: {}.{machine}", all.join("; "))
    }

    /// For a person at a terminal.
    pub(in crate::check) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "against {}: {} of {} measurements are the same bits",
            self.against, self.equal, self.measurements
        );
        let _ = writeln!(text, "  {}", self.inputs_sentence());
        for moved in &self.moved {
            let sign = if moved.decides { "!" } else { " " };
            let word = moved.movement.as_str();
            let _ = writeln!(text, " {sign}{}: {word}; {}", moved.name(), moved.explanation());
        }
        text
    }
}
