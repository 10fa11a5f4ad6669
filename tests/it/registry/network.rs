//! Registries that are down, slow, busy or somebody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::evidence::{Answer, Path, Query, UnaskedKind};
use countersign::image::{Digest, ImageDigest, ImageRef};
use countersign::registry::{Anonymous, Client, Error, Options};
use tokio::net::TcpListener;

use super::{artifacts, client, fetch, kind, unasked};
use crate::support::artifacts::put_cosign;
use crate::support::{Fault, Faulty, TokenService, ample, deadline, registry, tls};

/// T69: every way in which there can be no connection.
#[tokio::test]
async fn t69_no_connection_is_unavailable_and_says_so() {
    let options = Options { connect_time: Duration::from_millis(300), ..Options::default() };
    let client = Client::new(options).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rows = [
        (format!("{closed}/app"), "unreachable: connection refused"),
        // The system accepts the connection, nobody answers the handshake.
        (format!("{}/app", silent.local_addr().unwrap()), "unreachable: no connection in time"),
        // A name that does not exist; without a network even that may not be found out in time.
        ("registry.invalid/app".to_owned(), "unreachable: "),
    ];
    for (image, reason) in rows {
        let error = client.resolve(&image.parse().unwrap(), &Anonymous, ample()).await.unwrap_err();
        let Error::Unasked(why) = &error else { panic!("{image}: {error}") };
        assert_eq!(why.kind(), UnaskedKind::Unavailable, "{image}");
        assert!(why.detail().contains(reason), "{image}: {why}");
    }
}

/// T79: whoever makes a Pod chooses the host of its images. Where no registry is, none is looked for; what an administrator
/// names is asked all the same.
#[tokio::test]
async fn t79_no_image_names_a_metadata_service() {
    let refused = async |client: &Client, image: &str| {
        let error = client.resolve(&image.parse().unwrap(), &Anonymous, ample()).await.unwrap_err();
        let Error::Unasked(why) = &error else { panic!("{image}: {error}") };
        assert_eq!(client.requests().total(), 0, "{image}");
        why.clone()
    };
    let client = Client::new(Options::default()).unwrap();
    let hosts = ["169.254.169.254", "169.254.169.254:443", "[fd00:ec2::254]", "100.100.100.200", "0.0.0.0:5000"];
    for host in hosts {
        let why = refused(&client, &format!("{host}/app:v1")).await;
        assert_eq!(why.kind(), UnaskedKind::Refused, "{host}: {why}");
        assert!(why.detail().contains("where no registry is asked"), "{why}");
    }
    // A pod's loopback is its own, whatever runs on its node.
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let name: ImageRef = format!("{}/app:v1", demo.registry().unwrap()).parse().unwrap();
    let in_pod = Options { in_pod: true, ..Options::default() };
    let why = refused(&Client::new(in_pod.clone()).unwrap(), &name.to_string()).await;
    assert_eq!(why.kind(), UnaskedKind::Refused, "{why}");
    assert!(why.detail().contains("own pod"), "{why}");
    let host = name.repository().registry().clone();
    let listed = [
        Options::default(),
        Options { private_hosts: vec![host.clone()], ..in_pod.clone() },
        Options { plain_http: vec![host], ..in_pod },
    ];
    for options in listed {
        let found = Client::new(options).unwrap().resolve(&name, &Anonymous, ample()).await.unwrap();
        assert_eq!(found.digest(), image.digest());
    }
}

/// T79: the API server and the controller itself are no registries, whatever they are called; what listens beside them may be
/// one, and neither a registry nor a policy leads there.
#[tokio::test]
async fn t79_no_image_names_the_api_server_or_the_controller() {
    let (demo, beside) = (registry().await, registry().await);
    let barred = vec![demo.address()];
    let client = Client::new(Options { barred: barred.clone(), rest: Duration::ZERO, ..Options::default() }).unwrap();
    let port = demo.address().port();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST"] {
        let name: ImageRef = format!("{host}:{port}/app:v1").parse().unwrap();
        let error = client.resolve(&name, &Anonymous, ample()).await.unwrap_err();
        let Error::Unasked(why) = &error else { panic!("{host}: {error}") };
        assert_eq!(why.kind(), UnaskedKind::Refused, "{host}: {why}");
        let is_said = ["is the API server or the controller itself", "lies at an address that is not followed"];
        assert!(is_said.iter().any(|text| why.detail().contains(text)), "{host}: {why}");
    }
    for (registry, host) in [(&demo, "127.0.0.1"), (&demo, "localhost"), (&beside, "127.0.0.1"), (&beside, "localhost")]
    {
        let image = registry.seed_image("app", "v1").unwrap();
        let host = format!("{host}:{}", registry.address().port());
        let private_hosts = vec![host.parse().unwrap()];
        // An administrator who lists it means it; what is not barred needs no list.
        let is_barred = registry.address() == demo.address();
        let options = Options { barred: barred.clone(), private_hosts, ..Options::default() };
        let client = if is_barred { &Client::new(options).unwrap() } else { &client };
        let found = client.resolve(&format!("{host}/app:v1").parse().unwrap(), &Anonymous, ample()).await.unwrap();
        assert_eq!(found.digest(), image.digest(), "{host}");
    }
    // A registry that redirects there is not followed, although it is of the same machine.
    let front = Faulty::in_front_of(&beside).await;
    for host in ["127.0.0.1", "localhost"] {
        front.heal().on("/manifests/", Fault::Redirect(307, format!("http://{host}:{port}/v2/app/manifests/v1")));
        let error = client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.unwrap_err();
        let Error::Unasked(why) = &error else { panic!("{host}: {error}") };
        assert_eq!(why.kind(), UnaskedKind::Refused, "{host}: {why}");
    }
}

/// T69: whoever is not the registry does not become it by speaking less, either.
#[tokio::test]
async fn t69_a_wrong_certificate_is_no_reason_for_plain_http() {
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let (known, unknown) = (tls::Authority::new("known"), tls::Authority::new("unknown"));
    let options = Options { root_certificates: vec![known.certificate()], rest: Duration::ZERO, ..Options::default() };
    let client = Client::new(options).unwrap();
    let rows = [
        (known.issue("registry.example"), "its certificate is for another name"),
        (known.issue_expired("127.0.0.1"), "its certificate has expired"),
        (unknown.issue("127.0.0.1"), "its certificate is from an unknown authority"),
        (tls::Identity::self_signed("127.0.0.1"), "its certificate is from an unknown authority"),
    ];
    for (identity, reason) in rows {
        let front = Faulty::with_tls(&demo, &identity).await;
        let error = client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.unwrap_err();
        let Error::Unasked(why) = &error else { panic!("{reason}: {error}") };
        assert_eq!(why.kind(), UnaskedKind::Unavailable, "{why}");
        assert!(why.detail().contains(reason), "{why}");
        assert!(front.seen().is_empty(), "{reason}");
    }
    let front = Faulty::with_tls(&demo, &known.issue("127.0.0.1")).await;
    let resolved = client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.unwrap();
    assert_eq!(resolved, front.pinned(&image));
}

/// Which registries may do without TLS is held by the tests of zones; here, that those are found to.
#[tokio::test]
async fn a_registry_on_loopback_may_do_without_tls() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    let port = demo.address().port();
    for host in ["127.0.0.1", "localhost"] {
        let image = format!("{host}:{port}/app:v1").parse().unwrap();
        assert!(client().resolve(&image, &Anonymous, ample()).await.is_ok(), "{host}");
    }
}

/// T70: every status, how often it is asked, and what it is taken for.
#[tokio::test]
async fn t70_statuses() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    let (tag, sig) = (front.image("app:signed"), front.pinned(&image));
    let hour = Some(Duration::from_secs(3600));
    let rate_limited = |retry_after| UnaskedKind::RateLimited { retry_after };
    let rows = [
        (Fault::Status(401), UnaskedKind::Unauthorized, 1),
        (Fault::Status(403), UnaskedKind::Unauthorized, 1),
        (Fault::Status(400), UnaskedKind::Unavailable, 1),
        (Fault::Status(418), UnaskedKind::Unavailable, 1),
        (Fault::Status(204), UnaskedKind::Unavailable, 1),
        (Fault::Status(206), UnaskedKind::Unavailable, 1),
        (Fault::Status(304), UnaskedKind::Unavailable, 1),
        (Fault::Status(500), UnaskedKind::Unavailable, 3),
        (Fault::Status(502), UnaskedKind::Unavailable, 3),
        (Fault::Status(503), UnaskedKind::Unavailable, 3),
        (Fault::Status(504), UnaskedKind::Unavailable, 3),
        (Fault::Status(501), UnaskedKind::Unavailable, 1),
        (Fault::Status(429), rate_limited(None), 3),
        (Fault::Wait(429, "3600".into()), rate_limited(hour), 1),
        (Fault::Wait(503, "3600".into()), rate_limited(hour), 1),
        (Fault::Wait(429, "0".into()), rate_limited(Some(Duration::ZERO)), 3),
        (Fault::Wait(429, "soon".into()), rate_limited(None), 3),
        (Fault::Html, UnaskedKind::Unavailable, 1),
        (Fault::Reset, UnaskedKind::Unavailable, 3),
        (Fault::ResetInBody, UnaskedKind::Unavailable, 3),
        (Fault::Truncate, UnaskedKind::Unavailable, 3),
    ];
    for (fault, expected, requests) in rows {
        front.heal().on("/manifests/", fault.clone());
        assert_eq!(kind(client.resolve(&tag, &Anonymous, ample()).await), expected, "{fault:?}");
        assert_eq!(front.seen().len(), requests, "{fault:?}");

        front.heal().on("sha256-", fault.clone());
        let evidence = fetch(&client, &sig).await;
        assert_eq!(unasked(&evidence, Path::SignatureTag), expected, "{fault:?}");
        assert_eq!(front.count(".sig"), requests, "{fault:?}");

        front.heal();
        assert!(client.resolve(&tag, &Anonymous, ample()).await.is_ok(), "and the next one: {fault:?}");
    }
}

#[tokio::test]
async fn t70_what_passes_is_waited_for() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    for passing in [
        vec![Fault::Status(503)],
        vec![Fault::Status(500), Fault::Status(502)],
        vec![Fault::Wait(429, "0".into())],
        vec![Fault::Reset],
        vec![Fault::ResetInBody, Fault::Truncate],
    ] {
        for place in ["/manifests/", "/blobs/"] {
            front.heal().sequence(place, passing.clone());
            let evidence = fetch(&client, &front.pinned(&image)).await;
            assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), 1, "{place}: {passing:?}");
        }
    }
}

/// T71: a body is as long as it says.
#[tokio::test]
async fn t71_a_wrong_length_is_noticed() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    front.on("/manifests/", Fault::ShortLength);
    assert_eq!(kind(client.resolve(&front.image("app:signed"), &Anonymous, ample()).await), UnaskedKind::Corrupt);
    front.heal().on("/blobs/", Fault::ShortLength);
    let evidence = fetch(&client, &front.pinned(&image)).await;
    assert_eq!(unasked(&evidence, Path::SignatureTag), UnaskedKind::Corrupt);
    front.heal();
    assert_eq!(artifacts(&fetch(&client, &front.pinned(&image)).await, Path::SignatureTag).len(), 1);
}

#[tokio::test]
async fn every_path_has_its_own_answer_before_the_deadline() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    front.on(".att", Fault::Hang).on("/referrers/", Fault::Status(403));
    let query = Query::new(front.pinned(&image), true);
    let evidence = client.fetch(&query, &Anonymous, deadline(Duration::from_millis(1500))).await;
    assert_eq!(unasked(&evidence, Path::AttestationTag), UnaskedKind::Deadline);
    assert_eq!(unasked(&evidence, Path::Referrers), UnaskedKind::Unauthorized);
    assert_eq!(artifacts(&evidence, Path::SignatureTag).len(), 1);
}

#[tokio::test]
async fn a_deadline_that_has_passed_asks_nothing() {
    let demo = registry().await;
    let image = demo.seed_image("app", "v1").unwrap();
    let front = Faulty::in_front_of(&demo).await;
    let client = client();
    let past = deadline(Duration::ZERO);
    assert_eq!(kind(client.resolve(&front.image("app:v1"), &Anonymous, past).await), UnaskedKind::Deadline);
    let evidence = client.fetch(&Query::new(front.pinned(&image), true), &Anonymous, past).await;
    assert_eq!(evidence.answers().len(), 3);
    for answer in evidence.answers().values() {
        assert!(matches!(answer, Answer::Unasked(why) if why.kind() == UnaskedKind::Deadline), "{answer:?}");
    }
    assert!(front.seen().is_empty());
}

/// N6: what just failed is not asked again, and its reason is repeated.
#[tokio::test]
async fn a_registry_that_just_failed_rests() {
    let demo = registry().await;
    demo.seed_image("app", "v1").unwrap();
    demo.seed_image("other", "v1").unwrap();
    let minute = || Client::new(Options { rest: Duration::from_secs(60), ..Options::default() }).unwrap();

    // One that is not reached rests as a whole.
    let (address, accepted) = handshakes().await;
    let options =
        Options { connect_time: Duration::from_millis(100), rest: Duration::from_secs(60), ..Options::default() };
    let client = Client::new(options).unwrap();
    for name in ["app", "other"] {
        let error =
            client.resolve(&format!("{address}/{name}").parse().unwrap(), &Anonymous, ample()).await.unwrap_err();
        assert!(error.to_string().contains("no connection in time"), "{error}");
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 1);

    // So does one that asks to be left alone.
    let front = Faulty::in_front_of(&demo).await;
    let client = minute();
    front.once("/manifests/", Fault::Wait(429, "3600".into()));
    let limited = UnaskedKind::RateLimited { retry_after: Some(Duration::from_secs(3600)) };
    for name in ["app:v1", "other:v1"] {
        assert_eq!(kind(client.resolve(&front.image(name), &Anonymous, ample()).await), limited);
    }
    assert_eq!(front.seen().len(), 1);

    // What fails for one repository says nothing of the others.
    let client = minute();
    front.heal().on("/v2/app/", Fault::Status(500));
    for _ in 0..2 {
        assert_eq!(kind(client.resolve(&front.image("app:v1"), &Anonymous, ample()).await), UnaskedKind::Unavailable);
    }
    assert_eq!(front.seen().len(), 3);
    assert!(client.resolve(&front.image("other:v1"), &Anonymous, ample()).await.is_ok());

    // A request's own short deadline says nothing of the registry.
    let client = minute();
    front.heal().once("/manifests/", Fault::Hang);
    let soon = deadline(Duration::from_millis(100));
    assert_eq!(kind(client.resolve(&front.image("app:v1"), &Anonymous, soon).await), UnaskedKind::Deadline);
    assert!(client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.is_ok());

    // And it ends.
    let client = super::client();
    front.heal().once("/manifests/", Fault::Wait(429, "3600".into()));
    assert_eq!(kind(client.resolve(&front.image("app:v1"), &Anonymous, ample()).await), limited);
    assert!(client.resolve(&front.image("app:v1"), &Anonymous, ample()).await.is_ok());
}

/// A server that accepts connections, counts them, and never says a word.
async fn handshakes() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    crate::support::run(async move {
        let mut held = Vec::new();
        while let Ok(connection) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            held.push(connection);
        }
    });
    (address, accepted)
}

#[tokio::test]
async fn messages_name_the_registry_and_no_secret() {
    let demo = registry().await;
    let front = Faulty::in_front_of(&demo).await;
    let image = ImageDigest::new(front.repository("app"), Digest::of(b""));
    front.on("/", Fault::Status(500));
    let evidence = fetch(&client(), &image).await;
    for answer in evidence.answers().values() {
        let Answer::Unasked(why) = answer else { panic!("{answer:?}") };
        assert_eq!(why.detail(), format!("`{}` answers with 500", front.address()));
    }
}

/// Whatever breaks, at whatever request: what is there is never taken for absent, and what could be asked is told from what
/// could not.
#[tokio::test]
async fn no_fault_makes_evidence_absent() {
    let demo = registry().await;
    let image = put_cosign(&demo, "app", "v2");
    let service = TokenService::start().await;
    service.anyone(&["app"]);
    let front = Faulty::in_front_of(&demo).await;
    front.asks_for_token(&service);
    let digest = front.pinned(&image);
    let tag = front.image("app:signed");
    let ask = async |deadline| {
        let client = client();
        let resolved = client.resolve(&tag, &Anonymous, deadline).await;
        (resolved, client.fetch(&Query::new(digest.clone(), true), &Anonymous, deadline).await)
    };
    let (resolved, good) = ask(ample()).await;
    assert_eq!(resolved.as_ref(), Ok(&digest));
    let requests = front.seen().len();
    assert_eq!(requests, 8, "the challenge, the tag, two manifests with a blob each, the list and its fallback");
    for number in 0..requests {
        for fault in [
            Fault::Reset,
            Fault::Status(500),
            Fault::Status(401),
            Fault::Wait(429, "3600".into()),
            Fault::Truncate,
            Fault::WrongBytes,
            Fault::Hang,
            Fault::Html,
            Fault::Gzip,
        ] {
            let is_hang = matches!(fault, Fault::Hang);
            front.heal().nth(number, fault.clone());
            let (resolved, evidence) = ask(if is_hang { deadline(Duration::from_millis(200)) } else { ample() }).await;
            assert!(matches!(resolved, Ok(_) | Err(Error::Unasked(_))), "{number} {fault:?}: {resolved:?}");
            for path in Path::ALL {
                match (&good.answers()[&path], &evidence.answers()[&path]) {
                    (_, Answer::Unasked(_)) | (Answer::Absent, Answer::Absent) => {}
                    (Answer::Answered(good), Answer::Answered(found)) => assert_eq!(good.len(), found.len()),
                    (good, found) => panic!("{number} {fault:?}: {path} was {good:?} and is {found:?}"),
                }
            }
        }
    }
    front.heal();
    assert_eq!(ask(ample()).await.0, Ok(digest.clone()));
}
