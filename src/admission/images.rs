//! Every image of an object, with its place.

use std::collections::BTreeSet;

use nonempty::NonEmpty;

use super::json::{Strict, text};
use super::kind::Kind;
use super::shape::{Metadata, Shape, Spec};
use super::{Judge, MissingImage, Target};
use crate::explain;
use crate::image::{ContainerKind, ImageRef, ImageUse, ParseImageError, Pointer};
use crate::limits::{self, Exceeded, Scope};
use crate::policy::{Denial, DenyReason, Owner, Requester, Workload};

/// What an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inventory {
    /// The images that are not as they were.
    pub(super) images: Vec<ImageUse>,
    /// How many are as they were.
    pub(super) unchanged: usize,
    /// The places of a template without one.
    pub(super) missing: Vec<MissingImage>,
    pub(super) target: Target,
}

impl Inventory {
    /// Takes stock of an object of this kind. What stands in `old` already is unchanged: the same string, under the same
    /// container name, in the same list.
    ///
    /// # Errors
    /// When the object has no pod spec, or names what is no image.
    pub(super) fn of(kind: Kind, object: &Shape<'_>, old: Option<&Shape<'_>>) -> Result<Self, Denial> {
        if object.overflows(kind) {
            return Err(too_much("entries of one list of the object", limits::OBJECT_LIST_ENTRIES));
        }
        let target = match kind {
            Kind::Pod => Target::Pod,
            Kind::CronJob
            | Kind::DaemonSet
            | Kind::Deployment
            | Kind::Job
            | Kind::PodTemplate
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::StatefulSet => Target::Template,
        };
        let mut inventory = Self { images: Vec::new(), unchanged: 0, missing: Vec::new(), target };
        let Some(spec) = object.pod_spec(kind) else {
            return if kind.may_lack_template() {
                Ok(inventory)
            } else {
                Err(Denial::new(DenyReason::RequestMalformed, format!("the object has no `{}`", path(kind, '.'))))
            };
        };
        let old: BTreeSet<_> = old
            .and_then(|old| old.pod_spec(kind))
            .map(|spec| places(spec).into_iter().filter_map(|place| place.identity()).collect())
            .unwrap_or_default();
        let root = format!("/{}", path(kind, '/'));
        for place in places(spec) {
            if place.identity().is_some_and(|place| old.contains(&place)) {
                inventory.unchanged += 1;
            } else {
                inventory.add(&root, &place)?;
            }
        }
        if inventory.images.len() > limits::IMAGES_PER_REQUEST {
            return Err(too_much("images of one object", limits::IMAGES_PER_REQUEST));
        }
        Ok(inventory)
    }

    fn add(&mut self, root: &str, place: &Place<'_>) -> Result<(), Denial> {
        let pointer = place.pointer(root);
        if place.image.trim().is_empty() {
            if self.target == Target::Pod {
                return Err(no_image(place, &pointer, ParseImageError::Empty));
            }
            self.missing.push(MissingImage { pointer, kind: place.kind, container: place.name.to_owned() });
            return Ok(());
        }
        match place.image.parse::<ImageRef>() {
            Ok(image) => {
                self.images.push(ImageUse { pointer, kind: place.kind, container: place.name.to_owned(), image });
                Ok(())
            }
            Err(error) => Err(no_image(place, &pointer, error)),
        }
    }

    /// What has to be judged, for `workload`; none where nothing has to.
    pub(super) fn judge(self, workload: Workload) -> Option<Judge> {
        Some(Judge { workload, images: NonEmpty::from_vec(self.images)?, target: self.target })
    }
}

/// What an object says about who runs its images.
pub(super) fn workload(kind: Kind, object: &Shape<'_>, requester: Requester) -> Workload {
    let name = kind.name();
    let spec = object.pod_spec(kind);
    // `serviceAccount` is the older name of `serviceAccountName`, and counts only where that is empty
    // (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec>).
    let service_account = spec.map_or("", |spec| match text(&spec.service_account_name) {
        "" => text(&spec.service_account),
        name => name,
    });
    let pull_secrets = spec.map_or(&[][..], |spec| &spec.image_pull_secrets.items);
    Workload {
        group: name.group.to_owned(),
        version: name.version.to_owned(),
        kind: name.kind.to_owned(),
        service_account: service_account.to_owned(),
        pull_secrets: pull_secrets
            .iter()
            .map(|secret| text(&secret.0.name).to_owned())
            .filter(|name| !name.is_empty())
            .collect(),
        requester,
        ..names(object)
    }
}

/// What an object says of itself in its metadata.
pub(super) fn names(object: &Shape<'_>) -> Workload {
    let Some(Strict(metadata)) = &object.metadata else {
        return Workload::default();
    };
    Workload {
        namespace: text(&metadata.namespace).to_owned(),
        name: text(&metadata.name).to_owned(),
        uid: text(&metadata.uid).to_owned(),
        owner: owner(metadata),
        labels: metadata.labels.to_owned(),
        ..Workload::default()
    }
}

/// The owner that is the object's controller, or else the first. One with a name that no object can have is none.
fn owner(metadata: &Metadata<'_>) -> Option<Owner> {
    let references = metadata.owner_references.items.iter().map(|reference| &reference.0);
    let owner =
        references.clone().find(|reference| reference.controller == Some(true)).or(references.clone().next())?;
    let parts = [&owner.api_version, &owner.kind, &owner.name, &owner.uid].map(text);
    let could_be = |part: &str| !part.is_empty() && part.len() <= limits::PRINTED_NAME_BYTES;
    let [api_version, kind, name, uid] = parts.map(str::to_owned);
    parts.into_iter().all(could_be).then_some(Owner { api_version, kind, name, uid })
}

/// One place of a pod spec where an image stands or should stand.
struct Place<'s> {
    kind: ContainerKind,
    index: usize,
    name: &'s str,
    image: &'s str,
}

impl<'s> Place<'s> {
    /// By what it is found again in the object as it was; none where it has no name or no image.
    fn identity(&self) -> Option<(ContainerKind, &'s str, &'s str)> {
        let named = !self.name.is_empty() && !self.image.is_empty();
        named.then_some((self.kind, self.name, self.image))
    }

    fn pointer(&self, root: &str) -> Pointer {
        let (list, field) = match self.kind {
            ContainerKind::Container => ("containers", "image"),
            ContainerKind::EphemeralContainer => ("ephemeralContainers", "image"),
            ContainerKind::ImageVolume => ("volumes", "image/reference"),
            ContainerKind::InitContainer => ("initContainers", "image"),
        };
        Pointer::new(format!("{root}/{list}/{}/{field}", self.index))
    }
}

/// The places of a pod spec.
fn places<'s>(spec: &'s Spec<'_>) -> Vec<Place<'s>> {
    let containers = [
        (ContainerKind::Container, &spec.containers),
        (ContainerKind::InitContainer, &spec.init_containers),
        (ContainerKind::EphemeralContainer, &spec.ephemeral_containers),
    ];
    let containers = containers.into_iter().flat_map(|(kind, list)| {
        list.items.iter().enumerate().map(move |(index, container)| Place {
            kind,
            index,
            name: text(&container.0.name),
            image: text(&container.0.image),
        })
    });
    let volumes = spec.volumes.items.iter().enumerate();
    let volumes = volumes.filter_map(|(index, volume)| {
        let source = volume.0.image.as_ref()?;
        Some(Place {
            kind: ContainerKind::ImageVolume,
            index,
            name: text(&volume.0.name),
            image: text(&source.0.reference),
        })
    });
    containers.chain(volumes).collect()
}

fn path(kind: Kind, separator: char) -> String {
    let mut path = String::new();
    for step in kind.spec_path() {
        if !path.is_empty() {
            path.push(separator);
        }
        path.push_str(step.as_str());
    }
    path
}

fn no_image(place: &Place<'_>, pointer: &Pointer, error: ParseImageError) -> Denial {
    let finding = format!(
        "{} of {} {}: {}: {error}",
        pointer.field_path(),
        place.kind,
        explain::quoted(place.name, limits::PRINTED_NAME_BYTES),
        explain::quoted(&without_credentials(place.image), limits::PRINTED_NAME_BYTES),
    );
    Denial::new(DenyReason::ImageMalformed, finding)
}

/// What is no image and may be an address: without a user, a password and a query, since what is said of it is read by more
/// than who wrote it. Digests stay.
fn without_credentials(image: &str) -> String {
    let (address, query) = match image.split_once('?') {
        Some((address, _)) => (address, "?****"),
        None => (image, ""),
    };
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let is_digest = |text: &str| text.starts_with("sha256:") || text.starts_with("sha512:");
    let (rest, digest) = match rest.rsplit_once('@') {
        Some((before, digest)) if is_digest(digest) => (before, format!("@{digest}")),
        Some(_) | None => (rest, String::new()),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}****@{host}{digest}{query}"),
        None => format!("{scheme}{rest}{digest}{query}"),
    }
}

/// A refusal of what asks for too much.
pub(super) fn too_much(what: &'static str, ceiling: usize) -> Denial {
    let exceeded = Exceeded::new(what, ceiling, Scope::Request);
    Denial::new(DenyReason::LimitExceeded, exceeded.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_told_without_credentials() {
        for (image, told) in [
            ("https://alice:hunter2@registry.example/app:1", "https://****@registry.example/app:1"),
            ("alice:hunter2@registry.example:5000/app", "****@registry.example:5000/app"),
            ("alice:hunter2@sha.example/app", "****@sha.example/app"),
            ("alice:hun@ter2@registry.example/app", "****@registry.example/app"),
            ("alice:hunter2@registry.example/app@sha256:12", "****@registry.example/app@sha256:12"),
            ("oci://registry.example/app?token=hunter2", "oci://registry.example/app?****"),
            ("https://ghcr.io/a/b", "https://ghcr.io/a/b"),
            ("nginx:v1@sha256:12", "nginx:v1@sha256:12"),
            ("NGINX", "NGINX"),
            ("", ""),
        ] {
            assert_eq!(without_credentials(image), told);
        }
    }
}
