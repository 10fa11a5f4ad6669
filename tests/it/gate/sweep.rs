//! Every request of an admission, broken in every way.
//!
//! A good admission is recorded first; then each of its requests is broken with each fault, for good. What was on the way
//! to all evidence refuses with the fault's own code, never with "there is no signature". What was on the way to some of
//! it refuses only if the rest proves nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign::evidence::Path;
use countersign::image::ImageDigest;
use countersign::registry::{Credential, Keychain};
use countersign::signer::Format;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all, ready};

use crate::support::{Fault, Seen, Stage, TokenService, review};

/// What of an admission a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The blob of a layer under the `.sig` tag.
    SignatureBlob,
    /// The manifest under the `.sig` tag.
    SignatureTag,
    /// The bundle of a referrer.
    BundleBlob,
    /// The manifest of a referrer.
    BundleManifest,
    /// The tag that stands in for the list of referrers.
    FallbackTag,
    /// The list of referrers.
    List,
    /// The tag of the image, first without a token and then with it.
    Tag,
    /// The tag of the image, with a token.
    TagWithToken,
    /// The token.
    Token,
}

impl Step {
    /// Where evidence lies that is got by this step; none where every kind of evidence is.
    fn path(self) -> Option<Path> {
        match self {
            Self::SignatureBlob | Self::SignatureTag => Some(Path::SignatureTag),
            Self::BundleBlob | Self::BundleManifest | Self::FallbackTag | Self::List => Some(Path::Referrers),
            Self::Tag | Self::TagWithToken | Self::Token => None,
        }
    }

    /// Whether what is sent has a digest that is known before.
    fn has_known_digest(self) -> bool {
        match self {
            Self::SignatureBlob | Self::BundleBlob | Self::BundleManifest => true,
            Self::SignatureTag | Self::FallbackTag | Self::List | Self::Tag | Self::TagWithToken | Self::Token => false,
        }
    }
}

/// A way to break a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    Hang,
    InternalError,
    RateLimit,
    Reset,
    Truncate,
    Unauthorized,
    WrongDigest,
}

impl Break {
    /// Those that end by themselves.
    const QUICK: [Self; 6] =
        [Self::InternalError, Self::RateLimit, Self::Reset, Self::Truncate, Self::Unauthorized, Self::WrongDigest];

    fn fault(self) -> Fault {
        match self {
            Self::Hang => Fault::Hang,
            Self::InternalError => Fault::Status(500),
            Self::RateLimit => Fault::Wait(429, "3600".into()),
            Self::Reset => Fault::Reset,
            Self::Truncate => Fault::Truncate,
            Self::Unauthorized => Fault::Status(401),
            Self::WrongDigest => Fault::WrongBytes,
        }
    }

    /// The code of a refusal because of it.
    fn code(self, step: Step) -> &'static str {
        match self {
            Self::Hang => "deadline_exceeded",
            Self::InternalError | Self::Reset | Self::Truncate => "registry_unavailable",
            Self::RateLimit => "registry_rate_limited",
            Self::Unauthorized => "registry_unauthorized",
            Self::WrongDigest if step.has_known_digest() => "digest_mismatch",
            // Other bytes where nobody knows which to expect are no manifest, no list and no token.
            Self::WrongDigest => "registry_unavailable",
        }
    }
}

/// A stage whose registry asks for tokens, with an image that is signed in this format, if it is signed.
struct Flow {
    stage: Stage,
    tokens: TokenService,
    image: ImageDigest,
    format: Option<Format>,
}

impl Flow {
    async fn new(format: Option<Format>) -> Self {
        let mut stage = Stage::new().await;
        let image = stage.push("app", "v1");
        if let Some(format) = format {
            stage.sign(&image, format);
        }
        let tokens = TokenService::start().await;
        tokens.account("alice", "1", &["app"]);
        stage.front.asks_for_token(&tokens);
        stage.renew(Arc::new(Alice));
        Self { stage, tokens, image, format }
    }

    /// Asks about a template, whose tag is resolved and nothing else.
    fn review(&self) -> serde_json::Value {
        let pod = review::pod(&[&self.stage.tagged("app:v1")]);
        review::create(review::template(review::TEMPLATES[2], &pod["spec"]))
    }

    /// What a request was for.
    fn step(&self, line: &str) -> Step {
        let tag = |path: Path| format!("/manifests/{}", path.tag(self.image.digest()));
        match line.strip_prefix("GET /v2/app").expect("an admission only reads") {
            "/manifests/v1" => Step::Tag,
            path if path == tag(Path::SignatureTag) => Step::SignatureTag,
            path if path == tag(Path::Referrers) => Step::FallbackTag,
            path if path.starts_with("/referrers/") => Step::List,
            path if path.starts_with("/manifests/sha256:") => Step::BundleManifest,
            path if path.starts_with("/blobs/") && self.format == Some(Format::Legacy) => Step::SignatureBlob,
            path if path.starts_with("/blobs/") && self.format == Some(Format::Bundle) => Step::BundleBlob,
            path if path.starts_with("/blobs/") => {
                let blob = path.trim_start_matches("/blobs/");
                let tag = Path::SignatureTag.tag(self.image.digest()).to_string();
                let (_, manifest) = self.stage.registry.manifest("app", &tag).expect("a signature");
                if String::from_utf8_lossy(&manifest).contains(blob) { Step::SignatureBlob } else { Step::BundleBlob }
            }
            path => panic!("an admission does not ask for {path}"),
        }
    }

    /// The requests of a good admission, each with what it was for.
    async fn record(&self) -> Vec<(Step, String)> {
        let answered = self.stage.validate(&self.review()).await;
        match self.format {
            Some(_) => answered.assert_allowed(),
            None => answered.assert_denied("signature_missing"),
        };
        assert_eq!(self.tokens.seen().len(), 1);
        let lines: BTreeSet<_> = self.stage.front.seen().iter().map(Seen::line).collect();
        let mut steps: Vec<_> = lines.into_iter().map(|line| (self.step(&line), line)).collect();
        assert_eq!(self.stage.front.count("/manifests/v1"), 2, "without a token, and with it");
        steps.push((Step::TagWithToken, "GET /v2/app/manifests/v1".to_owned()));
        steps.push((Step::Token, String::new()));
        steps.sort();
        steps
    }

    /// Whether everything is proved without what `step` gets.
    fn proved_without(&self, step: Step) -> bool {
        match (step.path(), self.format) {
            (None, _) | (_, None) => false,
            (Some(_), Some(Format::Both)) => true,
            (Some(path), Some(Format::Legacy)) => path != Path::SignatureTag,
            (Some(path), Some(Format::Bundle)) => path != Path::Referrers,
        }
    }

    /// Breaks one request, and asks.
    async fn row(&mut self, step: Step, line: &str, broken: Break) {
        let row = format!("{step:?} {broken:?} of {:?}", self.format);
        self.stage.forget();
        self.stage.front.heal();
        let mut tokens = None;
        match step {
            Step::Token => {
                // Another service, so that the good one is there again afterwards.
                let service = TokenService::start().await;
                service.account("alice", "1", &["app"]).breaks(broken.fault());
                self.stage.front.asks_for_token(&service);
                tokens = Some(service);
            }
            Step::TagWithToken => {
                self.stage.front.after(1, line, broken.fault());
            }
            Step::SignatureBlob
            | Step::SignatureTag
            | Step::BundleBlob
            | Step::BundleManifest
            | Step::FallbackTag
            | Step::List
            | Step::Tag => {
                self.stage.front.after(0, line, broken.fault());
            }
        }
        let time = match broken {
            Break::Hang if self.proved_without(step) => Duration::from_secs(10),
            Break::Hang => Duration::from_millis(300),
            Break::InternalError
            | Break::RateLimit
            | Break::Reset
            | Break::Truncate
            | Break::Unauthorized
            | Break::WrongDigest => Duration::from_secs(20),
        };
        println!("{row}");
        let answered = self.stage.validate_within(&self.review(), time).await;
        if self.proved_without(step) {
            answered.assert_allowed();
        } else {
            answered.assert_denied(broken.code(step));
        }

        // And the next good request succeeds, without anything being started anew.
        drop(tokens);
        self.stage.front.heal().asks_for_token(&self.tokens);
        let answered = self.stage.validate(&self.review()).await;
        match self.format {
            Some(_) => answered.assert_allowed(),
            None => answered.assert_denied("signature_missing"),
        };
    }
}

/// The credentials of the sweep.
struct Alice;

impl Keychain for Alice {
    fn credentials<'a>(&'a self, _: &'a countersign::image::Repository) -> BoxFuture<'a, Vec<Credential>> {
        ready(vec![Credential::basic("alice", "1")]).boxed()
    }
}

/// Breaks every request of a flow in every way that ends by itself.
async fn sweep(format: Option<Format>, expected: &[Step]) {
    let mut flow = Flow::new(format).await;
    let steps = flow.record().await;
    assert_eq!(steps.iter().map(|(step, _)| *step).collect::<Vec<_>>(), expected);
    for (step, line) in &steps {
        for broken in Break::QUICK {
            flow.row(*step, line, broken).await;
        }
    }
}

#[tokio::test]
async fn evidence_in_the_old_layout() {
    let expected = [
        Step::SignatureBlob,
        Step::SignatureTag,
        Step::FallbackTag,
        Step::List,
        Step::Tag,
        Step::TagWithToken,
        Step::Token,
    ];
    sweep(Some(Format::Legacy), &expected).await;
}

#[tokio::test]
async fn evidence_in_a_bundle() {
    let expected = [
        Step::SignatureTag,
        Step::BundleBlob,
        Step::BundleManifest,
        Step::List,
        Step::Tag,
        Step::TagWithToken,
        Step::Token,
    ];
    sweep(Some(Format::Bundle), &expected).await;
}

#[tokio::test]
async fn evidence_in_both() {
    let expected = [
        Step::SignatureBlob,
        Step::SignatureTag,
        Step::BundleBlob,
        Step::BundleManifest,
        Step::List,
        Step::Tag,
        Step::TagWithToken,
        Step::Token,
    ];
    sweep(Some(Format::Both), &expected).await;
}

/// Nobody knows that a signature is missing who could not ask for it.
#[tokio::test]
async fn no_evidence() {
    let mut flow = Flow::new(None).await;
    let steps = flow.record().await;
    let expected = [Step::SignatureTag, Step::FallbackTag, Step::List, Step::Tag, Step::TagWithToken, Step::Token];
    assert_eq!(steps.iter().map(|(step, _)| *step).collect::<Vec<_>>(), expected);
    for (step, line) in &steps {
        // What is said beside a 404 is not read.
        let quick = Break::QUICK.into_iter().filter(|broken| match broken {
            Break::Truncate | Break::WrongDigest => {
                matches!(step, Step::List | Step::Tag | Step::TagWithToken | Step::Token)
            }
            Break::Hang | Break::InternalError | Break::RateLimit | Break::Reset | Break::Unauthorized => true,
        });
        for broken in quick {
            flow.row(*step, line, broken).await;
        }
    }
}

/// What never answers. Where the rest proves everything, it is waited for until the deadline.
#[tokio::test]
async fn what_hangs() {
    let mut patient = Vec::new();
    for format in [Some(Format::Legacy), Some(Format::Bundle), Some(Format::Both), None] {
        let mut flow = Flow::new(format).await;
        for (step, line) in flow.record().await {
            if flow.proved_without(step) {
                patient.push((Flow::new(format).await, step));
            } else {
                flow.row(step, &line, Break::Hang).await;
            }
        }
    }
    join_all(patient.into_iter().map(|(mut flow, step)| async move {
        let steps = flow.record().await;
        let (_, line) = steps.iter().find(|(known, _)| *known == step).expect("the same steps");
        flow.row(step, line, Break::Hang).await;
    }))
    .await;
}
