//! Inner products of many rows by seven products of quarters instead of eight: one step of Strassen's method (1969), in
//! Winograd's form.
//!
//! Both sets are cut into quarters, half of their rows by half of their dimensions; sums of quarters are multiplied, and
//! sums of the products are the result. That saves an eighth of the multiplications and costs accuracy. A plain product
//! of n dimensions is off by at most n u |x| |y|, u = 2^-24; one made of quarters by 18 (n/2 + 6) u |x'| |y'|, where x'
//! and y' are the *longest* rows of both sets (counted as by Higham 2002, "Accuracy and Stability of Numerical Algorithms",
//! section 23.2.2): a short row beside a long one would drown in the long one's rounding. So it is for sums over many
//! products of single precision, and for sets that [`is_accurate`] lets pass. Seen on rectified features of 2,048
//! dimensions: 1.4e-7 of the product root mean square, where plain products have 1.1e-7, and no bias.

use super::features::Rows;
use super::tiles;
use faer::MatRef;

/// Rows on each side and dimensions below which the sums cost more than the eighth product.
const FEWEST_ROWS: usize = 768;
const FEWEST_DIMENSIONS: usize = 1024;

/// How much longer than its shortest row a set's longest may be, squared.
const MOST_SPREAD: f64 = 16.0;

/// Far enough below the largest `f32` that no sum of quarters or products overflows where the result does not.
const LONGEST: f64 = f32::MAX as f64 / 64.0;

/// Whether the sets can be cut into quarters, and are large enough to gain by it.
pub(super) fn pays(first: Rows<'_>, second: Rows<'_>) -> bool {
    let even = |count: usize| count.is_multiple_of(2);
    let rows = |rows: Rows<'_>| even(rows.len()) && rows.len() >= FEWEST_ROWS;
    rows(first) && rows(second) && even(first.width()) && first.width() >= FEWEST_DIMENSIONS
}

/// Whether the rows of each set, given by their squared lengths, are so alike in length that the bound of every product is
/// that of a plain one but for a factor.
pub(super) fn is_accurate(first: &[f64], second: &[f64]) -> bool {
    let longest = |lengths: &[f64]| lengths.iter().copied().fold(0.0, f64::max);
    let shortest = |lengths: &[f64]| lengths.iter().copied().fold(f64::INFINITY, f64::min);
    let alike = |lengths| longest(lengths) <= MOST_SPREAD * shortest(lengths);
    alike(first) && alike(second) && (longest(first) * longest(second)).sqrt() <= LONGEST
}

/// The memory that the intermediate sums and products take; kept from one use to the next, since fresh memory is slow.
#[derive(Default)]
pub(super) struct Workspace {
    first: [Vec<f32>; 4],
    second: [Vec<f32>; 4],
    products: [Vec<f32>; 7],
}

impl Workspace {
    /// `first` · `second`ᵀ, [rows of first, rows of second] row by row, in `f32`. All three sizes are even.
    pub(super) fn multiply(&mut self, first: Rows<'_>, second: Rows<'_>, values: &mut [f32]) {
        let (rows, columns, width) = (first.len() / 2, second.len() / 2, first.width() / 2);
        sums_of_first(first, &mut self.first);
        sums_of_second(second, &mut self.second);
        let (a, b) = (Quarters::of(first), Quarters::of(second));
        let [s1, s2, s3, s4] =
            self.first.each_ref().map(|sum| MatRef::from_row_major_slice(sum, rows, width));
        let [t1, t2, t3, t4] =
            self.second.each_ref().map(|sum| MatRef::from_row_major_slice(sum, columns, width));
        let factors = [
            (a.upper_left, b.upper_left),
            (a.upper_right, b.upper_right),
            (s4, b.lower_right),
            (a.lower_right, t4),
            (s1, t1),
            (s2, t2),
            (s3, t3),
        ];
        for ((first, second), product) in factors.into_iter().zip(&mut self.products) {
            product.resize(rows * columns, 0.0);
            tiles::multiply(first, second, product);
        }
        sums_of_products(&self.products, columns, values);
    }
}

/// A set cut in the middle of its rows and of its dimensions.
struct Quarters<'a> {
    upper_left: MatRef<'a, f32>,
    upper_right: MatRef<'a, f32>,
    lower_right: MatRef<'a, f32>,
}

impl<'a> Quarters<'a> {
    fn of(rows: Rows<'a>) -> Self {
        let all = tiles::matrix(rows);
        let (upper, lower) = all.split_at_row(rows.len() / 2);
        let (upper_left, upper_right) = upper.split_at_col(rows.width() / 2);
        let (_, lower_right) = lower.split_at_col(rows.width() / 2);
        Self { upper_left, upper_right, lower_right }
    }
}

/// With quarters a11 a12 / a21 a22 of the first set: s1 = a21 + a22, s2 = s1 - a11, s3 = a11 - a21, s4 = a12 - s2.
fn sums_of_first(rows: Rows<'_>, sums: &mut [Vec<f32>; 4]) {
    for_each_row_of_quarters(rows, sums, |[a11, a12, a21, a22]| {
        let s1 = a21 + a22;
        let s2 = s1 - a11;
        [s1, s2, a11 - a21, a12 - s2]
    });
}

/// With quarters b11 b21 / b12 b22 of the second set (its transpose is what is multiplied): t1 = b12 - b11,
/// t2 = b22 - t1, t3 = b22 - b12, t4 = t2 - b21.
fn sums_of_second(rows: Rows<'_>, sums: &mut [Vec<f32>; 4]) {
    for_each_row_of_quarters(rows, sums, |[b11, b21, b12, b22]| {
        let t1 = b12 - b11;
        let t2 = b22 - t1;
        [t1, t2, b22 - b12, t2 - b21]
    });
}

/// Sums of the upper left, upper right, lower left and lower right quarter, number by number.
fn for_each_row_of_quarters(
    rows: Rows<'_>,
    sums: &mut [Vec<f32>; 4],
    sums_of: impl Fn([f32; 4]) -> [f32; 4],
) {
    let width = rows.width() / 2;
    let (upper, lower) = rows.as_slice().split_at(rows.as_slice().len() / 2);
    sums.iter_mut().for_each(|sum| sum.resize(upper.len() / 2, 0.0));
    let [one, two, three, four] = sums.each_mut().map(|sum| sum.chunks_exact_mut(width));
    let inputs = upper.chunks_exact(2 * width).zip(lower.chunks_exact(2 * width));
    for ((upper, lower), (((one, two), three), four)) in
        inputs.zip(one.zip(two).zip(three).zip(four))
    {
        let (upper_left, upper_right) = upper.split_at(width);
        let (lower_left, lower_right) = lower.split_at(width);
        for index in 0..width {
            let quarters =
                [upper_left[index], upper_right[index], lower_left[index], lower_right[index]];
            [one[index], two[index], three[index], four[index]] = sums_of(quarters);
        }
    }
}

/// The quarters of the result, each of `columns` columns, from the seven products.
fn sums_of_products(products: &[Vec<f32>; 7], columns: usize, values: &mut [f32]) {
    let (upper, lower) = values.split_at_mut(values.len() / 2);
    let rows = upper.chunks_exact_mut(2 * columns).zip(lower.chunks_exact_mut(2 * columns));
    for (row, (upper, lower)) in rows.enumerate() {
        let [p1, p2, p3, p4, p5, p6, p7] =
            products.each_ref().map(|product| &product[row * columns..(row + 1) * columns]);
        let (c11, c12) = upper.split_at_mut(columns);
        let (c21, c22) = lower.split_at_mut(columns);
        for index in 0..columns {
            let u2 = p1[index] + p6[index];
            let u3 = u2 + p7[index];
            c11[index] = p1[index] + p2[index];
            c12[index] = u2 + p5[index] + p3[index];
            c21[index] = u3 - p4[index];
            c22[index] = u3 + p5[index];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn multiplied(first: Rows<'_>, second: Rows<'_>) -> Vec<f32> {
        let mut values = vec![f32::NAN; first.len() * second.len()];
        Workspace::default().multiply(first, second, &mut values);
        values
    }

    fn even(range: std::ops::Range<usize>) -> impl Strategy<Value = usize> {
        range.prop_map(|half| 2 * half)
    }

    /// Two sets of rows of one width, every number from `numbers`.
    fn sets(
        numbers: impl Strategy<Value = f32> + Clone,
    ) -> impl Strategy<Value = (Vec<f32>, Vec<f32>, usize)> {
        (even(1..8), even(1..8), even(1..20)).prop_flat_map(move |(first, second, width)| {
            let rows = |count: usize| prop::collection::vec(numbers.clone(), count * width);
            (rows(first), rows(second), Just(width))
        })
    }

    proptest! {
        #[test]
        fn products_of_small_integers_are_exact(
            (first, second, width) in sets((-50_i8..50).prop_map(f32::from)),
        ) {
            let (first, second) = (Rows::new(&first, width), Rows::new(&second, width));
            prop_assert_eq!(multiplied(first, second), tiles::products(first, second));
        }

        #[test]
        fn no_product_is_further_off_than_its_bound((first, second, width) in sets(-1.0_f32..1.0)) {
            let (first, second) = (Rows::new(&first, width), Rows::new(&second, width));
            let longest = |rows: Rows<'_>| {
                rows.squared_lengths().into_iter().fold(0.0, f64::max).sqrt()
            };
            let unit = f64::from(f32::EPSILON) / 2.0;
            // As the head of this file says.
            let bound = 18.0 * (width as f64 / 2.0 + 6.0) * unit * longest(first) * longest(second);
            let mut values = multiplied(first, second).into_iter();
            for row in first.iter() {
                for column in second.iter() {
                    let exact: f64 =
                        row.iter().zip(column).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                    let actual = f64::from(values.next().unwrap());
                    prop_assert!((actual - exact).abs() <= bound, "{} for {}", actual, exact);
                }
            }
        }
    }

    #[test]
    fn a_workspace_is_fit_for_another_size() {
        let numbers: Vec<f32> = (0..96).map(|number| (number * number % 31) as f32).collect();
        let mut workspace = Workspace::default();
        for (first, second) in [(8, 4), (2, 6), (6, 8)] {
            let first = Rows::new(&numbers[..first * 12], 12);
            let second = Rows::new(&numbers[..second * 12], 12);
            let mut values = vec![0.0; first.len() * second.len()];
            workspace.multiply(first, second, &mut values);
            assert_eq!(values, tiles::products(first, second));
        }
    }

    #[test]
    fn it_is_used_for_large_even_sets_whose_rows_are_alike() {
        let numbers = vec![0.0; 1025 * 1024];
        let rows = |count: usize, width: usize| Rows::new(&numbers[..count * width], width);
        assert!(pays(rows(768, 1024), rows(1024, 1024)));
        assert!(!pays(rows(766, 1024), rows(1024, 1024)));
        assert!(!pays(rows(768, 1024), rows(1025, 1024)));
        assert!(!pays(rows(768, 1022), rows(768, 1022)));
        assert!(!pays(rows(768, 1025), rows(768, 1025)));

        assert!(is_accurate(&[1.0, 16.0], &[5.0]));
        assert!(!is_accurate(&[1.0, 16.1], &[5.0]));
        assert!(!is_accurate(&[5.0], &[0.0, 1.0]));
        assert!(is_accurate(&[0.0], &[1.0]));
        assert!(!is_accurate(&[1e74], &[1e5]));
        assert!(is_accurate(&[1e70], &[1.0]));
    }
}
