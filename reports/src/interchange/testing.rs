//! A small run that has one of everything: every kind of bound, an absence, a wrong number, hostile texts.

use super::{
    About, DatasetFacts, FileFacts, Judged, LibraryFacts, MetricFacts, ResultFacts, RunFacts,
    SubjectFacts, SuiteFacts,
};
use retally_manifests::Digest;
use retally_metrics::{Absence, AbsenceReason, Finite, Interval, Measurement, Unit};
use retally_suites::evaluation::{Direction, Verdict};
use retally_suites::identity::bounds;

/// The run.
pub(super) fn facts() -> RunFacts {
    RunFacts {
        suite: SuiteFacts {
            id: "starter".to_owned(),
            name: "Starter".to_owned(),
            version: 2,
            content: Digest::of_bytes(b"suite"),
            summary: "Measures \"spatial\" structure,\nand accuracy.\n".to_owned(),
            paper: Some("arXiv:2512.10794v1".to_owned()),
        },
        retally: "0.1.0".to_owned(),
        library: LibraryFacts {
            version: "1.31.1".to_owned(),
            sha256: Digest::of_bytes(b"library"),
        },
        started: 1_795_809_015,
        ended: 1_795_809_178,
        settings: vec![
            ("device".to_owned(), "cpu".to_owned()),
            ("fast".to_owned(), "false".to_owned()),
        ],
        datasets: vec![DatasetFacts {
            id: "noto-emoji".to_owned(),
            name: "Noto emoji".to_owned(),
            samples: 1_045,
            samples_in_dataset: 1_045,
            split: Some([725, 320]),
            files: vec![file("noto-emoji.tar", &["https://example.org/noto-emoji.tar"])],
            subjects: vec![encoder(), generator()],
        }],
    }
}

fn file(name: &str, addresses: &[&str]) -> FileFacts {
    FileFacts {
        name: name.to_owned(),
        sha256: Digest::of_bytes(name.as_bytes()),
        bytes: 5_222_400,
        licence: "Apache-2.0".to_owned(),
        addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
    }
}

fn encoder() -> SubjectFacts {
    let accuracy = result("accuracy", 62.5, Unit::Percent, Some(Direction::HigherIsBetter));
    let accuracy = ResultFacts {
        measurement: accuracy.measurement.clone().with_interval(Some(interval(56.0, 69.0))),
        judged: vec![Judged {
            cell: "encoders--vit-s-layer-09--accuracy".to_owned(),
            printed: "62.5".to_owned(),
            source: "retally 0.1.0".to_owned(),
            verdict: Verdict::Identical,
        }],
        ..accuracy
    };
    let absence = Absence::new(AbsenceReason::MissingInput, "no masks");
    let mut srss = result("SRSS", 0.0, Unit::None, Some(Direction::HigherIsBetter));
    srss.measurement = Measurement::absent("SRSS", Unit::None, 0, "masks", absence);
    let mut recall = result("recall", 0.5, Unit::Fraction, Some(Direction::HigherIsBetter));
    recall.is_invalid = true;
    SubjectFacts {
        model: "vit-s".to_owned(),
        part: Some("layer-09".to_owned()),
        name: "ViT-S \"small\"".to_owned(),
        label: "ViT-S \"small\", layer 9".to_owned(),
        files: vec![file("vit-s.onnx", &[])],
        preprocessing: Some("resize=pillow-bicubic/13:stretch-224x224".to_owned()),
        results: vec![
            accuracy,
            result("LDS", -1e-7, Unit::None, Some(Direction::HigherIsBetter)),
            srss,
            result("FD", 24.25, Unit::None, Some(Direction::LowerIsBetter)),
            result("KID", 0.001, Unit::None, Some(Direction::LowerIsBetter)),
            result("precision", 0.25, Unit::Fraction, Some(Direction::HigherIsBetter)),
            recall,
            result("sigma", 0.8, Unit::None, Some(Direction::Neutral)),
            result("C", 0.1, Unit::None, None),
        ],
    }
}

fn generator() -> SubjectFacts {
    SubjectFacts {
        model: "flow".to_owned(),
        part: None,
        name: "Flow".to_owned(),
        label: "Flow".to_owned(),
        files: Vec::new(),
        preprocessing: None,
        results: vec![result("IS", 3.0, Unit::None, Some(Direction::HigherIsBetter))],
    }
}

fn interval(low: f64, high: f64) -> Interval {
    Interval {
        low: Finite::new(low).unwrap(),
        high: Finite::new(high).unwrap(),
        level: 0.95,
        method: "wilson".to_owned(),
    }
}

fn result(metric: &str, value: f64, unit: Unit, direction: Option<Direction>) -> ResultFacts {
    ResultFacts {
        measurement: Measurement::of(metric, value, unit, 320, format!("definition of {metric}")),
        method: Some("retally-test/1".to_owned()),
        metric: direction.map(|direction| MetricFacts { label: metric.to_owned(), direction }),
        bounds: bounds(metric, unit),
        is_invalid: false,
        judged: Vec::new(),
    }
}

/// What the user says of it.
pub(super) fn about() -> About {
    toml::from_str(
        r#"
[evaluator]
organisation = "Example \"Lab\""
url = "https://example.org"

[models.vit-s]
id = "example/vit-s"
relationship = "third_party"
availability = "open_weights"

[models.flow]
id = "example/flow"
relationship = "first_party"

[croissant]
iri = "https://example.org/starter"

[[hugging_face]]
model = "vit-s/layer-09"
dataset = "noto-emoji"
metric = "accuracy"
benchmark = "example/emoji"
task = "yes"
unit = "fraction"
revision = "5503434ddd753f426f4b38109466949a1217c2bb"
source = { url = "https://example.org/run", name = "Run: \"1\"", user = "null" }
notes = 'linear probe: "frozen" # no'

[[hugging_face]]
model = "vit-s/layer-09"
dataset = "noto-emoji"
metric = "precision"
benchmark = "example/emoji"
task = "precision"
unit = "fraction"
"#,
    )
    .unwrap()
}
