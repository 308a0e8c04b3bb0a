//! The store itself, and what `verify` finds in it.

use crate::workbench::{Workbench, manifest_of, noise};
use retally_manifests::{
    Digest, ErrorClass, FetchError, Fetcher, Manifest, Mismatch, Network, Silent, Store,
    StoreError, VerificationState, verify,
};
use std::fs;

/// A manifest on disk with artifact `a` from a file beside it.
fn local(bench: &Workbench, content: &[u8]) -> Manifest {
    fs::write(bench.path().join("data"), content).unwrap();
    let path = bench.path().join("manifest.toml");
    fs::write(&path, crate::workbench::artifact_text("a", content, &["file:data"])).unwrap();
    Manifest::load(&path).unwrap()
}

#[test]
fn opening_creates_nothing() {
    let bench = Workbench::new();
    let artifact = manifest_of(b"content", &["file:x"]).artifact("a").unwrap().clone();
    assert!(bench.store.get(&artifact).unwrap().is_none());
    assert!(bench.store.verified(&artifact).unwrap().is_none());
    assert!(!bench.store.home().exists());
}

#[test]
fn objects_are_filed_by_digest() {
    let store = Store::open(Some("/somewhere".as_ref())).unwrap();
    let path = store.object_path(&Digest::of_bytes(b"abc"));
    let expected = "/somewhere/objects/sha256/ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(path, std::path::Path::new(expected));
}

#[test]
fn a_file_source_is_relative_to_its_manifest_and_works_offline() {
    let bench = Workbench::new();
    let content = noise(200_000);
    let manifest = local(&bench, &content);
    let path = bench.fetch_with(&manifest, Network::Forbidden).unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    assert_eq!(bench.files("partial"), [""; 0]);
}

#[test]
fn a_folder_is_no_file_source() {
    let bench = Workbench::new();
    let error = bench
        .fetch(&manifest_of(b"content", &[&format!("file:{}", bench.path().display())]))
        .unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
    bench.assert_empty();
}

#[test]
fn a_home_that_cannot_be_a_folder_is_a_clear_error() {
    let bench = Workbench::new();
    fs::write(bench.path().join("file"), "").unwrap();
    let store = Store::open(Some(&bench.path().join("file").join("store"))).unwrap();
    let manifest = local(&bench, b"content");
    let error = Fetcher::new(&store, &manifest, Network::Allowed, &Silent)
        .fetch(&crate::workbench::id("a"));
    let error = error.unwrap_err();
    assert!(matches!(error, FetchError::Store(_)), "{error}");
    assert_eq!(error.class(), ErrorClass::Temporary);
}

#[cfg(unix)]
#[test]
fn links_inside_the_store_are_not_followed() {
    let bench = Workbench::new();
    let manifest = local(&bench, b"content");
    let artifact = manifest.artifact("a").unwrap();
    let partial = bench.store.home().join("partial");
    fs::create_dir_all(&partial).unwrap();
    let victim = bench.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, partial.join(format!("{}.new", artifact.sha256))).unwrap();
    let path = bench.fetch(&manifest).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");

    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(bench.path().join("data"), &path).unwrap();
    let error = bench.store.get(artifact).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { mismatch: Mismatch::NotAFile, .. }), "{error}");
    bench.fetch(&manifest).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn verify_lists_every_copy_and_every_difference() {
    let bench = Workbench::new();
    let manifest = local(&bench, b"content");
    let artifact = manifest.artifact("a").unwrap();
    let check = || verify(&bench.store, &manifest, &bench.settings, artifact);

    let object = bench.fetch(&manifest).unwrap();
    let found = check();
    assert_eq!(found.state, VerificationState::Verified);
    assert_eq!(found.copies.len(), 2);

    fs::remove_file(&object).unwrap();
    fs::write(&object, "CONTENT").unwrap();
    fs::write(bench.path().join("data"), "other length").unwrap();
    let found = check();
    assert_eq!(found.state, VerificationState::Different);
    let differences: Vec<&Mismatch> =
        found.copies.iter().filter_map(|copy| copy.difference.as_ref()).collect();
    let digest =
        Mismatch::Digest { expected: artifact.sha256, found: Digest::of_bytes(b"CONTENT") };
    assert_eq!(differences, [&digest, &Mismatch::Length { expected: 7, found: 12 }]);
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["state"], "different");
    assert_eq!(json["copies"][1]["difference"]["found"], 12);

    fs::remove_file(&object).unwrap();
    fs::remove_file(bench.path().join("data")).unwrap();
    assert_eq!(check().state, VerificationState::NotFetched);
}
