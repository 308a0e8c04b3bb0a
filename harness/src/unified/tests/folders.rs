//! The layout of the released scripts, with everything that can be missing from it or too much in it.

use super::drawing::{Canvas, MAZE, MazeStyle, SlidingStyle, maze, sliding};
use super::{count, scores, scores_with, value};
use crate::unified::exclusion::ExclusionReason;
use crate::unified::{Source, TaskScores, differences};
use retally_metrics::unified::sliding::SlidingConvention;
use retally_metrics::unified::{Protocol, Task};
use std::fs;
use std::path::PathBuf;

const FIRST: &str = "######/#.#.../#.###./#G..#./#S###./#.....";
const SECOND: &str = "######/#.#.../#.###./#@..#./#.###./#.....";
const RIGHT: &str = "<ANSWER_JSON>[\"up\", \"up\"]</ANSWER_JSON>";
const SEPARATOR: &str = "\n\n\n-----\n\n\n";

/// Folders of answers and data.
struct World {
    root: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { root: tempfile::tempdir().unwrap() };
        for folder in ["outputs/maze", "outputs/sliding", "data/maze", "data/sliding"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn draw(&self, path: &str, canvas: &Canvas) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        canvas.save(&path);
    }

    /// A maze whose right moves are up, up.
    fn maze(&self, number: usize) {
        let name = format!("data/maze/maze_6x6_{number:05}_steps/maze_step_0000.png");
        self.draw(&name, &small_maze(MAZE));
        let truth = r#"{"steps_long": ["Up", "UP"]}"#;
        self.write(&format!("data/maze/maze_6x6_steps_{number:05}.json"), truth);
        // A path of another machine, and JSON that only Python takes.
        let record = format!(
            r#"{{"step0": "/home/someone/data/maze/maze_6x6_{number:05}_steps/maze_step_0000.png", "time": NaN}}"#
        );
        self.write(&format!("outputs/maze/case_{number:05}/result.json"), &record);
    }

    fn answer(&self, case: &str, text: &str, frames: &[&str]) {
        self.write(&format!("outputs/maze/{case}/model_text.txt"), text);
        for (index, rows) in frames.iter().enumerate() {
            let path = format!("outputs/maze/{case}/cand_01/model_image_{index:02}.png");
            self.draw(&path, &small_maze(rows));
        }
    }

    fn source(&self) -> Source {
        Source::open(&self.path("outputs"), Some(&self.path("data"))).unwrap()
    }

    fn maze_scores(&self, protocol: Protocol) -> TaskScores {
        scores(&self.source(), Task::Maze, protocol).unwrap()
    }
}

fn small_maze(rows: &str) -> Canvas {
    maze(rows, MazeStyle { cell: 24, margin: 4, ..MazeStyle::default() })
}

#[test]
fn right_answers_are_right_in_both_protocols() {
    let world = World::new();
    for number in 1..=3 {
        world.maze(number);
        world.answer(&format!("case_{number:05}"), RIGHT, &[FIRST, SECOND]);
    }
    for protocol in Protocol::ALL {
        let scores = world.maze_scores(protocol);
        for name in [
            "Maze-I|step",
            "Maze-I|sample",
            "Maze-T|step",
            "Maze-T|sample",
            "Maze-I well-formed|step",
            "Maze-I well-formed|sample",
        ] {
            assert_eq!((value(&scores, name), count(&scores, name)), (Some(100.0), 3), "{name}");
        }
        assert!(scores.exclusions.is_empty());
    }
}

#[test]
fn candidates_are_parted_by_the_line_of_dashes() {
    let world = World::new();
    world.maze(1);
    // As a Windows editor writes it.
    let texts = format!("{RIGHT}{SEPARATOR}<ANSWER_JSON>[\"up\"]</ANSWER_JSON>{SEPARATOR}")
        .replace('\n', "\r\n");
    world.answer("case_00001", &texts, &[FIRST, SECOND]);
    let scores = world.maze_scores(Protocol::Official);
    assert_eq!(count(&scores, "Maze-T|step"), 3);
    assert_eq!(value(&scores, "Maze-T|step"), Some(50.0));
    let sample = value(&scores, "Maze-I|sample").unwrap();
    assert!((sample - 100.0 / 3.0).abs() < 1e-12, "{sample}");
}

#[test]
fn incomplete_cases_leave_the_official_denominator_and_are_wrong_in_the_fixed_one() {
    let world = World::new();
    for number in 1..=4 {
        world.maze(number);
    }
    world.answer("case_00001", RIGHT, &[FIRST, SECOND]);
    // No answer at all, no record, and a record without a first picture.
    world.answer("case_00003", RIGHT, &[FIRST, SECOND]);
    fs::remove_file(world.path("outputs/maze/case_00003/result.json")).unwrap();
    world.answer("case_00004", RIGHT, &[FIRST, SECOND]);
    world.write("outputs/maze/case_00004/result.json", "{\"step0\": \"\"}");

    let official = world.maze_scores(Protocol::Official);
    assert_eq!(
        (value(&official, "Maze-I|sample"), count(&official, "Maze-I|sample")),
        (Some(100.0), 1)
    );
    let reasons: Vec<_> =
        official.exclusions.iter().map(|found| (found.case.as_str(), found.reason)).collect();
    assert_eq!(
        reasons,
        [
            ("case_00002", ExclusionReason::NoCandidate),
            ("case_00003", ExclusionReason::NoFirstPicture),
            ("case_00004", ExclusionReason::NoFirstPicture),
        ]
    );
    let fixed = world.maze_scores(Protocol::Fixed);
    assert_eq!((value(&fixed, "Maze-I|sample"), count(&fixed, "Maze-I|sample")), (Some(25.0), 4));
    assert!(fixed.exclusions.is_empty());
    let differences = differences(Task::Maze, &[official, fixed]);
    let cases: Vec<_> = differences.iter().map(|found| found.case.as_str()).collect();
    assert!(!cases.contains(&"case_00001") && cases.contains(&"case_00002"));
    assert!(differences.iter().all(|found| found.official.is_none() && found.fixed == Some(0.0)));
}

#[test]
fn faults_of_the_data_set_count_against_the_model_officially_alone() {
    let world = World::new();
    world.maze(1);
    world.answer("case_00001", RIGHT, &[FIRST, SECOND]);
    fs::remove_file(world.path("data/maze/maze_6x6_steps_00001.json")).unwrap();
    world.maze(2);
    world.answer("case_00002", RIGHT, &[FIRST, SECOND]);
    world.draw(
        "data/maze/maze_6x6_00002_steps/maze_step_0000.png",
        &small_maze(&MAZE.replace('S', ".")),
    );
    let official = world.maze_scores(Protocol::Official);
    assert_eq!((value(&official, "Maze-T|step"), count(&official, "Maze-T|step")), (Some(0.0), 1));
    assert_eq!(official.exclusions[0].reason, ExclusionReason::NoAgent);
    let fixed = world.maze_scores(Protocol::Fixed);
    assert_eq!((value(&fixed, "Maze-T|step"), count(&fixed, "Maze-T|step")), (None, 0));
    let reasons: Vec<_> = fixed.exclusions.iter().map(|found| found.reason).collect();
    assert_eq!(reasons, [ExclusionReason::NoMoves, ExclusionReason::NoAgent]);
    // The other name of the moves is known to the fixed protocol.
    world.write("data/maze/maze_6x6_steps_00001.json", r#"{"steps": ["up", "up"]}"#);
    assert_eq!(value(&world.maze_scores(Protocol::Official), "Maze-I|step"), Some(0.0));
    assert_eq!(value(&world.maze_scores(Protocol::Fixed), "Maze-I|step"), Some(100.0));
}

#[test]
fn a_picture_that_cannot_be_opened_stops_the_official_protocol_and_is_wrong_in_the_fixed_one() {
    let world = World::new();
    world.maze(1);
    world.answer("case_00001", RIGHT, &[FIRST, SECOND]);
    world.write("outputs/maze/case_00001/cand_01/model_image_01.png", "no picture");
    let failure = scores(&world.source(), Task::Maze, Protocol::Official).unwrap_err().message();
    assert!(failure.contains("case_00001") && failure.contains("model_image_01.png"), "{failure}");
    let fixed = world.maze_scores(Protocol::Fixed);
    assert_eq!(value(&fixed, "Maze-I|step"), Some(50.0));
    assert!(
        fixed.notes.iter().any(|note| note.contains("model_image_01.png")),
        "{:?}",
        fixed.notes
    );
}

#[test]
fn what_is_no_picture_is_a_frame_in_the_official_protocol_alone() {
    let world = World::new();
    world.maze(1);
    world.answer("case_00001", RIGHT, &[FIRST, SECOND]);
    world.write("outputs/maze/case_00001/cand_01/.DS_Store", "x");
    world.write("outputs/maze/case_00001/cand_01/log.txt", "x");
    assert!(scores(&world.source(), Task::Maze, Protocol::Official).is_err());
    let fixed = world.maze_scores(Protocol::Fixed);
    assert_eq!(value(&fixed, "Maze-I|sample"), Some(100.0));
}

#[test]
fn a_missing_folder_of_pictures_shifts_the_official_pairs_alone() {
    let world = World::new();
    world.maze(1);
    world.answer("case_00001", &format!("{RIGHT}{SEPARATOR}{RIGHT}"), &[]);
    for (index, rows) in [FIRST, SECOND].iter().enumerate() {
        let path = format!("outputs/maze/case_00001/cand_02/{index}.png");
        world.draw(&path, &small_maze(rows));
    }
    let of_candidate = |scores: &TaskScores| {
        let values =
            scores.cases.iter().map(|case| case.details["frames"].as_array().unwrap().len());
        values.collect::<Vec<_>>()
    };
    assert_eq!(of_candidate(&world.maze_scores(Protocol::Official)), [2, 0]);
    assert_eq!(of_candidate(&world.maze_scores(Protocol::Fixed)), [0, 2]);
}

#[test]
fn threads_change_nothing() {
    let world = World::new();
    for number in 1..=6 {
        world.maze(number);
        let frames: &[&str] = if number % 2 == 0 { &[FIRST, SECOND] } else { &[SECOND] };
        world.answer(&format!("case_{number:05}"), RIGHT, frames);
    }
    let of = |threads| {
        let stored = SlidingConvention::AsStored;
        scores_with(&world.source(), Task::Maze, Protocol::Official, stored, threads).unwrap()
    };
    let (one, four) = (of(1), of(4));
    assert_eq!(one.measurements, four.measurements);
    assert_eq!(one.cases, four.cases);
}

#[test]
fn wrong_folders_are_refused_with_advice() {
    let world = World::new();
    let message = |data: Option<&str>, outputs: &str| {
        let data = data.map(|data| world.path(data));
        Source::open(&world.path(outputs), data.as_deref()).unwrap_err().message()
    };
    assert!(message(None, "outputs").contains("--data"));
    assert!(message(Some("nowhere"), "outputs").contains("--data"));
    assert!(message(Some("data"), "nothing").contains(".jsonl"));
    world.maze(1);
    fs::remove_dir_all(world.path("data/maze")).unwrap();
    let failure = scores(&world.source(), Task::Maze, Protocol::Fixed).unwrap_err().message();
    assert!(failure.contains("--data") && failure.contains("maze_step_0000.png"), "{failure}");
    world.write("outputs/maze/case_00001/result.json", "[1]");
    let failure = scores(&world.source(), Task::Maze, Protocol::Fixed).unwrap_err().message();
    assert!(failure.contains("no JSON object"), "{failure}");
    fs::remove_dir_all(world.path("outputs/maze")).unwrap();
    let scores = scores(&world.source(), Task::Maze, Protocol::Fixed).unwrap();
    assert!(scores.measurements.iter().all(|measured| measured.absence().is_some()));
}

/// The instance of the paper's Figure 6: the empty cell moves down, right, right.
const BOARDS: [[u8; 9]; 4] = [
    [2, 3, 4, 1, 6, 7, 5, 8, 9],
    [2, 3, 4, 5, 6, 7, 1, 8, 9],
    [2, 3, 4, 5, 6, 7, 8, 1, 9],
    [2, 3, 4, 5, 6, 7, 8, 9, 1],
];

fn small_board(numbers: [u8; 9]) -> Canvas {
    sliding(numbers, SlidingStyle { cell: 40, margin: 6, ..SlidingStyle::default() })
}

impl World {
    fn sliding(&self, stored: &str, answered: &str) {
        let folder = "data/sliding/demo_3x3_00007_steps";
        for (index, board) in BOARDS.iter().enumerate() {
            self.draw(&format!("{folder}/demo_step_{index:04}.png"), &small_board(*board));
        }
        let truth = format!("{{\"steps_words\": {stored}}}");
        self.write("data/sliding/demo_3x3_steps_words_00007.json", &truth);
        let case = "outputs/sliding/case_demo_3x3_00007_steps";
        let record =
            format!("{{\"init_png\": \"{}/demo_step_0000.png\"}}", self.path(folder).display());
        self.write(&format!("{case}/result.json"), &record);
        self.write(
            &format!("{case}/model_text.txt"),
            &format!("<ANSWER_JSON>{answered}</ANSWER_JSON>"),
        );
        for (index, board) in BOARDS.iter().skip(1).enumerate() {
            self.draw(&format!("{case}/cand_01/{index}.png"), &small_board(*board));
        }
    }

    fn sliding_scores(&self, protocol: Protocol, convention: SlidingConvention) -> TaskScores {
        scores_with(&self.source(), Task::Sliding, protocol, convention, 2).unwrap()
    }
}

const EMPTY: &str = r#"["down", "right", "right"]"#;
const TILE: &str = r#"["up", "left", "left"]"#;

/// A model that obeys the prompt is wrong by the stored words, and right by the tiles' motion.
#[test]
fn the_convention_is_chosen_and_both_are_told() {
    let world = World::new();
    world.sliding(EMPTY, TILE);
    use SlidingConvention::{AsStored, Empty, Tile};
    for (protocol, convention, expected) in [
        (Protocol::Official, AsStored, 0.0),
        // The official protocol takes the words as they are stored, whatever is asked for.
        (Protocol::Official, Tile, 0.0),
        (Protocol::Fixed, AsStored, 0.0),
        (Protocol::Fixed, Empty, 0.0),
        (Protocol::Fixed, Tile, 100.0),
    ] {
        let scores = world.sliding_scores(protocol, convention);
        assert_eq!(value(&scores, "Sliding-T|step"), Some(expected), "{protocol:?} {convention:?}");
        assert_eq!(value(&scores, "Sliding-T|sample"), Some(expected));
        assert_eq!(value(&scores, "Sliding-I|sample"), Some(100.0));
        assert_eq!(value(&scores, "Sliding-T tile|sample"), Some(100.0));
        assert_eq!(value(&scores, "Sliding-T empty|step"), Some(0.0));
        assert!(
            scores
                .notes
                .iter()
                .any(|note| note.contains("empty cell in 1 cases, of the tile in 0"))
        );
    }
}

#[test]
fn stored_words_are_compared_as_they_are_officially() {
    let world = World::new();
    world.sliding(r#"["Down", "right ", 1]"#, EMPTY);
    let official = world.sliding_scores(Protocol::Official, SlidingConvention::AsStored);
    assert_eq!(value(&official, "Sliding-T|step"), Some(0.0));
    let fixed = world.sliding_scores(Protocol::Fixed, SlidingConvention::AsStored);
    let step = value(&fixed, "Sliding-T|step").unwrap();
    assert!((step - 200.0 / 3.0).abs() < 1e-12, "{step}");
}

#[test]
fn frames_that_the_data_set_lacks_leave_the_fixed_denominator() {
    let world = World::new();
    world.sliding(EMPTY, EMPTY);
    let folder = "data/sliding/demo_3x3_00007_steps";
    fs::remove_file(world.path(&format!("{folder}/demo_step_0002.png"))).unwrap();
    let official = world.sliding_scores(Protocol::Official, SlidingConvention::AsStored);
    // Two frames are expected: the first matches, the second is another.
    assert_eq!(value(&official, "Sliding-I|step"), Some(50.0));
    assert_eq!(value(&official, "Sliding-T tile|step"), None);
    let fixed = world.sliding_scores(Protocol::Fixed, SlidingConvention::Tile);
    assert_eq!(value(&fixed, "Sliding-I|step"), None);
    assert_eq!(value(&fixed, "Sliding-T|step"), None);
    assert!(fixed.exclusions.iter().all(|found| found.reason == ExclusionReason::UnclearFrames));
    for index in [1, 3] {
        fs::remove_file(world.path(&format!("{folder}/demo_step_{index:04}.png"))).unwrap();
    }
    let official = world.sliding_scores(Protocol::Official, SlidingConvention::AsStored);
    // Nothing is expected, and there is something.
    assert_eq!(value(&official, "Sliding-I|step"), Some(0.0));
    let fixed = world.sliding_scores(Protocol::Fixed, SlidingConvention::AsStored);
    assert_eq!(fixed.exclusions[0].reason, ExclusionReason::NoFrames);
    assert_eq!(value(&fixed, "Sliding-T|sample"), Some(100.0));
}
