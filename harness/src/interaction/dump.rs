//! Attention in array files, read where it is, a block of rows at a time.

use super::description::{Chosen, SampleDescription};
use crate::arrays::{ArrayFile, Element};
use crate::failure::Failure;
use retally_metrics::unified::interaction::{
    LayerIntensity, RowPlace, SampleCurve, Spans, Visibility, row_tolerance, uniform_over_visible,
};
use std::path::Path;

/// Numbers that are in memory at a time: 8 MiB.
const BLOCK: usize = 1 << 20;

/// A sample's curve, and whose ranges it is of.
pub(super) struct Measured {
    pub(super) curve: SampleCurve,
    pub(super) slices: &'static str,
}

/// What all layers of a sample share.
struct Plan {
    query_count: usize,
    key_count: usize,
    queries: Spans,
    keys: Spans,
    visibility: Visibility,
    rule: &'static str,
}

/// Measures every layer of a sample.
pub(super) fn measure(
    sample: &SampleDescription,
    id: &str,
    folder: &Path,
    tolerance: Option<f64>,
) -> Result<Measured, Failure> {
    let mut plan = None;
    let mut intensities = Vec::new();
    for path in sample.files(folder)? {
        let within = |failure: Failure| failure.within(format_args!("`{}`", path.display()));
        let mut file = LayerFile::open(&path, sample.batch)?;
        let sizes = (file.queries, file.keys);
        let plan = match &mut plan {
            Some(plan) => plan,
            none => none.insert(Plan::new(sample, sizes).map_err(within)?),
        };
        if sizes != (plan.query_count, plan.key_count) {
            return Err(within(Failure::invalid(format_args!(
                "it has {} queries and {} keys, the layers before have {} and {}",
                sizes.0, sizes.1, plan.query_count, plan.key_count
            ))));
        }
        let tolerance = tolerance.unwrap_or_else(|| row_tolerance(file.significand_bits()));
        for layer in 0..file.layers {
            let number = intensities.len();
            intensities.push(file.intensity(layer, number, plan, tolerance).map_err(within)?);
        }
    }
    let plan = plan.ok_or_else(|| Failure::invalid("`attention` names no file"))?;
    let uniform =
        uniform_over_visible(&plan.queries, &plan.keys, plan.key_count, &plan.visibility)?;
    let curve =
        SampleCurve { id: id.to_owned(), task: sample.task, intensities, uniform: Some(uniform) };
    Ok(Measured { curve, slices: plan.rule })
}

impl Plan {
    fn new(
        sample: &SampleDescription,
        (query_count, key_count): (usize, usize),
    ) -> Result<Self, Failure> {
        let first_query = match (sample.first_query, sample.causal) {
            (Some(first), _) => first,
            (None, false) => 0,
            (None, true) => key_count.checked_sub(query_count).ok_or_else(|| {
                Failure::invalid(format_args!(
                    "there are {query_count} queries and {key_count} keys, but a causal query has a key of its own: say `causal = false`, \
                     or look at the order of the axes (layer, head, query, key)"
                ))
            })?,
        };
        let Chosen { slices, rule } = sample.choose(first_query)?;
        for (what, spans, count) in
            [("queries", &slices.queries, query_count), ("keys", &slices.keys, key_count)]
        {
            if spans.end() > count {
                return Err(Failure::invalid(format_args!(
                    "the {what} reach to {}, but there are {count} {what}, counted from 0",
                    spans.end()
                )));
            }
        }
        let padding = sample.padding()?;
        let visibility = if sample.causal {
            Visibility::Causal { first_query, padding }
        } else {
            Visibility::Full { padding }
        };
        Ok(Self {
            query_count,
            key_count,
            queries: slices.queries,
            keys: slices.keys,
            visibility,
            rule,
        })
    }
}

/// An array of one or more layers, as rows of keys.
struct LayerFile {
    rows: ArrayFile,
    layers: usize,
    /// Elements of the batch axis, 1 without one.
    batches: usize,
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
}

impl LayerFile {
    fn open(path: &Path, batch: Option<usize>) -> Result<Self, Failure> {
        let file = ArrayFile::open(path)?;
        let (layers, batches, heads, queries, keys) = match (file.shape(), batch) {
            (&[heads, queries, keys], None) => (1, 1, heads, queries, keys),
            (&[layers, heads, queries, keys], None) => (layers, 1, heads, queries, keys),
            (&[batches, heads, queries, keys], Some(_)) => (1, batches, heads, queries, keys),
            (&[layers, batches, heads, queries, keys], Some(_)) => {
                (layers, batches, heads, queries, keys)
            }
            (_, None) => {
                return Err(file
                    .wrong_shape("[layer, head, query, key], or [head, query, key] of one layer (`batch` names an element of an axis before the heads),")
                    .into());
            }
            (_, Some(_)) => {
                return Err(file
                    .wrong_shape("[layer, batch, head, query, key], or [batch, head, query, key] of one layer, as `batch` is given,")
                    .into());
            }
        };
        let batch = batch.unwrap_or(0);
        if file.shape().contains(&0) {
            return Err(file.wrong_shape("an array without an empty axis").into());
        }
        if batch >= batches {
            let expected =
                format!("a batch axis with an element {batch} (`batch`, counted from 0)");
            return Err(file.wrong_shape(expected).into());
        }
        // The array fits the file, so this product does not overflow.
        let rows = file
            .reshaped(vec![layers * batches * heads * queries, keys])
            .ok_or_else(|| Failure::invalid("the array has another size than its axes"))?;
        Ok(Self { rows, layers, batches, batch, heads, queries, keys })
    }

    fn significand_bits(&self) -> i32 {
        match self.rows.element() {
            Element::Bf16 => 8,
            Element::F16 => 11,
            Element::F32 => 24,
            _ => 53,
        }
    }

    /// Layer `layer` of this file, which is layer `number` of the model.
    fn intensity(
        &mut self,
        layer: usize,
        number: usize,
        plan: &Plan,
        tolerance: f64,
    ) -> Result<f64, Failure> {
        let mut intensity =
            LayerIntensity::new(&plan.keys, plan.key_count, &plan.visibility, tolerance)?;
        let step = (BLOCK / self.keys).max(1);
        let mut values = Vec::new();
        for head in 0..self.heads {
            let first = ((layer * self.batches + self.batch) * self.heads + head) * self.queries;
            for range in plan.queries.ranges() {
                for start in range.clone().step_by(step) {
                    let end = range.end.min(start + step);
                    self.rows.read_f64(first + start..first + end, &mut values)?;
                    for (query, row) in (start..end).zip(values.chunks_exact(self.keys)) {
                        intensity.add_row(RowPlace { layer: number, head, query }, row)?;
                    }
                }
            }
        }
        Ok(intensity.mean()?)
    }
}
