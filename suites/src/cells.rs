//! The two data files of a suite: printed cells and printed correlations.
//!
//! Both are strict: the exact header, no empty field (but `note`), known units and provenances, plain decimal numbers and
//! unique keys. Everything else is an error with its line.

use crate::evaluation::{Bound, Provenance, ReportedValue};
use crate::printed::PrintedNumber;
use csv::StringRecord;
use std::collections::BTreeMap;
use std::fmt;

/// Columns of `cells.csv`.
pub const CELL_HEADER: [&str; 8] =
    ["table", "row", "column", "value", "unit", "provenance", "source", "note"];

/// Columns of `correlations.csv`.
pub const CORRELATION_HEADER: [&str; 10] =
    ["figure", "x", "y", "subset", "n", "coefficient", "value", "provenance", "source", "note"];

/// Units that a cell may have.
const UNITS: [&str; 12] = [
    "percent",
    "fraction",
    "points",
    "points-0-5",
    "none",
    "count",
    "million",
    "billion",
    "px",
    "steps",
    "epochs",
    "A800-GPU-days",
];

const COEFFICIENTS: [&str; 3] = ["pearson", "spearman", "unspecified"];

const PROVENANCES: [(&str, Provenance); 6] = [
    ("reported", Provenance::Reported),
    ("secondary", Provenance::Secondary),
    ("digitised", Provenance::Digitised),
    ("derived", Provenance::Derived),
    ("code", Provenance::Code),
    ("recorded", Provenance::Recorded),
];

/// One printed number.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Table of the data file: `table-2`.
    pub table: String,
    /// Row key, parts joined by `|`: `DINOv2-B|+iREPA`.
    pub row: String,
    /// Column key: metric, then qualifiers after `|`: `gFID|cfg=2.0`.
    pub column: String,
    /// The number and its digits.
    pub number: PrintedNumber,
    /// Unit of the number.
    pub unit: String,
    /// How it came to us.
    pub provenance: Provenance,
    /// Document and place.
    pub source: String,
    /// Remarks; fields are separated by `; `.
    pub note: String,
    /// Name of the file.
    pub file: String,
    /// Line in the file, from 1.
    pub line: u64,
}

impl Cell {
    /// The cell as reports show it.
    #[must_use]
    pub fn reported(&self) -> ReportedValue {
        ReportedValue {
            text: self.number.text().to_owned(),
            value: self.number.value(),
            provenance: self.provenance,
            basis: None,
            source: self.source.clone(),
            bound: self.bound(),
            reach: None,
            note: self.note.clone(),
        }
    }

    /// The side on which the true number lies, where the note starts with `bound: <` or `bound: >`.
    #[must_use]
    pub fn bound(&self) -> Option<Bound> {
        match self.note.strip_prefix("bound: ")?.chars().next()? {
            '<' => Some(Bound::Below),
            '>' => Some(Bound::Above),
            _ => None,
        }
    }

    /// Whether it is not certain that the number belongs here: the note starts with `uncertain:`.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        self.note.starts_with("uncertain:")
    }

    /// The value of `key=value` in the note, for example `encoder`.
    #[must_use]
    pub fn note_field(&self, key: &str) -> Option<&str> {
        self.note.split("; ").find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
    }

    /// Whether it was read off a figure without a stated tolerance.
    #[must_use]
    pub fn lacks_tolerance(&self) -> bool {
        self.provenance == Provenance::Digitised && self.digitising_tolerance().is_none()
    }

    /// The digitising tolerance, `tol=` in the note: half-width in the cell's unit.
    #[must_use]
    pub fn digitising_tolerance(&self) -> Option<f64> {
        let number = PrintedNumber::parse(self.note_field("tol")?).ok()?;
        (number.value() > 0.0).then(|| number.value())
    }

    /// How far the true number may be from the stored one: the digitising tolerance, or half a unit of the last digit.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        let rounding = self.number.last_digit_unit() / 2.0;
        let is_digitised = self.provenance == Provenance::Digitised;
        self.digitising_tolerance().filter(|_| is_digitised).unwrap_or(rounding)
    }
}

/// One printed (or derived) correlation coefficient.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrelationRow {
    /// Figure or other place: `figure-4`.
    pub figure: String,
    /// Abscissa.
    pub x: String,
    /// Ordinate.
    pub y: String,
    /// Which runs.
    pub subset: String,
    /// Number of points; `None` if the paper does not say.
    pub n: Option<u64>,
    /// `pearson`, `spearman` or `unspecified`.
    pub coefficient: String,
    /// The coefficient, or the bound on |r| where the note says so.
    pub number: PrintedNumber,
    /// How it came to us.
    pub provenance: Provenance,
    /// Document and place.
    pub source: String,
    /// Remark; one that starts with `bound:` marks an inequality on |r|.
    pub note: String,
    /// Name of the file.
    pub file: String,
    /// Line in the file, from 1.
    pub line: u64,
}

impl CorrelationRow {
    /// Whether the paper states only an inequality on |r|.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.note.starts_with("bound:")
    }
}

/// An error in a data file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct CellsError {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// What is wrong and what was expected.
    pub problem: String,
}

/// Reads `cells.csv`.
///
/// # Errors
/// [`CellsError`] with the line of the first thing that is wrong.
pub fn read_cells(file: &str, text: &str) -> Result<Vec<Cell>, CellsError> {
    let mut first_seen = BTreeMap::new();
    let mut cells = Vec::new();
    for record in records(file, text, &CELL_HEADER)? {
        let cell = record.cell()?;
        let key = (cell.table.clone(), cell.row.clone(), cell.column.clone(), cell.source.clone());
        if let Some(line) = first_seen.insert(key, cell.line) {
            return Err(record.error(format!(
                "the cell {} | {} | {} of `{}` is already on line {line}; a key (table, row, column, source) stands once",
                cell.table, cell.row, cell.column, cell.source
            )));
        }
        cells.push(cell);
    }
    Ok(cells)
}

/// Reads `correlations.csv`.
///
/// # Errors
/// [`CellsError`] with the line of the first thing that is wrong.
pub fn read_correlations(file: &str, text: &str) -> Result<Vec<CorrelationRow>, CellsError> {
    let mut first_seen = BTreeMap::new();
    let mut rows = Vec::new();
    for record in records(file, text, &CORRELATION_HEADER)? {
        let row = record.correlation()?;
        let key = ["figure", "x", "y", "subset", "coefficient", "source"]
            .map(|name| record.field(name).to_owned());
        if let Some(line) = first_seen.insert(key, record.line) {
            return Err(record.error(format!(
                "this correlation is already on line {line}; a key (figure, x, y, subset, coefficient, source) stands once"
            )));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// One line of a data file, with what an error message needs.
struct Record<'a> {
    file: &'a str,
    header: &'static [&'static str],
    line: u64,
    fields: StringRecord,
}

fn records<'a>(
    file: &'a str,
    text: &str,
    header: &'static [&'static str],
) -> Result<Vec<Record<'a>>, CellsError> {
    let error = |line: u64, problem: String| CellsError { file: file.to_owned(), line, problem };
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
    let found = reader.headers().map_err(|cause| error(1, cause.to_string()))?;
    if found.iter().ne(header.iter().copied()) {
        let found = found.iter().collect::<Vec<_>>().join(",");
        return Err(error(1, format!("the header is `{found}`; expected `{}`", header.join(","))));
    }
    let mut records = Vec::new();
    for fields in reader.records() {
        let fields = fields.map_err(|cause| {
            let line = cause.position().map_or(0, csv::Position::line);
            error(line, row_problem(&cause))
        })?;
        let line = fields.position().map_or(0, csv::Position::line);
        let record = Record { file, header, line, fields };
        record.check_fields()?;
        records.push(record);
    }
    Ok(records)
}

/// The crate's own message repeats the position; this one does not.
fn row_problem(cause: &csv::Error) -> String {
    match cause.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!(
                "{len} fields instead of {expected_len}; a field that holds a comma must be quoted"
            )
        }
        _ => cause.to_string(),
    }
}

impl Record<'_> {
    fn field(&self, name: &str) -> &str {
        let position = self.header.iter().position(|column| *column == name);
        position.and_then(|index| self.fields.get(index)).unwrap_or_default()
    }

    fn error(&self, problem: String) -> CellsError {
        CellsError { file: self.file.to_owned(), line: self.line, problem }
    }

    fn check_fields(&self) -> Result<(), CellsError> {
        for (name, value) in self.header.iter().zip(&self.fields) {
            if value.is_empty() && *name != "note" {
                return Err(self.error(format!("`{name}` is empty; only `note` may be")));
            }
            if value.trim() != value || value.chars().any(char::is_control) {
                return Err(self
                    .error(format!("`{name}` has outer blanks or control characters: {value:?}")));
            }
        }
        Ok(())
    }

    fn cell(&self) -> Result<Cell, CellsError> {
        let unit = self.one_of("unit", &UNITS)?;
        let cell = Cell {
            table: self.identifier("table")?,
            row: self.field("row").to_owned(),
            column: self.field("column").to_owned(),
            number: self.number()?,
            unit,
            provenance: self.provenance()?,
            source: self.field("source").to_owned(),
            note: self.field("note").to_owned(),
            file: self.file.to_owned(),
            line: self.line,
        };
        if cell.note_field("tol").is_some() && cell.digitising_tolerance().is_none() {
            return Err(self.error(
                "`tol=` in the note is no number above 0; expected a half-width as `tol=0.012`"
                    .to_owned(),
            ));
        }
        Ok(cell)
    }

    fn correlation(&self) -> Result<CorrelationRow, CellsError> {
        let number = self.number()?;
        if number.value().abs() > 1.0 {
            return Err(self.error(format!("the coefficient {number} is outside [-1, 1]")));
        }
        Ok(CorrelationRow {
            figure: self.identifier("figure")?,
            x: self.field("x").to_owned(),
            y: self.field("y").to_owned(),
            subset: self.field("subset").to_owned(),
            n: self.sample_count()?,
            coefficient: self.one_of("coefficient", &COEFFICIENTS)?,
            number,
            provenance: self.provenance()?,
            source: self.field("source").to_owned(),
            note: self.field("note").to_owned(),
            file: self.file.to_owned(),
            line: self.line,
        })
    }

    fn number(&self) -> Result<PrintedNumber, CellsError> {
        PrintedNumber::parse(self.field("value"))
            .map_err(|cause| self.error(format!("`value`: {cause}")))
    }

    fn provenance(&self) -> Result<Provenance, CellsError> {
        let word = self.field("provenance");
        let known = PROVENANCES.iter().find(|(name, _)| *name == word);
        known.map(|(_, provenance)| *provenance).ok_or_else(|| {
            let names = PROVENANCES.map(|(name, _)| name).join(", ");
            self.error(format!("`provenance` is `{word}`; expected one of {names}"))
        })
    }

    fn one_of(&self, name: &str, known: &[&str]) -> Result<String, CellsError> {
        let word = self.field(name);
        if known.contains(&word) {
            return Ok(word.to_owned());
        }
        Err(self.error(format!("`{name}` is `{word}`; expected one of {}", known.join(", "))))
    }

    fn sample_count(&self) -> Result<Option<u64>, CellsError> {
        match self.field("n") {
            "unknown" => Ok(None),
            text => match text.parse() {
                Ok(n) if n > 1 => Ok(Some(n)),
                _ => Err(self.error(format!(
                    "`n` is `{text}`; expected a whole number above 1, or `unknown`"
                ))),
            },
        }
    }

    fn identifier(&self, name: &str) -> Result<String, CellsError> {
        let id = self.field(name);
        if is_identifier(id) {
            return Ok(id.to_owned());
        }
        Err(self.error(format!(
            "`{name}` is `{id}`; expected lower-case words joined by `-`, as `table-3a`"
        )))
    }
}

/// Whether `id` is made of lower-case letters, digits and single inner hyphens: safe as file name and as HTML anchor.
#[must_use]
pub fn is_identifier(id: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    id.split('-').all(is_word)
}

/// Where a cell stands, as `table / row / column`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellPlace {
    /// Table of the data file.
    pub table: String,
    /// Row key.
    pub row: String,
    /// Column key.
    pub column: String,
}

impl CellPlace {
    /// Reads `table / row / column`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(" / ").map(str::to_owned);
        let place = Self { table: parts.next()?, row: parts.next()?, column: parts.next()? };
        parts.next().is_none().then_some(place)
    }

    /// Whether this is where the cell stands.
    #[must_use]
    pub fn holds(&self, cell: &Cell) -> bool {
        cell.table == self.table && cell.row == self.row && cell.column == self.column
    }
}

impl fmt::Display for CellPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {} / {}", self.table, self.row, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "table,row,column,value,unit,provenance,source,note\n";

    fn refused(lines: &str) -> String {
        read_cells("cells.csv", &format!("{HEADER}{lines}")).unwrap_err().to_string()
    }

    #[test]
    fn a_good_cell_keeps_its_digits() {
        let text =
            format!("{HEADER}table-1a,PE-B,recall,0.60,fraction,reported,Table 1a,\"a, b\"\n");
        let cells = read_cells("cells.csv", &text).unwrap();
        assert_eq!(cells[0].number.text(), "0.60");
        assert_eq!(cells[0].note, "a, b");
        assert_eq!(cells[0].line, 2);
    }

    #[test]
    fn every_kind_of_bad_cell_names_its_line() {
        let good = "table-1,A,gFID,1.0,none,reported,Table 1,\n";
        let cases = [
            ("table-1,A,gFID,1.0,none,reported,Table 1\n", "line 2: 7 fields instead of 8"),
            (
                "table-1,A,gFID,1e5,none,reported,Table 1,\n",
                "line 2: `value`: `1e5` is not a plain decimal",
            ),
            ("table-1,A,gFID,NaN,none,reported,Table 1,\n", "`NaN` is not a plain decimal"),
            ("table-1,A,gFID,,none,reported,Table 1,\n", "`value` is empty"),
            (
                "table-1,A,gFID,1.0,furlongs,reported,Table 1,\n",
                "`unit` is `furlongs`; expected one of percent",
            ),
            (
                "table-1,A,gFID,1.0,none,guessed,Table 1,\n",
                "`provenance` is `guessed`; expected one of reported",
            ),
            ("table-1,A,gFID,1.0,none,digitised,Figure 1,tol=0\n", "is no number above 0"),
            ("table-1,A,gFID,1.0,none,digitised,Figure 1,tol=x\n", "is no number above 0"),
            ("Table 1,A,gFID,1.0,none,reported,Table 1,\n", "`table` is `Table 1`"),
            ("../x,A,gFID,1.0,none,reported,Table 1,\n", "`table` is `../x`"),
            ("table-1, A,gFID,1.0,none,reported,Table 1,\n", "`row` has outer blanks"),
        ];
        for (line, expected) in cases {
            let message = refused(line);
            assert!(message.contains(expected), "{line:?} gave {message:?}");
            assert!(message.starts_with("cells.csv, line 2"), "{message}");
        }
        let twice = refused(&format!("{good}{good}"));
        assert!(twice.contains("line 3") && twice.contains("already on line 2"), "{twice}");
    }

    #[test]
    fn another_header_is_refused() {
        let message = read_cells("cells.csv", "table,row,value\n").unwrap_err().to_string();
        assert!(
            message.contains("line 1: the header is `table,row,value`; expected `table,row,column"),
            "{message}"
        );
    }

    #[test]
    fn bad_correlations_name_their_line() {
        let header = CORRELATION_HEADER.join(",");
        let refused = |line: &str| {
            read_correlations("c.csv", &format!("{header}\n{line}\n")).unwrap_err().to_string()
        };
        assert!(refused("figure-4,a,b,s,27,pearson,-1.2,reported,F,").contains("outside [-1, 1]"));
        assert!(
            refused("figure-4,a,b,s,27,kendall,-0.2,reported,F,")
                .contains("`coefficient` is `kendall`")
        );
        assert!(refused("figure-4,a,b,s,1,pearson,-0.2,reported,F,").contains("`n` is `1`"));
        assert!(refused("figure-4,a,b,s,many,pearson,-0.2,reported,F,").contains("`n` is `many`"));
    }

    #[test]
    fn note_fields_are_found() {
        let line =
            "figure-4,p,gFID,1.0,none,digitised,F,tol=0.012; encoder=PE-Core-G; confidence=C\n";
        let cell = &read_cells("cells.csv", &format!("{HEADER}{line}")).unwrap()[0];
        assert_eq!(cell.digitising_tolerance(), Some(0.012));
        assert_eq!(cell.note_field("encoder"), Some("PE-Core-G"));
        assert_eq!(cell.note_field("absent"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
            let _ = read_cells("cells.csv", &text);
            let _ = read_cells("cells.csv", &format!("{HEADER}{text}"));
            let _ = read_correlations("correlations.csv", &format!("{}\n{text}", CORRELATION_HEADER.join(",")));
        }
    }
}
