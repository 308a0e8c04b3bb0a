//! The folders of the released scripts (Vchitect/Uni-MMMU at b5200b2): which files are a case, and which picture is which.

use super::files::{read_json_if_there, read_text_if_there};
use super::puzzle_case::{Candidate, PuzzleCase, answer_nothing};
use super::source::Folders;
use crate::failure::Failure;
use crate::file_names::has_extension;
use retally_metrics::unified::answers::PythonValue;
use retally_metrics::unified::{Protocol, Task};
use std::path::{Component, Path, PathBuf};

/// What parts the texts of several candidates.
const SEPARATOR: &str = "\n\n\n-----\n\n\n";

/// No candidate may have a larger number in its folder's name; folders beyond it are taken by their order.
const MOST_CANDIDATES: usize = 1000;

/// How the two tasks that are sequences of pictures differ.
struct Names {
    /// The folder of answers and of data.
    folder: &'static str,
    /// What the record calls the first picture.
    first: &'static str,
    /// What the ground truth calls its moves, and what else, in the fixed protocol.
    moves: [&'static str; 2],
    /// What stands between name and number of the ground truth's file.
    infix: &'static str,
    /// Whether the data set's frames are compared with.
    has_frames: bool,
    /// Whether a folder's name before the number is one of the task.
    is_name: fn(&str) -> bool,
}

const MAZE: Names = Names {
    folder: "maze",
    first: "step0",
    moves: ["steps_long", "steps"],
    infix: "_steps_",
    has_frames: false,
    is_name: is_maze,
};

const SLIDING: Names = Names {
    folder: "sliding",
    first: "init_png",
    moves: ["steps_words", "steps_words"],
    infix: "_steps_words_",
    has_frames: true,
    is_name: |name| name.ends_with("_3x3"),
};

/// `maze_<digits>x<digits>`.
fn is_maze(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix("maze_")
        .and_then(|size| size.split_once('x'))
        .is_some_and(|(height, width)| is_number(height) && is_number(width))
}

/// The cases of mazes or sliding puzzles, in the order of their folders' names; the inner error says why there is none.
///
/// # Errors
/// If a record or a ground truth is not what it should be.
pub(super) fn puzzles(
    task: Task,
    folders: &Folders,
    protocol: Protocol,
) -> Result<Result<Vec<PuzzleCase>, String>, Failure> {
    let names = if task == Task::Maze { &MAZE } else { &SLIDING };
    let root = folders.outputs.join(names.folder);
    if !root.is_dir() {
        return Ok(Err(format!("not run: there is no folder `{}`", root.display())));
    }
    let cases = entries(&root)?.into_iter().filter(|entry| entry.name.starts_with("case_"));
    let cases =
        cases.map(|entry| puzzle(&entry, names, folders, protocol)).collect::<Result<_, _>>()?;
    Ok(Ok(cases))
}

fn puzzle(
    entry: &Entry,
    names: &Names,
    folders: &Folders,
    protocol: Protocol,
) -> Result<PuzzleCase, Failure> {
    let record = entry.path.join("result.json");
    let stated = stated_first(&record, names)?;
    let first = stated.map(|stated| find(&folders.data, names.folder, &stated));
    if let Some(first) = first.as_ref().filter(|first| !first.is_file()) {
        return Err(Failure::invalid(format_args!(
            "`{}` names the picture `{}`, which is neither there nor in `{}`: give the benchmark's data folder with --data",
            record.display(),
            first.display(),
            folders.data.display()
        )));
    }
    let folder = first.as_deref().and_then(|first| Steps::of(first, names));
    let moves = match &folder {
        Some(steps) => steps.moves(names, protocol)?,
        None => Vec::new(),
    };
    let frames = match &folder {
        Some(steps) if names.has_frames => steps.frames()?,
        _ => Vec::new(),
    };
    let candidates = candidates(&entry.path, protocol)?;
    Ok(PuzzleCase { id: entry.name.clone(), first, moves, frames, candidates })
}

/// The path of the first picture in a case's record; `None` if there is no record or it names none.
fn stated_first(record: &Path, names: &Names) -> Result<Option<String>, Failure> {
    let refuse = |problem: &str| Failure::invalid(format_args!("`{}` {problem}", record.display()));
    let value = match read_json_if_there(record)? {
        None => return Ok(None),
        Some(PythonValue::Dictionary(entries)) => {
            entries.into_iter().find(|(key, _)| key == names.first).map(|(_, value)| value)
        }
        Some(_) => return Err(refuse("holds no JSON object")),
    };
    match value {
        None | Some(PythonValue::None) => Ok(None),
        Some(PythonValue::Text(path)) => Ok(Some(path).filter(|path| !path.is_empty())),
        Some(_) => Err(refuse(&format!("has a `{}` that is no path", names.first))),
    }
}

/// Where the picture of a data set is that a record names by its path on another machine: the longest end of that path, two
/// parts at least where it has them, that is in the data folder or in the task's folder in it; else the path as it stands.
pub(super) fn find(data: &Path, folder: &str, stated: &str) -> PathBuf {
    let stated = Path::new(stated);
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for component in stated.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            // What is before it does not lead to the file.
            Component::ParentDir => parts.clear(),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let shortest = parts.len().min(2);
    for start in 0..=parts.len() - shortest {
        let end: PathBuf = parts[start..].iter().collect();
        let places = [data.join(&end), data.join(folder).join(&end)];
        if let Some(found) = places.into_iter().find(|place| place.is_file()) {
            return found;
        }
    }
    stated.to_owned()
}

/// The folder `<name>_<5 digits>_steps` of a data set's case.
struct Steps {
    path: PathBuf,
    name: String,
    number: String,
}

impl Steps {
    /// The folder that the first picture is in, if it is called so.
    fn of(first: &Path, names: &Names) -> Option<Self> {
        let path = first.parent()?;
        let stem = path.file_name()?.to_str()?.strip_suffix("_steps")?;
        let (name, number) = stem.rsplit_once('_')?;
        let is_number = number.len() == 5 && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && (names.is_name)(name)).then(|| Self {
            path: path.to_owned(),
            name: name.to_owned(),
            number: number.to_owned(),
        })
    }

    /// The moves in the JSON file beside the folder; none if there is no such file or it has none.
    fn moves(&self, names: &Names, protocol: Protocol) -> Result<Vec<PythonValue>, Failure> {
        let file = format!("{}{}{}.json", self.name, names.infix, self.number);
        let path = self.path.with_file_name(file);
        let Some(truth) = read_json_if_there(&path)? else { return Ok(Vec::new()) };
        let [name, other] = names.moves;
        let moves = match protocol {
            Protocol::Official => truth.get(name),
            Protocol::Fixed => truth.get(name).or_else(|| truth.get(other)),
        };
        match moves {
            None => Ok(Vec::new()),
            Some(PythonValue::List(moves)) => Ok(moves.clone()),
            Some(_) => Err(Failure::invalid(format_args!(
                "`{}`: `{name}` is no list of moves",
                path.display()
            ))),
        }
    }

    /// All `.png` of the folder but those with 0000 in their names, in the order of their names.
    fn frames(&self) -> Result<Vec<PathBuf>, Failure> {
        let frames = entries(&self.path)?.into_iter();
        let frames =
            frames.filter(|entry| entry.name.ends_with(".png") && !entry.name.contains("0000"));
        Ok(frames.map(|entry| entry.path).collect())
    }
}

/// The answers of a case: texts of `model_text.txt`, pictures of the folders `cand_*`.
///
/// Official: the first text goes with the first folder, and every name with a point in it is a frame. Fixed: a folder `cand_NN`
/// goes with the NN-th text, and only files whose name says picture are frames.
fn candidates(case: &Path, protocol: Protocol) -> Result<Vec<Candidate>, Failure> {
    let text = read_text_if_there(&case.join("model_text.txt"))?;
    let texts: Vec<&str> =
        text.as_deref().map_or_else(Vec::new, |text| text.split(SEPARATOR).collect());
    let folders: Vec<Entry> =
        entries(case)?.into_iter().filter(|entry| entry.name.starts_with("cand_")).collect();
    let places = places(&folders, protocol);
    let count = places.iter().map(|place| place + 1).max().unwrap_or(0).max(texts.len());
    let mut candidates: Vec<Candidate> = (0..count)
        .map(|index| Candidate {
            text: texts.get(index).map_or_else(String::new, |text| (*text).to_owned()),
            frames: Vec::new(),
        })
        .collect();
    for (folder, place) in folders.iter().zip(places) {
        candidates[place].frames = frames(&folder.path, protocol)?;
    }
    answer_nothing(&mut candidates, protocol);
    Ok(candidates)
}

/// Which candidate each folder is of.
fn places(folders: &[Entry], protocol: Protocol) -> Vec<usize> {
    let number = |entry: &Entry| {
        let number = entry.name.strip_prefix("cand_")?.parse::<usize>().ok()?;
        number.checked_sub(1).filter(|place| *place < MOST_CANDIDATES)
    };
    let numbered: Option<Vec<usize>> = folders.iter().map(number).collect();
    match numbered {
        Some(places) if protocol == Protocol::Fixed && are_distinct(&places) => places,
        _ => (0..folders.len()).collect(),
    }
}

fn are_distinct(places: &[usize]) -> bool {
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

fn frames(folder: &Path, protocol: Protocol) -> Result<Vec<PathBuf>, Failure> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let is_frame = |entry: &Entry| match protocol {
        Protocol::Official => entry.name.contains('.'),
        Protocol::Fixed => !entry.name.starts_with('.') && is_picture(&entry.path),
    };
    let frames = entries(folder)?.into_iter().filter(is_frame);
    Ok(frames.map(|entry| entry.path).collect())
}

fn is_picture(path: &Path) -> bool {
    ["png", "jpg", "jpeg", "webp", "gif", "bmp"].iter().any(|kind| has_extension(path, kind))
        && path.is_file()
}

/// The files `model_image_*.*` of a case in the order of their names.
pub(super) fn model_images(case: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !case.is_dir() {
        return Ok(Vec::new());
    }
    let is_image = |entry: &Entry| {
        entry.name.strip_prefix("model_image_").is_some_and(|rest| rest.contains('.'))
    };
    Ok(entries(case)?.into_iter().filter(is_image).map(|entry| entry.path).collect())
}

/// The folders whose names begin with `prefix`, (name, path) each, in the order of their names.
pub(super) fn folders_named(
    folder: &Path,
    prefix: &str,
) -> Result<Vec<(String, PathBuf)>, Failure> {
    let named = entries(folder)?
        .into_iter()
        .filter(|entry| entry.name.starts_with(prefix) && entry.path.is_dir());
    Ok(named.map(|entry| (entry.name, entry.path)).collect())
}

/// Something in a folder.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    path: PathBuf,
}

/// What a folder holds, in the order of the names' characters, as Python sorts paths.
fn entries(folder: &Path) -> Result<Vec<Entry>, Failure> {
    let failed = |error: std::io::Error| Failure::file("list", folder, &error);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Failure::invalid(format_args!(
                "`{}` has a name that is not UTF-8: rename it",
                path.display()
            )));
        };
        entries.push(Entry { name: name.to_owned(), path });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
