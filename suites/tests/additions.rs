//! What a suite may say beside its cells: unknown cells, reference rows, lists, figures of bars and curves, derived numbers.
//! Each wrong reference is refused where it stands.

#![expect(clippy::unwrap_used, reason = "a test stops where its subject is missing")]

use retally_suites::evaluation::{EvaluatedSuite, Verdict};
use retally_suites::{CheckOutcome, FurtherData, Suite, SuiteFiles, check, evaluate};

const DEFINITION: &str = r#"
schema = 1
id = "small"
name = "Small"
version = 1
summary = "A suite for tests."

[[metric]]
key = "accuracy"
label = "Accuracy"
units = ["percent"]
direction = "higher-is-better"

[[table]]
id = "table-1"
label = "Table 1"
title = "A table."
rows = ["B", "A"]

[[table.unknown]]
rows = ["C"]
reason = "Nobody read it."

[[table.reference]]
label = "baseline"
cells = ["table-2 / base / accuracy"]

[[table]]
id = "table-2"
label = "Table 2"
title = "Constants."
role = "constants"
shape = "list"

[[figure]]
id = "figure-1"
label = "Figure 1"
title = "Bars."
[figure.bars]
points = { cells = "table-1" }
column = "accuracy|d=8"
axis = [50, 70]
[[figure.bars.group]]
label = "Both"
rows = ["A", "B"]

[[figure]]
id = "figure-2"
label = "Figure 2"
title = "Curves."
[figure.curves]
x = { label = "d", scale = "logarithmic" }
y = "accuracy"
[[figure.curves.series]]
label = "A"
points = { row = { table = "table-1", row = "A", along = "d" } }

[[derived]]
id = "changes"
label = "Changes"
title = "A minus B."

[[derived.claim]]
cell = "table-2 / A minus B / change"
by = { difference = ["table-1 / A / accuracy|d=8", "table-1 / B / accuracy|d=8"] }

[[derived.claim]]
cell = "table-2 / A minus B / wrong"
by = { difference = ["table-1 / A / accuracy|d=8", "table-1 / B / accuracy|d=8"] }

[[derived.claim]]
cell = "table-2 / A minus B / rounded"
by = { difference = ["table-1 / A / accuracy|d=8", "table-1 / B / accuracy|d=8"] }

[[derived.claim]]
cell = "table-2 / A / best"
by = { argmax = { cells = { table = "table-1", row = "A" }, along = "d" } }

[[derived.claim]]
cell = "table-2 / B / best"
by = { argmax = { cells = { table = "table-1", row = "B" }, along = "d" } }
"#;

const CELLS: &str = "table,row,column,value,unit,provenance,source,note
table-1,A,accuracy|d=8,60.0,percent,reported,s,
table-1,A,accuracy|d=16,65.0,percent,reported,s,
table-1,B,accuracy|d=8,58.8,percent,secondary,s,
table-1,B,accuracy|d=16,58.8,percent,reported,s,
table-2,base,accuracy,50.0,percent,reported,s,
table-2,A minus B,change,+1.2,points,derived,s,
table-2,A minus B,wrong,+1.4,points,derived,s,
table-2,A minus B,rounded,+1.3,points,derived,s,
table-2,A,best,16,count,derived,s,
table-2,B,best,8,count,derived,s,
";

fn suite(definition: &str) -> Result<Suite, String> {
    let files = SuiteFiles {
        definition,
        cells: Some(("cells.csv", CELLS)),
        correlations: None,
        further: &[],
    };
    Suite::from_files(files).map_err(|error| error.to_string())
}

fn evaluated() -> EvaluatedSuite {
    evaluate(&suite(DEFINITION).unwrap(), None)
}

#[test]
fn rows_stand_in_their_order_then_unknown_ones_then_references() {
    let evaluated = evaluated();
    let table = &evaluated.tables[0];
    let labels: Vec<_> = table.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["B", "A", "C", "baseline"]);
    let unknown: Vec<_> = table.rows[2].cells.iter().flatten().collect();
    assert_eq!(unknown.len(), 2);
    assert!(unknown.iter().all(|cell| cell.unknown.as_deref() == Some("Nobody read it.")));
    // A reference stands in every column of its metric.
    let reference: Vec<_> = table.rows[3].cells.iter().flatten().collect();
    assert!(reference.iter().all(|cell| cell.reported.as_ref().unwrap().text == "50.0"));
    assert_eq!(reference.len(), 2);
}

#[test]
fn a_list_has_a_row_for_each_number_and_its_unit_in_the_heading() {
    let evaluated = evaluated();
    let rows: Vec<_> = evaluated.tables[1].rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(rows[0], "base, accuracy (%)");
    assert_eq!(rows[1], "A minus B, change (points)");
    assert_eq!(evaluated.tables[1].columns.len(), 1);
}

#[test]
fn every_verdict_on_derived_numbers_is_reached() {
    let evaluated = evaluated();
    let verdicts: Vec<_> = evaluated.derived[0].claims.iter().map(|claim| claim.verdict).collect();
    let expected = [
        Verdict::Identical,
        // 0.2 off, where three roundings of 0.05 explain at most 0.15.
        Verdict::OutsideWorse,
        Verdict::WithinNumeric,
        Verdict::Identical,
        // Both values are the largest.
        Verdict::NotRun,
    ];
    assert_eq!(verdicts, expected);
    assert!(evaluated.derived[0].claims[4].explanation.contains("stands at several places"));
    let report = check(&evaluated);
    assert_eq!(report.outcome, CheckOutcome::Outside);
    assert_eq!(report.derived.len(), 1);
    assert!(report.to_text().contains("outside-worse; stated +1.4, from 60.0 - 58.8."));
}

#[test]
fn wrong_references_are_refused_where_they_stand() {
    let cases = [
        ("rows = [\"C\"]", "rows = [\"A\"]", "every cell of this row is known"),
        (
            "rows = [\"C\"]",
            "rows = [\"A\"]\ncolumns = [\"accuracy|d=8\"]",
            "a cell of this row is known",
        ),
        ("reason = \"Nobody read it.\"", "reason = \"\"", "say why the cells are unknown"),
        ("rows = [\"B\", \"A\"]", "rows = [\"B\"]", "0 [[table]]s of the suite show `table-1`"),
        ("rows = [\"B\", \"A\"]", "rows = [\"B\", \"A\", \"D\"]", "no cell stands in row `D`"),
        ("table-2 / base / accuracy", "table-2 / none / accuracy", "no cell stands there"),
        ("table-2 / base / accuracy", "table-2 / A / best", "no column of this metric and unit"),
        ("role = \"constants\"\n", "", "a `list` shows constants"),
        ("axis = [50, 70]", "axis = [70, 50]", "the smaller first"),
        ("axis = [50, 70]", "axis = [50, 59]", "outside the axis"),
        ("column = \"accuracy|d=8\"", "column = \"accuracy|d=9\"", "0 cells of this column"),
        ("rows = [\"A\", \"B\"]", "rows = [\"A\", \"X\"]", "`table-1` has no such row"),
        (
            "along = \"d\" } }\n\n[[derived]]",
            "along = \"e\" } }\n\n[[derived]]",
            "no cell has this abscissa",
        ),
        ("\ny = \"accuracy\"", "\ny = \"gFID\"", "there is no metric `gFID`"),
        ("table-2 / A minus B / change", "table-2 / A minus B", "expected `table / row / column`"),
        ("table-2 / A minus B / change", "table-2 / A minus B / none", "no cell stands there"),
        (
            "along = \"d\" } }\n\n[[derived.claim]]",
            "along = \"e\" } }\n\n[[derived.claim]]",
            "has no number as qualifier `e`",
        ),
        ("{ difference = [", "{ quotient = [", "unknown variant `quotient`"),
        (
            "title = \"Bars.\"",
            "title = \"Bars.\"\npoints = { cells = \"table-1\" }",
            "only scatter panels have `points`",
        ),
        ("[figure.bars]\n", "[figure.curves]\n", "missing field `points`"),
    ];
    for (good, bad, expected) in cases {
        assert!(DEFINITION.contains(good), "{good}");
        let message = suite(&DEFINITION.replacen(good, bad, 1)).unwrap_err();
        assert!(message.contains(expected), "{bad:?} gave {message:?}");
    }
}

/// Two papers, two versions of the first, a constant, a share that no count gives, and a curve of numbered columns.
const TWO_PAPERS: &str = r#"
schema = 1
id = "small"
name = "Small"
version = 1
summary = "A suite for tests."

[[version_of_paper]]
label = "v1"
title = "the first"
sources = ["arXiv v1"]

[[version_of_paper]]
label = "v2"
title = "the second"
sources = ["arXiv v2"]

[[metric]]
key = "score"
label = "Score"
units = ["percent", "points"]
direction = "higher-is-better"

[[metric]]
key = "mass"
label = "Mass"
units = ["none"]
direction = "neutral"

[[table]]
id = "table-1"
label = "Table 1"
title = "Scores."

[[table.constant]]
columns = ["score|mean"]
reason = "Nobody says of what."

[[table]]
id = "curve"
label = "Curve"
title = "Numbered columns."
role = "constants"
read_by_eye = true

[[table]]
id = "other-table-1"
label = "Other, Table 1"
title = "A second paper."

[[figure]]
id = "plot"
label = "Plot"
title = "A curve."
[figure.curves]
x = { label = "layer" }
y = "mass"
axis = [0, 1]
[[figure.curves.series]]
label = "A"
points = { numbered = { table = "curve", row = "A", prefix = "layer-" } }

[[reachability]]
id = "pairs"
label = "Pairs"
title = "Of 150."
items = 150
of = "pairs"
cells = [{ table = "table-1", column = "score" }]

[[derived]]
id = "sums"
label = "Sums"
title = "Arithmetic."

[[derived.claim]]
cell = "curve / A / layer-00"
by = { curve-distance = { table = "curve", x = "A", y = "B" } }
"#;

const VERSIONED: &str = "table,row,column,value,unit,provenance,source,note
table-1,A,score,43.1,percent,reported,arXiv v2 Table 1,
table-1,A,score,43.3,percent,reported,arXiv v1 Table 1,
table-1,A,score,43.0,percent,secondary,elsewhere,
table-1,B,score,46.6,percent,reported,arXiv v2 Table 1 (= v1),
table-1,A,score|mean,40.0,points,reported,arXiv v2 Table 1,
curve,A,layer-00,0.1,none,digitised,f,by eye
curve,A,layer-01,0.2,none,digitised,f,by eye
curve,B,layer-00,0.2,none,digitised,f,by eye
curve,B,layer-01,0.2,none,digitised,f,by eye
";

const OTHER: &str = "table,row,column,value,unit,provenance,source,note
table-1,C,score,12.5,percent,reported,other paper,
";

const NO_CORRELATIONS: &str = "figure,x,y,subset,n,coefficient,value,provenance,source,note\n";

fn two_papers(definition: &str) -> Result<Suite, String> {
    let further = [FurtherData { folder: "other", cells: OTHER, correlations: NO_CORRELATIONS }];
    let files = SuiteFiles {
        definition,
        cells: Some(("cells.csv", VERSIONED)),
        correlations: None,
        further: &further,
    };
    Suite::from_files(files).map_err(|error| error.to_string())
}

#[test]
fn versions_constants_and_shares_are_told_apart() {
    let evaluated = evaluate(&two_papers(TWO_PAPERS).unwrap(), None);
    let [first, second] = [0, 1].map(|row| &evaluated.tables[0].rows[row].cells);
    let cell = first[0].as_ref().unwrap();
    let versions: Vec<_> =
        cell.versions.iter().map(|v| (v.version.as_str(), v.value.text.as_str())).collect();
    // The oldest version first, whatever the order of the file; the newest is the printed number.
    assert_eq!(versions, [("v1", "43.3"), ("v2", "43.1")]);
    assert_eq!(cell.reported.as_ref().unwrap().text, "43.1");
    let others: Vec<_> = cell.also_reported.iter().map(|other| other.text.as_str()).collect();
    assert_eq!(others, ["43.0"]);
    // A source that names both versions is no conflict.
    assert!(second[0].as_ref().unwrap().versions.is_empty());
    let mean = first[1].as_ref().unwrap();
    assert_eq!(mean.constant.as_deref(), Some("Nobody says of what."));
    // A table of the second paper is named with its folder.
    assert_eq!(evaluated.tables[2].id, "other-table-1");
    assert_eq!(evaluated.tables[2].rows[0].label, "C");
    let check = &evaluated.reachability[0];
    assert_eq!((check.rounded, check.unreachable(), check.findings.len()), (1, 2, 3));
    assert_eq!(check.findings[0].subject, "Table 1, A: Score (v2)");
    let claim = &evaluated.derived[0].claims[0];
    assert!((claim.recomputed.unwrap() - 0.05).abs() < 1e-12, "{claim:?}");
}

#[test]
fn what_is_said_of_numbers_must_be_about_numbers() {
    let cases = [
        ("items = 150", "items = 0", "nothing is a share of 0 items"),
        ("column = \"score\" }", "column = \"score|mean\" }", "only percentages and fractions"),
        ("column = \"score\" }", "column = \"none\" }", "no cell stands there"),
        (
            "column = \"score\" }]",
            "column = \"score\" }, { table = \"table-1\", row = \"A\", column = \"score\" }]",
            "each of them once",
        ),
        ("reason = \"Nobody says of what.\"", "reason = \"\"", "say why the numbers"),
        ("columns = [\"score|mean\"]", "columns = [\"mean\"]", "has no such column"),
        (
            "read_by_eye = true\n",
            "",
            "cells.csv, line 7: a digitised cell must state its tolerance",
        ),
        ("prefix = \"layer-\"", "prefix = \"block-\"", "no cell has this abscissa"),
        ("axis = [0, 1]", "axis = [0, 0.15]", "a point is 0.2, outside the axis"),
        ("axis = [0, 1]", "axis = [1, 0]", "the smaller first"),
        ("label = \"v2\"", "label = \"v1\"", "the version `v1` is defined twice"),
        ("sources = [\"arXiv v2\"]", "sources = [\"\"]", "how its sources begin"),
        ("id = \"other-table-1\"", "id = \"table-2\"", "`table-2` has no cells"),
        ("y = \"B\" } }", "y = \"D\" } }", "`curve / D` is no curve"),
        ("y = \"B\" } }", "y = \"B\", points = 1 } }", "expected 2 to"),
    ];
    for (good, bad, expected) in cases {
        assert!(TWO_PAPERS.contains(good), "{good}");
        let message = two_papers(&TWO_PAPERS.replacen(good, bad, 1)).unwrap_err();
        assert!(message.contains(expected), "{bad:?} gave {message:?}");
    }
    let message = two_papers(&TWO_PAPERS.replacen("id = \"pairs\"", "id = \"plot\"", 1));
    assert!(message.unwrap_err().contains("`plot` is defined twice"));
}
