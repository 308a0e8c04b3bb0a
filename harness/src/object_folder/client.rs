//! Asks an object store, and waits for what it answers.

use super::{Condition, MOST_BYTES, Object, ObjectAddress, ObjectFolder, TakeObject, Version};
use crate::exit_status::ExitStatus;
use crate::failure::{Failure, with_causes};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig, UpdateVersion,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Objects that are read at a time.
const READS_AT_ONCE: usize = 32;
/// A store that answers with errors, or not at all, is asked again for so long.
const PATIENCE: Duration = Duration::from_secs(60);
const MOST_RETRIES: usize = 8;

/// A folder of a store.
#[derive(Debug)]
pub(super) struct Client {
    address: ObjectAddress,
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
            ..RetryConfig::default()
        };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(address.bucket())
            .with_retry(retry)
            .build()
            .map_err(|error| {
                let what = with_causes(&error);
                Failure::invalid(format_args!("cannot use the object store of `{address}`: {what}"))
            })?;
        Self::new(address, Arc::new(store))
    }

    #[cfg(test)]
    pub(super) fn in_memory(address: ObjectAddress) -> Result<Self, Failure> {
        Self::new(address, Arc::new(object_store::memory::InMemory::new()))
    }

    fn new(address: ObjectAddress, store: Arc<dyn ObjectStore>) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::temporary(format_args!("cannot start a thread: {error}")))?;
        let folder = Path::parse(address.folder()).map_err(|error| {
            Failure::invalid(format_args!("`{address}` is no address: {error}"))
        })?;
        Ok(Self { address, store, folder, runtime })
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.folder.clone(), |path, part| path.join(part))
    }

    fn failed(&self, action: &str, name: &str, error: &Error) -> Failure {
        let (status, advice) = match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                (ExitStatus::Invalid, "; look at the keys in the environment (AWS_ACCESS_KEY_ID …)")
            }
            Error::NotFound { .. } => (ExitStatus::Invalid, "; is the bucket there?"),
            Error::NotImplemented { .. } | Error::NotSupported { .. } => (
                ExitStatus::Invalid,
                "; retally needs conditional writes (If-None-Match, If-Match)",
            ),
            _ => (ExitStatus::Temporary, "; what is done is kept, and the same command continues"),
        };
        let what = with_causes(error);
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
