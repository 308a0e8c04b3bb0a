//! What a manifest says of a file: its digest and size, its licence, and how to come by it.

use crate::{ArtifactId, Digest, Source};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A file with a known SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Short id for the command line and for references.
    pub id: ArtifactId,
    /// What it is.
    pub kind: ArtifactKind,
    /// Digest of the whole file.
    pub sha256: Digest,
    /// Size of the whole file.
    pub bytes: u64,
    /// Licence as its origin states it (an SPDX expression where there is one).
    pub licence: String,
    /// Who made it and how it came to us, one or two sentences.
    pub provenance: String,
    /// Places to get it from, tried in this order.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// The only platform it works on; every platform if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// How to make it from other artifacts, tried when no source gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derivation>,
}

impl Artifact {
    /// True if the artifact works on this machine.
    #[must_use]
    pub fn suits_this_platform(&self) -> bool {
        self.platform.is_none_or(|platform| Some(platform) == Platform::current())
    }
}

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// An ONNX file.
    Model,
    /// Images, or images and labels.
    Dataset,
    /// Reference statistics.
    Statistics,
    /// A dynamic library.
    Library,
    /// Recorded outputs of an earlier run.
    Recording,
    /// Weights in another format than ONNX.
    Checkpoint,
    /// A whole wheel or tarball.
    Package,
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
            Self::Statistics => "statistics",
            Self::Library => "library",
            Self::Recording => "recording",
            Self::Checkpoint => "checkpoint",
            Self::Package => "package",
        })
    }
}

/// Operating system and processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Platform {
    /// Linux with glibc on x86-64.
    #[serde(rename = "linux-x86_64")]
    LinuxX86,
    /// Linux with glibc on 64-bit ARM.
    #[serde(rename = "linux-aarch64")]
    LinuxArm,
    /// macOS on x86-64.
    #[serde(rename = "macos-x86_64")]
    MacosX86,
    /// macOS on Apple silicon.
    #[serde(rename = "macos-aarch64")]
    MacosArm,
    /// Windows on x86-64.
    #[serde(rename = "windows-x86_64")]
    WindowsX86,
}

impl Platform {
    /// The platform of this program; `None` if it is none of the named ones.
    #[must_use]
    pub fn current() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self::LinuxX86),
            ("linux", "aarch64") => Some(Self::LinuxArm),
            ("macos", "x86_64") => Some(Self::MacosX86),
            ("macos", "aarch64") => Some(Self::MacosArm),
            ("windows", "x86_64") => Some(Self::WindowsX86),
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::LinuxX86 => "linux-x86_64",
            Self::LinuxArm => "linux-aarch64",
            Self::MacosX86 => "macos-x86_64",
            Self::MacosArm => "macos-aarch64",
            Self::WindowsX86 => "windows-x86_64",
        })
    }
}

/// How an artifact is made from others: a recipe of the zoo, run in a virtual environment of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derivation {
    /// The artifacts that the recipe reads.
    pub from: Vec<ArtifactId>,
    /// The script: `zoo/convert_x.py`.
    pub recipe: String,
    /// Its arguments; `{from:0}` stands for the path of the first input, `{output}` for the path to write.
    pub arguments: Vec<Argument>,
    /// Pinned and hashed requirements of the script: `zoo/requirements.txt`.
    pub requirements: String,
}

/// One argument of a recipe, with its placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Argument(Vec<Piece>);

/// A piece of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as it stands.
    Text(String),
    /// Path of an input, by its place in `from`.
    Input(usize),
    /// Path of the output.
    Output,
}

impl Argument {
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => formatter.write_str(text),
            Piece::Input(index) => write!(formatter, "{{from:{index}}}"),
            Piece::Output => formatter.write_str("{output}"),
        })
    }
}

impl From<Argument> for String {
    fn from(argument: Argument) -> Self {
        argument.to_string()
    }
}

impl TryFrom<String> for Argument {
    type Error = InvalidArgument;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Argument {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || InvalidArgument { text: text.chars().take(200).collect() };
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (placeholder, remainder) = after.split_once('}').ok_or_else(refuse)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(match (placeholder, placeholder.strip_prefix("from:")) {
                ("output", _) => Piece::Output,
                (_, Some(index)) => {
                    let canonical = |value: &usize| value.to_string() == index;
                    Piece::Input(index.parse().ok().filter(canonical).ok_or_else(refuse)?)
                }
                _ => return Err(refuse()),
            });
            rest = remainder;
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        let stray =
            |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains(['}', '\0']));
        if pieces.iter().any(stray) { Err(refuse()) } else { Ok(Self(pieces)) }
    }
}

/// A recipe argument with a placeholder that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument `{text}`: the placeholders are `{{from:0}}`, `{{from:1}}`, … and `{{output}}`")]
pub struct InvalidArgument {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arguments() {
        let argument: Argument = "--input={from:0}".parse().unwrap();
        assert_eq!(argument.pieces(), [Piece::Text("--input=".into()), Piece::Input(0)]);
        assert_eq!("{output}".parse::<Argument>().unwrap().pieces(), [Piece::Output]);
        assert_eq!("".parse::<Argument>().unwrap().pieces(), [Piece::Text(String::new())]);
        for bad in [
            "{",
            "}",
            "{input}",
            "{from:}",
            "{from:-1}",
            "{from:01}",
            "{from:+1}",
            "{output",
            "a\0",
        ] {
            assert!(bad.parse::<Argument>().is_err(), "{bad}");
        }
    }

    #[test]
    fn platform_names_match_their_serialised_form() {
        use Platform::{LinuxArm, LinuxX86, MacosArm, MacosX86, WindowsX86};
        for platform in [LinuxX86, LinuxArm, MacosX86, MacosArm, WindowsX86] {
            assert_eq!(serde_json::to_value(platform).unwrap(), platform.to_string());
        }
    }

    #[test]
    fn kind_names_match_their_serialised_form() {
        use ArtifactKind::{Checkpoint, Dataset, Library, Model, Package, Recording, Statistics};
        for kind in [Model, Dataset, Statistics, Library, Recording, Checkpoint, Package] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
        }
    }

    proptest! {
        #[test]
        fn argument_round_trip(text in "[a{}:0-9from output]{0,24}") {
            if let Ok(argument) = text.parse::<Argument>() {
                prop_assert_eq!(argument.to_string(), text);
            }
        }
    }
}
