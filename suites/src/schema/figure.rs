//! Figures as data: scatter panels, bars, or curves.

use super::{Definition, DefinitionError, DefinitionText, Source};
use crate::cells::Cell;
use serde::Deserialize;
use toml::Spanned;

/// A figure: scatter panels in a row, or bars, or curves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Id, unique among tables, figures, pictures and groups of derived numbers.
    pub id: Spanned<String>,
    /// `Figure 4`.
    pub label: String,
    /// What it shows, one sentence.
    pub title: String,
    /// Setting of its numbers.
    #[serde(default)]
    pub setting: String,
    /// Known traps.
    #[serde(default)]
    pub traps: Vec<String>,
    /// Where the points of scatter panels come from.
    pub points: Option<Spanned<Source>>,
    /// Why only some of the paper's points are known. Coefficients are then not recomputed, and a point may lack a
    /// coordinate.
    pub incomplete: Option<String>,
    /// Row keys of named outliers; r is also given without all of them.
    #[serde(default)]
    pub outliers: Vec<Spanned<String>>,
    /// Scatter panels in the paper's arrangement.
    #[serde(default, rename = "panel")]
    pub panels: Vec<Panel>,
    /// Horizontal bars.
    pub bars: Option<Bars>,
    /// Curves.
    pub curves: Option<Curves>,
}

/// A scatter panel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Short heading.
    pub title: String,
    /// Column of the abscissa: a metric, with qualifiers where its cells have them.
    pub x: Spanned<String>,
    /// Column of the ordinate.
    pub y: Spanned<String>,
    /// `figure` of the printed coefficient in the correlations file that the panel recomputes.
    pub claim: Option<Spanned<String>>,
}

/// Horizontal bars, one for each row, such as the steps of a trajectory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bars {
    /// Where the rows come from.
    pub points: Spanned<Source>,
    /// Column whose numbers are shown.
    pub column: Spanned<String>,
    /// Both ends of the axis; from 0 if absent. The drawing says where an axis does not begin at 0.
    pub axis: Option<Spanned<[f64; 2]>>,
    /// Rows that share a colour; all share one if absent.
    #[serde(default, rename = "group")]
    pub groups: Vec<BarGroup>,
}

/// Bars of one colour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BarGroup {
    /// Its name in the legend.
    pub label: String,
    /// Row keys.
    pub rows: Vec<Spanned<String>>,
}

/// Several series over one abscissa.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// The abscissa.
    pub x: CurveAxis,
    /// Column of the ordinate.
    pub y: Spanned<String>,
    /// Both ends of the ordinate; around the points if absent.
    pub axis: Option<Spanned<[f64; 2]>>,
    /// The series in the order of the legend.
    pub series: Vec<Series>,
}

/// The abscissa of curves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveAxis {
    /// Its title.
    pub label: String,
    /// How values are spread over it.
    #[serde(default)]
    pub scale: AxisScale,
}

/// How values are spread over an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AxisScale {
    /// Equal differences have equal lengths.
    #[default]
    Linear,
    /// Equal ratios have equal lengths; every value is above 0.
    Logarithmic,
}

/// One curve.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Its name in the legend; of a run, the family if absent.
    #[serde(default)]
    pub label: String,
    /// Its points.
    pub points: Spanned<SeriesPoints>,
}

/// Where the points of a curve come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SeriesPoints {
    /// The printed cells of one row whose columns are the ordinate with a numeric qualifier, as `accuracy|d=8`.
    Row {
        /// Table of the data file.
        table: String,
        /// Row key.
        row: String,
        /// Key of the qualifier that is the abscissa: `d`.
        along: String,
    },
    /// The printed cells of one row whose columns are numbered, as `layer-07`; the number is the abscissa.
    Numbered(NumberedColumns),
    /// Printed rows; the abscissa stands in a column of its own. Where several cells of a row continue the ordinate's
    /// key, each is a candidate for the same point and is drawn as uncertain.
    Rows {
        /// Table of the data file.
        table: String,
        /// First part of the row keys.
        part: String,
        /// Column of the abscissa.
        x: String,
    },
    /// The models that a run measured on a data set, a curve for each family.
    Run {
        /// Data set.
        dataset: String,
        /// Metric of the abscissa.
        x: String,
        /// The only family shown; all if absent.
        family: Option<String>,
    },
}

/// The numbered columns of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberedColumns {
    /// Table of the data file.
    pub table: String,
    /// Row key.
    pub row: String,
    /// What stands before the number: `layer-`.
    pub prefix: String,
    /// What stands after it.
    #[serde(default)]
    pub suffix: String,
}

impl NumberedColumns {
    /// The cells with their numbers, in file order.
    pub(crate) fn cells<'a>(&'a self, cells: &'a [Cell]) -> impl Iterator<Item = (&'a Cell, f64)> {
        let own = cells.iter().filter(|cell| cell.table == self.table && cell.row == self.row);
        own.filter_map(|cell| {
            let rest = cell.column.strip_prefix(self.prefix.as_str())?;
            let digits = rest.strip_suffix(self.suffix.as_str())?;
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten().map(|number| (cell, number))
        })
    }
}

/// Checks a figure as far as it can be checked without the data files.
pub(super) fn check(
    definition: &Definition,
    place: DefinitionText<'_>,
    figure: &Figure,
) -> Result<(), Box<DefinitionError>> {
    let kinds = [!figure.panels.is_empty(), figure.bars.is_some(), figure.curves.is_some()];
    if kinds.into_iter().filter(|&kind| kind).count() != 1 {
        return Err(place.error(
            figure.id.span(),
            "a figure has either `[[figure.panel]]`s, or `[figure.bars]`, or `[figure.curves]`",
        ));
    }
    match (&figure.points, figure.panels.first()) {
        (None, Some(_)) => {
            return Err(place.error(figure.id.span(), "scatter panels need `points`"));
        }
        (Some(points), None) => {
            return Err(place.error(points.span(), "only scatter panels have `points`"));
        }
        _ => {}
    }
    let sources = figure.points.iter().chain(figure.bars.iter().map(|bars| &bars.points));
    for source in sources {
        check_source(definition, place, source)?;
    }
    let columns = figure
        .panels
        .iter()
        .flat_map(|panel| [&panel.x, &panel.y])
        .chain(figure.bars.iter().map(|bars| &bars.column))
        .chain(figure.curves.iter().map(|curves| &curves.y));
    for column in columns {
        check_column(definition, place, column)?;
    }
    figure.bars.iter().try_for_each(|bars| check_bars(place, bars))?;
    figure.curves.iter().try_for_each(|curves| check_curves(definition, place, figure, curves))
}

fn check_source(
    definition: &Definition,
    place: DefinitionText<'_>,
    source: &Spanned<Source>,
) -> Result<(), Box<DefinitionError>> {
    match source.get_ref() {
        Source::Cells(_) => Ok(()),
        Source::Run(dataset) => definition.check_dataset(place, source.span(), dataset),
        Source::Correlations(_) => {
            Err(place.error(source.span(), "points come from `cells` or from a `run`"))
        }
    }
}

fn check_column(
    definition: &Definition,
    place: DefinitionText<'_>,
    column: &Spanned<String>,
) -> Result<(), Box<DefinitionError>> {
    if definition.metric(column.get_ref()).is_some() {
        return Ok(());
    }
    let metric = column.get_ref().split('|').next().unwrap_or_default();
    let known = definition.metrics.iter().map(|metric| metric.key.get_ref().as_str());
    let names = known.collect::<Vec<_>>().join(", ");
    Err(place.error(column.span(), format!("there is no metric `{metric}`; defined are: {names}")))
}

fn check_bars(place: DefinitionText<'_>, bars: &Bars) -> Result<(), Box<DefinitionError>> {
    check_axis(place, bars.axis.as_ref())?;
    place.unique("row", bars.groups.iter().flat_map(|group| &group.rows)).map(|_| ())
}

fn check_axis(
    place: DefinitionText<'_>,
    axis: Option<&Spanned<[f64; 2]>>,
) -> Result<(), Box<DefinitionError>> {
    let Some(axis) = axis else { return Ok(()) };
    let [low, high] = *axis.get_ref();
    if low.is_finite() && high.is_finite() && low < high {
        return Ok(());
    }
    Err(place.error(axis.span(), "expected two finite numbers, the smaller first"))
}

fn check_curves(
    definition: &Definition,
    place: DefinitionText<'_>,
    figure: &Figure,
    curves: &Curves,
) -> Result<(), Box<DefinitionError>> {
    check_axis(place, curves.axis.as_ref())?;
    if curves.series.is_empty() {
        return Err(place.error(figure.id.span(), "`series` is empty; name at least one"));
    }
    for series in &curves.series {
        match series.points.get_ref() {
            SeriesPoints::Run { dataset, .. } => {
                definition.check_dataset(place, series.points.span(), dataset)?;
            }
            _ if series.label.is_empty() => {
                return Err(place.error(series.points.span(), "a printed series needs a `label`"));
            }
            _ => {}
        }
    }
    Ok(())
}
