//! Where the square board of a puzzle is in a picture, and where its cells are.

use super::colour::ClassMap;
use std::ops::Range;

/// Rows and columns of the board's content, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    top: usize,
    bottom: usize,
    left: usize,
    right: usize,
}

/// How a square around the content is kept within the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clamp {
    /// The bottom is held by the picture's *width*, the right by its *height*: the fault of the released maze parser,
    /// which no square picture shows.
    Swapped,
    /// Bottom by height, right by width; a square that is larger than the picture begins before it, and is cut as Python
    /// cuts slices with negative starts: from the other end. The released sliding parser.
    Straight,
    /// As `Straight`, and no square begins before the picture.
    Inside,
}

/// Pixels by which content is widened on each side.
const MARGIN: usize = 2;

impl Extent {
    /// The first and last rows and columns in which more than `share` of the pixels are content (the whole side where
    /// none is), widened by two pixels.
    pub(super) fn of(map: &ClassMap, share: f64) -> Self {
        let mut columns = vec![0_usize; map.width];
        let mut rows = Vec::with_capacity(map.height);
        for row in 0..map.height {
            let mut count = 0;
            for (column, class) in columns.iter_mut().zip(map.row(row)) {
                let content = usize::from(class.is_content());
                *column += content;
                count += content;
            }
            rows.push(count);
        }
        let (top, bottom) = ends(&rows, map.width, share);
        let (left, right) = ends(&columns, map.height, share);
        Self {
            top: top.saturating_sub(MARGIN),
            bottom: (bottom + MARGIN).min(map.height - 1),
            left: left.saturating_sub(MARGIN),
            right: (right + MARGIN).min(map.width - 1),
        }
    }

    /// Rows and columns of a square of the longer side around the middle of the content, cut to the picture of `width` x
    /// `height`. May be empty, but for [`Clamp::Inside`].
    pub(super) fn square(
        self,
        (width, height): (usize, usize),
        clamp: Clamp,
    ) -> (Range<usize>, Range<usize>) {
        let side = (self.bottom - self.top + 1).max(self.right - self.left + 1);
        let (row_limit, column_limit) = match clamp {
            Clamp::Swapped => (width, height),
            Clamp::Straight | Clamp::Inside => (height, width),
        };
        let span = |first: usize, last: usize, limit: usize, length: usize| {
            let start = usize::midpoint(first, last).saturating_sub(side / 2);
            let end = limit.min(start + side);
            match clamp {
                Clamp::Inside => end.saturating_sub(side)..end,
                Clamp::Swapped | Clamp::Straight => slice(end, side, length),
            }
        };
        (
            span(self.top, self.bottom, row_limit, height),
            span(self.left, self.right, column_limit, width),
        )
    }
}

/// The first and last index whose count is more than `share` of `total`; all if there is none.
fn ends(counts: &[usize], total: usize, share: f64) -> (usize, usize) {
    let is_content = |count: &usize| *count as f64 / total as f64 > share;
    let first = counts.iter().position(is_content).unwrap_or(0);
    let last = counts.iter().rposition(is_content).unwrap_or(counts.len() - 1);
    (first, last)
}

/// What Python's `[end - side:end]` takes of `length` things: a start below 0 counts from the end.
fn slice(end: usize, side: usize, length: usize) -> Range<usize> {
    let start = match end.checked_sub(side) {
        Some(start) => start,
        None => length.saturating_sub(side - end),
    };
    let end = end.min(length);
    start.min(end)..end
}

/// Where cell `index` of `cells` begins and ends on a side of `length` pixels: `index · length / cells`, a half rounded
/// to the even neighbour.
pub(super) fn cell(index: usize, cells: usize, length: usize) -> Range<usize> {
    let size = length as f64 / cells as f64;
    let border = |index: usize| (index as f64 * size).round_ties_even() as usize;
    border(index)..border(index + 1)
}

/// How many pixels of a tile have each label.
pub(super) fn label_counts<const LABELS: usize>(
    map: &ClassMap,
    rows: Range<usize>,
    columns: Range<usize>,
) -> [u64; LABELS] {
    let mut counts = [0; LABELS];
    for row in rows {
        for class in &map.row(row)[columns.clone()] {
            counts[class.label()] += 1;
        }
    }
    counts
}

/// A range within a range: `inner` counted from the start of `outer`.
pub(super) fn within(outer: &Range<usize>, inner: Range<usize>) -> Range<usize> {
    let at = |index: usize| (outer.start + index).min(outer.end);
    at(inner.start)..at(inner.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_pythons() {
        // list(range(10))[end - side:end] in Python 3.11.
        assert_eq!(slice(7, 4, 10), 3..7);
        assert_eq!(slice(14, 4, 10), 10..10);
        assert_eq!(slice(12, 4, 10), 8..10);
        assert_eq!(slice(5, 8, 10), 5..5); // [-3:5]
        assert_eq!(slice(9, 12, 10), 7..9); // [-3:9]
        assert_eq!(slice(5, 30, 10), 0..5); // [-25:5]
    }

    #[test]
    fn borders_of_cells_round_halves_to_even() {
        // [int(round(i * 15 / 6)) for i in range(7)]
        let borders: Vec<usize> = (0..6).map(|index| cell(index, 6, 15).start).collect();
        assert_eq!(borders, [0, 2, 5, 8, 10, 12]);
        assert_eq!(cell(5, 6, 15), 12..15);
        assert_eq!(cell(0, 6, 0), 0..0);
    }

    #[test]
    fn a_square_stays_inside_where_it_should() {
        // Content over the whole width of a picture that is twice as wide as high.
        let wide = Extent { top: 0, bottom: 49, left: 0, right: 99 };
        assert_eq!(wide.square((100, 50), Clamp::Inside), (0..50, 0..100));
        // bottom = min(50, 100) = 50, top = -50: the last 50 of 50 rows.
        assert_eq!(wide.square((100, 50), Clamp::Straight), (0..50, 0..100));
        // bottom = min(100, 100), right = min(50, 100) = 50, left = -50: columns [50, 50).
        assert_eq!(wide.square((100, 50), Clamp::Swapped), (0..50, 50..50));
    }
}
