//! Which samples a batch holds: a function of (seed, pass) alone.

use crate::random::Stream;
use crate::table::View;

/// The order of the samples, pass after pass through a train set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    /// Which samples there are to draw from.
    pub(super) samples: &'a [usize],
    pub(super) views: usize,
    pub(super) seed: u64,
}

impl Order<'_> {
    /// All samples once, in the order that the stream (seed, `probe-order`, pass) shuffles them into.
    pub(super) fn pass(&self, pass: usize) -> Vec<View> {
        let mut samples = self.samples.to_vec();
        Stream::new(self.seed, "probe-order", pass as u64).shuffle(&mut samples);
        samples.into_iter().map(|sample| self.view(sample, pass)).collect()
    }

    /// The view of a sample in a pass: (first + pass) modulo views, where the stream (seed, `probe-view`, sample) draws the
    /// first one. So each sample shows all of its views before one comes again, and samples are not in step.
    fn view(&self, sample: usize, pass: usize) -> View {
        if self.views == 1 {
            return View { sample, view: 0 };
        }
        let views = self.views as u64;
        let first = Stream::new(self.seed, "probe-view", sample as u64).below(views);
        View { sample, view: ((first + pass as u64) % views) as usize }
    }
}

/// An endless sequence: pass after pass without a gap between them.
#[derive(Debug)]
pub(super) struct Endless<'a> {
    order: Order<'a>,
    pass: usize,
    left: std::vec::IntoIter<View>,
}

impl<'a> Endless<'a> {
    pub(super) fn new(order: Order<'a>) -> Self {
        Self { left: order.pass(0).into_iter(), order, pass: 0 }
    }

    /// The next `count` views; none if there are no samples.
    pub(super) fn take(&mut self, count: usize) -> Vec<View> {
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count && !self.order.samples.is_empty() {
            match self.left.next() {
                Some(view) => taken.push(view),
                None => {
                    self.pass += 1;
                    self.left = self.order.pass(self.pass).into_iter();
                }
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_holds_every_sample_once_and_views_take_turns() {
        let samples: Vec<usize> = (0..50).collect();
        let order = Order { samples: &samples, views: 3, seed: 4 };
        let mut seen = vec![Vec::new(); 50];
        for pass in 0..3 {
            let views = order.pass(pass);
            assert_eq!(views.len(), 50);
            views.iter().for_each(|view| seen[view.sample].push(view.view));
        }
        assert_ne!(order.pass(0), order.pass(3));
        let first: Vec<usize> = seen.iter().map(|views| views[0]).collect();
        assert!((0..3).all(|view| first.contains(&view)), "samples are in step");
        for mut views in seen {
            views.sort_unstable();
            assert_eq!(views, [0, 1, 2]);
        }
    }

    #[test]
    fn an_endless_sequence_is_its_passes_end_to_end() {
        let samples = [3, 5, 8];
        let order = Order { samples: &samples, views: 1, seed: 0 };
        let mut endless = Endless::new(order);
        let drawn = [endless.take(2), endless.take(5), endless.take(2)].concat();
        assert_eq!(drawn, [order.pass(0), order.pass(1), order.pass(2)].concat());
    }
}
