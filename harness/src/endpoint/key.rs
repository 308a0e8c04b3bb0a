//! The key of an endpoint: it travels in one header of a request, and nowhere else.

use super::error::EndpointError;
use reqwest::header::HeaderValue;
use serde_json::Value;
use std::fmt;

/// What stands where a key stood.
const REDACTED: &str = "[key removed]";

/// Shorter keys cannot be told from ordinary text, so they could not be taken out of replies.
const SHORTEST: usize = 8;

/// A secret that a server knows its user by. Neither `Debug` nor `Display` shows it.
#[derive(Clone)]
pub struct ApiKey {
    secret: String,
}

impl ApiKey {
    /// The key in an environment variable; `None` if the variable is not set or is empty.
    ///
    /// # Errors
    /// If it is shorter than 8 characters or holds anything but visible ASCII, which no header can carry.
    pub fn from_environment(variable: &str) -> Result<Option<Self>, EndpointError> {
        match std::env::var_os(variable) {
            None => Ok(None),
            Some(text) => Self::from_variable(variable, text.to_str()),
        }
    }

    fn from_variable(variable: &str, text: Option<&str>) -> Result<Option<Self>, EndpointError> {
        let unusable = |reason| EndpointError::Key { variable: variable.to_owned(), reason };
        let secret = text.ok_or_else(|| unusable("it is not UTF-8"))?.trim();
        if secret.is_empty() {
            return Ok(None);
        }
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable("it holds spaces or characters that no HTTP header can carry"));
        }
        if secret.len() < SHORTEST {
            return Err(unusable(
                "it has fewer than 8 characters and could not be told from ordinary text; unset the variable if the server \
                 needs no key",
            ));
        }
        Ok(Some(Self { secret: secret.to_owned() }))
    }

    /// The header's value, marked so that no library prints it.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.secret)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The text without the key, if it is there.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.secret, REDACTED)
    }

    /// A reply's body without the key, also where JSON writes its characters as escapes.
    #[must_use]
    pub fn redact_body(&self, body: &str) -> String {
        let plain = self.redact(body);
        let Ok(mut value) = serde_json::from_str::<Value>(&plain) else { return plain };
        if self.redact_value(&mut value) { value.to_string() } else { plain }
    }

    /// Whether anything was taken out.
    pub(super) fn redact_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) if text.contains(&self.secret) => {
                *text = self.redact(text);
                true
            }
            Value::Array(items) => {
                items.iter_mut().fold(false, |found, item| self.redact_value(item) | found)
            }
            Value::Object(members) => {
                let mut found = false;
                let names: Vec<String> =
                    members.keys().filter(|name| name.contains(&self.secret)).cloned().collect();
                for name in names {
                    if let Some(member) = members.remove(&name) {
                        members.insert(self.redact(&name), member);
                    }
                    found = true;
                }
                members.values_mut().fold(found, |found, item| self.redact_value(item) | found)
            }
            _ => false,
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(…)")
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

#[cfg(test)]
impl ApiKey {
    /// A key of a test.
    pub(super) fn for_test(secret: &str) -> Self {
        Self::from_variable("TEST", Some(secret)).unwrap().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = ApiKey::for_test("secret-of-a-test");
        let header = key.bearer().unwrap();
        for text in [
            format!("{key:?}"),
            format!("{key}"),
            format!("{header:?}"),
            format!("{:?}", Some(&key)),
        ] {
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn unusable_keys_are_refused_without_being_shown() {
        for text in ["short", "with a space in it", "ümlaut-in-the-key"] {
            let error = ApiKey::from_variable("VARIABLE", Some(text)).unwrap_err().to_string();
            assert!(error.contains("VARIABLE") && !error.contains(text), "{error}");
        }
        assert!(ApiKey::from_variable("VARIABLE", Some(" \n")).unwrap().is_none());
        assert!(ApiKey::from_environment("RETALLY_NO_SUCH_VARIABLE").unwrap().is_none());
    }

    #[test]
    fn echoes_are_taken_out_in_every_spelling() {
        let key = ApiKey::for_test("abc/def-123");
        let bodies = [
            r#"{"error":"bad key abc/def-123!"}"#,
            r#"{"error":"bad key abc\/def-123!"}"#,
            r#"{"error":"bad key \u0061bc/def-123!"}"#,
            r#"{"abc\/def-123":1,"list":["x abc\/def-123 abc\/def-123"]}"#,
            "not JSON: abc/def-123",
        ];
        for body in bodies {
            let redacted = key.redact_body(body);
            let parsed: Value = serde_json::from_str(&redacted).unwrap_or_default();
            assert!(
                !redacted.contains("abc/def-123") && !parsed.to_string().contains("abc/def-123"),
                "{redacted}"
            );
            assert!(redacted.contains(REDACTED), "{redacted}");
        }
        let untouched = r#"{ "spaces" :  "kept" }"#;
        assert_eq!(key.redact_body(untouched), untouched);
    }
}
