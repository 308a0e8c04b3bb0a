//! Models played by a server on small data whose pictures the tests draw.

use super::*;
use crate::endpoint::testing::{Answer, Asked, ChatServer};
use crate::endpoint::{ChatService, Picture, Record};
use crate::images::raster::Rgb;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs;

/// A picture that no other `(kind, number)` has.
fn picture(kind: u8, number: usize) -> Vec<u8> {
    let image = Rgb::filled(8, 8, [kind, number as u8, 77]).unwrap();
    Picture::of_image(&image, "test").unwrap().bytes().to_vec()
}

/// Picture `step` of case `case` of a sequence.
fn frame(case: usize, step: usize) -> Vec<u8> {
    picture(case as u8, step)
}

fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

const MOVES: [&[&str]; 3] = [&["up", "left", "left"], &["right"], &["down", "right"]];

/// Three mazes and three sliding puzzles; the last of each becomes the example.
fn puzzles(data: &Path) {
    for (number, moves) in MOVES.iter().enumerate() {
        let maze = data.join("maze");
        put(
            &maze.join(format!("maze_6x6_steps_{number:05}.json")),
            json!({ "steps_long": moves }).to_string(),
        );
        let sliding = data.join("sliding");
        put(
            &sliding.join(format!("demo_3x3_steps_words_{:05}.json", number + 2)),
            json!({ "steps_words": moves }).to_string(),
        );
        for step in 0..=moves.len() {
            let frames = maze.join(format!("maze_6x6_{number:05}_steps"));
            put(&frames.join(format!("maze_step_{step:04}.png")), frame(number, step));
            let frames = sliding.join(format!("demo_3x3_{:05}_steps", number + 2));
            put(&frames.join(format!("demo_step_{step:04}.png")), frame(number + 10, step));
        }
    }
}

/// One case each of the other tasks; two jigsaws.
fn others(data: &Path) {
    let item = |number: usize| {
        let name = |what: &str| format!("data/jigsaw_dataset_2x2ref/ex_{number:05}/{what}.png");
        for (index, what) in ["ref", "cand0", "cand1"].into_iter().enumerate() {
            let path = data.parent().unwrap().join(name(what));
            put(&path, picture(100 + number as u8, index));
        }
        json!({
            "id": format!("ex_{number:05}"), "label": number % 2,
            "ref_panel": { "ref_image_path": name("ref") },
            "candidate_paths": [name("cand0"), name("cand1")],
        })
    };
    put(
        &data.join("jigsaw_dataset_2x2ref/metadata.json"),
        json!({ "items": [item(0), item(1)] }).to_string(),
    );
    put(&data.join("math_data/a.png"), picture(120, 0));
    let problem = json!({
        "type": "calculation", "problem_text_en": "Find x.", "choices_en": ["A: 1", "B: 2"],
        "auxiliary_text_en": "SECRET LINE", "original_image": "math_data/a.png",
    });
    put(
        &data.join("math_data/filtered.json"),
        json!({ "group/1": { "p 1": problem } }).to_string(),
    );
    put(&data.join("science/a.png"), picture(121, 0));
    let sample = json!({
        "input_image_file_path_list": ["data/science/a.png"], "input_prompt": "It is heated.",
        "output_prompt": "SECRET STATE",
    });
    put(
        &data.join("science/dim_all.json"),
        json!([{ "level_1_category": "Physics", "samples": [sample] }]).to_string(),
    );
    put(&data.join("svg/svg_00000.svg"), "<svg><circle r='3'/></svg>");
    let sample = json!({ "id": "svg_00000", "svg": "data/svg/svg_00000.svg", "png": "data/svg/svg_00000.png" });
    put(&data.join("svg/metadata.json"), json!({ "samples": [sample] }).to_string());
}

/// The texts of the last message.
fn words(asked: &Asked) -> String {
    let content = &asked.body["messages"].as_array().unwrap().last().unwrap()["content"];
    match content {
        Value::String(text) => text.clone(),
        parts => {
            let texts = parts.as_array().unwrap().iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
    }
}

/// Everything that was said and shown, as sent.
fn all(asked: &Asked) -> String {
    asked.body["messages"].to_string()
}

fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn reply(text: &str, pictures: &[Vec<u8>]) -> Answer {
    let images: Vec<Value> = pictures
        .iter()
        .map(|bytes| {
            let url = format!("data:image/png;base64,{}", encoded(bytes));
            json!({ "type": "image_url", "image_url": { "url": url } })
        })
        .collect();
    let message = json!({ "role": "assistant", "content": text, "images": images });
    let body = json!({ "model": "drawer-1", "choices": [{ "message": message, "finish_reason": "stop" }] });
    Answer::Raw("200 OK", vec![], body.to_string())
}

/// The case of a sequence that a conversation is about: the only picture of a step 0 that is not the example's.
fn case_of(asked: &Asked) -> Option<usize> {
    let first = asked.body["messages"][0]["content"].to_string();
    [0, 1, 10, 11].into_iter().find(|case| first.contains(&encoded(&frame(*case, 0))))
}

/// The number after `Round `.
fn round_of(words: &str) -> Option<usize> {
    let (_, behind) = words.rsplit_once("Round ")?;
    behind.split('.').next()?.parse().ok()
}

/// A model that solves every sequence, and draws something for every other question.
fn perfect(asked: &Asked) -> Answer {
    let words = words(asked);
    let Some(case) = case_of(asked) else { return draws(&words) };
    let moves = MOVES[case % 10];
    let list = format!("<ANSWER_JSON>{}</ANSWER_JSON>", json!(moves));
    if words.contains("in one reply") {
        let frames: Vec<_> = (1..=moves.len()).map(|step| frame(case, step)).collect();
        return reply(&list, &frames);
    }
    if words.contains("list of all moves in their order") {
        return reply(&list, &[]);
    }
    // How many pictures were drawn so far.
    let drawn = all(asked).matches("This is the picture that you drew:").count();
    match round_of(&words) {
        Some(round) if round > moves.len() => reply("DONE", &[]),
        Some(round) => reply(&format!("I go {}.", moves[round - 1]), &[]),
        None => reply("", &[frame(case, drawn + 1)]),
    }
}

fn draws(words: &str) -> Answer {
    let pictures = match words {
        words
            if words.contains("candidate 0 in the place")
                && words.contains("candidate 1 there") =>
        {
            2
        }
        words if words.contains("one picture") => 1,
        _ => 0,
    };
    let pictures: Vec<_> = (0..pictures).map(|number| picture(200, number)).collect();
    reply("<FINAL_ANSWER_JSON>{\"choice\": 1}</FINAL_ANSWER_JSON>", &pictures)
}

struct Bench {
    folder: tempfile::TempDir,
    server: ChatServer,
}

impl Bench {
    fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        puzzles(&folder.path().join("data"));
        others(&folder.path().join("data"));
        Self { folder, server: ChatServer::start(answer) }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.out().join("outputs").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.file(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn service(&self, concurrency: usize) -> ChatService {
        self.server.service(&self.out().join("replies"), concurrency)
    }

    fn drive_by(
        &self,
        service: &ChatService,
        tasks: &[Task],
        asking: Asking,
    ) -> Result<DrivingReport, Failure> {
        let (data, out) = (self.folder.path().join("data"), self.out());
        let request = DriveRequest { data: &data, out: &out, tasks, limit: None, asking };
        drive(&request, service, &Progress::new(true))
    }

    fn drive(&self, tasks: &[Task], asking: Asking) -> DrivingReport {
        self.drive_by(&self.service(4), tasks, asking).unwrap()
    }
}

fn asking() -> Asking {
    Asking {
        model: "drawer".to_owned(),
        parameters: ChatParameters::default(),
        mode: Mode::Rounds,
        step_count: StepCount::Hidden,
        most_rounds: NonZeroU32::new(5).unwrap(),
        names_modalities: true,
    }
}

#[test]
fn a_hidden_step_count_ends_where_the_model_says_so() {
    let bench = Bench::new(perfect);
    let report = bench.drive(&[Task::Maze, Task::Sliding], asking());
    assert_eq!(report.status(), ExitStatus::AsClaimed);
    assert_eq!(report.marks, Vec::<String>::new());
    // The last case is the example and is not asked.
    assert_eq!(bench.names("maze"), ["case_00000", "case_00001"]);
    assert_eq!(bench.names("sliding"), ["case_demo_3x3_00002_steps", "case_demo_3x3_00003_steps"]);
    for (folder, case) in [
        ("maze/case_00000", 0),
        ("maze/case_00001", 1),
        ("sliding/case_demo_3x3_00002_steps", 10),
        ("sliding/case_demo_3x3_00003_steps", 11),
    ] {
        let moves = MOVES[case % 10];
        let frames: Vec<String> =
            (1..=moves.len()).map(|step| format!("step_{step:04}.png")).collect();
        assert_eq!(bench.names(&format!("{folder}/cand_01")), frames, "{folder}");
        for (index, name) in frames.iter().enumerate() {
            let found = fs::read(bench.file(&format!("{folder}/cand_01/{name}"))).unwrap();
            assert_eq!(found, frame(case, index + 1), "{folder} {name}");
        }
        assert!(
            bench.text(&format!("{folder}/model_text.txt")).contains(&json!(moves).to_string())
        );
        let result = bench.json(&format!("{folder}/result.json"));
        assert_eq!(
            (&result["ended"], &result["step_count_leaked"]),
            (&json!("finished"), &json!(false))
        );
        // A plan and a picture a round, the plan that says DONE, the answer.
        let turns = bench.json(&format!("{folder}/turns.json"));
        assert_eq!(turns.as_array().unwrap().len(), 2 * moves.len() + 2);
    }
    let result = bench.json("maze/case_00000/result.json");
    assert_eq!(result["step0"], "maze/maze_6x6_00000_steps/maze_step_0000.png");
    assert!(bench.json("sliding/case_demo_3x3_00002_steps/result.json")["init_png"].is_string());
    let record = bench.json("driving.json");
    assert_eq!(record["identity"]["step_count_leaked"], false);
    assert_eq!(record["tasks"][0]["demonstration"], "maze_6x6_00002_steps");
    assert_eq!(record["replies"]["served_models"][0]["model"], "drawer-1");
    assert!(marks(&bench.out().join("outputs")).unwrap().is_empty());
}

#[test]
fn every_question_carries_the_example_and_what_was_drawn() {
    let bench = Bench::new(perfect);
    bench.drive(&[Task::Maze], asking());
    let asked = bench.server.asked();
    for request in &asked {
        let all = all(request);
        for step in 0..=2 {
            assert!(all.contains(&encoded(&frame(2, step))), "the example is shown whole");
        }
        // No frame of the ground truth but those that the model drew itself.
        if case_of(request) == Some(0) {
            let drawn = all.matches("This is the picture that you drew:").count();
            for step in 1..=3 {
                assert_eq!(all.contains(&encoded(&frame(0, step))), step <= drawn);
            }
        }
        let modalities = &request.body["modalities"];
        let wants_picture = words(request).contains("Draw the picture after this move");
        assert_eq!(modalities.as_array().unwrap().len(), if wants_picture { 2 } else { 1 });
        // Turns of the model have words alone.
        let messages = request.body["messages"].as_array().unwrap();
        assert!(
            messages.iter().filter(|m| m["role"] == "assistant").all(|m| m["content"].is_string())
        );
    }
    let bench = Bench::new(perfect);
    bench.drive(&[Task::Maze], Asking { names_modalities: false, ..asking() });
    assert!(bench.server.asked().iter().all(|request| request.body.get("modalities").is_none()));
}

#[test]
fn a_leaked_step_count_gives_exactly_as_many_rounds_and_is_marked() {
    // A model that never says that it is done.
    let bench = Bench::new(|asked| match round_of(&words(asked)) {
        Some(_) => reply("I move.", &[]),
        None => perfect(asked),
    });
    let leaked = Asking { step_count: StepCount::Leaked, ..asking() };
    let report = bench.drive(&[Task::Maze, Task::Sliding], leaked);
    assert_eq!(report.status(), ExitStatus::AsClaimed);
    for (folder, moves) in [("maze/case_00000", MOVES[0]), ("maze/case_00001", MOVES[1])] {
        assert_eq!(bench.names(&format!("{folder}/cand_01")).len(), moves.len());
        let result = bench.json(&format!("{folder}/result.json"));
        assert_eq!(
            (&result["ended"], &result["step_count_leaked"]),
            (&json!("finished"), &json!(true))
        );
    }
    assert!(bench.server.asked().iter().all(|request| !all(request).contains("DONE")));
    let outputs = bench.out().join("outputs");
    let [mark]: [String; 1] = marks(&outputs).unwrap().try_into().unwrap();
    assert!(mark.starts_with("The model was told how long the solution is"), "{mark}");
    assert_eq!(report.marks, [mark]);

    // The mark stands there before the first answer.
    let stopped = Bench::new(|_| Answer::Raw("401 Unauthorized", vec![], "no".to_owned()));
    let leaked = Asking { step_count: StepCount::Leaked, ..asking() };
    let report = stopped.drive_by(&stopped.service(1), &[Task::Maze], leaked).unwrap();
    assert_eq!(report.status(), ExitStatus::Incomplete);
    assert!(marks(&stopped.out().join("outputs")).unwrap()[0].starts_with("The model was told"));
    assert_eq!(stopped.server.asked().len(), 1, "a refused key ends the run");
}

#[test]
fn rounds_end_at_their_limit_or_without_a_picture() {
    for (text, pictures, kept, ended) in [
        ("I move.", vec![picture(50, 1)], 5, "round-limit"),
        ("I move.", vec![], 0, "no-picture"),
        ("I move.", vec![b"\x89PNG\r\n\x1a\nbroken".to_vec()], 0, "unreadable-picture"),
        ("Done.", vec![picture(50, 1)], 0, "finished"),
    ] {
        let bench = Bench::new(move |asked| match round_of(&words(asked)) {
            Some(_) => reply(text, &[]),
            None if words(asked).contains("list of all moves") => reply("none", &[]),
            None => reply("", &pictures),
        });
        let report = bench.drive(&[Task::Maze], asking());
        // However it ended, the answer was asked for.
        assert_eq!(report.status(), ExitStatus::AsClaimed);
        assert_eq!(bench.names("maze/case_00000/cand_01").len(), kept, "{ended}");
        assert_eq!(bench.text("maze/case_00000/model_text.txt"), "none");
        assert_eq!(bench.json("maze/case_00000/result.json")["ended"], ended);
        let record = bench.json("driving.json");
        assert_eq!(record["tasks"][0]["cases"][0]["ended"], ended);
    }
}

#[test]
fn one_reply_may_hold_a_whole_case() {
    let whole = Asking { mode: Mode::Whole, ..asking() };
    let bench = Bench::new(perfect);
    bench.drive(&Task::ALL, whole.clone());
    assert_eq!(bench.names("maze/case_00000/cand_01").len(), 3);
    assert_eq!(
        bench.names("jigsaw/ex_00000"),
        [
            "model_image_0001.png",
            "model_image_0002.png",
            "model_text.txt",
            "result.json",
            "turns.json"
        ]
    );
    let cases = 2 + 2 + 2 + 1 + 1 + 1;
    assert_eq!(bench.server.asked().len(), cases);
    let told = |bench: &Bench| bench.server.asked().iter().any(|r| all(r).contains("has 3 moves"));
    assert!(!told(&bench));
    let bench = Bench::new(perfect);
    bench.drive(&[Task::Maze], Asking { step_count: StepCount::Leaked, ..whole });
    assert!(told(&bench));
}

#[test]
fn every_task_has_the_files_that_the_scorer_reads() {
    let bench = Bench::new(perfect);
    let report = bench.drive(&Task::ALL, asking());
    assert_eq!(report.status(), ExitStatus::AsClaimed, "{}", report.to_text());
    for (folder, pictures) in [
        ("jigsaw/ex_00000", 2),
        ("jigsaw/ex_00001", 2),
        ("math/group_1__p_1", 1),
        ("science/case_01", 1),
        ("code/case_01_svg_00000", 1),
    ] {
        let images =
            bench.names(folder).into_iter().filter(|name| name.starts_with("model_image_"));
        assert_eq!(images.count(), pictures, "{folder}");
        assert!(!bench.text(&format!("{folder}/model_text.txt")).is_empty());
    }
    let summary = bench.json("jigsaw/summary.json");
    assert_eq!(summary, json!({"per_item": [{"id": "ex_00000"}, {"id": "ex_00001"}]}));
    let result = bench.json("code/case_01_svg_00000/result.json");
    assert_eq!(
        (&result["svg"], &result["png"]),
        (&json!("data/svg/svg_00000.svg"), &json!("data/svg/svg_00000.png"))
    );
    // The ground truth is never shown.
    for request in bench.server.asked() {
        assert!(!all(&request).contains("SECRET"));
    }
    let sent = bench.server.asked();
    let said = |text: &str| sent.iter().any(|request| all(request).contains(text));
    assert!(said("Find x.") && said("B: 2") && said("It is heated.") && said("circle r='3'"));
    assert!(said("Final answer") && !said("Conclusion"));
}

#[test]
fn a_case_that_fails_is_named_and_the_rest_goes_on() {
    let refused = |status: &'static str| {
        Bench::new(move |asked| match case_of(asked) {
            Some(0) => Answer::Raw(status, vec![], "not this one".to_owned()),
            _ => perfect(asked),
        })
    };
    for (status, expected) in
        [("400 Bad Request", ExitStatus::Incomplete), ("503 Busy", ExitStatus::Temporary)]
    {
        let bench = refused(status);
        let report = bench.drive(&[Task::Maze], asking());
        assert_eq!(report.status(), expected);
        assert_eq!(bench.names("maze"), ["case_00001"]);
        let text = report.to_text();
        assert!(text.contains("1 of 2 cases have answers"), "{text}");
        assert!(text.contains("maze_6x6_00000_steps") && text.contains("not this one"), "{text}");
        assert!(text.contains("leaves such cases out of the denominator"), "{text}");
        let record = bench.json("driving.json");
        assert_eq!(record["tasks"][0]["cases"][0]["outcome"], "failed");
        assert_eq!(record["tasks"][0]["cases"][1]["outcome"], "answered");
    }
}

#[test]
fn a_run_that_broke_off_asks_nothing_twice_and_ends_alike() {
    let whole = Bench::new(perfect);
    whole.drive(&Task::ALL, asking());
    let count = whole.server.asked().len();
    for broken_after in [1, 4, 9, 17] {
        let first = std::sync::atomic::AtomicUsize::new(0);
        let bench = Bench::new(move |asked| {
            // From then on nothing works, until the second run.
            match first.fetch_add(1, Ordering::SeqCst) {
                number if (broken_after..broken_after + 6).contains(&number) => {
                    Answer::Raw("400 Bad Request", vec![], "broken".to_owned())
                }
                _ => perfect(asked),
            }
        });
        let broken = bench.drive_by(&bench.service(1), &Task::ALL, asking()).unwrap();
        assert_ne!(broken.status(), ExitStatus::AsClaimed);
        let report = bench.drive(&Task::ALL, asking());
        assert_eq!(report.status(), ExitStatus::AsClaimed);
        let asked = bench.server.asked();
        let answered: Vec<String> = asked.iter().map(|request| request.body.to_string()).collect();
        let distinct: HashSet<&String> = answered.iter().collect();
        // Only what was refused is asked again.
        assert_eq!((distinct.len(), answered.len()), (count, count + 6));
        assert_eq!(files(&bench.file("")), files(&whole.file("")));
    }
}

/// Every file with its bytes, but for the address of the server.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read(&path).unwrap();
                let text = match path.extension().is_some_and(|kind| kind == "json") {
                    true => {
                        let text = String::from_utf8(text).unwrap();
                        let lines = text.lines().filter(|line| !line.contains("127.0.0.1"));
                        lines.collect::<String>().into_bytes()
                    }
                    false => text,
                };
                files.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    files
}

#[test]
fn threads_change_nothing_and_a_replay_needs_no_server() {
    let outcome = |concurrency| {
        let bench = Bench::new(perfect);
        bench.drive_by(&bench.service(concurrency), &Task::ALL, asking()).unwrap();
        let before = files(&bench.file(""));
        let asked = bench.server.asked().len();
        fs::remove_dir_all(bench.file("maze")).unwrap();
        let replay =
            ChatService::replay(Record::open_to_read(&bench.out().join("replies")).unwrap());
        let report = bench.drive_by(&replay, &Task::ALL, asking()).unwrap();
        assert_eq!((report.asked, bench.server.asked().len()), (0, asked));
        assert_eq!(files(&bench.file("")), before);
        before
    };
    assert_eq!(outcome(1), outcome(8));
}

#[test]
fn answers_of_different_questions_do_not_mix() {
    let bench = Bench::new(perfect);
    bench.drive(&[Task::Maze], asking());
    for other in [
        Asking { model: "other".to_owned(), ..asking() },
        Asking { mode: Mode::Whole, ..asking() },
        Asking { step_count: StepCount::Leaked, ..asking() },
        Asking { most_rounds: NonZeroU32::MIN, ..asking() },
        Asking {
            parameters: ChatParameters { seed: Some(1), ..ChatParameters::default() },
            ..asking()
        },
    ] {
        let error = bench.drive_by(&bench.service(1), &[Task::Maze], other).unwrap_err();
        assert!(error.message().contains("choose another folder with --out"), "{error:?}");
    }
    // Another task joins the first one.
    bench.drive(&[Task::Code], asking());
    let record = bench.json("driving.json");
    let tasks: Vec<_> = record["tasks"].as_array().unwrap().iter().map(|t| &t["task"]).collect();
    assert_eq!(tasks, ["code", "maze"]);
}

#[test]
fn data_that_cannot_be_used_is_refused_before_anything_is_asked() {
    let bench = Bench::new(perfect);
    let data = bench.folder.path().join("data");
    let refused = |tasks: &[Task], asking: Asking| {
        let error = bench.drive_by(&bench.service(1), tasks, asking).unwrap_err().message();
        assert!(bench.server.asked().is_empty());
        error
    };
    fs::remove_file(data.join("maze/maze_6x6_steps_00000.json")).unwrap();
    let leaked = Asking { step_count: StepCount::Leaked, ..asking() };
    let error = refused(&[Task::Maze], leaked);
    assert!(error.contains("--leak-step-count needs the ground truth"), "{error}");
    for (file, content, task, expected) in [
        (
            "svg/metadata.json",
            r#"{"samples": [{"id": "../x", "svg": "a"}]}"#,
            Task::Code,
            "expected an `id`",
        ),
        (
            "svg/metadata.json",
            r#"{"samples": [{"id": "x", "svg": "../../etc/passwd"}]}"#,
            Task::Code,
            "is not in",
        ),
        ("svg/metadata.json", "{", Task::Code, "is not JSON"),
        ("svg/metadata.json", "{}", Task::Code, "expected a list"),
        ("science/dim_all.json", "{}", Task::Science, "expected a list of blocks"),
        ("math_data/filtered.json", r#"{"a": {"b": {}}}"#, Task::Geometry, "no `problem_text_en`"),
        (
            "jigsaw_dataset_2x2ref/metadata.json",
            r#"{"items": [{"id": "a"}]}"#,
            Task::Jigsaw,
            "expected the path of a picture",
        ),
        ("maze/maze_6x6_steps_00002.json", "[]", Task::Maze, "no list of moves"),
    ] {
        put(&data.join(file), content);
        let error = refused(&[task], asking());
        assert!(error.contains(expected), "{file}: {error}");
    }
    let empty = bench.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let out = bench.out();
    let request =
        DriveRequest { data: &empty, out: &out, tasks: &Task::ALL, limit: None, asking: asking() };
    let error = drive(&request, &bench.service(1), &Progress::new(true)).unwrap_err().message();
    assert!(error.contains("none of the tasks asked for has cases there"), "{error}");
}
