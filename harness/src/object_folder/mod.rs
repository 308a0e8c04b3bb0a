//! A folder of an object store: `s3://bucket/run`. Objects are written whole or not at all, and may be written only where there is none, or
//! only over the version that was read: that is all that a run needs to be shared without locks.

mod address;
#[cfg(feature = "object-store")]
mod client;

use crate::failure::Failure;
pub use address::{InvalidAddress, ObjectAddress};
use std::fmt;
use std::sync::Arc;

/// A larger object is none of a run's.
pub const MOST_BYTES: u64 = 1 << 30;

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Which version of it.
    pub version: Version,
}

/// What an object store calls a version of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// `ETag`.
    pub tag: Option<String>,
    /// Of stores that keep old versions.
    pub number: Option<String>,
}

/// Condition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there.
    Always,
    /// Nothing is there.
    Absent,
    /// This version is there.
    Unchanged(Version),
}

/// Takes an object that was read, by its name.
pub type TakeObject<'a> = dyn FnMut(&str, Vec<u8>) -> Result<(), Failure> + 'a;

/// Objects under one prefix, by their names below it.
pub trait ObjectFolder: fmt::Debug + Send + Sync {
    /// The address, for people.
    fn address(&self) -> &ObjectAddress;

    /// What tells it from folders of the same address in another store.
    fn identity(&self) -> String;

    /// Names of all objects below `folder` (`chunks`), as the store has them: they are not trusted.
    ///
    /// # Errors
    /// If the store refuses or does not answer.
    fn list(&self, folder: &str) -> Result<Vec<String>, Failure>;

    /// Reads an object; `None` if there is none.
    ///
    /// # Errors
    /// As [`ObjectFolder::list`]; if it is larger than [`MOST_BYTES`].
    fn read(&self, name: &str) -> Result<Option<Object>, Failure>;

    /// Reads objects, several at a time and in any order. One that is gone is left out.
    ///
    /// # Errors
    /// As [`ObjectFolder::read`], and of `take`.
    fn read_each(&self, names: &[String], take: &mut TakeObject<'_>) -> Result<(), Failure>;

    /// Writes an object if the condition holds, and says whether it did.
    ///
    /// # Errors
    /// As [`ObjectFolder::list`].
    fn write(&self, name: &str, bytes: Vec<u8>, condition: Condition) -> Result<bool, Failure>;
}

/// Opens a folder. What the store needs to know is in the environment, as its own tools want it (`AWS_ACCESS_KEY_ID`, `AWS_REGION`,
/// `AWS_ENDPOINT_URL` …). Nothing is asked of it yet.
///
/// # Errors
/// If the environment contradicts itself, or this program was built without object stores.
#[cfg(feature = "object-store")]
pub fn connect(address: &ObjectAddress) -> Result<Arc<dyn ObjectFolder>, Failure> {
    Ok(Arc::new(client::Client::from_environment(address.clone())?))
}

/// Says that this program was built without object stores.
///
/// # Errors
/// Always.
#[cfg(not(feature = "object-store"))]
pub fn connect(address: &ObjectAddress) -> Result<Arc<dyn ObjectFolder>, Failure> {
    Err(Failure::invalid(format_args!(
        "`{address}`: this retally was built without object stores; build it with `--features object-store`, or give a folder"
    )))
}

#[cfg(test)]
#[cfg(feature = "object-store")]
pub(crate) mod testing {
    use super::*;

    /// A store in memory with the same conditions.
    pub(crate) fn in_memory() -> Arc<dyn ObjectFolder> {
        Arc::new(client::Client::in_memory("s3://bucket/a run".parse().unwrap()).unwrap())
    }
}
