//! What stands between an opening and a closing tag.

use super::python::is_space;

/// Which brackets a tagged text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tagged {
    /// The tag's name in upper case, without its angle brackets.
    pub(super) name: &'static str,
    /// The first character of the text and the last.
    pub(super) brackets: Option<(char, char)>,
}

/// The text of the first `<name>…</name>`, without white space around it; upper and lower case are the same.
///
/// `name` is in upper case. The tag may hold anything, line ends and opening tags included; it ends at the first closing tag.
#[must_use]
pub fn first_between<'a>(text: &'a str, name: &'static str) -> Option<&'a str> {
    Tagged { name, brackets: None }.matches(text).next()
}

enum Attempt<'a> {
    Match { found: &'a str, after: &'a str },
    NoOpening,
    NoClosing,
}

impl Tagged {
    /// All texts, from left to right, none overlapping another. With brackets the text begins with the first one and ends
    /// with the nearest second one that only white space parts from the closing tag.
    pub(super) fn matches(self, text: &str) -> impl Iterator<Item = &str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            loop {
                // Only an opening tag can begin a match.
                rest = &rest[rest.find('<')?..];
                match self.attempt(rest) {
                    Attempt::Match { found, after } => {
                        rest = after;
                        return Some(found);
                    }
                    Attempt::NoOpening => rest = &rest[1..],
                    // What closes no tag here closes none further on.
                    Attempt::NoClosing => rest = "",
                }
            }
        })
    }

    /// Looks for a match that begins where `text` does.
    fn attempt<'a>(self, text: &'a str) -> Attempt<'a> {
        let Some(body) = self.tag(text, "<") else { return Attempt::NoOpening };
        let body = body.trim_start_matches(is_space);
        if self.brackets.is_some_and(|(open, _)| !body.starts_with(open)) {
            return Attempt::NoOpening;
        }
        // A tag that closes nothing of the right form is passed over: the text goes on to the next.
        for (place, _) in body.match_indices('<') {
            let Some(after) = self.tag(&body[place..], "</") else { continue };
            let found = body[..place].trim_end_matches(is_space);
            if self.brackets.is_none_or(|(_, close)| found.ends_with(close)) {
                return Attempt::Match { found, after };
            }
        }
        Attempt::NoClosing
    }

    /// What follows the tag that `text` begins with.
    fn tag<'a>(self, text: &'a str, opening: &str) -> Option<&'a str> {
        let mut rest = text.strip_prefix(opening)?.chars();
        for letter in self.name.chars() {
            if !is_same_letter(rest.next()?, letter) {
                return None;
            }
        }
        rest.as_str().strip_prefix('>')
    }
}

/// Whether Python's `re.IGNORECASE` takes a character for an upper-case ASCII letter: beside the two cases of it, the
/// characters whose lower case, or whose upper case, is the same as the letter's.
fn is_same_letter(character: char, letter: char) -> bool {
    character.eq_ignore_ascii_case(&letter)
        || matches!(
            (letter, character),
            ('I', '\u{130}' | '\u{131}') | ('S', '\u{17f}') | ('K', '\u{212a}')
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tag_is_taken_whatever_it_holds() {
        let text = "a <render_summary> two\n<b> lines </RENDER_SUMMARY> <RENDER_SUMMARY>x</RENDER_SUMMARY>";
        assert_eq!(first_between(text, "RENDER_SUMMARY"), Some("two\n<b> lines"));
        assert_eq!(first_between("<RENDER_SUMMARY></RENDER_SUMMARY>", "RENDER_SUMMARY"), Some(""));
        assert_eq!(first_between("<RENDER_SUMMARY> open", "RENDER_SUMMARY"), None);
        assert_eq!(first_between("</RENDER_SUMMARY>", "RENDER_SUMMARY"), None);
    }
}
