//! Where a bundle goes: a folder (a git checkout, say), or a server.

mod folder;
mod upload;

pub use folder::place_in_folder;
pub use upload::{Submitted, TOKEN_VARIABLE, Uploader};

use std::path::PathBuf;

/// Where a bundle goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A folder of submissions.
    Folder(PathBuf),
    /// A server's address.
    Server(String),
}

impl From<&str> for Target {
    /// What begins with `http://` or `https://` is a server.
    fn from(text: &str) -> Self {
        let is_web = ["http://", "https://"].iter().any(|scheme| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        if is_web { Self::Server(text.to_owned()) } else { Self::Folder(PathBuf::from(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_are_servers() {
        assert_eq!(Target::from("HTTPS://a.b"), Target::Server("HTTPS://a.b".to_owned()));
        assert_eq!(Target::from("http:/a"), Target::Folder("http:/a".into()));
        assert_eq!(Target::from("submissions"), Target::Folder("submissions".into()));
    }
}
