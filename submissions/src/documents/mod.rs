//! The documents in a bundle. Each is written in one form only, so that a reader compares bytes instead of trusting a parser:
//! unknown fields, doubled keys, other spellings of a number and white space all show.

mod run;
mod samples;

pub use run::{
    ArtifactUse, DatasetUse, LibraryUse, MachineDescription, ModelUse, RUN_SCHEMA, RunDocument,
    RunOptions, SuiteReference,
};
pub use samples::{DatasetSamples, SAMPLES_SCHEMA, Sample, SamplesDocument};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a document is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not the JSON that is expected.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Another schema version.
    #[error("it has schema {found}, this retally reads {expected}")]
    Schema {
        /// In the file.
        found: u64,
        /// What is read.
        expected: u32,
    },
    /// Not written as retally writes it.
    #[error("it is not written as retally writes it: byte {place} differs from {expected:?}")]
    Form {
        /// The first byte that differs.
        place: usize,
        /// What was expected from there on.
        expected: String,
    },
}

/// The bytes of a document: JSON on one line, and a line feed.
///
/// # Errors
/// If the value cannot be JSON, which is a fault of the program.
pub fn to_bytes(document: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a document whose bytes must be those of [`to_bytes`]; its schema version is looked at before anything else.
///
/// # Errors
/// [`DocumentError`]
pub fn from_bytes<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    schema: u32,
) -> Result<T, DocumentError> {
    check_schema(bytes, schema)?;
    let document = serde_json::from_slice(bytes)?;
    expect_bytes(bytes, &to_bytes(&document)?)?;
    Ok(document)
}

/// Refuses another schema version; a document that has none is left to its reader.
///
/// # Errors
/// [`DocumentError::Schema`], or [`DocumentError::Json`] if it is no JSON at all.
pub fn check_schema(bytes: &[u8], expected: u32) -> Result<(), DocumentError> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: Option<u64>,
    }
    match serde_json::from_slice::<Version>(bytes)?.schema {
        Some(found) if found != u64::from(expected) => {
            Err(DocumentError::Schema { found, expected })
        }
        _ => Ok(()),
    }
}

/// Characters that a message shows of what was expected.
const SHOWN: usize = 40;

/// Compares a document with its one form.
///
/// # Errors
/// [`DocumentError::Form`] with the first difference.
pub fn expect_bytes(found: &[u8], expected: &[u8]) -> Result<(), DocumentError> {
    if found == expected {
        return Ok(());
    }
    let place =
        found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    let rest = expected.get(place..).unwrap_or_default();
    let shown = rest.get(..SHOWN.min(rest.len())).unwrap_or_default();
    let expected = String::from_utf8_lossy(shown).into_owned();
    Err(DocumentError::Form { place, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SamplesDocument, DocumentError> {
        from_bytes(text.as_bytes(), SAMPLES_SCHEMA)
    }

    #[test]
    fn there_is_one_form_of_a_document() {
        let text = "{\"schema\":1,\"datasets\":[]}\n";
        let document = read(text).unwrap();
        assert_eq!(to_bytes(&document).unwrap(), text.as_bytes());
        for (other, reason) in [
            ("{\"schema\":1,\"datasets\":[]}", "byte 26"),
            ("{\"schema\": 1,\"datasets\":[]}\n", "byte 10"),
            ("{\"datasets\":[],\"schema\":1}\n", "byte 2"),
            ("{\"schema\":1,\"datasets\":[],\"more\":1}\n", "unknown field `more`"),
            ("{\"schema\":1,\"schema\":1,\"datasets\":[]}\n", "duplicate field `schema`"),
            ("{\"schema\":2,\"datasets\":[]}\n", "schema 2, this retally reads 1"),
            ("{\"schema\":-1,\"datasets\":[]}\n", "invalid value: integer `-1`"),
            ("", "EOF"),
        ] {
            let message = read(other).unwrap_err().to_string();
            assert!(message.contains(reason), "{other:?}: {message}");
        }
        let deep = format!("{{\"more\":{}", "[".repeat(1 << 20));
        assert!(read(&deep).unwrap_err().to_string().contains("EOF"));
    }
}
