//! Texts of submitters, so that a reader sees what is there.

/// Characters that cannot be seen but change what is: control characters, and those that turn the direction of the text around
/// them (a name could pose as another one). They become U+FFFD, the replacement character.
pub(super) fn visible(character: char) -> char {
    let turns_direction = matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}')
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character);
    // U+FFFE and U+FFFF are in no XML document.
    let is_no_character = matches!(character, '\u{fffe}' | '\u{ffff}');
    let is_control = character.is_control() && !matches!(character, '\n' | '\t');
    if turns_direction || is_no_character || is_control {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}

/// A text as a field of a table: a spreadsheet takes what begins with `=`, `+`, `-` or `@` for a formula, so an apostrophe stands
/// before it.
pub(super) fn field(text: &str) -> String {
    let clean: String = text.chars().map(visible).collect();
    if clean.starts_with(['=', '+', '-', '@', '\t']) { format!("'{clean}") } else { clean }
}

/// `1 submission`, `2 submissions`.
pub(super) fn count(number: usize, one: &'static str, many: &'static str) -> String {
    format!("{} {}", grouped(number as u64), if number == 1 { one } else { many })
}

/// `37,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The first 16 digits of a digest: enough to tell apart what a person compares; the whole stands on its page.
pub(super) fn short(digest: &retally_manifests::Digest) -> String {
    let mut text = digest.to_string();
    text.truncate(16);
    text
}

/// A number of bytes with a unit.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown() {
        let shown: String = "a\u{202e}b\u{0}c\u{2066}d".chars().map(visible).collect();
        assert_eq!(shown, "a\u{fffd}b\u{fffd}c\u{fffd}d");
        assert_eq!("é 日本 −".chars().map(visible).collect::<String>(), "é 日本 −");
    }

    #[test]
    fn fields_are_no_formulas() {
        assert_eq!(field("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(field("a=1"), "a=1");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(37_000), "37,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(count(1, "row", "rows"), "1 row");
        assert_eq!(bytes(1_278_284), "1.3 MB");
    }
}
