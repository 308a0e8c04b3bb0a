//! Tokens: who may send submissions. Only digests of them are kept.

use crate::error::LeaderboardError;
use retally_manifests::Digest;

/// What every token begins with, so that it can be recognised where it should not be.
const PREFIX: &str = "retally";
/// Hexadecimal digits of the part that is no secret.
const ID_DIGITS: usize = 16;
/// Hexadecimal digits of the secret: 256 bits, which nobody tries out, so that a plain digest keeps it.
const SECRET_DIGITS: usize = 64;

/// A new token, which is shown once.
pub(super) struct FreshToken {
    pub(super) id: String,
    pub(super) text: String,
}

impl FreshToken {
    pub(super) fn new() -> Result<Self, LeaderboardError> {
        let (id, secret) = (random_digits(ID_DIGITS)?, random_digits(SECRET_DIGITS)?);
        let text = format!("{PREFIX}_{id}_{secret}");
        Ok(Self { id, text })
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of_bytes(self.text.as_bytes())
    }
}

/// The id in a token's text; `None` if it is none.
pub(super) fn id_of(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(PREFIX)?.strip_prefix('_')?.split_once('_')?;
    let is_hexadecimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = id.len() == ID_DIGITS && secret.len() == SECRET_DIGITS;
    (fits && is_hexadecimal(id) && is_hexadecimal(secret)).then_some(id)
}

/// Whether a token has a digest; takes the same time wherever they differ.
pub(super) fn has_digest(text: &str, digest: &Digest) -> bool {
    let own = Digest::of_bytes(text.as_bytes());
    let pairs = own.as_bytes().iter().zip(digest.as_bytes());
    let difference = pairs.fold(0, |difference, (a, b)| std::hint::black_box(difference | (a ^ b)));
    difference == 0
}

/// Hexadecimal digits from the operating system's generator.
pub(super) fn random_digits(count: usize) -> Result<String, LeaderboardError> {
    let mut bytes = vec![0_u8; count / 2];
    getrandom::fill(&mut bytes).map_err(|error| {
        LeaderboardError::Server(format!("the system gives no random numbers: {error}"))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_digest_alone() {
        let token = FreshToken::new().unwrap();
        assert_eq!(id_of(&token.text), Some(token.id.as_str()));
        assert!(has_digest(&token.text, &token.digest()));
        let other = FreshToken::new().unwrap();
        assert!(!has_digest(&other.text, &token.digest()));
        assert_ne!(token.text, other.text);
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let token = FreshToken::new().unwrap().text;
        for text in [
            "",
            "retally",
            "retally__",
            &token[1..],
            &format!("{token}0"),
            &token.replace('_', "-"),
        ] {
            assert_eq!(id_of(text), None, "{text}");
        }
    }
}
