//! `instances.json`: what the instances are, how they were made, and the digests of all files.

use super::code::CodeEntry;
use super::folder::{Place, look, verify};
use crate::failure::Failure;
use retally_manifests::Digest;
use retally_metrics::unified::maze::{MAZE_SIZE, MazeGrid, MazePuzzle, MazeSymbol};
use retally_metrics::unified::seams::JigsawMeasures;
use retally_metrics::unified::sliding::{
    MAX_SLIDING_MOVES, SlidingBoard, SlidingPuzzle, SlidingSolutions,
};
use retally_metrics::unified::{Direction, Task};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The list of instances, in the folder of the data.
pub(super) const LIST: &str = "instances.json";
/// Says which program and which of its rules made the instances: another number, other bytes for the same seed.
const GENERATOR: &str = "retally-uni-mmmu-instances/1";
/// No list is larger; checked before it is read.
const MAX_LIST_BYTES: u64 = 256 << 20;

const NOTICE: &str = "Instances made by retally in the layout of Uni-MMMU (arXiv:2510.13759). This is not the official data: no picture, \
    text or answer of it is here, and scores on these instances do not compare with those that the paper prints. Geometry and \
    science are not made.";
const LICENCE: &str = "Mazes, sliding puzzles, drawings, sources and texts carry retally's own licence, MIT or Apache-2.0 at your choice; \
    its authors claim no further rights in them. Jigsaws keep the licence of the pictures that they are cut from: see `pictures`.";

/// What decides every byte of the instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// Program and rules.
    pub(super) generator: String,
    /// Of all random draws.
    pub(super) seed: u64,
    /// Of each task.
    pub(super) count: usize,
    /// In the order of the paper's table.
    pub(super) tasks: Vec<String>,
    /// What jigsaws are cut from, where there are some.
    pub(super) pictures: Option<PicturesIdentity>,
}

/// What jigsaws are cut from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PicturesIdentity {
    /// Scenes of emoji, or images of the user.
    pub(super) source: String,
    /// Their licence.
    pub(super) licence: String,
    /// SHA-256 of the digests of all images, in order.
    pub(super) sha256: Digest,
}

impl Identity {
    pub(super) fn new(
        seed: u64,
        count: usize,
        tasks: &[Task],
        pictures: Option<PicturesIdentity>,
    ) -> Self {
        let tasks = tasks.iter().map(|task| task.as_str().to_owned()).collect();
        Self { generator: GENERATOR.to_owned(), seed, count, tasks, pictures }
    }
}

/// A maze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MazeEntry {
    /// Its number.
    pub(super) id: String,
    /// Six rows of `#` (wall), `.` (floor), `S` (start), `G` (goal).
    pub(super) rows: Vec<String>,
    /// The only shortest path.
    pub(super) moves: Vec<String>,
}

/// A sliding puzzle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlidingEntry {
    /// The folder of its frames.
    pub(super) id: String,
    /// Nine numbers, row by row; 1 is the empty cell.
    pub(super) board: Vec<u8>,
    /// The only shortest solution: moves of the empty cell.
    pub(super) moves: Vec<String>,
}

/// A jigsaw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JigsawEntry {
    /// Its folder.
    pub(super) id: String,
    /// Which candidate is right.
    pub(super) label: u8,
    /// The images in the picture.
    pub(super) cut_from: Vec<String>,
    /// Row and column of the wrong candidate in the picture; the right one is (1, 1).
    pub(super) distractor: [usize; 2],
    /// Why it is well posed.
    pub(super) measures: JigsawMeasures,
}

/// The whole list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceList {
    schema: u32,
    notice: String,
    licence: String,
    /// What decides the bytes.
    pub(super) identity: Identity,
    /// Mazes.
    pub(super) maze: Vec<MazeEntry>,
    /// Sliding puzzles.
    pub(super) sliding: Vec<SlidingEntry>,
    /// Jigsaws.
    pub(super) jigsaw: Vec<JigsawEntry>,
    /// SVG code tasks.
    pub(super) code: Vec<CodeEntry>,
    /// Images of the user that make no well-posed jigsaw, and why.
    pub(super) unusable_images: Vec<UnusableImage>,
    /// SHA-256 of every other file.
    pub(super) files: BTreeMap<String, Digest>,
}

/// An image that no jigsaw was cut from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnusableImage {
    /// Its name.
    pub image: String,
    /// Why not.
    pub reason: String,
}

const SCHEMA: u32 = 1;

impl InstanceList {
    /// A list without instances.
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            schema: SCHEMA,
            notice: NOTICE.to_owned(),
            licence: LICENCE.to_owned(),
            identity,
            maze: Vec::new(),
            sliding: Vec::new(),
            jigsaw: Vec::new(),
            code: Vec::new(),
            unusable_images: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// Reads the list of a folder.
    ///
    /// # Errors
    /// If there is none, or it is of another program or version.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(LIST);
        let unreadable = |error| Failure::file("read the list of instances", &path, &error);
        let bytes = std::fs::metadata(&path).map_err(unreadable)?.len();
        if bytes > MAX_LIST_BYTES {
            return Err(Failure::invalid(format_args!(
                "`{}` has {bytes} bytes; no list of instances has more than {MAX_LIST_BYTES}",
                path.display()
            )));
        }
        let text = std::fs::read(&path).map_err(unreadable)?;
        let list: Self = serde_json::from_slice(&text).map_err(|error| {
            Failure::invalid(format_args!(
                "`{}` is no list of instances of this version of retally: {error}; make the instances again with \
                 `retally instances uni-mmmu`",
                path.display()
            ))
        })?;
        if list.schema != SCHEMA || list.identity.generator != GENERATOR {
            return Err(Failure::invalid(format_args!(
                "`{}` is of `{}`, schema {}; this retally reads `{GENERATOR}`, schema {SCHEMA}: make the instances again",
                path.display(),
                list.identity.generator,
                list.schema
            )));
        }
        Ok(list)
    }

    /// The list of a folder that holds these instances, every file checked; `None` if the place is free.
    ///
    /// # Errors
    /// If something else is there, or a file is damaged.
    pub(super) fn of_same(folder: &Path, identity: &Identity) -> Result<Option<Self>, Failure> {
        if look(folder)? == Place::Free {
            return Ok(None);
        }
        let taken = |what: String| {
            Err(Failure::invalid(format_args!(
                "--out {}: {what}; choose another folder, or remove this one",
                folder.display()
            )))
        };
        if !folder.join(LIST).is_file() {
            return taken(format!("the folder is not empty and has no {LIST}"));
        }
        let list = Self::read(folder)?;
        if list.identity != *identity {
            return taken(format!(
                "it holds other instances (seed {}, {} each of {}, another seed, count, task or set of pictures)",
                list.identity.seed,
                list.identity.count,
                list.identity.tasks.join(", ")
            ));
        }
        verify(folder, &list.files)?;
        Ok(Some(list))
    }
}

/// The words of an answer.
pub(super) fn words(moves: &[Direction]) -> Vec<String> {
    moves.iter().map(|direction| direction.as_str().to_owned()).collect()
}

impl MazeEntry {
    /// The maze, whose only path is searched for again.
    ///
    /// # Errors
    /// If the rows are no maze with one answer, or that is not the one listed.
    pub(super) fn puzzle(&self) -> Result<MazePuzzle, Failure> {
        let grid = self.grid().ok_or_else(|| {
            self.wrong(format_args!(
                "it has not {MAZE_SIZE} rows of {MAZE_SIZE} of the symbols # . S G"
            ))
        })?;
        let puzzle = MazePuzzle::new(grid).map_err(|error| self.wrong(error))?;
        if words(puzzle.moves()) != self.moves {
            return Err(self.wrong("the moves listed are not its shortest path"));
        }
        Ok(puzzle)
    }

    fn grid(&self) -> Option<MazeGrid> {
        let symbol = |symbol| {
            Some(match symbol {
                '#' => MazeSymbol::Wall,
                '.' => MazeSymbol::Floor,
                'S' => MazeSymbol::Start,
                'G' => MazeSymbol::Goal,
                _ => return None,
            })
        };
        let rows = self.rows.iter().map(|row| {
            let symbols: Option<Vec<MazeSymbol>> = row.chars().map(symbol).collect();
            <[MazeSymbol; MAZE_SIZE]>::try_from(symbols?).ok()
        });
        let rows: Option<Vec<_>> = rows.collect();
        Some(MazeGrid(rows?.try_into().ok()?))
    }

    fn wrong(&self, reason: impl std::fmt::Display) -> Failure {
        Failure::invalid(format_args!("{LIST}: maze `{}`: {reason}", self.id))
    }
}

impl SlidingEntry {
    /// The puzzle, whose only shortest solution is searched for again.
    ///
    /// # Errors
    /// If the board is no puzzle with one answer, or that is not the one listed.
    pub(super) fn puzzle(&self, solutions: &SlidingSolutions) -> Result<SlidingPuzzle, Failure> {
        let wrong = |reason: String| {
            Failure::invalid(format_args!("{LIST}: sliding puzzle `{}`: {reason}", self.id))
        };
        let cells = <[u8; 9]>::try_from(&self.board[..]).ok();
        let board = cells
            .and_then(SlidingBoard::new)
            .ok_or_else(|| wrong("its board has not each of the numbers 1 to 9 once".to_owned()))?;
        let puzzle =
            SlidingPuzzle::new(board, solutions).map_err(|error| wrong(error.to_string()))?;
        if words(puzzle.moves()) != self.moves {
            return Err(wrong("the moves listed are not its shortest solution".to_owned()));
        }
        Ok(puzzle)
    }
}

/// All puzzles that can be listed are among these.
pub(super) fn sliding_solutions() -> SlidingSolutions {
    SlidingSolutions::within(MAX_SLIDING_MOVES)
}
