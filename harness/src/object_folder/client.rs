//! Asks an object store, and waits for what it answers.

use super::{Condition, MOST_BYTES, Object, ObjectAddress, ObjectFolder, TakeObject, Version};
use crate::exit_status::ExitStatus;
use crate::failure::{Failure, with_causes};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
    UpdateVersion,
};
use std::sync::Arc;
use std::time::Duration;

/// Names the store where it is not Amazon's: the first that is set.
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
use tokio::runtime::Runtime;

/// Objects that are read at a time.
const READS_AT_ONCE: usize = 32;
/// A store that answers with errors, or not at all, is asked again for so long, after pauses that grow.
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// More than fit into that time.
const MOST_RETRIES: usize = 1000;

/// A folder of a store.
#[derive(Debug)]
pub(super) struct Client {
    address: ObjectAddress,
    endpoint: Option<String>,
    store: Arc<dyn ObjectStore>,
    folder: Path,
    runtime: Runtime,
}

impl Client {
    /// A folder of an S3 store, or of one that speaks as S3 does.
    pub(super) fn from_environment(address: ObjectAddress) -> Result<Self, Failure> {
        let retry = RetryConfig {
            max_retries: MOST_RETRIES,
            retry_timeout: PATIENCE,
            backoff: BackoffConfig { max_backoff: LONGEST_PAUSE, ..BackoffConfig::default() },
        };
        let endpoint = ENDPOINTS.iter().find_map(|name| std::env::var(name).ok());
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(address.bucket())
            .with_retry(retry)
            .build()
            .map_err(|error| {
                let what = with_causes(&error);
                Failure::invalid(format_args!("cannot use the object store of `{address}`: {what}"))
            })?;
        Self::new(address, endpoint, Arc::new(store))
    }

    #[cfg(test)]
    pub(super) fn in_memory(address: ObjectAddress) -> Result<Self, Failure> {
        Self::new(address, None, Arc::new(object_store::memory::InMemory::new()))
    }

    fn new(
        address: ObjectAddress,
        endpoint: Option<String>,
        store: Arc<dyn ObjectStore>,
    ) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::temporary(format_args!("cannot start a thread: {error}")))?;
        let folder = Path::parse(address.folder()).map_err(|error| {
            Failure::invalid(format_args!("`{address}` is no address: {error}"))
        })?;
        Ok(Self { address, endpoint, store, folder, runtime })
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.folder.clone(), |path, part| path.join(part))
    }

    fn failed(&self, action: &str, name: &str, error: &Error) -> Failure {
        const KEYS: &str = "; look at the keys in the environment (AWS_ACCESS_KEY_ID …)";
        const WRITES: &str = "; retally needs conditional writes (If-None-Match, If-Match)";
        let what = without_document(with_causes(error));
        let (status, advice) = match (error, answered_status(&what)) {
            (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, _)
            | (_, Some(401 | 403)) => (ExitStatus::Invalid, KEYS),
            (Error::NotImplemented { .. } | Error::NotSupported { .. }, _) | (_, Some(501)) => {
                (ExitStatus::Invalid, WRITES)
            }
            (_, Some(404)) => (ExitStatus::Invalid, "; make the bucket, or correct its name"),
            (_, Some(400 | 405)) => (ExitStatus::Invalid, ""),
            _ => (ExitStatus::Temporary, "; what is done is kept, and the same command continues"),
        };
        Failure::new(
            status,
            format_args!("cannot {action} `{}/{name}`: {what}{advice}", self.address),
        )
    }

    async fn get(&self, name: &str) -> Result<Option<Object>, Failure> {
        let failed = |error: &Error| self.failed("read", name, error);
        let found = match self.store.get(&self.path(name)).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        if found.meta.size > MOST_BYTES {
            return Err(Failure::invalid(format_args!(
                "`{}/{name}` has {} bytes, more than any file of a run",
                self.address, found.meta.size
            )));
        }
        let version = Version { tag: found.meta.e_tag.clone(), number: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(|error| failed(&error))?;
        Ok(Some(Object { bytes: bytes.to_vec(), version }))
    }
}

impl ObjectFolder for Client {
    fn address(&self) -> &ObjectAddress {
        &self.address
    }

    fn identity(&self) -> String {
        format!("{} at {}", self.address, self.endpoint.as_deref().unwrap_or("Amazon"))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Failure> {
        let prefix = self.path(folder);
        let names = self.store.list(Some(&prefix)).map_ok(|found| {
            let parts: Option<Vec<_>> = found
                .location
                .prefix_match(&self.folder)
                .map(|parts| parts.map(|part| part.as_ref().to_owned()).collect());
            parts.unwrap_or_default().join("/")
        });
        self.runtime
            .block_on(names.try_collect())
            .map_err(|error| self.failed("list", folder, &error))
    }

    fn read(&self, name: &str) -> Result<Option<Object>, Failure> {
        self.runtime.block_on(self.get(name))
    }

    fn read_each(&self, names: &[String], take: &mut TakeObject<'_>) -> Result<(), Failure> {
        self.runtime.block_on(async {
            let mut found = stream::iter(names)
                .map(|name| async move { Ok::<_, Failure>((name, self.get(name).await?)) })
                .buffer_unordered(READS_AT_ONCE);
            while let Some((name, object)) = found.try_next().await? {
                if let Some(object) = object {
                    take(name, object.bytes)?;
                }
            }
            Ok(())
        })
    }

    fn write(&self, name: &str, bytes: Vec<u8>, condition: Condition) -> Result<bool, Failure> {
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Unchanged(Version { tag, number }) => {
                PutMode::Update(UpdateVersion { e_tag: tag, version: number })
            }
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let path = self.path(name);
        let put = self.store.put_opts(&path, bytes.into(), options);
        match self.runtime.block_on(put) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed("write", name, &error)),
        }
    }
}

/// The status that a store answered with, which of a list's failure only the message tells.
fn answered_status(message: &str) -> Option<u16> {
    let (_, rest) = message.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// A message without the XML document that a store answered with, but for its code.
fn without_document(message: String) -> String {
    let Some((begin, document)) = message.split_once("<?xml") else { return message };
    let begin = begin.trim_end_matches([':', ' ']);
    let code = document.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    match code {
        Some((code, _)) => format!("{begin} ({code})"),
        None => begin.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_found_in_a_message() {
        assert_eq!(answered_status("non-2xx status code: 403 Forbidden"), Some(403));
        assert_eq!(answered_status("connection refused"), None);
        assert_eq!(answered_status("status code: 4"), None);
    }

    #[test]
    fn a_message_is_no_document() {
        let told = without_document(
            "404 Not Found: <?xml?>\n<Error><Code>NoSuchBucket</Code></Error>".to_owned(),
        );
        assert_eq!(told, "404 Not Found (NoSuchBucket)");
        assert_eq!(without_document("no answer: refused".to_owned()), "no answer: refused");
        assert_eq!(without_document("404: <?xml <Code>".to_owned()), "404");
    }
}
