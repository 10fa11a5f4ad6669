//! The registry, the keys, the policies and the webhook.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::client::{Answered, ApiServer};
use super::scene::{Scene, no_annotations};
use super::table::Row;
use crate::api::{self, Document, Resolved};
use crate::cli::{Error, clock};
use crate::demo;
use crate::evidence::Path as EvidencePath;
use crate::gate::Gate;
use crate::image::{Digest, ImageRef};
use crate::policy::{NoMatch, PolicySet};
use crate::registry::{Anonymous, Client, Options};
use crate::server::{App, Ceilings, Health, SelfMade, Server, Webhook, tls};
use crate::signer::{self, Before, Format, SignRequest, Signatory, SigningKey};
use crate::telemetry::Metrics;

/// The tag of the image in each layout.
const LAYOUT_TAG: &str = "signed";

/// How long one signature may take, with its pushes.
const SIGNING_TIME: Duration = Duration::from_secs(20);

/// Whose key signs.
#[derive(Clone, Copy)]
pub(super) enum Signer {
    /// A key that no policy trusts.
    Another,
    /// The key that the policy trusts.
    Ours,
}

/// Everything that is needed to judge an image for real.
pub(super) struct Stage {
    registry: demo::Running,
    client: Client,
    ours: SigningKey,
    another: SigningKey,
    cosign_data: Option<PathBuf>,
    api_server: ApiServer,
    webhook: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Stage {
    /// Starts the registry, makes the keys, and starts the webhook with policies that trust one of them.
    pub(super) async fn set_up(cosign_data: Option<&Path>) -> Result<Self, Error> {
        let registry = demo::Registry::start(demo::Options::default()).await.map_err(Error::unavailable)?;
        let (ours, another) = (generate()?, generate()?);
        let mut policies = policy("shop", &format!("{}/shop/**", registry.address()), &ours.public_pem());
        if let Some(folder) = cosign_data {
            let path = folder.join("cosign.pub");
            let key = fs::read_to_string(&path)
                .map_err(|error| Error::usage(format_args!("cannot read `{}`: {error}", path.display())))?;
            policies.push_str("---\n");
            policies.push_str(&policy("cosign", &format!("{}/cosign/**", registry.address()), &key));
        }
        let (_, policies) = watch::channel(Some(compile(&policies)?));
        let client = Client::new(Options::default()).map_err(Error::unavailable)?;
        let gate = Gate::new(policies, client.clone(), Arc::new(Anonymous));

        let metrics = Arc::new(Metrics::new().map_err(Error::unavailable)?);
        let app = App::new(
            Webhook::new(gate, Arc::clone(&metrics)),
            Arc::new(Health::new(Vec::new())),
            metrics,
            Ceilings::default(),
        );
        let made = SelfMade::new(&[]).map_err(Error::unavailable)?;
        let api_server = ApiServer::new(&made.ca_bundle)?;
        let (_, certificate) = watch::channel(made.certificate);
        let tls = tls(certificate, &[]).map_err(Error::unavailable)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(address, app, tls).await.map_err(Error::unavailable)?;
        let webhook = server.address();
        let (stop, stopped) = oneshot::channel();
        let serving = spawn(async move {
            let _ = server.run(async { drop(stopped.await) }).await;
        });
        let cosign_data = cosign_data.map(Path::to_path_buf);
        Ok(Self { registry, client, ours, another, cosign_data, api_server, webhook, stop, serving })
    }

    /// Where the registry is.
    pub(super) fn registry(&self) -> SocketAddr {
        self.registry.address()
    }

    /// Where the webhook is.
    pub(super) fn webhook(&self) -> SocketAddr {
        self.webhook
    }

    /// Pushes a new image, and moves the tag to it where it is already there.
    pub(super) fn push(&self, path: &str, tag: &str) -> Result<String, Error> {
        self.registry.seed_image(path, tag).map_err(Error::unavailable)?;
        Ok(self.reference(path, tag))
    }

    /// Pushes an image with its evidence as the folder `name` of the cosign data holds it.
    pub(super) fn push_layout(&self, path: &str, name: &str) -> Result<String, Error> {
        let folder = self.cosign_data.as_deref().unwrap_or(Path::new("")).join(name);
        self.registry
            .put_layout(path, &folder)
            .map_err(|error| Error::usage(format_args!("cannot read the layout `{}`: {error}", folder.display())))?;
        Ok(self.reference(path, LAYOUT_TAG))
    }

    /// Signs an image and verifies that the signature arrived.
    pub(super) async fn sign(&self, image: &str, signer: Signer, format: Format) -> Result<(), Error> {
        let image: ImageRef = image.parse().map_err(Error::usage)?;
        let key = match signer {
            Signer::Another => &self.another,
            Signer::Ours => &self.ours,
        };
        let annotations = no_annotations();
        let request = SignRequest {
            image: &image,
            digest: None,
            signatory: Signatory::Key(key),
            annotations: &annotations,
            format,
            before: Before::Replace,
            now: clock::now(),
        };
        let signed = signer::sign(&request, &self.client, &Anonymous, clock::deadline(SIGNING_TIME)).await;
        signed.map(drop).map_err(Error::unavailable)
    }

    /// Replaces an image by another one, and copies the signature to the place where the new one's would be.
    pub(super) fn tamper(&self, path: &str, tag: &str) -> Result<(), Error> {
        let gone = || Error::unavailable("the image to be tampered with is not in the registry");
        let digest =
            |tag: &str| self.registry.manifest(path, tag).map(|(_, bytes)| Digest::of(&bytes)).ok_or_else(gone);
        let signature = EvidencePath::SignatureTag.tag(digest(tag)?);
        let (media_type, bytes): (String, Bytes) = self.registry.manifest(path, signature.as_str()).ok_or_else(gone)?;
        self.registry.seed_image(path, tag).map_err(Error::unavailable)?;
        let place = EvidencePath::SignatureTag.tag(digest(tag)?);
        self.registry.put_manifest(path, Some(place.as_str()), &media_type, bytes);
        Ok(())
    }

    /// Has a pod with the scene's images mutated and then validated, as the API server would.
    pub(super) async fn judge(&self, scene: Scene) -> Result<Row, Error> {
        let before = self.registry.requests();
        let Answered { verdict, message, time } = self.api_server.admit(self.webhook, &scene.images).await?;
        let requests = self.registry.requests().saturating_sub(before);
        Ok(Row { scene, verdict, message, time, requests })
    }

    /// Ends everything that was started.
    pub(super) async fn stop(self) {
        let Self { registry, stop, serving, .. } = self;
        let _ = stop.send(());
        let _ = serving.await;
        registry.stop().await;
    }

    fn reference(&self, path: &str, tag: &str) -> String {
        format!("{}/{path}:{tag}", self.registry.address())
    }
}

fn generate() -> Result<SigningKey, Error> {
    SigningKey::generate().map_err(Error::unavailable)
}

/// A policy that asks for a signature by one key.
fn policy(name: &str, glob: &str, key: &str) -> String {
    let key: String = key.lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "apiVersion: countersign.dev/v1alpha1\n\
         kind: ClusterImagePolicy\n\
         metadata:\n  name: {name}\n\
         spec:\n  images:\n    - glob: \"{glob}\"\n  \
         authorities:\n    - name: ci\n      key:\n        data: |\n{key}"
    )
}

/// The generation that the documents in `text` make. A broken one would refuse everything, which the scenes would show.
fn compile(text: &str) -> Result<Arc<PolicySet>, Error> {
    let documents = api::parse(text).map_err(Error::unavailable)?;
    let policies = documents.iter().filter_map(|document| match document {
        Document::ClusterImagePolicy(policy) => Some(policy),
        Document::ConfigMap(_)
        | Document::Namespace(_)
        | Document::Other(_)
        | Document::Secret(_)
        | Document::TrustRoot(_) => None,
    });
    let resolved = Resolved::new(api::STANDALONE_NAMESPACE);
    let revision = api::revision(policies.clone().map(|policy| &**policy), &resolved, NoMatch::Deny);
    let compiled = policies.map(|policy| api::compile(policy, &resolved).policy).collect();
    Ok(Arc::new(PolicySet::new(compiled, NoMatch::Deny, revision)))
}

#[expect(clippy::disallowed_methods, reason = "the command line starts the server that it talks to, and ends it")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}
