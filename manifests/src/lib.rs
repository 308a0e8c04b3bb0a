//! Checksummed artifacts: manifests, sources, fetching and the content-addressed store.
//!
//! A [`Manifest`] names artifacts by digest, and the models, generators and data sets that are made of them.

mod artifact;
mod builtin;
mod class;
mod dataset;
mod digest;
mod document;
mod event;
mod fetch;
mod generator;
mod identifier;
mod manifest;
mod model;
mod source;
mod store;
mod validate;
mod verify;
mod world_model;
mod zoo;

pub use artifact::{Argument, Artifact, ArtifactKind, Derivation, InvalidArgument, Platform};
pub use class::ErrorClass;
pub use dataset::{Canvas, Dataset, DatasetFormat, MaskSource, Split};
pub use digest::{Digest, Hasher, InvalidDigest};
pub use document::{InvalidManifest, ManifestError, PlacedProblem};
pub use event::{Event, Observer, Silent};
pub use fetch::{Attempt, Failure, FetchError, Fetcher, Network, RetryPolicy, Settings};
pub use generator::{
    ClassEncoding, Classes, ConstantInput, Decoder, DiffusionProcess, EndTimeInput, EndTimeValue,
    ExternalData, GeneratedImage, Generator, GeneratorNetwork, Guidance, GuidanceCalls,
    GuidanceTime, IntervalEnds, LabelRule, NoiseEnd, Prediction, Quantise, Sampler, StepVariance,
    TimeElement, TimeInput, TimeSpacing,
};
pub use identifier::{ArtifactId, InvalidId};
pub use manifest::{Manifest, UnknownId};
pub use model::{
    Filter, FloatKernel, ImageLayout, Model, ModelInput, Normalise, Resize, Tap, TapLayout,
};
pub use source::{
    HubFile, InvalidSource, MemberPath, NpmPackage, Source, WebAddress, Wheel, WheelTag,
};
pub use store::{Mismatch, Store, StoreError};
pub use verify::{Copy, Verification, VerificationState, verify};
pub use world_model::{
    ActionInput, ActionParameter, ActionRole, ActionScalar, Conditioning, Predictor, TargetTokens,
    Teacher, WorldModel, WorldModelEncoder,
};

pub(crate) use artifact::Piece;
