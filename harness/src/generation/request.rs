//! One comparison from beginning to end.

use super::comparison::{Making, differences, not_comparable, numeric_notes};
use super::extraction::{Extraction, StoredOutputs};
use super::metrics::{self, MetricChoice, MetricInputs, OutputRows, PartRows};
use super::network::{FeatureNetwork, NetworkRequest, WeightsOrigin};
use super::provenance::Provenance;
use super::record::{NetworkRecord, ScoreRecord, output_names};
use super::sample_stream::SampleStream;
use super::side::{ImagesBesideStatistics, Role, Side};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::machine::Machine;
use crate::onnx::session::SessionRecord;
use crate::pipeline::Execution;
use crate::threads::Threads;
use retally_manifests::{Dataset, Digest};
use retally_metrics::Measurement;
use std::path::{Path, PathBuf};

/// What is to be compared, and how.
#[derive(Clone, Debug)]
pub struct GenerationRequest<'a> {
    /// Real images, or their statistics or features.
    pub reference: ReferenceSource<'a>,
    /// Generated images, or their statistics or features.
    pub samples: &'a Path,
    /// The protocol and its network.
    pub network: NetworkRequest<'a>,
    /// Which metrics.
    pub metrics: MetricChoice,
    /// Compare what was made in different ways, and mark it.
    pub force: bool,
    /// Numbers alone: no intervals, no bias.
    pub quick: bool,
    /// Seed of what is drawn at random beyond the protocol's own draws.
    pub seed: u64,
}

/// Where the reference comes from.
#[derive(Clone, Copy, Debug)]
pub enum ReferenceSource<'a> {
    /// A file or folder of the user.
    Path(&'a Path),
    /// A data set of a manifest, with its files.
    Dataset(&'a Dataset, &'a [PathBuf]),
}

/// What came of it.
#[derive(Debug)]
pub struct Scored {
    /// The numbers.
    pub measurements: Vec<Measurement>,
    /// What decided them.
    pub record: ScoreRecord,
}

/// Compares.
///
/// # Errors
/// Bad input, sides that were made in different ways (without `force`), a full disk, an interruption. Network outputs that
/// are finished stay stored.
pub fn score(request: &GenerationRequest<'_>, context: &Context) -> Result<Scored, Failure> {
    score_sides(request, None, context)
}

/// Compares samples that come from a stream; the request's `samples` are not looked at.
///
/// # Errors
/// As [`score`], and those of the stream.
pub fn score_stream(
    request: &GenerationRequest<'_>,
    samples: &mut dyn SampleStream,
    context: &Context,
) -> Result<Scored, Failure> {
    score_sides(request, Some(samples), context)
}

fn score_sides(
    request: &GenerationRequest<'_>,
    stream: Option<&mut dyn SampleStream>,
    context: &Context,
) -> Result<Scored, Failure> {
    interrupt::listen()?;
    let protocol = &request.network.protocol;
    let threads = Threads::new(request.network.threads)?;
    let sides = Sides::open(request, stream.as_deref(), context, &threads)?;
    let network = sides.network(request, context)?;
    let stage = match &network {
        Some(network) => {
            let execution = request.network.execution(context, &threads)?;
            let input = StageInput { sides: &sides, stream, threads: &threads };
            Stage::run(network, &execution, input, request, context)?
        }
        None => Stage::default(),
    };
    let Comparison { comparable, differences } =
        sides.comparison(request, network.as_ref(), &stage)?;
    let notes = sides.notes(network.as_ref(), &stage);
    let inputs = MetricInputs {
        protocol,
        reference: &sides.reference,
        samples: &sides.samples,
        rows: &Rows { sides: &sides, network: network.as_ref(), stage: &stage },
        executor: &threads,
        quick: request.quick,
        seed: request.seed,
    };
    let outcome = metrics::measure(&inputs, request.metrics, &context.progress)?;
    Ok(Scored {
        measurements: outcome.measurements,
        record: ScoreRecord {
            retally: env!("CARGO_PKG_VERSION"),
            protocol: protocol.versioned_id(),
            definition: protocol.clone(),
            comparable,
            differences,
            notes: notes.into_iter().chain(outcome.notes).collect(),
            network: stage.record,
            reference: sides.reference.record(&[])?,
            samples: sides.samples.record(&stage.streamed)?,
            machine: Machine::examine(),
        },
    })
}

/// Both sides.
struct Sides {
    reference: Side,
    samples: Side,
}

impl Sides {
    fn open(
        request: &GenerationRequest<'_>,
        stream: Option<&dyn SampleStream>,
        context: &Context,
        threads: &Threads,
    ) -> Result<Self, Failure> {
        let progress = &context.progress;
        let open = |path, role| {
            let beside = images_beside_statistics(request, role);
            threads.install(|| Side::open(path, role, beside, progress))
        };
        Ok(Self {
            reference: match request.reference {
                ReferenceSource::Path(path) => open(path, Role::Reference)?,
                ReferenceSource::Dataset(dataset, files) => {
                    let beside = images_beside_statistics(request, Role::Reference);
                    let what = (Role::Reference, beside);
                    threads.install(|| Side::open_dataset(dataset, files, what, progress))?
                }
            },
            samples: match stream {
                Some(stream) => Side::streamed(stream.title()),
                None => open(request.samples, Role::Samples)?,
            },
        })
    }

    fn each(&self) -> [&Side; 2] {
        [&self.reference, &self.samples]
    }

    /// The network, if a side is images.
    fn network(
        &self,
        request: &GenerationRequest<'_>,
        context: &Context,
    ) -> Result<Option<FeatureNetwork>, Failure> {
        match self.each().into_iter().find(|side| side.has_images()) {
            Some(side) => {
                let name = side.role.name();
                let what = match &side.statistics {
                    Some(_) => &format!("the images beside the statistics of {name}"),
                    None => name,
                };
                FeatureNetwork::find(&request.network, what, context).map(Some)
            }
            None => request.network.refuse_words_without_images().map(|()| None),
        }
    }

    /// Whether the two sides were made the same way; an error if not, unless the user insists.
    fn comparison(
        &self,
        request: &GenerationRequest<'_>,
        network: Option<&FeatureNetwork>,
        stage: &Stage,
    ) -> Result<Comparison, Failure> {
        let mut found = Vec::new();
        let protocol = request.network.protocol.versioned_id();
        let now = network.map(|network| Made {
            protocol: protocol.clone(),
            preprocessing: stage.preprocessing.clone(),
            model: network.digest.to_string(),
            outputs: output_names(network),
        });
        let made: Vec<Option<Made>> = self
            .each()
            .into_iter()
            .map(|side| match (&side.statistics, &side.features) {
                (Some(statistics), _) => statistics.provenance.as_ref().map(Made::of),
                (None, Some(_)) => None,
                (None, None) => now.clone(),
            })
            .collect();
        if let [Some(reference), Some(samples)] = made.as_slice() {
            found = differences(&reference.making(), &samples.making());
        }
        // Statistics of both sides may agree with each other and not with the protocol that the number is called by.
        for (side, made) in self.each().into_iter().zip(&made) {
            if let Some(made) = made
                && made.protocol != protocol
                && found.is_empty()
            {
                found.push(format!(
                    "protocol: {} was made by `{}`, the number would be called `{protocol}`",
                    side.role.name(),
                    made.protocol
                ));
            }
        }
        if !found.is_empty() && !request.force {
            return Err(not_comparable(&found));
        }
        let known = made.iter().all(Option::is_some);
        let comparable = (known || !found.is_empty()).then_some(found.is_empty());
        Ok(Comparison { comparable, differences: found })
    }

    /// What a reader should know.
    fn notes(&self, network: Option<&FeatureNetwork>, stage: &Stage) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(WeightsOrigin::Other(stated)) =
            network.and_then(|network| network.weights.as_ref())
        {
            let stated = stated.as_deref().unwrap_or("nothing");
            notes.push(format!(
                "the network does not have the published weights (its file says: {stated}): no published number is comparable"
            ));
        }
        for side in self.each() {
            let name = side.role.name();
            match (&side.statistics, &side.features) {
                (Some(statistics), _) => match &statistics.provenance {
                    None => notes.push(format!(
                        "{name}: nothing says by which protocol and network the statistics were made"
                    )),
                    Some(provenance) => {
                        if provenance.published_weights == Some(false) {
                            notes.push(format!(
                                "{name}: made by a network without the published weights: no published number is comparable"
                            ));
                        }
                        if let Some(record) = &stage.record {
                            notes.extend(numeric_notes(name, provenance, record));
                        }
                    }
                },
                (None, Some(features)) => {
                    notes.push(format!(
                        "{name}: nothing says by which protocol and network the features were made"
                    ));
                    notes.extend(features.note.clone());
                }
                (None, None) => {}
            }
        }
        notes
    }
}

/// Beside statistics, images are read for the metrics that need rows.
fn images_beside_statistics(request: &GenerationRequest<'_>, role: Role) -> ImagesBesideStatistics {
    let protocol = &request.network.protocol;
    let both = protocol.precision_recall.is_some() || protocol.kernel_distance.is_some();
    let this = role == Role::Samples && protocol.inception_score.is_some();
    if request.metrics == MetricChoice::All && (both || this) {
        ImagesBesideStatistics::Wanted
    } else {
        ImagesBesideStatistics::Unwanted
    }
}

/// What is known of the two sides' making.
struct Comparison {
    comparable: Option<bool>,
    differences: Vec<String>,
}

/// How a side was made, owned.
#[derive(Clone, Debug)]
pub(super) struct Made {
    protocol: String,
    preprocessing: String,
    model: String,
    outputs: Vec<String>,
}

impl Made {
    pub(super) fn of(provenance: &Provenance) -> Self {
        Self {
            protocol: provenance.protocol.clone(),
            preprocessing: provenance.preprocessing.clone(),
            model: provenance.model_sha256.to_string(),
            outputs: provenance.outputs.clone(),
        }
    }

    pub(super) fn making(&self) -> Making<'_> {
        Making {
            protocol: &self.protocol,
            preprocessing: &self.preprocessing,
            model: &self.model,
            outputs: &self.outputs,
        }
    }
}

/// What the network gave.
#[derive(Default)]
struct Stage {
    preprocessing: String,
    reference: Option<StoredOutputs>,
    samples: Option<StoredOutputs>,
    /// Digests of images that came from a stream.
    streamed: Vec<Digest>,
    record: Option<NetworkRecord>,
}

/// What goes through the network.
struct StageInput<'a, 's> {
    sides: &'a Sides,
    stream: Option<&'a mut (dyn SampleStream + 's)>,
    threads: &'a Threads,
}

impl Stage {
    fn run(
        network: &FeatureNetwork,
        execution: &Execution<'_>,
        input: StageInput<'_, '_>,
        request: &GenerationRequest<'_>,
        context: &Context,
    ) -> Result<Self, Failure> {
        let sides = input.sides;
        let folder = context.store()?.features_path();
        let extraction = Extraction::new(network, execution, &folder, &context.progress)?;
        let mut sessions: Vec<SessionRecord> = Vec::new();
        let mut outputs_of = |side: &Side| -> Result<Option<StoredOutputs>, Failure> {
            let Some(images) = &side.images else { return Ok(None) };
            let title = format!("{}: {}", request.network.protocol.id, side.role.name());
            let (stored, session) = extraction.run(images, &title)?;
            sessions.extend(session);
            Ok(Some(stored))
        };
        let reference = outputs_of(&sides.reference)?;
        let mut samples = outputs_of(&sides.samples)?;
        let mut streamed = Vec::new();
        if let Some(stream) = input.stream {
            let count = stream.groups().iter().map(|group| group.len() as u64).sum();
            let title = format!("{}: {}", request.network.protocol.id, stream.title());
            let mut job = context.progress.job(title, count, "samples");
            let outputs = input.threads.install(|| extraction.run_stream(stream, &mut job))?;
            job.finish();
            samples = Some(outputs.stored);
            streamed = outputs.digests;
            sessions.extend(outputs.session);
        }
        let preprocessing = extraction.preprocessing();
        let record = NetworkRecord::new(network, execution, preprocessing.clone(), sessions);
        Ok(Self { preprocessing, reference, samples, streamed, record: Some(record) })
    }
}

/// Rows of network outputs, loaded when a metric asks for them.
struct Rows<'a> {
    sides: &'a Sides,
    network: Option<&'a FeatureNetwork>,
    stage: &'a Stage,
}

impl PartRows for Rows<'_> {
    fn load(&self, role: Role, part: &str, main: &str) -> Result<Option<OutputRows<'_>>, Failure> {
        let (side, stored) = match role {
            Role::Reference => (&self.sides.reference, &self.stage.reference),
            Role::Samples => (&self.sides.samples, &self.stage.samples),
        };
        if let Some(features) = &side.features {
            // Features that somebody else computed are taken for the protocol's pooled features, and for nothing else.
            return Ok((part == main).then(|| OutputRows::Table(features)));
        }
        match (stored, self.network.and_then(|network| network.position(part))) {
            (Some(stored), Some(output)) => {
                stored.load(output).map(|rows| Some(OutputRows::Loaded(rows)))
            }
            _ => Ok(None),
        }
    }
}
