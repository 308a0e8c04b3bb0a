//! Derivations: a recipe of the zoo makes an artifact from others, in a virtual environment with pinned requirements.

use super::package::PYTHON_ADVICE;
use super::program::Program;
use super::{Failure, Fetcher, Network};
use crate::store::{Doing, remove_tree};
use crate::{Argument, Artifact, Derivation, ErrorClass, Event, Hasher, Piece};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// What identifies an interpreter: an environment made by another one is not used.
const INTERPRETER: &str = "import sys; print(sys.version, sys.base_prefix)";

/// Prints where an environment's packages are.
const PACKAGES: &str = "import sysconfig; print(sysconfig.get_path('purelib'))";

/// Python's isolated mode drops the script's folder from the module path, which recipes need for their shared modules.
const BOOTSTRAP: &str = "\
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name='__main__')";

/// Marks an environment whose installation came to its end.
const COMPLETE: &str = "complete";

impl Fetcher<'_> {
    /// Runs the recipe and takes its output, if that has the digest of the manifest.
    pub(super) fn derive(
        &self,
        artifact: &Artifact,
        derived: &Derivation,
        inputs: &[PathBuf],
    ) -> Result<PathBuf, Failure> {
        let requirements = self.zoo_text(&derived.requirements)?;
        self.zoo_text(&derived.recipe)?;
        let python = self.environment(artifact, requirements)?;
        let work = self.store.work_folder(&artifact.sha256)?;
        let scripts = work.path().join("zoo");
        self.write_scripts(&scripts)?;
        let output = work.path().join("output");
        let file_name = Path::new(&derived.recipe).file_name().unwrap_or_default();
        let mut arguments: Vec<OsString> = ["-I", "-B", "-c", BOOTSTRAP].map(OsString::from).into();
        arguments.extend([scripts.clone().into(), scripts.join(file_name).into()]);
        arguments
            .extend(derived.arguments.iter().map(|argument| filled(argument, inputs, &output)));
        self.step(artifact, &format!("running {}", derived.recipe));
        let program =
            Program { name: python.as_os_str(), ..self.python(work.path(), &derived.recipe) };
        program.run(&arguments)?;
        self.copy(artifact, &output)
    }

    fn zoo_text(&self, path: &str) -> Result<&'static str, Failure> {
        let found = self.settings.zoo.iter().find(|(name, _)| *name == path).map(|(_, text)| *text);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.settings.zoo.iter().map(|(name, _)| *name).collect();
            Failure::Recipe(format!("this program has no `{path}`; it has {}", known.join(", ")))
        })
    }

    /// All scripts, since a recipe may import its neighbours.
    fn write_scripts(&self, folder: &Path) -> Result<(), Failure> {
        fs::create_dir(folder).doing("create", folder)?;
        for (name, text) in self.settings.zoo {
            let path = folder.join(Path::new(name).file_name().unwrap_or_default());
            fs::write(&path, text).doing("write", &path)?;
        }
        Ok(())
    }

    /// The Python of the virtual environment for some requirements, made if it is not there yet.
    fn environment(&self, artifact: &Artifact, requirements: &str) -> Result<PathBuf, Failure> {
        let environments = self.store.folder("environments")?;
        let mut key = Hasher::new();
        key.update(requirements.as_bytes());
        key.update(&self.python(&environments, "python3").run(&["-I", "-c", INTERPRETER])?);
        let key = key.finish().to_string();
        let folder = environments.join(&key);
        let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        let _lock = self.store.lock(&format!("environment-{key}"), || self.waiting(artifact))?;
        if folder.join(COMPLETE).is_file() {
            return Ok(python);
        }
        if self.network == Network::Forbidden {
            return Err(Failure::Offline);
        }
        self.make_environment(artifact, &folder)?;
        self.install(artifact, &folder, &python, requirements)?;
        Ok(python)
    }

    /// Makes an empty environment. It gets no pip of its own: systems that split Python into packages often lack what
    /// that needs.
    fn make_environment(&self, artifact: &Artifact, folder: &Path) -> Result<(), Failure> {
        remove_tree(folder)?;
        self.step(artifact, "making a virtual environment");
        let environments = folder.parent().unwrap_or(folder);
        let arguments = ["-I", "-m", "venv", "--without-pip"].map(OsStr::new);
        let arguments = arguments.into_iter().chain([folder.as_os_str()]).collect::<Vec<&OsStr>>();
        self.python(environments, "python3 -m venv").run(&arguments)?;
        Ok(())
    }

    /// Installs requirements with the user's pip and marks the environment as complete.
    fn install(
        &self,
        artifact: &Artifact,
        folder: &Path,
        python: &Path,
        requirements: &str,
    ) -> Result<(), Failure> {
        let list = folder.join("requirements.txt");
        fs::write(&list, requirements).doing("write", &list)?;
        self.step(artifact, "installing the recipe's requirements");
        let inner = Program {
            name: python.as_os_str(),
            ..self.python(folder, "python of the environment")
        };
        let packages =
            String::from_utf8_lossy(&inner.run(&["-I", "-c", PACKAGES])?).trim().to_owned();
        let fixed = "-m pip install --require-hashes --only-binary=:all: --no-input --disable-pip-version-check \
                     --requirement requirements.txt --target";
        let arguments: Vec<&str> = fixed.split_whitespace().chain([packages.as_str()]).collect();
        let pip = Program {
            failure: ErrorClass::Temporary,
            ..self.python(folder, "python3 -m pip install")
        };
        pip.run(&arguments)?;
        let mark = folder.join(COMPLETE);
        fs::write(&mark, "").doing("write", &mark)?;
        Ok(())
    }

    /// The user's Python. Unlike a download, what it refuses once it refuses again.
    fn python<'a>(&'a self, folder: &'a Path, title: &'a str) -> Program<'a> {
        Program {
            name: &self.settings.python,
            title,
            folder,
            advice: PYTHON_ADVICE,
            failure: ErrorClass::Invalid,
        }
    }

    fn step(&self, artifact: &Artifact, description: &str) {
        self.observer.event(Event::Step { id: &artifact.id, description });
    }

    fn waiting(&self, artifact: &Artifact) {
        self.observer.event(Event::Waiting { id: &artifact.id });
    }
}

/// An argument with its placeholders replaced. The manifest was checked: every input that it counts is there.
fn filled(argument: &Argument, inputs: &[PathBuf], output: &Path) -> OsString {
    let mut text = OsString::new();
    for piece in argument.pieces() {
        match piece {
            Piece::Text(part) => text.push(part),
            Piece::Input(index) => {
                text.push(inputs.get(*index).map_or(Path::new(""), PathBuf::as_path))
            }
            Piece::Output => text.push(output),
        }
    }
    text
}
