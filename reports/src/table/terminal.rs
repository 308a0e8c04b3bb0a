//! Tables as aligned plain text for a terminal.

use super::{ColumnLayout, Part, layout};
use crate::number::typographic;
use crate::words;
use retally_suites::evaluation::{EvaluatedCell, EvaluatedTable};

/// The compact form: caption, headings, values. Intervals, traps and remarks are left to the page.
///
/// A measured value stands alone; where the column also has printed values, they follow it with the verdict's symbol,
/// which the last line explains.
#[must_use]
pub fn terminal(table: &EvaluatedTable) -> String {
    let columns = layout(table);
    let head = columns.iter().flat_map(headings);
    let mut lines = vec![std::iter::once(String::new()).chain(head).collect()];
    for row in &table.rows {
        let fields =
            columns.iter().zip(&row.cells).flat_map(|(column, cell)| fields(column, cell.as_ref()));
        lines.push(std::iter::once(row.label.clone()).chain(fields).collect());
    }
    let caption = printable(&words::caption(&table.label, &table.title));
    format!("{caption}\n{}{}", aligned(&lines), symbols(table, &columns))
}

fn headings(column: &ColumnLayout) -> Vec<String> {
    match column.parts.as_slice() {
        [_] => vec![column.heading.clone()],
        parts => {
            let printed = parts.contains(&Part::Printed).then(|| "printed".to_owned());
            let verdict = parts.contains(&Part::Verdict).then(String::new);
            std::iter::once(column.heading.clone()).chain(printed).chain(verdict).collect()
        }
    }
}

fn fields(column: &ColumnLayout, cell: Option<&EvaluatedCell>) -> Vec<String> {
    let printed = || {
        typographic(
            &cell.map(|cell| column.entry(cell, Part::Printed).joined()).unwrap_or_default(),
        )
    };
    let measured = || typographic(&cell.map(|cell| column.value_text(cell)).unwrap_or_default());
    let symbol = || {
        cell.and_then(|cell| cell.verdict).map(words::verdict_symbol).unwrap_or_default().to_owned()
    };
    if !column.parts.contains(&Part::Measured) {
        return vec![printed()];
    }
    let mut fields = vec![measured()];
    fields.extend(column.parts.contains(&Part::Printed).then(printed));
    fields.extend(column.parts.contains(&Part::Verdict).then(symbol));
    fields
}

/// The symbols that the table uses, with their words.
fn symbols(table: &EvaluatedTable, columns: &[ColumnLayout]) -> String {
    let judged = |(column, cell): (&ColumnLayout, &Option<EvaluatedCell>)| {
        let shown = column.parts.contains(&Part::Verdict);
        cell.as_ref().and_then(|cell| cell.verdict).filter(|_| shown)
    };
    let verdicts: Vec<_> = table
        .rows
        .iter()
        .flat_map(|row| columns.iter().zip(&row.cells).filter_map(judged))
        .collect();
    let used = words::VERDICTS.into_iter().filter(|verdict| verdicts.contains(verdict));
    let parts: Vec<_> = used
        .map(|verdict| {
            format!("{} {}", words::verdict_symbol(verdict), words::verdict_word(verdict))
        })
        .collect();
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join(", ")) }
}

/// Sets lines of fields in columns two spaces apart: the first column to the left, the others to the right.
pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let lines: Vec<Vec<String>> =
        lines.iter().map(|line| line.iter().map(|field| printable(field)).collect()).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|f| f.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in &lines {
        let fields =
            line.iter().zip(&widths).enumerate().map(|(column, (field, &width))| match column {
                0 => format!("{field:<width$}"),
                _ => format!("{field:>width$}"),
            });
        out.push_str(fields.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// Text without control characters: suite text must not move the cursor or colour the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
