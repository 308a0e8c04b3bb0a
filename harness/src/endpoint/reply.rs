//! A reply: words and, of models that draw, pictures.

use super::picture::MediaType;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// Servers differ in whether they pad.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A picture that a model made. Its bytes are PNG or JPEG by their beginning; nobody has decoded them yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyImage {
    /// PNG or JPEG.
    pub media_type: MediaType,
    /// As they came.
    pub bytes: Vec<u8>,
}

/// What a chat completion holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatReply {
    /// All text of the message, without what a server gives apart as reasoning.
    pub text: String,
    /// The pictures, in the order in which they stand: those in the content before those in `images`.
    pub images: Vec<ReplyImage>,
    /// Why the model stopped, in the server's words: `length` means that the text is cut.
    pub finish_reason: Option<String>,
    /// The model that answered, in the server's words.
    pub served_model: Option<String>,
    /// The server's name for its version of the model and of itself.
    pub fingerprint: Option<String>,
}

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Not a chat completion at all; another try may bring one.
    Envelope(String),
    /// The server reports an error in place of a completion.
    Reported(Option<u64>, String),
    /// A completion whose content cannot be taken.
    Content(String),
}

impl ChatReply {
    /// Reads the body of a chat completion: `choices[0].message` with `content` as a string or as parts (`text`, `output_text`,
    /// `image_url`, `output_image`), pictures as data URLs or as `b64_json`, there or in `message.images`.
    pub(crate) fn of_body(body: &str) -> Result<Self, Unusable> {
        let envelope = |what: &str| Unusable::Envelope(what.to_owned());
        let value: Value = serde_json::from_str(body)
            .map_err(|error| Unusable::Envelope(format!("the body is not JSON: {error}")))?;
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            return Err(reported(error));
        }
        let choice =
            value.pointer("/choices/0").ok_or_else(|| envelope("it has no `choices[0]`"))?;
        let message = choice
            .get("message")
            .filter(|message| message.is_object())
            .ok_or_else(|| envelope("`choices[0]` has no `message`"))?;
        let mut reply = Self {
            text: String::new(),
            images: Vec::new(),
            finish_reason: text_of(choice, "finish_reason"),
            served_model: text_of(&value, "model"),
            fingerprint: text_of(&value, "system_fingerprint"),
        };
        match message.get("content") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => reply.text.push_str(text),
            Some(Value::Array(parts)) => parts.iter().try_for_each(|part| reply.take_part(part))?,
            Some(_) => {
                return Err(envelope("`message.content` is neither text nor a list of parts"));
            }
        }
        for image in message.get("images").and_then(Value::as_array).into_iter().flatten() {
            reply.take_image(image)?;
        }
        Ok(reply)
    }

    fn take_part(&mut self, part: &Value) -> Result<(), Unusable> {
        match part.get("type").and_then(Value::as_str) {
            Some("text" | "output_text") => {
                self.text.push_str(part.get("text").and_then(Value::as_str).unwrap_or_default());
                Ok(())
            }
            Some("image_url" | "output_image" | "image") => self.take_image(part),
            // Reasoning, refusals, audio: nothing that is scored.
            _ => Ok(()),
        }
    }

    fn take_image(&mut self, part: &Value) -> Result<(), Unusable> {
        let number = self.images.len() + 1;
        let content = |what: String| Unusable::Content(format!("its image {number} {what}"));
        let url = part
            .pointer("/image_url/url")
            .or_else(|| part.get("image_url"))
            .or_else(|| part.get("url"));
        let encoded =
            match (url.and_then(Value::as_str), part.get("b64_json").and_then(Value::as_str)) {
                (Some(url), _) => data_of_url(url).ok_or_else(|| {
                    content(
                        "is an address and not data; retally fetches no images from other hosts"
                            .to_owned(),
                    )
                })?,
                (None, Some(encoded)) => encoded,
                (None, None) => {
                    return Err(content("has neither `image_url` nor `b64_json`".to_owned()));
                }
            };
        let bytes = LENIENT
            .decode(encoded.trim())
            .map_err(|error| content(format!("is not base64: {error}")))?;
        let media_type =
            MediaType::of(&bytes).ok_or_else(|| content("is neither PNG nor JPEG".to_owned()))?;
        self.images.push(ReplyImage { media_type, bytes });
        Ok(())
    }
}

/// The base64 of `data:image/png;base64,…`, whatever the media type says: the bytes tell what they are.
fn data_of_url(url: &str) -> Option<&str> {
    let (head, encoded) = url.strip_prefix("data:")?.split_once(',')?;
    head.ends_with(";base64").then_some(encoded)
}

fn text_of(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// `{"message": …, "code": 429}`, or whatever else a server says.
fn reported(error: &Value) -> Unusable {
    let code =
        error.get("code").and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    let message = error
        .get("message")
        .and_then(Value::as_str)
        .map_or_else(|| error.to_string(), str::to_owned);
    Unusable::Reported(code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Picture;
    use crate::images::raster::Rgb;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn completion(message: Value) -> String {
        json!({"model": "judge-2026-11", "system_fingerprint": "fp_1", "choices": [{"message": message, "finish_reason": "stop"}]})
            .to_string()
    }

    fn picture(colour: [u8; 3]) -> Picture {
        Picture::of_image(&Rgb::filled(2, 2, colour).unwrap(), "test").unwrap()
    }

    #[test]
    fn text_comes_as_a_string_or_in_parts() {
        let plain = ChatReply::of_body(&completion(json!({"content": "Hello"}))).unwrap();
        assert_eq!((plain.text.as_str(), plain.finish_reason.as_deref()), ("Hello", Some("stop")));
        assert_eq!(
            (plain.served_model.as_deref(), plain.fingerprint.as_deref()),
            (Some("judge-2026-11"), Some("fp_1"))
        );
        let parts = json!([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]);
        assert_eq!(
            ChatReply::of_body(&completion(json!({"content": parts}))).unwrap().text,
            "Hello"
        );
        let apart = json!({"content": "Hello", "reasoning_content": "{1}"});
        assert_eq!(ChatReply::of_body(&completion(apart)).unwrap().text, "Hello");
        assert_eq!(ChatReply::of_body(&completion(json!({"content": null}))).unwrap().text, "");
    }

    #[test]
    fn pictures_come_in_every_shape_and_in_order() {
        let pictures = [picture([0; 3]), picture([50; 3]), picture([99; 3])];
        let message = json!({
            "content": [
                {"type": "text", "text": "Done"},
                {"type": "image_url", "image_url": {"url": pictures[0].data_url()}},
                {"type": "output_image", "b64_json": STANDARD.encode(pictures[1].bytes()).trim_end_matches('=')},
            ],
            "images": [{"type": "image_url", "image_url": {"url": pictures[2].data_url()}}],
        });
        let reply = ChatReply::of_body(&completion(message)).unwrap();
        let bytes: Vec<_> = reply.images.iter().map(|image| image.bytes.as_slice()).collect();
        assert_eq!(bytes, pictures.each_ref().map(Picture::bytes));
    }

    #[test]
    fn pictures_that_are_no_data_are_refused() {
        for image in [
            json!({"image_url": {"url": "https://elsewhere/picture.png"}}),
            json!({"b64_json": "!!"}),
            json!({"b64_json": "R0lGODlh"}),
            json!({}),
        ] {
            let body = completion(json!({"content": "", "images": [image]}));
            assert!(matches!(ChatReply::of_body(&body), Err(Unusable::Content(_))), "{body}");
        }
    }

    #[test]
    fn what_is_no_completion_is_told_apart() {
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":[{}]}"#,
            r#"{"choices":[{"message":{"content":3}}]}"#,
        ] {
            assert!(matches!(ChatReply::of_body(body), Err(Unusable::Envelope(_))), "{body}");
        }
        let error = ChatReply::of_body(r#"{"error":{"code":429,"message":"busy"}}"#).unwrap_err();
        assert_eq!(error, Unusable::Reported(Some(429), "busy".to_owned()));
        let error = ChatReply::of_body(r#"{"error":"overloaded"}"#).unwrap_err();
        assert_eq!(error, Unusable::Reported(None, "\"overloaded\"".to_owned()));
    }
}
