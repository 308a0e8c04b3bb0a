//! Every cell of every submission to a suite, as CSV.

use super::submission_page::ShownCell;
use super::text::field;
use crate::board::{Standing, SuiteBoard};
use crate::collection::Submission;
use crate::error::LeaderboardError;
use crate::time::timestamp;
use retally_reports::{absence_word, verdict_word};
use std::borrow::Cow;

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
        let own = fields_of(submission);
        for shown in cells {
            let own = own.iter().map(String::as_str);
            let of_cell = fields_of_cell(shown);
            writer.write_record(own.chain(of_cell.iter().map(AsRef::as_ref)))?;
        }
    }
    writer.into_inner().map_err(|error| LeaderboardError::Table(error.into_error().into()))
}

/// The fields that all cells of a submission have.
fn fields_of(submission: &Submission) -> [String; 4] {
    let entry = &submission.entry;
    [entry.id.to_string(), field(&entry.name), entry.key.0.to_string(), timestamp(entry.ended)]
}

fn fields_of_cell<'s>(shown: &'s ShownCell<'_, '_>) -> [Cow<'s, str>; HEADINGS.len() - 4] {
    let measured = &shown.cell.measured;
    let interval = measured.interval();
    let column = shown.table.columns.get(shown.column).map_or("", |column| &column.key);
    let standing =
        |part: fn(&Standing) -> Option<usize>| number(shown.standing.as_ref().and_then(part));
    [
        field(shown.table.id).into(),
        field(shown.row.key).into(),
        field(shown.row.label).into(),
        field(column).into(),
        field(&shown.cell.id).into(),
        field(&measured.metric).into(),
        number(measured.value()),
        measured.unit.to_string().into(),
        number(Some(measured.n)),
        number(interval.map(|interval| interval.low.get())),
        number(interval.map(|interval| interval.high.get())),
        number(interval.map(|interval| interval.level)),
        interval.map_or(Cow::Borrowed(""), |interval| field(&interval.method).into()),
        measured.absence().map_or("", |absence| absence_word(absence.reason)).into(),
        field(shown.cell.reported.as_deref().unwrap_or_default()).into(),
        shown.cell.verdict.map_or("", verdict_word).into(),
        standing(|standing| standing.rank),
        standing(|standing| Some(standing.ties)),
        standing(|standing| Some(standing.paired)),
        standing(|standing| Some(standing.by_intervals)),
        standing(|standing| Some(standing.not_comparable)),
    ]
}

/// A number with all its digits, or an empty field.
fn number(value: Option<impl ToString>) -> Cow<'static, str> {
    value.map_or(Cow::Borrowed(""), |value| value.to_string().into())
}
