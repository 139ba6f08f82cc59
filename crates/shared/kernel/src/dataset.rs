use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Names a dataset without carrying it: where it is, how it is written, and which bytes are meant.
///
/// Messages carry this and never the data. Whoever opens it checks that the bytes still have this fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct DatasetRef {
    /// `file:///...`.
    pub url: String,
    /// Told from the content when the reference was made, not from the name of the file.
    pub format: DatasetFormat,
    /// SHA-256 of all bytes of the file. A reader refuses a file that has changed since.
    pub fingerprint: Fingerprint,
}

/// How a dataset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatasetFormat {
    /// Delimited text in UTF-8 whose first line names the columns.
    Csv,
    /// Apache Parquet: binary, by columns, with declared types.
    Parquet,
}

impl fmt::Display for DatasetFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        })
    }
}

/// `sha256:` and 64 lower-case hexadecimal digits: the digest of some bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

/// The text is not `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fingerprint: expected `sha256:` and 64 lower-case hexadecimal digits")]
pub struct FingerprintError(String);

impl Fingerprint {
    /// The digest of these bytes, all at once.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_sha256(Sha256::digest(bytes).into())
    }

    /// From a digest that was taken piece by piece.
    pub fn of_sha256(digest: [u8; 32]) -> Self {
        let mut text = String::with_capacity(7 + 64);
        text.push_str("sha256:");
        for byte in digest {
            text.push(char::from_digit(u32::from(byte >> 4), 16).expect("a nibble is below 16"));
            text.push(char::from_digit(u32::from(byte & 15), 16).expect("a nibble is below 16"));
        }
        Self(text)
    }

    /// The whole of it, `sha256:` included: how it stands in JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone, as used for file names.
    pub fn hex(&self) -> &str {
        &self.0[7..]
    }

    /// The first twelve digits: enough for a person to tell two apart.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digest = text
            .strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        if is_digest { Ok(Self(text.into())) } else { Err(FingerprintError(text.into())) }
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
