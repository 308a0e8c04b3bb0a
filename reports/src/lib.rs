//! Tables, figures and the report page of an evaluated suite.
//!
//! Everything here is drawn from an [`EvaluatedSuite`] and nothing else. Nothing is measured, and no statistic is
//! computed beyond the ranges of axes. The same suite gives the same bytes: there is no clock, no random id and no
//! system font.
//!
//! Marks on printed values: none for a value read in the paper, † secondary, ‡ digitised, § derived, ¶ code,
//! ® recorded from an earlier run, # a share that no count gives, × a constant that nothing gives, * printed differently
//! elsewhere. What is unknown stays empty; a measurement that
//! failed says why.

pub mod calendar;
mod claim_list;
mod error;
pub mod figure;
pub mod github;
pub mod interchange;
mod junit;
mod number;
mod output;
mod overview;
mod page;
mod picture;
pub mod sheet;
mod summary;
pub mod table;
mod validate;
mod words;

pub use claim_list::CheckedClaims;
pub use error::ReportError;
pub use junit::junit;
// Leaderboards write numbers and verdicts with the same words, and have the same colours.
pub use number::{fixed, four_digit_decimals, typographic, with_interval};
pub use output::PARTIAL;
pub use page::{PALETTE, STYLE};
pub use picture::{LONGEST_SIDE, MOST_BYTES};
pub use summary::{correlations_json, terminal_summary};
pub use words::{absence_word, column_heading, verdict_meaning, verdict_symbol, verdict_word};

const FIGURES: &str = "figures";
const TABLES: &str = "tables";

/// The folders within that of a report.
pub const FOLDERS: [&str; 2] = [FIGURES, TABLES];

use figure::Theme;
use picture::PictureFile;
use retally_suites::evaluation::EvaluatedSuite;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a run left beside its measurements; nothing for a report without a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunFiles<'a> {
    /// The run's own record (versions, digests, machine); the page lists it as it is.
    pub record: Option<&'a serde_json::Value>,
    /// The run's folder, in which the pictures of the suite stand as `pictures/<id>.png`.
    pub folder: Option<&'a Path>,
}

/// Where the parts of a report were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportFiles {
    /// `report.html`.
    pub page: PathBuf,
    /// `report.md`: the same in short, with links to the other files.
    pub overview: PathBuf,
    /// `figures/<id>.svg`, `figures/<id>.png`, and both again with `-dark` for dark ground.
    pub figures: Vec<PathBuf>,
    /// `tables/<id>.md`, `tables/<id>.csv`, `tables/<id>.tex`.
    pub tables: Vec<PathBuf>,
    /// `derived.csv`: stated numbers and what they follow from, if the suite has such.
    pub derived: Option<PathBuf>,
    /// `reachability.csv`: printed shares that no rounded count gives, if the suite checks any.
    pub reachability: Option<PathBuf>,
    /// `pictures/<id>.png`, those that the run made.
    pub pictures: Vec<PathBuf>,
}

/// Writes the report of `suite` into the folder `out`, which is made if it is missing.
///
/// Every file is replaced atomically. Nothing outside `out` is written: ids that could lead elsewhere are refused before
/// anything is written. Pictures of the run are put into the page and copied to `out`.
///
/// # Errors
/// Ids, rows or numbers that cannot be drawn, pictures that cannot be shown, and files that cannot be written.
pub fn write_report(
    suite: &EvaluatedSuite,
    run: RunFiles<'_>,
    out: &Path,
) -> Result<ReportFiles, ReportError> {
    validate::validate(suite)?;
    let drawings = suite
        .figures
        .iter()
        .map(|f| figure::svg(f, Theme::Light))
        .collect::<Result<Vec<_>, _>>()?;
    let pictures = read_pictures(suite, run)?;
    let page =
        page::render(suite, run.record, &page::Images { figures: &drawings, pictures: &pictures })?;
    let figures = write_figures(suite, &drawings, &out.join(FIGURES))?;
    let tables = write_tables(suite, &out.join(TABLES))?;
    let written = write_pictures(suite, &pictures, &out.join("pictures"))?;
    output::make_folder(out)?;
    let derived = match suite.derived.is_empty() {
        true => None,
        false => {
            Some(output::write(out, "derived.csv", table::csv::derived_csv(suite)?.as_bytes())?)
        }
    };
    let reachability = match suite.reachability.is_empty() {
        true => None,
        false => {
            let listed = table::csv::reachability_csv(suite)?;
            Some(output::write(out, "reachability.csv", listed.as_bytes())?)
        }
    };
    let overview =
        output::write(out, "report.md", overview::markdown(suite, &pictures).as_bytes())?;
    let page = output::write(out, "report.html", page.as_bytes())?;
    let pictures = written;
    Ok(ReportFiles { page, overview, figures, tables, derived, reachability, pictures })
}

/// One entry for each picture of the suite; `None` where there is no run or the run made no such picture.
fn read_pictures(
    suite: &EvaluatedSuite,
    run: RunFiles<'_>,
) -> Result<Vec<Option<PictureFile>>, ReportError> {
    let read = |picture| run.folder.map_or(Ok(None), |folder| PictureFile::read(folder, picture));
    suite.pictures.iter().map(read).collect()
}

fn write_pictures(
    suite: &EvaluatedSuite,
    pictures: &[Option<PictureFile>],
    folder: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let mut paths = Vec::new();
    for (picture, file) in suite.pictures.iter().zip(pictures) {
        if let Some(file) = file {
            output::make_folder(folder)?;
            paths.push(output::write(folder, &format!("{}.png", picture.id), &file.bytes)?);
        }
    }
    Ok(paths)
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
