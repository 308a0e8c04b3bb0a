//! The words, marks and arrows that every output format shares.

use retally_metrics::AbsenceReason;
use retally_suites::evaluation::{
    Bound, Column, Direction, EvaluatedTable, Provenance, ReportedValue, Verdict,
};

/// Every provenance, in the order of the legend.
pub(crate) const PROVENANCES: [Provenance; 6] = [
    Provenance::Reported,
    Provenance::Secondary,
    Provenance::Digitised,
    Provenance::Derived,
    Provenance::Code,
    Provenance::Recorded,
];

/// Every verdict, in the order of the legend.
pub(crate) const VERDICTS: [Verdict; 8] = [
    Verdict::Identical,
    Verdict::WithinNumeric,
    Verdict::WithinSampling,
    Verdict::OutsideBetter,
    Verdict::OutsideWorse,
    Verdict::NotComparable,
    Verdict::NotRun,
    Verdict::Invalid,
];

/// The mark on a value that is printed differently in another place or version.
pub(crate) const ALSO_REPORTED_MARK: &str = "*";

/// What [`ALSO_REPORTED_MARK`] means.
pub(crate) const ALSO_REPORTED_MEANING: &str =
    "printed differently elsewhere; the other value is in the cell's evidence";

/// What stands in the place of a printed number that is not known.
pub(crate) const UNKNOWN: &str = "unknown";

/// The sign before a printed number that is only a bound.
pub(crate) fn bound_sign(bound: Bound) -> &'static str {
    match bound {
        Bound::Below => "<",
        Bound::Above => ">",
    }
}

/// A printed number as tables show it: the digits, after a sign where they are only a bound.
pub(crate) fn reported_text(value: &ReportedValue) -> String {
    match value.bound {
        Some(bound) => format!("{} {}", bound_sign(bound), value.text),
        None => value.text.clone(),
    }
}

/// The mark on a printed value. A value read in the paper itself carries none.
pub(crate) fn mark(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Reported => "",
        Provenance::Secondary => "†",
        Provenance::Digitised => "‡",
        Provenance::Derived => "§",
        Provenance::Code => "¶",
        Provenance::Recorded => "®",
    }
}

/// The marks on a printed value: of its own provenance, and of what it was derived from.
pub(crate) fn marks(value: &ReportedValue) -> String {
    let basis = value.basis.map(mark).unwrap_or_default();
    format!("{}{basis}", mark(value.provenance))
}

/// The word of a provenance.
pub(crate) fn provenance_word(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Reported => "reported",
        Provenance::Secondary => "secondary",
        Provenance::Digitised => "digitised",
        Provenance::Derived => "derived",
        Provenance::Code => "code",
        Provenance::Recorded => "recorded",
    }
}

/// What a provenance means.
pub(crate) fn provenance_meaning(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Reported => "read in the text, a table or a figure label of the paper",
        Provenance::Secondary => "from a public summary, not checked against the paper",
        Provenance::Digitised => "measured from a published figure",
        Provenance::Derived => "arithmetic on other cells or on definitions",
        Provenance::Code => "read in, or observed by running, a source repository",
        Provenance::Recorded => "recorded from an earlier retally run, not a paper's claim",
    }
}

/// The word of a verdict.
pub(crate) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Identical => "identical",
        Verdict::WithinNumeric => "within-numeric",
        Verdict::WithinSampling => "within-sampling",
        Verdict::OutsideBetter => "outside-better",
        Verdict::OutsideWorse => "outside-worse",
        Verdict::NotComparable => "not-comparable",
        Verdict::NotRun => "not-run",
        Verdict::Invalid => "invalid",
    }
}

/// What a verdict means.
pub(crate) fn verdict_meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Identical => "the same printed digits",
        Verdict::WithinNumeric => "apart by no more than print rounding and the numeric budget",
        Verdict::WithinSampling => "apart by no more than that and the sampling band",
        Verdict::OutsideBetter => "outside the band on the better side; not a pass",
        Verdict::OutsideWorse => "outside the band on the worse side",
        Verdict::NotComparable => "the protocol differs; the explanation says where",
        Verdict::NotRun => "not measured; the explanation says what is missing",
        Verdict::Invalid => "an identity check failed",
    }
}

/// A shape that tells verdicts apart without colour.
pub(crate) fn verdict_symbol(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Identical => "=",
        Verdict::WithinNumeric | Verdict::WithinSampling => "≈",
        Verdict::OutsideBetter => "▲",
        Verdict::OutsideWorse => "▼",
        Verdict::NotComparable => "≠",
        Verdict::NotRun => "○",
        Verdict::Invalid => "✕",
    }
}

/// The word of an absence's reason.
pub(crate) fn absence_word(reason: AbsenceReason) -> &'static str {
    match reason {
        AbsenceReason::MissingInput => "missing-input",
        AbsenceReason::TooFewSamples => "too-few-samples",
        AbsenceReason::Undefined => "undefined",
        AbsenceReason::NotFinite => "not-finite",
        AbsenceReason::NotConverged => "not-converged",
        AbsenceReason::Diverged => "diverged",
    }
}

/// The word of a direction.
pub(crate) fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::HigherIsBetter => "higher-is-better",
        Direction::LowerIsBetter => "lower-is-better",
        Direction::Neutral => "neutral",
    }
}

/// The arrow of a direction; empty where neither way is better.
pub(crate) fn arrow(direction: Direction) -> &'static str {
    match direction {
        Direction::HigherIsBetter => "↑",
        Direction::LowerIsBetter => "↓",
        Direction::Neutral => "",
    }
}

/// A label followed by its direction arrow.
pub(crate) fn with_arrow(label: &str, direction: Direction) -> String {
    match arrow(direction) {
        "" => label.to_owned(),
        arrow => format!("{label} {arrow}"),
    }
}

/// A column's heading: label, unit where it is not obvious, arrow.
pub(crate) fn column_heading(column: &Column) -> String {
    let unit = match column.unit.as_str() {
        "percent" => "%",
        "million" => "M",
        "billion" => "B",
        "" | "none" | "fraction" | "count" => "",
        other => other,
    };
    if unit.is_empty() || column.label.contains(&format!("({unit})")) {
        with_arrow(&column.label, column.direction)
    } else {
        with_arrow(&format!("{} ({unit})", column.label), column.direction)
    }
}

/// `Table 2` and `What it shows` as one caption.
pub(crate) fn caption(label: &str, title: &str) -> String {
    if title.is_empty() { label.to_owned() } else { format!("{label}. {title}") }
}

/// One line of a legend.
pub(crate) struct LegendEntry {
    /// The mark.
    pub(crate) mark: &'static str,
    /// The word, for example `digitised`.
    pub(crate) word: &'static str,
    /// The explanation.
    pub(crate) meaning: &'static str,
}

/// The marks that a table uses, in the order of [`PROVENANCES`].
pub(crate) fn legend(table: &EvaluatedTable) -> Vec<LegendEntry> {
    let reported: Vec<_> = table
        .rows
        .iter()
        .flat_map(|row| row.cells.iter().flatten())
        .filter_map(|cell| {
            let value = cell.reported.as_ref()?;
            Some((value.provenance, value.basis, !cell.also_reported.is_empty()))
        })
        .collect();
    let mut entries: Vec<LegendEntry> = PROVENANCES
        .into_iter()
        .filter(|&wanted| {
            !mark(wanted).is_empty()
                && reported.iter().any(|&(own, basis, _)| own == wanted || basis == Some(wanted))
        })
        .map(|provenance| LegendEntry {
            mark: mark(provenance),
            word: provenance_word(provenance),
            meaning: provenance_meaning(provenance),
        })
        .collect();
    if reported.iter().any(|&(.., elsewhere)| elsewhere) {
        entries.push(LegendEntry {
            mark: ALSO_REPORTED_MARK,
            word: "other value",
            meaning: ALSO_REPORTED_MEANING,
        });
    }
    entries
}
