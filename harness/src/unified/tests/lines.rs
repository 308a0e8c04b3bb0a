//! The layout of one case a line.

use super::drawing::{Canvas, MAZE, MazeStyle, SlidingStyle, maze, sliding};
use super::{count, scores, value};
use crate::unified::Source;
use retally_metrics::unified::{Protocol, Task};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn write(folder: &Path, cases: &[Value]) -> Source {
    let path = folder.join("answers.jsonl");
    let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
    fs::write(&path, lines.join("\n\n")).unwrap();
    Source::open(&path, None).unwrap()
}

fn draw(folder: &Path, name: &str, canvas: &Canvas) {
    canvas.save(&folder.join(name));
}

fn cases(folder: &Path) -> Vec<Value> {
    let small = MazeStyle { cell: 24, margin: 4, ..MazeStyle::default() };
    draw(folder, "maze.png", &maze(MAZE, small));
    draw(folder, "up.png", &maze("######/#.#.../#.###./#G..#./#S###./#.....", small));
    let puzzle = SlidingStyle { cell: 40, margin: 6, ..SlidingStyle::default() };
    draw(folder, "before.png", &sliding([2, 3, 4, 5, 6, 7, 8, 1, 9], puzzle));
    draw(folder, "after.png", &sliding([2, 3, 4, 5, 6, 7, 8, 9, 1], puzzle));
    let right = r#"<ANSWER_JSON>["up"]</ANSWER_JSON>"#;
    vec![
        json!({"task": "maze", "id": "a", "texts": [right, ""], "images": [["up.png"], ["maze.png"]],
               "ground_truth": {"initial": "maze.png", "moves": ["up"]}}),
        json!({"task": "sliding", "id": "b", "texts": [r#"<ANSWER_JSON>["right"]</ANSWER_JSON>"#], "images": [["after.png"]],
               "ground_truth": {"initial": "before.png", "moves": ["right"], "frames": ["after.png"]}}),
        json!({"task": "jigsaw", "id": "c", "texts": [r#"<FINAL_ANSWER_JSON>{"choice": 1}</FINAL_ANSWER_JSON>"#],
               "ground_truth": {"label": 1, "completed": "x.png", "wrong": "y.png"}}),
        json!({"task": "maze", "id": "d", "ground_truth": {"initial": "maze.png", "moves": ["up"]}}),
    ]
}

#[test]
fn each_task_is_scored_from_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let source = write(folder.path(), &cases(folder.path()));
    let official = scores(&source, Task::Maze, Protocol::Official).unwrap();
    assert_eq!((value(&official, "Maze-I|step"), count(&official, "Maze-I|step")), (Some(50.0), 2));
    assert_eq!(value(&official, "Maze-T|sample"), Some(50.0));
    // The case without an answer is a wrong one.
    let fixed = scores(&source, Task::Maze, Protocol::Fixed).unwrap();
    assert_eq!(count(&fixed, "Maze-I|step"), 3);
    let sliding = scores(&source, Task::Sliding, Protocol::Official).unwrap();
    assert_eq!(value(&sliding, "Sliding-I|sample"), Some(100.0));
    assert_eq!(value(&sliding, "Sliding-T empty|sample"), Some(100.0));
    assert_eq!(value(&sliding, "Sliding-T tile|sample"), Some(0.0));
    let jigsaw = scores(&source, Task::Jigsaw, Protocol::Official).unwrap();
    assert_eq!(value(&jigsaw, "Jigsaw-T"), Some(100.0));
    assert_eq!(value(&jigsaw, "Jigsaw-I"), None);
    let code = scores(&source, Task::Code, Protocol::Official).unwrap();
    let reason = &code.measurements[0].absence().unwrap().detail;
    assert_eq!(reason, "not run: no judge endpoint");
}

#[test]
fn the_order_of_the_lines_changes_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = cases(folder.path());
    let before = scores(&write(folder.path(), &cases), Task::Maze, Protocol::Fixed).unwrap();
    cases.reverse();
    let after = scores(&write(folder.path(), &cases), Task::Maze, Protocol::Fixed).unwrap();
    assert_eq!(before.measurements, after.measurements);
}

#[test]
fn a_wrong_line_is_refused_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.jsonl");
    for (line, expected) in [
        ("{", "line 2"),
        (r#"{"task": "chess", "id": "a", "ground_truth": {}}"#, "no task `chess`"),
        (r#"{"task": "maze", "id": "a", "ground_truth": {}, "image": []}"#, "image"),
        (r#"{"task": "maze", "id": "a"}"#, "ground_truth"),
    ] {
        fs::write(&path, format!("\n{line}\n")).unwrap();
        let message = Source::open(&path, None).unwrap_err().message();
        assert!(message.contains(expected) && message.contains("line 2"), "{message}");
    }
    fs::write(&path, r#"{"task": "maze", "id": "a", "ground_truth": {"moves": []}}"#).unwrap();
    let source = Source::open(&path, None).unwrap();
    let message = scores(&source, Task::Maze, Protocol::Fixed).unwrap_err().message();
    assert!(message.contains("line 1") && message.contains("initial"), "{message}");
    fs::write(&path, r#"{"task": "jigsaw", "id": "a", "ground_truth": {"label": 2, "completed": "a", "wrong": "b"}}"#).unwrap();
    let source = Source::open(&path, None).unwrap();
    let message = scores(&source, Task::Jigsaw, Protocol::Fixed).unwrap_err().message();
    assert!(message.contains("0 or 1"), "{message}");
}
