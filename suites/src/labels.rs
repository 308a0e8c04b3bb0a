//! Readable headings and anchors from keys: one rule for all suites.
//!
//! A key is parts joined by `|`. The first part stands as it is; each further one is appended:
//! `+iREPA` as ` + iREPA`, anything else after a comma. A part `key=value` (the first one too) is read through the suite's
//! qualifiers: with `steps = "{} steps"`, `steps=100K` becomes `100K steps`; without one it becomes `steps = 100K`.
//! So `DINOv2-B|+iREPA|steps=100K` reads `DINOv2-B + iREPA, 100K steps`.

use std::collections::BTreeMap;

/// The heading of a key, where `first` (a metric's label) stands for the key's first part.
#[must_use]
pub fn readable(key: &str, first: Option<&str>, qualifiers: &BTreeMap<String, String>) -> String {
    let mut parts = key.split('|');
    let own_first = parts.next().unwrap_or_default();
    let mut heading = first.map_or_else(|| readable_part(own_first, qualifiers), str::to_owned);
    for part in parts {
        if let Some(addition) = part.strip_prefix('+') {
            heading.push_str(" + ");
            heading.push_str(addition);
        } else {
            heading.push_str(", ");
            heading.push_str(&readable_part(part, qualifiers));
        }
    }
    heading
}

/// The group of a row: part number `part` (from 1) of its key, read as in [`readable`]; empty if the key is shorter.
#[must_use]
pub fn group(key: &str, part: usize, qualifiers: &BTreeMap<String, String>) -> String {
    let part = part.checked_sub(1).and_then(|index| key.split('|').nth(index));
    part.map_or_else(String::new, |part| readable_part(part, qualifiers))
}

fn readable_part(part: &str, qualifiers: &BTreeMap<String, String>) -> String {
    // `d>=6` is a condition, not a qualifier: a qualifier's key is a word.
    match part.split_once('=') {
        Some((key, value)) if !key.is_empty() && key.chars().all(char::is_alphanumeric) => {
            match qualifiers.get(key) {
                Some(template) => template.replacen("{}", value, 1),
                None => format!("{key} = {value}"),
            }
        }
        _ => part.to_owned(),
    }
}

/// The id of a cell: table, row and column as words, joined by `--`; safe as an HTML anchor.
#[must_use]
pub fn cell_id(table: &str, row: &str, column: &str) -> String {
    [table, row, column].map(slug).join("--")
}

/// Lower-case ASCII words joined by single hyphens. Signs that tell keys apart are spelled out, so that `d=6` and `d>=6`,
/// or `H16` and `H16+`, stay two ids.
fn slug(key: &str) -> String {
    let mut words = String::new();
    for character in key.chars() {
        match character {
            letter if letter.is_ascii_alphanumeric() => words.push(letter.to_ascii_lowercase()),
            '+' => words.push_str("-plus-"),
            '<' => words.push_str("-less-"),
            '>' => words.push_str("-more-"),
            '~' => words.push_str("-on-"),
            _ => words.push('-'),
        }
    }
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qualifiers() -> BTreeMap<String, String> {
        [("cfg", "CFG {}"), ("nfe", "{} NFE"), ("steps", "{} steps"), ("depth", "depth {}")]
            .map(|(key, template)| (key.to_owned(), template.to_owned()))
            .into()
    }

    #[test]
    fn keys_read_well() {
        let heading = |key| readable(key, None, &qualifiers());
        assert_eq!(heading("DINOv2-B|+iREPA|steps=100K"), "DINOv2-B + iREPA, 100K steps");
        assert_eq!(heading("depth=4|+iREPA"), "depth 4 + iREPA");
        assert_eq!(heading("DINOv2-B|iREPA w/o conv"), "DINOv2-B, iREPA w/o conv");
        assert_eq!(heading("DINOv3-H16+|+iREPA"), "DINOv3-H16+ + iREPA");
        assert_eq!(heading("DINOv2-B|alpha=0.5"), "DINOv2-B, alpha = 0.5");
        assert_eq!(heading("d>=6"), "d>=6");
        assert_eq!(
            readable("gFID|cfg=2.0|nfe=4", Some("gFID (ADM)"), &qualifiers()),
            "gFID (ADM), CFG 2.0, 4 NFE"
        );
    }

    #[test]
    fn groups_are_parts() {
        assert_eq!(group("DINOv2-B|+iREPA", 1, &qualifiers()), "DINOv2-B");
        assert_eq!(group("DINOv2-B|iREPA", 2, &qualifiers()), "iREPA");
        assert_eq!(group("depth=4|+iREPA", 1, &qualifiers()), "depth 4");
        assert_eq!(group("DINOv2-B", 2, &qualifiers()), "");
        assert_eq!(group("DINOv2-B", 0, &qualifiers()), "");
    }

    #[test]
    fn ids_are_anchors_and_stay_apart() {
        assert_eq!(cell_id("table-2", "DINOv2-B", "gFID"), "table-2--dinov2-b--gfid");
        assert_eq!(
            cell_id("table-4", "DINOv2-B|+iREPA", "gFID|cfg=2.0"),
            "table-4--dinov2-b-plus-irepa--gfid-cfg-2-0"
        );
        assert_ne!(cell_id("t", "d=6", "c"), cell_id("t", "d>=6", "c"));
        assert_ne!(cell_id("t", "H16", "c"), cell_id("t", "H16+", "c"));
        assert_eq!(cell_id("t", "\"><script>", "c"), "t--more-less-script-more--c");
    }
}
