//! Deny messages.

use nonempty::NonEmpty;
use serde::Serialize;

use super::{hint_for, plain, quoted, sentence};
use crate::limits;
use crate::policy::{Denial, Outcome, Verdict, Workload};

/// One refused image, as `status.details.causes` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The stable code of the most useful reason.
    pub reason: &'static str,
    /// The same in words, on one line.
    pub message: String,
    /// The field that names the image, as in `spec.containers[0].image`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// What is said to the user whose `workload` is refused: a line for the workload, a paragraph for each refused image, at
/// most [`limits::DENY_MESSAGE_BYTES`] in all. What does not fit is counted, and no image is left half said.
pub fn message(workload: &Workload, verdicts: &NonEmpty<Verdict>) -> String {
    let refused: Vec<_> = refused(verdicts).collect();
    let verb = if refused.len() == 1 { "is" } else { "are" };
    let mut message = format!("{}: {} of {} images {verb} refused", named(workload), refused.len(), verdicts.len(),);
    for (index, (verdict, denials)) in refused.iter().enumerate() {
        let behind = refused.len() - index - 1;
        let room = limits::DENY_MESSAGE_BYTES.saturating_sub(message.len() + more(behind).len());
        let whole = paragraph(verdict, denials, limits::DENY_REASONS_PER_IMAGE);
        let paragraph = if whole.len() > room && index == 0 {
            // Every part of a paragraph is bounded, so that one with a single reason always fits.
            paragraph(verdict, denials, 1)
        } else {
            whole
        };
        if paragraph.len() > room {
            message.push_str(&more(behind + 1));
            break;
        }
        message.push_str(&paragraph);
    }
    message
}

/// The refused images, at most [`limits::DENY_CAUSES`].
pub fn causes(verdicts: &NonEmpty<Verdict>) -> Vec<Cause> {
    refused(verdicts)
        .take(limits::DENY_CAUSES)
        .map(|(verdict, denials)| Cause {
            reason: denials.head.reason.code(),
            message: format!("{}: {}", image(verdict), denial(&denials.head)),
            field: plain(&verdict.image.pointer.field_path(), limits::PRINTED_NAME_BYTES),
        })
        .collect()
}

/// One denial on one line: policy and authority, code, sentence, finding.
pub fn denial(denial: &Denial) -> String {
    let mut line = String::new();
    if let Some(policy) = &denial.policy {
        line.push_str("policy ");
        line.push_str(&quoted(&policy.to_string(), limits::PRINTED_NAME_BYTES));
        if let Some(authority) = &denial.authority {
            line.push_str(", authority ");
            line.push_str(&quoted(authority, limits::PRINTED_NAME_BYTES));
        }
        line.push_str(": ");
    }
    line.push_str(denial.reason.code());
    line.push_str(": ");
    line.push_str(sentence(denial.reason));
    if !denial.finding.is_empty() {
        line.push_str(": ");
        line.push_str(&plain(&denial.finding, limits::PRINTED_FINDING_BYTES));
    }
    line
}

/// What is said about a request that was not judged, with the hint: at most two lines.
pub fn refusal(refused: &Denial) -> String {
    let mut message = denial(refused);
    push_hint(&mut message, refused, "IMAGE");
    message
}

fn refused(verdicts: &NonEmpty<Verdict>) -> impl Iterator<Item = (&Verdict, &NonEmpty<Denial>)> {
    verdicts.iter().filter_map(|verdict| match &verdict.outcome {
        Outcome::Allow(_) => None,
        Outcome::Deny(denials) => Some((verdict, denials)),
    })
}

/// The workload as users know it: kind, namespace and name.
pub(super) fn named(workload: &Workload) -> String {
    let kind = match workload.kind.as_str() {
        "" => "workload".to_owned(),
        kind => plain(kind, limits::PRINTED_NAME_BYTES),
    };
    let quoted = |name: &str| quoted(name, limits::PRINTED_NAME_BYTES);
    match (workload.namespace.as_str(), workload.name.as_str()) {
        ("", "") => kind,
        ("", name) => format!("{kind} {}", quoted(name)),
        (namespace, "") => format!("{kind} in {}", quoted(namespace)),
        (namespace, name) => format!("{kind} {}", quoted(&format!("{namespace}/{name}"))),
    }
}

/// The image as users know it: container, reference, digest.
pub(super) fn image(verdict: &Verdict) -> String {
    let used = &verdict.image;
    let mut line = String::new();
    if !used.container.is_empty() {
        line.push_str(used.kind.as_str());
        line.push(' ');
        line.push_str(&quoted(&used.container, limits::PRINTED_NAME_BYTES));
        line.push_str(": ");
    }
    line.push_str(&quoted(used.image.written(), limits::IMAGE_REFERENCE_BYTES));
    if let (Some(digest), None) = (verdict.digest, used.image.digest()) {
        line.push_str(&format!(" ({digest})"));
    }
    line
}

/// All about one refused image, at most `reasons` of the reasons, and a hint for the first.
fn paragraph(verdict: &Verdict, denials: &NonEmpty<Denial>, reasons: usize) -> String {
    let mut text = format!("\n{}", image(verdict));
    for reason in denials.iter().take(reasons) {
        text.push_str("\n  ");
        text.push_str(&denial(reason));
    }
    match denials.len().saturating_sub(reasons) {
        0 => {}
        1 => text.push_str("\n  … and 1 more reason"),
        more => text.push_str(&format!("\n  … and {more} more reasons")),
    }
    for line in advice(denials.iter().take(reasons)) {
        text.push_str("\n  ");
        text.push_str(&line);
    }
    let exact = verdict
        .digest
        .map_or_else(|| verdict.image.image.written().to_owned(), |digest| verdict.image.image.pinned(digest));
    push_hint(&mut text, &denials.head, &exact);
    text
}

/// What the authors of policies say to whoever is refused by them, each once.
pub fn advice<'a>(denials: impl Iterator<Item = &'a Denial>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for advice in denials.filter_map(|denial| denial.advice.as_deref()) {
        let message = Some(advice.message.as_str()).filter(|message| !message.is_empty());
        let said = message.map(|message| ("message", message));
        let said = said.into_iter().chain(advice.runbook.as_deref().map(|runbook| ("runbook", runbook)));
        for (name, text) in said {
            let line = format!("{name}: {}", plain(text, limits::POLICY_MESSAGE_BYTES));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

fn push_hint(text: &mut String, denial: &Denial, image: &str) {
    if let Some(hint) = hint_for(denial.reason, image) {
        text.push_str("\n  hint: ");
        text.push_str(&hint);
    }
}

fn more(images: usize) -> String {
    match images {
        0 => String::new(),
        1 => "\n… and 1 more image".to_owned(),
        images => format!("\n… and {images} more images"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::image::{ContainerKind, ImageUse, Pointer};
    use crate::policy::{Advice, DenyReason, PolicyName};

    fn refused(denials: Vec<Denial>, repository: &str) -> Verdict {
        let image = ImageUse {
            pointer: Pointer::new("/spec/containers/0/image"),
            kind: ContainerKind::Container,
            container: "app".to_owned(),
            image: format!("ghcr.io/{repository}:v1").parse().unwrap(),
        };
        let outcome = Outcome::Deny(NonEmpty::from_vec(denials).unwrap());
        Verdict { image, digest: None, outcome, warnings: Vec::new() }
    }

    fn advised(message: &str, runbook: Option<&str>) -> Denial {
        let advice = Advice { message: message.to_owned(), runbook: runbook.map(str::to_owned) };
        let policy = PolicyName::new("countersign.dev", "p");
        Denial::new(DenyReason::SignatureMissing, "").by(&policy).advised(Some(&Arc::new(advice)))
    }

    #[test]
    fn what_the_author_says_is_said_once() {
        let denial = || advised("ask\n\u{1b}the team", Some("https://runbooks.example/x"));
        let verdicts = NonEmpty::new(refused(vec![denial(), denial(), advised("", None)], "a/b"));
        insta::assert_snapshot!(message(&Workload::default(), &verdicts));
    }

    #[test]
    fn the_longest_advice_fits() {
        let long = "a".repeat(limits::POLICY_MESSAGE_BYTES);
        let name = PolicyName::new("countersign.dev", "p".repeat(300));
        let mut denial = advised(&long, Some(&long)).by(&name).unsatisfied(&"b".repeat(300));
        denial.finding = "c".repeat(1000);
        for reason in DenyReason::ALL {
            let one = Denial { reason, ..denial.clone() };
            let verdicts = NonEmpty::new(refused(vec![one; 9], "d/".repeat(100).trim_end_matches('/')));
            let said = message(&Workload::default(), &verdicts);
            assert!(said.len() <= limits::DENY_MESSAGE_BYTES, "{}", said.len());
            assert!(said.contains("runbook: "), "{said}");
        }
    }
}
