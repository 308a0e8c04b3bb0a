//! World models whose scores are known, on the starter's emoji: see `zoo/make_tiny_world_models.py`.

use super::{NetworkFile, Ranked, RetrievalJob, ViewMaker, WorldModelFiles, WorldModelIdentity};
use crate::failure::Failure;
use crate::images::augment::{ColourJitter, Photometric};
use crate::onnx::device::Device;
use crate::onnx::testing::library;
use crate::pipeline::{Execution, Samples};
use crate::progress::Progress;
use crate::run::directory::RunDirectory;
use retally_manifests::{Digest, Manifest, WorldModel};
use retally_metrics::executor::Sequential;
use retally_metrics::retrieval::{
    Placement, RetrievalOptions, TieRule, mean_reciprocal_rank_chance, retrieval_measurements,
};
use retally_suites::miniature::{
    Direction, EncoderRole, Pooling, QuerySet, RetrievalPlan, TargetNormalisation, ViewFamily,
};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const BANK: u32 = 16;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn plan() -> RetrievalPlan {
    RetrievalPlan { bank: BANK, ..RetrievalPlan::default() }
}

/// Brightness 0.4 and nothing else.
fn brightness() -> Photometric {
    let jitter = r#"{"probability": 1.0, "brightness": 0.4, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}"#;
    Photometric::jitter_alone(serde_json::from_str::<ColourJitter>(jitter).unwrap())
}

/// A manifest's world models, some images, and a run directory.
struct Bench {
    manifest: Manifest,
    samples: Samples,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let file = root().join("tests/golden/tiny-world-models/world-models.toml");
        let manifest = Manifest::with_files(&[file]).unwrap();
        let images = root().join("suites/starter/noto-emoji-32.npz");
        let dataset = manifest.dataset("noto-emoji-32").unwrap();
        let samples = Samples::open(dataset, &[images], Some(6)).unwrap();
        Self { manifest, samples, folder: tempfile::tempdir().unwrap() }
    }

    fn model(&self, id: &str) -> WorldModel {
        self.manifest.world_model(id).unwrap().clone()
    }

    fn files(&self, model: &WorldModel) -> WorldModelFiles {
        let file = |id: &retally_manifests::ArtifactId| {
            let name = id.as_str().strip_prefix("tiny-").unwrap();
            let path = root().join("tests/golden/tiny-world-models").join(name);
            let digest = Digest::of_bytes(&std::fs::read(&path).unwrap());
            assert_eq!(digest, self.manifest.artifact(id).unwrap().sha256, "{name}");
            NetworkFile { path, digest }
        };
        WorldModelFiles {
            encoder: file(&model.encoder.artifact),
            teacher: model.teacher.as_ref().map(|teacher| file(&teacher.artifact)),
            predictor: file(&model.predictor.artifact),
        }
    }

    fn run(
        &self,
        (model, files): (&WorldModel, &WorldModelFiles),
        (plan, family): (&RetrievalPlan, Photometric),
        threads: usize,
        out: &str,
    ) -> Result<Ranked, Failure> {
        let views =
            ViewMaker::of_family(&model.encoder.input, self.samples.dataset(), (family, 0))?;
        let execution = Execution { library: library(), device: Device::Cpu, threads, fast: false };
        let identity = WorldModelIdentity::new((model, files), (plan, &views), &execution);
        let job = RetrievalJob {
            model,
            files,
            plan,
            views: &views,
            samples: &self.samples,
            images: &[0, 2, 3, 5],
            identity: &identity,
        };
        let directory = RunDirectory::open(&self.folder.path().join(out).into())?;
        Ok(job.run(&execution, &directory, &Progress::new(true))?.unwrap())
    }

    /// The ranks of a model with this plan, made afresh.
    fn ranked(&self, id: &str, plan: &RetrievalPlan, family: Photometric, out: &str) -> Ranked {
        let model = self.model(id);
        self.run((&model, &self.files(&model)), (plan, family), 2, out).unwrap()
    }
}

fn mrr(ranked: &Ranked) -> f64 {
    let groups: Vec<Vec<Placement>> =
        ranked.images.iter().map(|image| image.placements.clone()).collect();
    let options = RetrievalOptions { bootstrap_draws: 0, ..RetrievalOptions::default() };
    let bank = (u64::from(BANK), "images");
    let result = retrieval_measurements(&groups, bank, "test", &options, &Sequential).unwrap();
    result.measurements[0].value().unwrap()
}

fn jitter() -> Photometric {
    Photometric::jitter_alone(ColourJitter::iwm().always())
}

#[test]
fn an_oracle_finds_what_it_is_asked_for() {
    let bench = Bench::new();
    let found = mrr(&bench.ranked("tiny-oracle", &plan(), brightness(), "a"));
    // Not 1: where only a part of a patch turns white, its mean is not the brighter mean.
    assert!(found > 0.6, "{found}");
    // Of four steps it knows one.
    let partly = mrr(&bench.ranked("tiny-oracle", &plan(), jitter(), "b"));
    let chance = mean_reciprocal_rank_chance(u64::from(BANK));
    assert!(partly > 1.5 * chance && partly < found, "{partly}, chance {chance}");
}

#[test]
fn a_predictor_that_ignores_the_action_scores_chance() {
    let bench = Bench::new();
    let ranked = bench.ranked("tiny-ignorant", &plan(), jitter(), "a");
    for image in &ranked.images {
        let rank = |placement: &Placement| placement.rank(TieRule::MidRank);
        let mut ranks: Vec<f64> = image.placements.iter().map(rank).collect();
        ranks.sort_by(f64::total_cmp);
        let expected: Vec<f64> = (1..=BANK).map(f64::from).collect();
        assert_eq!(ranks, expected, "a constant answer has every rank once");
    }
    let chance = mean_reciprocal_rank_chance(u64::from(BANK));
    assert!((mrr(&ranked) - chance).abs() < 1e-12);
}

#[test]
fn threads_change_nothing_and_stored_ranks_are_read() {
    let bench = Bench::new();
    let model = bench.model("tiny-oracle");
    let mut files = bench.files(&model);
    let run = |files: &WorldModelFiles, threads, out: &str| {
        bench.run((&model, files), (&plan(), jitter()), threads, out).unwrap()
    };
    let (one, three) = (run(&files, 1, "one"), run(&files, 3, "three"));
    assert_eq!(one.images, three.images);
    assert_eq!(one.keys, three.keys);
    assert_eq!(one.sessions.len(), 3, "encoder, teacher and predictor are recorded");
    // Without its file no image could be ranked any more: none has to.
    files.predictor.path = PathBuf::from("no-such-file.onnx");
    let again = run(&files, 1, "one");
    assert_eq!(again.images, one.images);
    assert!(again.sessions.is_empty());
    // A damaged result is as good as none.
    let stored = bench.folder.path().join("three/measured").join(format!("{}.json", one.keys[1]));
    std::fs::write(&stored, b"{}").unwrap();
    assert_eq!(run(&bench.files(&model), 1, "three").images, one.images);
}

#[test]
fn the_first_queries_are_those_of_all() {
    let bench = Bench::new();
    let all = bench.ranked("tiny-oracle", &plan(), jitter(), "a");
    let few = RetrievalPlan { queries: QuerySet::First(5), ..plan() };
    let few = bench.ranked("tiny-oracle", &few, jitter(), "b");
    for (all, few) in all.images.iter().zip(&few.images) {
        assert_eq!(few.queries, [0, 1, 2, 3, 4]);
        assert_eq!(few.placements, all.placements[..5]);
        assert_eq!(few.nearest, all.nearest[..5]);
    }
    assert_ne!(all.keys[0], bench.ranked("tiny-ignorant", &plan(), jitter(), "a").keys[0]);
}

#[test]
fn every_option_is_taken() {
    let bench = Bench::new();
    let ranked = |plan: RetrievalPlan, out: &str| {
        bench.ranked("tiny-oracle", &plan, brightness(), out).images
    };
    // Teacher and student are the same network here, so that the role changes nothing.
    let base = ranked(plan(), "base");
    assert_eq!(ranked(RetrievalPlan { encoder: EncoderRole::Teacher, ..plan() }, "teacher"), base);
    // The mean token grows with brightness as all tokens do.
    let pooled = ranked(RetrievalPlan { pooling: Pooling::Mean, ..plan() }, "mean");
    assert_ne!(pooled, base);
    // Normalised targets are far from predictions that are not normalised.
    let normed = RetrievalPlan { target_normalisation: TargetNormalisation::LayerNorm, ..plan() };
    assert_ne!(ranked(normed, "normed"), base);
    let back = ranked(RetrievalPlan { direction: Direction::VariantToClean, ..plan() }, "back");
    for image in &back {
        assert_eq!(image.queries, (1..BANK as usize).collect::<Vec<_>>());
        assert_eq!(image.placements.len(), BANK as usize - 1);
    }
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let bench = Bench::new();
    let good = bench.model("tiny-oracle");
    let refused = |change: &dyn Fn(&mut WorldModel), words: &[&str]| {
        let mut model = good.clone();
        change(&mut model);
        let files = bench.files(&good);
        let failure = bench.run((&model, &files), (&plan(), jitter()), 1, "bad").err().unwrap();
        for part in words {
            assert!(failure.message().contains(part), "`{part}` is not in {}", failure.message());
        }
    };
    refused(
        &|model| model.encoder.input.tensor = "pixels".to_owned(),
        &[
            "world model `tiny-oracle`, its encoder",
            "the graph's input is `image`",
            "calls it `pixels`",
        ],
    );
    refused(&|model| model.encoder.tokens = "words".to_owned(), &["its encoder", "words"]);
    refused(
        &|model| model.encoder.skip = 0,
        &["image `", "tokens have shape [5, 17, 3]", "[5, 16, 3]"],
    );
    refused(
        &|model| model.predictor.tokens = "source".to_owned(),
        &["its predictor", "no input `source`", "`context`"],
    );
    refused(
        &|model| model.predictor.action.as_mut().unwrap().scalars.truncate(3),
        &["its predictor", "`action`", "[7, 3]"],
    );
    refused(
        &|model| model.predictor.positions = None,
        &["its predictor", "needs further inputs", "`positions` of int64"],
    );
    refused(
        &|model| model.teacher.as_mut().unwrap().input = None,
        &["its teacher", "the graph's input is `picture`"],
    );
    refused(&|model| model.encoder.channels = 4, &["its predictor", "`context`"]);
}

#[test]
fn views_depend_on_seed_image_and_number_alone() {
    let bench = Bench::new();
    let model = bench.model("tiny-oracle");
    let maker = |family, seed| {
        let dataset = bench.samples.dataset();
        ViewMaker::new(&model.encoder.input, dataset, (family, seed)).unwrap()
    };
    let of = |maker: &ViewMaker, key: &str, number| {
        maker.parameters(key, number, Direction::CleanToVariant)
    };
    let views = maker(ViewFamily::JitterAlways, 0);
    let base = of(&views, "a", 3);
    assert_eq!(base, of(&maker(ViewFamily::JitterAlways, 0), "a", 3));
    assert_ne!(base, of(&maker(ViewFamily::JitterAlways, 1), "a", 3));
    assert_ne!(base, of(&views, "b", 3));
    assert_ne!(base, of(&views, "a", 4));
    let unchanged = |family| {
        let views = maker(family, 0);
        (0..400).filter(|&number| of(&views, "a", number) == Default::default()).count()
    };
    assert_eq!(unchanged(ViewFamily::JitterAlways), 0);
    // A fifth of 400 is 80, its standard deviation 8.
    assert!((48..=112).contains(&unchanged(ViewFamily::Jitter)));
    let flags = (0..100).filter(|&number| {
        let view = of(&maker(ViewFamily::JitterAndDestructive, 0), "a", number);
        view.grayscale || view.blur.is_some() || view.solarize.is_some()
    });
    assert!(flags.count() > 20);
    let clean = views.parameters("a", 0, Direction::VariantToClean);
    assert_eq!(clean, Default::default());
}
