//! Small evaluated suites that have one of everything a report must show.

use retally_metrics::{Absence, AbsenceReason, Finite, Interval, Measurement, Unit};
use retally_suites::evaluation::{
    Axis, AxisScale, Band, Bar, BarChart, Column, CurveChart, CurvePoint, CurveSeries, Direction,
    Drawing, EvaluatedCell, EvaluatedCorrelation, EvaluatedDerivation, EvaluatedDerivedClaim,
    EvaluatedFigure, EvaluatedPicture, EvaluatedReachability, EvaluatedRow, EvaluatedSuite,
    EvaluatedTable, IdentityCheck, Line, MeasuredModel, Panel, Paper, Point, PrintedCorrelation,
    PrintedReach, Provenance, ReachFinding, ReportedValue, Verdict, VersionedValue,
};
use retally_suites::reachability::Reach;

/// Text that would be markup, a formula or a command in every output format.
pub(crate) const HOSTILE: &str =
    "<script>alert(1)</script> & 100% of a_b | \\end{table} [x](y) \"q\" 'p' \u{1b}[31m";

/// A paper's suite without a run.
pub(crate) fn printed_suite() -> EvaluatedSuite {
    EvaluatedSuite {
        id: "paper".into(),
        name: "Paper".into(),
        version: 3,
        content_sha256: "0123456789abcdef".repeat(4),
        paper: Some(Paper {
            title: "A paper".into(),
            authors: "A, B".into(),
            identifier: "arXiv:0000.00000v1".into(),
            venue: "Somewhere 2026".into(),
        }),
        further_papers: Vec::new(),
        summary: "It claims something.".into(),
        tables: vec![printed_table()],
        figures: vec![figure(8)],
        derived: vec![derivation()],
        reachability: vec![reachability()],
        pictures: vec![EvaluatedPicture {
            id: "gallery".into(),
            label: "Gallery".into(),
            title: "Images and their nearest neighbours.".into(),
            setting: "Three images".into(),
            alt: "Three rows of three images".into(),
        }],
        printed_correlations: vec![PrintedCorrelation {
            figure: "figure-9".into(),
            x: "LDS".into(),
            y: "gFID".into(),
            subset: "SiT-B".into(),
            n: "unknown".into(),
            coefficient: "pearson".into(),
            value: "-0.89".into(),
            provenance: Provenance::Secondary,
            source: "a public note".into(),
            note: "bound: |r| > value".into(),
        }],
        traps: vec!["A trap of the whole suite.".into()],
        unknown: vec!["Something is not known.".into()],
        identity_checks: Vec::new(),
        measured: Vec::new(),
    }
}

/// The same suite after a run that measured some cells.
pub(crate) fn measured_suite() -> EvaluatedSuite {
    let mut suite = printed_suite();
    suite.tables = vec![measured_table()];
    suite.measured = vec![MeasuredModel {
        key: "encoder-a/layer-01".into(),
        label: "Encoder A, layer 1".into(),
        family: "A".into(),
        measurements: vec![measurement(19.123, 0.21), absent()],
    }];
    suite.identity_checks = vec![
        IdentityCheck {
            law: "accuracy x n is an integer".into(),
            subject: "Encoder A".into(),
            holds: true,
            detail: "0.5 x 10 = 5".into(),
        },
        IdentityCheck {
            law: "FID >= 0".into(),
            subject: "Encoder B".into(),
            holds: false,
            detail: "FID = -1".into(),
        },
    ];
    suite
}

/// Every text of the measured suite is hostile.
pub(crate) fn hostile_suite() -> EvaluatedSuite {
    let mut suite = measured_suite();
    let hostile = || HOSTILE.to_owned();
    (suite.name, suite.summary, suite.content_sha256) = (hostile(), hostile(), hostile());
    suite.paper = Some(Paper {
        title: hostile(),
        authors: hostile(),
        identifier: hostile(),
        venue: hostile(),
    });
    (suite.traps, suite.unknown) = (vec![hostile()], vec![hostile()]);
    for table in &mut suite.tables {
        (table.label, table.title, table.setting, table.traps) =
            (hostile(), hostile(), hostile(), vec![hostile()]);
        for column in &mut table.columns {
            (column.key, column.label, column.unit) = (hostile(), hostile(), hostile());
        }
        for row in &mut table.rows {
            (row.key, row.label, row.group) = (hostile(), hostile(), hostile());
            for cell in row.cells.iter_mut().flatten() {
                cell.explanation = hostile();
                cell.unknown = cell.unknown.take().map(|_| hostile());
                for value in cell.reported.iter_mut().chain(&mut cell.also_reported) {
                    (value.text, value.source, value.note) = (hostile(), hostile(), hostile());
                }
                if let Some(measured) = &mut cell.measured {
                    (measured.metric, measured.method) = (hostile(), hostile());
                }
            }
        }
    }
    for picture in &mut suite.pictures {
        (picture.label, picture.title, picture.setting, picture.alt) =
            (hostile(), hostile(), hostile(), hostile());
    }
    for figure in &mut suite.figures {
        (figure.label, figure.title, figure.setting, figure.traps) =
            (hostile(), hostile(), hostile(), vec![hostile()]);
        for panel in panels(figure) {
            (panel.title, panel.x.label, panel.y.label, panel.x.key) =
                (hostile(), hostile(), hostile(), hostile());
            panel.correlation.explanation = hostile();
            panel.correlation.reported_text = Some(hostile());
            for point in &mut panel.points {
                (point.label, point.family) = (hostile(), hostile());
            }
        }
    }
    for group in &mut suite.derived {
        (group.label, group.title) = (hostile(), hostile());
        for claim in &mut group.claims {
            (claim.subject, claim.formula, claim.explanation, claim.stated.source) =
                (hostile(), hostile(), hostile(), hostile());
        }
    }
    for check in &mut suite.reachability {
        (check.label, check.title, check.of) = (hostile(), hostile(), hostile());
        for finding in &mut check.findings {
            (finding.subject, finding.stated.source) = (hostile(), hostile());
        }
    }
    for encoder in &mut suite.measured {
        (encoder.label, encoder.family) = (hostile(), hostile());
    }
    suite
}

/// A suite of the size of the largest one that exists: 1,070 cells with long texts.
pub(crate) fn large_suite() -> EvaluatedSuite {
    let mut suite = measured_suite();
    let explanation =
        "not run: no model of this run is named as the row is, and no generator was given for it; "
            .repeat(2);
    suite.tables = (0..10).map(|table| large_table(table, &explanation)).collect();
    suite
}

fn large_table(number: usize, explanation: &str) -> EvaluatedTable {
    let mut table = printed_table();
    table.id = format!("table-{number}");
    table.columns =
        (0..10).map(|i| column(&format!("metric-{i}"), "none", Direction::LowerIsBetter)).collect();
    let rows = if number == 0 { 17 } else { 10 };
    table.rows = (0..rows)
        .map(|row| EvaluatedRow {
            key: format!("row-{row}"),
            label: format!("Encoder {row} with its longer name"),
            group: format!("group-{}", row / 2),
            is_reference: false,
            cells: (0..10)
                .map(|column| {
                    let id = format!(
                        "table-{number}--encoder-{row}-with-its-longer-name--metric-{column}"
                    );
                    let mut cell =
                        cell(&id, reported("19.06", Provenance::Reported), Verdict::NotRun);
                    cell.explanation = explanation.to_owned();
                    Some(cell)
                })
                .collect(),
        })
        .collect();
    table
}

fn printed_table() -> EvaluatedTable {
    let mut elsewhere =
        cell("table-2--a--gfid", reported("19.06", Provenance::Reported), Verdict::NotRun);
    elsewhere.also_reported =
        vec![ReportedValue { source: "Figure 3".into(), ..reported("19.3", Provenance::Reported) }];
    EvaluatedTable {
        id: "table-2".into(),
        label: "Table 2".into(),
        title: "Component ablation".into(),
        setting: "SiT-XL/2, 100K steps".into(),
        traps: vec!["One row is a probable copy error.".into()],
        columns: vec![
            column("gFID", "none", Direction::LowerIsBetter),
            column("accuracy", "percent", Direction::HigherIsBetter),
            column("params", "million", Direction::Neutral),
        ],
        rows: vec![
            row(
                "A",
                "a",
                vec![
                    Some(elsewhere),
                    Some(cell(
                        "table-2--a--accuracy",
                        reported("71.7", Provenance::Digitised),
                        Verdict::NotRun,
                    )),
                    Some(cell(
                        "table-2--a--params",
                        reported("86", Provenance::Code),
                        Verdict::NotRun,
                    )),
                ],
            ),
            row(
                "A + iREPA w/o L_FreqFM",
                "a",
                vec![
                    Some(cell(
                        "table-2--a-irepa--gfid",
                        reported("-0.50", Provenance::Derived),
                        Verdict::NotRun,
                    )),
                    None,
                    Some(unknown("table-2--a-irepa--params")),
                ],
            ),
            row(
                "B",
                "b",
                vec![
                    Some(cell(
                        "table-2--b--gfid",
                        reported("26.10", Provenance::Secondary),
                        Verdict::NotRun,
                    )),
                    Some(cell(
                        "table-2--b--accuracy",
                        reported("80.0", Provenance::Recorded),
                        Verdict::NotRun,
                    )),
                    None,
                ],
            ),
        ],
    }
}

fn measured_table() -> EvaluatedTable {
    let mut table = printed_table();
    let mut measure = |row: usize, column: usize, measured: Measurement, verdict: Verdict| {
        if let Some(cell) = table.rows[row].cells[column].as_mut() {
            cell.difference = measured
                .value()
                .zip(cell.reported.as_ref())
                .map(|(value, printed)| value - printed.value);
            cell.measured = Some(measured);
            cell.verdict = Some(verdict);
            cell.explanation = "what was found".into();
        }
    };
    measure(0, 0, measurement(19.123, 0.21), Verdict::WithinSampling);
    measure(1, 0, measurement(-0.7, 0.05), Verdict::OutsideBetter);
    measure(2, 0, absent(), Verdict::NotRun);
    table
}

/// A figure of one panel with `count` points on a falling line with some scatter.
pub(crate) fn figure(count: usize) -> EvaluatedFigure {
    let points: Vec<_> = (0..count)
        .map(|index| {
            let x = 0.1 + 0.05 * index as f64;
            let scatter = if index % 2 == 0 { 0.8 } else { -0.8 };
            Point {
                key: format!("point-{index:02}"),
                label: if index < 2 {
                    format!("Encoder {index}")
                } else {
                    format!("point-{index:02}")
                },
                family: String::new(),
                x,
                y: 35.0 - 40.0 * x + scatter,
                provenance: Some(Provenance::Digitised),
            }
        })
        .collect();
    let panel = |title: &str| Panel {
        title: title.into(),
        x: Axis {
            key: "LDS".into(),
            label: "Local distance similarity".into(),
            direction: Direction::HigherIsBetter,
        },
        y: Axis {
            key: "gFID".into(),
            label: "Generation FID".into(),
            direction: Direction::LowerIsBetter,
        },
        points: points.clone(),
        correlation: correlation(count as u64),
    };
    EvaluatedFigure {
        id: "figure-4".into(),
        label: "Figure 4".into(),
        title: "Spatial structure against generation".into(),
        setting: "SiT-XL/2".into(),
        traps: vec!["Some points share a pixel.".into()],
        drawing: Drawing::Scatter(vec![panel("First"), panel("Second")]),
    }
}

/// The panels of a scatter figure, to change them.
pub(crate) fn panels(figure: &mut EvaluatedFigure) -> &mut Vec<Panel> {
    match &mut figure.drawing {
        Drawing::Scatter(panels) => panels,
        Drawing::Bars(_) | Drawing::Curves(_) => panic!("a figure without panels"),
    }
}

/// Bars of two groups on an axis that begins above 0.
pub(crate) fn bars() -> EvaluatedFigure {
    let bar = |index: usize, value: f64| Bar {
        key: format!("step-{index}"),
        label: format!("A step of number {index}"),
        group: Some(index / 2),
        value,
        text: Some(format!("{value:.1}")),
        provenance: Some(Provenance::Secondary),
    };
    let chart = BarChart {
        axis: axis(),
        range: Some([56.0, 66.0]),
        groups: vec!["First half".into(), "Second half".into()],
        bars: vec![bar(0, 57.5), bar(1, 62.5), bar(2, 58.0), bar(3, 64.5)],
    };
    EvaluatedFigure { drawing: Drawing::Bars(chart), ..figure(2) }
}

/// Two curves on a logarithmic axis; of the second one, a place has two candidates.
pub(crate) fn curves() -> EvaluatedFigure {
    let point = |x: f64, y: f64, is_uncertain| CurvePoint {
        key: format!("d={x}"),
        x,
        y,
        is_uncertain,
        provenance: Some(Provenance::Reported),
    };
    let series = |label: &str, points| CurveSeries { label: label.into(), points };
    let chart = CurveChart {
        x: "Dimension".into(),
        scale: AxisScale::Logarithmic,
        y: axis(),
        range: None,
        series: vec![
            series("conv VAE", vec![point(8.0, 54.5, false), point(16.0, 63.4, false)]),
            series(
                "pixels",
                vec![point(12.0, 43.7, true), point(12.0, 44.7, true), point(48.0, 58.5, false)],
            ),
        ],
    };
    EvaluatedFigure { drawing: Drawing::Curves(chart), ..figure(2) }
}

fn axis() -> Axis {
    Axis {
        key: "accuracy".into(),
        label: "Accuracy (%)".into(),
        direction: Direction::HigherIsBetter,
    }
}

/// A derived number that is confirmed, and one that cannot be recomputed.
fn derivation() -> EvaluatedDerivation {
    let claim = |recomputed: Option<f64>, verdict| EvaluatedDerivedClaim {
        subject: "A + iREPA: Change".into(),
        cell: Some("table-2--a--gfid".into()),
        stated: reported("-2.7", Provenance::Derived),
        unit: "points".into(),
        formula: "62.4 - 65.1".into(),
        inputs: vec![Provenance::Secondary],
        recomputed,
        decimals: 1,
        difference: recomputed.map(|value| value + 2.7),
        verdict,
        explanation: "Why".into(),
    };
    EvaluatedDerivation {
        id: "changes".into(),
        label: "Changes".into(),
        title: "Each row minus the one above.".into(),
        claims: vec![claim(Some(-2.7), Verdict::Identical), claim(None, Verdict::NotRun)],
    }
}

/// A cell that two versions of a paper print differently, the newer number with no count behind it; it is a constant too.
pub(crate) fn versioned_table() -> EvaluatedTable {
    let reach = PrintedReach {
        found: Reach::Unreachable { below: Some(64), above: Some(65) },
        items: 150,
        of: "pairs".into(),
    };
    let (old, new) = (
        reported("43.3", Provenance::Reported),
        ReportedValue { reach: Some(reach), ..reported("43.1", Provenance::Reported) },
    );
    let mut cell = cell("table-2--a--accuracy", new.clone(), Verdict::NotRun);
    cell.versions = [("P1", old), ("P5", new)]
        .map(|(version, value)| VersionedValue { version: version.into(), value })
        .into();
    cell.constant = Some("Nothing gives it.".into());
    EvaluatedTable {
        columns: vec![column("accuracy", "percent", Direction::HigherIsBetter)],
        rows: vec![row("A", "a", vec![Some(cell)])],
        ..printed_table()
    }
}

/// Two printed shares of 150 items that no rounded count gives.
fn reachability() -> EvaluatedReachability {
    let finding = |text: &str, found: Reach| ReachFinding {
        subject: "Table 2, A: accuracy".into(),
        cell: Some("table-2--a--accuracy".into()),
        stated: ReportedValue {
            reach: Some(PrintedReach { found, items: 150, of: "pairs".into() }),
            ..reported(text, Provenance::Reported)
        },
    };
    EvaluatedReachability {
        id: "pairs".into(),
        label: "Pairs".into(),
        title: "Both answers of a pair are right.".into(),
        items: 150,
        of: "pairs".into(),
        rounded: 3,
        findings: vec![
            finding("46.6", Reach::Truncation { count: 70 }),
            finding("43.1", Reach::Unreachable { below: Some(64), above: Some(65) }),
        ],
    }
}

fn correlation(n: u64) -> EvaluatedCorrelation {
    EvaluatedCorrelation {
        figure: "figure-4".into(),
        x: "LDS".into(),
        y: "gFID".into(),
        n,
        pearson: Some(-0.8521),
        spearman: Some(-0.8338),
        incomplete: None,
        reported: Some(-0.852),
        reported_text: Some("-0.852".into()),
        reported_provenance: Some(Provenance::Reported),
        interval: Some([-0.931, -0.698]),
        bootstrap_interval: Some([-0.92, -0.77]),
        leave_one_out: Some([-0.871, -0.839]),
        influence: vec![("point-00".into(), -0.871), ("point-05".into(), -0.839)],
        line: Some(Line { intercept: 35.0, slope: -40.0 }),
        fisher_p: Some(0.9987),
        provenance: Some(Provenance::Digitised),
        verdict: Some(Verdict::WithinNumeric),
        explanation: "apart by less than print rounding".into(),
    }
}

fn column(key: &str, unit: &str, direction: Direction) -> Column {
    Column { key: key.into(), label: key.into(), unit: unit.into(), direction }
}

fn row(label: &str, group: &str, cells: Vec<Option<EvaluatedCell>>) -> EvaluatedRow {
    EvaluatedRow {
        key: label.replace(" + ", "|+"),
        label: label.into(),
        group: group.into(),
        is_reference: false,
        cells,
    }
}

fn cell(id: &str, reported: ReportedValue, verdict: Verdict) -> EvaluatedCell {
    EvaluatedCell {
        id: id.into(),
        reported: Some(reported),
        unknown: None,
        versions: Vec::new(),
        constant: None,
        also_reported: Vec::new(),
        measured: None,
        difference: None,
        band: Some(Band {
            print_rounding: 0.005,
            numeric: 0.05,
            sampling: None,
            reason: "half a unit of the last printed digit".into(),
        }),
        verdict: Some(verdict),
        explanation: "no model was given".into(),
    }
}

/// A cell that the paper has and that is not known.
fn unknown(id: &str) -> EvaluatedCell {
    EvaluatedCell {
        reported: None,
        unknown: Some("The summary leaves it out.".into()),
        band: None,
        verdict: None,
        explanation: "The printed number is not known. The summary leaves it out.".into(),
        ..cell(id, reported("0", Provenance::Reported), Verdict::NotRun)
    }
}

fn reported(text: &str, provenance: Provenance) -> ReportedValue {
    ReportedValue {
        text: text.into(),
        value: text.parse().unwrap(),
        provenance,
        source: "arXiv:0000.00000v1 Table 2".into(),
        basis: None,
        bound: None,
        reach: None,
        note: String::new(),
    }
}

fn measurement(value: f64, half_width: f64) -> Measurement {
    let end = |value| Finite::new(value).unwrap();
    Measurement::of("gFID", value, Unit::None, 50_000, "adm-evaluator/1").with_interval(Some(
        Interval {
            low: end(value - half_width),
            high: end(value + half_width),
            level: 0.95,
            method: "bootstrap-percentile (seed 0, 10000 draws)".into(),
        },
    ))
}

fn absent() -> Measurement {
    let absence = Absence::new(AbsenceReason::TooFewSamples, "3 samples, at least 2048 are needed");
    Measurement::absent("gFID", Unit::None, 3, "adm-evaluator/1", absence)
}
