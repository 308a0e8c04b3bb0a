//! How a model is asked to answer.

use super::error::EndpointError;
use serde::Serialize;
use serde_json::{Map, Value};

/// Members of a request that are set elsewhere, or that would change the shape of the reply.
const RESERVED: [&str; 9] = [
    "model",
    "messages",
    "stream",
    "n",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "modalities",
];

/// What a reply may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Words.
    Text,
    /// Pictures.
    Image,
}

/// The parameters of a request. What is `None` or empty is not sent, and the server's default holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChatParameters {
    /// 0 takes the likeliest token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Share of probability that tokens are drawn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Most tokens of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Seed of the server's sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What the reply shall hold; empty for the server's default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modalities: Vec<Modality>,
    /// Others, as the server names them, sorted by name; see [`ChatParameters::with_extra`].
    #[serde(flatten)]
    pub(crate) extra: Map<String, Value>,
}

impl ChatParameters {
    /// Adds a parameter that has no field here, as the server names it.
    ///
    /// # Errors
    /// If the name is empty, or is one that retally sets itself.
    pub fn with_extra(mut self, name: &str, value: Value) -> Result<Self, EndpointError> {
        if name.is_empty() || RESERVED.contains(&name) {
            return Err(EndpointError::Parameter(format!(
                "`{name}` cannot be set this way: it has an option of its own, or retally sets it"
            )));
        }
        self.extra.insert(name.to_owned(), sorted(value));
        self.extra.sort_keys();
        Ok(self)
    }

    /// Checks that numbers are finite and in range.
    pub(super) fn check(&self) -> Result<(), EndpointError> {
        let outside = |name: &str, value: f64, range: &str| {
            Err(EndpointError::Parameter(format!("`{name}` is {value}; expected {range}")))
        };
        match (self.temperature, self.top_p, self.max_tokens) {
            (Some(value), ..) if !(0.0..=2.0).contains(&value) => {
                outside("temperature", value, "a number from 0 to 2")
            }
            (_, Some(value), _) if !(value > 0.0 && value <= 1.0) => {
                outside("top_p", value, "a number above 0 and up to 1")
            }
            (.., Some(0)) => outside("max_tokens", 0.0, "at least 1"),
            _ => Ok(()),
        }
    }
}

/// The value with the members of all its objects sorted, so that the same value has one text.
fn sorted(mut value: Value) -> Value {
    value.sort_all_objects();
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_set_is_not_sent() {
        assert_eq!(serde_json::to_string(&ChatParameters::default()).unwrap(), "{}");
        let parameters = ChatParameters {
            temperature: Some(0.0),
            max_tokens: Some(512),
            seed: Some(7),
            modalities: vec![Modality::Text, Modality::Image],
            ..ChatParameters::default()
        };
        let expected =
            r#"{"temperature":0.0,"max_tokens":512,"seed":7,"modalities":["text","image"]}"#;
        assert_eq!(serde_json::to_string(&parameters).unwrap(), expected);
    }

    #[test]
    fn extras_have_one_order_and_cannot_replace_fields() {
        let one = |first: &str, second: &str| {
            let base = ChatParameters::default()
                .with_extra(first, json!({"b": 1, "a": [{"d": 1, "c": 2}]}));
            base.unwrap().with_extra(second, json!({"b": 1, "a": [{"d": 1, "c": 2}]})).unwrap()
        };
        let text = serde_json::to_string(&one("x", "y")).unwrap();
        assert_eq!(text, serde_json::to_string(&one("y", "x")).unwrap());
        assert!(text.starts_with(r#"{"x":{"a":[{"c":2,"d":1}],"b":1},"y""#), "{text}");
        for name in RESERVED {
            assert!(ChatParameters::default().with_extra(name, json!(1)).is_err());
        }
    }

    #[test]
    fn numbers_are_checked() {
        let temperature =
            |value| ChatParameters { temperature: Some(value), ..Default::default() }.check();
        assert!(temperature(0.0).is_ok() && temperature(2.0).is_ok());
        assert!(temperature(f64::NAN).is_err() && temperature(-0.1).is_err());
        assert!(ChatParameters { top_p: Some(0.0), ..Default::default() }.check().is_err());
        assert!(ChatParameters { max_tokens: Some(0), ..Default::default() }.check().is_err());
    }
}
