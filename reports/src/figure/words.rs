//! What a figure says in words: notes under the drawing, and a description for readers who do not see it.

use crate::number::fixed;
use crate::words::{PROVENANCES, mark, provenance_meaning, provenance_word};
use retally_suites::evaluation::{
    BarChart, CurveChart, CurvePoint, Drawing, EvaluatedFigure, Panel, Provenance,
};

/// The notes under a drawing, in reading order.
pub(super) fn notes(figure: &EvaluatedFigure) -> Vec<String> {
    let mut notes: Vec<String> = match &figure.drawing {
        Drawing::Scatter(panels) => scatter_notes(panels),
        Drawing::Bars(chart) => bar_notes(chart),
        Drawing::Curves(chart) => curve_notes(chart),
    };
    notes.retain(|note| !note.is_empty());
    notes
}

fn scatter_notes(panels: &[Panel]) -> Vec<String> {
    let points = || panels.iter().flat_map(|panel| &panel.points);
    let mut origin = origin("Points", points().map(|point| point.provenance));
    if !origin.is_empty() && panels.iter().any(|panel| panel.correlation.line.is_some()) {
        origin.push_str(" Solid line: least squares.");
    }
    let claims = || panels.iter().map(|panel| &panel.correlation);
    let incomplete = claims().find_map(|claim| claim.incomplete.clone()).unwrap_or_default();
    let printed = claims().filter_map(|claim| claim.reported_provenance);
    vec![origin, incomplete, printed_origin(printed)]
}

/// Where printed coefficients came from, if not from the paper itself.
fn printed_origin(provenances: impl Iterator<Item = Provenance>) -> String {
    let found: Vec<_> = provenances.collect();
    let parts = PROVENANCES
        .into_iter()
        .filter(|provenance| *provenance != Provenance::Reported && found.contains(provenance))
        .map(|provenance| {
            let (mark, word) = (mark(provenance), provenance_word(provenance));
            format!("{mark} Printed coefficients {word}: {}.", provenance_meaning(provenance))
        });
    parts.collect::<Vec<_>>().join(" ")
}

fn bar_notes(chart: &BarChart) -> Vec<String> {
    let cut = match chart.range {
        Some([low, _]) if low != 0.0 => format!(
            "The axis begins at {low}, not at 0: compare the ends of the bars, not their lengths."
        ),
        _ => String::new(),
    };
    vec![cut, origin("Bars", chart.bars.iter().map(|bar| bar.provenance))]
}

fn curve_notes(chart: &CurveChart) -> Vec<String> {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    let uncertain = if points().any(|point| point.is_uncertain) {
        "Hollow and dashed: it is not certain that the number belongs to this place."
    } else {
        ""
    };
    vec![uncertain.to_owned(), origin("Points", points().map(|point| point.provenance))]
}

/// Where drawn numbers came from, for example `‡ Points digitised: measured from a published figure.` Numbers read in the
/// paper itself need no note.
fn origin(things: &str, provenances: impl Iterator<Item = Option<Provenance>>) -> String {
    let found: Vec<_> = provenances.collect();
    if found.is_empty() {
        return String::new();
    }
    let mut parts = Vec::new();
    for provenance in PROVENANCES {
        if found.contains(&Some(provenance)) {
            let (mark, word) = (mark(provenance), provenance_word(provenance));
            let meaning = provenance_meaning(provenance);
            parts.push(format!("{mark} {things} {word}: {meaning}").trim().to_owned());
        }
    }
    if found.contains(&None) {
        let hollow = if parts.is_empty() { "" } else { " (hollow)" };
        parts.push(format!("{things} measured by this run{hollow}"));
    }
    format!("{}.", parts.join("; "))
}

/// The figure in words.
pub(super) fn describe(figure: &EvaluatedFigure) -> String {
    match &figure.drawing {
        Drawing::Scatter(panels) => panels.iter().map(describe_panel).collect::<Vec<_>>().join(" "),
        Drawing::Bars(chart) => describe_bars(chart),
        Drawing::Curves(chart) => describe_curves(chart),
    }
}

fn describe_panel(panel: &Panel) -> String {
    let claim = &panel.correlation;
    let printed =
        claim.reported_text.as_ref().map(|text| format!(", printed {text}")).unwrap_or_default();
    let found = match (&claim.incomplete, claim.pearson) {
        (Some(_), _) => format!("{} known points, no coefficient recomputed", claim.n),
        (None, Some(r)) => format!("{} points, Pearson r {}", claim.n, fixed(r, 3)),
        (None, None) => format!("{} points, Pearson r undefined", claim.n),
    };
    format!("{} against {}: {found}{printed}.", panel.y.label, panel.x.label)
}

fn describe_bars(chart: &BarChart) -> String {
    let bar = |bar: &retally_suites::evaluation::Bar| {
        let value = bar.text.clone().unwrap_or_else(|| bar.value.to_string());
        format!("{} {value}", bar.label)
    };
    let bars: Vec<_> = chart.bars.iter().map(bar).collect();
    format!("{}: {}.", chart.axis.label, bars.join("; "))
}

fn describe_curves(chart: &CurveChart) -> String {
    let point = |point: &CurvePoint| {
        let doubt = if point.is_uncertain { " (uncertain)" } else { "" };
        format!("{} at {}{doubt}", point.y, point.x)
    };
    let series = chart.series.iter().map(|series| {
        let points: Vec<_> = series.points.iter().map(point).collect();
        format!("{}: {}.", series.label, points.join(", "))
    });
    format!("{} over {}. {}", chart.y.label, chart.x, series.collect::<Vec<_>>().join(" "))
}
