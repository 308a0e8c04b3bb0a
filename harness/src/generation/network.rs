//! The network whose outputs are compared: its file, its digest, and which of its tensors plays which part.

use super::feature_output::{FeatureOutput, Pooling};
use super::image_set::CHUNK;
use crate::context::Context;
use crate::failure::Failure;
use crate::images::prepare::Recipe;
use crate::onnx::device::Device;
use crate::onnx::external;
use crate::onnx::graph::{self, GraphError, Origin, Tensor};
use crate::pipeline::Execution;
use crate::threads::Threads;
use retally_manifests::{Digest, ImageLayout, Model};
use retally_suites::generation::GenerationProtocol;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The part that the mean token of an encoder's tap plays in the protocol `encoder`.
const MEAN_TOKEN: &str = "features";

/// Outputs that an error lists.
const MOST_NAMES: usize = 20;

/// The model that the user names: a manifest's, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelReference {
    /// Id of a model in a manifest.
    Id(String),
    /// An ONNX file.
    File(PathBuf),
}

impl FromStr for ModelReference {
    type Err = std::convert::Infallible;

    /// What ends in `.onnx` or has a folder in it is a file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_file = text.ends_with(".onnx") || text.contains(std::path::is_separator);
        Ok(if is_file { Self::File(text.into()) } else { Self::Id(text.to_owned()) })
    }
}

/// The user's word that a tensor plays a part under another name: `pool3=flatten_0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputName {
    part: String,
    tensor: String,
}

impl FromStr for OutputName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((part, tensor)) if !part.is_empty() && !tensor.is_empty() => {
                Ok(Self { part: part.to_owned(), tensor: tensor.to_owned() })
            }
            _ => Err("expected PART=TENSOR, for example pool3=flatten_0".to_owned()),
        }
    }
}

/// A network that is ready to be opened.
#[derive(Clone, Debug)]
pub(super) struct FeatureNetwork {
    /// What the user called it.
    pub(super) name: String,
    /// The ONNX file.
    pub(super) file: PathBuf,
    /// Its digest.
    pub(super) digest: Digest,
    /// From images to its input.
    pub(super) recipe: Recipe,
    /// Images in one call.
    pub(super) batch: usize,
    /// The outputs taken.
    pub(super) outputs: Vec<FeatureOutput>,
    /// Which weights it has, where the protocol prescribes some.
    pub(super) weights: Option<WeightsOrigin>,
}

/// Whether a network has the weights that a protocol's published numbers are made with, by its own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WeightsOrigin {
    /// It says that it was made from them.
    Published,
    /// It says something else, or nothing.
    Other(Option<String>),
}

/// The network that images go through, and how it is run, as the user says it.
#[derive(Clone, Debug)]
pub struct NetworkRequest<'a> {
    /// Whose way of computing it.
    pub protocol: GenerationProtocol,
    /// The network; not needed where no side is images.
    pub model: Option<&'a ModelReference>,
    /// Tap of a manifest's model.
    pub tap: Option<&'a str>,
    /// Tensors that have other names than the protocol's parts.
    pub names: &'a [OutputName],
    /// Images in one call.
    pub batch: Option<NonZeroUsize>,
    /// Where it runs.
    pub device: Device,
    /// Faster kernels whose results may differ between runs.
    pub fast: bool,
    /// Threads; all cores if none.
    pub threads: Option<NonZeroUsize>,
}

impl NetworkRequest<'_> {
    /// What would be ignored is a mistake.
    pub(super) fn refuse_words_without_images(&self) -> Result<(), Failure> {
        let words = [
            ("--model", self.model.is_some()),
            ("--output", !self.names.is_empty()),
            ("--tap", self.tap.is_some()),
            ("--batch", self.batch.is_some()),
        ];
        match words.iter().find(|(_, given)| *given) {
            Some((word, _)) => Err(Failure::invalid(format_args!(
                "neither side is a set of images, so that no network runs: leave {word} out"
            ))),
            None => Ok(()),
        }
    }

    /// How sessions are run; loads ONNX Runtime.
    ///
    /// # Errors
    /// If the library cannot be had.
    pub(super) fn execution(
        &self,
        context: &Context,
        threads: &Threads,
    ) -> Result<Execution<'static>, Failure> {
        Ok(Execution {
            library: context.onnxruntime()?,
            device: self.device,
            threads: threads.count(),
            fast: self.fast,
        })
    }
}

/// Images in one call, unless the user or the manifest says otherwise.
const DEFAULT_BATCH: usize = 8;

impl FeatureNetwork {
    /// Finds the file and the tensors; `images` says what needs them, for messages.
    ///
    /// # Errors
    /// If no model is named, there is no such model, or it lacks what the protocol's Fréchet distance reads.
    pub(super) fn find(
        request: &NetworkRequest<'_>,
        images: &str,
        context: &Context,
    ) -> Result<Self, Failure> {
        let protocol = &request.protocol;
        let model = request.model.ok_or_else(|| {
            Failure::invalid(format_args!(
                "images go through a network, and {images} would: say with --model which one (an .onnx file, or a model of a \
                 manifest)"
            ))
        })?;
        let (name, file, entry) = locate(model, context)?;
        let (bytes, digest) = read_model(&file)?;
        let mut weights = None;
        let (recipe, outputs) = match (protocol.image, &entry) {
            (Some(image), _) => {
                if request.tap.is_some() {
                    return Err(Failure::invalid(
                        "--tap is for --protocol encoder; other protocols name their outputs (see --output)",
                    ));
                }
                let recipe = Recipe {
                    canvas: None,
                    mask: None,
                    resize: image.resize,
                    normalise: image.normalise,
                    layout: ImageLayout::Nchw,
                };
                let not_a_model = |error: GraphError| {
                    Failure::invalid(error).within(format_args!("model `{}`", file.display()))
                };
                weights = weights_origin(&bytes, protocol).map_err(not_a_model)?;
                let tensors = graph::tensors(&bytes).map_err(not_a_model)?;
                (recipe, named_outputs(&tensors, protocol, request.names)?)
            }
            (None, Some(model)) => {
                let recipe = Recipe {
                    canvas: None,
                    mask: None,
                    resize: model.input.resize,
                    normalise: model.input.normalise,
                    layout: model.input.layout,
                };
                if !request.names.is_empty() {
                    return Err(Failure::invalid(format_args!(
                        "--output is for protocols that name their outputs; --protocol {} reads a tap (see --tap)",
                        protocol.id
                    )));
                }
                (recipe, vec![mean_token(model, request.tap)?])
            }
            (None, None) => {
                return Err(Failure::invalid(format_args!(
                    "--protocol {} prepares images as the model's manifest entry says, and `{name}` has none: describe it in a \
                     manifest (docs/manifests.md), or choose a protocol that prescribes the preprocessing",
                    protocol.id
                )));
            }
        };
        let by_manifest = entry.as_ref().map(|model| model.input.batch as usize);
        let by_user = request.batch.map(NonZeroUsize::get);
        let batch = by_user.or(by_manifest).unwrap_or(DEFAULT_BATCH);
        if !(1..=CHUNK).contains(&batch) {
            return Err(Failure::invalid(format_args!(
                "a batch of {batch} images: take 1 to {CHUNK}, the images of a chunk (--batch)"
            )));
        }
        Ok(Self { name, file, digest, recipe, batch, outputs, weights })
    }

    /// Whether it has the weights of the protocol's published numbers; `None` where the protocol has none.
    pub(super) fn has_published_weights(&self) -> Option<bool> {
        self.weights.as_ref().map(|weights| *weights == WeightsOrigin::Published)
    }

    /// Checks that the file is still the one whose digest was taken, once sessions have read it.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn check_unchanged(&self) -> Result<(), Failure> {
        let (_, digest) = read_model(&self.file)?;
        if digest == self.digest {
            return Ok(());
        }
        Err(Failure::temporary(format_args!(
            "model `{}` has changed since the command began: start it again",
            self.file.display()
        )))
    }

    /// The position of a part among the outputs.
    pub(super) fn position(&self, part: &str) -> Option<usize> {
        self.outputs.iter().position(|output| output.parts.iter().any(|known| known == part))
    }
}

/// The model's bytes, and the digest of everything that decides what it computes.
///
/// # Errors
/// If a file of the model cannot be read, or it is no model.
pub(crate) fn read_model(file: &Path) -> Result<(Vec<u8>, Digest), Failure> {
    let bytes =
        std::fs::read(file).map_err(|error| Failure::file("read the model", file, &error))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let digest = external::digest(&bytes, folder.unwrap_or(Path::new("."))).map_err(|error| {
        Failure::invalid(error).within(format_args!("model `{}`", file.display()))
    })?;
    Ok((bytes, digest))
}

/// What the model's metadata say of its weights (`zoo/export_fid_inception.py` writes them).
fn weights_origin(
    model: &[u8],
    protocol: &GenerationProtocol,
) -> Result<Option<WeightsOrigin>, GraphError> {
    let Some(network) = &protocol.network else { return Ok(None) };
    let digest = graph::metadata(model, "source_sha256")?;
    let published = digest.is_some_and(|digest| digest == network.weights_sha256.to_string());
    Ok(Some(if published {
        WeightsOrigin::Published
    } else {
        WeightsOrigin::Other(graph::metadata(model, "weights")?.map(str::to_owned))
    }))
}

fn locate(
    model: &ModelReference,
    context: &Context,
) -> Result<(String, PathBuf, Option<Model>), Failure> {
    match model {
        ModelReference::File(path) => Ok((file_name(path), path.clone(), None)),
        ModelReference::Id(id) => {
            let entry = context.manifest.model(id).map_err(|error| {
                let failure = Failure::from(error);
                if Path::new(id).exists() {
                    return failure.within("the name of an ONNX file ends in .onnx");
                }
                failure
            })?;
            let path = context.fetch(&context.store()?, &entry.artifact)?;
            Ok((id.clone(), path, Some(entry.clone())))
        }
    }
}

/// The outputs that the protocol reads and the graph has. Only the features of the Fréchet distance must be there.
fn named_outputs(
    tensors: &[Tensor<'_>],
    protocol: &GenerationProtocol,
    names: &[OutputName],
) -> Result<Vec<FeatureOutput>, Failure> {
    let parts = protocol.outputs();
    if let Some(stray) = names.iter().find(|name| !parts.contains(&name.part.as_str())) {
        return Err(Failure::invalid(format_args!(
            "protocol {} has no part `{}`; its parts are {}",
            protocol.id,
            stray.part,
            parts.join(", ")
        )));
    }
    let mut given = names.iter();
    while let Some(name) = given.next() {
        if given.clone().any(|other| other.part == name.part) {
            return Err(Failure::invalid(format_args!("--output {} is given twice", name.part)));
        }
    }
    let computed = |name: &str| {
        tensors
            .iter()
            .any(|tensor| tensor.name == name && matches!(tensor.origin, Origin::Node { .. }))
    };
    let mut outputs = Vec::new();
    for part in parts {
        let renamed = names.iter().find(|name| name.part == part);
        let tensor = renamed.map_or(part, |name| name.tensor.as_str());
        if let Some(taken) =
            outputs.iter_mut().find(|output: &&mut FeatureOutput| output.tensor == tensor)
        {
            taken.parts.push(part.to_owned());
        } else if computed(tensor) {
            outputs.push(FeatureOutput {
                parts: vec![part.to_owned()],
                tensor: tensor.to_owned(),
                pooling: Pooling::Rows,
            });
        } else if renamed.is_some() || part == protocol.frechet.features {
            let found: Vec<&str> = tensors
                .iter()
                .filter(|tensor| tensor.is_output)
                .map(|tensor| tensor.name)
                .take(MOST_NAMES)
                .collect();
            return Err(Failure::invalid(format_args!(
                "the model has no tensor `{tensor}`, which protocol {} reads as `{part}`; its outputs are {}. Say which one it \
                 is with --output {part}=NAME",
                protocol.id,
                found.join(", ")
            )));
        }
    }
    Ok(outputs)
}

/// The tap that the user names, or the model's last.
fn mean_token(model: &Model, tap: Option<&str>) -> Result<FeatureOutput, Failure> {
    let chosen = match tap {
        Some(id) => model.taps.iter().find(|tap| tap.id == id),
        None => model.taps.last(),
    };
    let Some(chosen) = chosen else {
        let known: Vec<&str> = model.taps.iter().map(|tap| tap.id.as_str()).collect();
        return Err(Failure::invalid(format_args!(
            "model `{}` has no tap `{}`; its taps are {}",
            model.id,
            tap.unwrap_or("(last)"),
            known.join(", ")
        )));
    };
    Ok(FeatureOutput {
        parts: vec![MEAN_TOKEN.to_owned()],
        tensor: chosen.tensor.clone(),
        pooling: Pooling::MeanToken(chosen.clone()),
    })
}

/// A file's name without its folders, for messages.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
