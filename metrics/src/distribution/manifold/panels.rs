//! Exact inner products of rows of 16-bit integers, which were put side by side beforehand, so that a product of tiles has
//! nothing to sort.
//!
//! 16 rows are a panel: for every pair of neighbouring coordinates a cache line with those of all its rows. A processor
//! without AVX-512 makes about one and a half times as many such products a second as of `f32` ones. Only the instructions of
//! x86-64 with AVX2 or AVX-512 are in reach of safe code: see [`Processor::detect`].

use crate::executor::{Executor, for_each_part};
use std::ops::Range;

/// Rows that lie side by side.
const PANEL: usize = 16;

/// One number of every row of a panel: a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([Pair; PANEL]);

/// Inner products of the rows of one panel with the rows of another.
type Square = [Line; PANEL];

/// Lines that are taken together: 8 KiB of a panel, so that two of them stay in the first-level cache.
const DEPTH: usize = 128;

/// Panels of either side that are taken together: what is read and written stays in the second-level cache.
const BLOCK: usize = 8;

/// Rows that a task puts in place.
const TASK: usize = 8 * PANEL;

/// Two neighbouring coordinates, 16-bit integers, the first of them in the lower half. Also their sum of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Pair(i32);

impl Pair {
    pub(super) fn new(first: i16, second: i16) -> Self {
        Self(i32::from(first.cast_unsigned()) | (i32::from(second) << 16))
    }

    /// No coordinates, and the sum of no products.
    pub(super) const ZERO: Self = Self(0);

    #[cfg(test)]
    pub(super) fn halves(self) -> [i16; 2] {
        [self.0 as i16, (self.0 >> 16) as i16]
    }
}

/// A set of rows in panels.
pub(super) struct Panels {
    processor: Processor,
    /// Panel after panel, `depth` lines each; rows that the last panel lacks are 0.
    lines: Vec<Line>,
    depth: usize,
    /// What the products of each row are multiplied by.
    weights: Vec<f32>,
}

impl Panels {
    /// Rows of `depth` numbers. `fill` writes the numbers of a row and tells its weight.
    pub(super) fn new(
        processor: Processor,
        (rows, depth): (usize, usize),
        fill: impl Fn(usize, &mut [Pair]) -> f32 + Sync,
        executor: &dyn Executor,
    ) -> Self {
        let mut lines = vec![Line([Pair::ZERO; PANEL]); rows.div_ceil(PANEL) * depth];
        let mut weights = vec![0.0; rows];
        let parts = lines.chunks_mut(TASK / PANEL * depth).zip(weights.chunks_mut(TASK));
        for_each_part(executor, parts, |task, (lines, weights)| {
            let mut numbers = vec![Pair::ZERO; depth];
            for (position, weight) in weights.iter_mut().enumerate() {
                *weight = fill(task * TASK + position, &mut numbers);
                let panel = &mut lines[position / PANEL * depth..][..depth];
                for (line, &number) in panel.iter_mut().zip(&numbers) {
                    line.0[position % PANEL] = number;
                }
            }
        });
        Self { processor, lines, depth, weights }
    }

    /// Inner products times both weights, row by row, of neighbouring rows with neighbouring rows of another set of the same
    /// depth. Both ranges begin at a multiple of 16. No sum of products of integers may leave `i32`.
    pub(super) fn products(
        &self,
        rows: &Range<usize>,
        other: &Self,
        columns: &Range<usize>,
    ) -> Vec<f32> {
        let mut values = vec![0.0; rows.len() * columns.len()];
        let (first, second) = (self.part(rows), other.part(columns));
        self.processor.multiply(Job { first, second, values: &mut values });
        values
    }

    fn part(&self, rows: &Range<usize>) -> Part<'_> {
        let panels = rows.start / PANEL..rows.end.div_ceil(PANEL);
        Part {
            lines: &self.lines[panels.start * self.depth..panels.end * self.depth],
            depth: self.depth,
            weights: &self.weights[rows.clone()],
        }
    }
}

/// Neighbouring panels of a set.
#[derive(Clone, Copy)]
struct Part<'a> {
    lines: &'a [Line],
    depth: usize,
    weights: &'a [f32],
}

impl<'a> Part<'a> {
    fn blocks(self) -> impl Iterator<Item = Self> {
        let depth = self.depth;
        self.lines
            .chunks(BLOCK * depth)
            .zip(self.weights.chunks(BLOCK * PANEL))
            .map(move |(lines, weights)| Self { lines, depth, weights })
    }

    /// The same lines of every panel.
    fn slices(self, lines: Range<usize>) -> impl Iterator<Item = &'a [Line]> {
        self.lines.chunks_exact(self.depth).map(move |panel| &panel[lines.clone()])
    }
}

/// A processor that has the instructions.
#[derive(Clone, Copy)]
pub(super) enum Processor {
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
}

impl Processor {
    /// The one at hand, if it has.
    pub(super) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let wide = pulp::x86::V4::try_new().map(Self::Avx512);
            wide.or_else(|| pulp::x86::V3::try_new().map(Self::Avx2))
        }
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    fn multiply(self, job: Job<'_>) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(instructions) => instructions.vectorize(Vectorised { instructions, job }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(instructions) => instructions.vectorize(Vectorised { instructions, job }),
        }
    }
}

/// Instructions on lines.
trait Instructions: Copy {
    /// A line in registers.
    type Registers: Copy;

    fn load(self, line: &Line) -> Self::Registers;

    fn store(self, registers: Self::Registers) -> Line;

    /// Adds the products of a number with every number of a line.
    fn multiply_add(
        self,
        sums: Self::Registers,
        number: Pair,
        line: Self::Registers,
    ) -> Self::Registers;

    /// Adds the inner products of two panels; in strips, as many rows of the first as there are registers for.
    fn multiply_panels(self, first: &[Line], second: &[Line], sums: &mut Square);
}

/// `ROWS` rows of `first` from `START` on, with all of `second`.
#[inline(always)]
fn strip<I: Instructions, const ROWS: usize, const START: usize>(
    instructions: I,
    first: &[Line],
    second: &[Line],
    sums: &mut Square,
) {
    let mut strip: [I::Registers; ROWS] =
        std::array::from_fn(|row| instructions.load(&sums[START + row]));
    for (first, second) in first.iter().zip(second) {
        let second = instructions.load(second);
        for (row, sums) in strip.iter_mut().enumerate() {
            *sums = instructions.multiply_add(*sums, first.0[START + row], second);
        }
    }
    for (row, registers) in strip.into_iter().enumerate() {
        sums[START + row] = instructions.store(registers);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Instructions, Line, PANEL, Pair, Square, strip};
    use pulp::x86::{V3, V4};
    use std::arch::x86_64::{__m256i, __m512i};

    impl Instructions for V3 {
        type Registers = [__m256i; 2];

        #[inline(always)]
        fn load(self, line: &Line) -> Self::Registers {
            pulp::cast(line.0.map(|pair| pair.0))
        }

        #[inline(always)]
        fn store(self, registers: Self::Registers) -> Line {
            Line(pulp::cast::<_, [i32; PANEL]>(registers).map(Pair))
        }

        #[inline(always)]
        fn multiply_add(
            self,
            sums: Self::Registers,
            number: Pair,
            line: Self::Registers,
        ) -> Self::Registers {
            let number = self.avx._mm256_set1_epi32(number.0);
            let half = |half: usize| {
                let products = self.avx2._mm256_madd_epi16(number, line[half]);
                self.avx2._mm256_add_epi32(sums[half], products)
            };
            [half(0), half(1)]
        }

        #[inline(always)]
        fn multiply_panels(self, first: &[Line], second: &[Line], sums: &mut Square) {
            strip::<_, 6, 0>(self, first, second, sums);
            strip::<_, 5, 6>(self, first, second, sums);
            strip::<_, 5, 11>(self, first, second, sums);
        }
    }

    impl Instructions for V4 {
        type Registers = __m512i;

        #[inline(always)]
        fn load(self, line: &Line) -> Self::Registers {
            pulp::cast(line.0.map(|pair| pair.0))
        }

        #[inline(always)]
        fn store(self, registers: Self::Registers) -> Line {
            Line(pulp::cast::<_, [i32; PANEL]>(registers).map(Pair))
        }

        #[inline(always)]
        fn multiply_add(
            self,
            sums: Self::Registers,
            number: Pair,
            line: Self::Registers,
        ) -> Self::Registers {
            let number = self.avx512f._mm512_set1_epi32(number.0);
            self.avx512f._mm512_add_epi32(sums, self.avx512bw._mm512_madd_epi16(number, line))
        }

        #[inline(always)]
        fn multiply_panels(self, first: &[Line], second: &[Line], sums: &mut Square) {
            strip::<_, PANEL, 0>(self, first, second, sums);
        }
    }
}

/// What [`Panels::products`] is asked for.
struct Job<'a> {
    first: Part<'a>,
    second: Part<'a>,
    values: &'a mut [f32],
}

#[cfg(target_arch = "x86_64")]
struct Vectorised<'a, I> {
    instructions: I,
    job: Job<'a>,
}

// What runs inside is inlined there, so that it is compiled for the machine at hand.
#[cfg(target_arch = "x86_64")]
impl<I: Instructions> pulp::NullaryFnOnce for Vectorised<'_, I> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { instructions, job: Job { first, second, values } } = self;
        let (depth, width) = (first.depth, second.weights.len());
        let mut squares = vec![[Line([Pair::ZERO; PANEL]); PANEL]; BLOCK * BLOCK];
        for (rows, values) in first.blocks().zip(values.chunks_mut(BLOCK * PANEL * width)) {
            for (place, columns) in second.blocks().enumerate() {
                squares.fill([Line([Pair::ZERO; PANEL]); PANEL]);
                for start in (0..depth).step_by(DEPTH) {
                    let lines = start..depth.min(start + DEPTH);
                    let squares = squares.chunks_exact_mut(BLOCK);
                    for (row, squares) in rows.slices(lines.clone()).zip(squares) {
                        for (column, square) in columns.slices(lines.clone()).zip(squares) {
                            instructions.multiply_panels(row, column, square);
                        }
                    }
                }
                let left = place * BLOCK * PANEL;
                write(&squares, (rows.weights, columns.weights), values, (left, width));
            }
        }
    }
}

/// Products of a block, from column `left` on, into rows of `width` values.
#[inline(always)]
fn write(
    squares: &[Square],
    (rows, columns): (&[f32], &[f32]),
    values: &mut [f32],
    (left, width): (usize, usize),
) {
    for (row, (values, &own)) in values.chunks_exact_mut(width).zip(rows).enumerate() {
        let squares = &squares[row / PANEL * BLOCK..][..BLOCK];
        let values = &mut values[left..][..columns.len()];
        let lines = values.chunks_mut(PANEL).zip(columns.chunks(PANEL));
        for (square, (values, columns)) in squares.iter().zip(lines) {
            let sums = &square[row % PANEL].0;
            for ((value, sum), &other) in values.iter_mut().zip(sums).zip(columns) {
                *value = sum.0 as f32 * (own * other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Sequential;
    use crate::random::Stream;

    const SIZES: [(usize, usize, usize); 5] =
        [(1, 1, 1), (5, 3, 2), (16, 33, 7), (150, 131, 300), (20, 300, 513)];

    fn weight(row: usize) -> f32 {
        (-(row as f32 % 7.0)).exp2()
    }

    fn panels(processor: Processor, rows: &[Vec<Pair>]) -> Panels {
        let fill = |row: usize, numbers: &mut [Pair]| {
            numbers.copy_from_slice(&rows[row]);
            weight(row)
        };
        Panels::new(processor, (rows.len(), rows[0].len()), fill, &Sequential)
    }

    #[test]
    fn products_of_pairs_are_exact() {
        for (rows, columns, width) in SIZES {
            let mut stream = Stream::new(width as u64, "integers", 0);
            // The longest rows that keep within `i32`, also where all numbers are as large as they may be.
            let largest = (46_340.0 / (width as f64 * 2.0).sqrt()).min(32_767.0).floor();
            let mut make = |count| -> Vec<Vec<[i16; 2]>> {
                let mut value = |row: usize| {
                    (match row % 3 {
                        0 => largest,
                        1 => -largest,
                        _ => ((stream.uniform() - 0.5) * 2.0 * largest).round(),
                    }) as i16
                };
                (0..count)
                    .map(|row| (0..width).map(|_| [value(row), value(row)]).collect())
                    .collect()
            };
            let (first, second) = (make(rows), make(columns));
            let packed = |rows: &[Vec<[i16; 2]>]| -> Vec<Vec<Pair>> {
                rows.iter().map(|row| row.iter().map(|&[a, b]| Pair::new(a, b)).collect()).collect()
            };
            let Some(processor) = Processor::detect() else { return };
            let (all, other) =
                (panels(processor, &packed(&first)), panels(processor, &packed(&second)));
            // As a whole and in two parts.
            let middle = (rows / 2).next_multiple_of(PANEL).min(rows);
            for part in [0..rows, 0..middle, middle..rows] {
                let actual = all.products(&part, &other, &(0..columns));
                assert_eq!(actual.len(), part.len() * columns);
                for (index, value) in actual.into_iter().enumerate() {
                    let (row, column) = (part.start + index / columns, index % columns);
                    let products = first[row].iter().zip(&second[column]).map(|(a, b)| {
                        i64::from(a[0]) * i64::from(b[0]) + i64::from(a[1]) * i64::from(b[1])
                    });
                    let sum: i64 = products.sum();
                    assert_eq!(value, sum as f32 * (weight(row) * weight(column)));
                }
            }
        }
    }
}
