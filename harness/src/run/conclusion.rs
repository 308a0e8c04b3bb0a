//! From the chunks of a run to its measurements, by the work list: the same for one process and for many that are merged.

use super::directory::RunDirectory;
use super::samples_table::{self, TapRows};
use super::selection::{measure_settings, methods};
use super::work_list::{WorkDataset, WorkList, WorkModel};
use crate::failure::Failure;
use crate::pipeline::stored_chunks::StoredChunks;
use crate::pipeline::{ListedSamples, MeasuredTap, TapContext, measure_model};
use crate::progress::Progress;
use crate::threads::Threads;
use polars::prelude::DataFrame;
use retally_manifests::Tap;
use retally_metrics::spatial::ImageScores;
use retally_suites::DatasetMeasurements;
use retally_suites::schema::RunPlan;
use std::ops::Range;

/// Features that are in memory at a time, unless one tap has more.
const MOST_FEATURE_BYTES: usize = 2 << 30;

/// Chunks that are all there, and how they are measured.
#[derive(Clone, Copy)]
pub(super) struct Conclusion<'a> {
    pub(super) plan: &'a RunPlan,
    pub(super) work: &'a WorkList,
    pub(super) directory: &'a RunDirectory,
    pub(super) threads: &'a Threads,
    pub(super) progress: &'a Progress,
}

impl Conclusion<'_> {
    /// Measures everything, and writes `samples.parquet`.
    ///
    /// # Errors
    /// If a chunk is missing or damaged, a probe is not possible, or a result cannot be stored.
    pub(super) fn measure(self) -> Result<Vec<DatasetMeasurements>, Failure> {
        let (mut measurements, mut tables) = (Vec::new(), Vec::new());
        for dataset in &self.work.datasets {
            let (measured, rows) = self.measure_dataset(dataset)?;
            measurements.push(measured);
            tables.push(rows);
        }
        samples_table::write(self.directory, tables)?;
        Ok(measurements)
    }

    fn measure_dataset(
        self,
        dataset: &WorkDataset,
    ) -> Result<(DatasetMeasurements, DataFrame), Failure> {
        let samples = dataset.listed()?;
        let models = dataset
            .models
            .iter()
            .map(|model| self.measure_model(model, &samples))
            .collect::<Result<Vec<_>, _>>()?;
        let taps: Vec<TapRows<'_>> = models.iter().flat_map(ModelResults::rows).collect();
        let rows = samples_table::rows(samples.list(), &taps)?;
        let taps = models.into_iter().flat_map(|model| model.taps);
        let measurements = DatasetMeasurements {
            dataset: dataset.dataset.id.clone(),
            samples: samples.list().count() as u64,
            samples_in_dataset: dataset.samples_in_dataset as u64,
            methods: methods(self.plan),
            models: taps.map(|tap| tap.encoder).collect(),
        };
        Ok((measurements, rows))
    }

    fn measure_model(
        self,
        work: &WorkModel,
        samples: &ListedSamples,
    ) -> Result<ModelResults, Failure> {
        let ranges = samples.list().chunks();
        let stored = StoredChunks {
            root: self.directory.root(),
            model: &work.model,
            keys: &work.chunks,
            ranges: &ranges,
        };
        let mut results = ModelResults { scores: Vec::new(), taps: Vec::new() };
        let taps = &work.model.taps;
        for group in tap_groups(taps, samples.list().count(), MOST_FEATURE_BYTES) {
            let taps = &taps[group];
            let chunks = self.threads.install(|| stored.read_taps(taps))?;
            let context = TapContext {
                model: &work.model,
                taps,
                keys: &work.chunks,
                chunks: &chunks,
                samples: samples.list(),
                settings: &measure_settings(self.plan),
            };
            let measured =
                self.threads.install(|| measure_model(&context, self.directory, self.progress))?;
            results.taps.extend(measured);
            // Features are not needed any more, and are the larger part by far.
            let mut scores: Vec<Vec<ImageScores>> = taps.iter().map(|_| Vec::new()).collect();
            for chunk in chunks {
                for (scores, tap) in scores.iter_mut().zip(chunk) {
                    scores.extend(tap.scores);
                }
            }
            results.scores.extend(scores);
        }
        Ok(results)
    }
}

/// Neighbouring taps whose features of so many samples have no more than `most_bytes` together; one tap at least.
fn tap_groups(taps: &[Tap], samples: usize, most_bytes: usize) -> Vec<Range<usize>> {
    let bytes = |tap: &Tap| samples.saturating_mul(4 * tap.channels as usize);
    let (mut groups, mut start, mut held) = (Vec::new(), 0, 0_usize);
    for (index, tap) in taps.iter().enumerate() {
        held = held.saturating_add(bytes(tap));
        if index > start && held > most_bytes {
            groups.push(start..index);
            (start, held) = (index, bytes(tap));
        }
    }
    if start < taps.len() {
        groups.push(start..taps.len());
    }
    groups
}

/// One model over the samples: at each of its taps the scores of each sample, and what was measured.
#[derive(Debug)]
struct ModelResults {
    scores: Vec<Vec<ImageScores>>,
    taps: Vec<MeasuredTap>,
}

impl ModelResults {
    fn rows(&self) -> impl Iterator<Item = TapRows<'_>> {
        self.taps.iter().zip(&self.scores).map(|(tap, scores)| TapRows {
            key: &tap.encoder.key,
            scores: scores.iter().collect(),
            predictions: &tap.predictions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_manifests::TapLayout;

    #[test]
    fn taps_are_measured_in_groups_that_fit() {
        let taps = |channels: &[u32]| -> Vec<Tap> {
            let tap = |&channels| Tap {
                id: "tap".to_owned(),
                label: "tap".to_owned(),
                tensor: "tap".to_owned(),
                layout: TapLayout::Map,
                grid: [1, 1],
                channels,
            };
            channels.iter().map(tap).collect()
        };
        // Ten samples: 40 bytes a channel.
        let groups = |channels: &[u32], most| tap_groups(&taps(channels), 10, most);
        assert_eq!(groups(&[1, 1, 1], 120).as_slice(), std::slice::from_ref(&(0..3)));
        assert_eq!(groups(&[1, 1, 1], 119), [0..2, 2..3]);
        assert_eq!(groups(&[5, 1, 1, 9], 80), [0..1, 1..3, 3..4]);
        assert_eq!(groups(&[2, 2], 0), [0..1, 1..2]);
        assert_eq!(groups(&[u32::MAX], 0).len(), 1);
        assert!(groups(&[], 100).is_empty());
        assert_eq!(tap_groups(&taps(&[1, 1]), usize::MAX, 100).len(), 2);
    }
}
