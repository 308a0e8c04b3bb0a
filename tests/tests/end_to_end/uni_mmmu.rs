//! `retally score uni-mmmu` on pictures drawn here.

use crate::program::{json, run, text};
use serde_json::{Value, json as document};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const CELL: usize = 24;

/// A maze of the benchmark's colours; `#` wall, `.` floor, `S` agent, `G` goal.
fn draw(path: &Path, rows: [&str; 6], width: usize) {
    let height = 6 * CELL;
    let mut values = vec![255; 3 * width * height];
    for (row, line) in rows.iter().enumerate() {
        for (column, letter) in line.chars().enumerate() {
            for y in 0..CELL {
                for x in 0..CELL {
                    let is_middle = [x, y].iter().all(|at| (6..18).contains(at));
                    let colour: [u8; 3] = match (letter, is_middle) {
                        ('#', _) => [0x1f, 0x29, 0x37],
                        ('S', true) => [0x25, 0x63, 0xeb],
                        ('G', false) => [0x22, 0xc5, 0x5e],
                        _ => [0xf4, 0xef, 0xe6],
                    };
                    let start = 3 * ((row * CELL + y) * width + column * CELL + x);
                    values[start..start + 3].copy_from_slice(&colour);
                }
            }
        }
    }
    let size = (width as u32, height as u32);
    image::save_buffer(path, &values, size.0, size.1, image::ExtendedColorType::Rgb8).unwrap();
}

const FIRST: [&str; 6] = ["######", "#....#", "#.##.#", "#.##.#", "#S##G#", "######"];
const MOVED: [&str; 6] = ["######", "#....#", "#.##.#", "#S##.#", "#.##G#", "######"];

/// Two mazes with one move: a right answer and a wrong one.
fn bench(folder: &TempDir) -> PathBuf {
    let path = |name: &str| folder.path().join(name);
    draw(&path("first.png"), FIRST, 6 * CELL);
    draw(&path("moved.png"), MOVED, 6 * CELL);
    let case = |id: &str, picture: &str, answer: &str| {
        document!({
            "task": "maze", "id": id, "images": [[picture]],
            "texts": [format!("<ANSWER_JSON>{answer}</ANSWER_JSON>")],
            "ground_truth": {"initial": "first.png", "moves": ["up"]},
        })
        .to_string()
    };
    let lines = [case("a", "moved.png", "[\"up\"]"), case("b", "first.png", "[\"down\"]")];
    let answers = path("answers.jsonl");
    fs::write(&answers, lines.join("\n")).unwrap();
    answers
}

fn measured<'a>(document: &'a Value, protocol: &str, name: &str) -> &'a Value {
    let scores = document["scores"].as_array().unwrap();
    scores
        .iter()
        .filter(|scores| scores["protocol"] == protocol)
        .flat_map(|scores| scores["measurements"].as_array().unwrap())
        .find(|measured| measured["metric"] == name)
        .unwrap()
}

#[test]
fn each_column_is_a_measurement_in_each_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let answers = bench(&folder);
    let cases = folder.path().join("cases.csv");
    let arguments = ["score", "uni-mmmu", text(&answers), "--cases", text(&cases)];
    let document = json(&arguments, 0);
    for protocol in ["official", "fixed"] {
        for name in ["Maze-I|step", "Maze-I|sample", "Maze-T|step", "Maze-T|sample"] {
            let measured = measured(&document, protocol, name);
            assert_eq!((measured["value"].as_f64(), measured["n"].as_u64()), (Some(50.0), Some(2)));
        }
        let interval = &measured(&document, protocol, "Maze-T|sample")["interval"];
        assert_eq!(interval["method"], "wilson");
        let code = measured(&document, protocol, "Code-T");
        let detail = code["absence"]["detail"].as_str().unwrap();
        assert!(detail.starts_with("not run: no judge endpoint"), "{detail}");
        assert!(measured(&document, protocol, "Sliding-I|step")["value"].is_null());
    }
    assert_eq!(document["differences"].as_array().unwrap().len(), 0);
    let written = fs::read_to_string(&cases).unwrap();
    // Six values of two candidates in two protocols, and a heading.
    assert_eq!(written.lines().count(), 1 + 2 * 2 * 6);
    assert!(written.contains("official,maze,a,1,Maze-I|step,1"), "{written}");
}

#[test]
fn differences_of_the_protocols_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let answers = bench(&folder);
    // The board at the right of a wide canvas: the official crop sees white alone.
    let path = folder.path().join("moved.png");
    let board = image::open(&path).unwrap().to_rgb8();
    let mut wide =
        image::RgbImage::from_pixel(12 * CELL as u32, 6 * CELL as u32, image::Rgb([255; 3]));
    image::imageops::replace(&mut wide, &board, 6 * CELL as i64, 0);
    wide.save(&path).unwrap();
    let arguments = ["score", "uni-mmmu", text(&answers), "--task", "maze"];
    let document = json(&arguments, 0);
    assert_eq!(measured(&document, "official", "Maze-I|step")["value"], 0.0);
    assert_eq!(measured(&document, "fixed", "Maze-I|step")["value"], 50.0);
    let differences = document["differences"].as_array().unwrap();
    assert!(differences.iter().all(|found| found["case"] == "a"));
    let step = differences.iter().find(|found| found["column"] == "Maze-I|step").unwrap();
    assert_eq!((&step["official"], &step["fixed"]), (&document!(0.0), &document!(1.0)));
    let finished = run(&arguments);
    let expected = "differs    maze: case a, candidate 1, Maze-I|step: official 0, fixed 1";
    assert!(finished.stdout.contains(expected), "{finished:?}");
}

#[test]
fn bad_input_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let answers = bench(&folder);
    let message =
        |arguments: &[&str]| json(arguments, 2)["error"]["message"].as_str().unwrap().to_owned();
    let outputs = text(folder.path());
    assert!(message(&["score", "uni-mmmu", outputs]).contains("--data"));
    let cases = folder.path().join("cases.txt");
    let found = message(&["score", "uni-mmmu", text(&answers), "--cases", text(&cases)]);
    assert!(found.contains(".csv or .jsonl"), "{found}");
    fs::write(folder.path().join("moved.png"), "no picture").unwrap();
    let found = message(&["score", "uni-mmmu", text(&answers), "--protocol", "official"]);
    assert!(found.contains("moved.png") && found.contains("case `a`"), "{found}");
    json(&["score", "uni-mmmu", text(&answers), "--protocol", "fixed"], 0);
}
