//! Files of named tensors under a seal: the chunk's name and the digest of its content. A flipped bit or a cut does not go
//! unseen, and one chunk's file is not taken for another's.

use crate::failure::Failure;
use crate::run::directory::write_durably_with;
use retally_manifests::{Digest, Hasher};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

/// The only entry of a file's metadata. With two, their order in the file would change from process to process.
const SEAL: &str = "retally-chunk";

/// A tensor to be stored.
pub(crate) struct NamedTensor {
    /// Unique in the file.
    pub(crate) name: String,
    /// Element type.
    pub(crate) dtype: Dtype,
    /// Lengths of the axes.
    pub(crate) shape: Vec<usize>,
    /// Little-endian numbers in C order.
    pub(crate) bytes: Vec<u8>,
}

/// Writes tensors under a temporary name, synced, then renamed: the file's existence is its completion.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(path: &Path, key: &Digest, tensors: Vec<NamedTensor>) -> Result<(), Failure> {
    let bytes = to_bytes(key, tensors).map_err(|error| {
        Failure::invalid(format_args!("cannot encode chunk `{}`: {error}", path.display()))
    })?;
    write_durably_with(path, |file| file.write_all(&bytes))
}

/// The bytes of a sealed file.
///
/// # Errors
/// If a tensor's bytes do not fit its shape.
pub(crate) fn to_bytes(
    key: &Digest,
    mut tensors: Vec<NamedTensor>,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    tensors.sort_by(|left, right| left.name.cmp(&right.name));
    let contents = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.bytes.as_slice()));
    let metadata = HashMap::from([(SEAL.to_owned(), seal(key, contents))]);
    serialise(&tensors, metadata)
}

fn serialise(
    tensors: &[NamedTensor],
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let mut views = Vec::with_capacity(tensors.len());
    for NamedTensor { name, dtype, shape, bytes } in tensors {
        views.push((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?));
    }
    safetensors::serialize(views, Some(metadata))
}

/// The bytes of a chunk file; `None` where there is none.
///
/// # Errors
/// If the file exists and cannot be read.
pub(crate) fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file("read the chunk", path, &error)),
    }
}

/// The tensors of a file whose seal is right; otherwise what is wrong.
pub(crate) fn open<'a>(bytes: &'a [u8], key: &Digest) -> Result<SafeTensors<'a>, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let metadata = header.metadata().as_ref().ok_or("it has no metadata")?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut names: Vec<_> = tensors.names().into_iter().map(ToString::to_string).collect();
    names.sort_unstable();
    let mut contents = Vec::with_capacity(names.len());
    for name in &names {
        let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
        contents.push((name.as_str(), tensor.data()));
    }
    let seal = seal(key, contents.iter().copied());
    if metadata.get(SEAL) != Some(&seal) {
        return Err("its content is not what was stored under this name".to_owned());
    }
    Ok(tensors)
}

/// The bytes of a tensor of the expected type and shape.
pub(crate) fn tensor<'a>(
    tensors: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
    shape: &[usize],
) -> Result<&'a [u8], String> {
    let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
    if tensor.dtype() != dtype || tensor.shape() != shape {
        return Err(format!("`{name}` has another type or shape"));
    }
    Ok(tensor.data())
}

/// The chunk's name and the digest of its content.
fn seal<'a>(key: &Digest, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = Hasher::new();
    for (name, data) in tensors {
        for part in [name.as_bytes(), data] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    format!("{key} {}", hasher.finish())
}
