//! Probes trained by gradient descent against PyTorch (recorded by `tests/parity/probe_protocols.py`) and their own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod portable;

use ndarray::Array2;
use portable::{Scrambled, mixture};
use proptest::prelude::*;
use retally_metrics::AbsenceReason;
use retally_metrics::executor::{Executor, Sequential};
use retally_metrics::probe::descent::{
    BatchNormOptions, DescentError, EpochLength, Head, LabelledTable, Observer, Optimiser,
    Progress, RateScale, Recipe, Schedule, ScheduleRead, Selection, Training, Unwatched,
    descent_probe,
};
use retally_metrics::probe::{ProbeError, ProbeOutcome};
use retally_metrics::table::{FeatureTable, MemoryTable, ReadError, TableShape, View};
use serde_json::Value;

const RECORDED: &str = include_str!("../../tests/parity/probe_protocols.json");
const CLASSES: usize = 20;

/// Train and test features with their labels; the class is the sample modulo the classes.
struct Data {
    train: Array2<f32>,
    test: Array2<f32>,
    shape: TableShape,
}

impl Data {
    fn new(samples: [usize; 2], views: usize, tokens: usize, width: usize, spread: f64) -> Self {
        let [train, test] = samples;
        let row = tokens * width;
        let parts: Vec<Array2<f32>> =
            (0..views).map(|view| mixture(1 + view as u64, train, row, CLASSES, spread)).collect();
        Self {
            train: Array2::from_shape_fn((train * views, row), |(place, column)| {
                parts[place % views][[place / views, column]]
            }),
            test: mixture(101, test, row, CLASSES, spread),
            shape: TableShape { samples: train, views, tokens, width },
        }
    }

    fn probe(&self, recipe: &Recipe, seed: u64, executor: &dyn Executor) -> ProbeOutcome {
        let labels =
            |count: usize| -> Vec<u32> { (0..count).map(|i| (i % CLASSES) as u32).collect() };
        let samples = self.test.nrows();
        let (train_labels, test_labels) = (labels(self.shape.samples), labels(samples));
        let train = MemoryTable::new(self.train.view(), self.shape).unwrap();
        let shape = TableShape { samples, views: 1, ..self.shape };
        let test = MemoryTable::new(self.test.view(), shape).unwrap();
        descent_probe(
            LabelledTable { features: &train, labels: &train_labels },
            LabelledTable { features: &test, labels: &test_labels },
            Training { recipe, seed, executor },
            &mut Unwatched,
        )
        .unwrap()
    }
}

fn value(outcome: &ProbeOutcome, metric: &str) -> f64 {
    let found = outcome.measurements.iter().find(|measurement| measurement.metric == metric);
    found.unwrap().value().unwrap()
}

/// The recipe of a recorded case.
fn recorded_recipe(name: &str, case: &Value) -> Recipe {
    let recipe = &case["recipe"];
    let whole = |key: &str| recipe[key].as_u64().unwrap() as usize;
    let rates = match recipe["rates"].as_array() {
        Some(rates) => rates.iter().map(|rate| rate.as_f64().unwrap()).collect(),
        None => vec![recipe["rate"].as_f64().unwrap()],
    };
    let head = match name {
        "attentive" => Head::Attentive { attention_heads: Some(whole("heads")), mlp_ratio: 4 },
        _ => Head::Linear,
    };
    Recipe {
        head,
        batch_norm: (name == "mae-lars")
            .then_some(BatchNormOptions { epsilon: 1e-6, momentum: 0.1 }),
        initial_deviation: recipe["deviation"].as_f64().unwrap_or(0.01),
        batch: whole("batch"),
        epochs: whole("epochs"),
        epoch: match recipe["epoch"].as_str().unwrap() {
            "full" => EpochLength::FullBatches,
            "all" => EpochLength::AllSamples,
            _ => EpochLength::Steps(whole("steps")),
        },
        rates,
        rate_scale: if head == Head::Linear { RateScale::Per256 } else { RateScale::Absolute },
        schedule: Schedule {
            warm_up_epochs: recipe["warm_up"].as_u64().unwrap_or(0) as usize,
            read: match recipe["read"].as_str().unwrap() {
                "step-start" => ScheduleRead::StepStart,
                "step-end" => ScheduleRead::StepEnd,
                _ => ScheduleRead::EpochStart,
            },
        },
        optimiser: match name {
            "mae-lars" => Optimiser::Lars { momentum: 0.9, trust: 0.001, weight_decay: 0.0 },
            "attentive" => {
                Optimiser::AdamW { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 1e-3 }
            }
            _ => Optimiser::Sgd { momentum: 0.9, weight_decay: 0.0 },
        },
        clip: recipe["clip"].as_f64(),
        selection: if name == "dinov2-linear" {
            Selection::HeldOut(0.1)
        } else {
            Selection::LastEpoch
        },
        original_selection: match name {
            "mae-lars" => Some(Selection::BestEpochOnTest),
            "dinov2-linear" => Some(Selection::BestHeadOnTest),
            _ => None,
        },
    }
}

/// Losses to 1e-3 relative (some 1e-7 were seen), accuracy to 0.2 points, rates and epochs exactly.
fn assert_agrees(name: &str, seed: usize, outcome: &ProbeOutcome, expected: &Value) {
    for (metric, expected) in expected.as_object().unwrap() {
        let Some(expected) = expected.as_f64() else { continue };
        let actual = value(outcome, metric);
        let allowed = match metric.as_str() {
            "accuracy" => 0.2,
            "loss" | "train loss" => 1e-3 * expected,
            _ => 1e-12 * expected,
        };
        assert!(
            (actual - expected).abs() <= allowed,
            "{name}, seed {seed}: {metric} is {actual}, PyTorch's {expected}"
        );
    }
}

fn case(name: &str) -> Value {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    recorded["cases"][name].clone()
}

fn data_of(name: &str, case: &Value) -> Data {
    let views = case["views"].as_u64().unwrap() as usize;
    match name {
        "attentive" => {
            Data::new([1000, 2500], views, 6, 32, case["recipe"]["spread"].as_f64().unwrap())
        }
        _ => Data::new([4000, 5000], views, 1, 192, 5.0),
    }
}

fn assert_case_agrees(name: &str, alternative: Option<&str>) {
    let case = case(name);
    let data = data_of(name, &case);
    let recipe = recorded_recipe(name, &case);
    for (seed, expected) in case["seeds"].as_array().unwrap().iter().enumerate() {
        let outcome = data.probe(&recipe, seed as u64, &Sequential);
        assert_agrees(name, seed, &outcome, expected);
        if let Some(alternative) = alternative {
            let original = recipe.clone().with_original_selection();
            let outcome = data.probe(&original, seed as u64, &Sequential);
            assert_agrees(alternative, seed, &outcome, &expected[alternative]);
            let method = &outcome.measurements[0].method;
            assert!(method.contains("ON THE TEST SET ITSELF"), "{method}");
        }
    }
}

#[test]
fn mae_lars_agrees_with_pytorch() {
    assert_case_agrees("mae-lars", Some("best epoch"));
}

#[test]
fn moco_v3_sgd_agrees_with_pytorch() {
    assert_case_agrees("moco-v3-sgd", None);
}

#[test]
fn dinov2_linear_agrees_with_pytorch() {
    assert_case_agrees("dinov2-linear", Some("best head on test"));
}

#[test]
fn attentive_agrees_with_pytorch() {
    assert_case_agrees("attentive", None);
}

/// A short training of each kind.
fn small(name: &str) -> (Recipe, Data) {
    let case = case(name);
    let recipe = Recipe { epochs: 4, ..recorded_recipe(name, &case) };
    let data = match name {
        "attentive" => Data::new([300, 100], 1, 6, 32, 3.0),
        // Several bands of a batch, and several segments of a gradient.
        _ => Data::new([2500, 400], 2, 1, 24, 3.0),
    };
    let batch = if name == "mae-lars" { 2300 } else { recipe.batch };
    (Recipe { batch, ..recipe }, data)
}

#[test]
fn threads_change_no_bit() {
    for name in ["mae-lars", "moco-v3-sgd", "dinov2-linear", "attentive"] {
        let (recipe, data) = small(name);
        let outcome = data.probe(&recipe, 3, &Sequential);
        assert_eq!(outcome, data.probe(&recipe, 3, &Scrambled), "{name}");
        assert_ne!(outcome, data.probe(&recipe, 4, &Sequential), "{name}");
    }
}

#[test]
fn a_rate_beyond_reason_is_an_absence_with_its_place() {
    let (recipe, data) = small("moco-v3-sgd");
    let wild = Recipe { rates: vec![1e30], ..recipe.clone() };
    let outcome = data.probe(&wild, 0, &Sequential);
    assert!(outcome.predictions.is_empty());
    for measurement in &outcome.measurements {
        let absence = measurement.absence().unwrap();
        assert_eq!(absence.reason, AbsenceReason::Diverged);
        assert!(
            absence.detail.starts_with("diverged at epoch 1 of 4, step "),
            "{}",
            absence.detail
        );
    }
    // One head of several that diverges leaves the others.
    let rates = vec![1e30, 0.01];
    for selection in [Selection::HeldOut(0.1), Selection::BestHeadOnTest] {
        let sweep = Recipe { rates: rates.clone(), selection, ..recipe.clone() };
        assert_eq!(value(&data.probe(&sweep, 0, &Sequential), "rate"), 0.01);
        let wild = Recipe { rates: vec![1e30, 1e35], selection, ..recipe.clone() };
        let outcome = data.probe(&wild, 0, &Sequential);
        assert!(outcome.measurements[0].absence().unwrap().detail.contains("all 2 rates diverged"));
    }
}

struct StopsAt(usize, Vec<Progress>);

impl Observer for StopsAt {
    fn step(&mut self, progress: Progress) -> bool {
        self.1.push(progress);
        progress.step < self.0
    }
}

#[test]
fn a_watcher_sees_every_step_and_can_end_it() {
    let (recipe, data) = small("moco-v3-sgd");
    let labels: Vec<u32> = (0..2500).map(|i| (i % CLASSES) as u32).collect();
    let table = MemoryTable::new(data.train.view(), data.shape).unwrap();
    let set = LabelledTable { features: &table, labels: &labels };
    let mut observer = StopsAt(25, Vec::new());
    let training = Training { recipe: &recipe, seed: 0, executor: &Sequential };
    let error = descent_probe(set, set, training, &mut observer).unwrap_err();
    assert!(matches!(error, DescentError::Stopped { epoch: 3, epochs: 4 }), "{error}");
    assert_eq!(observer.1.len(), 25);
    assert_eq!((observer.1[9].step, observer.1[9].epoch, observer.1[9].steps), (10, 1, 40));
    assert!(observer.1.iter().all(|progress| progress.loss.unwrap().is_finite()));
    assert!(observer.1[0].rate > observer.1[24].rate);
}

/// A table whose file has gone.
#[derive(Debug)]
struct Gone(TableShape);

impl FeatureTable for Gone {
    fn shape(&self) -> TableShape {
        self.0
    }

    fn read(&self, _: &[View], _: &mut [f32]) -> Result<(), ReadError> {
        Err(ReadError::new("the file has gone"))
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let (recipe, data) = small("mae-lars");
    let labels: Vec<u32> = (0..2500).map(|i| (i % CLASSES) as u32).collect();
    let table = MemoryTable::new(data.train.view(), data.shape).unwrap();
    let set = LabelledTable { features: &table, labels: &labels };
    let refused = |recipe: &Recipe, train, test| {
        let training = Training { recipe, seed: 0, executor: &Sequential };
        descent_probe(train, test, training, &mut Unwatched).unwrap_err()
    };
    let option = |recipe: Recipe| match refused(&recipe, set, set) {
        DescentError::Probe(ProbeError::Option { name, .. }) => name,
        other => panic!("{other}"),
    };
    let wrong = |rates: Vec<f64>| Recipe { rates, ..recipe.clone() };
    assert_eq!(option(wrong(vec![])), "the number of rates");
    assert_eq!(option(wrong(vec![f64::NAN])), "the rate");
    assert_eq!(option(wrong(vec![0.1, 0.2])), "the number of rates");
    assert_eq!(option(Recipe { batch: 0, ..recipe.clone() }), "the batch");
    assert_eq!(option(Recipe { epochs: 2, ..recipe.clone() }), "the warm-up");
    assert_eq!(option(Recipe { clip: Some(0.0), ..recipe.clone() }), "the clipped length");
    let large = Recipe { batch: 2501, ..recipe.clone() };
    assert!(matches!(
        refused(&large, set, set),
        DescentError::Probe(ProbeError::BatchExceedsTrain { batch: 2501, samples: 2500 })
    ));
    let gone = Gone(data.shape);
    let gone = LabelledTable { features: &gone, labels: &labels };
    assert_eq!(refused(&recipe, set, gone).to_string(), "the file has gone");
    let tokens = TableShape { tokens: 2, width: 12, ..data.shape };
    let tokens = MemoryTable::new(data.train.view(), tokens).unwrap();
    let tokens = LabelledTable { features: &tokens, labels: &labels };
    assert!(matches!(
        refused(&recipe, tokens, tokens),
        DescentError::Probe(ProbeError::TokensForLinear { tokens: 2 })
    ));
    let short = LabelledTable { labels: &labels[..7], ..set };
    let expected = ProbeError::RowCount { set: "train", features: 2500, labels: 7 };
    assert_eq!(refused(&recipe, short, set).to_string(), expected.to_string());
    let mut holed = data.train.clone();
    holed[[2401, 3]] = f32::INFINITY;
    let holed = MemoryTable::new(holed.view(), data.shape).unwrap();
    let holed = LabelledTable { features: &holed, labels: &labels };
    let expected = ProbeError::NonFinite { set: "test", row: 2401, column: 3 };
    assert_eq!(refused(&recipe, set, holed).to_string(), expected.to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Other names for the classes, in the same order, change no prediction but its name.
    #[test]
    fn names_of_classes_are_only_names(seed in 0..100_u64, gap in 1..1000_u32) {
        let (recipe, data) = small("mae-lars");
        let named = |name: &dyn Fn(usize) -> u32| {
            let labels: Vec<u32> = (0..2500).map(|i| name(i % CLASSES)).collect();
            let table = MemoryTable::new(data.train.view(), data.shape).unwrap();
            let set = LabelledTable { features: &table, labels: &labels };
            let training = Training { recipe: &recipe, seed, executor: &Sequential };
            descent_probe(set, set, training, &mut Unwatched).unwrap()
        };
        let (plain, spread) = (named(&|class| class as u32), named(&|class| class as u32 * gap + 7));
        prop_assert_eq!(&plain.measurements, &spread.measurements);
        let renamed: Vec<u32> = plain.predictions.iter().map(|label| label * gap + 7).collect();
        prop_assert_eq!(renamed, spread.predictions);
    }

    /// Batch normalisation takes units away: powers of two change nothing beyond epsilon and rounding.
    #[test]
    fn batch_normalised_probes_do_not_see_units(seed in 0..100_u64, exponent in 0..6_i32) {
        let (recipe, mut data) = small("mae-lars");
        let plain = data.probe(&recipe, seed, &Sequential);
        let factor = 2.0_f32.powi(exponent);
        data.train *= factor;
        data.test *= factor;
        let scaled = data.probe(&recipe, seed, &Sequential);
        let [first, second] = [&plain, &scaled].map(|outcome| value(outcome, "train loss"));
        prop_assert!((first - second).abs() < 1e-4 * first, "{} {}", first, second);
    }

    /// The classes stand in another order: without weights to begin with, only the names of the predictions change.
    #[test]
    fn the_order_of_classes_changes_no_loss(turn in 1..CLASSES) {
        let (recipe, data) = small("moco-v3-sgd");
        let recipe = Recipe { initial_deviation: 0.0, ..recipe };
        let turned = |turn: usize| {
            let labels: Vec<u32> = (0..2500).map(|i| ((i + turn) % CLASSES) as u32).collect();
            let table = MemoryTable::new(data.train.view(), data.shape).unwrap();
            let set = LabelledTable { features: &table, labels: &labels };
            let training = Training { recipe: &recipe, seed: 1, executor: &Sequential };
            descent_probe(set, set, training, &mut Unwatched).unwrap()
        };
        let (plain, turned) = (turned(0), turned(turn));
        for metric in ["loss", "train loss"] {
            let (first, second) = (value(&plain, metric), value(&turned, metric));
            prop_assert!((first - second).abs() < 1e-5 * first, "{} {}", first, second);
        }
    }
}
