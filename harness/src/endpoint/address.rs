//! Where a chat endpoint is.

use super::error::EndpointError;
use reqwest::Url;
use std::fmt;
use std::net::IpAddr;

/// Whether a key and answers may travel unencrypted to another machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only to this machine itself.
    LoopbackOnly,
    /// To any machine: the user takes the risk.
    Allowed,
}

/// The base address of a chat endpoint: what stands before `/chat/completions`. It holds no password and no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointAddress {
    base: Url,
}

impl EndpointAddress {
    /// Reads `https://host/v1` (a trailing `/` or `/chat/completions` is taken off). `http` is for loopback, or for every host
    /// if `plain` allows it.
    ///
    /// # Errors
    /// If the text is no web address, has another scheme, a user name, a password, a query or a fragment.
    pub fn new(text: &str, plain: PlainHttp) -> Result<Self, EndpointError> {
        let mut base = Url::parse(text).map_err(|error| EndpointError::Address {
            address: without_credentials(text),
            reason: format!("{error}; write `https://host/v1`"),
        })?;
        let refuse = |base: &Url, reason: &str| {
            Err(EndpointError::Address { address: shown(base), reason: reason.to_owned() })
        };
        if !base.username().is_empty() || base.password().is_some() {
            return refuse(
                &base,
                "leave out the user name and password; keys come from the environment",
            );
        }
        if base.query().is_some() || base.fragment().is_some() {
            return refuse(
                &base,
                "leave out everything from `?` or `#` on; keys come from the environment",
            );
        }
        if !base.has_host() {
            return refuse(&base, "it names no host; write `https://host/v1`");
        }
        match base.scheme() {
            "https" => {}
            "http" if plain == PlainHttp::Allowed || is_loopback(&base) => {}
            "http" => {
                return refuse(
                    &base,
                    "http would send the key and the answers unencrypted; use https, or say --plain-http if the network is yours",
                );
            }
            _ => return refuse(&base, "write `https://host/v1`"),
        }
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/chat/completions").unwrap_or(path).to_owned();
        base.set_path(&path);
        Ok(Self { base })
    }

    /// Where requests go.
    pub(super) fn completions(&self) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}/chat/completions", self.base.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    /// True if the host is this machine, which needs no key and is never reached through a proxy.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }
}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have such parts.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// As [`shown`], of a text that is no address.
fn without_credentials(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completions(text: &str) -> String {
        EndpointAddress::new(text, PlainHttp::LoopbackOnly).unwrap().completions().to_string()
    }

    #[test]
    fn a_base_is_completed_however_it_ends() {
        for text in [
            "https://host/v1",
            "https://host/v1/",
            "https://host/v1/chat/completions",
            "https://host/v1/chat/completions/",
        ] {
            assert_eq!(completions(text), "https://host/v1/chat/completions");
        }
        assert_eq!(completions("https://host"), "https://host/chat/completions");
        assert_eq!(
            completions("http://127.0.0.1:8000/v1"),
            "http://127.0.0.1:8000/v1/chat/completions"
        );
        assert_eq!(completions("http://[::1]:8000"), "http://[::1]:8000/chat/completions");
        let shown = EndpointAddress::new("https://host/", PlainHttp::LoopbackOnly).unwrap();
        assert_eq!(shown.to_string(), "https://host");
    }

    #[test]
    fn plain_http_needs_loopback_or_consent() {
        let error =
            EndpointAddress::new("http://192.0.2.1/v1", PlainHttp::LoopbackOnly).unwrap_err();
        assert!(error.to_string().contains("unencrypted"), "{error}");
        assert!(EndpointAddress::new("http://192.0.2.1/v1", PlainHttp::Allowed).is_ok());
        // A name that only looks like this machine.
        assert!(
            EndpointAddress::new("http://localhost.example/v1", PlainHttp::LoopbackOnly).is_err()
        );
        assert!(EndpointAddress::new("ftp://host/v1", PlainHttp::Allowed).is_err());
    }

    #[test]
    fn secrets_in_an_address_are_refused_and_not_repeated() {
        for text in [
            "https://user:hidden@host/v1",
            "https://host/v1?key=hidden",
            "https://host/v1#hidden",
            "no address?key=hidden",
            "hidden@no address",
        ] {
            let error = EndpointAddress::new(text, PlainHttp::Allowed).unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
