//! Attention masses as JSON lines: what is left of attention when its keys have been summed.

use crate::failure::Failure;
use crate::text_files::{Numbered, for_each_json_line, wrong_line};
use retally_metrics::unified::interaction::{
    InteractionTask, SampleCurve, row_tolerance, uniform_causal,
};
use serde::Deserialize;
use std::path::Path;

/// More tokens than any context has.
const MOST_TOKENS: u64 = 1 << 24;

/// Significand bits of bfloat16, the coarsest type that masses are made of.
const COARSEST_BITS: i32 = 8;

/// A line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Masses {
    id: Option<String>,
    task: InteractionTask,
    layers: Vec<Layer>,
    /// Text tokens before the first query.
    n_text: Option<u64>,
    /// Image tokens: those before the first query of an answer.
    n_image: Option<u64>,
    /// Queries that were averaged.
    n_query: Option<u64>,
    /// Other tokens before the first query that it sees.
    n_other: Option<u64>,
}

/// A mean over heads and queries, or a mean over heads for each query.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Layer {
    Mean(f64),
    Queries(Vec<f64>),
}

/// Hands every sample on with the name that it was given.
pub(super) fn read(
    path: &Path,
    mut each: impl FnMut(Option<String>, SampleCurve) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for_each_json_line(path, |Numbered { line, record }| {
        let masses: Masses = record;
        let wrong = |what: String| wrong_line(path, line, what);
        let curve = masses.curve(line).map_err(wrong)?;
        each(masses.id, curve).map_err(|failure| wrong(failure.message()))
    })
}

impl Masses {
    fn curve(&self, line: usize) -> Result<SampleCurve, String> {
        let counts = [self.n_text, self.n_image, self.n_query, self.n_other];
        if let Some(count) = counts.into_iter().flatten().find(|&count| count > MOST_TOKENS) {
            return Err(format!("{count} tokens are more than any model reads"));
        }
        let intensity = |(layer, masses): (usize, &Layer)| {
            self.mean(masses).map_err(|what| format!("layer {layer} (counted from 0): {what}"))
        };
        let intensities =
            self.layers.iter().enumerate().map(intensity).collect::<Result<Vec<_>, _>>()?;
        if intensities.is_empty() {
            return Err("`layers` is empty".to_owned());
        }
        let id = self.id.clone().unwrap_or_else(|| format!("of line {line}"));
        Ok(SampleCurve { id, task: self.task, intensities, uniform: self.uniform() })
    }

    fn mean(&self, masses: &Layer) -> Result<f64, String> {
        let masses = match masses {
            Layer::Mean(mean) => std::slice::from_ref(mean),
            Layer::Queries(masses) if masses.is_empty() => return Err("it has no query".to_owned()),
            Layer::Queries(masses) => {
                let count = masses.len() as u64;
                if let Some(expected) = self.n_query.filter(|&expected| expected != count) {
                    return Err(format!("it has {count} queries, `n_query` is {expected}"));
                }
                masses.as_slice()
            }
        };
        // A mean must not hide a value that is none.
        let most = 1.0 + row_tolerance(COARSEST_BITS);
        match masses.iter().find(|mass| !(0.0..=most).contains(*mass)) {
            Some(mass) => Err(format!("{mass} is no share of attention, which is between 0 and 1")),
            None => Ok(masses.iter().sum::<f64>() / masses.len() as f64),
        }
    }

    /// Closed form for causal attention where the conditioning tokens come first.
    fn uniform(&self) -> Option<f64> {
        let conditioning = match self.task {
            InteractionTask::TextToImage => self.n_text,
            InteractionTask::ImageToText => self.n_image,
        };
        uniform_causal(conditioning?, self.n_other.unwrap_or(0), self.n_query?)
    }
}
