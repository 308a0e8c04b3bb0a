//! Judged tasks on folders as the released scripts lay them out, with a judge that a test plays.

use crate::endpoint::ChatParameters;
use crate::endpoint::testing::{Answer, Asked, ChatServer};
use crate::failure::Failure;
use crate::judge::{Judge, JudgeModels, JudgeParameters, Judging};
use crate::progress::Progress;
use crate::threads::Threads;
use crate::unified::{Scoring, Source, TaskScores, score};
use retally_metrics::AbsenceReason;
use retally_metrics::unified::sliding::SlidingConvention;
use retally_metrics::unified::{Protocol, Task};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

use Protocol::{Fixed, Official};

/// Answers below `outputs`, the data set below `data`.
struct World {
    root: TempDir,
}

impl World {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn picture(&self, path: &str, colour: u8) {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(4, 4, image::Rgb([colour; 3])).save(path).unwrap();
    }

    fn json(&self, path: &str, value: &Value) {
        self.write(path, value.to_string());
    }

    fn source(&self) -> Source {
        Source::open(&self.root.path().join("outputs"), Some(&self.root.path().join("data")))
            .unwrap()
    }

    fn score(
        &self,
        judging: &Judging,
        task: Task,
        protocol: Protocol,
    ) -> Result<TaskScores, Failure> {
        let scoring = Scoring {
            source: &self.source(),
            protocol,
            convention: SlidingConvention::AsStored,
            dreamsim: None,
            judging,
            threads: &Threads::new(None).unwrap(),
            progress: &Progress::new(true),
        };
        score(task, &scoring)
    }
}

/// A judge behind a server, with a record in `folder`.
fn judging(server: &ChatServer, folder: &Path) -> Judging {
    let models = JudgeModels { vision: "sees".to_owned(), text: "reads".to_owned() };
    let parameters = JudgeParameters { chat: ChatParameters::default(), prompt_tokens: true };
    Judging::Ready(Box::new(Judge::new(server.service(folder, 4), models, parameters)))
}

/// Value, to nine digits, and n of a column.
fn column(scores: &TaskScores, name: &str) -> (Option<f64>, u64) {
    let measured = scores.measurements.iter().find(|measured| measured.metric == name).unwrap();
    (measured.value().map(rounded), measured.n)
}

fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// All texts of the only message.
fn texts(asked: &Asked) -> String {
    let content = &asked.body["messages"][0]["content"];
    let parts = content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    content.as_str().into_iter().chain(parts).collect::<Vec<_>>().join("\n")
}

fn always(reply: &'static str) -> ChatServer {
    ChatServer::start(move |_| Answer::Says(reply.to_owned()))
}

/// Five problems: answered, without a picture, without a text, without reference, without a folder.
fn geometry() -> World {
    let world = World::new();
    let item = |name: &str, kind: &str| {
        json!({"type": kind, "problem_text_en": "", "problem_text": format!("problem {name}"), "auxiliary_text_en": format!("line {name}"),
            "solution_en": null, "solution": "because", "original_image": "images/o.png", "auxiliary_image": format!("images/{name}.png")})
    };
    world.json(
        "data/math_data/filtered.json",
        &json!({"group 1": {"a": item("a", "Calculation"), "b": item("b", "proving")},
            "group/2": {"c": item("c", "calc"), "d": item("d", "calc"), "e": item("e", "calc")}}),
    );
    world.picture("data/math_data/images/o.png", 1);
    for (index, name) in (2..).zip(["a", "b", "c", "e"]) {
        world.picture(&format!("data/math_data/images/{name}.png"), index);
    }
    for (folder, text, image) in [
        ("group_1__a", true, true),
        ("group_1__b", true, false),
        ("group_2__c", false, true),
        ("group_2__d", true, true),
    ] {
        std::fs::create_dir_all(world.root.path().join("outputs/math").join(folder)).unwrap();
        if text {
            world.write(
                &format!("outputs/math/{folder}/model_text.txt"),
                format!("text of {folder}"),
            );
        }
        if image {
            world.picture(&format!("outputs/math/{folder}/model_image_01.png"), 100);
            world.picture(&format!("outputs/math/{folder}/model_image_02.png"), 101);
        }
    }
    world
}

#[test]
fn geometry_counts_what_each_protocol_counts() {
    let world = geometry();
    let server = ChatServer::start(|asked| {
        let reply = if texts(asked).contains("overlay_ok") {
            r#"{"overlay_ok": 1}"#
        } else {
            r#"{"reasoning_rigorous": 1, "conclusion_correct": 1, "calc_numeric_match": 1, "text_ok": 1}"#
        };
        Answer::Says(reply.to_owned())
    });
    let record = tempfile::tempdir().unwrap();
    let judging = judging(&server, record.path());
    // d has no reference, e no folder: both left out. b has no picture; c has no text, which is judged all the same.
    let official = world.score(&judging, Task::Geometry, Official).unwrap();
    assert_eq!(column(&official, "Geometry-I"), (Some(rounded(200.0 / 3.0)), 3));
    assert_eq!(column(&official, "Geometry-T"), (Some(100.0), 3));
    assert_eq!(official.exclusions.len(), 4);
    let asked = server.asked();
    assert_eq!(asked.len(), 2 + 3);
    // The vision judge sees the problem's figure, the reference and the first picture.
    let overlay = asked.iter().find(|asked| texts(asked).contains("line a")).unwrap();
    assert_eq!(
        (&overlay.body["model"], &overlay.body["max_tokens"]),
        (&json!("sees"), &json!(512))
    );
    let pictures = overlay.body["messages"][0]["content"].as_array().unwrap().iter();
    assert_eq!(pictures.filter(|part| part["type"] == "image_url").count(), 3);
    let solution = asked.iter().find(|asked| texts(asked).contains("text of group_1__b")).unwrap();
    assert_eq!(
        (&solution.body["model"], &solution.body["max_tokens"]),
        (&json!("reads"), &json!(32_767))
    );
    let text = texts(solution);
    assert!(
        text.contains("problem b")
            && text.contains("because")
            && text.contains("Kind of problem: proof"),
        "{text}"
    );

    // The missing folder and the missing text are wrong answers; nothing new is asked.
    let fixed = world.score(&judging, Task::Geometry, Fixed).unwrap();
    assert_eq!(column(&fixed, "Geometry-I"), (Some(50.0), 4));
    assert_eq!(column(&fixed, "Geometry-T"), (Some(50.0), 4));
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn geometry_asks_twice_where_int_raises() {
    let world = geometry();
    let record = tempfile::tempdir().unwrap();
    let server = ChatServer::start(|asked| {
        let reply = match (texts(asked).contains("overlay_ok"), asked.earlier) {
            (true, 0) => r#"{"overlay_ok": "maybe"}"#,
            (true, _) => r#"{"overlay_ok": 1}"#,
            (false, _) => r#"{"reasoning_rigorous": null, "conclusion_correct": 1, "text_ok": 1}"#,
        };
        Answer::Says(reply.to_owned())
    });
    let judging = judging(&server, record.path());
    let official = world.score(&judging, Task::Geometry, Official).unwrap();
    assert_eq!(column(&official, "Geometry-I"), (Some(rounded(200.0 / 3.0)), 3));
    assert_eq!(column(&official, "Geometry-T"), (Some(0.0), 3));
    assert_eq!(server.asked().len(), 2 * 2 + 3 * 2);
    assert!(
        official.notes.iter().any(|note| note.contains("no clear reply 3 times")),
        "{:?}",
        official.notes
    );
    // Fixed: a third time, then the cases are left out; c without a text is wrong.
    let fixed = world.score(&judging, Task::Geometry, Fixed).unwrap();
    assert_eq!(column(&fixed, "Geometry-T"), (Some(0.0), 2));
}

#[test]
fn science_numbers_its_cases_and_counts_all_of_them() {
    let world = World::new();
    let sample = |number: u8, end: Value| json!({"input_image_file_path_list": ["data/science/images/start.png"], "input_prompt": format!("condition {number}"), "output_prompt": end});
    let blocks = json!([
        {"level_1_category": "physics", "samples": [sample(1, json!("melts")), sample(2, json!("freezes"))]},
        {"level_1_category": "biology", "samples": [sample(3, Value::Null), sample(4, json!("grows"))]},
    ]);
    world.json("data/science/dim_all.json", &blocks);
    world.picture("data/science/images/start.png", 1);
    for case in ["case_01", "case_02", "case_03"] {
        world.write(&format!("outputs/science/{case}/model_text.txt"), format!("text of {case}"));
    }
    world.picture("outputs/science/case_01/model_image_1.png", 7);
    world.write("outputs/science/case_02/model_image_1.png", "no picture");
    world.picture("outputs/science/case_03/model_image_1.png", 8);
    let server = always(r#"{"reasoning_correct": 1, "result_correct": 1, "image_correct": 1}"#);
    let record = tempfile::tempdir().unwrap();
    let judging = judging(&server, record.path());
    // Case 3 has no known end, case 4 no folder.
    let official = world.score(&judging, Task::Science, Official).unwrap();
    assert_eq!(column(&official, "Science-R"), (Some(50.0), 4));
    assert_eq!(column(&official, "Science-I"), (Some(50.0), 4));
    assert!(
        server
            .asked()
            .iter()
            .any(|asked| texts(asked).contains("condition 2") && texts(asked).contains("freezes"))
    );
    let fixed = world.score(&judging, Task::Science, Fixed).unwrap();
    assert_eq!(column(&fixed, "Science-T"), (Some(rounded(200.0 / 3.0)), 3));
    assert_eq!(column(&fixed, "Science-I"), (Some(rounded(100.0 / 3.0)), 3));
}

/// Three programs in the data set; the first has two pictures, the second no reference file, the third no folder.
fn code() -> World {
    let world = World::new();
    world.json(
        "data/svg/metadata.json",
        &json!({"samples": [{"id": "x_1", "svg": "x.svg", "png": "x.png"}, {"id": 2, "svg": "two.svg"}, {"id": "z", "svg": "x.svg"}]}),
    );
    world.write(
        "data/svg/x.svg",
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"><rect width="8" height="8" fill="#9B59B6"/></svg>"##,
    );
    world.json("outputs/code/case_0_x_1/result.json", &json!({"svg": "x.svg", "png": "x.png"}));
    world.write(
        "outputs/code/case_0_x_1/model_text.txt",
        "<RENDER_SUMMARY> a purple square </RENDER_SUMMARY>",
    );
    world.picture("outputs/code/case_0_x_1/model_image_1.png", 1);
    world.picture("outputs/code/case_0_x_1/model_image_2.png", 2);
    world.json("outputs/code/case_1_2/result.json", &json!({"svg": "two.svg"}));
    world.write("outputs/code/case_1_2/model_text.txt", "<RENDER_SUMMARY>nothing</RENDER_SUMMARY>");
    world.picture("outputs/code/case_1_2/model_image_1.png", 3);
    world
}

#[test]
fn code_takes_the_best_picture_and_draws_references() {
    let world = code();
    let first =
        std::fs::read(world.root.path().join("outputs/code/case_0_x_1/model_image_1.png")).unwrap();
    let first = crate::endpoint::Picture::of_bytes(first, "first").unwrap().data_url();
    let server = ChatServer::start(move |asked| {
        let reply = if texts(asked).contains("text_semantic_match") {
            r#"{"text_semantic_match": "0"}"#
        } else if asked.body.to_string().contains(&first) {
            r#"{"shape_color_accuracy": 2, "position_accuracy": 2, "verdict": "partial"}"#
        } else {
            r#"{"shape_color_accuracy": 5, "position_accuracy": 3, "verdict": "partial"}"#
        };
        Answer::Says(reply.to_owned())
    });
    let record = tempfile::tempdir().unwrap();
    let judging = judging(&server, record.path());
    let official = world.score(&judging, Task::Code, Official).unwrap();
    assert_eq!(column(&official, "Code-S"), (Some(2.5), 2));
    assert_eq!(column(&official, "Code-P"), (Some(1.5), 2));
    assert_eq!(column(&official, "Code-T"), (Some(50.0), 2));
    assert_eq!(server.asked().len(), 3);
    // The second has no reference and is left out, the third no answer and is wrong.
    let fixed = world.score(&judging, Task::Code, Fixed).unwrap();
    assert_eq!(column(&fixed, "Code-S"), (Some(2.5), 2));
    assert_eq!(column(&fixed, "Code-T"), (Some(0.0), 2));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_score_that_stops_the_released_script_has_no_official_value() {
    let world = code();
    let server = always(
        r#"{"shape_color_accuracy": null, "position_accuracy": 3, "text_semantic_match": 1}"#,
    );
    let record = tempfile::tempdir().unwrap();
    let judging = judging(&server, record.path());
    let official = world.score(&judging, Task::Code, Official).unwrap();
    let shape = official.measurements.iter().find(|measured| measured.metric == "Code-S").unwrap();
    let absence = shape.absence().unwrap();
    assert_eq!(absence.reason, AbsenceReason::Undefined);
    assert!(
        absence.detail.contains("case_0_x_1") && absence.detail.contains("None"),
        "{absence:?}"
    );
    assert_eq!(column(&official, "Code-T"), (Some(50.0), 2));
    // Fixed, the case is left out.
    let fixed = world.score(&judging, Task::Code, Fixed).unwrap();
    assert_eq!(column(&fixed, "Code-S"), (Some(0.0), 1));
}

#[test]
fn nobody_and_nothing_to_judge_are_not_run() {
    let world = geometry();
    let nobody = Judging::NotRun("not run: nobody".to_owned());
    let scores = world.score(&nobody, Task::Geometry, Fixed).unwrap();
    assert_eq!(scores.measurements[0].absence().unwrap().detail, "not run: nobody");
    let server = always("{}");
    let record = tempfile::tempdir().unwrap();
    let judging = judging(&server, record.path());
    let scores = world.score(&judging, Task::Science, Official).unwrap();
    let detail = &scores.measurements[0].absence().unwrap().detail;
    assert!(detail.starts_with("not run: there is no folder"), "{detail}");
    // A damaged data set is an error that names its file.
    world.write("data/math_data/filtered.json", "[]");
    let failure = world.score(&judging, Task::Geometry, Official).unwrap_err();
    assert!(failure.message().contains("filtered.json"), "{}", failure.message());
}
