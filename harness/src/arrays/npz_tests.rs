//! `.npz` files of every layout, made by `tests/parity/npz_layouts.py`; what our writers make; damaged files.

use super::statistics_file::{Features, Moments, StatisticsFile};
use super::statistics_writer::{StatisticsToWrite, write_statistics};
use super::*;
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use retally_manifests::Digest;
use serde_json::Value;
use std::io::Write;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/npz").join(name)
}

fn layouts() -> Value {
    serde_json::from_str(&std::fs::read_to_string(golden("layouts.json")).unwrap()).unwrap()
}

fn all_values(array: &mut ArrayFile) -> Vec<f64> {
    let mut values = Vec::new();
    array.read_f64(0..array.shape()[0], &mut values).unwrap();
    values
}

#[test]
fn arrays_equal_what_numpy_saved() {
    let layouts = layouts();
    let mut checked = 0;
    for (file, arrays) in layouts["files"].as_object().unwrap() {
        for (name, array) in arrays.as_object().unwrap() {
            let is_float = array["dtype"].as_str().is_some_and(|dtype| dtype.starts_with("<f"));
            if !is_float {
                continue;
            }
            let location = golden(&format!("{file}#{name}"));
            let mut found = ArrayFile::open(&location).unwrap();
            let shape: Vec<usize> = serde_json::from_value(array["shape"].clone()).unwrap();
            assert_eq!(found.shape(), shape, "{file} {name}");
            let values = all_values(&mut found);
            let sum: f64 = values.iter().sum();
            let expected = array["sum"].as_f64().unwrap();
            assert!((sum - expected).abs() < 1e-12 * values.len() as f64, "{file} {name}");
            assert_eq!(all_values(&mut found.reopen().unwrap()), values);
            checked += 1;
        }
    }
    assert!(checked >= 20, "only {checked}");
}

#[test]
fn a_single_array_needs_no_name() {
    let mut rows = ArrayFile::open(&golden("features-clean.npz")).unwrap();
    assert_eq!(rows.shape(), [5, 4]);
    let mut values = Vec::new();
    rows.read_f32(1..3, &mut values).unwrap();
    assert_eq!(values.len(), 8);
    let message = ArrayFile::open(&golden("statistics.npz")).unwrap_err().to_string();
    assert!(message.contains("it holds mu, sigma"), "{message}");
    let message = ArrayFile::open(&golden("statistics.npz#nu")).unwrap_err().to_string();
    assert!(message.contains("no array `nu`; it holds mu, sigma"), "{message}");
    let message = ArrayFile::open(&golden("features-dgm.npz#hparams")).unwrap_err().to_string();
    assert!(message.contains("never pickled objects"), "{message}");
    let message = ArrayFile::open(&golden("statistics-big-endian.npz#mu")).unwrap_err().to_string();
    assert!(message.contains("big-endian"), "{message}");
}

#[test]
fn statistics_of_every_layout_are_read() {
    let read = |name: &str, features| {
        StatisticsFile::open(&golden(name)).unwrap().moments(features).unwrap().unwrap()
    };
    let double = read("statistics.npz", Features::Main);
    assert_eq!(double.covariance.dim(), (6, 6));
    for name in [
        "statistics-deflated.npz",
        "statistics-reference.npz",
        "statistics-no-zip64.npz",
        "statistics-clip.npz",
    ] {
        assert_eq!(read(name, Features::Main), double, "{name}");
    }
    let single = double.mean.mapv(|value| f64::from(value as f32));
    for name in ["statistics-mixed.npz", "adm-reference.npz"] {
        let mixed = read(name, Features::Main);
        assert_eq!(mixed.covariance, double.covariance, "{name}");
        assert_eq!(mixed.mean, single, "{name}");
    }
    assert_eq!(read("statistics-single.npz", Features::Main).mean, single);
    let spatial = read("adm-reference.npz", Features::Spatial);
    assert_eq!(spatial, read("statistics-clip.npz", Features::Clip));

    let mut reference = StatisticsFile::open(&golden("adm-reference.npz")).unwrap();
    assert!(reference.has_images() && reference.has(Features::Main));
    assert!(!reference.has(Features::Clip));
    assert_eq!(reference.moments(Features::Clip).unwrap(), None);
    assert!(reference.rows().unwrap().is_none());
    let mut features = StatisticsFile::open(&golden("features-dgm.npz")).unwrap();
    assert_eq!(features.names(), ["reps", "hparams"]);
    assert_eq!(features.rows().unwrap().unwrap().shape(), [5, 4]);
}

fn archive(members: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn doubles(shape: &[u64], values: &[f64]) -> Vec<u8> {
    let mut bytes = npy::header_bytes("<f8", shape);
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

fn write(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("file.npz");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn wrong_statistics_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mu = |values: &[f64]| ("mu", doubles(&[values.len() as u64], values));
    let sigma = |shape: &[u64], values: &[f64]| ("sigma", doubles(shape, values));
    let square = [4.0, 1.0, 1.0, 4.0];
    for (members, expected) in [
        (vec![mu(&[0.0; 2])], "no `sigma` beside it"),
        (vec![sigma(&[2, 2], &square)], "no `mu` beside it"),
        (vec![mu(&[0.0; 3]), sigma(&[2, 2], &square)], "`mu` has 3 values"),
        (vec![mu(&[0.0; 2]), sigma(&[4], &square)], "expected a covariance [D, D]"),
        (vec![mu(&[0.0; 2]), sigma(&[1, 4], &square)], "expected a covariance [D, D]"),
        (vec![mu(&[]), sigma(&[0, 0], &[])], "`mu` has 0 values"),
        (vec![mu(&[0.0, f64::NAN]), sigma(&[2, 2], &square)], "value 1 (counted from 0) is NaN"),
        (
            vec![
                mu(&[0.0; 2]),
                sigma(&[2, 2], &square),
                ("ref_mu", doubles(&[2], &[0.0; 2])),
                ("ref_sigma", doubles(&[2, 2], &square)),
            ],
            "`ref_mu` too",
        ),
    ] {
        let path = write(&folder, &archive(&members, CompressionMethod::Stored));
        let error = StatisticsFile::open(&path).unwrap().moments(Features::Main).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.is_temporary());
    }
}

#[test]
fn claims_beyond_the_file_are_refused_before_memory_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let lying = npy::header_bytes("<f8", &[1 << 40, 1 << 10]);
        let path = write(&folder, &archive(&[("mu", lying)], method));
        let message = ArrayFile::open(&path).unwrap_err().to_string();
        assert!(message.contains("the archive has 0 for it"), "{message}");
        let endless = npy::header_bytes("<f8", &[u64::MAX, u64::MAX]);
        let path = write(&folder, &archive(&[("mu", endless)], method));
        assert!(ArrayFile::open(&path).unwrap_err().to_string().contains("too large"));
    }
}

fn moments(mean: Array1<f64>, covariance: Array2<f64>) -> Moments {
    Moments { mean, covariance }
}

/// `numpy.load` has read a file with this digest: see `written` in layouts.json.
#[test]
fn written_statistics_are_those_that_numpy_read() {
    let folder = tempfile::tempdir().unwrap();
    let main = moments(array![0.5, -1.25, 3.0], Array2::from_diag(&array![1.0, 2.0, 4.0]));
    let spatial = moments(array![1.0, 2.0], array![[2.0, -0.5], [-0.5, 1.0]]);
    let path = folder.path().join("written-statistics.npz");
    let statistics = StatisticsToWrite { main: &main, spatial: Some(&spatial), images: None };
    write_statistics(&path, &statistics).unwrap();
    let mut file = StatisticsFile::open(&path).unwrap();
    assert_eq!(file.names(), ["mu", "sigma", "mu_s", "sigma_s"]);
    assert_eq!(file.moments(Features::Main).unwrap().unwrap(), main);
    assert_eq!(file.moments(Features::Spatial).unwrap().unwrap(), spatial);
    if let Some(keep) = std::env::var_os("RETALLY_KEEP_WRITTEN") {
        std::fs::copy(&path, Path::new(&keep).join("written-statistics.npz")).unwrap();
    }
    let digest = Digest::of_bytes(&std::fs::read(&path).unwrap()).to_string();
    assert_eq!(layouts()["written"]["written-statistics.npz"]["sha256"], digest);
}

#[test]
fn impossible_statistics_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statistics.npz");
    for wrong in [
        moments(array![1.0, 2.0], array![[1.0]]),
        moments(array![f64::INFINITY], array![[1.0]]),
        moments(Array1::zeros(0), Array2::zeros((0, 0))),
    ] {
        let statistics = StatisticsToWrite { main: &wrong, spatial: None, images: None };
        assert!(write_statistics(&path, &statistics).is_err());
        assert!(!path.exists());
    }
}

/// Reads all that a file has, whatever comes of it.
fn read_everything(path: &Path) {
    let Ok(mut file) = StatisticsFile::open(path) else { return };
    for features in [Features::Main, Features::Spatial, Features::Clip] {
        // Either outcome is right; that there is one is the test.
        let _ = file.moments(features);
    }
    let _ = file.rows();
    for name in file.names() {
        let mut location = path.as_os_str().to_owned();
        location.push("#");
        location.push(name);
        if let Ok(mut array) = ArrayFile::open(Path::new(&location)) {
            let rows = array.shape().first().copied().unwrap_or(0);
            let _ = array.read_f64(0..rows, &mut Vec::new());
        }
    }
    if let Ok(source) = crate::images::reader::open_path(path) {
        let _ = source.read(source.catalogue().len() - 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn statistics_come_back_as_they_were(
        (values, dimensions) in (1..6_usize).prop_flat_map(|dimensions| {
            (proptest::collection::vec(-1e300..1e300_f64, dimensions), Just(dimensions))
        }),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statistics.npz");
        let mean = Array1::from_vec(values);
        let covariance = Array2::from_shape_fn((dimensions, dimensions), |(row, column)| {
            (mean[row] / 1e200) * (mean[column] / 1e200)
        });
        let written = moments(mean, covariance);
        write_statistics(&path, &StatisticsToWrite { main: &written, spatial: None, images: None }).unwrap();
        let read = StatisticsFile::open(&path).unwrap().moments(Features::Main).unwrap().unwrap();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn damaged_files_never_panic(
        name in proptest::sample::select(&[
            "adm-reference.npz", "adm-labelled.npz", "adm-labelled-deflated.npz", "adm-version-2.npz",
            "statistics-deflated.npz", "statistics.npz", "features-dgm.npz",
        ][..]),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = std::fs::read(golden(name)).unwrap();
        for (position, value) in flips {
            let position = position.index(bytes.len());
            bytes[position] = value;
        }
        if let Some(cut) = cut {
            let length = cut.index(bytes.len());
            bytes.truncate(length);
        }
        read_everything(&write(&folder, &bytes));
    }
}
