//! Credentials, and where they must not go.

use std::time::Duration;

use countersign::evidence::{Path, Query, UnaskedKind};
use countersign::registry::{Anonymous, Client, Credential, Error, Options};

use super::{Keys, answer, artifacts, client, fetch, is_absent, kind, unasked};
use crate::support::artifacts::put_cosign;
use crate::support::{Fault, Faulty, TokenService, ample, registry, tls};

const ALICE: &str = "Basic YWxpY2U6MQ==";
const BOB: &str = "Basic Ym9iOjI=";

fn alice() -> Credential {
    Credential::basic("alice", "1")
}

fn bob() -> Credential {
    Credential::basic("bob", "2")
}

#[tokio::test]
async fn passwords_are_sent_when_asked_for() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_password("alice", "1");
    let client = client();
    let keys = Keys(vec![alice()]);
    client.resolve(&front.image("app:signed"), &keys, ample()).await.unwrap();
    let sent: Vec<_> = front.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(ALICE.to_owned())]);

    front.heal();
    let evidence = client.fetch(&Query::new(front.pinned(&image), true), &keys, ample()).await;
    assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), 1);
    assert!(front.seen().iter().all(|seen| seen.header("authorization") == Some(ALICE)), "it is known by now");

    for keys in [Keys(vec![]), Keys(vec![bob()]), Keys(vec![Credential::bearer("x")])] {
        let evidence = client.fetch(&Query::new(front.pinned(&image), true), &keys, ample()).await;
        for path in Path::ALL {
            assert_eq!(unasked(&evidence, path), UnaskedKind::Unauthorized, "never absent: {path}");
        }
    }
}

#[tokio::test]
async fn one_token_serves_a_repository() {
    let demo = registry().await;
    let image = put_cosign(&demo, "team/app", "v2");
    let service = TokenService::start().await;
    service.account("alice", "1", &["team/app"]);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let client = client();
    let keys = Keys(vec![alice()]);
    client.resolve(&front.image("team/app:signed"), &keys, ample()).await.unwrap();
    let evidence = client.fetch(&Query::new(front.pinned(&image), true), &keys, ample()).await;
    assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), 1);
    assert!(is_absent(answer(&evidence, Path::Referrers)));
    let [asked] = service.seen().try_into().expect("one token");
    let tokens = client.tokens();
    assert_eq!((tokens.misses, tokens.entries), (1, 1));
    assert_eq!(usize::try_from(tokens.hits).unwrap(), front.seen().len() - 2, "all but the first, asked twice");
    assert_eq!(asked.header("authorization"), Some(ALICE));
    assert_eq!(asked.path, "/token?service=test&scope=repository%3Ateam%2Fapp%3Apull");
    let refused = front.seen().iter().filter(|seen| seen.header("authorization").is_none()).count();
    assert_eq!(refused, 1, "the registry's way is known after the first question");
    assert!(front.seen().iter().all(|seen| seen.header("authorization") != Some(ALICE)), "the password is not for it");
}

#[tokio::test]
async fn many_questions_at_once_ask_for_one_token() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let service = TokenService::start().await;
    service.anyone(&["app"]);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let evidence = fetch(&client(), &front.pinned(&image)).await;
    assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), 1);
    assert_eq!(service.seen().len(), 1);
    assert_eq!(service.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let service = TokenService::start().await;
    service.account("alice", "1", &["app"]).expires_in(3600);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let client = client();
    let keys = Keys(vec![alice()]);
    let image = front.image("app:v1");
    client.resolve(&image, &keys, ample()).await.unwrap();
    client.resolve(&image, &keys, ample()).await.unwrap();
    assert_eq!(service.seen().len(), 1);
    service.revoke();
    client.resolve(&image, &keys, ample()).await.unwrap();
    assert_eq!(service.seen().len(), 2);

    // T70: a registry that is never content.
    front.heal().on("/manifests/", Fault::Challenge(format!("Bearer realm=\"{}\"", service.realm())));
    assert_eq!(kind(client.resolve(&image, &keys, ample()).await), UnaskedKind::Unauthorized);
    assert_eq!(front.seen().len(), 2);
}

#[tokio::test]
async fn a_token_that_ends_is_asked_for_again() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let service = TokenService::start().await;
    service.account("alice", "1", &["app"]).expires_in(1);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let client = client();
    for _ in 0..2 {
        client.resolve(&front.image("app:v1"), &Keys(vec![alice()]), ample()).await.unwrap();
    }
    assert_eq!(service.seen().len(), 2);
}

/// What oci-client does wrong: the first credential of a registry served everyone.
#[tokio::test]
async fn nobody_uses_the_token_of_another() {
    let demo = registry().await;
    demo.seed_image("team-a/app", "v1").unwrap();
    demo.seed_image("team-b/app", "v1").unwrap();
    let service = TokenService::start().await;
    service.account("alice", "1", &["team-a/app"]).account("bob", "2", &["team-b/app"]).anyone(&[]);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let client = client();
    let (a, b) = (front.image("team-a/app:v1"), front.image("team-b/app:v1"));
    for _ in 0..2 {
        assert!(client.resolve(&a, &Keys(vec![alice()]), ample()).await.is_ok());
        assert!(client.resolve(&b, &Keys(vec![bob()]), ample()).await.is_ok());
        assert_eq!(kind(client.resolve(&a, &Keys(vec![bob()]), ample()).await), UnaskedKind::Unauthorized);
        assert_eq!(kind(client.resolve(&b, &Keys(vec![alice()]), ample()).await), UnaskedKind::Unauthorized);
        assert_eq!(kind(client.resolve(&a, &Anonymous, ample()).await), UnaskedKind::Unauthorized);
    }
    front.heal();
    client.resolve(&b, &Keys(vec![bob()]), ample()).await.unwrap();
    let header = front.seen().last().unwrap().header("authorization").unwrap().to_owned();
    assert_eq!(service.owner_of(&header).as_deref(), Some(BOB));
}

#[tokio::test]
async fn the_next_credential_is_tried() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let service = TokenService::start().await;
    service.account("bob", "2", &["app"]).identity("refresh", &["app"]);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let client = client();
    for accepted in [bob(), Credential::identity("refresh")] {
        let keys = Keys(vec![alice(), Credential::bearer("worthless"), accepted]);
        let evidence = client.fetch(&Query::new(front.pinned(&image), true), &keys, ample()).await;
        assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), 1);
    }
    let posted = service.seen().into_iter().find(|seen| seen.method == "POST").expect("an identity token is posted");
    assert_eq!(posted.header("authorization"), None);
    assert_eq!(
        String::from_utf8(posted.body).unwrap(),
        "grant_type=refresh_token&client_id=countersign&refresh_token=refresh&service=test&scope=repository%3Aapp%3Apull"
    );
}

#[tokio::test]
async fn what_a_token_service_may_answer() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let service = TokenService::start().await;
    service.anyone(&["app"]);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let body = |body: &str| Fault::Replace(body.as_bytes().to_vec());
    let rows = [
        (Fault::Status(401), UnaskedKind::Unauthorized),
        (Fault::Status(403), UnaskedKind::Unauthorized),
        (Fault::Status(404), UnaskedKind::Unavailable),
        (Fault::Status(500), UnaskedKind::Unavailable),
        (Fault::Wait(429, "3600".into()), UnaskedKind::RateLimited { retry_after: Some(Duration::from_secs(3600)) }),
        (Fault::Html, UnaskedKind::Unavailable),
        (Fault::Endless, UnaskedKind::Unavailable),
        (Fault::Huge, UnaskedKind::Unavailable),
        (Fault::Redirect(307, front.address().to_string()), UnaskedKind::Refused),
        (body("{}"), UnaskedKind::Unavailable),
        (body(r#"{"token":""}"#), UnaskedKind::Unavailable),
        (body(r#"{"token":"a\r\nx: y"}"#), UnaskedKind::Unavailable),
        (body(&format!(r#"{{"token":"{}"}}"#, "a".repeat(40_000))), UnaskedKind::Unavailable),
        (body(r#"{"token":"worthless"}"#), UnaskedKind::Unauthorized),
    ];
    for (fault, expected) in rows {
        let service = TokenService::start().await;
        service.anyone(&["app"]).breaks(fault.clone());
        front.heal().asks_for_token(&service);
        assert_eq!(kind(client().resolve(&front.image("app:v1"), &Anonymous, ample()).await), expected, "{fault:?}");
    }
    front.heal().asks_for_token(&service);
    assert!(client().resolve(&front.image("app:v1"), &Anonymous, ample()).await.is_ok());
}

/// T77: a token realm is followed only where the registry could be itself. (Realms on loopback for a registry elsewhere are
/// held by the tests of zones: every registry of a test is on loopback.)
#[tokio::test]
async fn t77_no_realm_leads_elsewhere() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    let service = TokenService::start().await;
    service.account("alice", "1", &["app"]);
    let client = client();
    let keys = Keys(vec![alice()]);
    let image = front.image("app:v1");
    let with_password = service.realm().replace("http://", "http://u:p@");
    let rows = [
        "Bearer realm=\"http://169.254.169.254/latest/meta-data\"".to_owned(),
        "Bearer realm=\"https://169.254.169.254/\"".to_owned(),
        "Bearer realm=\"http://2852039166/\"".to_owned(),
        "Bearer realm=\"http://[::ffff:169.254.169.254]/\"".to_owned(),
        "Bearer realm=\"https://10.0.0.1/token\"".to_owned(),
        "Bearer realm=\"https://192.168.0.1/token\"".to_owned(),
        "Bearer realm=\"https://[fd00::1]/token\"".to_owned(),
        "Bearer realm=\"file:///etc/passwd\"".to_owned(),
        "Bearer realm=\"gopher://127.0.0.1/\"".to_owned(),
        "Bearer realm=\"/token\"".to_owned(),
        "Bearer realm=\"\"".to_owned(),
        "Bearer service=\"x\"".to_owned(),
        "Bearer".to_owned(),
        format!("Bearer realm=\"{with_password}\""),
        format!("Bearer realm=\"{}\",realm=\"x\"", service.realm()),
        format!("Bearer realm=\"{}\",scope=\"{}\"", service.realm(), "a".repeat(100_000)),
        format!("Bearer realm=\"{}", service.realm()),
    ];
    for challenge in rows {
        front.heal().on("/manifests/", Fault::Challenge(challenge.clone()));
        assert_eq!(kind(client.resolve(&image, &keys, ample()).await), UnaskedKind::Refused, "{challenge:.80}");
        assert_eq!(front.seen().len(), 1, "{challenge:.80}");
        assert!(front.seen()[0].header("authorization").is_none());
    }
    assert!(service.seen().is_empty());

    front.heal().asks_for_token(&service);
    assert!(client.resolve(&image, &keys, ample()).await.is_ok());
}

/// T77: a registry with TLS cannot have its passwords sent without.
#[tokio::test]
async fn t77_a_realm_without_tls_is_not_for_a_registry_with_it() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let authority = tls::Authority::new("of the company");
    let front = Faulty::with_tls(&demo, &authority.issue("127.0.0.1")).await;
    let service = TokenService::start().await;
    service.account("alice", "1", &["app"]);
    front.asks_for_token(&service);
    let options = Options { root_certificates: vec![authority.certificate()], ..Options::default() };
    let client = Client::new(options).unwrap();
    let result = client.resolve(&front.image("app:v1"), &Keys(vec![alice()]), ample()).await;
    assert_eq!(kind(result), UnaskedKind::Refused);
    assert!(service.seen().is_empty());
}

/// T77: a private host is one that an administrator can name.
#[tokio::test]
async fn a_listed_host_may_be_private() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    // Nobody is there: what is shown is that it is dialled.
    front.on("/manifests/", Fault::Challenge("Bearer realm=\"http://10.255.255.1:1/token\"".into()));
    let options = Options {
        private_hosts: vec!["10.255.255.1:1".parse().unwrap()],
        connect_time: Duration::from_millis(100),
        ..Options::default()
    };
    let result = Client::new(options).unwrap().resolve(&front.image("app:v1"), &Anonymous, ample()).await;
    assert_eq!(kind(result), UnaskedKind::Unavailable);
}

/// T78: where a redirect leads, and what goes with it.
#[tokio::test]
async fn t78_a_redirect_takes_no_credentials_along() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let storage = Faulty::in_front_of(&demo).await;
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_password("alice", "1");
    let client = client();
    let keys = Keys(vec![alice()]);
    let fetch = async || client.fetch(&Query::new(front.pinned(&image), false), &keys, ample()).await;
    let [signature] = artifacts(&fetch().await, Path::SignatureTag).to_vec().try_into().expect("one signature");
    let blob = format!("/v2/app/blobs/{}", signature.digest);

    for status in [301, 302, 303, 307, 308] {
        front.heal().on("/blobs/", Fault::Redirect(status, format!("http://{}{blob}", storage.address())));
        assert_eq!(artifacts(&fetch().await, Path::SignatureTag).len(), 1, "{status}");
    }
    assert_eq!(storage.count("/blobs/"), 5);
    assert!(storage.seen().iter().all(|seen| seen.header("authorization").is_none()));

    // Within the registry they stay.
    front.heal().once("/blobs/", Fault::Redirect(307, blob.clone()));
    assert_eq!(artifacts(&fetch().await, Path::SignatureTag).len(), 1);
    assert!(front.seen().iter().all(|seen| seen.header("authorization") == Some(ALICE)));

    // They do not come back by way of another host.
    front.heal().once("/blobs/", Fault::Redirect(307, format!("http://{}{blob}", storage.address())));
    storage.heal().on("/blobs/", Fault::Redirect(307, format!("http://{}{blob}", front.address())));
    assert_eq!(unasked(&fetch().await, Path::SignatureTag), UnaskedKind::Unauthorized);
}

#[tokio::test]
async fn t78_redirects_that_are_not_followed() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let storage = Faulty::in_front_of(&demo).await;
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    let rows = [
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/blob".to_owned(),
        "https://[fe80::1]/blob".to_owned(),
        "file:///etc/passwd".to_owned(),
        "ftp://127.0.0.1/blob".to_owned(),
        "http://".to_owned(),
        format!("http://u:p@{}/blob", storage.address()),
    ];
    for to in rows {
        front.heal().on("/blobs/", Fault::Redirect(307, to.clone()));
        let evidence = fetch(&client, &front.pinned(&image)).await;
        assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::Refused, "{to}");
        front.heal().on("/manifests/", Fault::Redirect(307, to.clone()));
        let result = client.resolve(&front.image("app:signed"), &Anonymous, ample()).await;
        let Err(Error::Unasked(why)) = result else { panic!("{to}: {result:?}") };
        assert_eq!(why.kind(), UnaskedKind::Refused, "{to}");
        assert!(!why.detail().contains("u:p"), "{why}");
    }
    assert!(storage.seen().is_empty());

    // Fifty hops, and a circle.
    front.heal().on("/manifests/", Fault::Redirect(302, "/v2/app/manifests/next".into()));
    let result = client.resolve(&front.image("app:signed"), &Anonymous, ample()).await;
    assert_eq!(kind(result), UnaskedKind::Refused);
    assert_eq!(front.seen().len(), 6);

    front.heal();
    assert!(client.resolve(&front.image("app:signed"), &Anonymous, ample()).await.is_ok());
}

#[tokio::test]
async fn t78_a_redirect_does_not_leave_tls() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let storage = Faulty::in_front_of(&demo).await;
    let authority = tls::Authority::new("of the company");
    let front = Faulty::with_tls(&demo, &authority.issue("127.0.0.1")).await;
    front.on("/manifests/", Fault::Redirect(307, format!("http://{}/v2/app/manifests/v1", storage.address())));
    let options = Options { root_certificates: vec![authority.certificate()], ..Options::default() };
    let result = Client::new(options).unwrap().resolve(&front.image("app:v1"), &Anonymous, ample()).await;
    assert_eq!(kind(result), UnaskedKind::Refused);
    assert!(storage.seen().is_empty());
}

/// Only the registry knows what it does not have, and only it is told who asks.
#[tokio::test]
async fn what_another_origin_says_is_not_the_registrys_word() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let storage = Faulty::in_front_of(&demo).await;
    let front = Faulty::in_front_of(&demo).await;
    let service = TokenService::start().await;
    let client = client();
    let keys = Keys(vec![alice()]);
    front.on("/", Fault::Redirect(307, format!("http://{}/gone", storage.address())));
    let challenge = format!("Bearer realm=\"{}\"", service.realm());
    for fault in [Fault::Status(404), Fault::Status(403), Fault::Challenge(challenge), Fault::Challenge("Basic".into())]
    {
        storage.heal().on("/gone", fault.clone());
        let evidence = client.fetch(&Query::new(front.pinned(&image), false), &keys, ample()).await;
        assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::Unavailable, "{fault:?}");
        assert!(storage.seen().iter().all(|seen| seen.header("authorization").is_none()));
    }
    assert!(service.seen().is_empty());
}
