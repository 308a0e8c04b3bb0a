//! `retally leaderboard build`, `serve` and `token` on the real binary.

use crate::program::{Finished, binary, json, retally, run, text};
use crate::small_submission::SmallSubmission;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[test]
fn a_folder_without_submissions_makes_an_empty_site() {
    let folder = tempfile::tempdir().unwrap();
    let (submissions, site) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&submissions).unwrap();
    let report = json(&["leaderboard", "build", text(&submissions), "--out", text(&site)], 0);
    assert_eq!(report["submissions"], 0);
    let page = fs::read_to_string(site.join("index.html")).unwrap();
    assert!(page.contains("Nothing has been submitted yet"));
    let again = run(&[
        "leaderboard",
        "build",
        text(&submissions),
        "--out",
        text(&site),
        "--title",
        "A <b> board",
    ]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(
        fs::read_to_string(site.join("index.html"))
            .unwrap()
            .contains("<title>A &lt;b&gt; board</title>")
    );
}

#[test]
fn what_cannot_be_shown_is_listed_and_damage_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let submissions = folder.path().join("in");
    let make = |name: &str| {
        let own = submissions.join("starter").join(name);
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("submission.retally"), name).unwrap();
        own
    };
    make("unverified");
    let report = json(&["leaderboard", "build", text(&submissions), "--out", text(&site)], 0);
    assert_eq!(report["left_out"][0]["kind"], "unverified");
    let damaged = make("damaged");
    fs::write(damaged.join("verification.json"), "{").unwrap();
    let report = json(&["leaderboard", "build", text(&submissions), "--out", text(&site)], 2);
    assert_eq!(report["left_out"][0]["kind"], "damaged");
    assert!(report["left_out"][0]["detail"].as_str().unwrap().contains("verification.json"));
    assert!(site.join("index.html").exists(), "the others are shown");
    let said = run(&["leaderboard", "build", text(&submissions), "--out", text(&site)]);
    assert!(
        said.stdout.contains("left out: 2") && said.stdout.contains("not verified: run"),
        "{said:?}"
    );
}

/// A message on one line, without the frame that it has for people.
fn words(message: &str) -> String {
    message.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn wrong_places_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = text(folder.path()).to_owned();
    let refused = |submissions: &str, site: &str| -> String {
        let finished = run(&["leaderboard", "build", submissions, "--out", site]);
        assert_eq!(finished.code, 2, "{finished:?}");
        words(&finished.stderr)
    };
    assert!(
        refused(&format!("{here}/none"), &format!("{here}/site"))
            .contains("not a folder of submissions")
    );
    assert!(refused(&here, &format!("{here}/site")).contains("must not lie in each other"));
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("thesis.tex"), "x").unwrap();
    assert!(refused(&here, text(other.path())).contains("is not empty and no site"));
    assert!(other.path().join("thesis.tex").exists());
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let dir = text(folder.path());
    let token = json(&["leaderboard", "token", "new", "--dir", dir, "--name", "a lab"], 0);
    assert!(token["token"].as_str().unwrap().starts_with("retally_"));
    let id = token["id"].as_str().unwrap();
    let list = json(&["leaderboard", "token", "list", "--dir", dir], 0);
    assert_eq!(
        (&list["tokens"][0]["name"], &list["tokens"][0]["revoked"]),
        (&"a lab".into(), &serde_json::Value::Null)
    );
    assert!(!list.to_string().contains(token["token"].as_str().unwrap()), "shown once");
    json(&["leaderboard", "token", "revoke", "--dir", dir, id], 0);
    let again = run(&["leaderboard", "token", "revoke", "--dir", dir, id]);
    assert!(again.code == 2 && again.stderr.contains("no good token has the id"), "{again:?}");
    let empty = run(&["leaderboard", "token", "new", "--dir", dir, "--name", ""]);
    assert_eq!(empty.code, 2, "{empty:?}");
    let nowhere = run(&["leaderboard", "token", "list", "--dir", &format!("{dir}/none")]);
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(!folder.path().join("none").exists(), "a mistyped folder is not made");
}

/// A server, which is killed when this is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(dir: &Path, more: &[&str]) -> Self {
        let arguments = ["leaderboard", "serve", "--dir", text(dir), "--listen", "127.0.0.1:0"];
        let mut child = retally(&[&arguments[..], more].concat())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                line.unwrap()
                    .strip_prefix("listening on http://")
                    .map(|rest| rest.trim_end_matches('/').to_owned())
            })
            .expect("the server says where it listens");
        // Read on, so that the server never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// One request over a connection of its own; status and body.
    fn ask(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{head}\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The server may have answered and closed before the last byte.
        let _ = stream.write_all(body);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_receives_goes_on_after_a_kill_and_ends_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let token =
        json(&["leaderboard", "token", "new", "--dir", text(folder.path()), "--name", "x"], 0);
    let token = token["token"].as_str().unwrap();
    let limit = ["--max-bytes", "100000"];
    let server = Server::start(folder.path(), &limit);
    let announce = |bytes: usize| {
        format!(
            "POST /api/submissions HTTP/1.1\r\nAuthorization: Bearer {token}\r\nX-Retally-Bytes: {bytes}\r\nX-Retally-Sha256: {}",
            "5".repeat(64)
        )
    };
    assert_eq!(server.ask(&announce(100_001), b"").0, 413);
    let nobody = announce(10).replace(token, &token.replace('_', "-"));
    assert_eq!(server.ask(&nobody, b"").0, 401);
    let (status, body) = server.ask(&announce(90_000), b"");
    assert_eq!(status, 201, "{body}");
    let begun: serde_json::Value = serde_json::from_str(body.trim()).unwrap();
    let upload = begun["upload"].as_str().unwrap();
    let send = format!(
        "PATCH /api/submissions/{upload} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nX-Retally-Offset: 0"
    );
    let (status, body) = server.ask(&send, &[1; 50_000]);
    assert_eq!(status, 200, "{body}");
    drop(server);
    let mut server = Server::start(folder.path(), &limit);
    let (status, body) = server.ask(&announce(90_000), b"");
    assert!(status == 200 && body.contains("\"offset\":50000"), "{body}");
    let (status, _) = server.ask("GET /../leaderboard.sqlite HTTP/1.1", b"");
    assert_eq!(status, 404);
    let second =
        run(&["leaderboard", "serve", "--dir", text(folder.path()), "--listen", "127.0.0.1:0"]);
    assert!(second.code == 3 && second.stderr.contains("another server works in"), "{second:?}");
    let asked = Command::new("kill").arg(server.child.id().to_string()).status().unwrap();
    assert!(asked.success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0), "SIGTERM ends it in order");
}

/// Sends the small run under a name.
fn send(server: &Server, token: &str, name: &str) -> Finished {
    let submission = SmallSubmission::get();
    let (run, key, manifest) = (submission.run(), submission.key(), submission.manifest());
    let url = format!("http://{}", server.address);
    Finished::of(
        Command::new(binary())
            .args(["--manifest", text(&manifest), "submit", text(&run), "--key", text(&key)])
            .args(["--name", name, "--to", &url])
            .env("RETALLY_TOKEN", token),
    )
}

#[test]
fn a_run_is_sent_checked_shown_and_known_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let token =
        json(&["leaderboard", "token", "new", "--dir", text(folder.path()), "--name", "x"], 0);
    let token = token["token"].as_str().unwrap();
    let server = Server::start(folder.path(), &[]);
    let sent = send(&server, token, "Small");
    assert_eq!(sent.code, 0, "{sent:?}");
    assert!(sent.stdout.contains("published"), "{sent:?}");
    let front = |server: &Server| server.ask("GET / HTTP/1.1", b"");
    let (status, page) = front(&server);
    assert!(status == 200 && page.contains("Small"), "{page}");
    let renamed = send(&server, token, "Mine now");
    assert_eq!(renamed.code, 2, "{renamed:?}");
    let said = words(&renamed.stderr);
    assert!(said.contains("it has the measurements of submission"), "{renamed:?}");
    // What was accepted is there after a kill, and is what `build` shows of the same folder.
    drop(server);
    let server = Server::start(folder.path(), &[]);
    let (_, after) = front(&server);
    assert_eq!(after, page);
    assert_eq!(send(&server, token, "Small").code, 0, "the same again is no error");
    let site = folder.path().join("site");
    let submissions = folder.path().join("submissions");
    let report = json(&["leaderboard", "build", text(&submissions), "--out", text(&site)], 0);
    assert_eq!(report["submissions"], 1);
}
