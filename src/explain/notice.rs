//! What is told of refusals beside the answer: on objects that outlive the request.

use nonempty::NonEmpty;

use super::message::{image, named};
use super::{denial, plain};
use crate::limits;
use crate::policy::{Denial, Outcome, PolicyName, Verdict, Warning, Workload};

/// One thing to tell: that an image or a whole request is refused, or what its users are warned of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The object on which users look for it.
    pub subject: Subject,
    /// The policy that refuses; none where no policy is involved.
    pub policy: Option<PolicyName>,
    /// What is done.
    pub action: Action,
    /// The code of the reason, or of the warning.
    pub code: &'static str,
    /// The field that names the image, as in `spec.containers[0].image`; empty where no image was judged.
    pub field: String,
    /// All of it on one line, at most [`limits::EVENT_NOTE_BYTES`].
    pub note: String,
}

/// What is done about what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is refused.
    Deny,
    /// It is let pass, and its users are warned.
    Warn,
}

impl Action {
    /// As Events name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "Deny",
            Self::Warn => "Warn",
        }
    }
}

/// An object that something is told about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Its API group and version, as in `apps/v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace, which is that of the workload.
    pub namespace: String,
    /// Its name; empty where no object can have what was named.
    pub name: String,
    /// What the API server calls it; empty for an object that is refused before it is there.
    pub uid: String,
}

/// What is to be told of a request that is refused as a whole, by `denial`: about the owner that `workload` names, or else
/// about itself, which `is_new` if it would be there only when it is admitted.
pub fn refusal_notice(workload: &Workload, is_new: bool, refused: &Denial) -> Notice {
    let whole = format!("{} is refused: {}", named(workload), denial(refused));
    Notice {
        subject: subject(workload, is_new),
        policy: refused.policy.clone(),
        action: Action::Deny,
        code: refused.reason.code(),
        field: String::new(),
        note: plain(&whole, limits::EVENT_NOTE_BYTES),
    }
}

/// What is to be told of `verdicts`, at most [`limits::DENY_REASONS_PER_IMAGE`] for each image and each policy once: about
/// the owner that `workload` names, or else about itself, which `is_new` if it is there only when it is admitted.
pub fn notices<'a>(
    workload: &'a Workload,
    is_new: bool,
    verdicts: &'a NonEmpty<Verdict>,
) -> impl Iterator<Item = Notice> + 'a {
    let is_refused = verdicts.iter().any(|verdict| !verdict.is_allowed());
    let subject = subject(workload, is_new && is_refused);
    verdicts.iter().flat_map(move |verdict| {
        let subject = subject.clone();
        reasons(verdict).into_iter().map(move |reason| {
            let whole = format!("{}: {} {}", named(workload), image(verdict), reason.words());
            Notice {
                subject: subject.clone(),
                policy: reason.policy().cloned(),
                action: reason.action(),
                code: reason.code(),
                field: plain(&verdict.image.pointer.field_path(), limits::PRINTED_NAME_BYTES),
                note: plain(&whole, limits::EVENT_NOTE_BYTES),
            }
        })
    })
}

/// A reason to tell something of an image.
#[derive(Clone, Copy)]
enum Reason<'a> {
    Denial(&'a Denial),
    Warning(&'a Warning),
}

/// The reasons to tell: of each policy the first, and what no policy says, each once. A refused image needs no word about
/// its tag.
fn reasons(verdict: &Verdict) -> Vec<Reason<'_>> {
    let denials = match &verdict.outcome {
        Outcome::Allow(_) => None,
        Outcome::Deny(denials) => Some(denials.iter().map(Reason::Denial)),
    };
    let warnings = verdict.warnings.iter().filter(|warning| match warning {
        Warning::MutableTag | Warning::NoMatchingPolicy => verdict.is_allowed(),
        Warning::WouldDeny(_) => true,
    });
    let mut told: Vec<Reason<'_>> = Vec::new();
    for reason in denials.into_iter().flatten().chain(warnings.map(Reason::Warning)) {
        let is_told = told.iter().any(|other| match (reason.policy(), other.policy()) {
            (None, None) => reason.code() == other.code(),
            (policy, of_other) => policy == of_other,
        });
        if told.len() < limits::DENY_REASONS_PER_IMAGE && !is_told {
            told.push(reason);
        }
    }
    told
}

impl<'a> Reason<'a> {
    fn action(self) -> Action {
        match self {
            Self::Denial(_) => Action::Deny,
            Self::Warning(_) => Action::Warn,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Denial(denial) => denial.reason.code(),
            Self::Warning(warning) => warning.code(),
        }
    }

    fn policy(self) -> Option<&'a PolicyName> {
        match self {
            Self::Denial(denial) | Self::Warning(Warning::WouldDeny(denial)) => denial.policy.as_ref(),
            Self::Warning(Warning::MutableTag | Warning::NoMatchingPolicy) => None,
        }
    }

    /// What stands behind the image.
    fn words(self) -> String {
        match self {
            Self::Denial(reason) => format!("is refused: {}", denial(reason)),
            Self::Warning(Warning::MutableTag) => "names a tag, which may move: name the digest".to_owned(),
            Self::Warning(Warning::NoMatchingPolicy) => "is admitted, and covered by no policy".to_owned(),
            Self::Warning(Warning::WouldDeny(reason)) => format!("would be refused: {}", denial(reason)),
        }
    }
}

fn subject(workload: &Workload, never_was: bool) -> Subject {
    let namespace = workload.namespace.clone();
    let subject = match workload.owner.clone() {
        Some(owner) => {
            Subject { api_version: owner.api_version, kind: owner.kind, namespace, name: owner.name, uid: owner.uid }
        }
        None => Subject {
            api_version: match workload.group.as_str() {
                "" => workload.version.clone(),
                group => format!("{group}/{}", workload.version),
            },
            kind: workload.kind.clone(),
            namespace,
            name: workload.name.clone(),
            uid: if never_was { String::new() } else { workload.uid.clone() },
        },
    };
    // The API server's own names are shorter. What is longer comes from somebody else, and is not carried any further.
    let Subject { api_version, kind, namespace, name, uid } = &subject;
    let parts = [api_version, kind, namespace, name, uid];
    if parts.into_iter().any(|part| part.len() > limits::PRINTED_NAME_BYTES) {
        return Subject::default();
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ContainerKind, ImageUse, Pointer};
    use crate::policy::{DenyReason, Owner};

    fn verdict(denials: &[(&str, DenyReason)]) -> Verdict {
        let image = ImageUse {
            pointer: Pointer::new("/spec/containers/0/image"),
            kind: ContainerKind::Container,
            container: "web".to_owned(),
            image: "registry.example/shop/web:v5".parse().unwrap(),
        };
        let denial = |(policy, reason): &(&str, DenyReason)| {
            Denial::new(*reason, "found\nnothing").by(&PolicyName::new("countersign.dev", *policy))
        };
        let denials = NonEmpty::from_vec(denials.iter().map(denial).collect()).unwrap();
        Verdict { image, digest: None, outcome: Outcome::Deny(denials), warnings: Vec::new() }
    }

    fn pod(owner: Option<Owner>) -> Workload {
        Workload {
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: "shop".to_owned(),
            name: "web-7d9-x".to_owned(),
            uid: "u-pod".to_owned(),
            owner,
            ..Workload::default()
        }
    }

    fn owner() -> Owner {
        let [api_version, kind, name, uid] = ["apps/v1", "ReplicaSet", "web-7d9", "u-set"].map(str::to_owned);
        Owner { api_version, kind, name, uid }
    }

    #[test]
    fn the_owner_is_told_and_each_policy_once() {
        let missing = DenyReason::SignatureMissing;
        let verdicts = NonEmpty::new(verdict(&[("a", missing), ("a", DenyReason::KeyMismatch), ("b", missing)]));
        let told: Vec<_> = notices(&pod(Some(owner())), true, &verdicts).collect();
        let policies: Vec<_> = told.iter().map(|notice| notice.policy.as_ref().unwrap().name()).collect();
        assert_eq!(policies, ["a", "b"]);
        let first = &told[0];
        assert_eq!((first.action, first.code), (Action::Deny, "signature_missing"));
        assert_eq!((first.subject.kind.as_str(), first.subject.uid.as_str()), ("ReplicaSet", "u-set"));
        assert_eq!((first.subject.namespace.as_str(), first.field.as_str()), ("shop", "spec.containers[0].image"));
        assert!(first.note.contains("`shop/web-7d9-x`") && first.note.contains("is refused"), "{}", first.note);
        assert!(!first.note.contains('\n'), "{}", first.note);
    }

    #[test]
    fn an_object_that_never_was_has_no_uid() {
        let verdicts = NonEmpty::new(verdict(&[("a", DenyReason::SignatureMissing)]));
        let uid = |is_new| notices(&pod(None), is_new, &verdicts).next().unwrap().subject.uid;
        assert_eq!(uid(true), "");
        assert_eq!(uid(false), "u-pod");
    }

    #[test]
    fn a_warning_says_that_it_would_be_refused() {
        let denial = Denial::new(DenyReason::SignatureMissing, "");
        let mut verdict = verdict(&[("a", DenyReason::KeyMismatch)]);
        verdict.warnings = vec![Warning::WouldDeny(denial), Warning::MutableTag];
        let verdicts = NonEmpty::new(verdict);
        let told: Vec<_> = notices(&pod(None), false, &verdicts).collect();
        assert_eq!(told.len(), 2);
        assert_eq!(told[1].action, Action::Warn);
        assert!(told[1].note.contains("would be refused"), "{}", told[1].note);
    }

    #[test]
    fn a_note_fits() {
        let mut verdict = verdict(&[("a", DenyReason::SignatureMissing)]);
        verdict.image.container = "\u{e9}".repeat(5000);
        let long = Workload { name: "n".repeat(5000), ..pod(None) };
        let verdicts = NonEmpty::new(verdict);
        let note = notices(&long, true, &verdicts).next().unwrap().note;
        assert!(note.len() <= limits::EVENT_NOTE_BYTES, "{}", note.len());
    }

    #[test]
    fn a_note_is_cut_between_characters() {
        // Beside names of their greatest length the finding is cut, at each place within one of its characters.
        for before in 0..4 {
            let mut denial = Denial::new(DenyReason::SignatureMissing, "x".repeat(before) + &"\u{1f512}".repeat(1000));
            denial = denial.by(&PolicyName::new("countersign.dev", "p".repeat(300))).unsatisfied(&"a".repeat(300));
            let mut refused = verdict(&[("a", DenyReason::SignatureMissing)]);
            refused.outcome = Outcome::Deny(NonEmpty::new(denial.clone()));
            let verdicts = NonEmpty::new(refused);
            let workload = Workload { name: "n".repeat(300), ..pod(None) };
            let whole = refusal_notice(&workload, true, &denial).note;
            for note in [notices(&workload, true, &verdicts).next().unwrap().note, whole] {
                assert!(note.len() <= limits::EVENT_NOTE_BYTES, "{}", note.len());
                assert!(note.len() > limits::EVENT_NOTE_BYTES - 8, "{}", note.len());
                assert!(note.ends_with("\u{1f512}…"), "{note}");
            }
        }
    }
}
