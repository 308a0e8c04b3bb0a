//! Keys, bundles of an honest run, what a checker writes of them, and where they can be brought.

use crate::program::{Finished, binary, json, run, text};
use crate::small_submission::SmallSubmission;
use crate::submission_server::{Manner, SubmissionServer, TOKEN};
use retally_submissions::archive::ArchiveReader;
use retally_submissions::{Entry, Verification};
use safetensors::tensor::SafeTensors;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_key_is_made_once_and_only_its_owner_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("k");
    let report = json(&["key", "new", "--out", text(&key)], 0);
    let fingerprint = report["fingerprint"].as_str().unwrap();
    assert_eq!(fingerprint.len(), 64);
    let public = folder.path().join("k.pub");
    for file in [&key, &public] {
        assert_eq!(json(&["key", "show", text(file)], 0)["fingerprint"], fingerprint);
    }
    let secret = fs::read_to_string(&key).unwrap();
    let body = secret.lines().nth(1).unwrap();
    let again = run(&["key", "new", "--out", text(&key)]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("never overwritten"), "{again:?}");
    assert_eq!(fs::read_to_string(&key).unwrap(), secret);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
        let open = run(&["key", "show", text(&key)]);
        assert_eq!(open.code, 2);
        assert!(open.stderr.contains("others can read"), "{open:?}");
        assert!(!open.stderr.contains(body) && !open.stdout.contains(body));
    }
}

/// What openssl makes of our files, where it is installed.
#[test]
fn openssl_reads_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("k");
    json(&["key", "new", "--out", text(&key)], 0);
    let Ok(output) = Command::new("openssl").args(["pkey", "-in", text(&key), "-pubout"]).output()
    else {
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let public = fs::read_to_string(folder.path().join("k.pub")).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), public.trim());
}

#[test]
fn the_same_run_and_name_give_the_same_bytes() {
    let submission = SmallSubmission::get();
    let again = submission.path("again.retally");
    let finished = submission.submit("Small", &again);
    assert_eq!(finished.code, 0, "{finished:?}");
    let first = fs::read(submission.bundle()).unwrap();
    assert!(first == fs::read(&again).unwrap(), "a second bundle differs");
    // Threads change nothing, those of the table's writer neither.
    let (run, key, manifest, single) = (
        submission.run(),
        submission.key(),
        submission.manifest(),
        submission.path("single.retally"),
    );
    let finished = Finished::of(
        Command::new(binary())
            .args([
                "--offline",
                "--manifest",
                text(&manifest),
                "submit",
                text(&run),
                "--key",
                text(&key),
            ])
            .args(["--name", "Small", "--out", text(&single)])
            .env("POLARS_MAX_THREADS", "1")
            .env("RAYON_NUM_THREADS", "1"),
    );
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(first == fs::read(&single).unwrap(), "one thread gives other bytes");
    let other = submission.path("other.retally");
    assert_eq!(submission.submit("Other", &other).code, 0);
    assert!(first != fs::read(&other).unwrap());
}

#[test]
fn nothing_of_the_machine_is_published() {
    let submission = SmallSubmission::get();
    let archive = ArchiveReader::open(&submission.bundle()).unwrap();
    let secret = fs::read_to_string(submission.key()).unwrap();
    let record = fs::read_to_string(submission.run().join("run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let library = record["onnxruntime"]["path"].as_str().unwrap();
    for name in archive.files().keys() {
        let bytes = archive.read(name).unwrap().unwrap();
        let content = String::from_utf8_lossy(&bytes);
        for private in
            [library, text(&submission.path("")), secret.lines().nth(1).unwrap(), "PRIVATE"]
        {
            assert!(!content.contains(private), "{private} is in {name}");
        }
    }
}

#[test]
fn an_honest_bundle_holds_and_becomes_an_entry() {
    let submission = SmallSubmission::get();
    let (bundle, entry) = (submission.bundle(), submission.path("entry"));
    let mut public = submission.key().into_os_string();
    public.push(".pub");
    fs::write(&public, crate::small_submission::key().public().to_pem().unwrap()).unwrap();
    let arguments = [
        "leaderboard",
        "verify",
        text(&bundle),
        "--reinfer",
        "3",
        "--trust",
        text(Path::new(&public)),
        "--entry",
        text(&entry),
    ];
    let report = json(&arguments, 0);
    assert_eq!(report["valid"], true);
    let checks = report["submissions"][0]["verification"]["checks"].as_array().unwrap();
    for check in checks {
        let expected = if check["kind"] == "replay" { "skipped" } else { "passed" };
        assert_eq!(check["result"], expected, "{check:#}");
    }
    let reinference = checks.iter().find(|check| check["kind"] == "reinference").unwrap();
    assert!(reinference["detail"].as_str().unwrap().contains("to the last bit"), "{reinference:#}");

    let verification: Verification =
        serde_json::from_slice(&fs::read(entry.join("verification.json")).unwrap()).unwrap();
    assert!(verification.is_valid());
    let found: Entry =
        serde_json::from_slice(&fs::read(entry.join("entry.json")).unwrap()).unwrap();
    assert_eq!((found.name.as_str(), found.suite.id.as_str()), ("Small", "starter"));
    let bytes = fs::read(entry.join("scores.safetensors")).unwrap();
    let scores = SafeTensors::deserialize(&bytes).unwrap();
    let mut with_scores = 0;
    for (_, _, column, cell) in found.cells().filter(|(_, _, _, cell)| cell.has_scores) {
        with_scores += 1;
        let tensor = scores.tensor(&cell.id).unwrap();
        let values: Vec<f64> = tensor
            .data()
            .chunks_exact(8)
            .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(values.len() as u64, cell.measured.n, "{}", column.key);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let value = cell.measured.value().unwrap();
        assert!(
            (mean - value).abs() <= 1e-9 * value.abs().max(1.0),
            "{}: {mean} and {value}",
            column.key
        );
    }
    assert_eq!(with_scores, scores.len());
    assert!(with_scores >= 4, "{with_scores}");
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["samples"].len(), 64);
}

#[test]
fn runs_that_cannot_be_submitted_are_refused() {
    let submission = SmallSubmission::get();
    let folder = tempfile::tempdir().unwrap();
    let (key, run_folder, out) =
        (submission.key(), folder.path().join("run"), folder.path().join("x.retally"));
    let copy = |names: &[&str]| {
        let _ = fs::remove_dir_all(&run_folder);
        fs::create_dir_all(run_folder.join("chunks")).unwrap();
        for name in names {
            fs::copy(submission.run().join(name), run_folder.join(name)).unwrap();
        }
    };
    let submit = |name: &str| {
        submission.command(&[
            "submit",
            text(&run_folder),
            "--key",
            text(&key),
            "--name",
            name,
            "--out",
            text(&out),
        ])
    };
    // Not ended: no record; no chunks.
    copy(&["measurements.json"]);
    let finished = submit("x");
    assert_eq!(finished.code, 4, "{finished:?}");
    copy(&["measurements.json", "run.json", "samples.parquet"]);
    let finished = submit("x");
    assert_eq!(finished.code, 4, "{finished:?}");
    assert!(finished.stderr.contains("has not ended"), "{finished:?}");
    // Only a part.
    let record = fs::read_to_string(run_folder.join("run.json")).unwrap();
    fs::write(run_folder.join("run.json"), record.replace("\"limit\": null", "\"limit\": 96"))
        .unwrap();
    let finished = submit("x");
    assert_eq!(finished.code, 2, "{finished:?}");
    assert!(finished.stderr.contains("--limit"), "{finished:?}");
    // Changed after the run.
    copy(&["measurements.json", "run.json", "samples.parquet"]);
    for chunk in fs::read_dir(submission.run().join("chunks")).unwrap() {
        let chunk = chunk.unwrap();
        fs::copy(chunk.path(), run_folder.join("chunks").join(chunk.file_name())).unwrap();
    }
    let measured = fs::read_to_string(run_folder.join("measurements.json")).unwrap();
    let (_, rest) = measured.split_once("\"value\": ").unwrap();
    let value = rest.split(',').next().unwrap();
    fs::write(run_folder.join("measurements.json"), measured.replacen(value, "0.125", 1)).unwrap();
    let finished = submit("x");
    assert_eq!(finished.code, 2, "{finished:?}");
    assert!(finished.stderr.contains("would be refused"), "{finished:?}");
    assert!(!out.exists());
    // Names.
    for name in ["", " x", "a\nb", "<b>", &"x".repeat(201)] {
        let finished = submit(name);
        assert_eq!(finished.code, 2, "{name:?}: {finished:?}");
        assert!(finished.stderr.contains("--name cannot be used"), "{finished:?}");
    }
}

#[test]
fn a_folder_of_submissions_takes_each_once() {
    let submission = SmallSubmission::get();
    let folder = tempfile::tempdir().unwrap();
    let (run, key) = (submission.run(), submission.key());
    let arguments =
        ["submit", text(&run), "--key", text(&key), "--name", "Small", "--to", text(folder.path())];
    let finished = submission.command(&arguments);
    assert_eq!(finished.code, 0, "{finished:?}");
    let suite = folder.path().join("starter");
    let places: Vec<_> = fs::read_dir(&suite).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [place] = places.as_slice() else { panic!("{places:?}") };
    assert!(place.file_name().unwrap().to_str().unwrap().ends_with("-small"), "{place:?}");
    assert!(
        fs::read(place.join("submission.retally")).unwrap()
            == fs::read(submission.bundle()).unwrap()
    );
    let again = submission.command(&arguments);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("not overwritten"), "{again:?}");
}

fn upload(server: &SubmissionServer, token: &str) -> Finished {
    let submission = SmallSubmission::get();
    let (run, key, manifest, url) =
        (submission.run(), submission.key(), submission.manifest(), server.url());
    Finished::of(
        Command::new(binary())
            .args([
                "--manifest",
                text(&manifest),
                "submit",
                text(&run),
                "--key",
                text(&key),
                "--name",
                "Small",
                "--to",
                &url,
            ])
            .env("RETALLY_TOKEN", token),
    )
}

#[test]
fn an_upload_arrives_whole_also_after_a_broken_connection() {
    let whole = fs::read(SmallSubmission::get().bundle()).unwrap();
    for manner in [Manner::Good, Manner::Breaks] {
        let server = SubmissionServer::start(manner);
        let finished = upload(&server, TOKEN);
        assert_eq!(finished.code, 0, "{finished:?}");
        assert!(finished.stdout.contains("published  abc"), "{finished:?}");
        assert!(server.received() == whole, "{manner:?}: other bytes arrived");
    }
}

#[test]
fn refused_uploads_say_why_and_never_show_the_token() {
    for (manner, token, reason) in [
        (Manner::Good, "another-token", "RETALLY_TOKEN"),
        (Manner::Small, TOKEN, "larger than this server takes"),
        (Manner::Refuses, TOKEN, "refused the submission"),
        (Manner::Redirects, TOKEN, "it redirects"),
    ] {
        let server = SubmissionServer::start(manner);
        let finished = upload(&server, token);
        assert_eq!(finished.code, 2, "{manner:?}: {finished:?}");
        assert!(finished.stderr.contains(reason), "{manner:?}: {finished:?}");
        assert!(
            !finished.stderr.contains(token) && !finished.stdout.contains(token),
            "{finished:?}"
        );
        if manner == Manner::Redirects {
            assert_eq!(server.requests().len(), 1);
        }
    }
    let submission = SmallSubmission::get();
    let (run, key) = (submission.run(), submission.key());
    let submit = |to: &str| {
        let arguments = ["submit", text(&run), "--key", text(&key), "--name", "Small", "--to", to];
        Finished::of(Command::new(binary()).args(arguments).env("RETALLY_TOKEN", TOKEN))
    };
    let plain = submit("http://example.org");
    assert_eq!(plain.code, 2, "{plain:?}");
    assert!(plain.stderr.contains("use https"), "{plain:?}");
    let offline = submission.command(&[
        "submit",
        text(&run),
        "--key",
        text(&key),
        "--name",
        "Small",
        "--to",
        "https://example.org",
    ]);
    assert_eq!(offline.code, 2, "{offline:?}");
    assert!(offline.stderr.contains("--offline forbids"), "{offline:?}");
}
