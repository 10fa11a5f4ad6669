//! A certificate authority like Fulcio.

use jiff::Timestamp;

use super::certificate::{CODE_SIGNING, seal, utf8};
use super::{Certificate, CtLog, Key, Subject, ct_log, days, minutes};

/// The arc of Fulcio's extensions
/// (<https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md>).
pub(crate) const ARC: &str = "1.3.6.1.4.1.57264.1";

/// The workflow for which certificates are issued, unless told otherwise.
pub(crate) const WORKFLOW: &str = "https://github.com/example/app/.github/workflows/release.yml@refs/tags/v1.0.0";
/// Who vouches for it.
pub(crate) const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// A root, and an intermediate that issues.
pub(crate) struct Fulcio {
    pub(crate) root: Authority,
    pub(crate) intermediate: Authority,
}

/// A certificate that issues others, and its key.
pub(crate) struct Authority {
    pub(crate) key: Key,
    pub(crate) certificate: Certificate,
    pub(crate) der: Vec<u8>,
}

/// A signing certificate to be issued, and what is promised about it.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) certificate: Certificate,
    /// The issuer as the first of Fulcio's extensions has it.
    pub(crate) issuer_v1: Option<String>,
    /// The issuer as it is written today.
    pub(crate) issuer_v2: Option<String>,
    /// Further extensions of Fulcio's arc, by their last number.
    pub(crate) claims: Vec<(u32, String)>,
    /// When the log of certificates promises, each time once.
    pub(crate) promised: Vec<Timestamp>,
}

impl Leaf {
    /// As Fulcio issues to a workflow of GitHub: for ten minutes.
    pub(crate) fn workflow() -> Self {
        Self::of(vec![Subject::Uri(WORKFLOW.to_owned())], ISSUER)
    }

    /// For `names`, for which `issuer` vouches.
    pub(crate) fn of(names: Vec<Subject>, issuer: &str) -> Self {
        let certificate = Certificate {
            names,
            serial: 7,
            usages: vec![CODE_SIGNING],
            authority: None,
            ..Certificate::authority("", minutes(0), minutes(10))
        };
        Self {
            certificate,
            issuer_v1: Some(issuer.to_owned()),
            issuer_v2: Some(issuer.to_owned()),
            claims: vec![
                (2, "push".into()),
                (3, "0123456789abcdef0123456789abcdef01234567".into()),
                (4, "Release".into()),
                (5, "example/app".into()),
                (6, "refs/tags/v1.0.0".into()),
                (9, WORKFLOW.into()),
                (10, "0123456789abcdef0123456789abcdef01234567".into()),
                (11, "github-hosted".into()),
                (12, "https://github.com/example/app".into()),
                (13, "0123456789abcdef0123456789abcdef01234567".into()),
                (14, "refs/tags/v1.0.0".into()),
                (15, "123456789".into()),
                (16, "https://github.com/example".into()),
                (17, "987654321".into()),
                (18, WORKFLOW.into()),
                (19, "0123456789abcdef0123456789abcdef01234567".into()),
                (20, "push".into()),
                (21, "https://github.com/example/app/actions/runs/1/attempts/1".into()),
                (22, "public".into()),
            ],
            promised: vec![minutes(0)],
        }
    }
}

impl Authority {
    /// One that has signed itself.
    pub(crate) fn root(certificate: Certificate, key: Key) -> Self {
        let der = certificate.issue(&key.spki(), &certificate.subject, &key);
        Self { key, certificate, der }
    }

    /// One below `self`.
    pub(crate) fn authority(&self, certificate: Certificate, key: Key) -> Self {
        let der = certificate.issue(&key.spki(), &self.certificate.subject, &self.key);
        Self { key, certificate, der }
    }

    /// A signing certificate for the key `spki`, promised by `log`.
    pub(crate) fn issue(&self, leaf: &Leaf, spki: &[u8], log: &CtLog) -> Vec<u8> {
        let mut certificate = leaf.certificate.clone();
        // Extensions up to 1.6 hold their text as it is, those after it in DER.
        let v1 = leaf.issuer_v1.iter().map(|text| (1, text.as_str()));
        let v2 = leaf.issuer_v2.iter().map(|text| (8, text.as_str()));
        for (number, text) in v1.chain(v2).chain(leaf.claims.iter().map(|(number, text)| (*number, text.as_str()))) {
            let value = if number <= 6 { text.as_bytes().to_vec() } else { utf8(text) };
            certificate.extensions.push((format!("{ARC}.{number}"), value));
        }
        let mut tbs = certificate.tbs(spki, &self.certificate.subject, &self.key);
        let promises: Vec<_> = leaf.promised.iter().map(|at| log.promise(&tbs, &self.key.spki(), *at)).collect();
        if !promises.is_empty() {
            tbs.extensions.as_mut().unwrap().push(ct_log::list(promises));
        }
        seal(tbs, &self.key)
    }
}

impl Fulcio {
    pub(crate) fn new(name: &str) -> Self {
        let root = Certificate::authority(&format!("CN={name} root,O=virtual"), days(-365), days(3650));
        let root = Authority::root(root, Key::p256());
        let mut below = Certificate::authority(&format!("CN={name} intermediate,O=virtual"), days(-300), days(3000));
        below.authority = Some(Some(0));
        below.usages = vec![CODE_SIGNING];
        let intermediate = root.authority(below, Key::p256());
        Self { root, intermediate }
    }

    /// A signing certificate of the intermediate.
    pub(crate) fn issue(&self, leaf: &Leaf, spki: &[u8], log: &CtLog) -> Vec<u8> {
        self.intermediate.issue(leaf, spki, log)
    }

    /// The chain as trusted roots have it, the root last.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.intermediate.der.clone(), self.root.der.clone()]
    }
}
