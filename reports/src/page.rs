//! The report page: one HTML file that loads nothing.

mod derived;
mod record;
mod view;

use crate::error::ReportError;
use crate::figure;
use crate::picture::PictureFile;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use retally_suites::evaluation::EvaluatedSuite;

const TEMPLATE: &str = include_str!("../templates/report.html");
/// The colours of every page, for light and dark ground, as CSS variables.
pub const PALETTE: &str = include_str!("../templates/palette.css");
/// The style of every page.
pub const STYLE: &str = include_str!("../templates/report.css");
const SCRIPT: &str = include_str!("../templates/report.js");

/// What the page shows beside words and numbers, each in the order of the suite.
pub(crate) struct Images<'a> {
    /// The SVG of every figure.
    pub(crate) figures: &'a [String],
    /// The file of every picture; `None` where it does not exist.
    pub(crate) pictures: &'a [Option<PictureFile>],
}

/// Renders the page.
///
/// Text of the suite and of the run record is escaped by the template engine. Only the style sheet, the script and the
/// drawings of this crate are taken as they are.
pub(crate) fn render(
    suite: &EvaluatedSuite,
    run_record: Option<&serde_json::Value>,
    images: &Images<'_>,
) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template("report.html", TEMPLATE)?;
    let page = minijinja::context! {
        style => Value::from_safe_string(format!("{PALETTE}{STYLE}{}", figure::dark_style_rules())),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        drawings => images.figures.iter().map(|svg| Value::from_safe_string(inline(svg))).collect::<Vec<_>>(),
        retally_version => env!("CARGO_PKG_VERSION"),
        report => Value::from(Serde(view::Report::of(suite, images.pictures))),
        record => Value::from(Serde(run_record.map(record::sections))),
    };
    Ok(environment.get_template("report.html")?.render(page)?)
}

/// An SVG document as part of a page: its size comes from the style sheet, its name from the caption.
fn inline(svg: &str) -> String {
    svg.trim_end().replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1)
}
