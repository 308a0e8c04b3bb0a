//! GitHub Actions: a workflow that builds retally once, runs a matrix of shards, merges and judges.

use super::program::shell_lines;
use super::template::Fillings;
use super::word::{Word, shell_line};
use super::{JobFile, JobPlan};
use crate::failure::Failure;
use std::str::FromStr;
use std::time::Duration;

const TEMPLATE: &str = include_str!("templates/github.yml");

/// A matrix has at most this many jobs.
const MOST_SHARDS: u32 = 256;

/// Where the program is built. In the workspace, so that it is handed on from there.
const PROGRAM: &str = ".retally/bin/retally";

/// Where a job's run is. No word of the user's: artifacts take their paths for patterns.
const RUN_FOLDER: &str = ".retally/run";

/// What GitHub alone asks for.
#[derive(Clone, Debug)]
pub struct GitHubJob {
    /// The commit of retally that is built.
    pub revision: Revision,
    /// The label of the machines that jobs run on.
    pub runner: Word,
}

/// A whole commit: a branch or a tag can move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

/// A text that is no whole commit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no whole commit, 40 digits of 0-9 and a-f; a branch or a tag can move")]
pub struct InvalidRevision(String);

impl FromStr for Revision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_commit = text.len() == 40 && text.bytes().all(is_digit);
        if is_commit { Ok(Self(text.to_owned())) } else { Err(InvalidRevision(text.to_owned())) }
    }
}

impl GitHubJob {
    /// The program that the workflow builds: relative to the workspace.
    #[must_use]
    pub fn program() -> Word {
        Word::fixed(PROGRAM)
    }

    /// The run's folder: relative to the workspace.
    #[must_use]
    pub fn out() -> Word {
        Word::fixed(RUN_FOLDER)
    }

    /// The workflow.
    ///
    /// # Errors
    /// If there are too few or too many shards, or a text has `${{`, which the service would take for an expression.
    pub fn file(&self, plan: &JobPlan) -> Result<JobFile, Failure> {
        if !(2..=MOST_SHARDS).contains(&plan.shards.get()) {
            return Err(Failure::invalid(format_args!(
                "a matrix has 2 to {MOST_SHARDS} shards, not {}; docs/ci has a workflow for a run on one machine",
                plan.shards
            )));
        }
        self.refuse_expressions(plan)?;
        let text = self.fillings(plan).fill(TEMPLATE)?;
        let commands = vec![
            format!("git add {}", plan.file.shell()),
            format!("gh workflow run {}    # once it is on the default branch", plan.name()),
        ];
        Ok(JobFile { text, commands })
    }

    fn refuse_expressions(&self, plan: &JobPlan) -> Result<(), Failure> {
        let program = &plan.program;
        let lists = [&program.everywhere, &program.run, &program.fetch];
        let words = lists.into_iter().flatten().chain([&self.runner]);
        match words.into_iter().find(|word| word.as_str().contains("${{")) {
            Some(word) => Err(Failure::invalid(format_args!(
                "`{word}` has `${{{{`, which GitHub takes for an expression wherever it stands in a workflow"
            ))),
            None => Ok(()),
        }
    }

    fn fillings(&self, plan: &JobPlan) -> Fillings {
        let program = &plan.program;
        let shards: Vec<_> = (1..=plan.shards.get()).map(|shard| shard.to_string()).collect();
        let at_once = plan.at_once.map(|count| format!("max-parallel: {count}"));
        Fillings::default()
            .text("SUITE", plan.suite.shell())
            .text("NAME", plan.name())
            .text("SHARDS", plan.shards)
            .text("SHARD_LIST", shards.join(", "))
            .lines("AT_ONCE", at_once.into_iter().collect())
            .text("RUNNER", self.runner.yaml())
            .text("OUT", RUN_FOLDER)
            .text("REPOSITORY", env!("CARGO_PKG_REPOSITORY"))
            .text("REVISION", &self.revision.0)
            .text("STORE_KEY", self.store_key(plan))
            .text("TIME_REASON", sentence(plan.task.time.reason()))
            .text("MINUTES", minutes(plan.task.time.limit()))
            .text("RETALLY", shell_line(&program.call()))
            .text("FETCH", shell_line(&program.fetch))
            .lines("RUN", shell_lines(&program.run))
    }

    /// Other artifacts or another retally are another store.
    fn store_key(&self, plan: &JobPlan) -> String {
        let mut hasher = retally_manifests::Hasher::new();
        for word in plan.program.fetch.iter().chain(&plan.program.everywhere) {
            hasher.update(word.as_str().as_bytes());
            hasher.update(b"\n");
        }
        let digest = hasher.finish().to_string();
        let (revision, suite) = (&self.revision.0, &plan.suite);
        format!(
            "retally-store-${{{{ runner.os }}}}-${{{{ runner.arch }}}}-{suite}-{revision}-{}",
            &digest[..16]
        )
    }
}

fn minutes(limit: Duration) -> u64 {
    limit.as_secs().div_ceil(60)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_plan::testing::{Cluster, full_plan, plan, printable, word};
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode as _, Yaml};
    use std::fs;
    use std::num::NonZeroU32;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn job() -> GitHubJob {
        GitHubJob { revision: COMMIT.parse().unwrap(), runner: word("ubuntu-24.04") }
    }

    fn sample(manifest: &str, model: &str) -> JobPlan {
        let mut plan = plan(RUN_FOLDER, manifest, model);
        plan.program.name = GitHubJob::program();
        plan
    }

    fn load(text: &str) -> Yaml<'_> {
        Yaml::load_from_str(text).unwrap().remove(0)
    }

    fn script(document: &Yaml<'_>, job: &str, name: &str) -> String {
        let steps = document["jobs"][job]["steps"].as_vec().unwrap();
        let named =
            |step: &&Yaml<'_>| step.as_mapping_get("name").and_then(Yaml::as_str) == Some(name);
        steps.iter().find(named).unwrap()["run"].as_str().unwrap().to_owned()
    }

    /// A workspace with a program at the place where the workflow builds it.
    fn workspace(retally: &str) -> Cluster {
        let cluster = Cluster::new();
        fs::create_dir_all(cluster.work().join(".retally/bin")).unwrap();
        for shard in [1, 2, 10] {
            fs::create_dir_all(
                cluster.work().join(format!(".retally/shards/retally-shard-{shard}")),
            )
            .unwrap();
        }
        cluster.program_at(&cluster.work().join(PROGRAM), retally);
        cluster.program("sleep", "");
        cluster
    }

    fn run(cluster: &Cluster, script: &str) -> std::process::Output {
        // As the service starts `shell: bash`.
        cluster.run(&["--noprofile", "--norc", "-eo", "pipefail", "-c", script], &[("SHARD", "3")])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_call_gets_exactly_the_words(manifest in printable(), model in printable()) {
            prop_assume!(!manifest.contains("${{") && !model.contains("${{"));
            let text = job().file(&sample(&manifest, &model)).unwrap().text;
            let document = load(&text);
            let cluster = workspace("");
            for (job, name) in [
                ("prepare", "Fetch what is missing, verify what is there"),
                ("shard", "Compute the shard"),
                ("merge", "Merge and judge"),
            ] {
                let ended = run(&cluster, &script(&document, job, name));
                prop_assert!(ended.status.success(), "{:?}", ended);
            }
            let own = |words: &[&str]| -> Vec<String> {
                let everywhere = ["--offline".to_owned(), format!("--manifest={manifest}")];
                everywhere.into_iter().chain(words.iter().map(|&word| word.to_owned())).collect()
            };
            let model_option = format!("--model={model}");
            let merged = ".retally/merged";
            prop_assert_eq!(cluster.calls("retally"), [
                own(&["fetch", "onnxruntime", &model]),
                own(&["run", "starter", "--out", RUN_FOLDER, "--shard", "3/8", "--device=cpu", &model_option]),
                own(&[
                    "merge", ".retally/shards/retally-shard-1", ".retally/shards/retally-shard-10",
                    ".retally/shards/retally-shard-2", "--out", merged,
                ]),
                own(&["check", merged, "--junit", ".retally/merged/junit.xml", "--comment", ".retally/merged/comment.md", "--github"]),
            ]);
        }
    }

    #[test]
    fn no_step_drops_an_exit_code() {
        let text = job().file(&sample("m", "x")).unwrap().text;
        let document = load(&text);
        for (code, calls) in [(0, 1), (2, 1), (3, 3), (4, 1)] {
            let cluster = workspace(&format!("exit {code}"));
            let ended = run(&cluster, &script(&document, "shard", "Compute the shard"));
            assert_eq!((ended.status.code(), cluster.calls("retally").len()), (Some(code), calls));
        }
        // What `merge` ends with, what `check` ends with, the whole, and whether `check` is asked.
        for (merge, check, whole, asked) in
            [(0, 0, 0, true), (1, 1, 1, true), (0, 2, 2, true), (4, 0, 4, false), (2, 0, 2, false)]
        {
            let cluster = workspace(&format!(
                "case \"$*\" in *' merge '*) exit {merge} ;; *) exit {check} ;; esac"
            ));
            let ended = run(&cluster, &script(&document, "merge", "Merge and judge"));
            assert_eq!(ended.status.code(), Some(whole), "{ended:?}");
            assert_eq!(cluster.calls("retally").len(), 1 + usize::from(asked));
        }
    }

    #[test]
    fn the_matrix_has_every_shard_once() {
        let mut plan = full_plan(RUN_FOLDER);
        plan.shards = NonZeroU32::new(256).unwrap();
        let text = job().file(&plan).unwrap().text;
        let document = load(&text);
        let shard = &document["jobs"]["shard"];
        let listed = shard["strategy"]["matrix"]["shard"].as_vec().unwrap();
        let listed: Vec<_> = listed.iter().map(|one| one.as_integer().unwrap()).collect();
        assert_eq!(listed, (1..=256).collect::<Vec<_>>());
        assert_eq!(shard["strategy"]["max-parallel"].as_integer(), Some(3));
        assert_eq!(shard["timeout-minutes"].as_integer(), Some(1667));
        assert_eq!(document["permissions"].as_mapping().unwrap().len(), 0);
    }

    #[test]
    fn what_github_cannot_do_is_refused() {
        let message = job().file(&sample("${{ secrets.x }}", "x")).unwrap_err().message();
        assert!(message.contains("expression"), "{message}");
        for shards in [1, 257] {
            let mut plan = sample("m", "x");
            plan.shards = NonZeroU32::new(shards).unwrap();
            assert!(job().file(&plan).unwrap_err().message().contains("2 to 256"));
        }
        for text in ["main", "v1.0", "0123456789ABCDEF0123456789ABCDEF01234567", ""] {
            assert!(text.parse::<Revision>().unwrap_err().to_string().contains("can move"));
        }
    }
}
