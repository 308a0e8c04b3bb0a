use super::*;
use proptest::prelude::*;

const COLOURS: &str = include_str!("../../../../../tests/parity/uni_mmmu_colours.json");

#[test]
fn every_colour_has_numpys_class() {
    let palette = SLIDING_COLOURS.map(unit);
    crate::unified::colour::assert_classes(COLOURS, "sliding", |colour| classify(colour, &palette));
}

fn drawn(
    board: &SlidingBoard,
    cell: usize,
    [left, right, top, bottom]: [usize; 4],
) -> (usize, usize, Vec<u8>) {
    let (width, height) = (3 * cell + left + right, 3 * cell + top + bottom);
    let mut values = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let inside = y >= top && x >= left && y < top + 3 * cell && x < left + 3 * cell;
            let colour = if inside {
                let number = board.cells()[(y - top) / cell * 3 + (x - left) / cell];
                SLIDING_COLOURS[usize::from(number) - 1]
            } else {
                [255; 3]
            };
            values.extend_from_slice(&colour);
        }
    }
    (width, height, values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_drawn_board_is_read_back(
        cells in Just([1_u8, 2, 3, 4, 5, 6, 7, 8, 9]).prop_shuffle(),
        cell in 45..120_usize,
        margins in prop::array::uniform4(0..150_usize),
    ) {
        let board = SlidingBoard::new(cells).unwrap();
        let (width, height, values) = drawn(&board, cell, margins);
        let picture = Picture::new(width, height, &values).unwrap();
        for protocol in Protocol::ALL {
            let reading = read_sliding(&picture, protocol);
            prop_assert_eq!(reading, SlidingReading::from(board), "{}", reading);
            prop_assert_eq!(reading.board(), Some(board));
        }
    }
}

#[test]
fn a_cell_is_unread_below_four_fifths() {
    let mut counts = [0; 9];
    counts[3] = 4;
    counts[0] = 1;
    assert_eq!(number(counts, 5), Some(4));
    counts[3] = 399;
    counts[0] = 101;
    assert_eq!(number(counts, 500), None);
    assert_eq!(number([0; 9], 0), None);
}

#[test]
fn unread_cells_are_marked() {
    let mut reading = SlidingReading::from(SlidingBoard::SOLVED);
    assert!(reading.is_complete());
    reading.0[2][1] = None;
    assert_eq!(reading.to_string(), "2 3 4 / 5 6 7 / 8 ? 1");
    assert!(!reading.is_complete());
    assert_eq!(reading.board(), None);
}
