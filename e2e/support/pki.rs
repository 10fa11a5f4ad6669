//! Certificates for the servers and clients of a run.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::scratch;

/// A certificate authority of this run.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
    key_file: PathBuf,
}

/// A certificate and its key, in files.
pub(crate) struct Leaf {
    /// The certificate, PEM.
    pub(crate) certificate: PathBuf,
    /// The key, PKCS#8 PEM.
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Makes a new authority with this common name.
    pub(crate) fn new(common_name: &str) -> Self {
        let mut params = named(common_name, None, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a self-signed certificate").pem();
        let folder = scratch::folder("ca");
        Self {
            file: scratch::file(&folder, "ca.crt", certificate),
            key_file: scratch::file(&folder, "ca.key", key.serialize_pem()),
            issuer: Issuer::new(params, key),
        }
    }

    /// The file with the authority's certificate.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The file with the authority's key.
    pub(crate) fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// A certificate for a server at 127.0.0.1 and at `names`.
    pub(crate) fn server(&self, common_name: &str, names: &[&str]) -> Leaf {
        let names = [&["127.0.0.1", "localhost"], names].concat();
        self.leaf(common_name, None, &names)
    }

    /// A certificate for a client.
    pub(crate) fn client(&self, common_name: &str, organisation: Option<&str>) -> Leaf {
        self.leaf(common_name, organisation, &[])
    }

    fn leaf(&self, common_name: &str, organisation: Option<&str>, names: &[&str]) -> Leaf {
        let mut params = named(common_name, organisation, names);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if !names.is_empty() {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let folder = scratch::folder("pki");
        Leaf {
            certificate: scratch::file(&folder, "tls.crt", certificate),
            key: scratch::file(&folder, "tls.key", key.serialize_pem()),
        }
    }
}

fn named(common_name: &str, organisation: Option<&str>, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if let Some(organisation) = organisation {
        params.distinguished_name.push(DnType::OrganizationName, organisation);
    }
    params
}
