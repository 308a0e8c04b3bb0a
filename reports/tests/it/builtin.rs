//! Reports of the suites that come with retally.

use crate::page::{attributes, check_tags};
use retally_reports::{RunFiles, write_report};
use retally_suites::{Suite, evaluate};
use std::collections::HashSet;

#[test]
fn every_builtin_suite_has_a_sound_report_below_two_megabytes() {
    for id in Suite::builtin_ids() {
        let suite = evaluate(&Suite::builtin(id).unwrap(), None);
        let folder = tempfile::tempdir().unwrap();
        let written = write_report(&suite, RunFiles::default(), folder.path()).unwrap();
        let page = std::fs::read_to_string(&written.page).unwrap();
        check_tags(&page);
        assert!(page.len() < 2_000_000, "{id}: {} bytes", page.len());
        let ids: HashSet<_> = attributes(&page, "id").collect();
        assert!(
            attributes(&page, "href")
                .filter_map(|link| link.strip_prefix('#'))
                .all(|target| ids.contains(target))
        );
    }
}
