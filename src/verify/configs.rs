//! What is known of the configurations of an image.

use std::collections::BTreeMap;

use crate::evidence::{ArtifactError, ImageConfig, Unasked};

/// The configurations of an image: its own, or where it is an index, that of every image that it lists. Nobody has signed
/// them, and nobody has to: the digests of the manifests name their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configs {
    /// Each of them, by the platform that it names itself.
    Every(BTreeMap<String, ImageConfig>),
    /// Nobody knows them.
    Unasked(Unasked),
    /// One of them cannot be read.
    Unreadable(ArtifactError),
}

impl Configs {
    /// That of one image.
    pub fn one(config: ImageConfig) -> Self {
        Self::Every([(config.platform().to_owned(), config)].into())
    }

    /// A configuration that somebody wrote out for an image of `platform`.
    ///
    /// # Errors
    /// When `json` is no configuration.
    pub fn written(platform: &str, json: &str) -> Result<Self, ArtifactError> {
        Ok(Self::Every([(platform.to_owned(), ImageConfig::parse(json.as_bytes())?)].into()))
    }

    /// Those of several images. Of two that name the same platform a policy could only see one, and nobody knows which one
    /// would run: they have to be the same.
    pub fn of(images: impl IntoIterator<Item = Self>) -> Self {
        let mut every: BTreeMap<String, ImageConfig> = BTreeMap::new();
        for image in images {
            let configs = match image {
                Self::Every(configs) => configs,
                Self::Unasked(_) | Self::Unreadable(_) => return image,
            };
            for (platform, config) in configs {
                match every.get(&platform) {
                    Some(known) if *known != config => {
                        let detail = format_args!("it lists two images for `{platform}`");
                        return Self::Unreadable(ArtifactError::malformed("the index", detail));
                    }
                    Some(_) => {}
                    None => {
                        every.insert(platform, config);
                    }
                }
            }
        }
        Self::Every(every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::UnaskedKind;

    fn config(text: &str) -> Configs {
        Configs::one(ImageConfig::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn images_of_one_platform_have_to_be_alike() {
        let amd = || config(r#"{"os":"linux","architecture":"amd64"}"#);
        let arm = || config(r#"{"os":"linux","architecture":"arm64"}"#);
        let other = || config(r#"{"os":"linux","architecture":"amd64","config":{"User":"0"}}"#);
        let Configs::Every(every) = Configs::of([amd(), arm(), amd()]) else { panic!("all are known") };
        assert_eq!(every.keys().collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
        assert!(matches!(Configs::of([amd(), arm(), other()]), Configs::Unreadable(_)));
        let unasked = Configs::Unasked(Unasked::new(UnaskedKind::Unavailable, "no answer"));
        assert_eq!(Configs::of([amd(), unasked.clone()]), unasked);
    }
}
