//! Names that people read: of submissions, models, taps. What could deceive a reader or a page is refused, whatever shows it.

use crate::limits::LONGEST_LABEL;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabel {
    /// Nothing to read.
    #[error("it is empty")]
    Empty,
    /// Too long for a table.
    #[error("it has {found} characters, at most {LONGEST_LABEL} are allowed")]
    Long {
        /// Its characters.
        found: usize,
    },
    /// White space that nobody sees.
    #[error("it begins or ends with white space")]
    Edge,
    /// A character that deceives readers or opens a tag.
    #[error(
        "it has the character U+{:04X}: control characters, invisible ones, ones that turn the direction of text, `<` and `>` are not allowed",
        u32::from(*found)
    )]
    Character {
        /// The first of them.
        found: char,
    },
}

/// Checks a name.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_label(text: &str) -> Result<(), InvalidLabel> {
    let length = text.chars().count();
    if text.is_empty() {
        return Err(InvalidLabel::Empty);
    }
    if length > LONGEST_LABEL {
        return Err(InvalidLabel::Long { found: length });
    }
    if text.trim() != text {
        return Err(InvalidLabel::Edge);
    }
    match text.chars().find(|&character| is_refused(character)) {
        Some(found) => Err(InvalidLabel::Character { found }),
        None => Ok(()),
    }
}

fn is_refused(character: char) -> bool {
    character.is_control()
        || matches!(character, '<' | '>')
        // Soft hyphen; Arabic letter mark; Mongolian separator; zero width, marks and separators; embeddings and overrides;
        // joiners, isolates and deprecated format characters; byte order mark; annotations; tags.
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A checked name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

impl Label {
    /// Checks a name.
    ///
    /// # Errors
    /// As [`check_label`].
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidLabel> {
        let text = text.into();
        check_label(&text).map(|()| Self(text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lower-case letters and digits of the name joined by `-`, for the name of a folder; `submission` if it has none.
    #[must_use]
    pub fn slug(&self) -> String {
        let mut slug = String::new();
        for character in self.0.chars().map(|character| character.to_ascii_lowercase()) {
            if slug.len() == LONGEST_SLUG {
                break;
            }
            if character.is_ascii_lowercase() || character.is_ascii_digit() {
                slug.push(character);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        match slug.trim_end_matches('-') {
            "" => "submission".to_owned(),
            slug => slug.to_owned(),
        }
    }
}

const LONGEST_SLUG: usize = 40;

impl TryFrom<String> for Label {
    type Error = InvalidLabel;

    fn try_from(text: String) -> Result<Self, InvalidLabel> {
        Self::new(text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_people_and_models_are_accepted() {
        for name in ["DINOv2-B, layer 9", "Ünïcode & \"quotes\"", "模型", "a"] {
            assert_eq!(check_label(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_deceives_is_refused() {
        assert_eq!(check_label(""), Err(InvalidLabel::Empty));
        assert_eq!(check_label(" a"), Err(InvalidLabel::Edge));
        assert_eq!(check_label(&"x".repeat(201)), Err(InvalidLabel::Long { found: 201 }));
        for found in ['\n', '\u{1b}', '\u{202e}', '\u{200b}', '<', '>', '\u{85}'] {
            let name = format!("a{found}b");
            assert_eq!(check_label(&name), Err(InvalidLabel::Character { found }), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn a_slug_is_a_safe_folder_name(text in ".{1,80}") {
            if let Ok(label) = Label::new(text) {
                let slug = label.slug();
                prop_assert!((1..=LONGEST_SLUG).contains(&slug.len()));
                prop_assert!(slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
                prop_assert!(!slug.starts_with('-') && !slug.ends_with('-'));
            }
        }
    }
}
