//! The record in front, the server behind.

use super::client::ChatClient;
use super::concurrent::map_concurrently;
use super::error::EndpointError;
use super::record::{Exchange, Record};
use super::reply::{ChatReply, Unusable};
use super::request::ChatRequest;
use super::summary::{ServedModel, ServiceSummary, UsedReply};
use crate::interrupt;
use crate::progress::Progress;
use retally_manifests::Digest;
use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The environment variable that holds a key, unless the user names another.
pub const KEY_VARIABLE: &str = "RETALLY_API_KEY";

/// Answers requests: from the record where it can, else from the server, whose reply is recorded first. Shared by threads.
#[derive(Debug)]
pub struct ChatService {
    client: Option<ChatClient>,
    record: Record,
    concurrency: NonZeroUsize,
    claims: Claims,
    used: Mutex<BTreeMap<Digest, UsedReply>>,
    asked: AtomicU64,
}

impl ChatService {
    /// Asks `client` for what `record` does not have; [`ChatService::ask_all`] has at most `concurrency` requests in flight.
    ///
    /// # Errors
    /// If the system does not let the program listen for interruptions.
    pub fn new(
        client: ChatClient,
        record: Record,
        concurrency: NonZeroUsize,
    ) -> Result<Self, EndpointError> {
        interrupt::listen().map_err(|failure| EndpointError::file(&failure))?;
        Ok(Self { client: Some(client), concurrency, ..Self::replay(record) })
    }

    /// Reads the record and asks nobody.
    #[must_use]
    pub fn replay(record: Record) -> Self {
        Self {
            client: None,
            record,
            concurrency: NonZeroUsize::MIN,
            claims: Claims::default(),
            used: Mutex::default(),
            asked: AtomicU64::new(0),
        }
    }

    /// The reply to one request. Threads that ask the same at the same time get one reply.
    ///
    /// # Errors
    /// If the record has no reply and the server gives none, the record is damaged, or the reply's content cannot be taken.
    pub fn ask(&self, request: &ChatRequest) -> Result<ChatReply, EndpointError> {
        let name = request.name();
        let _claim = self.claims.claim(name);
        let exchange = match self.record.find(&name)? {
            Some(exchange) => exchange,
            None => self.fetch(request)?,
        };
        let reply = ChatReply::of_body(&exchange.reply).map_err(|unusable| {
            let (Unusable::Envelope(reason)
            | Unusable::Reported(_, reason)
            | Unusable::Content(reason)) = unusable;
            EndpointError::Content { request: name, reason }
        })?;
        self.remember(request, &exchange, &reply);
        Ok(reply)
    }

    /// The replies to all requests, in their order. A request that fails does not stop the others, unless they would fail alike.
    pub fn ask_all(
        &self,
        title: &str,
        requests: &[ChatRequest],
        progress: &Progress,
    ) -> Vec<Result<ChatReply, EndpointError>> {
        self.for_all(title, requests, progress, |request| self.ask(request))
    }

    /// As [`ChatService::ask_all`] for work that asks: at most `concurrency` items are worked on at once, results are in the order of the items.
    pub fn for_all<Item: Sync, Output: Send>(
        &self,
        title: &str,
        items: &[Item],
        progress: &Progress,
        work: impl Fn(&Item) -> Result<Output, EndpointError> + Sync,
    ) -> Vec<Result<Output, EndpointError>> {
        let job = Mutex::new(progress.job(title, items.len() as u64, "replies"));
        let hopeless = AtomicBool::new(false);
        let outputs = map_concurrently(self.concurrency, items, |item| {
            if hopeless.load(Ordering::Relaxed) {
                return Err(EndpointError::NotAsked);
            }
            let output = work(item);
            if let Err(error) = &output {
                hopeless.fetch_or(error.concerns_all(), Ordering::Relaxed);
            }
            lock(&job).advance(1);
            output
        });
        let job = job.into_inner().unwrap_or_else(PoisonError::into_inner);
        if outputs.iter().all(Result::is_ok) {
            job.finish();
        }
        outputs
    }

    fn fetch(&self, request: &ChatRequest) -> Result<Exchange, EndpointError> {
        let Some(client) = &self.client else {
            return Err(EndpointError::NotRecorded {
                folder: self.record.folder().to_owned(),
                request: request.name(),
            });
        };
        let reply = client.ask(request)?;
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut exchange = Exchange::new(request, client.address().to_string(), reply);
        if let Some(key) = client.key() {
            // A prompt may quote it too.
            key.redact_value(&mut exchange.request);
        }
        self.record.store(&exchange)?;
        Ok(exchange)
    }

    fn remember(&self, request: &ChatRequest, exchange: &Exchange, reply: &ChatReply) {
        let used = UsedReply {
            endpoint: exchange.endpoint.clone(),
            requested: request.model().to_owned(),
            served: ServedModel {
                model: reply.served_model.clone(),
                fingerprint: reply.fingerprint.clone(),
            },
            reply: exchange.reply_digest(),
            cut: reply.finish_reason.as_deref() == Some("length"),
        };
        lock(&self.used).insert(request.name(), used);
    }

    /// Who gave the replies so far.
    #[must_use]
    pub fn summary(&self) -> ServiceSummary {
        ServiceSummary::of(&lock(&self.used))
    }

    /// How many replies came from the server and not from the record.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Where the exchanges are.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// How many requests are in flight at most; for callers with threads of their own.
    #[must_use]
    pub fn concurrency(&self) -> NonZeroUsize {
        self.concurrency
    }
}

/// Requests that a thread is busy with.
#[derive(Debug, Default)]
struct Claims {
    names: Mutex<HashSet<Digest>>,
    released: Condvar,
}

impl Claims {
    /// Waits until no other thread is busy with `name`.
    fn claim(&self, name: Digest) -> Claim<'_> {
        let mut names = lock(&self.names);
        while !names.insert(name) {
            names = self.released.wait(names).unwrap_or_else(PoisonError::into_inner);
        }
        Claim { claims: self, name }
    }
}

/// Ends when dropped.
struct Claim<'a> {
    claims: &'a Claims,
    name: Digest,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        lock(&self.claims.names).remove(&self.name);
        self.claims.released.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
