//! What the page's template sees: text and flags, ready to print.

use super::derived::DerivedView;
use crate::number::{fixed, p_value, range, signed, six_digits, typographic};
use crate::picture::PictureFile;
use crate::summary::{self, VerdictCount};
use crate::table::{self, Part};
use crate::words;
use retally_metrics::{Interval, Measurement};
use retally_suites::evaluation::{
    Band, EvaluatedCell, EvaluatedCorrelation, EvaluatedFigure, EvaluatedPicture,
    EvaluatedReachability, EvaluatedRow, EvaluatedSuite, EvaluatedTable, IdentityCheck,
    MeasuredModel, Paper, PrintedCorrelation, PrintedReach, Provenance, ReportedValue, Verdict,
    VersionedValue,
};
use serde::Serialize;
use std::collections::HashSet;

/// The whole page.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    id: &'a str,
    name: &'a str,
    version: u32,
    content_sha256: &'a str,
    papers: Vec<&'a Paper>,
    summary: &'a str,
    measured_sentence: String,
    cell_count: usize,
    provenance_counts: Vec<ProvenanceCount>,
    unknown_count: usize,
    verdict_counts: Vec<CountView>,
    correlation_counts: Vec<CountView>,
    figures: Vec<FigureView<'a>>,
    pictures: Vec<PictureView<'a>>,
    correlations: Vec<CorrelationView<'a>>,
    has_printed_r: bool,
    has_recomputed_r: bool,
    derived: Vec<DerivedView<'a>>,
    derived_counts: Vec<CountView>,
    reachability: Vec<ReachabilityView<'a>>,
    secondary: Option<String>,
    printed_correlations: Vec<PrintedCorrelationView<'a>>,
    tables: Vec<TableView<'a>>,
    measured: Vec<MeasuredView<'a>>,
    traps: &'a [String],
    unknown: &'a [String],
    identity_checks: &'a [IdentityCheck],
    broken_laws: usize,
    marks: Vec<MarkView>,
    verdicts: Vec<VerdictView>,
}

#[derive(Serialize)]
struct ProvenanceCount {
    word: &'static str,
    mark: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct CountView {
    verdict: VerdictView,
    count: usize,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct VerdictView {
    word: &'static str,
    symbol: &'static str,
    meaning: &'static str,
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        Self {
            word: words::verdict_word(verdict),
            symbol: words::verdict_symbol(verdict),
            meaning: words::verdict_meaning(verdict),
        }
    }
}

#[derive(Serialize)]
pub(super) struct MarkView {
    mark: &'static str,
    word: &'static str,
    meaning: &'static str,
}

impl From<words::LegendEntry> for MarkView {
    fn from(entry: words::LegendEntry) -> Self {
        Self { mark: entry.mark, word: entry.word, meaning: entry.meaning }
    }
}

impl From<Provenance> for MarkView {
    fn from(provenance: Provenance) -> Self {
        Self {
            mark: words::mark(provenance),
            word: words::provenance_word(provenance),
            meaning: words::provenance_meaning(provenance),
        }
    }
}

#[derive(Serialize)]
struct FigureView<'a> {
    id: &'a str,
    has_points: bool,
    /// Whether the drawing would be too large over the whole width of the page.
    is_narrow: bool,
    label: &'a str,
    title: &'a str,
    setting: &'a str,
    traps: &'a [String],
}

#[derive(Serialize)]
struct PictureView<'a> {
    id: &'a str,
    label: &'a str,
    title: &'a str,
    setting: &'a str,
    alt: &'a str,
    file: Option<PictureFileView>,
    missing: &'static str,
}

#[derive(Serialize)]
struct PictureFileView {
    uri: String,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct CorrelationView<'a> {
    anchor: String,
    figure: &'a str,
    x: String,
    y: String,
    n: String,
    pearson: String,
    is_number: bool,
    spearman: String,
    reported: String,
    reported_mark: Option<MarkView>,
    difference: String,
    interval: String,
    bootstrap: String,
    leave_one_out: String,
    fisher_p: String,
    line: String,
    influence: Vec<InfluenceView<'a>>,
    provenance: Option<MarkView>,
    verdict: Option<VerdictView>,
    explanation: &'a str,
}

#[derive(Serialize)]
struct InfluenceView<'a> {
    point: &'a str,
    without: String,
}

#[derive(Serialize)]
struct PrintedCorrelationView<'a> {
    figure: &'a str,
    x: &'a str,
    y: &'a str,
    subset: &'a str,
    n: &'a str,
    coefficient: &'a str,
    value: String,
    mark: &'static str,
    provenance: &'static str,
    source: &'a str,
    note: &'a str,
}

#[derive(Serialize)]
struct TableView<'a> {
    id: &'a str,
    label: &'a str,
    title: &'a str,
    setting: &'a str,
    traps: &'a [String],
    unknown: Vec<String>,
    constants: Vec<String>,
    has_parts: bool,
    columns: Vec<ColumnView>,
    rows: Vec<RowView<'a>>,
    legend: Vec<MarkView>,
    evidence: Vec<EvidenceView<'a>>,
}

#[derive(Serialize)]
struct ColumnView {
    heading: String,
    parts: Vec<&'static str>,
}

#[derive(Serialize)]
struct RowView<'a> {
    label: &'a str,
    begins_group: bool,
    entries: Vec<EntryView<'a>>,
}

/// One entry of a row. The first entry of a cell carries the cell's anchor; values link to the cell's evidence.
#[derive(Serialize)]
struct EntryView<'a> {
    cell: Option<&'a str>,
    first: bool,
    linked: bool,
    unknown: bool,
    text: String,
    mark: String,
    versions: Vec<VersionView<'a>>,
    sort: String,
    verdict: Option<VerdictView>,
}

/// The number of one version of the paper.
#[derive(Serialize)]
struct VersionView<'a> {
    version: &'a str,
    text: String,
    mark: String,
}

impl<'a> VersionView<'a> {
    fn of(versioned: &'a VersionedValue) -> Self {
        Self {
            version: &versioned.version,
            text: typographic(&words::reported_text(&versioned.value)),
            mark: words::marks(&versioned.value),
        }
    }
}

/// Printed shares and those that no rounded count gives.
#[derive(Serialize)]
struct ReachabilityView<'a> {
    id: &'a str,
    label: &'a str,
    title: &'a str,
    counts: String,
    findings: Vec<FindingView<'a>>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    subject: &'a str,
    cell: Option<&'a str>,
    stated: &'a str,
    mark: String,
    source: &'a str,
    explanation: String,
}

impl<'a> ReachabilityView<'a> {
    /// A number links to its cell where that is among the cells `shown`.
    fn of(check: &'a EvaluatedReachability, shown: &HashSet<&str>) -> Self {
        let finding = |finding: &'a retally_suites::evaluation::ReachFinding| FindingView {
            subject: &finding.subject,
            cell: finding.cell.as_deref().filter(|cell| shown.contains(cell)),
            stated: &finding.stated.text,
            mark: words::marks(&finding.stated),
            source: &finding.stated.source,
            explanation: summary::reach_sentence(finding),
        };
        Self {
            id: &check.id,
            label: &check.label,
            title: &check.title,
            counts: summary::reach_counts(check),
            findings: check.findings.iter().map(finding).collect(),
        }
    }
}

#[derive(Serialize)]
struct EvidenceView<'a> {
    cell: &'a str,
    place: String,
    reported: Option<ReportedView<'a>>,
    unknown: Option<&'a str>,
    versions: Vec<VersionEvidence<'a>>,
    also_reported: Vec<ReportedView<'a>>,
    measured: Option<MeasurementView<'a>>,
    difference: Option<String>,
    band: Option<BandView<'a>>,
    verdict: Option<VerdictView>,
    explanation: &'a str,
}

#[derive(Serialize)]
struct ReportedView<'a> {
    text: String,
    provenance: String,
    source: &'a str,
    reach: String,
    note: &'a str,
}

#[derive(Serialize)]
struct VersionEvidence<'a> {
    version: &'a str,
    value: ReportedView<'a>,
}

#[derive(Serialize)]
struct BandView<'a> {
    print_rounding: String,
    numeric: String,
    sampling: String,
    reason: &'a str,
}

#[derive(Serialize)]
struct MeasurementView<'a> {
    metric: &'a str,
    value: String,
    unit: String,
    n: u64,
    interval: String,
    method: &'a str,
    absence: String,
}

#[derive(Serialize)]
struct MeasuredView<'a> {
    label: &'a str,
    family: &'a str,
    measurements: Vec<MeasurementView<'a>>,
}

impl<'a> Report<'a> {
    /// Prepares everything that the template prints.
    pub(super) fn of(suite: &'a EvaluatedSuite, pictures: &[Option<PictureFile>]) -> Self {
        let claims = || {
            suite.figures.iter().flat_map(|figure| figure.panels()).map(|panel| &panel.correlation)
        };
        Self {
            id: &suite.id,
            name: &suite.name,
            version: suite.version,
            content_sha256: &suite.content_sha256,
            papers: suite.paper.iter().chain(&suite.further_papers).collect(),
            summary: &suite.summary,
            measured_sentence: summary::measured_sentence(suite),
            cell_count: summary::cells(suite).count(),
            provenance_counts: provenance_counts(suite),
            unknown_count: summary::cells(suite).filter(|cell| cell.unknown.is_some()).count(),
            verdict_counts: counts(summary::cell_verdicts(suite)),
            correlation_counts: counts(summary::correlation_verdicts(suite)),
            figures: suite.figures.iter().map(FigureView::of).collect(),
            pictures: suite
                .pictures
                .iter()
                .zip(pictures)
                .map(|(picture, file)| PictureView::of(picture, file.as_ref(), suite))
                .collect(),
            correlations: claims()
                .enumerate()
                .map(|(index, c)| CorrelationView::of(index, c, suite))
                .collect(),
            has_printed_r: claims().any(|claim| claim.reported_text.is_some()),
            has_recomputed_r: claims().any(|claim| claim.incomplete.is_none()),
            derived: {
                let shown = summary::cells(suite).map(|cell| cell.id.as_str()).collect();
                suite.derived.iter().map(|group| DerivedView::of(group, &shown)).collect()
            },
            derived_counts: counts(summary::derived_verdicts(suite)),
            reachability: {
                let shown = summary::cells(suite).map(|cell| cell.id.as_str()).collect();
                suite.reachability.iter().map(|c| ReachabilityView::of(c, &shown)).collect()
            },
            secondary: summary::secondary_sentence(suite),
            printed_correlations: printed_correlations(suite),
            tables: suite.tables.iter().map(TableView::of).collect(),
            measured: suite.measured.iter().map(MeasuredView::of).collect(),
            traps: &suite.traps,
            unknown: &suite.unknown,
            identity_checks: &suite.identity_checks,
            broken_laws: suite.identity_checks.iter().filter(|check| !check.holds).count(),
            marks: marks(),
            verdicts: words::VERDICTS.map(VerdictView::from).into(),
        }
    }
}

fn counts(counts: Vec<VerdictCount>) -> Vec<CountView> {
    counts
        .into_iter()
        .map(|VerdictCount { verdict, count }| CountView { verdict: verdict.into(), count })
        .collect()
}

fn provenance_counts(suite: &EvaluatedSuite) -> Vec<ProvenanceCount> {
    summary::provenances(suite)
        .into_iter()
        .map(|(provenance, count)| ProvenanceCount {
            word: words::provenance_word(provenance),
            mark: words::mark(provenance),
            count,
        })
        .collect()
}

/// Coefficients of the paper first, our own arithmetic last; else in the order of the file.
fn printed_correlations(suite: &EvaluatedSuite) -> Vec<PrintedCorrelationView<'_>> {
    let mut printed: Vec<_> = suite.printed_correlations.iter().collect();
    printed.sort_by_key(|printed| printed.provenance == Provenance::Derived);
    printed.into_iter().map(PrintedCorrelationView::of).collect()
}

fn marks() -> Vec<MarkView> {
    let provenances = words::PROVENANCES.into_iter().map(MarkView::from);
    let further = [words::UNREACHABLE, words::CONSTANT, words::OTHER_VALUE].map(MarkView::from);
    provenances.chain(further).collect()
}

impl<'a> FigureView<'a> {
    fn of(figure: &'a EvaluatedFigure) -> Self {
        Self {
            id: &figure.id,
            has_points: figure.has_something(),
            is_narrow: figure.panels().len() < 3,
            label: &figure.label,
            title: &figure.title,
            setting: &figure.setting,
            traps: &figure.traps,
        }
    }
}

impl<'a> PictureView<'a> {
    fn of(
        picture: &'a EvaluatedPicture,
        file: Option<&PictureFile>,
        suite: &EvaluatedSuite,
    ) -> Self {
        Self {
            id: &picture.id,
            label: &picture.label,
            title: &picture.title,
            setting: &picture.setting,
            alt: &picture.alt,
            file: file.map(|file| PictureFileView {
                uri: file.data_uri(),
                width: file.width,
                height: file.height,
            }),
            missing: summary::missing_picture(suite),
        }
    }
}

impl<'a> CorrelationView<'a> {
    fn of(index: usize, claim: &'a EvaluatedCorrelation, suite: &'a EvaluatedSuite) -> Self {
        let coefficient =
            |value: Option<f64>| value.map(|r| typographic(&fixed(r, 4))).unwrap_or_default();
        let ends = |ends: Option<[f64; 2]>| {
            ends.map(|ends| typographic(&range(ends, 3))).unwrap_or_default()
        };
        let label = suite
            .figures
            .iter()
            .find(|figure| figure.id == claim.figure)
            .map(|figure| figure.label.as_str());
        Self {
            anchor: format!("correlation-{}", index + 1),
            figure: label.unwrap_or(&claim.figure),
            x: summary::key_words(&claim.x),
            y: summary::key_words(&claim.y),
            n: summary::known_points(claim),
            pearson: typographic(&summary::coefficient(claim)),
            is_number: claim.pearson.is_some(),
            spearman: coefficient(claim.spearman),
            reported: claim.reported_text.as_deref().map(typographic).unwrap_or_default(),
            reported_mark: claim.reported_provenance.map(MarkView::from),
            difference: summary::difference(claim)
                .map(|d| typographic(&signed(d, 4)))
                .unwrap_or_default(),
            interval: ends(claim.interval),
            bootstrap: ends(claim.bootstrap_interval),
            leave_one_out: ends(claim.leave_one_out),
            fisher_p: claim.fisher_p.map(p_value).unwrap_or_default(),
            line: claim
                .line
                .map(|line| line_text(claim, line.intercept, line.slope))
                .unwrap_or_default(),
            influence: claim.influence.iter().map(|(key, r)| influence(suite, key, *r)).collect(),
            // The mark stands at the recomputed number.
            provenance: claim.provenance.map(MarkView::from),
            verdict: claim.verdict.map(VerdictView::from),
            explanation: &claim.explanation,
        }
    }
}

fn line_text(claim: &EvaluatedCorrelation, intercept: f64, slope: f64) -> String {
    let decimals = |value: f64| crate::number::four_digit_decimals([value]);
    let sign = if slope < 0.0 { "−" } else { "+" };
    let intercept = typographic(&fixed(intercept, decimals(intercept)));
    format!(
        "{} = {intercept} {sign} {} · {}",
        claim.y,
        fixed(slope.abs(), decimals(slope)),
        claim.x
    )
}

fn influence<'a>(suite: &'a EvaluatedSuite, key: &'a str, without: f64) -> InfluenceView<'a> {
    let points =
        suite.figures.iter().flat_map(|figure| figure.panels()).flat_map(|panel| &panel.points);
    let name = points.filter(|point| point.key == key).map(|point| point.label.as_str()).next();
    InfluenceView { point: name.unwrap_or(key), without: typographic(&fixed(without, 3)) }
}

impl<'a> PrintedCorrelationView<'a> {
    fn of(printed: &'a PrintedCorrelation) -> Self {
        Self {
            figure: &printed.figure,
            x: &printed.x,
            y: &printed.y,
            subset: &printed.subset,
            n: &printed.n,
            coefficient: &printed.coefficient,
            value: typographic(&printed.value),
            mark: words::mark(printed.provenance),
            provenance: words::provenance_word(printed.provenance),
            source: &printed.source,
            note: &printed.note,
        }
    }
}

impl<'a> TableView<'a> {
    fn of(table: &'a EvaluatedTable) -> Self {
        let layouts = table::layout(table);
        let columns: Vec<_> = layouts
            .iter()
            .map(|layout| ColumnView {
                heading: layout.heading.clone(),
                parts: layout.parts.iter().map(|part| part.word()).collect(),
            })
            .collect();
        let mut group = None;
        let rows = table.rows.iter().map(|row| {
            let begins_group =
                group.replace(row.group.as_str()).is_some_and(|previous| previous != row.group);
            RowView { label: &row.label, begins_group, entries: entries(&layouts, row) }
        });
        Self {
            id: &table.id,
            label: &table.label,
            title: &table.title,
            setting: &table.setting,
            traps: &table.traps,
            unknown: table::unknown_places(table)
                .into_iter()
                .map(|unknown| format!("{}: {}", unknown.places, unknown.reason))
                .collect(),
            has_parts: columns.iter().any(|column| column.parts.len() > 1),
            rows: rows.collect(),
            columns,
            constants: table::constants(table),
            legend: words::legend(table).into_iter().map(MarkView::from).collect(),
            evidence: evidence(table),
        }
    }
}

fn entries<'a>(layouts: &[table::ColumnLayout], row: &'a EvaluatedRow) -> Vec<EntryView<'a>> {
    let mut entries = Vec::new();
    for (layout, cell) in layouts.iter().zip(&row.cells) {
        for (index, &part) in layout.parts.iter().enumerate() {
            entries.push(match cell {
                Some(cell) => EntryView::of(layout, cell, part, index == 0),
                None => EntryView::empty(),
            });
        }
    }
    entries
}

impl<'a> EntryView<'a> {
    fn of(layout: &table::ColumnLayout, cell: &'a EvaluatedCell, part: Part, first: bool) -> Self {
        let entry = layout.entry(cell, part);
        Self {
            cell: Some(&cell.id),
            first,
            linked: !entry.text.is_empty() && matches!(part, Part::Printed | Part::Measured),
            unknown: part == Part::Printed && cell.unknown.is_some(),
            text: typographic(&entry.text),
            mark: entry.mark,
            versions: match part {
                Part::Printed => cell.versions.iter().map(VersionView::of).collect(),
                _ => Vec::new(),
            },
            sort: sort_key(cell, part),
            verdict: cell.verdict.filter(|_| part == Part::Verdict).map(VerdictView::from),
        }
    }

    fn empty() -> Self {
        Self {
            cell: None,
            first: false,
            linked: false,
            unknown: false,
            text: String::new(),
            mark: String::new(),
            versions: Vec::new(),
            sort: String::new(),
            verdict: None,
        }
    }
}

/// The number that an entry is sorted by; empty sorts last.
fn sort_key(cell: &EvaluatedCell, part: Part) -> String {
    let value = match part {
        Part::Printed => cell.reported.as_ref().map(|value| value.value),
        Part::Measured => cell.measured.as_ref().and_then(Measurement::value),
        Part::Difference => cell.difference,
        Part::Verdict => cell.verdict.and_then(|verdict| {
            words::VERDICTS
                .iter()
                .position(|&known| known == verdict)
                .map(|position| position as f64)
        }),
    };
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn evidence(table: &EvaluatedTable) -> Vec<EvidenceView<'_>> {
    let mut evidence = Vec::new();
    for row in &table.rows {
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            if let Some(cell) = cell {
                evidence.push(EvidenceView::of(format!("{} · {}", row.label, column.label), cell));
            }
        }
    }
    evidence
}

impl<'a> EvidenceView<'a> {
    fn of(place: String, cell: &'a EvaluatedCell) -> Self {
        Self {
            cell: &cell.id,
            place,
            reported: cell
                .reported
                .as_ref()
                .filter(|_| cell.versions.is_empty())
                .map(ReportedView::of),
            versions: cell
                .versions
                .iter()
                .map(|versioned| VersionEvidence {
                    version: &versioned.version,
                    value: ReportedView::of(&versioned.value),
                })
                .collect(),
            unknown: cell.unknown.as_deref(),
            also_reported: cell.also_reported.iter().map(ReportedView::of).collect(),
            measured: cell.measured.as_ref().map(MeasurementView::of),
            difference: cell.difference.map(|difference| typographic(&six_digits(difference))),
            band: cell.band.as_ref().map(BandView::of),
            verdict: cell.verdict.map(VerdictView::from),
            explanation: &cell.explanation,
        }
    }
}

impl<'a> ReportedView<'a> {
    fn of(value: &'a ReportedValue) -> Self {
        Self {
            text: typographic(&words::reported_text(value)),
            provenance: match value.basis {
                Some(basis) => format!(
                    "{} from {} numbers",
                    words::provenance_word(value.provenance),
                    words::provenance_word(basis)
                ),
                None => words::provenance_word(value.provenance).to_owned(),
            },
            source: &value.source,
            reach: value.reach.as_ref().map(PrintedReach::sentence).unwrap_or_default(),
            note: &value.note,
        }
    }
}

impl<'a> BandView<'a> {
    fn of(band: &'a Band) -> Self {
        Self {
            print_rounding: six_digits(band.print_rounding),
            numeric: six_digits(band.numeric),
            sampling: band.sampling.map_or_else(|| "unknown".to_owned(), six_digits),
            reason: &band.reason,
        }
    }
}

impl<'a> MeasurementView<'a> {
    fn of(measurement: &'a Measurement) -> Self {
        Self {
            metric: &measurement.metric,
            value: measurement
                .value()
                .map(|value| typographic(&value.to_string()))
                .unwrap_or_default(),
            unit: measurement.unit.to_string(),
            n: measurement.n,
            interval: measurement.interval().map(interval_text).unwrap_or_default(),
            method: &measurement.method,
            absence: measurement
                .absence()
                .map(|absence| {
                    format!("{}: {}", words::absence_word(absence.reason), absence.detail)
                })
                .unwrap_or_default(),
        }
    }
}

fn interval_text(interval: &Interval) -> String {
    let (low, high) = (interval.low.get(), interval.high.get());
    let ends = typographic(&format!("[{low}, {high}]"));
    format!("{ends}, {} %, {}", fixed(100.0 * interval.level, 0), interval.method)
}

impl<'a> MeasuredView<'a> {
    fn of(encoder: &'a MeasuredModel) -> Self {
        Self {
            label: &encoder.label,
            family: &encoder.family,
            measurements: encoder.measurements.iter().map(MeasurementView::of).collect(),
        }
    }
}
