//! Manifests: TOML files that name artifacts, models, generators, world models and data sets.

use crate::document::{Document, Folder, ManifestError, Place, Problem};
use crate::identifier::closest;
use crate::validate::Findings;
use crate::{
    Artifact, ArtifactId, ArtifactKind, Dataset, Digest, Generator, Model, WorldModel, builtin,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest manifest that is read: some ten thousand artifacts.
const MAX_MANIFEST_BYTES: u64 = 8 << 20;

/// Artifacts, models, generators, world models and data sets by id, from one manifest file or several.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    artifacts: BTreeMap<String, Entry<Artifact>>,
    models: BTreeMap<String, Entry<Model>>,
    generators: BTreeMap<String, Entry<Generator>>,
    world_models: BTreeMap<String, Entry<WorldModel>>,
    datasets: BTreeMap<String, Entry<Dataset>>,
}

/// An entry and where it was written.
#[derive(Clone, Debug)]
struct Entry<T> {
    value: T,
    document: Arc<Document>,
    place: Place,
}

/// The content of one file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    artifact: Vec<Artifact>,
    #[serde(default)]
    model: Vec<Model>,
    #[serde(default)]
    generator: Vec<Generator>,
    #[serde(default)]
    world_model: Vec<WorldModel>,
    #[serde(default)]
    dataset: Vec<Dataset>,
}

impl Manifest {
    /// Parses one manifest. `name` is what messages call it. Its `file:` sources are relative to the current folder;
    /// references may name entries of other manifests, see [`Manifest::check_references`].
    ///
    /// # Errors
    /// Lists every problem of the text with line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, ManifestError> {
        Self::from_document(name, text, Folder::At(".".into()))
    }

    /// Reads one manifest file. Its `file:` sources are relative to its folder.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`Manifest::parse`].
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let failed = |source| ManifestError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(failed)?;
        file.take(MAX_MANIFEST_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge {
                path: path.to_owned(),
                limit: MAX_MANIFEST_BYTES,
            });
        }
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        Self::from_document(&path.display().to_string(), &text, Folder::At(folder))
    }

    /// The manifests inside the program, merged and checked.
    ///
    /// # Errors
    /// As [`Manifest::parse`]; a test of this crate keeps that from happening.
    pub fn builtin() -> Result<Self, ManifestError> {
        let mut all = Self::default();
        for (name, text) in builtin::MANIFESTS {
            all.merge(Self::from_document(name, text, Folder::Root)?)?;
        }
        all.check_references()?;
        Ok(all)
    }

    /// The manifests inside the program and the given files, merged and checked: files may refer to built-in entries.
    ///
    /// # Errors
    /// As [`Manifest::load`], [`Manifest::merge`] and [`Manifest::check_references`].
    pub fn with_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self, ManifestError> {
        let mut all = Self::builtin()?;
        for path in paths {
            all.merge(Self::load(path.as_ref())?)?;
        }
        all.check_references()?;
        Ok(all)
    }

    fn from_document(name: &str, text: &str, folder: Folder) -> Result<Self, ManifestError> {
        let document = Arc::new(Document { name: name.to_owned(), text: text.to_owned(), folder });
        let content: Content =
            toml::from_str(text).map_err(|error| document.syntax_error(&error))?;
        let mut manifest = Self::default();
        let mut problems = validated(&content);
        problems.extend(insert_all(&mut manifest.artifacts, content.artifact, &document));
        problems.extend(insert_all(&mut manifest.models, content.model, &document));
        problems.extend(insert_all(&mut manifest.generators, content.generator, &document));
        problems.extend(insert_all(&mut manifest.world_models, content.world_model, &document));
        problems.extend(insert_all(&mut manifest.datasets, content.dataset, &document));
        if problems.is_empty() { Ok(manifest) } else { Err(document.error(&problems)) }
    }

    /// Adds the entries of another manifest. An entry that both have must say the same in both.
    ///
    /// # Errors
    /// Names the entry of `other` whose id is taken by different content. `self` is then partly merged: drop it.
    pub fn merge(&mut self, other: Self) -> Result<(), ManifestError> {
        merge_entries(&mut self.artifacts, other.artifacts)?;
        merge_entries(&mut self.models, other.models)?;
        merge_entries(&mut self.generators, other.generators)?;
        merge_entries(&mut self.world_models, other.world_models)?;
        merge_entries(&mut self.datasets, other.datasets)
    }

    /// Checks that every reference has its target: artifacts of models, generators, world models and
    /// data sets, inputs of derivations.
    ///
    /// # Errors
    /// Lists the problems of the first manifest that has any.
    pub fn check_references(&self) -> Result<(), ManifestError> {
        let models = self.models.values().flat_map(|entry| self.model_problems(entry));
        let generators = self.generators.values().flat_map(|entry| self.generator_problems(entry));
        let world_models =
            self.world_models.values().flat_map(|entry| self.world_model_problems(entry));
        let datasets = self.datasets.values().flat_map(|entry| self.dataset_problems(entry));
        let derivations = self.artifacts.values().flat_map(|entry| self.derivation_problems(entry));
        let mut by_document: BTreeMap<&str, (&Arc<Document>, Vec<Problem>)> = BTreeMap::new();
        let all = derivations.chain(models).chain(generators).chain(world_models).chain(datasets);
        for (document, problem) in all {
            by_document.entry(&document.name).or_insert((document, Vec::new())).1.push(problem);
        }
        by_document
            .into_values()
            .next()
            .map_or(Ok(()), |(document, problems)| Err(document.error(&problems)))
    }

    fn model_problems<'a>(&self, entry: &'a Entry<Model>) -> Vec<(&'a Arc<Document>, Problem)> {
        let place = entry.place.key("artifact");
        let problem = self.reference_problem(&entry.value.artifact, ArtifactKind::Model, place);
        problem.into_iter().map(|problem| (&entry.document, problem)).collect()
    }

    fn generator_problems<'a>(
        &self,
        entry: &'a Entry<Generator>,
    ) -> Vec<(&'a Arc<Document>, Problem)> {
        let network = &entry.value.network;
        let inside = entry.place.key("network");
        let data = network.data.iter().enumerate();
        let data = data.map(|(index, data)| (&data.artifact, inside.key("data").index(index)));
        let decoder = entry.value.decoder.iter();
        let decoder = decoder.map(|decoder| (&decoder.artifact, entry.place.key("decoder")));
        let references =
            std::iter::once((&network.artifact, inside.clone())).chain(data).chain(decoder);
        let problems = references.filter_map(|(id, place)| {
            self.reference_problem(id, ArtifactKind::Model, place.key("artifact"))
        });
        problems.map(|problem| (&entry.document, problem)).collect()
    }

    fn world_model_problems<'a>(
        &self,
        entry: &'a Entry<WorldModel>,
    ) -> Vec<(&'a Arc<Document>, Problem)> {
        let model = &entry.value;
        let parts =
            [(&model.encoder.artifact, "encoder"), (&model.predictor.artifact, "predictor")];
        let teacher = model.teacher.iter().map(|teacher| (&teacher.artifact, "teacher"));
        let problems = parts.into_iter().chain(teacher).filter_map(|(id, key)| {
            let place = entry.place.key(key).key("artifact");
            self.reference_problem(id, ArtifactKind::Model, place)
        });
        problems.map(|problem| (&entry.document, problem)).collect()
    }

    fn dataset_problems<'a>(&self, entry: &'a Entry<Dataset>) -> Vec<(&'a Arc<Document>, Problem)> {
        let references = entry.value.artifacts.iter().enumerate();
        let problems = references.filter_map(|(index, id)| {
            self.reference_problem(
                id,
                ArtifactKind::Dataset,
                entry.place.key("artifacts").index(index),
            )
        });
        problems.map(|problem| (&entry.document, problem)).collect()
    }

    fn reference_problem(
        &self,
        id: &ArtifactId,
        kind: ArtifactKind,
        place: Place,
    ) -> Option<Problem> {
        match self.artifact(id) {
            Err(error) => Some(Problem::new(place, error.to_string())),
            Ok(artifact) if artifact.kind != kind => {
                let message = format!(
                    "artifact `{id}` is of the kind `{}`, here a `{kind}` is needed",
                    artifact.kind
                );
                Some(Problem::new(place, message))
            }
            Ok(_) => None,
        }
    }

    fn derivation_problems<'a>(
        &self,
        entry: &'a Entry<Artifact>,
    ) -> Vec<(&'a Arc<Document>, Problem)> {
        let Some(derived) = &entry.value.derived else { return Vec::new() };
        let place = entry.place.key("derived").key("from");
        let mut problems = Vec::new();
        for (index, id) in derived.from.iter().enumerate() {
            if let Err(error) = self.artifact(id) {
                problems
                    .push((&entry.document, Problem::new(place.index(index), error.to_string())));
            }
        }
        if self.needs_itself(&entry.value) {
            let message = format!("artifact `{}` would be derived from itself", entry.value.id);
            problems.push((&entry.document, Problem::new(place, message)));
        }
        problems
    }

    /// True if making the artifact would need the artifact. Compared by digest, since the store locks by digest.
    fn needs_itself(&self, artifact: &Artifact) -> bool {
        let inputs = |artifact: &Artifact| {
            let from = artifact
                .derived
                .as_ref()
                .map(|derived| derived.from.as_slice())
                .unwrap_or_default();
            from.iter()
                .filter_map(|id| self.artifact(id).ok())
                .map(|input| input.sha256)
                .collect::<Vec<Digest>>()
        };
        let mut open = inputs(artifact);
        let mut seen = BTreeSet::new();
        while let Some(digest) = open.pop() {
            if digest == artifact.sha256 {
                return true;
            }
            if seen.insert(digest) {
                open.extend(
                    self.artifacts().filter(|other| other.sha256 == digest).flat_map(inputs),
                );
            }
        }
        false
    }

    /// The artifact with an id.
    ///
    /// # Errors
    /// When there is none; the message suggests the closest id.
    pub fn artifact(&self, id: impl AsRef<str>) -> Result<&Artifact, UnknownId> {
        look_up(&self.artifacts, id.as_ref())
    }

    /// The model with an id.
    ///
    /// # Errors
    /// When there is none; the message suggests the closest id.
    pub fn model(&self, id: impl AsRef<str>) -> Result<&Model, UnknownId> {
        look_up(&self.models, id.as_ref())
    }

    /// The generator with an id.
    ///
    /// # Errors
    /// When there is none; the message suggests the closest id.
    pub fn generator(&self, id: impl AsRef<str>) -> Result<&Generator, UnknownId> {
        look_up(&self.generators, id.as_ref())
    }

    /// The world model with an id.
    ///
    /// # Errors
    /// When there is none; the message suggests the closest id.
    pub fn world_model(&self, id: impl AsRef<str>) -> Result<&WorldModel, UnknownId> {
        look_up(&self.world_models, id.as_ref())
    }

    /// The data set with an id.
    ///
    /// # Errors
    /// When there is none; the message suggests the closest id.
    pub fn dataset(&self, id: impl AsRef<str>) -> Result<&Dataset, UnknownId> {
        look_up(&self.datasets, id.as_ref())
    }

    /// All artifacts, by id.
    pub fn artifacts(&self) -> impl Iterator<Item = &Artifact> {
        self.artifacts.values().map(|entry| &entry.value)
    }

    /// All models, by id.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().map(|entry| &entry.value)
    }

    /// All generators, by id.
    pub fn generators(&self) -> impl Iterator<Item = &Generator> {
        self.generators.values().map(|entry| &entry.value)
    }

    /// All world models, by id.
    pub fn world_models(&self) -> impl Iterator<Item = &WorldModel> {
        self.world_models.values().map(|entry| &entry.value)
    }

    /// All data sets, by id.
    pub fn datasets(&self) -> impl Iterator<Item = &Dataset> {
        self.datasets.values().map(|entry| &entry.value)
    }

    /// Where the folder of a data set of the format `folder` is; `None` for other data sets.
    #[must_use]
    pub fn dataset_folder(&self, dataset: &Dataset) -> Option<PathBuf> {
        let entry = self.datasets.get(dataset.id.as_str())?;
        let path = dataset.folder.as_ref()?;
        Some(match &entry.document.folder {
            Folder::At(folder) => folder.join(path),
            Folder::Root => path.clone(),
        })
    }

    /// The folder that the `file:` sources of an artifact are relative to.
    pub(crate) fn folder_of(&self, id: &ArtifactId) -> Option<&Folder> {
        self.artifacts.get(id.as_str()).map(|entry| &entry.document.folder)
    }
}

fn validated(content: &Content) -> Vec<Problem> {
    let mut findings = Findings::new();
    for (index, artifact) in content.artifact.iter().enumerate() {
        findings.artifact(artifact, &Place::element("artifact", index));
    }
    for (index, model) in content.model.iter().enumerate() {
        findings.model(model, &Place::element("model", index));
    }
    for (index, generator) in content.generator.iter().enumerate() {
        findings.generator(generator, &Place::element("generator", index));
    }
    for (index, model) in content.world_model.iter().enumerate() {
        findings.world_model(model, &Place::element("world_model", index));
    }
    for (index, dataset) in content.dataset.iter().enumerate() {
        findings.dataset(dataset, &Place::element("dataset", index));
    }
    findings.into_problems()
}

/// What has an id of its own.
trait Identified: PartialEq {
    /// What people call it.
    const KIND: &'static str;
    /// Key of its array in a manifest.
    const KEY: &'static str = Self::KIND;
    fn id(&self) -> &str;
}

impl Identified for Artifact {
    const KIND: &'static str = "artifact";
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Identified for Model {
    const KIND: &'static str = "model";
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for Generator {
    const KIND: &'static str = "generator";
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for WorldModel {
    const KIND: &'static str = "world model";
    const KEY: &'static str = "world_model";
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for Dataset {
    const KIND: &'static str = "dataset";
    fn id(&self) -> &str {
        &self.id
    }
}

/// Files the entries of one array and returns a problem for each id that is there twice.
fn insert_all<T: Identified>(
    entries: &mut BTreeMap<String, Entry<T>>,
    values: Vec<T>,
    document: &Arc<Document>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        let place = Place::element(T::KEY, index);
        let id = value.id().to_owned();
        if entries.contains_key(&id) {
            problems.push(Problem::new(
                place.key("id"),
                format!("this file has two {}s with the id `{id}`", T::KIND),
            ));
            continue;
        }
        entries.insert(id, Entry { value, document: Arc::clone(document), place });
    }
    problems
}

fn merge_entries<T: Identified>(
    entries: &mut BTreeMap<String, Entry<T>>,
    others: BTreeMap<String, Entry<T>>,
) -> Result<(), ManifestError> {
    for (id, other) in others {
        match entries.get(&id) {
            Some(entry) if entry.value != other.value => {
                let message = format!(
                    "{} `{id}` says something else in `{}`; give one of them another id",
                    T::KIND,
                    entry.document.name
                );
                return Err(other.document.error(&[Problem::new(other.place.key("id"), message)]));
            }
            Some(_) => {}
            None => {
                entries.insert(id, other);
            }
        }
    }
    Ok(())
}

fn look_up<'a, T: Identified>(
    entries: &'a BTreeMap<String, Entry<T>>,
    id: &str,
) -> Result<&'a T, UnknownId> {
    entries.get(id).map(|entry| &entry.value).ok_or_else(|| UnknownId {
        kind: T::KIND,
        id: id.chars().take(200).collect(),
        suggestion: closest(id, entries.keys().map(String::as_str)).map(str::to_owned),
    })
}

/// An id that no manifest knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownId {
    /// `artifact`, `model`, `generator`, `world model` or `dataset`.
    pub kind: &'static str,
    /// The id that was asked for.
    pub id: String,
    /// The id that was most likely meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for UnknownId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "there is no {} `{}`", self.kind, self.id)?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, "; did you mean `{suggestion}`?"),
            None => write!(formatter, "; `retally list` names what there is"),
        }
    }
}

impl std::error::Error for UnknownId {}

impl miette::Diagnostic for UnknownId {}
