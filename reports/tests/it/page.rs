//! The page: sound HTML, no network, every link resolves, every cell has evidence, text of a suite stays text.

use crate::fixture::{hostile_suite, large_suite, measured_suite, printed_suite};
use retally_reports::{RunFiles, write_report};
use retally_suites::evaluation::EvaluatedSuite;
use serde_json::{Value, json};
use std::collections::HashSet;

fn page(suite: &EvaluatedSuite, record: Option<&Value>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let written = write_report(suite, RunFiles { record, folder: None }, folder.path()).unwrap();
    let page = std::fs::read_to_string(&written.page).unwrap();
    for link in attributes(&page, "href").filter(|link| !link.starts_with('#')) {
        assert!(
            folder.path().join(link).is_file(),
            "the page links to {link}, which was not written"
        );
    }
    page
}

fn record() -> Value {
    let artifact = json!({"id": "a", "sha256": "00"});
    json!({"retally": "0.1.0", "machine": {"threads": 2}, "artifacts": [artifact], "note": "<b>x</b>"})
}

pub(crate) fn attributes<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {name}=\"");
    let mut rest = page;
    std::iter::from_fn(move || {
        let (_, value) = rest.split_once(start.as_str())?;
        let (value, after) = value.split_once('"')?;
        rest = after;
        Some(value)
    })
}

/// Fails unless every tag is closed by its own end tag, in order.
pub(crate) fn check_tags(document: &str) {
    const VOID: [&str; 5] = ["meta", "br", "hr", "img", "input"];
    let mut open = Vec::new();
    let mut rest = document;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) =
            after.split_once('>').unwrap_or_else(|| panic!("unclosed tag near {:.60}", after));
        rest = after;
        let name = tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "near {after:.80}"),
            None if name.starts_with('!') || tag.ends_with('/') || VOID.contains(&name) => {}
            None if matches!(name, "script" | "style") => {
                rest = after
                    .split_once(&format!("</{name}>"))
                    .unwrap_or_else(|| panic!("unclosed {name}"))
                    .1;
            }
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn tags_are_balanced() {
    for suite in [printed_suite(), measured_suite(), hostile_suite(), large_suite()] {
        check_tags(&page(&suite, Some(&record())));
    }
}

#[test]
fn every_link_resolves_and_no_id_occurs_twice() {
    for suite in [printed_suite(), measured_suite(), large_suite()] {
        let page = page(&suite, Some(&record()));
        let ids: Vec<_> = attributes(&page, "id").collect();
        let unique: HashSet<_> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len());
        for target in attributes(&page, "href").filter_map(|link| link.strip_prefix('#')) {
            assert!(unique.contains(target), "#{target}");
        }
        for attribute in ["aria-labelledby", "aria-describedby"] {
            assert!(attributes(&page, attribute).all(|target| unique.contains(target)));
        }
    }
}

#[test]
fn every_cell_has_evidence_and_links_to_it() {
    for suite in [measured_suite(), large_suite()] {
        let page = page(&suite, None);
        let ids: HashSet<_> = attributes(&page, "id").collect();
        let links: HashSet<_> = attributes(&page, "href").collect();
        let cells = suite
            .tables
            .iter()
            .flat_map(|table| &table.rows)
            .flat_map(|row| row.cells.iter().flatten());
        for cell in cells {
            for side in ["cell", "evidence"] {
                let anchor = format!("{side}-{}", cell.id);
                assert!(
                    ids.contains(anchor.as_str()) && links.contains(format!("#{anchor}").as_str()),
                    "{anchor}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_loaded() {
    let page = page(&measured_suite(), Some(&record()));
    for loader in [
        "src=", "<link", "<img", "<iframe", "<object", "@import", "url(", "http:", "https:",
        "fetch(", "//",
    ] {
        let found = page
            .lines()
            .filter(|line| line.contains(loader) && !line.trim_start().starts_with("// "));
        assert_eq!(found.collect::<Vec<_>>(), Vec::<&str>::new(), "{loader}");
    }
}

#[test]
fn text_of_a_suite_stays_text() {
    let mut record = record();
    record["note"] = crate::fixture::HOSTILE.into();
    let page = page(&hostile_suite(), Some(&record));
    assert_eq!(page.matches("<script>").count(), 1, "only the page's own script");
    assert!(!page.contains("alert(1)<") && page.contains("&lt;script&gt;alert(1)"));
    assert!(attributes(&page, "aria-label").all(|label| !label.contains('<')));
}

#[test]
fn the_page_of_the_largest_suite_is_below_two_megabytes() {
    let suite = large_suite();
    let cells = suite
        .tables
        .iter()
        .flat_map(|table| &table.rows)
        .flat_map(|row| row.cells.iter().flatten())
        .count();
    assert_eq!(cells, 1070);
    let size = page(&suite, Some(&record())).len();
    assert!(size < 2_000_000, "{size} bytes");
}

#[test]
fn absences_intervals_and_bands_are_in_the_evidence() {
    let page = page(&measured_suite(), None);
    for text in [
        "absent, too-few-samples: 3 samples, at least 2048 are needed",
        "bootstrap-percentile (seed 0, 10000 draws)",
        "print rounding <span class=\"number\">0.005</span>",
        "sampling <span class=\"number\">unknown</span>",
        "A run measured 1 model and filled 3 cells.",
        "19.123 ± 0.210",
        "Encoder 0: <span class=\"number\">−0.871</span>",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn a_report_without_a_run_says_so_and_shows_no_measured_columns() {
    let page = page(&printed_suite(), None);
    assert!(page.contains("No run stands behind this report"));
    assert!(!page.contains(">measured</th>") && !page.contains("id=\"record\""));
}

#[test]
fn the_page_is_usable_without_a_mouse_or_sight() {
    let page = page(&measured_suite(), Some(&record()));
    for needed in [
        "<html lang=\"en\">",
        "class=\"skip\"",
        "<main id=\"main\">",
        "<caption>",
        "scope=\"row\"",
        "scope=\"col\"",
        "scope=\"colgroup\"",
        "aria-sort",
        "aria-pressed",
        ":focus-visible",
        "@media print",
        "role=\"img\"",
        "prefers-color-scheme",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
}
