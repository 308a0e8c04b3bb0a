//! From attention of some layers, wherever it comes from, to one number a layer.

use super::description::{Chosen, SampleDescription};
use crate::failure::Failure;
use retally_metrics::unified::interaction::{
    LayerIntensity, RowPlace, SampleCurve, Spans, Visibility, row_tolerance, uniform_over_visible,
};
use std::ops::Range;

/// Numbers that are in memory at a time: 8 MiB.
const BLOCK: usize = 1 << 20;

/// A sample's curve, and whose ranges it is of.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) curve: SampleCurve,
    pub(super) slices: &'static str,
}

/// The axes of an array of attention, which is rows of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axes {
    layers: usize,
    /// Elements of the batch axis, 1 without one.
    batches: usize,
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
}

impl Axes {
    /// Reads a shape.
    ///
    /// # Errors
    /// What was expected instead.
    pub(super) fn of(shape: &[usize], batch: Option<usize>) -> Result<Self, String> {
        let (layers, batches, heads, queries, keys) = match (shape, batch) {
            (&[heads, queries, keys], None) => (1, 1, heads, queries, keys),
            (&[layers, heads, queries, keys], None) => (layers, 1, heads, queries, keys),
            (&[batches, heads, queries, keys], Some(_)) => (1, batches, heads, queries, keys),
            (&[layers, batches, heads, queries, keys], Some(_)) => {
                (layers, batches, heads, queries, keys)
            }
            (_, None) => {
                return Err("[layer, head, query, key], or [head, query, key] of one layer (`batch` names an element of an axis before the heads),".to_owned());
            }
            (_, Some(_)) => {
                return Err("[layer, batch, head, query, key], or [batch, head, query, key] of one layer, as `batch` is given,".to_owned());
            }
        };
        if shape.contains(&0) {
            return Err("an array without an empty axis".to_owned());
        }
        let batch = batch.unwrap_or(0);
        if batch >= batches {
            return Err(format!("a batch axis with an element {batch} (`batch`, counted from 0)"));
        }
        Ok(Self { layers, batches, batch, heads, queries, keys })
    }

    /// The same numbers as rows of keys. The array exists, so this product does not overflow.
    pub(super) fn as_rows(&self) -> Vec<usize> {
        vec![self.layers * self.batches * self.heads * self.queries, self.keys]
    }

    /// Numbers in a row.
    pub(super) fn keys(&self) -> usize {
        self.keys
    }

    fn first_row(&self, layer: usize, head: usize) -> usize {
        ((layer * self.batches + self.batch) * self.heads + head) * self.queries
    }
}

/// How rows of keys are read: their numbers, into the buffer, in place of what it held.
pub(super) type ReadRows<'a> = dyn FnMut(Range<usize>, &mut Vec<f64>) -> Result<(), Failure> + 'a;

/// A sample whose layers come one after another.
#[derive(Debug)]
pub(super) struct SampleInProgress<'a> {
    sample: &'a SampleDescription,
    tolerance: Option<f64>,
    plan: Option<Plan>,
    intensities: Vec<f64>,
}

impl<'a> SampleInProgress<'a> {
    /// `tolerance` is how far the sum of a row may be from 1; by default the number type decides.
    pub(super) fn new(sample: &'a SampleDescription, tolerance: Option<f64>) -> Self {
        Self { sample, tolerance, plan: None, intensities: Vec::new() }
    }

    /// The sample.
    pub(super) fn sample(&self) -> &'a SampleDescription {
        self.sample
    }

    /// Averages the next layers, all of an array whose numbers have this many bits of significand.
    pub(super) fn add(
        &mut self,
        axes: Axes,
        significand_bits: i32,
        read: &mut ReadRows<'_>,
    ) -> Result<(), Failure> {
        let sizes = (axes.queries, axes.keys);
        let plan = match &mut self.plan {
            Some(plan) => plan,
            none => none.insert(Plan::new(self.sample, sizes)?),
        };
        if sizes != (plan.query_count, plan.key_count) {
            return Err(Failure::invalid(format_args!(
                "it has {} queries and {} keys, the layers before have {} and {}",
                sizes.0, sizes.1, plan.query_count, plan.key_count
            )));
        }
        let tolerance = self.tolerance.unwrap_or_else(|| row_tolerance(significand_bits));
        for layer in 0..axes.layers {
            let number = self.intensities.len();
            let place = LayerPlace { axes, layer, number };
            self.intensities.push(place.intensity(plan, tolerance, read)?);
        }
        Ok(())
    }

    /// The curve of all layers.
    pub(super) fn finish(self, id: &str) -> Result<Measured, Failure> {
        let plan = self.plan.ok_or_else(|| Failure::invalid("`attention` names nothing"))?;
        let uniform =
            uniform_over_visible(&plan.queries, &plan.keys, plan.key_count, &plan.visibility)?;
        let curve = SampleCurve {
            id: id.to_owned(),
            task: self.sample.task,
            intensities: self.intensities,
            uniform: Some(uniform),
        };
        Ok(Measured { curve, slices: plan.rule })
    }
}

/// A layer of an array, which is layer `number` of the model.
struct LayerPlace {
    axes: Axes,
    layer: usize,
    number: usize,
}

impl LayerPlace {
    fn intensity(
        &self,
        plan: &Plan,
        tolerance: f64,
        read: &mut ReadRows<'_>,
    ) -> Result<f64, Failure> {
        let Self { axes, layer, number } = self;
        let mut intensity =
            LayerIntensity::new(&plan.keys, plan.key_count, &plan.visibility, tolerance)?;
        let step = (BLOCK / axes.keys).max(1);
        let mut values = Vec::new();
        for head in 0..axes.heads {
            let first = axes.first_row(*layer, head);
            for range in plan.queries.ranges() {
                for start in range.clone().step_by(step) {
                    let end = range.end.min(start + step);
                    read(first + start..first + end, &mut values)?;
                    for (query, row) in (start..end).zip(values.chunks_exact(axes.keys)) {
                        intensity.add_row(RowPlace { layer: *number, head, query }, row)?;
                    }
                }
            }
        }
        Ok(intensity.mean()?)
    }
}

/// What all layers of a sample share.
#[derive(Debug)]
struct Plan {
    query_count: usize,
    key_count: usize,
    queries: Spans,
    keys: Spans,
    visibility: Visibility,
    rule: &'static str,
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
