//! Whom the client believes to be a registry.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use super::ClientError;

/// TLS that trusts the system's authorities, or the built-in ones of Mozilla where the system has none (a container
/// image from nothing), and `extra`.
///
/// # Errors
/// When one of `extra` is no certificate. One of the system's that cannot be read is left out, as everywhere.
pub(super) fn config(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, ClientError> {
    let mut roots = system_or_built_in(rustls_native_certs::load_native_certs().certs);
    for (index, certificate) in extra.iter().enumerate() {
        roots
            .add(certificate.clone())
            .map_err(|error| ClientError::Certificate { index, detail: error.to_string() })?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The authorities of the system, or the built-in ones where none of `system` can be read.
fn system_or_built_in(system: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system);
    if roots.is_empty() {
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_authorities_stand_in_where_the_system_has_none() {
        let built_in = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        assert_eq!(system_or_built_in(Vec::new()).len(), built_in.len());
        assert_eq!(system_or_built_in(vec![CertificateDer::from_slice(b"no certificate")]).len(), built_in.len());
        assert_eq!(system_or_built_in(vec![built_in[0].clone()]).len(), 1);
    }
}
