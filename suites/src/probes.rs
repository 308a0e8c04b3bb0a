//! How papers train probes on frozen features, as data: `suites/probes/*.toml`, one file a protocol.
//!
//! A linear-probe accuracy is comparable only within one protocol: optimiser, rate, batch, length, normalisation and what is
//! chosen on which set all move it. So a protocol is named, versioned and recorded with every number.

use crate::generation::ProtocolError;
use retally_manifests::Digest;
use retally_metrics::probe::descent::Recipe;
use retally_metrics::probe::{Similarity, Weighting};
use serde::{Deserialize, Serialize};

/// A named way to judge features by a classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeProtocol {
    /// Id for the command line: `mae-lars`.
    pub id: String,
    /// Raised whenever a number of this protocol would change.
    pub version: u32,
    /// Readable name.
    pub name: String,
    /// The implementation that it follows, with its commit, or the paper.
    pub follows: String,
    /// What a reader of the original's numbers should know of how they came to be; one sentence each.
    #[serde(default)]
    pub peculiarities: Vec<String>,
    /// Where the protocol departs from the original, one sentence each.
    #[serde(default)]
    pub differs: Vec<String>,
    /// What is done.
    pub method: ProbeMethod,
}

/// What a protocol does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ProbeMethod {
    /// Training by gradient descent.
    Descent(Recipe),
    /// Logistic regression to its optimum.
    Logistic(LogisticPlan),
    /// A vote of the nearest train samples.
    NearestNeighbours(NearestNeighboursPlan),
}

/// Logistic regression with C chosen on a part of train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogisticPlan {
    /// The values of C that are tried.
    pub grid: LogarithmicGrid,
    /// Share of each class on which they are compared.
    pub held_out: f64,
    /// Most iterations of a fit while C is chosen; a fit that has not converged by then counts as it is.
    pub iterations: usize,
    /// Whether features are brought to mean 0 and standard deviation 1 first.
    pub standardise: bool,
}

/// Powers of ten, evenly spaced in the exponent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogarithmicGrid {
    /// Exponent of the first value.
    pub lowest_exponent: f64,
    /// Exponent of the last value.
    pub highest_exponent: f64,
    /// How many values; at least 2.
    pub values: u32,
}

/// k-NN for several k.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NearestNeighboursPlan {
    /// The values of k.
    pub neighbours: Vec<usize>,
    /// Which train samples are near.
    pub similarity: Similarity,
    /// What a vote counts.
    pub weighting: Weighting,
}

impl LogarithmicGrid {
    /// The values, rising.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let steps = f64::from(self.values.max(2) - 1);
        let width = self.highest_exponent - self.lowest_exponent;
        let exponent = |index| self.lowest_exponent + width * f64::from(index) / steps;
        (0..self.values.max(2)).map(|index| 10.0_f64.powf(exponent(index))).collect()
    }
}

/// The protocols that the program carries.
const BUILTIN: [(&str, &str); 7] = [
    ("attentive", include_str!("../probes/attentive.toml")),
    ("dinov2-linear", include_str!("../probes/dinov2-linear.toml")),
    ("dinov2-logreg", include_str!("../probes/dinov2-logreg.toml")),
    ("knn", include_str!("../probes/knn.toml")),
    ("ldae-lars", include_str!("../probes/ldae-lars.toml")),
    ("mae-lars", include_str!("../probes/mae-lars.toml")),
    ("moco-v3-sgd", include_str!("../probes/moco-v3-sgd.toml")),
];

impl ProbeProtocol {
    /// Ids of the protocols that the program carries.
    pub fn builtin_ids() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(id, _)| *id)
    }

    /// A protocol that the program carries.
    ///
    /// # Errors
    /// If there is none of that id.
    pub fn builtin(id: &str) -> Result<Self, ProtocolError> {
        toml::from_str(builtin_text(id)?)
            .map_err(|error| ProtocolError::Form { id: id.to_owned(), source: Box::new(error) })
    }

    /// The digest of a built-in protocol's file, as `sha256sum` prints it (see [`crate::lock`]).
    ///
    /// # Errors
    /// If there is none of that id.
    pub fn content_digest(id: &str) -> Result<Digest, ProtocolError> {
        Ok(Digest::of_bytes(builtin_text(id)?.as_bytes()))
    }

    /// Id and version, as records name it: `mae-lars/1`.
    #[must_use]
    pub fn versioned_id(&self) -> String {
        format!("{}/{}", self.id, self.version)
    }
}

fn builtin_text(id: &str) -> Result<&'static str, ProtocolError> {
    let found = BUILTIN.iter().find(|(known, _)| *known == id);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let known = ProbeProtocol::builtin_ids().collect::<Vec<_>>().join(", ");
        ProtocolError::Unknown { id: id.to_owned(), known }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_metrics::probe::descent::Selection;

    #[test]
    fn every_protocol_is_read_and_has_its_own_name() {
        for id in ProbeProtocol::builtin_ids() {
            let protocol = ProbeProtocol::builtin(id).unwrap();
            assert_eq!(protocol.id, id);
            assert!(protocol.version > 0 && !protocol.follows.is_empty());
        }
    }

    #[test]
    fn no_protocol_chooses_on_the_test_set_by_itself() {
        for id in ProbeProtocol::builtin_ids() {
            if let ProbeMethod::Descent(recipe) = ProbeProtocol::builtin(id).unwrap().method {
                let honest =
                    matches!(recipe.selection, Selection::LastEpoch | Selection::HeldOut(_));
                assert!(honest, "{id}");
            }
        }
    }

    /// Numbers of the published commands: MAE's rate is 6.4, MoCo v3's 12, DINOv2's highest 0.05.
    #[test]
    fn peak_rates_are_those_of_the_published_commands() {
        for (id, highest) in
            [("mae-lars", 6.4), ("ldae-lars", 6.4), ("moco-v3-sgd", 12.0), ("dinov2-linear", 0.05)]
        {
            let ProbeMethod::Descent(recipe) = ProbeProtocol::builtin(id).unwrap().method else {
                panic!("{id} is trained");
            };
            let rates = recipe.peak_rates();
            assert!((rates[rates.len() - 1] - highest).abs() < 1e-12, "{id}: {rates:?}");
        }
    }

    #[test]
    fn the_grid_of_dinov2_has_its_45_values() {
        let ProbeMethod::Logistic(plan) = ProbeProtocol::builtin("dinov2-logreg").unwrap().method
        else {
            panic!("logistic");
        };
        let values = plan.grid.values();
        assert_eq!((values.len(), values[0], values[44]), (45, 1e-6, 1e5));
        assert!((values[4] / 1e-5 - 1.0).abs() < 1e-12 && (values[24] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_unknown_protocol_is_refused_with_the_known_ones() {
        let message = ProbeProtocol::builtin("linear").unwrap_err().to_string();
        assert!(message.contains("attentive, dinov2-linear"), "{message}");
    }
}
