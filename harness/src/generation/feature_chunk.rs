//! A chunk of network outputs: for each output, one row a sample.

use crate::failure::Failure;
use crate::pipeline::sealed::{self, NamedTensor};
use ndarray::{Array2, Axis};
use retally_manifests::Digest;
use safetensors::tensor::Dtype;
use std::path::Path;

/// Rows of each output, in the network's order.
pub(crate) type FeatureChunk = Vec<Array2<f32>>;

/// The name under which output number `index` is stored. Parts have names of the user's choice, files have not.
fn tensor_name(index: usize) -> String {
    format!("output-{index:02}")
}

/// Puts consecutive parts of a chunk together.
pub(crate) fn join(parts: &[FeatureChunk]) -> Result<FeatureChunk, Failure> {
    let outputs = parts.first().map_or(0, Vec::len);
    (0..outputs)
        .map(|output| {
            let views: Vec<_> = parts.iter().map(|part| part[output].view()).collect();
            ndarray::concatenate(Axis(0), &views).map_err(|error| {
                Failure::invalid(format_args!("cannot join parts of a chunk: {error}"))
            })
        })
        .collect()
}

/// Writes a chunk; its existence is its completion.
pub(crate) fn write(path: &Path, key: &Digest, chunk: &FeatureChunk) -> Result<(), Failure> {
    let tensors = chunk.iter().enumerate().map(|(index, rows)| NamedTensor {
        name: tensor_name(index),
        dtype: Dtype::F32,
        shape: rows.shape().to_vec(),
        bytes: rows.iter().flat_map(|value| value.to_le_bytes()).collect(),
    });
    sealed::write(path, key, tensors.collect())
}

/// The rows of one output of a stored chunk; `None` where there is no file, `Err` inside where it is damaged.
pub(crate) fn read(
    path: &Path,
    key: &Digest,
    (samples, output): (usize, usize),
) -> Result<Option<Result<Array2<f32>, String>>, Failure> {
    let Some(bytes) = sealed::read_bytes(path)? else { return Ok(None) };
    Ok(Some(decode(&bytes, key, samples, output)))
}

fn decode(
    bytes: &[u8],
    key: &Digest,
    samples: usize,
    output: usize,
) -> Result<Array2<f32>, String> {
    let tensors = sealed::open(bytes, key)?;
    let name = tensor_name(output);
    let stored = tensors.tensor(&name).map_err(|error| error.to_string())?;
    let &[rows, columns] = stored.shape() else {
        return Err(format!("`{name}` has another shape"));
    };
    let data = sealed::tensor(&tensors, &name, Dtype::F32, &[samples, columns])?;
    let values = data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Array2::from_shape_vec((rows, columns), values).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn outputs_come_back_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chunk");
        let key = Digest::of_bytes(b"key");
        let parts = [
            vec![array![[1.0, 2.0]], array![[f32::MIN_POSITIVE]]],
            vec![array![[3.0, -4.5]], array![[0.0]]],
        ];
        let chunk = join(&parts).unwrap();
        write(&path, &key, &chunk).unwrap();
        for (index, rows) in chunk.iter().enumerate() {
            assert_eq!(read(&path, &key, (2, index)).unwrap().unwrap().unwrap(), rows);
        }
        assert!(read(&path, &key, (3, 0)).unwrap().unwrap().is_err());
        assert!(read(&path, &key, (2, 2)).unwrap().unwrap().is_err());
        assert!(read(&path, &Digest::of_bytes(b"other"), (2, 0)).unwrap().unwrap().is_err());
        assert!(read(&folder.path().join("none"), &key, (2, 0)).unwrap().is_none());
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(read(&path, &key, (2, 0)).unwrap().unwrap().is_err());
    }
}
