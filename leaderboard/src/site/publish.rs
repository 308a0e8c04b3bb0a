//! Writing a site: into a folder beside its place, which takes the place when it is whole.

use super::cells::Decimals;
use super::submission_page::ShownCell;
use super::{csv_file, feed, index_page, json_files, names, row_page, submission_page, suite_page};
use crate::board::{Board, SuiteBoard};
use crate::collection::{BUNDLE_FILE, ENTRY_FILE, Submission, VERIFICATION_FILE};
use crate::error::LeaderboardError;
use rayon::prelude::*;
use retally_manifests::Digest;
use serde::Serialize;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The file by which a site is known as one that may be replaced.
pub const MARKER: &str = ".retally-leaderboard";
/// Begins the name of a folder in which a site is being written.
pub(crate) const WORK: &str = ".retally-site-";
/// Begins the name of a folder with the site that was just replaced.
pub(crate) const ASIDE: &str = ".retally-old-";
const MARKER_TEXT: &str = "A site made by `retally leaderboard build`. It is replaced as a whole when it is built again.\n";

const STYLE: &str = include_str!("../../assets/site.css");
const SCRIPT: &str = include_str!("../../assets/site.js");
const ICON: &str = include_str!("../../assets/icon.svg");

/// What a site is made with.
#[derive(Clone, Copy, Debug)]
pub struct SiteOptions<'a> {
    /// Its title.
    pub title: &'a str,
    /// Whether bundles are put into it. A server has them elsewhere, and serves them under the same addresses.
    pub with_bundles: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes the site to `out`, whole or not at all. A site that stands there is replaced; anything else is left alone.
///
/// # Errors
/// If `out` holds something else, a bundle changed since it was read, or a file cannot be written.
pub fn write_site(
    board: &Board<'_>,
    options: SiteOptions<'_>,
    out: &Path,
) -> Result<Published, LeaderboardError> {
    refuse_other_content(out)?;
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |error| LeaderboardError::file("make a folder beside", out, error);
    fs::create_dir_all(parent).map_err(failed)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(WORK);
    // Readable for others, as far as the user's mask allows; a temporary folder is the owner's alone otherwise.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let work = builder.tempdir_in(parent).map_err(failed)?;
    let writer =
        Writer { root: work.path(), options, files: AtomicU64::new(0), bytes: AtomicU64::new(0) };
    writer.write_all(board)?;
    let published = Published {
        files: writer.files.load(Ordering::Relaxed),
        bytes: writer.bytes.load(Ordering::Relaxed),
    };
    take_place(work, out, parent)?;
    Ok(published)
}

fn refuse_other_content(out: &Path) -> Result<(), LeaderboardError> {
    let is_empty = match fs::read_dir(out) {
        Ok(mut items) => items.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(LeaderboardError::file("list", out, error)),
    };
    if is_empty || out.join(MARKER).is_file() {
        return Ok(());
    }
    Err(LeaderboardError::NotOurSite(out.to_owned()))
}

/// Puts the finished folder in the place of the old one. Should the second step fail, the old one is put back.
fn take_place(work: tempfile::TempDir, out: &Path, parent: &Path) -> Result<(), LeaderboardError> {
    let failed = |error| LeaderboardError::file("put the site at", out, error);
    let old = tempfile::Builder::new().prefix(ASIDE).tempdir_in(parent).map_err(failed)?;
    let aside = old.path().join("site");
    let had_old = out.exists();
    if had_old {
        fs::rename(out, &aside).map_err(failed)?;
    }
    if let Err(error) = fs::rename(work.path(), out) {
        if had_old {
            fs::rename(&aside, out).map_err(failed)?;
        }
        return Err(failed(error));
    }
    // It has another name now, and nothing is left to be removed under the old one.
    let _ = work.keep();
    Ok(())
}

struct Writer<'w> {
    root: &'w Path,
    options: SiteOptions<'w>,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Writer<'_> {
    fn write_all(&self, board: &Board<'_>) -> Result<(), LeaderboardError> {
        let title = self.options.title;
        self.write(MARKER, MARKER_TEXT.as_bytes())?;
        self.folder("assets")?;
        self.folder("data")?;
        let style = format!("{}{}{STYLE}", retally_reports::PALETTE, retally_reports::STYLE);
        self.write("assets/site.css", style.as_bytes())?;
        self.write("assets/site.js", SCRIPT.as_bytes())?;
        self.write("assets/icon.svg", ICON.as_bytes())?;
        self.write("index.html", index_page::render(board, title).as_bytes())?;
        self.write("feed.xml", feed::render(board, title).as_bytes())?;
        self.write("data/leaderboard.json", &json_files::index(board, title)?)?;
        board.suites.iter().try_for_each(|suite| self.write_suite(suite))
    }

    fn write_suite(&self, suite: &SuiteBoard<'_>) -> Result<(), LeaderboardError> {
        let folder = names::suite_folder(suite);
        self.folder(&format!("{folder}/rows"))?;
        let decimals: Vec<Decimals> = suite.tables.iter().map(Decimals::of).collect();
        let title = self.options.title;
        let page = suite_page::render(suite, &decimals, title);
        self.write(&names::suite_page(suite), page.as_bytes())?;
        let cells = cells_of_submissions(suite, &decimals);
        // The two large files are made beside the pages: each by one thread.
        let (files, pages) = rayon::join(
            || self.write_data(suite, &cells),
            || {
                self.write_rows(suite, &decimals)?;
                suite.submissions.par_iter().zip(&cells).try_for_each(|(submission, cells)| {
                    self.write_submission(suite, submission, cells)
                })
            },
        );
        files.and(pages)
    }

    fn write_data(
        &self,
        suite: &SuiteBoard<'_>,
        cells: &[Vec<ShownCell<'_, '_>>],
    ) -> Result<(), LeaderboardError> {
        let folder = names::suite_folder(suite);
        let (board, table) = rayon::join(
            || self.write(&format!("{folder}/board.json"), &json_files::suite(suite)?),
            || self.write(&format!("{folder}/cells.csv"), &csv_file::render(suite, cells)?),
        );
        board.and(table)
    }

    fn write_rows(
        &self,
        suite: &SuiteBoard<'_>,
        decimals: &[Decimals],
    ) -> Result<(), LeaderboardError> {
        suite.tables.iter().zip(decimals).try_for_each(|(table, decimals)| {
            table.rows.par_iter().try_for_each(|row| {
                let page = row_page::render((suite, table), row, decimals, self.options.title);
                self.write(&names::row_page(suite, table, row), page.as_bytes())
            })
        })
    }

    fn write_submission(
        &self,
        suite: &SuiteBoard<'_>,
        submission: &Submission,
        cells: &[ShownCell<'_, '_>],
    ) -> Result<(), LeaderboardError> {
        let folder = names::submission_folder(&submission.entry.id);
        self.folder(&folder)?;
        let page = submission_page::render(suite, submission, cells, self.options.title);
        self.write(&names::submission_page(&submission.entry.id), page.as_bytes())?;
        self.write(&format!("{folder}/{ENTRY_FILE}"), &json_files::written(&submission.entry)?)?;
        let verification = json_files::written(&submission.verification)?;
        self.write(&format!("{folder}/{VERIFICATION_FILE}"), &verification)?;
        if self.options.with_bundles {
            self.publish_bundle(submission, &format!("{folder}/{BUNDLE_FILE}"))?;
        }
        Ok(())
    }

    fn folder(&self, name: &str) -> Result<(), LeaderboardError> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).map_err(|error| LeaderboardError::file("create", &path, error))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LeaderboardError> {
        let path = self.root.join(name);
        fs::write(&path, bytes).map_err(|error| LeaderboardError::file("write", &path, error))?;
        self.count(bytes.len() as u64);
        Ok(())
    }

    /// Puts a bundle into the site, and makes sure that what is published is what was checked.
    fn publish_bundle(&self, submission: &Submission, name: &str) -> Result<(), LeaderboardError> {
        let (bundle, to) = (&submission.bundle, self.root.join(name));
        let is_same = bundle
            .publish(&to)
            .map_err(|error| LeaderboardError::file("put the bundle at", &to, error))?;
        if !is_same {
            return Err(LeaderboardError::Changed(bundle.path().to_owned()));
        }
        self.count(bundle.bytes());
        Ok(())
    }

    fn count(&self, bytes: u64) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The cells of each submission, in the order of the suite's submissions.
fn cells_of_submissions<'b, 'a>(
    suite: &'b SuiteBoard<'a>,
    decimals: &'b [Decimals],
) -> Vec<Vec<ShownCell<'b, 'a>>> {
    let numbers: HashMap<Digest, usize> =
        suite.submissions.iter().enumerate().map(|(number, own)| (own.entry.id, number)).collect();
    let mut cells: Vec<Vec<ShownCell<'b, 'a>>> = vec![Vec::new(); suite.submissions.len()];
    for (table, decimals) in suite.tables.iter().zip(decimals) {
        for (row, entry) in
            table.rows.iter().flat_map(|row| row.entries.iter().map(move |own| (row, own)))
        {
            let number = numbers.get(&entry.submission.entry.id);
            let Some(list) = number.and_then(|number| cells.get_mut(*number)) else { continue };
            let standing = |column: usize| entry.standings.get(column).copied().flatten();
            list.extend(entry.cells.iter().enumerate().filter_map(|(column, cell)| {
                let (place, standing) = (entry.place, standing(column));
                Some(ShownCell { table, decimals, row, place, column, cell: (*cell)?, standing })
            }));
        }
    }
    cells
}

/// Refuses a site within the submissions, and submissions within the site: one would be read or replaced as the other.
///
/// # Errors
/// If one lies in the other.
pub fn refuse_overlap(collection: &Path, site: &Path) -> Result<(), LeaderboardError> {
    let (from, to) = (absolute(collection), absolute(site));
    if from.starts_with(&to) || to.starts_with(&from) {
        let (site, collection) = (site.to_owned(), collection.to_owned());
        return Err(LeaderboardError::Overlap { site, collection });
    }
    Ok(())
}

/// A path without links, as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => absolute(parent).join(name),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}
