//! Making the site again when something was accepted, and showing it when it is whole.

use super::run::Shared;
use crate::board::Board;
use crate::collection::Collection;
use crate::error::LeaderboardError;
use crate::site::{ASIDE, MARKER, SiteOptions, WORK, write_site};
use retally_manifests::Digest;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Something that the next site must show.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) upload: String,
    pub(super) submission: Digest,
}

/// What the publisher is told.
#[derive(Clone, Debug)]
pub(super) enum News {
    Accepted(Accepted),
    /// The server has started.
    Started,
    /// The server stops.
    Stop,
}

/// How long it waits after a failure.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes a site whenever something was accepted. What is accepted while one is made waits for the next one, all of it together.
pub(super) fn publish_all(shared: &Shared, news: &Receiver<News>) {
    let mut waiting: Vec<Accepted> = Vec::new();
    while let Ok(first) = news.recv() {
        for news in std::iter::once(first).chain(news.try_iter()) {
            match news {
                News::Accepted(accepted) => waiting.push(accepted),
                News::Started => {}
                News::Stop => return,
            }
        }
        match publish(shared, &waiting) {
            Ok(()) => waiting.clear(),
            Err(error) => {
                shared.trouble("cannot make the site", &error);
                std::thread::sleep(PATIENCE);
                // Tries again, unless the server stops.
                shared.start_publishing();
            }
        }
    }
}

fn publish(shared: &Shared, waiting: &[Accepted]) -> Result<(), LeaderboardError> {
    let collection = Collection::read(&shared.folder.submissions(), &|| ())?;
    for other in &collection.left_out {
        shared.note(format!("left out: {}: {}", other.folder.display(), other.reason.sentence()));
    }
    let board = Board::of(&collection, &|| ())?;
    let sites = shared.folder.sites();
    let number = newest(&sites)?.map_or(1, |(number, _)| number + 1);
    let place = sites.join(number.to_string());
    let options = SiteOptions { title: &shared.title, with_bundles: false };
    write_site(&board, options, &place)?;
    let old = shared.show(place);
    for Accepted { upload, submission } in waiting {
        shared.record.publish(upload, &submission.to_string())?;
        shared.note(format!("upload {upload}: published as {submission}"));
    }
    remove_old(&sites, number, old)
}

/// Sites before the one that was just replaced; that one may still be read by visitors.
fn remove_old(
    sites: &Path,
    newest: u64,
    replaced: Option<PathBuf>,
) -> Result<(), LeaderboardError> {
    for (number, path) in all(sites)? {
        if number < newest && replaced.as_ref() != Some(&path) {
            fs::remove_dir_all(&path)
                .map_err(|error| LeaderboardError::file("remove", &path, error))?;
        }
    }
    Ok(())
}

/// Removes what a killed server left among the sites: one that it was writing, and one that it was removing.
pub(super) fn remove_interrupted(sites: &Path) -> Result<(), LeaderboardError> {
    for path in items(sites)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let was_written = name.starts_with(WORK) || name.starts_with(ASIDE);
        if was_written || number(&path).is_some() && !is_whole(&path) {
            fs::remove_dir_all(&path)
                .map_err(|error| LeaderboardError::file("remove", &path, error))?;
        }
    }
    Ok(())
}

/// The newest whole site. A site gets its name when it is whole.
pub(super) fn newest(sites: &Path) -> Result<Option<(u64, PathBuf)>, LeaderboardError> {
    Ok(all(sites)?.into_iter().max())
}

fn all(sites: &Path) -> Result<Vec<(u64, PathBuf)>, LeaderboardError> {
    let whole = items(sites)?.into_iter().filter(|path| is_whole(path));
    Ok(whole.filter_map(|path| Some((number(&path)?, path))).collect())
}

fn items(sites: &Path) -> Result<Vec<PathBuf>, LeaderboardError> {
    let failed = |error| LeaderboardError::file("list", sites, error);
    let items = fs::read_dir(sites).map_err(failed)?;
    items.map(|item| item.map(|item| item.path()).map_err(failed)).collect()
}

/// The number that a site is named by.
fn number(site: &Path) -> Option<u64> {
    site.file_name()?.to_str()?.parse().ok()
}

fn is_whole(site: &Path) -> bool {
    site.join(MARKER).is_file()
}
