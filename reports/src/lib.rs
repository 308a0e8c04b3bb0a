//! Tables, figures and the report page of an evaluated suite.
//!
//! Everything here is drawn from an [`EvaluatedSuite`] and nothing else. Nothing is measured, and no statistic is
//! computed beyond the ranges of axes. The same suite gives the same bytes: there is no clock, no random id and no
//! system font.
//!
//! Marks on printed values: none for a value read in the paper, † secondary, ‡ digitised, § derived, ¶ code,
//! ® recorded from an earlier run, * printed differently elsewhere. What is unknown stays empty; a measurement that
//! failed says why.

mod error;
pub mod figure;
mod number;
mod output;
mod page;
pub mod sheet;
mod summary;
pub mod table;
mod validate;
mod words;

pub use error::ReportError;
pub use summary::{correlations_json, terminal_summary};

use figure::Theme;
use retally_suites::evaluation::EvaluatedSuite;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Where the parts of a report were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportFiles {
    /// `report.html`.
    pub page: PathBuf,
    /// `figures/<id>.svg`, `figures/<id>.png`, and both again with `-dark` for dark ground.
    pub figures: Vec<PathBuf>,
    /// `tables/<id>.md`, `tables/<id>.csv`, `tables/<id>.tex`.
    pub tables: Vec<PathBuf>,
}

/// Writes the report of `suite` into the folder `out`, which is made if it is missing.
///
/// `record` is the run's own record (versions, digests, machine); the page lists it as it is. Every file is replaced
/// atomically. Nothing outside `out` is written: ids that could lead elsewhere are refused before anything is written.
///
/// # Errors
/// Ids, rows or numbers that cannot be drawn, and files that cannot be written.
pub fn write_report(
    suite: &EvaluatedSuite,
    record: Option<&serde_json::Value>,
    out: &Path,
) -> Result<ReportFiles, ReportError> {
    validate::validate(suite)?;
    let drawings = suite
        .figures
        .iter()
        .map(|f| figure::svg(f, Theme::Light))
        .collect::<Result<Vec<_>, _>>()?;
    let page = page::render(suite, record, &drawings)?;
    let figures = write_figures(suite, &drawings, &out.join("figures"))?;
    let tables = write_tables(suite, &out.join("tables"))?;
    output::make_folder(out)?;
    let page = output::write(out, "report.html", page.as_bytes())?;
    Ok(ReportFiles { page, figures, tables })
}

fn write_figures(
    suite: &EvaluatedSuite,
    drawings: &[String],
    folder: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let mut paths = Vec::new();
    for (figure, light) in suite.figures.iter().zip(drawings) {
        output::make_folder(folder)?;
        let id = &figure.id;
        paths.push(output::write(folder, &format!("{id}.svg"), light.as_bytes())?);
        paths.push(output::write(
            folder,
            &format!("{id}.png"),
            &figure::png(figure, Theme::Light)?,
        )?);
        let dark = figure::svg(figure, Theme::Dark)?;
        paths.push(output::write(folder, &format!("{id}-dark.svg"), dark.as_bytes())?);
        paths.push(output::write(
            folder,
            &format!("{id}-dark.png"),
            &figure::png(figure, Theme::Dark)?,
        )?);
    }
    Ok(paths)
}

fn write_tables(suite: &EvaluatedSuite, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut paths = Vec::new();
    for table in &suite.tables {
        output::make_folder(folder)?;
        let id = &table.id;
        paths.push(output::write(
            folder,
            &format!("{id}.md"),
            table::markdown::markdown(table).as_bytes(),
        )?);
        paths.push(output::write(
            folder,
            &format!("{id}.csv"),
            table::csv::csv(table)?.as_bytes(),
        )?);
        paths.push(output::write(
            folder,
            &format!("{id}.tex"),
            table::latex::latex(&suite.id, table).as_bytes(),
        )?);
    }
    Ok(paths)
}
