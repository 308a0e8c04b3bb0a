//! The page of a row: every submission that measured it.

use super::cells::Decimals;
use super::page::Page;
use super::parts::{Heading, about_ranks, given, signed_and_checked, submission_link, table};
use super::suite_page::cells;
use super::text::{count, grouped};
use crate::board::{RowBoard, SuiteBoard, TableBoard};
use retally_reports::column_heading;

/// The way from a row's page to the site's root.
const ROOT: &str = "../../../";

pub(super) fn render(
    (suite, board): (&SuiteBoard<'_>, &TableBoard<'_>),
    row: &RowBoard<'_>,
    decimals: &Decimals,
    site: &str,
) -> String {
    let title = format!("{} · {}", row.label, suite.identity.name);
    let sections = [("entries", "Entries")];
    let page = Page { title: &title, site, depth: 3, sections: &sections };
    page.render(|page| {
        page.literal("<h1>");
        given(page, row.label);
        page.literal("</h1>\n<p class=\"paper\"><a href=\"../index.html\">");
        given(page, &suite.identity.name);
        page.literal("</a> · ");
        given(page, board.label);
        page.literal(" · <code>").text(row.key).literal("</code></p>\n<p class=\"lead\">");
        let submissions = count(row.entries.len(), "submission measured", "submissions measured");
        let results = match (row.entries.len(), row.results) {
            (1, _) => String::new(),
            (_, 1) => ", all with the same bits".to_owned(),
            (_, results) => format!(", with {} different results", grouped(results as u64)),
        };
        page.text(format_args!("{submissions} this row{results}. "));
        page.literal("Ranks on this page compare these submissions with each other.</p>\n");
        about_ranks(page);
        page.literal("<h2 id=\"entries\">Entries</h2>\n");
        let columns: Vec<String> =
            board.columns.iter().map(|column| column_heading(column)).collect();
        // Numbers stand beside the names: on a narrow screen they are what is seen first.
        let origin =
            [Heading::text("Signer"), Heading::text("Run ended"), Heading::text("Verification")];
        let headings: Vec<Heading<'_>> = std::iter::once(Heading::text("Submission"))
            .chain(columns.iter().map(|column| Heading::number(column)))
            .chain(origin)
            .collect();
        table(page, (row.label, &headings), |page| {
            for (number, entry) in row.entries.iter().enumerate() {
                page.literal("<tr><th scope=\"row\">");
                submission_link(page, ROOT, entry.submission);
                if number == row.representative && row.entries.len() > 1 {
                    page.literal(" <span class=\"note\">stands for the row</span>");
                }
                page.literal("</th>");
                cells(page, ROOT, (entry, &entry.standings), decimals);
                signed_and_checked(page, ROOT, entry.submission);
                page.literal("</tr>\n");
            }
        });
    })
}
