use super::*;
use crate::evaluate;
use crate::evaluation::MeasuredModel;
use crate::run::{DatasetMeasurements, RunMeasurements};
use retally_metrics::Unit;

const DEFINITION: &str = include_str!("../../starter/suite.toml");
const RECORDED: &str = include_str!("../../starter/recorded.csv");
const LOCK: &str = include_str!("../../lock.toml");

fn starter() -> SuiteTexts {
    SuiteTexts {
        definition: DEFINITION.to_owned(),
        cells: Some(("recorded.csv".to_owned(), RECORDED.to_owned())),
        correlations: None,
        further: Vec::new(),
    }
}

/// A run that measured exactly what is recorded, but for one number.
fn evaluated(texts: &SuiteTexts, row: &str, column: &str, moved_by: f64) -> EvaluatedSuite {
    let suite = texts.suite().unwrap();
    let mut models: Vec<MeasuredModel> = Vec::new();
    for cell in suite.cells() {
        let change =
            if (cell.row.as_str(), cell.column.as_str()) == (row, column) { moved_by } else { 0.0 };
        let value = cell.number.value() + change;
        let measurement = Measurement::of(&cell.column, value, Unit::None, 1045, "test");
        match models.iter_mut().find(|model| model.key == cell.row) {
            Some(model) => model.measurements.push(measurement),
            None => models.push(MeasuredModel {
                key: cell.row.clone(),
                label: cell.row.clone(),
                family: String::new(),
                measurements: vec![measurement],
            }),
        }
    }
    let method = |metric: &str| (metric.to_owned(), crate::run::method::SPATIAL_CODE.to_owned());
    let run = RunMeasurements {
        schema: crate::run::SCHEMA,
        suite: suite.id().to_owned(),
        suite_version: suite.definition().version,
        suite_content_sha256: suite.content_digest().to_string(),
        datasets: vec![DatasetMeasurements {
            dataset: "noto-emoji".to_owned(),
            samples: 1045,
            samples_in_dataset: 1045,
            methods: ["LDS", "CDS", "SRSS", "RMSC"].map(method).into(),
            models,
        }],
    };
    evaluate(&suite, Some(&run))
}

fn occasion() -> Occasion {
    Occasion {
        reason: Reason::new("ONNX Runtime 1.32 has other kernels, \"tested\"").unwrap(),
        date: "2026-11-27".to_owned(),
        source: "retally 0.1.0 with ONNX Runtime 1.32.0 (2026-11-27)".to_owned(),
        run: Digest::of_bytes(b"run"),
    }
}

fn locked(suite: &SuiteTexts) -> LockedTexts<'_> {
    LockedTexts { suite, lock: LOCK, history: None }
}

const ROW: &str = "mobilenetv2/block-13";

#[test]
fn one_value_moves_one_line_and_the_version_and_the_lock() {
    let texts = starter();
    let run = evaluated(&texts, ROW, "LDS", 0.25);
    let new = relock(locked(&texts), &run, &occasion()).unwrap().unwrap();
    assert_eq!(new.changes.len(), 1);
    let lines = |text: &SuiteTexts| {
        let (_, cells) = text.cells.clone().unwrap();
        cells.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (old_lines, new_lines) = (lines(&texts), lines(&new.texts));
    assert_eq!(old_lines.len(), new_lines.len());
    let differing: Vec<_> =
        old_lines.iter().zip(&new_lines).filter(|(old, new)| old != new).collect();
    assert_eq!(differing.len(), 1);
    let change = &new.changes[0];
    assert!(differing[0].1.contains(&change.new) && differing[0].1.contains("1.32.0"));
    let definition = new.texts.definition.clone();
    assert_eq!(definition.replacen("version = 3", "version = 2", 1), DEFINITION);
    let lock = Lock::parse(&new.lock).unwrap();
    let suite = new.texts.suite().unwrap();
    lock.check(LockedKind::Suite, "starter", 3, suite.content_digest()).unwrap();
    let removed = format!(
        "[[suite]]\nid = \"starter\"\nversion = 3\ncontent = \"{}\"\n\n",
        suite.content_digest()
    );
    assert_eq!(new.lock.replacen(&removed, "", 1), LOCK);
    let history: Vec<&str> = new.history.lines().collect();
    assert_eq!(history.len(), 2);
    assert!(
        history[1]
            .starts_with("3,2026-11-27,\"ONNX Runtime 1.32 has other kernels, \"\"tested\"\"\",")
    );

    // The next update keeps what is there.
    let again = evaluated(&new.texts, ROW, "CDS", 0.25);
    let texts = LockedTexts { suite: &new.texts, lock: &new.lock, history: Some(&new.history) };
    let next = relock(texts, &again, &occasion()).unwrap().unwrap();
    assert_eq!(next.version, 4);
    assert!(next.history.starts_with(&new.history));
}

#[test]
fn nothing_moves_without_a_difference_and_line_ends_stay() {
    let texts = starter();
    let same = evaluated(&texts, ROW, "LDS", 0.0);
    assert!(relock(locked(&texts), &same, &occasion()).unwrap().is_none());
    let mut windows = starter();
    windows.cells = Some(("recorded.csv".to_owned(), RECORDED.replace('\n', "\r\n")));
    let run = evaluated(&windows, ROW, "LDS", 0.25);
    let new = relock(locked(&windows), &run, &occasion()).unwrap().unwrap();
    let (_, cells) = new.texts.cells.unwrap();
    assert_eq!(cells.matches("\r\n").count(), cells.matches('\n').count());
}

#[test]
fn a_paper_s_numbers_and_broken_runs_are_refused() {
    let texts = starter();
    // RMSC lies in [0, 1].
    let broken = evaluated(&texts, ROW, "RMSC", 7.0);
    let message = relock(locked(&texts), &broken, &occasion()).unwrap_err().to_string();
    assert!(message.contains("RMSC lies in"), "{message}");
    let none = evaluate(&texts.suite().unwrap(), None);
    let message = relock(locked(&texts), &none, &occasion()).unwrap_err().to_string();
    assert!(message.contains("No run is given"), "{message}");
    let mut reported = starter();
    let cells = RECORDED.replace(",recorded,", ",reported,");
    reported.cells = Some(("recorded.csv".to_owned(), cells));
    let run = evaluated(&reported, ROW, "LDS", 0.25);
    let message = relock(locked(&reported), &run, &occasion()).unwrap_err().to_string();
    assert!(message.contains("a run never changes what a paper prints"), "{message}");
}

#[test]
fn a_reason_says_something() {
    for bad in ["", "  ", "a\nb", "a\u{1b}b", &"x".repeat(1001)] {
        assert!(Reason::new(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Reason::new(" fixed resize ").unwrap(), Reason("fixed resize".to_owned()));
}
