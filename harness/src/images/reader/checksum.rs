//! The checksum of an array that is read piece by piece, in any order, by any thread.

use crc32fast::Hasher;
use std::sync::{Mutex, PoisonError};

/// Compares an archive's CRC-32 once every piece has been read, so that no byte is read twice for it.
#[derive(Debug)]
pub(super) struct PiecewiseChecksum {
    expected: u32,
    head: Hasher,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Checksums and lengths of the pieces read so far, and how many are left.
    Reading {
        pieces: Vec<Option<Hasher>>,
        left: usize,
    },
    Done {
        is_right: bool,
    },
}

impl PiecewiseChecksum {
    /// For `count` pieces behind `head`, whose checksum together is `expected`.
    pub(super) fn new(expected: u32, head: &[u8], count: usize) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(head);
        let state = State::Reading { pieces: vec![None; count], left: count };
        Self { expected, head: hasher, state: Mutex::new(state) }
    }

    /// Notes a piece. `false` from the moment on when all are known and their checksum is another.
    #[must_use]
    pub(super) fn note(&self, index: usize, bytes: &[u8]) -> bool {
        if let State::Done { is_right } = *self.lock() {
            return is_right;
        }
        // Outside the lock: other threads read meanwhile.
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        let mut state = self.lock();
        let (pieces, left) = match &mut *state {
            State::Done { is_right } => return *is_right,
            State::Reading { pieces, left } => (pieces, left),
        };
        let Some(piece) = pieces.get_mut(index) else { return true };
        if piece.replace(hasher).is_none() {
            *left -= 1;
        }
        if *left > 0 {
            return true;
        }
        let mut whole = self.head.clone();
        for piece in pieces.iter().flatten() {
            whole.combine(piece);
        }
        let is_right = whole.finalize() == self.expected;
        *state = State::Done { is_right };
        is_right
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32 of `123456789`, the check value of the algorithm's catalogue.
    const CHECK: u32 = 0xcbf4_3926;

    #[test]
    fn pieces_may_come_in_any_order_and_twice() {
        let checksum = PiecewiseChecksum::new(CHECK, b"123", 3);
        for (index, piece) in [(2, b"89"), (0, b"45"), (0, b"45"), (1, b"67"), (2, b"89")] {
            assert!(checksum.note(index, piece), "{index}");
        }
    }

    #[test]
    fn a_wrong_piece_is_found_with_the_last_one_and_stays_found() {
        let checksum = PiecewiseChecksum::new(CHECK, b"123", 3);
        assert!(checksum.note(2, b"89"));
        assert!(checksum.note(0, b"4x"));
        assert!(!checksum.note(1, b"67"));
        assert!(!checksum.note(0, b"45"));
    }
}
