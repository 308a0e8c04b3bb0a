//! `s3://bucket/folder`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

const SCHEME: &str = "s3://";

/// The address of a folder in an object store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectAddress {
    bucket: String,
    folder: String,
}

/// A text that begins as an address and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no address of a run: write `s3://BUCKET/FOLDER`, without empty, `.` or `..` parts, `?` and `#`"
)]
pub struct InvalidAddress(String);

impl ObjectAddress {
    /// The address that stands where a folder may stand; `None` if it is a folder.
    ///
    /// # Errors
    /// If it is an address of another form.
    pub fn of_path(path: &Path) -> Result<Option<Self>, InvalidAddress> {
        match path.to_str().filter(|text| text.starts_with(SCHEME)) {
            Some(text) => text.parse().map(Some),
            None => Ok(None),
        }
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The folder in it, without a slash at either end.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }
}

impl fmt::Display for ObjectAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}/{}", self.bucket, self.folder)
    }
}

impl FromStr for ObjectAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAddress(text.to_owned());
        let place = text.strip_prefix(SCHEME).ok_or_else(invalid)?;
        let place = place.strip_suffix('/').unwrap_or(place);
        let (bucket, folder) = place.split_once('/').ok_or_else(invalid)?;
        let is_name = |part: &str| {
            let is_plain = |character: char| !character.is_control() && !"?#\\".contains(character);
            !["", ".", ".."].contains(&part) && part.chars().all(is_plain)
        };
        let is_bucket =
            |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
        let is_valid =
            is_name(bucket) && bucket.chars().all(is_bucket) && folder.split('/').all(is_name);
        if !is_valid {
            return Err(invalid());
        }
        Ok(Self { bucket: bucket.to_owned(), folder: folder.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["s3://bucket/run", "s3://my-bucket.eu/a/b c/d"] {
            assert_eq!(text.parse::<ObjectAddress>().unwrap().to_string(), text);
        }
        let slash: ObjectAddress = "s3://bucket/a/b/".parse().unwrap();
        assert_eq!((slash.bucket(), slash.folder()), ("bucket", "a/b"));
        assert_eq!(ObjectAddress::of_path(Path::new("retally-out/starter")), Ok(None));
    }

    #[test]
    fn other_texts_are_refused_with_advice() {
        for text in [
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3:///run",
            "s3://bucket//run",
            "s3://bucket/../run",
            "s3://a b/run",
            "s3://bucket/run?x",
            "s3://bucket/run\n",
        ] {
            let error = ObjectAddress::of_path(Path::new(text)).unwrap_err().to_string();
            assert!(error.contains("s3://BUCKET/FOLDER"), "{error}");
        }
    }
}
