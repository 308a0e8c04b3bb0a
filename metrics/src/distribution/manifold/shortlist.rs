//! The rows that may be among the k nearest of one row.

/// A neighbour whose distance is known to lie between two bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) lower: f32,
    pub(super) upper: f32,
    pub(super) index: usize,
}

/// Candidates of one row. The k nearest rows seen so far are always among them, or tie with some that are.
#[derive(Clone, Debug)]
pub(super) struct Shortlist {
    k: usize,
    /// No farther row can be among the k nearest.
    threshold: f32,
    candidates: Vec<Candidate>,
}

impl Shortlist {
    pub(super) fn new(k: usize, threshold: f32) -> Self {
        Self { k, threshold, candidates: Vec::new() }
    }

    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Takes a candidate in. `resolve` gives the distance of one with its tightest bounds: where near ties keep the list
    /// long, all are resolved and the k nearest kept, so that it stays short.
    pub(super) fn push(
        &mut self,
        candidate: Candidate,
        resolve: impl Fn(usize) -> (f64, Candidate),
    ) {
        if candidate.lower > self.threshold {
            return;
        }
        self.candidates.push(candidate);
        let room = 4 * self.k + 16;
        if self.candidates.len() < room {
            return;
        }
        self.prune();
        if self.candidates.len() > room / 2 {
            let mut resolved: Vec<(f64, Candidate)> =
                self.candidates.iter().map(|candidate| resolve(candidate.index)).collect();
            resolved.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            resolved.truncate(self.k);
            self.candidates = resolved.into_iter().map(|(_, candidate)| candidate).collect();
            self.prune();
        }
    }

    /// Lets go of the candidates that at least k others are nearer than.
    pub(super) fn prune(&mut self) {
        if self.candidates.len() < self.k {
            return;
        }
        let mut uppers: Vec<f32> =
            self.candidates.iter().map(|candidate| candidate.upper).collect();
        let (_, kth, _) = uppers.select_nth_unstable_by(self.k - 1, f32::total_cmp);
        self.threshold = self.threshold.min(*kth);
        self.candidates.retain(|candidate| candidate.lower <= self.threshold);
    }

    pub(super) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }
}
