//! What a well-formed generator must still fulfil: bounds, finite numbers, parts that fit together.

use super::{Findings, MAX_SIDE, MAX_VALUES, product};
use crate::document::Place;
use crate::{
    ClassEncoding, Classes, Decoder, DiffusionProcess, GeneratedImage, Generator, GeneratorNetwork,
    Guidance, GuidanceCalls, Prediction, Sampler, StepVariance, TimeElement, TimeSpacing,
};
use std::collections::BTreeSet;

/// Most steps of a sampler and of a diffusion process.
const MAX_STEPS: u32 = 10_000;
/// Most samples in one call of a network.
const MAX_BATCH: u32 = 1024;
/// Most classes, and the largest number that stands for none.
const MAX_CLASSES: u32 = 1 << 20;
/// Largest size of an axis of a state.
const MAX_AXIS: u32 = 1 << 16;
/// Most axes of a state, the samples not counted.
const MAX_AXES: usize = 4;
/// Longest name of a file, in bytes.
const MAX_FILE_NAME: usize = 255;
/// Largest sigma, standard deviation of noise and scale of guidance.
const MAX_SCALE: f64 = 1e6;
/// Smallest variance of a diffusion step: 1 minus it must still be another number than 1.
const MIN_VARIANCE: f64 = 1e-9;

impl Findings {
    pub(crate) fn generator(&mut self, generator: &Generator, place: &Place) {
        self.id(&generator.id, place.key("id"));
        self.text(&generator.name, place.key("name"), "`name`");
        self.text(&generator.family, place.key("family"), "`family`");
        self.range(generator.chunk, 1..=1 << 16, place.key("chunk"), "`chunk`");
        self.network(&generator.network, &place.key("network"));
        self.input_names(generator, place);
        self.batch_size(generator, place);
        self.sampler(&generator.sampler, &place.key("sampler"));
        self.sampler_fits(generator, place);
        if let Some(classes) = &generator.classes {
            self.classes(classes, &place.key("classes"));
        }
        if let Some(guidance) = &generator.guidance {
            self.guidance(guidance, generator, &place.key("guidance"));
        }
        if let Some(decoder) = &generator.decoder {
            self.decoder(decoder, &generator.image, &place.key("decoder"));
        }
        self.image(&generator.image, &place.key("image"));
        self.image_fits(generator, place);
    }

    fn network(&mut self, network: &GeneratorNetwork, place: &Place) {
        self.text(&network.state, place.key("state"), "`state`");
        self.text(&network.output, place.key("output"), "`output`");
        self.range(network.batch, 1..=MAX_BATCH, place.key("batch"), "`batch`");
        let axes = network.shape.len();
        self.check((1..=MAX_AXES).contains(&axes), place.key("shape"), || {
            format!("`shape` must have 1 to {MAX_AXES} axes, not {axes}: that of one sample, without the batch")
        });
        for (axis, &size) in network.shape.iter().enumerate() {
            self.range(size, 1..=MAX_AXIS, place.key("shape").index(axis), "a size of `shape`");
        }
        for (index, constant) in network.constants.iter().enumerate() {
            let place = place.key("constant").index(index);
            self.text(&constant.tensor, place.key("tensor"), "`tensor`");
            self.finite(constant.value, place.key("value"), "`value`");
        }
        self.external_data(network, place);
        self.times(network, place);
        if let Prediction::LinearPathData { least_distance, .. } = network.prediction {
            let place = place.key("prediction").key("least_distance");
            self.check(least_distance > 0.0 && least_distance <= 1.0, place, || {
                format!("`least_distance` must be above 0 and at most 1, not {least_distance}")
            });
        }
    }

    /// Weights stand beside the network, so a name has no folder in it.
    fn external_data(&mut self, network: &GeneratorNetwork, place: &Place) {
        let mut seen = BTreeSet::new();
        for (index, data) in network.data.iter().enumerate() {
            let place = place.key("data").index(index).key("name");
            let name = data.name.as_str();
            let plain = !matches!(name, "" | "." | ".." | GeneratorNetwork::FILE_NAME)
                && name.len() <= MAX_FILE_NAME
                && !name.contains(['/', '\\', '\0']);
            self.check(plain, place.clone(), || {
                format!("`{name}` is no name of a file beside the network: expected the name that the ONNX file knows it by, without folders")
            });
            self.check(seen.insert(name), place, || format!("two files are called `{name}`"));
        }
    }

    /// A network has a time input exactly if its prediction belongs to a time.
    fn times(&mut self, network: &GeneratorNetwork, place: &Place) {
        let kind = network.prediction.kind();
        let needs_time = network.prediction != Prediction::Sample;
        let needs_end = network.prediction == Prediction::MeanVelocity;
        let rule = |needs: bool| if needs { "needs" } else { "has no place for" };
        self.check(network.time.is_some() == needs_time, place.key("time"), || {
            format!(
                "a network with a prediction of the kind `{kind}` {} an input `time`",
                rule(needs_time)
            )
        });
        self.check(network.end_time.is_some() == needs_end, place.key("end_time"), || {
            format!(
                "a network with a prediction of the kind `{kind}` {} an input `end_time`",
                rule(needs_end)
            )
        });
        let inputs = [
            ("time", network.time.as_ref().map(|time| (&time.tensor, time.element))),
            ("end_time", network.end_time.as_ref().map(|time| (&time.tensor, time.element))),
        ];
        let counts_steps = matches!(network.prediction, Prediction::Noise { .. });
        for (key, input) in inputs {
            let Some((tensor, element)) = input else { continue };
            let place = place.key(key);
            self.text(tensor, place.key("tensor"), "`tensor`");
            let fits = element == TimeElement::Float32 || counts_steps;
            self.check(fits, place.key("element"), || {
                format!("a prediction of the kind `{kind}` has times that are no whole numbers: `element` must be `float32`")
            });
        }
    }

    /// Every input of the graph has one value.
    fn input_names(&mut self, generator: &Generator, place: &Place) {
        let network = &generator.network;
        let inside = place.key("network");
        let times = [
            ("time", network.time.as_ref().map(|time| &time.tensor)),
            ("end_time", network.end_time.as_ref().map(|time| &time.tensor)),
        ];
        let times = times
            .into_iter()
            .filter_map(|(key, tensor)| Some((tensor?, inside.key(key).key("tensor"))));
        let constants = network.constants.iter().enumerate().map(|(index, constant)| {
            (&constant.tensor, inside.key("constant").index(index).key("tensor"))
        });
        let classes = generator
            .classes
            .iter()
            .map(|classes| (&classes.tensor, place.key("classes").key("tensor")));
        let mut seen = BTreeSet::from([network.state.as_str()]);
        for (tensor, place) in times.chain(constants).chain(classes) {
            self.check(seen.insert(tensor), place, || {
                format!("two inputs of the network are called `{tensor}`")
            });
        }
    }

    fn batch_size(&mut self, generator: &Generator, place: &Place) {
        let network = &generator.network;
        let fused =
            generator.guidance.is_some_and(|guidance| guidance.calls == GuidanceCalls::Fused);
        let learned = network.prediction == Prediction::Noise { learned_variance: true };
        let factors = [network.batch, 1 + u32::from(fused), 1 + u32::from(learned)];
        let sizes = network.shape.iter().map(|&size| u64::from(size));
        let values = sizes.fold(product(factors), u64::saturating_mul);
        self.check(values <= MAX_VALUES, place.key("network").key("batch"), || {
            format!("one call has {values} values, more than {MAX_VALUES}; make `batch` smaller")
        });
    }

    fn sampler(&mut self, sampler: &Sampler, place: &Place) {
        match sampler {
            Sampler::OneCall => {}
            Sampler::FlowSde { steps, last } => {
                self.range(*steps, 2..=MAX_STEPS, place.key("steps"), "`steps`");
                self.open_unit(*last, place.key("last"), "`last`");
            }
            Sampler::FlowEuler { steps, noise_scale }
            | Sampler::FlowHeun { steps, noise_scale } => {
                self.range(*steps, 1..=MAX_STEPS, place.key("steps"), "`steps`");
                let usable = *noise_scale > 0.0 && *noise_scale <= MAX_SCALE;
                self.check(usable, place.key("noise_scale"), || {
                    format!(
                        "`noise_scale` must be above 0 and at most {MAX_SCALE}, not {noise_scale}"
                    )
                });
            }
            Sampler::Ddpm { steps, process, spacing, .. } => {
                self.process(*process, *steps, *spacing, place);
            }
            Sampler::Ddim { steps, process, spacing, eta, .. } => {
                self.process(*process, *steps, *spacing, place);
                self.check((0.0..=1.0).contains(eta), place.key("eta"), || {
                    format!("`eta` must be 0 to 1, not {eta}")
                });
            }
            Sampler::MeanFlow { steps } => {
                self.range(*steps, 1..=MAX_STEPS, place.key("steps"), "`steps`");
            }
            Sampler::Consistency { sigmas, sigma_min, .. } => {
                self.sigmas(sigmas, *sigma_min, place);
            }
        }
    }

    fn open_unit(&mut self, value: f64, place: Place, what: &str) {
        self.check(value > 0.0 && value < 1.0, place, || {
            format!("{what} must be above 0 and below 1, not {value}")
        });
    }

    /// A diffusion process, and the steps that are taken of it.
    fn process(
        &mut self,
        process: DiffusionProcess,
        steps: u32,
        spacing: TimeSpacing,
        place: &Place,
    ) {
        let inside = place.key("process");
        let (count, least) = match process {
            DiffusionProcess::Linear { steps, .. } => (steps, 2),
            DiffusionProcess::Cosine { steps } => (steps, 1),
        };
        self.range(count, least..=MAX_STEPS, inside.key("steps"), "`steps` of the process");
        if let DiffusionProcess::Linear { first, last, .. } = process {
            for (key, what, value) in [("first", "`first`", first), ("last", "`last`", last)] {
                self.check((MIN_VARIANCE..1.0).contains(&value), inside.key(key), || {
                    format!("{what} must be at least {MIN_VARIANCE} and below 1, not {value}")
                });
            }
            self.check(first <= last, inside.key("last"), || {
                format!("`last` must not be below `first`, which is {first}")
            });
        }
        if !(least..=MAX_STEPS).contains(&count) {
            return;
        }
        self.range(steps, 1..=count, place.key("steps"), "`steps`");
        let strided = || (1..count).any(|stride| count.div_ceil(stride) == steps);
        self.check(spacing == TimeSpacing::Even || strided(), place.key("steps"), || {
            format!("no stride through {count} steps of the process takes exactly {steps} of them")
        });
    }

    fn sigmas(&mut self, sigmas: &[f64], sigma_min: f64, place: &Place) {
        let usable = (0.0..=MAX_SCALE).contains(&sigma_min);
        self.check(usable, place.key("sigma_min"), || {
            format!("`sigma_min` must be 0 to {MAX_SCALE}, not {sigma_min}")
        });
        if !usable {
            return;
        }
        let count = sigmas.len();
        self.check((1..=MAX_STEPS as usize).contains(&count), place.key("sigmas"), || {
            format!("`sigmas` must be 1 to {MAX_STEPS} numbers, not {count}")
        });
        let mut highest = MAX_SCALE;
        for (index, &sigma) in sigmas.iter().enumerate() {
            let falls = sigma > sigma_min && (sigma < highest || index == 0 && sigma <= highest);
            self.check(falls, place.key("sigmas").index(index), || {
                format!("`sigmas` must fall from at most {MAX_SCALE} and stay above `sigma_min`, which is {sigma_min}; {sigma} does not")
            });
            highest = sigma;
        }
    }

    /// What the network predicts is what the sampler uses.
    fn sampler_fits(&mut self, generator: &Generator, place: &Place) {
        let Generator { sampler, network, .. } = generator;
        let fits = match sampler {
            Sampler::OneCall => network.prediction == Prediction::Sample,
            Sampler::FlowSde { .. } | Sampler::FlowEuler { .. } | Sampler::FlowHeun { .. } => {
                matches!(
                    network.prediction,
                    Prediction::Velocity { .. } | Prediction::LinearPathData { .. }
                )
            }
            Sampler::Ddpm { .. } | Sampler::Ddim { .. } => {
                matches!(network.prediction, Prediction::Noise { .. })
            }
            Sampler::MeanFlow { .. } => network.prediction == Prediction::MeanVelocity,
            Sampler::Consistency { .. } => network.prediction == Prediction::ConsistentData,
        };
        self.check(fits, place.key("sampler").key("kind"), || {
            format!(
                "a sampler of the kind `{}` cannot use a prediction of the kind `{}`",
                sampler.kind(),
                network.prediction.kind()
            )
        });
        let learned = matches!(sampler, Sampler::Ddpm { variance: StepVariance::Learned, .. });
        let unknown = network.prediction == Prediction::Noise { learned_variance: false };
        self.check(!(learned && unknown), place.key("sampler").key("variance"), || {
            "the network has no `learned_variance`: `variance` must be `small` or `large`"
                .to_owned()
        });
    }

    fn classes(&mut self, classes: &Classes, place: &Place) {
        self.text(&classes.tensor, place.key("tensor"), "`tensor`");
        let least = if classes.encoding == ClassEncoding::Fraction { 2 } else { 1 };
        self.range(classes.count, least..=MAX_CLASSES, place.key("count"), "`count`");
        let names = classes.names.len();
        self.check(names == 0 || names == classes.count as usize, place.key("names"), || {
            format!("{names} `names` for {} classes; name all of them or none", classes.count)
        });
        let mut seen = BTreeSet::new();
        for (index, name) in classes.names.iter().enumerate() {
            let place = place.key("names").index(index);
            self.text(name, place.clone(), "a name of a class");
            self.check(seen.insert(name), place, || format!("two classes are called `{name}`"));
        }
        let Some(none) = classes.none else { return };
        let place = place.key("none");
        self.check((classes.count..=MAX_CLASSES).contains(&none), place.clone(), || {
            format!(
                "`none` must be none of the classes 0 to {} and at most {MAX_CLASSES}, not {none}",
                classes.count.saturating_sub(1)
            )
        });
        self.check(classes.encoding == ClassEncoding::Index, place, || {
            "only the encoding `index` can say `none`".to_owned()
        });
    }

    fn guidance(&mut self, guidance: &Guidance, generator: &Generator, place: &Place) {
        let Guidance { scale, interval: [low, high], channels, .. } = *guidance;
        self.check((0.0..=MAX_SCALE).contains(&scale), place.key("scale"), || {
            format!("`scale` must be 0 to {MAX_SCALE}, not {scale}")
        });
        let none = generator.classes.as_ref().and_then(|classes| classes.none);
        self.check(none.is_some(), place.clone(), || {
            "guidance needs `none` in `classes`: the class that stands for none".to_owned()
        });
        self.check(generator.sampler != Sampler::OneCall, place.clone(), || {
            "a network whose output is the sample cannot be guided".to_owned()
        });
        self.check(0.0 <= low && low < high && high <= 1.0, place.key("interval"), || {
            format!("`interval` must rise within 0 to 1, not from {low} to {high}")
        });
        let has_times = matches!(
            generator.sampler,
            Sampler::FlowSde { .. }
                | Sampler::FlowEuler { .. }
                | Sampler::FlowHeun { .. }
                | Sampler::MeanFlow { .. }
        );
        let whole = low <= 0.0 && high >= 1.0;
        self.check(has_times || whole, place.key("interval"), || {
            format!(
                "a sampler of the kind `{}` has no times from 1 to 0: leave `interval` out",
                generator.sampler.kind()
            )
        });
        if let Some(channels) = channels {
            let most = generator.network.shape.first().copied().unwrap_or(1).max(1);
            self.range(channels, 1..=most, place.key("channels"), "`channels`");
        }
    }

    fn decoder(&mut self, decoder: &Decoder, image: &GeneratedImage, place: &Place) {
        self.text(&decoder.input, place.key("input"), "`input`");
        self.text(&decoder.output, place.key("output"), "`output`");
        self.divisor(decoder.scale as f32, place.key("scale"), "`scale`");
        self.finite(decoder.shift as f32, place.key("shift"), "`shift`");
        self.range(decoder.batch, 1..=MAX_BATCH, place.key("batch"), "`batch`");
        let values = product([decoder.batch, image.channels, image.width, image.height]);
        self.check(values <= MAX_VALUES, place.key("batch"), || {
            format!("one call makes {values} values, more than {MAX_VALUES}; make `batch` smaller")
        });
    }

    fn image(&mut self, image: &GeneratedImage, place: &Place) {
        let GeneratedImage { width, height, channels, low, high, quantise: _ } = *image;
        self.range(width, 1..=MAX_SIDE, place.key("width"), "`width`");
        self.range(height, 1..=MAX_SIDE, place.key("height"), "`height`");
        self.check(matches!(channels, 1 | 3), place.key("channels"), || {
            format!("`channels` must be 1 or 3, not {channels}")
        });
        self.finite(low, place.key("low"), "`low`");
        self.finite(high, place.key("high"), "`high`");
        let range = high - low;
        self.check(range.is_normal() && range > 0.0, place.key("high"), || {
            format!("`high` must be above `low`, which is {low}")
        });
    }

    /// What the last step makes is what becomes an image.
    fn image_fits(&mut self, generator: &Generator, place: &Place) {
        let GeneratedImage { width, height, channels, .. } = generator.image;
        let Generator { network, decoder, .. } = generator;
        if network.prediction == Prediction::Sample {
            self.check(decoder.is_none(), place.key("decoder"), || {
                "a network whose output is the sample has no decoder".to_owned()
            });
            let values = product([network.batch, channels, width, height]);
            self.check(values <= MAX_VALUES, place.key("network").key("batch"), || {
                format!(
                    "one call makes {values} values, more than {MAX_VALUES}; make `batch` smaller"
                )
            });
            return;
        }
        let same = network.shape == [channels, height, width];
        self.check(decoder.is_some() || same, place.key("network").key("shape"), || {
            format!(
                "without a decoder the state is the image: `shape` must be [{channels}, {height}, {width}]"
            )
        });
    }
}
