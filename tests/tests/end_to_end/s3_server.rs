//! A server on loopback that speaks as much of S3 as a run needs: objects with their ETags, conditional writes, lists in pages.

use retally_manifests::Digest;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Objects of one page of a list: few, so that lists have several.
const PAGE: usize = 5;

/// What the server knows, and does wrong.
#[derive(Default)]
struct State {
    /// By bucket and name: `bucket/run/work.jsonl`.
    objects: BTreeMap<String, Vec<u8>>,
    /// Method and name of each request.
    requests: Vec<(String, String)>,
    /// So many requests are answered with 503.
    busy: usize,
    /// Every request is answered with 403.
    is_closed: bool,
}

/// A running server. Its threads end with the test process.
pub(crate) struct S3Server {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Reply {
    status: &'static str,
    tag: Option<String>,
    body: Vec<u8>,
}

impl S3Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let server = Self { port, state: Arc::clone(&state) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&state));
                thread::spawn(move || serve(&stream, &state));
            }
        });
        server
    }

    /// The environment of a command that uses this server.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "id-of-a-test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-a-test".to_owned()),
        ]
    }

    /// The objects below a prefix, by what follows it.
    pub(crate) fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock().unwrap();
        let below = state.objects.iter();
        below
            .filter_map(|(name, bytes)| {
                Some((name.strip_prefix(prefix)?.to_owned(), bytes.clone()))
            })
            .collect()
    }

    /// Changes an object by hand; removes it if nothing is left.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock().unwrap();
        let bytes = state.objects.get_mut(name).unwrap();
        change(bytes);
        if bytes.is_empty() {
            state.objects.remove(name);
        }
    }

    /// Answers so many requests with 503 from now on.
    pub(crate) fn be_busy(&self, requests: usize) {
        self.state.lock().unwrap().busy = requests;
    }

    /// Answers every request with 403 from now on.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap().is_closed = true;
    }

    /// How many requests of a method had a name with this text.
    pub(crate) fn requests(&self, method: &str, part: &str) -> usize {
        let state = self.state.lock().unwrap();
        let is_it = |(asked, name): &&(String, String)| asked == method && name.contains(part);
        state.requests.iter().filter(is_it).count()
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let reply = state.lock().unwrap().answer(&request);
        if give(stream, &request, &reply).is_none() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query =
        pairs.map(|(name, value)| (name.to_owned(), decoded(&value.replace('+', " ")))).collect();
    Some(Request { method, path: decoded(path.trim_start_matches('/')), query, headers, body })
}

/// Without `%20` and the like.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter().copied();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            let digits = std::str::from_utf8(&digits).unwrap().to_owned();
            bytes.push(u8::from_str_radix(&digits, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", Digest::of_bytes(bytes))
}

impl Reply {
    fn of(status: &'static str) -> Self {
        let code = status.split_once(' ').unwrap().1.replace(' ', "");
        let body = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>a test</Message></Error>"
        );
        Self { status, tag: None, body: body.into_bytes() }
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Reply {
        self.requests.push((request.method.clone(), request.path.clone()));
        let is_signed = |value: &String| {
            value.starts_with("AWS4-HMAC-SHA256 Credential=id-of-a-test/")
                && !value.contains("secret-of-a-test")
        };
        if self.is_closed || !request.headers.get("authorization").is_some_and(is_signed) {
            return Reply::of("403 Forbidden");
        }
        if self.busy > 0 {
            self.busy -= 1;
            return Reply::of("503 Slow Down");
        }
        let stored = self.objects.get(&request.path);
        match request.method.as_str() {
            "GET" if request.query.contains_key("list-type") => self.list(request),
            "GET" | "HEAD" => stored.map_or_else(
                || Reply::of("404 Not Found"),
                |bytes| Reply { status: "200 OK", tag: Some(tag(bytes)), body: bytes.clone() },
            ),
            "PUT" => {
                let held = stored.map(|bytes| tag(bytes));
                let is_met =
                    match (request.headers.get("if-none-match"), request.headers.get("if-match")) {
                        (Some(any), None) => any == "*" && held.is_none(),
                        (None, Some(wanted)) => Some(wanted) == held.as_ref(),
                        (None, None) => true,
                        both => panic!("{both:?}"),
                    };
                if !is_met {
                    return Reply::of("412 Precondition Failed");
                }
                self.objects.insert(request.path.clone(), request.body.clone());
                Reply { status: "200 OK", tag: Some(tag(&request.body)), body: Vec::new() }
            }
            other => panic!("a run has no use for {other}"),
        }
    }

    fn list(&self, request: &Request) -> Reply {
        let bucket = request.path.trim_end_matches('/');
        let prefix = format!("{bucket}/{}", request.query["prefix"]);
        let after = request.query.get("continuation-token");
        let mut names = self
            .objects
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix) && after.is_none_or(|last| *name > last));
        let page: Vec<_> = names.by_ref().take(PAGE).collect();
        let mut body = String::from("<ListBucketResult>");
        for (name, bytes) in &page {
            let key = name.strip_prefix(bucket).unwrap().trim_start_matches('/');
            let _ = write!(
                body,
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                tag(bytes),
                bytes.len()
            );
        }
        if let (Some(_), Some((last, _))) = (names.next(), page.last()) {
            let _ = write!(body, "<NextContinuationToken>{last}</NextContinuationToken>");
        }
        body.push_str("</ListBucketResult>");
        Reply { status: "200 OK", tag: None, body: body.into_bytes() }
    }
}

fn give(mut stream: &TcpStream, request: &Request, reply: &Reply) -> Option<()> {
    let mut head = format!(
        "HTTP/1.1 {}\r\nContent-Length: {}\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
        reply.status,
        reply.body.len()
    );
    if let Some(tag) = &reply.tag {
        let _ = write!(head, "ETag: {tag}\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    if request.method != "HEAD" {
        stream.write_all(&reply.body).ok()?;
    }
    stream.flush().ok()
}
