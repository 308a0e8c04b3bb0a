//! The starter suite: tables and figures that a run fills, and recorded values that a later run is judged against.

#![expect(clippy::unwrap_used, reason = "a test stops where its subject is missing")]

use retally_manifests::Manifest;
use retally_metrics::{Measurement, Unit};
use retally_suites::evaluation::{EvaluatedSuite, MeasuredModel, Provenance, Verdict};
use retally_suites::run::{DatasetMeasurements, RunMeasurements, method};
use retally_suites::schema::EncoderSelector;
use retally_suites::{CheckOutcome, Suite, SuiteFiles, check, evaluate};
use std::collections::BTreeMap;

const DEFINITION: &str = include_str!("../starter/suite.toml");

fn starter() -> Suite {
    Suite::builtin("starter").unwrap()
}

/// Four encoders whose LDS rises by 0.1, and whose accuracy rises but for the last.
fn run_of(suite: &Suite) -> RunMeasurements {
    let encoder = |index: usize, accuracy: f64| MeasuredModel {
        key: format!("net/block-{index:02}"),
        label: format!("Net, block {index}"),
        family: if index < 2 { "early" } else { "late" }.to_owned(),
        measurements: vec![
            Measurement::of("accuracy", accuracy, Unit::Percent, 300, "probe"),
            Measurement::of("LDS", 0.1 * index as f64, Unit::None, 1000, "code"),
        ],
    };
    let methods = [("accuracy", method::LINEAR_PROBE), ("LDS", method::SPATIAL_CODE)];
    RunMeasurements {
        schema: 1,
        suite: suite.id().to_owned(),
        suite_version: suite.definition().version,
        suite_content_sha256: suite.content_digest().to_string(),
        datasets: vec![DatasetMeasurements {
            dataset: "noto-emoji".to_owned(),
            samples: 1000,
            samples_in_dataset: 1000,
            methods: methods.map(|(metric, method)| (metric.to_owned(), method.to_owned())).into(),
            models: vec![encoder(0, 40.0), encoder(1, 50.0), encoder(2, 60.0), encoder(3, 45.0)],
        }],
    }
}

fn verdicts(evaluated: &EvaluatedSuite, table: &str) -> BTreeMap<String, Option<Verdict>> {
    let table = evaluated.tables.iter().find(|candidate| candidate.id == table).unwrap();
    let cells = table.rows.iter().flat_map(|row| &row.cells).flatten();
    cells.map(|cell| (cell.id.clone(), cell.verdict)).collect()
}

#[test]
fn the_plan_names_what_the_manifests_have() {
    let suite = starter();
    let plan = suite.run_plan().unwrap();
    let manifest = Manifest::builtin().unwrap();
    for dataset in &plan.datasets {
        assert!(manifest.dataset(dataset).is_ok(), "{dataset}");
    }
    for selector in &plan.encoders {
        let EncoderSelector::Model(model) = selector else { panic!("{selector:?}") };
        let taps = &manifest.model(model).unwrap().taps;
        assert!(taps.iter().all(|tap| plan.selects(model, &tap.id)) && !taps.is_empty(), "{model}");
    }
}

/// The starter as it is where nothing is recorded yet.
fn unrecorded() -> Suite {
    Suite::from_files(SuiteFiles {
        definition: DEFINITION,
        cells: None,
        correlations: None,
        further: &[],
    })
    .unwrap()
}

#[test]
fn without_a_run_tables_and_figures_are_empty_and_say_so() {
    let evaluated = evaluate(&unrecorded(), None);
    assert!(evaluated.tables.iter().all(|table| table.rows.is_empty()));
    for panel in evaluated.figures[0].panels() {
        assert!(panel.points.is_empty());
        assert_eq!((panel.correlation.pearson, panel.correlation.verdict), (None, None));
        assert!(
            panel.correlation.explanation.contains("0 pairs"),
            "{}",
            panel.correlation.explanation
        );
    }
    assert_eq!(check(&evaluated).outcome, CheckOutcome::AllAsClaimed);
}

#[test]
fn a_run_fills_tables_figure_and_correlations() {
    let suite = unrecorded();
    let evaluated = evaluate(&suite, Some(&run_of(&suite)));
    let encoders = &evaluated.tables[0];
    assert_eq!(encoders.rows.len(), 4);
    assert_eq!(
        (encoders.rows[2].label.as_str(), encoders.rows[2].group.as_str()),
        ("Net, block 2", "late")
    );
    let lds = encoders.columns.iter().position(|column| column.key == "LDS").unwrap();
    assert_eq!(
        encoders.rows[2].cells[lds].as_ref().unwrap().measured.as_ref().unwrap().value(),
        Some(0.2)
    );
    let cds = encoders.columns.iter().position(|column| column.key == "CDS").unwrap();
    assert!(encoders.rows[2].cells[cds].is_none());

    let panel = &evaluated.figures[0].panels()[0];
    assert_eq!((panel.x.key.as_str(), panel.y.key.as_str()), ("LDS", "accuracy"));
    assert_eq!(panel.points.len(), 4);
    assert!(panel.points.iter().all(|point| point.provenance.is_none()));
    // Σ(x - x̄)(y - ȳ) = 2.5, Σ(x - x̄)² = 0.05 · 100 / 100 = 0.05, Σ(y - ȳ)² = 218.75.
    let r = panel.correlation.pearson.unwrap();
    assert!((r - 1.25 / (0.05_f64 * 218.75).sqrt()).abs() < 1e-12, "{r}");

    let matrix = evaluated.tables.iter().find(|table| table.id == "correlations").unwrap();
    assert!(matrix.columns.iter().all(|column| column.unit == "none"));
    assert!(matrix.rows[0].cells[0].is_none());
    let of = |row: usize, column: usize| {
        matrix.rows[row].cells[column].as_ref().unwrap().measured.clone().unwrap()
    };
    assert_eq!(of(0, 1).value(), Some(r));
    assert_eq!(of(1, 0).value(), Some(r));
    assert!(of(0, 2).absence().unwrap().detail.contains("0 pairs"));

    assert!(evaluated.identity_checks.iter().all(|check| check.holds));
    assert_eq!(check(&evaluated).outcome, CheckOutcome::AllAsClaimed);
    assert_eq!(evaluated.measured.len(), 4);
}

/// Every tap of the manifests has its four recorded values, and nothing else is recorded.
#[test]
fn every_tap_of_the_starter_is_recorded() {
    let suite = starter();
    let manifest = Manifest::builtin().unwrap();
    let mut expected = std::collections::BTreeSet::new();
    for model in manifest.models() {
        for tap in
            model.taps.iter().filter(|tap| suite.run_plan().unwrap().selects(&model.id, &tap.id))
        {
            for metric in ["LDS", "CDS", "SRSS", "RMSC"] {
                expected.insert((format!("{}/{}", model.id, tap.id), metric.to_owned()));
            }
        }
    }
    let recorded =
        suite.cells().iter().map(|cell| (cell.row.clone(), cell.column.clone())).collect();
    assert_eq!(expected, recorded);
}

#[test]
fn recorded_values_are_what_a_run_is_judged_against() {
    let recorded = "table,row,column,value,unit,provenance,source,note\n\
        encoders,net/block-01,LDS,0.100000,none,recorded,retally 0.1.0,\n\
        encoders,net/block-02,LDS,0.250000,none,recorded,retally 0.1.0,\n\
        encoders,net/block-09,LDS,0.300000,none,recorded,retally 0.1.0,\n";
    let files = SuiteFiles {
        definition: DEFINITION,
        cells: Some(("recorded.csv", recorded)),
        correlations: None,
        further: &[],
    };
    let suite = Suite::from_files(files).unwrap();
    assert_ne!(suite.content_digest(), starter().content_digest());
    let evaluated = evaluate(&suite, Some(&run_of(&suite)));
    let found = verdicts(&evaluated, "encoders");
    assert_eq!(found["encoders--net-block-00--lds"], None);
    assert_eq!(found["encoders--net-block-01--lds"], Some(Verdict::Identical));
    assert_eq!(found["encoders--net-block-02--lds"], Some(Verdict::OutsideWorse));
    assert_eq!(found["encoders--net-block-09--lds"], Some(Verdict::NotRun));
    assert_eq!(evaluated.tables[0].rows.len(), 5);
    assert_eq!(check(&evaluated).outcome, CheckOutcome::Outside);
    let cells = evaluated.tables[0].rows.iter().flat_map(|row| &row.cells).flatten();
    let provenances: Vec<_> =
        cells.filter_map(|cell| Some(cell.reported.as_ref()?.provenance)).collect();
    assert_eq!(provenances, [Provenance::Recorded; 3]);

    // A run of the suite before anything was recorded is another protocol.
    let older = run_of(&starter());
    let found = verdicts(&evaluate(&suite, Some(&older)), "encoders");
    assert_eq!(found["encoders--net-block-01--lds"], Some(Verdict::NotComparable));
}

#[test]
fn recorded_values_that_fit_no_table_or_column_are_refused() {
    let refused = |line: &str| {
        let recorded = format!("table,row,column,value,unit,provenance,source,note\n{line}\n");
        let files = SuiteFiles {
            definition: DEFINITION,
            cells: Some(("recorded.csv", &recorded)),
            correlations: None,
            further: &[],
        };
        Suite::from_files(files).unwrap_err().to_string()
    };
    let message = refused("encodres,a,LDS,0.1,none,recorded,r,");
    assert_eq!(
        message,
        "recorded.csv, line 2: 0 [[table]]s of the suite show `encodres`; expected exactly one"
    );
    let message = refused("encoders,a,lds,0.1,none,recorded,r,");
    assert_eq!(message, "recorded.csv, line 2: column `lds` belongs to no [[metric]] of the suite");
    let message = refused("encoders,a,LDS,0.1,percent,recorded,r,");
    assert_eq!(message, "recorded.csv, line 2: unit `percent`; [[metric]] `LDS` allows none");
}

#[test]
fn references_between_definition_and_data_are_checked() {
    let irepa = include_str!("../irepa/suite.toml");
    let cells = include_str!("../irepa/cells.csv");
    let correlations = include_str!("../irepa/correlations.csv");
    let refused = |good: &str, bad: &str| {
        assert!(irepa.contains(good), "{good}");
        let definition = irepa.replacen(good, bad, 1);
        let files = SuiteFiles {
            definition: &definition,
            cells: Some(("cells.csv", cells)),
            correlations: Some(correlations),
            further: &[],
        };
        Suite::from_files(files).unwrap_err().to_string()
    };
    let cases = [
        ("truncated = [\"gFID\"]", "truncated = [\"gfid\"]", "table `table-4` has no such column"),
        ("point-27 = ", "point-28 = ", "table `figure-4-points` has no such row"),
        ("outliers = [\"point-01\"", "outliers = [\"point-00\"", "`figure-4` has no such row"),
        (
            "claim = \"figure-4\"",
            "claim = \"figure-5\"",
            "the paper states only a bound on this coefficient",
        ),
        ("claim = \"figure-4\"", "claim = \"figure-44\"", "0 printed coefficients"),
        (
            "\"params\", \"accuracy\", \"LDS\", \"gFID\"",
            "\"params\", \"accuracy\", \"LDS\"",
            "leaves out `gFID`",
        ),
        (
            "\"params\", \"accuracy\", \"LDS\"",
            "\"params\", \"top-5\", \"accuracy\", \"LDS\"",
            "no cell stands in column `top-5`",
        ),
        (
            "figure-3c / DINOv2-B|alpha=0.0 / gFID",
            "figure-3c / DINOv2-B / gFID",
            "no cell stands there",
        ),
        ("figure-3c / DINOv2-B|alpha=0.0 / gFID", "figure-3c", "expected `table / row / column`"),
        ("id = \"table-5\"", "id = \"table-55\"", "`table-55` has no cells"),
        (
            "source = { cells = \"figure-4\" }",
            "source = { cells = \"figure-2\" }",
            "no cell stands in column `CDS`",
        ),
    ];
    for (good, bad, expected) in cases {
        let message = refused(good, bad);
        assert!(message.contains(expected), "{bad:?} gave {message:?}");
    }
}
