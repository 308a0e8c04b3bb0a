//! A chat endpoint on loopback whose every answer a test decides.

use super::{
    ChatClient, ChatService, ClientLimits, EndpointAddress, PlainHttp, Record, RetrySchedule,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// How often this body came before.
    pub(crate) earlier: usize,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The JSON that was sent.
    pub(crate) body: Value,
}

impl Asked {
    /// The text of the last message, or of its first part.
    pub(crate) fn text(&self) -> String {
        let content = &self.body["messages"].as_array().unwrap().last().unwrap()["content"];
        content.as_str().or_else(|| content[0]["text"].as_str()).unwrap().to_owned()
    }
}

/// What the server does.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A chat completion with this text.
    Says(String),
    /// Any status, headers and body.
    Raw(&'static str, Vec<(&'static str, String)>, String),
    /// A length, and a body that is shorter.
    Cut(usize, String),
    /// Nothing at all.
    Closes,
    /// Waits first.
    After(Duration, Box<Answer>),
}

/// A running server. Its threads end with the test process.
pub(crate) struct ChatServer {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ChatServer {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let counts = Arc::new(Mutex::new(HashMap::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, log, counts, answer) =
                    (stream.unwrap(), Arc::clone(&log), Arc::clone(&counts), Arc::clone(&answer));
                thread::spawn(move || {
                    let Some(request) = read_request(&stream, &counts) else { return };
                    log.lock().unwrap().push(request.clone());
                    give(&mut stream, answer(&request));
                });
            }
        });
        Self { port, asked }
    }

    pub(crate) fn address(&self) -> EndpointAddress {
        let text = format!("http://127.0.0.1:{}/v1", self.port);
        EndpointAddress::new(&text, PlainHttp::LoopbackOnly).unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A service of this server with the record in `folder`, short pauses and short limits.
    pub(crate) fn service(&self, folder: &Path, concurrency: usize) -> ChatService {
        let limits = ClientLimits { total: Duration::from_secs(20), ..ClientLimits::default() };
        let client = ChatClient::new(self.address(), None, limits, quick()).unwrap();
        let concurrency = NonZeroUsize::new(concurrency).unwrap();
        ChatService::new(client, Record::open(folder).unwrap(), concurrency).unwrap()
    }
}

/// Pauses of milliseconds.
pub(crate) fn quick() -> RetrySchedule {
    RetrySchedule { tries: 4, first: Duration::from_millis(2), longest: Duration::from_millis(40) }
}

fn read_request(stream: &TcpStream, counts: &Mutex<HashMap<String, usize>>) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    let mut counts = counts.lock().unwrap();
    let earlier = counts.entry(body.clone()).or_insert(0);
    *earlier += 1;
    Some(Asked { earlier: *earlier - 1, headers, body: serde_json::from_str(&body).unwrap() })
}

fn give(stream: &mut TcpStream, answer: Answer) {
    match answer {
        Answer::Says(text) => {
            give(stream, Answer::Raw("200 OK", vec![], completion("judge-1", &text)))
        }
        Answer::Raw(status, headers, body) => send(stream, status, &headers, body.len(), &body),
        Answer::Cut(length, body) => send(stream, "200 OK", &[], length, &body),
        Answer::Closes => {}
        Answer::After(pause, answer) => {
            thread::sleep(pause);
            give(stream, *answer);
        }
    }
}

/// The body of a chat completion by `model`.
pub(crate) fn completion(model: &str, text: &str) -> String {
    let message = json!({"role": "assistant", "content": text});
    json!({
        "id": "1", "model": model, "system_fingerprint": format!("{model}-build"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    })
    .to_string()
}

/// Sends an answer. A client that has gone away is its own affair.
fn send(
    stream: &mut TcpStream,
    status: &str,
    headers: &[(&str, String)],
    length: usize,
    body: &str,
) {
    let mut text =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}
