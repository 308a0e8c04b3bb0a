//! Tokens in the record.

use super::super::token::{FreshToken, has_digest, id_of};
use super::{Record, now, signed, unsigned};
use crate::error::LeaderboardError;
use retally_manifests::Digest;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

/// The longest name of a token.
const LONGEST_NAME: usize = 100;

/// A token that was just made. Its text is kept nowhere.
#[derive(Debug, Serialize)]
pub struct NewToken {
    /// What it is called by in lists; no secret.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// The secret.
    pub token: String,
}

/// A token in a list.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct TokenLine {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it was revoked; `None` while it is good.
    pub revoked: Option<u64>,
}

impl Record {
    /// Makes a token for `name`.
    ///
    /// # Errors
    /// If the name is empty, longer than 100 characters or holds control characters, or the record cannot be written.
    pub fn new_token(&self, name: &str) -> Result<NewToken, LeaderboardError> {
        let length = name.chars().count();
        if length == 0 || length > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(LeaderboardError::Name(name.to_owned()));
        }
        let token = FreshToken::new()?;
        self.connection().execute(
            "INSERT INTO token (id, name, sha256, created) VALUES (?1, ?2, ?3, ?4)",
            params![token.id, name, token.digest().as_bytes(), signed(now())],
        )?;
        Ok(NewToken { id: token.id, name: name.to_owned(), token: token.text })
    }

    /// Revokes a token: uploads with it are answered with 401 from now on. `false` if there is no such token, or it was revoked before.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub fn revoke_token(&self, id: &str) -> Result<bool, LeaderboardError> {
        let changed = self.connection().execute(
            "UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL",
            params![id, signed(now())],
        )?;
        Ok(changed > 0)
    }

    /// All tokens, the oldest first.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn tokens(&self) -> Result<Vec<TokenLine>, LeaderboardError> {
        let connection = self.connection();
        let mut query = connection
            .prepare("SELECT id, name, created, revoked FROM token ORDER BY created, id")?;
        let lines = query.query_map([], |row| {
            Ok(TokenLine {
                id: row.get(0)?,
                name: row.get(1)?,
                created: unsigned(row.get(2)?),
                revoked: row.get::<_, Option<i64>>(3)?.map(unsigned),
            })
        })?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// The id of a token that is good; `None` for any other text.
    pub(in super::super) fn token_id(
        &self,
        text: &str,
    ) -> Result<Option<String>, LeaderboardError> {
        let Some(id) = id_of(text) else { return Ok(None) };
        let found: Option<[u8; 32]> = self
            .connection()
            .query_row(
                "SELECT sha256 FROM token WHERE id = ?1 AND revoked IS NULL",
                params![id],
                |row| row.get(0),
            )
            .optional()?;
        let is_good = found.is_some_and(|bytes| has_digest(text, &Digest::from_bytes(bytes)));
        Ok(is_good.then(|| id.to_owned()))
    }
}
