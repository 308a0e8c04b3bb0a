//! A judge: a service with the models, parameters and prompts that make it an instrument.

use super::prepared::Prepared;
use super::prompts::{Prompt, PromptRecord};
use crate::endpoint::{
    ChatParameters, ChatRequest, ChatService, EndpointError, Message, Part, Picture, Role,
    ServiceSummary,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A judge, or the reason why there is none.
#[derive(Debug)]
pub(crate) enum Judging {
    /// Ready to judge.
    Ready(Box<Judge>),
    /// Nobody judges: one sentence that begins with `not run`.
    NotRun(String),
}

/// Who judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct JudgeModels {
    /// Sees pictures.
    pub(crate) vision: String,
    /// Reads solutions of geometry problems.
    pub(crate) text: String,
}

/// How judges are asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JudgeParameters {
    /// Of every request; `max_tokens` in it replaces that of every prompt.
    pub(crate) chat: ChatParameters,
    /// Whether each prompt's most tokens are sent where `chat` has none.
    pub(crate) prompt_tokens: bool,
}

/// What a result says of the judge.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct JudgeRecord {
    /// Who was asked.
    models: JudgeModels,
    /// How.
    parameters: ChatParameters,
    /// By which words.
    prompts: Vec<AskedPrompt>,
    /// Who answered.
    #[serde(flatten)]
    summary: ServiceSummary,
}

/// A prompt that was asked.
#[derive(Clone, Debug, Serialize)]
struct AskedPrompt {
    #[serde(flatten)]
    prompt: PromptRecord,
    /// Most tokens of its replies; `null` for the server's default.
    max_tokens: Option<u32>,
}

impl JudgeRecord {
    /// What a reader should know, one sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = vec![self.identity()];
        notes.extend(self.summary.notes());
        notes
    }

    /// Who judged, for the line beside judged columns.
    fn identity(&self) -> String {
        let JudgeModels { vision, text } = &self.models;
        let asked = if vision == text {
            vision.clone()
        } else {
            format!("{vision} (pictures) and {text} (solutions)")
        };
        let served: Vec<String> = self
            .summary
            .served_models
            .iter()
            .map(|entry| {
                let model = entry.served.model.as_deref().unwrap_or("no name");
                let version = entry.served.fingerprint.as_deref().unwrap_or("no version");
                format!("{model}, {version}")
            })
            .collect();
        format!(
            "judged by {asked}; the endpoint calls itself {}; {} replies, SHA-256 {}",
            if served.is_empty() {
                "nothing: it was never asked".to_owned()
            } else {
                served.join("; ")
            },
            self.summary.replies,
            self.summary.replies_sha256
        )
    }
}

/// A judge.
#[derive(Debug)]
pub(crate) struct Judge {
    service: ChatService,
    models: JudgeModels,
    parameters: JudgeParameters,
    used: Mutex<BTreeSet<Prompt>>,
}

impl Judge {
    pub(crate) fn new(
        service: ChatService,
        models: JudgeModels,
        parameters: JudgeParameters,
    ) -> Self {
        Self { service, models, parameters, used: Mutex::default() }
    }

    pub(super) fn service(&self) -> &ChatService {
        &self.service
    }

    /// Asks `prompt`, with its fields and pictures.
    ///
    /// # Errors
    /// If a parameter is out of range.
    pub(crate) fn question(
        &self,
        prompt: Prompt,
        fields: &[(&str, &str)],
        pictures: &[Picture],
    ) -> Result<Prepared, EndpointError> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(prompt);
        let max_tokens = self.most_tokens(prompt);
        let parameters = ChatParameters { max_tokens, ..self.parameters.chat.clone() };
        let model =
            if prompt.is_for_the_text_judge() { &self.models.text } else { &self.models.vision };
        let mut parts = vec![Part::Text(prompt.filled(fields))];
        for (caption, picture) in prompt.captions().iter().zip(pictures) {
            parts.push(Part::Text((*caption).to_owned()));
            parts.push(Part::Picture(picture.clone()));
        }
        let message = Message { role: Role::User, parts };
        Ok(Prepared::Ask(Box::new(ChatRequest::new(model, parameters, vec![message])?)))
    }

    fn most_tokens(&self, prompt: Prompt) -> Option<u32> {
        let own = self.parameters.prompt_tokens.then(|| prompt.most_tokens());
        self.parameters.chat.max_tokens.or(own)
    }

    fn asked(&self, prompt: Prompt) -> AskedPrompt {
        AskedPrompt { prompt: prompt.record(), max_tokens: self.most_tokens(prompt) }
    }

    /// What a result says of this judge and of what it was asked so far.
    pub(crate) fn record(&self) -> JudgeRecord {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        JudgeRecord {
            models: self.models.clone(),
            parameters: self.parameters.chat.clone(),
            prompts: used.iter().map(|prompt| self.asked(*prompt)).collect(),
            summary: self.service.summary(),
        }
    }
}
