//! SkyPilot: one task, launched as many managed jobs, and once more to merge.

use super::program::shell_lines;
use super::template::Fillings;
use super::units::Gpu;
use super::word::Word;
use super::{JobFile, JobPlan, VOLUME_FOLDER, as_comment, within_volume};
use crate::failure::Failure;

const TEMPLATE: &str = include_str!("templates/skypilot.yaml");

/// What SkyPilot alone asks for.
#[derive(Clone, Debug)]
pub struct SkyPilotJob {
    /// The container image that has retally.
    pub image: Word,
    /// What all jobs share: a volume of SkyPilot's, or the address of a bucket (`s3://…`, `gs://…`).
    pub volume: Word,
}

impl SkyPilotJob {
    /// The task as YAML.
    ///
    /// # Errors
    /// If the run's folder or the store is not on the volume, or a GPU is wanted and its kind is not named.
    pub fn file(&self, plan: &JobPlan) -> Result<JobFile, Failure> {
        within_volume("--out-dir", &plan.out)?;
        let store = match &plan.program.store {
            Some(store) => within_volume("--store", store).map(|()| store.clone())?,
            None => Word::new("--store", format!("{VOLUME_FOLDER}/store"))?,
        };
        let gpu = match &plan.task.gpu {
            None => Vec::new(),
            Some(Gpu::Named(name)) => vec![format!("accelerators: \"{name}:1\"")],
            Some(Gpu::Any) => {
                return Err(Failure::invalid(
                    "SkyPilot rents a machine by the kind of its GPU: name it, for example `--gpu A100` (`sky gpus list`)",
                ));
            }
        };
        let commands = commands(plan);
        let fillings = self.fillings(plan, &store).lines("GPU", gpu);
        let text = fillings.lines("COMMANDS", as_comment(&commands)).fill(TEMPLATE)?;
        Ok(JobFile { text, commands })
    }

    fn fillings(&self, plan: &JobPlan, store: &Word) -> Fillings {
        let task = &plan.task;
        let memory = task.memory.map(|memory| format!("memory: \"{}+\"", memory.gibibytes()));
        Fillings::default()
            .text("SUITE", plan.suite.shell())
            .text("NAME", plan.name())
            .text("SHARDS", plan.shards)
            .text("CPUS", format_args!("\"{}+\"", task.threads))
            .text("IMAGE", self.image.after("docker:").yaml())
            .text("STORE", store.yaml())
            .text("OUT", plan.out.shell_quoted())
            .lines("MEMORY", memory.into_iter().collect())
            .lines("VOLUME", self.volume_lines())
            .lines("RETALLY", shell_lines(&plan.program.call()))
            .lines("RUN", shell_lines(&plan.program.run))
    }

    fn volume_lines(&self) -> Vec<String> {
        let source = self.volume.yaml();
        if self.volume.as_str().contains("://") {
            return vec![
                "file_mounts:".to_owned(),
                format!("  {VOLUME_FOLDER}:"),
                format!("    source: {source}"),
                // Files are renamed into place, which a plain mount of a bucket cannot do.
                "    mode: MOUNT_CACHED".to_owned(),
            ];
        }
        vec!["volumes:".to_owned(), format!("  {VOLUME_FOLDER}: {source}")]
    }
}

fn commands(plan: &JobPlan) -> Vec<String> {
    let (file, name) = (plan.file.shell(), plan.name());
    vec![
        format!("sky jobs launch --yes --detach-run --num-jobs {} {file}", plan.shards),
        "sky jobs queue    # until all have succeeded".to_owned(),
        format!("sky jobs launch --yes --name {name}-merge --env RETALLY_STEP=merge {file}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_plan::testing::{Cluster, full_plan, plan, printable, word};
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode as _, Yaml};
    use std::fs;

    fn job(volume: &str) -> SkyPilotJob {
        SkyPilotJob { image: word("example/retally:1"), volume: word(volume) }
    }

    fn load(text: &str) -> Yaml<'_> {
        Yaml::load_from_str(text).unwrap().remove(0)
    }

    /// The rank, the count, and the step as SkyPilot sets them.
    fn environment<'a>(rank: &'a str, count: &'a str, step: &'a str) -> [(&'a str, &'a str); 3] {
        [("SKYPILOT_JOB_RANK", rank), ("SKYPILOT_NUM_JOBS", count), ("RETALLY_STEP", step)]
    }

    fn cluster(text: &str, retally: &str) -> Cluster {
        let cluster = Cluster::new();
        fs::write(cluster.work().join("run.sh"), load(text)["run"].as_str().unwrap()).unwrap();
        cluster.program("retally", retally);
        // Nobody waits in tests.
        cluster.program("sleep", "");
        cluster
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn jobs_get_exactly_the_words(out in printable(), manifest in printable(), model in printable(), volume in printable()) {
            let out = format!("/retally/{}", out.replace('/', "_"));
            let text = job(&volume).file(&plan(&out, &manifest, &model)).unwrap().text;
            let document = load(&text);
            let key = if volume.contains("://") { "file_mounts" } else { "volumes" };
            let mount = &document[key]["/retally"];
            prop_assert_eq!(mount.as_str().or_else(|| mount["source"].as_str()), Some(volume.as_str()));
            let cluster = cluster(&text, "");
            for step in ["shard", "merge"] {
                let ended = cluster.run(&["run.sh"], &environment("2", "8", step));
                prop_assert!(ended.status.success(), "{:?}", ended);
            }
            let everywhere = vec!["--offline".to_owned(), format!("--manifest={manifest}")];
            let mut run = everywhere.clone();
            run.extend(["run", "starter", "--out", &out, "--shard", "3/8", "--device=cpu"].map(str::to_owned));
            run.push(format!("--model={model}"));
            let mut merge = everywhere;
            merge.extend(["merge".to_owned(), out]);
            prop_assert_eq!(cluster.calls("retally"), [run, merge]);
        }
    }

    #[test]
    fn exit_codes_are_kept_and_3_is_tried_three_times() {
        let text = job("v").file(&plan("/retally/x", "m", "x")).unwrap().text;
        for (code, calls) in [(0, 1), (1, 1), (2, 1), (3, 3), (4, 1)] {
            for step in ["shard", "merge"] {
                let cluster = cluster(&text, &format!("exit {code}"));
                let ended = cluster.run(&["run.sh"], &environment("0", "8", step));
                assert_eq!(ended.status.code(), Some(code), "{ended:?}");
                assert_eq!(cluster.calls("retally").len(), calls, "{code}");
            }
        }
        let document = load(&text);
        let codes = &document["resources"]["job_recovery"]["recover_on_exit_codes"];
        assert_eq!(codes[0].as_integer(), Some(4));
    }

    #[test]
    fn another_count_of_jobs_computes_nothing() {
        let text = job("v").file(&plan("/retally/x", "m", "x")).unwrap().text;
        // Without --num-jobs SkyPilot writes None.
        for count in ["None", "7"] {
            let cluster = cluster(&text, "");
            assert_eq!(
                cluster.run(&["run.sh"], &environment("0", count, "shard")).status.code(),
                Some(2)
            );
            assert!(cluster.calls("retally").is_empty());
            assert_eq!(
                cluster.run(&["run.sh"], &environment("0", count, "merge")).status.code(),
                Some(0)
            );
        }
    }

    #[test]
    fn what_is_asked_for_reaches_skypilot() {
        let text = job("s3://bucket/x").file(&full_plan("/retally/x")).unwrap().text;
        let document = load(&text);
        assert_eq!(document["resources"]["accelerators"].as_str(), Some("A100:1"));
        assert_eq!(document["resources"]["memory"].as_str(), Some("2+"));
        assert_eq!(document["resources"]["image_id"].as_str(), Some("docker:example/retally:1"));
        assert_eq!(document["file_mounts"]["/retally"]["mode"].as_str(), Some("MOUNT_CACHED"));
        let mut plan = full_plan("/retally/x");
        plan.task.gpu = Some(Gpu::Any);
        assert!(job("v").file(&plan).unwrap_err().message().contains("--gpu"));
        assert!(job("v").file(&full_plan("x")).unwrap_err().message().contains("--out-dir"));
    }
}
