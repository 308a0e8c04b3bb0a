//! What the readers accept, what they refuse, and that damaged files are errors and never panics.

use super::*;
use crate::images::decode::decode;
use crate::images::error::ImageError;
use polars::prelude::{
    Column, DataFrame, IntoColumn, IntoSeries, NamedFrom, ParquetWriter, Series, StructChunked,
};
use std::fs;
use std::io::{Cursor, Write};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn golden(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/images/sources").join(name),
    )
    .unwrap()
}

/// Some files that decode, by name.
fn images() -> Vec<Vec<u8>> {
    ["rgb-2x2.png", "420-8x8.jpg", "rgb-7x1.png", "grey-39x28.jpg"].map(golden).to_vec()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn open(
        &self,
        format: DatasetFormat,
        files: &[PathBuf],
    ) -> Result<Box<dyn ImageSource>, ImageError> {
        open(format, files)
    }

    /// The message of a file that must be refused.
    fn refusal(&self, format: DatasetFormat, name: &str, bytes: &[u8]) -> String {
        let path = self.write(name, bytes);
        match self.open(format, &[path]) {
            Ok(_) => panic!("{name} was accepted"),
            Err(error) => {
                assert!(!error.is_temporary(), "{error}");
                error.to_string()
            }
        }
    }
}

fn keys(source: &dyn ImageSource) -> Vec<&str> {
    source.catalogue().samples().iter().map(|sample| sample.key.as_str()).collect()
}

fn classes(source: &dyn ImageSource) -> Vec<Option<u32>> {
    source.catalogue().samples().iter().map(|sample| sample.class).collect()
}

fn encoded(sample: RawSample) -> Vec<u8> {
    match sample.content {
        Content::Encoded(bytes) => bytes,
        Content::Pixels { .. } => panic!("pixels"),
    }
}

// --- builders ------------------------------------------------------------------------------------------------------

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn idx_images(count: u32, rows: u32, columns: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    for size in [count, rows, columns] {
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend((0..count * rows * columns).map(|value| value as u8));
    bytes
}

fn idx_labels(labels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 1];
    bytes.extend((labels.len() as u32).to_be_bytes());
    bytes.extend(labels);
    bytes
}

fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn npz(members: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn parquet(columns: Vec<Column>, rows_in_group: usize) -> Vec<u8> {
    let height = columns[0].len();
    let mut table = DataFrame::new(height, columns).unwrap();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_row_group_size(Some(rows_in_group))
        .finish(&mut table)
        .unwrap();
    bytes
}

/// Hugging Face's image column.
fn image_column(name: &str, images: &[Option<&[u8]>]) -> Column {
    let bytes = Series::new("bytes".into(), images);
    let path = Series::new("path".into(), vec!["x.png"; images.len()]);
    StructChunked::from_series(name.into(), images.len(), [bytes, path].iter())
        .unwrap()
        .into_series()
        .into_column()
}

fn binary_column(name: &str, images: &[&[u8]]) -> Column {
    Series::new(name.into(), images).into_column()
}

// --- folders -------------------------------------------------------------------------------------------------------

#[test]
fn folders_are_sorted_bytewise_and_labelled_by_subfolder() {
    let folder = Folder::new();
    let image = golden("rgb-2x2.png");
    for name in [
        "b/2.png",
        "b/10.png",
        "a/deep/x.JPG",
        "B/z.png",
        "b/10.mask.png",
        "a/notes.txt",
        ".hidden/x.png",
    ] {
        folder.write(name, &image);
    }
    let source = folder.open(DatasetFormat::Folder, &[folder.0.path().to_owned()]).unwrap();
    assert_eq!(keys(source.as_ref()), ["B/z.png", "a/deep/x.JPG", "b/10.png", "b/2.png"]);
    assert_eq!(source.catalogue().classes(), ["B", "a", "b"]);
    assert_eq!(classes(source.as_ref()), [Some(0), Some(1), Some(2), Some(2)]);
    assert_eq!(source.read(2).unwrap().mask, Some(image.clone()));
    assert_eq!(source.read(3).unwrap().mask, None);
    assert_eq!(encoded(source.read(0).unwrap()), image);
    assert!(matches!(source.read(4), Err(ImageError::Index { index: 4, count: 4 })));

    folder.write("loose.png", &image);
    let error = open(DatasetFormat::Folder, &[folder.0.path().to_owned()]).err().unwrap();
    assert!(error.to_string().contains("`loose.png` lies beside the class folders"), "{error}");
    let unlabelled = open_path(folder.0.path()).unwrap();
    assert_eq!(unlabelled.catalogue().len(), 5);
    assert_eq!(classes(unlabelled.as_ref()), [None; 5]);
    let single = open_path(&folder.path("loose.png")).unwrap();
    assert_eq!(keys(single.as_ref()), ["loose.png"]);
}

#[test]
fn empty_and_missing_folders_are_refused() {
    let folder = Folder::new();
    folder.write("notes.txt", b"nothing");
    let error = open_path(folder.0.path()).err().unwrap();
    assert!(error.to_string().contains("no images"), "{error}");
    let error = open_path(&folder.path("absent")).err().unwrap();
    assert!(!error.is_temporary() && error.to_string().contains("absent"), "{error}");
    assert!(open(DatasetFormat::Folder, &[]).is_err());
}

#[cfg(unix)]
#[test]
fn links_may_not_lead_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let outside = Folder::new();
    let secret = outside.write("secret.png", &golden("rgb-2x2.png"));
    let folder = Folder::new();
    let inside = folder.write("real.png", &golden("rgb-2x2.png"));
    symlink(&inside, folder.path("alias.png")).unwrap();
    assert_eq!(open_path(folder.0.path()).unwrap().catalogue().len(), 2);
    symlink(&secret, folder.path("leak.png")).unwrap();
    let error = open_path(folder.0.path()).err().unwrap();
    assert!(error.to_string().contains("leak.png"), "{error}");
    fs::remove_file(folder.path("leak.png")).unwrap();
    symlink(folder.0.path(), folder.path("loop")).unwrap();
    assert!(open_path(folder.0.path()).err().unwrap().to_string().contains("loop"));
}

// --- tar -----------------------------------------------------------------------------------------------------------

#[test]
fn tar_shards_group_members_by_key() {
    let folder = Folder::new();
    let [png, jpeg, mask, other] = <[Vec<u8>; 4]>::try_from(images()).unwrap();
    let long = format!("{}/{}", "d".repeat(90), "k".repeat(90));
    let first = folder.write(
        "a.tar",
        &tar_of(&[
            ("0001.png", &png),
            ("0001.cls", b" cat\n"),
            ("0001.mask.png", &mask),
            ("0001.json", b"{}"),
            ("./dir.v2/0002.jpg", &jpeg),
            ("./dir.v2/0002.cls", b"ant"),
        ]),
    );
    let second = folder.write(
        "b.tar",
        &tar_of(&[(&format!("{long}.PNG"), &other), (&format!("{long}.cls"), b"cat")]),
    );
    let source = folder.open(DatasetFormat::Tar, &[first, second]).unwrap();
    assert_eq!(keys(source.as_ref()), ["0001", "dir.v2/0002", &long]);
    assert_eq!(source.catalogue().classes(), ["ant", "cat"]);
    assert_eq!(classes(source.as_ref()), [Some(1), Some(0), Some(1)]);
    let sample = source.read(0).unwrap();
    assert_eq!(sample.mask.as_deref(), Some(mask.as_slice()));
    assert!(sample.place.contains("a.tar") && sample.place.contains("0001"), "{}", sample.place);
    assert_eq!(encoded(sample), png);
    assert_eq!(encoded(source.read(1).unwrap()), jpeg);
    assert_eq!(encoded(source.read(2).unwrap()), other);
}

#[test]
fn wrong_tar_shards_are_refused() {
    let folder = Folder::new();
    let png = golden("rgb-2x2.png");
    let refusal = |name: &str, bytes: &[u8]| folder.refusal(DatasetFormat::Tar, name, bytes);
    let message = refusal("no-image.tar", &tar_of(&[("a.cls", b"x")]));
    assert!(message.contains("no image member"), "{message}");
    let message =
        refusal("half-labelled.tar", &tar_of(&[("a.png", &png), ("a.cls", b"x"), ("b.png", &png)]));
    assert!(message.contains("1 of 2 samples have a .cls"), "{message}");
    let message =
        refusal("twins.tar", &tar_of(&[("a.png", &png), ("b.png", &png), ("a.jpg", &png)]));
    assert!(message.contains("already has such a member"), "{message}");
    let message = refusal("empty-class.tar", &tar_of(&[("a.png", &png), ("a.cls", b"\n")]));
    assert!(message.contains(".cls member is empty"), "{message}");
    let message = refusal("empty.tar", &tar_of(&[]));
    assert!(message.contains("no images"), "{message}");
    let message = refusal("zipped.tar", &[&GZIP[..], &[0; 600]].concat());
    assert!(message.contains("gzip"), "{message}");
    let whole = tar_of(&[("a.png", &[7; 5000])]);
    let message = refusal("cut.tar", &whole[..2000]);
    assert!(message.contains("ends within it"), "{message}");

    let mut builder = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_gnu();
    header.set_entry_type(::tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "a.png", "/etc/hostname").unwrap();
    let message = refusal("link.tar", &builder.into_inner().unwrap());
    assert!(message.contains("it is a link"), "{message}");

    // A member that promises far more bytes than the archive has.
    let mut huge = ::tar::Header::new_gnu();
    huge.set_path("a.png").unwrap();
    huge.set_size(u64::MAX >> 2);
    huge.set_cksum();
    let message = refusal("huge.tar", &[huge.as_bytes().as_slice(), &[0; 1024]].concat());
    assert!(message.contains("a.png") || message.contains("damaged"), "{message}");
}

const GZIP: [u8; 4] = [0x1f, 0x8b, 8, 0];

// --- idx -----------------------------------------------------------------------------------------------------------

#[test]
fn idx_files_come_as_images_or_as_pairs() {
    let folder = Folder::new();
    let train = folder.write("train-images", &idx_images(2, 3, 4));
    let train_labels = folder.write("train-labels", &idx_labels(&[10, 2]));
    let test = folder.write("test-images", &idx_images(1, 3, 4));
    let test_labels = folder.write("test-labels", &idx_labels(&[2]));
    let source =
        folder.open(DatasetFormat::Idx, &[train.clone(), train_labels, test, test_labels]).unwrap();
    assert_eq!(keys(source.as_ref()), ["000000", "000001", "000002"]);
    assert_eq!(source.catalogue().classes(), ["2", "10"]);
    assert_eq!(classes(source.as_ref()), [Some(1), Some(0), Some(0)]);
    let layout = PixelLayout { width: 4, height: 3, channels: 1 };
    let second = Content::Pixels { layout, values: (12..24).collect() };
    assert_eq!(source.read(1).unwrap().content, second);
    let third = Content::Pixels { layout, values: (0..12).collect() };
    assert_eq!(source.read(2).unwrap().content, third);
    assert_eq!(classes(folder.open(DatasetFormat::Idx, &[train]).unwrap().as_ref()), [None; 2]);
}

#[test]
fn wrong_idx_files_are_refused() {
    let folder = Folder::new();
    let refusal = |name: &str, bytes: &[u8]| folder.refusal(DatasetFormat::Idx, name, bytes);
    let whole = idx_images(2, 3, 4);
    assert!(refusal("short", &whole[..10]).contains("shorter than an idx header"));
    assert!(refusal("cut", &whole[..30]).contains("promises 2 images of 4x3"));
    assert!(refusal("gz", &[&GZIP[..], &[0; 20]].concat()).contains("gunzip"));
    assert!(refusal("labels", &idx_labels(&[0; 9])).contains("images first"));
    let mut lying = whole.clone();
    lying[4..16].fill(0xff);
    assert!(refusal("lying", &lying).contains("promises 4294967295 images"));
    let images = folder.write("images", &whole);
    let labels = folder.write("labels", &idx_labels(&[1]));
    let error = folder.open(DatasetFormat::Idx, &[images.clone(), labels.clone()]).err().unwrap();
    assert!(error.to_string().contains("1 labels, it holds 1, and there are 2 images"), "{error}");
    assert!(folder.open(DatasetFormat::Idx, &[images.clone(), labels, images]).is_err());
}

// --- npz -----------------------------------------------------------------------------------------------------------

#[test]
fn npz_and_npy_batches_are_read_row_by_row() {
    let folder = Folder::new();
    let data: Vec<u8> = (0..2 * 2 * 2 * 3).collect();
    let images = npy("|u1", false, "(2, 2, 2, 3)", &data);
    let labels = npy("<i8", false, "(2,)", &[5_i64.to_le_bytes(), (-1_i64).to_le_bytes()].concat());
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let members = [("arr_0.npy", images.clone()), ("arr_1.npy", labels.clone())];
        let path = folder.write("batch.npz", &npz(&members, method));
        let source = folder.open(DatasetFormat::Npz, &[path]).unwrap();
        assert_eq!(keys(source.as_ref()), ["000000", "000001"]);
        assert_eq!(source.catalogue().classes(), ["-1", "5"]);
        assert_eq!(classes(source.as_ref()), [Some(1), Some(0)]);
        let layout = PixelLayout { width: 2, height: 2, channels: 3 };
        let second = Content::Pixels { layout, values: data[12..].to_vec() };
        assert_eq!(source.read(1).unwrap().content, second, "{method:?}");
    }
    let images = folder.write("batch.npy", &npy("|u1", false, "(3, 2, 4)", &data));
    let source = open_path(&images).unwrap();
    let layout = PixelLayout { width: 4, height: 2, channels: 1 };
    assert_eq!(
        source.read(2).unwrap().content,
        Content::Pixels { layout, values: data[16..].to_vec() }
    );
    let labels = folder.write("labels.npy", &npy(">u2", false, "(3,)", &[1, 0, 0, 7, 0, 7]));
    let source = folder.open(DatasetFormat::Npz, &[images, labels]).unwrap();
    assert_eq!(source.catalogue().classes(), ["7", "256"]);
}

#[test]
fn wrong_npz_and_npy_files_are_refused() {
    let folder = Folder::new();
    let refusal = |name: &str, bytes: &[u8]| folder.refusal(DatasetFormat::Npz, name, bytes);
    assert!(
        refusal("float.npy", &npy("<f4", false, "(1, 1, 1, 3)", &[0; 12]))
            .contains("expected uint8")
    );
    assert!(
        refusal("rgba.npy", &npy("|u1", false, "(1, 1, 1, 4)", &[0; 4])).contains("expected uint8")
    );
    assert!(refusal("fortran.npy", &npy("|u1", true, "(1, 1, 1, 3)", &[0; 3])).contains("Fortran"));
    assert!(
        refusal("cut.npy", &npy("|u1", false, "(2, 1, 1, 3)", &[0; 5]))
            .contains("promises 2 images")
    );
    assert!(refusal("none.npy", &npy("|u1", false, "(0, 1, 1, 3)", &[])).contains("no images"));
    let endless = "(4611686018427387904, 1, 1, 3)";
    assert!(refusal("endless.npy", &npy("|u1", false, endless, &[0; 9])).contains("promises"));
    let large = "(1, 99999999999, 9999999, 3)";
    assert!(refusal("large.npy", &npy("|u1", false, large, &[0; 9])).contains("expected uint8"));
    let absurd = "(9223372036854775807, 9, 9, 3)";
    assert!(refusal("absurd.npy", &npy("|u1", false, absurd, &[0; 9])).contains("too large"));
    let nested = format!("{}{}", "(".repeat(500), ")".repeat(500));
    assert!(refusal("nested.npy", &npy("|u1", false, &nested, &[])).contains("header"));
    assert!(refusal("text.npy", b"hello, this is no array").contains("signature"));
    let other = npz(&[("mu.npy", npy("<f8", false, "(1,)", &[0; 8]))], CompressionMethod::Stored);
    assert!(
        refusal("statistics.npz", &other)
            .contains("no array `arr_0` of images, only mu: these are statistics")
    );
    assert!(refusal("text.npz", b"hello").contains("damaged"));
    let lying = npy("|u1", false, "(1000, 500, 500, 3)", &[0; 100]);
    let lying = npz(&[("arr_0.npy", lying)], CompressionMethod::Deflated);
    assert!(refusal("lying.npz", &lying).contains("its header describes 750000000 bytes"));
    let images = npy("|u1", false, "(1, 1, 1, 3)", &[0; 3]);
    for (labels, expected) in [
        (npy("<i8", false, "(2,)", &[0; 16]), "2 labels for 1 images"),
        (npy("<i8", false, "(1,)", &[0; 7]), "describes 8 bytes of numbers, the archive has 7"),
        (npy("<u8", false, "(1,)", &[0xff; 8]), "larger than"),
    ] {
        let members = [("arr_0.npy", images.clone()), ("arr_1.npy", labels)];
        let message = refusal("labels.npz", &npz(&members, CompressionMethod::Stored));
        assert!(message.contains(expected), "{message}");
    }
}

fn golden_npz(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/npz").join(name)
}

fn sum_of_values(source: &dyn ImageSource) -> u64 {
    let images =
        (0..source.catalogue().len()).map(|index| match source.read(index).unwrap().content {
            Content::Pixels {
                layout: PixelLayout { width: 7, height: 6, channels: 3 },
                values,
            } => values.iter().map(|&value| u64::from(value)).sum::<u64>(),
            other => panic!("{other:?}"),
        });
    images.sum()
}

#[test]
fn every_layout_of_sample_files_is_read() {
    let labels: Vec<Option<u32>> = [1, 0, 2, 0, 3].map(Some).to_vec();
    let layouts = fs::read_to_string(golden_npz("layouts.json")).unwrap();
    let layouts: serde_json::Value = serde_json::from_str(&layouts).unwrap();
    for (name, expected) in [
        ("adm-images.npz", vec![None; 5]),
        ("adm-labelled.npz", labels.clone()),
        ("adm-labelled-deflated.npz", labels.clone()),
        ("adm-version-2.npz", labels.clone()),
        ("adm-version-3.npz", labels),
        ("adm-other-second.npz", vec![None; 5]),
        ("adm-reference.npz", vec![None; 5]),
    ] {
        let source = open_path(&golden_npz(name)).unwrap();
        assert_eq!(classes(source.as_ref()), expected, "{name}");
        let sum = layouts["files"][name]["arr_0"]["sum"].as_f64().unwrap();
        assert_eq!(sum_of_values(source.as_ref()) as f64, sum, "{name}");
    }
}

#[test]
fn files_without_images_and_damaged_ones_say_so() {
    for (name, expected) in [
        ("statistics.npz", "only mu, sigma: these are statistics"),
        ("features-dgm.npz", "only reps, hparams"),
        ("adm-fortran.npz", "Fortran"),
        ("broken-truncated.npz", "damaged"),
        ("broken-checksum.npz", "checksum"),
    ] {
        let error = open_path(&golden_npz(name)).err().unwrap();
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(!error.is_temporary());
    }
}

// --- parquet -------------------------------------------------------------------------------------------------------

#[test]
fn parquet_rows_come_from_every_row_group_and_file() {
    let folder = Folder::new();
    let images = images();
    let files: Vec<Option<&[u8]>> = images.iter().map(|image| Some(image.as_slice())).collect();
    let labels = Series::new("label".into(), [3_i64, 11, 3, 0]).into_column();
    let first = folder.write("a.parquet", &parquet(vec![image_column("image", &files), labels], 3));
    let labels = Series::new("label".into(), [11_i64]).into_column();
    let second =
        folder.write("b.parquet", &parquet(vec![labels, image_column("image", &files[..1])], 9));
    let source = folder.open(DatasetFormat::Parquet, &[first, second]).unwrap();
    assert_eq!(source.catalogue().len(), 5);
    assert_eq!(source.catalogue().classes(), ["0", "3", "11"]);
    assert_eq!(classes(source.as_ref()), [Some(1), Some(2), Some(1), Some(0), Some(2)]);
    for index in [4, 0, 3, 1, 2, 3, 0] {
        let sample = source.read(index).unwrap();
        assert_eq!(encoded(sample), images[index % 4], "row {index}");
    }
    assert!(source.read(4).unwrap().place.ends_with("b.parquet`, row 0"));
}

#[test]
fn parquet_takes_binary_images_text_labels_and_masks() {
    let folder = Folder::new();
    let images = images();
    let files: Vec<&[u8]> = images[..2].iter().map(Vec::as_slice).collect();
    let labels = Series::new("label".into(), ["dog", "cat"]).into_column();
    let columns = vec![labels, binary_column("img", &files), binary_column("mask", &files)];
    let path = folder.write("c.parquet", &parquet(columns, 9));
    let source = open_path(&path).unwrap();
    assert_eq!(source.catalogue().classes(), ["cat", "dog"]);
    let sample = source.read(1).unwrap();
    assert_eq!(sample.mask.as_deref(), Some(files[1]));
    assert_eq!(encoded(sample), images[1]);
}

#[test]
fn wrong_parquet_files_are_refused() {
    let folder = Folder::new();
    let refusal = |name: &str, bytes: &[u8]| folder.refusal(DatasetFormat::Parquet, name, bytes);
    let numbers = Series::new("image".into(), [1_i64, 2]).into_column();
    assert!(
        refusal("numbers.parquet", &parquet(vec![numbers.clone()], 9))
            .contains("expected binary or a struct")
    );
    let mut other = numbers;
    other.rename("picture".into());
    assert!(refusal("other.parquet", &parquet(vec![other], 9)).contains("only picture"));
    assert!(refusal("text.parquet", b"PAR1 this is no table PAR1").contains("damaged"));
    let image = golden("rgb-2x2.png");
    let files = vec![Some(image.as_slice()), None];
    let labels = Series::new("label".into(), [Some(1_i64), None]).into_column();
    let unlabelled = parquet(vec![image_column("image", &files), labels], 9);
    assert!(refusal("unlabelled.parquet", &unlabelled).contains("row 1: it has no label"));
    let labels = Series::new("label".into(), [0.5, 1.5]).into_column();
    let fractions = parquet(vec![image_column("image", &files), labels], 9);
    assert!(refusal("fractions.parquet", &fractions).contains("expected whole numbers or text"));
    let path = folder.write("hole.parquet", &parquet(vec![image_column("image", &files)], 9));
    let source = folder.open(DatasetFormat::Parquet, &[path]).unwrap();
    assert!(source.read(1).unwrap_err().to_string().contains("has no bytes"));
}

// --- everything ----------------------------------------------------------------------------------------------------

#[test]
fn digests_tell_samples_apart() {
    let pixels = |width, height| RawSample {
        place: "anywhere".to_owned(),
        content: Content::Pixels {
            layout: PixelLayout { width, height, channels: 1 },
            values: vec![0; 6],
        },
        mask: None,
    };
    assert_eq!(
        pixels(2, 3).digest(),
        RawSample { place: "elsewhere".to_owned(), ..pixels(2, 3) }.digest()
    );
    assert_ne!(pixels(2, 3).digest(), pixels(3, 2).digest());
    let encoded = RawSample { content: Content::Encoded(vec![0; 6]), ..pixels(2, 3) };
    assert_eq!(encoded.digest(), Digest::of_bytes(&[0; 6]));
    let masked = RawSample { mask: Some(vec![]), ..encoded.clone() };
    assert_ne!(masked.digest(), encoded.digest());
}

#[test]
fn compressed_archives_are_named() {
    let folder = Folder::new();
    let path = folder.write("a.tar.gz", &GZIP);
    assert!(open_path(&path).err().unwrap().to_string().contains("unpack it first"));
}

/// A generator for tests: enough to choose bytes to damage, the same ones on every machine.
struct Generator(u64);

impl Generator {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    /// Cuts off the end, or flips up to eight bytes.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        if self.below(3) == 0 {
            damaged.truncate(self.below(bytes.len()));
        } else {
            for _ in 0..=self.below(8) {
                let position = self.below(bytes.len());
                damaged[position] ^= 1 << self.below(8) | self.below(256) as u8;
            }
        }
        damaged
    }
}

#[test]
fn damaged_images_are_errors_or_images_but_never_panics() {
    let mut generator = Generator(1);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/images/sources");
    let mut paths: Vec<_> =
        fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut refused = 0;
    for path in paths {
        let bytes = fs::read(path).unwrap();
        for _ in 0..60 {
            refused += usize::from(decode(&generator.damage(&bytes)).is_err());
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

#[test]
fn damaged_containers_are_errors_or_readable_but_never_panics() {
    let folder = Folder::new();
    let image = golden("rgb-2x2.png");
    let files = [Some(image.as_slice()); 3];
    let labels = Series::new("label".into(), [1_i64, 2, 1]).into_column();
    let batch = npy("|u1", false, "(2, 2, 2, 3)", &[7; 24]);
    let members = [("arr_0.npy", batch.clone()), ("arr_1.npy", npy("<i4", false, "(2,)", &[1; 8]))];
    let containers = [
        (
            DatasetFormat::Tar,
            "t.tar",
            tar_of(&[("a.png", &image), ("a.cls", b"x"), ("b.png", &image), ("b.cls", b"y")]),
        ),
        (DatasetFormat::Idx, "i.idx", idx_images(2, 3, 4)),
        (DatasetFormat::Npz, "a.npy", batch),
        (DatasetFormat::Npz, "s.npz", npz(&members, CompressionMethod::Stored)),
        (DatasetFormat::Npz, "d.npz", npz(&members, CompressionMethod::Deflated)),
        (
            DatasetFormat::Parquet,
            "p.parquet",
            parquet(vec![image_column("image", &files), labels], 2),
        ),
    ];
    let mut generator = Generator(2);
    for (format, name, bytes) in containers {
        for _ in 0..150 {
            let path = folder.write(name, &generator.damage(&bytes));
            if let Ok(source) = folder.open(format, &[path]) {
                for index in 0..source.catalogue().len().min(4) {
                    // Either outcome is right; that there is one is the test.
                    let _ = source.read(index);
                }
            }
        }
    }
}
