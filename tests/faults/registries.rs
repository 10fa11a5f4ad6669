//! Registries that change their minds, lie, fail, or lead elsewhere.

use std::sync::Arc;
use std::time::Duration;

use countersign::demo;
use countersign::evidence::{Descriptor, Path, media_type};
use countersign::image::{Digest, Repository};
use countersign::registry::{Credential, Keychain};
use countersign::signer::{Format, SigningKey};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use serde_json::{Value, json};

use crate::support::artifacts::{index, put_manifest};
use crate::support::forge::{SIGN, bundle, put_bundle, signed_envelope, statement};
use crate::support::review::{TEMPLATES, create, pod, template};
use crate::support::{Fault, Faulty, Stage, TokenService, tls};

/// Credentials of `alice`, for whatever registry.
struct Alice;

impl Keychain for Alice {
    fn credentials<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        ready(vec![Credential::basic("alice", "1")]).boxed()
    }
}

/// T31: the digest that was judged is the digest that is pinned, whatever the registry says the next time.
#[tokio::test]
async fn t31_what_is_pinned_is_what_is_judged() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push_signed("app", "v1"), stage.push("app", "v2"));
    let object = pod(&[&stage.tagged("app:v1")]);
    let manifest = |image: &countersign::image::ImageDigest| {
        Fault::Replace(stage.registry.manifest("app", &image.digest().to_string()).unwrap().1.to_vec())
    };

    // First the good one and then another: the pod runs the good one.
    stage.front.sequence("/manifests/v1", [manifest(&good), manifest(&bad), manifest(&bad)]);
    let pinned = stage.mutate(&create(object.clone())).await.patched(&object);
    assert_eq!(
        pinned["spec"]["containers"][0]["image"],
        json!(format!("{}@{}", stage.tagged("app:v1"), good.digest()))
    );
    let answered = stage.validate(&create(pinned)).await;
    assert_eq!(answered.assert_allowed().audited("digest"), good.to_string());
    assert_eq!(stage.front.count("/manifests/v1"), 1, "it is not asked a second time");

    // First another one and then the good one: the pod would run the other one.
    stage.front.heal().sequence("/manifests/v1", [manifest(&bad), manifest(&good), manifest(&good)]);
    let pinned = stage.mutate(&create(object.clone())).await.patched(&object);
    let answered = stage.validate(&create(pinned)).await;
    assert_eq!(answered.assert_denied("signature_missing").audited("digest"), bad.to_string());

    // Whoever is judged by a tag is judged by one answer: the digest in the audit log is the one that was verified.
    let early = create(template(TEMPLATES[2], &object["spec"]));
    for (first, second, code) in [(&good, &bad, None), (&bad, &good, Some("signature_missing"))] {
        stage.front.heal().sequence("/manifests/v1", [manifest(first), manifest(second), manifest(second)]);
        let answered = stage.validate(&early).await;
        match code {
            None => answered.assert_allowed(),
            Some(code) => answered.assert_denied(code),
        };
        assert_eq!(answered.audited("digest"), first.to_string());
        assert_eq!(stage.front.count("/manifests/v1"), 1);
        assert!(stage.front.seen().iter().all(|seen| seen.method == "GET"), "HEAD may say something else");
    }
}

/// T31: other bytes under the digest of good evidence.
#[tokio::test]
async fn t31_evidence_is_the_bytes_of_its_digest() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    for (format, line) in
        [(Format::Legacy, "/blobs/"), (Format::Bundle, "/blobs/"), (Format::Bundle, "/manifests/sha256:")]
    {
        let image = if format == Format::Legacy { image.clone() } else { stage.push("app", "v1") };
        stage.sign(&image, format);
        stage.front.on(line, Fault::WrongBytes);
        stage.run(&[&image.to_string()]).await.assert_denied("digest_mismatch");
        stage.front.heal();
        stage.run(&[&image.to_string()]).await.assert_allowed();
    }
}

/// T33: validation takes nothing from mutation.
#[tokio::test]
async fn t33_validation_does_not_need_mutation() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1");
    stage.push("app", "v2");
    let forged = |image: &str| {
        let mut object = pod(&[image]);
        object["metadata"]["annotations"] = json!({
            "countersign.dev/verified": good.digest().to_string(),
            "countersign.dev/result": format!("{{\"{image}\":\"allow\"}}"),
            "kyverno.io/verify-images": format!("{{\"{image}\":\"pass\"}}"),
        });
        create(object)
    };
    // /mutate was never asked, or timed out: the tag is still there.
    stage.validate(&forged(&stage.tagged("app:v2"))).await.assert_denied("signature_missing");
    stage.validate(&forged(&stage.tagged("app:v1"))).await.assert_denied("image_not_pinned");
    // Somebody pinned another digest than the tag means.
    let bad = stage.push("app", "v3");
    let wrong = format!("{}@{}", stage.tagged("app:v1"), bad.digest());
    stage.validate(&forged(&wrong)).await.assert_denied("signature_missing");
    let right = format!("{}@{}", stage.tagged("app:v2"), good.digest());
    stage.validate(&forged(&right)).await.assert_allowed();
}

/// T35: an older image that was validly signed, under the newest tag. It is allowed by design: a signature says who made
/// an image, not when it was the newest one.
#[tokio::test]
async fn t35_an_older_signed_image_is_allowed() {
    let stage = Stage::new().await;
    let old = stage.push_signed("app", "latest");
    let new = stage.push_signed("app", "latest");
    assert_ne!(old, new);
    stage.registry.put_tag("app", "latest", old.digest());
    let object = pod(&[&stage.tagged("app:latest")]);
    let pinned = stage.mutate(&create(object.clone())).await.patched(&object);
    let answered = stage.validate(&create(pinned)).await;
    assert_eq!(answered.assert_allowed().audited("digest"), old.to_string());
    // The twin: an older image that was not.
    let unsigned = stage.push("app", "latest");
    let pinned = stage.mutate(&create(object.clone())).await.patched(&object);
    let answered = stage.validate(&create(pinned)).await;
    assert_eq!(answered.assert_denied("signature_missing").audited("digest"), unsigned.to_string());
}

/// T69: nobody is there, and whoever is there is not the registry.
#[tokio::test]
async fn t69_a_registry_that_is_not_there() {
    let stage = Stage::new().await;
    let good = stage.push_signed("app", "v1");
    let authority = tls::Authority::new("of somebody");
    let registry = crate::support::registry().await;
    let (stranger, expired, self_signed) = (
        Faulty::with_tls(&registry, &authority.issue("127.0.0.1")).await,
        Faulty::with_tls(&registry, &authority.issue_expired("127.0.0.1")).await,
        Faulty::with_tls(&registry, &tls::Identity::self_signed("localhost")).await,
    );
    let key = json!({ "authorities": [{ "key": { "data": stage.key.public_pem() } }] });
    stage.enforce(&[crate::support::policy("p", "**/**", &key)]);
    let digest = good.digest();
    for host in [
        "127.0.0.1:1".to_owned(),
        "registry.invalid".to_owned(),
        stranger.address().to_string(),
        expired.address().to_string(),
        self_signed.address().to_string(),
    ] {
        for image in [format!("{host}/app@{digest}"), format!("{host}/app:v1")] {
            let answered = stage.run(&[&image]).await;
            answered.assert_denied("registry_unavailable");
            assert!(answered.message().contains("is unreachable"), "{}", answered.message());
        }
        // One image that cannot be judged does not hide another one that can, and is not hidden by it.
        let answered = stage.run(&[&good.to_string(), &format!("{host}/app@{digest}")]).await;
        assert_eq!(answered.assert_denied("registry_unavailable").causes().len(), 1);
    }
    for front in [stranger, expired, self_signed] {
        assert!(front.seen().is_empty());
    }
    stage.run(&[&good.to_string()]).await.assert_allowed();
}

/// T70 and T71: the fault sweep breaks every request; here are more ways, and how often it is tried.
#[tokio::test]
async fn t70_answers_that_are_none() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    for (fault, code, tries) in [
        (Fault::Status(401), "registry_unauthorized", 1),
        (Fault::Status(403), "registry_unauthorized", 1),
        (Fault::Challenge("Basic realm=\"x\"".into()), "registry_unauthorized", 1),
        (Fault::Wait(429, "3600".into()), "registry_rate_limited", 1),
        (Fault::Wait(503, "3600".into()), "registry_rate_limited", 1),
        (Fault::Status(429), "registry_rate_limited", 3),
        (Fault::Status(500), "registry_unavailable", 3),
        (Fault::Status(503), "registry_unavailable", 3),
        (Fault::Status(418), "registry_unavailable", 1),
        (Fault::Html, "registry_unavailable", 1),
        (Fault::ResetInBody, "registry_unavailable", 3),
        (Fault::ShortLength, "digest_mismatch", 1),
    ] {
        stage.front.heal().on("GET ", fault.clone());
        let name = stage.tagged("app:v1");
        let answered = stage.validate(&create(template(TEMPLATES[2], &pod(&[&name])["spec"]))).await;
        println!("{fault:?}");
        answered.assert_denied(code);
        assert_eq!(stage.front.seen().len(), tries, "{fault:?}");
        stage.front.heal();
        stage.run(&[&image]).await.assert_allowed();
    }
    // What passes is waited for.
    stage.front.heal().sequence("GET ", [Fault::Status(503), Fault::Reset]);
    stage.run(&[&image]).await.assert_allowed();
}

/// T70: what is not there is missing, and only that.
#[tokio::test]
async fn t70_not_found_is_an_answer() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1");
    stage.run(&[&stage.tagged("app:v9")]).await.assert_denied("image_not_found");
    stage.front.on("/manifests/sha256-", Fault::Status(404)).on("/referrers/", Fault::Status(404));
    stage.run(&[&image.to_string()]).await.assert_denied("signature_missing");
    stage.front.heal();
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// T71: one byte after the other.
#[tokio::test]
async fn t71_a_body_that_drips_ends_with_the_deadline() {
    let stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.front.on("GET ", Fault::Drip);
    let answered = stage.validate_within(&create(pod(&[&image])), Duration::from_millis(300)).await;
    answered.assert_denied("deadline_exceeded");
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
}

/// T72: with every kind of list the verdict is the same.
#[tokio::test]
async fn t72_the_verdict_does_not_depend_on_the_kind_of_list() {
    let kinds = [
        demo::Options::default(),
        demo::Options { referrers_per_page: Some(1), ..demo::Options::default() },
        demo::Options { referrers: false, ..demo::Options::default() },
    ];
    for options in kinds {
        let stage = Stage::with(options).await;
        let (good, bad) = (stage.push("app", "v1"), stage.push("app", "v2"));
        let bundle = |key| {
            let statement = statement(SIGN, good.digest()).to_string();
            put_bundle(&stage.registry, &good, &bundle(key, &signed_envelope(key, statement.as_bytes())))
        };
        let another = SigningKey::generate().unwrap();
        // The list leaves the type out, or says that of the config.
        let entries = [(None, bundle(&another)), (Some(media_type::EMPTY), bundle(&stage.key))];
        let entries = entries.map(|(artifact_type, digest)| {
            let (kind, bytes) = stage.registry.manifest("app", &digest.to_string()).unwrap();
            Descriptor { artifact_type: artifact_type.map(str::to_owned), ..Descriptor::of(kind, &bytes) }
        });
        if !options.referrers {
            let tag = Path::Referrers.tag(good.digest()).to_string();
            put_manifest(&stage.registry, "app", Some(&tag), &index(&entries));
        }
        stage.run(&[&good.to_string()]).await.assert_allowed();
        stage.run(&[&bad.to_string()]).await.assert_denied("signature_missing");
    }
}

/// T77: a registry that sends its client to others with its password.
#[tokio::test]
async fn t77_a_realm_elsewhere_is_not_asked() {
    let mut stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    stage.renew(Arc::new(Alice));
    for challenge in [
        "Bearer realm=\"http://169.254.169.254/latest/meta-data\"",
        "Bearer realm=\"http://metadata.google.internal/\"",
        "Bearer realm=\"https://10.0.0.1/token\"",
        "Bearer realm=\"file:///etc/passwd\"",
        "Bearer realm=\"/token\"",
        "Bearer service=\"x\"",
        &format!("Bearer realm=\"http://127.0.0.1/\",scope=\"{}\"", "a".repeat(100_000)),
    ] {
        stage.front.heal().on("GET ", Fault::Challenge(challenge.to_owned()));
        let answered = stage.run(&[&image]).await;
        println!("{challenge:.80}");
        answered.assert_denied(if challenge.contains("google") { "registry_unavailable" } else { "registry_refused" });
        assert!(stage.front.seen().iter().all(|seen| seen.header("authorization").is_none()));
    }
    let tokens = TokenService::start().await;
    tokens.account("alice", "1", &["app"]);
    stage.front.heal().asks_for_token(&tokens);
    stage.run(&[&image]).await.assert_allowed();
}

/// T78: redirects go without credentials, to where the registry could be itself, and not for ever.
#[tokio::test]
async fn t78_redirects_are_followed_with_care() {
    let mut stage = Stage::new().await;
    let image = stage.push("app", "v1");
    stage.sign(&image, Format::Legacy);
    let image = image.to_string();
    stage.renew(Arc::new(Alice));
    stage.front.asks_for_password("alice", "1");
    let storage = Faulty::in_front_of(&stage.registry).await;
    stage.run(&[&image]).await.assert_allowed();
    let blob = stage.front.seen().into_iter().find(|seen| seen.path.contains("/blobs/")).unwrap().path;

    stage.front.heal().on("/blobs/", Fault::Redirect(307, format!("http://{}{blob}", storage.address())));
    stage.run(&[&image]).await.assert_allowed();
    assert!(storage.seen().iter().all(|seen| seen.header("authorization").is_none()));
    assert_eq!(storage.count("/blobs/"), 1);

    for to in [
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/blob".to_owned(),
        format!("http://u:p@{}{blob}", storage.address()),
        "file:///etc/passwd".to_owned(),
        blob.clone(),
        String::new(),
    ] {
        stage.front.heal().on("/blobs/", Fault::Redirect(307, to.clone()));
        println!("{to}");
        stage.run(&[&image]).await.assert_denied("registry_refused");
        assert!(stage.front.seen().len() < 12, "{to}");
    }
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
}

/// T80: what the registry says of its bytes is not believed.
#[tokio::test]
async fn t80_bytes_are_hashed_and_read() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push_signed("app", "v1"), stage.push("app", "v2"));
    let early = |tag: &str| create(template(TEMPLATES[2], &pod(&[&stage.tagged(&format!("app:{tag}"))])["spec"]));
    let lie = |digest: &Digest| Fault::Header("docker-content-digest", digest.to_string());
    stage.front.on("/manifests/v2", lie(&good.digest()));
    let answered = stage.validate(&early("v2")).await;
    assert_eq!(answered.assert_denied("signature_missing").audited("digest"), bad.to_string());
    stage.front.heal().on("/manifests/v1", lie(&bad.digest()));
    let answered = stage.validate(&early("v1")).await;
    assert_eq!(answered.assert_allowed().audited("digest"), good.to_string());
    let lies: [(&'static str, Value, &str); 2] = [
        ("content-type", json!(media_type::OCI_INDEX), "digest_mismatch"),
        ("content-type", json!("text/plain"), "registry_unavailable"),
    ];
    for (header, value, code) in lies {
        stage.front.heal().on("/manifests/v1", Fault::Header(header, value.as_str().unwrap().to_owned()));
        stage.validate(&early("v1")).await.assert_denied(code);
    }
    stage.front.heal();
    stage.validate(&early("v1")).await.assert_allowed();
}
