//! `https:` and `hf:` sources, against servers that are slow, broken, lying or hostile.

use crate::server::{Request, Server, send, send_rest, send_short, serve};
use crate::workbench::{Workbench, artifact_text, id, manifest_of, noise};
use retally_manifests::{Digest, ErrorClass, Fetcher, Manifest, Network};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const LENGTH: usize = 300_000;

/// Fetches `content` from a server and expects it to work; returns the server's requests.
fn fetch_from(
    answer: impl Fn(&[u8], &Request, &mut TcpStream) + Send + Sync + 'static,
) -> (Workbench, Vec<Request>) {
    let content = noise(LENGTH);
    let body = content.clone();
    let server = Server::start(move |request, stream| answer(&body, request, stream));
    let bench = Workbench::new();
    let path = bench
        .fetch(&manifest_of(&content, &[&server.url("/a")]))
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(path, bench.store.object_path(&Digest::of_bytes(&content)));
    assert_eq!(bench.files("partial"), [""; 0]);
    (bench, server.requests())
}

/// Fetches `content` from a server and expects it to fail; returns the message.
fn fail_from(
    answer: impl Fn(&[u8], &Request, &mut TcpStream) + Send + Sync + 'static,
) -> (Workbench, String, ErrorClass) {
    let content = noise(LENGTH);
    let body = content.clone();
    let server = Server::start(move |request, stream| answer(&body, request, stream));
    let bench = Workbench::new();
    let error = bench.fetch(&manifest_of(&content, &[&server.url("/a")])).unwrap_err();
    assert_eq!(bench.files("objects"), [""; 0]);
    (bench, error.to_string(), error.class())
}

#[test]
fn a_download_is_stored_read_only_and_not_repeated() {
    let content = noise(LENGTH);
    let server = Server::of(&content);
    let bench = Workbench::new();
    let manifest = manifest_of(&content, &[&server.url("/a")]);
    let path = bench.fetch(&manifest).unwrap();
    assert_eq!(fs::read(&path).unwrap(), content);
    assert!(fs::metadata(&path).unwrap().permissions().readonly());
    assert_eq!(bench.fetch(&manifest).unwrap(), path);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(bench.events.lines().first().unwrap(), &format!("started a {}", server.url("/a")));
    assert_eq!(bench.events.count("verified a true"), 1);
    assert_eq!(bench.events.count("verified a false"), 1);
    assert_eq!(
        bench.events.lines().iter().filter(|line| **line == format!("progress a {LENGTH}")).count(),
        1
    );
}

#[test]
fn a_body_in_many_small_pieces_is_put_together() {
    fetch_from(|body, _, stream| {
        send(stream, "200 OK", &[("Content-Length", &body.len().to_string())], b"");
        for piece in body.chunks(997) {
            stream.write_all(piece).and_then(|()| stream.flush()).unwrap();
            thread::yield_now();
        }
    });
}

#[test]
fn a_broken_transfer_is_continued_under_its_entity_tag() {
    let (bench, requests) = fetch_from(|body, request, stream| match request.index {
        0 => send_short(stream, body.len(), &body[..100_000]),
        _ => serve(body, request, stream),
    });
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].offset(), Some(100_000));
    assert_eq!(requests[1].headers["if-range"], "\"one\"");
    assert_eq!(bench.events.count("retry a"), 1);
}

#[test]
fn a_server_that_cannot_continue_starts_again() {
    let (_, requests) = fetch_from(|body, request, stream| match request.index {
        0 => send_short(stream, body.len(), &body[..100_000]),
        _ => send_short(stream, body.len(), body),
    });
    assert_eq!(requests.len(), 2);
}

#[test]
fn a_server_that_continues_elsewhere_is_asked_from_the_beginning() {
    let (bench, requests) = fetch_from(|body, request, stream| match request.index {
        0 => send_short(stream, body.len(), &body[..100_000]),
        1 => send_rest(body, 50_000, stream),
        _ => serve(body, request, stream),
    });
    assert_eq!(requests[2].offset(), None);
    assert!(bench.events.lines().iter().any(|line| line.contains("at another place")));
}

#[test]
fn an_unsatisfiable_range_is_asked_from_the_beginning() {
    let (_, requests) = fetch_from(|body, request, stream| match request.index {
        0 => send_short(stream, body.len(), &body[..100_000]),
        1 => send(stream, "416 Range Not Satisfiable", &[("Content-Length", "0")], b""),
        _ => serve(body, request, stream),
    });
    assert_eq!(requests[2].offset(), None);
}

#[test]
fn busy_servers_are_asked_again() {
    let (bench, requests) = fetch_from(|body, request, stream| match request.index {
        0 => send(
            stream,
            "503 Service Unavailable",
            &[("Retry-After", "0"), ("Content-Length", "0")],
            b"",
        ),
        1 => send(
            stream,
            "429 Too Many Requests",
            &[("Retry-After", "soon"), ("Content-Length", "0")],
            b"",
        ),
        _ => serve(body, request, stream),
    });
    assert_eq!(requests.len(), 3);
    assert_eq!(bench.events.count("retry a the server answered 503"), 1);
    assert_eq!(bench.events.count("retry a the server answered 429"), 1);
}

#[test]
fn a_part_survives_the_process_and_is_continued() {
    let content = noise(LENGTH);
    let body = content.clone();
    let server = Server::start(move |request, stream| match request.index {
        0 => send_short(stream, body.len(), &body[..100_000]),
        1 | 2 => send(stream, "500 Internal Server Error", &[("Content-Length", "0")], b""),
        _ => serve(&body, request, stream),
    });
    let bench = Workbench::new();
    let manifest = manifest_of(&content, &[&server.url("/a")]);
    let error = bench.fetch(&manifest).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Temporary);
    assert!(
        error.to_string().contains("the server answered 500 Internal Server Error (tried 3 times)"),
        "{error}"
    );
    let digest = Digest::of_bytes(&content);
    assert_eq!(bench.files("partial"), [format!("{digest}.part"), format!("{digest}.tag")]);
    bench.fetch(&manifest).unwrap();
    assert_eq!(server.requests()[3].offset(), Some(100_000));
    assert_eq!(bench.files("partial"), [""; 0]);
}

#[test]
fn a_poisoned_part_costs_a_second_download_and_nothing_else() {
    let content = noise(LENGTH);
    let server = Server::of(&content);
    let bench = Workbench::new();
    let partial = bench.store.home().join("partial");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join(format!("{}.part", Digest::of_bytes(&content))), vec![7; 1000]).unwrap();
    let path = bench.fetch(&manifest_of(&content, &[&server.url("/a")])).unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    let offsets: Vec<_> = server.requests().iter().map(Request::offset).collect();
    assert_eq!(offsets, [Some(1000), None]);
    assert!(!server.requests()[0].headers.contains_key("if-range"));
}

#[test]
fn a_part_that_is_too_long_is_dropped() {
    let content = noise(1000);
    let server = Server::of(&content);
    let bench = Workbench::new();
    let partial = bench.store.home().join("partial");
    fs::create_dir_all(&partial).unwrap();
    fs::write(partial.join(format!("{}.part", Digest::of_bytes(&content))), vec![7; 1001]).unwrap();
    bench.fetch(&manifest_of(&content, &[&server.url("/a")])).unwrap();
    assert_eq!(server.requests()[0].offset(), None);
}

#[test]
fn other_bytes_of_the_same_length_are_refused_and_not_kept() {
    let (bench, message, class) = fail_from(|body, request, stream| {
        let mut other = body.to_vec();
        other[LENGTH / 2] ^= 1;
        serve(&other, request, stream);
    });
    assert!(
        message.contains("its SHA-256 is ") && message.contains("the manifest says"),
        "{message}"
    );
    assert_eq!(class, ErrorClass::Invalid);
    bench.assert_empty();
}

#[test]
fn a_wrong_length_is_refused_before_the_body_is_read() {
    for length in [0, LENGTH - 1, LENGTH + 1, i64::MAX as usize] {
        let (bench, message, class) =
            fail_from(move |_, _, stream| send_short(stream, length, b""));
        assert!(
            message.contains(&format!("offers {length} bytes, the manifest says {LENGTH}")),
            "{message}"
        );
        assert_eq!(class, ErrorClass::Invalid);
        assert_eq!(bench.events.count("retry"), 0);
        bench.assert_empty();
    }
}

#[test]
fn an_endless_body_is_cut_off_and_not_kept() {
    let (bench, message, class) = fail_from(|_, _, stream| {
        send(stream, "200 OK", &[], b"");
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    assert!(message.contains("it has more than the 300000 bytes"), "{message}");
    assert_eq!(class, ErrorClass::Invalid);
    assert_eq!(bench.files("objects"), [""; 0]);
    assert!(bench.files("partial").iter().all(|name| !name.ends_with(".part")));
}

#[test]
fn a_body_that_always_ends_early_is_a_temporary_failure() {
    let (_, message, class) = fail_from(|body, request, stream| match request.offset() {
        None => send(stream, "200 OK", &[], &body[..1000]),
        Some(offset) => {
            let range = format!("bytes {offset}-{}/{}", body.len() - 1, body.len());
            send(stream, "206 Partial Content", &[("Content-Range", &range)], b"");
        }
    });
    assert!(
        message.contains("the transfer ended after 1000 of 300000 bytes (tried 3 times)"),
        "{message}"
    );
    assert_eq!(class, ErrorClass::Temporary);
}

#[test]
fn a_silent_server_is_left_after_a_while() {
    let server = Server::start(|_, stream| {
        let mut byte = [0];
        let _ = std::io::Read::read(stream, &mut byte);
    });
    let mut bench = Workbench::new();
    bench.settings.retries.silence = Duration::from_millis(50);
    let error = bench.fetch(&manifest_of(b"content", &[&server.url("/a")])).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Temporary);
    assert!(error.to_string().contains("(tried 3 times)"), "{error}");
}

#[test]
fn an_unreachable_server_is_a_temporary_failure() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    drop(listener);
    let bench = Workbench::new();
    let error = bench.fetch(&manifest_of(b"content", &[&url])).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Temporary);
    bench.assert_empty();
}

#[test]
fn redirects_on_this_machine_are_followed() {
    let (_, requests) = fetch_from(|body, request, stream| match request.path.as_str() {
        "/a" => send(stream, "302 Found", &[("Location", "/b"), ("Content-Length", "0")], b""),
        _ => serve(body, request, stream),
    });
    assert_eq!(requests[1].path, "/b");
}

#[test]
fn a_redirect_to_plain_http_is_refused() {
    let (bench, message, class) = fail_from(|_, _, stream| {
        send(
            stream,
            "302 Found",
            &[("Location", "http://example.org/a"), ("Content-Length", "0")],
            b"",
        );
    });
    assert!(
        message.contains("redirects to `http://example.org/a`, which is not https"),
        "{message}"
    );
    assert_eq!(class, ErrorClass::Invalid);
    assert_eq!(bench.events.count("retry"), 0);
}

#[test]
fn a_redirect_loop_is_refused() {
    let (_, message, class) = fail_from(|_, request, stream| {
        let target = if request.path == "/a" { "/b" } else { "/a" };
        send(
            stream,
            "301 Moved Permanently",
            &[("Location", target), ("Content-Length", "0")],
            b"",
        );
    });
    assert!(message.contains("redirects more than 10 times"), "{message}");
    assert_eq!(class, ErrorClass::Invalid);
}

#[test]
fn mirrors_are_tried_in_their_order() {
    let content = noise(1000);
    let gone =
        Server::start(|_, stream| send(stream, "404 Not Found", &[("Content-Length", "0")], b""));
    let (mirror, never) = (Server::of(&content), Server::of(&content));
    let bench = Workbench::new();
    let sources = [gone.url("/a"), mirror.url("/a"), never.url("/a")];
    bench.fetch(&manifest_of(&content, &sources.each_ref().map(String::as_str))).unwrap();
    let asked = [gone, mirror, never].map(|server| server.requests().len());
    assert_eq!(asked, [1, 1, 0]);
    assert_eq!(bench.events.count("failed a the server answered 404 Not Found"), 1);
}

#[test]
fn the_error_lists_every_source_with_its_reason() {
    let gone =
        Server::start(|_, stream| send(stream, "404 Not Found", &[("Content-Length", "0")], b""));
    let wrong = Server::of(b"CONTENT");
    let bench = Workbench::new();
    let sources = [gone.url("/a"), wrong.url("/a"), "file:/nowhere/a".to_owned()];
    let error =
        bench.fetch(&manifest_of(b"content", &sources.each_ref().map(String::as_str))).unwrap_err();
    let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{error}");
    assert_eq!(lines[0], "cannot fetch artifact `a`; every way to get it failed:");
    assert_eq!(lines[1], format!("  {}: the server answered 404 Not Found", sources[0]));
    assert!(lines[2].contains("its SHA-256 is "), "{error}");
    assert!(
        lines[3].starts_with("  file:/nowhere/a: cannot read `/nowhere/a`: No such file"),
        "{error}"
    );
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert_eq!(error.attempts().len(), 3);
}

#[test]
fn a_hub_file_is_asked_for_by_repository_and_revision() {
    let content = noise(1000);
    let server = Server::of(&content);
    let mut bench = Workbench::new();
    bench.settings.hub = server.url("/mirror/");
    bench.fetch(&manifest_of(&content, &["hf:owner/name@0123abc/onnx/model.onnx"])).unwrap();
    assert_eq!(server.requests()[0].path, "/mirror/owner/name/resolve/0123abc/onnx/model.onnx");
}

#[test]
fn a_hub_address_that_is_not_https_is_refused() {
    let mut bench = Workbench::new();
    bench.settings.hub = "http://example.org".to_owned();
    let error = bench.fetch(&manifest_of(b"content", &["hf:owner/name@main/a"])).unwrap_err();
    assert!(error.to_string().contains("only https is allowed"), "{error}");
    assert_eq!(error.class(), ErrorClass::Invalid);
}

#[test]
fn offline_asks_nobody_and_names_the_command() {
    let content = noise(1000);
    let server = Server::of(&content);
    let bench = Workbench::new();
    let manifest = manifest_of(&content, &[&server.url("/a")]);
    let error = bench.fetch_with(&manifest, Network::Forbidden).unwrap_err();
    assert!(
        error.to_string().contains("run `retally fetch a` where there is a network"),
        "{error}"
    );
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert_eq!(server.requests().len(), 0);
    bench.fetch(&manifest).unwrap();
    bench.fetch_with(&manifest, Network::Forbidden).unwrap();
}

#[test]
fn a_damaged_object_is_replaced() {
    let content = noise(1000);
    let server = Server::of(&content);
    let bench = Workbench::new();
    let manifest = manifest_of(&content, &[&server.url("/a")]);
    let path = bench.fetch(&manifest).unwrap();
    for damage in [vec![0; 1000], vec![0; 10]] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, damage).unwrap();
        assert!(bench.store.verified(manifest.artifact("a").unwrap()).is_err());
        bench.fetch(&manifest).unwrap();
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    assert_eq!(bench.events.count("damaged a"), 2);
}

#[test]
fn threads_that_want_the_same_fetch_it_once() {
    let content = noise(LENGTH);
    let server = Server::of(&content);
    let bench = Workbench::new();
    let manifest = manifest_of(&content, &[&server.url("/a")]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| bench.fetch(&manifest).unwrap());
        }
    });
    assert_eq!(server.requests().len(), 1);
    assert_eq!(bench.events.count("verified a"), 8);
}

/// Variables that turn the test `other_process_fetches` into the second process of another test.
const CHILD_HOME: &str = "RETALLY_TEST_CHILD_HOME";
const CHILD_MANIFEST: &str = "RETALLY_TEST_CHILD_MANIFEST";

#[test]
fn processes_that_want_the_same_fetch_it_once() {
    let content = noise(LENGTH);
    let server = Server::of(&content);
    let bench = Workbench::new();
    let text = artifact_text("a", &content, &[&server.url("/a")]);
    let children: Vec<_> = (0..3)
        .map(|_| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "download::other_process_fetches"])
                .env(CHILD_HOME, bench.store.home())
                .env(CHILD_MANIFEST, &text)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(server.requests().len(), 1);
    assert_eq!(bench.files("objects").len(), 1);
}

/// A limit on the size of files stands in for a full disk: the write fails in the middle.
#[cfg(unix)]
#[test]
fn a_write_that_fails_in_the_middle_leaves_nothing_and_asks_no_other_mirror() {
    let content = noise(LENGTH);
    let (server, mirror) = (Server::of(&content), Server::of(&content));
    let bench = Workbench::new();
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" --nocapture --exact download::other_process_fetches"])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD_HOME, bench.store.home())
        .env(CHILD_MANIFEST, artifact_text("a", &content, &[&server.url("/a"), &mirror.url("/a")]))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("Full { action: \"write\""), "{message}");
    assert_eq!((server.requests().len(), mirror.requests().len()), (1, 0));
    assert_eq!(bench.files("objects"), [""; 0]);
    assert!(bench.files("partial").iter().all(|name| !name.ends_with(".part")));
}

/// Does nothing unless a test started it as a process of its own.
#[test]
fn other_process_fetches() {
    let (Some(home), Ok(text)) = (std::env::var_os(CHILD_HOME), std::env::var(CHILD_MANIFEST))
    else {
        return;
    };
    let store = retally_manifests::Store::open(Some(home.as_ref())).unwrap();
    let manifest = Manifest::parse("child.toml", &text).unwrap();
    let silent = retally_manifests::Silent;
    Fetcher::new(&store, &manifest, Network::Allowed, &silent).fetch(&id("a")).unwrap();
}
