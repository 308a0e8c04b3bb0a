//! Names that become parts of paths and addresses; checked where they are read.

use retally_manifests::{Digest, WebAddress};
use serde::Deserialize;
use std::fmt::{self, Write as _};

/// Longest part of a name.
const LONGEST: usize = 96;

/// Names that a file cannot have on every system.
const RESERVED: [&str; 5] = ["AUX", "CON", "DATA", "NUL", "PRN"];

/// `owner/name`, as repositories of a model hub are called. Both parts are safe names of folders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HubName {
    owner: String,
    name: String,
}

impl HubName {
    /// The part before the slash.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The part after the slash.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.owner, self.name)
    }
}

impl TryFrom<String> for HubName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!(
                "`{}` is not of the form `owner/name`: two names of 1 to {LONGEST} ASCII letters, digits, `-`, `_` or `.`, \
                 each beginning and ending with a letter or digit, without `--` or `..`",
                text.chars().take(200).collect::<String>()
            )),
        }
    }
}

fn is_part(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [part.bytes().next(), part.bytes().last()];
    let stem = part.split('.').next().unwrap_or(part).to_ascii_uppercase();
    let is_port = |kind: &str| {
        stem.strip_prefix(kind).is_some_and(|rest| {
            rest.len() == 1 && rest != "0" && rest.bytes().all(|b| b.is_ascii_digit())
        })
    };
    part.len() <= LONGEST
        && part.bytes().all(is_plain)
        && ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        && !part.contains("--")
        && !part.contains("..")
        && !RESERVED.contains(&stem.as_str())
        && !is_port("COM")
        && !is_port("LPT")
}

/// A web address (`https`) without user name or password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(String);

impl Address {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match WebAddress::new(&text) {
            Ok(address) => Ok(Self(address.url().as_str().to_owned())),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A key as a part of an IRI: everything but unreserved characters and `/` is percent-encoded.
pub(super) fn percent_encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A key in lower case with `-` for everything that is no letter or digit: `k-NN accuracy` becomes `k-nn-accuracy`.
pub(super) fn slug(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = key.chars().map(plain).collect();
    text.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// What a UUID says of how it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UuidVersion {
    /// By chance.
    Four = 4,
    /// In a way of one's own.
    Eight = 8,
}

/// A UUID made of a digest: equal contents have equal names.
pub(super) fn uuid(digest: &Digest, version: UuidVersion) -> String {
    let mut bytes = [0; 16];
    for (target, source) in bytes.iter_mut().zip(digest.as_bytes()) {
        *target = *source;
    }
    bytes[6] = (bytes[6] & 0x0f) | ((version as u8) << 4);
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for good in ["a/b", "google/efficientnet-lite0", "A1/x_y.z-1", "0/0"] {
            assert_eq!(HubName::try_from(good.to_owned()).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "a",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "../b",
            "a/..",
            "a/.b",
            "a/b.",
            "a/b-",
            "-a/b",
            "a/b--c",
            "a b/c",
            "a/b\n",
            "a/ü",
            "data/x",
            "a/con",
            "a/NUL.txt",
            "a/com1",
            "a\\b/c",
            "a/b:c",
        ] {
            assert!(HubName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(HubName::try_from(format!("a/{}", "b".repeat(97))).is_err());
    }

    #[test]
    fn addresses_are_https_without_passwords() {
        assert!(Address::try_from("https://example.org/x".to_owned()).is_ok());
        for bad in [
            "http://example.org",
            "https://user:secret@example.org",
            "javascript:alert(1)",
            "",
            "example.org",
        ] {
            assert!(Address::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn keys_become_slugs_and_parts_of_addresses() {
        assert_eq!(slug("k-NN accuracy"), "k-nn-accuracy");
        assert_eq!(slug("H@10|cfg=2.0"), "h-10-cfg-2-0");
        assert_eq!(percent_encoded("vit/layer 9#ü"), "vit/layer%209%23%C3%BC");
    }

    #[test]
    fn uuids_have_their_form() {
        let digest = Digest::from_bytes([0xff; 32]);
        assert_eq!(uuid(&digest, UuidVersion::Four), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(&digest, UuidVersion::Eight), "ffffffff-ffff-8fff-bfff-ffffffffffff");
    }

    proptest! {
        #[test]
        fn encoded_keys_have_only_characters_of_addresses(key in any::<String>()) {
            let encoded = percent_encoded(&key);
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
            prop_assert!(encoded.bytes().all(is_allowed));
        }

        #[test]
        fn accepted_names_are_two_plain_folders(text in any::<String>()) {
            if let Ok(name) = HubName::try_from(text) {
                for part in [name.owner(), name.name()] {
                    let components: Vec<_> = std::path::Path::new(part).components().collect();
                    prop_assert!(matches!(components.as_slice(), [std::path::Component::Normal(_)]));
                }
            }
        }
    }
}
