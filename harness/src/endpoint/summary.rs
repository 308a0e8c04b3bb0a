//! Who answered: models and versions as the endpoint names them, and one digest of all replies.

use retally_manifests::{Digest, Hasher};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A model as the endpoint calls itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ServedModel {
    /// The name in the reply; `null` if the endpoint gives none.
    pub model: Option<String>,
    /// The version in the reply; `null` if the endpoint gives none.
    pub fingerprint: Option<String>,
}

/// What is kept of a used reply.
#[derive(Clone, Debug)]
pub(super) struct UsedReply {
    pub(super) endpoint: String,
    pub(super) requested: String,
    pub(super) served: ServedModel,
    pub(super) reply: Digest,
    pub(super) cut: bool,
}

/// Replies of one served model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServedReplies {
    /// Who answered.
    #[serde(flatten)]
    pub served: ServedModel,
    /// How many replies.
    pub replies: u64,
}

/// All replies that were used, by who gave them. It depends on the exchanges alone: not on threads, order, or whether a reply was
/// fetched or read from the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceSummary {
    /// Addresses that replies came from.
    pub endpoints: BTreeSet<String>,
    /// Models that were asked for.
    pub requested_models: BTreeSet<String>,
    /// Models that answered.
    pub served_models: Vec<ServedReplies>,
    /// How many different requests were answered.
    pub replies: u64,
    /// How many replies were cut at the most tokens allowed.
    pub cut_replies: u64,
    /// SHA-256 over the names of requests and the digests of replies, sorted by name.
    pub replies_sha256: Digest,
}

impl ServiceSummary {
    pub(super) fn of(used: &BTreeMap<Digest, UsedReply>) -> Self {
        let mut hasher = Hasher::new();
        let mut served: BTreeMap<&ServedModel, u64> = BTreeMap::new();
        for (name, reply) in used {
            hasher.update(name.as_bytes());
            hasher.update(reply.reply.as_bytes());
            *served.entry(&reply.served).or_default() += 1;
        }
        let served_models = served
            .into_iter()
            .map(|(served, replies)| ServedReplies { served: served.clone(), replies });
        Self {
            endpoints: used.values().map(|reply| reply.endpoint.clone()).collect(),
            requested_models: used.values().map(|reply| reply.requested.clone()).collect(),
            served_models: served_models.collect(),
            replies: used.len() as u64,
            cut_replies: used.values().filter(|reply| reply.cut).count() as u64,
            replies_sha256: hasher.finish(),
        }
    }

    /// What a reader should know, one sentence each: who answered, and whether that changed.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let name = |served: &ServedModel| {
            let model = served.model.as_deref().unwrap_or("a model that it does not name");
            let version = served.fingerprint.as_deref();
            version
                .map_or_else(|| model.to_owned(), |version| format!("{model}, version {version}"))
        };
        let mut notes = Vec::new();
        if self.served_models.len() > 1 {
            let counted = self.served_models.iter().map(|entry| {
                format!(
                    "{} ({} {})",
                    name(&entry.served),
                    entry.replies,
                    plural(entry.replies, "reply", "replies")
                )
            });
            notes.push(format!(
                "the model changed within the record: {}; the replies do not come from one instrument",
                counted.collect::<Vec<_>>().join("; ")
            ));
        }
        if self.endpoints.len() > 1 {
            let endpoints: Vec<_> = self.endpoints.iter().map(String::as_str).collect();
            notes.push(format!(
                "the replies come from {} endpoints: {}",
                endpoints.len(),
                endpoints.join(", ")
            ));
        }
        if self.cut_replies > 0 {
            notes.push(format!(
                "{} of {} {} cut at the most tokens allowed",
                self.cut_replies,
                self.replies,
                plural(self.replies, "reply was", "replies were")
            ));
        }
        notes
    }
}

fn plural<'a>(count: u64, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}
