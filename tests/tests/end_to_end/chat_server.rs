//! A chat endpoint on loopback that a test decides the answers of, and that counts.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// How often the same body came before.
    pub(crate) earlier: usize,
    /// The value of the `Authorization` header.
    pub(crate) authorization: String,
    /// What was sent.
    pub(crate) body: Value,
}

impl Asked {
    /// All texts of all messages.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for message in self.body["messages"].as_array().unwrap() {
            let content = &message["content"];
            text.push_str(content.as_str().unwrap_or_default());
            for part in content.as_array().into_iter().flatten() {
                text.push_str(part["text"].as_str().unwrap_or_default());
                text.push('\n');
            }
        }
        text
    }

    /// How many pictures are shown.
    pub(crate) fn pictures(&self) -> usize {
        let text = self.body.to_string();
        text.matches("data:image/").count()
    }
}

/// What the server does.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A chat completion with this text.
    Says(String),
    /// Any status line and body.
    Raw(&'static str, String),
    /// Half of a chat completion, then the end of the connection.
    Breaks,
    /// Nothing, ever.
    Hangs,
    /// Waits first.
    After(Duration, Box<Answer>),
}

/// A running server. Its threads end with the test process.
pub(crate) struct ChatServer {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    answered: Arc<Mutex<HashMap<String, usize>>>,
}

impl ChatServer {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, asked: Arc::default(), answered: Arc::default() };
        let (asked, answered, answer) =
            (Arc::clone(&server.asked), Arc::clone(&server.answered), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, asked, answered, answer) = (
                    stream.unwrap(),
                    Arc::clone(&asked),
                    Arc::clone(&answered),
                    Arc::clone(&answer),
                );
                thread::spawn(move || {
                    let Some((authorization, text)) = read_request(&stream) else { return };
                    let body: Value = serde_json::from_str(&text).unwrap();
                    let request = {
                        let mut asked = asked.lock().unwrap();
                        let earlier = asked.iter().filter(|asked| asked.body == body).count();
                        let request = Asked { earlier, authorization, body };
                        asked.push(request.clone());
                        request
                    };
                    if give(&mut stream, answer(&request)) {
                        *answered.lock().unwrap().entry(text).or_default() += 1;
                    }
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often each body got a chat completion.
    pub(crate) fn answered(&self) -> Vec<usize> {
        self.answered.lock().unwrap().values().copied().collect()
    }
}

fn read_request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => value.clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    (length > 0).then(|| (authorization, String::from_utf8(body).unwrap()))
}

/// Whether a whole chat completion was sent.
fn give(stream: &mut TcpStream, answer: Answer) -> bool {
    match answer {
        Answer::Says(text) => {
            let body = completion(&text);
            send(stream, "200 OK", body.len(), &body)
        }
        Answer::Raw(status, body) => {
            send(stream, status, body.len(), &body);
            false
        }
        Answer::Breaks => {
            let body = completion("broken off");
            send(stream, "200 OK", body.len(), &body[..body.len() / 2]);
            false
        }
        Answer::Hangs => {
            thread::sleep(Duration::from_secs(600));
            false
        }
        Answer::After(pause, answer) => {
            thread::sleep(pause);
            give(stream, *answer)
        }
    }
}

fn completion(text: &str) -> String {
    let message = json!({"role": "assistant", "content": text});
    json!({
        "model": "canned-judge-2026-11-27", "system_fingerprint": "fp_canned",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    })
    .to_string()
}

/// Sends an answer. A client that has gone away is its own affair.
fn send(stream: &mut TcpStream, status: &str, length: usize, body: &str) -> bool {
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body.as_bytes()))
        .and_then(|()| stream.flush())
        .is_ok()
}
