//! Tables as GitHub-flavoured Markdown.

use super::{ColumnLayout, layout, remarks};
use crate::number::typographic;
use crate::words;
use retally_suites::evaluation::{EvaluatedRow, EvaluatedTable};
use std::fmt::Write as _;

/// The table with caption, setting, legend, traps and remarks.
///
/// Empty cells of the paper stay empty. Measured columns stand only where a run measured something. All text of the
/// suite is escaped: it cannot open a cell, a link, emphasis or HTML.
#[must_use]
pub fn markdown(table: &EvaluatedTable) -> String {
    let columns = layout(table);
    let mut out = format!("## {}\n\n", escape(&words::caption(&table.label, &table.title)));
    if !table.setting.is_empty() {
        let _ = writeln!(out, "{}\n", escape(&table.setting));
    }
    push_head(&mut out, &columns);
    for row in &table.rows {
        push_row(&mut out, row, &columns);
    }
    let legend = words::legend(table);
    if !legend.is_empty() {
        let marks: Vec<_> = legend
            .iter()
            .map(|entry| format!("{} {}: {}", escape(entry.mark), entry.word, entry.meaning))
            .collect();
        let _ = write!(out, "\n{}.\n", marks.join("; "));
    }
    push_list(&mut out, "Traps", &table.traps);
    push_list(&mut out, "Remarks", &remarks(table));
    out
}

fn push_head(out: &mut String, columns: &[ColumnLayout]) {
    out.push_str("| |");
    for heading in columns.iter().flat_map(ColumnLayout::headings) {
        let _ = write!(out, " {} |", escape(&heading));
    }
    out.push_str("\n|:--|");
    for _ in columns.iter().flat_map(|column| &column.parts) {
        out.push_str("--:|");
    }
    out.push('\n');
}

fn push_row(out: &mut String, row: &EvaluatedRow, columns: &[ColumnLayout]) {
    let _ = write!(out, "| {} |", escape(&row.label));
    for (column, cell) in columns.iter().zip(&row.cells) {
        for &part in &column.parts {
            let text =
                cell.as_ref().map(|cell| column.entry(cell, part).joined()).unwrap_or_default();
            match typographic(&text) {
                text if text.is_empty() => out.push_str(" |"),
                text => {
                    let _ = write!(out, " {} |", escape(&text));
                }
            }
        }
    }
    out.push('\n');
}

fn push_list(out: &mut String, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = write!(out, "\n**{heading}**\n\n");
    for item in items {
        let _ = writeln!(out, "- {}", escape(item));
    }
}

/// Escapes text so that Markdown shows it as it is: on one line, without markup, HTML or table structure.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim().chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' => {
                out.push('\\');
                out.push(character);
            }
            '-' | '+'
                if out.is_empty()
                    && text.trim().chars().nth(1).is_some_and(char::is_whitespace) =>
            {
                out.push('\\');
                out.push(character);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(escape("<script>a|b</script>"), "&lt;script&gt;a\\|b&lt;/script&gt;");
        assert_eq!(
            escape("a_b *c* [d](e) `f` ~g~ $h$ & #1"),
            "a\\_b \\*c\\* \\[d\\](e) \\`f\\` \\~g\\~ \\$h\\$ &amp; \\#1"
        );
        assert_eq!(escape("one\ntwo\r\n| three"), "one two  \\| three");
        assert_eq!(escape("- item"), "\\- item");
        assert_eq!(escape("-0.26"), "-0.26");
    }
}
