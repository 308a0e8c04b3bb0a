//! Slurm: one script that submits itself as an array, and once more as the merge that depends on it.

use super::program::shell_lines;
use super::template::Fillings;
use super::units::{Gpu, clock};
use super::word::{Word, shell_line};
use super::{JobFile, JobPlan};
use crate::failure::Failure;

const TEMPLATE: &str = include_str!("templates/slurm.sh");

/// What Slurm alone asks for.
#[derive(Clone, Debug, Default)]
pub struct SlurmJob {
    /// Who pays; many clusters demand it.
    pub account: Option<Word>,
    /// Where the job queues.
    pub partition: Option<Word>,
    /// Quality of service.
    pub quality: Option<Word>,
}

impl SlurmJob {
    /// The script.
    ///
    /// # Errors
    /// If the run's folder has a backslash, which turns off the patterns in the names of Slurm's logs; or the time limit is
    /// not longer than the notice.
    pub fn file(&self, plan: &JobPlan) -> Result<JobFile, Failure> {
        if plan.out.as_str().contains('\\') {
            return Err(Failure::invalid(format_args!(
                "--out-dir `{}` has a backslash, which Slurm gives a meaning in the names of its logs: take another folder",
                plan.out
            )));
        }
        let time = plan.task.time;
        if time.limit() <= time.notice() {
            return Err(Failure::invalid(format_args!(
                "a task may take {} and is told to stop {} s before that, so it would be stopped as it starts: make --time \
                 longer, or --notice shorter than it (but longer than a chunk takes)",
                clock(time.limit()),
                time.notice().as_secs()
            )));
        }
        let text = self.fillings(plan).fill(TEMPLATE)?;
        Ok(JobFile { text, commands: vec![format!("bash {}", plan.file.shell())] })
    }

    fn fillings(&self, plan: &JobPlan) -> Fillings {
        let (program, task) = (&plan.program, &plan.task);
        let at_once = plan.at_once.map_or_else(String::new, |count| format!("%{count}"));
        Fillings::default()
            .text("SUITE", plan.suite.shell())
            .text("FILE", plan.file.shell())
            .text("NAME", plan.name())
            .text("SHARDS", plan.shards)
            .text("ARRAY", format!("1-{}{at_once}", plan.shards))
            .text("OUT", plan.out.shell_quoted())
            .text("FETCH", shell_line(&program.fetch))
            .text("THREADS", task.threads)
            .text("TIME", clock(task.time.limit()))
            .text("TIME_REASON", task.time.reason())
            .text("NOTICE", task.time.notice().as_secs())
            .text("NOTICE_REASON", task.time.notice_reason())
            .lines("RETALLY", shell_lines(&program.call()))
            .lines("RUN", shell_lines(&program.run))
            .lines("STORE", store(program.store.as_ref()))
            .lines("MEMORY", memory(plan))
            .lines("ACCOUNT", self.account_lines())
            .lines("GPU", gpu(task.gpu.as_ref()))
    }

    fn account_lines(&self) -> Vec<String> {
        let options =
            [("account", &self.account), ("partition", &self.partition), ("qos", &self.quality)];
        let lines = options.into_iter().map(|(name, value)| match value {
            Some(value) => Word::option(name, value).shell(),
            None => format!("# --{name}=…    not asked for: the cluster's default counts"),
        });
        lines.collect()
    }
}

fn store(store: Option<&Word>) -> Vec<String> {
    let note = "# Where artifacts are kept; nodes must see the same folder.";
    match store {
        Some(folder) => {
            vec![note.to_owned(), format!("export RETALLY_HOME={}", folder.shell_quoted())]
        }
        None => vec![
            note.to_owned(),
            "# export RETALLY_HOME=…    not asked for: the user's own store".to_owned(),
        ],
    }
}

fn memory(plan: &JobPlan) -> Vec<String> {
    vec![match plan.task.memory {
        Some(memory) => format!("--mem={}M", memory.mebibytes()),
        None => "# --mem=…    not asked for: the cluster's default counts (retally plan --memory)"
            .to_owned(),
    }]
}

/// `--gres` and not `--gpus-per-task`: every way in which a cluster may be set up to share its nodes knows it, and with one
/// task a node both mean the same.
fn gpu(gpu: Option<&Gpu>) -> Vec<String> {
    match gpu {
        None => Vec::new(),
        Some(Gpu::Any) => vec!["--gres=gpu:1".to_owned()],
        Some(Gpu::Named(name)) => vec![format!("--gres=gpu:{name}:1")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_plan::TaskTime;
    use crate::job_plan::testing::{
        Cluster, file_name, full_plan, plan, printable, signal, strings, word,
    };
    use proptest::prelude::*;
    use std::fs;
    use std::time::Duration;

    const TASK: [(&str, &str); 2] = [("SLURM_ARRAY_JOB_ID", "7"), ("SLURM_ARRAY_TASK_ID", "2")];

    /// A cluster with the script of a plan and everything that it calls.
    fn cluster(job: &SlurmJob, plan: &JobPlan, retally: &str) -> Cluster {
        let cluster = Cluster::new();
        fs::write(cluster.work().join("job.sh"), job.file(plan).unwrap().text).unwrap();
        cluster.program("retally", retally);
        cluster.program("scontrol", "");
        cluster.program(
            "sbatch",
            "case \"$*\" in *\" merge\") echo '8;north' ;; *) echo '7;north' ;; esac",
        );
        cluster
    }

    fn simple(retally: &str) -> Cluster {
        cluster(&SlurmJob::default(), &plan("out", "m.toml", "x"), retally)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_program_gets_exactly_the_words(
            out in file_name(), manifest in printable(), model in printable(), account in printable(), store in printable()
        ) {
            let mut plan = plan(&out, &manifest, &model);
            plan.program.store = Some(word(&store));
            let job = SlurmJob { account: Some(word(&account)), ..SlurmJob::default() };
            let cluster = cluster(&job, &plan, "printf '%s' \"$RETALLY_HOME\" > home");
            let checked = cluster.run(&["-n", "job.sh"], &[]);
            prop_assert!(checked.status.success(), "{:?}", checked);

            let submitted = cluster.run(&["job.sh"], &[]);
            prop_assert!(submitted.status.success(), "{:?}", submitted);
            let everywhere = ["--offline".to_owned(), format!("--manifest={manifest}")];
            let mut expected = everywhere.to_vec();
            expected.extend(["fetch", "onnxruntime", &model].map(str::to_owned));
            prop_assert_eq!(&cluster.calls("retally"), &[expected]);
            let calls = cluster.calls("sbatch");
            prop_assert_eq!(calls.len(), 2);
            let log = |name: &str| format!("--output={}/logs/{name}.txt", out.replace('%', "%%"));
            for (call, log) in calls.iter().zip([log("shard-%a"), log("merge")]) {
                prop_assert!(call.contains(&format!("--account={account}")), "{:?}", call);
                prop_assert!(call.contains(&log), "{:?} {}", call, log);
            }
            prop_assert!(cluster.work().join(&out).join("logs").is_dir());

            let ended = cluster.run(&["job.sh", "shard"], &TASK);
            prop_assert!(ended.status.success(), "{:?}", ended);
            let mut expected = everywhere.to_vec();
            expected.extend(["run", "starter", "--out", &out, "--shard", "2/8", "--device=cpu"].map(str::to_owned));
            expected.push(format!("--model={model}"));
            prop_assert_eq!(cluster.calls("retally").pop(), Some(expected));

            let ended = cluster.run(&["job.sh", "merge"], &[]);
            prop_assert!(ended.status.success(), "{:?}", ended);
            let mut expected = everywhere.to_vec();
            expected.extend(["merge", &out].map(str::to_owned));
            prop_assert_eq!(cluster.calls("retally").pop(), Some(expected));
            prop_assert_eq!(fs::read_to_string(cluster.work().join("home")).unwrap(), store);
        }
    }

    #[test]
    fn the_merge_depends_on_the_array() {
        let cluster = simple("");
        let submitted = cluster.run(&["job.sh"], &[]);
        assert!(submitted.status.success(), "{submitted:?}");
        let calls = cluster.calls("sbatch");
        let [array, merge] = calls.as_slice() else { panic!("{calls:?}") };
        for option in [
            "--parsable",
            "--array=1-8",
            "--requeue",
            "--signal=B:USR1@300",
            "--time=04:00:00",
            "--cpus-per-task=4",
        ] {
            assert!(array.contains(&option.to_owned()), "{option} {array:?}");
        }
        assert!(
            !array.iter().any(|word| word.contains("gres") || word.contains("--mem")),
            "{array:?}"
        );
        assert_eq!(array.last().unwrap(), "shard");
        // The number alone, without the cluster's name.
        for option in ["--dependency=afterok:7", "--kill-on-invalid-dep=yes", "--time=04:00:00"] {
            assert!(merge.contains(&option.to_owned()), "{option} {merge:?}");
        }
        assert_eq!(merge.last().unwrap(), "merge");
        let said = String::from_utf8(submitted.stdout).unwrap();
        assert!(said.contains("8 tasks as job 7, the merge as job 8"), "{said}");
    }

    #[test]
    fn everything_that_is_asked_for_reaches_slurm() {
        let job = SlurmJob {
            account: Some(word("a")),
            partition: Some(word("p")),
            quality: Some(word("q")),
        };
        let cluster = cluster(&job, &full_plan("out"), "");
        assert!(cluster.run(&["job.sh"], &[]).status.success());
        let calls = cluster.calls("sbatch");
        let both = ["--account=a", "--partition=p", "--qos=q", "--mem=1500M", "--time=1-03:46:40"];
        for option in both {
            assert!(
                calls.iter().all(|call| call.contains(&option.to_owned())),
                "{option} {calls:?}"
            );
        }
        for option in ["--gres=gpu:A100:1", "--array=1-8%3", "--signal=B:USR1@77"] {
            assert!(calls[0].contains(&option.to_owned()), "{option} {calls:?}");
            assert!(!calls[1].contains(&option.to_owned()), "{option} {calls:?}");
        }
    }

    #[test]
    fn exit_codes_decide_who_starts_again() {
        let requeue = vec![strings(&["requeue", "7_2"])];
        let cases = [
            (0, "0", Vec::new()),
            (1, "0", Vec::new()),
            (2, "0", Vec::new()),
            (3, "4", requeue.clone()),
            (3, "5", Vec::new()),
            (4, "49", requeue.clone()),
            (4, "50", Vec::new()),
            (134, "0", requeue.clone()),
            (137, "4", requeue.clone()),
            (127, "0", Vec::new()),
        ];
        for (code, restarts, expected) in cases {
            let cluster = simple(&format!("exit {code}"));
            let environment = [TASK[0], TASK[1], ("SLURM_RESTART_COUNT", restarts)];
            let ended = cluster.run(&["job.sh", "shard"], &environment);
            assert_eq!(ended.status.code(), Some(code), "{ended:?}");
            assert_eq!(cluster.calls("scontrol"), expected, "{code} {restarts}");
        }
        for code in [0, 1, 2, 3, 4] {
            let ended = simple(&format!("exit {code}")).run(&["job.sh", "merge"], &[]);
            assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        }
    }

    /// As retally does it: the signal is noted, the chunk in flight is finished, the code is 4.
    const INTERRUPTED: &str = "trap 'told=yes' TERM; told=no; touch started\n\
        until [ $told = yes ]; do sleep 0.02; done; sleep 0.5; touch finished; exit 4";

    #[test]
    fn a_task_that_is_told_in_time_finishes_its_chunk_and_goes_back_into_the_queue() {
        for (name, expected) in [("USR1", vec![strings(&["requeue", "7_2"])]), ("TERM", Vec::new())]
        {
            let cluster = simple(INTERRUPTED);
            let mut child = cluster.start(&["job.sh", "shard"], &TASK);
            signal(&child, name);
            assert_eq!(child.wait().unwrap().code(), Some(4), "{name}");
            assert!(cluster.work().join("finished").exists(), "{name}: it was not waited for");
            assert_eq!(cluster.calls("scontrol"), expected, "{name}");
        }
    }

    #[test]
    fn a_failed_step_ends_the_submission_and_is_told() {
        // Nothing can be fetched: nothing is submitted.
        let cluster = simple("exit 3");
        assert_eq!(cluster.run(&["job.sh"], &[]).status.code(), Some(3));
        assert!(cluster.calls("sbatch").is_empty());
        // The second submission fails: the first is named.
        let cluster = simple("");
        cluster.program("sbatch", "case \"$*\" in *\" merge\") exit 1 ;; *) echo 7 ;; esac");
        let ended = cluster.run(&["job.sh"], &[]);
        assert_eq!(ended.status.code(), Some(3), "{ended:?}");
        assert!(String::from_utf8(ended.stderr).unwrap().contains("job 7"));
        // A script that is no file cannot submit itself.
        let cluster = simple("");
        let text = fs::read_to_string(cluster.work().join("job.sh")).unwrap();
        let ended = cluster.run(&["-c", &text], &[]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(cluster.calls("sbatch").is_empty());
        // Nobody but Slurm starts a task, and no other part exists.
        for part in ["shard", "x"] {
            assert!(!simple("").run(&["job.sh", part], &[]).status.success());
        }
        let mut plan = plan("out", "m.toml", "x");
        plan.program.name = word("no-such-program");
        let ended = super::tests::cluster(&SlurmJob::default(), &plan, "").run(&["job.sh"], &[]);
        assert_eq!(ended.status.code(), Some(2));
        assert!(String::from_utf8(ended.stderr).unwrap().contains("no-such-program"));
    }

    #[test]
    fn what_slurm_cannot_do_is_refused() {
        let refused = SlurmJob::default().file(&plan(r"a\b", "m", "x")).unwrap_err();
        assert!(refused.message().contains("backslash"));
        let mut plan = plan("out", "m", "x");
        plan.task.time = TaskTime::assumed().with_limit(Some(Duration::from_secs(300)));
        let message = SlurmJob::default().file(&plan).unwrap_err().message();
        assert!(message.contains("--time") && message.contains("300 s"), "{message}");
    }
}
