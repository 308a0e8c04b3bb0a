//! New submissions as an Atom feed (RFC 4287).

use super::markup::Markup;
use super::names;
use crate::board::{Board, SuiteBoard};
use crate::collection::Submission;
use crate::time::timestamp;
use retally_manifests::Digest;

/// Entries of the feed, the newest first.
const MOST: usize = 100;

pub(super) fn render(board: &Board<'_>, site: &str) -> String {
    let mut newest: Vec<(&SuiteBoard<'_>, &Submission)> = board
        .suites
        .iter()
        .flat_map(|suite| suite.submissions.iter().take(MOST).map(move |own| (suite, *own)))
        .collect();
    newest.sort_by_key(|(_, own)| (std::cmp::Reverse(own.entry.ended), own.entry.id));
    newest.truncate(MOST);
    let mut feed = Markup::default();
    feed.literal("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n");
    feed.element("title", &[], site).literal("\n");
    // The same leaderboard keeps its id wherever it is put.
    let id = Digest::of_bytes(site.as_bytes());
    feed.element("id", &[], format_args!("urn:sha256:{id}")).literal("\n");
    feed.element("updated", &[], timestamp(board.newest())).literal("\n");
    feed.open("link", &[("rel", &"self"), ("href", &"feed.xml")]).literal("</link>\n");
    feed.open("link", &[("rel", &"alternate"), ("href", &"index.html")]).literal("</link>\n");
    for (suite, submission) in newest {
        entry(&mut feed, suite, submission);
    }
    feed.literal("</feed>\n");
    feed.into_string()
}

fn entry(feed: &mut Markup, suite: &SuiteBoard<'_>, submission: &Submission) {
    let entry = &submission.entry;
    feed.literal("<entry>\n");
    feed.element("title", &[], format_args!("{} ({})", entry.name, suite.identity.name))
        .literal("\n");
    feed.element("id", &[], format_args!("urn:sha256:{}", entry.id)).literal("\n");
    feed.element("updated", &[], timestamp(entry.ended)).literal("\n");
    feed.literal("<author>")
        .element("name", &[], format_args!("key {}", super::text::short(&entry.key.0)))
        .literal("</author>\n");
    let page = names::submission_page(&entry.id);
    feed.open("link", &[("rel", &"alternate"), ("type", &"text/html"), ("href", &page)])
        .literal("</link>\n");
    let cells = super::text::count(entry.cells().count(), "cell", "cells");
    feed.element(
        "summary",
        &[],
        format_args!("{cells} of {} version {}", suite.identity.name, suite.identity.version),
    );
    feed.literal("\n</entry>\n");
}
