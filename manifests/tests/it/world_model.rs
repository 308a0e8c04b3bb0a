//! World models in manifests: what is accepted, and where a message points when it is not.

use retally_manifests::{
    ActionParameter, ActionRole, Conditioning, Manifest, ManifestError, PlacedProblem,
    TargetTokens, WorldModel,
};

const ARTIFACTS: &str = r#"
[[artifact]]
id = "encoder.onnx"
kind = "model"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
bytes = 3
licence = "MIT"
provenance = "made for a test"
sources = ["file:abc"]

[[artifact]]
id = "teacher.onnx"
kind = "model"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae"
bytes = 3
licence = "MIT"
provenance = "made for a test"
sources = ["file:abd"]

[[artifact]]
id = "predictor.onnx"
kind = "model"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015af"
bytes = 3
licence = "MIT"
provenance = "made for a test"
sources = ["file:abe"]
"#;

/// Everything that a world model can have.
const WHOLE: &str = r#"
[[world_model]]
id = "small"
name = "Small world model"
family = "Small"

[world_model.encoder]
artifact = "encoder.onnx"
tokens = "tokens"
grid = [8, 8]
channels = 64
skip = 1

[world_model.encoder.input]
tensor = "image"
layout = "nchw"
batch = 16
resize = { mode = "stretch", width = 64, height = 64, filter = "bicubic" }
normalise = { mode = "mean-std", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }

[world_model.teacher]
artifact = "teacher.onnx"
tokens = "averaged"

[world_model.predictor]
artifact = "predictor.onnx"
tokens = "context"
positions = "positions"
output = "predictions"
conditioning = "feature"
targets = { kind = "layer-norm", epsilon = 1e-6 }
batch = 32

[world_model.predictor.action]
tensor = "action"
scalar = [
    { parameter = "brightness", of = "difference", scale = 2.5 },
    { parameter = "hue", of = "target" },
    { parameter = "grayscale", of = "source" },
]
"#;

/// The least that a world model can have.
const PLAIN: &str = r#"
[[world_model]]
id = "plain"
name = "Plain world model"
family = "Small"
predictor = { artifact = "predictor.onnx", tokens = "tokens", output = "predictions", conditioning = "none" }

[world_model.encoder]
artifact = "encoder.onnx"
tokens = "tokens"
grid = [8, 8]
channels = 64
input = { tensor = "image", layout = "nchw", batch = 1, resize = { mode = "adm-crop", size = 64 }, normalise = { mode = "offset-divisor", offset = 0.0, divisor = 255.0 } }
"#;

fn world_model(text: &str) -> WorldModel {
    let manifest = Manifest::parse("test.toml", &[ARTIFACTS, text].concat()).unwrap();
    manifest.check_references().unwrap();
    manifest.world_models().next().unwrap().clone()
}

fn problems(text: &str) -> Vec<PlacedProblem> {
    let result = Manifest::parse("test.toml", text)
        .and_then(|manifest| manifest.check_references().map(|()| manifest));
    match result {
        Err(ManifestError::Invalid(error)) => error.problems().to_vec(),
        other => panic!("not refused: {:?}\n{text}", other.err()),
    }
}

/// Replaces `old` and checks that the first problem is told on the line of `new`, in these words.
fn refused(old: &str, new: &str, words: &str) {
    let text = [ARTIFACTS, WHOLE].concat();
    let at = text.rfind(old).unwrap();
    let changed = format!("{}{new}{}", &text[..at], &text[at + old.len()..]);
    let found = problems(&changed);
    assert!(found[0].message.contains(words), "{words}\n{found:?}");
    let line = text[..at].lines().count().max(1);
    let lines = line..=line + new.lines().count();
    assert!(lines.contains(&found[0].line), "expected line {lines:?}: {found:?}");
}

#[test]
fn a_whole_world_model() {
    let model = world_model(WHOLE);
    assert_eq!(model.encoder.token_count(), 64);
    assert_eq!(model.artifacts().len(), 3);
    assert_eq!(model.teacher.as_ref().unwrap().tokens.as_deref(), Some("averaged"));
    assert_eq!(model.predictor.conditioning, Conditioning::Feature);
    assert_eq!(model.predictor.targets, TargetTokens::LayerNorm { epsilon: 1e-6 });
    let scalars = &model.predictor.action.as_ref().unwrap().scalars;
    assert_eq!((scalars[0].parameter, scalars[0].scale), (ActionParameter::Brightness, 2.5));
    assert_eq!((scalars[1].of, scalars[1].scale), (ActionRole::Target, 1.0));
    assert_eq!(scalars[2].of, ActionRole::Source);
}

#[test]
fn what_is_left_out_has_a_default() {
    let model = world_model(PLAIN);
    assert_eq!((model.teacher.is_none(), model.encoder.skip, model.predictor.batch), (true, 0, 1));
    assert_eq!(model.predictor.targets, TargetTokens::Tokens);
    assert_eq!(model.artifacts().len(), 2);
}

#[test]
fn what_does_not_fit_is_refused_at_its_place() {
    refused("grid = [8, 8]", "grid = [8, 80]", "cannot come from 64 x 64 of input");
    refused("batch = 32", "batch = 0", "`batch` must be 1 to 4096, not 0");
    refused("output = \"predictions\"", "output = \"\"", "`output` must not be empty");
    refused(
        "tensor = \"action\"",
        "tensor = \"context\"",
        "two inputs of the predictor are called `context`",
    );
    refused("scale = 2.5", "scale = 0.0", "`scale` must be finite and not zero");
    refused("epsilon = 1e-6", "epsilon = -1.0", "`epsilon` must be at least 0");
    refused("conditioning = \"feature\"", "conditioning = \"words\"", "unknown variant `words`");
    refused("of = \"source\"", "of = \"both\"", "unknown variant `both`");
    refused("parameter = \"hue\"", "parameter = \"gamma\"", "unknown variant `gamma`");
    refused(
        "mode = \"stretch\", width = 64, height = 64, filter = \"bicubic\"",
        "mode = \"float-stretch\", width = 64, height = 64, kernel = \"torch-bilinear\"",
        "augmentations work on 8-bit images",
    );
    refused(
        "artifact = \"teacher.onnx\"",
        "artifact = \"teachr.onnx\"",
        "did you mean `teacher.onnx`",
    );
    let scalars = &WHOLE[WHOLE.find("scalar = [").unwrap()..];
    refused(scalars, "scalar = []\n", "an action has 1 to 256 scalars, not 0");
    let action = &WHOLE[WHOLE.find("[world_model.predictor.action]").unwrap()..];
    let found = problems(&[ARTIFACTS, &WHOLE.replace(action, "")].concat());
    assert!(found[0].message.contains("needs an input `action`"), "{found:?}");
}

#[test]
fn ids_are_unique_and_looked_up() {
    let twice = problems(&[ARTIFACTS, PLAIN, PLAIN].concat());
    assert!(twice[0].message.contains("two world models with the id `plain`"), "{twice:?}");
    let manifest = Manifest::parse("test.toml", &[ARTIFACTS, PLAIN].concat()).unwrap();
    let error = manifest.world_model("plan").unwrap_err().to_string();
    assert_eq!(error, "there is no world model `plan`; did you mean `plain`?");
}
