//! `retally report irepa` needs no run, no model and no store.

use crate::program::{json, run, text};

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
