//! A server as a process, and a client of its protocol.

use retally_leaderboard::server::{Record, ServerFolder};
use retally_manifests::Digest;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than any step of these tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// `test_server`, which is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
}

impl Process {
    /// Starts it. Examples are built with the tests, and lie beside their folder.
    pub(crate) fn start(folder: &Path, check_milliseconds: u64) -> Self {
        let tests = std::env::current_exe().unwrap();
        let program: PathBuf =
            tests.parent().unwrap().parent().unwrap().join("examples/test_server");
        assert!(
            program.exists(),
            "{} is missing: cargo test --release --workspace builds it",
            program.display()
        );
        let mut child = Command::new(program)
            .arg(folder)
            .arg("0")
            .arg(check_milliseconds.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = format!("http://{}", line.trim());
        assert!(address.len() > 10, "the server did not start");
        Self { child, address }
    }

    /// As `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As SIGTERM does: it ends by itself.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A token of the server in `folder`.
pub(crate) fn token(folder: &Path) -> String {
    Record::open(&ServerFolder::open(folder).unwrap()).unwrap().new_token("test").unwrap().token
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) retry_after: Option<String>,
}

/// A client with a token.
pub(crate) struct Client {
    http: reqwest::blocking::Client,
    pub(crate) address: String,
    token: String,
}

impl Client {
    pub(crate) fn new(address: &str, token: &str) -> Self {
        let http =
            reqwest::blocking::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { http, address: address.to_owned(), token: token.to_owned() }
    }

    fn answer(request: reqwest::blocking::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send()?;
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let body = serde_json::from_slice(&response.bytes()?).unwrap_or(Value::Null);
        Ok(Answer { status, body, retry_after })
    }

    pub(crate) fn announce_as(&self, sha256: &str, bytes: u64) -> Result<Answer, reqwest::Error> {
        Self::answer(
            self.http
                .post(format!("{}/api/submissions", self.address))
                .bearer_auth(&self.token)
                .header("X-Retally-Sha256", sha256)
                .header("X-Retally-Bytes", bytes),
        )
    }

    pub(crate) fn announce(&self, bundle: &[u8]) -> Result<Answer, reqwest::Error> {
        self.announce_as(&Digest::of_bytes(bundle).to_string(), bundle.len() as u64)
    }

    pub(crate) fn send(
        &self,
        upload: &str,
        offset: u64,
        piece: &[u8],
    ) -> Result<Answer, reqwest::Error> {
        Self::answer(
            self.http
                .patch(format!("{}/api/submissions/{upload}", self.address))
                .bearer_auth(&self.token)
                .header("X-Retally-Offset", offset)
                .body(piece.to_vec()),
        )
    }

    pub(crate) fn ask(&self, upload: &str) -> Result<Answer, reqwest::Error> {
        Self::answer(
            self.http
                .get(format!("{}/api/submissions/{upload}", self.address))
                .bearer_auth(&self.token),
        )
    }

    pub(crate) fn page(&self, path: &str) -> Result<(u16, Vec<u8>), reqwest::Error> {
        let response = self.http.get(format!("{}/{path}", self.address)).send()?;
        Ok((response.status().as_u16(), response.bytes()?.to_vec()))
    }

    /// Sends a bundle from wherever the server is, in pieces, and returns the upload's id.
    pub(crate) fn upload(&self, bundle: &[u8], piece: usize) -> Result<String, reqwest::Error> {
        let begun = self.announce(bundle)?;
        assert!(matches!(begun.status, 200 | 201), "{}: {}", begun.status, begun.body);
        let upload = begun.body["upload"].as_str().unwrap_or_default().to_owned();
        let mut offset = begun.body["offset"].as_u64().unwrap_or(bundle.len() as u64);
        while offset < bundle.len() as u64 {
            let rest = &bundle[offset as usize..];
            let answer = self.send(&upload, offset, &rest[..piece.min(rest.len())])?;
            assert!(matches!(answer.status, 200 | 409), "{}: {}", answer.status, answer.body);
            offset = answer.body["offset"].as_u64().unwrap();
        }
        Ok(upload)
    }

    /// Waits until an upload is published or refused.
    pub(crate) fn wait(&self, upload: &str) -> Value {
        let start = Instant::now();
        loop {
            let answer = self.ask(upload).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            if !matches!(answer.body["state"].as_str(), Some("receiving" | "verifying")) {
                return answer.body;
            }
            assert!(start.elapsed() < PATIENCE, "{}", answer.body);
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}
