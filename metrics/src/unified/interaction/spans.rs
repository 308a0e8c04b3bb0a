//! Sets of places along an axis, as ranges.

use super::InteractionError;
use std::ops::Range;

/// A set of indices that is not empty: half-open ranges in rising order, none of them empty, none overlapping another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans(Vec<Range<usize>>);

impl Spans {
    /// Takes ranges in any order; `what` names the set in errors (`keys`).
    ///
    /// # Errors
    /// [`InteractionError::NoIndices`] without a range, [`InteractionError::BadRange`] for an empty, reversed or overlapping one.
    pub fn new(
        mut ranges: Vec<Range<usize>>,
        what: &'static str,
    ) -> Result<Self, InteractionError> {
        if ranges.is_empty() {
            return Err(InteractionError::NoIndices { what });
        }
        ranges.sort_by_key(|range| range.start);
        let mut end = 0;
        for range in &ranges {
            if range.start >= range.end {
                let reason = "holds nothing: ranges are [first, one past the last]";
                return Err(InteractionError::bad_range(what, range, reason));
            }
            if range.start < end {
                return Err(InteractionError::bad_range(
                    what,
                    range,
                    "overlaps the range before it",
                ));
            }
            end = range.end;
        }
        Ok(Self(ranges))
    }

    /// One range.
    ///
    /// # Errors
    /// [`InteractionError::BadRange`] if it holds nothing.
    pub fn one(range: Range<usize>, what: &'static str) -> Result<Self, InteractionError> {
        Self::new(vec![range], what)
    }

    /// The ranges in rising order.
    #[must_use]
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// How many indices there are, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    /// The first index.
    #[must_use]
    pub fn start(&self) -> usize {
        self.0.first().map_or(0, |range| range.start)
    }

    /// One past the last index.
    #[must_use]
    pub fn end(&self) -> usize {
        self.0.last().map_or(0, |range| range.end)
    }

    /// The only range, if there is only one.
    #[must_use]
    pub fn contiguous(&self) -> Option<Range<usize>> {
        match self.0.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// How many indices are below `limit`.
    #[must_use]
    pub fn count_below(&self, limit: usize) -> usize {
        self.0.iter().map(|range| range.end.min(limit).saturating_sub(range.start)).sum()
    }

    /// How many indices below `limit` are in both sets.
    #[must_use]
    pub fn count_shared_below(&self, other: &Self, limit: usize) -> usize {
        let shared = |a: &Range<usize>, b: &Range<usize>| {
            a.end.min(b.end).min(limit).saturating_sub(a.start.max(b.start))
        };
        self.0.iter().flat_map(|a| other.0.iter().map(move |b| shared(a, b))).sum()
    }

    /// The same indices moved `distance` towards 0.
    ///
    /// # Errors
    /// [`InteractionError::BadRange`] if one would be below 0; `why` says what is missing there.
    pub fn moved_down(
        &self,
        distance: usize,
        what: &'static str,
        why: &'static str,
    ) -> Result<Self, InteractionError> {
        let moved = |range: &Range<usize>| {
            let start = range.start.checked_sub(distance);
            start
                .map(|start| start..range.end - distance)
                .ok_or_else(|| InteractionError::bad_range(what, range, why))
        };
        self.0.iter().map(moved).collect::<Result<_, _>>().map(Self)
    }

    /// All but the last index; `None` if that leaves nothing.
    #[must_use]
    pub fn without_last(&self) -> Option<Self> {
        let mut ranges = self.0.clone();
        let last = ranges.pop()?;
        if last.len() > 1 {
            ranges.push(last.start..last.end - 1);
        }
        (!ranges.is_empty()).then_some(Self(ranges))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_counted_and_moved() {
        let set = Spans::new(vec![5..8, 1..3], "keys").unwrap();
        assert_eq!((set.count(), set.start(), set.end()), (5, 1, 8));
        assert_eq!((set.count_below(2), set.count_below(6), set.count_below(99)), (1, 3, 5));
        let other = Spans::one(2..6, "keys").unwrap();
        assert_eq!((set.count_shared_below(&other, 99), set.count_shared_below(&other, 3)), (2, 1));
        assert_eq!(set.moved_down(1, "keys", "").unwrap().ranges(), [0..2, 4..7]);
        assert!(set.moved_down(2, "keys", "nothing is there").is_err());
        assert_eq!(set.without_last().unwrap().ranges(), [1..3, 5..7]);
        assert_eq!(Spans::one(4..5, "keys").unwrap().without_last(), None);
        assert_eq!(set.contiguous(), None);
    }

    #[test]
    fn bad_sets_are_refused() {
        assert_eq!(
            Spans::new(Vec::new(), "keys"),
            Err(InteractionError::NoIndices { what: "keys" })
        );
        let text = |ranges| Spans::new(ranges, "keys").unwrap_err().to_string();
        assert!(Spans::one(3..3, "keys").unwrap_err().to_string().contains("[3, 3)"));
        let (start, end) = (3, 1);
        assert!(Spans::one(start..end, "keys").unwrap_err().to_string().contains("holds nothing"));
        assert!(text(vec![0..4, 3..5]).contains("overlaps"));
    }
}
