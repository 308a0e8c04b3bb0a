//! Every cell of every submission to a suite, as CSV.

use super::submission_page::ShownCell;
use super::text::field;
use crate::board::SuiteBoard;
use crate::collection::Submission;
use crate::error::LeaderboardError;
use crate::time::timestamp;
use retally_reports::{absence_word, verdict_word};

const HEADINGS: [&str; 25] = [
    "submission",
    "name",
    "key",
    "ended",
    "table",
    "row",
    "row_label",
    "column",
    "cell",
    "metric",
    "value",
    "unit",
    "n",
    "low",
    "high",
    "level",
    "interval_method",
    "absence",
    "reported",
    "verdict",
    "rank",
    "ties",
    "paired",
    "by_intervals",
    "not_comparable",
];

/// The file. `cells` holds those of each submission, in the order of the suite's submissions.
pub(super) fn render(
    suite: &SuiteBoard<'_>,
    cells: &[Vec<ShownCell<'_, '_>>],
) -> Result<Vec<u8>, LeaderboardError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADINGS)?;
    for (submission, cells) in suite.submissions.iter().zip(cells) {
        for shown in cells {
            writer.write_record(record(submission, shown))?;
        }
    }
    writer.into_inner().map_err(|error| LeaderboardError::Table(error.into_error().into()))
}

fn record(submission: &Submission, shown: &ShownCell<'_, '_>) -> [String; HEADINGS.len()] {
    let entry = &submission.entry;
    let measured = &shown.cell.measured;
    let interval = measured.interval();
    let column = shown.table.columns.get(shown.column).map_or("", |column| &column.key);
    let optional = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let standing = |part: fn(&crate::board::Standing) -> usize| {
        shown.standing.map_or(String::new(), |standing| part(&standing).to_string())
    };
    [
        entry.id.to_string(),
        field(&entry.name),
        entry.key.0.to_string(),
        timestamp(entry.ended),
        field(shown.table.id),
        field(shown.row.key),
        field(shown.row.label),
        field(column),
        field(&shown.cell.id),
        field(&measured.metric),
        optional(measured.value()),
        measured.unit.to_string(),
        measured.n.to_string(),
        optional(interval.map(|interval| interval.low.get())),
        optional(interval.map(|interval| interval.high.get())),
        optional(interval.map(|interval| interval.level)),
        interval.map_or(String::new(), |interval| field(&interval.method)),
        measured.absence().map_or(String::new(), |absence| absence_word(absence.reason).to_owned()),
        field(shown.cell.reported.as_deref().unwrap_or_default()),
        shown.cell.verdict.map_or(String::new(), |verdict| verdict_word(verdict).to_owned()),
        shown
            .standing
            .and_then(|standing| standing.rank)
            .map_or(String::new(), |rank| rank.to_string()),
        standing(|standing| standing.ties),
        standing(|standing| standing.paired),
        standing(|standing| standing.by_intervals),
        standing(|standing| standing.not_comparable),
    ]
}
