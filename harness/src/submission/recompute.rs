//! Every number of a submission, computed again from the chunks in its bundle by the code that a run uses. No model is run.
//!
//! Memory: one chunk and the features of some taps at a time (of one, if it is large), so that a bundle of any size within the
//! limits is measured in the same memory.

use super::chunk_form;
use super::parts::{DatasetPart, ModelPart};
use crate::failure::Failure;
use crate::pipeline::chunk::{decode, to_bytes};
use crate::pipeline::{MeasureSettings, MeasuredTap, Measurer, TapChunk};
use crate::progress::Progress;
use crate::run::samples_table::{self, TapRows};
use crate::threads::Threads;
use rayon::prelude::*;
use retally_manifests::{Digest, Hasher, Tap};
use retally_metrics::spatial::ImageScores;
use retally_submissions::archive::ArchiveReader;
use retally_submissions::files;
use retally_suites::{DatasetMeasurements, RunMeasurements, Suite};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

/// Feature values that are in memory at once, unless a single tap has more.
const VALUES_AT_ONCE: usize = 4 << 20;

/// What was computed again of a data set.
#[derive(Debug)]
pub(super) struct RecomputedDataset {
    pub(super) taps: Vec<RecomputedTap>,
}

/// What was computed again of a tap.
#[derive(Debug)]
pub(super) struct RecomputedTap {
    pub(super) measured: MeasuredTap,
    pub(super) scores: Vec<ImageScores>,
}

/// Why something cannot be computed again.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// The bundle's fault.
    Reason(String),
    /// The machine's.
    Failure(Failure),
}

impl From<Failure> for Obstacle {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Where chunks are, and how they are measured.
#[derive(Clone, Copy)]
pub(super) struct Recomputation<'a> {
    pub(super) archive: &'a ArchiveReader,
    pub(super) settings: &'a MeasureSettings,
    pub(super) threads: &'a Threads,
    pub(super) progress: &'a Progress,
}

impl Recomputation<'_> {
    /// Measures all models of a data set.
    pub(super) fn dataset(self, part: &DatasetPart) -> Result<RecomputedDataset, Obstacle> {
        let mut taps = Vec::new();
        for model in &part.models {
            self.check_form(part, model)?;
            let count = model.model.taps.len() as u64;
            let mut job =
                self.progress.job(format!("{}: computed again", model.model.name), count, "taps");
            for group in groups(&model.model.taps, part.list().count()) {
                let chosen = model.model.taps.get(group).unwrap_or_default();
                taps.extend(self.group(part, model, chosen)?);
                job.advance(chosen.len() as u64);
            }
            job.finish();
        }
        Ok(RecomputedDataset { taps })
    }

    /// Every chunk is, byte for byte, what retally writes of its content: there is nothing else in it.
    fn check_form(self, part: &DatasetPart, model: &ModelPart) -> Result<(), Obstacle> {
        for (range, key) in part.list().chunks().into_iter().zip(&model.keys) {
            let bytes = read_chunk(self.archive, key)?;
            let wrong =
                |reason: String| Obstacle::Reason(format!("`{}`: {reason}", files::chunk(key)));
            let chunk = decode(&bytes, key, &model.model.taps, range.len()).map_err(wrong)?;
            if to_bytes(key, &model.model.taps, &chunk).map_err(wrong)? != bytes {
                return Err(wrong(
                    "it holds something beside the features and scores of its taps".to_owned(),
                ));
            }
        }
        Ok(())
    }

    fn group(
        self,
        part: &DatasetPart,
        model: &ModelPart,
        taps: &[Tap],
    ) -> Result<Vec<RecomputedTap>, Obstacle> {
        let mut gathered: Vec<Vec<TapChunk>> = taps.iter().map(|_| Vec::new()).collect();
        for (range, key) in part.list().chunks().into_iter().zip(&model.keys) {
            let chunk = decode(&read_chunk(self.archive, key)?, key, taps, range.len())
                .map_err(|reason| Obstacle::Reason(format!("`{}`: {reason}", files::chunk(key))))?;
            for (parts, tap) in gathered.iter_mut().zip(chunk) {
                parts.push(tap);
            }
        }
        let measurer =
            Measurer { model: &model.model, samples: part.list(), settings: self.settings };
        let measure = |(tap, parts): (&Tap, Vec<TapChunk>)| -> Result<RecomputedTap, Obstacle> {
            let measured = measurer.measure(tap, &parts.iter().collect::<Vec<_>>())?;
            let scores = parts.into_iter().flat_map(|part| part.scores).collect();
            Ok(RecomputedTap { measured, scores })
        };
        let pairs: Vec<_> = taps.iter().zip(gathered).collect();
        self.threads.install(|| pairs.into_par_iter().map(measure).collect::<Result<_, Obstacle>>())
    }
}

/// The bytes of a chunk. What its header says of itself was looked at before anybody reads it.
pub(super) fn read_chunk(archive: &ArchiveReader, key: &Digest) -> Result<Vec<u8>, Obstacle> {
    let name = files::chunk(key);
    let bytes = archive.read(&name).map_err(|error| Failure::temporary(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| Obstacle::Reason(format!("`{name}` is missing")))?;
    chunk_form::check(&bytes).map_err(|reason| Obstacle::Reason(format!("`{name}`: {reason}")))?;
    Ok(bytes)
}

/// Consecutive taps whose features are in memory together.
fn groups(taps: &[Tap], samples: usize) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut held = 0_usize;
    for (index, tap) in taps.iter().enumerate() {
        let values = samples.saturating_mul(tap.channels as usize);
        match groups.last_mut() {
            Some(group) if held.saturating_add(values) <= VALUES_AT_ONCE => {
                group.end = index + 1;
                held += values;
            }
            _ => {
                groups.push(index..index + 1);
                held = values;
            }
        }
    }
    groups
}

/// The measurements as a run writes them.
pub(super) fn measurements(
    suite: &Suite,
    methods: &BTreeMap<String, String>,
    parts: &[DatasetPart],
    recomputed: &[RecomputedDataset],
) -> RunMeasurements {
    let datasets = parts.iter().zip(recomputed).map(|(part, found)| DatasetMeasurements {
        dataset: part.dataset().id.clone(),
        samples: part.list().count() as u64,
        samples_in_dataset: part.list().count() as u64,
        methods: methods.clone(),
        models: found.taps.iter().map(|tap| tap.measured.encoder.clone()).collect(),
    });
    RunMeasurements {
        schema: retally_suites::run::SCHEMA,
        suite: suite.id().to_owned(),
        suite_version: suite.definition().version,
        suite_content_sha256: suite.content_digest().to_string(),
        datasets: datasets.collect(),
    }
}

/// The digest of `samples.parquet` as a run writes it of these scores. The file of a bundle is only compared, never parsed.
pub(super) fn samples_table_digest(
    parts: &[DatasetPart],
    recomputed: &[RecomputedDataset],
) -> Result<Digest, Failure> {
    let mut tables = Vec::new();
    for (part, found) in parts.iter().zip(recomputed) {
        let taps: Vec<TapRows<'_>> = found
            .taps
            .iter()
            .map(|tap| TapRows {
                key: &tap.measured.encoder.key,
                scores: tap.scores.iter().collect(),
                predictions: &tap.measured.predictions,
            })
            .collect();
        tables.push(samples_table::rows(part.list(), &taps)?);
    }
    let mut output = HashingWriter(Hasher::new());
    if let Some(mut all) = samples_table::joined(tables)? {
        samples_table::write_table(&mut all, &mut output).map_err(|error| {
            Failure::temporary(format_args!("cannot write the table of samples: {error}"))
        })?;
    }
    Ok(output.0.finish())
}

/// Takes the digest of what is written.
struct HashingWriter(Hasher);

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_manifests::TapLayout;

    #[test]
    fn taps_share_memory_up_to_the_limit() {
        let tap = |channels| Tap {
            id: "t".to_owned(),
            label: "t".to_owned(),
            tensor: "t".to_owned(),
            layout: TapLayout::Map,
            grid: [4, 4],
            channels,
        };
        let million = 1 << 20;
        let taps: Vec<Tap> = [1, 2, 1, 1, 6, 1].map(tap).to_vec();
        assert_eq!(groups(&taps, million), [0..3, 3..4, 4..5, 5..6]);
        assert_eq!(groups(&taps, 1), std::iter::once(0..6).collect::<Vec<_>>());
        assert!(groups(&[], 1).is_empty());
    }
}
