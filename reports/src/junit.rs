//! The JUnit file of a check: what test readers of GitHub, GitLab, Jenkins and pytest's tools show.
//!
//! | claim | becomes |
//! |---|---|
//! | a table, a figure, a group | a `testsuite` |
//! | a claim | a `testcase`; `classname` is `SUITE.GROUP`, as pytest's modules are, `name` what it is about |
//! | holds | a passed case |
//! | fails | `failure` with the verdict as type, the numbers as message, and why and where as text |
//! | not judged | `skipped` with the reason |
//! | a remark | a passed case with the remark as its output |
//!
//! There is no time in it: the same check gives the same bytes.

use crate::claim_list::{CheckedClaims, numbers};
use crate::error::ReportError;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use retally_suites::claims::{Claim, ClaimState};
use std::collections::BTreeSet;

/// The file as text.
///
/// # Errors
/// If the writer fails, which would be a bug.
pub fn junit(checked: &CheckedClaims<'_>) -> Result<String, ReportError> {
    let mut report = Report::new(clean(&format!("retally check {}", checked.suite)));
    let mut listed = BTreeSet::new();
    for claim in checked.claims {
        if listed.insert(&claim.group) {
            report.add_test_suite(test_suite(checked, claim));
        }
    }
    let text = report.to_string().map_err(ReportError::Junit)?;
    Ok(without_root_skipped(&text, report.skipped))
}

/// One group, headed as its first claim says.
fn test_suite(checked: &CheckedClaims<'_>, first: &Claim) -> TestSuite {
    let mut suite = TestSuite::new(clean(&format!("{}: {}", checked.suite, first.group_label)));
    let own = checked.claims.iter().filter(|claim| claim.group == first.group);
    // Readers tell cases of one class by their names, so a name that returns gets a number.
    let mut names: BTreeSet<String> = BTreeSet::new();
    for claim in own {
        let base = clean(&claim.name);
        let mut name = base.clone();
        let mut number = 2;
        while !names.insert(name.clone()) {
            name = format!("{base} ({number})");
            number += 1;
        }
        suite.add_test_case(test_case(checked, claim, &name));
    }
    suite
}

fn test_case(checked: &CheckedClaims<'_>, claim: &Claim, name: &str) -> TestCase {
    let mut status = match claim.state {
        ClaimState::Holds | ClaimState::Remark => TestCaseStatus::success(),
        ClaimState::NotJudged => TestCaseStatus::skipped(),
        ClaimState::Fails => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    match claim.state {
        ClaimState::NotJudged => {
            status.set_type(clean(&claim.word)).set_message(clean(&claim.explanation));
        }
        ClaimState::Fails => {
            let message = match numbers(claim).as_str() {
                "" => clean(&claim.explanation),
                numbers => clean(&format!("{}: {numbers}", claim.word)),
            };
            status.set_type(clean(&claim.word)).set_message(message);
            status.set_description(description(checked, claim));
        }
        ClaimState::Holds | ClaimState::Remark => {}
    }
    let mut case = TestCase::new(name, status);
    case.set_classname(class_name(checked.suite, &claim.group));
    if claim.state == ClaimState::Remark {
        case.set_system_out(description(checked, claim));
    }
    case
}

/// Readers cut class names at dots, so that a dot within a part would begin a new one.
fn class_name(suite: &str, group: &str) -> String {
    [suite, group].map(|part| clean(part).replace('.', "_")).join(".")
}

/// Everything about a claim, a line each.
fn description(checked: &CheckedClaims<'_>, claim: &Claim) -> String {
    let mut lines = vec![claim.explanation.clone()];
    let numbers = numbers(claim);
    if !numbers.is_empty() {
        lines.push(format!("{}: {numbers}", claim.word));
    }
    lines.extend(claim.source.as_ref().map(|source| format!("expected number: {source}")));
    lines.extend(checked.place(claim).map(|(file, line)| format!("{file}:{line}")));
    lines
        .iter()
        .map(|line| clean(line))
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// One line without the characters that XML 1.0 forbids. (The writer drops controls but knows nothing of U+FFFE and
/// U+FFFF; and a line break in an attribute is read back as a blank anyway.)
fn clean(text: &str) -> String {
    let shown = |character: char| match character {
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        character if character.is_control() => ' ',
        character => character,
    };
    text.chars().map(shown).collect::<String>().trim().to_owned()
}

/// The schema has no `skipped` at the root, where the writer puts it; readers count the cases themselves.
fn without_root_skipped(text: &str, skipped: usize) -> String {
    // Names are escaped, so that nothing of theirs looks like an attribute.
    let root_end = text.find("<testsuites ").and_then(|at| Some(at + text[at..].find('>')?));
    match root_end.and_then(|end| text.split_at_checked(end)) {
        Some((root, rest)) => {
            format!("{}{rest}", root.replacen(&format!(" skipped=\"{skipped}\""), "", 1))
        }
        None => text.to_owned(),
    }
}
