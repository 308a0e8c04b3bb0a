//! The shape of what is written.

use crate::failure::Failure;

/// The array of features: samples, views if there are any, and the axes of one view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    samples: usize,
    views: Option<usize>,
    view: Vec<usize>,
    rows: usize,
    width: usize,
}

impl Layout {
    /// `view` has the axes of the features of one view: `[D]`, or `[T, D]`.
    ///
    /// # Errors
    /// If the array would have more bytes than can be counted.
    pub(super) fn new(
        samples: usize,
        views: Option<usize>,
        view: &[usize],
    ) -> Result<Self, Failure> {
        let product = |axes: &[usize]| {
            axes.iter().try_fold(1_usize, |product, &length| product.checked_mul(length))
        };
        let rows = product(&[samples, views.unwrap_or(1)]);
        let width = product(view);
        let bytes = rows.zip(width).and_then(|(rows, width)| product(&[rows, width, 4]));
        match (rows, width, bytes.filter(|&bytes| bytes <= isize::MAX as usize)) {
            (Some(rows), Some(width), Some(_)) => {
                Ok(Self { samples, views, view: view.to_vec(), rows, width })
            }
            _ => Err(Failure::invalid(format_args!(
                "{samples} samples of {} views of {view:?} numbers are more than any file holds: take fewer",
                views.unwrap_or(1)
            ))),
        }
    }

    /// Lengths of the axes: `[N, D]`, `[N, T, D]`, `[N, V, D]` or `[N, V, T, D]`.
    pub(super) fn shape(&self) -> Vec<u64> {
        let axes = std::iter::once(self.samples).chain(self.views).chain(self.view.iter().copied());
        axes.map(|length| length as u64).collect()
    }

    /// What the axes are.
    pub(super) fn axes(&self) -> Vec<&'static str> {
        let view: &[&str] = if self.view.len() == 2 { &["token", "channel"] } else { &["channel"] };
        let views = self.views.map(|_| "view");
        std::iter::once("sample").chain(views).chain(view.iter().copied()).collect()
    }

    /// Views of all samples: row `n * V + v` is view v of sample n.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers of one row.
    pub(super) fn width(&self) -> usize {
        self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_those_that_probes_read() {
        for (views, view, shape, axes) in [
            (None, &[8][..], vec![5, 8], "sample channel"),
            (None, &[4, 8], vec![5, 4, 8], "sample token channel"),
            (Some(3), &[8], vec![5, 3, 8], "sample view channel"),
            (Some(3), &[4, 8], vec![5, 3, 4, 8], "sample view token channel"),
        ] {
            let layout = Layout::new(5, views, view).unwrap();
            assert_eq!((layout.shape(), layout.axes().join(" ")), (shape, axes.to_owned()));
            assert_eq!(layout.rows(), 5 * views.unwrap_or(1));
        }
    }

    #[test]
    fn what_no_file_holds_is_refused() {
        assert!(Layout::new(usize::MAX / 2, Some(3), &[1]).is_err());
        assert!(Layout::new(1 << 40, Some(1000), &[1 << 20]).is_err());
    }
}
