//! Figures: the same bytes each time, sound documents, and no panic on odd data.

use crate::fixture::{HOSTILE, bars, curves, figure, hostile_suite, panels};
use crate::page::check_tags;
use retally_reports::ReportError;
use retally_reports::figure::{Theme, png, svg};
use retally_suites::evaluation::{
    BarChart, CurveChart, Drawing, EvaluatedFigure, Line, Provenance,
};

/// A change of a chart of curves.
type CurveEdit = fn(&mut CurveChart);

#[test]
fn the_same_figure_gives_the_same_bytes() {
    let figure = figure(27);
    for theme in [Theme::Light, Theme::Dark] {
        assert_eq!(svg(&figure, theme).unwrap(), svg(&figure, theme).unwrap());
        assert_eq!(png(&figure, theme).unwrap(), png(&figure, theme).unwrap());
    }
}

#[test]
fn a_png_has_two_pixels_per_unit_and_is_drawn_on() {
    let figure = figure(27);
    let document = svg(&figure, Theme::Light).unwrap();
    let size = |name: &str| -> u32 {
        let (_, rest) = document.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    };
    let picture = image::load_from_memory(&png(&figure, Theme::Light).unwrap()).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (2 * size("width"), 2 * size("height")));
    assert_eq!(picture.get_pixel(0, 0).0, [255, 255, 255]);
    let coloured = picture.pixels().filter(|pixel| pixel.0 == [0x00, 0x72, 0xB2]).count();
    // 27 points a panel, each a disc of radius 3.8 units at two pixels a unit.
    let discs = 2.0 * 27.0 * std::f64::consts::PI * (2.0f64 * 3.8).powi(2);
    assert!(
        (0.6 * discs..1.05 * discs).contains(&(coloured as f64)),
        "{coloured} of about {discs}"
    );
}

#[test]
fn an_svg_is_sound_and_says_what_it_shows() {
    let document = svg(&figure(27), Theme::Light).unwrap();
    check_tags(&document);
    assert!(document.contains("<title>Figure 4. Spatial structure against generation</title>"));
    assert!(document.contains("27 points, Pearson r -0.852, printed -0.852."));
    assert_eq!(
        document.matches("<title>Encoder 0 (point-00): LDS 0.1, gFID 31.8</title>").count(),
        2
    );
    assert!(document.contains("r = −0.852  (n = 27)") && document.contains("printed r = −0.852"));
}

#[test]
fn hostile_text_stays_text() {
    let document = svg(&hostile_suite().figures[0], Theme::Light).unwrap();
    check_tags(&document);
    assert!(!document.contains("<script>") && !document.contains(HOSTILE));
}

#[test]
fn odd_data_is_drawn_or_refused_but_never_panics() {
    let change = |edit: fn(&mut EvaluatedFigure)| {
        let mut figure = figure(5);
        edit(&mut figure);
        svg(&figure, Theme::Light).and_then(|_| png(&figure, Theme::Dark)).map(|_| ())
    };
    let drawn: [fn(&mut EvaluatedFigure); 8] = [
        |f| panels(f).clear(),
        |f| panels(f).truncate(1),
        |f| *panels(f) = vec![panels(f)[0].clone(); 13],
        |f| panels(f)[0].points.clear(),
        |f| panels(f)[0].points.truncate(1),
        |f| panels(f)[0].points.iter_mut().for_each(|point| (point.x, point.y) = (3.0, 0.0)),
        |f| panels(f)[0].points[0].y = -1e99,
        |f| panels(f)[1].y.key = "other".into(),
    ];
    for edit in drawn {
        change(edit).unwrap();
    }
    let refused: [fn(&mut EvaluatedFigure); 3] = [
        |f| panels(f)[0].points[2].x = f64::NAN,
        |f| panels(f)[0].points[2].y = f64::INFINITY,
        |f| panels(f)[0].correlation.line = Some(Line { intercept: 0.0, slope: f64::NAN }),
    ];
    for edit in refused {
        assert!(matches!(change(edit), Err(ReportError::NotDrawable { .. })));
    }
}

#[test]
fn many_families_have_different_markers() {
    let mut figure = figure(20);
    for (number, point) in panels(&mut figure)[0].points.iter_mut().enumerate() {
        point.family = format!("family {number}");
    }
    let document = svg(&figure, Theme::Light).unwrap();
    for number in 0..20 {
        assert!(
            document.contains(&format!("family {number}\n")),
            "the legend names family {number}"
        );
    }
}

#[test]
fn bars_say_that_their_axis_is_cut_and_mark_their_numbers() {
    let document = svg(&bars(), Theme::Light).unwrap();
    check_tags(&document);
    for text in
        ["The axis begins at 56, not at 0", "57.5†", "64.5†", "First half", "A step of number 3"]
    {
        assert!(document.contains(text), "{text}");
    }
    assert!(document.contains("<desc>Accuracy (%): A step of number 0 57.5;"));
    let mut figure = bars();
    if let Drawing::Bars(chart) = &mut figure.drawing {
        (chart.range, chart.groups) = (None, Vec::new());
    }
    assert!(!svg(&figure, Theme::Light).unwrap().contains("begins at"));
}

#[test]
fn curves_tell_uncertain_points_apart() {
    let document = svg(&curves(), Theme::Light).unwrap();
    check_tags(&document);
    assert!(document.contains("Hollow and dashed: it is not certain"));
    assert!(document.contains("<title>pixels: accuracy 43.7 at 12, uncertain</title>"));
    assert!(document.contains("conv VAE: 54.5 at 8, 63.4 at 16."));
    let mut figure = curves();
    if let Drawing::Curves(chart) = &mut figure.drawing {
        chart.series.truncate(1);
    }
    assert!(!svg(&figure, Theme::Light).unwrap().contains("Hollow"));
}

#[test]
fn bars_and_curves_of_odd_data_are_drawn_or_refused() {
    let drawn = |figure: &EvaluatedFigure| {
        svg(figure, Theme::Light).and_then(|_| png(figure, Theme::Dark)).map(|_| ())
    };
    let bar_cases: [fn(&mut BarChart); 4] = [
        |chart| chart.bars.clear(),
        |chart| chart.range = None,
        |chart| chart.bars.iter_mut().for_each(|bar| bar.value = 0.0),
        |chart| (chart.range, chart.bars[0].value) = (None, -1e99),
    ];
    for edit in bar_cases {
        let mut figure = bars();
        if let Drawing::Bars(chart) = &mut figure.drawing {
            edit(chart);
        }
        drawn(&figure).unwrap();
    }
    let curve_cases: [(CurveEdit, bool); 6] = [
        (|chart| chart.series.clear(), true),
        (|chart| chart.series[0].points.truncate(1), true),
        (|chart| chart.series.iter_mut().for_each(|series| series.points.clear()), true),
        (|chart| chart.series[0].points[0].x = 1e-99, true),
        (|chart| chart.series[0].points[0].x = 0.0, false),
        (|chart| chart.series[0].points[0].y = f64::NAN, false),
    ];
    for (edit, is_drawn) in curve_cases {
        let mut figure = curves();
        if let Drawing::Curves(chart) = &mut figure.drawing {
            edit(chart);
        }
        assert_eq!(drawn(&figure).is_ok(), is_drawn);
    }
}

#[test]
fn a_panel_of_some_points_shows_no_coefficient_of_its_own() {
    let mut figure = figure(3);
    for panel in panels(&mut figure) {
        let claim = &mut panel.correlation;
        (claim.pearson, claim.spearman, claim.line, claim.interval) = (None, None, None, None);
        claim.incomplete = Some("The others are unknown.".into());
        claim.reported_provenance = Some(Provenance::Secondary);
    }
    let document = svg(&figure, Theme::Light).unwrap();
    for text in ["3 points known", "printed −0.852†", "not recomputed"] {
        assert!(document.contains(text), "{text}");
    }
    assert!(!document.contains("r = ") && !document.contains("least squares"));
}
