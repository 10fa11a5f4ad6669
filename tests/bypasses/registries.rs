//! Registries that answer differently, and where they send their clients.

use std::sync::Arc;

use countersign::image::ImageDigest;
use countersign::registry::DockerConfig;
use countersign::signer::Format;
use serde_json::json;

use crate::support::review::{TEMPLATES, create, pod, template};
use crate::support::{Fault, Faulty, Stage, TokenService, policy};

/// The bytes of an image's manifest, in the place of another one's.
fn as_if(stage: &Stage, image: &ImageDigest) -> Fault {
    Fault::Replace(stage.registry.manifest("app", &image.digest().to_string()).unwrap().1.to_vec())
}

/// The tag was resolved once to verify and once to pin, and a proxy answered differently.
#[tokio::test]
async fn cve_2022_47633_what_is_verified_is_what_is_pinned() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push_signed("app", "v1"), stage.push("app", "v2"));
    // Whichever of the two questions gets which answer, nothing but the good image runs.
    for order in [[&good, &bad, &good], [&bad, &good, &good], [&good, &good, &bad], [&bad, &bad, &good]] {
        stage.front.heal().sequence("/manifests/v1", order.map(|image| as_if(&stage, image)));
        let object = pod(&[&stage.tagged("app:v1")]);
        let pinned = stage.mutate(&create(object.clone())).await.patched(&object);
        let image = pinned["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
        let answered = stage.validate(&create(pinned)).await;
        if image.ends_with(&good.digest().to_string()) {
            assert_eq!(answered.assert_allowed().audited("digest"), good.to_string());
        } else {
            assert_eq!(answered.assert_denied("signature_missing").audited("digest"), bad.to_string());
        }
        assert_eq!(stage.front.count("/manifests/v1"), 1, "the tag is resolved once");
    }
}

/// The digest was what the registry said.
#[tokio::test]
async fn cve_2023_47630_the_digest_is_computed() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push_signed("app", "v1"), stage.push("app", "v2"));
    let says = |image: &ImageDigest| Fault::Header("docker-content-digest", image.digest().to_string());
    let object = pod(&[&stage.tagged("app:v2")]);
    stage.front.on("/manifests/v2", says(&good));
    let pinned = stage.mutate(&create(object.clone())).await.patched(&object);
    assert_eq!(pinned["spec"]["containers"][0]["image"], json!(format!("{}@{}", stage.tagged("app:v2"), bad.digest())));
    stage.validate(&create(pinned)).await.assert_denied("signature_missing");
    let early = |tag: &str| create(template(TEMPLATES[2], &pod(&[&stage.tagged(tag)])["spec"]));
    stage.validate(&early("app:v2")).await.assert_denied("signature_missing");
    stage.front.heal().on("/manifests/v1", says(&bad));
    stage.validate(&early("app:v1")).await.assert_allowed();
}

/// What was verified under a tag was remembered under the tag.
#[tokio::test]
async fn ghsa_2r43_6962_xcw5_a_tag_that_moves_is_another_image() {
    let stage = Stage::new().await;
    let (good, bad) = (stage.push_signed("app", "v1"), stage.push("app", "v2"));
    let early = create(template(TEMPLATES[2], &pod(&[&stage.tagged("app:v1")])["spec"]));
    for _ in 0..2 {
        stage.registry.put_tag("app", "v1", good.digest());
        let answered = stage.validate(&early).await;
        assert_eq!(answered.assert_allowed().audited("digest"), good.to_string());
        stage.registry.put_tag("app", "v1", bad.digest());
        let answered = stage.validate(&early).await;
        assert_eq!(answered.assert_denied("signature_missing").audited("digest"), bad.to_string());
        let object = pod(&[&stage.tagged("app:v1")]);
        let pinned = stage.mutate(&create(object.clone())).await.patched(&object);
        stage.validate(&create(pinned)).await.assert_denied("signature_missing");
    }
}

/// An older image that was validly signed, under the newest tag: allowed by design, and told in the threat model.
#[tokio::test]
async fn cve_2024_23332_an_older_signed_image_is_allowed() {
    let stage = Stage::new().await;
    let (old, _new) = (stage.push_signed("app", "latest"), stage.push_signed("app", "latest"));
    stage.registry.put_tag("app", "latest", old.digest());
    let early = create(template(TEMPLATES[2], &pod(&[&stage.tagged("app:latest")])["spec"]));
    let answered = stage.validate(&early).await;
    assert_eq!(answered.assert_allowed().audited("digest"), old.to_string());
    stage.registry.remove_manifest("app", countersign::evidence::Path::SignatureTag.tag(old.digest()).as_str());
    let unsigned = stage.push("app", "latest");
    stage.registry.put_tag("app", "latest", unsigned.digest());
    stage.validate(&early).await.assert_denied("signature_missing");
    assert!(include_str!("../../src/manual/threat_model.rs").contains("older"), "the threat model says so");
}

/// The token of a cloud's registry was sent to whoever was named like it.
#[tokio::test]
async fn cve_2025_27403_credentials_stay_with_their_registry() {
    let mut stage = Stage::new().await;
    let image = stage.push_signed("app", "v1");
    stage.front.asks_for_password("alice", "1");
    let elsewhere = Faulty::in_front_of(&stage.registry).await;
    elsewhere.asks_for_password("alice", "1");
    let config = json!({ "auths": {
        stage.front.address().to_string(): { "username": "alice", "password": "1" },
        "127.0.0.1": { "username": "bob", "password": "2" },
        "registry.example": { "username": "carol", "password": "3" },
    } });
    stage.renew(Arc::new(DockerConfig::parse(config.to_string().as_bytes()).unwrap()));
    let key = json!({ "authorities": [{ "key": { "data": stage.key.public_pem() } }] });
    stage.enforce(&[policy("p", "**/**", &key)]);

    stage.run(&[&elsewhere.pinned(&image).to_string()]).await.assert_denied("registry_unauthorized");
    let sent: Vec<_> =
        elsewhere.seen().iter().filter_map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    assert!(!sent.iter().any(|header| header == "Basic YWxpY2U6MQ=="), "the password of another registry: {sent:?}");
    stage.run(&[&image.to_string()]).await.assert_allowed();
}

/// A registry named as its token service whatever it liked, and got the credentials sent there.
#[tokio::test]
async fn cve_2026_48978_a_realm_is_not_followed_anywhere() {
    let mut stage = Stage::new().await;
    let image = stage.push_signed("app", "v1").to_string();
    let config = json!({ "auths": { stage.front.address().to_string(): { "username": "alice", "password": "1" } } });
    stage.renew(Arc::new(DockerConfig::parse(config.to_string().as_bytes()).unwrap()));
    for realm in [
        "http://169.254.169.254/latest/api/token",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://100.100.100.200/latest/meta-data/",
        "https://10.96.0.1/api/v1/namespaces/kube-system/secrets",
        "http://0x7f000001@169.254.169.254/",
        "http://0.0.0.0/",
    ] {
        stage.front.heal().on("GET ", Fault::Challenge(format!("Bearer realm=\"{realm}\",service=\"x\"")));
        stage.run(&[&image]).await.assert_denied("registry_refused");
        assert!(stage.front.seen().iter().all(|seen| seen.header("authorization").is_none()), "{realm}");
    }
    let tokens = TokenService::start().await;
    tokens.account("alice", "1", &["app"]);
    stage.front.heal().asks_for_token(&tokens);
    stage.run(&[&image]).await.assert_allowed();
}

/// Credentials went along with redirects.
#[tokio::test]
async fn ghsa_vh4v_2xq2_g5cg_credentials_do_not_follow_redirects() {
    let mut stage = Stage::new().await;
    let image = stage.push("app", "v1");
    stage.sign(&image, Format::Legacy);
    let image = image.to_string();
    stage.front.asks_for_password("alice", "1");
    let config = json!({ "auths": { stage.front.address().to_string(): { "username": "alice", "password": "1" } } });
    stage.renew(Arc::new(DockerConfig::parse(config.to_string().as_bytes()).unwrap()));
    stage.run(&[&image]).await.assert_allowed();
    let lines: Vec<_> =
        stage.front.seen().into_iter().map(|seen| seen.path).filter(|path| path.contains("/blobs/")).collect();
    let storage = Faulty::in_front_of(&stage.registry).await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("http://{}{}", storage.address(), lines[0]);
        stage.front.heal().on("/blobs/", Fault::Redirect(status, to));
        stage.run(&[&image]).await.assert_allowed();
    }
    assert_eq!(storage.count("/blobs/"), 5);
    assert!(storage.seen().iter().all(|seen| seen.header("authorization").is_none()));
    // And they do not come back by way of another host.
    stage.front.heal().once("/blobs/", Fault::Redirect(307, format!("http://{}{}", storage.address(), lines[0])));
    storage.heal().on("/blobs/", Fault::Redirect(307, format!("http://{}{}", stage.front.address(), lines[0])));
    stage.run(&[&image]).await.assert_denied("registry_unauthorized");
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
}

/// What a registry named as the place to go on was followed anywhere, with credentials: here, the next page of a list.
#[tokio::test]
async fn cve_2026_50151_the_next_page_is_a_page_of_the_same_list() {
    let stage = Stage::new().await;
    let image = stage.push("app", "v1");
    stage.sign(&image, Format::Bundle);
    let image = image.to_string();
    let other = Faulty::in_front_of(&stage.registry).await;
    let list = stage.front.seen().len();
    assert_eq!(list, 0);
    for link in [
        format!("<http://{}/v2/app/referrers/x>; rel=\"next\"", other.address()),
        "<http://169.254.169.254/latest/meta-data>; rel=\"next\"".to_owned(),
        "</v2/secrets/manifests/v1>; rel=\"next\"".to_owned(),
        "<file:///etc/passwd>; rel=\"next\"".to_owned(),
    ] {
        stage.front.heal().on("/referrers/", Fault::Header("link", link.clone()));
        stage.run(&[&image]).await.assert_denied("registry_refused");
    }
    assert!(other.seen().is_empty());
    stage.front.heal();
    stage.run(&[&image]).await.assert_allowed();
}
