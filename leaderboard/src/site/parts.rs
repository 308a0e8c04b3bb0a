//! Parts that several pages show.

use super::markup::Markup;
use super::names;
use super::text::{count, short};
use crate::board::{LEVEL, SuiteBoard};
use crate::collection::Submission;
use crate::time::date;
use retally_reports::{verdict_symbol, verdict_word};
use retally_submissions::{CheckKind, CheckResult, KeyFingerprint, Verification};
use retally_suites::evaluation::Verdict;
use std::fmt::Display;

/// A table that can be sorted and filtered. The script adds buttons and the filter's box; without it the table is whole.
pub(super) fn table(
    page: &mut Markup,
    (name, headings): (&str, &[Heading<'_>]),
    rows: impl FnOnce(&mut Markup),
) {
    page.literal("<div class=\"scroll\" tabindex=\"0\" role=\"region\" ");
    page.literal("aria-label=\"").text(name).literal("\">\n");
    page.open("table", &[("class", &"board"), ("data-name", &name)]);
    page.literal("\n<thead>\n<tr>");
    for heading in headings {
        let kind = if heading.is_text { "text" } else { "number" };
        page.element("th", &[("scope", &"col"), ("class", &kind)], heading.text);
    }
    page.literal("</tr>\n</thead>\n<tbody>\n");
    rows(page);
    page.literal("</tbody>\n</table>\n</div>\n");
}

/// A column's heading.
pub(super) struct Heading<'a> {
    pub(super) text: &'a str,
    pub(super) is_text: bool,
}

impl<'a> Heading<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self { text, is_text: true }
    }

    pub(super) fn number(text: &'a str) -> Self {
        Self { text, is_text: false }
    }
}

/// A name that a submitter chose, kept apart from the direction of the text around it.
pub(super) fn given(page: &mut Markup, text: impl Display) {
    page.element("bdi", &[], text);
}

/// The name of a submission as a link to its page.
pub(super) fn submission_link(page: &mut Markup, root: &str, submission: &Submission) {
    let address = format!("{root}{}", names::submission_page(&submission.entry.id));
    page.within("a", &[("href", &address)], |page| given(page, &submission.entry.name));
}

/// When a run ended.
pub(super) fn day(page: &mut Markup, seconds: u64) {
    let day = date(seconds);
    page.element("time", &[("datetime", &day)], &day);
}

/// The beginning of a key's fingerprint.
pub(super) fn signer(page: &mut Markup, key: &KeyFingerprint) {
    page.element("code", &[], short(&key.0));
}

/// What was checked, in a word and a count, linked to the list of checks.
pub(super) fn badge(page: &mut Markup, verification: &Verification, address: &str) {
    let made = |check: &&retally_submissions::Check| check.result == CheckResult::Passed;
    let passed = verification.checks.iter().filter(made).count();
    let all = verification.checks.len();
    page.open("a", &[("class", &"badge"), ("href", &address)]);
    page.literal("<span class=\"chip identical\"><span aria-hidden=\"true\">✓</span> ");
    page.text(if is_rerun(verification) { "verified, re-run" } else { "verified" });
    page.literal("</span> <span class=\"note\">");
    page.text(format_args!("{passed} of {all} checks")).literal("</span>").close("a");
}

/// Three cells of a line about a submission: who signed it, when its run ended, what was checked.
pub(super) fn signed_and_checked(page: &mut Markup, root: &str, submission: &Submission) {
    let Submission { entry, verification, .. } = submission;
    page.literal("<td class=\"text\">");
    signer(page, &entry.key);
    page.literal("</td><td class=\"text\">");
    day(page, entry.ended);
    page.literal("</td><td class=\"text\">");
    let checks = format!("{root}{}#verification", names::submission_page(&entry.id));
    badge(page, verification, &checks);
    page.literal("</td>");
}

/// Whether samples were run through the models again.
pub(super) fn is_rerun(verification: &Verification) -> bool {
    let is_reinference = |check: &&retally_submissions::Check| check.kind == CheckKind::Reinference;
    let found = verification.checks.iter().find(is_reinference);
    found.is_some_and(|check| check.result == CheckResult::Passed)
}

/// A verdict as a chip.
pub(super) fn verdict_chip(page: &mut Markup, verdict: Verdict) {
    let word = verdict_word(verdict);
    page.open("span", &[("class", &format_args!("chip {word}"))]);
    page.literal("<span aria-hidden=\"true\">").text(verdict_symbol(verdict));
    page.literal("</span> ").text(word).close("span");
}

/// One line of a list of facts.
pub(super) fn fact(page: &mut Markup, name: &'static str, value: impl FnOnce(&mut Markup)) {
    page.literal("<div><dt>").literal(name).literal("</dt><dd>");
    value(page);
    page.literal("</dd></div>\n");
}

/// How ranks are made.
pub(super) fn about_ranks(page: &mut Markup) {
    page.literal(
        "<details class=\"evidence\" id=\"ranks\"><summary>How ranks are made</summary>\n\
         <p>A rank is 1 + the number of entries that are significantly better. Entries that are not significantly different tie; \
         ties are not transitive, so an entry may tie with two others of which one is better than the other. The order of \
         lines in a table is no rank.</p>\n\
         <p>Two entries with scores of the same samples are compared by Student’s paired t test on the differences, sample by sample. \
         All pairs of different results of one column on one page are tested together by Holm’s method: the chance of any \
         false difference among them is at most ",
    );
    page.text(format_args!("{} %", LEVEL * 100.0)).literal(
        ". Entries without common samples are compared by their intervals: a difference counts where they do not overlap, without \
         a correction for the number of comparisons. Where one has no interval either, they are not compared, and if that is \
         so with every other entry there is no rank.</p>\n\
         <p>Where several submissions measured the same row, the result that most signers have bit for bit stands for it beside other \
         rows; of equally many the one with the oldest run.</p>\n</details>\n",
    );
}

/// `12 submissions by 3 signers`.
pub(super) fn submissions_sentence(suite: &SuiteBoard<'_>) -> String {
    let mut keys: Vec<_> =
        suite.submissions.iter().map(|submission| submission.entry.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let submissions = count(suite.submissions.len(), "submission", "submissions");
    format!("{submissions} by {}", count(keys.len(), "signer", "signers"))
}
