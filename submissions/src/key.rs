//! Keys of signers: ed25519, in the PEM files that openssl reads.
//!
//! A private key is PKCS#8 (`BEGIN PRIVATE KEY`, RFC 8410), a public one SubjectPublicKeyInfo (`BEGIN PUBLIC KEY`). A key is named
//! by the SHA-256 of its 32 public bytes.

use crate::entry::KeyFingerprint;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use retally_manifests::Digest;
use std::fmt;

/// Why there is no key. No message holds any part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The operating system has no randomness to give.
    #[error("the operating system gives no random bytes")]
    Randomness,
    /// The text is no private key.
    #[error(
        "it is no ed25519 private key in PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`), as `retally key new` writes it"
    )]
    Private,
    /// The text is no public key.
    #[error(
        "it is no ed25519 public key in PEM (`-----BEGIN PUBLIC KEY-----`), as `retally key new` writes it"
    )]
    Public,
    /// A key whose signatures prove nothing.
    #[error("it is a weak key: signatures of it fit many messages")]
    Weak,
    /// A key that cannot be written, which is a fault of the program.
    #[error("the key cannot be written as PEM")]
    Encoding,
}

/// A private key. It is shown nowhere; its memory is overwritten when it is dropped.
pub struct PrivateKey(SigningKey);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(…)")
    }
}

impl PrivateKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// If the system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| KeyError::Randomness)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key of a fixed seed, for tests and examples: whoever knows the seed can sign.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a private key.
    ///
    /// # Errors
    /// [`KeyError::Private`]
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(text).map(Self).map_err(|_| KeyError::Private)
    }

    /// The private key as PEM. The text is overwritten in memory when it is dropped.
    ///
    /// # Errors
    /// [`KeyError::Encoding`]
    pub fn to_pem(&self) -> Result<impl AsRef<str> + use<>, KeyError> {
        // Without the public key: openssl does not read the form that has both.
        let pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let pem = pair.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Encoding)?;
        Ok(Text(pem))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message; the same message gets the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Secret text that overwrites itself.
struct Text<T>(T);

impl<T: std::ops::Deref<Target = String>> AsRef<str> for Text<T> {
    fn as_ref(&self) -> &str {
        self.0.as_str()
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// If it is none, or a weak one.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(text).map_err(|_| KeyError::Public)?;
        if key.is_weak() { Err(KeyError::Weak) } else { Ok(Self(key)) }
    }

    /// The key as PEM.
    ///
    /// # Errors
    /// [`KeyError::Encoding`]
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Encoding)
    }

    /// Its name.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint(Digest::of_bytes(self.0.as_bytes()))
    }

    /// Whether `signature` is this key's over `message`, by the strict rules: no weak key, no malleable signature.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_their_files() {
        let key = PrivateKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        let again = PrivateKey::from_pem(pem.as_ref()).unwrap();
        assert_eq!(again.sign(b"message"), key.sign(b"message"));
        let public = PublicKey::from_pem(&key.public().to_pem().unwrap()).unwrap();
        assert_eq!(public, again.public());
        assert!(public.verifies(b"message", &key.sign(b"message")));
        assert!(!public.verifies(b"massage", &key.sign(b"message")));
        assert_ne!(PrivateKey::generate().unwrap().public(), public);
    }

    /// RFC 8032, 7.1, test 2; the PEM texts are openssl's of the same seed.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key = PrivateKey::from_seed(&seed.try_into().unwrap());
        let expected = hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert_eq!(key.sign(&[0x72]).to_vec(), expected);
        assert_eq!(
            key.to_pem().unwrap().as_ref(),
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----\n"
        );
        assert_eq!(
            key.public().to_pem().unwrap(),
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n-----END PUBLIC KEY-----\n"
        );
    }

    #[test]
    fn no_error_and_no_debug_text_shows_a_key() {
        let key = PrivateKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        let body = pem.as_ref().lines().nth(1).unwrap().to_owned();
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
        let broken = pem.as_ref().replace("PRIVATE", "PRIVAT");
        let error = PrivateKey::from_pem(&broken).unwrap_err();
        assert!(!error.to_string().contains(&body) && !format!("{error:?}").contains(&body));
    }

    #[test]
    fn weak_keys_are_refused() {
        // The neutral element of the group: it "signs" everything.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let key = VerifyingKey::from_bytes(&neutral).unwrap();
        let pem = key.to_public_key_pem(LineEnding::LF).unwrap();
        assert_eq!(PublicKey::from_pem(&pem), Err(KeyError::Weak));
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }
}
