//! `retally instances` through the real program: the same bytes for a seed, one answer to every puzzle, and answers whose
//! score is known.

use crate::program::{Finished, retally};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = retally(&["instances"]);
        command.args(arguments).arg("--json").current_dir(self.folder.path());
        let finished = Finished::of(&mut command);
        assert!(!finished.stderr.contains("panicked"), "{finished:?}");
        finished
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(arguments);
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.json()
    }

    fn refused(&self, arguments: &[&str], parts: &[&str]) {
        let finished = self.run(arguments);
        assert_eq!(finished.code, 2, "{arguments:?}: {finished:?}");
        let message = finished.json()["error"]["message"].as_str().unwrap().to_owned();
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: `{part}` is not in: {message}");
        }
    }

    /// All files of a folder.
    fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        read_all(&self.path(name), "", &mut files);
        files
    }
}

fn read_all(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read_all(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

fn document(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

const SIX: [&str; 5] = ["uni-mmmu", "--seed", "0", "--count", "6"];

/// The digest is of the list, which holds the digests of all files. It changes with the rules of the generator (then its
/// number in `generator` must change), and with the PNG encoder or resvg.
const SIX_OF_SEED_0: &str = "dab52044a3e0154f42155c8018f4a98f08a47077c0a1fd20ce9d9182d956a04b";

#[test]
fn a_seed_gives_the_same_bytes() {
    let bench = Bench::new();
    let first = bench.json(&[&SIX[..], &["--out", "first"]].concat());
    bench.json(&[&SIX[..], &["--out", "second"]].concat());
    assert!(bench.files("first") == bench.files("second"), "two runs differ");
    assert_eq!(first["instances_sha256"], SIX_OF_SEED_0);
    assert_eq!(first["made"], true);
    assert_eq!(first["tasks"], serde_json::json!(["jigsaw", "maze", "sliding", "code"]));
    // The first instances do not depend on how many there are, nor on which tasks there are.
    let fewer = ["uni-mmmu", "--seed", "0", "--count", "3", "--task", "maze", "--task", "jigsaw"];
    bench.json(&[&fewer[..], &["--out", "fewer"]].concat());
    let all = bench.files("first");
    let mut compared = 0;
    for (name, bytes) in bench.files("fewer") {
        if !name.ends_with("instances.json") && !name.ends_with("metadata.json") {
            assert!(all[&name] == bytes, "{name} depends on --count");
            compared += 1;
        }
    }
    assert!(compared > 3 * (2 + 5), "{compared} files");
    let other = ["uni-mmmu", "--seed", "1", "--count", "6", "--out", "other"];
    bench.json(&other);
    let other = bench.files("other");
    for name in ["maze/maze_6x6_00000_steps/maze_step_0000.png", "svg/svg_00000.svg"] {
        assert!(all[name] != other[name], "{name} does not depend on the seed");
    }
}

#[test]
fn what_is_there_is_checked_and_never_overwritten() {
    let bench = Bench::new();
    let words = ["uni-mmmu", "--seed", "3", "--count", "2", "--task", "maze", "--out", "data"];
    let made = bench.json(&words);
    let again = bench.json(&words);
    assert_eq!((&made["made"], &again["made"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(made["instances_sha256"], again["instances_sha256"]);
    bench.refused(
        &[&["uni-mmmu", "--seed", "4"], &words[3..]].concat(),
        &["other instances", "seed 3"],
    );
    let picture = bench.path("data/maze/maze_6x6_00001_steps/maze_step_0001.png");
    fs::write(&picture, "changed").unwrap();
    bench.refused(&words, &["maze_step_0001.png", "changed or damaged"]);
    fs::remove_file(&picture).unwrap();
    bench.refused(&words, &["maze_step_0001.png"]);
    fs::create_dir(bench.path("full")).unwrap();
    fs::write(bench.path("full/mine.txt"), "mine").unwrap();
    bench.refused(&[&words[..7], &["--out", "full"]].concat(), &["not empty", "choose another"]);
    bench.refused(&[&words[..7], &["--out", "full/mine.txt"]].concat(), &["mine.txt"]);
    assert_eq!(fs::read(bench.path("full/mine.txt")).unwrap(), b"mine");
    // Nothing half-made is left.
    let left: Vec<_> = fs::read_dir(bench.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn wrong_words_are_refused_with_a_reason() {
    let bench = Bench::new();
    let base = ["uni-mmmu", "--seed", "0", "--out", "data", "--count"];
    let refused =
        |words: &[&str], parts: &[&str]| bench.refused(&[&base[..], words].concat(), parts);
    refused(&["3", "--task", "geometry"], &["geometry", "not made"]);
    refused(&["0"], &["--count 0"]);
    refused(&["20000"], &["10000"]);
    refused(&["1000"], &["sliding puzzles", "--task maze"]);
    refused(&["3", "--task", "maze", "--images", "pictures"], &["--task jigsaw"]);
    refused(&["3", "--images", "missing"], &["missing"]);
    refused(&["3", "--corrupt", "0.1"], &["--oracle"]);
    assert!(!bench.path("data").exists());
    bench.refused(&["answers", "data", "--oracle", "answers"], &["list of instances"]);
    bench.json(&["uni-mmmu", "--seed", "0", "--count", "1", "--task", "maze", "--out", "data"]);
    for p in ["1.5", "-1", "NaN"] {
        let p = format!("--corrupt={p}");
        bench.refused(&["answers", "data", "--oracle", "answers", &p], &["probability"]);
    }
    // A list that somebody changed is searched again, and its files are checked.
    let path = bench.path("data/instances.json");
    let list = fs::read_to_string(&path).unwrap();
    let changed = |from: &str, to: &str, part: &str| {
        assert!(list.contains(from), "{from}");
        fs::write(&path, list.replacen(from, to, 1)).unwrap();
        bench.refused(&["answers", "data", "--oracle", "answers"], &[part]);
    };
    changed("instances/1", "instances/9", "make the instances again");
    changed("\"rows\": [", "\"rows\": [ \"######\", ", "6 rows of 6");
    changed("maze/maze_6x6_00000_steps/maze_step_0001.png", "../x.png", "not among the files");
}

/// All simple paths, by enumeration; none of the program's code.
fn path_lengths(
    rows: &[Vec<u8>],
    at: (i32, i32),
    seen: &mut Vec<(i32, i32)>,
    lengths: &mut Vec<usize>,
) {
    let symbol = |(row, column): (i32, i32)| {
        let row = rows.get(usize::try_from(row).ok()?)?;
        row.get(usize::try_from(column).ok()?).copied()
    };
    match symbol(at) {
        None | Some(b'#') => return,
        Some(b'G') => return lengths.push(seen.len()),
        _ if seen.contains(&at) => return,
        _ => {}
    }
    seen.push(at);
    for (row, column) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
        path_lengths(rows, (at.0 + row, at.1 + column), seen, lengths);
    }
    seen.pop();
}

/// Number of sequences of so many moves that solve a board.
fn solutions(board: &[u64], left: usize) -> usize {
    if left == 0 {
        return usize::from(board == [2, 3, 4, 5, 6, 7, 8, 9, 1]);
    }
    let empty = board.iter().position(|&tile| tile == 1).unwrap() as i32;
    let near = |other: &i32| {
        let (row, column) = (empty / 3 - other / 3, empty % 3 - other % 3);
        row.abs() + column.abs() == 1
    };
    let after = |other: i32| {
        let mut next = board.to_vec();
        next.swap(empty as usize, other as usize);
        solutions(&next, left - 1)
    };
    (0..9).filter(near).map(after).sum()
}

#[test]
fn every_puzzle_has_one_answer() {
    let bench = Bench::new();
    let words =
        ["uni-mmmu", "--seed", "11", "--count", "84", "--task", "maze", "--task", "sliding"];
    bench.json(&[&words[..], &["--out", "data"]].concat());
    let list = document(&bench.path("data/instances.json"));
    let mazes = list["maze"].as_array().unwrap();
    assert_eq!(mazes.len(), 84);
    for (number, maze) in mazes.iter().enumerate() {
        let rows: Vec<Vec<u8>> = maze["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row.as_str().unwrap().into())
            .collect();
        let start = rows.iter().enumerate().find_map(|(row, symbols)| {
            Some((row as i32, symbols.iter().position(|&symbol| symbol == b'S')? as i32))
        });
        let mut lengths = Vec::new();
        path_lengths(&rows, start.unwrap(), &mut Vec::new(), &mut lengths);
        let shortest = *lengths.iter().min().unwrap();
        assert_eq!(lengths.iter().filter(|&&length| length == shortest).count(), 1);
        assert!((2..=10).contains(&shortest));
        // The moves lead from S to G, and the file beside the frames says the same.
        let (mut row, mut column) = start.unwrap();
        for word in maze["moves"].as_array().unwrap() {
            match word.as_str().unwrap() {
                "up" => row -= 1,
                "down" => row += 1,
                "left" => column -= 1,
                "right" => column += 1,
                other => panic!("{other}"),
            }
        }
        assert_eq!(rows[row as usize][column as usize], b'G');
        assert_eq!(maze["moves"].as_array().unwrap().len(), shortest);
        let truth = bench.path(&format!("data/maze/maze_6x6_steps_{number:05}.json"));
        assert_eq!(document(&truth)["steps_long"], maze["moves"]);
        let frames = bench.path(&format!("data/maze/maze_6x6_{number:05}_steps"));
        assert_eq!(fs::read_dir(frames).unwrap().count(), shortest + 1);
    }
    for puzzle in list["sliding"].as_array().unwrap() {
        let board: Vec<u64> =
            puzzle["board"].as_array().unwrap().iter().map(|tile| tile.as_u64().unwrap()).collect();
        let moves = puzzle["moves"].as_array().unwrap().len();
        assert!((2..=8).contains(&moves));
        for shorter in 0..moves {
            assert_eq!(solutions(&board, shorter), 0);
        }
        assert_eq!(solutions(&board, moves), 1);
    }
    let summary = document(&bench.path("data/sliding/summary_steps_le_8.json"));
    assert_eq!(summary["items"].as_array().unwrap().len(), 84);
    assert_eq!(summary["items"][5]["steps_dir"], "data/sliding/demo_3x3_00005_steps");
}

fn picture(path: &Path) -> image::RgbImage {
    image::open(path).unwrap().to_rgb8()
}

#[test]
fn jigsaws_fit_together() {
    let bench = Bench::new();
    bench.json(&["uni-mmmu", "--seed", "0", "--count", "8", "--task", "jigsaw", "--out", "data"]);
    let folder = bench.path("data/jigsaw_dataset_2x2ref");
    let metadata = document(&folder.join("metadata.json"));
    let mut labels = Vec::new();
    for item in metadata["items"].as_array().unwrap() {
        let open = |path: &Value| picture(&folder.join(path.as_str().unwrap()));
        let label = item["label"].as_u64().unwrap() as usize;
        labels.push(label);
        let reference = open(&item["ref_panel"]["ref_image_path"]);
        let paths = item["candidate_paths"].as_array().unwrap();
        for (index, path) in paths.iter().enumerate() {
            let mut completed = reference.clone();
            image::imageops::replace(&mut completed, &open(path), 128, 128);
            let key = if index == label { "gt_completed_2x2_path" } else { "gt_wrong_2x2_path" };
            assert!(completed == open(&item[key]), "{}, candidate {index}", item["id"]);
        }
        assert_eq!(reference.get_pixel(200, 200).0, [0, 0, 0]);
    }
    assert!(labels.contains(&0) && labels.contains(&1));
}

#[test]
fn jigsaws_are_cut_from_the_users_images() {
    let bench = Bench::new();
    let folder = bench.path("images");
    fs::create_dir(&folder).unwrap();
    // Colours that change everywhere; one plain image, one that is too small, and one that is there twice.
    let image = |name: &str, width: u32, height: u32, value: &dyn Fn(u32, u32) -> [u8; 3]| {
        let image = image::RgbImage::from_fn(width, height, |x, y| image::Rgb(value(x, y)));
        image.save(folder.join(name)).unwrap();
    };
    let shade = |value: f64| (127.5 + 120.0 * value.sin()) as u8;
    let waves = |phase: f64| {
        move |x: u32, y: u32| {
            let (x, y) = (f64::from(x), f64::from(y));
            [shade(x / 40.0 + phase), shade(y / 55.0 - phase), shade((x + y) / 70.0)]
        }
    };
    image("a.png", 500, 400, &waves(0.0));
    image("b.png", 300, 300, &waves(1.0));
    image("b-again.png", 300, 300, &waves(1.0));
    image("plain.png", 400, 400, &|_, _| [200, 10, 10]);
    image("small.png", 100, 400, &waves(2.0));
    let words = ["uni-mmmu", "--seed", "0", "--task", "jigsaw", "--images", "images", "--count"];
    let made = bench.json(&[&words[..], &["2", "--out", "data"]].concat());
    let list = document(&bench.path("data/instances.json"));
    let mut from: Vec<_> = list["jigsaw"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["cut_from"][0].as_str().unwrap())
        .collect();
    from.sort_unstable();
    assert!(from[0] == "a.png" && from[1].starts_with("b"), "{from:?}");
    let unusable = made["unusable_images"].as_array().unwrap();
    assert!(
        unusable
            .iter()
            .all(|image| ["plain.png", "small.png"].contains(&image["image"].as_str().unwrap()))
    );
    bench.refused(
        &[&words[..], &["3", "--out", "more"]].concat(),
        &["2 different images", "plain.png", "one colour", "small.png", "192"],
    );
    assert!(!bench.path("more").exists() && !bench.path("more.partial").exists());
    // Other images are other instances, although the words are the same.
    fs::remove_file(folder.join("small.png")).unwrap();
    bench.refused(&[&words[..], &["2", "--out", "data"]].concat(), &["other instances"]);
}

/// What a column must be, by name; of sliding words, as the ground truth names them.
fn expected(answers: &Value, column: &str) -> f64 {
    let rows = answers["expected"].as_array().unwrap();
    let row = rows.iter().find(|row| row["column"] == column && row["directions"] != "tile");
    row.unwrap()["percent"].as_f64().unwrap()
}

/// The moves between the tags of a text.
fn written(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("<ANSWER_JSON>").unwrap();
    serde_json::from_str(rest.split_once("</ANSWER_JSON>").unwrap().0).unwrap()
}

/// What is expected agrees with a count over the files themselves: words compared with the ground truth, pictures with the
/// right pictures.
#[test]
fn planted_mistakes_are_where_the_record_says() {
    let bench = Bench::new();
    bench.json(&["uni-mmmu", "--seed", "5", "--count", "12", "--out", "data"]);
    for (p, seed) in [("0", "1"), ("0.1", "2"), ("0.5", "3"), ("1", "4")] {
        let out = format!("answers-{p}");
        let words = ["answers", "data", "--oracle", &out, "--corrupt", p, "--seed", seed];
        let report = bench.json(&words);
        let again = bench.json(&words);
        assert_eq!((&report["made"], &again["made"]), (&Value::Bool(true), &Value::Bool(false)));
        let answers = document(&bench.path(&format!("{out}/answers.json")));
        assert_eq!(answers["expected"], report["expected"]);
        for (task, prefix, truth_key) in
            [("maze", "Maze", "steps_long"), ("sliding", "Sliding", "steps_words")]
        {
            let mut shares = [0.0; 4];
            let cases = answers[task].as_array().unwrap();
            for (number, case) in cases.iter().enumerate() {
                let folder =
                    bench.path(&format!("{out}/{task}/{}", case["case"].as_str().unwrap()));
                let (steps, truth, frame) = match task {
                    "maze" => (
                        format!("data/maze/maze_6x6_{number:05}_steps"),
                        format!("data/maze/maze_6x6_steps_{number:05}.json"),
                        "maze_step",
                    ),
                    _ => (
                        format!("data/sliding/demo_3x3_{number:05}_steps"),
                        format!("data/sliding/demo_3x3_steps_words_{number:05}.json"),
                        "demo_step",
                    ),
                };
                let record = document(&folder.join("result.json"));
                let first = record["step0"].as_str().or(record["init_png"].as_str()).unwrap();
                assert_eq!(first, format!("{steps}/{frame}_0000.png"));
                let right: Vec<String> =
                    serde_json::from_value(document(&bench.path(&truth))[truth_key].clone())
                        .unwrap();
                let words = written(&folder.join("model_text.txt"));
                assert_eq!(words.len(), right.len());
                let same = words.iter().zip(&right).filter(|(word, right)| word == right).count();
                let same_frames = (1..=right.len())
                    .filter(|step| {
                        let name = format!("{frame}_{step:04}.png");
                        let given = picture(&folder.join("cand_01").join(&name));
                        given == picture(&bench.path(&format!("{steps}/{name}")))
                    })
                    .count();
                for (index, same) in [same, same_frames].into_iter().enumerate() {
                    shares[2 * index] += same as f64 / right.len() as f64;
                    shares[2 * index + 1] += f64::from(u8::from(same == right.len()));
                }
            }
            let columns = ["T|step", "T|sample", "I|step", "I|sample"];
            for (share, column) in shares.iter().zip(columns) {
                let percent = 100.0 * share / cases.len() as f64;
                let expected = expected(&answers, &format!("{prefix}-{column}"));
                assert!((percent - expected).abs() < 1e-9, "{prefix}-{column} at p = {p}");
                let exact = match p {
                    "0" => Some(100.0),
                    "1" => Some(0.0),
                    _ => None,
                };
                assert!(exact.is_none_or(|exact| exact == expected), "{column} at p = {p}");
            }
        }
        let metadata = document(&bench.path("data/jigsaw_dataset_2x2ref/metadata.json"));
        let mut right = 0;
        for item in metadata["items"].as_array().unwrap() {
            let folder = bench.path(&format!("{out}/jigsaw/{}", item["id"].as_str().unwrap()));
            let text = fs::read_to_string(folder.join("model_text.txt")).unwrap();
            right += usize::from(text.contains(&format!("\"choice\": {}", item["label"])));
            assert!(folder.join("model_image_01.png").is_file());
            assert!(folder.join("model_image_02.png").is_file());
        }
        assert_eq!(expected(&answers, "Jigsaw-T"), 100.0 * right as f64 / 12.0);
        let listed = document(&bench.path(&format!("{out}/jigsaw/summary.json")));
        assert_eq!(listed["per_item"].as_array().unwrap().len(), 12);
        for (number, case) in answers["code"].as_array().unwrap().iter().enumerate() {
            let folder = bench.path(&format!("{out}/code/{}", case["case"].as_str().unwrap()));
            let given = picture(&folder.join("model_image_01.png"));
            let right = picture(&bench.path(&format!("data/svg/svg_{number:05}.png")));
            assert_eq!(given == right, case["wrong_in_picture"].is_null());
            let text = fs::read_to_string(folder.join("model_text.txt")).unwrap();
            let sample = &document(&bench.path("data/svg/metadata.json"))["samples"][number];
            let is_right = text.contains(sample["summary"].as_str().unwrap());
            assert_eq!(is_right, case["wrong_in_summary"].is_null());
        }
    }
    bench.refused(
        &["answers", "data", "--oracle", "answers-0", "--corrupt", "0.2"],
        &["does not hold these answers"],
    );
}

/// One command makes both.
#[test]
fn instances_and_answers_in_one_command() {
    let bench = Bench::new();
    let words = ["--seed", "5", "--count", "3", "--task", "sliding", "--out", "data"];
    let further = ["--oracle", "answers", "--corrupt", "0.5"];
    let both = bench.json(&[&["uni-mmmu"], &words[..], &further].concat());
    let words = ["answers", "data", "--oracle", "apart", "--corrupt", "0.5", "--seed", "5"];
    let apart = bench.json(&words);
    assert_eq!(both["answers"]["answers_sha256"], apart["answers_sha256"]);
    assert!(bench.path("answers/sliding/case_demo_3x3_00002_steps/result.json").is_file());
}
