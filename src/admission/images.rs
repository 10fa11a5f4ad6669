//! Every image of an object, with its place.

use std::collections::BTreeSet;

use nonempty::NonEmpty;

use super::custom::Custom;
use super::json::text;
use super::kind::{GroupVersionKind, Kind};
use super::shape::{Metadata, Shape, Spec};
use super::{Judge, MissingImage, Target};
use crate::explain;
use crate::image::{ContainerKind, ImageRef, ImageUse, ParseImageError, Pointer};
use crate::limits::{self, Exceeded, Scope};
use crate::policy::{Denial, DenyReason, Owner, Requester, Workload, WorkloadKind};

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
        let Some(spec) = object.pod_spec(kind) else {
            return if kind.may_lack_template() {
                Self::new(target, &[], &[])
            } else {
                Err(Denial::new(DenyReason::RequestMalformed, format!("the object has no `{}`", path(kind, '.'))))
            };
        };
        let root = format!("/{}", path(kind, '/'));
        let old = old.and_then(|old| old.pod_spec(kind)).map(|spec| places(&root, spec)).unwrap_or_default();
        Self::new(target, &places(&root, spec), &old)
    }

    /// Takes stock of a custom resource of this kind. What stands in `old` already is unchanged: of a pod spec, the same
    /// string under the same container name in the same list of a pod spec at the same place; of a field, the same string
    /// at the same place.
    ///
    /// # Errors
    /// When nothing stands at any of the places that the kind names, or what stands there is no image.
    pub(super) fn of_custom(
        kind: &WorkloadKind,
        object: &Custom<'_>,
        old: Option<&Custom<'_>>,
    ) -> Result<Self, Denial> {
        if let Some((what, ceiling)) = object.overflow() {
            return Err(too_much(what, ceiling));
        }
        // An object that named none before could not be finished or deleted otherwise.
        if object.names_none() && !kind.may_name_none && !old.is_some_and(Custom::names_none) {
            let paths: Vec<_> = kind.pod_specs.iter().chain(&kind.images).map(ToString::to_string).collect();
            let paths = explain::quoted(&paths.join(" "), limits::PRINTED_NAME_BYTES);
            let finding = format!("nothing stands at any of the places where this kind is to name images: {paths}");
            return Err(Denial::new(DenyReason::RequestMalformed, finding));
        }
        Self::new(Target::Template, &custom_places(object), &old.map(custom_places).unwrap_or_default())
    }

    /// The images of these places, but for those that stand in `old` places as well.
    fn new(target: Target, now: &[Place<'_>], old: &[Place<'_>]) -> Result<Self, Denial> {
        let mut inventory = Self { images: Vec::new(), unchanged: 0, missing: Vec::new(), target };
        let old: BTreeSet<_> = old.iter().filter_map(Place::identity).collect();
        for place in now {
            if place.identity().is_some_and(|place| old.contains(&place)) {
                inventory.unchanged += 1;
            } else {
                inventory.add(place)?;
            }
        }
        if inventory.images.len() > limits::IMAGES_PER_REQUEST {
            return Err(too_much("images of one object", limits::IMAGES_PER_REQUEST));
        }
        Ok(inventory)
    }

    fn add(&mut self, place: &Place<'_>) -> Result<(), Denial> {
        let pointer = place.pointer();
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
    let metadata = object.metadata.as_ref().map(|metadata| &metadata.0);
    let spec = object.pod_spec(kind);
    runner(kind.name(), metadata, spec.as_slice(), requester)
}

/// What a custom resource says about that. Of several ServiceAccounts the first counts; pull secrets count all.
pub(super) fn custom_workload(object: &Custom<'_>, requester: Requester) -> Workload {
    let specs: Vec<_> = object.pod_specs().iter().map(|(_, spec)| spec).collect();
    runner(object.head().name(), object.head().metadata(), &specs, requester)
}

fn runner(
    name: GroupVersionKind<'_>,
    metadata: Option<&Metadata<'_>>,
    specs: &[&Spec<'_>],
    requester: Requester,
) -> Workload {
    // `serviceAccount` is the older name of `serviceAccountName`, and counts only where that is empty
    // (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec>).
    let account = |spec: &&Spec<'_>| match text(&spec.service_account_name) {
        "" => text(&spec.service_account).to_owned(),
        name => name.to_owned(),
    };
    let service_account = specs.iter().map(account).find(|account| !account.is_empty()).unwrap_or_default();
    let mut pull_secrets = Vec::new();
    for secret in specs.iter().flat_map(|spec| &spec.image_pull_secrets.items) {
        let name = text(&secret.0.name);
        if !name.is_empty() {
            pull_secrets.push(name.to_owned());
        }
    }
    Workload {
        group: name.group.to_owned(),
        version: name.version.to_owned(),
        kind: name.kind.to_owned(),
        service_account,
        pull_secrets,
        requester,
        ..names(metadata)
    }
}

/// What an object says of itself in its metadata.
pub(super) fn names(metadata: Option<&Metadata<'_>>) -> Workload {
    let Some(metadata) = metadata else {
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

/// One place where an image stands or should stand.
struct Place<'s> {
    /// The pointer to the pod spec, or to the field itself.
    root: &'s str,
    kind: ContainerKind,
    /// In its list.
    index: usize,
    /// Empty where it has none, as a field.
    name: &'s str,
    image: &'s str,
}

impl<'s> Place<'s> {
    /// By what it is found again in the object as it was; none where that cannot be, or it has no image.
    fn identity(&self) -> Option<(&'s str, ContainerKind, &'s str, &'s str)> {
        let is_named = match self.kind {
            ContainerKind::Field => true,
            ContainerKind::Container
            | ContainerKind::EphemeralContainer
            | ContainerKind::ImageVolume
            | ContainerKind::InitContainer => !self.name.is_empty(),
        };
        (is_named && !self.image.is_empty()).then_some((self.root, self.kind, self.name, self.image))
    }

    fn pointer(&self) -> Pointer {
        let (list, field) = match self.kind {
            ContainerKind::Container => ("containers", "image"),
            ContainerKind::EphemeralContainer => ("ephemeralContainers", "image"),
            ContainerKind::Field => return Pointer::new(self.root),
            ContainerKind::ImageVolume => ("volumes", "image/reference"),
            ContainerKind::InitContainer => ("initContainers", "image"),
        };
        Pointer::new(format!("{}/{list}/{}/{field}", self.root, self.index))
    }
}

/// The places of the pod spec at `root`.
fn places<'s>(root: &'s str, spec: &'s Spec<'_>) -> Vec<Place<'s>> {
    let containers = [
        (ContainerKind::Container, &spec.containers),
        (ContainerKind::InitContainer, &spec.init_containers),
        (ContainerKind::EphemeralContainer, &spec.ephemeral_containers),
    ];
    let containers = containers.into_iter().flat_map(|(kind, list)| {
        list.items.iter().enumerate().map(move |(index, container)| Place {
            root,
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
            root,
            kind: ContainerKind::ImageVolume,
            index,
            name: text(&volume.0.name),
            image: text(&source.0.reference),
        })
    });
    containers.chain(volumes).collect()
}

/// The places of a custom resource: those of its pod specs, then its fields.
fn custom_places<'s>(object: &'s Custom<'_>) -> Vec<Place<'s>> {
    let pod_specs = object.pod_specs().iter().flat_map(|(root, spec)| places(root, spec));
    let fields = object.images().iter().map(|(root, image)| Place {
        root,
        kind: ContainerKind::Field,
        index: 0,
        name: "",
        image: image.as_str(),
    });
    pod_specs.chain(fields).collect()
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
    let path = pointer.field_path();
    let place_in_words = match place.kind {
        // Its names are the object's own.
        ContainerKind::Field => explain::quoted(&path, limits::PRINTED_NAME_BYTES),
        ContainerKind::Container
        | ContainerKind::EphemeralContainer
        | ContainerKind::ImageVolume
        | ContainerKind::InitContainer => {
            format!("{path} of {} {}", place.kind, explain::quoted(place.name, limits::PRINTED_NAME_BYTES))
        }
    };
    let image = explain::quoted(&without_credentials(place.image), limits::PRINTED_NAME_BYTES);
    let finding = format!("{place_in_words}: {image}: {error}");
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
