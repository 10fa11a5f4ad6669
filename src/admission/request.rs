//! What Kubernetes asks.

use nonempty::NonEmpty;

use super::Exemption;
use crate::image::{ContainerKind, ImageUse, Pointer};
use crate::policy::{Denial, PinRule, Workload};

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
    /// # Errors
    /// When the bytes are no such review, or its object cannot be understood.
    pub fn parse(_body: &[u8]) -> Result<Self, Malformed> {
        todo!()
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
        todo!()
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
    },
}
