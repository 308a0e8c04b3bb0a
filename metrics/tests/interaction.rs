//! Interaction intensity against NumPy, SciPy and PyTorch (recorded by `tests/parity/interaction.py`), against papers/aia and against its own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod portable;

use portable::uniform;
use proptest::prelude::*;
use retally_metrics::statistics::CorrelationOptions;
use retally_metrics::unified::interaction::{
    CurveOptions, CurveSummary, InteractionTask, LayerIntensity, RowPlace, SampleCurve, Spans,
    StageBounds, Visibility, aia_losses, curve_correlation, uniform_over_visible,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;

const RECORDED: &str = include_str!("../../tests/parity/interaction.json");
const FIGURE_1: &str = include_str!("data/aia_figure_1.csv");
const NO_BOOTSTRAP: CorrelationOptions = CorrelationOptions { seed: 0, bootstrap_draws: 0 };

fn recorded() -> Value {
    serde_json::from_str(RECORDED).unwrap()
}

/// The digitised curves of AIA's Figure 1, two decimals.
fn figure_1() -> BTreeMap<String, Vec<f64>> {
    let curve = |line: &str| {
        let (name, values) = line.split_once(',').unwrap();
        (name.to_owned(), values.split(',').map(|value| value.parse().unwrap()).collect())
    };
    FIGURE_1.lines().map(curve).collect()
}

fn task(name: &str) -> InteractionTask {
    let (_, task) = name.split_once('|').unwrap();
    InteractionTask::ALL.into_iter().find(|known| known.as_str() == task).unwrap()
}

/// [layer][head][query][key].
type Attention = Vec<Vec<Vec<Vec<f64>>>>;

fn intensity(layer: &[Vec<Vec<f64>>], rows: &Spans, keys: &Spans, visibility: &Visibility) -> f64 {
    let mut measured = LayerIntensity::new(keys, layer[0][0].len(), visibility, 1e-9).unwrap();
    for (head, attention) in layer.iter().enumerate() {
        for query in rows.ranges().iter().cloned().flatten() {
            let place = RowPlace { layer: 0, head, query };
            measured.add_row(place, &attention[query]).unwrap();
        }
    }
    measured.mean().unwrap()
}

struct Case {
    name: &'static str,
    seed: u64,
    /// Layers, heads, queries, keys.
    shape: [usize; 4],
    visibility: Visibility,
    rows: Spans,
    keys: Spans,
}

impl Case {
    fn attention(&self) -> Attention {
        let [layers, heads, queries, keys] = self.shape;
        let seen = |query: usize, key: usize| {
            let padded = match &self.visibility {
                Visibility::Causal { padding, .. } | Visibility::Full { padding } => {
                    padding.as_ref().is_some_and(|padding| {
                        padding.ranges().iter().any(|range| range.contains(&key))
                    })
                }
            };
            key < self.visibility.end(query, keys) && !padded
        };
        let row = |layer: usize, head: usize, query: usize| {
            let weight = |key: usize| {
                let index = ((layer * heads + head) * queries + query) * keys + key;
                if seen(query, key) { uniform(self.seed, index as u64) + 1.0 / 16.0 } else { 0.0 }
            };
            let weights: Vec<f64> = (0..keys).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / sum).collect()
        };
        let head =
            |layer, head| (0..queries).map(|query| row(layer, head, query)).collect::<Vec<_>>();
        let layer = |layer| (0..heads).map(|index| head(layer, index)).collect::<Vec<_>>();
        (0..layers).map(layer).collect()
    }
}

fn spans(ranges: &[Range<usize>]) -> Spans {
    Spans::new(ranges.to_vec(), "tokens").unwrap()
}

fn cases() -> [Case; 3] {
    [
        Case {
            name: "causal",
            seed: 31,
            shape: [3, 4, 24, 24],
            visibility: Visibility::Causal { first_query: 0, padding: None },
            rows: spans(std::slice::from_ref(&(9..24))),
            keys: spans(&[1..4, 6..9]),
        },
        Case {
            name: "cached",
            seed: 32,
            shape: [2, 3, 8, 40],
            visibility: Visibility::Causal {
                first_query: 32,
                padding: Some(spans(std::slice::from_ref(&(0..5)))),
            },
            rows: spans(&[0..3, 4..8]),
            keys: spans(std::slice::from_ref(&(5..21))),
        },
        Case {
            name: "full",
            seed: 33,
            shape: [2, 2, 6, 10],
            visibility: Visibility::Full { padding: None },
            rows: spans(std::slice::from_ref(&(0..6))),
            keys: spans(std::slice::from_ref(&(7..10))),
        },
    ]
}

#[test]
fn intensities_and_baselines_equal_numpys() {
    let recorded = recorded();
    for case in cases() {
        let expected = &recorded["cases"][case.name];
        for (layer, expected) in
            case.attention().iter().zip(expected["intensity"].as_array().unwrap())
        {
            let measured = intensity(layer, &case.rows, &case.keys, &case.visibility);
            let expected = expected.as_f64().unwrap();
            assert!((measured - expected).abs() < 1e-13, "{}: {measured} {expected}", case.name);
        }
        let baseline =
            uniform_over_visible(&case.rows, &case.keys, case.shape[3], &case.visibility).unwrap();
        let expected = expected["uniform"].as_f64().unwrap();
        assert!((baseline - expected).abs() < 1e-13, "{}: {baseline} {expected}", case.name);
    }
}

#[test]
fn losses_equal_pytorchs() {
    let (recorded, curves) = (recorded(), figure_1());
    for (name, expected) in recorded["losses"].as_object().unwrap() {
        let (curve, kind) = name.rsplit_once('|').unwrap();
        let bounds = StageBounds::ALL.into_iter().find(|bounds| bounds.as_str() == kind).unwrap();
        let last = expected["last"].as_u64().unwrap() as usize;
        let losses = aia_losses(task(curve), &curves[curve], last, bounds);
        let layers = expected["layers"].as_array().unwrap();
        assert_eq!(losses.len(), layers.len());
        for (loss, expected) in losses.iter().zip(layers) {
            assert!((loss - expected.as_f64().unwrap()).abs() < 1e-15, "{name}");
        }
    }
}

fn summary(name: &str, last_layer: usize) -> CurveSummary {
    let sample = SampleCurve {
        id: name.to_owned(),
        task: task(name),
        intensities: figure_1()[name].clone(),
        uniform: None,
    };
    CurveSummary::of(&[sample], CurveOptions { last_layer: Some(last_layer) }).unwrap()
}

fn value(summary: &CurveSummary, metric: &str) -> f64 {
    let all = summary.measurements();
    all.iter().find(|measured| measured.metric == metric).unwrap().value().unwrap()
}

/// papers/aia, fixture-l-aia and figure-1-means: computed before the curves were rounded to two decimals.
#[test]
fn digitised_curves_give_the_reference_losses_and_means() {
    for (curve, last, kind, expected, tolerance) in [
        ("Emu3|T2I", 30, "paper", 0.0301, 0.0007),
        ("Emu3|I2T", 30, "paper", 0.0058, 0.0003),
        ("Janus-Pro|T2I", 29, "paper", 0.0341, 0.0007),
        ("Janus-Pro|T2I", 29, "code", 0.0341, 0.0007),
        ("Janus-Pro|I2T", 29, "paper", 0.0034, 0.0003),
        ("Janus-Pro|I2T", 29, "code", 0.0033, 0.0003),
    ] {
        let summary = summary(curve, last);
        let task = task(curve);
        for metric in [format!("{task}|L_AIA|{kind}"), format!("{task}|L_AIA-of-mean-curve|{kind}")]
        {
            let measured = value(&summary, &metric);
            assert!((measured - expected).abs() <= tolerance, "{curve} {kind}: {measured}");
        }
    }
    for (curve, mean) in [
        ("Emu3|T2I", 0.062),
        ("Emu3|I2T", 0.180),
        ("Janus-Pro|T2I", 0.677),
        ("Janus-Pro|I2T", 0.132),
        ("BAGEL|T2I", 0.156),
        ("BAGEL|I2T", 0.174),
        ("HunyuanImage-3.0|T2I", 0.371),
        ("Qwen3-VL-8B|I2T", 0.110),
    ] {
        let measured = value(&summary(curve, 29), &format!("{}|mean", task(curve)));
        assert!((measured - mean).abs() < 0.002, "{curve}: {measured}");
    }
}

/// papers/aia section 2.1, the columns of the two-decimal curves, and SciPy.
#[test]
fn correlations_equal_the_reference_and_scipys() {
    let recorded = recorded();
    let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
    for (x, y, pearson, spearman) in [
        ("Emu3|T2I", "Emu3|I2T", -0.3349, -0.4051),
        ("Janus-Pro|T2I", "Janus-Pro|I2T", -0.4694, -0.4962),
        ("BAGEL|T2I", "BAGEL|I2T", -0.7237, -0.7928),
        ("HunyuanImage-3.0|T2I", "Qwen3-VL-8B|I2T", -0.1805, -0.3297),
    ] {
        let found = curve_correlation(&summary(x, 29), &summary(y, 29), NO_BOOTSTRAP).unwrap();
        assert_eq!((rounded(found.pearson), rounded(found.spearman)), (pearson, spearman), "{x}");
        let expected = &recorded["correlations"][x];
        assert_eq!(expected["with"], y);
        assert!((found.pearson - expected["pearson"].as_f64().unwrap()).abs() < 1e-12);
        assert!((found.spearman - expected["spearman"].as_f64().unwrap()).abs() < 1e-12);
    }
    let different =
        curve_correlation(&summary("Emu3|T2I", 29), &summary("BAGEL|I2T", 29), NO_BOOTSTRAP);
    assert!(different.unwrap_err().detail.contains("32 and 28 layers"));
}

#[test]
fn samples_of_another_model_are_refused_and_spread_is_that_of_the_samples() {
    let sample = |id: &str, intensities: &[f64]| SampleCurve {
        id: id.to_owned(),
        task: InteractionTask::TextToImage,
        intensities: intensities.to_vec(),
        uniform: Some(0.5),
    };
    let options = CurveOptions::default();
    let summary =
        CurveSummary::of(&[sample("a", &[0.2, 0.4]), sample("b", &[0.4, 0.4])], options).unwrap();
    assert!((summary.layers[0].mean - 0.3).abs() < 1e-15);
    assert!((summary.layers[0].standard_deviation.unwrap() - 0.02_f64.sqrt()).abs() < 1e-15);
    assert_eq!(summary.layers[1].standard_deviation, Some(0.0));
    assert!((value(&summary, "T2I|mean-std") - 0.02_f64.sqrt() / 2.0).abs() < 1e-15);
    assert!((value(&summary, "T2I|std-of-mean") - 0.005_f64.sqrt()).abs() < 1e-15);
    assert_eq!(value(&summary, "T2I|uniform"), 0.5);
    // Losses of samples: (0.2² / 2 + 0) / 2 a layer; of the mean curve 0.1² / 2.
    assert!((value(&summary, "T2I|L_AIA|paper") - 0.02 / 2.0 / 2.0).abs() < 1e-15);
    assert!((value(&summary, "T2I|L_AIA-of-mean-curve|paper") - 0.005 / 2.0).abs() < 1e-15);
    let error = CurveSummary::of(&[sample("a", &[0.2, 0.4]), sample("b", &[0.4])], options);
    assert!(error.unwrap_err().to_string().contains("sample b has 1 layers"));
    let error = CurveSummary::of(&[sample("a", &[0.2, 1.5])], options);
    assert!(error.unwrap_err().to_string().contains("layer 1 (counted from 0): 1.5"));
    assert!(CurveSummary::of(&[sample("a", &[f64::NAN])], options).is_err());
    assert!(CurveSummary::of(&[], options).is_err());
}

/// Attention of heads x queries x keys from positive weights.
fn layers() -> impl Strategy<Value = (Vec<Vec<Vec<f64>>>, usize)> {
    (1_usize..4, 1_usize..6, 2_usize..9).prop_flat_map(|(heads, queries, keys)| {
        let row = prop::collection::vec(0.0_f64..1.0, keys).prop_map(|weights| {
            let sum: f64 = weights.iter().map(|weight| weight + 0.01).sum();
            weights.iter().map(|weight| (weight + 0.01) / sum).collect::<Vec<_>>()
        });
        let layer = prop::collection::vec(prop::collection::vec(row, queries), heads);
        (layer, 1..keys)
    })
}

proptest! {
    #[test]
    fn masses_are_shares_and_a_set_with_its_complement_has_all((layer, cut) in layers()) {
        let full = Visibility::Full { padding: None };
        let (queries, keys) = (layer[0].len(), layer[0][0].len());
        let rows = spans(std::slice::from_ref(&(0..queries)));
        let below = intensity(&layer, &rows, &spans(std::slice::from_ref(&(0..cut))), &full);
        let above = intensity(&layer, &rows, &spans(std::slice::from_ref(&(cut..keys))), &full);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&below));
        prop_assert!((below + above - 1.0).abs() < 1e-12);
    }

    #[test]
    fn order_of_heads_does_not_matter((mut layer, cut) in layers()) {
        let full = Visibility::Full { padding: None };
        let rows = spans(std::slice::from_ref(&(0..layer[0].len())));
        let keys = spans(std::slice::from_ref(&(0..cut)));
        let before = intensity(&layer, &rows, &keys, &full);
        layer.reverse();
        prop_assert!((intensity(&layer, &rows, &keys, &full) - before).abs() < 1e-13);
    }

    #[test]
    fn uniform_attention_measures_its_own_baseline(text in 1_usize..20, image in 1_usize..20, heads in 1_usize..4) {
        let count = text + image;
        let row = |query: usize| {
            (0..count).map(|key| if key <= query { 1.0 / (query + 1) as f64 } else { 0.0 }).collect::<Vec<_>>()
        };
        let layer = vec![(0..count).map(row).collect::<Vec<_>>(); heads];
        let causal = Visibility::Causal { first_query: 0, padding: None };
        let (rows, keys) = (spans(std::slice::from_ref(&(text..count))), spans(std::slice::from_ref(&(0..text))));
        let baseline = uniform_over_visible(&rows, &keys, count, &causal).unwrap();
        prop_assert!((intensity(&layer, &rows, &keys, &causal) - baseline).abs() < 1e-12);
        let closed = retally_metrics::unified::interaction::uniform_causal(text as u64, 0, image as u64).unwrap();
        prop_assert!((closed - baseline).abs() < 1e-12);
    }

    #[test]
    fn concatenated_samples_give_the_weighted_mean(
        first in prop::collection::vec(0.0_f64..1.0, 1..6),
        second in prop::collection::vec(0.0_f64..1.0, 1..6),
    ) {
        let samples = |values: &[f64]| -> Vec<SampleCurve> {
            let sample = |&value: &f64| SampleCurve {
                id: String::new(), task: InteractionTask::ImageToText, intensities: vec![value], uniform: Some(value),
            };
            values.iter().map(sample).collect()
        };
        let mean = |samples: &[SampleCurve]| CurveSummary::of(samples, CurveOptions::default()).unwrap().layers[0].mean;
        let (a, b) = (samples(&first), samples(&second));
        let both = [a.clone(), b.clone()].concat();
        let weighted = (mean(&a) * first.len() as f64 + mean(&b) * second.len() as f64) / both.len() as f64;
        prop_assert!((mean(&both) - weighted).abs() < 1e-12);
    }
}
