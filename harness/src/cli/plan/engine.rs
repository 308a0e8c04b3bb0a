//! The engines and what each alone asks for.

use crate::failure::Failure;
use crate::job_plan::{
    GitHubJob, JobFile, JobPlan, KubernetesJob, Revision, SkyPilotJob, SlurmJob, Word,
};
use serde::Serialize;

/// Label of GitHub's own machines.
const RUNNER: &str = "ubuntu-24.04";

/// Whose job files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// A script that submits an array, and a merge that depends on it.
    Slurm,
    /// An Indexed Job, and a suspended Job that merges (YAML).
    Kubernetes,
    /// A task for many managed jobs, and one more that merges (YAML).
    Skypilot,
    /// A workflow with a matrix, for GitHub Actions (YAML).
    Github,
}

impl Format {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Slurm => "slurm",
            Self::Kubernetes => "kubernetes",
            Self::Skypilot => "skypilot",
            Self::Github => "github",
        }
    }

    /// As people write it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Slurm => "Slurm",
            Self::Kubernetes => "Kubernetes",
            Self::Skypilot => "SkyPilot",
            Self::Github => "GitHub Actions",
        }
    }

    /// What the file is called if nobody names it.
    pub(super) fn file_name(self, suite: &str) -> String {
        match self {
            Self::Slurm => format!("retally-{suite}.sh"),
            Self::Kubernetes => format!("retally-{suite}.yaml"),
            Self::Skypilot => format!("retally-{suite}.sky.yaml"),
            Self::Github => format!(".github/workflows/retally-{suite}.yml"),
        }
    }
}

/// What one engine alone asks for.
#[derive(Debug, clap::Args)]
pub(super) struct EngineArguments {
    /// Slurm: the account that pays.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// Slurm: the partition.
    #[arg(long, value_name = "NAME")]
    pub(super) partition: Option<String>,
    /// Slurm: the quality of service.
    #[arg(long, value_name = "NAME")]
    pub(super) qos: Option<String>,
    /// Kubernetes, SkyPilot: a container image that has retally. None is published: name yours.
    #[arg(long, value_name = "IMAGE")]
    pub(super) image: Option<String>,
    /// Kubernetes: the persistent volume claim that all pods share. SkyPilot: a volume, or a bucket (`s3://…`).
    #[arg(long, value_name = "NAME")]
    pub(super) volume: Option<String>,
    /// GitHub: the commit of retally that is built, 40 digits.
    #[arg(long, value_name = "COMMIT")]
    pub(super) revision: Option<Revision>,
    /// GitHub: the label of the machines; `ubuntu-24.04` by default.
    #[arg(long, value_name = "LABEL")]
    pub(super) runner: Option<String>,
}

/// An engine with everything that it alone asks for.
pub(super) enum Job {
    Slurm(SlurmJob),
    Kubernetes(KubernetesJob),
    SkyPilot(SkyPilotJob),
    GitHub(GitHubJob),
}

impl Job {
    pub(super) fn file(&self, plan: &JobPlan) -> Result<JobFile, Failure> {
        match self {
            Self::Slurm(job) => job.file(plan),
            Self::Kubernetes(job) => job.file(plan),
            Self::SkyPilot(job) => job.file(plan),
            Self::GitHub(job) => job.file(plan),
        }
    }
}

impl EngineArguments {
    /// # Errors
    /// If something is missing that only the user can know.
    pub(super) fn job(&self, format: Format) -> Result<Job, Failure> {
        let word = |what: &str, text: &Option<String>| {
            text.as_deref().map(|text| Word::new(what, text)).transpose()
        };
        let image = || {
            word("--image", &self.image)?.ok_or_else(|| {
                missing(
                    "--image IMAGE",
                    "a container image that has retally; none is published, so name yours",
                )
            })
        };
        let volume = |what: &str| {
            word("--volume", &self.volume)?.ok_or_else(|| missing("--volume NAME", what))
        };
        Ok(match format {
            Format::Slurm => Job::Slurm(SlurmJob {
                account: word("--account", &self.account)?,
                partition: word("--partition", &self.partition)?,
                quality: word("--qos", &self.qos)?,
            }),
            Format::Kubernetes => Job::Kubernetes(KubernetesJob {
                image: image()?,
                claim: volume("the persistent volume claim for the run's folder and the store")?,
            }),
            Format::Skypilot => Job::SkyPilot(SkyPilotJob {
                image: image()?,
                volume: volume(
                    "a volume, or the address of a bucket, for the run's folder and the store",
                )?,
            }),
            Format::Github => {
                let runner = word("--runner", &self.runner)?
                    .map_or_else(|| Word::new("--runner", RUNNER), Ok)?;
                let revision = self.revision.clone().ok_or_else(|| {
                    missing(
                        "--revision COMMIT",
                        "the commit of retally that the workflow builds, 40 digits",
                    )
                })?;
                Job::GitHub(GitHubJob { revision, runner })
            }
        })
    }
}

fn missing(option: &str, what: &str) -> Failure {
    Failure::invalid(format_args!("{option} is missing: {what}"))
}
