//! `countersign sign`

use std::collections::BTreeMap;

use super::account::RecordArgs;
use super::delivery_args::{DeliveryArgs, Done, Made, Report, progress};
use super::digest_args::DigestArgs;
use super::registry_args::RegistryArgs;
use super::signing_args::SigningArgs;
use super::{Error, Outcome, clock};
use crate::image::ImageRef;
use crate::signer::{self, Before, SignRequest};

/// Sign images, so that clusters that ask for this signature admit them
///
/// Signs with a key, or without one as whoever an identity token names: then a certificate authority says whose the
/// signature is, a transparency log that it is there, and either of the log and a timestamp authority when it was made.
///
/// A tag is resolved once and the digest behind it is signed: moving the tag later changes nothing. The signature is
/// pushed beside the image, where countersign and cosign find it. At the end the registry is asked for it and what it
/// has is verified; only then is the image called signed.
///
/// An older signature of the same signer with the same annotations is replaced once the new one is verified.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign sign ghcr.io/acme/app:1.2 --key cosign.key
  countersign sign ghcr.io/acme/app:1.2 --digest-file build/digest --key cosign.key -a build=42
  countersign sign ghcr.io/acme/app:1.2 --key awskms:///alias/cosign
  countersign sign ghcr.io/acme/app:1.2 --key cosign.key --upload=false --bundle app.sigstore.json
  countersign sign ghcr.io/acme/app:1.2 --identity-token /var/run/sigstore/cosign/oidc-token")]
pub struct Args {
    /// The images, by tag or digest, as in `ghcr.io/acme/app:1.2` or `ghcr.io/acme/app@sha256:…`
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<ImageRef>,
    #[command(flatten)]
    digest: DigestArgs,
    /// Of an index, sign every image that it names too
    #[arg(short, long)]
    recursive: bool,
    /// Sign this annotation with the images; verifiers can ask for it; may be given several times
    #[arg(short = 'a', long = "annotations", alias = "annotation", value_name = "NAME=VALUE", value_parser = annotation)]
    annotations: Vec<(String, String)>,
    /// Keep older signatures of the same signer with the same annotations
    #[arg(long)]
    append: bool,
    #[command(flatten)]
    delivery: DeliveryArgs,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Signs every image, and says of each what came of it.
///
/// # Errors
/// When the key, the password or another file cannot be read; then nothing was signed.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let annotations = annotations(&args.annotations)?;
    let digest = args.digest.digest()?;
    if digest.is_some() && args.images.len() > 1 {
        return Err(Error::usage("a digest is that of one image, and there are several"));
    }
    let uploads = args.delivery.uploads(args.record.is_given())?;
    let account = args.record.open().await?;
    let client = args.registry.client()?;
    let keys = args.registry.keychain()?;
    let signing = args.signing.signing().await?;
    let mut report = Report::new(&args.delivery, &account, args.signing.format());
    for named in &args.images {
        let images = if args.recursive {
            match signer::members(named, digest, &client, &keys, args.signing.deadline()).await {
                Ok(members) => members.iter().map(|member| member.to_string().parse()).collect(),
                Err(error) => {
                    report.failed(named, Done::Signed, &error);
                    continue;
                }
            }
        } else {
            Ok(vec![named.clone()])
        };
        for image in images.map_err(Error::usage)? {
            progress("signing", &image);
            let request = SignRequest {
                image: &image,
                digest: digest.filter(|_| !args.recursive),
                signatory: signing.signatory(),
                annotations: &annotations,
                format: args.signing.format(),
                before: if args.append { Before::Keep } else { Before::Replace },
                now: clock::now(),
            };
            let deadline = args.signing.deadline();
            let result = if uploads {
                signer::sign(&request, &client, &keys, deadline).await.map(Made::Pushed)
            } else {
                signer::sign_unattached(&request, &client, &keys, deadline).await.map(Made::Unattached)
            };
            report.add(&image, Done::Signed, result).await;
        }
    }
    report.finish()
}

/// The annotations, each name once.
pub(super) fn annotations(given: &[(String, String)]) -> Result<BTreeMap<String, String>, Error> {
    let mut annotations = BTreeMap::new();
    for (name, value) in given {
        if annotations.insert(name.clone(), value.clone()).is_some() {
            return Err(Error::usage(format!("the annotation `{name}` is given twice")));
        }
    }
    Ok(annotations)
}

/// One annotation as it is written.
pub(super) fn annotation(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("an annotation is a name and a value, as in `build=42`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_have_a_name() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(annotation("a=b"), pair("a", "b"));
        assert_eq!(annotation("a=b=c"), pair("a", "b=c"));
        assert_eq!(annotation("a="), pair("a", ""));
        for bad in ["", "a", "=b"] {
            assert!(annotation(bad).is_err(), "{bad}");
        }
        assert!(annotations(&[("a".into(), "1".into()), ("a".into(), "1".into())]).is_err());
    }
}
