//! A conversation with the model: what was said and shown so far goes along with every question.

use super::Asking;
use crate::endpoint::{
    ChatReply, ChatRequest, ChatService, EndpointError, Message, Modality, Part, Picture, Role,
};
use retally_manifests::Digest;
use serde::Serialize;

/// What stands for a turn of the model without words: some servers refuse an empty one.
const NO_WORDS: &str = "(picture)";

/// What a question wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Words,
    Picture,
    Both,
}

/// A question and its reply, for the record of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Turn {
    /// `plan`, `picture`, `answer` or `whole`.
    asked_for: &'static str,
    /// The exchange in the record of replies.
    request_sha256: Digest,
    text: String,
    pictures: usize,
    /// Whether the reply was cut at the most tokens allowed.
    cut: bool,
}

/// A conversation.
pub(super) struct Talk<'a> {
    service: &'a ChatService,
    asking: &'a Asking,
    messages: Vec<Message>,
    /// Said and shown since the last reply.
    pending: Vec<Part>,
    turns: Vec<Turn>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(service: &'a ChatService, asking: &'a Asking) -> Self {
        Self { service, asking, messages: Vec::new(), pending: Vec::new(), turns: Vec::new() }
    }

    /// What the user asked for.
    pub(super) fn asking(&self) -> &'a Asking {
        self.asking
    }

    /// Says something before the next question. Words that follow each other become one text.
    pub(super) fn say(&mut self, words: impl Into<String>) {
        let words = words.into();
        match self.pending.last_mut() {
            Some(Part::Text(text)) => {
                text.push_str("\n\n");
                text.push_str(&words);
            }
            _ => self.pending.push(Part::Text(words)),
        }
    }

    /// Shows a picture before the next question.
    pub(super) fn show(&mut self, picture: Picture) {
        self.pending.push(Part::Picture(picture));
    }

    /// Asks, with all that was said before.
    ///
    /// # Errors
    /// If there is no reply, or one that cannot be taken.
    pub(super) fn ask(
        &mut self,
        asked_for: &'static str,
        words: impl Into<String>,
        wants: Wants,
    ) -> Result<ChatReply, EndpointError> {
        self.say(words);
        let parts = std::mem::take(&mut self.pending);
        self.messages.push(Message { role: Role::User, parts });
        let mut parameters = self.asking.parameters.clone();
        if self.asking.names_modalities {
            parameters.modalities = match wants {
                Wants::Words => vec![Modality::Text],
                // Models that draw alone are rare; those that draw may also speak.
                Wants::Picture | Wants::Both => vec![Modality::Text, Modality::Image],
            };
        }
        let request =
            ChatRequest::new(self.asking.model.as_str(), parameters, self.messages.clone())?;
        let reply = self.service.ask(&request)?;
        let words = if reply.text.trim().is_empty() { NO_WORDS } else { reply.text.as_str() };
        // Pictures of the model are shown again by the next question: a turn of the model has words alone in this format.
        self.messages.push(Message::text(Role::Assistant, words));
        self.turns.push(Turn {
            asked_for,
            request_sha256: request.name(),
            text: reply.text.clone(),
            pictures: reply.images.len(),
            cut: reply.finish_reason.as_deref() == Some("length"),
        });
        Ok(reply)
    }

    /// What was asked and answered.
    pub(super) fn into_turns(self) -> Vec<Turn> {
        self.turns
    }
}
