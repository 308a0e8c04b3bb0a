//! The one pass over the tokens of an image that serves all four metrics.
//!
//! No Gram matrix is formed. Every sum over K(t, t') = u_t · u_t' that the metrics need is a sum over channels, so the
//! pass takes [`LANES`] channels at a time and stays in the first-level cache:
//!
//! - over all pairs: Σ K = |Σ u_t|²;
//! - over pairs at distance d: by the [`Wedges`] below, in four operations a token instead of one for each of its up to
//!   4d partners;
//! - over pairs at distance ≥ d: the total minus the pairs that are nearer.
//!
//! Everything is `f64`: LDS of unstructured tokens is a small difference of means.

use super::lanes::{LANES, Lanes};
use super::srss::Anchors;
use super::{Lattice, SpatialError};

/// A token is divided by its length or by this, whichever is larger, as `torch.nn.functional.normalize` does with the
/// eps of the released code. So a zero token stays zero: its cosine with every token, itself included, is 0.
const SHORTEST_LENGTH: f64 = 1e-8;

/// Sums over the tokens and token pairs of one image.
#[derive(Clone, Debug)]
pub(super) struct GramSums {
    /// Σ K over ordered pairs at distance 0, 1, 2, … up to the reach asked for, or further.
    pub(super) at_distance: Vec<f64>,
    /// Σ K over all T² ordered pairs.
    pub(super) all: f64,
    /// Σ over tokens of |u_t - ū|².
    pub(super) spread: f64,
    /// Σ over anchors of SRSS's difference; 0 without anchors.
    pub(super) contrast: f64,
}

/// Buffers of the pass, used again for every image.
#[derive(Clone, Debug)]
pub(super) struct GramPass {
    lattice: Lattice,
    inverse_lengths: Vec<f64>,
    block: Vec<Lanes>,
    wedges: Wedges,
}

// What runs inside `Job` is inlined there, loops are `for` loops: the closures of iterator methods such as `fold` would be
// compiled apart, for the oldest machine.
impl GramPass {
    pub(super) fn new(lattice: Lattice, reach: usize) -> Self {
        Self {
            lattice,
            inverse_lengths: vec![0.0; lattice.tokens()],
            block: vec![Lanes::ZERO; lattice.tokens()],
            wedges: Wedges::new(lattice.columns, reach),
        }
    }

    /// Runs over `tokens`: T rows of `width` channels, `width` not 0. The vector instructions of the machine at hand are
    /// chosen here.
    ///
    /// # Errors
    /// `NonFiniteToken` for NaN or an infinity.
    pub(super) fn run(
        &mut self,
        tokens: &[f32],
        width: usize,
        anchors: &Anchors,
    ) -> Result<GramSums, SpatialError> {
        pulp::Arch::new().dispatch(Job { pass: self, tokens, width, anchors })
    }

    #[inline(always)]
    fn measure_lengths(&mut self, tokens: &[f32], width: usize) -> Result<(), SpatialError> {
        for (token, (channels, inverse)) in
            tokens.chunks_exact(width).zip(&mut self.inverse_lengths).enumerate()
        {
            let mut squares = Lanes::ZERO;
            for chunk in channels.chunks(LANES) {
                let values = Lanes::load(chunk);
                squares = squares + values * values;
            }
            // Squares of finite f32 cannot overflow f64.
            let squared_length = squares.sum();
            if !squared_length.is_finite() {
                return Err(SpatialError::NonFiniteToken { token });
            }
            *inverse = 1.0 / squared_length.sqrt().max(SHORTEST_LENGTH);
        }
        Ok(())
    }

    #[inline(always)]
    fn load_block(&mut self, tokens: &[f32], width: usize, start: usize) {
        let end = (start + LANES).min(width);
        let rows = tokens.chunks_exact(width).zip(&self.inverse_lengths);
        for (unit, (channels, &inverse)) in self.block.iter_mut().zip(rows) {
            *unit = Lanes::load(&channels[start..end]) * Lanes::splat(inverse);
        }
    }

    #[inline(always)]
    fn sum(
        &mut self,
        tokens: &[f32],
        width: usize,
        anchors: &Anchors,
    ) -> Result<GramSums, SpatialError> {
        self.measure_lengths(tokens, width)?;
        self.wedges.sums.fill([Lanes::ZERO; GROUP]);
        let inverse_count = Lanes::splat(1.0 / self.lattice.tokens() as f64);
        let [mut own, mut all, mut spread, mut contrast] = [Lanes::ZERO; 4];
        for start in (0..width).step_by(LANES) {
            self.load_block(tokens, width, start);
            let mut total = Lanes::ZERO;
            for &unit in &self.block {
                total = total + unit;
            }
            let mean = total * inverse_count;
            all = all + total * total;
            for &unit in &self.block {
                let deviation = unit - mean;
                own = own + unit * unit;
                spread = spread + deviation * deviation;
            }
            self.wedges.add_block(&self.block);
            contrast = contrast + anchors.contrast(&self.block);
        }
        // A wedge meets every unordered pair once.
        let pairs = self.wedges.sums.iter().flatten().map(|lanes| 2.0 * lanes.sum());
        Ok(GramSums {
            at_distance: std::iter::once(own.sum()).chain(pairs).collect(),
            all: all.sum(),
            spread: spread.sum(),
            contrast: contrast.sum(),
        })
    }
}

struct Job<'a> {
    pass: &'a mut GramPass,
    tokens: &'a [f32],
    width: usize,
    anchors: &'a Anchors,
}

impl pulp::WithSimd for Job<'_> {
    type Output = Result<GramSums, SpatialError>;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        self.pass.sum(self.tokens, self.width, self.anchors)
    }
}

/// Sums of u_p · u_q over the pairs at each distance, by a recursion over rows.
///
/// The wedge of radius d at token (r, c) is the part of the ring of radius d that lies in row r or above: a `Λ` with its
/// feet at (r, c - d) and (r, c + d). Its upper part is the wedge of radius d - 1 one row higher:
///
/// ```text
/// W(d; r, c) = W(d - 1; r - 1, c) + u(r, c - d) + u(r, c + d),    W(0; r, c) = u(r, c)
/// ```
///
/// Without its right foot, the wedge holds just the partners at distance d that come before (r, c) in reading order, so
/// the sum over tokens of u · (W - right foot) meets every unordered pair once. Nothing is subtracted, so nothing
/// cancels.
///
/// Distances are taken in groups of [`GROUP`], so that the sums of a group stay in registers; the reach is rounded up to
/// whole groups. Both definitions reach 8 on the paper's lattice.
#[derive(Clone, Debug)]
struct Wedges {
    columns: usize,
    /// The largest distance, a multiple of [`GROUP`].
    reach: usize,
    /// W(d; r - 1, c) for d = 0 … reach of one column after the other.
    above: Vec<Lanes>,
    /// One row of tokens between `reach` zeros on either side.
    row: Vec<Lanes>,
    /// Sums over unordered pairs at distance 1 … reach, added up over all blocks.
    sums: Vec<[Lanes; GROUP]>,
}

/// Distances that are summed together.
const GROUP: usize = 8;

impl Wedges {
    fn new(columns: usize, reach: usize) -> Self {
        let groups = reach.div_ceil(GROUP);
        let reach = groups * GROUP;
        Self {
            columns,
            reach,
            above: vec![Lanes::ZERO; columns * (reach + 1)],
            row: vec![Lanes::ZERO; columns + 2 * reach],
            sums: vec![[Lanes::ZERO; GROUP]; groups],
        }
    }

    /// Adds the pairs of one block of channels.
    #[inline(always)]
    fn add_block(&mut self, block: &[Lanes]) {
        self.above.fill(Lanes::ZERO);
        for row in block.chunks_exact(self.columns) {
            self.row[self.reach..][..self.columns].copy_from_slice(row);
            // From wide to narrow, because a wedge is built from the narrower one of the row above.
            for group in (0..self.sums.len()).rev() {
                self.add_row(group);
            }
            for (wedges, token) in self.above.chunks_exact_mut(self.reach + 1).zip(row) {
                wedges[0] = *token;
            }
        }
    }

    /// Moves the wedges of a group of distances one row down and adds their products with the row's tokens.
    #[inline(always)]
    fn add_row(&mut self, group: usize) {
        let (reach, narrowest) = (self.reach, group * GROUP);
        let mut sums = self.sums[group];
        let columns = self.above.chunks_exact_mut(reach + 1).zip(self.row.windows(2 * reach + 1));
        for (wedges, around) in columns {
            let token = around[reach];
            let wedges = &mut wedges[narrowest..][..=GROUP];
            let left = &around[reach - narrowest - GROUP..][..GROUP];
            let right = &around[reach + narrowest + 1..][..GROUP];
            for index in (0..GROUP).rev() {
                let before = wedges[index] + left[GROUP - 1 - index];
                sums[index] = sums[index] + token * before;
                wedges[index + 1] = before + right[index];
            }
        }
        self.sums[group] = sums;
    }
}
