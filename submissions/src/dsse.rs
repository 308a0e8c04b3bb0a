//! DSSE envelopes (Dead Simple Signing Envelope, protocol version 1) with exactly one ed25519 signature.

use crate::entry::KeyFingerprint;
use crate::key::{PrivateKey, PublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The bytes that are signed (pre-authentication encoding): `DSSEv1`, then length and bytes of type and payload, parted by
/// spaces.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// An envelope as its file holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Base64 of the signed bytes.
    pub payload: String,
    /// What they are.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// The signatures.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// Fingerprint of the key.
    pub keyid: String,
    /// Base64 of the signature.
    pub sig: String,
}

/// Why an envelope is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Another payload.
    #[error("the envelope holds a `{found}`, expected `{IN_TOTO}`")]
    PayloadType {
        /// What it holds.
        found: String,
    },
    /// The payload is no base64.
    #[error("the payload of the envelope is not base64 as RFC 4648 writes it, with padding")]
    Payload,
    /// None, or several.
    #[error("the envelope has {found} signatures, expected exactly 1")]
    Signatures {
        /// How many.
        found: usize,
    },
    /// The signature is no 64 bytes.
    #[error("the signature is not base64 of 64 bytes")]
    Signature,
    /// The name in the envelope is not that of the key beside it.
    #[error("the envelope says that key {claimed} signed, but the key beside it is {key}")]
    KeyId {
        /// The name in the envelope.
        claimed: String,
        /// The name of the key.
        key: KeyFingerprint,
    },
    /// It does not fit.
    #[error("the signature is not key {key}'s over this statement")]
    Mismatch {
        /// The key.
        key: KeyFingerprint,
    },
}

impl Envelope {
    /// Signs an in-toto statement.
    #[must_use]
    pub fn sign(payload: &[u8], key: &PrivateKey) -> Self {
        let signature = key.sign(&pre_authentication_encoding(IN_TOTO, payload));
        Self {
            payload: STANDARD.encode(payload),
            payload_type: IN_TOTO.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid: key.public().fingerprint().to_string(),
                sig: STANDARD.encode(signature),
            }],
        }
    }

    /// The bytes that it carries, whoever signed them.
    ///
    /// # Errors
    /// [`EnvelopeError::Payload`]
    pub fn payload(&self) -> Result<Vec<u8>, EnvelopeError> {
        STANDARD.decode(&self.payload).map_err(|_| EnvelopeError::Payload)
    }

    /// Checks that `key` alone signed an in-toto statement.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn verify(&self, key: &PublicKey) -> Result<(), EnvelopeError> {
        if self.payload_type != IN_TOTO {
            return Err(EnvelopeError::PayloadType { found: self.payload_type.clone() });
        }
        let [signature] = self.signatures.as_slice() else {
            return Err(EnvelopeError::Signatures { found: self.signatures.len() });
        };
        let fingerprint = key.fingerprint();
        if signature.keyid != fingerprint.to_string() {
            let claimed = signature.keyid.clone();
            return Err(EnvelopeError::KeyId { claimed, key: fingerprint });
        }
        let bytes = STANDARD.decode(&signature.sig).map_err(|_| EnvelopeError::Signature)?;
        let bytes = <[u8; 64]>::try_from(bytes).map_err(|_| EnvelopeError::Signature)?;
        let message = pre_authentication_encoding(IN_TOTO, &self.payload()?);
        if key.verifies(&message, &bytes) {
            Ok(())
        } else {
            Err(EnvelopeError::Mismatch { key: fingerprint })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of DSSE's protocol.md.
    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert_eq!(pre_authentication_encoding("", b""), b"DSSEv1 0  0 ");
    }

    /// Reads an encoding back: what can be read back unambiguously has no twin.
    fn decode(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
        let rest = bytes.strip_prefix(b"DSSEv1 ")?;
        let (kind, rest) = field(rest)?;
        let (payload, rest) = field(rest.strip_prefix(b" ")?)?;
        rest.is_empty().then(|| Some((String::from_utf8(kind).ok()?, payload)))?
    }

    fn field(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
        let space = bytes.iter().position(|&byte| byte == b' ')?;
        let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
        let rest = &bytes[space + 1..];
        Some((rest.get(..length)?.to_vec(), rest.get(length..)?))
    }

    proptest! {
        #[test]
        fn no_two_messages_have_one_encoding(kind in ".{0,20}", payload: Vec<u8>) {
            let decoded = decode(&pre_authentication_encoding(&kind, &payload));
            prop_assert_eq!(decoded, Some((kind, payload)));
        }

        #[test]
        fn only_what_was_signed_is_accepted(payload: Vec<u8>, seed: [u8; 32], place: prop::sample::Index) {
            let key = PrivateKey::from_seed(&seed);
            let envelope = Envelope::sign(&payload, &key);
            prop_assert_eq!(envelope.verify(&key.public()), Ok(()));
            prop_assert_eq!(envelope.payload().unwrap(), payload.clone());
            let mut other = payload;
            other.push(0);
            let place = place.index(other.len());
            other[place] ^= 1;
            let forged = Envelope { payload: STANDARD.encode(&other), ..envelope };
            let mismatch = EnvelopeError::Mismatch { key: key.public().fingerprint() };
            prop_assert_eq!(forged.verify(&key.public()), Err(mismatch));
        }
    }

    #[test]
    fn other_signers_and_forms_are_refused() {
        let (first, second) = (PrivateKey::from_seed(&[1; 32]), PrivateKey::from_seed(&[2; 32]));
        let envelope = Envelope::sign(b"{}", &second);
        assert!(matches!(envelope.verify(&first.public()), Err(EnvelopeError::KeyId { .. })));
        let mut claimed = envelope.clone();
        claimed.signatures[0].keyid = first.public().fingerprint().to_string();
        assert!(matches!(claimed.verify(&first.public()), Err(EnvelopeError::Mismatch { .. })));
        let mut twice = envelope.clone();
        twice.signatures.push(twice.signatures[0].clone());
        assert_eq!(twice.verify(&second.public()), Err(EnvelopeError::Signatures { found: 2 }));
        let other = Envelope { payload_type: "text/plain".to_owned(), ..envelope.clone() };
        assert!(matches!(other.verify(&second.public()), Err(EnvelopeError::PayloadType { .. })));
        let mut short = envelope;
        short.signatures[0].sig = STANDARD.encode([0; 63]);
        assert_eq!(short.verify(&second.public()), Err(EnvelopeError::Signature));
    }
}
