use super::{SlidingBoard, SlidingFrameScore, SlidingReading};
use crate::unified::{Direction, Protocol};

fn frames(moves: &[Direction]) -> Vec<SlidingReading> {
    let mut board = SlidingBoard::SOLVED;
    let next = |direction: &Direction| {
        board = board.after_empty_moves(*direction).unwrap();
        board.into()
    };
    moves.iter().map(next).collect()
}

fn score(
    expected: &[SlidingReading],
    produced: &[SlidingReading],
    protocol: Protocol,
) -> (f64, bool) {
    let produced: Vec<_> = produced.iter().copied().map(Some).collect();
    let score = SlidingFrameScore::of(expected, &produced, protocol);
    (score.step(), score.exact())
}

#[test]
fn sequences_are_scored_by_place_and_length() {
    let frames = frames(&[Direction::Up, Direction::Up, Direction::Left]);
    for protocol in Protocol::ALL {
        let score = |produced: &[SlidingReading]| score(&frames, produced, protocol);
        assert_eq!(score(&frames), (1.0, true));
        assert_eq!(score(&frames[..2]), (2.0 / 3.0, false));
        assert_eq!(score(&[frames[0], frames[1], frames[2], frames[2]]), (1.0, false));
        assert_eq!(score(&[frames[1], frames[0], frames[2]]), (1.0 / 3.0, false));
        assert_eq!(score(&[]), (0.0, false));
    }
}

#[test]
fn nothing_expected_and_nothing_there_is_right() {
    assert_eq!(score(&[], &[], Protocol::Official), (1.0, true));
    let board = SlidingBoard::SOLVED.into();
    assert_eq!(score(&[], &[board], Protocol::Official), (0.0, false));
}

#[test]
fn an_unread_cell_equals_an_unread_cell_in_the_official_protocol_alone() {
    let mut frame = SlidingReading::from(SlidingBoard::SOLVED);
    frame.0[0][0] = None;
    assert_eq!(score(&[frame], &[frame], Protocol::Official), (1.0, true));
    assert_eq!(score(&[frame], &[frame], Protocol::Fixed), (0.0, false));
}

#[test]
fn an_undecodable_frame_is_wrong() {
    let frames = frames(&[Direction::Left]);
    let score = SlidingFrameScore::of(&frames, &[None], Protocol::Fixed);
    assert_eq!((score.step(), score.exact()), (0.0, false));
}
