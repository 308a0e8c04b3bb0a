//! Files made by hand, good and bad.

use super::*;
use std::io::Write;
use tempfile::TempDir;

fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let padded = format!("{text:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.as_bytes());
    bytes.extend(data);
    bytes
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    }

    fn open(&self, name: &str, bytes: &[u8]) -> Result<ArrayFile, ArrayError> {
        ArrayFile::open(&self.write(name, bytes))
    }
}

#[test]
fn rows_are_read_in_any_order_and_by_several_handles() {
    let folder = Folder::new();
    let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
    let mut array =
        folder.open("a.npy", &npy("'<f4'", "False", "(3, 2, 2)", &floats(&values))).unwrap();
    assert_eq!(array.shape(), [3, 2, 2]);
    let mut rows = Vec::new();
    array.read_f32(1..3, &mut rows).unwrap();
    assert_eq!(rows, values[4..]);
    array.reopen().unwrap().read_f32(0..1, &mut rows).unwrap();
    assert_eq!(rows, values[..4]);
    assert!(matches!(array.read_f32(2..4, &mut rows), Err(ArrayError::Rows { .. })));
}

#[test]
fn labels_and_flags() {
    let folder = Folder::new();
    let labels: Vec<u8> = [3_i64, 0, 7].iter().flat_map(|label| label.to_le_bytes()).collect();
    let mut array = folder.open("labels.npy", &npy("'<i8'", "False", "(3,)", &labels)).unwrap();
    assert_eq!(array.read_labels().unwrap(), [3, 0, 7]);
    let mut array =
        folder.open("masks.npy", &npy("'|b1'", "False", "(2, 2)", &[0, 1, 1, 0])).unwrap();
    assert_eq!(array.read_flags(0..2).unwrap(), [false, true, true, false]);
    assert!(matches!(array.read_labels(), Err(ArrayError::Shape { .. })));
    assert!(matches!(array.read_f32(0..1, &mut Vec::new()), Err(ArrayError::Element { .. })));
    let mut array =
        folder.open("negative.npy", &npy("'|i1'", "False", "(2,)", &[1, 0xff])).unwrap();
    assert!(matches!(array.read_labels(), Err(ArrayError::Label { row: 1, number: -1, .. })));
}

#[test]
fn tensors_are_found_by_name() {
    let folder = Folder::new();
    let one = r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let mut array =
        folder.open("one.safetensors", &safetensors(one, &floats(&[1.0, 2.0]))).unwrap();
    let mut values = Vec::new();
    array.read_f32(0..2, &mut values).unwrap();
    assert_eq!(values, [1.0, 2.0]);

    let two = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
        "b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]}}"#;
    let path =
        folder.write("two.safetensors", &safetensors(two, &[0, 0, 0, 0, 0x00, 0x3c, 0x00, 0xc0]));
    let mut array = ArrayFile::open(&path.with_file_name("two.safetensors#b")).unwrap();
    array.read_f32(0..2, &mut values).unwrap();
    assert_eq!(values, [1.0, -2.0]);
    for location in [path.clone(), path.with_file_name("two.safetensors#c")] {
        let message = ArrayFile::open(&location).unwrap_err().to_string();
        assert!(message.contains("it holds a, b"), "{message}");
    }
}

#[test]
fn empty_arrays_have_no_rows() {
    let folder = Folder::new();
    let mut array = folder.open("empty.npy", &npy("'<f4'", "False", "(0, 5)", &[])).unwrap();
    array.read_f32(0..0, &mut Vec::new()).unwrap();
    let mut scalar =
        folder.open("scalar.npy", &npy("'<f4'", "False", "()", &floats(&[1.0]))).unwrap();
    assert!(scalar.read_f32(0..1, &mut Vec::new()).is_err());
}

#[test]
fn damaged_and_unsupported_files_are_refused() {
    let folder = Folder::new();
    let good = npy("'<f4'", "False", "(2, 2)", &floats(&[0.0; 4]));
    let refused = |name: &str, bytes: &[u8], part: &str| {
        let error = folder.open(name, bytes).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.is_temporary());
    };
    refused("short.npy", &good[..good.len() - 1], "too short");
    refused("huge.npy", &npy("'<f4'", "False", "(4294967295, 4294967295)", &[]), "too short");
    refused("absurd.npy", &npy("'<f4'", "False", "(4294967296, 4294967296)", &[]), "too large");
    refused(
        "hidden.npy",
        &npy("'<f4'", "False", "(0, 4294967296, 4294967296, 4294967296)", &[]),
        "too large",
    );
    refused("long.npy", &npy("'<f4'", "False", "(99999999999999999999999,)", &[]), "header");
    refused("minus.npy", &npy("'<f4'", "False", "(-1, 2)", &[]), "negative");
    refused(
        "fortran.npy",
        &npy("'<f4'", "True", "(2, 2)", &floats(&[0.0; 4])),
        "ascontiguousarray",
    );
    refused("big.npy", &npy("'>f4'", "False", "(1,)", &[0; 4]), "big-endian");
    refused("pickle.npy", &npy("'|O'", "False", "(1,)", &[0; 8]), "only plain numbers");
    refused("record.npy", &npy("[('a', '<f4')]", "False", "(1,)", &[0; 4]), "only plain numbers");
    refused("complex.npy", &npy("'<c8'", "False", "(1,)", &[0; 8]), "only plain numbers");
    refused("head.npy", &good[..20], "header");
    refused("magic.npy", b"\x93NUMPY", "header");
    let mut claimed = good.clone();
    claimed[8..10].copy_from_slice(&[0xff, 0xff]);
    refused("claimed.npy", &claimed, "header has 65545 bytes");
    refused("nested.npy", &npy(&"(".repeat(60), "False", "(1,)", &[]), "header");
    refused("text.txt", b"1 2 3", "neither");
    refused("empty.npy", b"", "neither");

    refused("length.safetensors", &u64::MAX.to_le_bytes(), "header would have");
    refused("cut.safetensors", &safetensors("{}", b"")[..9], "header");
    refused("no.safetensors", b"abc", "header");
    let outside = r#"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    refused("outside.safetensors", &safetensors(outside, &[0; 7]), "too short");
    let wrong = r#"{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#;
    refused("wrong.safetensors", &safetensors(wrong, &[0; 8]), "header");
    let missing = ArrayFile::open(&folder.0.path().join("missing.npy")).unwrap_err();
    assert!(!missing.is_temporary(), "{missing}");
}
