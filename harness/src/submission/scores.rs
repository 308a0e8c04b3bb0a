//! The score of each sample behind a submission's cells, so that two submissions can be compared by a paired test.

use super::parts::DatasetPart;
use super::recompute::{RecomputedDataset, RecomputedTap};
use crate::failure::Failure;
use retally_manifests::{Digest, Hasher};
use retally_suites::EvaluatedSuite;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::{BTreeMap, HashMap};

/// The only entry of the file's metadata.
const SAMPLES: &str = "samples";

/// The scores of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredCell {
    /// Id of the cell.
    pub id: String,
    /// One score a sample, in the order of the data set; their mean is the cell's value.
    pub scores: Vec<f64>,
}

/// The scores of a submission's cells.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleScores {
    /// Names the samples: only submissions with the same one can be paired.
    pub samples: Digest,
    /// The cells, by id.
    pub cells: Vec<ScoredCell>,
}

impl SampleScores {
    /// The scores behind the measured cells of an evaluated suite.
    ///
    /// A cell has scores if they exist for the same samples whatever the model: LDS, CDS and RMSC have one for every sample,
    /// accuracy one (0 or 100) for every test sample. SRSS leaves out other images for every lattice, and of k-NN only the
    /// share is kept: no scores.
    pub(super) fn of(
        evaluated: &EvaluatedSuite,
        parts: &[DatasetPart],
        recomputed: &[RecomputedDataset],
    ) -> Self {
        let taps: Vec<(&DatasetPart, &RecomputedTap)> = parts
            .iter()
            .zip(recomputed)
            .flat_map(|(part, found)| found.taps.iter().map(move |tap| (part, tap)))
            .collect();
        let mut cells = BTreeMap::new();
        let rows = evaluated.tables.iter().flat_map(|table| &table.rows);
        for (row, cell) in
            rows.flat_map(|row| row.cells.iter().flatten().map(move |cell| (row, cell)))
        {
            let Some(measured) = &cell.measured else { continue };
            let mut own = taps.iter().filter(|(_, tap)| {
                let encoder = &tap.measured.encoder;
                (encoder.key == row.key || encoder.label == row.key)
                    && encoder.measurement(&measured.metric) == Some(measured)
            });
            // Two models with this very measurement under one name cannot be told apart.
            let (Some((part, tap)), None) = (own.next(), own.next()) else { continue };
            if let Some(scores) = scores(&measured.metric, part, tap) {
                cells.insert(cell.id.clone(), scores);
            }
        }
        let cells = cells.into_iter().map(|(id, scores)| ScoredCell { id, scores }).collect();
        Self { samples: samples_digest(parts), cells }
    }

    /// Whether a cell has scores.
    pub(super) fn has(&self, id: &str) -> bool {
        self.cells.binary_search_by(|cell| cell.id.as_str().cmp(id)).is_ok()
    }

    /// The bytes of `scores.safetensors`: an f64 tensor [n] for every cell, named by its id.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        let failed = |error: safetensors::SafeTensorError| {
            Failure::invalid(format_args!("cannot encode the scores: {error}"))
        };
        let encoded: Vec<(&str, usize, Vec<u8>)> = self
            .cells
            .iter()
            .map(|cell| {
                let bytes = cell.scores.iter().flat_map(|score| score.to_le_bytes()).collect();
                (cell.id.as_str(), cell.scores.len(), bytes)
            })
            .collect();
        let mut views = Vec::with_capacity(encoded.len());
        for (id, count, bytes) in &encoded {
            views.push((*id, TensorView::new(Dtype::F64, vec![*count], bytes).map_err(failed)?));
        }
        let metadata = HashMap::from([(SAMPLES.to_owned(), self.samples.to_string())]);
        safetensors::serialize(views, Some(metadata)).map_err(failed)
    }
}

fn scores(metric: &str, part: &DatasetPart, tap: &RecomputedTap) -> Option<Vec<f64>> {
    let scores = tap.scores.iter();
    match metric {
        "LDS" => Some(scores.map(|score| score.lds.get()).collect()),
        "CDS" => Some(scores.map(|score| score.cds.get()).collect()),
        "RMSC" => Some(scores.map(|score| score.rmsc.get()).collect()),
        "accuracy" => {
            let test = &part.list().split?.test;
            let predictions = &tap.measured.predictions;
            if predictions.len() != test.len() {
                return None;
            }
            let hit = |(&index, &class): (&usize, &u32)| {
                let is_right =
                    part.list().infos.get(index).is_some_and(|info| info.class == Some(class));
                if is_right { 100.0 } else { 0.0 }
            };
            Some(test.iter().zip(predictions).map(hit).collect())
        }
        _ => None,
    }
}

/// SHA-256 over, for every data set, its id and the sorted digests of its samples.
fn samples_digest(parts: &[DatasetPart]) -> Digest {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.update(format!("{}\n", part.dataset().id).as_bytes());
        let mut digests = part.list().digests.to_vec();
        digests.sort_unstable();
        for digest in digests {
            hasher.update(format!("{digest}\n").as_bytes());
        }
    }
    hasher.finish()
}
