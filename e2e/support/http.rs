//! One HTTP request at a time, for what the tests ask or change by hand.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;
use std::{fs, str};

use reqwest::{Certificate, Client, Identity, Method};

use super::pki::Leaf;

/// An answer, read to its end.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, if it is text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap_or("(not text)")
    }
}

/// Whom a TLS server is believed by, and who is asking.
pub(crate) struct Tls<'a> {
    /// The file with the certificate authority of the server.
    pub(crate) ca: &'a Path,
    /// The client's certificate.
    pub(crate) client: Option<&'a Leaf>,
}

/// Sends a request and panics if no answer comes.
pub(crate) fn send(method: &str, url: &str, tls: Option<&Tls<'_>>, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    try_send(method, url, tls, headers, body).unwrap_or_else(|error| panic!("{method} {url}: {error:?}"))
}

/// Sends a request.
pub(crate) fn try_send(
    method: &str,
    url: &str,
    tls: Option<&Tls<'_>>,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, reqwest::Error> {
    let client = client(tls)?;
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = client.request(method, url).body(body.to_vec());
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await?.to_vec() })
    })
}

/// A client for many requests.
pub(crate) fn client(tls: Option<&Tls<'_>>) -> Result<Client, reqwest::Error> {
    static PROVIDER: LazyLock<()> = LazyLock::new(|| {
        // Another test of this program may have been first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    LazyLock::force(&PROVIDER);
    let mut client = Client::builder().no_proxy().timeout(Duration::from_secs(30));
    if let Some(tls) = tls {
        let ca = Certificate::from_pem(&fs::read(tls.ca).expect("the CA file"))?;
        client = client.tls_certs_only([ca]);
        if let Some(leaf) = tls.client {
            let files = [&leaf.key, &leaf.certificate].map(|file| fs::read(file).expect("the client's file"));
            client = client.identity(Identity::from_pem(&files.concat())?);
        }
    } else {
        client = client.tls_certs_only([]);
    }
    client.build()
}
