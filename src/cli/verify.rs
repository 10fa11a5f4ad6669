//! `countersign verify`

use std::sync::Arc;
use std::time::Duration;

use nonempty::NonEmpty;
use serde::Serialize;
use tokio::sync::watch;

use super::account::VerdictArgs;
use super::judged_by::By;
use super::print::{TableFormat, table};
use super::registry_args::RegistryArgs;
use super::source_args::SourceArgs;
use super::{Error, Exit, Outcome, clock};
use crate::explain::{self, Account, VerdictJson};
use crate::gate::{Decision, Gate};
use crate::image::{ContainerKind, Digest, ImageRef, ImageUse, Pointer};
use crate::policy::{Basis, DenyClass, Outcome as Judgement, PinRule, Policy, PolicySet, Verdict, Workload};
use crate::record::{Artifact, ArtifactKind};
use crate::{limits, registry};

/// Say whether images would be admitted, by a key, an identity or policies
///
/// Looks at the same evidence and judges by the same rules as the admission webhook, except that an image may be named by
/// a tag: the answer is about what the tag means now.
///
/// Exits with 0 if every image is accepted, 1 if one is rejected, 2 if the arguments cannot be read, and 3 if a registry
/// could not be asked.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  countersign verify ghcr.io/acme/app:1.2 --key cosign.pub
  countersign verify ghcr.io/acme/app:1.2 ghcr.io/acme/web:3 --policy policies/
  countersign verify ghcr.io/acme/app:1.2 --policy policies/ -o json
  countersign verify ghcr.io/acme/app:1.2 --explain --certificate-identity somebody@example.com \\
    --certificate-oidc-issuer https://accounts.google.com")]
pub struct Args {
    /// The images, by tag or digest
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<ImageRef>,
    #[command(flatten)]
    by: By,
    /// How to print the verdicts
    #[arg(short, long, value_enum, default_value_t = TableFormat::Table)]
    output: TableFormat,
    /// Say besides everything that was found, and every check that was made of it
    #[arg(long)]
    explain: bool,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    timeout: u16,
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    verdict: VerdictArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

#[derive(Serialize)]
struct Report {
    accepted: bool,
    revision: String,
    verdicts: Vec<VerdictJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<Vec<Account>>,
}

/// Judges the images.
///
/// # Errors
/// When a file cannot be read, or there are too many images.
pub async fn run(args: Args) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let set = Arc::new(args.by.policies(&args.registry, &mut outcome.notes).await?);
    let images = args.images.into_iter().map(|image| ImageUse {
        pointer: Pointer::new(""),
        kind: ContainerKind::Container,
        container: String::new(),
        image,
    });
    let Some(images) = NonEmpty::from_vec(images.collect()) else {
        return Err(Error::usage("there is no image to verify"));
    };
    outcome.notes.extend(without_object(&set, &images));
    if args.sources.are_given() {
        let now = clock::now();
        let time = Duration::from_secs(args.timeout.into());
        let decision = args.sources.judge(&set, &images, &args.registry, time, now).await?;
        outcome.notes.push(args.sources.note());
        let explained = args.explain.then(|| accounts(&set, &decision));
        args.verdict.add(accepted(&decision.verdicts)).await?;
        return told(outcome, args.output, decision, explained);
    }
    let keychain: Arc<dyn registry::Keychain> = Arc::new(args.registry.keychain()?);
    let (_policies, receiver) = watch::channel(Some(Arc::clone(&set)));
    let gate = Gate::new(receiver, args.registry.reader()?, keychain);
    let time = Duration::from_secs(args.timeout.into());
    let decision = gate.judge(&Workload::default(), &images, PinRule::Free, time).await;
    let decision = decision.map_err(|failure| Error::usage(failure.finding).hint("verify fewer images at a time"))?;
    let explained = args.explain.then(|| accounts(&set, &decision));
    args.verdict.add(accepted(&decision.verdicts)).await?;
    told(outcome, args.output, decision, explained)
}

/// What was found about each image, and every check that was made of it.
fn accounts(set: &PolicySet, decision: &Decision) -> Vec<Account> {
    decision.findings.iter().map(|(image, finding)| Account::new(set, image, finding)).collect()
}

/// The images that are accepted, for the record.
fn accepted(verdicts: &NonEmpty<Verdict>) -> Vec<Artifact> {
    let accepted = verdicts.iter().filter(|verdict| verdict.is_allowed());
    let artifacts = accepted.filter_map(|verdict| {
        let image = &verdict.image.image;
        Some(Artifact {
            kind: ArtifactKind::Image,
            name: image.repository().to_string(),
            version: image.tag().map(ToString::to_string),
            digest: verdict.digest?,
        })
    });
    artifacts.collect()
}

/// Says which policies would look at an object, since there is none here.
fn without_object(set: &Arc<PolicySet>, images: &NonEmpty<ImageUse>) -> Vec<String> {
    let plan = set.plan(&Workload::default(), images, PinRule::Free);
    let say = |policy: &Policy| {
        let name = explain::quoted(&policy.name.to_string(), limits::PRINTED_NAME_BYTES);
        format!(
            "the condition of the policy {name} looks at the object that runs the image, and here is none: \
             `countersign policy test` judges objects"
        )
    };
    plan.about_objects().map(say).collect()
}

/// Says what was decided.
fn told(
    mut outcome: Outcome,
    output: TableFormat,
    decision: Decision,
    explained: Option<Vec<Account>>,
) -> Result<Outcome, Error> {
    let Decision { verdicts, revision, findings: _ } = decision;
    for verdict in &verdicts {
        tell(verdict, &mut outcome);
    }
    outcome.exit = exit(&verdicts);
    outcome.data = match output {
        TableFormat::Json => {
            let verdicts = verdicts.iter().map(explain::verdict_json).collect();
            let report = Report { accepted: outcome.exit == Exit::Success, revision, verdicts, explained };
            let json = serde_json::to_string_pretty(&report).map_err(Error::usage)?;
            format!("{json}\n")
        }
        TableFormat::Table => {
            let head = ["IMAGE", "VERDICT", "CODE", "POLICY", "DIGEST"].map(str::to_owned);
            let rows: Vec<_> = [head].into_iter().chain(verdicts.iter().map(row)).collect();
            let accounts = explained.into_iter().flatten().map(|account| format!("\n{}", account.text()));
            [table(&rows)].into_iter().chain(accounts).collect()
        }
    };
    Ok(outcome)
}

/// Says beside the table why an image is refused and what to do, and of what its users are warned.
fn tell(verdict: &Verdict, outcome: &mut Outcome) {
    let image = &verdict.image;
    let written = explain::quoted(image.image.written(), limits::IMAGE_REFERENCE_BYTES);
    let about = |text: String| format!("{written}: {text}");
    outcome.notes.extend(verdict.warnings.iter().map(|warning| about(explain::warning(warning, image))));
    match &verdict.outcome {
        Judgement::Allow(_) => {}
        Judgement::Deny(denials) => {
            outcome.messages.extend(denials.iter().map(|denial| about(explain::denial(denial))));
            outcome.messages.extend(explain::advice(denials.iter()).into_iter().map(about));
            let exact =
                verdict.digest.map_or_else(|| image.image.written().to_owned(), |digest| image.image.pinned(digest));
            outcome.hints.extend(explain::hint_for(denials.first().reason, &exact).map(about));
        }
    }
}

/// The line of the table about one image.
fn row(verdict: &Verdict) -> [String; 5] {
    let (word, code, policies) = match &verdict.outcome {
        Judgement::Allow(allowance) => ("accepted", "", allowance.basis().iter().map(basis).collect::<Vec<_>>()),
        Judgement::Deny(denials) => {
            let first = denials.first();
            ("rejected", first.reason.code(), first.policy.iter().map(ToString::to_string).collect())
        }
    };
    let digest = verdict.digest.as_ref().map(Digest::to_string).unwrap_or_default();
    [verdict.image.image.written().to_owned(), word.to_owned(), code.to_owned(), policies.join(", "), digest]
}

fn basis(basis: &Basis) -> String {
    match basis {
        Basis::NoMatchRule => "no policy".to_owned(),
        Basis::Satisfied { policy, authority } => format!("{policy}/{authority}"),
        Basis::WarnOnly { policy } => format!("{policy} (warn)"),
    }
}

/// A refusal that is known counts for more than one that may yet turn out otherwise.
fn exit(verdicts: &NonEmpty<Verdict>) -> Exit {
    let mut exit = Exit::Success;
    for verdict in verdicts {
        match &verdict.outcome {
            Judgement::Allow(_) => {}
            Judgement::Deny(denials) => match denials.first().reason.class() {
                DenyClass::Evidence | DenyClass::Malformed | DenyClass::Policy => return Exit::Refused,
                DenyClass::Unavailable => exit = Exit::Unavailable,
            },
        }
    }
    exit
}
