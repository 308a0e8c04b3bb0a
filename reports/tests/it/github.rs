//! Annotations, summaries and comments: what GitHub reads out of them is what was put in.

use crate::claims::{any, checked, hostile, plain};
use proptest::prelude::*;
use retally_reports::github::escape::{code, message, property};
use retally_reports::github::{LARGEST_COMMENT, LARGEST_SUMMARY, annotations, fenced, page};
use retally_suites::claims::{Claim, ClaimState, claims};
use retally_suites::{Suite, evaluate};
use std::collections::BTreeMap;

/// A workflow command as GitHub's runner takes it apart: `::NAME KEY=VALUE,KEY=VALUE::MESSAGE`.
#[derive(Debug, PartialEq)]
struct Command {
    name: String,
    properties: BTreeMap<String, String>,
    message: String,
}

fn parse(line: &str) -> Command {
    let rest = line.strip_prefix("::").unwrap();
    let (head, message) = rest.split_once("::").unwrap();
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let pairs = properties.split(',').filter_map(|pair| pair.split_once('='));
    Command {
        name: name.to_owned(),
        properties: pairs.map(|(key, value)| (key.to_owned(), unescape(value))).collect(),
        message: unescape(message),
    }
}

/// Hexadecimal escapes, whatever they stand for.
fn unescape(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        out.push(char::from(u8::from_str_radix(code, 16).unwrap()));
        out.push_str(rest);
    }
    out
}

/// Numeric character references, as a browser reads them.
fn decode(html: &str) -> String {
    let mut parts = html.split("&#");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap();
        out.push(char::from_u32(number.parse().unwrap()).unwrap());
        out.push_str(rest);
    }
    out
}

fn without_controls(text: &str) -> String {
    let blank = |c: char| if c.is_control() && c != '\r' && c != '\n' { ' ' } else { c };
    text.chars().map(blank).collect()
}

#[test]
fn annotations_name_file_line_and_numbers() {
    insta::assert_snapshot!("annotations", annotations(&checked(&plain())));
    insta::assert_snapshot!("comment", page(&checked(&plain()), LARGEST_COMMENT));
}

#[test]
fn an_annotation_is_read_back() {
    let claims = plain();
    let lines = annotations(&checked(&claims));
    let first = parse(lines.lines().next().unwrap());
    assert_eq!(first.name, "error");
    assert_eq!(first.properties["file"], "suites/starter/recorded.csv");
    assert_eq!(first.properties["line"], "2");
    assert_eq!(first.properties["title"], "starter, Starter table 1: Net, LDS");
    assert!(first.message.starts_with("outside-worse: expected 0.319539, measured 0.569539"));
}

#[test]
fn hostile_names_stay_in_their_place() {
    let claims = hostile();
    let lines = annotations(&checked(&claims));
    assert_eq!(lines.lines().count(), 2, "{lines}");
    for line in lines.lines() {
        let command = parse(line);
        assert_eq!(command.properties.keys().collect::<Vec<_>>(), ["file", "line", "title"]);
    }
    let text = page(&checked(&claims), LARGEST_COMMENT);
    for bad in ["<script", "**b**", "[l]", "@everyone", "```", "&amp;", "\u{1b}", "\n## x"] {
        assert!(!text.contains(bad), "{bad}: {text}");
    }
    // A row is a line with as many borders as its table has.
    let rows = text.lines().filter(|line| line.starts_with("| <code>"));
    for row in rows {
        assert_eq!(row.matches('|').count(), 9, "{row}");
    }
}

#[test]
fn of_many_the_worst_are_shown_and_the_rest_is_counted() {
    let mut many: Vec<Claim> = Vec::new();
    for index in 0..25 {
        let mut claim = plain().remove(0);
        claim.name = format!("claim {index}");
        claim.difference = Some(f64::from(index));
        many.push(claim);
    }
    let lines = annotations(&checked(&many));
    let commands: Vec<Command> = lines.lines().map(parse).collect();
    assert_eq!(commands.len(), 10);
    assert!(commands[0].properties["title"].ends_with("claim 24"));
    assert!(commands[8].properties["title"].ends_with("claim 16"));
    assert!(commands[9].message.starts_with("16 more claims that fail"), "{:?}", commands[9]);
    let ten = annotations(&checked(&many[..10]));
    assert!(ten.lines().count() == 10 && !ten.contains("more claims"), "{ten}");
}

#[test]
fn nothing_in_a_fence_is_a_command() {
    let text = "a\n::error::b\n::stop-commands::x\n::x::";
    let out = fenced(text);
    let lines: Vec<&str> = out.lines().collect();
    let word = lines[0].strip_prefix("::stop-commands::").unwrap();
    assert_eq!(*lines.last().unwrap(), format!("::{word}::"));
    assert!(!text.contains(word));
    assert_eq!(lines[1..lines.len() - 1].join("\n"), text);
}

#[test]
fn every_suite_fits_into_a_comment_and_says_what_does_not() {
    for id in Suite::builtin_ids() {
        let suite = Suite::builtin(id).unwrap();
        let mut claims = claims(&suite, &evaluate(&suite, None));
        let all = page(&checked(&claims), LARGEST_SUMMARY);
        assert!(!all.contains("This page is full"), "{id}");
        for claim in &mut claims {
            claim.state = ClaimState::Fails;
        }
        let text = page(&checked(&claims), LARGEST_COMMENT);
        assert!(text.chars().count() < 65_000);
        let shown = text.lines().filter(|line| line.starts_with("| <code>")).count();
        let left = claims.len() - shown;
        let said = text.contains(&format!("{left} of \"Not as claimed\""));
        assert_eq!(said, left > 0, "{id}: {left} are left out\n{text}");
    }
}

proptest! {
    #[test]
    fn messages_and_properties_are_read_back(text in "\\PC*|(?s).*") {
        let expected = without_controls(&text);
        prop_assert!(!message(&text).contains(['\n', '\r']));
        prop_assert_eq!(unescape(&message(&text)), expected.clone());
        let escaped = property(&text);
        prop_assert!(!escaped.contains(['\n', '\r', ',', ':']));
        prop_assert_eq!(unescape(&escaped), expected);
    }

    #[test]
    fn text_in_pages_is_read_back_and_holds_no_markup(text in "\\PC*|(?s).*") {
        let html = code(&text);
        prop_assume!(!text.trim().is_empty());
        let inner = html.strip_prefix("<code>").unwrap().strip_suffix("</code>").unwrap();
        let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        prop_assert_eq!(decode(inner), shown);
        let signs = inner.replace("&#", "").replace(';', "");
        prop_assert!(!signs.contains(['<', '>', '&', '|', '`', '*', '_', '[', ']', '\\', '@', '\n', '~', '$', ':', '!', '"']));
    }

    #[test]
    fn annotations_of_any_claims_are_whole_lines(claims in any()) {
        for line in annotations(&checked(&claims)).lines() {
            let command = parse(line);
            prop_assert!(["error", "notice"].contains(&command.name.as_str()));
            prop_assert!(command.properties.contains_key("title"));
        }
    }

    #[test]
    fn a_page_never_grows_beyond_its_limit(claims in any(), limit in 0_usize..20_000) {
        let text = page(&checked(&claims), limit);
        prop_assert!(text.len() <= limit);
        prop_assert_eq!(text, page(&checked(&claims), limit));
    }
}
