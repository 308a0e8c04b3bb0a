//! `retally score` on a user's own files.

use crate::program::{json, text, write_f32, write_i64};

/// The JSON that scripts rely on.
#[test]
fn spatial_scores_of_constant_tokens_are_zero() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.npy");
    write_f32(&tokens, &[2, 256, 3], &[0.5; 2 * 256 * 3]);
    let document = json(&["score", "spatial", "--features", text(&tokens), "--grid", "16x16"], 0);
    let measurements = document["measurements"].as_array().unwrap();
    for metric in ["LDS", "CDS", "RMSC"] {
        let found = measurements.iter().find(|m| m["metric"] == metric).unwrap();
        assert!(found["value"].as_f64().unwrap().abs() < 1e-7, "{found}");
        assert_eq!(found["n"], 2);
        assert_eq!(found["unit"], "none");
    }
    let srss = measurements.iter().find(|m| m["metric"] == "SRSS").unwrap();
    assert!(srss["value"].is_null() && srss["absence"]["reason"] == "missing-input", "{srss}");
}

/// Closed form: one-hot tokens that repeat along a row have cosine 1 within the row and 0 across rows.
///
/// Near (distance 1): 480 unordered pairs, 240 within a row, so the mean is 1/2. Far (distance >= 6): 53300 ordered pairs, of which
/// 16 rows x (9 + 8 + … + 1 + 10) x 2 = 16 x 55 x 2 = 1760 lie within a row. LDS = 1/2 - 1760/53300.
#[test]
fn spatial_scores_of_striped_tokens_have_a_closed_form() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.npy");
    let mut values = vec![0.0; 256 * 16];
    for token in 0..256 {
        values[token * 16 + token / 16] = 3.0;
    }
    write_f32(&tokens, &[1, 256, 16], &values);
    let document = json(&["score", "spatial", "--features", text(&tokens), "--grid", "16x16"], 0);
    let value = |metric: &str| {
        let measurements = document["measurements"].as_array().unwrap();
        measurements.iter().find(|m| m["metric"] == metric).unwrap()["value"].as_f64().unwrap()
    };
    assert!((value("LDS") - (0.5 - 1760.0 / 53300.0)).abs() < 1e-12);
    assert!((value("RMSC") - (1.0_f64 - 1.0 / 16.0).sqrt()).abs() < 1e-12);
}

#[test]
fn a_probe_separates_what_is_separable() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["x", "y", "xt", "yt"].map(|name| folder.path().join(format!("{name}.npy")));
    let features: Vec<f32> =
        (0..60).flat_map(|i| [(i % 3) as f32 * 10.0, i as f32 * 0.01]).collect();
    let labels: Vec<i64> = (0..60).map(|i| i % 3).collect();
    write_f32(&paths[0], &[60, 2], &features);
    write_i64(&paths[1], &labels);
    write_f32(&paths[2], &[60, 2], &features);
    write_i64(&paths[3], &labels);
    let [x, y, xt, yt] = paths.each_ref().map(|path| text(path));
    let arguments = [
        "score",
        "probe",
        "--train",
        x,
        "--train-labels",
        y,
        "--test",
        xt,
        "--test-labels",
        yt,
        "--c",
        "1.0",
    ];
    let document = json(&arguments, 0);
    let measurements = document["measurements"].as_array().unwrap();
    let accuracy = measurements.iter().find(|m| m["metric"] == "accuracy").unwrap();
    assert_eq!(accuracy["value"], 100.0);
    assert_eq!(accuracy["unit"], "percent");
    assert_eq!(accuracy["n"], 60);
}

#[test]
fn a_correlation_has_intervals_and_a_leave_one_out_range() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("points.csv");
    std::fs::write(&path, "name,a,b\np,1,2\nq,2,1\nr,3,5\ns,4,4\nt,5,6\n").unwrap();
    let arguments = ["score", "correlation", "--csv", text(&path), "--x", "a", "--y", "b"];
    let document = json(&arguments, 0);
    let measurements = document["measurements"].as_array().unwrap();
    let pearson = measurements.iter().find(|m| m["metric"] == "pearson").unwrap();
    // Sxy = 11, Sxx = 10, Syy = 17.2
    let r = 11.0 / (10.0_f64 * 17.2).sqrt();
    assert!((pearson["value"].as_f64().unwrap() - r).abs() < 1e-12, "{pearson}");
    assert_eq!(pearson["n"], 5);
    assert!(pearson["interval"].is_object());
    let spearman = measurements.iter().find(|m| m["metric"] == "spearman").unwrap();
    assert!((spearman["value"].as_f64().unwrap() - 0.8).abs() < 1e-12, "{spearman}");
}
