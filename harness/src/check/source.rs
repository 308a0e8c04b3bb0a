//! Where suites come from: the program, or a folder of suites as a checkout has it; and whether their content is locked.

use crate::failure::Failure;
use crate::text_files::read_text;
use retally_manifests::Digest;
use retally_suites::Suite;
use retally_suites::cells::is_identifier;
use retally_suites::generation::GenerationProtocol;
use retally_suites::lock::{Lock, LockedKind};
use retally_suites::probes::ProbeProtocol;
use retally_suites::texts::{FurtherTexts, SuiteTexts, differing_files};
use serde::Deserialize;
use std::path::{Component, Path, PathBuf};

/// Where suites come from.
#[derive(Clone, Debug)]
pub enum SuiteSource {
    /// The program carries them.
    Builtin,
    /// A folder with a folder for each suite, and `lock.toml`.
    Folder(PathBuf),
}

/// A suite, and what its lock says.
#[derive(Debug)]
pub(super) struct FoundSuite {
    pub(super) suite: Suite,
    pub(super) lock: Lock,
    /// Its files, if they came from a folder.
    pub(super) checkout: Option<Checkout>,
    /// Its folder as annotations name it: `suites/starter`.
    pub(super) place: String,
    /// Where content moved without a new version, one sentence each.
    pub(super) problems: Vec<String>,
}

/// A suite's files in a folder.
#[derive(Debug)]
pub(super) struct Checkout {
    /// The folder of all suites.
    pub(super) root: PathBuf,
    /// The suite's files.
    pub(super) texts: SuiteTexts,
    /// `lock.toml`.
    pub(super) lock: String,
}

impl SuiteSource {
    /// Whether there is a suite with this id.
    pub(super) fn has(&self, id: &str) -> bool {
        match self {
            Self::Builtin => Suite::builtin_ids().any(|known| known == id),
            Self::Folder(root) => is_identifier(id) && root.join(id).join("suite.toml").is_file(),
        }
    }

    /// The suite with an id, which may come from a file of somebody else.
    ///
    /// # Errors
    /// If there is none, or a file is wrong.
    pub(super) fn find(&self, id: &str) -> Result<FoundSuite, Failure> {
        match self {
            Self::Builtin => builtin(id),
            Self::Folder(root) => checkout(root, id),
        }
    }
}

fn builtin(id: &str) -> Result<FoundSuite, Failure> {
    let suite = Suite::builtin(id)?;
    let lock = Lock::builtin().map_err(Failure::invalid)?;
    let mut problems = Vec::new();
    problems.extend(suite_problem(&lock, &suite));
    for id in GenerationProtocol::builtin_ids() {
        let (protocol, content) =
            (GenerationProtocol::builtin(id)?, GenerationProtocol::content_digest(id)?);
        problems.extend(lock.check(LockedKind::Protocol, id, protocol.version, &content).err());
    }
    for id in ProbeProtocol::builtin_ids() {
        let (protocol, content) = (ProbeProtocol::builtin(id)?, ProbeProtocol::content_digest(id)?);
        problems.extend(lock.check(LockedKind::Probe, id, protocol.version, &content).err());
    }
    let place = format!("suites/{}", suite.id());
    Ok(FoundSuite { suite, lock, checkout: None, place, problems })
}

fn suite_problem(lock: &Lock, suite: &Suite) -> Option<String> {
    let version = suite.definition().version;
    lock.check(LockedKind::Suite, suite.id(), version, suite.content_digest()).err()
}

fn checkout(root: &Path, id: &str) -> Result<FoundSuite, Failure> {
    let folder = root.join(id);
    if !is_identifier(id) || !folder.join("suite.toml").is_file() {
        return Err(Failure::invalid(format_args!(
            "there is no suite `{id}` in `{}`: expected `suite.toml` in a folder of that name",
            root.display()
        )));
    }
    let texts = read_suite(&folder)?;
    let within = |failure: Failure| failure.within(format_args!("`{}`", folder.display()));
    let suite = texts.suite().map_err(|error| within(error.into()))?;
    if suite.id() != id {
        return Err(Failure::invalid(format_args!(
            "`{}` says that its id is `{}`; expected `{id}`, the name of its folder",
            folder.join("suite.toml").display(),
            suite.id()
        )));
    }
    let lock_file = root.join("lock.toml");
    let lock_text = read_text(&lock_file)?;
    let lock = Lock::parse(&lock_text).map_err(|problem| {
        Failure::invalid(format_args!("`{}`: {problem}", lock_file.display()))
    })?;
    let mut problems = Vec::new();
    if let Some(problem) = suite_problem(&lock, &suite) {
        problems.push(format!("{}{problem}", what_moved(&suite, &texts)));
    }
    problems.extend(other_problems(root, &lock)?);
    let place = from_here(&folder);
    let checkout = Checkout { root: root.to_path_buf(), texts, lock: lock_text };
    Ok(FoundSuite { suite, lock, checkout: Some(checkout), place, problems })
}

/// A folder as annotations name it: from the current folder, which CI services set to the repository's root, and with `/`.
fn from_here(folder: &Path) -> String {
    let here = std::env::current_dir().ok();
    let within = here.as_deref().and_then(|here| folder.strip_prefix(here).ok()).unwrap_or(folder);
    let parts = within.components().filter(|part| !matches!(part, Component::CurDir));
    parts.collect::<PathBuf>().display().to_string().replace('\\', "/")
}

/// Where a suite's files differ from those of the same version that this program carries.
fn what_moved(suite: &Suite, texts: &SuiteTexts) -> String {
    let version = suite.definition().version;
    let own = Suite::builtin(suite.id()).ok();
    let known = own
        .filter(|own| own.definition().version == version)
        .and_then(|own| Suite::builtin_texts(own.id()));
    let Some(known) = known else { return String::new() };
    let differing = differing_files(&known.files(), &texts.files());
    if differing.is_empty() { String::new() } else { format!("{}: ", differing.join(", ")) }
}

fn read_suite(folder: &Path) -> Result<SuiteTexts, Failure> {
    let existing = |folder: &Path, name: &str| {
        let path = folder.join(name);
        path.is_file().then(|| read_text(&path)).transpose()
    };
    let named =
        |name: &str| Ok::<_, Failure>(existing(folder, name)?.map(|t| (name.to_owned(), t)));
    let cells = match (named("cells.csv")?, named("recorded.csv")?) {
        (Some(_), Some(_)) => {
            return Err(Failure::invalid(format_args!(
                "`{}` has both cells.csv and recorded.csv; a suite's numbers are a paper's or an earlier run's",
                folder.display()
            )));
        }
        (cells, recorded) => cells.or(recorded),
    };
    let mut further = Vec::new();
    for name in subfolders(folder)? {
        let own = folder.join(&name);
        let Some(cells) = existing(&own, "cells.csv")? else { continue };
        let correlations = read_text(&own.join("correlations.csv"))?;
        further.push(FurtherTexts { folder: name, cells, correlations });
    }
    Ok(SuiteTexts {
        definition: read_text(&folder.join("suite.toml"))?,
        cells,
        correlations: existing(folder, "correlations.csv")?,
        further,
    })
}

/// Names of the folders within a folder that can name tables, sorted.
fn subfolders(folder: &Path) -> Result<Vec<String>, Failure> {
    let error = |error: std::io::Error| Failure::file("list", folder, &error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if is_identifier(&name) && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Protocols of generated images and of probes, whose files stand beside the suites.
fn other_problems(root: &Path, lock: &Lock) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct Versioned {
        id: String,
        version: u32,
    }
    let kinds = [(LockedKind::Protocol, "generation"), (LockedKind::Probe, "probes")];
    let mut problems = Vec::new();
    for (kind, name) in kinds {
        let folder = root.join(name);
        if !folder.is_dir() {
            continue;
        }
        for path in toml_files(&folder)? {
            let text = read_text(&path)?;
            let found: Versioned = toml::from_str(&text).map_err(|error| {
                Failure::invalid(format_args!("`{}`: {}", path.display(), error.message()))
            })?;
            let content = Digest::of_bytes(text.as_bytes());
            problems.extend(lock.check(kind, &found.id, found.version, &content).err());
        }
    }
    Ok(problems)
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let error = |error: std::io::Error| Failure::file("list", folder, &error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if crate::file_names::has_extension(&path, "toml") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites")
    }

    #[test]
    fn the_folder_of_the_repository_holds_what_the_program_carries() {
        let folder = SuiteSource::Folder(repository());
        for id in Suite::builtin_ids() {
            let (own, found) = (SuiteSource::Builtin.find(id).unwrap(), folder.find(id).unwrap());
            assert_eq!(own.suite.content_digest(), found.suite.content_digest(), "{id}");
            assert!(own.problems.is_empty() && found.problems.is_empty(), "{found:?}");
            assert_eq!(Suite::builtin_texts(id).unwrap(), found.checkout.unwrap().texts, "{id}");
        }
    }

    #[test]
    fn annotations_name_files_from_the_current_folder() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(from_here(&here.join("suites/starter")), "suites/starter");
        assert_eq!(from_here(Path::new("./suites/starter")), "suites/starter");
        assert_eq!(from_here(Path::new("../suites/starter")), "../suites/starter");
    }

    #[test]
    fn ids_from_files_lead_nowhere_else() {
        let folder = SuiteSource::Folder(repository());
        for id in ["../suites/starter", "/etc", "", "starter/..", "generation"] {
            assert!(!folder.has(id), "{id}");
            let message = folder.find(id).unwrap_err().message();
            assert!(message.contains("there is no suite"), "{message}");
        }
    }
}
