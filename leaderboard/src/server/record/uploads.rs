//! Uploads in the record.

use super::{Record, now, signed, unsigned};
use crate::error::LeaderboardError;
use retally_manifests::Digest;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum UploadState {
    /// Bytes are missing.
    Receiving,
    /// All bytes are there; they are being checked, or the site with them is being made.
    Verifying,
    /// It is shown.
    Published,
    /// It is not.
    Refused,
}

impl UploadState {
    fn word(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Verifying => "verifying",
            Self::Published => "published",
            Self::Refused => "refused",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "receiving" => Self::Receiving,
            "verifying" => Self::Verifying,
            "published" => Self::Published,
            _ => Self::Refused,
        }
    }
}

/// One upload.
#[derive(Clone, Debug)]
pub(in super::super) struct Upload {
    pub(in super::super) id: String,
    pub(in super::super) sha256: Digest,
    /// How many bytes it will have.
    pub(in super::super) bytes: u64,
    /// How many are safely on the disk.
    pub(in super::super) received: u64,
    pub(in super::super) state: UploadState,
    /// Why it is refused.
    pub(in super::super) reasons: Vec<String>,
    /// The submission's id, once it is shown.
    pub(in super::super) submission: Option<String>,
}

/// What a token has used of its limits.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Usage {
    pub(in super::super) open: u64,
    pub(in super::super) in_last_hour: u64,
    pub(in super::super) bytes_in_last_day: u64,
    /// Seconds until the oldest of the last hour is older.
    pub(in super::super) hour_eases_in: u64,
}

const COLUMNS: &str = "id, sha256, bytes, received, state, reasons, submission";
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

impl Upload {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let reasons: String = row.get(5)?;
        Ok(Self {
            id: row.get(0)?,
            sha256: Digest::from_bytes(row.get(1)?),
            bytes: unsigned(row.get(2)?),
            received: unsigned(row.get(3)?),
            state: UploadState::of(&row.get::<_, String>(4)?),
            reasons: reasons.lines().map(str::to_owned).collect(),
            submission: row.get(6)?,
        })
    }
}

impl Record {
    /// The newest upload of these bytes by this token.
    pub(in super::super) fn upload_of_token(
        &self,
        token: &str,
        sha256: &Digest,
    ) -> Result<Option<Upload>, LeaderboardError> {
        let query = format!(
            "SELECT {COLUMNS} FROM upload WHERE token = ?1 AND sha256 = ?2 ORDER BY begun DESC, rowid DESC LIMIT 1"
        );
        let connection = self.connection();
        Ok(connection
            .query_row(&query, params![token, sha256.as_bytes()], Upload::of)
            .optional()?)
    }

    /// The submission that these bytes are, if anybody has published them.
    pub(in super::super) fn published(
        &self,
        sha256: &Digest,
    ) -> Result<Option<String>, LeaderboardError> {
        let query =
            "SELECT submission FROM upload WHERE sha256 = ?1 AND state = 'published' LIMIT 1";
        let connection = self.connection();
        let found: Option<Option<String>> =
            connection.query_row(query, params![sha256.as_bytes()], |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }

    /// An upload of this token.
    pub(in super::super) fn upload(
        &self,
        token: &str,
        id: &str,
    ) -> Result<Option<Upload>, LeaderboardError> {
        let query = format!("SELECT {COLUMNS} FROM upload WHERE token = ?1 AND id = ?2");
        Ok(self.connection().query_row(&query, params![token, id], Upload::of).optional()?)
    }

    /// An upload that is to be checked.
    pub(in super::super) fn to_check(&self, id: &str) -> Result<Option<Upload>, LeaderboardError> {
        let query = format!("SELECT {COLUMNS} FROM upload WHERE id = ?1 AND state = 'verifying'");
        Ok(self.connection().query_row(&query, params![id], Upload::of).optional()?)
    }

    /// Ids of the uploads in a state, the oldest first.
    pub(in super::super) fn uploads_in(
        &self,
        state: UploadState,
    ) -> Result<Vec<String>, LeaderboardError> {
        let connection = self.connection();
        let mut query =
            connection.prepare("SELECT id FROM upload WHERE state = ?1 ORDER BY begun, rowid")?;
        let ids = query.query_map(params![state.word()], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// What a token has used.
    pub(in super::super) fn usage(&self, token: &str) -> Result<Usage, LeaderboardError> {
        let time = now();
        let query = "SELECT
            COUNT(*) FILTER (WHERE state IN ('receiving', 'verifying')),
            COUNT(*) FILTER (WHERE begun > ?2),
            COALESCE(SUM(bytes) FILTER (WHERE begun > ?3), 0),
            COALESCE(MIN(begun) FILTER (WHERE begun > ?2), ?2)
            FROM upload WHERE token = ?1";
        let (hour_ago, day_ago) = (time.saturating_sub(HOUR), time.saturating_sub(DAY));
        let values = params![token, signed(hour_ago), signed(day_ago)];
        Ok(self.connection().query_row(query, values, |row| {
            let oldest = unsigned(row.get(3)?);
            Ok(Usage {
                open: unsigned(row.get(0)?),
                in_last_hour: unsigned(row.get(1)?),
                bytes_in_last_day: unsigned(row.get(2)?),
                hour_eases_in: oldest.saturating_sub(hour_ago).max(1),
            })
        })?)
    }

    /// Begins an upload.
    pub(in super::super) fn begin(
        &self,
        token: &str,
        id: &str,
        (sha256, bytes): (&Digest, u64),
    ) -> Result<(), LeaderboardError> {
        self.connection().execute(
            "INSERT INTO upload (id, token, sha256, bytes, received, state, reasons, begun)
             VALUES (?1, ?2, ?3, ?4, 0, 'receiving', '', ?5)",
            params![id, token, sha256.as_bytes(), signed(bytes), signed(now())],
        )?;
        Ok(())
    }

    /// Notes that bytes up to `received` are on the disk; the last of them begins the check.
    pub(in super::super) fn received(
        &self,
        id: &str,
        received: u64,
    ) -> Result<(), LeaderboardError> {
        self.connection().execute(
            "UPDATE upload SET received = ?2, state = iif(bytes = ?2, 'verifying', state)
             WHERE id = ?1 AND state = 'receiving'",
            params![id, signed(received)],
        )?;
        Ok(())
    }

    /// Ends an upload: it is shown.
    pub(in super::super) fn publish(
        &self,
        id: &str,
        submission: &str,
    ) -> Result<(), LeaderboardError> {
        self.connection().execute(
            "UPDATE upload SET state = 'published', submission = ?2 WHERE id = ?1 AND state = 'verifying'",
            params![id, submission],
        )?;
        Ok(())
    }

    /// Ends an upload: it is refused.
    pub(in super::super) fn refuse(
        &self,
        id: &str,
        reasons: &[String],
    ) -> Result<(), LeaderboardError> {
        // One reason a line.
        let lines: Vec<String> =
            reasons.iter().map(|reason| reason.replace(['\n', '\r'], " ")).collect();
        self.connection().execute(
            "UPDATE upload SET state = 'refused', reasons = ?2 WHERE id = ?1 AND state = 'verifying'",
            params![id, lines.join("\n")],
        )?;
        Ok(())
    }

    /// Forgets uploads that were begun before `time` and never finished, and returns their ids.
    pub(in super::super) fn forget_abandoned(
        &self,
        time: u64,
    ) -> Result<Vec<String>, LeaderboardError> {
        let connection = self.connection();
        let mut query = connection
            .prepare("DELETE FROM upload WHERE state = 'receiving' AND begun < ?1 RETURNING id")?;
        let ids = query.query_map(params![signed(time)], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }
}
