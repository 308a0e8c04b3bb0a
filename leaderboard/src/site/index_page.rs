//! The front page: suites, and the newest submissions.

use super::markup::Markup;
use super::page::Page;
use super::parts::{Heading, about_ranks, day, given, signed_and_checked, submission_link, table};
use super::text::{count, grouped};
use super::{names, parts};
use crate::board::Board;
use crate::collection::Submission;

/// Submissions that the front page shows.
const NEWEST: usize = 20;

pub(super) fn render(board: &Board<'_>, site: &str) -> String {
    let sections = [
        ("suites", "Suites"),
        ("newest", "Newest submissions"),
        ("reading", "How to read it"),
        ("data", "Data"),
    ];
    let page = Page { title: site, site, depth: 0, sections: &sections };
    page.render(|page| {
        page.element("h1", &[], site);
        let submissions: usize = board.suites.iter().map(|suite| suite.submissions.len()).sum();
        let submissions = count(submissions, "submission", "submissions");
        let suites = count(board.suites.len(), "suite", "suites");
        page.literal("<p class=\"lead\">").text(format_args!("{submissions} to {suites}. "));
        page.literal(
            "Each is signed, was computed again from its own samples before it was shown, and can be downloaded and checked by anybody.</p>\n",
        );
        suites_section(page, board);
        newest_section(page, board);
        reading_section(page);
        page.literal(
            "<section aria-labelledby=\"data\">\n<h2 id=\"data\">Data</h2>\n<p><a href=\"data/leaderboard.json\">Everything that \
             is listed here as JSON</a> · <a href=\"feed.xml\">feed of new submissions (Atom)</a>. Each suite has all its cells as CSV and its \
             ranks as JSON; each submission has its bundle, and what was checked of it.</p>\n</section>",
        );
    })
}

fn suites_section(page: &mut Markup, board: &Board<'_>) {
    page.literal("<section aria-labelledby=\"suites\">\n<h2 id=\"suites\">Suites</h2>\n");
    if board.suites.is_empty() {
        page.literal("<p>Nothing has been submitted yet.</p>\n</section>\n");
        return;
    }
    let headings = [
        Heading::text("Suite"),
        Heading::number("Version"),
        Heading::text("Submissions"),
        Heading::number("Rows"),
        Heading::text("Newest run"),
    ];
    table(page, ("Suites", &headings), |page| {
        for suite in &board.suites {
            page.literal("<tr><th scope=\"row\">");
            page.within("a", &[("href", &names::suite_page(suite))], |page| {
                given(page, &suite.identity.name);
            });
            page.literal("</th>");
            page.element("td", &[], suite.identity.version);
            let sentence = parts::submissions_sentence(suite);
            page.element(
                "td",
                &[("class", &"text"), ("data-sort", &suite.submissions.len())],
                sentence,
            );
            let rows: usize = suite.tables.iter().map(|table| table.rows.len()).sum();
            page.element("td", &[("data-sort", &rows)], grouped(rows as u64));
            page.literal("<td class=\"text\">");
            day(page, suite.newest());
            page.literal("</td></tr>\n");
        }
    });
    page.literal("</section>\n");
}

fn newest_section(page: &mut Markup, board: &Board<'_>) {
    let mut newest: Vec<(&Submission, &str)> = board
        .suites
        .iter()
        .flat_map(|suite| {
            suite.submissions.iter().take(NEWEST).map(|own| (*own, suite.identity.name.as_str()))
        })
        .collect();
    newest.sort_by_key(|(own, _)| (std::cmp::Reverse(own.entry.ended), own.entry.id));
    newest.truncate(NEWEST);
    page.literal(
        "<section aria-labelledby=\"newest\">\n<h2 id=\"newest\">Newest submissions</h2>\n",
    );
    let headings = [
        Heading::text("Submission"),
        Heading::text("Suite"),
        Heading::text("Signer"),
        Heading::text("Run ended"),
        Heading::text("Verification"),
    ];
    table(page, ("Newest submissions", &headings), |page| {
        for (submission, suite) in newest {
            page.literal("<tr><th scope=\"row\">");
            submission_link(page, "", submission);
            page.literal("</th><td class=\"text\">");
            given(page, suite);
            page.literal("</td>");
            signed_and_checked(page, "", submission);
            page.literal("</tr>\n");
        }
    });
    page.literal("</section>\n");
}

fn reading_section(page: &mut Markup) {
    page.literal(
        "<section aria-labelledby=\"reading\">\n<h2 id=\"reading\">How to read it</h2>\n\
         <p><strong>Verified</strong> means: signed by the key that is named, unchanged since, on the suite’s locked content, and every number \
         computed again from the samples in the bundle with the same bits. <strong>Re-run</strong> means more: samples chosen by the submission’s \
         own digest were run through the models again. Without that a score of a sample is what the submitter says.</p>\n\
         <p>Who signed is known by a key’s fingerprint alone. When a run ended is what the submitter’s clock said.</p>\n",
    );
    about_ranks(page);
    page.literal("</section>\n");
}
