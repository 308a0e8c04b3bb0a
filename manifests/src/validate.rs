//! What a well-formed manifest must still fulfil: bounds, finite numbers, unique ids. Each check names the place.

mod generator;
mod world_model;

use crate::document::{Place, Problem};
use crate::identifier::check_id;
use crate::{
    Artifact, Canvas, Dataset, DatasetFormat, Derivation, MaskSource, Model, ModelInput, Normalise,
    Piece, Resize, Split, Tap, TapLayout,
};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Largest artifact, 1 TiB: a slip of the pen in `bytes` must not let a download fill a disk.
const MAX_BYTES: u64 = 1 << 40;
/// Largest side of a model's input and largest margin.
const MAX_SIDE: u32 = 8192;
/// Largest number of values of one tensor: what a signed 32-bit count holds, which runtimes rely on.
const MAX_VALUES: u64 = i32::MAX as u64;

/// Collects the problems of one entry.
pub(crate) struct Findings {
    problems: Vec<Problem>,
}

impl Findings {
    pub(crate) fn new() -> Self {
        Self { problems: Vec::new() }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn check(&mut self, holds: bool, place: Place, message: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(Problem::new(place, message()));
        }
    }

    fn range(&mut self, value: u32, allowed: RangeInclusive<u32>, place: Place, what: &str) {
        let (low, high) = (*allowed.start(), *allowed.end());
        self.check(allowed.contains(&value), place, || {
            format!("{what} must be {low} to {high}, not {value}")
        });
    }

    fn text(&mut self, text: &str, place: Place, what: &str) {
        self.check(!text.trim().is_empty(), place, || format!("{what} must not be empty"));
    }

    fn id(&mut self, id: &str, place: Place) {
        if let Err(error) = check_id(id) {
            self.problems.push(Problem::new(place, error.to_string()));
        }
    }

    fn finite(&mut self, value: f32, place: Place, what: &str) {
        self.check(value.is_finite(), place, || {
            format!("{what} must be a finite number, not {value}")
        });
    }

    fn divisor(&mut self, value: f32, place: Place, what: &str) {
        let usable = value.is_normal();
        self.check(usable, place, || {
            format!("{what} must be finite and not zero, not {value}: values are divided by it")
        });
    }

    pub(crate) fn artifact(&mut self, artifact: &Artifact, place: &Place) {
        self.check((1..=MAX_BYTES).contains(&artifact.bytes), place.key("bytes"), || {
            format!("`bytes` must be 1 to {MAX_BYTES}, not {}", artifact.bytes)
        });
        self.text(&artifact.licence, place.key("licence"), "`licence`");
        self.text(&artifact.provenance, place.key("provenance"), "`provenance`");
        let obtainable = !artifact.sources.is_empty() || artifact.derived.is_some();
        self.check(obtainable, place.clone(), || {
            format!(
                "artifact `{}` has neither `sources` nor `derived`: nothing says how to get it",
                artifact.id
            )
        });
        if let Some(derived) = &artifact.derived {
            self.derivation(derived, &place.key("derived"));
        }
    }

    fn derivation(&mut self, derived: &Derivation, place: &Place) {
        self.check(!derived.from.is_empty(), place.key("from"), || {
            "`from` must name at least one artifact".to_owned()
        });
        self.zoo_file(&derived.recipe, ".py", place.key("recipe"));
        self.zoo_file(&derived.requirements, ".txt", place.key("requirements"));
        let pieces = || derived.arguments.iter().flat_map(|argument| argument.pieces());
        let outputs = pieces().filter(|piece| **piece == Piece::Output).count();
        self.check(outputs == 1, place.key("arguments"), || {
            format!("`arguments` must hold `{{output}}` exactly once, not {outputs} times")
        });
        for (index, argument) in derived.arguments.iter().enumerate() {
            let outside = |piece: &&Piece| matches!(piece, Piece::Input(input) if *input >= derived.from.len());
            let stray = argument.pieces().iter().any(|piece| outside(&piece));
            self.check(!stray, place.key("arguments").index(index), || {
                format!(
                    "`{argument}` counts past the {} entries of `from` (they are counted from 0)",
                    derived.from.len()
                )
            });
        }
    }

    fn zoo_file(&mut self, path: &str, extension: &str, place: Place) {
        let stem = path
            .strip_prefix("zoo/")
            .and_then(|name| name.strip_suffix(extension))
            .unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        self.check(!stem.is_empty() && stem.bytes().all(plain), place, || {
            format!("`{path}` must be a file of the zoo: `zoo/name{extension}`")
        });
    }

    pub(crate) fn model(&mut self, model: &Model, place: &Place) {
        self.id(&model.id, place.key("id"));
        self.text(&model.name, place.key("name"), "`name`");
        self.text(&model.family, place.key("family"), "`family`");
        self.input(&model.input, &place.key("input"));
        let taps = place.key("tap");
        self.check(!model.taps.is_empty(), place.clone(), || {
            format!("model `{}` has no `[[model.tap]]`: nothing would be measured", model.id)
        });
        let mut seen = BTreeSet::new();
        for (index, tap) in model.taps.iter().enumerate() {
            let place = taps.index(index);
            self.check(seen.insert(tap.id.as_str()), place.key("id"), || {
                format!("model `{}` has two taps with the id `{}`", model.id, tap.id)
            });
            self.tap(tap, &model.input, &place);
        }
    }

    fn input(&mut self, input: &ModelInput, place: &Place) {
        self.text(&input.tensor, place.key("tensor"), "`tensor`");
        self.range(input.batch, 1..=1024, place.key("batch"), "`batch`");
        self.resize(input.resize, &place.key("resize"));
        self.normalise(input.normalise, &place.key("normalise"));
        let (width, height) = input.resize.output_size();
        let values = product([input.batch, 3, width, height]);
        self.check(values <= MAX_VALUES, place.key("batch"), || {
            format!("one batch has {values} values, more than {MAX_VALUES}; make `batch` smaller")
        });
    }

    fn resize(&mut self, resize: Resize, place: &Place) {
        match resize {
            Resize::Stretch { width, height, filter: _ }
            | Resize::FloatStretch { width, height, kernel: _ } => {
                self.range(width, 1..=MAX_SIDE, place.key("width"), "`width`");
                self.range(height, 1..=MAX_SIDE, place.key("height"), "`height`");
            }
            Resize::ShorterSideCrop { shorter_side, crop, filter: _ } => {
                self.range(shorter_side, 1..=MAX_SIDE, place.key("shorter_side"), "`shorter_side`");
                self.range(crop, 1..=MAX_SIDE, place.key("crop"), "`crop`");
                self.check(crop <= shorter_side, place.key("crop"), || {
                    format!("a crop of {crop} does not fit into a shorter side of {shorter_side}")
                });
            }
            Resize::AdmCrop { size } => self.range(size, 1..=MAX_SIDE, place.key("size"), "`size`"),
        }
    }

    fn normalise(&mut self, normalise: Normalise, place: &Place) {
        match normalise {
            Normalise::MeanStd { mean, std } => {
                for (channel, value) in mean.into_iter().enumerate() {
                    self.finite(value, place.key("mean").index(channel), "`mean`");
                }
                for (channel, value) in std.into_iter().enumerate() {
                    self.divisor(value, place.key("std").index(channel), "`std`");
                }
            }
            Normalise::OffsetDivisor { offset, divisor } => {
                self.finite(offset, place.key("offset"), "`offset`");
                self.divisor(divisor, place.key("divisor"), "`divisor`");
            }
        }
    }

    fn tap(&mut self, tap: &Tap, input: &ModelInput, place: &Place) {
        self.id(&tap.id, place.key("id"));
        self.text(&tap.label, place.key("label"), "`label`");
        self.text(&tap.tensor, place.key("tensor"), "`tensor`");
        self.range(tap.channels, 1..=1 << 20, place.key("channels"), "`channels`");
        let [rows, columns] = tap.grid;
        let (width, height) = input.resize.output_size();
        let fits = (1..=height).contains(&rows) && (1..=width).contains(&columns);
        self.check(fits, place.key("grid"), || {
            format!("a grid of {rows} rows x {columns} columns cannot come from {height} x {width} of input")
        });
        let skip = match tap.layout {
            TapLayout::Tokens { skip } => skip,
            TapLayout::Map => 0,
        };
        self.range(skip, 0..=4096, place.key("layout").key("skip"), "`skip`");
        let tokens = product([rows, columns]).saturating_add(skip.into());
        let values = product([input.batch, tap.channels]).saturating_mul(tokens);
        self.check(values <= MAX_VALUES, place.key("channels"), || {
            format!("the tensor has {values} values a batch, more than {MAX_VALUES}; check `channels`, `grid`, `batch`")
        });
    }

    pub(crate) fn dataset(&mut self, dataset: &Dataset, place: &Place) {
        self.id(&dataset.id, place.key("id"));
        self.text(&dataset.name, place.key("name"), "`name`");
        self.files(dataset, place);
        self.range(dataset.chunk, 1..=1 << 16, place.key("chunk"), "`chunk`");
        if let Some(Canvas { background: _, margin }) = dataset.canvas {
            self.range(margin, 0..=MAX_SIDE, place.key("canvas").key("margin"), "`margin`");
        }
        if let Some(MaskSource::Alpha { threshold }) = dataset.mask {
            self.range(
                threshold.into(),
                1..=255,
                place.key("mask").key("threshold"),
                "`threshold`",
            );
        }
        let split = place.key("split");
        match dataset.split {
            Split::HashedPerClass { seed: _, test_percent } => {
                self.range(
                    test_percent.into(),
                    1..=99,
                    split.key("test_percent"),
                    "`test_percent`",
                );
            }
            Split::Leading { train } => self.check(train > 0, split.key("train"), || {
                "`train` must be at least 1: a probe needs samples to learn from".to_owned()
            }),
            Split::None => {}
        }
    }

    fn files(&mut self, dataset: &Dataset, place: &Place) {
        let count = dataset.artifacts.len();
        let is_folder = dataset.format == DatasetFormat::Folder;
        self.check(is_folder || dataset.folder.is_none(), place.key("folder"), || {
            "`folder` is for the format `folder`; other formats name `artifacts`".to_owned()
        });
        let place = place.key("artifacts");
        match dataset.format {
            DatasetFormat::Folder => {
                self.check(count == 0 && dataset.folder.is_some(), place, || {
                    "a folder has no digest: give it as `folder = \"PATH\"`, without `artifacts`"
                        .to_owned()
                })
            }
            DatasetFormat::Idx => {
                self.check(count == 1 || count > 0 && count.is_multiple_of(2), place, || {
                    format!(
                        "idx needs images alone, or images and labels in pairs, not {count} files"
                    )
                })
            }
            DatasetFormat::Tar | DatasetFormat::Npz | DatasetFormat::Parquet => {
                self.check(count > 0, place, || {
                    "`artifacts` must name at least one file".to_owned()
                });
            }
        }
    }
}

/// Product of sizes that cannot overflow silently.
fn product<const N: usize>(factors: [u32; N]) -> u64 {
    factors.into_iter().fold(1, |product: u64, factor| product.saturating_mul(factor.into()))
}
