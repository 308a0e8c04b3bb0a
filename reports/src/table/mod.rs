//! Tables: which columns stand in them and what each entry says. The formats only escape and arrange.

pub mod csv;
pub mod latex;
pub mod markdown;
pub mod terminal;

use crate::number;
use crate::words;
use retally_metrics::Measurement;
use retally_suites::evaluation::{EvaluatedCell, EvaluatedTable, PrintedReach, ReportedValue};

/// What a column of the layout shows of a paper's column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The printed value.
    Printed,
    /// The measured value with its interval.
    Measured,
    /// Measured minus printed.
    Difference,
    /// The verdict.
    Verdict,
}

impl Part {
    /// The second line of a heading where a paper's column became several.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Printed => "printed",
            Self::Measured => "measured",
            Self::Difference => "difference",
            Self::Verdict => "verdict",
        }
    }
}

/// The layout of one of the paper's columns.
#[derive(Clone, Debug)]
pub(crate) struct ColumnLayout {
    /// Heading with unit and arrow.
    pub(crate) heading: String,
    /// The parts shown, never empty. Measured parts appear only where this run measured something.
    pub(crate) parts: Vec<Part>,
    /// Decimals of measured values and differences.
    decimals: usize,
}

/// An entry of the layout as plain text; `mark` is set apart because formats raise it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The text; empty where there is nothing.
    pub(crate) text: String,
    /// Provenance mark and the mark of a value printed differently elsewhere.
    pub(crate) mark: String,
}

/// The layout of every column of `table`.
pub(crate) fn layout(table: &EvaluatedTable) -> Vec<ColumnLayout> {
    (0..table.columns.len()).map(|column| column_layout(table, column)).collect()
}

fn column_layout(table: &EvaluatedTable, column: usize) -> ColumnLayout {
    let cells: Vec<&EvaluatedCell> = cells_of(table, column).collect();
    let measured = cells.iter().any(|cell| cell.measured.is_some());
    let printed = cells.iter().any(|cell| cell.reported.is_some() || cell.unknown.is_some());
    let mut parts = Vec::new();
    if printed || !measured {
        parts.push(Part::Printed);
    }
    if measured {
        parts.push(Part::Measured);
        if cells.iter().any(|cell| cell.difference.is_some()) {
            parts.push(Part::Difference);
        }
        if cells.iter().any(|cell| cell.verdict.is_some()) {
            parts.push(Part::Verdict);
        }
    }
    let heading = table.columns.get(column).map(words::column_heading).unwrap_or_default();
    ColumnLayout { heading, parts, decimals: column_decimals(&cells) }
}

fn cells_of(table: &EvaluatedTable, column: usize) -> impl Iterator<Item = &EvaluatedCell> {
    table.rows.iter().filter_map(move |row| row.cells.get(column)?.as_ref())
}

/// One decimal more than printed, so that rounding shows; four significant digits where nothing is printed.
fn column_decimals(cells: &[&EvaluatedCell]) -> usize {
    let printed = cells.iter().filter_map(|cell| cell.reported.as_ref());
    match printed.map(|value| number::printed_decimals(&value.text)).max() {
        Some(decimals) => (decimals + 1).min(8),
        None => number::four_digit_decimals(
            cells.iter().filter_map(|cell| cell.measured.as_ref()?.value()),
        ),
    }
}

impl ColumnLayout {
    /// What `part` of `cell` says.
    pub(crate) fn entry(&self, cell: &EvaluatedCell, part: Part) -> Entry {
        match part {
            Part::Printed => match &cell.reported {
                Some(value) => printed_entry(cell, value),
                None => Entry::plain(cell.unknown.as_ref().map(|_| words::UNKNOWN.to_owned())),
            },
            Part::Measured => Entry::plain(cell.measured.as_ref().map(|m| self.measured_text(m))),
            Part::Difference => {
                Entry::plain(cell.difference.map(|d| number::signed(d, self.decimals)))
            }
            Part::Verdict => {
                Entry::plain(cell.verdict.map(|verdict| words::verdict_word(verdict).to_owned()))
            }
        }
    }

    fn measured_text(&self, measurement: &Measurement) -> String {
        match (measurement.value(), measurement.absence()) {
            (Some(value), _) => number::with_interval(value, measurement.interval(), self.decimals),
            (None, Some(absence)) => format!("absent: {}", words::absence_word(absence.reason)),
            (None, None) => String::new(),
        }
    }

    /// The measured value without its interval, or the word of its absence.
    pub(crate) fn value_text(&self, cell: &EvaluatedCell) -> String {
        match cell.measured.as_ref().map(|m| (m.value(), m.absence())) {
            Some((Some(value), _)) => number::fixed(value, self.decimals),
            Some((None, Some(absence))) => words::absence_word(absence.reason).to_owned(),
            _ => String::new(),
        }
    }

    /// The headings of the parts: the column's own where it has one part, `heading part` otherwise.
    pub(crate) fn headings(&self) -> Vec<String> {
        match self.parts.as_slice() {
            [_] => vec![self.heading.clone()],
            parts => parts.iter().map(|part| format!("{} {}", self.heading, part.word())).collect(),
        }
    }
}

impl Entry {
    fn plain(text: Option<String>) -> Self {
        Self { text: text.unwrap_or_default(), mark: String::new() }
    }

    /// Text and mark in one.
    pub(crate) fn joined(&self) -> String {
        format!("{}{}", self.text, self.mark)
    }
}

fn printed_entry(cell: &EvaluatedCell, value: &ReportedValue) -> Entry {
    let constant = cell.constant.as_ref().map_or("", |_| words::CONSTANT_MARK);
    let also = if words::has_other_value(cell) { words::ALSO_REPORTED_MARK } else { "" };
    if cell.versions.is_empty() {
        let mark = format!("{}{constant}{also}", words::marks(value));
        return Entry { text: words::reported_text(value), mark };
    }
    Entry { text: words::versions_text(cell), mark: format!("{constant}{also}") }
}

/// Why cells are not known: for each reason, where it stands.
pub(crate) struct UnknownPlaces<'a> {
    /// `MAE; I-JEPA (ImageNet, iNat18)`: rows, and their columns where the row has other cells.
    pub(crate) places: String,
    /// One sentence.
    pub(crate) reason: &'a str,
}

/// The reasons in the order of the table.
pub(crate) fn unknown_places(table: &EvaluatedTable) -> Vec<UnknownPlaces<'_>> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for row in &table.rows {
        let mut own: Vec<(&str, Vec<&str>)> = Vec::new();
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            let Some(reason) = cell.as_ref().and_then(|cell| cell.unknown.as_deref()) else {
                continue;
            };
            match own.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, columns)) => columns.push(column.label.as_str()),
                None => own.push((reason, vec![column.label.as_str()])),
            }
        }
        for (reason, columns) in own {
            let is_whole_row = columns.len() == row.cells.iter().flatten().count();
            let place = match is_whole_row {
                true => row.label.clone(),
                false => format!("{} ({})", row.label, columns.join(", ")),
            };
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, places)) => places.push(place),
                None => reasons.push((reason, vec![place])),
            }
        }
    }
    let places =
        |(reason, places): (_, Vec<String>)| UnknownPlaces { places: places.join("; "), reason };
    reasons.into_iter().map(places).collect()
}

/// Constants of the paper with their reasons: `Avg: …`.
pub(crate) fn constants(table: &EvaluatedTable) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        for reason in cells_of(table, index).filter_map(|cell| cell.constant.as_deref()) {
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, columns)) if columns.contains(&column.label.as_str()) => {}
                Some((_, columns)) => columns.push(&column.label),
                None => reasons.push((reason, vec![&column.label])),
            }
        }
    }
    reasons
        .into_iter()
        .map(|(reason, columns)| format!("{}: {reason}", columns.join(", ")))
        .collect()
}

/// The remarks that stand under a table: what is not known, what is only a constant, shares that no count gives, what was
/// printed differently elsewhere and why measurements are absent.
pub(crate) fn remarks(table: &EvaluatedTable) -> Vec<String> {
    let unknown = unknown_places(table).into_iter();
    let mut remarks: Vec<String> =
        unknown.map(|unknown| format!("Unknown, {}: {}", unknown.places, unknown.reason)).collect();
    remarks.extend(constants(table).into_iter().map(|constant| format!("Constant, {constant}")));
    for row in &table.rows {
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            let Some(cell) = cell else { continue };
            let place = format!("{}, {}", row.label, column.label);
            let single = cell.reported.iter().filter(|_| cell.versions.is_empty());
            let values = single.chain(cell.versions.iter().map(|versioned| &versioned.value));
            for value in values.filter(|value| words::is_unreachable(value)) {
                let why = value.reach.as_ref().map(PrintedReach::sentence).unwrap_or_default();
                remarks.push(format!("{place}, {}: {why}", value.text));
            }
            for other in &cell.also_reported {
                remarks.push(format!(
                    "{place}: also printed as {} ({}).",
                    words::reported_text(other),
                    other.source
                ));
            }
            if let Some(absence) = cell.measured.as_ref().and_then(Measurement::absence) {
                remarks.push(format!(
                    "{place}: not measured, {}: {}",
                    words::absence_word(absence.reason),
                    absence.detail
                ));
            }
        }
    }
    remarks
}
