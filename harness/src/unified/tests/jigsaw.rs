//! The jigsaw task: which items are listed, and the picture channel with three tiny networks.

use super::drawing::Canvas;
use super::{scores, value};
use crate::progress::Progress;
use crate::threads::Threads;
use crate::unified::dreamsim::tests::tiny;
use crate::unified::exclusion::ExclusionReason;
use crate::unified::{Scoring, Source, TaskScores, score};
use retally_metrics::unified::sliding::SlidingConvention;
use retally_metrics::unified::{Protocol, Task};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

fn put(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn draw(path: PathBuf, colours: [[u8; 3]; 2]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut canvas = Canvas::new(40, 30, colours[0]);
    canvas.fill([20, 15, 20, 15], colours[1]);
    canvas.save(&path);
}

const RIGHT: [[u8; 3]; 2] = [[200, 40, 90], [10, 220, 30]];
const WRONG: [[u8; 3]; 2] = [[200, 40, 90], [90, 20, 230]];

/// Two items of labels 0 and 1; the model's answers are those of an oracle.
fn world(root: &Path) -> Source {
    let data = root.join("data/jigsaw_dataset_2x2ref");
    let mut items = Vec::new();
    for label in [0, 1] {
        let id = format!("ex_0000{label}");
        draw(data.join(&id).join("right.png"), RIGHT);
        draw(data.join(&id).join("wrong.png"), WRONG);
        items.push(format!(
            r#"{{"id": "{id}", "label": {label}, "gt_completed_2x2_path": "/x/jigsaw_dataset_2x2ref/{id}/right.png",
                "gt_wrong_2x2_path": "/x/jigsaw_dataset_2x2ref/{id}/wrong.png"}}"#
        ));
        let case = root.join("outputs/jigsaw").join(&id);
        put(
            case.join("model_text.txt"),
            &format!("<FINAL_ANSWER_JSON>{{\"choice\": {label}}}</FINAL_ANSWER_JSON>"),
        );
        let pictures = if label == 0 { [RIGHT, WRONG] } else { [WRONG, RIGHT] };
        for (index, colours) in pictures.into_iter().enumerate() {
            draw(case.join(format!("model_image_0{index}.png")), colours);
        }
    }
    put(data.join("metadata.json"), &format!("{{\"items\": [{}]}}", items.join(",")));
    let summary = r#"{"per_item": [{"id": "ex_00000"}, {"id": "ex_00001"}]}"#;
    put(root.join("outputs/jigsaw/summary.json"), summary);
    Source::open(&root.join("outputs"), Some(&root.join("data"))).unwrap()
}

fn with_pictures(source: &Source, root: &Path, protocol: Protocol) -> TaskScores {
    let scoring = Scoring {
        source,
        protocol,
        convention: SlidingConvention::AsStored,
        dreamsim: Some(&Mutex::new(tiny(root))),
        judging: &crate::judge::Judging::NotRun("not run: no judge".to_owned()),
        threads: &Threads::new(None).unwrap(),
        progress: &Progress::new(true),
    };
    score(Task::Jigsaw, &scoring).unwrap()
}

#[test]
fn an_oracle_is_at_distance_0() {
    let root = tempfile::tempdir().unwrap();
    let source = world(root.path());
    for protocol in Protocol::ALL {
        let scores = with_pictures(&source, root.path(), protocol);
        assert_eq!(value(&scores, "Jigsaw-T"), Some(100.0));
        let image = value(&scores, "Jigsaw-I").unwrap();
        assert!((image - 100.0).abs() < 1e-9, "{image}");
    }
}

#[test]
fn swapped_pictures_are_at_a_distance_and_a_wrong_count_at_distance_1() {
    let root = tempfile::tempdir().unwrap();
    let source = world(root.path());
    let case = root.path().join("outputs/jigsaw/ex_00000");
    draw(case.join("model_image_00.png"), WRONG);
    draw(case.join("model_image_01.png"), RIGHT);
    draw(root.path().join("outputs/jigsaw/ex_00001/model_image_02.png"), RIGHT);
    let scores = with_pictures(&source, root.path(), Protocol::Official);
    let distances = scores.cases[0].details["distances"].as_array().unwrap();
    let distances: Vec<f64> = distances.iter().map(|value| value.as_f64().unwrap()).collect();
    assert!(distances.iter().all(|distance| *distance > 1e-3), "{distances:?}");
    let expected = 100.0 * (1.0 - (f64::midpoint(distances[0], distances[1]) + 1.0) / 2.0);
    let image = value(&scores, "Jigsaw-I").unwrap();
    assert!((image - expected).abs() < 1e-9, "{image} {expected}");
    assert!(!scores.cases[1].details.contains_key("distances"));
}

#[test]
fn a_picture_that_cannot_be_read_is_at_distance_1_and_told() {
    let root = tempfile::tempdir().unwrap();
    let source = world(root.path());
    put(root.path().join("outputs/jigsaw/ex_00000/model_image_00.png"), "no picture");
    let scores = with_pictures(&source, root.path(), Protocol::Official);
    let image = value(&scores, "Jigsaw-I").unwrap();
    assert!((image - 50.0).abs() < 1e-9, "{image}");
    assert!(scores.notes.iter().any(|note| note.contains("model_image_00.png")));
}

#[test]
fn without_a_network_the_picture_column_is_absent() {
    let root = tempfile::tempdir().unwrap();
    let found = scores(&world(root.path()), Task::Jigsaw, Protocol::Official).unwrap();
    let image = found.measurements.iter().find(|measured| measured.metric == "Jigsaw-I").unwrap();
    assert!(image.absence().unwrap().detail.contains("--dreamsim"));
    assert_eq!(value(&found, "Jigsaw-T"), Some(100.0));
}

#[test]
fn the_list_of_the_run_decides_what_is_scored() {
    let root = tempfile::tempdir().unwrap();
    let source = world(root.path());
    let summary = root.path().join("outputs/jigsaw/summary.json");
    let of = |protocol| scores(&source, Task::Jigsaw, protocol).unwrap();
    put(
        summary.clone(),
        r#"{"per_item": [{"id": "ex_00001"}, {"id": "ex_00001"}, {"id": "ex_9"}]}"#,
    );
    let official = of(Protocol::Official);
    assert_eq!(official.cases.len(), 2);
    assert_eq!(official.exclusions[0].reason, ExclusionReason::NotInData);
    assert_eq!(of(Protocol::Fixed).cases.len(), 1);
    put(summary.clone(), r#"{"per_item": [{"id": "../secret"}]}"#);
    let message = scores(&source, Task::Jigsaw, Protocol::Fixed).unwrap_err().message();
    assert!(message.contains("../secret"), "{message}");
    fs::remove_file(summary).unwrap();
    assert!(of(Protocol::Official).measurements.iter().all(|found| found.absence().is_some()));
    assert_eq!(of(Protocol::Fixed).cases.len(), 2);
    // An item that was listed and not answered is wrong.
    put(root.path().join("outputs/jigsaw/summary.json"), r#"{"per_item": [{"id": "ex_00000"}]}"#);
    fs::remove_dir_all(root.path().join("outputs/jigsaw/ex_00000")).unwrap();
    assert_eq!(value(&of(Protocol::Official), "Jigsaw-T"), Some(0.0));
}
