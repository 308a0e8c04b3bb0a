//! `retally leaderboard build`: the static site of a folder of checked submissions.

use super::super::{Document, counted};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::progress::{Job, Progress};
use retally_leaderboard::site::{Published, SiteOptions, refuse_overlap, write_site};
use retally_leaderboard::{Board, Collection, LeftOut};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Arguments of `retally leaderboard build`.
#[derive(Debug, clap::Args)]
pub(super) struct BuildCommand {
    /// The folder of submissions: one folder each, at any depth.
    #[arg(value_name = "DIR")]
    submissions: PathBuf,
    /// Where the site goes. A site that stands there is replaced as a whole; any other folder must be empty.
    #[arg(long, value_name = "SITE")]
    out: PathBuf,
    /// What the site is called.
    #[arg(long, value_name = "TEXT", default_value = "Leaderboard")]
    title: String,
}

#[derive(Serialize)]
struct Report<'a> {
    site: &'a Path,
    submissions: usize,
    suites: Vec<SuiteLine<'a>>,
    left_out: &'a [LeftOut],
    #[serde(flatten)]
    published: Published,
}

#[derive(Serialize)]
struct SuiteLine<'a> {
    id: &'a str,
    version: u32,
    submissions: usize,
    rows: usize,
}

pub(super) fn run(command: &BuildCommand, context: &Context) -> Result<Document, Failure> {
    refuse_overlap(&command.submissions, &command.out)?;
    let reading = Counter::new(&context.progress, "read submissions", "submissions");
    let collection = Collection::read(&command.submissions, &|| reading.one())?;
    reading.finish();
    let comparing = Counter::new(&context.progress, "compare", "rows");
    let board = Board::of(&collection, &|| comparing.one())?;
    comparing.finish();
    let options = SiteOptions { title: &command.title, with_bundles: true };
    let published = write_site(&board, options, &command.out)?;
    let suites = board.suites.iter().map(|suite| SuiteLine {
        id: &suite.identity.id,
        version: suite.identity.version,
        submissions: suite.submissions.len(),
        rows: suite.tables.iter().map(|table| table.rows.len()).sum(),
    });
    let report = Report {
        site: &command.out,
        submissions: collection.submissions.len(),
        suites: suites.collect(),
        left_out: &collection.left_out,
        published,
    };
    // The site is there without them, but somebody has to look at what is damaged.
    let is_damaged = collection.left_out.iter().any(|other| other.reason.is_damage());
    let status = if is_damaged { ExitStatus::Invalid } else { ExitStatus::AsClaimed };
    Document::with_status(text(&report), &report, status)
}

fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    for suite in &report.suites {
        let SuiteLine { id, version, submissions, rows } = suite;
        let submissions = counted(*submissions, "submission");
        let _ = writeln!(text, "{id} version {version}: {submissions}, {}", counted(*rows, "row"));
    }
    if !report.left_out.is_empty() {
        let _ = writeln!(text, "left out: {}", report.left_out.len());
        for other in report.left_out {
            let _ = writeln!(text, "  {}: {}", other.folder.display(), other.reason.sentence());
        }
    }
    let Published { files, bytes } = report.published;
    let page = report.site.join("index.html");
    let _ = write!(text, "site: {} ({files} files, {:.1} MB)", page.display(), bytes as f64 / 1e6);
    text
}

/// Counts what several threads do.
struct Counter(Mutex<(Job, u64)>);

impl Counter {
    fn new(progress: &Progress, title: &'static str, unit: &'static str) -> Self {
        // How many there are is known only when all have been looked at.
        Self(Mutex::new((progress.job(title, 0, unit), 0)))
    }

    fn one(&self) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.1 += 1;
        guard.0.advance(1);
    }

    fn finish(self) {
        let (job, count) = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        job.finish_at(count);
    }
}
