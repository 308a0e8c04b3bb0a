//! Workflow commands: `::error file=…,line=…,title=…::message`.

use super::escape::{message, property};
use crate::claim_list::{CheckedClaims, numbers};
use retally_manifests::Digest;
use retally_suites::claims::{Claim, ClaimState, by_importance};

/// GitHub shows no more annotations of one kind for a step.
const SHOWN: usize = 10;

/// Longest message; GitHub cuts longer ones without saying so.
const LONGEST_MESSAGE: usize = 4000;

/// The kinds of annotations.
#[derive(Clone, Copy)]
enum Level {
    Error,
    Notice,
}

impl Level {
    fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Notice => "notice",
        }
    }

    fn of(state: ClaimState) -> Option<Self> {
        match state {
            ClaimState::Fails => Some(Self::Error),
            ClaimState::Remark => Some(Self::Notice),
            ClaimState::NotJudged | ClaimState::Holds => None,
        }
    }
}

/// One line for each claim that fails and for each remark, the most important first. Of more than GitHub shows, the last
/// line says how many there are.
#[must_use]
pub fn annotations(checked: &CheckedClaims<'_>) -> String {
    let sorted = by_importance(checked.claims);
    let mut lines = Vec::new();
    for level in [Level::Error, Level::Notice] {
        let own: Vec<&Claim> = sorted
            .iter()
            .copied()
            .filter(|claim| {
                Level::of(claim.state).is_some_and(|own| own.command() == level.command())
            })
            .collect();
        let shown = if own.len() > SHOWN { SHOWN - 1 } else { own.len() };
        lines.extend(own.iter().take(shown).map(|claim| annotation(checked, claim, level)));
        if own.len() > shown {
            lines.push(rest(checked, own.len() - shown, level));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn annotation(checked: &CheckedClaims<'_>, claim: &Claim, level: Level) -> String {
    let mut properties = Vec::new();
    if let Some((file, line)) = checked.place(claim) {
        properties.push(format!("file={}", property(&file)));
        properties.push(format!("line={line}"));
    }
    let title = format!("{}, {}: {}", checked.suite, claim.group_label, claim.name);
    properties.push(format!("title={}", property(&title)));
    let numbers = numbers(claim);
    let text = if numbers.is_empty() {
        format!("{}. {}", claim.word, claim.explanation)
    } else {
        format!("{}: {numbers}. {}", claim.word, claim.explanation)
    };
    let text: String = text.chars().take(LONGEST_MESSAGE).collect();
    format!("::{} {}::{}", level.command(), properties.join(","), message(&text))
}

fn rest(checked: &CheckedClaims<'_>, more: usize, level: Level) -> String {
    let title = property(&format!("{}: {more} more", checked.suite));
    let kind = match level {
        Level::Error => "claims that fail",
        Level::Notice => "remarks",
    };
    let text = format!(
        "{more} more {kind}; GitHub shows {SHOWN} annotations of a kind. The step's summary and the JUnit file have the others."
    );
    format!("::{} title={title}::{}", level.command(), message(&text))
}

/// Text for the log in which no line is taken for a workflow command, whatever names stand in it. The word that ends the
/// fence is a digest of the text, so that the text cannot contain it.
#[must_use]
pub fn fenced(text: &str) -> String {
    let word = format!("retally-{}", Digest::of_bytes(text.as_bytes()));
    format!("::stop-commands::{word}\n{}\n::{word}::\n", text.trim_end())
}
