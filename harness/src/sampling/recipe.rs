//! Everything that decides samples, except which: generator, seed, classes, software. Its digest names them.

use super::noise_choice::NoiseChoice;
use super::{Labels, NoiseSource, Plan, TorchNoiseError};
use crate::failure::Failure;
use crate::pipeline::Execution;
use retally_manifests::{Classes, Digest, Generator, LabelRule};
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// Raised when the same identity would make other samples than before, or their files change.
const FORMAT: u32 = 1;

/// Which classes samples have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelChoice {
    /// By a rule.
    Rule(LabelRule),
    /// These in turn: sample i has class number i modulo their number.
    Classes(Vec<u32>),
}

impl FromStr for LabelChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "uniform" => Ok(Self::Rule(LabelRule::Uniform)),
            "balanced" => Ok(Self::Rule(LabelRule::Balanced)),
            _ => {
                let classes = text.split(',').map(str::parse).collect::<Result<_, _>>();
                classes.map(Self::Classes).map_err(|_| {
                    "expected uniform, balanced, or numbers of classes: 3 or 3,7,9".to_owned()
                })
            }
        }
    }
}

impl fmt::Display for LabelChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(LabelRule::Uniform) => formatter.pad("uniform"),
            Self::Rule(LabelRule::Balanced) => formatter.pad("balanced"),
            Self::Classes(classes) => {
                let classes: Vec<_> = classes.iter().map(ToString::to_string).collect();
                formatter.pad(&classes.join(","))
            }
        }
    }
}

/// Generator, seed and classes, checked and ready.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) generator: Generator,
    pub(super) plan: Plan,
    pub(super) seed: u64,
    pub(super) noise: NoiseChoice,
    labels: Option<SampleClasses>,
}

/// What guidance changes, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GuidedValues {
    /// Its scale.
    pub(super) scale: f64,
    /// Leading channels of a sample.
    pub(super) channels: usize,
    /// Leading values of a sample.
    pub(super) values: usize,
}

/// The classes of samples.
#[derive(Clone, Debug)]
struct SampleClasses {
    rule: Classes,
    /// None where the script that the noise is drawn for draws the classes too.
    choice: Option<LabelChoice>,
    labels: Labels,
}

impl Recipe {
    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// If the sampler does not fit the network, a class does not exist, or the noise cannot have the seed.
    pub(super) fn new(
        generator: Generator,
        labels: Option<LabelChoice>,
        (noise, seed): (NoiseChoice, u64),
    ) -> Result<Self, Failure> {
        let about = |failure: Failure| failure.within(format_args!("generator `{}`", generator.id));
        let plan = Plan::new(&generator).map_err(|error| about(Failure::invalid(error)))?;
        let labels = classes(&generator, labels, (noise, seed)).map_err(about)?;
        noise.check(seed)?;
        Ok(Self { plan, seed, noise, labels, generator })
    }

    /// The noise of the samples, for one thread.
    ///
    /// # Errors
    /// If the noise cannot have the seed.
    pub(super) fn noise_source(&self) -> Result<NoiseSource, Failure> {
        let classes = self.classes().map(|classes| classes.count);
        self.noise.source(self.seed, classes, &self.plan, self.state_values())
    }

    /// Numbers of one sample's state.
    pub(super) fn state_values(&self) -> usize {
        self.state_shape().iter().product()
    }

    /// Shape of what the network answers for one sample.
    pub(super) fn output_shape(&self) -> Vec<usize> {
        let Generator { image, decoder, .. } = &self.generator;
        if self.plan.is_one_call() && decoder.is_none() {
            return [image.channels, image.height, image.width].map(|size| size as usize).to_vec();
        }
        let mut shape = self.state_shape();
        if let (true, Some(channels)) = (self.plan.learned_variance, shape.first_mut()) {
            *channels *= 2;
        }
        shape
    }

    /// (width, height) of the images.
    pub(super) fn size(&self) -> (usize, usize) {
        let image = &self.generator.image;
        (image.width as usize, image.height as usize)
    }

    /// What guidance does, if some step has it. A GAN's image is what is guided, otherwise the state's channels.
    pub(super) fn guidance(&self) -> Option<GuidedValues> {
        let guided = self.plan.steps.iter().any(|step| step.guided);
        let guidance = self.generator.guidance.as_ref().filter(|_| guided)?;
        let shape = if self.plan.is_one_call() { self.output_shape() } else { self.state_shape() };
        let all = shape.first().copied().unwrap_or_default();
        let channels = guidance.channels.map_or(all, |channels| all.min(channels as usize));
        let values = shape.iter().skip(1).product::<usize>() * channels;
        Some(GuidedValues { scale: guidance.scale, channels, values })
    }

    /// Shape of one sample's state.
    pub(super) fn state_shape(&self) -> Vec<usize> {
        self.generator.network.shape.iter().map(|&size| size as usize).collect()
    }

    /// How the network takes classes.
    pub(super) fn classes(&self) -> Option<&Classes> {
        self.labels.as_ref().map(|labels| &labels.rule)
    }

    /// Which classes the samples have: `uniform`, `balanced`, `3,7`, or `torch` where a script draws them.
    pub(super) fn label_rule(&self) -> Option<String> {
        let labels = self.labels.as_ref()?;
        Some(labels.choice.as_ref().map_or_else(|| "torch".to_owned(), ToString::to_string))
    }

    /// The class of a sample; none where there are none. `noise` is that of the thread.
    pub(super) fn class(&self, sample: u32, noise: &mut NoiseSource) -> Option<u32> {
        let SampleClasses { choice, labels, .. } = self.labels.as_ref()?;
        match (choice, noise) {
            (Some(LabelChoice::Classes(classes)), _) => {
                classes.get(sample as usize % classes.len().max(1)).copied()
            }
            (None, NoiseSource::Torch(source)) => {
                Some(source.label(sample).unwrap_or_else(|| labels.of(sample)))
            }
            _ => Some(labels.of(sample)),
        }
    }
}

impl From<TorchNoiseError> for Failure {
    fn from(error: TorchNoiseError) -> Self {
        Self::invalid(error).within("noise")
    }
}

/// The classes of samples, where the generator has some.
fn classes(
    generator: &Generator,
    choice: Option<LabelChoice>,
    (noise, seed): (NoiseChoice, u64),
) -> Result<Option<SampleClasses>, Failure> {
    let Some(rule) = &generator.classes else {
        return match choice {
            None => Ok(None),
            Some(_) => Err(Failure::invalid("it has no classes, and --labels asks for some")),
        };
    };
    let count = NonZeroU32::new(rule.count)
        .ok_or_else(|| Failure::invalid("its classes are none: `count` must be at least 1"))?;
    let choice =
        choice.or_else(|| (!noise.draws_labels()).then_some(LabelChoice::Rule(rule.labels)));
    let fixed = match &choice {
        Some(LabelChoice::Classes(classes)) => classes.as_slice(),
        _ => &[],
    };
    if let Some(class) = fixed.iter().find(|class| **class >= rule.count) {
        return Err(Failure::invalid(format_args!(
            "there is no class {class}: classes are numbered from 0 to {}",
            rule.count - 1
        )));
    }
    let by_rule = match &choice {
        Some(LabelChoice::Rule(by_rule)) => *by_rule,
        _ => rule.labels,
    };
    let labels = Labels::new(by_rule, count, seed);
    Ok(Some(SampleClasses { rule: rule.clone(), choice, labels }))
}

/// What decides the bytes of samples. How many there are, in which order and on how many threads they are made is not here:
/// it changes no bit.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SampleIdentity {
    format: u32,
    /// The manifest's entry with the changes of the command line, without names and without the files' ids.
    generator: Value,
    /// Of the network, and of the decoder where there is one.
    networks_sha256: Vec<Digest>,
    seed: u64,
    noise: String,
    labels: Option<String>,
    provider: &'static str,
    onnxruntime: String,
    session: String,
}

impl SampleIdentity {
    /// That of a recipe, with the digests of the networks' files.
    ///
    /// # Errors
    /// If the generator cannot be JSON, which is a bug.
    pub(super) fn new(
        recipe: &Recipe,
        networks_sha256: Vec<Digest>,
        execution: &Execution<'_>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            format: FORMAT,
            generator: nameless(&recipe.generator)?,
            networks_sha256,
            seed: recipe.seed,
            noise: recipe.noise.to_string(),
            labels: recipe.label_rule(),
            provider: execution.device.provider(),
            onnxruntime: execution.library_id(),
            session: execution.session_id(),
        })
    }

    /// The identity as JSON, and its digest.
    ///
    /// # Errors
    /// If it cannot be JSON, which is a bug.
    pub(super) fn named(&self) -> Result<(Vec<u8>, Digest), Failure> {
        let json = serde_json::to_vec(self)
            .map_err(|error| Failure::invalid(format_args!("cannot name samples: {error}")))?;
        let digest = Digest::of_bytes(&json);
        Ok((json, digest))
    }
}

/// A generator's entry without what decides no bit: its names, and the ids under which its files are known.
fn nameless(generator: &Generator) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(generator)
        .map_err(|error| Failure::invalid(format_args!("cannot name samples: {error}")))?;
    let mut remove = |path: &[&str], key: &str| {
        let place = path.iter().try_fold(&mut value, |value, key| value.get_mut(key));
        if let Some(object) = place.and_then(Value::as_object_mut) {
            object.shift_remove(key);
        }
    };
    for key in ["id", "name", "family"] {
        remove(&[], key);
    }
    remove(&["network"], "artifact");
    // Names of files of weights are part of the network's digest.
    remove(&["network"], "data");
    remove(&["decoder"], "artifact");
    remove(&["classes"], "names");
    // The rule that is used has an entry of its own.
    remove(&["classes"], "labels");
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::device::Device;
    use crate::onnx::testing::library;
    use crate::sampling::testing::generator;
    use retally_manifests::Sampler;

    fn flow() -> Generator {
        generator(Sampler::FlowEuler { steps: 3, noise_scale: 1.0 })
    }

    fn recipe(generator: Generator, labels: Option<LabelChoice>, seed: u64) -> Recipe {
        Recipe::new(generator, labels, (NoiseChoice::Counter, seed)).unwrap()
    }

    fn key(recipe: &Recipe, network: &[u8], execution: &Execution<'_>) -> Digest {
        let digests = vec![Digest::of_bytes(network)];
        SampleIdentity::new(recipe, digests, execution).unwrap().named().unwrap().1
    }

    #[test]
    fn what_decides_samples_names_them_and_nothing_else() {
        let execution =
            Execution { library: library(), device: Device::Cpu, threads: 1, fast: false };
        let plain = recipe(flow(), None, 1);
        let name = key(&plain, b"network", &execution);
        // Names, and the number of threads.
        let mut renamed = flow();
        renamed.id = "other".to_owned();
        renamed.name = "Other".to_owned();
        renamed.network.artifact = "other-network".parse().unwrap();
        if let Some(classes) = &mut renamed.classes {
            classes.names = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        }
        assert_eq!(key(&recipe(renamed, None, 1), b"network", &execution), name);
        assert_eq!(key(&plain, b"network", &Execution { threads: 7, ..execution }), name);
        // The manifest's rule and the same rule on the command line.
        let uniform = Some(LabelChoice::Rule(LabelRule::Uniform));
        assert_eq!(key(&recipe(flow(), uniform, 1), b"network", &execution), name);
        // Everything else.
        let balanced = Some(LabelChoice::Rule(LabelRule::Balanced));
        let mut others = vec![
            key(&plain, b"other", &execution),
            key(&plain, b"network", &Execution { fast: true, ..execution }),
            key(&plain, b"network", &Execution { device: Device::Cuda(0), ..execution }),
            key(&recipe(flow(), None, 2), b"network", &execution),
            key(&recipe(flow(), balanced, 1), b"network", &execution),
            key(&recipe(flow(), Some(LabelChoice::Classes(vec![1])), 1), b"network", &execution),
        ];
        let changes: [&dyn Fn(&mut Generator); 5] = [
            &|generator| generator.sampler = Sampler::FlowHeun { steps: 3, noise_scale: 1.0 },
            &|generator| generator.network.batch = 2,
            &|generator| generator.chunk = 8,
            &|generator| generator.image.high = 2.0,
            &|generator| generator.network.time.as_mut().unwrap().tensor = "time".to_owned(),
        ];
        for change in changes {
            let mut changed = flow();
            change(&mut changed);
            others.push(key(&recipe(changed, None, 1), b"network", &execution));
        }
        for (index, other) in others.iter().enumerate() {
            assert_ne!(*other, name, "change {index}");
        }
    }

    #[test]
    fn classes_follow_the_choice() {
        let of = |labels: &str| {
            let recipe = recipe(flow(), Some(labels.parse().unwrap()), 5);
            let mut noise = recipe.noise_source().unwrap();
            (0..6).map(|sample| recipe.class(sample, &mut noise).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of("balanced"), [0, 1, 2, 0, 1, 2]);
        assert_eq!(of("2,0,1,1"), [2, 0, 1, 1, 2, 0]);
        assert_eq!(of("1"), [1; 6]);
        assert!(of("uniform").iter().all(|class| *class < 3));
        for text in ["", "cat", "1,", "-1", "1;2", "Uniform"] {
            assert!(text.parse::<LabelChoice>().is_err(), "{text}");
        }
        for text in ["uniform", "balanced", "2,0"] {
            assert_eq!(text.parse::<LabelChoice>().unwrap().to_string(), text);
        }
        let refusal = |generator, labels: &str| {
            let labels = Some(labels.parse().unwrap());
            Recipe::new(generator, labels, (NoiseChoice::Counter, 0)).unwrap_err().message()
        };
        assert!(refusal(flow(), "3").contains("no class 3"));
        let mut unconditional = flow();
        unconditional.classes = None;
        assert!(refusal(unconditional.clone(), "0").contains("no classes"));
        let recipe = recipe(unconditional, None, 0);
        assert_eq!(recipe.class(0, &mut recipe.noise_source().unwrap()), None);
    }

    #[test]
    fn only_the_leading_channels_are_guided() {
        let mut generator = flow();
        generator.network.shape = vec![4, 2, 2];
        generator.guidance = Some(retally_manifests::Guidance {
            scale: 2.0,
            interval: [0.0, 1.0],
            ends: retally_manifests::IntervalEnds::Included,
            at: retally_manifests::GuidanceTime::Step,
            channels: None,
            calls: retally_manifests::GuidanceCalls::Fused,
        });
        let mut guided = |channels| {
            generator.guidance.as_mut().unwrap().channels = channels;
            let guidance = recipe(generator.clone(), None, 0).guidance().unwrap();
            (guidance.channels, guidance.values)
        };
        assert_eq!([guided(None), guided(Some(3)), guided(Some(9))], [(4, 16), (3, 12), (4, 16)]);
    }
}
