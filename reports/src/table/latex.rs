//! Tables as LaTeX with `booktabs`.

use super::{ColumnLayout, Entry, Part, layout, remarks};
use crate::words;
use retally_suites::evaluation::{EvaluatedRow, EvaluatedTable};
use std::fmt::Write as _;

/// A table with more columns of values may be wider than a line.
const MOST_COLUMNS: usize = 4;

/// The table as a `table` float; the document needs the packages named in its first line.
///
/// `suite` becomes part of the `\label`. All text of the suite is escaped; a character that a plain LaTeX document
/// cannot set is written as its code point, so that the file always compiles and nothing vanishes.
#[must_use]
pub fn latex(suite: &str, table: &EvaluatedTable) -> String {
    let columns = layout(table);
    let parts: usize = columns.iter().map(|column| column.parts.len()).sum();
    let is_wide = parts > MOST_COLUMNS;
    let packages = if is_wide { "booktabs,graphicx" } else { "booktabs" };
    let mut out =
        format!("% Needs \\usepackage{{{packages}}}.\n\\begin{{table}}[tbp]\n\\centering\\small\n");
    let caption = words::caption(&table.label, &table.title);
    // LaTeX's classes expect captions below tables; above, the room belongs under the caption.
    out.push_str("\\setlength{\\abovecaptionskip}{0pt}\\setlength{\\belowcaptionskip}{6pt}\n");
    let _ = writeln!(out, "\\caption{{{}}}", escape(&caption));
    let _ = writeln!(out, "\\label{{tab:retally-{suite}-{}}}", table.id);
    if is_wide {
        // Shrinks a table that is wider than the line and leaves a narrower one as it is.
        out.push_str("\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n");
    }
    let _ = writeln!(out, "\\begin{{tabular}}{{l{}}}\n\\toprule", alignment(&columns));
    push_head(&mut out, &columns);
    out.push_str("\\midrule\n");
    let mut group = None;
    for row in &table.rows {
        if group.is_some_and(|previous| previous != row.group.as_str()) {
            out.push_str("\\addlinespace\n");
        }
        group = Some(row.group.as_str());
        push_row(&mut out, row, &columns);
    }
    out.push_str("\\bottomrule\n\\end{tabular}");
    out.push_str(if is_wide { "}\n" } else { "\n" });
    push_notes(&mut out, table);
    out.push_str("\\end{table}\n");
    out
}

fn alignment(columns: &[ColumnLayout]) -> String {
    columns
        .iter()
        .flat_map(|column| &column.parts)
        .map(|&part| if part == Part::Verdict { 'l' } else { 'r' })
        .collect()
}

fn push_head(out: &mut String, columns: &[ColumnLayout]) {
    let grouped = columns.iter().any(|column| column.parts.len() > 1);
    for column in columns {
        match column.parts.len() {
            1 => _ = write!(out, " & {}", escape(&column.heading)),
            span => {
                _ = write!(out, " & \\multicolumn{{{span}}}{{c}}{{{}}}", escape(&column.heading))
            }
        }
    }
    out.push_str(" \\\\\n");
    if !grouped {
        return;
    }
    let mut next = 2;
    for column in columns {
        let last = next + column.parts.len() - 1;
        if last > next {
            let _ = write!(out, "\\cmidrule(lr){{{next}-{last}}}");
        }
        next = last + 1;
    }
    out.push('\n');
    for column in columns {
        match column.parts.as_slice() {
            [_] => out.push_str(" & "),
            parts => parts.iter().for_each(|part| _ = write!(out, " & {}", part.word())),
        }
    }
    out.push_str(" \\\\\n");
}

fn push_row(out: &mut String, row: &EvaluatedRow, columns: &[ColumnLayout]) {
    // A row that begins with `[` would be read as the optional argument of the `\\` before it.
    let label = escape(&row.label);
    let _ = write!(out, "{}{label}", if label.starts_with('[') { "{}" } else { "" });
    for (column, cell) in columns.iter().zip(&row.cells) {
        for &part in &column.parts {
            out.push_str(" & ");
            if let Some(cell) = cell {
                out.push_str(&entry(&column.entry(cell, part)));
            }
        }
    }
    out.push_str(" \\\\\n");
}

fn entry(entry: &Entry) -> String {
    let text = match entry.text.strip_prefix('-') {
        Some(magnitude) => format!("$-${}", escape(magnitude)),
        None => escape(&entry.text).replace("[-", "[$-$").replace(", -", ", $-$"),
    };
    if entry.mark.is_empty() {
        text
    } else {
        format!("{text}\\textsuperscript{{{}}}", escape(&entry.mark))
    }
}

fn push_notes(out: &mut String, table: &EvaluatedTable) {
    let mut notes = Vec::new();
    if !table.setting.is_empty() {
        notes.push(escape(&table.setting));
    }
    notes.extend(words::legend(table).iter().map(|entry| {
        format!("\\textsuperscript{{{}}}\\,{}: {}.", escape(entry.mark), entry.word, entry.meaning)
    }));
    notes.extend(table.traps.iter().chain(&remarks(table)).map(|text| escape(text)));
    if notes.is_empty() {
        return;
    }
    out.push_str("\\par\\medskip\n\\begin{minipage}{\\linewidth}\\footnotesize\n");
    let _ = writeln!(out, "{}", notes.join("\\par\n"));
    out.push_str("\\end{minipage}\n");
}

/// Escapes text for LaTeX's text mode.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim().chars() {
        match command(character) {
            Some(command) => out.push_str(command),
            None if character.is_control() => out.push(' '),
            // The letters that LaTeX's UTF-8 tables know without further packages.
            None if character.is_ascii() || matches!(character, 'À'..='ÿ' | 'Ā'..='ž') => {
                out.push(character)
            }
            None => _ = write!(out, "[U+{:04X}]", u32::from(character)),
        }
    }
    out
}

fn command(character: char) -> Option<&'static str> {
    Some(match character {
        '\\' => "\\textbackslash{}",
        '{' => "\\{",
        '}' => "\\}",
        '$' => "\\$",
        '&' => "\\&",
        '#' => "\\#",
        '%' => "\\%",
        '_' => "\\_",
        '~' => "\\textasciitilde{}",
        '^' => "\\textasciicircum{}",
        '<' => "\\textless{}",
        '>' => "\\textgreater{}",
        '|' => "\\textbar{}",
        '"' => "''",
        '`' => "\\textasciigrave{}",
        '×' => "$\\times$",
        '÷' => "$\\div$",
        '±' => "$\\pm$",
        '−' => "$-$",
        '–' => "--",
        '—' => "---",
        '…' => "\\ldots{}",
        '·' => "$\\cdot$",
        '≤' => "$\\leq$",
        '≥' => "$\\geq$",
        '≠' => "$\\neq$",
        '≈' => "$\\approx$",
        '↑' => "$\\uparrow$",
        '↓' => "$\\downarrow$",
        '→' => "$\\rightarrow$",
        '√' => "$\\surd$",
        '‖' => "$\\|$",
        '∞' => "$\\infty$",
        '²' => "$^2$",
        '³' => "$^3$",
        '°' => "$^\\circ$",
        'α' => "$\\alpha$",
        'β' => "$\\beta$",
        'γ' => "$\\gamma$",
        'δ' => "$\\delta$",
        'ε' => "$\\varepsilon$",
        'λ' => "$\\lambda$",
        'μ' | 'µ' => "$\\mu$",
        'σ' => "$\\sigma$",
        'Δ' => "$\\Delta$",
        'Σ' => "$\\Sigma$",
        '†' => "\\dag{}",
        '‡' => "\\ddag{}",
        '§' => "\\S{}",
        '¶' => "\\P{}",
        '®' => "\\textregistered{}",
        '’' => "'",
        '‘' => "`",
        '“' => "``",
        '”' => "''",
        '\u{a0}' => "~",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_becomes_a_command() {
        assert_eq!(
            escape("100% of a_b & c#d {e} ~f ^g \\h $i"),
            "100\\% of a\\_b \\& c\\#d \\{e\\} \\textasciitilde{}f \\textasciicircum{}g \\textbackslash{}h \\$i"
        );
        assert_eq!(escape("<script>"), "\\textless{}script\\textgreater{}");
        assert_eq!(escape("gFID ↓ ± 0.1 ≤ é"), "gFID $\\downarrow$ $\\pm$ 0.1 $\\leq$ é");
        assert_eq!(escape("snow ☃"), "snow [U+2603]");
        assert_eq!(escape("a\n\nb"), "a  b");
    }
}
