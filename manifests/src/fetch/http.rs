//! Downloads: streamed, size-limited, continued where they broke off, tried again with growing pauses.

use super::{Failure, Fetcher};
use crate::source::{WebAddress, is_allowed, is_loopback};
use crate::store::{Doing, Incoming, Mismatch, StoreError, read_some};
use crate::{Artifact, Event};
use reqwest::blocking::{Client, Response};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE, RETRY_AFTER,
};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, Url};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// Redirects followed.
const MAX_REDIRECTS: usize = 10;
/// A try that brought this many bytes is progress, and the count of failures starts again.
const PROGRESS_BYTES: u64 = 1 << 20;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a transfer stopped.
enum Stop {
    /// Trying again may help, after a pause if the server asked for one.
    Transient { reason: String, pause: Option<Duration> },
    /// Trying again does not help.
    Final(Failure),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Final(error.into())
    }
}

impl Stop {
    fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), pause: None }
    }

    fn refused(reason: impl Into<String>) -> Self {
        Self::Final(Failure::Refused(reason.into()))
    }
}

impl Fetcher<'_> {
    /// Downloads an artifact into the store.
    pub(super) fn download(
        &self,
        artifact: &Artifact,
        address: &WebAddress,
    ) -> Result<PathBuf, Failure> {
        let download = Download {
            fetcher: self,
            artifact,
            url: address.url(),
            client: self.client(address.url())?,
        };
        let mut incoming = self.store.resume(artifact, self.observer)?;
        let continued = download.complete(&mut incoming)?;
        let tag_file = download.tag_file()?;
        let finished = incoming.finish();
        // The tag belongs to a part that is gone, whether it was good or not. A leftover could only cost a download.
        let _ = fs::remove_file(tag_file);
        match finished {
            // An earlier part, perhaps from another mirror, did not fit to the rest: that is not this server's fault.
            Err(StoreError::Content(Mismatch::Digest { .. })) if continued => {
                let reason = "the continued file has another digest; starting from its beginning";
                self.observer.event(Event::Retry {
                    id: &artifact.id,
                    reason,
                    delay: Duration::ZERO,
                });
                let mut incoming = self.store.resume(artifact, self.observer)?;
                download.complete(&mut incoming)?;
                Ok(incoming.finish()?)
            }
            finished => Ok(finished?),
        }
    }

    fn client(&self, url: &Url) -> Result<Client, Failure> {
        let builder = Client::builder()
            .user_agent(concat!("retally/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // In the blocking client this bounds each wait for bytes, not the whole transfer.
            .timeout(self.settings.retries.silence)
            .redirect(Policy::custom(follow_if_safe));
        // This machine is never reached through a proxy.
        let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
        builder.build().map_err(|error| {
            Failure::Refused(format!("no download client: {}", with_causes(&error)))
        })
    }
}

/// Follows redirects to https alone; a loopback address (a test's server, a local mirror) may redirect to another one.
fn follow_if_safe(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let local = attempt.previous().first().is_some_and(is_loopback);
    let safe = is_allowed(attempt.url()) && (local || attempt.url().scheme() == "https");
    if !safe {
        let reason = format!("the server redirects to `{}`, which is not https", attempt.url());
        return attempt.error(reason);
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error(format!("the server redirects more than {MAX_REDIRECTS} times"));
    }
    attempt.follow()
}

/// One artifact from one address.
struct Download<'a> {
    fetcher: &'a Fetcher<'a>,
    artifact: &'a Artifact,
    url: &'a Url,
    client: Client,
}

impl Download<'_> {
    /// Tries until all bytes are there. True if they came in more than one piece.
    fn complete(&self, incoming: &mut Incoming<'_>) -> Result<bool, Failure> {
        let policy = self.fetcher.settings.retries;
        let mut continued = incoming.received() > 0;
        let mut failures = 0;
        loop {
            let before = incoming.received();
            let (reason, pause) = match self.transfer(incoming) {
                Ok(()) => return Ok(continued),
                Err(Stop::Final(failure)) => return Err(failure),
                Err(Stop::Transient { reason, pause }) => (reason, pause),
            };
            let progress = incoming.received().saturating_sub(before) >= PROGRESS_BYTES;
            failures = if progress { 1 } else { failures + 1 };
            if failures >= policy.tries {
                let (received, expected) = (incoming.received(), self.artifact.bytes);
                return Err(Failure::Network { reason, tries: failures, received, expected });
            }
            let delay = policy.delay(failures, pause);
            self.fetcher.observer.event(Event::Retry {
                id: &self.artifact.id,
                reason: &reason,
                delay,
            });
            std::thread::sleep(delay);
            continued |= incoming.received() > 0;
        }
    }

    /// One request and its answer.
    fn transfer(&self, incoming: &mut Incoming<'_>) -> Result<(), Stop> {
        if incoming.received() == self.artifact.bytes {
            return Ok(());
        }
        let mut response = self.request(incoming.received())?;
        self.check_answer(&response, incoming)?;
        self.remember_tag(response.headers())?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = read_some(&mut response, &mut buffer)
                .map_err(|error| Stop::transient(with_causes(&error)))?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            incoming.write(bytes)?;
        }
        let (received, expected) = (incoming.received(), self.artifact.bytes);
        if received < expected {
            return Err(Stop::transient(format!(
                "the transfer ended after {received} of {expected} bytes"
            )));
        }
        Ok(())
    }

    fn request(&self, offset: u64) -> Result<Response, Stop> {
        let mut request = self.client.get(self.url.clone()).header(ACCEPT_ENCODING, "identity");
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
            if let Some(tag) = self.remembered_tag() {
                request = request.header(IF_RANGE, tag);
            }
        }
        request.send().map_err(|error| {
            let reason = with_causes(&error);
            if error.is_redirect() || error.is_builder() {
                Stop::refused(reason)
            } else {
                Stop::transient(reason)
            }
        })
    }

    /// Checks status, range and length before a byte is taken, and empties the part if the answer starts from zero.
    fn check_answer(&self, response: &Response, incoming: &mut Incoming<'_>) -> Result<(), Stop> {
        let expected = self.artifact.bytes;
        let start = self.start_of_answer(response, incoming)?;
        match response.content_length().map(|length| length.saturating_add(start)) {
            Some(length) if length != expected => {
                return Err(Stop::refused(format!(
                    "the server offers {length} bytes, the manifest says {expected}"
                )));
            }
            _ => {}
        }
        if start < incoming.received() {
            incoming.restart()?;
        }
        Ok(())
    }

    /// Position of the answer's first byte in the artifact.
    fn start_of_answer(
        &self,
        response: &Response,
        incoming: &mut Incoming<'_>,
    ) -> Result<u64, Stop> {
        let received = incoming.received();
        match response.status() {
            StatusCode::OK => Ok(0),
            StatusCode::PARTIAL_CONTENT if received > 0 => {
                if content_range(response.headers()) == Some((received, self.artifact.bytes)) {
                    return Ok(received);
                }
                incoming.restart()?;
                Err(Stop::transient("the server continued at another place than it was asked to"))
            }
            StatusCode::RANGE_NOT_SATISFIABLE if received > 0 => {
                incoming.restart()?;
                Err(Stop::transient("the server cannot continue the earlier part"))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Err(Self::busy(response))
            }
            status if status.is_server_error() => Err(Self::busy(response)),
            status => Err(Stop::refused(format!("the server answered {status}"))),
        }
    }

    /// The server may answer better later.
    fn busy(response: &Response) -> Stop {
        // Only the form in seconds; for a date the own pause serves.
        let seconds = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Stop::Transient {
            reason: format!("the server answered {}", response.status()),
            pause: seconds.map(Duration::from_secs),
        }
    }

    /// File beside the part: the address and, below it, the entity tag that the server gave.
    fn tag_file(&self) -> Result<PathBuf, StoreError> {
        Ok(self.fetcher.store.folder("partial")?.join(format!("{}.tag", self.artifact.sha256)))
    }

    /// Keeps a strong tag, so that a later try continues only the same version of the file.
    fn remember_tag(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        let path = self.tag_file()?;
        let tag = headers
            .get(ETAG)
            .and_then(|tag| tag.to_str().ok())
            .filter(|tag| !tag.starts_with("W/"));
        fs::write(&path, format!("{}\n{}", self.url, tag.unwrap_or_default())).doing("write", &path)
    }

    /// The tag, if the part came from this address. Without one the digest alone decides in the end.
    fn remembered_tag(&self) -> Option<String> {
        let text = fs::read_to_string(self.tag_file().ok()?).ok()?;
        let (url, tag) = text.split_once('\n')?;
        (url == self.url.as_str() && !tag.is_empty()).then(|| tag.to_owned())
    }
}

/// First byte and total size of `Content-Range: bytes first-last/total`, if it runs to the end.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total): (u64, u64, u64) =
        (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (last.checked_add(1) == Some(total)).then_some((first, total))
}

/// An error with the causes that its own text leaves out.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}
