//! Who signed, and whether they signed this.

use super::concern::Concern;
use super::documents::read_file;
use crate::failure::Failure;
use retally_submissions::archive::ArchiveReader;
use retally_submissions::documents::{expect_bytes, to_bytes};
use retally_submissions::dsse::Envelope;
use retally_submissions::files;
use retally_submissions::{Check, CheckKind, KeyFingerprint, PublicKey};

/// What was signed; the other checks go on with it whoever signed.
pub(super) struct Signed {
    /// The statement's bytes, if the envelope can be read at all.
    pub(super) payload: Option<Vec<u8>>,
    /// The name of the key in the bundle.
    pub(super) key: Option<KeyFingerprint>,
}

pub(super) fn check(
    archive: &ArchiveReader,
    trust: &[PublicKey],
) -> Result<(Signed, Check), Failure> {
    let mut concern = Concern::new(CheckKind::Signature);
    let envelope = read_file(archive, files::STATEMENT)?.and_then(|bytes| envelope(&bytes));
    let key = read_file(archive, files::PUBLIC_KEY)?.and_then(|bytes| key(&bytes));
    let mut detail = "the envelope was read".to_owned();
    let mut payload = None;
    let name = key.as_ref().ok().map(PublicKey::fingerprint);
    match &envelope {
        Ok(envelope) => match envelope.payload() {
            Ok(bytes) => payload = Some(bytes),
            Err(error) => concern.fail(error.to_string()),
        },
        Err(reason) => concern.fail(format!("`{}`: {reason}", files::STATEMENT)),
    }
    match key {
        Ok(key) => {
            let fingerprint = key.fingerprint();
            detail = format!(
                "the ed25519 signature of key {fingerprint} was checked by the strict rules"
            );
            if let Some(Err(error)) = envelope.ok().map(|envelope| envelope.verify(&key)) {
                concern.fail(error.to_string());
            }
            if !trust.is_empty() && !trust.contains(&key) {
                concern.fail(format!(
                    "key {fingerprint} is not among the {} that are trusted",
                    trust.len()
                ));
            }
        }
        Err(reason) => concern.fail(format!("`{}`: {reason}", files::PUBLIC_KEY)),
    }
    Ok((Signed { payload, key: name }, concern.finish(detail)))
}

fn envelope(bytes: &[u8]) -> Result<Envelope, String> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let expected = to_bytes(&envelope).map_err(|error| error.to_string())?;
    expect_bytes(bytes, &expected).map_err(|error| error.to_string())?;
    Ok(envelope)
}

fn key(bytes: &[u8]) -> Result<PublicKey, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let key = PublicKey::from_pem(text).map_err(|error| error.to_string())?;
    let expected = key.to_pem().map_err(|error| error.to_string())?;
    expect_bytes(bytes, expected.as_bytes()).map_err(|error| error.to_string())?;
    Ok(key)
}
