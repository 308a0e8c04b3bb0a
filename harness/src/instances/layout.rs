//! Names of the files of Uni-MMMU's data and of the answers to it, as its released scripts read and write them.

/// Folder of the mazes.
pub(super) const MAZE: &str = "maze";
/// Folder of the sliding puzzles.
pub(super) const SLIDING: &str = "sliding";
/// Folder of the jigsaws.
pub(super) const JIGSAW: &str = "jigsaw_dataset_2x2ref";
/// Folder of the SVG code tasks.
pub(super) const CODE: &str = "svg";
/// Lists sliding puzzles.
pub(super) const SLIDING_SUMMARY: &str = "summary_steps_le_8.json";
/// Lists jigsaws, and SVG code tasks.
pub(super) const METADATA: &str = "metadata.json";
/// The folder that the released scripts take their data from. Paths in files that they read begin with it.
pub(super) const DATA: &str = "data";

/// Numbers in names have five digits.
pub(super) const MOST_INSTANCES: usize = 10_000;

/// Folder of a maze's frames, in that of the mazes.
pub(super) fn maze_steps(number: usize) -> String {
    format!("maze_6x6_{number:05}_steps")
}

/// A maze before its first move (0) or after that many.
pub(super) fn maze_frame(number: usize, step: usize) -> String {
    format!("{MAZE}/{}/maze_step_{step:04}.png", maze_steps(number))
}

/// The moves of a maze.
pub(super) fn maze_truth(number: usize) -> String {
    format!("{MAZE}/maze_6x6_steps_{number:05}.json")
}

/// Folder of a puzzle's frames, in that of the puzzles.
pub(super) fn sliding_steps(number: usize) -> String {
    format!("demo_3x3_{number:05}_steps")
}

/// A puzzle before its first move (0) or after that many.
pub(super) fn sliding_frame(number: usize, step: usize) -> String {
    format!("{SLIDING}/{}/demo_step_{step:04}.png", sliding_steps(number))
}

/// Name of the file of a puzzle's moves, in the folder of the puzzles.
pub(super) fn sliding_truth(number: usize) -> String {
    format!("demo_3x3_steps_words_{number:05}.json")
}

/// Id of a jigsaw, and its folder.
pub(super) fn jigsaw_id(number: usize) -> String {
    format!("ex_{number:05}")
}

/// Id of an SVG code task, and its files without their endings.
pub(super) fn code_id(number: usize) -> String {
    format!("svg_{number:05}")
}

/// Folder of the answers to an SVG code task; the first one has the number 1.
pub(super) fn code_case(number: usize) -> String {
    format!("case_{:02}_{}", number + 1, code_id(number))
}
