use super::*;
use proptest::prelude::*;
use retally_manifests::Manifest;
use retally_submissions::documents::Sample;
use std::collections::HashSet;

/// A list of a few models over data sets with so many samples, with made-up names of chunks.
pub(crate) fn work_list(samples: &[usize], models: usize) -> WorkList {
    let manifest = Manifest::builtin().unwrap();
    let model = manifest.models().next().unwrap();
    let dataset = manifest.dataset("noto-emoji").unwrap();
    let datasets = samples.iter().enumerate().map(|(number, &count)| {
        let dataset = Dataset { id: format!("set-{number}"), ..dataset.clone() };
        let listed = (0..count).map(|index| Sample {
            key: format!("sample-{index:06}"),
            sha256: Digest::of_bytes(format!("{number} {index}").as_bytes()),
            class: Some((index % 2) as u32),
        });
        let chunks = count.div_ceil(dataset.chunk as usize);
        let models = (0..models).map(|own| WorkModel {
            model: Model { id: format!("model-{own}"), ..model.clone() },
            preprocessing: "none".to_owned(),
            chunks: (0..chunks)
                .map(|chunk| Digest::of_bytes(format!("{number} {own} {chunk}").as_bytes()))
                .collect(),
        });
        WorkDataset {
            samples: DatasetSamples {
                id: dataset.id.clone(),
                classes: vec!["even".to_owned(), "odd".to_owned()],
                samples: listed.collect(),
            },
            samples_in_dataset: count,
            models: models.collect(),
            dataset,
        }
    });
    WorkList {
        schema: SCHEMA,
        retally: env!("CARGO_PKG_VERSION").to_owned(),
        suite: SuiteRecord {
            id: "starter".to_owned(),
            version: 1,
            content_sha256: Digest::of_bytes(b"suite"),
        },
        execution: WorkExecution {
            provider: "CPUExecutionProvider".to_owned(),
            fast: false,
            limit: None,
            onnxruntime: "1.31.1".to_owned(),
            onnxruntime_sha256: Digest::of_bytes(b"library"),
        },
        artifacts: Vec::new(),
        datasets: datasets.collect(),
    }
}

#[test]
fn a_model_is_opened_once() {
    let list = work_list(&[600, 300], 3);
    let models: Vec<usize> = list.pairings().iter().map(|pairing| pairing.model).collect();
    assert_eq!(models, [0, 0, 1, 1, 2, 2]);
    assert_eq!(list.total(), 3 * (3 + 2));
}

#[test]
fn a_difference_is_named() {
    let list = work_list(&[600, 300], 2);
    assert_eq!(list.difference(&list.clone()), None);
    let changed = |change: fn(&mut WorkList)| {
        let mut other = list.clone();
        change(&mut other);
        list.difference(&other).unwrap()
    };
    assert!(changed(|list| list.execution.limit = Some(7)).contains("--limit 7"));
    assert!(changed(|list| list.suite.id = "irepa".to_owned()).contains("starter against irepa"));
    assert!(changed(|list| list.suite.version = 2).contains("content of suite"));
    assert!(changed(|list| list.retally = "9".to_owned()).contains("version of retally"));
    assert!(changed(|list| drop(list.datasets.pop())).contains("set-0 set-1 against set-0"));
    let sample = changed(|list| list.datasets[1].samples.samples[5].sha256 = Digest::of_bytes(b""));
    assert!(sample.contains("set-1: sample sample-000005"), "{sample}");
    assert!(changed(|list| drop(list.datasets[0].models.pop())).contains("model-0 model-1"));
    let chunk = changed(|list| list.datasets[0].models[1].chunks[0] = Digest::of_bytes(b""));
    assert!(chunk.contains("model model-1"), "{chunk}");
    assert!(changed(|list| list.schema = 0).contains("version of the list"));
}

#[test]
fn samples_and_chunks_must_fit_together() {
    let list = work_list(&[600], 1);
    assert_eq!(list.check(), Ok(()));
    let broken = |change: fn(&mut WorkDataset)| {
        let mut other = list.clone();
        change(&mut other.datasets[0]);
        other.check().unwrap_err()
    };
    assert!(broken(|set| set.dataset.chunk = 0).contains("no samples"));
    assert!(broken(|set| set.models[0].chunks.truncate(2)).contains("2 chunks"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn shards_own_every_chunk_once(
        samples in prop::collection::vec(0_usize..2000, 1..4),
        models in 0_usize..5,
        count in 1_usize..40,
    ) {
        let list = work_list(&samples, models);
        let mut owned = Vec::new();
        for shard in Shard::all(count).unwrap() {
            for (pairing, range) in list.part(shard) {
                let (_, model) = list.pairing(pairing).unwrap();
                owned.extend_from_slice(&model.chunks[range]);
            }
        }
        let all: Vec<Digest> = list.chunks().copied().collect();
        prop_assert_eq!(&owned, &all);
        prop_assert_eq!(all.len(), list.total());
        prop_assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }
}
