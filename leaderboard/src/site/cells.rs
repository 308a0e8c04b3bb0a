//! How numbers of a table are written: every column with the decimals that its largest number needs.

use crate::board::{Standing, TableBoard};
use retally_metrics::{Interval, Measurement};
use retally_reports::{absence_word, fixed, four_digit_decimals, typographic, with_interval};

/// Decimals of each column of a table.
#[derive(Debug)]
pub(super) struct Decimals(Vec<usize>);

impl Decimals {
    pub(super) fn of(table: &TableBoard<'_>) -> Self {
        let entries = || table.rows.iter().flat_map(|row| &row.entries);
        let value = |cell: &retally_submissions::EntryCell| cell.measured.value();
        Self(
            (0..table.columns.len())
                .map(|column| {
                    let cells =
                        entries().filter_map(|entry| entry.cells.get(column).copied().flatten());
                    four_digit_decimals(cells.filter_map(value))
                })
                .collect(),
        )
    }

    /// `0.4361 ± 0.0042`, or why there is no number.
    pub(super) fn written(&self, column: usize, measured: &Measurement) -> String {
        match measured.value() {
            Some(value) => {
                typographic(&with_interval(value, measured.interval(), self.decimals(column)))
            }
            None => absence(measured),
        }
    }

    /// `0.4361`, or why there is no number.
    pub(super) fn value(&self, column: usize, measured: &Measurement) -> String {
        match measured.value() {
            Some(value) => typographic(&fixed(value, self.decimals(column))),
            None => absence(measured),
        }
    }

    /// `0.4319 to 0.4403`.
    pub(super) fn range(&self, column: usize, interval: &Interval) -> String {
        let end = |value: f64| typographic(&fixed(value, self.decimals(column)));
        format!("{} to {}", end(interval.low.get()), end(interval.high.get()))
    }

    fn decimals(&self, column: usize) -> usize {
        self.0.get(column).copied().unwrap_or(4)
    }
}

fn absence(measured: &Measurement) -> String {
    measured.absence().map_or(String::new(), |absence| absence_word(absence.reason).to_owned())
}

/// `rank 2`, `rank 1, 3 tied`; nothing where there is nobody to compare with.
pub(super) fn rank_text(standing: &Standing) -> String {
    let others = standing.paired + standing.by_intervals + standing.not_comparable;
    if others == 0 {
        return String::new();
    }
    match standing.rank {
        None => "no rank".to_owned(),
        Some(rank) if standing.ties == 0 => format!("rank {rank}"),
        Some(rank) => format!("rank {rank}, {} tied", super::text::grouped(standing.ties as u64)),
    }
}

/// How a standing came about, one sentence.
pub(super) fn rank_reason(standing: &Standing) -> String {
    let mut parts = Vec::new();
    if standing.paired > 0 {
        parts.push(format!("{} by paired test", standing.paired));
    }
    if standing.by_intervals > 0 {
        parts.push(format!("{} by intervals", standing.by_intervals));
    }
    if standing.not_comparable > 0 {
        parts.push(format!("{} not comparable", standing.not_comparable));
    }
    if parts.is_empty() { String::new() } else { format!("Others: {}", parts.join(", ")) }
}
