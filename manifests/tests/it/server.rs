//! A web server on loopback whose every answer a test decides, byte by byte.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// 0 for the first request of the server.
    pub(crate) index: usize,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    /// First byte of an open range.
    pub(crate) fn offset(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// A running server. Its threads end with the test process.
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server that hands each request to `answer`, and closes the connection afterwards.
    pub(crate) fn start(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, log, answer) =
                    (stream.unwrap(), Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    let request = read_request(&stream, &log);
                    answer(&request, &mut stream);
                });
            }
        });
        Self { port, requests }
    }

    /// A server that gives `body` for every path, whole or from the asked offset, with an entity tag.
    pub(crate) fn of(body: &[u8]) -> Self {
        let body = body.to_vec();
        Self::start(move |request, stream| serve(&body, request, stream))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream, log: &Mutex<Vec<Request>>) -> Request {
    let mut lines =
        BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let first = lines.next().unwrap();
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_lowercase(), value.trim().to_owned())
    });
    let headers = headers.collect();
    let mut log = log.lock().unwrap();
    let request = Request { index: log.len(), path, headers };
    log.push(request.clone());
    request
}

/// Answers properly: the whole body, or its rest with 206.
pub(crate) fn serve(body: &[u8], request: &Request, stream: &mut TcpStream) {
    match request.offset() {
        None => send(
            stream,
            "200 OK",
            &[("ETag", "\"one\""), ("Content-Length", &body.len().to_string())],
            body,
        ),
        Some(offset) => send_rest(body, offset, stream),
    }
}

/// Answers 206 with everything from `offset` on.
pub(crate) fn send_rest(body: &[u8], offset: usize, stream: &mut TcpStream) {
    let rest = &body[offset..];
    let range = format!("bytes {offset}-{}/{}", body.len() - 1, body.len());
    let headers = [
        ("ETag", "\"one\""),
        ("Content-Range", &range),
        ("Content-Length", &rest.len().to_string()),
    ];
    send(stream, "206 Partial Content", &headers, rest);
}

/// Sends a whole answer. A client that has gone away is its own affair.
pub(crate) fn send(stream: &mut TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(b"\r\n"));
    let _ = stream.write_all(body).and_then(|()| stream.flush());
}

/// Promises `length` bytes and sends only `body`.
pub(crate) fn send_short(stream: &mut TcpStream, length: usize, body: &[u8]) {
    send(stream, "200 OK", &[("ETag", "\"one\""), ("Content-Length", &length.to_string())], body);
}
