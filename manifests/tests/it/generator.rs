//! Generators in manifests: what is accepted, and where a message points when it is not.

use retally_manifests::{
    DiffusionProcess, EndTimeValue, Generator, GuidanceTime, IntervalEnds, LabelRule, Manifest,
    ManifestError, NoiseEnd, PlacedProblem, Prediction, Quantise, Sampler, StepVariance,
    TimeElement, TimeSpacing,
};

const ARTIFACTS: &str = r#"
[[artifact]]
id = "network.onnx"
kind = "model"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
bytes = 3
licence = "MIT"
provenance = "made for a test"
sources = ["file:abc"]

[[artifact]]
id = "decoder.onnx"
kind = "model"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae"
bytes = 3
licence = "MIT"
provenance = "made for a test"
sources = ["file:abd"]
"#;

/// A latent flow with everything that a generator can have.
const FLOW: &str = r#"
[[generator]]
id = "flow"
name = "Flow"
family = "Flows"
sampler = { kind = "flow-sde", steps = 250, last = 0.04 }
guidance = { scale = 1.8, interval = [0.0, 0.7] }
image = { width = 256, height = 256, channels = 3, low = -1.0, high = 1.0, quantise = "truncate255" }

[generator.network]
artifact = "network.onnx"
state = "x"
shape = [4, 32, 32]
time = { tensor = "t" }
output = "velocity"
prediction = { kind = "velocity", noise_at = "one" }
batch = 8
[[generator.network.constant]]
tensor = "size"
value = 256.0

[generator.classes]
count = 3
names = ["cat", "dog", "bird"]
tensor = "y"
encoding = "index"
none = 3

[generator.decoder]
artifact = "decoder.onnx"
input = "latent"
output = "image"
scale = 0.18215
batch = 2
"#;

/// A GAN.
const GAN: &str = r#"
[[generator]]
id = "gan"
name = "GAN"
family = "GANs"
sampler = { kind = "one-call" }
image = { width = 64, height = 64, channels = 3, low = -1.0, high = 1.0, quantise = "truncate256" }

[generator.network]
artifact = "network.onnx"
state = "z"
shape = [100]
output = "image"
prediction = { kind = "sample" }
"#;

fn whole(generator: &str) -> String {
    [ARTIFACTS, generator].concat()
}

/// A generator that must be accepted.
fn generator(text: &str) -> Generator {
    let manifest = Manifest::parse("test.toml", &whole(text)).unwrap();
    manifest.check_references().unwrap();
    manifest.generators().next().unwrap().clone()
}

/// The problems of a text that must be refused.
fn problems(text: &str) -> Vec<PlacedProblem> {
    let result = Manifest::parse("test.toml", text)
        .and_then(|manifest| manifest.check_references().map(|()| manifest));
    match result {
        Err(ManifestError::Invalid(error)) => error.problems().to_vec(),
        other => panic!("not refused: {:?}\n{text}", other.err()),
    }
}

/// Replaces `old` in a generator and checks that the first problem is told on the line of `new`, in these words.
fn check(generator: &str, old: &str, new: &str, words: &str) {
    let text = whole(generator);
    let at = text.find(old).unwrap();
    let line = format!("{}{new}", &text[..at]).lines().count();
    let found = problems(&text.replacen(old, new, 1));
    assert!(found[0].message.contains(words), "{found:?}");
    assert_eq!(found[0].line, line, "{found:?}");
}

/// Replaces `old` in a generator and checks that some problem is told in these words.
fn refused(generator: &str, old: &str, new: &str, words: &str) {
    assert!(generator.contains(old), "{old}");
    let found = problems(&whole(&generator.replacen(old, new, 1)));
    assert!(found.iter().any(|problem| problem.message.contains(words)), "{words}\n{found:?}");
}

/// The flow with another sampler, prediction and time input.
fn with(sampler: &str, prediction: &str, time: &str) -> String {
    FLOW.replace("kind = \"flow-sde\", steps = 250, last = 0.04", sampler)
        .replace("kind = \"velocity\", noise_at = \"one\"", prediction)
        .replace("time = { tensor = \"t\" }", time)
        .replace(", interval = [0.0, 0.7]", "")
}

const TIME: &str = "time = { tensor = \"t\" }";
const DDPM: &str = "kind = \"ddpm\", steps = 250, process = { schedule = \"linear\", steps = 1000, first = 0.0001, last = 0.02 }, variance = \"learned\"";
const LEARNED: &str = "kind = \"noise\", learned_variance = true";

fn ddpm() -> String {
    with(DDPM, LEARNED, "time = { tensor = \"t\", element = \"int64\" }")
}

fn consistency() -> String {
    with(
        "kind = \"consistency\", sigmas = [80.0, 24.4], sigma_min = 0.002",
        "kind = \"consistent-data\"",
        TIME,
    )
}

#[test]
fn a_whole_generator() {
    let flow = generator(FLOW);
    assert_eq!(flow.chunk, 64);
    assert_eq!(flow.network.shape, [4, 32, 32]);
    assert_eq!(flow.sampler, Sampler::FlowSde { steps: 250, last: 0.04 });
    assert_eq!(flow.network.prediction, Prediction::Velocity { noise_at: NoiseEnd::One });
    let classes = flow.classes.as_ref().unwrap();
    assert_eq!((classes.labels, classes.none), (LabelRule::Uniform, Some(3)));
    let guidance = flow.guidance.unwrap();
    assert_eq!((guidance.ends, guidance.at), (IntervalEnds::Included, GuidanceTime::Step));
    assert_eq!(flow.decoder.as_ref().unwrap().shift, 0.0);
    assert_eq!(flow.image.quantise, Quantise::Truncate255);
    let again: Generator = toml::from_str(&toml::to_string(&flow).unwrap()).unwrap();
    assert_eq!(again, flow);
}

#[test]
fn every_sampler_with_the_prediction_that_it_uses() {
    assert_eq!(generator(GAN).sampler, Sampler::OneCall);
    let euler = generator(&with(
        "kind = \"flow-euler\", steps = 50, noise_scale = 2.0",
        "kind = \"linear-path-data\", noise_at = \"zero\", least_distance = 0.05",
        TIME,
    ));
    assert_eq!(euler.sampler, Sampler::FlowEuler { steps: 50, noise_scale: 2.0 });
    let heun = generator(&with(
        "kind = \"flow-heun\", steps = 50",
        "kind = \"velocity\", noise_at = \"zero\"",
        TIME,
    ));
    assert_eq!(heun.sampler, Sampler::FlowHeun { steps: 50, noise_scale: 1.0 });
    let process = DiffusionProcess::Linear { steps: 1000, first: 0.0001, last: 0.02 };
    let ddpm = generator(&ddpm());
    assert_eq!(ddpm.network.time.unwrap().element, TimeElement::Int64);
    assert_eq!(
        ddpm.sampler,
        Sampler::Ddpm {
            steps: 250,
            process,
            spacing: TimeSpacing::Even,
            variance: StepVariance::Learned,
            clip: false
        }
    );
    let ddim = generator(&with(
        "kind = \"ddim\", steps = 25, process = { schedule = \"cosine\", steps = 1000 }, spacing = \"stride\", clip = true",
        "kind = \"noise\", learned_variance = false",
        TIME,
    ));
    assert_eq!(
        ddim.sampler,
        Sampler::Ddim {
            steps: 25,
            process: DiffusionProcess::Cosine { steps: 1000 },
            spacing: TimeSpacing::Stride,
            eta: 0.0,
            clip: true
        }
    );
    let mean = generator(&with(
        "kind = \"mean-flow\", steps = 4",
        "kind = \"mean-velocity\"",
        "time = { tensor = \"t\" }\nend_time = { tensor = \"h\", takes = \"duration\" }",
    ));
    assert_eq!(mean.network.end_time.unwrap().takes, EndTimeValue::Duration);
    let consistency = generator(&consistency());
    assert!(matches!(consistency.sampler, Sampler::Consistency { clip: false, .. }));
}

#[test]
fn problems_of_networks_point_to_their_line() {
    check(FLOW, "name = \"Flow\"", "name = \" \"", "`name` must not be empty");
    check(FLOW, "id = \"flow\"", "id = \"flow\"\nchunk = 0", "`chunk` must be 1 to 65536");
    check(FLOW, "state = \"x\"", "state = \"\"", "`state` must not be empty");
    check(FLOW, "output = \"velocity\"", "output = \"\"", "`output` must not be empty");
    check(FLOW, "shape = [4, 32, 32]", "shape = []", "`shape` must have 1 to 4 axes, not 0");
    check(FLOW, "shape = [4, 32, 32]", "shape = [1, 1, 1, 1, 1]", "`shape` must have 1 to 4 axes");
    check(FLOW, "shape = [4, 32, 32]", "shape = [4, 0, 32]", "a size of `shape` must be 1 to");
    check(FLOW, "batch = 8", "batch = 0", "`batch` must be 1 to 1024");
    refused(FLOW, "[4, 32, 32]", "[64, 4096, 4096]", "make `batch` smaller");
    check(FLOW, "value = 256.0", "value = inf", "`value` must be a finite number");
    check(FLOW, "tensor = \"size\"", "tensor = \"\"", "`tensor` must not be empty");
    check(FLOW, "tensor = \"size\"", "tensor = \"t\"", "two inputs of the network are called `t`");
    check(FLOW, "tensor = \"y\"", "tensor = \"x\"", "two inputs of the network are called `x`");
    let network = "artifact = \"network.onnx\"";
    check(FLOW, network, "artifact = \"network\"", "there is no artifact `network`");
    check(FLOW, "artifact = \"decoder.onnx\"", "artifact = \"x\"", "there is no artifact `x`");
}

#[test]
fn a_network_has_the_time_inputs_that_its_prediction_needs() {
    refused(FLOW, TIME, "", "`velocity` needs an input `time`");
    refused(
        GAN,
        "output =",
        "time = { tensor = \"t\" }\noutput =",
        "has no place for an input `time`",
    );
    let two = "time = { tensor = \"t\" }\nend_time = { tensor = \"r\" }";
    refused(FLOW, TIME, two, "`velocity` has no place for an input `end_time`");
    let one = with("kind = \"mean-flow\", steps = 1", "kind = \"mean-velocity\"", TIME);
    refused(&one, "state", "state", "`mean-velocity` needs an input `end_time`");
    let same = "time = { tensor = \"t\" }\nend_time = { tensor = \"t\" }";
    refused(&one, TIME, same, "two inputs of the network are called `t`");
    let whole_numbers = "time = { tensor = \"t\", element = \"int64\" }";
    check(FLOW, TIME, whole_numbers, "`element` must be `float32`");
    check(FLOW, TIME, "time = { tensor = \"\" }", "`tensor` must not be empty");
}

#[test]
fn samplers_refuse_predictions_that_they_cannot_use() {
    let predictions = [
        "kind = \"velocity\", noise_at = \"one\"",
        "kind = \"linear-path-data\", noise_at = \"one\", least_distance = 0.05",
        "kind = \"mean-velocity\"",
        "kind = \"noise\", learned_variance = true",
        "kind = \"consistent-data\"",
        "kind = \"sample\"",
    ];
    let samplers = [
        ("kind = \"flow-sde\", steps = 250, last = 0.04", vec![0, 1]),
        ("kind = \"flow-euler\", steps = 50", vec![0, 1]),
        ("kind = \"flow-heun\", steps = 50", vec![0, 1]),
        ("kind = \"mean-flow\", steps = 4", vec![2]),
        (DDPM, vec![3]),
        ("kind = \"consistency\", sigmas = [80.0], sigma_min = 0.002", vec![4]),
        ("kind = \"one-call\"", vec![5]),
    ];
    for (sampler, fitting) in samplers {
        for (index, prediction) in predictions.into_iter().enumerate() {
            let result = Manifest::parse("test.toml", &whole(&with(sampler, prediction, TIME)));
            let message = result.err().map(|error| error.to_string()).unwrap_or_default();
            let refused = message.contains("cannot use a prediction of the kind");
            assert_eq!(refused, !fitting.contains(&index), "{sampler} {prediction}\n{message}");
        }
    }
}

#[test]
fn problems_of_samplers_point_to_their_line() {
    check(FLOW, "steps = 250", "steps = 1", "`steps` must be 2 to 10000, not 1");
    check(FLOW, "steps = 250", "steps = 10_001", "`steps` must be 2 to 10000");
    check(FLOW, "last = 0.04", "last = 0.0", "`last` must be above 0 and below 1");
    check(FLOW, "last = 0.04", "last = nan", "`last` must be above 0 and below 1");
    check(FLOW, "last = 0.04", "last = 1.0", "`last` must be above 0 and below 1");
    check(FLOW, "steps = 250,", "step = 250,", "unknown field `step`");
    let euler = with(
        "kind = \"flow-euler\", steps = 50, noise_scale = 2.0",
        "kind = \"linear-path-data\", noise_at = \"zero\", least_distance = 0.05",
        TIME,
    );
    for scale in ["0.0", "-1.0", "nan", "inf"] {
        check(
            &euler,
            "noise_scale = 2.0",
            &format!("noise_scale = {scale}"),
            "`noise_scale` must be",
        );
        check(
            &euler,
            "distance = 0.05",
            &format!("distance = {scale}"),
            "`least_distance` must be",
        );
    }
    check(&euler, "steps = 50", "steps = 0", "`steps` must be 1 to 10000, not 0");
    let mean = with(
        "kind = \"mean-flow\", steps = 4",
        "kind = \"mean-velocity\"",
        "time = { tensor = \"t\" }\nend_time = { tensor = \"r\" }",
    );
    check(&mean, "steps = 4", "steps = 0", "`steps` must be 1 to 10000");
}

#[test]
fn problems_of_diffusion_processes_point_to_their_line() {
    let ddpm = ddpm();
    check(&ddpm, "steps = 250", "steps = 0", "`steps` must be 1 to 1000, not 0");
    check(&ddpm, "steps = 250", "steps = 1001", "`steps` must be 1 to 1000, not 1001");
    check(&ddpm, "steps = 1000", "steps = 1", "`steps` of the process must be 2 to 10000");
    check(&ddpm, "first = 0.0001", "first = 0.0", "`first` must be at least");
    check(&ddpm, "first = 0.0001", "first = nan", "`first` must be at least");
    check(&ddpm, "last = 0.02", "last = 1.0", "`last` must be at least");
    check(&ddpm, "last = 0.02", "last = 0.00001", "`last` must not be below `first`");
    check(&ddpm, "\"learned\"", "\"fixed\"", "unknown variant `fixed`");
    let stride = ddpm.replace("steps = 250,", "steps = 300, spacing = \"stride\",");
    refused(&stride, "steps = 300", "steps = 300", "no stride through 1000 steps of the process");
    generator(&ddpm.replace("steps = 250,", "steps = 50, spacing = \"stride\","));
    let unlearned = ddpm.replace("learned_variance = true", "learned_variance = false");
    check(&unlearned, "\"learned\"", "\"learned\"", "the network has no `learned_variance`");
    generator(&unlearned.replace("\"learned\"", "\"large\""));
    let ddim = with(
        "kind = \"ddim\", steps = 25, process = { schedule = \"cosine\", steps = 1000 }, eta = 0.5",
        LEARNED,
        TIME,
    );
    for eta in ["-0.1", "1.1", "nan"] {
        check(&ddim, "eta = 0.5", &format!("eta = {eta}"), "`eta` must be 0 to 1");
    }
    check(&ddim, "steps = 1000", "steps = 0", "`steps` of the process must be 1 to 10000");
}

#[test]
fn sigmas_fall() {
    let text = consistency();
    for sigmas in ["24.4, 80.0", "80.0, 80.0", "80.0, 0.002", "nan, 1.0", "80.0, nan", "inf, 1.0"] {
        check(
            &text,
            "sigmas = [80.0, 24.4]",
            &format!("sigmas = [{sigmas}]"),
            "`sigmas` must fall",
        );
    }
    check(
        &text,
        "sigmas = [80.0, 24.4]",
        "sigmas = []",
        "`sigmas` must be 1 to 10000 numbers, not 0",
    );
    check(&text, "sigma_min = 0.002", "sigma_min = -1.0", "`sigma_min` must be 0 to");
    check(&text, "sigma_min = 0.002", "sigma_min = nan", "`sigma_min` must be 0 to");
}

#[test]
fn problems_of_classes_point_to_their_line() {
    check(FLOW, "count = 3", "count = 0", "`count` must be 1 to");
    check(FLOW, "\"dog\", ", "", "2 `names` for 3 classes");
    check(FLOW, "\"dog\"", "\"cat\"", "two classes are called `cat`");
    check(FLOW, "\"dog\"", "\"\"", "a name of a class must not be empty");
    check(FLOW, "none = 3", "none = 2", "`none` must be none of the classes 0 to 2");
    refused(FLOW, "\"index\"", "\"one-hot\"", "only the encoding `index` can say `none`");
    let fraction = FLOW.replace("names = [\"cat\", \"dog\", \"bird\"]\n", "");
    refused(
        &fraction.replace("\"index\"", "\"fraction\""),
        "count = 3",
        "count = 1",
        "`count` must be 2 to",
    );
}

#[test]
fn problems_of_guidance_point_to_their_line() {
    refused(FLOW, "none = 3\n", "", "guidance needs `none` in `classes`");
    check(FLOW, "scale = 1.8", "scale = nan", "`scale` must be 0 to");
    check(FLOW, "scale = 1.8", "scale = -1.0", "`scale` must be 0 to");
    for interval in ["0.7, 0.0", "0.5, 0.5", "-0.1, 0.7", "0.0, 1.1", "nan, 1.0"] {
        check(FLOW, "0.0, 0.7", interval, "`interval` must rise within 0 to 1");
    }
    check(FLOW, "[0.0, 0.7]", "[0.0, 0.7], channels = 5", "`channels` must be 1 to 4, not 5");
    generator(&FLOW.replace("[0.0, 0.7]", "[0.0, 0.7], channels = 3, calls = \"separate\""));
    generator(&FLOW.replace("[0.0, 0.7]", "[0.0, 0.9], ends = \"excluded\", at = \"call\""));
    let text = ddpm().replace("scale = 1.8", "scale = 1.8, interval = [0.0, 0.7]");
    refused(&text, "state", "state", "a sampler of the kind `ddpm` has no times from 1 to 0");
    let gan = GAN.replace("image = {", "guidance = { scale = 2.0 }\nimage = {");
    refused(&gan, "state", "state", "a network whose output is the sample cannot be guided");
}

#[test]
fn problems_of_decoders_and_images_point_to_their_line() {
    check(FLOW, "scale = 0.18215", "scale = 0.0", "`scale` must be finite and not zero");
    check(FLOW, "scale = 0.18215", "scale = 1e-60", "`scale` must be finite and not zero");
    check(FLOW, "scale = 0.18215", "scale = 1.0\nshift = nan", "`shift` must be a finite number");
    check(FLOW, "batch = 2", "batch = 0", "`batch` must be 1 to 1024");
    check(FLOW, "width = 256", "width = 0", "`width` must be 1 to 8192");
    check(FLOW, "height = 256", "height = 9000", "`height` must be 1 to 8192");
    check(FLOW, "channels = 3", "channels = 2", "`channels` must be 1 or 3, not 2");
    check(FLOW, "high = 1.0", "high = -1.0", "`high` must be above `low`");
    check(FLOW, "high = 1.0", "high = -2.0", "`high` must be above `low`");
    check(FLOW, "low = -1.0", "low = nan", "`low` must be a finite number");
    check(FLOW, "\"truncate255\"", "\"round\"", "unknown variant `round`");
    let at = FLOW.find("[generator.decoder]").unwrap();
    let undecoded = &FLOW[..at];
    check(undecoded, "shape = [4", "shape = [4", "`shape` must be [3, 256, 256]");
    generator(&undecoded.replace("[4, 32, 32]", "[3, 256, 256]"));
    let decoded = [GAN, &FLOW[at..]].concat();
    refused(&decoded, "state", "state", "a network whose output is the sample has no decoder");
    let large = GAN.replace("width = 64, height = 64", "width = 8192, height = 8192");
    refused(&large, "[100]", "[100]\nbatch = 1024", "make `batch` smaller");
}

#[test]
fn two_generators_cannot_share_an_id() {
    let found = problems(&[ARTIFACTS, GAN, GAN].concat());
    assert!(found[0].message.contains("two generators with the id `gan`"), "{found:?}");
}
