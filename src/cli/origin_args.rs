//! Where an image comes from, on the command line.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{Error, env, git_checkout, sign};
use crate::image::{Digest, ImageDigest, ImageRef};
use crate::signer::{Ci, Origin};

/// What provenance says. Flags win over what the CI system says in its environment, and that over the checkout of git.
/// The source as a whole comes from one of them.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Provenance")]
pub(super) struct OriginArgs {
    /// How it was built: a URI
    #[arg(long, value_name = "URI")]
    build_type: Option<String>,
    /// What built it: a URI
    #[arg(long, value_name = "URI")]
    builder_id: Option<String>,
    /// The version of a part of the builder; may be given several times
    #[arg(long, value_name = "PART=VERSION", value_parser = sign::annotation)]
    builder_version: Vec<(String, String)>,
    /// The source repository
    #[arg(long, value_name = "URL")]
    source_repository: Option<String>,
    /// The branch that was built
    #[arg(long, value_name = "BRANCH", conflicts_with = "source_tag")]
    source_branch: Option<String>,
    /// The tag that was built
    #[arg(long, value_name = "TAG")]
    source_tag: Option<String>,
    /// The commit that was built
    #[arg(long, value_name = "SHA")]
    source_commit: Option<String>,
    /// What caused the build, as in `push`
    #[arg(long, value_name = "TYPE")]
    trigger_type: Option<String>,
    /// Who caused it
    #[arg(long, value_name = "WHO")]
    triggered_by: Option<String>,
    /// The execution of the pipeline
    #[arg(long, value_name = "ID")]
    execution_id: Option<String>,
    /// The account
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
    /// The pipeline
    #[arg(long, value_name = "ID")]
    pipeline_id: Option<String>,
    /// The run, as the builder names it
    #[arg(long, value_name = "ID")]
    invocation_id: Option<String>,
    /// When the build began
    #[arg(long, value_name = "TIME")]
    started_on: Option<Timestamp>,
    /// When the build ended [default: now]
    #[arg(long, value_name = "TIME")]
    finished_on: Option<Timestamp>,
    /// A parameter that the build's users could choose; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = sign::annotation)]
    parameter: Vec<(String, String)>,
    /// An image that it is made from, with its digest; may be given several times
    #[arg(long, value_name = "IMAGE@DIGEST", value_parser = exact)]
    base_image: Vec<ImageDigest>,
    /// Something else that it is made from: a URI, then `=` and the digest; may be given several times
    #[arg(long, value_name = "URI=DIGEST", value_parser = dependency)]
    dependency: Vec<(String, Digest)>,
    /// The checkout of git that was built
    #[arg(long, value_name = "DIR", default_value = ".")]
    git: PathBuf,
    /// Say the run's times a second time as `runDetailsMetadata`, where Harness' policies look for them
    #[arg(long)]
    harness_compat: bool,
}

impl OriginArgs {
    /// The predicate of SLSA provenance v1 about `image`, as somebody calls it.
    ///
    /// # Errors
    /// When what has to be said was not.
    pub(super) fn predicate(&self, image: Option<&str>, now: Timestamp) -> Result<Vec<u8>, Error> {
        let of_ci = Ci::detect(&env::text).map(|ci| Origin::of_ci(&ci)).transpose().map_err(Error::usage)?;
        let checkout =
            std::path::absolute(&self.git).ok().map(|path| git_checkout::origin(&path)).transpose()?.flatten();
        let mut origin = self.said().or(of_ci.unwrap_or_default()).or(checkout.unwrap_or_default());
        origin.image = image.map(str::to_owned);
        origin.finished_on = origin.finished_on.or(Some(now));
        origin.predicate(self.harness_compat).map_err(Error::usage)
    }

    /// What the flags say.
    fn said(&self) -> Origin {
        Origin {
            build_type: self.build_type.clone(),
            builder: self.builder_id.clone(),
            builder_versions: self.builder_version.iter().cloned().collect(),
            repository: self.source_repository.clone(),
            branch: self.source_branch.clone(),
            tag: self.source_tag.clone(),
            commit: self.source_commit.clone(),
            trigger: self.trigger_type.clone(),
            triggered_by: self.triggered_by.clone(),
            image: None,
            execution: self.execution_id.clone(),
            account: self.account_id.clone(),
            pipeline: self.pipeline_id.clone(),
            invocation: self.invocation_id.clone(),
            started_on: self.started_on,
            finished_on: self.finished_on,
            parameters: self.parameter.iter().cloned().collect(),
            base_images: self.base_image.clone(),
            dependencies: self.dependency.clone(),
        }
    }
}

fn exact(text: &str) -> Result<ImageDigest, String> {
    let image: ImageRef = text.parse().map_err(|error| format!("{error}"))?;
    let digest = image.digest().ok_or("it names no digest, as in `debian:12@sha256:…`")?;
    Ok(ImageDigest::new(image.repository().clone(), digest))
}

fn dependency(text: &str) -> Result<(String, Digest), String> {
    let (uri, digest) =
        text.rsplit_once('=').ok_or("a dependency is a URI and a digest, as in `https://a/b=sha256:…`")?;
    url::Url::parse(uri).map_err(|error| format!("`{uri}` is no URI: {error}"))?;
    Ok((uri.to_owned(), digest.parse().map_err(|error| format!("{error}"))?))
}
