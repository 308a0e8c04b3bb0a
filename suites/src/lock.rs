//! The lock: which content each version of each built-in suite, generation protocol and probe has, so that content cannot
//! move without a new version.
//!
//! The content digest of a suite is the SHA-256 of what `sha256sum` prints for its files in a fixed order, so anyone can
//! recompute it in the suite's folder: `sha256sum suite.toml cells.csv correlations.csv | sha256sum` (files that the suite
//! does not have are left out; those of further papers follow, as `unimmmu/cells.csv unimmmu/correlations.csv`). That of a protocol or probe is what `sha256sum` prints for its file.

use retally_manifests::Digest;
use serde::Deserialize;

/// `lock.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// One entry for each version of each suite, oldest first. Entries of released versions never change.
    #[serde(rename = "suite")]
    pub suites: Vec<LockEntry>,
    /// The same for each generation protocol.
    #[serde(rename = "protocol", default)]
    pub protocols: Vec<LockEntry>,
    /// The same for each probe.
    #[serde(rename = "probe", default)]
    pub probes: Vec<LockEntry>,
}

/// What is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockedKind {
    /// A suite.
    Suite,
    /// A generation protocol.
    Protocol,
    /// A probe protocol.
    Probe,
}

impl LockedKind {
    fn name(self) -> &'static str {
        match self {
            Self::Suite => "suite",
            Self::Protocol => "protocol",
            Self::Probe => "probe",
        }
    }

    /// The file that holds the version.
    fn file(self, id: &str) -> String {
        match self {
            Self::Suite => format!("suites/{id}/suite.toml"),
            Self::Protocol => format!("suites/generation/{id}.toml"),
            Self::Probe => format!("suites/probes/{id}.toml"),
        }
    }
}

/// The content of one version of one suite or protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Content digest.
    pub content: Digest,
}

impl Lock {
    /// Parses `lock.toml`.
    ///
    /// # Errors
    /// The TOML error, as text.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|cause| cause.to_string())
    }

    /// The lock of what the program carries.
    ///
    /// # Errors
    /// As [`Lock::parse`].
    pub fn builtin() -> Result<Self, String> {
        Self::parse(include_str!("../lock.toml"))
    }

    /// The version of a suite that is locked with this content, if one is.
    #[must_use]
    pub fn version_of(&self, suite: &str, content: &str) -> Option<u32> {
        let has_it = |entry: &&LockEntry| entry.id == suite && entry.content.to_string() == content;
        self.suites.iter().find(has_it).map(|entry| entry.version)
    }

    /// Checks that this version has this content.
    ///
    /// # Errors
    /// A message that says how to update the lock.
    pub fn check(
        &self,
        kind: LockedKind,
        id: &str,
        version: u32,
        content: &Digest,
    ) -> Result<(), String> {
        let entries = match kind {
            LockedKind::Suite => &self.suites,
            LockedKind::Protocol => &self.protocols,
            LockedKind::Probe => &self.probes,
        };
        let name = kind.name();
        let entry = LockEntry { id: id.to_owned(), version, content: *content };
        let versions: Vec<&LockEntry> = entries.iter().filter(|known| known.id == id).collect();
        let line =
            format!("[[{name}]]\nid = \"{id}\"\nversion = {version}\ncontent = \"{content}\"\n");
        match versions.iter().find(|known| known.version == version) {
            Some(known) if **known == entry => Ok(()),
            Some(known) => Err(format!(
                "the content of {name} `{id}` moved without a new version: version {version} is locked as {}, the files give \
                 {content}. Set `version = {next}` in {file}, run this again and append to \
                 suites/lock.toml the entry that it then prints.",
                known.content,
                file = kind.file(id),
                next = versions
                    .iter()
                    .map(|known| known.version)
                    .max()
                    .unwrap_or(version)
                    .saturating_add(1),
            )),
            None => Err(format!(
                "{name} `{id}` version {version} is not locked. Append to suites/lock.toml:\n\n{line}"
            )),
        }
    }
}

/// The content digest of files given as (name, bytes), in this order.
#[must_use]
pub fn content_digest<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Digest {
    let listing: String = files
        .into_iter()
        .map(|(name, text)| format!("{}  {name}\n", Digest::of_bytes(text.as_bytes())))
        .collect();
    Digest::of_bytes(listing.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_a_sha256sum_listing() {
        // printf 'a\n' > a; printf 'b\n' > b; sha256sum a b | sha256sum
        let digest = content_digest([("a", "a\n"), ("b", "b\n")]);
        assert_eq!(
            digest.to_string(),
            "a0ec3f531bc13ffd8fa37e6c75d95bfffb69287b1c13f3b9add256d1f4f77850"
        );
    }

    #[test]
    fn moved_content_and_new_versions_are_told_apart() {
        let (old, new) = (Digest::of_bytes(b"old"), Digest::of_bytes(b"new"));
        let entry = LockEntry { id: "s".to_owned(), version: 1, content: old };
        let entries = vec![entry];
        let lock = Lock { suites: entries.clone(), protocols: entries.clone(), probes: entries };
        assert_eq!(lock.version_of("s", &old.to_string()), Some(1));
        assert_eq!(lock.version_of("s", &new.to_string()), None);
        assert_eq!(lock.version_of("t", &old.to_string()), None);
        for kind in [LockedKind::Suite, LockedKind::Protocol, LockedKind::Probe] {
            assert_eq!(lock.check(kind, "s", 1, &old), Ok(()));
            let moved = lock.check(kind, "s", 1, &new).unwrap_err();
            assert!(
                moved.contains("moved without a new version") && moved.contains("`version = 2`"),
                "{moved}"
            );
            let fresh = lock.check(kind, "s", 2, &new).unwrap_err();
            assert!(fresh.contains(&format!("version = 2\ncontent = \"{new}\"")), "{fresh}");
            assert!(fresh.contains(&format!("[[{}]]", kind.name())), "{fresh}");
        }
    }
}
