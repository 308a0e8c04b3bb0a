//! `retally run aia --endpoint`: a model played by a server on loopback, killed and resumed, and the key that appears nowhere.

use crate::program::{Finished, binary, json, run, text};
use serde_json::{Value, json as document};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const KEY: &str = "sk-not-to-be-found-1234567890";

/// What a server saw: how often each body came, and how often it was answered.
#[derive(Default)]
struct Seen {
    asked: HashMap<String, usize>,
    answered: usize,
    keys: Vec<String>,
}

/// A model that solves mazes of one step up. From request number `silent_from` on it says nothing.
struct Model {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    silent_from: Arc<Mutex<usize>>,
}

impl Model {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let silent_from = Arc::new(Mutex::new(usize::MAX));
        let (own, silent) = (Arc::clone(&seen), Arc::clone(&silent_from));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, silent) = (Arc::clone(&own), Arc::clone(&silent));
                std::thread::spawn(move || answer(stream.unwrap(), &seen, &silent));
            }
        });
        Self { port, seen, silent_from }
    }

    fn run(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(["run", "aia", "--endpoint", &format!("http://127.0.0.1:{}/v1", self.port)])
            .args(["--model", "drawer", "--concurrency", "2"])
            .args(arguments)
            .env("RETALLY_API_KEY", KEY)
            .env("NO_COLOR", "1");
        command
    }
}

fn answer(mut stream: TcpStream, seen: &Mutex<Seen>, silent_from: &Mutex<usize>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("authorization: ") {
            key = line.trim()["authorization: ".len()..].to_owned();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    {
        let mut seen = seen.lock().unwrap();
        let total: usize = seen.asked.values().sum();
        *seen.asked.entry(body.clone()).or_default() += 1;
        seen.keys.push(key.clone());
        if total >= *silent_from.lock().unwrap() {
            drop(seen);
            // The client is killed before this ends.
            std::thread::sleep(Duration::from_secs(120));
            return;
        }
        seen.answered += 1;
    }
    let reply = reply(&serde_json::from_str(&body).unwrap(), &key).to_string();
    let head =
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", reply.len());
    // A client that was killed is its own affair.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(reply.as_bytes()));
}

/// The reply to the last question. It quotes the key, as careless servers do.
fn reply(request: &Value, key: &str) -> Value {
    let content = &request["messages"].as_array().unwrap().last().unwrap()["content"];
    let words = match content {
        Value::String(text) => text.clone(),
        parts => {
            let texts = parts.as_array().unwrap().iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
    };
    let (text, is_drawn) = if words.contains("Round 1.") {
        (format!("Your key is {key}. I go up."), false)
    } else if words.contains("Round 2.") {
        ("DONE".to_owned(), false)
    } else if words.contains("list of all moves") {
        ("<ANSWER_JSON>[\"up\"]</ANSWER_JSON>".to_owned(), false)
    } else {
        (String::new(), true)
    };
    // Which of the mazes the conversation began with.
    let first = request["messages"][0].to_string();
    let mut own = (0..5).filter(|number| first.contains(&base64(&maze(FIRST, *number))));
    let drawn = own.next().filter(|_| is_drawn).map(|number| base64(&maze(MOVED, number)));
    let images: Vec<Value> =
        drawn.map(|encoded| document!({ "b64_json": encoded })).into_iter().collect();
    let message = document!({ "role": "assistant", "content": text, "images": images });
    document!({ "model": "drawer-1", "choices": [{ "message": message, "finish_reason": "stop" }] })
}

const FIRST: [&str; 6] = ["######", "#....#", "#.##.#", "#.##.#", "#S##G#", "######"];
const MOVED: [&str; 6] = ["######", "#....#", "#.##.#", "#S##.#", "#.##G#", "######"];

/// A maze in the benchmark's colours; each number has another size.
fn maze(rows: [&str; 6], number: usize) -> Vec<u8> {
    let cell = 20 + 4 * number;
    let side = 6 * cell as u32;
    let image = image::RgbImage::from_fn(side, side, |x, y| {
        let (column, row) = (x as usize / cell, y as usize / cell);
        let inner = cell / 4..cell - cell / 4;
        let is_middle = [x, y].iter().all(|at| inner.contains(&(*at as usize % cell)));
        image::Rgb(match (rows[row].as_bytes()[column], is_middle) {
            (b'#', _) => [0x1f, 0x29, 0x37],
            (b'S', true) => [0x25, 0x63, 0xeb],
            (b'G', false) => [0x22, 0xc5, 0x5e],
            _ => [0xf4, 0xef, 0xe6],
        })
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Six mazes of one step, drawn here; the last one becomes the example.
fn data(folder: &Path) {
    for number in 0..6 {
        let mazes = folder.join("maze");
        let frames = mazes.join(format!("maze_6x6_{number:05}_steps"));
        std::fs::create_dir_all(&frames).unwrap();
        for (step, rows) in [FIRST, MOVED].into_iter().enumerate() {
            let path = frames.join(format!("maze_step_{step:04}.png"));
            std::fs::write(path, maze(rows, number)).unwrap();
        }
        let truth = mazes.join(format!("maze_6x6_steps_{number:05}.json"));
        std::fs::write(truth, r#"{"steps_long": ["up"]}"#).unwrap();
    }
}

/// Every file below a folder.
fn files(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                files.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_killed_run_resumes_without_asking_twice_and_the_key_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (data_folder, out) = (folder.path().join("data"), folder.path().join("out"));
    data(&data_folder);
    let arguments = ["--data", text(&data_folder), "--out", text(&out), "--task", "maze"];

    let model = Model::start();
    *model.silent_from.lock().unwrap() = 9;
    let mut child =
        model.run(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while model.seen.lock().unwrap().asked.len() < 11 {
        assert!(Instant::now() < deadline, "the program does not ask");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(model.seen.lock().unwrap().answered, 9);

    *model.silent_from.lock().unwrap() = usize::MAX;
    let finished = Finished::of(&mut model.run(&arguments));
    assert_eq!(finished.code, 0, "{finished:?}");
    let seen = model.seen.lock().unwrap();
    // Five cases of plan, picture, done, answer. What was silent is asked again, what was answered is not.
    assert_eq!(seen.asked.len(), 20);
    assert_eq!(seen.answered, 20);
    assert!(seen.keys.iter().all(|key| *key == format!("Bearer {KEY}")));
    drop(seen);

    let answers = files(&out.join("outputs"));
    let frames = answers.iter().filter(|(name, _)| name.ends_with("cand_01/step_0001.png"));
    assert_eq!(frames.count(), 5);
    let is_key = |bytes: &[u8]| bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
    for (name, bytes) in files(&out) {
        assert!(!is_key(&bytes), "{name}");
    }
    assert!(!is_key(finished.stdout.as_bytes()) && !is_key(finished.stderr.as_bytes()));

    // A replay asks nobody and gives the same bytes.
    std::fs::remove_dir_all(out.join("outputs/maze")).unwrap();
    let words = ["run", "aia", "--replay", "--model", "drawer", "--offline"];
    let replayed = Finished::of(Command::new(binary()).args(words).args(arguments));
    assert_eq!(replayed.code, 0, "{replayed:?}");
    assert_eq!(files(&out.join("outputs")), answers);
    assert_eq!(model.seen.lock().unwrap().answered, 20);

    let (score, data_folder) = (out.join("outputs"), text(&data_folder));
    let document =
        json(&["score", "uni-mmmu", text(&score), "--data", data_folder, "--task", "maze"], 0);
    assert!(document.get("marks").is_none(), "{document}");
    for scores in document["scores"].as_array().unwrap() {
        let measurements = scores["measurements"].as_array().unwrap();
        assert_eq!(measurements.len(), 4);
        for measured in measurements {
            assert_eq!(
                (&measured["n"], measured["value"].as_f64()),
                (&document!(5), Some(100.0)),
                "{measured}"
            );
        }
    }
}

#[test]
fn a_leaked_step_count_is_marked_beside_the_scores() {
    let folder = tempfile::tempdir().unwrap();
    let (data_folder, out) = (folder.path().join("data"), folder.path().join("out"));
    data(&data_folder);
    let (data_folder, out) = (text(&data_folder), text(&out));
    let model = Model::start();
    let words = [
        "--data",
        data_folder,
        "--out",
        out,
        "--leak-step-count",
        "--limit",
        "2",
        "--task",
        "maze",
    ];
    let finished = Finished::of(&mut model.run(&words));
    assert_eq!(finished.code, 0, "{finished:?}");
    // One round each, and nobody is asked whether it is done.
    assert_eq!(model.seen.lock().unwrap().asked.len(), 2 * 3);
    let outputs = Path::new(out).join("outputs");
    let words = ["score", "uni-mmmu", text(&outputs), "--data", data_folder, "--task", "maze"];
    let document = json(&words, 0);
    let mark = document["marks"][0].as_str().unwrap();
    assert!(mark.starts_with("The model was told how long the solution is"), "{mark}");
    assert!(run(&words).stdout.contains("mark       The model was told"));
}

#[test]
fn what_cannot_be_driven_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (data_folder, out) = (folder.path().join("data"), folder.path().join("out"));
    data(&data_folder);
    let (data_folder, out) = (text(&data_folder), text(&out));
    let local = "http://127.0.0.1:9/v1";
    let cases: [(&[&str], &str); 8] = [
        (
            &["run", "iwm", "--endpoint", local, "--model", "m", "--data", data_folder],
            "`retally run aia`, not `iwm`",
        ),
        (
            &["run", "aia", "--endpoint", local, "--data", data_folder],
            "--model NAME: name the one model",
        ),
        (&["run", "aia", "--endpoint", local, "--model", "m"], "--data DIR: give the folder"),
        (
            &["run", "aia", "--endpoint", local, "--model", "m", "--data", "nowhere"],
            "no such folder",
        ),
        (
            &[
                "run",
                "aia",
                "--endpoint",
                "http://192.0.2.1/v1",
                "--model",
                "m",
                "--data",
                data_folder,
            ],
            "unencrypted",
        ),
        (
            &[
                "run",
                "aia",
                "--endpoint",
                "https://192.0.2.1/v1",
                "--model",
                "m",
                "--data",
                data_folder,
            ],
            "holds no key",
        ),
        (
            &[
                "run",
                "aia",
                "--endpoint",
                local,
                "--model",
                "m",
                "--data",
                data_folder,
                "--task",
                "chess",
            ],
            "expected one of jigsaw, maze",
        ),
        (
            &[
                "run",
                "aia",
                "--endpoint",
                local,
                "--model",
                "m",
                "--data",
                data_folder,
                "--offline",
            ],
            "--offline forbids to ask",
        ),
    ];
    for (words, expected) in cases {
        let mut command = Command::new(binary());
        command.args(words).args(["--out", out]).env_remove("RETALLY_API_KEY");
        let finished = Finished::of(&mut command);
        assert_eq!(finished.code, 2, "{words:?}: {finished:?}");
        let words_said = finished.stderr.split_whitespace().filter(|word| *word != "│");
        let said = words_said.collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{words:?}: {said}");
    }
}
