use super::*;
use crate::images::reader::{Content, open_path};
use serde_json::json;

fn chunk(first: usize, count: usize) -> SampleChunk {
    let images = (first..first + count).flat_map(|index| vec![index as u8; 2 * 3 * 3]).collect();
    SampleChunk { first, count, images, labels: Some(vec![1; count]) }
}

fn request<'a>(out: &'a Path, key: &[u8], grid: Option<&'a Path>) -> DestinationRequest<'a> {
    let key = Digest::of_bytes(key);
    DestinationRequest { out, grid, key, count: 3, size: (3, 2), class_names: &[] }
}

fn record(request: &DestinationRequest<'_>, complete: bool) -> Value {
    let (name, value) = samples_entry(&request.key);
    json!({ name: value, "complete": complete })
}

fn write(request: &DestinationRequest<'_>) -> Result<WrittenSamples, Failure> {
    let Begun::Mine(mut output) = Destination::begin(request, &record(request, false))? else {
        panic!("nobody else writes there");
    };
    output.push(&chunk(0, 2))?;
    output.push(&chunk(2, 1))?;
    output.finish(|_| Ok(record(request, true)))
}

fn refusal(request: &DestinationRequest<'_>) -> String {
    write(request).expect_err("a refusal").message()
}

#[test]
fn both_kinds_hold_the_same_samples() {
    let place = tempfile::tempdir().unwrap();
    let grid = place.path().join("grid.png");
    for name in ["samples.npz", "samples"] {
        let out = place.path().join(name);
        let written = write(&request(&out, b"key", Some(&grid))).unwrap();
        let source = open_path(&out).unwrap();
        assert_eq!(source.catalogue().len(), 3);
        for index in 0..3 {
            let value = match source.read(index).unwrap().content {
                Content::Pixels { values, .. } => values[0],
                Content::Encoded(bytes) => {
                    crate::images::decode::decode(&bytes).unwrap().rgb.values()[0]
                }
            };
            assert_eq!(usize::from(value), index);
        }
        assert_eq!(written.grid.as_deref(), Some(grid.as_path()));
        assert_eq!(written.record, place.path().join(format!("{name}.json")));
        let kept: Value = serde_json::from_slice(&std::fs::read(&written.record).unwrap()).unwrap();
        assert_eq!(kept["complete"], true);
        // The same command again gives the same files.
        assert_eq!(write(&request(&out, b"key", Some(&grid))).unwrap().sha256, written.sha256);
    }
}

#[test]
fn nothing_of_others_is_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    std::fs::write(path("mine.npz"), "mine").unwrap();
    assert!(refusal(&request(&path("mine.npz"), b"key", None)).contains("the file exists"));
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::write(path("folder/notes.txt"), "mine").unwrap();
    assert!(refusal(&request(&path("folder"), b"key", None)).contains("not empty"));
    assert!(refusal(&request(&path("folder/notes.txt"), b"key", None)).contains("no folder"));
    std::fs::create_dir(path("folder.npz")).unwrap();
    assert!(refusal(&request(&path("folder.npz"), b"key", None)).contains("no file"));
    // Other samples, and a record of something else.
    write(&request(&path("samples"), b"key", None)).unwrap();
    assert!(refusal(&request(&path("samples"), b"other", None)).contains("not about these"));
    std::fs::write(path("a.npz.json"), "{}").unwrap();
    assert!(refusal(&request(&path("a.npz"), b"key", None)).contains("a.npz.json"));
    assert!(refusal(&request(&path("no/where"), b"key", None)).contains("create it first"));
    assert!(refusal(&request(&path("a.tar"), b"key", None)).contains("an .npz file"));
    assert_eq!(std::fs::read(path("mine.npz")).unwrap(), b"mine");
    assert_eq!(std::fs::read(path("a.npz.json")).unwrap(), b"{}");
    // An empty folder is as good as none.
    std::fs::create_dir(path("empty")).unwrap();
    assert!(write(&request(&path("empty"), b"key", None)).is_ok());
}

#[test]
fn one_process_writes_at_a_time() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("samples");
    let request = request(&out, b"key", None);
    let first = Destination::begin(&request, &record(&request, false)).unwrap();
    assert!(matches!(first, Begun::Mine(_)));
    let second = Destination::begin(&request, &record(&request, false)).unwrap();
    assert!(matches!(second, Begun::Taken));
    drop(first);
    assert!(write(&request).is_ok());
}

#[test]
fn missing_samples_are_noticed() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("samples.npz");
    let request = request(&out, b"key", None);
    let Begun::Mine(mut output) = Destination::begin(&request, &record(&request, false)).unwrap()
    else {
        panic!("nobody else writes there");
    };
    output.push(&chunk(0, 2)).unwrap();
    assert!(output.finish(|_| Ok(record(&request, true))).is_err());
    assert!(!out.exists());
}

#[test]
fn a_place_where_nothing_was_written_is_free_again() {
    let place = tempfile::tempdir().unwrap();
    for name in ["samples.npz", "samples"] {
        let out = place.path().join(name);
        let (first, second) = (request(&out, b"key", None), request(&out, b"other", None));
        let begun = Destination::begin(&first, &record(&first, false)).unwrap();
        // While it may still be written, nobody takes it away.
        assert!(refusal(&second).contains("another process"));
        drop(begun);
        assert!(write(&second).is_ok());
        assert!(refusal(&first).contains("not about these"));
    }
}
