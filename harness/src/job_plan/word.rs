//! A text of the user's that may stand in a job file.

use crate::failure::Failure;
use std::fmt;
use std::path::Path;

/// One line of printable text that is not empty: in a comment it cannot end the comment, in a shell it is one word, in YAML
/// one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// A text that the user gave as `what`.
    ///
    /// # Errors
    /// If it is empty, or holds a line break or another character that is not printed.
    pub fn new(what: &str, text: impl Into<String>) -> Result<Self, Failure> {
        let text = text.into();
        if text.is_empty() {
            return Err(Failure::invalid(format_args!(
                "{what} is empty: leave it out, or say what is meant"
            )));
        }
        match text.chars().find(|&c| breaks_lines_or_is_unprinted(c)) {
            Some(c) => Err(Failure::invalid(format_args!(
                "{what} `{}` holds the character U+{:04X}, which is not printed; a job file cannot hold it safely",
                text.escape_debug(),
                u32::from(c)
            ))),
            None => Ok(Self(text)),
        }
    }

    /// A path. One that begins with a hyphen would be taken for an option: it gets `./` before it.
    ///
    /// # Errors
    /// As [`Word::new`], or if the path is not UTF-8.
    pub fn of_path(what: &str, path: &Path) -> Result<Self, Failure> {
        let Some(text) = path.to_str() else {
            return Err(Failure::invalid(format_args!(
                "{what} `{}` is not UTF-8, and a job file is a text",
                path.display()
            )));
        };
        let hyphen = if text.starts_with('-') { "./" } else { "" };
        Self::new(what, format!("{hyphen}{text}"))
    }

    /// `--name=value`, one word.
    #[must_use]
    pub fn option(name: &str, value: &Self) -> Self {
        Self(format!("--{name}={}", value.0))
    }

    /// `--name=count`, one word.
    #[must_use]
    pub fn count_option(name: &str, count: u64) -> Self {
        Self(format!("--{name}={count}"))
    }

    /// A flag without a value, or another word of the program itself.
    #[must_use]
    pub fn fixed(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The same text behind a prefix of the program's own.
    pub(super) fn after(&self, prefix: &'static str) -> Self {
        Self(format!("{prefix}{}", self.0))
    }

    /// The same text with one of its characters doubled wherever it stands.
    pub(super) fn with_doubled(&self, character: char) -> Self {
        Self(self.0.replace(character, &format!("{character}{character}")))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As one word of a shell: bare if no shell gives any of its characters a meaning, else in single quotes.
    #[must_use]
    pub fn shell(&self) -> String {
        if self.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:=,+".contains(&byte)) {
            return self.0.clone();
        }
        self.shell_quoted()
    }

    /// As one word of a shell, in single quotes: for assignments, where a bare `a-b` looks like arithmetic to readers.
    #[must_use]
    pub fn shell_quoted(&self) -> String {
        format!("'{}'", self.0.replace('\'', r"'\''"))
    }

    /// As a value of YAML, in double quotes.
    #[must_use]
    pub fn yaml(&self) -> String {
        retally_reports::interchange::quoted_yaml(&self.0)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Several words of a shell, one after the other.
pub(super) fn shell_line<'a>(words: impl IntoIterator<Item = &'a Word>) -> String {
    words.into_iter().map(Word::shell).collect::<Vec<_>>().join(" ")
}

/// Control characters, line and paragraph separators, marks of byte order and what is no character.
fn breaks_lines_or_is_unprinted(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_plan::testing::printable;
    use proptest::prelude::*;

    #[test]
    fn texts_that_would_end_a_line_are_refused_and_named() {
        for (text, code) in
            [("a\nb", "U+000A"), ("a\0", "U+0000"), ("\u{85}", "U+0085"), ("\u{2028}", "U+2028")]
        {
            let message = Word::new("--account", text).unwrap_err().message();
            assert!(message.contains(code) && message.contains("--account"), "{message}");
        }
        assert!(Word::new("--account", "").unwrap_err().message().contains("is empty"));
    }

    #[test]
    fn a_path_is_never_taken_for_an_option() {
        assert_eq!(Word::of_path("--out-dir", Path::new("-x")).unwrap().as_str(), "./-x");
        assert_eq!(Word::of_path("--out-dir", Path::new("x y")).unwrap().shell(), "'x y'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A real shell is asked.
        #[test]
        fn a_shell_reads_every_word_as_it_was(texts in proptest::collection::vec(printable(), 1..8)) {
            let words: Vec<_> = texts.iter().map(|text| Word::new("x", text.clone()).unwrap()).collect();
            let script = format!("printf '%s\\n' {}", shell_line(&words));
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            let expected: String = texts.iter().map(|text| format!("{text}\n")).collect();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        }
    }
}
