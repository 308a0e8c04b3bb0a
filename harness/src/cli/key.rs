//! `retally key`: the key that signs submissions.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::submission::{create_key, read_private_key, read_public_key};
use retally_submissions::KeyFingerprint;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `retally key`.
#[derive(Debug, clap::Args)]
pub(super) struct KeyCommand {
    #[command(subcommand)]
    action: KeyAction,
}

#[derive(Debug, clap::Subcommand)]
enum KeyAction {
    /// Make an ed25519 key pair: the private key in FILE, for its owner alone, the public one in FILE.pub.
    New {
        /// A new file; an existing one is never overwritten.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Show the name of a key: the SHA-256 of its 32 public bytes.
    Show {
        /// A private or a public key.
        key: PathBuf,
    },
}

#[derive(Debug, Serialize)]
struct KeyReport {
    fingerprint: KeyFingerprint,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<PathBuf>,
}

pub(super) fn run(command: &KeyCommand, _context: &Context) -> Result<Document, Failure> {
    match &command.action {
        KeyAction::New { out } => {
            let (key, public) = create_key(out)?;
            let text = format!(
                "key {}\nprivate  {} (keep it to yourself: whoever has it signs in your name)\npublic   {}",
                key.fingerprint(),
                out.display(),
                public.display()
            );
            let report = KeyReport {
                fingerprint: key.fingerprint(),
                private_key: Some(out.clone()),
                public_key: Some(public),
            };
            Document::new(text, &report)
        }
        KeyAction::Show { key } => {
            let public = match read_public_key(key) {
                Ok(public) => public,
                Err(_) => read_private_key(key)?.public(),
            };
            let fingerprint = public.fingerprint();
            let report = KeyReport { fingerprint, private_key: None, public_key: None };
            Document::new(fingerprint.to_string(), &report)
        }
    }
}
