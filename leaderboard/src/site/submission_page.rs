//! The page of a submission: who, what was checked, and every number.

use super::cells::{Decimals, rank_reason, rank_text};
use super::markup::Markup;
use super::names;
use super::page::Page;
use super::parts::{Heading, badge, fact, given, table, verdict_chip};
use super::text::bytes;
use crate::board::{Place, RowBoard, Standing, SuiteBoard, TableBoard};
use crate::collection::{BUNDLE_FILE, ENTRY_FILE, Submission, VERIFICATION_FILE};
use crate::time::timestamp;
use retally_reports::column_heading;
use retally_submissions::{Check, CheckKind, CheckResult, EntryCell};
use std::fmt::Display;

/// The way from a submission's page to the site's root.
const ROOT: &str = "../../";

/// A cell with everything that its line shows.
#[derive(Clone, Copy)]
pub(super) struct ShownCell<'b, 'a> {
    pub(super) table: &'b TableBoard<'a>,
    pub(super) decimals: &'b Decimals,
    pub(super) row: &'b RowBoard<'a>,
    pub(super) place: Place,
    pub(super) column: usize,
    pub(super) cell: &'a EntryCell,
    pub(super) standing: Option<Standing>,
}

pub(super) fn render(
    suite: &SuiteBoard<'_>,
    submission: &Submission,
    cells: &[ShownCell<'_, '_>],
    site: &str,
) -> String {
    let title = format!("{} · {}", submission.entry.name, suite.identity.name);
    let sections = [
        ("summary", "Summary"),
        ("verification", "Verification"),
        ("cells", "Numbers"),
        ("methods", "Methods"),
    ];
    let page = Page { title: &title, site, depth: 2, sections: &sections };
    page.render(|page| {
        summary(page, suite, submission);
        verification(page, submission);
        let methods = methods(cells);
        numbers(page, suite, cells, &methods);
        page.literal("<section aria-labelledby=\"methods\">\n<h2 id=\"methods\">Methods</h2>\n<ol class=\"methods\">\n");
        for (number, (metric, method)) in methods.iter().enumerate() {
            page.open("li", &[("id", &format_args!("method-{}", number + 1))]);
            page.literal("<strong>");
            given(page, metric);
            page.literal("</strong> ");
            given(page, method);
            page.literal("</li>\n");
        }
        page.literal("</ol>\n</section>");
    })
}

fn summary(page: &mut Markup, suite: &SuiteBoard<'_>, submission: &Submission) {
    let entry = &submission.entry;
    page.literal("<section aria-labelledby=\"summary\">\n<h1 id=\"summary\">");
    given(page, &entry.name);
    page.literal("</h1>\n<p>");
    badge(page, &submission.verification, "#verification");
    page.literal("</p>\n<dl class=\"facts\">\n");
    fact(page, "Suite", |page| {
        let address = format!("{ROOT}{}", names::suite_page(suite));
        page.within("a", &[("href", &address)], |page| given(page, &suite.identity.name));
        page.text(format_args!(", version {}", suite.identity.version));
    });
    fact(page, "Signed by key (SHA-256)", |page| code(page, entry.key.0));
    fact(page, "Run ended", |page| {
        let moment = timestamp(entry.ended);
        page.element("time", &[("datetime", &moment)], &moment);
        page.literal(" <span class=\"note\">as the submitter’s clock said</span>");
    });
    let environment = &entry.environment;
    fact(page, "Measured with", |page| {
        given(
            page,
            format_args!(
                "retally {}, ONNX Runtime {}",
                environment.retally, environment.onnxruntime
            ),
        );
    });
    fact(page, "On", |page| {
        given(page, format_args!("{}, {}", environment.device, environment.processor))
    });
    fact(page, "Submission (SHA-256)", |page| code(page, entry.id));
    fact(page, "Bundle (SHA-256)", |page| code(page, submission.verification.bundle_sha256));
    fact(page, "Files", |page| {
        page.open("a", &[("href", &BUNDLE_FILE), ("download", &"")]);
        page.text(format_args!("{BUNDLE_FILE} ({})", bytes(submission.bundle.bytes()))).close("a");
        for name in [ENTRY_FILE, VERIFICATION_FILE] {
            page.literal(" · ").element("a", &[("href", &name)], name);
        }
    });
    page.literal("</dl>\n</section>\n");
}

fn code(page: &mut Markup, text: impl Display) {
    page.element("code", &[], text);
}

fn verification(page: &mut Markup, submission: &Submission) {
    let checks = &submission.verification;
    page.literal("<section aria-labelledby=\"verification\">\n<h2 id=\"verification\">Verification</h2>\n<p class=\"note\">Checked by retally ");
    page.text(&checks.retally).literal(
        ". Anybody can repeat it: <code>retally leaderboard verify submission.retally</code></p>\n",
    );
    let headings =
        [Heading::text("Check"), Heading::text("Result"), Heading::text("What was done")];
    table(page, ("Checks", &headings), |page| {
        for check in &checks.checks {
            page.literal("<tr>").element("th", &[("scope", &"row")], check_name(check.kind));
            page.literal("<td class=\"text\">");
            let (class, symbol, word) = result_words(&check.result);
            page.open("span", &[("class", &format_args!("chip {class}"))]);
            page.literal("<span aria-hidden=\"true\">")
                .literal(symbol)
                .literal("</span> ")
                .literal(word);
            page.literal("</span></td><td class=\"text detail\">");
            details(page, check);
            page.literal("</td></tr>\n");
        }
    });
    page.literal("</section>\n");
}

fn details(page: &mut Markup, check: &Check) {
    given(page, &check.detail);
    let reasons: &[String] = match &check.result {
        CheckResult::Passed => &[],
        CheckResult::Failed { reasons } => reasons,
        CheckResult::Skipped { reason } => std::slice::from_ref(reason),
    };
    for reason in reasons {
        page.literal("<br><span class=\"note\">");
        given(page, reason);
        page.literal("</span>");
    }
}

fn result_words(result: &CheckResult) -> (&'static str, &'static str, &'static str) {
    match result {
        CheckResult::Passed => ("identical", "✓", "passed"),
        CheckResult::Failed { .. } => ("invalid", "✕", "failed"),
        CheckResult::Skipped { .. } => ("not-run", "○", "not made"),
    }
}

fn check_name(kind: CheckKind) -> &'static str {
    match kind {
        CheckKind::Archive => "Archive",
        CheckKind::Signature => "Signature",
        CheckKind::Digests => "Digests",
        CheckKind::Schema => "Schema",
        CheckKind::Suite => "Suite",
        CheckKind::Consistency => "Consistency",
        CheckKind::Recomputation => "Recomputation",
        CheckKind::Identities => "Identities",
        CheckKind::Replay => "Replay",
        CheckKind::Reinference => "Re-inference",
    }
}

type Method<'b> = (&'b str, &'b str);

/// Different methods in the order of the cells, with their metrics.
fn methods<'b>(cells: &[ShownCell<'b, '_>]) -> Vec<Method<'b>> {
    let mut methods: Vec<Method<'b>> = Vec::new();
    for shown in cells {
        let method = (shown.cell.measured.metric.as_str(), shown.cell.measured.method.as_str());
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    methods
}

fn numbers(
    page: &mut Markup,
    suite: &SuiteBoard<'_>,
    cells: &[ShownCell<'_, '_>],
    methods: &[Method<'_>],
) {
    page.literal("<section aria-labelledby=\"cells\">\n<h2 id=\"cells\">Numbers</h2>\n<p class=\"note\">Ranks compare this submission with the others that measured the same row.</p>\n");
    let headings = [
        Heading::text("Row"),
        Heading::text("Column"),
        Heading::number("Measured"),
        Heading::number("Interval"),
        Heading::number("n"),
        Heading::text("Reported"),
        Heading::text("Verdict"),
        Heading::text("Rank"),
        Heading::text("Method"),
    ];
    table(page, ("Numbers", &headings), |page| {
        for shown in cells {
            number(page, suite, shown, methods);
        }
    });
    page.literal("</section>\n");
}

fn number(
    page: &mut Markup,
    suite: &SuiteBoard<'_>,
    shown: &ShownCell<'_, '_>,
    methods: &[Method<'_>],
) {
    let ShownCell { table, decimals, row, place, column, cell, standing } = *shown;
    let measured = &cell.measured;
    page.open("tr", &[("id", &names::cell_anchor(place, column))]);
    page.literal("<th scope=\"row\">");
    let address = format!("{ROOT}{}", names::row_page(suite, table, row));
    page.within("a", &[("href", &address)], |page| given(page, row.label));
    page.literal("</th><td class=\"text\">");
    given(page, table.columns.get(column).map_or(String::new(), |column| column_heading(column)));
    page.literal("</td>");
    match measured.value() {
        Some(value) => page.open("td", &[("data-sort", &value)]),
        None => page.literal("<td class=\"absent\">"),
    };
    page.text(decimals.value(column, measured));
    if let Some(absence) = measured.absence() {
        page.literal("<br><span class=\"note\">");
        given(page, &absence.detail);
        page.literal("</span>");
    }
    page.literal("</td><td>");
    if let Some(interval) = measured.interval() {
        page.text(decimals.range(column, interval));
        page.literal("<span class=\"rank\">")
            .text(format_args!("{:.0} %, {}", interval.level * 100.0, interval.method))
            .literal("</span>");
    }
    page.literal("</td>").element(
        "td",
        &[("data-sort", &measured.n)],
        super::text::grouped(measured.n),
    );
    page.literal("<td class=\"text\">");
    given(page, cell.reported.as_deref().unwrap_or_default());
    page.literal("</td><td class=\"text\">");
    if let Some(verdict) = cell.verdict {
        verdict_chip(page, verdict);
    }
    page.literal("</td>");
    let rank =
        standing.map(|standing| (rank_text(&standing), rank_reason(&standing))).unwrap_or_default();
    page.element("td", &[("class", &"text"), ("title", &rank.1)], rank.0);
    page.literal("<td class=\"text\">");
    let method = (measured.metric.as_str(), measured.method.as_str());
    if let Some(number) = methods.iter().position(|known| *known == method) {
        let number = number + 1;
        page.element(
            "a",
            &[("href", &format_args!("#method-{number}"))],
            format_args!("method {number}"),
        );
    }
    page.literal("</td></tr>\n");
}
