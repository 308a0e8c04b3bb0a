//! Arrays: NPY, NPZ, SafeTensors, and stored chunks.

use super::scratch;
use crate::arrays::ArrayFile;
use crate::arrays::statistics_file::{Features, StatisticsFile};
use crate::pipeline::chunk;
use retally_manifests::{DatasetFormat, Tap, TapLayout};
use std::path::Path;

/// More numbers than any input has bytes.
const MOST_NUMBERS: usize = 1 << 16;

/// An `.npy`, as features, labels, flags and images.
pub fn npy(input: &[u8]) -> bool {
    let path = scratch::file("array.npy", input);
    array(&path, input.len()) | super::images::all(DatasetFormat::Npz, &path)
}

/// An `.npz`, as arrays, statistics and images.
pub fn npz(input: &[u8]) -> bool {
    let path = scratch::file("arrays.npz", input);
    let mut is_read = ArrayFile::open(&path).is_ok();
    for name in ["features", "labels", "arr_0"] {
        let mut named = path.clone().into_os_string();
        named.push(format!("#{name}"));
        // Deflated arrays are longer than the file.
        is_read |= array(Path::new(&named), usize::MAX);
    }
    if let Ok(mut statistics) = StatisticsFile::open(&path) {
        for features in [Features::Main, Features::Spatial, Features::Clip] {
            is_read |= statistics.moments(features).is_ok_and(|found| found.is_some());
        }
        is_read |= statistics.rows().is_ok_and(|found| found.is_some());
    }
    is_read | super::images::all(DatasetFormat::Npz, &path)
}

/// A `.safetensors`.
pub fn safetensors(input: &[u8]) -> bool {
    let path = scratch::file("arrays.safetensors", input);
    let mut named = path.clone().into_os_string();
    named.push("#features");
    array(&path, input.len()) | array(Path::new(&named), input.len())
}

/// Opens an array of a file of so many bytes and reads it in every way.
fn array(location: &Path, bytes: usize) -> bool {
    let Ok(mut array) = ArrayFile::open(location) else { return false };
    let shape = array.shape().to_vec();
    let count = shape.iter().product::<usize>();
    assert!(count.saturating_mul(array.element().size()) <= bytes, "{shape:?} of {bytes} bytes");
    if count > MOST_NUMBERS {
        return true;
    }
    let rows = shape.first().copied().unwrap_or(0);
    let (mut narrow, mut wide) = (Vec::new(), Vec::new());
    if array.read_f32(0..rows, &mut narrow).is_ok() {
        assert_eq!(narrow.len(), if shape.is_empty() { 0 } else { count });
        let read = array.read_f64(0..rows, &mut wide);
        assert!(read.is_ok() && wide.len() == narrow.len());
    }
    assert!(array.read_f32(0..rows + 1, &mut narrow).is_err(), "a row beyond the last");
    if let Ok(labels) = array.read_labels() {
        assert_eq!(labels.len(), count);
    }
    let _ = array.read_flags(0..rows);
    if let Ok(found) = array.into_features() {
        assert_eq!(found.rows.dim(), (rows, shape.get(1).copied().unwrap_or(0)));
    }
    true
}

/// What stands in a chunk under its seal.
pub fn chunk(input: &[u8]) -> bool {
    let Ok(tensors) = safetensors::SafeTensors::deserialize(input) else { return false };
    let tap = Tap {
        id: "tap".to_owned(),
        label: "tap".to_owned(),
        tensor: "tap".to_owned(),
        layout: TapLayout::Map,
        grid: [1, 1],
        channels: 2,
    };
    let mut is_read = false;
    for samples in 0..4 {
        if let Ok(found) = chunk::decode_tap(&tensors, &tap, samples) {
            assert_eq!(found.features.dim(), (samples, 2));
            assert_eq!(found.scores.len(), samples);
            is_read = true;
        }
    }
    is_read
}
