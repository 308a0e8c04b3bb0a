//! Judged columns through the real program: canned replies give what arithmetic says, trouble and interruptions change nothing, the key is nowhere.

use crate::chat_server::{Answer, Asked, ChatServer};
use crate::program::{Finished, binary, text};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SECRET: &str = "sk-of-the-test/0123456789";

/// Answers of one line a case: six of geometry, four of science, three of code with two pictures each.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let picture = |name: &str, colour: u8| {
            let image = image::RgbImage::from_pixel(8, 8, image::Rgb([colour, 40, 200]));
            image.save(folder.path().join(name)).unwrap();
        };
        for (index, name) in ["original", "overlay", "initial"].iter().enumerate() {
            picture(&format!("{name}.png"), index as u8);
        }
        fs::write(
            folder.path().join("program.svg"),
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><circle cx="20" cy="20" r="9" fill="#3498DB"/></svg>"##,
        )
        .unwrap();
        let mut lines = Vec::new();
        for case in 0..6_u8 {
            picture(&format!("lines-{case}.png"), 10 + case);
            lines.push(json!({
                "task": "geometry", "id": format!("g{case}"), "texts": [format!("solution={case}")],
                "images": [[format!("lines-{case}.png")]],
                "ground_truth": {"type": "calculation", "problem": "How long?", "solution": "5", "lines": format!("line={case}"),
                    "original": "original.png", "overlay": "overlay.png"},
            }));
        }
        for case in 0..4_u8 {
            picture(&format!("end-{case}.png"), 30 + case);
            lines.push(json!({
                "task": "science", "id": format!("s{case}"), "texts": [format!("explanation={case}")],
                "images": [[format!("end-{case}.png")]],
                "ground_truth": {"initial": "initial.png", "condition": format!("condition={case}"), "end": "it melts"},
            }));
        }
        for case in 0..3_u8 {
            let images: Vec<String> =
                (0..2).map(|image| format!("drawing-{case}-{image}.png")).collect();
            for (image, name) in (0..).zip(&images) {
                picture(name, 50 + 2 * case + image);
            }
            lines.push(json!({
                "task": "code", "id": format!("c{case}"), "texts": [format!("<RENDER_SUMMARY>summary={case}</RENDER_SUMMARY>")],
                "images": [images], "ground_truth": {"svg": "program.svg"},
            }));
        }
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        fs::write(folder.path().join("answers.jsonl"), lines.join("\n")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `retally score uni-mmmu answers.jsonl` with judged tasks alone.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["score", "uni-mmmu", "answers.jsonl"]);
        if !arguments.contains(&"--task") {
            command.args(["--task", "geometry", "--task", "science", "--task", "code"]);
        }
        command
            .args(arguments)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "400")
            .env_remove("RETALLY_API_KEY");
        command.env("RETALLY_HOME", self.path("home")).current_dir(self.folder.path());
        command
    }

    fn judged(&self, server: &ChatServer, record: &str, arguments: &[&str]) -> Command {
        let url = server.url();
        let mut all =
            vec!["--judge-endpoint", &url, "--judge-model", "canned", "--judge-record", record];
        all.extend(arguments);
        self.command(&all)
    }

    fn json(&self, command: &mut Command) -> Value {
        let finished = Finished::of(command.arg("--json"));
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.json()
    }
}

/// The number in a text behind a word.
fn number_behind(text: &str, word: &str) -> usize {
    let rest = text.split_once(word).unwrap_or_else(|| panic!("`{word}` is not in: {text}")).1;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// A judge whose marks are known, in the ways of speaking of judges.
fn canned(asked: &Asked) -> Answer {
    let text = asked.text();
    let reply = if text.contains("overlay_ok") {
        // Right for 0, 1 and 2; 1 thinks aloud with braces first.
        let ok = u8::from(number_behind(&text, "line=") < 3);
        match number_behind(&text, "line=") {
            1 => format!("<think>segment {{AB}}?</think>{{\"overlay_ok\": {ok}}}"),
            2 => format!("```json\n{{\"overlay_ok\": {ok}, \"overlay_reason\": \"drawn\"}}\n```"),
            _ => format!("{{\"overlay_ok\": {ok}}}"),
        }
    } else if text.contains("reasoning_rigorous") {
        match number_behind(&text, "solution=") {
            // Passes although it is not rigorous.
            0 => r#"{"reasoning_rigorous": 0, "conclusion_correct": 1, "calc_numeric_match": 1, "text_ok": 1}"#.to_owned(),
            1 | 2 => r#"{"reasoning_rigorous": 1, "conclusion_correct": 1, "calc_numeric_match": 1, "text_ok": 1}"#.to_owned(),
            // Unterminated, whenever it is asked.
            3 => r#"{"reasoning_rigorous": 1, "conclusion_correct": 1"#.to_owned(),
            _ => r#"{"reasoning_rigorous": 1, "conclusion_correct": 0, "calc_numeric_match": 0, "text_ok": 0}"#.to_owned(),
        }
    } else if text.contains("reasoning_correct") {
        match number_behind(&text, "explanation=") {
            0 => r#"{"reasoning_correct": 1, "result_correct": "0"}"#.to_owned(),
            1 => r#"{"reasoning_correct": 1, "result_correct": 1}"#.to_owned(),
            2 => r#"{"result_correct": 1}"#.to_owned(),
            _ => r#"{"reasoning_correct": 0, "result_correct": 0}"#.to_owned(),
        }
    } else if text.contains("image_correct") {
        format!("{{\"image_correct\": {}}}", number_behind(&text, "condition=") % 2)
    } else if text.contains("shape_color_accuracy") {
        r#"{"shape_color_accuracy": 4, "position_accuracy": 3, "verdict": "match"}"#.to_owned()
    } else {
        format!("{{\"text_semantic_match\": {}}}", u8::from(number_behind(&text, "summary=") == 0))
    };
    Answer::Says(reply)
}

/// Value and n of a column.
fn column(document: &Value, protocol: &str, name: &str) -> (f64, u64) {
    let scores = document["scores"].as_array().unwrap().iter();
    let mut measured = scores
        .filter(|scores| scores["protocol"] == protocol)
        .flat_map(|scores| scores["measurements"].as_array().unwrap());
    let found = measured.find(|measured| measured["metric"] == name).unwrap();
    (found["value"].as_f64().unwrap_or(f64::NAN), found["n"].as_u64().unwrap())
}

#[test]
fn canned_replies_give_what_arithmetic_says() {
    let bench = Bench::new();
    let server = ChatServer::start(canned);
    let document = bench.json(&mut bench.judged(&server, "record", &[]));
    let third = 100.0 / 3.0;
    for (name, official, fixed) in [
        // Thinking aloud costs case 1 its right answer.
        ("Geometry-I", (third, 6), (50.0, 6)),
        // The claim of case 0; the cut reply of case 3 is 0, or no judgement.
        ("Geometry-T", (50.0, 6), (40.0, 5)),
        ("Science-R", (50.0, 4), (200.0 / 3.0, 3)),
        // "0" is true.
        ("Science-T", (75.0, 4), (third, 3)),
        ("Science-I", (50.0, 4), (50.0, 4)),
        ("Code-T", (third, 3), (third, 3)),
        ("Code-S", (4.0, 3), (4.0, 3)),
        ("Code-P", (3.0, 3), (3.0, 3)),
    ] {
        for (protocol, (value, n)) in [("official", official), ("fixed", fixed)] {
            let measured = column(&document, protocol, name);
            assert!(
                (measured.0 - value).abs() < 1e-9 && measured.1 == n,
                "{protocol} {name}: {measured:?}"
            );
        }
    }
    let judge = &document["judge"];
    assert_eq!(judge["served_models"][0]["model"], "canned-judge-2026-11-27");
    assert_eq!(judge["served_models"][0]["fingerprint"], "fp_canned");
    assert_eq!(judge["prompts"].as_array().unwrap().len(), 6);
    // Fixed, case 3 of geometry and case 2 of science were asked twice more; nothing else was asked twice.
    assert_eq!(server.asked().len(), 6 + 6 + 4 + 4 + 6 + 3 + 2 + 2);
    assert!(
        server.asked().iter().all(|asked| asked.pictures() <= 3 && asked.authorization.is_empty())
    );
    let solutions =
        server.asked().into_iter().filter(|asked| asked.text().contains("reasoning_rigorous"));
    assert!(
        solutions
            .into_iter()
            .all(|asked| asked.pictures() == 0 && asked.body["max_tokens"] == 32_767)
    );

    // The record alone gives the same document, offline and without naming the model.
    let replay = bench.json(&mut bench.command(&["--offline", "--replay", "record"]));
    assert_eq!(replay, document);
    assert_eq!(server.asked().len(), 33);
}

#[test]
fn without_a_judge_judged_columns_are_not_run() {
    let bench = Bench::new();
    let url = "https://judge.invalid/v1";
    let no_key = ["--judge-endpoint", url, "--judge-model", "m", "--judge-record", "record"];
    fs::create_dir(bench.path("empty")).unwrap();
    let lacking = ["--replay", "empty", "--judge-model", "m"];
    for (arguments, part) in
        [(&[][..], "no judge"), (&no_key, "RETALLY_API_KEY"), (&lacking, "has no reply to 6 of 6")]
    {
        let document = bench.json(&mut bench.command(arguments));
        for scores in document["scores"].as_array().unwrap() {
            for measured in scores["measurements"].as_array().unwrap() {
                assert!(measured["value"].is_null(), "{measured}");
                let detail = measured["absence"]["detail"].as_str().unwrap();
                assert!(detail.starts_with("not run"), "{detail}");
                assert!(scores["task"] != "geometry" || detail.contains(part), "{detail}");
            }
        }
    }
    for (arguments, part) in [
        (vec!["--judge-endpoint", url, "--judge-model", "m"], "--judge-record"),
        (vec!["--judge-endpoint", url, "--judge-record", "r"], "--judge-model"),
        (
            vec![
                "--judge-endpoint",
                "http://192.0.2.1/v1",
                "--judge-model",
                "m",
                "--judge-record",
                "r",
            ],
            "unencrypted",
        ),
        (vec!["--replay", "nowhere"], "nowhere"),
    ] {
        let finished = Finished::of(&mut bench.command(&arguments));
        assert!(finished.code == 2 && finished.stderr.contains(part), "{finished:?}");
    }
}

/// Some replies only after trouble, later questions before earlier ones.
fn troubled(asked: &Asked) -> Answer {
    let length = asked.body.to_string().len();
    let pause = Duration::from_millis(((length * 37) % 40) as u64);
    let answer = match (asked.earlier, length % 7) {
        (0, 0) => Answer::Raw("429 Too Many Requests", "slow down".to_owned()),
        (0, 1) => Answer::Breaks,
        _ => canned(asked),
    };
    Answer::After(pause, Box::new(answer))
}

#[test]
fn trouble_threads_and_order_change_nothing() {
    let bench = Bench::new();
    let calm = ChatServer::start(canned);
    let mut expected = bench.json(&mut bench.judged(&calm, "calm", &["--judge-concurrency", "1"]));
    for concurrency in ["1", "16"] {
        let server = ChatServer::start(troubled);
        let record = format!("record-{concurrency}");
        let mut document =
            bench.json(&mut bench.judged(&server, &record, &["--judge-concurrency", concurrency]));
        // The port alone differs.
        for document in [&mut document, &mut expected] {
            document["judge"]["endpoints"] = Value::Null;
        }
        assert_eq!(document, expected, "{concurrency}");
        assert!(server.answered().iter().all(|count| *count <= 3));
    }
}

#[test]
fn a_killed_run_goes_on_without_asking_twice() {
    let bench = Bench::new();
    let server = ChatServer::start(|asked| {
        // Some requests never come back, the first time that they are asked.
        if asked.earlier == 0 && asked.body.to_string().len() % 4 == 0 {
            Answer::Hangs
        } else {
            canned(asked)
        }
    });
    let replies = |folder: &Path| {
        let files = fs::read_dir(folder).into_iter().flatten();
        files
            .filter(|file| {
                file.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "json")
            })
            .count()
    };
    let record = bench.path("record");
    let mut kills = 0;
    loop {
        let mut child = bench
            .judged(
                &server,
                "record",
                &["--judge-concurrency", "4", "--protocol", "official", "--json"],
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let before = replies(&record);
        let started = Instant::now();
        // Until it stands still with some replies stored, or is done.
        let mut last = (replies(&record), Instant::now());
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            let now = replies(&record);
            if now != last.0 {
                last = (now, Instant::now());
            }
            if last.1.elapsed() > Duration::from_millis(1500) && server.asked().len() > now {
                break None;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "{before} {now}");
            std::thread::sleep(Duration::from_millis(10));
        };
        match status {
            Some(status) => {
                assert!(status.success(), "{status}");
                break;
            }
            None => {
                // SIGKILL.
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                assert!(kills < 20);
            }
        }
    }
    assert!(kills > 0, "the server never hung");
    // 29 different questions, each answered once. Only what hung was asked again.
    assert_eq!(replies(&record), 29);
    let answered = server.answered();
    assert!(answered.len() == 29 && answered.iter().all(|count| *count == 1), "{answered:?}");
    let calm = ChatServer::start(canned);
    let mut resumed =
        bench.json(&mut bench.command(&["--replay", "record", "--protocol", "official"]));
    let mut expected = bench.json(&mut bench.judged(&calm, "calm", &["--protocol", "official"]));
    for document in [&mut resumed, &mut expected] {
        document["judge"]["endpoints"] = Value::Null;
    }
    assert_eq!(resumed, expected);
}

#[test]
fn what_is_refused_is_told_and_the_rest_is_kept() {
    let bench = Bench::new();
    let server = ChatServer::start(|asked| {
        if asked.text().contains("line=3") {
            Answer::Raw("400 Bad Request", "too dark".to_owned())
        } else {
            canned(asked)
        }
    });
    let finished = Finished::of(&mut bench.judged(&server, "record", &[]));
    assert_eq!(finished.code, 2, "{finished:?}");
    for part in ["1 of 6 cases are not judged", "400 Bad Request", "too dark"] {
        assert!(finished.stderr.contains(part), "{finished:?}");
    }
    let kept = fs::read_dir(bench.path("record")).unwrap().count();
    assert_eq!(kept, 5 + 1, "five replies and the lock");
}

#[test]
fn the_key_is_nowhere() {
    let bench = Bench::new();
    let server = ChatServer::start(|asked| {
        assert_eq!(asked.authorization, format!("Bearer {SECRET}"));
        let text = asked.text();
        match canned(asked) {
            Answer::Says(reply) if text.contains("solution=5") => {
                Answer::Says(format!("{reply} you are {SECRET}"))
            }
            _ if text.contains("summary=2") => Answer::Raw(
                "403 Forbidden",
                format!("{{\"error\": \"{}\"}}", SECRET.replace('/', "\\/")),
            ),
            answer => answer,
        }
    });
    let key = |mut command: Command| {
        command.env("OTHER_KEY", SECRET).args(["--key-from", "OTHER_KEY"]);
        Finished::of(&mut command)
    };
    let good = key(bench.judged(
        &server,
        "record",
        &["--task", "geometry", "--task", "science", "--judge-marks", "marks.csv", "--json"],
    ));
    let bad = key(bench.judged(&server, "record", &["--json"]));
    assert_eq!(bad.code, 2, "{bad:?}");
    let message = bad.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("403") && message.contains("[key removed]"), "{message}");
    let mut files = 0;
    for entry in walk(bench.folder.path()) {
        let content = fs::read(&entry).unwrap();
        let content = String::from_utf8_lossy(&content);
        for part in [SECRET, "0123456789", "sk-of-the-test"] {
            assert!(!content.contains(part), "{}: {content}", entry.display());
        }
        files += 1;
    }
    assert!(files > 40, "{files}");
    for finished in [good, bad] {
        assert!(!format!("{finished:?}").contains("sk-of-the-test"), "{finished:?}");
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn agreement_with_a_golden_set_is_beside_the_columns() {
    let bench = Bench::new();
    let server = ChatServer::start(canned);
    let golden =
        "case,column,value\ns0,Science-I,0\ns1,Science-I,1\ns2,Science-I,0\ns3,Science-I,0\n";
    fs::write(bench.path("golden.csv"), golden).unwrap();
    let arguments = ["--protocol", "fixed", "--golden", "golden.csv", "--judge-marks", "marks.csv"];
    let document = bench.json(&mut bench.judged(&server, "record", &arguments));
    let agreement = &document["judge_agreement"][0];
    // The judge says 0 1 0 1, the people 0 1 0 0: observed 3/4, chance 1/2.
    assert_eq!(
        (&agreement["protocol"], &agreement["measurements"][0]["metric"]),
        (&json!("fixed"), &json!("Science-I kappa"))
    );
    assert_eq!(agreement["measurements"][0]["value"], 0.5);
    let printed = Finished::of(&mut bench.command(&[
        "--replay",
        "record",
        "--protocol",
        "fixed",
        "--golden",
        "golden.csv",
    ]))
    .stdout;
    assert!(
        printed.contains("Science-I kappa") && printed.contains("judged by canned"),
        "{printed}"
    );

    let alone = Command::new(binary())
        .args([
            "score",
            "judge-agreement",
            "--judge",
            text(&bench.path("marks.csv")),
            "--golden",
            text(&bench.path("golden.csv")),
            "--json",
        ])
        .output()
        .unwrap();
    let alone: Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert_eq!(alone["measurements"], agreement["measurements"]);
}
