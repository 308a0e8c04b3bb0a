//! HTML and XML in the making. Only literals of this program become markup; everything else is text, and is escaped.

use super::text::visible;
use std::fmt::Display;
use std::fmt::Write as _;

/// A document, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

/// An attribute: a name of this program's, and any value.
pub(super) type Attribute<'a> = (&'static str, &'a dyn Display);

impl Markup {
    /// Markup as it stands in this program's source.
    pub(super) fn literal(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        let _ = write!(Escaped(&mut self.0), "{text}");
        self
    }

    /// A start tag. The attribute `hidden` and its like have the value "".
    pub(super) fn open(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) -> &mut Self {
        self.literal("<").literal(tag);
        for (name, value) in attributes {
            self.literal(" ").literal(name).literal("=\"").text(value).literal("\"");
        }
        self.literal(">")
    }

    /// An end tag.
    pub(super) fn close(&mut self, tag: &'static str) -> &mut Self {
        self.literal("</").literal(tag).literal(">")
    }

    /// An element that holds text alone.
    pub(super) fn element(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute<'_>],
        text: impl Display,
    ) -> &mut Self {
        self.open(tag, attributes).text(text).close(tag)
    }

    /// An element with content.
    pub(super) fn within(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute<'_>],
        content: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.open(tag, attributes);
        content(self);
        self.close(tag)
    }

    /// The document.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Escapes what is written into it. The same five characters matter in text and in quoted attributes, in HTML and in XML.
struct Escaped<'s>(&'s mut String);

impl std::fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut left = text;
        // Long runs of characters that stay as they are: most texts are nothing else.
        while let Some(place) = left.find(|character| escape(character).is_some()) {
            let (plain, changed) = left.split_at(place);
            self.0.push_str(plain);
            let mut characters = changed.chars();
            match characters.next().and_then(escape) {
                Some(Escape::Reference(reference)) => self.0.push_str(reference),
                Some(Escape::Character(shown)) => self.0.push(shown),
                None => {}
            }
            left = characters.as_str();
        }
        self.0.push_str(left);
        Ok(())
    }
}

/// What stands for a character that cannot stand as it is.
enum Escape {
    Reference(&'static str),
    Character(char),
}

fn escape(character: char) -> Option<Escape> {
    let reference = match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        ' '..='~' => return None,
        other => {
            let shown = visible(other);
            return (shown != other).then_some(Escape::Character(shown));
        }
    };
    Some(Escape::Reference(reference))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_cannot_become_markup() {
        let mut page = Markup::default();
        let hostile = "</td><script>alert(\"x\")</script> onload='y' &amp;";
        page.element("td", &[("data-text", &hostile)], hostile);
        let escaped = "&lt;/td&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; onload=&#39;y&#39; &amp;amp;";
        assert_eq!(page.into_string(), format!("<td data-text=\"{escaped}\">{escaped}</td>"));
    }

    proptest! {
        #[test]
        fn no_text_ends_its_element_or_attribute(text in any::<String>()) {
            let mut page = Markup::default();
            page.element("p", &[("title", &text)], &text);
            let page = page.into_string();
            prop_assert_eq!(page.matches('<').count(), 2);
            prop_assert_eq!(page.matches('>').count(), 2);
            prop_assert_eq!(page.matches('"').count(), 2);
            prop_assert!(!page.contains(['\u{202e}', '\0']), "hidden characters");
        }
    }
}
