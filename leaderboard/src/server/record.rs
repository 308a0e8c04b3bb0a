//! What a server must not forget: tokens and uploads, in SQLite.

mod tokens;
mod uploads;

pub use tokens::{NewToken, TokenLine};
pub(super) use uploads::{Upload, UploadState};

use super::folder::ServerFolder;
use crate::error::LeaderboardError;
use rusqlite::Connection;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Version of the tables.
const VERSION: i64 = 1;
/// How long one process waits for another one's write.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: &str = "
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT;
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    token TEXT NOT NULL REFERENCES token (id),
    sha256 BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    received INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('receiving', 'verifying', 'published', 'refused')),
    reasons TEXT NOT NULL,
    submission TEXT,
    begun INTEGER NOT NULL
) STRICT;
CREATE INDEX upload_of_digest ON upload (sha256);
CREATE INDEX upload_of_token ON upload (token, begun);
";

/// The record. Each change is on the disk before the call returns.
#[derive(Debug)]
pub struct Record {
    connection: Mutex<Connection>,
}

impl Record {
    /// Opens the record, or begins a new one.
    ///
    /// # Errors
    /// If it cannot be opened or is of another version.
    pub fn open(folder: &ServerFolder) -> Result<Self, LeaderboardError> {
        let connection = Connection::open(folder.record())?;
        connection.busy_timeout(PATIENCE)?;
        // Returns the mode as a row.
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let record = Self { connection: Mutex::new(connection) };
        record.prepare()?;
        Ok(record)
    }

    fn prepare(&self) -> Result<(), LeaderboardError> {
        let mut connection = self.connection();
        let change =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => {
                change.execute_batch(TABLES)?;
                change.pragma_update(None, "user_version", VERSION)?;
                change.commit()?;
                Ok(())
            }
            VERSION => Ok(()),
            other => Err(LeaderboardError::Server(format!(
                "the record has version {other}, this program knows {VERSION}: use the program that made it, or a newer one"
            ))),
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic of another thread leaves no half change: SQLite undoes what is not committed.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// SQLite's integers have a sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
