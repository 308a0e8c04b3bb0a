//! `retally submit`: a run as a signed bundle.

use super::Document;
use crate::context::Context;
use crate::endpoint::RetrySchedule;
use crate::failure::Failure;
use crate::interrupt;
use crate::submission::deliver::{Submitted, Target, Uploader, place_in_folder};
use crate::submission::{Assembled, VerifyOptions, assemble, read_private_key, verify};
use retally_manifests::{Digest, Network};
use retally_submissions::KeyFingerprint;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Arguments of `retally submit`.
#[derive(Debug, clap::Args)]
pub(super) struct SubmitCommand {
    /// The directory of a run that has ended.
    run: PathBuf,
    /// Your private key (`retally key new`).
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the submission is to be called.
    #[arg(long)]
    name: String,
    /// Write the bundle here.
    #[arg(long, value_name = "FILE", required_unless_present = "to")]
    out: Option<PathBuf>,
    /// Bring it to a folder of submissions, or to a server (https; its token is in RETALLY_TOKEN).
    #[arg(long, value_name = "DIR|URL")]
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct SubmitReport {
    id: Digest,
    name: String,
    suite: String,
    key: KeyFingerprint,
    sha256: Digest,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Submitted>,
}

pub(super) fn run(command: &SubmitCommand, context: &Context) -> Result<Document, Failure> {
    let target = command.to.as_deref().map(Target::from);
    // Before anything is computed: a wrong address or a missing token should not cost minutes.
    let uploader = match &target {
        Some(Target::Server(_)) if context.network == Network::Forbidden => {
            return Err(Failure::invalid(
                "--to a server needs the network, which --offline forbids",
            ));
        }
        Some(Target::Server(address)) => Some(Uploader::new(address, RetrySchedule::default())?),
        _ => None,
    };
    let key = read_private_key(&command.key)?;
    let assembled = assemble(&command.run, &command.name, &key, context)?;
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::temporary(format_args!("cannot make a temporary folder: {error}"))
    })?;
    let bundle = match &command.out {
        Some(out) => out.clone(),
        None => folder.path().join("submission.retally"),
    };
    let (sha256, bytes) = write_checked(&assembled, &bundle, context)?;
    let mut report = SubmitReport {
        id: assembled.id(),
        name: assembled.name().to_string(),
        suite: assembled.suite().to_owned(),
        key: key.public().fingerprint(),
        sha256,
        bytes,
        out: command.out.clone(),
        folder: None,
        server: None,
    };
    if let Some(Target::Folder(folder)) = &target {
        let identity = (&report.id, assembled.name());
        report.folder = Some(place_in_folder(&bundle, folder, &report.suite, identity)?);
    }
    if let Some(uploader) = uploader {
        interrupt::listen()?;
        report.server = Some(uploader.upload(&bundle, &context.progress)?);
    }
    Document::new(report.to_text(), &report)
}

/// Writes the bundle beside its place, checks it as everybody else would, and only then moves it there: no bundle leaves that would be
/// refused.
fn write_checked(
    assembled: &Assembled,
    path: &Path,
    context: &Context,
) -> Result<(Digest, u64), Failure> {
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    let partial = tempfile::Builder::new()
        .prefix(".partial-")
        .tempdir_in(parent)
        .map_err(|error| Failure::file("create a folder in", parent, &error))?;
    let written = partial.path().join("submission.retally");
    assembled.write(&written)?;
    let options = VerifyOptions { context, known: None, trust: &[], reinfer: 0, threads: None };
    let verified = verify(&written, &options)?;
    if verified.checked.is_none() {
        let reasons: Vec<&str> =
            verified.verification.reasons().map(|(_, reason)| reason).collect();
        return Err(Failure::invalid(format_args!(
            "this run would be refused by everybody who checks it, so it is not submitted: {}",
            reasons.join("; ")
        )));
    }
    let bytes =
        std::fs::metadata(&written).map_err(|error| Failure::file("read", &written, &error))?.len();
    std::fs::rename(&written, path).map_err(|error| Failure::file("write", path, &error))?;
    Ok((verified.verification.bundle_sha256, bytes))
}

impl SubmitReport {
    fn to_text(&self) -> String {
        let mut text = format!(
            "submission {}\nname       {}\nsuite      {}\nkey        {}\nbundle     {:.1} MB, SHA-256 {}\n",
            self.id,
            self.name,
            self.suite,
            self.key,
            self.bytes as f64 / 1e6,
            self.sha256
        );
        for place in [&self.out, &self.folder].into_iter().flatten() {
            text.push_str(&format!("written    {}\n", place.display()));
        }
        if let Some(server) = &self.server {
            let id = server.id.as_deref().unwrap_or("the server does not say as what");
            let how = if server.known_before { "published before" } else { "published" };
            text.push_str(&format!("{how}  {id}\n"));
        }
        text
    }
}
