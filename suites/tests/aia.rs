//! The suite of AIA and Uni-MMMU as the program carries it: nothing lost, both versions shown, every derived number
//! recomputed, and the shares found that no count gives.

#![expect(clippy::unwrap_used, reason = "a test stops where its subject is missing")]

mod common;

use common::{
    cell, cells, check_anchors, check_complete, check_unknown, derived, reference, table,
};
use retally_suites::evaluation::{
    Drawing, EvaluatedReachability, EvaluatedSuite, Provenance, Verdict,
};
use retally_suites::reachability::Reach;
use retally_suites::{CheckOutcome, Suite, check, evaluate};
use serde_json::Value;
use std::collections::BTreeSet;

fn aia() -> (Suite, EvaluatedSuite) {
    let suite = Suite::builtin("aia").unwrap();
    let evaluated = evaluate(&suite, None);
    (suite, evaluated)
}

#[test]
fn every_row_of_both_references_is_there_and_shown() {
    let (suite, evaluated) = aia();
    let files = [
        ("cells.csv", include_str!("../aia/cells.csv")),
        ("correlations.csv", include_str!("../aia/correlations.csv")),
        ("unimmmu/cells.csv", include_str!("../aia/unimmmu/cells.csv")),
        ("unimmmu/correlations.csv", include_str!("../aia/unimmmu/correlations.csv")),
    ];
    check_complete(&suite, &evaluated, files);
    check_anchors(&evaluated);
    check_unknown(&evaluated);
    // Two coefficients are Uni-MMMU's own; all others are ours and are recomputed.
    let listed: Vec<_> = evaluated.printed_correlations.iter().map(|row| &row.figure).collect();
    assert_eq!(listed, ["unimmmu-text-judge-human"; 2]);
    assert_eq!(evaluated.further_papers[0].identifier, "arXiv:2510.13759v3");
}

#[test]
fn the_28_cells_in_conflict_show_both_versions() {
    let (suite, evaluated) = aia();
    let in_conflict: Vec<_> = cells(&evaluated).filter(|cell| !cell.versions.is_empty()).collect();
    assert_eq!(in_conflict.len(), 28);
    for cell in in_conflict {
        let versions: Vec<_> = cell.versions.iter().map(|v| v.version.as_str()).collect();
        assert_eq!(versions, ["P1", "P5"], "{}", cell.id);
        let [p1, p5] = [&cell.versions[0].value, &cell.versions[1].value];
        assert!(p1.note.starts_with(&format!("version conflict: v5 prints {}", p5.text)));
        assert_ne!(p1.text, p5.text);
        assert_eq!(cell.reported.as_ref(), Some(p5));
        assert!(cell.also_reported.is_empty());
    }
    let noted = suite.cells().iter().filter(|cell| cell.note.starts_with("version conflict"));
    assert_eq!(noted.count(), 2 * 28);
    // The rows that trade places: exactly, but for MMVP and one DPG.
    let of = |row: &str, column: &str| {
        let versions = &cell(&evaluated, "ablation-target-pattern", row, column).versions;
        (versions[0].value.text.clone(), versions[1].value.text.clone())
    };
    for column in ["MMMU", "MMBench", "MMVet", "POPE", "MME-P", "GenEval"] {
        let (simple, qwen) =
            (of("Qwen3-VL + SimpleAR", column), of("Qwen3-VL + Qwen-Image", column));
        assert_eq!((simple.0, simple.1), (qwen.1, qwen.0), "{column}");
    }
    assert_eq!(of("Qwen3-VL + SimpleAR", "MMVP"), ("47.9".to_owned(), "44.1".to_owned()));
}

fn lint<'a>(evaluated: &'a EvaluatedSuite, id: &str) -> &'a EvaluatedReachability {
    evaluated.reachability.iter().find(|check| check.id == id).unwrap()
}

#[test]
fn shares_come_out_as_exact_fractions_say() {
    let (_, evaluated) = aia();
    let recorded = &reference("aia")["derived"]["reachability"];
    let list = |id: &str, kind: &str| -> Vec<String> {
        let texts = recorded[id][kind].as_array().into_iter().flatten();
        texts.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(evaluated.reachability.len(), recorded.as_object().unwrap().len());
    for check in &evaluated.reachability {
        assert_eq!(check.rounded, list(&check.id, "rounding").len(), "{}", check.id);
        for (is_unreachable, kind) in [(false, "truncation"), (true, "unreachable")] {
            let own = check.findings.iter().filter(|f| f.is_unreachable() == is_unreachable);
            let mut found: Vec<_> = own.map(|finding| finding.stated.clone()).collect();
            found.sort_by(|a, b| a.value.total_cmp(&b.value));
            let found: Vec<_> = found.into_iter().map(|stated| stated.text).collect();
            assert_eq!(found, list(&check.id, kind), "{} {kind}", check.id);
        }
    }
}

/// The lists of papers/aia, section 1.3, and papers/unimmmu, section 1.
#[test]
fn the_lists_of_the_reference_notes_hold() {
    let (_, evaluated) = aia();
    let texts = |id: &str, is_unreachable: bool| -> BTreeSet<String> {
        let findings = lint(&evaluated, id).findings.iter();
        let own = findings.filter(|finding| finding.is_unreachable() == is_unreachable);
        own.map(|finding| finding.stated.text.clone()).collect()
    };
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    let unreachable = [
        "10.8", "41.0", "42.4", "43.1", "43.8", "44.1", "44.3", "44.5", "45.5", "45.7", "46.8",
        "46.9", "47.1", "47.5", "47.6", "47.7", "47.9",
    ];
    assert_eq!(texts("mmvp-pairs", true), set(&unreachable));
    assert_eq!(texts("mmvp-pairs", false), set(&["36.6", "46.6"]));
    assert!(texts("mmmu-items", false).is_superset(&set(&["32.5", "40.5", "41.5"])));
    assert_eq!(texts("jigsaw-items", true), set(&["53.0", "57.0"]));
    assert_eq!(texts("code-items", true), set(&["71.6"]));
    for id in ["maze-items", "sliding-items", "geometry-items", "science-items"] {
        assert_eq!(texts(id, true), BTreeSet::new(), "{id}");
    }
    assert!(texts("geometry-items", false).contains("8.5"));
    // The notes of the data say the same of each cell.
    let (suite, _) = aia();
    let noted = suite.cells().iter().filter(|cell| cell.note.contains("not reachable"));
    let found = lint(&evaluated, "mmvp-pairs").unreachable();
    assert_eq!(noted.count(), found);
}

#[test]
fn an_unreachable_share_is_flagged_where_it_stands() {
    let (_, evaluated) = aia();
    let flagged = cell(&evaluated, "ablation-distillation", "Janus-Pro|feature-level KD", "MMVP");
    let reach = flagged.reported.as_ref().unwrap().reach.as_ref().unwrap();
    assert_eq!(reach.found, Reach::Unreachable { below: Some(61), above: Some(62) });
    assert_eq!(
        reach.sentence(),
        "No count of 150 pairs gives it, rounded or cut off: 61 give less, 62 give more."
    );
    let other = cell(&evaluated, "ablation-distillation", "Janus-Pro|feature-level KD", "MMVet");
    assert_eq!(other.reported.as_ref().unwrap().reach, None);
}

#[test]
fn the_average_is_a_constant_that_no_plain_mean_gives() {
    let (_, evaluated) = aia();
    let table = table(&evaluated, "unimmmu-table-2");
    let averages: Vec<_> =
        table.rows.iter().filter_map(|row| row.cells.last().unwrap().as_ref()).collect();
    assert_eq!(averages.len(), 6);
    for average in averages {
        assert!(average.constant.as_ref().unwrap().contains("no plain mean"), "{average:?}");
        assert!(average.explanation.starts_with("A constant of the paper, not judged."));
        assert_eq!((&average.verdict, &average.band), (&None, &None));
    }
    assert_eq!(cells(&evaluated).filter(|cell| cell.constant.is_some()).count(), 6);
    let claims = derived(&evaluated, "unimmmu-means");
    let best = &claims[12];
    let expected = reference("aia")["derived"]["best_mean"].as_f64().unwrap();
    assert!((best.recomputed.unwrap() - expected).abs() < 1e-9, "{best:?}");
    assert!(best.formula.contains("262143 choices"), "{}", best.formula);
    assert_eq!((best.verdict, claims[13].verdict), (Verdict::Identical, Verdict::NotRun));
}

#[test]
fn derived_numbers_agree_with_scipy_and_exact_arithmetic() {
    let (_, evaluated) = aia();
    let recorded = &reference("aia")["derived"];
    let near = |found: Option<f64>, expected: &Value| {
        let (found, expected) = (found.unwrap(), expected.as_f64().unwrap());
        assert!((found - expected).abs() < 1e-12, "{found} against {expected}");
    };
    let pairs = [
        "Emu3|T2I Emu3|I2T",
        "Janus-Pro|T2I Janus-Pro|I2T",
        "BAGEL|T2I BAGEL|I2T",
        "HunyuanImage-3.0|T2I Qwen3-VL-8B|I2T",
    ];
    let ours = derived(&evaluated, "figure-1-correlations");
    for (index, pair) in pairs.iter().enumerate() {
        for (offset, claim) in ours[2 * index..2 * index + 2].iter().enumerate() {
            near(claim.recomputed, &recorded["correlations"][pair][offset]);
            assert_eq!(claim.verdict, Verdict::Identical, "{claim:?}");
            assert_eq!(claim.stated.provenance, Provenance::Derived);
            assert_eq!(claim.inputs, [Provenance::Digitised]);
        }
    }
    let rows = pairs.iter().flat_map(|pair| pair.split(' '));
    for (claim, row) in derived(&evaluated, "figure-1-mean-intensities").iter().zip(rows) {
        near(claim.recomputed, &recorded["means"][row]);
    }
    let distances = derived(&evaluated, "figure-1-distances");
    let rows = ["Emu3|T2I", "Emu3|I2T", "Janus-Pro|T2I", "Janus-Pro|I2T", "BAGEL|T2I", "BAGEL|I2T"];
    for (index, row) in rows.iter().enumerate() {
        near(distances[index].recomputed, &recorded["distances"][row][0]);
        near(distances[6 + index].recomputed, &recorded["distances"][row][1]);
    }
    let losses = recorded["losses"].as_object().unwrap();
    for (claim, loss) in derived(&evaluated, "aia-loss").iter().zip([
        "Emu3|generation",
        "Emu3|understanding",
        "Janus-Pro|generation",
        "Janus-Pro|understanding",
        "Janus-Pro|understanding|code",
    ]) {
        near(claim.recomputed, &losses[loss]);
    }
    let lengths = ["16 576", "64 576", "256 576", "577 64", "577 16"];
    for (claim, lengths) in derived(&evaluated, "uniform-attention-baseline").iter().zip(lengths) {
        near(claim.recomputed, &recorded["uniform"][lengths]);
        assert_eq!(claim.verdict, Verdict::Identical);
    }
    let models =
        ["Bagel", "OmniGen2", "Ovis-U1", "Qwen-Image-Edit", "nano-banana", "GPT-4.1 + GPT-image"];
    for (index, model) in models.iter().enumerate() {
        for (offset, kind) in ["step", "sample"].into_iter().enumerate() {
            let exact = recorded["means_of_14"][model][kind].as_str().unwrap();
            let claim = &derived(&evaluated, "unimmmu-means")[2 * index + offset];
            assert!((claim.recomputed.unwrap() - exact.parse::<f64>().unwrap()).abs() < 1e-12);
        }
    }
}

#[test]
fn every_derived_number_is_confirmed_or_says_why_not() {
    let (_, evaluated) = aia();
    let claims: Vec<_> = evaluated.derived.iter().flat_map(|group| &group.claims).collect();
    let count = |verdict| claims.iter().filter(|claim| claim.verdict == verdict).count();
    let counts = [Verdict::Identical, Verdict::WithinNumeric, Verdict::NotRun].map(count);
    assert_eq!(counts.iter().sum::<usize>(), claims.len());
    // The Spearman coefficients and the search of which only the outcome was recorded.
    assert_eq!(counts[2], 5);
    assert_eq!(claims.len(), 80);
    for claim in claims {
        assert_eq!(claim.recomputed.is_some(), claim.verdict != Verdict::NotRun, "{claim:?}");
    }
}

#[test]
fn the_curves_have_every_point() {
    let (_, evaluated) = aia();
    let chart = |id: &str| {
        let figure = evaluated.figures.iter().find(|figure| figure.id == id).unwrap();
        let Drawing::Curves(chart) = &figure.drawing else { panic!("{id} has no curves") };
        chart.clone()
    };
    for (id, lengths) in [
        ("figure-1-emu3", vec![32, 32]),
        ("figure-1-janus-pro", vec![30, 30]),
        ("figure-1-bagel", vec![28, 28]),
        ("figure-1-task-specific", vec![36, 36]),
        ("figure-5-janus-pro", vec![36; 4]),
        ("figure-5-emu3", vec![36, 36]),
        ("figure-3-emu3", vec![4]),
        ("figure-3-janus-t2i", vec![4]),
        ("figure-3-janus-i2t", vec![4]),
    ] {
        let found = chart(id);
        let counts: Vec<_> = found.series.iter().map(|series| series.points.len()).collect();
        assert_eq!(counts, lengths, "{id}");
        let points = found.series.iter().flat_map(|series| &series.points);
        assert!(points.into_iter().all(|point| point.provenance == Some(Provenance::Digitised)));
    }
    let layers: Vec<_> = chart("figure-1-bagel").series[0].points.iter().map(|p| p.x).collect();
    assert_eq!(layers, (0..28).map(f64::from).collect::<Vec<_>>());
    assert_eq!(chart("figure-1-emu3").range, Some([0.0, 1.0]));
    let ratios: Vec<_> = chart("figure-3-emu3").series[0].points.iter().map(|p| p.x).collect();
    assert_eq!(ratios, [1.0, 10.0, 50.0, 100.0]);
}

#[test]
fn nothing_contradicts() {
    let (_, evaluated) = aia();
    assert!(evaluated.identity_checks.iter().all(|check| check.holds));
    let report = check(&evaluated);
    assert_eq!(report.outcome, CheckOutcome::AllAsClaimed);
    assert!(report.derived.is_empty());
}
