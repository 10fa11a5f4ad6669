//! Mirrors: what is asked where, with whose credentials, and what their answers are worth.

use std::time::Duration;

use countersign::demo;
use countersign::evidence::{Path, Query, UnaskedKind};
use countersign::image::{Digest, ImageDigest, ImageRef, Repository};
use countersign::registry::{Anonymous, Client, Credential, Error, Keychain, Mirror, Options, Reference};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{answer, artifacts, is_absent, kind, unasked};
use crate::support::artifacts::put_cosign;
use crate::support::{Fault, Faulty, ample, registry};

/// A registry and its mirror, which has it below `hub`.
struct Scene {
    _registries: [demo::Running; 2],
    upstream: Faulty,
    mirror: Faulty,
    image: ImageDigest,
}

impl Scene {
    /// Both with an image and its signature, or the one of them that has it.
    async fn new(on_upstream: bool, on_mirror: bool) -> Self {
        let registries = [registry().await, registry().await];
        let mut image = None;
        if on_upstream {
            image = Some(put_cosign(&registries[0], "app", "v2"));
        }
        if on_mirror {
            image = Some(put_cosign(&registries[1], "hub/app", "v2"));
        }
        let (upstream, mirror) = (Faulty::in_front_of(&registries[0]).await, Faulty::in_front_of(&registries[1]).await);
        let digest = image.expect("one has it").digest();
        let image = ImageDigest::new(upstream.repository("app"), digest);
        Self { _registries: registries, upstream, mirror, image }
    }

    fn client(&self, falls_back: bool) -> Client {
        let mirror = Mirror {
            prefix: self.upstream.address().to_string().parse().unwrap(),
            location: format!("{}/hub", self.mirror.address()).parse().unwrap(),
            falls_back,
        };
        let options = Options {
            mirrors: vec![mirror],
            rest: Duration::ZERO,
            retry_wait: Duration::from_millis(1),
            ..Options::default()
        };
        Client::new(options).unwrap()
    }

    fn query(&self) -> Query {
        Query::new(self.image.clone(), false)
    }

    fn tag(&self) -> ImageRef {
        self.upstream.image("app:signed")
    }
}

#[tokio::test]
async fn the_mirror_is_asked_in_the_place_of_the_registry() {
    let scene = Scene::new(true, true).await;
    for falls_back in [false, true] {
        let client = scene.client(falls_back);
        let resolved = client.resolve(&scene.tag(), &Anonymous, ample()).await.unwrap();
        assert_eq!(resolved, scene.image, "it keeps the name that was written");
        let evidence = client.fetch(&scene.query(), &Anonymous, ample()).await;
        assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), 1);
        assert_eq!(evidence.subject(), &scene.image);
    }
    assert!(scene.mirror.count("GET /v2/hub/app/manifests/signed") > 0);
    assert!(scene.upstream.count("/manifests/signed") == 0);
}

#[tokio::test]
async fn what_the_mirror_does_not_have_is_asked_upstream_by_choice() {
    let scene = Scene::new(true, false).await;
    let strict = scene.client(false);
    let error = strict.resolve(&scene.tag(), &Anonymous, ample()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    let evidence = strict.fetch(&scene.query(), &Anonymous, ample()).await;
    assert!(is_absent(answer(&evidence, Path::SignatureTag)));
    assert!(scene.upstream.seen().is_empty(), "nobody asks it");

    let client = scene.client(true);
    assert_eq!(client.resolve(&scene.tag(), &Anonymous, ample()).await.unwrap(), scene.image);
    let evidence = client.fetch(&scene.query(), &Anonymous, ample()).await;
    assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), 1);
    assert!(is_absent(answer(&evidence, Path::Referrers)), "both were asked");
    let manifest = Reference::Digest(scene.image.digest());
    assert!(client.manifest(scene.image.repository(), &manifest, &Anonymous, ample()).await.unwrap().is_some());
}

/// What one could not be asked and the other does not have is not known to be absent.
#[tokio::test]
async fn a_broken_mirror_makes_nothing_absent() {
    let scene = Scene::new(false, true).await;
    let client = scene.client(true);
    scene.mirror.on("/", Fault::Status(500));
    assert_eq!(kind(client.resolve(&scene.tag(), &Anonymous, ample()).await), UnaskedKind::Unavailable);
    let evidence = client.fetch(&scene.query(), &Anonymous, ample()).await;
    assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::Unavailable);
    // The other way round: the mirror has nothing, and the registry is down.
    let scene = Scene::new(true, false).await;
    scene.upstream.on("/", Fault::Status(500));
    let client = scene.client(true);
    let evidence = client.fetch(&scene.query(), &Anonymous, ample()).await;
    assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::Unavailable);
    // One that hangs leaves time for the other.
    let scene = Scene::new(true, true).await;
    scene.mirror.on("/", Fault::Hang);
    let client = scene.client(true);
    let soon = crate::support::deadline(Duration::from_secs(4));
    assert_eq!(client.resolve(&scene.tag(), &Anonymous, soon).await.unwrap(), scene.image);
}

/// T80, T81: a mirror can hide what is there, and cannot make anything up.
#[tokio::test]
async fn t80_the_bytes_of_a_mirror_are_hashed() {
    let scene = Scene::new(true, true).await;
    scene.mirror.on(&format!("/manifests/{}", scene.image.digest()), Fault::WrongBytes);
    let manifest = Reference::Digest(scene.image.digest());
    let repository = scene.image.repository();
    let error = scene.client(false).manifest(repository, &manifest, &Anonymous, ample()).await.unwrap_err();
    assert!(matches!(&error, Error::Unasked(why) if why.kind() == UnaskedKind::Corrupt), "{error}");
    let found = scene.client(true).manifest(repository, &manifest, &Anonymous, ample()).await.unwrap().unwrap();
    assert_eq!(Digest::of(&found.bytes), scene.image.digest());
}

/// Credentials by the host that they are for.
struct ByHost(Repository);

impl Keychain for ByHost {
    fn credentials<'a>(&'a self, repository: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        let is_its = repository.registry() == self.0.registry();
        let found = if is_its { Credential::basic("mirror", "1") } else { Credential::basic("upstream", "2") };
        ready(vec![found]).boxed()
    }
}

#[tokio::test]
async fn each_has_its_own_credentials() {
    let scene = Scene::new(true, false).await;
    scene.mirror.asks_for_password("mirror", "1");
    scene.upstream.asks_for_password("upstream", "2");
    let keys = ByHost(scene.mirror.repository("hub/app"));
    assert_eq!(scene.client(true).resolve(&scene.tag(), &keys, ample()).await.unwrap(), scene.image);
    let sent = |front: &Faulty| -> Vec<_> {
        front.seen().iter().filter_map(|seen| seen.header("authorization").map(str::to_owned)).collect()
    };
    assert_eq!(sent(&scene.mirror), ["Basic bWlycm9yOjE="]);
    assert_eq!(sent(&scene.upstream), ["Basic dXBzdHJlYW06Mg=="]);
}
