//! Uploads: in pieces, continued where the server says that it stopped (docs/submissions.md has the protocol).

use crate::endpoint::{
    ApiKey, EndpointAddress, PlainHttp, RetrySchedule, asked_pause, may_pass, read_limited,
    shortened, sleep,
};
use crate::exit_status::ExitStatus;
use crate::failure::{Failure, with_causes};
use crate::interrupt;
use crate::progress::Progress;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use retally_manifests::Digest;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// The environment variable that holds the token.
pub const TOKEN_VARIABLE: &str = "RETALLY_TOKEN";
/// Bytes of a piece.
const PIECE: u64 = 8 << 20;
/// Bytes that are read of an answer.
const ANSWER_BYTES: u64 = 1 << 20;
/// Time to make a connection.
const CONNECT: Duration = Duration::from_secs(30);
/// Time for one request and its answer.
const REQUEST: Duration = Duration::from_secs(300);
/// Between two questions whether the checks have ended.
const POLL: Duration = Duration::from_millis(500);
/// How long a server may check.
const CHECKING: Duration = Duration::from_secs(3600);

/// What a server has made of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Submitted {
    /// The submission's id there.
    pub id: Option<String>,
    /// Whether the server had the bundle before.
    pub known_before: bool,
}

/// Everything that an answer may hold.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    upload: Option<String>,
    offset: Option<u64>,
    state: Option<State>,
    #[serde(default)]
    reasons: Vec<Reason>,
    id: Option<String>,
    error: Option<String>,
}

/// A reason as a text, or with the check that gives it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Reason {
    Text(String),
    Checked { kind: String, reason: String },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Checked { kind, reason } => write!(formatter, "{kind}: {reason}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Receiving,
    Verifying,
    Published,
    Refused,
}

/// Why a request brought nothing.
enum Stop {
    /// Trying again may help, after a pause if the server asks for one.
    Transient { reason: String, pause: Option<Duration> },
    /// The server is at another place of the bundle.
    Elsewhere(u64),
    /// Trying again does not help.
    Final(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

/// Brings bundles to one server.
#[derive(Debug)]
pub struct Uploader {
    address: EndpointAddress,
    token: ApiKey,
    client: Client,
    schedule: RetrySchedule,
}

/// A bundle on its way.
struct Bundle {
    file: File,
    bytes: u64,
    sha256: Digest,
}

impl Bundle {
    fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::file("read the bundle", path, &error);
        let mut file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let sha256 = Digest::of_reader(&mut file).map_err(failed)?;
        Ok(Self { file, bytes, sha256 })
    }

    fn piece(&mut self, offset: u64) -> Result<Vec<u8>, Failure> {
        let failed = |error| Failure::temporary(format_args!("cannot read the bundle: {error}"));
        self.file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut piece = Vec::new();
        (&self.file).take(PIECE).read_to_end(&mut piece).map_err(failed)?;
        Ok(piece)
    }
}

impl Uploader {
    /// A client of the server at `address`, with the token of the environment variable `RETALLY_TOKEN`.
    ///
    /// # Errors
    /// If the address is none (`http` is for this machine alone), or there is no usable token.
    pub fn new(address: &str, schedule: RetrySchedule) -> Result<Self, Failure> {
        let address = EndpointAddress::new(address, PlainHttp::LoopbackOnly)
            .map_err(|error| Failure::invalid(format_args!("--to: {}", reason_of(&error))))?;
        let token = ApiKey::from_environment(TOKEN_VARIABLE)
            .map_err(|error| Failure::invalid(with_causes(&error)))?
            .ok_or_else(|| Failure::invalid(format_args!("the server wants a token: put it into the environment variable {TOKEN_VARIABLE}")))?;
        let builder = Client::builder()
            .user_agent(concat!("retally/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            // A redirect could carry the token to another host.
            .redirect(Policy::none());
        let builder = if address.is_loopback() { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| {
            Failure::temporary(format_args!("no client for `{address}`: {}", with_causes(&error)))
        })?;
        Ok(Self { address, token, client, schedule })
    }

    /// Uploads a bundle, and waits until the server has checked it.
    ///
    /// # Errors
    /// If the server refuses the bundle or the token (exit code 2), cannot be reached (3), or the user interrupts (4); the same call
    /// then continues.
    pub fn upload(&self, path: &Path, progress: &Progress) -> Result<Submitted, Failure> {
        let mut bundle = Bundle::open(path)?;
        let mut job = progress.job(format!("to {}", self.address), bundle.bytes, "bytes");
        let mut upload = self.patiently(&bundle.sha256, || self.begin(&bundle))?;
        let mut failures = 0;
        while upload.state.is_none() && upload.offset.is_some_and(|offset| offset < bundle.bytes) {
            let offset = upload.offset.unwrap_or_default();
            let id = upload_id(&upload)?;
            let piece = bundle.piece(offset)?;
            match self.send_piece(id, offset, piece) {
                Ok(next) if next > offset && next <= bundle.bytes => {
                    failures = 0;
                    upload.offset = Some(next);
                }
                Err(Stop::Elsewhere(next)) if next != offset && next <= bundle.bytes => {
                    upload.offset = Some(next)
                }
                Err(Stop::Final(failure)) => return Err(failure),
                Err(Stop::Transient { reason, pause }) => {
                    failures += 1;
                    self.wait(&bundle.sha256, failures, pause, &reason)?;
                    // The server knows how much of the piece has come.
                    upload = self.patiently(&bundle.sha256, || self.begin(&bundle))?;
                }
                Ok(next) | Err(Stop::Elsewhere(next)) => {
                    return Err(Failure::invalid(format_args!(
                        "`{}` says that it has {next} bytes after those up to {offset} were sent: it does not speak this protocol",
                        self.address
                    )));
                }
            }
            job.set(upload.offset.unwrap_or_default());
        }
        let known_before = upload.state == Some(State::Published);
        if !known_before {
            let id = upload_id(&upload)?.to_owned();
            upload = self.wait_for_verdict(&bundle.sha256, &id)?;
        }
        job.finish();
        Ok(Submitted { id: upload.id, known_before })
    }

    fn begin(&self, bundle: &Bundle) -> Result<Answer, Stop> {
        let request = self
            .request(Method::POST, "")
            .header(CONTENT_LENGTH, 0)
            .header("X-Retally-Sha256", bundle.sha256.to_string())
            .header("X-Retally-Bytes", bundle.bytes);
        let answer = self.send(request)?;
        let is_begun =
            answer.upload.is_some() && answer.offset.is_some_and(|offset| offset <= bundle.bytes);
        if answer.state == Some(State::Published)
            || is_begun && answer.state != Some(State::Refused)
        {
            // While a server receives or checks, the upload's own pages say so.
            let state = answer.state.filter(|state| *state == State::Published);
            return Ok(Answer { state, ..answer });
        }
        if answer.state == Some(State::Refused) {
            return Err(Stop::Final(self.refused(&answer)));
        }
        Err(Stop::Final(Failure::invalid(format_args!(
            "`{}` does not answer as a retally server: give the address before `/api/submissions`",
            self.address
        ))))
    }

    fn send_piece(&self, id: &str, offset: u64, piece: Vec<u8>) -> Result<u64, Stop> {
        let request = self
            .request(Method::PATCH, &format!("/{id}"))
            .header(CONTENT_TYPE, "application/octet-stream")
            .header("X-Retally-Offset", offset)
            .body(piece);
        let answer = self.send(request)?;
        answer.offset.ok_or_else(|| Stop::Transient {
            reason: "it does not say how much it has".to_owned(),
            pause: None,
        })
    }

    fn wait_for_verdict(&self, sha256: &Digest, id: &str) -> Result<Answer, Failure> {
        let end = Instant::now() + CHECKING;
        while Instant::now() < end {
            let answer =
                self.patiently(sha256, || self.send(self.request(Method::GET, &format!("/{id}"))))?;
            match answer.state {
                Some(State::Published) => return Ok(answer),
                Some(State::Refused) => return Err(self.refused(&answer)),
                Some(State::Verifying | State::Receiving) => sleep(POLL),
                None => {
                    return Err(Failure::invalid(format_args!(
                        "`{}` does not say in which state the upload is",
                        self.address
                    )));
                }
            }
            interrupted()?;
        }
        Err(Failure::temporary(format_args!(
            "`{}` has not ended its checks; ask again later with the same command",
            self.address
        )))
    }

    fn refused(&self, answer: &Answer) -> Failure {
        let reasons: Vec<String> = answer.reasons.iter().map(ToString::to_string).collect();
        let reasons =
            if reasons.is_empty() { "it does not say why".to_owned() } else { reasons.join("; ") };
        Failure::invalid(format_args!(
            "`{}` refused the submission: {}",
            self.address,
            self.token.redact(&reasons)
        ))
    }

    /// Tries until it works, or so often as is patient.
    fn patiently(
        &self,
        sha256: &Digest,
        ask: impl Fn() -> Result<Answer, Stop>,
    ) -> Result<Answer, Failure> {
        let mut failures = 0;
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(Stop::Final(failure)) => return Err(failure),
                Err(Stop::Elsewhere(_)) => {
                    return Err(Failure::invalid(format_args!(
                        "`{}` answered 409 where no piece was sent",
                        self.address
                    )));
                }
                Err(Stop::Transient { reason, pause }) => {
                    failures += 1;
                    self.wait(sha256, failures, pause, &reason)?;
                }
            }
        }
    }

    fn wait(
        &self,
        sha256: &Digest,
        failures: u32,
        pause: Option<Duration>,
        reason: &str,
    ) -> Result<(), Failure> {
        interrupted()?;
        let tries = self.schedule.tries.max(1);
        if failures >= tries {
            return Err(Failure::temporary(format_args!(
                "`{}` could not be reached {tries} times: {reason}; the same command continues where it stopped",
                self.address
            )));
        }
        sleep(self.schedule.pause(sha256, failures, pause));
        interrupted()
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request =
            self.client.request(method, format!("{}/api/submissions{path}", self.address));
        match self.token.bearer() {
            Some(bearer) => request.header(AUTHORIZATION, bearer),
            None => request,
        }
    }

    fn send(&self, request: RequestBuilder) -> Result<Answer, Stop> {
        let deadline = Instant::now() + REQUEST;
        let transient = |reason: String| Stop::Transient { reason, pause: None };
        let mut response =
            request.send().map_err(|error| transient(self.token.redact(&with_causes(&error))))?;
        let status = response.status();
        let pause = asked_pause(response.headers(), SystemTime::now());
        let text = self.body(&mut response, deadline).map_err(transient)?;
        let answer: Option<Answer> = serde_json::from_str(&text).ok();
        match (status, answer) {
            (StatusCode::CONFLICT, Some(Answer { offset: Some(offset), .. })) => {
                Err(Stop::Elsewhere(offset))
            }
            (status, Some(answer)) if status.is_success() => Ok(answer),
            (status, None) if status.is_success() => {
                Err(Stop::Final(Failure::invalid(format_args!(
                    "`{}` answered with something else than JSON: it is no retally server",
                    self.address
                ))))
            }
            (status, answer) => Err(self.refusal(status, pause, answer, &text)),
        }
    }

    fn refusal(
        &self,
        status: StatusCode,
        pause: Option<Duration>,
        answer: Option<Answer>,
        text: &str,
    ) -> Stop {
        let said =
            shortened(&answer.and_then(|answer| answer.error).unwrap_or_else(|| text.to_owned()));
        if may_pass(status) {
            return Stop::Transient { reason: format!("it answered {status}: {said}"), pause };
        }
        let advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!(" (does {TOKEN_VARIABLE} hold a token of this server?)")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                " (the bundle is larger than this server takes)".to_owned()
            }
            _ if status.is_redirection() => {
                " (it redirects, which is not followed with a token: give the final address)"
                    .to_owned()
            }
            _ => String::new(),
        };
        Stop::Final(Failure::invalid(format_args!(
            "`{}` answered {status}: {said}{advice}",
            self.address
        )))
    }

    fn body(&self, response: &mut Response, deadline: Instant) -> Result<String, String> {
        let bytes = read_limited(response, ANSWER_BYTES, deadline)
            .map_err(|error| self.token.redact(&with_causes(&error)))?;
        Ok(self.token.redact_body(&String::from_utf8_lossy(&bytes)))
    }
}

fn interrupted() -> Result<(), Failure> {
    if interrupt::requested() {
        return Err(Failure::new(
            ExitStatus::Incomplete,
            "stopped before the end; the same command continues the upload",
        ));
    }
    Ok(())
}

/// What is wrong with an address; how it is told elsewhere speaks of chat endpoints.
fn reason_of(error: &crate::endpoint::EndpointError) -> String {
    match error {
        crate::endpoint::EndpointError::Address { address, reason } => {
            format!("`{address}` is no address of a server: {reason}")
        }
        other => other.to_string(),
    }
}

/// The server's name of the upload, which becomes part of an address.
fn upload_id(answer: &Answer) -> Result<&str, Failure> {
    let id = answer.upload.as_deref().unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=128).contains(&id.len()) && id.bytes().all(is_plain) {
        Ok(id)
    } else {
        Err(Failure::invalid(
            "the server names the upload in a way that cannot be part of an address",
        ))
    }
}
