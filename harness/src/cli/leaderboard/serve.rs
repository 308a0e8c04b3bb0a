//! `retally leaderboard serve`: a leaderboard that accepts submissions over HTTP.

use super::super::Document;
use crate::bundle_verifier::{BundleVerifier, BundleVerifierOptions};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::submission::read_public_key;
use retally_leaderboard::server::{Limits, Server, ServerFolder, Settings};
use serde_json::json;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `retally leaderboard serve`.
#[derive(Debug, clap::Args)]
pub(super) struct ServeCommand {
    /// The server's folder: tokens, uploads, submissions, sites.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where to listen. Behind a reverse proxy that has the certificate: 127.0.0.1.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// What the site is called.
    #[arg(long, value_name = "TEXT", default_value = "Leaderboard")]
    title: String,
    /// The largest bundle.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().bundle_bytes)]
    max_bytes: u64,
    /// Uploads that a token may begin in an hour.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().uploads_an_hour)]
    uploads_an_hour: u32,
    /// Uploads of a token that are not finished.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().open_uploads)]
    open_uploads: u32,
    /// Bytes that a token may announce in a day.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().bytes_a_day)]
    bytes_a_day: u64,
    /// Connections at once.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().connections)]
    connections: usize,
    /// Bundles that are checked at once.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    checks_at_once: usize,
    /// Accept only submissions that this public key has signed; may be repeated.
    #[arg(long, value_name = "KEY.pub")]
    trust: Vec<PathBuf>,
    /// Run so many samples of each data set through the models again, as far as they are in the store.
    #[arg(long, value_name = "K", default_value_t = 0)]
    reinfer: usize,
    /// Threads of one check; all cores if left out. They change no result.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

pub(super) fn run(command: &ServeCommand, context: &Context) -> Result<Document, Failure> {
    let trust =
        command.trust.iter().map(|path| read_public_key(path)).collect::<Result<Vec<_>, _>>()?;
    let (reinfer, threads) = (command.reinfer, command.threads);
    let options = BundleVerifierOptions { trust, reinfer, threads };
    interrupt::listen()?;
    let folder = ServerFolder::open(&command.dir)?;
    let progress = context.progress.clone();
    let settings = Settings {
        listen: command.listen,
        title: command.title.clone(),
        limits: Limits {
            bundle_bytes: command.max_bytes,
            uploads_an_hour: command.uploads_an_hour,
            open_uploads: command.open_uploads,
            bytes_a_day: command.bytes_a_day,
            connections: command.connections,
        },
        checks_at_once: command.checks_at_once,
        verifier: Arc::new(BundleVerifier::new(context, options)),
        log: Arc::new(move |line: &str| progress.note(line)),
    };
    let server = Server::start(&folder, settings)?;
    let address = server.address();
    context.progress.note(format!("listening on http://{address}/"));
    server.run(&interrupt::requested)?;
    let text =
        format!("served {} on http://{address}/ until it was asked to stop", command.dir.display());
    Document::new(text, &json!({ "dir": command.dir, "address": address }))
}
