//! The benchmark's data in its official layout: files within one folder, each looked at before it is used.

use crate::endpoint::{EndpointError, Picture};
use crate::failure::Failure;
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// No list of cases is larger.
const MAX_JSON_BYTES: u64 = 256 << 20;

/// No source that is shown to a model is larger.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// The folder of the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data<'a> {
    root: &'a Path,
}

/// A file of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DataFile {
    /// Its place within the folder, with `/`.
    pub(super) name: String,
    path: PathBuf,
}

impl DataFile {
    /// The picture in the file.
    pub(super) fn picture(&self) -> Result<Picture, EndpointError> {
        Picture::of_file(&self.path)
    }

    /// The text in the file.
    ///
    /// # Errors
    /// If it cannot be read, is too large, or is not UTF-8.
    pub(super) fn text(&self) -> Result<String, Failure> {
        let failed = |error: std::io::Error| Failure::file("read", &self.path, &error);
        if std::fs::metadata(&self.path).map_err(failed)?.len() > MAX_TEXT_BYTES {
            return Err(Failure::invalid(format_args!(
                "`{}` is larger than {MAX_TEXT_BYTES} bytes; no source of a drawing is",
                self.path.display()
            )));
        }
        std::fs::read_to_string(&self.path).map_err(failed)
    }
}

impl<'a> Data<'a> {
    /// The data in a folder.
    ///
    /// # Errors
    /// If there is no such folder.
    pub(super) fn open(root: &'a Path) -> Result<Self, Failure> {
        if root.is_dir() {
            return Ok(Self { root });
        }
        Err(Failure::invalid(format_args!(
            "--data {}: no such folder; give the benchmark's data in its official layout (`retally instances uni-mmmu --out DIR` \
             makes some)",
            root.display()
        )))
    }

    /// Whether a file or folder of this name is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.root.join(name).exists()
    }

    /// A file of this name, if it is there.
    pub(super) fn file(&self, name: &str) -> Option<DataFile> {
        let path = self.root.join(name);
        path.is_file().then(|| DataFile { name: name.to_owned(), path })
    }

    /// A JSON file.
    ///
    /// # Errors
    /// If it cannot be read or holds no JSON.
    pub(super) fn json(&self, name: &str) -> Result<Value, Failure> {
        let path = self.root.join(name);
        let failed = |error: std::io::Error| Failure::file("read", &path, &error);
        let bytes = std::fs::metadata(&path).map_err(failed)?.len();
        if bytes > MAX_JSON_BYTES {
            return Err(Failure::invalid(format_args!(
                "`{}` has {bytes} bytes; no list of cases has more than {MAX_JSON_BYTES}",
                path.display()
            )));
        }
        let text = std::fs::read(&path).map_err(failed)?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::invalid(format_args!("`{}` is not JSON: {error}", path.display()))
        })
    }

    /// Names of what a folder of the data holds, sorted.
    ///
    /// # Errors
    /// If it cannot be listed, or a name is not UTF-8.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, Failure> {
        let path = self.root.join(folder);
        let failed = |error: std::io::Error| Failure::file("list", &path, &error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().into_string();
            names.push(name.map_err(|name| {
                Failure::invalid(format_args!(
                    "`{}` holds {}, whose name is not UTF-8: rename it",
                    path.display(),
                    name.to_string_lossy()
                ))
            })?);
        }
        names.sort();
        Ok(names)
    }

    /// The file that a list names, maybe by a path on another machine: the longest end of that path that is in the data.
    ///
    /// # Errors
    /// If there is none. `list` and `what` name the place in the message.
    pub(super) fn stated(
        &self,
        list: &str,
        what: &str,
        stated: &Value,
    ) -> Result<DataFile, Failure> {
        let refuse =
            |problem: String| Failure::invalid(format_args!("`{list}`, {what}: {problem}"));
        let text =
            stated.as_str().ok_or_else(|| refuse("expected the path of a picture".to_owned()))?;
        let mut parts: Vec<&str> = Vec::new();
        for component in Path::new(text).components() {
            match component {
                Component::Normal(part) => parts.extend(part.to_str()),
                // What is before it does not lead to the file.
                Component::ParentDir => parts.clear(),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        let ends = (0..parts.len()).map(|start| parts[start..].join("/"));
        let mut found = ends.filter_map(|end| self.file(&end));
        found.next().ok_or_else(|| {
            refuse(format!(
                "the picture `{text}` is not in `{}`; give the folder that holds the benchmark's data",
                self.root.display()
            ))
        })
    }
}

/// A text of a JSON object; empty if it is not there.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stated_paths_stay_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data");
        std::fs::create_dir_all(root.join("svg")).unwrap();
        std::fs::write(root.join("svg/a.png"), "x").unwrap();
        std::fs::write(folder.path().join("secret.png"), "x").unwrap();
        let data = Data::open(&root).unwrap();
        for stated in ["data/svg/a.png", "/elsewhere/data/svg/a.png", "svg/a.png", "../b/svg/a.png"]
        {
            assert_eq!(data.stated("list", "a", &json!(stated)).unwrap().name, "svg/a.png");
        }
        for stated in ["../secret.png", "svg/../../secret.png", "", "svg", "b.png"] {
            let error = data.stated("list", "a", &json!(stated)).unwrap_err().message();
            assert!(error.contains("is not in"), "{stated}: {error}");
        }
        assert!(data.stated("list", "a", &json!(3)).is_err());
        assert!(Data::open(&folder.path().join("none")).is_err());
    }
}
