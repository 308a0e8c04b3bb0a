//! `retally check` on runs into which one difference was planted: each is caught with the right exit code, and the message
//! names the cause.

use crate::check_bench::{Planted, RecordedRun, SuitesCopy, read};
use crate::program::{Finished, json, retally, run, text};
use serde_json::{Value, json as value};
use std::fs;
use std::path::Path;

fn refused(arguments: &[&str], code: i32, parts: &[&str]) -> String {
    let document = json(arguments, code);
    let message = match document["error"]["message"].as_str() {
        Some(message) => message.to_owned(),
        None => document["findings"].to_string(),
    };
    for part in parts {
        assert!(message.contains(part), "{arguments:?}: `{part}` is not in: {message}");
    }
    message
}

// A run alone.

#[test]
fn a_run_that_measured_what_is_recorded_is_as_claimed() {
    let run = RecordedRun::new();
    let document = json(&["check", run.folder()], 0);
    assert_eq!(document["status"], "as-claimed");
    assert_eq!(document["counts"]["identical"], run.cells());
    assert_eq!(document["outcome"], "all-as-claimed");
    let plain = crate::program::run(&["check", run.folder()]);
    assert!(plain.stdout.trim_end().ends_with("as claimed (exit code 0)"), "{plain:?}");
}

#[test]
fn a_moved_value_is_caught_at_its_line() {
    let run = RecordedRun::new();
    run.change("mobilenetv2/block-13", "LDS", 0.25);
    let document = json(&["check", run.folder()], 1);
    let cell = &document["cells"][0];
    assert_eq!(
        (&cell["row"], &cell["verdict"]),
        (&value!("mobilenetv2/block-13"), &value!("outside-better"))
    );
    assert_eq!(document["cells"].as_array().unwrap().len(), 1);
    let junit = run.path("junit.xml");
    let comment = run.path("comment.md");
    let finished = crate::program::run(&[
        "check",
        run.folder(),
        "--github",
        "--junit",
        text(&junit),
        "--comment",
        text(&comment),
    ]);
    assert_eq!(finished.code, 1, "{finished:?}");
    let line = finished.stdout.lines().find(|line| line.starts_with("::error ")).unwrap();
    let number: usize =
        line.split("line=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let recorded = read(&crate::program::repository().join("suites/starter/recorded.csv"));
    let row = recorded.lines().nth(number - 1).unwrap();
    assert!(row.starts_with("encoders,mobilenetv2/block-13,LDS,"), "{line}\n{row}");
    assert!(line.contains("file=suites/starter/recorded.csv,"), "{line}");
    assert!(read(&junit).contains("type=\"outside-better\""));
    let comment = read(&comment);
    assert!(comment.contains("### Not as claimed") && comment.len() < 65_000, "{comment}");
}

#[test]
fn a_broken_law_is_no_claim() {
    let run = RecordedRun::new();
    run.change("mobilenetv2/block-13", "RMSC", 7.0);
    let document = json(&["check", run.folder()], 1);
    assert!(document["identity_failures"][0]["law"].as_str().unwrap().starts_with("RMSC lies in"));
    assert_eq!(document["cells"][0]["verdict"], "invalid");
}

#[test]
fn measurements_that_were_edited_after_the_run_are_refused() {
    let run = RecordedRun::new();
    run.seal();
    json(&["check", run.folder()], 0);
    run.change("mobilenetv2/block-13", "LDS", 0.0000001);
    refused(
        &["check", run.folder()],
        2,
        &["measurements.json has SHA-256", "changed after the run"],
    );
}

#[test]
fn a_run_of_another_version_or_of_an_edited_suite_says_which() {
    let run = RecordedRun::new();
    run.set_content("ff7f9d562f5ea1b8e9585f6ee5894d3cc688f400fb4ed2477b8c0888da372afd");
    refused(
        &["check", run.folder()],
        2,
        &["made with version 1 of suite `starter`", "this is version"],
    );
    run.set_content(&"0".repeat(64));
    refused(&["check", run.folder()], 2, &["that of no locked version", "edited"]);
}

#[test]
fn a_run_that_did_not_end_says_so() {
    let run = RecordedRun::new();
    fs::remove_file(run.path("run.json")).unwrap();
    refused(&["check", run.folder()], 4, &["run.json is missing"]);
    fs::remove_file(run.path("measurements.json")).unwrap();
    refused(&["check", run.folder()], 2, &["is no run"]);
    fs::create_dir(run.path("chunks")).unwrap();
    refused(&["check", run.folder()], 4, &["stopped before its end", "continues it"]);
    let lock = fs::File::create(run.path(".lock")).unwrap();
    lock.lock().unwrap();
    refused(&["check", run.folder()], 4, &["a run is at work"]);
    refused(&["check", "no-such-thing"], 2, &["neither a suite nor the folder of a run"]);
}

#[test]
fn a_run_of_which_nothing_is_judged_can_be_refused() {
    let run = RecordedRun::new();
    let cells = run.cells().to_string();
    json(&["check", run.folder(), "--at-least", &cells], 0);
    run.limit(96);
    let finished = crate::program::run(&["check", run.folder()]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stdout.contains("nothing was judged (exit code 0)"), "{finished:?}");
    refused(&["check", run.folder(), "--at-least", "1"], 4, &["0 cells were judged"]);
    refused(&["check", "starter", "--at-least", "1"], 2, &["--at-least is about a run"]);
}

#[test]
fn another_file_under_the_name_of_a_shipped_one_is_refused() {
    let run = RecordedRun::new();
    run.edit_record(|record| record["artifacts"][0]["sha256"] = value!("0".repeat(64)));
    refused(
        &["check", run.folder()],
        2,
        &["`mobilenetv2.onnx` had SHA-256 0000", "the manifest names"],
    );
}

#[test]
fn a_library_that_is_not_pinned_is_said() {
    let run = RecordedRun::new();
    run.edit_record(|record| {
        record["onnxruntime"] = value!({ "version": "1.30.0", "sha256": "0".repeat(64) });
    });
    let finished = crate::program::run(&["check", run.folder()]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stdout.contains("ONNX Runtime 1.30.0 with SHA-256 0000"), "{finished:?}");
}

// A suite alone, and its lock.

#[test]
fn a_suite_is_checked_by_itself() {
    for (suite, derived) in
        [("irepa", true), ("iwm", true), ("ldae", true), ("aia", true), ("starter", false)]
    {
        let document = json(&["check", suite], 0);
        assert_eq!(document["findings"][0]["id"], "suite-lock");
        assert_eq!(document["findings"][0]["state"], "holds", "{suite}");
        let verdicts = document["counts"].as_object().unwrap();
        assert_eq!(verdicts.contains_key("identical"), derived, "{suite}: {verdicts:?}");
    }
    refused(&["check", "irepa", "--against", "x"], 2, &["--against is about a run"]);
}

#[test]
fn a_changed_reported_value_breaks_the_lock_and_its_line_is_named() {
    let (run, suites) = (RecordedRun::new(), SuitesCopy::new());
    json(&["check", run.folder(), "--suites", suites.folder()], 0);
    json(&["check", "irepa", "--suites", suites.folder()], 0);
    suites.change("irepa/cells.csv", "19.06", "18.06");
    let parts =
        ["content of suite `irepa` moved without a new version", "cells.csv differs first in line"];
    refused(&["check", "irepa", "--suites", suites.folder()], 2, &parts);
    let value = suites.recorded("mobilenetv2/block-13", "LDS");
    suites.change("starter/recorded.csv", &value, &format!("9{value}"));
    refused(
        &["check", run.folder(), "--suites", suites.folder()],
        2,
        &["recorded.csv differs first"],
    );
}

#[test]
fn a_changed_tolerance_or_protocol_breaks_the_lock() {
    let suites = SuitesCopy::new();
    suites.change("starter/suite.toml", "budget = 0.0001", "budget = 0.5");
    refused(&["check", "starter", "--suites", suites.folder()], 2, &["suite.toml differs first"]);
    suites.change("starter/suite.toml", "budget = 0.5", "budget = 0.0001");
    json(&["check", "starter", "--suites", suites.folder()], 0);
    suites.change("probes/knn.toml", "version = 1", "version = 1 ");
    refused(&["check", "starter", "--suites", suites.folder()], 2, &["probe `knn`"]);
}

/// What a maintainer does after changing a number: raise the version, append the entry that the check prints.
#[test]
fn a_changed_reported_value_with_a_new_version_judges_the_run() {
    let (run, suites) = (RecordedRun::new(), SuitesCopy::new());
    let value = suites.recorded("mobilenetv2/block-13", "LDS");
    suites.change("starter/recorded.csv", &value, &format!("9{value}"));
    let version = suites.version("starter");
    suites.change(
        "starter/suite.toml",
        &format!("version = {version}"),
        &format!("version = {}", version + 1),
    );
    let arguments = ["check", run.folder(), "--suites", suites.folder()];
    let message = refused(&arguments, 2, &["is not locked. Append to suites/lock.toml"]);
    let content = message.split("content = ").nth(1).unwrap();
    let content: String = content.chars().filter(char::is_ascii_hexdigit).take(64).collect();
    suites.lock("starter", version + 1, &content);
    refused(&arguments, 2, &[&format!("made with version {version} of suite `starter`")]);
    run.set_content(&content);
    let document = json(&arguments, 1);
    let cell = &document["cells"][0];
    assert_eq!(cell["row"], "mobilenetv2/block-13");
    assert_eq!(cell["expected"], format!("9{value}"));
}

// Two runs.

#[test]
fn a_changed_library_is_named_whether_numbers_moved_or_not() {
    let (old, new) = (RecordedRun::new(), RecordedRun::new());
    let arguments = ["check", new.folder(), "--against", old.folder()];
    let same = json(&arguments, 0);
    assert_eq!(same["drift"]["equal"], same["drift"]["measurements"]);
    assert_eq!(same["drift"]["inputs"], value!([]));
    new.edit_record(|record| record["onnxruntime"]["version"] = value!("1.30.0"));
    let finished = run(&arguments);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stdout.contains("ONNX Runtime's version: 1.31.1 -> 1.30.0"), "{finished:?}");
    new.change("mobilenetv2/block-13", "LDS", 0.00005);
    let within = json(&arguments, 0);
    assert_eq!(within["drift"]["moved"][0]["movement"], "within-budget");
    new.change("mobilenetv2/block-13", "LDS", 0.25);
    let finished = run(&arguments);
    assert_eq!(finished.code, 1, "{finished:?}");
    let line = finished.stdout.lines().find(|line| line.contains("beyond-budget")).unwrap();
    assert!(line.contains("ONNX Runtime's version: 1.31.1 -> 1.30.0"), "{line}");
}

#[test]
fn a_number_that_moved_by_itself_is_said_to_have_no_cause() {
    let (old, new) = (RecordedRun::new(), RecordedRun::new());
    new.change("mobilenetv2/block-13", "LDS", 0.25);
    let finished = run(&["check", new.folder(), "--against", old.folder()]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(
        finished.stdout.contains("No input differs that could have moved it: equal inputs"),
        "{finished:?}"
    );
    let missing = run(&["check", new.folder(), "--against", "nowhere"]);
    assert_eq!(missing.code, 2, "{missing:?}");
}

/// A model that the repository ships, on pictures of the test's own, through the real program.
#[test]
fn one_weight_that_changed_is_named() {
    let planted = Planted::new();
    planted.run("old", 0);
    let again = planted.check("old", &["--against", text(&planted.path("old"))], 0);
    assert_eq!(again["drift"]["moved"], value!([]));
    planted.change_weight();
    planted.refused_run("new", "net.onnx");
    planted.write_manifest();
    planted.run("new", 0);
    let document = planted.check("new", &["--against", text(&planted.path("old"))], 1);
    assert_only_cause(&document, "file `net.onnx`: ");
    let all = document["drift"]["moved"].as_array().unwrap();
    let moved = all.iter().find(|moved| moved["metric"] == "LDS").unwrap();
    assert_eq!(moved["movement"], "beyond-budget");
    assert_eq!(moved["paired"]["pairs"], 24);
    assert_eq!(moved["paired"]["moved"], 24);
    // The old run, judged with the manifest of the new file.
    refused_by(
        &planted.finished(&["check", text(&planted.path("old"))]),
        2,
        "`net.onnx` had SHA-256",
    );
}

#[test]
fn one_image_that_changed_is_named() {
    let planted = Planted::new();
    planted.run("old", 0);
    planted.change_image("light/03.png");
    planted.run("new", 0);
    let document = planted.check("new", &["--against", text(&planted.path("old"))], 1);
    assert_only_cause(
        &document,
        "samples of data set `pictures`: 24 -> 24 (1 with other bytes: `light/03",
    );
    let moved = document["drift"]["moved"].as_array().unwrap();
    let scored = moved.iter().find(|moved| moved["metric"] == "LDS").unwrap();
    assert_eq!(scored["paired"]["moved"], 1);
    assert_eq!(scored["contradicts_samples"], false);
    assert!(scored["paired"]["most"][0].as_str().unwrap().contains("light/03"), "{scored}");
}

fn assert_only_cause(document: &Value, cause: &str) {
    let inputs = document["drift"]["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 1, "{inputs:?}");
    for moved in document["drift"]["moved"].as_array().unwrap() {
        let causes = moved["causes"].as_array().unwrap();
        assert_eq!(causes.len(), 1, "{moved}");
        assert!(causes[0].as_str().unwrap().starts_with(cause), "{moved}");
    }
}

fn refused_by(finished: &Finished, code: i32, part: &str) {
    assert_eq!(finished.code, code, "{finished:?}");
    assert!(finished.stdout.contains(part), "{finished:?}");
}

#[test]
fn damaged_files_of_a_run_are_refused() {
    let planted = Planted::new();
    planted.run("old", 0);
    let arguments = ["check", "old", "--against", "old"];
    for (file, bytes) in [
        ("samples.parquet", b"PAR1 no such table PAR1".as_slice()),
        ("run.json", b"{"),
        ("measurements.json", b"{\"schema\":2}"),
    ] {
        let path = planted.path("old").join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let finished = planted.finished(&arguments);
        assert_eq!(finished.code, 2, "{file}: {finished:?}");
        assert!(finished.stderr.contains(file), "{file}: {finished:?}");
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(planted.finished(&arguments).code, 0);
    let path = planted.path("old/measurements.json");
    fs::write(&path, format!("{}\n", read(&path))).unwrap();
    refused_by(&planted.finished(&["check", "old"]), 2, "changed after the run");
}

// New recorded values.

#[test]
fn values_are_recorded_again_with_a_reason_and_hold_then() {
    let (run, suites) = (RecordedRun::new(), SuitesCopy::new());
    run.change("mobilenetv2/block-13", "LDS", 0.25);
    let version = suites.version("starter");
    let files = ["starter/recorded.csv", "starter/suite.toml", "lock.toml"];
    let before: Vec<String> = files.iter().map(|file| suites.read(file)).collect();
    let unchanged = || files.iter().map(|file| suites.read(file)).collect::<Vec<_>>() == before;
    let check = ["check", run.folder(), "--suites", suites.folder()];
    let with = |more: &[&'static str]| [check.as_slice(), more].concat();
    json(&check, 1);
    refused(&with(&["--update"]), 2, &["--reason"]);
    refused(&with(&["--update", "--reason", "  "]), 2, &["the reason is blank"]);
    refused(&with(&["--update", "--reason", "x", "--date", "today"]), 2, &["expected a day"]);
    refused(&["check", run.folder(), "--update", "--reason", "x"], 2, &["--suites DIR"]);
    assert!(unchanged() && !suites.path("starter/updates.csv").exists());

    let update = with(&["--update", "--reason", "the resize was wrong, and is mended"]);
    let document = json(&update, 0);
    assert_eq!(document["update"]["version"], version + 1);
    assert_eq!(document["update"]["changes"].as_array().unwrap().len(), 1);
    let history = suites.read("starter/updates.csv");
    let line = history.lines().nth(1).unwrap();
    let start = format!("{},2026-11-27,\"the resize was wrong, and is mended\",", version + 1);
    assert!(line.starts_with(&start), "{history}");
    let content = document["update"]["content_sha256"].as_str().unwrap().to_owned();
    json(&["check", "starter", "--suites", suites.folder()], 0);
    refused(&check, 2, &[&format!("made with version {version}")]);
    run.set_content(&content);
    json(&check, 0);
    let again = json(&update, 0);
    assert_eq!(again["update"]["changes"], value!([]));
    assert_eq!(suites.version("starter"), version + 1);
}

#[test]
fn a_run_that_cannot_serve_as_reference_is_not_recorded() {
    let (run, suites) = (RecordedRun::new(), SuitesCopy::new());
    run.change("mobilenetv2/block-13", "LDS", 0.25);
    let arguments =
        ["check", run.folder(), "--suites", suites.folder(), "--update", "--reason", "because"];
    let before = suites.read("lock.toml");
    run.edit_record(|record| record["options"]["fast"] = value!(true));
    refused(&arguments, 2, &["--fast"]);
    run.edit_record(|record| record["options"]["fast"] = value!(false));
    suites.change("starter/suite.toml", "budget = 0.0001", "budget = 0.5");
    refused(&arguments, 2, &["nothing was recorded"]);
    suites.change("starter/suite.toml", "budget = 0.5", "budget = 0.0001");
    run.limit(96);
    refused(&arguments, 2, &["96 of 1045 were measured"]);
    assert_eq!(suites.read("lock.toml"), before);
}

// What CI reads.

#[test]
fn a_step_of_github_gets_annotations_and_a_summary() {
    let run = RecordedRun::new();
    run.change("mobilenetv2/block-13", "LDS", 0.25);
    run.rename("mobilenetv2/block-13", "net\u{1b}[2J\n::error::planted<script>|@x");
    let summary = run.path("summary.md");
    fs::write(&summary, "of another command\n").unwrap();
    let finished = Finished::of(
        retally(&["check", run.folder(), "--github"]).env("GITHUB_STEP_SUMMARY", &summary),
    );
    assert_eq!(finished.code, 1, "{finished:?}");
    let lines: Vec<&str> = finished.stdout.lines().collect();
    let word = lines[0].strip_prefix("::stop-commands::").unwrap();
    let end = lines.iter().position(|line| *line == format!("::{word}::")).unwrap();
    for line in &lines[end + 1..] {
        assert!(line.starts_with("::error ") || line.starts_with("::notice "), "{line}");
    }
    let written = read(&summary);
    assert!(written.starts_with("of another command\n## retally check"), "{written}");
    assert!(!written.contains("<script>") && !written.contains("|@x"), "{written}");
    assert!(!finished.stdout.contains('\u{1b}'), "{finished:?}");
    let planted = "::error::planted<script>|@x, LDS: outside-better;";
    assert!(lines[..end].iter().any(|line| line.starts_with(planted)), "{lines:?}");
    refused(&["check", run.folder(), "--github"], 2, &["--github", "--json"]);
}

#[test]
fn the_same_check_gives_the_same_files() {
    let run = RecordedRun::new();
    run.change("mobilenetv2/block-13", "LDS", 0.25);
    let write = |name: &str| {
        let [junit, comment] = ["xml", "md"].map(|kind| run.path(&format!("{name}.{kind}")));
        let arguments =
            ["check", run.folder(), "--junit", text(&junit), "--comment", text(&comment)];
        let document = json(&arguments, 1);
        assert_eq!(document["files"]["junit"], text(&junit));
        (read(&junit), read(&comment))
    };
    assert_eq!(write("first"), write("second"));
    let nowhere = Path::new("/no/such/folder/x.xml");
    json(&["check", run.folder(), "--junit", text(nowhere)], 2);
}
