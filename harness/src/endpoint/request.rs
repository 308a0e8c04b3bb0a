//! A request: what is asked, its name, and how it is sent.

use super::error::EndpointError;
use super::parameters::ChatParameters;
use super::picture::Picture;
use retally_manifests::Digest;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The layout of the canonical form. Another layout would give other names.
const FORMAT: &str = "retally-chat/1";

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the whole conversation.
    System,
    /// The one who asks.
    User,
    /// The model, in an earlier turn.
    Assistant,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture.
    Picture(Picture),
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said and shown, in this order.
    pub parts: Vec<Part>,
}

impl Message {
    /// A message of words alone.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())] }
    }

    fn canonical(&self) -> Value {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => json!({ "text": text }),
            Part::Picture(picture) => {
                json!({ "image": picture.digest(), "media_type": picture.media_type() })
            }
        });
        json!({ "role": self.role, "parts": parts.collect::<Vec<_>>() })
    }

    /// One text travels as a plain string, which every server takes.
    fn wire(&self) -> Value {
        if let [Part::Text(text)] = self.parts.as_slice() {
            return json!({ "role": self.role, "content": text });
        }
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => json!({ "type": "text", "text": text }),
            Part::Picture(picture) => {
                json!({ "type": "image_url", "image_url": { "url": picture.data_url() } })
            }
        });
        json!({ "role": self.role, "content": parts.collect::<Vec<_>>() })
    }
}

/// A question to a model. Equal questions have equal names, whoever asks them and wherever the model is.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatRequest {
    model: String,
    parameters: ChatParameters,
    messages: Vec<Message>,
    repetition: u32,
    name: Digest,
}

impl ChatRequest {
    /// Asks `model`.
    ///
    /// # Errors
    /// If the model has no name, there is no message, or a parameter is out of range.
    pub fn new(
        model: impl Into<String>,
        parameters: ChatParameters,
        messages: Vec<Message>,
    ) -> Result<Self, EndpointError> {
        let model = model.into();
        parameters.check()?;
        if model.trim().is_empty() {
            return Err(EndpointError::Parameter("`model` is empty; name the model".to_owned()));
        }
        if messages.iter().all(|message| message.parts.is_empty()) {
            return Err(EndpointError::Parameter("`messages` says nothing".to_owned()));
        }
        let name = Digest::of_bytes(&[]);
        Ok(Self { model, parameters, messages, repetition: 0, name }.named())
    }

    /// The same question for the `repetition`-th time: another name, so another reply. 0 is the first time.
    #[must_use]
    pub fn repeated(self, repetition: u32) -> Self {
        Self { repetition, ..self }.named()
    }

    fn named(mut self) -> Self {
        self.name = Digest::of_bytes(self.canonical().to_string().as_bytes());
        self
    }

    /// SHA-256 of the canonical form.
    #[must_use]
    pub fn name(&self) -> Digest {
        self.name
    }

    /// The model that is asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Everything that decides the answer on this side, with images as digests, in one order.
    pub(super) fn canonical(&self) -> Value {
        json!({
            "format": FORMAT,
            "model": self.model,
            "parameters": self.parameters,
            "messages": self.messages.iter().map(Message::canonical).collect::<Vec<_>>(),
            "repetition": self.repetition,
        })
    }

    /// The body that is sent.
    pub(super) fn wire(&self) -> Value {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(self.model));
        let messages: Vec<_> = self.messages.iter().map(Message::wire).collect();
        body.insert("messages".to_owned(), Value::Array(messages));
        if let Value::Object(parameters) = json!(self.parameters) {
            body.extend(parameters);
        }
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::raster::Rgb;

    fn request(text: &str) -> ChatRequest {
        let messages = vec![Message::text(Role::User, text)];
        ChatRequest::new("judge", ChatParameters::default(), messages).unwrap()
    }

    #[test]
    fn names_never_change() {
        // sha256sum of the canonical form, written out by hand.
        let canonical = r#"{"format":"retally-chat/1","model":"judge","parameters":{},"messages":[{"role":"user","parts":[{"text":"Hi"}]}],"repetition":0}"#;
        assert_eq!(request("Hi").canonical().to_string(), canonical);
        assert_eq!(request("Hi").name().to_string(), GOLDEN_NAME);
    }

    const GOLDEN_NAME: &str = "071c4b1347598d47e9066c45e44219567d85fcc19849385f8cdc5e28dee825c3";

    #[test]
    fn everything_that_is_asked_enters_the_name() {
        let base = request("Hi");
        let picture = |colour| {
            let picture = Picture::of_image(&Rgb::filled(2, 2, colour).unwrap(), "test").unwrap();
            let parts = vec![Part::Text("Hi".to_owned()), Part::Picture(picture)];
            let messages = vec![Message { role: Role::User, parts }];
            ChatRequest::new("judge", ChatParameters::default(), messages).unwrap()
        };
        let with = |parameters| {
            ChatRequest::new("judge", parameters, vec![Message::text(Role::User, "Hi")]).unwrap()
        };
        let names = [
            base.name(),
            request("Ho").name(),
            base.clone().repeated(1).name(),
            ChatRequest::new("other", ChatParameters::default(), base.messages.clone())
                .unwrap()
                .name(),
            with(ChatParameters { seed: Some(0), ..Default::default() }).name(),
            with(ChatParameters { temperature: Some(0.0), ..Default::default() }).name(),
            picture([0; 3]).name(),
            picture([1; 3]).name(),
        ];
        for (index, name) in names.iter().enumerate() {
            assert_eq!(names.iter().position(|other| other == name), Some(index));
        }
        assert_eq!(base.clone().repeated(1).repeated(0), base);
    }

    #[test]
    fn pictures_travel_as_data_and_are_named_by_digest() {
        let picture = Picture::of_image(&Rgb::filled(2, 2, [0; 3]).unwrap(), "test").unwrap();
        let message = Message {
            role: Role::User,
            parts: vec![Part::Text("Look".to_owned()), Part::Picture(picture.clone())],
        };
        let parameters = ChatParameters { seed: Some(3), ..Default::default() };
        let request = ChatRequest::new("judge", parameters, vec![message]).unwrap();
        let wire = request.wire();
        assert_eq!(wire["messages"][0]["content"][0], json!({"type": "text", "text": "Look"}));
        assert_eq!(wire["messages"][0]["content"][1]["image_url"]["url"], picture.data_url());
        assert_eq!(wire["seed"], 3);
        let canonical = request.canonical();
        assert_eq!(canonical["messages"][0]["parts"][1]["image"], picture.digest().to_string());
        assert!(!canonical.to_string().contains("base64"));
    }

    #[test]
    fn empty_questions_are_refused() {
        assert!(
            ChatRequest::new(" ", ChatParameters::default(), vec![Message::text(Role::User, "Hi")])
                .is_err()
        );
        assert!(ChatRequest::new("judge", ChatParameters::default(), vec![]).is_err());
    }
}
