//! The JUnit file against its schema, and as readers take it.

use crate::claims::{any, checked, hostile, plain};
use crate::xsd::Schema;
use proptest::prelude::*;
use retally_manifests::Digest;
use retally_reports::junit;
use retally_suites::claims::{Claim, claims};
use retally_suites::{Suite, evaluate};
use roxmltree::Document;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../tests/schemas/junit-10.xsd");
const RECORDED: &str = include_str!("../../../tests/parity/junit_schema.json");

fn valid(claims: &[Claim]) -> String {
    let text = junit(&checked(claims)).unwrap();
    Schema::parse(SCHEMA)
        .validate(&text, "testsuites")
        .unwrap_or_else(|why| panic!("{why}\n{text}"));
    let forbidden = |c: char| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(!text.contains(forbidden), "{text:?}");
    text
}

/// The validator says what lxml and xmlschema said, of right and of wrong documents.
#[test]
fn the_validator_agrees_with_two_others() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    assert_eq!(recorded["schema_sha256"], Digest::of_bytes(SCHEMA.as_bytes()).to_string());
    let schema = Schema::parse(SCHEMA);
    let documents = recorded["documents"].as_array().unwrap();
    assert!(documents.len() > 20);
    for document in documents {
        let found = schema.validate(document["text"].as_str().unwrap(), "testsuites");
        assert_eq!(found.is_ok(), document["valid"] == true, "{}: {found:?}", document["name"]);
    }
    let files = recorded["files"].as_object().unwrap();
    assert!(!files.is_empty() && files.values().all(|file| file["valid"] == true), "{files:?}");
}

#[test]
fn each_state_becomes_its_own_element() {
    insta::assert_snapshot!("junit", valid(&plain()));
}

#[test]
fn the_files_of_every_suite_are_valid_and_readers_find_every_claim() {
    for id in Suite::builtin_ids() {
        let suite = Suite::builtin(id).unwrap();
        let claims = claims(&suite, &evaluate(&suite, None));
        let text = valid(&claims);
        let document = Document::parse(&text).unwrap();
        let cases: Vec<_> =
            document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
        assert_eq!(cases.len(), claims.len(), "{id}");
        let mut named: Vec<_> = cases
            .iter()
            .map(|case| (case.attribute("classname"), case.attribute("name")))
            .collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), cases.len(), "{id}: readers take two cases for one");
        for suite in document.descendants().filter(|node| node.has_tag_name("testsuite")) {
            let count = |tag| suite.descendants().filter(|node| node.has_tag_name(tag)).count();
            for (attribute, tag) in
                [("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")]
            {
                assert_eq!(suite.attribute(attribute), Some(count(tag).to_string().as_str()));
            }
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let text = valid(&hostile());
    let document = Document::parse(&text).unwrap();
    assert_eq!(document.descendants().filter(|node| node.has_tag_name("testcase")).count(), 4);
    assert!(!document.descendants().any(|node| node.has_tag_name("script")));
}

proptest! {
    #[test]
    fn any_claims_make_a_valid_file(claims in any()) {
        let text = valid(&claims);
        prop_assert_eq!(text, junit(&checked(&claims)).unwrap());
    }
}
