//! The l-DAE suite as the program carries it: nothing lost, every derived number recomputed.

#![expect(clippy::unwrap_used, reason = "a test stops where its subject is missing")]

mod common;

use common::{
    cell, check_anchors, check_complete, check_derived, check_unknown, derived, reference, table,
};
use retally_suites::evaluation::{Bound, Drawing, EvaluatedFigure, EvaluatedSuite, Provenance};
use retally_suites::{CheckOutcome, Suite, check, evaluate};

fn ldae() -> (Suite, EvaluatedSuite) {
    let suite = Suite::builtin("ldae").unwrap();
    let evaluated = evaluate(&suite, None);
    (suite, evaluated)
}

#[test]
fn every_row_of_the_reference_is_there_and_shown() {
    let (suite, evaluated) = ldae();
    let files = [
        ("cells.csv", include_str!("../ldae/cells.csv")),
        ("correlations.csv", include_str!("../ldae/correlations.csv")),
    ];
    check_complete(&suite, &evaluated, files);
    check_anchors(&evaluated);
    check_unknown(&evaluated);
    // Each coefficient is a derived claim, so none is only listed.
    assert!(evaluated.printed_correlations.is_empty());
}

#[test]
fn derived_numbers_agree_with_exact_arithmetic_and_scipy() {
    let (_, evaluated) = ldae();
    check_derived(&evaluated, 60, 2);
    let reference = &reference("ldae")["derived"];
    let correlations = derived(&evaluated, "table-1-correlations");
    for (claim, name) in correlations.iter().zip(["pearson_5", "spearman_5", "pearson_3"]) {
        let expected = reference[name].as_f64().unwrap();
        assert!((claim.recomputed.unwrap() - expected).abs() < 1e-12, "{name}: {claim:?}");
        assert_eq!(claim.stated.provenance, Provenance::Derived);
    }
    assert!(correlations[0].explanation.contains("95 % Fisher interval [-0.71, 0.96]"));
    assert!(correlations[2].explanation.contains("3 points are too few for an interval"));
    // What is recomputed, with the digits of the exact decimal.
    let shown = |group: &str, index: usize| {
        let claim = &derived(&evaluated, group)[index];
        format!("{:.*}", claim.decimals, claim.recomputed.unwrap())
    };
    let exact = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let steps = reference["steps"].as_object().unwrap();
    assert_eq!(steps.len(), 5);
    for (index, step) in steps.values().enumerate() {
        assert_eq!(shown("table-3-changes", index), exact(step));
    }
    assert_eq!(shown("table-3-changes", 5), exact(&reference["net"]));
    for (index, peak) in reference["peaks"].as_object().unwrap().values().enumerate() {
        assert_eq!(shown("table-2-peaks", 3 * index), exact(&peak["peak"]));
        assert_eq!(shown("table-2-peaks", 3 * index + 1), peak["d"].to_string());
        assert_eq!(shown("table-2-peaks", 3 * index + 2), exact(&peak["drop"]));
    }
    for (index, range) in reference["probe_t"].as_object().unwrap().values().enumerate() {
        for (offset, name) in ["min", "max", "range"].into_iter().enumerate() {
            assert_eq!(shown("probe-t-ranges", 3 * index + offset), exact(&range[name]));
        }
    }
}

#[test]
fn a_claim_says_what_it_is_and_where_it_comes_from() {
    let (_, evaluated) = ldae();
    let claim = &derived(&evaluated, "table-3-changes")[0];
    assert_eq!(claim.subject, "predict clean latent: Change");
    assert_eq!(claim.formula, "62.4 - 65.1");
    assert_eq!(claim.cell.as_deref(), Some("table-3-steps--predict-clean-latent--change"));
    let sequence = &derived(&evaluated, "figure-6-sequence")[1];
    assert_eq!(sequence.formula, "62.5 in Table 1, remove class-conditioning: Accuracy");
    let quoted = &derived(&evaluated, "stated-differences")[4];
    assert_eq!((quoted.recomputed, quoted.stated.text.as_str()), (None, "+4"));
    assert!(quoted.explanation.starts_with("Cannot be recomputed. The accuracies at 400"));
}

#[test]
fn the_conflict_between_text_and_table_is_shown() {
    let (_, evaluated) = ldae();
    let row = "remove class-conditioning";
    let accuracy = cell(&evaluated, "table-1", row, "accuracy|linear-probe");
    let fid = cell(&evaluated, "table-1", row, "gFID|50K");
    assert_eq!(accuracy.reported.as_ref().unwrap().text, "62.5");
    assert_eq!(fid.reported.as_ref().unwrap().text, "30.9");
    let others = |cell: &retally_suites::evaluation::EvaluatedCell| {
        cell.also_reported.iter().map(|other| other.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(others(accuracy), ["62.1", "62.5"]);
    assert_eq!(others(fid), ["34.2"]);
    assert!(accuracy.also_reported[0].note.contains("erratum inside v1"));
    // Figure 6 has the table's number, and the text's beside it.
    let figure = cell(&evaluated, "figure-6", "step-01", "accuracy|linear-probe");
    assert_eq!(others(figure), ["62.5", "62.1"]);
    assert!(evaluated.traps[0].contains("62.1 % and FID 34.2"));
}

fn figure<'a>(suite: &'a EvaluatedSuite, id: &str) -> &'a EvaluatedFigure {
    suite.figures.iter().find(|figure| figure.id == id).unwrap()
}

#[test]
fn the_trajectory_has_thirteen_named_steps() {
    let (_, evaluated) = ldae();
    let Drawing::Bars(chart) = &figure(&evaluated, "figure-6-bars").drawing else { panic!() };
    assert_eq!((chart.bars.len(), chart.range), (13, Some([56.0, 66.0])));
    let ends: Vec<_> = [0, 12].map(|index| chart.bars[index].text.as_deref()).into();
    assert_eq!(ends, [Some("57.5"), Some("64.5")]);
    assert_eq!(chart.bars[7].label, "patch-wise PCA");
    assert_eq!(chart.bars.iter().filter(|bar| bar.group == Some(1)).count(), 3);
    assert!(chart.bars.iter().all(|bar| bar.group.is_some()));
}

#[test]
fn the_curves_have_every_printed_point_and_say_which_are_uncertain() {
    let (_, evaluated) = ldae();
    let Drawing::Curves(chart) = &figure(&evaluated, "table-2-plot").drawing else { panic!() };
    let counts: Vec<_> = chart.series.iter().map(|series| series.points.len()).collect();
    assert_eq!(counts, [5, 4, 4, 5]);
    let xs: Vec<_> = chart.series[0].points.iter().map(|point| point.x).collect();
    assert_eq!(xs, [8.0, 16.0, 32.0, 64.0, 128.0]);
    let Drawing::Curves(chart) = &figure(&evaluated, "figure-5-plot").drawing else { panic!() };
    let pixels = &chart.series[0];
    let points: Vec<_> = pixels.points.iter().map(|p| (p.x, p.y, p.is_uncertain)).collect();
    let expected = [
        (12.0, 43.7, true),
        (12.0, 44.7, true),
        (48.0, 58.5, false),
        (192.0, 53.0, true),
        (768.0, 23.6, false),
    ];
    assert_eq!(points, expected);
    assert_eq!(chart.series[1].points.len(), 5);
}

#[test]
fn unknown_cells_bounds_and_lists_are_shown_as_such() {
    let (_, evaluated) = ldae();
    let point = cell(&evaluated, "figure-5", "pixel|image/patch=32/2", "accuracy|linear-probe");
    assert!(point.unknown.as_ref().unwrap().contains("43.7 or 44.7"));
    let bound =
        cell(&evaluated, "text-pixel-dae", "plain pixel-space DAE", "accuracy|linear-probe");
    assert_eq!(bound.reported.as_ref().unwrap().bound, Some(Bound::Below));
    let protocol = table(&evaluated, "protocol-linear-probe");
    let headings: Vec<_> = protocol.columns.iter().map(|column| column.label.as_str()).collect();
    assert_eq!(headings, ["l-DAE", "MAE"]);
    let input = protocol.rows.iter().find(|row| row.key == "input|size").unwrap();
    assert_eq!(input.label, "input, size (px)");
    let texts: Vec<_> =
        input.cells.iter().flatten().map(|c| &c.reported.as_ref().unwrap().text).collect();
    assert_eq!(texts, ["256", "224"]);
    let momentum = cell(&evaluated, "protocol-linear-probe", "optimiser|momentum", "l-DAE");
    assert!(momentum.unknown.is_some());
    // One data table, three tables: the methods, their sizes, and the text.
    assert_eq!(table(&evaluated, "table-4").rows.len(), 3);
    assert_eq!(table(&evaluated, "table-4").columns.len(), 2);
    assert_eq!(table(&evaluated, "table-4-sizes").columns.len(), 1);
}

#[test]
fn nothing_contradicts() {
    let (_, evaluated) = ldae();
    assert!(evaluated.identity_checks.iter().all(|check| check.holds));
    let report = check(&evaluated);
    assert_eq!(report.outcome, CheckOutcome::AllAsClaimed);
    assert!(report.derived.is_empty());
}
