//! Chunks that are not stored, the units that they are made in, and the way back from units to stored chunks.

use super::chunk_store::{ChunkStore, SampleChunk};
use super::worker::Unit;
use crate::failure::Failure;
use crate::interrupt;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::mpsc::Sender;

/// A chunk that is not stored whole.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    /// Number of the chunk.
    pub(super) chunk: usize,
    /// Its samples.
    pub(super) range: Range<usize>,
    /// The first sample that is not stored.
    pub(super) from: usize,
}

impl Missing {
    /// Samples that are not stored.
    pub(super) fn count(&self) -> usize {
        self.range.end - self.from
    }

    /// Units of `size` samples, counted from the chunk's beginning: a sample has the same place in a call of a network
    /// whatever is stored already.
    pub(super) fn units(&self, size: usize) -> Vec<Unit> {
        let skipped = (self.from - self.range.start) / size * size;
        let starts = (self.range.start + skipped..self.range.end).step_by(size);
        starts
            .map(|start| Unit {
                samples: start..self.range.end.min(start + size),
                wanted_from: start.max(self.from),
            })
            .collect()
    }
}

/// Chunks that wait for their last part. Parts arrive in any order.
pub(super) struct Assembly<'a> {
    store: &'a ChunkStore,
    missing: &'a [Missing],
    /// The parts of the chunk at each place of `missing`, by their first sample.
    parts: HashMap<usize, BTreeMap<usize, SampleChunk>>,
    /// Hears which chunks are stored.
    stored: Option<&'a Sender<usize>>,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(
        store: &'a ChunkStore,
        missing: &'a [Missing],
        stored: Option<&'a Sender<usize>>,
    ) -> Self {
        Self { store, missing, parts: HashMap::new(), stored }
    }

    /// Takes a part of the chunk at a place of `missing`; stores the chunk when it is whole.
    ///
    /// # Errors
    /// If it cannot be stored, or whoever takes the chunks has ended.
    pub(super) fn add(&mut self, place: usize, part: SampleChunk) -> Result<(), Failure> {
        let parts = self.parts.entry(place).or_default();
        parts.insert(part.first, part);
        let known: usize = parts.values().map(|part| part.count).sum();
        let missing = &self.missing[place];
        if known < missing.count() {
            return Ok(());
        }
        self.store(place)?;
        match self.stored.map(|stored| stored.send(missing.chunk)) {
            // The listener has ended with an error, which is the one that counts.
            Some(Err(_)) if !interrupt::requested() => {
                Err(Failure::temporary("the samples could not be handed on"))
            }
            _ => Ok(()),
        }
    }

    /// After an interruption: stores what is finished of each chunk from its beginning on.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub(super) fn store_beginnings(&mut self) -> Result<(), Failure> {
        let places: Vec<usize> = self.parts.keys().copied().collect();
        places.into_iter().try_for_each(|place| self.store(place))
    }

    /// Stores the samples of a chunk from its beginning up to the first that is missing.
    fn store(&mut self, place: usize) -> Result<(), Failure> {
        let Missing { range, from, .. } = &self.missing[place];
        let parts = self.parts.remove(&place).unwrap_or_default();
        let mut whole = self.store.beginning(&(range.start..*from))?;
        for part in parts.into_values() {
            if part.first != whole.range().end {
                break;
            }
            whole.append(part);
        }
        if whole.range().end == *from {
            return Ok(());
        }
        self.store.store(&whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_manifests::Digest;
    use std::sync::mpsc::channel;

    fn part(range: Range<usize>) -> SampleChunk {
        let images = range.clone().flat_map(|index| [index as u8; 6]).collect();
        SampleChunk { first: range.start, count: range.len(), images, labels: None }
    }

    fn stored(store: &ChunkStore, range: Range<usize>) -> Option<SampleChunk> {
        store.load(&range, |note| panic!("{note}")).unwrap()
    }

    #[test]
    fn units_begin_where_calls_begin_whatever_is_stored() {
        let units = |from| {
            let units = Missing { chunk: 2, range: 20..30, from }.units(4);
            units.into_iter().map(|unit| (unit.samples, unit.wanted_from)).collect::<Vec<_>>()
        };
        assert_eq!(units(20), [(20..24, 20), (24..28, 24), (28..30, 28)]);
        assert_eq!(units(24), [(24..28, 24), (28..30, 28)]);
        assert_eq!(units(26), [(24..28, 26), (28..30, 28)]);
        assert_eq!(units(29), [(28..30, 29)]);
    }

    #[test]
    fn parts_in_any_order_become_a_chunk() {
        let folder = tempfile::tempdir().unwrap();
        let store = ChunkStore::new(folder.path(), Digest::of_bytes(b"key"), (2, 1), false);
        store.create(b"{}").unwrap();
        store.store(&part(8..10)).unwrap();
        let missing = [
            Missing { chunk: 0, range: 0..8, from: 0 },
            Missing { chunk: 1, range: 8..16, from: 10 },
        ];
        let (sender, receiver) = channel();
        let mut assembly = Assembly::new(&store, &missing, Some(&sender));
        assembly.add(1, part(14..16)).unwrap();
        assembly.add(0, part(4..8)).unwrap();
        assembly.add(1, part(10..14)).unwrap();
        assert_eq!(stored(&store, 8..16), Some(part(8..16)));
        assert_eq!(stored(&store, 0..8), None);
        assembly.add(0, part(0..4)).unwrap();
        assert_eq!(stored(&store, 0..8), Some(part(0..8)));
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 0]);
        // Nobody listens any more.
        drop(receiver);
        let missing = [Missing { chunk: 2, range: 16..18, from: 16 }];
        let mut assembly = Assembly::new(&store, &missing, Some(&sender));
        assert!(assembly.add(0, part(16..18)).is_err());
    }

    #[test]
    fn a_stop_keeps_what_is_finished_from_the_beginning_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = ChunkStore::new(folder.path(), Digest::of_bytes(b"key"), (2, 1), false);
        store.create(b"{}").unwrap();
        let missing = [
            Missing { chunk: 0, range: 0..8, from: 0 },
            Missing { chunk: 1, range: 8..16, from: 8 },
        ];
        let mut assembly = Assembly::new(&store, &missing, None);
        assembly.add(0, part(0..2)).unwrap();
        assembly.add(0, part(4..6)).unwrap();
        assembly.add(0, part(2..4)).unwrap();
        assembly.add(1, part(10..12)).unwrap();
        assembly.store_beginnings().unwrap();
        assert_eq!(stored(&store, 0..8), Some(part(0..6)));
        assert_eq!(stored(&store, 8..16), None);
    }
}
