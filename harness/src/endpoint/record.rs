//! The record: one sealed file a request, named by the request, with the raw reply.

use super::error::EndpointError;
use super::request::ChatRequest;
use crate::failure::Failure;
use crate::run::directory::write_durably;
use retally_manifests::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The layout of a file.
const FORMAT: &str = "retally-exchange/1";
/// No file of a record is larger: what a reply may have, written as JSON.
const MOST_BYTES: u64 = 512 << 20;

/// A request and its reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// The request's name.
    pub name: Digest,
    /// Who was asked.
    pub endpoint: String,
    /// The request's canonical form.
    pub request: Value,
    /// The body of the reply as it came, but for a key in it.
    pub reply: String,
}

impl Exchange {
    pub(super) fn new(request: &ChatRequest, endpoint: String, reply: String) -> Self {
        Self { name: request.name(), endpoint, request: request.canonical(), reply }
    }

    /// SHA-256 of the reply's body.
    #[must_use]
    pub fn reply_digest(&self) -> Digest {
        Digest::of_bytes(self.reply.as_bytes())
    }

    /// SHA-256 over all parts, each behind its length.
    fn seal(&self) -> Digest {
        let (name, request) = (self.name.to_string(), self.request.to_string());
        let mut hasher = Hasher::new();
        for part in [FORMAT, &name, &self.endpoint, &request, &self.reply] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finish()
    }
}

/// A file of the record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExchangeDocument {
    format: String,
    request_sha256: Digest,
    endpoint: String,
    request: Value,
    reply_sha256: Digest,
    reply: String,
    seal: Digest,
}

/// A folder of exchanges.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    // Held, not read: the lock ends with the file handle, also when the process is killed.
    _lock: Option<File>,
}

impl Record {
    /// Creates or opens the folder to read and write; no other process may do so at the same time.
    ///
    /// # Errors
    /// If the folder cannot be made or another process holds it.
    pub fn open(folder: &Path) -> Result<Self, EndpointError> {
        std::fs::create_dir_all(folder)
            .map_err(|error| file_error("create the record", folder, &error))?;
        let path = folder.join(".lock");
        let lock = File::create(&path)
            .map_err(|error| file_error("create the lock file", &path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(EndpointError::File {
                message: format!(
                    "another process writes the record `{}`: wait for it, or choose another folder",
                    folder.display()
                ),
                temporary: true,
            }),
            Err(TryLockError::Error(error)) => Err(file_error("lock", &path, &error)),
        }
    }

    /// Opens a folder that exists, to read only.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn open_to_read(folder: &Path) -> Result<Self, EndpointError> {
        std::fs::read_dir(folder).map_err(|error| file_error("open the record", folder, &error))?;
        Ok(Self { folder: folder.to_owned(), _lock: None })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, name: &Digest) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// The exchange of a request; `None` if the record has none.
    ///
    /// # Errors
    /// If its file cannot be read, or is not what was stored.
    pub fn find(&self, name: &Digest) -> Result<Option<Exchange>, EndpointError> {
        let path = self.path(name);
        let damaged = |reason: String| EndpointError::Damaged { path: path.clone(), reason };
        let length = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error("read the record", &path, &error)),
        };
        if length > MOST_BYTES {
            return Err(damaged(format!(
                "it has {length} bytes, and no reply has more than {MOST_BYTES}"
            )));
        }
        let bytes =
            std::fs::read(&path).map_err(|error| file_error("read the record", &path, &error))?;
        let document: ExchangeDocument = serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("it is no exchange: {error}")))?;
        if document.format != FORMAT {
            return Err(damaged(format!(
                "its format is `{}`; this version reads `{FORMAT}`",
                document.format
            )));
        }
        let exchange = Exchange {
            name: document.request_sha256,
            endpoint: document.endpoint,
            request: document.request,
            reply: document.reply,
        };
        if exchange.name != *name
            || exchange.reply_digest() != document.reply_sha256
            || exchange.seal() != document.seal
        {
            return Err(damaged("its content is not what was stored under this name".to_owned()));
        }
        Ok(Some(exchange))
    }

    /// Stores an exchange: under a temporary name, synced, renamed.
    pub(super) fn store(&self, exchange: &Exchange) -> Result<(), EndpointError> {
        let document = ExchangeDocument {
            format: FORMAT.to_owned(),
            request_sha256: exchange.name,
            endpoint: exchange.endpoint.clone(),
            request: exchange.request.clone(),
            reply_sha256: exchange.reply_digest(),
            reply: exchange.reply.clone(),
            seal: exchange.seal(),
        };
        let path = self.path(&exchange.name);
        let mut bytes =
            serde_json::to_vec_pretty(&document).map_err(|error| EndpointError::File {
                message: format!("cannot write `{}` as JSON: {error}", path.display()),
                temporary: false,
            })?;
        bytes.push(b'\n');
        write_durably(&path, &bytes).map_err(|failure| EndpointError::file(&failure))
    }

    /// The models that the record's requests name, sorted. A replay that is told no model can take the only one.
    ///
    /// # Errors
    /// If a file cannot be read, or is not what was stored.
    pub fn requested_models(&self) -> Result<Vec<String>, EndpointError> {
        let mut models = Vec::new();
        for name in self.names()? {
            let exchange = self.find(&name)?;
            let model = exchange
                .and_then(|exchange| Some(exchange.request.get("model")?.as_str()?.to_owned()));
            models.extend(model);
        }
        models.sort();
        models.dedup();
        Ok(models)
    }

    /// The names of all exchanges, sorted.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn names(&self) -> Result<Vec<Digest>, EndpointError> {
        let read = |error| file_error("read the record", &self.folder, &error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(read)? {
            let name = entry.map_err(read)?.file_name();
            names.extend(
                name.to_str().and_then(|name| name.strip_suffix(".json")?.parse::<Digest>().ok()),
            );
        }
        names.sort_unstable();
        Ok(names)
    }
}

fn file_error(action: &str, path: &Path, error: &std::io::Error) -> EndpointError {
    EndpointError::file(&Failure::file(action, path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{ChatParameters, Message, Role};

    fn exchange(text: &str) -> Exchange {
        let messages = vec![Message::text(Role::User, text)];
        let request = ChatRequest::new("judge", ChatParameters::default(), messages).unwrap();
        Exchange::new(&request, "https://host/v1".to_owned(), r#"{"odd":  "spacing"}"#.to_owned())
    }

    #[test]
    fn what_is_stored_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::open(&folder.path().join("record")).unwrap();
        let [one, two] = ["one", "two"].map(exchange);
        assert_eq!(record.find(&one.name).unwrap(), None);
        record.store(&one).unwrap();
        record.store(&two).unwrap();
        let reader = Record::open_to_read(record.folder()).unwrap();
        assert_eq!(reader.find(&one.name).unwrap(), Some(one.clone()));
        let mut names = vec![one.name, two.name];
        names.sort_unstable();
        assert_eq!(reader.names().unwrap(), names);
        assert_eq!(reader.requested_models().unwrap(), ["judge"]);
    }

    #[test]
    fn a_changed_file_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::open(folder.path()).unwrap();
        let one = exchange("one");
        record.store(&one).unwrap();
        let path = record.path(&one.name);
        let text = std::fs::read_to_string(&path).unwrap();
        let changes = [
            text.replace("odd", "even"),
            text.replace("https://host", "https://best"),
            text.replace("\"one\"", "\"six\""),
            text.replace("exchange/1", "exchange/2"),
            text[..text.len() / 2].to_owned(),
        ];
        for changed in changes {
            assert_ne!(changed, text);
            std::fs::write(&path, changed).unwrap();
            assert!(matches!(record.find(&one.name), Err(EndpointError::Damaged { .. })));
        }
        // One exchange's file is not taken for another's.
        let two = exchange("two");
        std::fs::write(record.path(&two.name), &text).unwrap();
        assert!(matches!(record.find(&two.name), Err(EndpointError::Damaged { .. })));
    }

    #[test]
    fn only_one_process_writes_and_a_replay_needs_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::open(folder.path()).unwrap();
        let error = Record::open(folder.path()).unwrap_err();
        assert!(error.is_temporary(), "{error}");
        drop(record);
        Record::open(folder.path()).unwrap();
        assert!(Record::open_to_read(&folder.path().join("missing")).is_err());
    }
}
