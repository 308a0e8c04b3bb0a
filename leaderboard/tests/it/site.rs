//! The site as files: its bytes, its links, its place.

use crate::synthetic::{SMALL, write};
use retally_leaderboard::site::{MARKER, Published, SiteOptions, refuse_overlap, write_site};
use retally_leaderboard::{Board, Collection, LeaderboardError};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn build(submissions: &Path, out: &Path) -> Result<Published, LeaderboardError> {
    let collection = Collection::read(submissions, &|| ())?;
    let board = Board::of(&collection, &|| ())?;
    write_site(&board, SiteOptions { title: "Test <board>", with_bundles: true }, out)
}

pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn visit(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for item in fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                visit(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(root, root, &mut found);
    found
}

fn collection_of(count: usize) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    (0..count).for_each(|number| drop(write(root.path(), number, SMALL)));
    root
}

/// Every address in an attribute of a page.
fn addresses(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in [" href=\"", " src=\""] {
        found.extend(
            page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
    }
    found
}

#[test]
fn the_same_submissions_give_the_same_bytes() {
    let submissions = collection_of(12);
    let out = tempfile::tempdir().unwrap();
    let (first, second) = (out.path().join("first"), out.path().join("second"));
    let published = build(submissions.path(), &first).unwrap();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    threads.install(|| build(submissions.path(), &second)).unwrap();
    let (first, second) = (files(&first), files(&second));
    assert_eq!(published.files as usize, first.len());
    assert!(first.keys().eq(second.keys()));
    for (name, bytes) in &first {
        assert!(second[name] == *bytes, "{name} differs");
    }
}

#[test]
fn every_link_is_relative_and_leads_to_something() {
    let submissions = collection_of(6);
    let out = tempfile::tempdir().unwrap();
    let site = out.path().join("site");
    build(submissions.path(), &site).unwrap();
    let files = files(&site);
    let mut links = 0;
    for (name, bytes) in
        files.iter().filter(|(name, _)| name.ends_with(".html") || name.ends_with(".xml"))
    {
        let page = String::from_utf8(bytes.clone()).unwrap();
        for address in addresses(&page) {
            assert!(!address.contains("://") && !address.starts_with('/'), "{name}: {address}");
            let (path, anchor) = address.split_once('#').unwrap_or((&address, ""));
            let target = if path.is_empty() { name.clone() } else { resolved(name, path) };
            let found =
                files.get(&target).unwrap_or_else(|| panic!("{name}: {address} leads to nothing"));
            if !anchor.is_empty() {
                let id = format!(" id=\"{anchor}\"");
                assert!(
                    String::from_utf8_lossy(found).contains(&id),
                    "{name}: {address} has no anchor"
                );
            }
            links += 1;
        }
    }
    assert!(links > 500, "{links}");
}

fn resolved(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop().expect("a way out of the site")),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[test]
fn ids_of_a_page_are_different() {
    let submissions = collection_of(3);
    let out = tempfile::tempdir().unwrap();
    let site = out.path().join("site");
    build(submissions.path(), &site).unwrap();
    for (name, bytes) in files(&site).iter().filter(|(name, _)| name.ends_with(".html")) {
        let page = String::from_utf8_lossy(bytes);
        let ids: Vec<&str> =
            page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{name}");
    }
}

#[test]
fn data_say_what_pages_say() {
    let submissions = collection_of(5);
    let out = tempfile::tempdir().unwrap();
    let site = out.path().join("site");
    build(submissions.path(), &site).unwrap();
    let files = files(&site);
    let index: serde_json::Value = serde_json::from_slice(&files["data/leaderboard.json"]).unwrap();
    let suite = &index["suites"][0];
    assert_eq!(suite["submissions"].as_array().unwrap().len(), 5);
    for address in ["page", "board", "cells"] {
        assert!(files.contains_key(suite[address].as_str().unwrap()), "{address}");
    }
    let board: serde_json::Value =
        serde_json::from_slice(&files[suite["board"].as_str().unwrap()]).unwrap();
    let table = &board["tables"][0];
    assert_eq!(table["rows"].as_array().unwrap().len(), SMALL.rows);
    assert_eq!(table["rows"][0]["entries"].as_array().unwrap().len(), 5);
    let cells = &files[suite["cells"].as_str().unwrap()];
    assert_eq!(csv::Reader::from_reader(cells.as_slice()).records().count(), 5 * SMALL.rows * 6);
    let bundle = index["suites"][0]["submissions"][0]["bundle"].as_str().unwrap();
    let digest = retally_manifests::Digest::of_bytes(&files[bundle]).to_string();
    assert_eq!(index["suites"][0]["submissions"][0]["bundle_sha256"], digest.as_str());
    assert!(String::from_utf8_lossy(&files["feed.xml"]).matches("<entry>").count() == 5);
}

#[test]
fn a_site_is_replaced_and_anything_else_is_left_alone() {
    let submissions = collection_of(2);
    let out = tempfile::tempdir().unwrap();
    let site = out.path().join("site");
    build(submissions.path(), &site).unwrap();
    fs::write(site.join("old.html"), "old").unwrap();
    build(submissions.path(), &site).unwrap();
    assert!(!site.join("old.html").exists(), "the old site is gone as a whole");
    fs::remove_file(site.join(MARKER)).unwrap();
    assert!(matches!(build(submissions.path(), &site), Err(LeaderboardError::NotOurSite(_))));
    assert!(site.join("index.html").exists());
    let left: Vec<PathBuf> =
        fs::read_dir(out.path()).unwrap().map(|item| item.unwrap().path()).collect();
    assert_eq!(left, std::slice::from_ref(&site), "nothing is left beside it");
    fs::write(out.path().join("file"), "x").unwrap();
    assert!(build(submissions.path(), &out.path().join("file")).is_err());
}

#[test]
fn site_and_submissions_are_kept_apart() {
    let submissions = collection_of(1);
    let root = submissions.path();
    assert!(refuse_overlap(root, &root.join("site")).is_err());
    assert!(refuse_overlap(&root.join("starter"), root).is_err());
    assert!(refuse_overlap(root, &root.join("../x/../..").join(root)).is_err());
    assert!(refuse_overlap(root, &root.with_extension("site")).is_ok());
}

#[test]
fn a_bundle_that_changes_meanwhile_is_not_published() {
    let submissions = collection_of(1);
    let collection = Collection::read(submissions.path(), &|| ()).unwrap();
    let board = Board::of(&collection, &|| ()).unwrap();
    fs::write(collection.submissions[0].bundle.path(), "other").unwrap();
    let out = tempfile::tempdir().unwrap();
    let site = out.path().join("site");
    let options = SiteOptions { title: "x", with_bundles: true };
    assert!(matches!(write_site(&board, options, &site), Err(LeaderboardError::Changed(_))));
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "whole or not at all");
}

#[test]
fn nothing_submitted_is_a_site_too() {
    let submissions = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    build(submissions.path(), &out.path().join("site")).unwrap();
    assert!(out.path().join("site/index.html").exists());
}
