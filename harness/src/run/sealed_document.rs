//! JSON documents under a seal: on the first line the document's name and the digest of the second line, on which it stands. A changed digit
//! does not go unseen, and one document is not taken for another.

use retally_manifests::Digest;
use serde::{Deserialize, Serialize};

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    /// What the file is called by, if it is named by what decides its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Digest>,
    /// Of the second line without its end.
    sha256: Digest,
}

/// The file's bytes, and the digest of the document.
pub(crate) fn to_bytes(
    name: Option<Digest>,
    document: &impl Serialize,
) -> Result<(Vec<u8>, Digest), serde_json::Error> {
    let line = serde_json::to_vec(document)?;
    let sha256 = Digest::of_bytes(&line);
    let mut bytes = serde_json::to_vec(&Seal { name, sha256 })?;
    bytes.push(b'\n');
    bytes.extend(line);
    bytes.push(b'\n');
    Ok((bytes, sha256))
}

/// The document's line and its digest; otherwise what is wrong with the file.
pub(crate) fn open(bytes: &[u8], name: Option<Digest>) -> Result<(&[u8], Digest), String> {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let line = lines.next().and_then(|rest| rest.strip_suffix(b"\n")).ok_or("it is cut")?;
    let seal: Seal = serde_json::from_slice(first)
        .map_err(|error| format!("its first line is no seal: {error}"))?;
    if seal.name != name || Digest::of_bytes(line) != seal.sha256 {
        return Err("its content is not what was stored under this name".to_owned());
    }
    Ok((line, seal.sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unseen() {
        for name in [None, Some(Digest::of_bytes(b"name"))] {
            let (whole, sha256) = to_bytes(name, &[1.5, 2.5]).unwrap();
            assert_eq!(open(&whole, name).unwrap(), (b"[1.5,2.5]".as_slice(), sha256));
            assert!(open(&whole, Some(Digest::of_bytes(b"other"))).is_err());
            for index in 0..whole.len() {
                let mut flipped = whole.clone();
                flipped[index] ^= 1;
                assert!(open(&flipped, name).is_err(), "byte {index}");
                assert!(open(&whole[..index], name).is_err(), "cut at {index}");
            }
        }
    }
}
