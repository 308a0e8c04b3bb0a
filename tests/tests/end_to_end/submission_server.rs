//! A server on loopback that speaks the upload protocol of docs/submissions.md, and can misbehave.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The token that the server knows.
pub(crate) const TOKEN: &str = "token-of-a-test";

/// What the server does wrong, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Nothing.
    Good,
    /// It breaks the connection in the middle of the first piece, of which it keeps half; and asks for patience once.
    Breaks,
    /// It refuses what it gets.
    Refuses,
    /// It answers 413.
    Small,
    /// It redirects to another address.
    Redirects,
}

#[derive(Default)]
struct State {
    received: Vec<u8>,
    expected: u64,
    requests: Vec<String>,
    broke: bool,
    polls: usize,
}

/// A running server. Its thread ends with the test process.
pub(crate) struct SubmissionServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl SubmissionServer {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), manner, &shared);
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/board", self.port)
    }

    pub(crate) fn received(&self) -> Vec<u8> {
        self.state.lock().unwrap().received.clone()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

/// One request a connection.
fn serve(mut stream: TcpStream, manner: Manner, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        head.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let mut state = state.lock().unwrap();
    state.requests.push(head[0].clone());
    if header("authorization") != Some(format!("Bearer {TOKEN}")) {
        return answer(&mut stream, "401 Unauthorized", &json!({ "error": "no such token" }));
    }
    let number = |name: &str| header(name).and_then(|value| value.parse::<u64>().ok());
    let length = number("content-length").unwrap_or(0);
    match head[0].split(' ').next()? {
        "POST" if manner == Manner::Small => answer(&mut stream, "413 Payload Too Large", &json!({ "error": "too large" })),
        "POST" if manner == Manner::Redirects => {
            stream.write_all(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/steal\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()
        }
        "POST" => {
            assert_eq!(head[0], "POST /board/api/submissions HTTP/1.1");
            assert_eq!(header("x-retally-sha256")?.len(), 64);
            state.expected = number("x-retally-bytes")?;
            let offset = state.received.len();
            let status = if offset == 0 { "201 Created" } else { "200 OK" };
            answer(&mut stream, status, &json!({ "upload": "u-1", "offset": offset }))
        }
        "PATCH" => {
            assert!(length <= 8 << 20, "a piece of {length} bytes");
            let offset = number("x-retally-offset")?;
            if offset != state.received.len() as u64 {
                let true_offset = state.received.len();
                return answer(&mut stream, "409 Conflict", &json!({ "offset": true_offset }));
            }
            let breaks = manner == Manner::Breaks && !state.broke;
            let wanted = if breaks { length / 2 } else { length };
            let mut piece = vec![0; wanted as usize];
            reader.read_exact(&mut piece).ok()?;
            state.received.extend(piece);
            if breaks {
                state.broke = true;
                return None;
            }
            let offset = state.received.len();
            answer(&mut stream, "200 OK", &json!({ "offset": offset }))
        }
        _ => {
            state.polls += 1;
            if manner == Manner::Breaks && state.polls == 1 {
                return stream.write_all(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok();
            }
            let body = match manner {
                _ if (state.received.len() as u64) < state.expected => json!({ "state": "receiving", "offset": state.received.len() }),
                Manner::Refuses => json!({ "state": "refused", "reasons": ["recomputation: LDS differs", format!("echo {TOKEN}")] }),
                _ if state.polls < 3 => json!({ "state": "verifying" }),
                _ => json!({ "state": "published", "id": "abc" }),
            };
            answer(&mut stream, "200 OK", &body)
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &Value) -> Option<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()
}
