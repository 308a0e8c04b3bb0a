use super::*;
use proptest::prelude::*;
use std::io::{Read, Write};

fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new());
    for (name, content) in files {
        writer.add(name, content).unwrap();
    }
    writer.finish().unwrap()
}

fn open(bytes: &[u8]) -> Result<ArchiveReader, ArchiveError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    ArchiveReader::open(file.path())
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().to_string()
}

fn files() -> Vec<(String, Vec<u8>)> {
    vec![("run.json".to_owned(), b"{}\n".to_vec()), ("a/b.txt".to_owned(), vec![7; 1000])]
}

fn any_files() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let content = prop::collection::vec(any::<u8>(), 0..300);
    prop::collection::btree_map("[a-z0-9]{1,8}(/[a-z0-9-]{1,8}){0,2}", content, 0..6)
        .prop_map(|files| files.into_iter().collect())
}

proptest! {
    #[test]
    fn files_come_back(files in any_files()) {
        let bytes = archive(&files);
        prop_assert_eq!(&bytes, &archive(&files));
        let reader = open(&bytes).unwrap();
        prop_assert_eq!(reader.sha256(), retally_manifests::Digest::of_bytes(&bytes));
        prop_assert_eq!(reader.files().len(), files.len());
        for (name, content) in &files {
            let read = reader.read(name).unwrap();
            prop_assert_eq!(read.as_ref(), Some(content));
        }
    }

    /// Nothing in an archive can change without being seen: form, checksums and counts cover every byte.
    #[test]
    fn no_byte_can_change(files in any_files(), place: prop::sample::Index, flip in 1_u8..) {
        let mut bytes = archive(&files);
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert!(open(&bytes).is_err());
    }

    #[test]
    fn no_text_crashes_it(bytes: Vec<u8>) {
        prop_assert!(open(&bytes).is_err());
    }
}

/// What another program sees is what is read here.
#[test]
fn the_zip_crate_reads_the_same() {
    let bytes = archive(&files());
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    assert_eq!(zip.len(), 2);
    for (name, content) in files() {
        let mut entry = zip.by_name(&name).unwrap();
        assert_eq!(entry.unix_mode(), Some(0o100_644));
        let mut read = Vec::new();
        entry.read_to_end(&mut read).unwrap();
        assert_eq!(read, content);
    }
}

#[test]
fn cuts_and_additions_are_seen() {
    let bytes = archive(&files());
    for length in 0..bytes.len() {
        assert!(open(&bytes[..length]).is_err(), "cut at {length}");
    }
    let behind = [&bytes[..], b"x"].concat();
    assert!(refusal(&behind).contains("nothing behind it"));
    let before = [b"MZ", &bytes[..]].concat();
    assert!(refusal(&before).contains("put before"));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, reason) in [
        ("../x", "leads out"),
        ("a/../x", "leads out"),
        ("a//x", "leads out"),
        ("a/", "leads out"),
        ("./x", "leads out"),
        ("..\\x", "leads out"),
        ("/x", "absolute"),
        ("c:x", "absolute"),
        ("A", "other characters"),
        ("a b", "other characters"),
        ("a\0", "other characters"),
    ] {
        let bytes = archive(&[(name.to_owned(), Vec::new())]);
        let message = refusal(&bytes);
        assert!(message.contains(reason), "{name:?}: {message}");
    }
    let twice = archive(&[("a".to_owned(), vec![1]), ("a".to_owned(), vec![2])]);
    assert!(refusal(&twice).contains("`a` stands twice"));
}

#[test]
fn sizes_are_bounded_by_name() {
    let large = vec![0; 2 << 20];
    assert!(
        refusal(&archive(&[("run.json".to_owned(), large.clone())])).contains("at most 1048576")
    );
    assert!(refusal(&archive(&[("other".to_owned(), large)])).contains("at most 1048576"));
}
