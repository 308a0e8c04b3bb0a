//! A page in GitHub's Markdown: the summary of a step, or a comment. It never grows beyond its limit: rows that do not fit are
//! left out, the least important ones, and the page says how many.

use super::escape::{code, entities};
use crate::claim_list::CheckedClaims;
use retally_suites::claims::{Claim, ClaimState, by_importance};
use std::collections::BTreeMap;

/// GitHub shows no summary of a step that is larger than 1 MiB, in bytes.
pub const LARGEST_SUMMARY: usize = 1 << 20;

/// GitHub refuses comments of more than 65,536 characters.
pub const LARGEST_COMMENT: usize = 64_999;

/// Longest text in a place of a table.
const LONGEST_TEXT: usize = 600;

/// Room for the sentences that say what was left out.
const ROOM_FOR_REST: usize = 400;

/// The page, of at most `limit` bytes.
#[must_use]
pub fn page(checked: &CheckedClaims<'_>, limit: usize) -> String {
    let mut out = Bounded { text: String::new(), limit: limit.saturating_sub(ROOM_FOR_REST) };
    out.push(&head(checked));
    let sorted = by_importance(checked.claims);
    let mut left_out = BTreeMap::new();
    for (state, heading) in [(ClaimState::Fails, "Not as claimed"), (ClaimState::Remark, "Remarks")]
    {
        let own: Vec<&Claim> =
            sorted.iter().copied().filter(|claim| claim.state == state).collect();
        let more = out.table(checked, heading, &own);
        if more > 0 {
            left_out.insert(heading, more);
        }
    }
    let reasons = not_judged(checked.claims);
    let more = out.reasons(&reasons);
    if more > 0 {
        left_out.insert("Not judged", more);
    }
    let mut text = out.text;
    if !left_out.is_empty() {
        let parts: Vec<String> =
            left_out.iter().map(|(heading, more)| format!("{more} of \"{heading}\"")).collect();
        text.push_str(&format!(
            "\nThis page is full. Left out, the least important rows: {}. The JUnit file and `retally check --json` have all.\n",
            parts.join(", ")
        ));
    }
    // Only a limit below the head's own length gets here; what is cut then is the end.
    while text.len() > limit {
        text.pop();
    }
    text
}

fn head(checked: &CheckedClaims<'_>) -> String {
    let counts = checked.counts();
    let count = |state| counts.get(&state).copied().unwrap_or(0);
    let words = [
        (ClaimState::Holds, "hold"),
        (ClaimState::Fails, "fail"),
        (ClaimState::Remark, "with a remark"),
        (ClaimState::NotJudged, "not judged"),
    ];
    let counted: Vec<String> = words
        .iter()
        .filter(|(state, _)| count(*state) > 0)
        .map(|(state, word)| format!("{} {word}", count(*state)))
        .collect();
    format!(
        "## retally check: {} version {}\n\n**{}** (exit code {}). Of {} claims: {}.\n",
        code(checked.suite),
        checked.version,
        entities(checked.answer),
        checked.exit_code,
        checked.claims.len(),
        counted.join(", ")
    )
}

/// Why claims were not judged, the most frequent reason first.
fn not_judged(claims: &[Claim]) -> Vec<(String, usize)> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for claim in claims.iter().filter(|claim| claim.state == ClaimState::NotJudged) {
        *reasons.entry(format!("{}: {}", claim.word, claim.explanation)).or_default() += 1;
    }
    let mut sorted: Vec<(String, usize)> = reasons.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted
}

/// Text that takes a part whole or not at all.
struct Bounded {
    text: String,
    limit: usize,
}

impl Bounded {
    fn push(&mut self, part: &str) -> bool {
        let fits = self.text.len() + part.len() <= self.limit;
        if fits {
            self.text.push_str(part);
        }
        fits
    }

    /// A table of claims; returns how many of them did not fit.
    fn table(&mut self, checked: &CheckedClaims<'_>, heading: &str, claims: &[&Claim]) -> usize {
        if claims.is_empty() {
            return 0;
        }
        let head = format!(
            "\n### {heading}\n\n| claim | verdict | expected | measured | off by | band | why | where |\n|:--|:--|--:|--:|--:|--:|:--|:--|\n"
        );
        if !self.push(&head) {
            return claims.len();
        }
        let fitting = claims.iter().take_while(|claim| self.push(&row(checked, claim))).count();
        claims.len() - fitting
    }

    /// A list of reasons; returns how many claims have one that did not fit.
    fn reasons(&mut self, reasons: &[(String, usize)]) -> usize {
        let all: usize = reasons.iter().map(|(_, count)| count).sum();
        if reasons.is_empty() {
            return 0;
        }
        if !self.push("\n### Not judged\n\n| claims | why |\n|--:|:--|\n") {
            return all;
        }
        let fitting = reasons
            .iter()
            .take_while(|(reason, count)| {
                self.push(&format!("| {count} | {} |\n", code(&short(reason))))
            })
            .map(|(_, count)| count)
            .sum::<usize>();
        all - fitting
    }
}

fn row(checked: &CheckedClaims<'_>, claim: &Claim) -> String {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let small = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3e}"));
    let place =
        checked.place(claim).map_or_else(String::new, |(file, line)| format!("{file}:{line}"));
    let name = format!("{}: {}", claim.group_label, claim.name);
    let parts = [
        code(&short(&name)),
        code(&claim.word),
        code(&short(claim.expected.as_deref().unwrap_or_default())),
        number(claim.measured),
        small(claim.difference),
        small(claim.band),
        code(&short(&claim.explanation)),
        code(&place),
    ];
    format!("| {} |\n", parts.join(" | "))
}

fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST_TEXT).collect();
    format!("{kept} …")
}
