//! Texts of a submitter who wants to run something in a reader's browser.

use crate::site::{build, files};
use crate::synthetic::{SMALL, submission, write_parts};

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" onload=\"alert(1)' \u{2028}\u{202e}{{ 7*7 }}&lt;";

#[test]
fn texts_of_submitters_stay_texts() {
    let submissions = tempfile::tempdir().unwrap();
    let (mut entry, mut scores) = submission(0, SMALL);
    entry.name = format!("=cmd {HOSTILE}");
    entry.suite.name = HOSTILE.to_owned();
    entry.environment.device = HOSTILE.to_owned();
    entry.environment.processor = HOSTILE.to_owned();
    let table = &mut entry.tables[0];
    table.label = HOSTILE.to_owned();
    table.title = HOSTILE.to_owned();
    table.id = format!("../../{HOSTILE}");
    table.columns[0].label = HOSTILE.to_owned();
    table.columns[0].key = HOSTILE.to_owned();
    for row in &mut table.rows {
        row.label = format!("../../../{HOSTILE}{}", row.label);
        row.key = format!("../../../{HOSTILE}{}", row.key);
        for cell in row.cells.iter_mut().flatten() {
            let id = format!("{HOSTILE}{}", cell.id);
            if let Some(own) = scores.remove(&cell.id) {
                scores.insert(id.clone(), own);
            }
            cell.id = id;
            cell.measured.method = HOSTILE.to_owned();
            cell.measured.metric = HOSTILE.to_owned();
            cell.reported = Some(HOSTILE.to_owned());
        }
    }
    write_parts(submissions.path(), &entry, HOSTILE.as_bytes(), &scores);
    let out = tempfile::tempdir().unwrap();
    let site = out.path().join("deep/er/site");
    build(submissions.path(), &site).unwrap();
    let files = files(&site);
    let mut shown = 0;
    for (name, bytes) in &files {
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte)),
            "{name}"
        );
        let text = String::from_utf8_lossy(bytes);
        if name.ends_with(".html") || name.ends_with(".xml") {
            assert!(!text.contains("<img") && !text.contains("<script>"), "{name}");
            assert_eq!(
                text.matches("<script").count(),
                usize::from(name.ends_with(".html")),
                "{name}"
            );
            assert!(!text.contains("onload=\"") && !text.contains('\u{202e}'), "{name}");
            shown += text.matches("&lt;/script&gt;&lt;script&gt;alert(1)").count();
        }
        if name.ends_with(".csv") {
            assert!(text.contains("'=cmd") && !text.contains(",=cmd"), "{name}");
        }
    }
    assert!(shown > 20, "the texts are there, as texts: {shown}");
    let parent: Vec<_> = std::fs::read_dir(out.path()).unwrap().collect();
    assert_eq!(parent.len(), 1, "nothing outside of the site");
}
