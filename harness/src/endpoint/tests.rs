//! A service against a server that behaves badly.

use super::testing::{Answer, ChatServer, completion, quick};
use super::*;
use crate::progress::Progress;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

const SECRET: &str = "sk-secret/of-the-test";

fn request(text: &str) -> ChatRequest {
    let parameters = ChatParameters { temperature: Some(0.0), ..ChatParameters::default() };
    ChatRequest::new("judge", parameters, vec![Message::text(Role::User, text)]).unwrap()
}

fn requests(count: usize) -> Vec<ChatRequest> {
    (0..count).map(|number| request(&format!("question {number}"))).collect()
}

fn ask_all(
    service: &ChatService,
    requests: &[ChatRequest],
) -> Vec<Result<ChatReply, EndpointError>> {
    service.ask_all("test", requests, &Progress::new(true))
}

fn texts(replies: Vec<Result<ChatReply, EndpointError>>) -> Vec<String> {
    replies.into_iter().map(|reply| reply.unwrap().text).collect()
}

/// Every file's name and content, but for the lock.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| !path.ends_with(".lock"));
    files
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_recorded_reply_needs_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = ChatServer::start(|asked| Answer::Says(format!("answer to {}", asked.text())));
    let service = server.service(folder.path(), 2);
    let expected = ["answer to question 0", "answer to question 1", "answer to question 2"];
    assert_eq!(texts(ask_all(&service, &requests(3))), expected);
    assert_eq!((service.asked(), server.asked().len()), (3, 3));
    let summary = service.summary();
    drop(service);

    let replay = ChatService::replay(Record::open_to_read(folder.path()).unwrap());
    assert_eq!(texts(ask_all(&replay, &requests(3))), expected);
    assert_eq!(replay.summary(), summary);
    assert_eq!((replay.asked(), server.asked().len()), (0, 3));
    let error = replay.ask(&request("something else")).unwrap_err();
    assert!(matches!(error, EndpointError::NotRecorded { .. }), "{error}");
    assert!(replay.ask(&request("question 0").repeated(1)).is_err());
}

#[test]
fn a_request_is_sent_as_the_format_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = ChatServer::start(|_| Answer::Says("yes".to_owned()));
    server.service(folder.path(), 1).ask(&request("question")).unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.headers["content-type"], "application/json");
    assert!(!asked.headers.contains_key("authorization"));
    let expected = serde_json::json!({
        "model": "judge", "messages": [{"role": "user", "content": "question"}], "temperature": 0.0
    });
    assert_eq!(asked.body, expected);
}

#[test]
fn threads_and_the_order_of_replies_change_nothing() {
    let outcome = |concurrency| {
        let folder = tempfile::tempdir().unwrap();
        // Later questions are answered first, and every third one only after a refusal.
        let server = ChatServer::start(|asked| {
            let number: u64 = asked.text().split(' ').nth(1).unwrap().parse().unwrap();
            let answer = if number.is_multiple_of(3) && asked.earlier == 0 {
                Answer::Raw("429 Too Many Requests", vec![], "busy".to_owned())
            } else {
                Answer::Says(format!("answer {number}"))
            };
            Answer::After(Duration::from_millis(30 - number), Box::new(answer))
        });
        let service = server.service(folder.path(), concurrency);
        let replies = texts(ask_all(&service, &requests(30)));
        let mut files = files(folder.path());
        // The port differs from server to server, and so do the seals over it.
        for text in files.values_mut() {
            *text = text
                .lines()
                .filter(|line| !line.contains("\"endpoint\"") && !line.contains("\"seal\""))
                .collect();
        }
        let mut summary = service.summary();
        summary.endpoints.clear();
        (replies, files, summary)
    };
    let one = outcome(1);
    assert_eq!(one.0[7], "answer 7");
    assert_eq!(one.1.len(), 30);
    assert_eq!(one, outcome(16));
}

#[test]
fn trouble_that_passes_is_waited_out() {
    let troubles: [fn() -> Answer; 7] = [
        || {
            Answer::Raw(
                "429 Too Many Requests",
                vec![("retry-after-ms", "3".to_owned())],
                String::new(),
            )
        },
        || {
            Answer::Raw(
                "503 Service Unavailable",
                vec![("Retry-After", "0".to_owned())],
                "busy".to_owned(),
            )
        },
        || Answer::Closes,
        || Answer::Cut(4000, completion("judge-1", "half a rep")),
        || Answer::Raw("200 OK", vec![], completion("judge-1", "truncated")[..40].to_owned()),
        || Answer::Raw("200 OK", vec![], r#"{"verdict":"match"}"#.to_owned()),
        || {
            Answer::Raw(
                "200 OK",
                vec![],
                r#"{"error":{"code":502,"message":"upstream"}}"#.to_owned(),
            )
        },
    ];
    for trouble in troubles {
        let folder = tempfile::tempdir().unwrap();
        let server = ChatServer::start(move |asked| {
            if asked.earlier < 2 { trouble() } else { Answer::Says("at last".to_owned()) }
        });
        let service = server.service(folder.path(), 1);
        assert_eq!(service.ask(&request("question")).unwrap().text, "at last", "{:?}", trouble());
        assert_eq!(server.asked().len(), 3);
        assert_eq!(files(folder.path()).len(), 1);
    }
}

#[test]
fn trouble_that_stays_is_told_and_not_recorded() {
    /// What the server answers, whether it is asked again, and what is said.
    type Trouble = (fn() -> Answer, bool, &'static str);
    let cases: [Trouble; 5] = [
        (
            || Answer::Raw("500 Internal Server Error", vec![], "out of\n memory".to_owned()),
            true,
            "500 Internal Server Error: out of memory",
        ),
        (|| Answer::Closes, true, "after 4 tries"),
        (|| Answer::Raw("200 OK", vec![], "<html>".to_owned()), false, "not JSON"),
        (|| Answer::Raw("200 OK", vec![], r#"{"choices":[]}"#.to_owned()), false, "choices[0]"),
        (|| Answer::Raw("200 OK", vec![], r#"{"error":"quota"}"#.to_owned()), true, "quota"),
    ];
    for (trouble, temporary, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = ChatServer::start(move |_| trouble());
        let service = server.service(folder.path(), 1);
        let error = service.ask(&request("question")).unwrap_err();
        assert!(error.is_temporary() == temporary && error.to_string().contains(words), "{error}");
        assert_eq!((server.asked().len(), files(folder.path()).len()), (4, 0));
    }
}

#[test]
fn a_slow_server_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        ChatServer::start(|_| Answer::After(Duration::from_secs(5), Box::new(Answer::Closes)));
    let limits = ClientLimits { total: Duration::from_millis(50), ..ClientLimits::default() };
    let schedule = RetrySchedule { tries: 2, ..quick() };
    let client = ChatClient::new(server.address(), None, limits, schedule).unwrap();
    let record = Record::open(folder.path()).unwrap();
    let service = ChatService::new(client, record, NonZeroUsize::MIN).unwrap();
    let error = service.ask(&request("question")).unwrap_err();
    assert!(matches!(error, EndpointError::Unavailable { tries: 2, .. }), "{error}");
}

#[test]
fn a_reply_without_end_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = ChatServer::start(|_| Answer::Says("x".repeat(5000)));
    let limits = ClientLimits { reply_bytes: 1000, ..ClientLimits::default() };
    let client = ChatClient::new(server.address(), None, limits, quick()).unwrap();
    let service =
        ChatService::new(client, Record::open(folder.path()).unwrap(), NonZeroUsize::MIN).unwrap();
    let error = service.ask(&request("question")).unwrap_err();
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_refusal_of_one_does_not_stop_the_others_but_a_wrong_key_does() {
    let outcome = |status: &'static str| {
        let folder = tempfile::tempdir().unwrap();
        let server = ChatServer::start(move |asked| match asked.text().as_str() {
            "question 1" => Answer::Raw(
                status,
                vec![("Location", "http://127.0.0.1:1/".to_owned())],
                "no".to_owned(),
            ),
            _ => Answer::Says("yes".to_owned()),
        });
        let service = server.service(folder.path(), 1);
        let replies = ask_all(&service, &requests(4));
        assert!(matches!(replies[1], Err(EndpointError::Refused { .. })), "{replies:?}");
        (replies.iter().filter(|reply| reply.is_ok()).count(), server.asked().len())
    };
    assert_eq!(outcome("400 Bad Request"), (3, 4));
    assert_eq!(outcome("401 Unauthorized"), (1, 2));
    // Never followed: the key would go along.
    assert_eq!(outcome("307 Temporary Redirect"), (3, 4));
}

#[test]
fn what_failed_is_asked_again_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = ChatServer::start(|asked| {
        if asked.text() == "question 2" && asked.earlier < 4 {
            Answer::Closes
        } else {
            Answer::Says("yes".to_owned())
        }
    });
    let first = server.service(folder.path(), 3);
    let replies = ask_all(&first, &requests(5));
    assert_eq!(replies.iter().filter(|reply| reply.is_ok()).count(), 4);
    drop(first);
    let second = server.service(folder.path(), 3);
    assert!(ask_all(&second, &requests(5)).iter().all(Result::is_ok));
    assert_eq!(second.asked(), 1);
    assert_eq!(server.asked().len(), 4 + 4 + 1);
}

#[test]
fn threads_that_ask_the_same_ask_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = ChatServer::start(|_| {
        Answer::After(Duration::from_millis(20), Box::new(Answer::Says("yes".to_owned())))
    });
    let service = server.service(folder.path(), 8);
    let same = vec![request("question"); 8];
    assert_eq!(texts(ask_all(&service, &same)), ["yes"; 8]);
    assert_eq!((server.asked().len(), service.summary().replies), (1, 1));
}

#[test]
fn a_change_of_the_model_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let server = ChatServer::start(|asked| {
        let model = if asked.text() == "question 3" { "judge-2" } else { "judge-1" };
        Answer::Raw("200 OK", vec![], completion(model, "yes"))
    });
    let service = server.service(folder.path(), 2);
    ask_all(&service, &requests(3));
    assert!(service.summary().notes().is_empty(), "{:?}", service.summary().notes());
    ask_all(&service, &requests(5));
    let notes = service.summary().notes();
    assert_eq!(notes.len(), 1);
    for part in
        ["judge-1, version judge-1-build (4 replies)", "judge-2, version judge-2-build (1 reply)"]
    {
        assert!(notes[0].contains(part), "{notes:?}");
    }
}

#[test]
fn the_key_is_sent_and_never_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = ChatServer::start(|asked| {
        let key = asked.headers["authorization"].clone();
        let escaped = key.replace('/', "\\/").replace('k', "\\u006b");
        match asked.text().as_str() {
            "question 0" => Answer::Says(format!("your key is {key}")),
            "question 1" => Answer::Raw(
                "200 OK",
                vec![],
                completion("judge-1", "PLACE").replace("PLACE", &escaped),
            ),
            "question 2" => Answer::Raw(
                "400 Bad Request",
                vec![],
                format!("{{\"error\":\"wrong key {escaped}\"}}"),
            ),
            "question 3" => {
                Answer::Raw("500 Internal Server Error", vec![], format!("no such key: {key}"))
            }
            "question 4" => {
                Answer::Raw("200 OK", vec![], format!("{{\"error\":{{\"message\":\"{key}\"}}}}"))
            }
            "question 5" => Answer::Raw("401 Unauthorized", vec![], key),
            _ => Answer::Says("yes".to_owned()),
        }
    });
    let key = ApiKey::for_test(SECRET);
    let client =
        ChatClient::new(server.address(), Some(key), ClientLimits::default(), quick()).unwrap();
    let service =
        ChatService::new(client, Record::open(folder.path()).unwrap(), NonZeroUsize::MIN).unwrap();
    let mut all = requests(6);
    all.insert(0, request(&format!("a prompt that quotes {SECRET}")));
    let replies = ask_all(&service, &all);
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.headers["authorization"] == format!("Bearer {SECRET}"))
    );
    assert!(replies.iter().filter(|reply| reply.is_ok()).count() == 3, "{replies:?}");
    let seen =
        format!("{replies:?} {service:?} {:?} {:?}", service.summary(), files(folder.path()));
    let messages: String =
        replies.iter().filter_map(|reply| Some(reply.as_ref().err()?.to_string())).collect();
    for text in [&seen, &messages] {
        assert!(!text.contains("secret") && !text.contains("sk-"), "{text}");
    }
    assert!(seen.contains("[key removed]"));
}
