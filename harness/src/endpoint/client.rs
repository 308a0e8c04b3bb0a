//! One request to a server: sent, tried again where that may help, its reply read within limits.

use super::address::EndpointAddress;
use super::error::EndpointError;
use super::key::ApiKey;
use super::reply::{ChatReply, Unusable};
use super::request::ChatRequest;
use super::retry::RetrySchedule;
use crate::failure::with_causes;
use crate::interrupt;
use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use std::io::{self, Read};
use std::time::{Duration, Instant, SystemTime};

/// Bytes read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// Bytes that are read of an answer that refuses.
const REFUSAL_BYTES: u64 = 64 * 1024;
/// Characters of it that are shown.
const REFUSAL_CHARACTERS: usize = 300;
/// A wait is cut into pieces, so that an interruption does not wait for its end.
const NAP: Duration = Duration::from_millis(50);

/// What a single try may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Time to make a connection.
    pub connect: Duration,
    /// Time for everything from sending to the reply's last byte.
    pub total: Duration,
    /// Bytes of a reply.
    pub reply_bytes: u64,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            total: Duration::from_secs(600),
            reply_bytes: 64 << 20,
        }
    }
}

/// Speaks to one endpoint. Shared by threads.
#[derive(Debug)]
pub struct ChatClient {
    address: EndpointAddress,
    key: Option<ApiKey>,
    client: Client,
    limits: ClientLimits,
    schedule: RetrySchedule,
}

/// Why a try brought no reply.
enum Stop {
    /// Trying again may help, after a pause if the server asked for one.
    Transient { reason: String, pause: Option<Duration> },
    /// An answer, but no chat completion.
    Malformed(String),
    /// Trying again does not help.
    Final(EndpointError),
}

impl Stop {
    fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), pause: None }
    }
}

impl ChatClient {
    /// A client of `address`; `key` is sent with every request, if there is one.
    ///
    /// # Errors
    /// If the system gives no client (for example without certificates).
    pub fn new(
        address: EndpointAddress,
        key: Option<ApiKey>,
        limits: ClientLimits,
        schedule: RetrySchedule,
    ) -> Result<Self, EndpointError> {
        let builder = Client::builder()
            .user_agent(concat!("retally/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            // In the blocking client this bounds each wait for bytes; the whole is watched in `read_limited`.
            .timeout(limits.total)
            // A redirect could carry the key to another host.
            .redirect(Policy::none());
        // This machine is never reached through a proxy.
        let builder = if address.is_loopback() { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| EndpointError::Client {
            address: address.to_string(),
            reason: with_causes(&error),
        })?;
        Ok(Self { address, key, client, limits, schedule })
    }

    /// The endpoint.
    #[must_use]
    pub fn address(&self) -> &EndpointAddress {
        &self.address
    }

    /// The key that replies must not show.
    pub(super) fn key(&self) -> Option<&ApiKey> {
        self.key.as_ref()
    }

    /// The body of the chat completion that the server answers with, without the key. Busy servers, broken connections and
    /// answers that are no chat completions are tried again.
    pub(super) fn ask(&self, request: &ChatRequest) -> Result<String, EndpointError> {
        let body = request.wire().to_string();
        let tries = self.schedule.tries.max(1);
        let mut failures = 0;
        loop {
            if interrupt::requested() {
                return Err(EndpointError::Interrupted);
            }
            let (reason, pause, malformed) = match self.exchange(&body) {
                Ok(reply) => return Ok(reply),
                Err(Stop::Final(error)) => return Err(error),
                Err(Stop::Malformed(reason)) => (reason, None, true),
                Err(Stop::Transient { reason, pause }) => (reason, pause, false),
            };
            failures += 1;
            let address = self.address.to_string();
            match (failures < tries, malformed) {
                (true, _) => sleep(self.schedule.pause(&request.name(), failures, pause)),
                (false, true) => return Err(EndpointError::Malformed { address, tries, reason }),
                (false, false) => {
                    return Err(EndpointError::Unavailable { address, tries, reason });
                }
            }
        }
    }

    /// One try.
    fn exchange(&self, body: &str) -> Result<String, Stop> {
        let deadline = Instant::now() + self.limits.total;
        let mut request = self
            .client
            .post(self.address.completions())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        if let Some(key) = self.key.as_ref().and_then(ApiKey::bearer) {
            request = request.header(AUTHORIZATION, key);
        }
        let mut response = request.send().map_err(|error| self.not_sent(&error))?;
        if !response.status().is_success() {
            return Err(self.refusal(response, deadline));
        }
        let bytes = read_limited(&mut response, self.limits.reply_bytes, deadline)
            .map_err(|error| Stop::transient(self.redact(&with_causes(&error))))?;
        if bytes.len() as u64 > self.limits.reply_bytes {
            return Err(Stop::Final(EndpointError::Refused {
                address: self.address.to_string(),
                status: response.status().to_string(),
                detail: format!(
                    "a reply of more than {} bytes, which is not read",
                    self.limits.reply_bytes
                ),
            }));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Stop::Malformed("the body is not UTF-8".to_owned()))?;
        self.accept(&self.redact_body(&text))
    }

    /// Takes a body that is a chat completion, whatever it says.
    fn accept(&self, body: &str) -> Result<String, Stop> {
        match ChatReply::of_body(body) {
            Ok(_) | Err(Unusable::Content(_)) => Ok(body.to_owned()),
            Err(Unusable::Envelope(reason)) => Err(Stop::Malformed(reason)),
            // Gateways answer 200 and put the status of the server behind them into the body.
            Err(Unusable::Reported(code, message)) => {
                let status =
                    code.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
                let message = shortened(&message);
                match status {
                    Some(status) if !may_pass(status) => Err(Stop::Final(EndpointError::Refused {
                        address: self.address.to_string(),
                        status: status.to_string(),
                        detail: message,
                    })),
                    _ => Err(Stop::transient(format!("the reply reports an error: {message}"))),
                }
            }
        }
    }

    fn not_sent(&self, error: &reqwest::Error) -> Stop {
        let reason = self.redact(&with_causes(error));
        if error.is_builder() {
            Stop::Final(EndpointError::Client { address: self.address.to_string(), reason })
        } else {
            Stop::transient(reason)
        }
    }

    /// An answer that is no success.
    fn refusal(&self, mut response: Response, deadline: Instant) -> Stop {
        let status = response.status();
        let pause = asked_pause(response.headers(), SystemTime::now());
        // What cannot be read of a refusal is not missed.
        let bytes = read_limited(&mut response, REFUSAL_BYTES, deadline).unwrap_or_default();
        let detail = shortened(&self.redact_body(&String::from_utf8_lossy(&bytes)));
        if may_pass(status) {
            return Stop::Transient { reason: format!("it answered {status}: {detail}"), pause };
        }
        let detail = match status {
            _ if status.is_redirection() => "it redirects; give the final address".to_owned(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("{detail} (does the environment hold the right key?)")
            }
            _ => detail,
        };
        Stop::Final(EndpointError::Refused {
            address: self.address.to_string(),
            status: status.to_string(),
            detail,
        })
    }

    fn redact(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text))
    }

    fn redact_body(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact_body(text))
    }
}

/// Whether the same request may be answered later.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    busy.contains(&status) || status.is_server_error()
}

/// The pause that the server asks for: in milliseconds as some say it, in seconds, or until a date.
///
/// A date is read by the server's own clock, where it says what that shows: two clocks need not agree.
pub(crate) fn asked_pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.trim());
    let seconds =
        |text: &str, unit: f64| Duration::try_from_secs_f64(text.parse::<f64>().ok()? * unit).ok();
    let milliseconds = text(HeaderName::from_static("retry-after-ms"));
    if let Some(pause) = milliseconds.and_then(|text| seconds(text, 0.001)) {
        return Some(pause);
    }
    let asked = text(RETRY_AFTER)?;
    if let Some(pause) = seconds(asked, 1.0) {
        return Some(pause);
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    // A date that has passed asks for no pause.
    Some(until.duration_since(now).unwrap_or_default())
}

/// At most one byte more than `limit`, before `deadline`.
pub(crate) fn read_limited(
    reader: &mut impl Read,
    limit: u64,
    deadline: Instant,
) -> io::Result<Vec<u8>> {
    let mut reader = reader.take(limit.saturating_add(1));
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; BUFFER_BYTES]);
    loop {
        if Instant::now() >= deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the reply took too long"));
        }
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits, but no longer than until an interruption.
pub(crate) fn sleep(pause: Duration) {
    let end = Instant::now() + pause;
    while !interrupt::requested() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        std::thread::sleep(left.min(NAP));
    }
}

/// The beginning of a text, on one line.
pub(crate) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(REFUSAL_CHARACTERS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None if line.is_empty() => "it says no more".to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    /// The pause that these headers ask for at 19:52:58 on 27 November 2026.
    fn pause(headers: &[(&'static str, &'static str)]) -> Option<f64> {
        let pairs = headers
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers: HeaderMap = pairs.collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_809_178);
        asked_pause(&headers, now).map(|pause| pause.as_secs_f64())
    }

    #[test]
    fn pauses_are_read_in_milliseconds_seconds_and_dates() {
        assert_eq!(pause(&[("retry-after", "7")]), Some(7.0));
        assert_eq!(pause(&[("retry-after", "7"), ("retry-after-ms", "250")]), Some(0.25));
        assert_eq!(pause(&[("retry-after", "7"), ("retry-after-ms", "soon")]), Some(7.0));
        assert_eq!(pause(&[("retry-after", "Fri, 27 Nov 2026 19:53:08 GMT")]), Some(10.0));
        // The two older forms of a date.
        assert_eq!(pause(&[("retry-after", "Friday, 27-Nov-26 19:53:08 GMT")]), Some(10.0));
        assert_eq!(pause(&[("retry-after", "Fri Nov 27 19:53:08 2026")]), Some(10.0));
        // Long past.
        assert_eq!(pause(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(0.0));
    }

    /// A server whose clock is an hour late means ten seconds all the same.
    #[test]
    fn a_date_is_read_by_the_servers_clock() {
        let until = ("retry-after", "Fri, 27 Nov 2026 18:53:08 GMT");
        assert_eq!(pause(&[until]), Some(0.0));
        assert_eq!(pause(&[until, ("date", "Fri, 27 Nov 2026 18:52:58 GMT")]), Some(10.0));
        assert_eq!(pause(&[until, ("date", "now")]), Some(0.0));
    }

    #[test]
    fn what_is_no_pause_asks_for_none() {
        for value in [
            "",
            "soon",
            "-1",
            "NaN",
            "inf",
            "1e400",
            "27 Nov 2026",
            "Fri, 31 Feb 2026 00:00:00 GMT",
        ] {
            assert_eq!(pause(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(pause(&[]), None);
    }
}
