//! Tables as CSV, one record a cell, every number in full.

use super::super::error::ReportError;
use crate::words;
use retally_metrics::Measurement;
use retally_suites::evaluation::{
    Column, EvaluatedCell, EvaluatedRow, EvaluatedSuite, EvaluatedTable, PrintedReach,
    VersionedValue,
};
use retally_suites::reachability::Reach;

/// The header line.
const HEADER: [&str; 30] = [
    "table",
    "row",
    "column",
    "unit",
    "direction",
    "reported",
    "bound",
    "unknown",
    "provenance",
    "basis",
    "source",
    "note",
    "versions",
    "reach",
    "constant",
    "also_reported",
    "measured",
    "absence",
    "interval_low",
    "interval_high",
    "interval_level",
    "interval_method",
    "n",
    "method",
    "difference",
    "print_rounding",
    "numeric",
    "sampling",
    "verdict",
    "explanation",
];

/// The table as CSV in long form: one record for each cell that is not empty, in row order.
///
/// `reported` is the text as printed, `bound` the sign `<` or `>` where that is only a bound; where the printed number is
/// not known, `reported` is empty and `unknown` says why; `versions` has the number of each version where they differ,
/// `reach` whether the share can be that of a count, `constant` why a number cannot be recomputed; `basis` is the weakest provenance behind a derived number. Measured numbers have all their digits. Spreadsheets run text that starts with
/// `=`, `+`, `-`, `@` or a control character as a formula; suite text is not trusted, so such a field gets a leading
/// apostrophe unless it is a number.
///
/// # Errors
/// [`ReportError::Csv`] if the writer fails.
pub fn csv(table: &EvaluatedTable) -> Result<String, ReportError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ReportError::Csv {
        table: table.id.clone(),
        source,
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER).map_err(|error| failed(error.into()))?;
    for row in &table.rows {
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            if let Some(cell) = cell {
                writer
                    .write_record(record(table, row, column, cell))
                    .map_err(|error| failed(error.into()))?;
            }
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.into()))
}

fn record(
    table: &EvaluatedTable,
    row: &EvaluatedRow,
    column: &Column,
    cell: &EvaluatedCell,
) -> [String; 30] {
    let reported = cell.reported.as_ref();
    let measured = cell.measured.as_ref();
    let interval = measured.and_then(Measurement::interval);
    let band = cell.band.as_ref();
    let also: Vec<_> = cell
        .also_reported
        .iter()
        .map(|other| format!("{} ({})", words::reported_text(other), other.source))
        .collect();
    let versions: Vec<_> = cell
        .versions
        .iter()
        .map(|VersionedValue { version, value }| {
            format!("{version}: {} ({})", words::reported_text(value), value.source)
        })
        .collect();
    let absence = measured
        .and_then(Measurement::absence)
        .map(|absence| format!("{}: {}", words::absence_word(absence.reason), absence.detail));
    [
        table.id.clone(),
        guarded(&row.key),
        guarded(&column.key),
        guarded(&column.unit),
        words::direction_word(column.direction).to_owned(),
        reported.map(|value| guarded(&value.text)).unwrap_or_default(),
        reported
            .and_then(|value| value.bound)
            .map(|bound| words::bound_sign(bound).to_owned())
            .unwrap_or_default(),
        cell.unknown.as_deref().map(guarded).unwrap_or_default(),
        reported
            .map(|value| words::provenance_word(value.provenance).to_owned())
            .unwrap_or_default(),
        reported
            .and_then(|value| value.basis)
            .map(|basis| words::provenance_word(basis).to_owned())
            .unwrap_or_default(),
        reported.map(|value| guarded(&value.source)).unwrap_or_default(),
        reported.map(|value| guarded(&value.note)).unwrap_or_default(),
        guarded(&versions.join("; ")),
        reported
            .and_then(|value| value.reach.as_ref())
            .map(|reach| reach_word(reach).to_owned())
            .unwrap_or_default(),
        cell.constant.as_deref().map(guarded).unwrap_or_default(),
        guarded(&also.join("; ")),
        number(measured.and_then(Measurement::value)),
        absence.unwrap_or_default(),
        number(interval.map(|interval| interval.low.get())),
        number(interval.map(|interval| interval.high.get())),
        number(interval.map(|interval| interval.level)),
        interval.map(|interval| guarded(&interval.method)).unwrap_or_default(),
        measured.map(|measured| measured.n.to_string()).unwrap_or_default(),
        measured.map(|measured| guarded(&measured.method)).unwrap_or_default(),
        number(cell.difference),
        number(band.map(|band| band.print_rounding)),
        number(band.map(|band| band.numeric)),
        number(band.and_then(|band| band.sampling)),
        cell.verdict.map(|verdict| words::verdict_word(verdict).to_owned()).unwrap_or_default(),
        guarded(&cell.explanation),
    ]
}

/// The word of what came out for a printed share.
fn reach_word(reach: &PrintedReach) -> &'static str {
    match reach.found {
        Reach::Rounding { .. } => "rounding",
        Reach::Truncation { .. } => "truncation",
        Reach::Unreachable { .. } => "unreachable",
    }
}

/// Columns of [`reachability_csv`].
const REACHABILITY_HEADER: [&str; 8] =
    ["check", "items", "of", "subject", "cell", "stated", "reach", "explanation"];

/// Every printed share of a suite that no rounded count gives, one record each.
///
/// # Errors
/// [`ReportError::Csv`] if the writer fails.
pub(crate) fn reachability_csv(suite: &EvaluatedSuite) -> Result<String, ReportError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ReportError::Csv {
        table: "reachability".to_owned(),
        source,
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(REACHABILITY_HEADER).map_err(|error| failed(error.into()))?;
    for check in &suite.reachability {
        for finding in &check.findings {
            let reach = finding.stated.reach.as_ref();
            let record = [
                check.id.clone(),
                check.items.to_string(),
                guarded(&check.of),
                guarded(&finding.subject),
                finding.cell.clone().unwrap_or_default(),
                guarded(&finding.stated.text),
                reach.map(|reach| reach_word(reach).to_owned()).unwrap_or_default(),
                reach.map(PrintedReach::sentence).unwrap_or_default(),
            ];
            writer.write_record(record).map_err(|error| failed(error.into()))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.into()))
}

/// Columns of [`derived_csv`].
const DERIVED_HEADER: [&str; 13] = [
    "group",
    "subject",
    "cell",
    "unit",
    "stated",
    "provenance",
    "source",
    "formula",
    "inputs",
    "recomputed",
    "difference",
    "verdict",
    "explanation",
];

/// Every derived number of a suite, one record each; a number that cannot be recomputed has an empty `recomputed`.
///
/// # Errors
/// [`ReportError::Csv`] if the writer fails.
pub(crate) fn derived_csv(suite: &EvaluatedSuite) -> Result<String, ReportError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ReportError::Csv {
        table: "derived".to_owned(),
        source,
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(DERIVED_HEADER).map_err(|error| failed(error.into()))?;
    for group in &suite.derived {
        for claim in &group.claims {
            let inputs: Vec<_> = claim.inputs.iter().map(|p| words::provenance_word(*p)).collect();
            let record = [
                group.id.clone(),
                guarded(&claim.subject),
                claim.cell.clone().unwrap_or_default(),
                claim.unit.clone(),
                guarded(&words::reported_text(&claim.stated)),
                words::provenance_word(claim.stated.provenance).to_owned(),
                guarded(&claim.stated.source),
                guarded(&claim.formula),
                inputs.join(" "),
                number(claim.recomputed),
                number(claim.difference),
                words::verdict_word(claim.verdict).to_owned(),
                guarded(&claim.explanation),
            ];
            writer.write_record(record).map_err(|error| failed(error.into()))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.into()))
}

/// The shortest text that reads back as the same number.
fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Keeps a spreadsheet from running text as a formula.
fn guarded(text: &str) -> String {
    let looks_like_a_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if looks_like_a_formula && text.parse::<f64>().is_err() {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn formulas_are_disarmed_and_numbers_are_not() {
        assert_eq!(guarded("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(guarded("+iREPA"), "'+iREPA");
        assert_eq!(guarded("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(guarded("-0.852"), "-0.852");
        assert_eq!(guarded("+0.29"), "+0.29");
        assert_eq!(guarded("DINOv2-B|+iREPA"), "DINOv2-B|+iREPA");
    }
}
