//! Keys of Google Cloud (<https://cloud.google.com/kms/docs/resource-hierarchy>).

use std::fmt;

use super::{ParseKmsKeyError, text};

/// `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K[/cryptoKeyVersions/V]`, where `/versions/V` is read too.
/// Without a version it is the newest that is enabled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoogleKey {
    key: String,
    version: Option<u64>,
}

impl GoogleKey {
    pub(super) fn parse(rest: &str) -> Result<Self, ParseKmsKeyError> {
        let fail = |why| Err(ParseKmsKeyError::Google(why));
        let parts: Vec<_> = rest.split('/').collect();
        let (key, version) = match parts.as_slice() {
            ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key, version @ ..] => {
                // A project can belong to a domain: `example.com:project`.
                if !text::is_name(project, b"-:.", 100)
                    || project.starts_with('.')
                    || !text::is_name(location, b"-", 63)
                {
                    return fail("the project or the location has no such name");
                }
                if !text::is_name(ring, b"_-", 63) || !text::is_name(key, b"_-", 63) {
                    return fail("the key ring or the key has no such name");
                }
                let name = format!("projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{key}");
                (name, version)
            }
            _ => return fail("it is not made of these parts"),
        };
        let version = match version {
            [] => None,
            ["cryptoKeyVersions" | "versions", version] => match version.parse::<u64>() {
                Ok(number) if number > 0 && number.to_string() == *version => Some(number),
                Ok(_) | Err(_) => return fail("the version is no number"),
            },
            _ => return fail("what follows the key is no version"),
        };
        Ok(Self { key, version })
    }

    /// The key, without a version, as requests name it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its version; none is the newest that is enabled.
    pub fn version(&self) -> Option<u64> {
        self.version
    }
}

impl fmt::Display for GoogleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gcpkms://{}", self.key)?;
        match self.version {
            Some(version) => write!(f, "/cryptoKeyVersions/{version}"),
            None => Ok(()),
        }
    }
}
