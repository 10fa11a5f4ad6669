//! `countersign sign`

use std::collections::BTreeMap;

use super::registry_args::RegistryArgs;
use super::signing_args::SigningArgs;
use super::{Error, Outcome, clock};
use crate::image::ImageRef;
use crate::signer::{self, SignRequest};

/// Sign images, so that clusters that ask for this key's signature admit them
///
/// A tag is resolved once and the digest behind it is signed: moving the tag later changes nothing. The signature is
/// pushed beside the image, where countersign and cosign find it. At the end the registry is asked for it and what it
/// has is verified; only then is the image called signed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The images, by tag or digest, as in `ghcr.io/acme/app:1.2` or `ghcr.io/acme/app@sha256:…`
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<ImageRef>,
    #[command(flatten)]
    signing: SigningArgs,
    /// Sign this annotation with the images; verifiers can ask for it; may be given several times
    #[arg(short = 'a', long = "annotations", value_name = "NAME=VALUE", value_parser = annotation)]
    annotations: Vec<(String, String)>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Signs every image, and says of each what came of it.
///
/// # Errors
/// When the key, the password or another file cannot be read; then nothing was signed.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let mut annotations = BTreeMap::new();
    for (name, value) in args.annotations {
        if annotations.insert(name.clone(), value).is_some() {
            return Err(Error::usage(format!("the annotation `{name}` is given twice")));
        }
    }
    let client = args.registry.client()?;
    let keys = args.registry.keychain()?;
    let key = args.signing.key()?;
    let mut outcome = Outcome::default();
    for image in &args.images {
        let request = SignRequest {
            image,
            key: &key,
            annotations: &annotations,
            format: args.signing.format(),
            now: clock::now(),
        };
        let result = signer::sign(&request, &client, &keys, args.signing.deadline()).await;
        outcome.add("signed", image, result);
    }
    Ok(outcome)
}

fn annotation(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("an annotation is a name and a value, as in `build=42`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(annotation("a=b"), pair("a", "b"));
        assert_eq!(annotation("a=b=c"), pair("a", "b=c"));
        assert_eq!(annotation("a="), pair("a", ""));
        for bad in ["", "a", "=b"] {
            assert!(annotation(bad).is_err(), "{bad}");
        }
    }
}
