//! Manifests, suites, stored runs and bundles.

use super::{parts, scratch};
use crate::run::read_work_list;
use crate::submission::BundleManifest;
use retally_manifests::Manifest;
use retally_submissions::archive::ArchiveReader;
use retally_submissions::documents::{
    RunDocument, SAMPLES_SCHEMA, SamplesDocument, from_bytes, to_bytes,
};
use retally_submissions::dsse::Envelope;
use retally_submissions::{PrivateKey, PublicKey};
use retally_suites::cells::{read_cells, read_correlations};
use retally_suites::lock::Lock;
use retally_suites::printed::PrintedNumber;
use retally_suites::{RunMeasurements, Suite, SuiteFiles};

/// A manifest of artifacts, or of a bundle.
pub fn manifest(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let manifest = Manifest::parse("manifest.toml", text);
    if let Ok(manifest) = &manifest {
        let _ = manifest.check_references();
    }
    if let Ok(read) = BundleManifest::from_bytes(input) {
        assert!(read.to_bytes().is_ok_and(|bytes| bytes == input), "a bundle's has one form");
    }
    manifest.is_ok()
}

/// A suite: its definition, cells and correlations.
pub fn suite(input: &[u8]) -> bool {
    let [definition, cells, correlations] = parts(input).map(std::str::from_utf8);
    let (Ok(definition), Ok(cells), Ok(correlations)) = (definition, cells, correlations) else {
        return false;
    };
    let _ = Lock::parse(definition);
    let files = SuiteFiles {
        definition,
        cells: (!cells.is_empty()).then_some(("cells.csv", cells)),
        correlations: (!correlations.is_empty()).then_some(correlations),
        further: &[],
    };
    let Ok(suite) = Suite::from_files(files) else { return false };
    let _ = retally_suites::evaluate(&suite, None);
    let _ = suite.anchored_cells();
    true
}

/// A printed number, and tables of printed cells and correlations.
pub fn cells(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let number = PrintedNumber::parse(text);
    if let Ok(number) = &number {
        assert!(number.value().is_finite());
        assert!(number.is_rounding_of(number.value()), "a number is its own rounding: {text:?}");
    }
    number.is_ok()
        | read_cells("cells.csv", text).is_ok()
        | read_correlations("correlations.csv", text).is_ok()
}

/// What is stored of a run.
pub fn run(input: &[u8]) -> bool {
    let samples = from_bytes::<SamplesDocument>(input, SAMPLES_SCHEMA);
    if let Ok(samples) = &samples {
        assert!(to_bytes(samples).is_ok_and(|bytes| bytes == input), "documents have one form");
    }
    let measurements = std::str::from_utf8(input).map(RunMeasurements::parse);
    samples.is_ok()
        | RunDocument::of_record(input).is_ok()
        | measurements.is_ok_and(|measurements| measurements.is_ok())
}

/// What stands in a work list under its seal.
pub fn work_list(input: &[u8]) -> bool {
    read_work_list(input)
}

/// A bundle of a submission.
pub fn bundle(input: &[u8]) -> bool {
    let path = scratch::file("bundle.retally", input);
    let Ok(archive) = ArchiveReader::open(&path) else { return false };
    for (name, file) in archive.files() {
        assert!(file.bytes <= input.len() as u64);
        let read = archive.read(name);
        assert!(
            read.is_ok_and(|bytes| bytes.is_some_and(|bytes| bytes.len() as u64 == file.bytes))
        );
    }
    true
}

/// An envelope and a public key; or a private key.
pub fn signature(input: &[u8]) -> bool {
    let [envelope, key] = parts(input);
    let private =
        std::str::from_utf8(envelope).is_ok_and(|text| PrivateKey::from_pem(text).is_ok());
    let key = std::str::from_utf8(key).ok().and_then(|text| PublicKey::from_pem(text).ok());
    let Ok(envelope) = serde_json::from_slice::<Envelope>(envelope) else { return private };
    let _ = envelope.payload();
    key.is_some_and(|key| {
        // An input that is signed was not made by chance.
        let _ = envelope.verify(&key);
        true
    })
}
