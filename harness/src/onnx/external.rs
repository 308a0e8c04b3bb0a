//! Weights that a model keeps in other files: they must be there, and inside the model's folder.
//!
//! A model is input from elsewhere. ONNX Runtime opens whatever path it names, so the paths are checked before it does.

use super::graph::GraphError;
use super::schema::{self, Mention};
use super::wire::{MalformedMessage, Message, Value};
use retally_manifests::{Digest, Hasher};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// A file that a model reads, as the model names it, and the first tensor that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalFile {
    /// Path relative to the model's folder.
    pub location: String,
    /// Name of a tensor in it.
    pub tensor: String,
}

impl fmt::Display for ExternalFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "tensor `{}` is in the file `{}`", self.tensor, self.location)
    }
}

/// Why the files that a model refers to cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// The model itself cannot be read.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The model came without a folder.
    #[error("{0}, but the model has no folder: open the model from its file")]
    NoFolder(ExternalFile),
    /// A folder that ONNX Runtime cannot be told.
    #[error(
        "the model's folder `{}` has a name that is not UTF-8: move the model and its data to another one",
        .0.display()
    )]
    FolderName(PathBuf),
    /// A path that is absolute or leaves the folder.
    #[error("{0}, which is not inside the model's folder: it is not opened")]
    Outside(ExternalFile),
    /// No such file.
    #[error("{file}, and `{}` cannot be read: {reason}; put it beside the model, or name it under `data` in the manifest", .path.display())]
    Unreadable {
        /// As the model names it.
        file: ExternalFile,
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// Lists the files that a model refers to, once each, sorted by path.
///
/// # Errors
/// If the bytes are no ONNX model.
pub fn files(model: &[u8]) -> Result<Vec<ExternalFile>, GraphError> {
    let mut tensors = Vec::new();
    schema::visit_model(Message::of_file(model), &mut |mention| {
        if let Mention::Tensor(tensor) = mention {
            tensors.push(tensor);
        }
    })?;
    let mut files = BTreeMap::new();
    for tensor in tensors {
        if let Some(location) = location(tensor)? {
            let name = schema::text_field(tensor, schema::tensor::NAME)?;
            files.entry(location).or_insert(name);
        }
    }
    let file = |(location, tensor): (&str, &str)| ExternalFile {
        location: location.into(),
        tensor: tensor.into(),
    };
    Ok(files.into_iter().map(file).collect())
}

/// Checks that every file that a model refers to is a file inside `folder`, and returns the folder as ONNX Runtime
/// takes it; `None` if the model refers to none.
///
/// # Errors
/// If a file is not there, or the bytes are no ONNX model.
pub fn folder<'folder>(
    model: &[u8],
    folder: Option<&'folder Path>,
) -> Result<Option<&'folder str>, ExternalError> {
    let mut name = None;
    for file in files(model)? {
        let Some(folder) = folder else { return Err(ExternalError::NoFolder(file)) };
        check_file(file, folder)?;
        name = Some(folder.to_str().ok_or_else(|| ExternalError::FolderName(folder.to_owned()))?);
    }
    Ok(name)
}

/// The digest of everything that decides what a model computes: of its bytes, or, where it keeps weights in other files,
/// of its digest and theirs, with the names that it knows them by.
///
/// # Errors
/// As [`folder`]; also if a file cannot be read.
pub fn digest(model: &[u8], model_folder: &Path) -> Result<Digest, ExternalError> {
    folder(model, Some(model_folder))?;
    let of_model = Digest::of_bytes(model);
    let files = files(model)?;
    let mut of_files = BTreeMap::new();
    for file in files {
        let path = model_folder.join(&file.location);
        match Digest::of_file(&path) {
            Ok(digest) => of_files.insert(file.location, digest),
            Err(error) => {
                return Err(ExternalError::Unreadable { file, path, reason: error.to_string() });
            }
        };
    }
    Ok(combined_digest(of_model, &of_files))
}

/// The digest of a model together with the files that it refers to, by the names that it knows them by; that of the
/// model alone where there are none.
#[must_use]
pub fn combined_digest(of_model: Digest, of_files: &BTreeMap<String, Digest>) -> Digest {
    if of_files.is_empty() {
        return of_model;
    }
    let mut hasher = Hasher::new();
    hasher.update(format!("{of_model}\n").as_bytes());
    for (name, digest) in of_files {
        hasher.update(format!("{digest}  {name}\n").as_bytes());
    }
    hasher.finish()
}

fn check_file(file: ExternalFile, folder: &Path) -> Result<(), ExternalError> {
    let location = Path::new(&file.location);
    let inside =
        location.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || file.location.is_empty() || file.location.contains('\0') {
        return Err(ExternalError::Outside(file));
    }
    let path = folder.join(location);
    // Links are followed before the second check, since a link may lead anywhere.
    let real = match path.canonicalize().and_then(|real| Ok((real, folder.canonicalize()?))) {
        Ok((real, folder)) if real.starts_with(&folder) => real,
        Ok(_) => return Err(ExternalError::Outside(file)),
        Err(error) => {
            return Err(ExternalError::Unreadable { file, path, reason: error.to_string() });
        }
    };
    if !real.is_file() {
        return Err(ExternalError::Unreadable { file, path, reason: "it is no file".to_owned() });
    }
    Ok(())
}

/// The `location` of a tensor whose numbers are in another file.
fn location(tensor: Message<'_>) -> Result<Option<&str>, MalformedMessage> {
    let mut external = false;
    let mut location = "";
    for field in tensor.fields() {
        let field = field?;
        match (field.number, field.value) {
            (schema::tensor::DATA_LOCATION, Value::Integer(place)) => {
                external = place == schema::tensor::EXTERNAL;
            }
            (schema::tensor::EXTERNAL_DATA, Value::Bytes(entry))
                if schema::text_field(entry, schema::entry::KEY)? == "location" =>
            {
                location = schema::text_field(entry, schema::entry::VALUE)?;
            }
            _ => {}
        }
    }
    Ok(external.then_some(location))
}

#[cfg(test)]
mod tests;
