//! The columns of Uni-MMMU's main table.

use crate::Unit;

/// A task of Uni-MMMU; science is three disciplines that the benchmark pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// Which of two patches completes a picture.
    Jigsaw,
    /// The way through a maze.
    Maze,
    /// A sliding puzzle of eight tiles.
    Sliding,
    /// Auxiliary lines and a proof or a number.
    Geometry,
    /// The state after a change in physics, chemistry or biology.
    Science,
    /// What an SVG source draws.
    Code,
}

impl Task {
    /// All tasks in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Jigsaw, Self::Maze, Self::Sliding, Self::Geometry, Self::Science, Self::Code];

    /// The name on the command line and in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jigsaw => "jigsaw",
            Self::Maze => "maze",
            Self::Sliding => "sliding",
            Self::Geometry => "geometry",
            Self::Science => "science",
            Self::Code => "code",
        }
    }
}

/// A column of the main table (Uni-MMMU, Table 2), `|step` and `|sample` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// 1 − mean perceptual distance of the two completed pictures.
    JigsawImage,
    /// Share of right choices.
    JigsawText,
    /// Share of frames that are right, mean over mazes.
    MazeImageStep,
    /// Share of mazes whose frames are all right.
    MazeImageSample,
    /// Share of moves that are right, mean over mazes.
    MazeTextStep,
    /// Share of mazes whose moves are all right.
    MazeTextSample,
    /// Share of frames that are right, mean over puzzles.
    SlidingImageStep,
    /// Share of puzzles whose frames are all right.
    SlidingImageSample,
    /// Share of moves that are right, mean over puzzles.
    SlidingTextStep,
    /// Share of puzzles whose moves are all right.
    SlidingTextSample,
    /// Share of pictures with all auxiliary lines (judged).
    GeometryImage,
    /// Share of sound solutions (judged).
    GeometryText,
    /// Share of sound reasonings (judged).
    ScienceReasoning,
    /// Share of right final states in words (judged).
    ScienceText,
    /// Share of right final states in pictures (judged).
    ScienceImage,
    /// Share of summaries that describe the picture (judged).
    CodeText,
    /// Shapes and colours of the picture, 0 to 5 (judged).
    CodeShape,
    /// Positions in the picture, 0 to 5 (judged).
    CodePosition,
}

impl Column {
    /// All columns in the order of the table.
    pub const ALL: [Self; 18] = [
        Self::JigsawImage,
        Self::JigsawText,
        Self::MazeImageStep,
        Self::MazeImageSample,
        Self::MazeTextStep,
        Self::MazeTextSample,
        Self::SlidingImageStep,
        Self::SlidingImageSample,
        Self::SlidingTextStep,
        Self::SlidingTextSample,
        Self::GeometryImage,
        Self::GeometryText,
        Self::ScienceReasoning,
        Self::ScienceText,
        Self::ScienceImage,
        Self::CodeText,
        Self::CodeShape,
        Self::CodePosition,
    ];

    /// The name of the column in the paper's table, as in `suites/aia`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JigsawImage => "Jigsaw-I",
            Self::JigsawText => "Jigsaw-T",
            Self::MazeImageStep => "Maze-I|step",
            Self::MazeImageSample => "Maze-I|sample",
            Self::MazeTextStep => "Maze-T|step",
            Self::MazeTextSample => "Maze-T|sample",
            Self::SlidingImageStep => "Sliding-I|step",
            Self::SlidingImageSample => "Sliding-I|sample",
            Self::SlidingTextStep => "Sliding-T|step",
            Self::SlidingTextSample => "Sliding-T|sample",
            Self::GeometryImage => "Geometry-I",
            Self::GeometryText => "Geometry-T",
            Self::ScienceReasoning => "Science-R",
            Self::ScienceText => "Science-T",
            Self::ScienceImage => "Science-I",
            Self::CodeText => "Code-T",
            Self::CodeShape => "Code-S",
            Self::CodePosition => "Code-P",
        }
    }

    /// The task that the column is of.
    #[must_use]
    pub fn task(self) -> Task {
        match self {
            Self::JigsawImage | Self::JigsawText => Task::Jigsaw,
            Self::MazeImageStep
            | Self::MazeImageSample
            | Self::MazeTextStep
            | Self::MazeTextSample => Task::Maze,
            Self::SlidingImageStep
            | Self::SlidingImageSample
            | Self::SlidingTextStep
            | Self::SlidingTextSample => Task::Sliding,
            Self::GeometryImage | Self::GeometryText => Task::Geometry,
            Self::ScienceReasoning | Self::ScienceText | Self::ScienceImage => Task::Science,
            Self::CodeText | Self::CodeShape | Self::CodePosition => Task::Code,
        }
    }

    /// Percent, but for the two columns of code that the paper prints from 0 to 5.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::CodeShape | Self::CodePosition => Unit::None,
            _ => Unit::Percent,
        }
    }
}
