//! The IWM suite as the program carries it: nothing lost, second-hand numbers marked, nothing invented for unknown ones.

#![expect(clippy::unwrap_used, reason = "a test stops where its subject is missing")]

mod common;

use common::{
    cell, cells, check_anchors, check_complete, check_derived, check_unknown, derived, reference,
    table,
};
use retally_suites::evaluation::{EvaluatedSuite, Provenance, Verdict};
use retally_suites::{CheckOutcome, Suite, check, evaluate};

fn iwm() -> (Suite, EvaluatedSuite) {
    let suite = Suite::builtin("iwm").unwrap();
    let evaluated = evaluate(&suite, None);
    (suite, evaluated)
}

#[test]
fn every_row_of_the_reference_is_there_and_shown() {
    let (suite, evaluated) = iwm();
    let files = [
        ("cells.csv", include_str!("../iwm/cells.csv")),
        ("correlations.csv", include_str!("../iwm/correlations.csv")),
    ];
    check_complete(&suite, &evaluated, files);
    check_anchors(&evaluated);
    check_unknown(&evaluated);
    assert!(evaluated.printed_correlations.is_empty());
}

#[test]
fn no_number_of_the_paper_is_said_to_be_read_in_it() {
    let (suite, _) = iwm();
    for printed in suite.cells().iter().filter(|cell| cell.source.starts_with("arXiv:2403.00504")) {
        assert_eq!(printed.provenance, Provenance::Secondary, "{printed:?}");
    }
    // What is reported is another paper's.
    for printed in suite.cells().iter().filter(|c| c.provenance == Provenance::Reported) {
        assert_eq!(printed.table, "contextssl-table-1");
    }
    assert!(suite.correlations().iter().all(|row| row.provenance == Provenance::Secondary));
}

#[test]
fn unknown_rows_and_cells_have_a_reason_and_no_number() {
    let (_, evaluated) = iwm();
    let unknown = |id: &str, row: &str| {
        let row = table(&evaluated, id).rows.iter().find(|candidate| candidate.key == row).unwrap();
        assert!(row.cells.iter().flatten().all(|cell| cell.unknown.is_some()), "{id} {}", row.key);
        row.cells.iter().flatten().count()
    };
    for (id, row, columns) in [
        ("imagenet-finetune", "MAE (at least two rows)", 5),
        ("ade20k", "MAE", 3),
        ("ade20k", "I-JEPA", 3),
        ("frozen-encoder-probes", "DINO", 2),
        ("appendix-ood", "other methods", 4),
        ("figure-4-usable-points", "other models of Figure 4", 4),
        ("multitask-change", "iNat18", 1),
        ("predictor-finetune-design", "steps between", 1),
        ("augmentation", "solarize|threshold", 1),
    ] {
        assert_eq!(unknown(id, row), columns, "{id} {row}");
    }
    let partly = table(&evaluated, "multitask").rows.first().unwrap();
    let kinds: Vec<_> = partly.cells.iter().flatten().map(|c| c.unknown.is_some()).collect();
    assert_eq!(kinds, [true, true, true, true, false]);
    assert_eq!(cells(&evaluated).filter(|cell| cell.unknown.is_some()).count(), 45);
}

#[test]
fn derived_numbers_agree_with_exact_arithmetic() {
    let (_, evaluated) = iwm();
    check_derived(&evaluated, 35, 8);
    let reference = &reference("iwm")["derived"];
    let differences = reference["differences"].as_object().unwrap();
    let claims = derived(&evaluated, "finetuning-differences");
    let expected = differences.values().flat_map(|row| row.as_object().unwrap().values());
    for (claim, exact) in claims.iter().zip(expected) {
        let shown = format!("{:.*}", claim.decimals, claim.recomputed.unwrap());
        assert_eq!(shown, exact.as_str().unwrap(), "{claim:?}");
        assert_eq!(claim.inputs, [Provenance::Secondary]);
    }
    let chance = derived(&evaluated, "chance-levels");
    for (index, name) in [(0, "chance_mrr_256"), (3, "chance_mrr_50")] {
        let expected = reference[name].as_f64().unwrap();
        assert!((chance[index].recomputed.unwrap() - expected).abs() < 1e-15, "{name}");
    }
    assert_eq!(chance[6].recomputed, reference["smallest_bank_below_0.005"].as_f64());
}

#[test]
fn numbers_derived_from_second_hand_ones_are_no_better() {
    let (_, evaluated) = iwm();
    let difference = cell(
        &evaluated,
        "imagenet-finetune-derived",
        "I-JEPA",
        "end-to-end-minus-encoder-finetuned",
    );
    let reported = difference.reported.as_ref().unwrap();
    assert_eq!(reported.provenance, Provenance::Derived);
    assert_eq!(reported.basis, Some(Provenance::Secondary));
    // Chance follows from definitions alone.
    let chance = cell(&evaluated, "mrr-chance", "N=256", "MRR");
    assert_eq!(chance.reported.as_ref().unwrap().basis, None);
    let points = evaluated.figures[0].panels().iter().flat_map(|panel| &panel.points);
    assert!(points.into_iter().all(|point| point.provenance == Some(Provenance::Secondary)));
}

#[test]
fn chance_stands_beside_every_mrr_and_is_not_judged() {
    let (_, evaluated) = iwm();
    for id in ["table-1", "table-2", "appendix-strong-jitter", "contextssl-table-1"] {
        let table = table(&evaluated, id);
        let chance = table.rows.last().unwrap();
        assert!(chance.label.starts_with("chance, bank of "), "{id}");
        for (column, cell) in table.columns.iter().zip(&chance.cells) {
            let is_mrr = column.key.starts_with("MRR");
            assert!(!is_mrr || cell.is_some(), "{id} {}", column.key);
            assert!(cell.as_ref().is_none_or(|cell| cell.verdict.is_none()));
        }
    }
    let chance = cell(&evaluated, "table-2", "chance, bank of 256", "MRR|IWM-18x384");
    let reported = chance.reported.as_ref().unwrap();
    assert_eq!((reported.text.as_str(), reported.provenance), ("0.0239", Provenance::Derived));
    let shared = cell(&evaluated, "contextssl-table-1", "chance, bank of 50", "H@5");
    assert_eq!(shared.reported.as_ref().unwrap().text, "0.10");
}

#[test]
fn the_coefficients_of_figure_4_cannot_be_recomputed() {
    let (_, evaluated) = iwm();
    let panels = evaluated.figures[0].panels();
    let shown: Vec<_> = panels
        .iter()
        .map(|panel| (panel.correlation.n, panel.correlation.reported_text.as_deref()))
        .collect();
    assert_eq!(shown, [(3, Some("+0.93")), (3, Some("-0.85")), (2, None)]);
    for panel in panels {
        let claim = &panel.correlation;
        assert_eq!((claim.pearson, claim.spearman, claim.line), (None, None, None));
        assert_eq!((claim.interval, claim.fisher_p), (None, None));
        assert!(claim.incomplete.is_some() && claim.explanation.starts_with("Not recomputed."));
        assert_eq!(claim.verdict, claim.reported.map(|_| Verdict::NotRun));
        assert_eq!(claim.reported_provenance, claim.reported.map(|_| Provenance::Secondary));
    }
}

#[test]
fn both_probabilities_of_solarize_are_shown() {
    let (_, evaluated) = iwm();
    let table_says = cell(&evaluated, "augmentation", "solarize|probability|table", "value");
    assert_eq!(table_says.reported.as_ref().unwrap().text, "0.1");
    assert_eq!(table_says.also_reported[0].text, "0.2");
}

#[test]
fn nothing_contradicts() {
    let (_, evaluated) = iwm();
    assert!(evaluated.identity_checks.iter().all(|check| check.holds));
    let laws: Vec<_> = evaluated.identity_checks.iter().map(|check| check.law.as_str()).collect();
    for law in ["MRR lies in (0, 1]", "H@k does not fall with k, MRR >= H@1"] {
        assert!(laws.contains(&law), "{law} in {laws:?}");
    }
    let report = check(&evaluated);
    assert_eq!(report.outcome, CheckOutcome::AllAsClaimed);
    assert!(report.derived.is_empty());
}
