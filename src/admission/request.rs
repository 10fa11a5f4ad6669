//! What Kubernetes asks.

use nonempty::NonEmpty;

use super::Exemption;
use super::custom::Custom;
use super::images::{Inventory, custom_workload, names, too_much, workload};
use super::json::text;
use super::kind::{GroupVersionKind, Kind, has_no_place_for_images};
use super::review::Envelope;
use super::shape::{Metadata, Shape};
use crate::image::{ContainerKind, ImageUse, Pointer};
use crate::policy::{Denial, DenyReason, ObjectText, PinRule, Requester, Workload, WorkloadKind, WorkloadKinds};
use crate::{explain, limits};

/// A request for admission that was understood.
#[derive(Clone, Debug)]
pub struct Request {
    uid: String,
    dry_run: bool,
    operation: Operation,
    subject: Judgement,
    missing: Vec<MissingImage>,
}

impl Request {
    /// Reads an AdmissionReview of `admission.k8s.io/v1`
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request>).
    ///
    /// Objects are of the kinds that every cluster has, or of one of `kinds`.
    ///
    /// # Errors
    /// When the bytes are no such review, or its object cannot be understood.
    pub fn parse(body: &[u8], kinds: &WorkloadKinds) -> Result<Self, Malformed> {
        let envelope = Envelope::parse(body).map_err(|finding| Malformed::NotReview { finding })?;
        let refuse = |denial| Malformed::Request {
            uid: envelope.uid().to_owned(),
            denial: Box::new(denial),
            about: Box::new(about(&envelope)),
        };
        let operation = Operation::named(envelope.operation()).map_err(refuse)?;
        let (subject, missing) = understand(&envelope, operation, kinds).map_err(refuse)?;
        let subject = match subject {
            Judgement::Judge(mut judge) => {
                judge.workload.object = ObjectText::new(body, &["request", "object"]);
                Judgement::Judge(judge)
            }
            Judgement::Pass(_) => subject,
        };
        Ok(Self { uid: envelope.uid().to_owned(), dry_run: envelope.is_dry_run(), operation, subject, missing })
    }

    /// What the answer has to repeat.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whether nothing will be stored. The verdict is the same.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// What is to be done with the object.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// What has to be judged, or why nothing has to.
    pub fn subject(&self) -> &Judgement {
        &self.subject
    }

    /// The places of a template where an image could stand and none does. They are worth a warning.
    pub fn missing_images(&self) -> &[MissingImage] {
        &self.missing
    }

    /// The warnings of the request itself, in words.
    pub fn warnings(&self) -> Vec<String> {
        let warn = |missing: &MissingImage| explain::missing_image(missing.kind, &missing.container, &missing.pointer);
        self.missing.iter().map(warn).collect()
    }
}

/// What is to be done with the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `CONNECT`
    Connect,
    /// `CREATE`
    Create,
    /// `DELETE`
    Delete,
    /// `UPDATE`
    Update,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 4] = [Self::Connect, Self::Create, Self::Delete, Self::Update];

    fn named(name: &str) -> Result<Self, Denial> {
        let known = Self::ALL.into_iter().find(|operation| operation.as_str() == name);
        known.ok_or_else(|| {
            let name = explain::quoted(name, limits::PRINTED_NAME_BYTES);
            malformed(format!("the operation {name} is not known"))
        })
    }

    /// Its name in reviews.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Update => "UPDATE",
        }
    }
}

/// What has to be judged, or why nothing has to.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// These images.
    Judge(Box<Judge>),
    /// Nothing.
    Pass(Exemption),
}

/// A workload and the images that have to be judged. An image that an update leaves as it is, is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judge {
    /// Who wants to run them.
    pub workload: Workload,
    /// The images, each with its place in the object.
    pub images: NonEmpty<ImageUse>,
    /// Whether they are about to be pulled.
    pub target: Target,
}

/// Whether the images of an object are about to be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// They are: the object is a pod.
    Pod,
    /// Not yet: the object makes pods, which will be judged again.
    Template,
}

impl Target {
    /// What `/validate` asks of tags.
    pub fn pin_rule(self) -> PinRule {
        match self {
            Self::Pod => PinRule::Required,
            Self::Template => PinRule::Template,
        }
    }
}

/// A place of a template where an image could stand and none does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImage {
    /// The place.
    pub pointer: Pointer,
    /// What kind of list it stands in.
    pub kind: ContainerKind,
    /// The name of the container or volume.
    pub container: String,
}

/// A request that cannot be understood. It is never let pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body is no AdmissionReview that could be answered: nobody knows its uid. The answer is HTTP 400.
    #[error("{finding}")]
    NotReview {
        /// What is wrong, for the answer's text.
        finding: String,
    },
    /// The review can be answered, and the answer is a refusal.
    #[error("{}", .denial.finding)]
    Request {
        /// What the answer has to repeat.
        uid: String,
        /// The refusal.
        denial: Box<Denial>,
        /// Whom it is to be told to.
        about: Box<About>,
    },
}

/// What a request that cannot be understood is about, as far as it says so. Nothing is decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The object, by its names and its owner.
    pub workload: Workload,
    /// Whether the object is there only when it is admitted.
    pub is_new: bool,
    /// Whether nothing would be stored.
    pub is_dry_run: bool,
}

/// What has to be judged, and the places without an image.
fn understand(
    envelope: &Envelope<'_>,
    operation: Operation,
    kinds: &WorkloadKinds,
) -> Result<(Judgement, Vec<MissingImage>), Denial> {
    let pass = |exemption| Ok((Judgement::Pass(exemption), Vec::new()));
    match operation {
        Operation::Connect => return pass(Exemption::Connect),
        Operation::Delete => return pass(Exemption::Delete),
        Operation::Create | Operation::Update => {}
    }
    let (inventory, workload) = match carried(envelope, kinds)? {
        Carried::Other => {
            object(envelope)?;
            return pass(Exemption::SubresourceWithoutImages);
        }
        Carried::Custom(kind) => {
            let object = custom_object(envelope, kind)?;
            let requester = requester(envelope)?;
            let old = match operation {
                Operation::Update => old_custom_object(envelope, kind, &object),
                Operation::Connect | Operation::Create | Operation::Delete => None,
            };
            (Inventory::of_custom(kind, &object, old.as_ref())?, custom_workload(&object, requester))
        }
        Carried::BuiltIn(kind) => {
            let object = object(envelope)?;
            let requester = requester(envelope)?;
            if operation == Operation::Create && is_mirror_pod_of_requester(kind, envelope, object, &requester) {
                return pass(Exemption::MirrorPodFromNode);
            }
            let old = match operation {
                Operation::Update => old_object(envelope, kind, object),
                Operation::Connect | Operation::Create | Operation::Delete => None,
            };
            (Inventory::of(kind, object, old.as_ref())?, workload(kind, object, requester))
        }
    };
    let workload = Workload { namespace: envelope.namespace().to_owned(), ..workload };
    let workload = match envelope.name() {
        "" => workload,
        name => Workload { name: name.to_owned(), ..workload },
    };
    let missing = inventory.missing.clone();
    let exemption = if inventory.unchanged > 0 { Exemption::ImagesUnchanged } else { Exemption::NoImages };
    let subject = match inventory.judge(workload) {
        Some(judge) => Judgement::Judge(Box::new(judge)),
        None => Judgement::Pass(exemption),
    };
    Ok((subject, missing))
}

/// What the request says of its object beside what it asks: an object that cannot be read has no owner.
fn about(envelope: &Envelope<'_>) -> About {
    let object = envelope.object.as_ref().ok().and_then(Option::as_ref);
    let named = names(object.and_then(|object| object.metadata.as_ref()).map(|metadata| &metadata.0));
    let kind = envelope.kind().unwrap_or(GroupVersionKind { group: "", version: "", kind: "" });
    let name = match envelope.name() {
        "" => named.name,
        name => name.to_owned(),
    };
    About {
        workload: Workload {
            group: kind.group.to_owned(),
            version: kind.version.to_owned(),
            kind: kind.kind.to_owned(),
            namespace: envelope.namespace().to_owned(),
            name,
            ..named
        },
        is_new: envelope.operation() != Operation::Update.as_str(),
        is_dry_run: envelope.is_dry_run(),
    }
}

/// What a request carries.
enum Carried<'k> {
    /// An object of a kind that every cluster has, and that names images.
    BuiltIn(Kind),
    /// An object of a kind that is configured to name images.
    Custom(&'k WorkloadKind),
    /// An object that has no place for any.
    Other,
}

/// What the request says that it carries. Kind, resource and subresource have to agree: an object is read by its kind,
/// and the webhook's rules were matched by its resource.
fn carried<'k>(envelope: &Envelope<'_>, kinds: &'k WorkloadKinds) -> Result<Carried<'k>, Denial> {
    let name = envelope.kind().ok_or_else(|| malformed("the request has no kind"))?;
    let (group, version, resource) = envelope.resource().ok_or_else(|| malformed("the request has no resource"))?;
    let subresource = envelope.subresource();
    let belongs = |expected: GroupVersionKind<'_>, plural: &str, carried| {
        if (group, version, resource) == (expected.group, expected.version, plural) {
            Ok(carried)
        } else {
            Err(disagree(name, resource, subresource))
        }
    };
    if let Some(kind) = Kind::named(name) {
        return belongs(kind.name(), kind.resource(), Carried::BuiltIn(kind));
    }
    if let Some(kind) = kinds.named(name.group, name.version, name.kind) {
        return belongs(name, &kind.resource, Carried::Custom(kind));
    }
    if !has_no_place_for_images(name) {
        return Err(malformed(format!("{name} is no kind that is known to name images")));
    }
    match (name.kind, resource, subresource) {
        ("Binding", "bindings", "")
        | ("Binding", "pods", "binding")
        | ("Eviction", "pods", "eviction")
        | ("Scale", _, "scale") => Ok(Carried::Other),
        _ => Err(disagree(name, resource, subresource)),
    }
}

fn disagree(name: GroupVersionKind<'_>, resource: &str, subresource: &str) -> Denial {
    let resource = match subresource {
        "" => resource.to_owned(),
        subresource => format!("{resource}/{subresource}"),
    };
    let resource = explain::quoted(&resource, limits::PRINTED_NAME_BYTES);
    malformed(format!("the kind {name} does not belong to the resource {resource}"))
}

/// The object, of the kind and in the namespace that the request names.
fn object<'e, 'a>(envelope: &'e Envelope<'a>) -> Result<&'e Shape<'a>, Denial> {
    let object = match &envelope.object {
        Ok(Some(object)) => object,
        Ok(None) => return Err(malformed("the request has no object")),
        Err(error) => return Err(malformed(format!("the object cannot be read: {error}"))),
    };
    let name = GroupVersionKind::of_object(text(&object.api_version), text(&object.kind));
    is_of_request(envelope, name, object.metadata.as_ref().map(|metadata| &metadata.0))?;
    Ok(object)
}

/// The same, of a kind that is configured.
fn custom_object<'a>(envelope: &Envelope<'a>, kind: &WorkloadKind) -> Result<Custom<'a>, Denial> {
    let json = envelope.object_text().map_err(malformed)?.ok_or_else(|| malformed("the request has no object"))?;
    let object = Custom::read(json, kind).map_err(|error| malformed(format!("the object cannot be read: {error}")))?;
    is_of_request(envelope, object.head().name(), object.head().metadata())?;
    Ok(object)
}

fn is_of_request(
    envelope: &Envelope<'_>,
    name: GroupVersionKind<'_>,
    metadata: Option<&Metadata<'_>>,
) -> Result<(), Denial> {
    match envelope.kind() {
        Some(asked) if asked == name => {}
        Some(asked) => {
            return Err(malformed(format!("the request is about {asked}, and the object is {name}")));
        }
        None => return Err(malformed("the request has no kind")),
    }
    let namespace = metadata.map_or("", |metadata| text(&metadata.namespace));
    if namespace.is_empty() || namespace == envelope.namespace() {
        Ok(())
    } else {
        Err(malformed("the object is in another namespace than the request"))
    }
}

/// The object as it was, if it is known to be the same one: of the same kind, with the same uid.
fn old_object<'a>(envelope: &Envelope<'a>, kind: Kind, object: &Shape<'_>) -> Option<Shape<'a>> {
    let metadata = |shape: &'_ Shape<'_>| uid(shape.metadata.as_ref().map(|metadata| &metadata.0));
    let old = envelope.old_object()?;
    let name = GroupVersionKind::of_object(text(&old.api_version), text(&old.kind));
    let same = name == kind.name() && metadata(&old)? == metadata(object)? && !old.overflows(kind);
    same.then_some(old)
}

/// The same, of a kind that is configured.
fn old_custom_object<'a>(envelope: &Envelope<'a>, kind: &WorkloadKind, object: &Custom<'_>) -> Option<Custom<'a>> {
    let old = Custom::read(envelope.old_object_text()?, kind).ok()?;
    let same = old.head().name() == object.head().name()
        && uid(old.head().metadata())? == uid(object.head().metadata())?
        && old.overflow().is_none();
    same.then_some(old)
}

fn uid(metadata: Option<&Metadata<'_>>) -> Option<String> {
    let uid = text(&metadata?.uid);
    (!uid.is_empty()).then(|| uid.to_owned())
}

/// Whether a node tells of a static pod of its own. The annotation alone counts for nothing: the API server's
/// authentication says who asks, and NodeRestriction keeps nodes from speaking for others
/// (<https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/>).
fn is_mirror_pod_of_requester(kind: Kind, envelope: &Envelope<'_>, object: &Shape<'_>, requester: &Requester) -> bool {
    let metadata = object.metadata.as_ref().map(|metadata| &metadata.0);
    let node = object.pod_spec(kind).map_or("", |spec| text(&spec.node_name));
    kind == Kind::Pod
        && envelope.subresource().is_empty()
        && metadata.is_some_and(|metadata| metadata.annotations.has("kubernetes.io/config.mirror"))
        && !node.is_empty()
        && requester.username.strip_prefix("system:node:") == Some(node)
        && requester.groups.iter().any(|group| group == "system:nodes")
}

fn requester(envelope: &Envelope<'_>) -> Result<Requester, Denial> {
    let Some(user) = envelope.user() else {
        return Ok(Requester::default());
    };
    if user.groups.overflow {
        return Err(too_much("groups of the user", limits::OBJECT_LIST_ENTRIES));
    }
    Ok(Requester {
        username: text(&user.username).to_owned(),
        groups: user.groups.items.iter().map(|group| group.as_str().to_owned()).collect(),
    })
}

fn malformed(finding: impl Into<String>) -> Denial {
    Denial::new(DenyReason::RequestMalformed, finding)
}
