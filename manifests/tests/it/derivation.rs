//! Derivations with the real Python: virtual environment, recipe, digest of the output.

use crate::workbench::{Workbench, artifact_text};
use retally_manifests::{Digest, ErrorClass, Manifest, Network};
use std::fs;

const ZOO: &[(&str, &str)] = &[
    (
        "zoo/double.py",
        "import sys, neighbour\n\
         source, target = sys.argv[1:]\n\
         assert sys.flags.isolated and sys.dont_write_bytecode and sys.prefix != sys.base_prefix\n\
         open(target, 'wb').write(neighbour.twice(open(source, 'rb').read()))\n",
    ),
    ("zoo/failing.py", "raise SystemExit('cannot convert: no such layer')\n"),
    ("zoo/silent.py", ""),
    ("zoo/neighbour.py", "def twice(data):\n    return data + data\n"),
    ("zoo/requirements.txt", "# none\n"),
];

fn bench() -> Workbench {
    let mut bench = Workbench::new();
    bench.settings.zoo = ZOO;
    fs::write(bench.path().join("input"), "ab").unwrap();
    bench
}

/// Artifact `a` is derived from artifact `b`, which is a file.
fn manifest(bench: &Workbench, recipe: &str, output: &[u8]) -> Manifest {
    let input = format!("file:{}", bench.path().join("input").display());
    let text = format!(
        "{}[artifact.derived]\nfrom = [\"b\"]\nrecipe = \"zoo/{recipe}.py\"\n\
         arguments = [\"{{from:0}}\", \"{{output}}\"]\nrequirements = \"zoo/requirements.txt\"\n{}",
        artifact_text("a", output, &[]),
        artifact_text("b", b"ab", &[&input])
    );
    Manifest::parse("test.toml", &text).unwrap()
}

#[test]
fn a_recipe_makes_the_artifact_and_its_environment_is_used_again() {
    let bench = bench();
    let path =
        bench.fetch(&manifest(&bench, "double", b"abab")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fs::read(&path).unwrap(), b"abab");
    assert_eq!(bench.events.count("step a making a virtual environment"), 1);
    assert_eq!(bench.files("partial"), [""; 0]);

    fs::remove_file(&path).unwrap();
    bench.fetch_with(&manifest(&bench, "double", b"abab"), Network::Forbidden).unwrap();
    assert_eq!(bench.events.count("step a making a virtual environment"), 1);

    let error = bench.fetch(&manifest(&bench, "double", b"abac")).unwrap_err();
    let found = Digest::of_bytes(b"abab").to_string();
    assert!(error.to_string().contains(&format!("its SHA-256 is {found}")), "{error}");
    assert_eq!(error.class(), ErrorClass::Invalid);

    let error = bench.fetch(&manifest(&bench, "failing", b"never")).unwrap_err();
    assert!(error.to_string().contains("cannot convert: no such layer"), "{error}");
    assert_eq!(error.class(), ErrorClass::Invalid);

    let error = bench.fetch(&manifest(&bench, "silent", b"never")).unwrap_err();
    assert!(error.to_string().contains("cannot read"), "{error}");
    assert_eq!(bench.files("partial"), [""; 0]);
}

#[test]
fn offline_makes_no_environment() {
    let bench = bench();
    let error =
        bench.fetch_with(&manifest(&bench, "double", b"abab"), Network::Forbidden).unwrap_err();
    assert!(error.to_string().contains("retally fetch a"), "{error}");
    assert_eq!(bench.events.count("step"), 0);
}

#[test]
fn an_unknown_recipe_is_named() {
    let bench = bench();
    let error = bench.fetch(&manifest(&bench, "missing", b"abab")).unwrap_err();
    assert!(
        error.to_string().contains("this program has no `zoo/missing.py`; it has zoo/double.py"),
        "{error}"
    );
    assert_eq!(error.class(), ErrorClass::Invalid);
}

#[test]
fn a_failing_input_is_told_with_its_reasons() {
    let bench = bench();
    fs::remove_file(bench.path().join("input")).unwrap();
    let error = bench.fetch(&manifest(&bench, "double", b"abab")).unwrap_err();
    assert!(
        error.to_string().contains("derivation by zoo/double.py: cannot fetch artifact `b`"),
        "{error}"
    );
}
