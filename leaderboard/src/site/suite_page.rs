//! The page of a suite: its rows beside each other, who led when, and all submissions.

use super::cells::{Decimals, rank_reason, rank_text};
use super::markup::Markup;
use super::names;
use super::page::Page;
use super::parts::{
    Heading, about_ranks, day, fact, given, signed_and_checked, submission_link,
    submissions_sentence, table,
};
use super::text::{count, grouped};
use crate::board::{LeadReason, RowBoard, RowEntry, Standing, SuiteBoard, TableBoard};
use retally_reports::column_heading;

/// The way from a suite's page to the site's root.
const ROOT: &str = "../../";

pub(super) fn render(suite: &SuiteBoard<'_>, decimals: &[Decimals], site: &str) -> String {
    let identity = suite.identity;
    let title = format!("{} version {}", identity.name, identity.version);
    let sections = [
        ("summary", "Summary"),
        ("tables", "Tables"),
        ("history", "Who led"),
        ("submissions", "Submissions"),
        ("data", "Data"),
    ];
    let page = Page { title: &title, site, depth: 2, sections: &sections };
    page.render(|page| {
        summary(page, suite);
        page.literal("<section aria-labelledby=\"tables\">\n<h2 id=\"tables\">Tables</h2>\n");
        about_ranks(page);
        for (table, decimals) in suite.tables.iter().zip(decimals) {
            board_table(page, suite, table, decimals);
        }
        page.literal("</section>\n");
        history(page, suite, decimals);
        submissions(page, suite);
        page.literal(
            "<section aria-labelledby=\"data\">\n<h2 id=\"data\">Data</h2>\n<p><a href=\"cells.csv\">Every cell of every submission (CSV)</a> · \
             <a href=\"board.json\">ranks and history (JSON)</a></p>\n</section>",
        );
    })
}

fn summary(page: &mut Markup, suite: &SuiteBoard<'_>) {
    let identity = suite.identity;
    page.literal("<section aria-labelledby=\"summary\">\n<h1 id=\"summary\">");
    given(page, &identity.name);
    page.literal("</h1>\n<dl class=\"facts\">\n");
    fact(page, "Suite", |page| {
        page.element("code", &[], &identity.id)
            .text(format_args!(", version {}", identity.version));
    });
    fact(page, "Locked content (SHA-256)", |page| {
        page.element("code", &[], identity.content_sha256);
    });
    fact(page, "Submissions", |page| {
        page.text(submissions_sentence(suite));
    });
    fact(page, "Newest run", |page| day(page, suite.newest()));
    page.literal("</dl>\n</section>\n");
}

fn board_table(
    page: &mut Markup,
    suite: &SuiteBoard<'_>,
    board: &TableBoard<'_>,
    decimals: &Decimals,
) {
    page.literal("<h3>");
    given(page, board.label);
    page.literal("</h3>\n<p>");
    given(page, board.title);
    page.literal("</p>\n");
    let columns: Vec<String> = board.columns.iter().map(|column| column_heading(column)).collect();
    // Numbers first: what does not fit the screen is the last column.
    let numbers = columns.iter().map(|column| Heading::number(column));
    let headings: Vec<Heading<'_>> = std::iter::once(Heading::text("Row"))
        .chain(numbers)
        .chain(std::iter::once(Heading::text("Submissions")))
        .collect();
    table(page, (board.label, &headings), |page| {
        for (row, standings) in board.rows.iter().zip(&board.standings) {
            board_row(page, (suite, board), (row, standings), decimals);
        }
    });
}

fn board_row(
    page: &mut Markup,
    (suite, board): (&SuiteBoard<'_>, &TableBoard<'_>),
    (row, standings): (&RowBoard<'_>, &[Option<Standing>]),
    decimals: &Decimals,
) {
    page.literal("<tr><th scope=\"row\">");
    let address = format!("{ROOT}{}", names::row_page(suite, board, row));
    page.within("a", &[("href", &address)], |page| given(page, row.label));
    page.literal("</th>");
    match row.shown() {
        Some(entry) => cells(page, ROOT, (entry, standings), decimals),
        None => {
            for _ in &board.columns {
                page.literal("<td></td>");
            }
        }
    }
    let count = row.entries.len();
    page.open("td", &[("class", &"text"), ("data-sort", &count)]);
    page.text(grouped(count as u64));
    if count > 1 {
        let agreement = match row.results {
            1 => "same bits".to_owned(),
            results => format!("{} results", grouped(results as u64)),
        };
        page.element("span", &[("class", &"agreement")], agreement);
    }
    page.literal("</td></tr>\n");
}

/// The numbers of an entry, each with its rank and a link to its evidence.
pub(super) fn cells(
    page: &mut Markup,
    root: &str,
    (entry, standings): (&RowEntry<'_>, &[Option<Standing>]),
    decimals: &Decimals,
) {
    let submission = names::submission_page(&entry.submission.entry.id);
    for (column, cell) in entry.cells.iter().enumerate() {
        let Some(cell) = cell else {
            page.literal("<td></td>");
            continue;
        };
        match cell.measured.value() {
            Some(value) => page.open("td", &[("data-sort", &value)]),
            None => page.literal("<td class=\"absent\">"),
        };
        let address = format!("{root}{submission}#{}", names::cell_anchor(entry.place, column));
        page.element("a", &[("href", &address)], decimals.written(column, &cell.measured));
        if let Some(standing) = standings.get(column).copied().flatten() {
            let text = rank_text(&standing);
            if !text.is_empty() {
                let first = if standing.rank == Some(1) { "rank first" } else { "rank" };
                page.element(
                    "span",
                    &[("class", &first), ("title", &rank_reason(&standing))],
                    text,
                );
            }
        }
        page.literal("</td>");
    }
}

fn history(page: &mut Markup, suite: &SuiteBoard<'_>, decimals: &[Decimals]) {
    page.literal(
        "<section aria-labelledby=\"history\">\n<h2 id=\"history\">Who led, and since when</h2>\n\
         <p class=\"note\">Runs in the order in which they ended. A lead changes when a number is significantly better than the one that led: by a paired \
         test, or by intervals that do not overlap. Each of these comparisons stands alone, at 5 %.</p>\n",
    );
    let headings = [
        Heading::text("Since"),
        Heading::text("Table"),
        Heading::text("Column"),
        Heading::text("Row"),
        Heading::number("Value"),
        Heading::text("Submission"),
        Heading::text("Why"),
    ];
    table(page, ("Who led", &headings), |page| {
        for (board, decimals) in suite.tables.iter().zip(decimals) {
            for lead in &board.history {
                page.literal("<tr><td class=\"text\">");
                day(page, lead.since);
                page.literal("</td><td class=\"text\">");
                given(page, board.label);
                page.literal("</td><td class=\"text\">");
                given(page, board.columns.get(lead.column).map_or("", |column| &column.label));
                page.literal("</td><td class=\"text\">");
                given(page, board.rows.get(lead.row).map_or("", |row| row.label));
                page.literal("</td>");
                let sort = lead.cell.measured.value().unwrap_or_default();
                page.element(
                    "td",
                    &[("data-sort", &sort)],
                    decimals.written(lead.column, &lead.cell.measured),
                );
                page.literal("<td class=\"text\">");
                submission_link(page, ROOT, lead.submission);
                let why = match lead.reason {
                    LeadReason::First => "the first",
                    LeadReason::PairedTest => "paired test",
                    LeadReason::Intervals => "intervals",
                };
                page.literal("</td>").element("td", &[("class", &"text")], why).literal("</tr>\n");
            }
        }
    });
    page.literal("</section>\n");
}

fn submissions(page: &mut Markup, suite: &SuiteBoard<'_>) {
    page.literal(
        "<section aria-labelledby=\"submissions\">\n<h2 id=\"submissions\">Submissions</h2>\n",
    );
    let headings = [
        Heading::text("Submission"),
        Heading::text("Signer"),
        Heading::text("Run ended"),
        Heading::text("Verification"),
        Heading::text("Measured"),
        Heading::text("Device"),
        Heading::text("retally"),
    ];
    table(page, ("Submissions", &headings), |page| {
        for submission in &suite.submissions {
            let entry = &submission.entry;
            page.literal("<tr><th scope=\"row\">");
            submission_link(page, ROOT, submission);
            page.literal("</th>");
            signed_and_checked(page, ROOT, submission);
            let rows: usize = entry.tables.iter().map(|table| table.rows.len()).sum();
            let measured = format!(
                "{}, {}",
                count(rows, "row", "rows"),
                count(entry.cells().count(), "cell", "cells")
            );
            page.element("td", &[("class", &"text"), ("data-sort", &rows)], measured);
            page.literal("<td class=\"text\">");
            given(page, &entry.environment.device);
            page.literal("</td><td class=\"text\">");
            given(page, &entry.environment.retally);
            page.literal("</td></tr>\n");
        }
    });
    page.literal("</section>\n");
}
