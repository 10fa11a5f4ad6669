//! TLS: which clients get in, and which certificate they see.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use countersign::server::{Ceilings, CertificateError, CertificateFiles, FilesError, Look};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{Running, app, bounded, closed, exchange, pod_review, raw_post, refusing};

const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// An authority of the test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn issue(&self, usage: ExtendedKeyUsagePurpose, until: i32) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    fn client(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let (certificate, key) = self.issue(ExtendedKeyUsagePurpose::ClientAuth, 2090);
        (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }
}

#[tokio::test]
async fn t95_only_http_1_1_is_spoken() {
    let server = Running::start(refusing(), Ceilings::default()).await;
    let error = server.connect_with(&[b"h2"], None).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    for protocols in [&[b"h2".as_slice(), b"http/1.1"][..], &[b"http/1.1"], &[]] {
        let mut stream = server.connect_with(protocols, None).await.unwrap();
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(agreed, (!protocols.is_empty()).then(|| b"http/1.1".to_vec()));
        assert_eq!(exchange(&mut stream, LIVEZ).await.status, 200);
    }
    // The preface of HTTP/2 in a connection that agreed on HTTP/1.1 or on nothing.
    let mut stream = server.connect_with(&[], None).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    closed(&mut stream).await;
    server.assert_well().await;
}

#[tokio::test]
async fn t95_tls_1_2_is_the_oldest() {
    let server = Running::start(refusing(), Ceilings::default()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = server.connect_as(&[], None, &[version], &server.ca).await.unwrap();
        assert_eq!(exchange(&mut stream, LIVEZ).await.status, 200);
    }
    // A ClientHello of TLS 1.0 (RFC 2246, 7.4.1.2) is answered with the alert `protocol_version` (70).
    let mut stream = server.tcp().await;
    let mut hello = vec![0x16, 3, 1, 0, 55, 1, 0, 0, 51, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    // signature_algorithms, without which there is another alert.
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    stream.write_all(&hello).await.unwrap();
    let mut alert = Vec::new();
    bounded(stream.read_to_end(&mut alert)).await.unwrap();
    assert_eq!(alert, [0x15, 3, 3, 0, 2, 2, 70]);
    server.assert_well().await;
}

#[tokio::test]
async fn t95_what_is_no_tls_is_cut_off() {
    let server = Running::start(refusing(), Ceilings::default()).await;
    let mut garbage: Vec<Vec<u8>> = vec![LIVEZ.to_vec(), vec![0; 4096], vec![0xff; 70_000]];
    // A good hello with one byte changed at each of its first places.
    for at in 0..11 {
        let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
        hello.extend([7; 36]);
        hello[at] ^= 0x55;
        hello.extend(vec![0; 20_000]);
        garbage.push(hello);
    }
    for bytes in garbage {
        let mut stream = server.tcp().await;
        // The server may have closed before all of it was sent.
        let _ = stream.write_all(&bytes).await;
        closed(&mut stream).await;
    }
    server.assert_well().await;
    server.metric("countersign_connections_broken_total{why=\"handshake\"} 14").await;
}

#[tokio::test]
async fn clients_prove_who_they_are_where_an_authority_is_configured() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let (app, metrics) = app(refusing(), Ceilings::default());
    let server = Running::start_app(app.only_for_known_clients(), metrics, &[ours.der()]).await;
    let review = raw_post("/validate", &pod_review("a.example/b:1").to_string());

    let mut known = server.connect_with(&[b"http/1.1"], Some(ours.client())).await.unwrap();
    exchange(&mut known, &review).await.assert_denied("signature_missing");

    let mut nobody = server.connect().await;
    exchange(&mut nobody, &review).await.assert_refused(401, "client_unknown");
    let mut nobody = server.connect().await;
    assert_eq!(exchange(&mut nobody, LIVEZ).await.status, 200);

    // A certificate of another authority, or for servers, is no handshake at all.
    let (certificate, key) = ours.issue(ExtendedKeyUsagePurpose::ServerAuth, 2090);
    let of_server = (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()));
    let (certificate, key) = ours.issue(ExtendedKeyUsagePurpose::ClientAuth, 2021);
    let expired = (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()));
    for client in [foreign.client(), of_server, expired] {
        let Ok(mut stream) = server.connect_with(&[b"http/1.1"], Some(client)).await else { continue };
        let _ = stream.write_all(&review).await;
        let mut answer = Vec::new();
        let _ = bounded(stream.read_to_end(&mut answer)).await;
        assert_eq!(answer, b"", "a client was answered that is not known");
    }
    let mut known = server.connect_with(&[b"http/1.1"], Some(ours.client())).await.unwrap();
    exchange(&mut known, &review).await.assert_denied("signature_missing");
}

fn write(folder: &Path, (certificate, key): &(rcgen::Certificate, KeyPair)) {
    fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn t84_a_certificate_is_renewed_while_connections_live() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let mut files = CertificateFiles::new(folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let server = Running::start(refusing(), Ceilings::default()).await;
    let seen = async || {
        let stream = server.connect_as(&[], None, rustls::ALL_VERSIONS, &authority.der()).await.ok()?;
        let (_, connection) = stream.get_ref();
        Some(connection.peer_certificates().unwrap()[0].to_vec())
    };
    let mut kept = server.connect().await;
    assert_eq!(exchange(&mut kept, LIVEZ).await.status, 200);
    assert_eq!(seen().await, None, "the first certificate is of another authority");

    let first = authority.issue(ExtendedKeyUsagePurpose::ServerAuth, 2090);
    write(folder.path(), &first);
    files.renew(&server.certificates, &server.metrics);
    assert_eq!(seen().await, Some(first.0.der().to_vec()));
    // What was agreed on before is not touched.
    assert_eq!(exchange(&mut kept, LIVEZ).await.status, 200);

    let second = authority.issue(ExtendedKeyUsagePurpose::ServerAuth, 2090);
    let expired = authority.issue(ExtendedKeyUsagePurpose::ServerAuth, 2021);
    let broken: [(&str, &dyn Fn()); 5] = [
        ("only the certificate is new", &|| fs::write(folder.path().join("tls.crt"), second.0.pem()).unwrap()),
        ("half written", &|| {
            write(folder.path(), &second);
            let pem = second.0.pem();
            fs::write(folder.path().join("tls.crt"), pem.split_at(pem.len() / 2).0).unwrap();
        }),
        ("expired", &|| write(folder.path(), &expired)),
        ("empty", &|| fs::write(folder.path().join("tls.crt"), "").unwrap()),
        ("gone", &|| fs::remove_file(folder.path().join("tls.key")).unwrap()),
    ];
    for (refused, (what, change)) in (1..).zip(broken) {
        change();
        // However often it is looked at, one state of the files is one alarm.
        files.renew(&server.certificates, &server.metrics);
        files.renew(&server.certificates, &server.metrics);
        assert_eq!(seen().await, Some(first.0.der().to_vec()), "{what}");
        let count = format!("countersign_certificate_refused_total {refused}\n");
        assert!(server.metrics.text().unwrap().contains(&count), "{what}");
    }

    write(folder.path(), &second);
    files.renew(&server.certificates, &server.metrics);
    assert_eq!(seen().await, Some(second.0.der().to_vec()));
    server.metrics.text().unwrap();
}

#[tokio::test]
async fn a_server_does_not_start_with_a_certificate_that_cannot_be_used() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let load = || CertificateFiles::new(&chain, &key).load();
    let error = || match load().unwrap_err() {
        FilesError::Certificate { error, .. } => Some(error),
        FilesError::Unreadable { .. } => None,
    };
    assert_eq!(error(), None);
    let good = authority.issue(ExtendedKeyUsagePurpose::ServerAuth, 2090);
    let other = authority.issue(ExtendedKeyUsagePurpose::ServerAuth, 2090);
    write(folder.path(), &good);
    load().unwrap();

    fs::write(&key, other.1.serialize_pem()).unwrap();
    assert_eq!(error(), Some(CertificateError::KeyMismatch));
    fs::write(&key, "no key").unwrap();
    assert_eq!(error(), Some(CertificateError::Key));
    fs::write(&chain, "").unwrap();
    fs::write(&key, good.1.serialize_pem()).unwrap();
    assert_eq!(error(), Some(CertificateError::Missing));
    write(folder.path(), &authority.issue(ExtendedKeyUsagePurpose::ServerAuth, 2021));
    assert!(matches!(error(), Some(CertificateError::Expired(_))));
    write(folder.path(), &good);
    assert!(matches!(CertificateFiles::new(&chain, &key).look(jiff::Timestamp::UNIX_EPOCH), Look::Bad(_)));
    load().unwrap();
    // A chain may follow the certificate.
    fs::write(&chain, format!("{}{}", good.0.pem(), authority.0.pem())).unwrap();
    load().unwrap();
    drop(Arc::new(authority));
}
