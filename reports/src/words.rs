//! The words, marks and arrows that every output format shares.

use retally_metrics::AbsenceReason;
use retally_suites::evaluation::{
    Bound, Column, Direction, EvaluatedCell, EvaluatedTable, Provenance, ReportedValue, Verdict,
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

/// The mark on a printed share that no count of its items gives.
pub(crate) const UNREACHABLE_MARK: &str = "#";

/// What [`UNREACHABLE_MARK`] means.
pub(crate) const UNREACHABLE_MEANING: &str =
    "no count of the items gives this number, neither rounded nor cut off; see Reachability";

/// The mark on a constant of the paper that nobody can recompute.
pub(crate) const CONSTANT_MARK: &str = "×";

/// What [`CONSTANT_MARK`] means.
pub(crate) const CONSTANT_MEANING: &str =
    "as the paper prints it; not reproducible from its other numbers";

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

/// The marks on a printed value: of its own provenance, of what it was derived from, and whether no count gives it.
pub(crate) fn marks(value: &ReportedValue) -> String {
    let basis = value.basis.map(mark).unwrap_or_default();
    let reach = if is_unreachable(value) { UNREACHABLE_MARK } else { "" };
    format!("{}{basis}{reach}", mark(value.provenance))
}

/// Whether no count of the items gives this share.
pub(crate) fn is_unreachable(value: &ReportedValue) -> bool {
    value.reach.as_ref().is_some_and(|reach| reach.found.is_unreachable())
}

/// The numbers of all versions of the paper in one line: `P1 43.3 / P5 43.1#`.
pub(crate) fn versions_text(cell: &EvaluatedCell) -> String {
    let parts = cell.versions.iter().map(|versioned| {
        let value = &versioned.value;
        format!("{} {}{}", versioned.version, reported_text(value), marks(value))
    });
    parts.collect::<Vec<_>>().join(" / ")
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
#[must_use]
pub fn verdict_word(verdict: Verdict) -> &'static str {
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
#[must_use]
pub fn verdict_meaning(verdict: Verdict) -> &'static str {
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
#[must_use]
pub fn verdict_symbol(verdict: Verdict) -> &'static str {
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
#[must_use]
pub fn absence_word(reason: AbsenceReason) -> &'static str {
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
#[must_use]
pub fn column_heading(column: &Column) -> String {
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
#[derive(Clone, Copy)]
pub(crate) struct LegendEntry {
    /// The mark.
    pub(crate) mark: &'static str,
    /// The word, for example `digitised`.
    pub(crate) word: &'static str,
    /// The explanation.
    pub(crate) meaning: &'static str,
}

/// The marks that are no provenance.
pub(crate) const UNREACHABLE: LegendEntry =
    LegendEntry { mark: UNREACHABLE_MARK, word: "unreachable", meaning: UNREACHABLE_MEANING };
pub(crate) const CONSTANT: LegendEntry =
    LegendEntry { mark: CONSTANT_MARK, word: "constant", meaning: CONSTANT_MEANING };
pub(crate) const OTHER_VALUE: LegendEntry =
    LegendEntry { mark: ALSO_REPORTED_MARK, word: "other value", meaning: ALSO_REPORTED_MEANING };

/// Whether a cell is printed differently elsewhere.
pub(crate) fn has_other_value(cell: &EvaluatedCell) -> bool {
    cell.reported.is_some() && !cell.also_reported.is_empty()
}

/// The marks that a table uses, in the order of [`PROVENANCES`].
pub(crate) fn legend(table: &EvaluatedTable) -> Vec<LegendEntry> {
    let cells = || table.rows.iter().flat_map(|row| row.cells.iter().flatten());
    let values = cells().flat_map(|cell| {
        cell.reported.iter().chain(cell.versions.iter().map(|versioned| &versioned.value))
    });
    let reported: Vec<_> =
        values.map(|value| (value.provenance, value.basis, is_unreachable(value))).collect();
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
    let further = [
        (reported.iter().any(|&(.., unreachable)| unreachable), UNREACHABLE),
        (cells().any(|cell| cell.constant.is_some()), CONSTANT),
        (cells().any(has_other_value), OTHER_VALUE),
    ];
    entries.extend(further.into_iter().filter(|(is_used, _)| *is_used).map(|(_, entry)| entry));
    entries
}
