//! Mazes and sliding puzzles: a folder of frames each, a JSON file of moves beside it, and one of them as the worked example.

use super::{Case, Question};
use crate::driving::data::{Data, DataFile};
use crate::endpoint::Picture;
use crate::failure::Failure;
use retally_metrics::unified::Task;
use serde_json::Value;

/// What is asked of a maze or sliding puzzle.
#[derive(Clone, Debug)]
pub(in crate::driving) struct PuzzleQuestion {
    /// The picture before the first move.
    pub(in crate::driving) first: DataFile,
    /// How many moves the ground truth has; told to the model only where the user wants that.
    pub(in crate::driving) steps: Option<usize>,
}

/// The worked example.
#[derive(Clone, Debug)]
pub(in crate::driving) struct Demonstration {
    /// Its folder.
    pub(in crate::driving) id: String,
    /// Before the first move.
    pub(in crate::driving) first: Picture,
    /// Each move, and the picture after it.
    pub(in crate::driving) moves: Vec<(String, Picture)>,
}

/// How the files of both tasks are called.
struct Names {
    folder: &'static str,
    /// What stands between name and number of the moves' file.
    infix: &'static str,
    /// What the file calls its moves.
    moves: [&'static str; 2],
    /// The number of the benchmark's own example.
    example: &'static str,
}

const MAZE: Names =
    Names { folder: "maze", infix: "_steps_", moves: ["steps_long", "steps"], example: "00015" };
const SLIDING: Names = Names {
    folder: "sliding",
    infix: "_steps_words_",
    moves: ["steps_words", "steps_words"],
    example: "00001",
};

/// A folder `<name>_<5 digits>_steps`.
struct Steps {
    folder: String,
    name: String,
    number: String,
}

impl Steps {
    fn of(folder: &str) -> Option<Self> {
        let (name, number) = folder.strip_suffix("_steps")?.rsplit_once('_')?;
        let is_number = number.len() == 5 && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && !name.is_empty()).then(|| Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            number: number.to_owned(),
        })
    }

    /// The frames in the order of their names: the first one is that before the first move.
    fn frames(&self, data: Data<'_>, names: &Names) -> Result<Vec<DataFile>, Failure> {
        let folder = format!("{}/{}", names.folder, self.folder);
        let files = data.names(&folder)?;
        let frames = files.into_iter().filter(|name| name.ends_with(".png"));
        let frames: Vec<DataFile> =
            frames.filter_map(|name| data.file(&format!("{folder}/{name}"))).collect();
        match frames.first() {
            Some(first) if first.name.contains("0000") => Ok(frames),
            _ => Err(Failure::invalid(format_args!(
                "`{folder}` of the data holds no picture of step 0000 before all others"
            ))),
        }
    }

    /// The moves of the ground truth, if the data has them.
    fn moves(&self, data: Data<'_>, names: &Names) -> Result<Option<Vec<String>>, Failure> {
        let file = format!("{}/{}{}{}.json", names.folder, self.name, names.infix, self.number);
        if !data.has(&file) {
            return Ok(None);
        }
        let truth = data.json(&file)?;
        let listed = names.moves.iter().find_map(|name| truth.get(name)).and_then(Value::as_array);
        let moves: Option<Vec<String>> = listed.map(|moves| {
            moves.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
        });
        match (moves, listed) {
            (Some(moves), Some(listed)) if moves.len() == listed.len() && !moves.is_empty() => {
                Ok(Some(moves))
            }
            _ => Err(Failure::invalid(format_args!(
                "`{file}` of the data has no list of moves `{}`",
                names.moves[0]
            ))),
        }
    }
}

/// The worked example and the other cases, in the order of their folders' names.
///
/// The example is the benchmark's own (maze 00015, puzzle 00001) where the data has it, else the last case that has moves and a
/// picture after each of them.
pub(super) fn read(task: Task, data: Data<'_>) -> Result<(Demonstration, Vec<Case>), Failure> {
    let names = if task == Task::Maze { &MAZE } else { &SLIDING };
    let mut all: Vec<Steps> =
        data.names(names.folder)?.iter().filter_map(|name| Steps::of(name)).collect();
    let own = all.iter().position(|steps| steps.number == names.example);
    let candidates: Vec<usize> = own.into_iter().chain((0..all.len()).rev()).collect();
    let mut demonstration = None;
    for place in candidates {
        demonstration = example(&all[place], data, names)?.map(|example| (place, example));
        if demonstration.is_some() {
            break;
        }
    }
    let Some((place, demonstration)) = demonstration else {
        return Err(Failure::invalid(format_args!(
            "`{}` of the data has no case with moves and a picture after each of them, which the worked example needs",
            names.folder
        )));
    };
    all.remove(place);
    let cases = all.iter().map(|steps| case(task, steps, data, names));
    Ok((demonstration, cases.collect::<Result<_, _>>()?))
}

fn example(steps: &Steps, data: Data<'_>, names: &Names) -> Result<Option<Demonstration>, Failure> {
    let (frames, Some(moves)) = (steps.frames(data, names)?, steps.moves(data, names)?) else {
        return Ok(None);
    };
    if frames.len() != moves.len() + 1 {
        return Ok(None);
    }
    let mut pictures = frames.iter().map(DataFile::picture);
    let Some(first) = pictures.next().transpose()? else { return Ok(None) };
    let after = pictures.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Demonstration {
        id: steps.folder.clone(),
        first,
        moves: moves.into_iter().zip(after).collect(),
    }))
}

fn case(task: Task, steps: &Steps, data: Data<'_>, names: &Names) -> Result<Case, Failure> {
    let mut frames = steps.frames(data, names)?;
    let first = frames.swap_remove(0);
    let question =
        PuzzleQuestion { first, steps: steps.moves(data, names)?.map(|moves| moves.len()) };
    let name = if task == Task::Maze { &steps.number } else { &steps.folder };
    Ok(Case {
        id: steps.folder.clone(),
        folder: format!("{}/case_{name}", names.folder),
        question: Question::Puzzle(question),
    })
}
