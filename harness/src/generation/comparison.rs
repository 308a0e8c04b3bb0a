//! Whether two sides may be compared: made by the same protocol, the same preprocessing and the same network.

use super::provenance::Provenance;
use super::record::NetworkRecord;
use crate::failure::Failure;

/// How a side's numbers are, or would be, made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Making<'a> {
    pub(super) protocol: &'a str,
    pub(super) preprocessing: &'a str,
    pub(super) model: &'a str,
    pub(super) outputs: &'a [String],
}

/// What is different in a way that moves the number, one sentence each.
pub(super) fn differences(reference: &Making<'_>, samples: &Making<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, reference: &str, samples: &str| {
        if reference != samples {
            found.push(format!(
                "{what}: `{reference}` for the reference, `{samples}` for the samples"
            ));
        }
    };
    compare("protocol", reference.protocol, samples.protocol);
    compare("preprocessing", reference.preprocessing, samples.preprocessing);
    compare("network (SHA-256)", reference.model, samples.model);
    // An output that only one side has is not compared; one that both have must be the same tensor.
    for output in reference.outputs {
        let part = output.split('=').next().unwrap_or_default();
        let other = samples.outputs.iter().find(|other| other.split('=').next() == Some(part));
        if let Some(other) = other {
            compare("network output", output, other);
        }
    }
    found
}

/// The error of comparing what was made in different ways.
pub(super) fn not_comparable(differences: &[String]) -> Failure {
    Failure::invalid(format_args!(
        "the two sides are not comparable:\n  {}\nMake both by one protocol and network, or give --force to get a number that is \
         marked as not comparable",
        differences.join("\n  ")
    ))
}

/// What only moves the last digits, one sentence each.
pub(super) fn numeric_notes(
    side: &str,
    provenance: &Provenance,
    now: &NetworkRecord,
) -> Vec<String> {
    let compared = [
        ("ONNX Runtime", provenance.onnxruntime.as_str(), now.onnxruntime.as_str()),
        ("provider", &provenance.provider, now.provider),
        ("session", &provenance.session, &now.session),
    ];
    let different = compared.into_iter().filter(|(_, made, now)| made != now);
    let notes = different.map(|(what, made, now)| {
        format!("{side}: made with {what} `{made}`, this is `{now}`: features may differ by some 1e-6 or, with --fast, more")
    });
    notes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_that_moves_the_number_is_named() {
        let outputs = ["pool3=pool3".to_owned()];
        let renamed = ["pool3=other".to_owned(), "spatial=spatial".to_owned()];
        let base = Making { protocol: "adm/1", preprocessing: "p", model: "m", outputs: &outputs };
        assert!(differences(&base, &base).is_empty());
        for other in [
            Making { protocol: "clean-fid/1", ..base },
            Making { preprocessing: "q", ..base },
            Making { model: "n", ..base },
            Making { outputs: &renamed, ..base },
        ] {
            assert_eq!(differences(&base, &other).len(), 1, "{other:?}");
            assert_eq!(differences(&other, &base).len(), 1, "{other:?}");
        }
    }
}
