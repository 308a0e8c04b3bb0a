//! Every row of the sliding table of papers/unimmmu, section 4.

use super::drawing::{BLACK, Canvas, SlidingStyle, WHITE, sliding};
use retally_manifests::Filter;
use retally_metrics::unified::Protocol;
use retally_metrics::unified::sliding::SlidingBoard;

const SOLVED: [u8; 9] = [2, 3, 4, 5, 6, 7, 8, 9, 1];
const SOLVED_TEXT: &str = "2 3 4 / 5 6 7 / 8 9 1";
const CANONICAL: SlidingStyle = SlidingStyle { cell: 160, margin: 15, tile: 1.0 };

#[track_caller]
fn reads(canvas: &Canvas, expected: &str) {
    for protocol in Protocol::ALL {
        assert_eq!(canvas.sliding(protocol).to_string(), expected, "{protocol:?}");
    }
}

#[test]
fn the_canonical_picture_and_its_harmless_variations_are_exact() {
    let canonical = sliding(SOLVED, CANONICAL);
    assert_eq!((canonical.image().width(), canonical.image().height()), (510, 510));
    reads(&canonical, SOLVED_TEXT);
    assert_eq!(canonical.sliding(Protocol::Official).board(), Some(SlidingBoard::SOLVED));
    for margin in [0, 80] {
        reads(&sliding(SOLVED, SlidingStyle { margin, ..CANONICAL }), SOLVED_TEXT);
    }
    reads(&canonical.resized(256, Filter::Bicubic), SOLVED_TEXT);
}

#[test]
fn a_canvas_of_another_shape_changes_nothing() {
    let board = sliding(SOLVED, CANONICAL);
    for offset in [0, 100, 255, 400, 510] {
        let mut wide = Canvas::new(1020, 510, WHITE);
        wide.paste(&board, offset, 0);
        reads(&wide, SOLVED_TEXT);
        let mut tall = Canvas::new(510, 1020, WHITE);
        tall.paste(&board, 0, offset);
        reads(&tall, SOLVED_TEXT);
    }
}

#[test]
fn gaps_between_tiles_count_as_pink() {
    for tile in [0.95, 0.90, 0.88] {
        reads(&sliding(SOLVED, SlidingStyle { tile, ..CANONICAL }), SOLVED_TEXT);
    }
    reads(&sliding(SOLVED, SlidingStyle { tile: 0.85, ..CANONICAL }), "? ? ? / ? ? ? / 8 ? ?");
}

#[test]
fn white_is_pink_and_black_is_brown() {
    reads(&Canvas::new(510, 510, WHITE), "8 8 8 / 8 8 8 / 8 8 8");
    reads(&Canvas::new(510, 510, BLACK), "7 7 7 / 7 7 7 / 7 7 7");
}

#[test]
fn a_tile_with_18_percent_of_another_colour_is_unread() {
    let mut canvas = sliding(SOLVED, CANONICAL);
    canvas.fill([15 + 160, 15 + 160, 160, 29], BLACK);
    reads(&canvas, "2 3 4 / 5 ? 7 / 8 9 1");
}

#[test]
fn a_speck_in_the_corner_spoils_the_crop() {
    let mut canvas = sliding(SOLVED, SlidingStyle { margin: 80, ..CANONICAL });
    canvas.fill([0, 0, 10, 10], BLACK);
    reads(&canvas, "? ? ? / ? ? ? / 8 ? ?");
}
