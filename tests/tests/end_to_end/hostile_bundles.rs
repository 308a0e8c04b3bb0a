//! Bundles that somebody made who wants to be believed, or to break the checker. Each is refused with the right reason, none crashes it,
//! and each is checked in a process that may not have more than 512 MiB.

use crate::program::{Finished, binary, text};
use crate::small_submission::{Forge, SmallSubmission};
use retally_submissions::PrivateKey;
use retally_submissions::documents::to_bytes;
use retally_submissions::dsse::Envelope;
use retally_submissions::files::{MANIFEST, MEASUREMENTS, RUN, SAMPLES, SAMPLES_TABLE, STATEMENT};
use safetensors::tensor::{SafeTensors, TensorView};
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Checks a file in a process whose writable memory is limited to 512 MiB: an allocation beyond it ends the process, which then is no
/// exit code.
fn verify_file(path: &Path, more: &[&str]) -> Finished {
    let arguments =
        [&["--offline", "leaderboard", "verify", text(path), "--threads", "2", "--json"][..], more]
            .concat();
    let mut command = if cfg!(target_os = "linux") {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -d 524288 && exec \"$0\" \"$@\""]).arg(binary());
        shell
    } else {
        Command::new(binary())
    };
    Finished::of(command.args(arguments))
}

fn verify_with(bytes: &[u8], more: &[&str]) -> (i32, Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.retally");
    fs::write(&path, bytes).unwrap();
    let finished = verify_file(&path, more);
    (finished.code, finished.json())
}

/// Expects a refusal by this check for this reason.
fn refused_with(bytes: &[u8], more: &[&str], kind: &str, text: &str) {
    let (code, report) = verify_with(bytes, more);
    assert_eq!(code, 2, "{report:#}");
    let reasons = report["submissions"][0]["reasons"].as_array().unwrap();
    let is_it = |reason: &Value| {
        reason["kind"] == kind && reason["reason"].as_str().unwrap().contains(text)
    };
    assert!(reasons.iter().any(is_it), "no {kind} reason with {text:?} in {reasons:#?}");
    let checks = report["submissions"][0]["verification"]["checks"].as_array().unwrap();
    let kinds: Vec<&str> = checks.iter().map(|check| check["kind"].as_str().unwrap()).collect();
    let all = [
        "archive",
        "signature",
        "digests",
        "schema",
        "suite",
        "consistency",
        "recomputation",
        "identities",
        "replay",
        "reinference",
    ];
    assert_eq!(kinds, all, "every check reports");
}

fn refused(bytes: &[u8], kind: &str, text: &str) {
    refused_with(bytes, &[], kind, text);
}

fn forge() -> Forge {
    SmallSubmission::get().forge()
}

/// A change of one document, signed again.
fn changed(name: &str, from: &str, to: &str) -> Vec<u8> {
    let mut forge = forge();
    forge.replace(name, from, to);
    forge.bundle()
}

/// The first number of a metric in `measurements.json`, as it stands there.
fn value_of(forge: &Forge, metric: &str) -> String {
    let measured = forge.text(MEASUREMENTS);
    let (_, rest) = measured.split_once(&format!("\"metric\": \"{metric}\"")).unwrap();
    let (_, rest) = rest.split_once("\"value\": ").unwrap();
    rest.split(',').next().unwrap().to_owned()
}

fn with_value(metric: &str, value: &str) -> Vec<u8> {
    let mut forge = forge();
    let found = value_of(&forge, metric);
    forge.replace(MEASUREMENTS, &format!("\"value\": {found}"), &format!("\"value\": {value}"));
    forge.bundle()
}

#[test]
fn the_unchanged_bundle_holds_under_the_limit() {
    let forge = forge();
    let unchanged = forge.bundle();
    assert!(
        unchanged == fs::read(SmallSubmission::get().bundle()).unwrap(),
        "the forge changes something by itself"
    );
    let (code, report) = verify_with(&unchanged, &[]);
    assert_eq!(code, 0, "{report:#}");
}

#[test]
fn files_that_are_no_bundle() {
    refused(b"", "archive", "empty");
    refused(b"hello", "archive", "too short");
    refused(&[b'x'; 5000], "archive", "ends with a zip directory");
    let bytes = forge().bundle();
    refused(&bytes[..bytes.len() / 2], "archive", "not whole");
    refused(&bytes[..bytes.len() - 1], "archive", "not whole");
    refused(&[&bytes[..], b"trailing"].concat(), "archive", "nothing behind it");
    refused(&[b"#!/bin/sh\n", &bytes[..]].concat(), "archive", "put before");
}

#[test]
fn names_that_lead_out_of_the_bundle() {
    for (name, reason) in [
        ("../../escape", "leads out"),
        ("chunks/../../escape", "leads out"),
        ("/etc/passwd", "absolute path"),
        ("c:escape", "absolute path"),
        ("chunks\\..\\escape", "leads out"),
        ("a\u{202e}b", "other characters"),
    ] {
        let mut forge = forge();
        forge.files.insert(name.to_owned(), b"x".to_vec());
        refused(&forge.bundle(), "archive", reason);
    }
}

/// A zip archive by another program, with one more file written by `add`.
fn by_zip_crate(add: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let forge = forge();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in &forge.files {
        zip.start_file(name.as_str(), stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    add(&mut zip);
    zip.finish().unwrap().into_inner()
}

#[test]
fn links_bombs_and_other_forms_of_zip() {
    let link = by_zip_crate(|zip| {
        zip.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    });
    // The first file already shows that another program wrote it; whatever is looked at first, the archive is refused.
    refused(&link, "archive", "");
    let bomb = by_zip_crate(|zip| {
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file("bomb", deflated).unwrap();
        zip.write_all(&vec![0; 64 << 20]).unwrap();
    });
    assert!(bomb.len() < 4 << 20);
    refused(&bomb, "archive", "");
}

/// Places of a field of the first file in both headers.
fn patched(field_in_central: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = forge().bundle();
    let end = bytes.len() - 22;
    let directory = u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap()) as usize;
    let place = directory + field_in_central;
    bytes[place..place + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn headers_that_lie() {
    // Compressed method; encrypted; a symbolic link; a size that is not there; sizes that contradict each other; a time.
    refused(&patched(10, &8_u16.to_le_bytes()), "archive", "is compressed (method 8)");
    refused(&patched(8, &1_u16.to_le_bytes()), "archive", "is encrypted");
    refused(&patched(38, &(0o120_777_u32 << 16).to_le_bytes()), "archive", "is a symbolic link");
    let huge = [0xff_u8, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f];
    refused(&patched(20, &huge), "archive", "is said to have 2147483647 bytes, at most");
    refused(&patched(20, &[0; 4]), "archive", "is said to have");
    refused(&patched(12, &1_u16.to_le_bytes()), "archive", "has flags, times");
    refused(&patched(16, &[0; 4]), "archive", "another header before its bytes");
    let mut counts = forge().bundle();
    let end = counts.len() - 22;
    counts[end + 8..end + 12].copy_from_slice(&[0xff; 4]);
    refused(&counts, "archive", "65535 files");
    let name = patched(46, &[0xff, 0xfe]);
    refused(&name, "archive", "is not UTF-8");
}

#[test]
fn doubled_missing_and_further_files() {
    let forge_of = forge();
    let envelope = to_bytes(&forge_of.envelope(&forge_of.payload())).unwrap();
    let mut twice = retally_submissions::archive::ArchiveWriter::new(Vec::new());
    twice.add(STATEMENT, &envelope).unwrap();
    for (name, bytes) in &forge_of.files {
        twice.add(name, bytes).unwrap();
    }
    twice.add(RUN, b"{}").unwrap();
    refused(&twice.finish().unwrap(), "archive", "`run.json` stands twice");

    let mut missing = forge();
    let chunk = missing.chunk(0);
    let signed = to_bytes(&missing.envelope(&missing.payload())).unwrap();
    missing.files.remove(&chunk);
    refused(&missing.archive(&signed), "digests", "is missing");
    // Signed again without it.
    refused(&missing.bundle(), "consistency", "is missing, which the measurements rest on");

    let mut more = forge();
    let signed = to_bytes(&more.envelope(&more.payload())).unwrap();
    more.files.insert("notes.txt".to_owned(), b"<script>".to_vec());
    refused(&more.archive(&signed), "digests", "the statement does not know it");
    refused(&more.bundle(), "digests", "`notes.txt` is no file of a bundle");

    let mut without = forge();
    without.files.remove(MEASUREMENTS);
    refused(&without.bundle(), "schema", "`measurements.json`: it is missing");
}

#[test]
fn signatures_that_are_none() {
    let (first, second) = (forge(), PrivateKey::from_seed(&[9; 32]));
    let payload = first.payload();
    let signed = |envelope: &Envelope| first.archive(&to_bytes(envelope).unwrap());

    // Signed by another key that claims to be the first.
    let mut claimed = Envelope::sign(&payload, &second);
    claimed.signatures[0].keyid = first.key.public().fingerprint().to_string();
    refused(&signed(&claimed), "signature", "is not key");
    refused(&signed(&Envelope::sign(&payload, &second)), "signature", "but the key beside it is");

    let good = first.envelope(&payload);
    let mut twice = good.clone();
    twice.signatures.push(twice.signatures[0].clone());
    refused(&signed(&twice), "signature", "has 2 signatures, expected exactly 1");
    let unsigned = Envelope { signatures: Vec::new(), ..good.clone() };
    refused(&signed(&unsigned), "signature", "has 0 signatures");
    let kind = Envelope { payload_type: "application/json".to_owned(), ..good.clone() };
    refused(&signed(&kind), "signature", "holds a `application/json`");
    let mut broken = good.clone();
    broken.payload.replace_range(0..4, "****");
    refused(&signed(&broken), "signature", "not base64");
    refused(&first.archive(b"{}"), "signature", "missing field `payload`");
    let spaced = [b" ", &to_bytes(&good).unwrap()[..]].concat();
    refused(&first.archive(&spaced), "signature", "not written as retally writes it");

    // A number changed in a file, or in the statement, and the old signature kept.
    let mut tampered = forge();
    let old = to_bytes(&tampered.envelope(&tampered.payload())).unwrap();
    let value = value_of(&tampered, "accuracy");
    tampered.replace(MEASUREMENTS, &value, "99.36305732484077");
    refused(&tampered.archive(&old), "digests", "`measurements.json` has SHA-256");
    let mut raised = forge();
    let old_envelope = raised.envelope(&raised.payload());
    raised.statement.predicate.ended += 1;
    let new_payload = raised.envelope(&raised.payload()).payload;
    let forged = Envelope { payload: new_payload, ..old_envelope };
    refused(&raised.archive(&to_bytes(&forged).unwrap()), "signature", "over this statement");
}

#[test]
fn only_trusted_keys_where_some_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("trusted.pub");
    fs::write(&trusted, PrivateKey::from_seed(&[9; 32]).public().to_pem().unwrap()).unwrap();
    let bytes = forge().bundle();
    refused_with(
        &bytes,
        &["--trust", text(&trusted)],
        "signature",
        "is not among the 1 that are trusted",
    );
    let (code, report) = verify_with(
        &forge().signed_by(PrivateKey::from_seed(&[9; 32])).bundle(),
        &["--trust", text(&trusted)],
    );
    assert_eq!(code, 0, "{report:#}");
}

#[test]
fn statements_about_something_else() {
    let forge = forge();
    let payload = String::from_utf8(forge.payload()).unwrap();
    let signed =
        |payload: &str| forge.archive(&to_bytes(&forge.envelope(payload.as_bytes())).unwrap());
    let digest = &payload[payload.find("\"sha256\":\"").unwrap() + 10..][..64];
    refused(
        &signed(&payload.replacen(digest, &"0".repeat(64), 1)),
        "digests",
        "the statement says 0000",
    );
    refused(
        &signed(&payload.replacen("submission/v1", "submission/v2", 1)),
        "schema",
        "submission/v2",
    );
    refused(
        &signed(&payload.replacen("Statement/v1", "Statement/v0.1", 1)),
        "schema",
        "Statement/v0.1",
    );
    refused(
        &signed(&payload.replacen("\"predicate\":{\"schema\":1", "\"predicate\":{\"schema\":7", 1)),
        "schema",
        "schema 7, this retally reads 1",
    );
    refused(
        &signed(&payload.replacen(
            "\"name\":\"Small\"",
            "\"name\":\"<script>alert(1)</script>\"",
            1,
        )),
        "schema",
        "U+003C",
    );
    refused(
        &signed(&payload.replacen("\"name\":\"Small\"", "\"name\":\"a\\u202eb\"", 1)),
        "schema",
        "U+202E",
    );
    refused(
        &signed(&payload.replacen("\"name\":\"Small\"", "\"more\":1,\"name\":\"Small\"", 1)),
        "schema",
        "unknown field `more`",
    );
    refused(&signed(&format!("{{\"more\":{}", "[".repeat(4 << 20))), "schema", "the statement: ");
    refused(
        &signed(&payload.replacen("\"ended\":", "\"ended\":1", 1)),
        "consistency",
        "the statement's ended is",
    );
    refused(
        &signed(&payload.replacen("CPUExecutionProvider", "CUDAExecutionProvider", 1)),
        "consistency",
        "the statement's provider is",
    );
    let value = value_of(&forge, "accuracy");
    refused(&signed(&payload.replace(&value, "99.0")), "consistency", "the statement says 99");
}

#[test]
fn numbers_that_are_none() {
    for (value, reason) in [
        ("NaN", "expected"),
        ("Infinity", "expected"),
        ("-Infinity", "invalid number"),
        ("1e999", "number out of range"),
        ("\"1\"", "invalid type"),
        ("0.50000000000000000000", "not written as retally writes it"),
    ] {
        refused(&with_value("accuracy", value), "schema", reason);
    }
    let count = changed(MEASUREMENTS, "\"samples\": 1045", "\"samples\": -1045");
    refused(&count, "schema", "invalid value: integer `-1045`");
    refused(&changed(RUN, "\"bytes\":", "\"bytes\":-"), "schema", "invalid value: integer `-");
    refused(
        &changed(RUN, "\"threads\":2", "\"threads\":1e2"),
        "schema",
        "invalid type: floating point",
    );
}

#[test]
fn documents_in_another_form() {
    refused(
        &changed(MEASUREMENTS, "\"schema\": 2", "\"schema\": 3"),
        "schema",
        "schema 3, this retally reads 2",
    );
    refused(
        &changed(RUN, "\"schema\":1", "\"schema\":9"),
        "schema",
        "schema 9, this retally reads 1",
    );
    refused(
        &changed(RUN, "\"started\"", "\"path\":\"/home/me\",\"started\""),
        "schema",
        "not written as retally writes it",
    );
    refused(
        &changed(MANIFEST, "[[model.tap]]", "[[model.tap]]\nextra = 1"),
        "schema",
        "unknown field",
    );
    let script = changed(MANIFEST, "block 7 alone", "<script>alert(1)</script>");
    refused(&script, "schema", "U+003C");
    let escape = changed(MANIFEST, "label = \"block 7\"", "label = \"block \\u001B[31m7\"");
    refused(&escape, "schema", "U+001B");

    let mut nested = forge();
    nested.files.insert(MEASUREMENTS.to_owned(), vec![b'['; 4 << 20]);
    refused(&nested.bundle(), "schema", "`measurements.json`: ");
    let mut classes = forge();
    let many = format!(
        "{{\"schema\":1,\"datasets\":[{{\"id\":\"noto-emoji\",\"classes\":[{}\"\"]",
        "\"\",".repeat(5 << 20)
    );
    classes.files.insert(SAMPLES.to_owned(), many.into_bytes());
    refused(&classes.bundle(), "schema", "`samples.json`: EOF");
    let mut zeros = forge();
    let many = format!("{{\"schema\":2,\"datasets\":[{}0]}}", "0,".repeat((2 << 20) - 100));
    zeros.files.insert(MEASUREMENTS.to_owned(), many.into_bytes());
    refused(&zeros.bundle(), "schema", "`measurements.json`: ");
    let mut binary = forge();
    binary.files.insert(RUN.to_owned(), vec![0xff; 1000]);
    refused(&binary.bundle(), "schema", "`run.json`: ");
}

/// A chunk with its header replaced.
fn with_header(chunk: &[u8], change: impl FnOnce(String) -> String) -> Vec<u8> {
    let length = u64::from_le_bytes(chunk[..8].try_into().unwrap()) as usize;
    let header = change(String::from_utf8(chunk[8..8 + length].to_vec()).unwrap());
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &chunk[8 + length..]].concat()
}

fn with_chunk(change: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut forge = forge();
    let name = forge.chunk(0);
    let bytes = change(&forge.files[&name]);
    forge.files.insert(name, bytes);
    forge.bundle()
}

#[test]
fn chunks_and_tables_that_claim_too_much() {
    let rows = with_chunk(|chunk| {
        with_header(chunk, |header| header.replacen("[256,64]", "[1000000000,64]", 1))
    });
    refused(&rows, "schema", "no safetensors file whose shapes fit its bytes");
    let overflow = with_chunk(|chunk| {
        with_header(chunk, |header| header.replacen("[256,64]", "[4611686018427387904,64]", 1))
    });
    refused(&overflow, "schema", "no safetensors file whose shapes fit its bytes");
    let header = with_chunk(|chunk| [&u64::MAX.to_le_bytes()[..], &chunk[8..]].concat());
    refused(&header, "schema", "is said to have 18446744073709551615 bytes");
    refused(&with_chunk(|_| b"abc".to_vec()), "schema", "too short");
    refused(&with_chunk(|_| vec![b' '; 30 << 20]), "schema", "its header is said to have");

    let metadata = with_chunk(|_| {
        let entries: Vec<String> =
            (0..5 << 19).map(|number| format!("\"{number:x}\":\"\"")).collect();
        let header = format!("{{\"__metadata__\":{{{}}}}}", entries.join(","));
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
    });
    refused(&metadata, "schema", "at most 1048576 are read");

    // No Parquet file is parsed, whatever it claims.
    let mut parquet = forge();
    let mut claim = b"PAR1".to_vec();
    claim.extend(1_000_000_000_u64.to_le_bytes());
    claim.extend(u32::MAX.to_le_bytes());
    claim.extend(b"PAR1");
    parquet.files.insert(SAMPLES_TABLE.to_owned(), claim);
    refused(&parquet.bundle(), "recomputation", "`samples.parquet` has SHA-256");
}

#[test]
fn features_and_scores_that_are_not_finite() {
    for (suffix, value) in [
        ("/features", f32::NAN.to_le_bytes().to_vec()),
        ("/scores", f64::INFINITY.to_le_bytes().to_vec()),
    ] {
        let bytes = with_chunk(|chunk| {
            rewritten(chunk, suffix, |data| data[..value.len()].copy_from_slice(&value))
        });
        refused(&bytes, "schema", "number 0 is not finite");
    }
}

/// A chunk with other numbers and a seal that fits, as its maker could write it. The seal is documented, so anybody can.
fn rewritten(chunk: &[u8], suffix: &str, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let (_, header) = SafeTensors::read_metadata(chunk).unwrap();
    let seal = &header.metadata().as_ref().unwrap()["retally-chunk"];
    let key = seal.split(' ').next().unwrap().to_owned();
    let tensors = SafeTensors::deserialize(chunk).unwrap();
    let mut names: Vec<String> = tensors.names().into_iter().map(str::to_owned).collect();
    names.sort_unstable();
    let mut contents: Vec<(String, Vec<u8>)> = names
        .iter()
        .map(|name| (name.clone(), tensors.tensor(name).unwrap().data().to_vec()))
        .collect();
    let own = contents.iter_mut().find(|(name, _)| name.ends_with(suffix)).unwrap();
    change(&mut own.1);
    let mut hashed = Vec::new();
    for (name, data) in &contents {
        for part in [name.as_bytes(), data] {
            hashed.extend((part.len() as u64).to_le_bytes());
            hashed.extend(part);
        }
    }
    let seal = format!("{key} {}", retally_manifests::Digest::of_bytes(&hashed));
    let views = contents.iter().map(|(name, data)| {
        let tensor = tensors.tensor(name).unwrap();
        (name.as_str(), TensorView::new(tensor.dtype(), tensor.shape().to_vec(), data).unwrap())
    });
    let metadata = HashMap::from([("retally-chunk".to_owned(), seal)]);
    safetensors::serialize(views.collect::<Vec<_>>(), Some(metadata)).unwrap()
}

#[test]
fn numbers_that_do_not_follow_from_the_chunks() {
    let forge_of = forge();
    let unchanged = rewritten(&forge_of.files[&forge_of.chunk(0)], "/scores", |_| {});
    assert!(
        unchanged == forge_of.files[&forge_of.chunk(0)],
        "the test writes chunks in another form"
    );

    // A better number, statement and all signed again.
    let raised = |metric: &str, value: &str| {
        let mut forge = forge();
        let found = value_of(&forge, metric);
        forge.replace(MEASUREMENTS, &format!("\"value\": {found}"), &format!("\"value\": {value}"));
        let predicate = serde_json::to_string(&forge.statement.predicate).unwrap();
        let predicate =
            predicate.replace(&format!("\"value\":{found}"), &format!("\"value\":{value}"));
        forge.statement.predicate = serde_json::from_str(&predicate).unwrap();
        forge.bundle()
    };
    refused(
        &raised("LDS", "0.5"),
        "recomputation",
        "one-stage/block-07, LDS: measurements.json says",
    );
    // Metrics that contradict each other: 99.9 % of 314 is no count.
    refused(&raised("accuracy", "99.9"), "identities", "accuracy x n is an integer");
    refused(&raised("accuracy", "99.9"), "recomputation", "accuracy: measurements.json says");
    refused(&raised("RMSC", "1.5"), "identities", "RMSC lies in");

    // Other features and scores under the old name and a seal that fits, signed again.
    let features = with_chunk(|chunk| rewritten(chunk, "/features", |data| data[..1024].fill(0)));
    refused(&features, "recomputation", "measurements.json says");
    let scores = with_chunk(|chunk| {
        rewritten(chunk, "/scores", |data| data[..8].copy_from_slice(&0.125_f64.to_le_bytes()))
    });
    refused(&scores, "recomputation", "`samples.parquet` has SHA-256");
    let impossible = with_chunk(|chunk| {
        rewritten(chunk, "/scores", |data| data[..8].copy_from_slice(&99.0_f64.to_le_bytes()))
    });
    refused(&impossible, "identities", "the scores of sample");
    // Without a new seal.
    let broken = with_chunk(|chunk| {
        let mut chunk = chunk.to_vec();
        let last = chunk.len() - 1;
        chunk[last] ^= 1;
        chunk
    });
    refused(&broken, "recomputation", "its content is not what was stored under this name");

    // Predictions in the table that do not follow from the features.
    let mut table = forge();
    table.files.get_mut(SAMPLES_TABLE).unwrap()[5000] ^= 1;
    refused(&table.bundle(), "recomputation", "predictions that follow from the features");

    let mut swapped = forge();
    let (first, second) = (swapped.chunk(0), swapped.chunk(1));
    let (a, b) = (swapped.files[&first].clone(), swapped.files[&second].clone());
    swapped.files.insert(first, b);
    swapped.files.insert(second, a);
    refused(&swapped.bundle(), "recomputation", "under this name");
}

#[test]
fn suites_that_are_not_the_present_one() {
    let stale = changed(MEASUREMENTS, "\"suite_version\": ", "\"suite_version\": 1");
    refused(&stale, "suite", "the present version is");
    let forge_of = forge();
    let content = forge_of.statement.predicate.suite.content_sha256.to_string();
    let other = changed(MEASUREMENTS, &content, &"0".repeat(64));
    refused(&other, "suite", "the locked content is");
    refused(&changed(RUN, &content, &"0".repeat(64)), "suite", "run.json is of suite `starter`");
    let unknown = changed(MEASUREMENTS, "\"suite\": \"starter\"", "\"suite\": \"easier\"");
    refused(&unknown, "suite", "names suite \"easier\"");
    // Labels and split are the suite's data set's, not the submitter's.
    refused(
        &changed(MANIFEST, "test_percent = 30", "test_percent = 3"),
        "suite",
        "in another way than the manifests here",
    );
}

#[test]
fn parts_that_contradict_each_other() {
    refused(
        &changed(MEASUREMENTS, "\"samples\": 1045", "\"samples\": 1044"),
        "consistency",
        "1044 of 1045",
    );
    refused(
        &changed(RUN, "\"samples\":1045", "\"samples\":1046"),
        "consistency",
        "run.json says 1046 samples",
    );
    refused(&changed(RUN, "\"limit\":null", "\"limit\":96"), "consistency", "only a part was run");
    refused(
        &changed(RUN, "\"device\":\"cpu\"", "\"device\":\"cuda:0\""),
        "consistency",
        "do not follow from samples, model",
    );
    refused(
        &changed(RUN, "\"device\":\"cpu\"", "\"device\":\"abacus\""),
        "consistency",
        "`abacus` is no device",
    );
    refused(
        &changed(RUN, "\"batch\":8", "\"batch\":9"),
        "consistency",
        "do not follow from manifest.toml",
    );
    refused(
        &changed(MANIFEST, "channels = 64", "channels = 63"),
        "recomputation",
        "has another type or shape",
    );
    let label = changed(SAMPLES, "\"class\":0", "\"class\":1");
    refused(&label, "consistency", "the data set has");
    refused(
        &changed(SAMPLES, "\"class\":0", "\"class\":99"),
        "consistency",
        "has a class that is not named",
    );
    // A model that is known here, described in another way.
    let mut renamed = forge();
    for name in [MANIFEST, RUN, MEASUREMENTS] {
        renamed.replace(name, "one-stage", "mobilenetv2");
    }
    refused(
        &renamed.bundle(),
        "consistency",
        "described in another way than in the manifests here",
    );
    // Another file than the one that the manifests know.
    let digest = "79fdc5bb79387e56ac3556ff3b67bd09514423f3709054e5eeb88c581d951c75";
    refused(&changed(RUN, digest, &"0".repeat(64)), "consistency", "in the manifests here");
}

#[test]
fn what_is_known_already() {
    let submission = SmallSubmission::get();
    let known = tempfile::tempdir().unwrap();
    let place = known.path().join("starter/0000-small");
    fs::create_dir_all(&place).unwrap();
    fs::copy(submission.bundle(), place.join("submission.retally")).unwrap();
    let arguments = ["--known", text(known.path())];
    refused_with(&forge().bundle(), &arguments, "replay", "it is known: it is submission");
    let mut renamed = forge();
    renamed.statement.predicate.name = retally_submissions::label::Label::new("Mine").unwrap();
    refused_with(&renamed.bundle(), &arguments, "replay", "it has the measurements of submission");
    let stolen = forge().signed_by(PrivateKey::from_seed(&[9; 32]));
    refused_with(&stolen.bundle(), &arguments, "replay", "\"Small\" signed by key");
    // A copy whose model has another name, everywhere.
    let mut renamed = forge();
    for name in [MANIFEST, RUN, MEASUREMENTS] {
        renamed.replace(name, "one-stage", "my-model");
    }
    let predicate = serde_json::to_string(&renamed.statement.predicate).unwrap();
    renamed.statement.predicate =
        serde_json::from_str(&predicate.replace("one-stage", "my-model")).unwrap();
    refused_with(&renamed.bundle(), &arguments, "replay", "to the last bit");
    // Times and machine are not the measurement: changed in both places, it is still the same.
    let mut later = forge();
    let ended = later.statement.predicate.ended;
    later.replace(RUN, &format!("\"ended\":{ended}"), &format!("\"ended\":{}", ended + 1000));
    later.statement.predicate.ended = ended + 1000;
    refused_with(&later.bundle(), &arguments, "replay", "to the last bit");
}

/// Only the models themselves can say that features were made up.
#[test]
fn made_up_features_are_found_by_running_the_model_again() {
    let mut made_up = forge();
    let names: Vec<String> =
        made_up.files.keys().filter(|name| name.starts_with("chunks/")).cloned().collect();
    for name in names {
        let bytes = rewritten(&made_up.files[&name], "/scores", |data| {
            for value in data.chunks_exact_mut(8) {
                let raised = f64::from_le_bytes(value.try_into().unwrap()) + 1e-3;
                value.copy_from_slice(&raised.to_le_bytes());
            }
        });
        made_up.files.insert(name, bytes);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made-up.retally");
    fs::write(&path, made_up.bundle()).unwrap();
    // ONNX Runtime reserves memory of its own, so without the limit.
    let finished =
        crate::program::run(&["leaderboard", "verify", text(&path), "--reinfer", "2", "--json"]);
    assert_eq!(finished.code, 2, "{finished:?}");
    let report = finished.json();
    let reasons = report["submissions"][0]["reasons"].to_string();
    assert!(reasons.contains("reinference") && reasons.contains("in the bundle and"), "{reasons}");
}
