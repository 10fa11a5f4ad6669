//! A Pod that runs, and which images it runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::admission::{Judge, Object};
use crate::cluster::RunningPod;
use crate::image::{ContainerKind, Digest, ImageRef, ImageUse};
use crate::policy::{Denial, WorkloadKinds};

/// From where it is known which image a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestFrom {
    /// Its reference names the digest.
    Spec,
    /// The status of the Pod does: it is what the node pulled.
    Status,
    /// Nobody says: it is taken for what the tag means now, if somebody looks.
    Tag,
}

impl DigestFrom {
    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Status => "status",
            Self::Tag => "tag",
        }
    }
}

/// What there is to judge of a Pod.
pub(super) struct Pod {
    pub(super) judge: Judge,
    /// Of each image, in the same order, how the Pod names it and from where its digest is known.
    pub(super) named: Vec<(ImageRef, DigestFrom)>,
}

impl Pod {
    /// Reads it, by the rules by which reviews are read; none where it names no image.
    ///
    /// # Errors
    /// When it would be refused unseen.
    pub(super) fn read(pod: &RunningPod) -> Result<Option<Self>, Denial> {
        let Some(mut judge) = Object::parse(pod.json.as_bytes(), &WorkloadKinds::default())?.into_judge() else {
            return Ok(None);
        };
        let running = running(&pod.json);
        let named = judge.images.iter_mut().map(|image| {
            let written = image.image.clone();
            let from = name_what_runs(image, &running);
            (written, from)
        });
        let named = named.collect();
        Ok(Some(Self { judge, named }))
    }
}

/// Has `image` name the digest that runs, where that is known.
fn name_what_runs(image: &mut ImageUse, running: &BTreeMap<(ContainerKind, String), Digest>) -> DigestFrom {
    if image.image.digest().is_some() {
        return DigestFrom::Spec;
    }
    let digest = running.get(&(image.kind, image.container.clone()));
    match digest.and_then(|digest| image.image.pinned(*digest).parse().ok()) {
        Some(pinned) => {
            image.image = pinned;
            DigestFrom::Status
        }
        None => DigestFrom::Tag,
    }
}

/// The digests of the images that the status of a Pod says were pulled. One that cannot be read says nothing.
fn running(json: &str) -> BTreeMap<(ContainerKind, String), Digest> {
    let Shape { status } = serde_json::from_str(json).unwrap_or_default();
    let lists = [
        (ContainerKind::Container, status.container_statuses),
        (ContainerKind::InitContainer, status.init_container_statuses),
        (ContainerKind::EphemeralContainer, status.ephemeral_container_statuses),
    ];
    let known = lists.into_iter().flat_map(|(kind, list)| {
        let known = list.unwrap_or_default().into_iter();
        known.filter_map(move |container| Some(((kind, container.name), pulled(&container.image_id)?)))
    });
    known.collect()
}

/// The digest by which a registry knows an image, of what a node calls it, as in `docker.io/library/nginx@sha256:…`. One
/// without a repository may be that of a configuration.
fn pulled(image_id: &str) -> Option<Digest> {
    let (repository, digest) = image_id.rsplit_once('@')?;
    if repository.is_empty() { None } else { digest.parse().ok() }
}

#[derive(Default, Deserialize)]
struct Shape {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    container_statuses: Option<Vec<Container>>,
    init_container_statuses: Option<Vec<Container>>,
    ephemeral_container_statuses: Option<Vec<Container>>,
}

#[derive(Deserialize)]
struct Container {
    name: String,
    #[serde(default, rename = "imageID")]
    image_id: String,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(pod: &Value) -> Vec<(String, &'static str, String)> {
        let pod = RunningPod { namespace: "shop".to_owned(), name: "a".to_owned(), json: pod.to_string() };
        let Pod { judge, named } = Pod::read(&pod).unwrap().unwrap();
        let images = judge.images.iter().zip(named);
        images.map(|(image, (written, from))| (written.to_string(), from.as_str(), image.image.to_string())).collect()
    }

    #[test]
    fn what_runs_is_judged() {
        let status = |name: &str, id: &str| json!({"name": name, "imageID": id});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"},
            "spec": {
                "containers": [
                    {"name": "tag", "image": "r.example/a:1"},
                    {"name": "config", "image": "r.example/b:1"},
                    {"name": "bare", "image": "r.example/c:1"},
                    {"name": "digest", "image": format!("r.example/d@{D}")},
                    {"name": "waiting", "image": "r.example/e"},
                ],
                "initContainers": [{"name": "tag", "image": "r.example/f:1"}],
                "ephemeralContainers": [{"name": "debug", "image": "r.example/g:1"}],
                "volumes": [{"name": "tag", "image": {"reference": "r.example/h:1"}}],
            },
            "status": {
                "containerStatuses": [
                    status("tag", &format!("r.example/a@{D}")),
                    status("config", D),
                    status("bare", &format!("@{D}")),
                    status("digest", &format!("r.example/d@{}", D.replace('e', "0"))),
                    status("waiting", ""),
                ],
                "initContainerStatuses": null,
                "ephemeralContainerStatuses": [status("debug", &format!("docker-pullable://mirror.example/g@{D}"))],
            },
        });
        let row = |written: &str, from, judged: &str| (written.to_owned(), from, judged.to_owned());
        let by_digest = format!("r.example/d@{D}");
        assert_eq!(
            read(&pod),
            [
                row("r.example/a:1", "status", &format!("r.example/a:1@{D}")),
                row("r.example/b:1", "tag", "r.example/b:1"),
                row("r.example/c:1", "tag", "r.example/c:1"),
                row(&by_digest, "spec", &by_digest),
                row("r.example/e", "tag", "r.example/e"),
                row("r.example/f:1", "tag", "r.example/f:1"),
                row("r.example/g:1", "status", &format!("r.example/g:1@{D}")),
                row("r.example/h:1", "tag", "r.example/h:1"),
            ]
        );
    }
}
