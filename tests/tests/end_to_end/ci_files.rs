//! The ready files of `docs/ci/`, as far as they can be tried without the services: the YAML is read by an independent
//! reader, the shell of every step is taken out of it and run in the environment that the service gives, with `retally`
//! standing on the path: a script that records how it is called and ends as the test says, or one that lets the real program
//! do the work.

use crate::program::{Finished, binary, repository, text};
use crate::small_run::{SmallRun, replace_in};
use retally_manifests::Digest;
use saphyr::{LoadableYamlNode as _, Yaml};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn source(name: &str) -> String {
    fs::read_to_string(repository().join("docs/ci").join(name)).unwrap()
}

fn load(source: &str) -> Yaml<'_> {
    let documents = Yaml::load_from_str(source).unwrap();
    let [document] = documents.as_slice() else { panic!("not one document") };
    document.clone()
}

/// Every mapping and value below, with the key it stands under.
fn walk<'a, 'b>(node: &'a Yaml<'b>, each: &mut dyn FnMut(&str, &'a Yaml<'b>)) {
    if let Some(fields) = node.as_mapping() {
        for (key, value) in fields {
            each(key.as_str().unwrap_or_default(), value);
            walk(value, each);
        }
    }
    for item in node.as_vec().into_iter().flatten() {
        walk(item, each);
    }
}

/// The shell of the step with this name.
fn step(document: &Yaml<'_>, name: &str) -> String {
    let mut found = None;
    let mut look = |steps: &Yaml<'_>| {
        for step in steps.as_vec().into_iter().flatten() {
            if step["name"].as_str() == Some(name) {
                found = Some(step["run"].as_str().unwrap().to_owned());
            }
        }
    };
    walk(document, &mut |key, value| {
        if key == "steps" {
            look(value);
        }
    });
    found.unwrap_or_else(|| panic!("no step `{name}`"))
}

/// A place where a service runs a step.
struct Runner {
    folder: TempDir,
}

impl Runner {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        Self { folder }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// Puts a program on the path.
    fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A `retally` that writes down its arguments, one a line, and ends `run` and `check` with these codes.
    fn recording(&self, run: i32, check: i32) {
        let calls = self.file("calls");
        let script = format!(
            "printf '%s\\n' \"$@\" '--' >> {calls}\ncase \"$1\" in\n  run) exit {run} ;;\n  check) exit {check} ;;\nesac",
            calls = text(&calls)
        );
        self.program("retally", &script);
        let _ = fs::remove_file(calls);
    }

    /// Calls of the recording program, each with its arguments.
    fn calls(&self) -> Vec<Vec<String>> {
        let text = self.read("calls");
        let calls = text.split("--\n").filter(|call| !call.is_empty());
        calls.map(|call| call.lines().map(str::to_owned).collect()).collect()
    }

    fn shell(&self, script: &str, environment: &[(&str, &str)]) -> Finished {
        let path = format!("{}:/usr/bin:/bin", text(&self.folder.path().join("bin")));
        let mut command = Command::new("bash");
        // As GitHub starts `shell: bash` and GitLab its scripts.
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
        command.current_dir(self.work()).env_clear().env("PATH", path);
        for home in ["HOME", "RETALLY_HOME"] {
            if let Some(value) = std::env::var_os(home) {
                command.env(home, value);
            }
        }
        command.env("GITHUB_OUTPUT", self.file("output")).env("GITHUB_ENV", self.file("env"));
        command
            .env("GITHUB_STEP_SUMMARY", self.file("summary"))
            .env("RUNNER_TEMP", self.file("temp"));
        Finished::of(command.envs(environment.iter().copied()))
    }
}

const JUDGING: [(&str, &str); 4] = [
    ("SUITE", "starter"),
    ("ARGUMENTS", "--model mobilenetv2\n  --limit 96\n"),
    ("AGAINST", ""),
    ("OUT", "retally-out/run"),
];

/// Exit codes of `run` and `check`, whether `check` is asked, and the exit code of the whole.
const CODES: [(i32, i32, bool, i32); 9] = [
    (0, 0, true, 0),
    (0, 1, true, 1),
    // `run` itself says 1 when something is outside its band; the judgement still happens and decides.
    (1, 1, true, 1),
    (1, 0, true, 0),
    (0, 2, true, 2),
    (0, 3, true, 3),
    (2, 0, false, 2),
    (3, 0, false, 3),
    (4, 0, false, 4),
];

#[test]
fn the_action_keeps_every_exit_code_and_says_it() {
    let action = source("github/action.yml");
    let script = step(&load(&action), "Run and judge");
    for (run, check, is_checked, expected) in CODES {
        let runner = Runner::new();
        runner.recording(run, check);
        let finished = runner.shell(&script, &JUDGING);
        assert_eq!(finished.code, expected, "{run} {check}: {finished:?}");
        let calls = runner.calls();
        let start = [
            "run",
            "starter",
            "--out",
            "retally-out/run",
            "--model",
            "mobilenetv2",
            "--limit",
            "96",
        ];
        assert_eq!(calls[0], start);
        assert_eq!(calls.len(), 1 + usize::from(is_checked), "{calls:?}");
        let output = runner.read("output");
        assert!(output.contains(&format!("exit-code={expected}\n")), "{output}");
        assert!(output.contains("junit=retally-out/run/junit.xml\n"), "{output}");
    }
}

#[test]
fn the_action_asks_for_every_form_of_the_judgement() {
    let action = source("github/action.yml");
    let script = step(&load(&action), "Run and judge");
    let runner = Runner::new();
    runner.recording(0, 0);
    let mut environment = JUDGING;
    environment[1] = ("ARGUMENTS", "");
    environment[2] = ("AGAINST", "runs/an older one");
    environment[3] = ("OUT", "out $(touch escaped)");
    let finished = runner.shell(&script, &environment);
    assert_eq!(finished.code, 0, "{finished:?}");
    let out = "out $(touch escaped)";
    let calls = runner.calls();
    assert_eq!(calls[0], ["run", "starter", "--out", out]);
    let [junit, comment] = [format!("{out}/junit.xml"), format!("{out}/comment.md")];
    assert_eq!(
        calls[1],
        [
            "check",
            out,
            "--junit",
            &junit,
            "--comment",
            &comment,
            "--github",
            "--against",
            "runs/an older one"
        ]
    );
    assert!(!runner.work().join("escaped").exists(), "an input was run as a command");
}

/// The real program judges a real run; what it says of it stands where the service looks for it.
#[test]
fn the_action_fails_when_a_real_run_is_not_as_claimed() {
    let action = source("github/action.yml");
    let script = step(&load(&action), "Run and judge");
    for (is_planted, expected) in [(false, 0), (true, 1)] {
        let runner = Runner::new();
        let folder = runner.work().join("retally-out/run");
        SmallRun::shared().copy_to(&folder);
        if is_planted {
            plant_drift(&folder);
        }
        let program = binary();
        let judging = format!("exec {} --offline \"$@\"", text(&program));
        runner.program("retally", &format!("if [ \"$1\" = run ]; then exit 0; fi\n{judging}"));
        let finished = runner.shell(&script, &JUDGING);
        assert_eq!(finished.code, expected, "{finished:?}");
        assert!(runner.read("output").contains(&format!("exit-code={expected}\n")));
        let junit = fs::read_to_string(folder.join("junit.xml")).unwrap();
        assert!(junit.contains("<testsuites"), "{junit}");
        assert!(folder.join("comment.md").exists() && !runner.read("summary").is_empty());
    }
}

/// An accuracy that counts no whole number of images, in a record that knows of it, as if it had been measured.
fn plant_drift(run: &Path) {
    let path = run.join("measurements.json");
    let mut measured: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let metrics = &mut measured["datasets"][0]["models"][0]["measurements"];
    let accuracy =
        metrics.as_array_mut().unwrap().iter_mut().find(|m| m["metric"] == "accuracy").unwrap();
    accuracy["value"] = 51.0.into();
    accuracy["interval"] = serde_json::Value::Null;
    fs::write(&path, measured.to_string()).unwrap();
    let digest = Digest::of_file(&path).unwrap().to_string();
    let path = run.join("run.json");
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["measurements_sha256"] = digest.into();
    fs::write(path, record.to_string()).unwrap();
}

#[test]
fn the_store_is_named_after_the_digests_of_its_files() {
    let action = source("github/action.yml");
    let script = step(&load(&action), "Name the store");
    let lock = |change: &str| {
        let runner = Runner::new();
        runner.program("retally", &format!("{} \"$@\" {change}", text(&binary())));
        let finished = runner.shell(&script, &[]);
        assert_eq!(finished.code, 0, "{finished:?}");
        let output = runner.read("output");
        assert!(runner.read("env").starts_with("RETALLY_HOME="), "{output}");
        let line = output.lines().find_map(|line| line.strip_prefix("lock=")).unwrap().to_owned();
        assert!(line.parse::<Digest>().is_ok(), "{line}");
        line
    };
    let first = lock("");
    assert_eq!(first, lock(""));
    // One digit of one digest: another store. Whether a file is stored already: the same one.
    assert_ne!(first, lock("| sed 's/73d3f3f9b5e9/83d3f3f9b5e9/'"));
    assert_eq!(first, lock("| sed 's/\"stored\": true/\"stored\": false/'"));
    let runner = Runner::new();
    runner.program("retally", "exit 2");
    assert_ne!(runner.shell(&script, &[]).code, 0, "a failure was taken for an empty list");
}

#[test]
fn only_a_whole_commit_is_installed() {
    let action = source("github/action.yml");
    let script = step(&load(&action), "Install retally");
    let runner = Runner::new();
    runner.program("cargo", &format!("printf '%s\\n' \"$@\" >> {}", text(&runner.file("calls"))));
    for moving in ["main", "v1.0", "0123abcd", "; touch escaped", &"g".repeat(40)] {
        let environment = [("REVISION", moving), ("REPOSITORY", "https://example.org/r")];
        let finished = runner.shell(&script, &environment);
        assert_eq!(finished.code, 2, "{moving}: {finished:?}");
        assert!(finished.stdout.starts_with("::error title=retally::"), "{finished:?}");
    }
    assert_eq!(runner.read("calls"), "");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let environment = [("REVISION", commit), ("REPOSITORY", "https://example.org/r")];
    assert_eq!(runner.shell(&script, &environment).code, 0);
    let expected =
        format!("install\n--locked\n--git\nhttps://example.org/r\n--rev\n{commit}\nretally\n");
    assert_eq!(runner.read("calls"), expected);
}

/// What an attacker could write into a title or a branch never becomes part of a script; every action is pinned; no
/// workflow has more rights than it needs, and the one that may write checks nothing out.
#[test]
fn workflows_are_pinned_and_have_few_rights() {
    for name in ["github/action.yml", "github/retally.yml", "github/retally-comment.yml"] {
        let text = source(name);
        let document = load(&text);
        let mut pinned = 0;
        walk(&document, &mut |key, value| match (key, value.as_str()) {
            ("run", Some(script)) => assert!(!script.contains("${{"), "{name}: {script}"),
            ("uses", Some(action)) => {
                let (_, commit) = action.split_once('@').unwrap();
                assert!(
                    commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
                    "{action}"
                );
                pinned += 1;
            }
            _ => {}
        });
        assert!(pinned > 0, "{name}");
        if name != "github/action.yml" {
            assert!(document["permissions"].as_mapping().unwrap().is_empty(), "{name}");
            assert!(!text.contains("pull_request_target") && !text.contains("secrets."), "{name}");
        }
    }
    let judging = source("github/retally.yml");
    let rights = &load(&judging)["jobs"]["starter"]["permissions"];
    assert_eq!(rights.as_mapping().unwrap().len(), 1);
    assert_eq!(rights["contents"].as_str(), Some("read"));
    let comment = source("github/retally-comment.yml");
    assert!(!comment.contains("actions/checkout") && !comment.contains("contents:"));
    assert!(load(&comment)["on"]["workflow_run"].is_mapping());
}

#[test]
fn a_comment_goes_to_the_pull_request_of_the_event() {
    let workflow = source("github/retally-comment.yml");
    let script = step(&load(&workflow), "Comment");
    let environment = [
        ("GH_TOKEN", "t"),
        ("REPOSITORY", "o/r"),
        ("HEAD_OWNER", "fork"),
        ("HEAD_BRANCH", "x\"; touch escaped; \""),
        ("HEAD_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ];
    let post = |comment: Option<&str>, number: &str| {
        let runner = Runner::new();
        if let Some(comment) = comment {
            fs::create_dir_all(runner.work().join("retally/run")).unwrap();
            fs::write(runner.work().join("retally/run/comment.md"), comment).unwrap();
        }
        let script_of_gh = format!(
            "printf '%s\\n' \"$@\" '--' >> {calls}\nif [ \"$1\" = api ]; then printf '%s' '{number}'; fi",
            calls = text(&runner.file("calls"))
        );
        runner.program("gh", &script_of_gh);
        let finished = runner.shell(&script, &environment);
        assert!(!runner.work().join("escaped").exists());
        (runner, finished)
    };
    let (runner, finished) = post(Some("1 claim is outside its band\n"), "17");
    assert_eq!(finished.code, 0, "{finished:?}");
    let calls = runner.calls();
    assert!(calls[0].contains(&"head=fork:x\"; touch escaped; \"".to_owned()), "{calls:?}");
    assert_eq!(calls[1], ["pr", "comment", "17", "--repo", "o/r", "--body-file", "body.md"]);
    let body = fs::read_to_string(runner.work().join("body.md")).unwrap();
    assert!(body.contains("own run of retally") && body.contains("1 claim is outside"), "{body}");
    for (comment, number, code) in [
        (None, "17", 0),
        (Some("x"), "", 0),
        (Some("x"), "17\n18", 0),
        (Some("y".repeat(65_001).as_str()), "17", 2),
    ] {
        let (runner, finished) = post(comment, number);
        assert_eq!(finished.code, code, "{finished:?}");
        assert!(runner.calls().iter().all(|call| call[0] != "pr"), "{:?}", runner.calls());
    }
}

/// The lines of a GitLab job's `before_script` or `script`, as its runner puts them together.
fn gitlab(part: &str) -> String {
    let file = source("gitlab/retally.yml");
    let document = load(&file);
    let lines = document[".retally"][part].as_vec().unwrap();
    lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_gitlab_job_keeps_every_exit_code() {
    let script = gitlab("script");
    for (run, check, is_checked, expected) in CODES {
        let runner = Runner::new();
        runner.recording(run, check);
        let environment = [
            ("RETALLY_SUITE", "starter"),
            ("RETALLY_ARGUMENTS", "--model mobilenetv2"),
            ("RETALLY_AGAINST", "an older one"),
            ("RETALLY_OUT", "retally-out/run"),
        ];
        let finished = runner.shell(&script, &environment);
        assert_eq!(finished.code, expected, "{run} {check}: {finished:?}");
        let calls = runner.calls();
        assert_eq!(
            calls[0],
            ["run", "starter", "--out", "retally-out/run", "--model", "mobilenetv2"]
        );
        assert_eq!(calls.len(), 1 + usize::from(is_checked), "{calls:?}");
        if is_checked {
            let files = ["retally-out/run/junit.xml", "retally-out/run/comment.md"];
            let expected = [
                "check",
                "retally-out/run",
                "--junit",
                files[0],
                "--comment",
                files[1],
                "--against",
                "an older one",
            ];
            assert_eq!(calls[1], expected);
        }
    }
}

#[test]
fn the_gitlab_job_wants_pinned_images_and_commits() {
    let script = gitlab("before_script");
    let image = "rust@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (image, revision, code, installs) in [
        ("rust:1.95", "", 2, false),
        ("", "", 2, false),
        (image, "", 0, false),
        (image, "main", 2, false),
        (image, commit, 0, true),
    ] {
        let runner = Runner::new();
        runner.program("cargo", &format!("echo \"$@\" >> {}", text(&runner.file("calls"))));
        let environment = [
            ("CI_JOB_IMAGE", image),
            ("RETALLY_REVISION", revision),
            ("RETALLY_REPOSITORY", "https://example.org/r"),
        ];
        let finished = runner.shell(&script, &environment);
        assert_eq!(finished.code, code, "{image} {revision}: {finished:?}");
        assert_eq!(!runner.read("calls").is_empty(), installs, "{image} {revision}");
    }
}

#[test]
fn the_gitlab_example_extends_the_job_and_keeps_its_results() {
    let example = source("gitlab/example.gitlab-ci.yml");
    let example = load(&example);
    let include = &example["include"][0];
    assert_eq!(include["ref"].as_str().map(str::len), Some(40));
    let file = include["file"].as_str().unwrap();
    assert!(repository().join(file.trim_start_matches('/')).exists(), "{file}");
    assert_eq!(example["starter"]["extends"].as_str(), Some(".retally"));
    let job = source("gitlab/retally.yml");
    let job = load(&job);
    let known = job[".retally"]["variables"].as_mapping().unwrap();
    for (name, _) in example["starter"]["variables"].as_mapping().unwrap() {
        let is_known =
            known.contains_key(name) || job[".retally"]["image"].as_str() == Some("$RETALLY_IMAGE");
        assert!(is_known, "{name:?}");
    }
    assert_eq!(job[".retally"]["artifacts"]["when"].as_str(), Some("always"));
    assert_eq!(
        job[".retally"]["artifacts"]["reports"]["junit"].as_str(),
        Some("$RETALLY_OUT/junit.xml")
    );
    assert_eq!(job[".retally"]["retry"]["exit_codes"].as_integer(), Some(3));
}

#[test]
fn the_pre_commit_hook_judges_the_kept_run() {
    let config = source("pre-commit/.pre-commit-config.yaml");
    let config = load(&config);
    let hook = &config["repos"][0]["hooks"][0];
    assert_eq!(config["repos"][0]["repo"].as_str(), Some("local"));
    assert_eq!(hook["pass_filenames"].as_bool(), Some(false));
    let entry = hook["entry"].as_str().unwrap();
    for (is_planted, expected) in [(false, 0), (true, 1)] {
        let runner = Runner::new();
        let kept = runner.work().join("runs/starter");
        SmallRun::shared().copy_to(&kept);
        if is_planted {
            plant_drift(&kept);
        }
        runner.program("retally", &format!("exec {} --offline \"$@\"", text(&binary())));
        let finished = runner.shell(entry, &[]);
        assert_eq!(finished.code, expected, "{finished:?}");
    }
    let runner = Runner::new();
    let run = runner.work().join("runs/starter");
    SmallRun::shared().copy_to(&run);
    replace_in(&run.join("measurements.json"), "\"schema\": 2", "\"schema\": 1");
    runner.program("retally", &format!("exec {} --offline \"$@\"", text(&binary())));
    assert_eq!(runner.shell(entry, &[]).code, 2);
}

/// `tests/parity/ci_files.py` shows the same files to shellcheck and to pre-commit, and records what they say.
#[test]
fn shellcheck_and_pre_commit_accepted_these_files() {
    let recorded = fs::read(repository().join("tests/parity/ci_files.json")).unwrap();
    let recorded: serde_json::Value = serde_json::from_slice(&recorded).unwrap();
    let files = recorded["files"].as_object().unwrap();
    assert_eq!(files.len(), 4);
    for (name, entry) in files {
        let digest = Digest::of_bytes(source(name).as_bytes()).to_string();
        assert_eq!(entry["sha256"], digest.as_str(), "{name}: run tests/parity/ci_files.py again");
        assert_eq!(entry["findings"], serde_json::json!([]), "{name}");
    }
    assert!(files.values().map(|entry| entry["scripts"].as_u64().unwrap()).sum::<u64>() >= 6);
    assert_ne!(recorded["shellcheck_finds_a_planted_fault"], serde_json::json!([]));
    let runs = &recorded["pre_commit"];
    assert_eq!(runs["as_claimed"]["exit_code"], 0, "{runs}");
    assert_eq!(runs["drifted"]["exit_code"], 1, "{runs}");
    assert_eq!(runs["another_file"]["status"], "Skipped", "{runs}");
}
