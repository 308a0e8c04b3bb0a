//! Text from suites and models in GitHub's log and pages, where it must stay text.

/// The message of a workflow command: it ends at the end of the line.
#[must_use]
pub fn message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            // Colours and cursor movements of a terminal say nothing here.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A property of a workflow command, such as its title or file: it ends at a comma or at `::`.
#[must_use]
pub fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text in a page: in `<code>`, where GitHub turns nothing into a mention or a link, and with every sign that Markdown, HTML
/// or a table could read replaced by its number.
#[must_use]
pub fn code(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    format!("<code>{}</code>", entities(text))
}

/// Prose in a page; letters, digits and harmless signs stay.
#[must_use]
pub fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            c if c.is_control() => out.push(' '),
            ' ' | '.' | ',' | '/' | '(' | ')' | '=' | '%' | '+' | '-' | '\'' | ';' => {
                out.push(character);
            }
            c if c.is_ascii_punctuation() => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
