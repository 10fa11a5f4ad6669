//! Configurations of images.

use std::sync::Arc;

use serde::Deserialize;

use super::ArtifactError;
use super::json::null_as_default;
use crate::limits::{Exceeded, IMAGE_CONFIG_BYTES, Scope};

/// The configuration of one image (<https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>), read no further
/// than to know for what platform it is. Its bytes have the digest that the image's manifest names: it is what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageConfig {
    platform: String,
    json: Arc<str>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Document {
    #[serde(default, deserialize_with = "null_as_default")]
    os: String,
    #[serde(default, deserialize_with = "null_as_default")]
    architecture: String,
    #[serde(default, deserialize_with = "null_as_default")]
    variant: String,
    #[serde(default, deserialize_with = "null_as_default", rename = "os.version")]
    os_version: String,
}

impl ImageConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When it is no JSON object, says one of the names of its platform twice, or has more than [`IMAGE_CONFIG_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        const WHAT: &str = "the image's configuration";
        if bytes.len() > IMAGE_CONFIG_BYTES {
            return Err(Exceeded::new("bytes of an image's configuration", IMAGE_CONFIG_BYTES, Scope::Request).into());
        }
        let json = str::from_utf8(bytes).map_err(|_| ArtifactError::malformed(WHAT, "it is not UTF-8"))?;
        if !json.trim_start().starts_with('{') {
            return Err(ArtifactError::malformed(WHAT, "it is no object"));
        }
        let document: Document = serde_json::from_str(json).map_err(|error| ArtifactError::malformed(WHAT, error))?;
        Ok(Self { platform: document.platform(), json: json.into() })
    }

    /// The platform that it names, as in `linux/arm/v7`, in the form of go-containerregistry, which policies written for
    /// policy-controller know: with `:` before the version of the operating system, and empty where it names none.
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// All of it.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl Document {
    fn platform(&self) -> String {
        if self.os.is_empty() {
            return String::new();
        }
        let parts = [("", &self.os), ("/", &self.architecture), ("/", &self.variant), (":", &self.os_version)];
        let parts = parts.iter().filter(|(_, part)| !part.is_empty());
        parts.flat_map(|(separator, part)| [*separator, part.as_str()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_names_its_platform() {
        for (text, platform) in [
            (r#"{"os":"linux","architecture":"amd64","config":{"User":"1000"}}"#, "linux/amd64"),
            (r#"{"os":"linux","architecture":"arm","variant":"v7"}"#, "linux/arm/v7"),
            (
                r#"{"os":"windows","architecture":"amd64","os.version":"10.0.1","os.features":["x"]}"#,
                "windows/amd64:10.0.1",
            ),
            (r#"{"os":"wasip1"}"#, "wasip1"),
            // What is no image of a platform has none: an artifact, or a chart.
            (r#" {"architecture":"amd64","os":null}"#, ""),
            ("{}", ""),
        ] {
            let config = ImageConfig::parse(text.as_bytes()).unwrap();
            assert_eq!((config.platform(), config.json()), (platform, text));
        }
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for (text, said) in [
            ("", "it is no object"),
            ("[]", "it is no object"),
            (r#"["linux","amd64","",""]"#, "it is no object"),
            ("{", "EOF while parsing"),
            (r#"{"os":1}"#, "invalid type"),
            (r#"{"os":"linux","os":"windows"}"#, "duplicate field `os`"),
            ("{} {}", "trailing characters"),
        ] {
            let error = ImageConfig::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("the image's configuration: ") && error.contains(said), "{text}: {error}");
        }
        assert!(ImageConfig::parse(b"{\"os\":\"\xff\"}").is_err());
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(IMAGE_CONFIG_BYTES));
        assert!(matches!(ImageConfig::parse(long.as_bytes()), Err(ArtifactError::LimitExceeded(_))));
    }
}
