//! `retally report` of a paper needs no run, no model and no store.

use crate::program::{json, run, text};
use std::path::Path;

/// Figure 4 of arXiv:2512.10794v1 as printed.
const PRINTED: [(&str, f64); 5] =
    [("accuracy", -0.260), ("LDS", -0.852), ("CDS", -0.847), ("SRSS", -0.885), ("RMSC", -0.888)];

#[test]
fn the_five_coefficients_of_figure_4_are_recomputed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let document = json(&["report", "irepa", "--out", text(&out)], 0);
    let correlations = document["correlations"].as_array().unwrap();
    let figure: Vec<_> = correlations.iter().filter(|c| c["figure"] == "figure-4").collect();
    assert_eq!(figure.len(), 5);
    for (x, printed) in PRINTED {
        let claim = figure.iter().find(|c| c["x"] == x).unwrap_or_else(|| panic!("no {x}"));
        assert_eq!(claim["y"], "gFID");
        assert_eq!(claim["n"], 27);
        assert_eq!(claim["reported"].as_f64().unwrap(), printed);
        let recomputed = claim["pearson"].as_f64().unwrap();
        assert!((recomputed - printed).abs() <= 0.001, "{x}: {recomputed} against {printed}");
        for name in ["interval", "leave_one_out"] {
            let ends = claim[name].as_array().unwrap();
            let (low, high) = (ends[0].as_f64().unwrap(), ends[1].as_f64().unwrap());
            assert!(low < recomputed && recomputed < high, "{x} {name}: {low} {recomputed} {high}");
        }
    }
}

#[test]
fn the_report_is_one_file_without_network_and_every_table_has_three_forms() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    assert_eq!(run(&["report", "irepa", "--out", text(&out)]).code, 0);
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    for forbidden in ["src=\"http", "href=\"http://", "@import", "url(http"] {
        assert!(!page.contains(forbidden), "the page loads something: {forbidden}");
    }
    for table in ["1a", "1b", "1c", "2", "3a", "3b", "4", "5", "6", "7", "8", "9", "10"] {
        for form in ["md", "csv", "tex"] {
            let path = out.join(format!("tables/table-{table}.{form}"));
            assert!(path.exists(), "{} is missing", path.display());
        }
    }
    for form in ["svg", "png"] {
        assert!(out.join(format!("figures/figure-4.{form}")).exists());
    }
}

#[test]
fn two_reports_are_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let outs = ["a", "b"].map(|name| folder.path().join(name));
    for out in &outs {
        assert_eq!(run(&["report", "irepa", "--out", text(out)]).code, 0);
    }
    for name in ["report.html", "figures/figure-4.svg", "figures/figure-4.png", "tables/table-2.md"]
    {
        let [a, b] = outs.each_ref().map(|out| std::fs::read(out.join(name)).unwrap());
        assert!(a == b, "{name} differs between two reports");
    }
}

/// Every text that a report of this suite consists of: the page, the overview, and each table in three forms.
fn texts(suite: &str, out: &Path) -> Vec<(String, String)> {
    assert_eq!(run(&["report", suite, "--out", text(out)]).code, 0);
    let mut texts = Vec::new();
    let mut folders = vec![out.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|kind| kind != "png") {
                let name = path.strip_prefix(out).unwrap().display().to_string();
                texts.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    texts
}

fn text_of<'a>(texts: &'a [(String, String)], name: &str) -> &'a str {
    &texts.iter().find(|(own, _)| own == name).unwrap_or_else(|| panic!("{name} is missing")).1
}

#[test]
fn iwm_is_marked_as_second_hand_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let texts = texts("iwm", &folder.path().join("report"));
    let notice = "90 of 156 printed values come from public summaries";
    assert!(text_of(&texts, "report.html").contains(notice));
    assert!(text_of(&texts, "report.md").contains(notice));
    assert!(text_of(&texts, "report.html").contains("0.82</a><sup>†</sup>"));
    assert!(text_of(&texts, "tables/table-1.md").contains("| sequence | 0.82† |"));
    assert!(text_of(&texts, "tables/table-1.md").contains("† secondary: from a public summary"));
    assert!(text_of(&texts, "tables/table-1.tex").contains("0.82\\textsuperscript{\\dag{}}"));
    assert!(text_of(&texts, "tables/table-1.csv").contains(",0.82,,,secondary,,"));
    assert!(text_of(&texts, "figures/figure-4.svg").contains("printed +0.93†"));
    let terminal = run(&["report", "iwm", "--out", text(&folder.path().join("again"))]).stdout;
    assert!(terminal.contains(notice) && terminal.contains("90 secondary†"), "{terminal}");
    assert!(terminal.contains("+0.93†") && terminal.contains("not recomputed"), "{terminal}");
}

#[test]
fn an_unknown_cell_is_never_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let texts = texts("iwm", &folder.path().join("report"));
    let markdown = text_of(&texts, "tables/ade20k.md");
    assert!(markdown.contains("| MAE | unknown | unknown | unknown |"), "{markdown}");
    assert!(markdown.contains("Unknown, MAE; I-JEPA: The summaries leave these rows out."));
    let latex = text_of(&texts, "tables/ade20k.tex");
    assert!(latex.contains("MAE & unknown & unknown & unknown \\\\"), "{latex}");
    let mut reader = csv::Reader::from_reader(text_of(&texts, "tables/ade20k.csv").as_bytes());
    let headers = reader.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let unknown: Vec<_> =
        records.iter().filter(|record| !record[at("unknown")].is_empty()).collect();
    assert_eq!((records.len(), unknown.len()), (12, 6));
    for record in unknown {
        for column in ["reported", "measured", "difference", "verdict", "interval_low"] {
            assert_eq!(&record[at(column)], "", "{record:?}");
        }
    }
    let page = text_of(&texts, "report.html");
    assert_eq!(page.matches("class=\"unknown-cell\"").count(), 45);
    let document = json(&["report", "iwm", "--out", text(&folder.path().join("again"))], 0);
    for claim in document["correlations"].as_array().unwrap() {
        for name in ["pearson", "spearman", "interval", "bootstrap_interval", "fisher_p", "line"] {
            assert!(claim[name].is_null(), "{claim}");
        }
        assert!(claim["incomplete"].is_string());
    }
}

#[test]
fn derived_numbers_are_recomputed_without_a_run() {
    let folder = tempfile::tempdir().unwrap();
    for (suite, recomputed, impossible) in [("iwm", 35, 8), ("ldae", 60, 2)] {
        let document = json(&["report", suite, "--out", text(&folder.path().join(suite))], 0);
        let derived = document["derived"].as_array().unwrap();
        let count = |verdict| derived.iter().filter(|claim| claim["verdict"] == verdict).count();
        assert_eq!((count("identical"), count("not-run")), (recomputed, impossible), "{suite}");
        assert_eq!(derived.len(), recomputed + impossible, "{suite}");
        let is_number = |claim: &&serde_json::Value| claim["recomputed"].is_number();
        assert_eq!(derived.iter().filter(is_number).count(), recomputed, "{suite}");
        assert!(folder.path().join(suite).join("derived.csv").is_file());
    }
}

#[test]
fn ldae_shows_its_figures_and_the_conflict_of_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let texts = texts("ldae", &out);
    for figure in ["figure-6-bars", "table-2-plot", "figure-5-plot"] {
        for form in ["svg", "png"] {
            assert!(out.join(format!("figures/{figure}.{form}")).is_file(), "{figure}.{form}");
        }
    }
    assert!(
        text_of(&texts, "figures/figure-6-bars.svg").contains("The axis begins at 56, not at 0")
    );
    let table = text_of(&texts, "tables/table-1.md");
    assert!(table.contains("| remove class-conditioning | 62.5\\* | 30.9\\* |"), "{table}");
    assert!(table.contains("also printed as 62.1 (arXiv:2401.14404v1 running text"), "{table}");
    let bound = text_of(&texts, "tables/text-pixel-dae.md");
    assert!(bound.contains("| plain pixel-space DAE | &lt; 20 |"), "{bound}");
}

#[test]
fn aia_shows_both_versions_and_an_average_that_nothing_gives() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let texts = texts("aia", &out);
    // Both versions side by side, the share that no count gives flagged in either.
    let table = text_of(&texts, "tables/ablation-parts.md");
    let row = "| Janus-Pro + AIA w/o stage-level intensity | 40.2 | 67.4 | P1 43.3 / P5 43.1\\# |";
    assert!(table.contains(row), "{table}");
    assert!(table.contains("43.1: No count of 150 pairs gives it, rounded or cut off"), "{table}");
    let page = text_of(&texts, "report.html");
    assert!(page.contains(
        "<span><small>P1</small> 43.3</span><span><small>P5</small> 43.1<sup>#</sup></span>"
    ));
    // Uni-MMMU's main table, its average marked as a constant with the reason below.
    let table = text_of(&texts, "tables/unimmmu-table-2.md");
    assert!(table.contains("| 44.1× |"), "{table}");
    assert!(table.contains("× constant: as the paper prints it; not reproducible"), "{table}");
    assert!(table.contains("Constant, Avg.: Uni-MMMU prints this aggregate without a definition"));
    let document = json(&["report", "aia", "--out", text(&folder.path().join("again"))], 0);
    let tables = document["tables"].as_array().unwrap();
    let sum = |key: &str| tables.iter().map(|table| table[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("versions"), sum("constants")), (28, 6));
    let checks = document["reachability"].as_array().unwrap();
    let pairs = checks.iter().find(|check| check["id"] == "mmvp-pairs").unwrap();
    assert_eq!(pairs["unreachable"].as_array().unwrap().len(), 21);
    assert_eq!(pairs["truncation"].as_array().unwrap().len(), 3);
    assert!(text_of(&texts, "reachability.csv").lines().count() > 40);
    for figure in ["figure-1-emu3", "figure-1-bagel", "figure-5-janus-pro", "figure-3-janus-i2t"] {
        assert!(out.join(format!("figures/{figure}.png")).is_file(), "{figure}");
    }
    let best = document["derived"].as_array().unwrap().iter().find(|claim| {
        claim["cell"].as_str().is_some_and(|cell| cell.contains("equal-weight-column-subsets"))
    });
    assert_eq!(best.unwrap()["verdict"], "identical");
}

#[test]
fn the_suites_are_listed() {
    let document = json(&["list", "suites"], 0);
    let suites = document["suites"].as_array().unwrap();
    for (id, paper, cells) in [
        ("aia", "arXiv:2511.22663v5", 1154),
        ("iwm", "arXiv:2403.00504v1", 156),
        ("ldae", "arXiv:2401.14404v1", 165),
    ] {
        let suite = suites.iter().find(|suite| suite["id"] == id).unwrap_or_else(|| panic!("{id}"));
        assert_eq!((&suite["paper"], &suite["printed_cells"]), (&paper.into(), &cells.into()));
    }
}
