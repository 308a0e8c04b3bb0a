use super::*;
use crate::object_folder::testing::in_memory;
use crate::pipeline::sealed::{NamedTensor, to_bytes};
use crate::run::directory::RunDirectory;
use safetensors::Dtype;
use tempfile::TempDir;

/// One object store, and the folders of two machines.
struct Machines {
    homes: [TempDir; 2],
    places: [RunPlace; 2],
}

impl Machines {
    fn new() -> Self {
        let store = in_memory();
        let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let places =
            [0, 1].map(|machine| RunPlace::remote(Arc::clone(&store), homes[machine].path()));
        for place in &places {
            drop(RunDirectory::open(place).unwrap());
        }
        Self { homes, places }
    }
}

fn key(number: u8) -> Digest {
    Digest::of_bytes(&[number])
}

/// A sealed file of the key.
fn chunk(key: &Digest, value: u8) -> Vec<u8> {
    let tensor =
        NamedTensor { name: "a".to_owned(), dtype: Dtype::U8, shape: vec![1], bytes: vec![value] };
    to_bytes(key, vec![tensor]).unwrap()
}

fn put(place: &RunPlace, key: &Digest, bytes: &[u8]) {
    std::fs::write(chunk_path(place.root(), key), bytes).unwrap();
}

fn get(place: &RunPlace, key: &Digest) -> Option<Vec<u8>> {
    std::fs::read(chunk_path(place.root(), key)).ok()
}

#[test]
fn what_one_machine_stores_another_brings() {
    let Machines { places: [first, second], homes } = Machines::new();
    assert_ne!(first.root(), second.root());
    assert_eq!(first.to_string(), "s3://bucket/a run");
    assert_eq!(first.shown("report.html"), Path::new("s3://bucket/a run/report.html"));
    let keys = [1, 2, 3].map(key);
    for key in &keys[..2] {
        put(&first, key, &chunk(key, 7));
    }
    first.publish_chunk(&keys[0]).unwrap();
    assert_eq!(second.stored_chunks().unwrap(), HashSet::from([keys[0]]));
    // What could not be stored before is stored now.
    let progress = Progress::new(true);
    first.bring_chunks(&HashSet::from(keys), &progress).unwrap();
    assert_eq!(second.stored_chunks().unwrap(), HashSet::from([keys[0], keys[1]]));
    second.bring_chunks(&HashSet::from([keys[1], keys[2]]), &progress).unwrap();
    let brought = keys.map(|key| get(&second, &key).is_some());
    assert_eq!(brought, [false, true, false], "only what was asked for");
    assert_eq!(get(&second, &keys[1]), get(&first, &keys[1]));
    drop(homes);
}

#[test]
fn a_chunk_is_written_once_and_a_damaged_one_replaced() {
    let Machines { places: [first, second], homes: _homes } = Machines::new();
    let key = key(1);
    let remote = first.remote.clone().unwrap();
    let name = format!("{CHUNKS}/{key}{CHUNK_SUFFIX}");
    let stored = || remote.read(&name).unwrap().unwrap().bytes;
    put(&first, &key, &chunk(&key, 7));
    put(&second, &key, &chunk(&key, 7));
    first.publish_chunk(&key).unwrap();
    second.publish_chunk(&key).unwrap();
    assert_eq!(stored(), chunk(&key, 7));
    put(&second, &key, &chunk(&key, 8));
    let failure = second.publish_chunk(&key).unwrap_err();
    assert!(
        failure.message().contains("two machines compute differently"),
        "{}",
        failure.message()
    );
    assert_eq!(stored(), chunk(&key, 7), "what is there stays");
    let mut damaged = chunk(&key, 7);
    *damaged.last_mut().unwrap() ^= 1;
    remote.write(&name, damaged, Condition::Always).unwrap();
    second.publish_chunk(&key).unwrap();
    assert_eq!(stored(), chunk(&key, 8));
}

#[test]
fn of_two_work_lists_the_first_is_the_runs() {
    let Machines { places: [first, second], homes: _homes } = Machines::new();
    let write = |place: &RunPlace, text: &str| {
        std::fs::write(place.root().join(work_file::FILE), text).unwrap();
    };
    let read = |place: &RunPlace| std::fs::read_to_string(place.root().join(work_file::FILE)).ok();
    write(&first, "one");
    assert_eq!(first.publish_work(false).unwrap(), None);
    write(&second, "one");
    assert_eq!(second.publish_work(false).unwrap(), None, "the same list is no other one");
    write(&second, "two");
    assert_eq!(second.publish_work(false).unwrap(), Some(b"one".to_vec()));
    second.refresh().unwrap();
    assert_eq!(read(&second).as_deref(), Some("one"));
    write(&second, "three");
    assert_eq!(second.publish_work(true).unwrap(), None);
    first.refresh().unwrap();
    assert_eq!(read(&first).as_deref(), Some("three"));
}

#[test]
fn names_from_the_store_lead_nowhere_else() {
    let Machines { places: [place, _], homes } = Machines::new();
    let remote = place.remote.clone().unwrap();
    let key = key(1);
    for name in [
        "chunks/x.safetensors",
        "shards/../../evil.json",
        "shards/1-of-2.lock",
        "shards/01-of-2.json",
        "shards/a/1-of-2.json",
        "measured/evil.jsonl",
        "shards/1-of-2.json",
    ] {
        remote.write(name, b"{}".to_vec(), Condition::Always).unwrap();
    }
    let before = count(homes[0].path());
    place.refresh().unwrap();
    place.bring_measurements().unwrap();
    place.bring_chunks(&HashSet::from([key]), &Progress::new(true)).unwrap();
    assert_eq!(count(homes[0].path()), before + 1, "the record of a shard alone is brought");
    assert!(place.stored_chunks().unwrap().is_empty());
    // A run that is gone from the store is gone here.
    std::fs::write(place.root().join(work_file::FILE), "old").unwrap();
    std::fs::write(place.root().join("shards/5-of-7.json"), "old").unwrap();
    place.refresh().unwrap();
    assert_eq!(count(homes[0].path()), before + 1);
}

/// Files below a folder.
fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| if entry.file_type().unwrap().is_dir() { count(&entry.path()) } else { 1 })
        .sum()
}

#[test]
fn results_are_stored_without_what_is_hidden() {
    let Machines { places: [place, _], homes: _homes } = Machines::new();
    let root = place.root();
    std::fs::create_dir_all(root.join("tables")).unwrap();
    for name in ["run.json", "report.html", "tables/a.csv", ".partial-x", "work.jsonl"] {
        std::fs::write(root.join(name), name).unwrap();
    }
    std::fs::write(chunk_path(root, &key(1)), "chunk").unwrap();
    place.publish_results().unwrap();
    let remote = place.remote.clone().unwrap();
    for (name, is_there) in [
        ("run.json", true),
        ("report.html", true),
        ("tables/a.csv", true),
        (".partial-x", false),
        (".lock", false),
        ("work.jsonl", false),
    ] {
        assert_eq!(remote.read(name).unwrap().is_some(), is_there, "{name}");
    }
    assert!(place.stored_chunks().unwrap().is_empty());
}

/// What keeps no empty folders hands it on without one.
#[test]
fn a_shard_that_had_nothing_to_do_has_no_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let place = RunPlace::from(folder.path().join("shard"));
    assert!(place.stored_chunks().unwrap().is_empty());
    std::fs::write(folder.path().join("shard"), "a file").unwrap();
    assert!(place.stored_chunks().is_err());
}
