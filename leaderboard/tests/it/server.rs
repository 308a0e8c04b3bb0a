//! The server as a process: who may send, what is refused, and what a kill leaves.

use crate::client::{Client, Process, token};
use retally_leaderboard::Collection;
use retally_leaderboard::server::{Record, ServerFolder};
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

/// A bundle of the test's checker: synthetic submission `number`, filled up to `length`.
fn bundle(number: usize, length: usize) -> Vec<u8> {
    let mut text = format!("{{\"number\":{number},\"valid\":true,\"filling\":\"");
    while text.len() + 2 < length {
        text.push(char::from(b'a' + ((number + text.len()) % 26) as u8));
    }
    text.push_str("\"}");
    text.into_bytes()
}

fn published(folder: &Path) -> usize {
    let collection = Collection::read(&folder.join("submissions"), &|| ()).unwrap();
    assert!(collection.left_out.is_empty(), "{:?}", collection.left_out);
    collection.submissions.len()
}

#[test]
fn a_submission_is_sent_checked_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let server = Process::start(folder.path(), 0);
    let client = Client::new(&server.address, &token);
    let bundle = bundle(1, 30_000);
    let begun = client.announce(&bundle).unwrap();
    assert_eq!((begun.status, &begun.body["offset"]), (201, &0.into()));
    let upload = client.upload(&bundle, 7_000).unwrap();
    assert_eq!(begun.body["upload"], upload.as_str(), "the same bytes are the same upload");
    let done = client.wait(&upload);
    assert_eq!(done["state"], "published");
    let id = done["id"].as_str().unwrap();
    let (status, page) = client.page(&format!("submissions/{id}/index.html")).unwrap();
    assert_eq!(status, 200, "what is published is shown");
    assert!(String::from_utf8(page).unwrap().contains("Workstation run 1"));
    let (status, bytes) = client.page(&format!("submissions/{id}/submission.retally")).unwrap();
    assert!(status == 200 && bytes == bundle, "the bundle is the one that was sent");
    assert_eq!(client.page("").unwrap().0, 200);
    assert_eq!(client.page("submissions/../leaderboard.sqlite").unwrap().0, 404);
    assert_eq!(client.page("%2e%2e/leaderboard.sqlite").unwrap().0, 404);
    let again = client.announce(&bundle).unwrap();
    assert_eq!(
        (again.status, &again.body["state"], &again.body["id"]),
        (200, &"published".into(), &id.into())
    );
    server.stop();
}

#[test]
fn only_good_tokens_may_send() {
    let folder = tempfile::tempdir().unwrap();
    let good = token(folder.path());
    let server = Process::start(folder.path(), 0);
    let bundle = bundle(1, 1_000);
    for wrong in ["", "retally", &good.replace('a', "b"), &format!("{good}0")] {
        let client = Client::new(&server.address, wrong);
        if *wrong != good {
            assert_eq!(client.announce(&bundle).unwrap().status, 401, "{wrong}");
        }
    }
    let client = Client::new(&server.address, &good);
    let upload = client.announce(&bundle).unwrap().body["upload"].as_str().unwrap().to_owned();
    let other = Client::new(&server.address, &token(folder.path()));
    assert_eq!(other.ask(&upload).unwrap().status, 404, "uploads are their token's alone");
    assert_eq!(other.send(&upload, 0, &bundle).unwrap().status, 404);
    let record = Record::open(&ServerFolder::open(folder.path()).unwrap()).unwrap();
    let id = good.split('_').nth(1).unwrap();
    assert!(record.revoke_token(id).unwrap());
    assert!(!record.revoke_token(id).unwrap());
    assert_eq!(client.send(&upload, 0, &bundle).unwrap().status, 401, "revoked at once");
    // The newest pages are in the log beside the file.
    let stored = ["leaderboard.sqlite", "leaderboard.sqlite-wal"]
        .map(|name| std::fs::read(folder.path().join(name)).unwrap_or_default())
        .concat();
    assert!(stored.len() > 1_000);
    let secret = good.split('_').nth(2).unwrap().as_bytes();
    assert!(!stored.windows(secret.len()).any(|window| window == secret), "tokens are not kept");
}

#[test]
fn too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), 0);
    let client = Client::new(&server.address, &token(folder.path()));
    let digest = "0".repeat(64);
    assert_eq!(client.announce_as(&digest, (20 << 20) + 1).unwrap().status, 413, "announced");
    assert_eq!(client.announce_as(&digest, 0).unwrap().status, 400);
    assert_eq!(client.announce_as("xyz", 10).unwrap().status, 400);
    let bundle = bundle(1, 1_000);
    let upload = client.announce(&bundle).unwrap().body["upload"].as_str().unwrap().to_owned();
    let longer = [&bundle[..], b"more"].concat();
    assert_eq!(client.send(&upload, 0, &longer).unwrap().status, 413, "sent");
    assert_eq!(client.ask(&upload).unwrap().body["offset"], 0, "nothing of it is kept");
    let piece = vec![0; (8 << 20) + 1];
    let large = client.announce_as(&"1".repeat(64), 19 << 20).unwrap().body["upload"]
        .as_str()
        .unwrap()
        .to_owned();
    let stranger = Client::new(&server.address, "retally_0_0");
    // Again and again: a connection that is closed over unread bytes loses the answer now and then.
    for _ in 0..20 {
        assert_eq!(client.send(&large, 0, &piece).unwrap().status, 413, "a piece");
        assert_eq!(stranger.send(&large, 0, &piece).unwrap().status, 401);
        assert_eq!(client.send(&large, 7, &piece).unwrap().status, 409);
    }
    let wrong = client.send(&upload, 5, &bundle[5..]).unwrap();
    assert_eq!((wrong.status, &wrong.body["offset"]), (409, &0.into()), "with the true offset");
    let mut last = None;
    for number in 0..81 {
        let answer = client.announce_as(&format!("{number:064}"), 10).unwrap();
        if answer.status != 201 {
            last = Some(answer);
            break;
        }
    }
    let last = last.expect("a limit");
    assert_eq!(last.status, 429, "{}", last.body);
    assert!(last.retry_after.unwrap().parse::<u64>().unwrap() > 0);
}

#[test]
fn what_does_not_hold_is_refused_with_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), 0);
    let client = Client::new(&server.address, &token(folder.path()));
    let upload = client.upload(b"{\"number\":1,\"valid\":false}", 100).unwrap();
    let refused = client.wait(&upload);
    assert_eq!(
        (refused["state"].as_str(), refused["reasons"][0].as_str()),
        (Some("refused"), Some("it says that it is not valid"))
    );
    let bundle = bundle(2, 500);
    let begun = client.announce_as(&"a".repeat(64), bundle.len() as u64).unwrap();
    let upload = begun.body["upload"].as_str().unwrap().to_owned();
    assert_eq!(client.send(&upload, 0, &bundle).unwrap().status, 200);
    let refused = client.wait(&upload);
    assert!(
        refused["reasons"][0].as_str().unwrap().contains("the bytes that came have the SHA-256")
    );
    assert_eq!(
        client.announce_as(&"a".repeat(64), bundle.len() as u64).unwrap().status,
        201,
        "they may be sent again"
    );
    // The same submission in other bytes.
    let first = client.upload(&self::bundle(5, 600), 600).unwrap();
    assert_eq!(client.wait(&first)["state"], "published");
    let second = client.upload(&self::bundle(5, 700), 700).unwrap();
    assert!(client.wait(&second)["reasons"][0].as_str().unwrap().contains("already known"));
    assert_eq!(published(folder.path()), 1);
}

/// Fifty clients, each with a submission of its own; the server is killed four times on the way.
#[test]
fn nothing_accepted_is_lost_and_nothing_half_is_shown() {
    const CLIENTS: usize = 50;
    const BEGUN: usize = 5;
    const PIECE: usize = 30_000;
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let bundles: Vec<Vec<u8>> =
        (0..CLIENTS).map(|number| bundle(number, 200_000 + 1_000 * number)).collect();
    let server = Process::start(folder.path(), 0);
    let client = Client::new(&server.address, &token);
    for bundle in &bundles[..BEGUN] {
        let upload = client.announce(bundle).unwrap().body["upload"].as_str().unwrap().to_owned();
        assert_eq!(client.send(&upload, 0, &bundle[..PIECE]).unwrap().status, 200);
    }
    server.kill();
    let server = Process::start(folder.path(), 0);
    let client = Client::new(&server.address, &token);
    for bundle in &bundles[..BEGUN] {
        let offset = client.announce(bundle).unwrap().body["offset"].clone();
        assert_eq!(offset, PIECE, "an upload goes on at its last acknowledged byte");
    }
    server.kill();
    // Each kill comes at another moment: while bytes come, and while bundles are checked.
    for milliseconds in [150, 400] {
        let server = Process::start(folder.path(), 20);
        let address = server.address.clone();
        std::thread::scope(|scope| {
            for bundle in &bundles {
                let (address, token) = (&address, &token);
                scope.spawn(move || {
                    // The server goes away: an error is what is expected.
                    let _ = Client::new(address, token).upload(bundle, PIECE);
                });
            }
            std::thread::sleep(Duration::from_millis(milliseconds));
            server.kill();
        });
        let shown = published(folder.path());
        println!("killed after {milliseconds} ms: {shown} accepted so far");
    }
    let server = Process::start(folder.path(), 0);
    let client = Client::new(&server.address, &token);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = bundles
            .iter()
            .map(|bundle| {
                let (address, token) = (&server.address, &token);
                scope.spawn(move || {
                    let client = Client::new(address, token);
                    let begun = client.announce(bundle).unwrap();
                    if begun.body["state"] == "published" {
                        return begun.body["id"].as_str().unwrap().to_owned();
                    }
                    let upload = client.upload(bundle, 50_000).unwrap();
                    let done = if upload.is_empty() {
                        client.announce(bundle).unwrap().body
                    } else {
                        client.wait(&upload)
                    };
                    assert_eq!(done["state"], "published", "{done}");
                    done["id"].as_str().unwrap().to_owned()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), CLIENTS);
    for id in &ids {
        let (status, page) = client.page(&format!("submissions/{id}/index.html")).unwrap();
        assert!(status == 200 && page.ends_with(b"</html>\n"), "{id} is shown, whole");
    }
    let index: serde_json::Value =
        serde_json::from_slice(&client.page("data/leaderboard.json").unwrap().1).unwrap();
    assert_eq!(index["suites"][0]["submissions"].as_array().unwrap().len(), CLIENTS);
    assert_eq!(published(folder.path()), CLIENTS);
    server.stop();
    let parts = std::fs::read_dir(folder.path().join("uploads")).unwrap().count();
    assert_eq!(parts, 0, "nothing is left of finished uploads");
    let sites = std::fs::read_dir(folder.path().join("sites")).unwrap().count();
    assert!(sites <= 2, "{sites} sites are kept");
}

#[test]
fn a_check_that_was_under_way_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let bundle = bundle(9, 5_000);
    let server = Process::start(folder.path(), 60_000);
    let client = Client::new(&server.address, &token);
    let upload = client.upload(&bundle, 5_000).unwrap();
    assert_eq!(client.ask(&upload).unwrap().body["state"], "verifying");
    std::thread::sleep(Duration::from_millis(100));
    server.kill();
    assert_eq!(published(folder.path()), 0);
    let server = Process::start(folder.path(), 0);
    let client = Client::new(&server.address, &token);
    assert_eq!(client.wait(&upload)["state"], "published", "the client need not do anything");
    assert_eq!(published(folder.path()), 1);
}

/// Kills land while a site is written, replaced or removed; the next start clears what they left, and nothing else.
#[test]
fn what_a_kill_left_among_the_sites_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(folder.path());
    let server = Process::start(folder.path(), 0);
    let client = Client::new(&server.address, &token);
    let upload = client.upload(&bundle(11, 5_000), 5_000).unwrap();
    assert_eq!(client.wait(&upload)["state"], "published");
    server.kill();
    let sites = folder.path().join("sites");
    for left in [".retally-site-4f2a", ".retally-old-91bc", "1", "000", "notes of its owner"] {
        let _ = std::fs::remove_dir_all(sites.join(left));
        std::fs::create_dir_all(sites.join(left).join("data")).unwrap();
        std::fs::write(sites.join(left).join("data/half.json"), "{").unwrap();
    }
    Process::start(folder.path(), 0).stop();
    let mut left: Vec<_> = std::fs::read_dir(&sites)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left.pop().unwrap(), "notes of its owner", "what is not the server's stays");
    assert!((1..=2).contains(&left.len()), "{left:?}");
    assert!(left.iter().all(|site| site.parse::<u64>().is_ok_and(|number| number > 1)), "{left:?}");
    assert_eq!(published(folder.path()), 1);
}

#[test]
fn one_server_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Process::start(folder.path(), 0);
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/test_server");
    let second = std::process::Command::new(program).arg(folder.path()).arg("0").output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another server works in"));
}
