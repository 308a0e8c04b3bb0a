//! Kubernetes: an Indexed Job with one pod a shard, and a suspended Job that merges.

use super::template::Fillings;
use super::units::Gpu;
use super::word::Word;
use super::{JobFile, JobPlan, VOLUME_FOLDER, as_comment, within_volume};
use crate::failure::Failure;

const TEMPLATE: &str = include_str!("templates/kubernetes.yaml");

/// Jobs with more completions may not use what the template uses.
const MOST_SHARDS: u32 = 100_000;

/// What Kubernetes alone asks for.
#[derive(Clone, Debug)]
pub struct KubernetesJob {
    /// The container image that has retally.
    pub image: Word,
    /// The persistent volume claim that holds the run's folder and the store.
    pub claim: Word,
}

impl KubernetesJob {
    /// The two Jobs as YAML.
    ///
    /// # Errors
    /// If the run's folder or the store is not on the volume, a kind of GPU is named, or there are too many shards.
    pub fn file(&self, plan: &JobPlan) -> Result<JobFile, Failure> {
        within_volume("--out-dir", &plan.out)?;
        if plan.shards.get() > MOST_SHARDS {
            return Err(Failure::invalid(format_args!(
                "a Kubernetes Job that retries per index has at most {MOST_SHARDS} pods: give fewer --shards"
            )));
        }
        if let Some(Gpu::Named(name)) = &plan.task.gpu {
            return Err(Failure::invalid(format_args!(
                "--gpu {name}: Kubernetes counts GPUs and tells their kinds apart by labels of nodes, which differ from \
                 cluster to cluster: leave --gpu out, and add a nodeSelector to the file"
            )));
        }
        let store = store(plan)?;
        let commands = commands(plan);
        let text =
            self.fillings(plan, &store).lines("COMMANDS", as_comment(&commands)).fill(TEMPLATE)?;
        Ok(JobFile { text, commands })
    }

    fn fillings(&self, plan: &JobPlan, store: &Word) -> Fillings {
        let task = &plan.task;
        let memory = |key: &str| match task.memory {
            Some(memory) => vec![format!("{key}: {}Mi", memory.mebibytes())],
            None => Vec::new(),
        };
        Fillings::default()
            .text("SUITE", plan.suite.as_str())
            .text("NAME", plan.name())
            .text("SHARDS", plan.shards)
            .text("AT_ONCE", plan.at_once.unwrap_or(plan.shards))
            .text("MOST_FAILED", (plan.shards.get() / 4).max(1))
            .text("NOTICE", task.time.notice().as_secs())
            .text("NOTICE_REASON", task.time.notice_reason())
            .text("IMAGE", self.image.yaml())
            .text("CLAIM", self.claim.yaml())
            .text("PROGRAM", expanded_by_no_variable(&plan.program.name))
            .text("STORE", expanded_by_no_variable(store))
            .text("THREADS", task.threads)
            .text("VOLUME_FOLDER", VOLUME_FOLDER)
            .lines("RUN_ARGS", run_arguments(plan))
            .lines(
                "MERGE_ARGS",
                items(&[&plan.program.everywhere, &[Word::fixed("merge"), plan.out.clone()]]),
            )
            .lines("MEMORY_REQUEST", memory("memory"))
            .lines("LIMITS", limits(plan))
    }
}

fn run_arguments(plan: &JobPlan) -> Vec<String> {
    let own = [
        Word::fixed("run"),
        plan.suite.clone(),
        Word::option("out", &plan.out),
        Word::count_option("shards", u64::from(plan.shards.get())),
    ];
    items(&[&plan.program.everywhere, &own, &plan.program.run])
}

/// Items of a YAML list.
fn items(groups: &[&[Word]]) -> Vec<String> {
    let words = groups.iter().copied().flatten();
    words.map(|word| format!("- {}", expanded_by_no_variable(word))).collect()
}

/// A YAML value in which Kubernetes replaces nothing: it takes `$(NAME)` for a variable and `$$` for `$`.
fn expanded_by_no_variable(word: &Word) -> String {
    word.with_doubled('$').yaml()
}

fn limits(plan: &JobPlan) -> Vec<String> {
    let memory = plan.task.memory.map(|memory| format!("  memory: {}Mi", memory.mebibytes()));
    let gpu = plan.task.gpu.as_ref().map(|_| "  nvidia.com/gpu: 1".to_owned());
    let limits: Vec<_> = memory.into_iter().chain(gpu).collect();
    if limits.is_empty() {
        limits
    } else {
        std::iter::once("limits:".to_owned()).chain(limits).collect()
    }
}

fn store(plan: &JobPlan) -> Result<Word, Failure> {
    match &plan.program.store {
        Some(store) => within_volume("--store", store).map(|()| store.clone()),
        None => Word::new("--store", format!("{VOLUME_FOLDER}/store")),
    }
}

fn commands(plan: &JobPlan) -> Vec<String> {
    let (file, name) = (plan.file.shell(), plan.name());
    vec![
        format!("kubectl apply -f {file}"),
        format!("kubectl wait --for=condition=complete --timeout=-1s job/{name}"),
        format!(
            "kubectl patch job/{name}-merge --type=merge -p '{{\"spec\":{{\"suspend\":false}}}}'"
        ),
        format!("kubectl logs --follow --pod-running-timeout=10m job/{name}-merge"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_plan::testing::{full_plan, plan, printable, word};
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode as _, Yaml};

    fn job() -> KubernetesJob {
        KubernetesJob { image: word("example/retally:1"), claim: word("shared") }
    }

    fn load(text: &str) -> [Yaml<'_>; 2] {
        Yaml::load_from_str(text).unwrap().try_into().unwrap()
    }

    fn container<'a, 'b>(job: &'a Yaml<'b>) -> &'a Yaml<'b> {
        &job["spec"]["template"]["spec"]["containers"][0]
    }

    /// What Kubernetes makes of an argument, by its documentation: `$(NAME)` is a variable, `$$` is `$`.
    fn expanded(text: &str) -> String {
        let mut letters = text.chars().peekable();
        let mut out = String::new();
        while let Some(letter) = letters.next() {
            match (letter, letters.peek()) {
                ('$', Some('$')) => {
                    letters.next();
                    out.push('$');
                }
                ('$', Some('(')) => panic!("a variable in {text}"),
                _ => out.push(letter),
            }
        }
        out
    }

    fn arguments(job: &Yaml<'_>) -> Vec<String> {
        let words = container(job)["args"].as_vec().unwrap();
        words.iter().map(|word| expanded(word.as_str().unwrap())).collect()
    }

    proptest! {
        #[test]
        fn pods_get_exactly_the_words(out in printable(), manifest in printable(), model in printable(), image in printable()) {
            let out = format!("/retally/{}", out.replace('/', "_"));
            let mut job = job();
            job.image = word(&image);
            let text = job.file(&plan(&out, &manifest, &model)).unwrap().text;
            let [run, merge] = load(&text);
            let everywhere = vec!["--offline".to_owned(), format!("--manifest={manifest}")];
            let mut expected = everywhere.clone();
            expected.extend(["run", "starter"].map(str::to_owned));
            expected.extend([format!("--out={out}"), "--shards=8".to_owned(), "--device=cpu".to_owned(), format!("--model={model}")]);
            prop_assert_eq!(arguments(&run), expected);
            let mut expected = everywhere;
            expected.extend(["merge".to_owned(), out]);
            prop_assert_eq!(arguments(&merge), expected);
            for one in [&run, &merge] {
                prop_assert_eq!(container(one)["image"].as_str(), Some(image.as_str()));
            }
        }
    }

    #[test]
    fn exit_codes_have_their_rules() {
        let text = job().file(&plan("/retally/x", "m", "x")).unwrap().text;
        let [run, merge] = load(&text);
        let rules = |job: &Yaml<'_>| -> Vec<(String, Vec<i64>)> {
            let rules = job["spec"]["podFailurePolicy"]["rules"].as_vec().unwrap();
            let one = |rule: &Yaml<'_>| {
                let codes =
                    rule.as_mapping_get("onExitCodes").and_then(|codes| codes["values"].as_vec());
                let codes = codes.into_iter().flatten().map(|code| code.as_integer().unwrap());
                (rule["action"].as_str().unwrap().to_owned(), codes.collect())
            };
            rules.iter().map(one).collect()
        };
        let rule = |action: &str, codes: &[i64]| (action.to_owned(), codes.to_vec());
        assert_eq!(
            rules(&run),
            [rule("Ignore", &[]), rule("Ignore", &[4]), rule("FailIndex", &[2])]
        );
        assert_eq!(rules(&merge), [rule("Ignore", &[]), rule("FailJob", &[1, 2, 4])]);
        // `FailIndex` and retries per index want these.
        assert_eq!(run["spec"]["completionMode"].as_str(), Some("Indexed"));
        assert_eq!(run["spec"]["backoffLimitPerIndex"].as_integer(), Some(3));
        assert_eq!(run["spec"]["maxFailedIndexes"].as_integer(), Some(2));
        assert_eq!(run["spec"]["completions"].as_integer(), Some(8));
        assert_eq!(run["spec"]["parallelism"].as_integer(), Some(8));
        assert_eq!(run["spec"]["template"]["spec"]["restartPolicy"].as_str(), Some("Never"));
        assert_eq!(
            run["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_integer(),
            Some(300)
        );
        assert_eq!(merge["spec"]["suspend"].as_bool(), Some(true));
        assert!(container(&run)["resources"].as_mapping_get("limits").is_none());
    }

    #[test]
    fn what_is_asked_for_reaches_the_pods() {
        let mut plan = full_plan("/retally/x");
        plan.task.gpu = Some(Gpu::Any);
        let text = job().file(&plan).unwrap().text;
        let [run, merge] = load(&text);
        let resources = &container(&run)["resources"];
        assert_eq!(resources["limits"]["nvidia.com/gpu"].as_integer(), Some(1));
        for part in ["requests", "limits"] {
            assert_eq!(resources[part]["memory"].as_str(), Some("1500Mi"), "{part}");
        }
        assert_eq!(resources["requests"]["cpu"].as_integer(), Some(4));
        assert_eq!(run["spec"]["parallelism"].as_integer(), Some(3));
        assert!(container(&merge)["resources"].as_mapping_get("limits").is_none());
    }

    #[test]
    fn what_kubernetes_cannot_do_is_refused() {
        for out in ["retally-out/x", "/retally/../x", "/retally-x"] {
            let message = job().file(&plan(out, "m", "x")).unwrap_err().message();
            assert!(message.contains("not on the shared volume"), "{message}");
        }
        assert!(
            job().file(&full_plan("/retally/x")).unwrap_err().message().contains("nodeSelector")
        );
        let mut plan = plan("/retally/x", "m", "x");
        plan.program.store = Some(word("/store"));
        assert!(job().file(&plan).unwrap_err().message().contains("--store"));
    }
}
