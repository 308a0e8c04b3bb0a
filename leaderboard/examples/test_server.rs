//! A server with a checker for tests, as a process that can be killed: `test_server FOLDER PORT [CHECK-MILLISECONDS]`.
//!
//! Its bundles are JSON (`{"number":3,"valid":true}` and a filling): a valid one is the synthetic submission of that number.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this serves tests"
)]

#[allow(dead_code, reason = "others need the rest")]
#[path = "../tests/support/synthetic.rs"]
mod synthetic;

use retally_leaderboard::server::{
    Limits, Server, ServerFolder, Settings, Verifier, VerifierFailure,
};
use retally_submissions::{Check, CheckKind, CheckResult, Verification};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

struct TestVerifier {
    pause: Duration,
}

#[derive(serde::Deserialize)]
struct TestBundle {
    number: usize,
    valid: bool,
}

impl Verifier for TestVerifier {
    fn verify(
        &self,
        bundle: &Path,
        _known: &Path,
        into: &Path,
    ) -> Result<Verification, VerifierFailure> {
        std::thread::sleep(self.pause);
        let bytes = std::fs::read(bundle).map_err(|error| VerifierFailure(error.to_string()))?;
        let mut report = synthetic::verification(&bytes, false);
        match serde_json::from_slice::<TestBundle>(&bytes) {
            Ok(TestBundle { number, valid: true }) => {
                let (entry, scores) = synthetic::submission(number, synthetic::SMALL);
                std::fs::write(into.join("entry.json"), serde_json::to_vec(&entry).unwrap())
                    .unwrap();
                std::fs::write(
                    into.join("scores.safetensors"),
                    synthetic::scores_file("x", &scores),
                )
                .unwrap();
            }
            _ => report.checks.push(Check {
                kind: CheckKind::Signature,
                detail: "the test's signature".to_owned(),
                result: CheckResult::Failed {
                    reasons: vec!["it says that it is not valid".to_owned()],
                },
            }),
        }
        Ok(report)
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let pause = words.get(3).and_then(|word| word.parse().ok()).unwrap_or(0);
    let folder = ServerFolder::open(Path::new(&words[1])).unwrap();
    let settings = Settings {
        listen: format!("127.0.0.1:{}", words[2]).parse().unwrap(),
        title: "Test".to_owned(),
        limits: Limits {
            bundle_bytes: 20 << 20,
            uploads_an_hour: 80,
            open_uploads: 60,
            ..Limits::default()
        },
        checks_at_once: 2,
        verifier: Arc::new(TestVerifier { pause: Duration::from_millis(pause) }),
        log: Arc::new(|line: &str| eprintln!("{line}")),
    };
    let server = Server::start(&folder, settings).unwrap();
    println!("{}", server.address());
    // Ends when standard input does: a test that fails leaves no server behind.
    let (end, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        end.send(()).unwrap();
    });
    server.run(&|| ended.try_recv().is_ok()).unwrap();
}
