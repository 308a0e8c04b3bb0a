//! Manifests: what is accepted, and where a message points when it is not.

use miette::Diagnostic;
use proptest::prelude::*;
use retally_manifests::{ErrorClass, Manifest, ManifestError, PlacedProblem};
use std::fs;

const ARTIFACT: &str = r#"
[[artifact]]
id = "weights"
kind = "model"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
bytes = 3
licence = "MIT"
provenance = "made for a test"
sources = ["file:abc"]
"#;

const MODEL: &str = r#"
[[model]]
id = "encoder"
name = "Encoder"
family = "Encoders"
artifact = "weights"
[model.input]
tensor = "image"
layout = "nchw"
batch = 8
resize = { mode = "stretch", width = 224, height = 224, filter = "bicubic" }
normalise = { mode = "mean-std", mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25] }
[[model.tap]]
id = "layer-00"
label = "layer 0"
tensor = "/encoder/0"
layout = { kind = "tokens", skip = 1 }
grid = [16, 16]
channels = 384
"#;

const DATASET: &str = r#"
[[dataset]]
id = "images"
name = "Images"
artifacts = ["images.tar"]
format = "tar"
canvas = { background = [255, 255, 255], margin = 8 }
mask = { kind = "alpha", threshold = 128 }
split = { kind = "hashed-per-class", seed = 0, test_percent = 30 }
"#;

fn images() -> String {
    ARTIFACT.replace("\"weights\"", "\"images.tar\"").replace("\"model\"", "\"dataset\"")
}

fn whole() -> String {
    [ARTIFACT, &images(), MODEL, DATASET].concat()
}

/// The problems of a text that must be refused.
fn problems(text: &str) -> Vec<PlacedProblem> {
    let result = Manifest::parse("test.toml", text)
        .and_then(|manifest| manifest.check_references().map(|()| manifest));
    match result {
        Err(ManifestError::Invalid(error)) => {
            assert_eq!(error.name(), "test.toml");
            assert_eq!(error.labels().unwrap().count(), error.problems().len());
            error.problems().to_vec()
        }
        other => panic!("not refused: {:?}\n{text}", other.err()),
    }
}

/// Replaces `old` in the whole manifest and checks that the first problem is told on the line of `new`, in these words.
fn check(old: &str, new: &str, words: &str) {
    let text = whole();
    let at = text.find(old).unwrap();
    let line = format!("{}{new}", &text[..at]).lines().count();
    let found = problems(&text.replacen(old, new, 1));
    assert!(found[0].message.contains(words), "{found:?}");
    assert_eq!(found[0].line, line, "{found:?}");
}

#[test]
fn a_whole_manifest() {
    let manifest = Manifest::parse("test.toml", &whole()).unwrap();
    manifest.check_references().unwrap();
    assert_eq!(manifest.artifacts().count(), 2);
    assert_eq!(manifest.model("encoder").unwrap().taps[0].channels, 384);
    assert_eq!(manifest.dataset("images").unwrap().chunk, 256);
    let again = toml_round_trip(&manifest);
    assert_eq!(again, *manifest.artifact("weights").unwrap());
}

fn toml_round_trip(manifest: &Manifest) -> retally_manifests::Artifact {
    toml::from_str(&toml::to_string(manifest.artifact("weights").unwrap()).unwrap()).unwrap()
}

#[test]
fn problems_of_artifacts_point_to_their_line() {
    check("bytes = 3", "bytes = 0", "`bytes` must be 1 to");
    check("bytes = 3", "bytes = -1", "invalid value");
    check("bytes = 3", "bytes = 9_000_000_000_000_000_000", "`bytes` must be 1 to");
    check("licence = \"MIT\"", "licence = \" \"", "`licence` must not be empty");
    check("licence = \"MIT\"", "license = \"MIT\"", "unknown field `license`");
    check("ba7816bf", "BA7816BF", "lower-case a-f only");
    check("20015ad\"", "20015a\"", "64 hexadecimal digits, this has 63");
    check("kind = \"model\"", "kind = \"modell\"", "unknown variant `modell`");
    check("id = \"weights\"", "id = \"Weights\"", "`Weights` is not an id");
    check("\"file:abc\"", "\"ftp://abc\"", "a source starts with");
    check("\"file:abc\"", "\"http://example.org/abc\"", "only https is allowed");
    check(
        "id = \"images.tar\"",
        "id = \"weights\"",
        "this file has two artifacts with the id `weights`",
    );
    check("[[dataset]]", "[[datasets]]", "unknown field `datasets`");
}

#[test]
fn problems_of_models_point_to_their_line() {
    check("name = \"Encoder\"", "name = \"\"", "`name` must not be empty");
    check("batch = 8", "batch = 0", "`batch` must be 1 to 1024, not 0");
    check("batch = 8", "batch = 5000", "`batch` must be 1 to 1024, not 5000");
    check("0.25, 0.25, 0.25", "0.25, 0.0, 0.25", "`std` must be finite and not zero");
    check("0.25, 0.25, 0.25", "0.25, 1e-45, 0.25", "`std` must be finite and not zero");
    check("0.5, 0.5, 0.5", "0.5, nan, 0.5", "`mean` must be a finite number");
    check("width = 224", "width = 0", "`width` must be 1 to 8192");
    check("grid = [16, 16]", "grid = [16, 0]", "a grid of 16 rows x 0 columns");
    check("grid = [16, 16]", "grid = [225, 16]", "cannot come from 224 x 224 of input");
    check("grid = [16, 16]", "grid = [16]", "invalid length 1");
    check("channels = 384", "channels = 0", "`channels` must be 1 to");
    check("channels = 384", "channels = 1_048_576", "values a batch, more than");
    check("skip = 1", "skip = 100_000", "`skip` must be 0 to 4096");
    check("filter = \"bicubic\"", "filter = \"cubic\"", "unknown variant `cubic`");
    check(
        "mode = \"stretch\", width = 224, height = 224",
        "mode = \"shorter-side-crop\", shorter_side = 200, crop = 224",
        "a crop of 224 does not fit",
    );
    let float = |width: u32, kernel: &str| {
        format!("mode = \"float-stretch\", width = {width}, height = 224, kernel = \"{kernel}\"")
    };
    let stretch = "mode = \"stretch\", width = 224, height = 224, filter = \"bicubic\"";
    check(stretch, &float(0, "tf1-bilinear"), "`width` must be 1 to 8192");
    check(stretch, &float(224, "bilinear"), "unknown variant `bilinear`");
    for kernel in
        ["tf1-bilinear", "pillow-float-bicubic", "torch-bilinear", "torch-bilinear-antialias"]
    {
        let text = whole().replace(stretch, &float(299, kernel));
        assert!(text.contains(kernel));
        let manifest = Manifest::parse("test.toml", &text).unwrap();
        assert_eq!(manifest.model("encoder").unwrap().input.resize.output_size(), (299, 224));
    }
    check(
        "artifact = \"weights\"",
        "artifact = \"weight\"",
        "there is no artifact `weight`; did you mean `weights`?",
    );
    check(
        "artifact = \"weights\"",
        "artifact = \"images.tar\"",
        "is of the kind `dataset`, here a `model` is needed",
    );
}

#[test]
fn problems_of_datasets_point_to_their_line() {
    check("test_percent = 30", "test_percent = 100", "`test_percent` must be 1 to 99");
    check("threshold = 128", "threshold = 0", "`threshold` must be 1 to 255");
    check("threshold = 128", "threshold = 256", "invalid value");
    check("margin = 8", "margin = 9000", "`margin` must be 0 to 8192");
    check("format = \"tar\"", "format = \"tar\"\nchunk = 0", "`chunk` must be 1 to 65536");
    check(
        "artifacts = [\"images.tar\"]",
        "artifacts = []",
        "`artifacts` must name at least one file",
    );
    check("\"images.tar\"]", "\"else.tar\"]", "there is no artifact `else.tar`");
}

#[test]
fn derivations_are_checked() {
    let derived = |from: &str, recipe: &str, arguments: &str| {
        format!(
            "{ARTIFACT}[artifact.derived]\nfrom = {from}\nrecipe = \"{recipe}\"\narguments = {arguments}\n\
             requirements = \"zoo/requirements.txt\"\n{}",
            images().replace("ba78", "ba79")
        )
    };
    let good = derived("[\"images.tar\"]", "zoo/x.py", "[\"{from:0}\", \"{output}\"]");
    Manifest::parse("test.toml", &good).unwrap().check_references().unwrap();
    for (from, recipe, arguments, words) in [
        ("[]", "zoo/x.py", "[\"{output}\"]", "`from` must name at least one artifact"),
        ("[\"images.tar\"]", "zoo/../x.py", "[\"{output}\"]", "must be a file of the zoo"),
        ("[\"images.tar\"]", "x.py", "[\"{output}\"]", "must be a file of the zoo"),
        ("[\"images.tar\"]", "zoo/x.py", "[\"{from:0}\"]", "must hold `{output}` exactly once"),
        (
            "[\"images.tar\"]",
            "zoo/x.py",
            "[\"{from:1}\", \"{output}\"]",
            "counts past the 1 entries",
        ),
        ("[\"images.tar\"]", "zoo/x.py", "[\"{input}\", \"{output}\"]", "the placeholders are"),
        ("[\"nothing\"]", "zoo/x.py", "[\"{output}\"]", "there is no artifact `nothing`"),
        ("[\"weights\"]", "zoo/x.py", "[\"{output}\"]", "would be derived from itself"),
    ] {
        let found = problems(&derived(from, recipe, arguments));
        assert!(found.len() == 1 && found[0].message.contains(words), "{found:?}");
    }
}

#[test]
fn a_circle_of_derivations_is_found() {
    let derived = |id: &str, digit: char, from: &str| {
        format!(
            "{}[artifact.derived]\nfrom = [\"{from}\"]\nrecipe = \"zoo/x.py\"\narguments = [\"{{output}}\"]\n\
             requirements = \"zoo/requirements.txt\"\n",
            ARTIFACT.replace("weights", id).replace("ba7", &format!("ba{digit}"))
        )
    };
    let text = [derived("a", '0', "b"), derived("b", '1', "c"), derived("c", '2', "a")].concat();
    assert_eq!(problems(&text).len(), 3);
    let text = [
        derived("a", '0', "b"),
        derived("b", '1', "c"),
        derived("c", '2', "weights"),
        ARTIFACT.into(),
    ]
    .concat();
    Manifest::parse("test.toml", &text).unwrap().check_references().unwrap();
}

#[test]
fn every_problem_is_listed_with_its_place() {
    let text = whole().replace("bytes = 3", "bytes = 0").replace("batch = 8", "batch = 0");
    let error = Manifest::parse("test.toml", &text).unwrap_err();
    let expected = "manifest `test.toml` is invalid\n  \
                    line 6, column 9: `bytes` must be 1 to 1099511627776, not 0\n  \
                    line 15, column 9: `bytes` must be 1 to 1099511627776, not 0\n  \
                    line 28, column 9: `batch` must be 1 to 1024, not 0";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.class(), ErrorClass::Invalid);
    let label = error.labels().unwrap().next().unwrap();
    assert_eq!(&text[label.offset()..label.offset() + label.len()], "0");
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_place() {
    let found = problems("[[artifact]]\nid = \n");
    assert_eq!(found[0].line, 2);
}

#[test]
fn merging_keeps_the_same_and_refuses_the_different() {
    let parse = |name: &str, text: &str| Manifest::parse(name, text).unwrap();
    let mut all = parse("one.toml", ARTIFACT);
    all.merge(parse("two.toml", ARTIFACT)).unwrap();
    all.merge(parse("three.toml", MODEL)).unwrap();
    all.check_references().unwrap();
    let error =
        all.merge(parse("four.toml", &ARTIFACT.replace("bytes = 3", "bytes = 4"))).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("manifest `four.toml` is invalid\n  line 3, column 6"), "{message}");
    assert!(message.contains("artifact `weights` says something else in `one.toml`"), "{message}");
}

#[test]
fn files_may_refer_to_the_manifests_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let builtin = Manifest::builtin().unwrap();
    let known = builtin.models().next().unwrap().artifact.as_str();
    fs::write(&path, MODEL.replace("\"weights\"", &format!("\"{known}\""))).unwrap();
    assert!(Manifest::with_files(&[&path]).unwrap().model("encoder").is_ok());
    fs::write(&path, MODEL).unwrap();
    assert!(Manifest::with_files(&[&path]).is_err());
}

#[test]
fn unreadable_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let error = Manifest::load(&folder.path().join("none.toml")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read manifest"), "{error}");
    assert_eq!(error.class(), ErrorClass::Invalid);
    let path = folder.path().join("large.toml");
    fs::write(&path, vec![b'#'; (8 << 20) + 1]).unwrap();
    assert!(matches!(Manifest::load(&path).unwrap_err(), ManifestError::TooLarge { .. }));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(Manifest::load(&path).unwrap_err().class(), ErrorClass::Invalid);
}

#[test]
fn unknown_ids_come_with_a_suggestion() {
    let manifest = Manifest::parse("test.toml", &whole()).unwrap();
    let error = manifest.dataset("image").unwrap_err();
    assert_eq!(error.to_string(), "there is no dataset `image`; did you mean `images`?");
    let error = manifest.model("something-else").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no model `something-else`; `retally list` names what there is"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = Manifest::parse("test.toml", &text);
    }

    #[test]
    fn no_damage_to_a_manifest_makes_the_parser_panic(at in 0usize..1500, length in 0usize..40, put in "[ -~\n]{0,8}") {
        let text = whole();
        let start = at.min(text.len());
        let end = (start + length).min(text.len());
        let damaged = format!("{}{put}{}", &text[..start], &text[end..]);
        if let Err(error) = Manifest::parse("test.toml", &damaged) {
            let labels: Vec<_> = error.labels().unwrap().collect();
            prop_assert!(!labels.is_empty());
            prop_assert!(labels.iter().all(|label| label.offset() + label.len() <= damaged.len()));
        }
    }
}
