use super::{MazeFrameScore, MazeGrid, MazeReading, MazeSymbol, expected_frames};

/// The fixture of papers/unimmmu, section 4.
const FIXTURE: &str = "######/#.#.../#.###./#G..#./#.###./#S....";

fn grid(text: &str) -> MazeGrid {
    let mut cells = [[MazeSymbol::Unknown; 6]; 6];
    for (row, line) in text.split('/').enumerate() {
        for (column, letter) in line.chars().enumerate() {
            cells[row][column] = match letter {
                '#' => MazeSymbol::Wall,
                '.' => MazeSymbol::Floor,
                'S' => MazeSymbol::Start,
                'G' => MazeSymbol::Goal,
                '@' => MazeSymbol::StartOnGoal,
                _ => MazeSymbol::Unknown,
            };
        }
    }
    MazeGrid(cells)
}

fn first() -> MazeReading {
    MazeReading { grid: grid(FIXTURE), start: Some((5, 1)), goal: Some((3, 1)) }
}

fn expected(moves: &[&str]) -> Vec<MazeGrid> {
    let moves: Vec<String> = moves.iter().map(|word| (*word).to_owned()).collect();
    expected_frames(&first(), &moves).unwrap()
}

fn score(expected: &[MazeGrid], produced: &[MazeGrid]) -> MazeFrameScore {
    let produced: Vec<_> = produced.iter().copied().map(Some).collect();
    MazeFrameScore::of(expected, &produced, &grid(FIXTURE))
}

#[test]
fn frames_follow_the_moves() {
    let frames = expected(&["up", "up"]);
    assert_eq!(frames[0], grid("######/#.#.../#.###./#G..#./#S###./#....."));
    assert_eq!(frames[1], grid("######/#.#.../#.###./#@..#./#.###./#....."));
}

#[test]
fn an_illegal_move_stays_and_makes_a_frame() {
    let frames = expected(&["left", "down", "wait", "UP", "right"]);
    assert_eq!(frames.len(), 5);
    for frame in &frames[..4] {
        assert_eq!(*frame, grid(FIXTURE));
    }
    assert_eq!(frames[4], grid("######/#.#.../#.###./#G..#./#.###./#.S..."));
}

#[test]
fn a_maze_without_goal_has_frames_and_one_without_agent_has_none() {
    let goalless = MazeReading { goal: None, ..first() };
    let frames = expected_frames(&goalless, &["up".to_owned()]).unwrap();
    assert_eq!(frames[0], grid("######/#.#.../#.###./#...#./#S###./#....."));
    assert_eq!(expected_frames(&MazeReading { start: None, ..first() }, &[]), None);
}

#[test]
fn sequences_are_scored_as_the_paper_says() {
    let frames = expected(&["up", "up"]);
    let right = score(&frames, &frames);
    assert_eq!((right.step(), right.exact()), (1.0, true));
    let missing = score(&frames, &frames[..1]);
    assert_eq!((missing.step(), missing.exact()), (0.5, false));
    let extra = score(&frames, &[frames[0], frames[1], frames[1]]);
    assert_eq!((extra.step(), extra.exact()), (1.0, false));
    let swapped = score(&frames, &[frames[1], frames[0]]);
    assert_eq!((swapped.step(), swapped.exact()), (0.0, false));
    let none = score(&frames, &[]);
    assert_eq!((none.step(), none.exact(), none.well_formed_share()), (0.0, false, 0.0));
    assert!(!none.all_well_formed());
    // The agent walks through a wall.
    let through = grid("######/#.#.../#.###./#G..#./#.###./S.....");
    assert_eq!(score(&frames[..1], &[through]).step(), 0.0);
    // Nothing is expected: nothing is right.
    let nothing = score(&[], &[]);
    assert_eq!((nothing.step(), nothing.exact()), (0.0, false));
}

#[test]
fn an_undecodable_frame_is_wrong() {
    let frames = expected(&["up", "up"]);
    let produced = [None, Some(frames[1])];
    let score = MazeFrameScore::of(&frames, &produced, &grid(FIXTURE));
    assert_eq!((score.step(), score.exact(), score.well_formed), (0.5, false, 1));
}

#[test]
fn well_formed_frames_have_the_walls_one_agent_and_one_goal() {
    let frames = expected(&["up", "up"]);
    assert!(score(&frames, &frames).all_well_formed());
    for bad in [
        "######/#.#.../#.###./#G..#./#.###./#.....",
        "######/#.#.../#.###./#...#./#.###./#S....",
        "######/#.#.../#.###./#G..#./#.###./#SS...",
        "######/#.#.../#.###./#@..#./#.###./#S....",
        "######/#.#.../#.###./#G..#./#.###./#S...#",
        "######/#.#.../#.###./#G..../#.###./#S....",
        "######/#.#.../#.###./#G..#./#.###./#S...?",
    ] {
        assert_eq!(score(&frames, &[grid(bad)]).well_formed, 0, "{bad}");
    }
    let half = score(&frames, &[frames[0], grid("#")]);
    assert_eq!((half.well_formed_share(), half.all_well_formed()), (0.5, false));
}
