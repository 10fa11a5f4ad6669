//! What is watched.

use super::place::Place;
use crate::api::{COUNTERSIGN_GROUP, SIGSTORE_GROUP};

/// A kind of objects that make policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// ConfigMaps of the controller's namespace.
    ConfigMaps,
    /// ClusterImagePolicies of `countersign.dev`.
    OwnPolicies,
    /// TrustRoots of `countersign.dev`.
    OwnTrustRoots,
    /// Secrets of the controller's namespace.
    Secrets,
    /// ClusterImagePolicies of `policy.sigstore.dev`.
    SigstorePolicies,
    /// TrustRoots of `policy.sigstore.dev`.
    SigstoreTrustRoots,
    /// ImagePolicies of `countersign.dev`, of every namespace.
    TenantPolicies,
}

impl Source {
    pub(super) const ALL: [Self; 7] = [
        Self::ConfigMaps,
        Self::OwnPolicies,
        Self::OwnTrustRoots,
        Self::Secrets,
        Self::SigstorePolicies,
        Self::SigstoreTrustRoots,
        Self::TenantPolicies,
    ];

    /// How messages name it; for custom resources also the name of their definition.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ConfigMaps => "configmaps",
            Self::OwnPolicies => "clusterimagepolicies.countersign.dev",
            Self::OwnTrustRoots => "trustroots.countersign.dev",
            Self::Secrets => "secrets",
            Self::SigstorePolicies => "clusterimagepolicies.policy.sigstore.dev",
            Self::SigstoreTrustRoots => "trustroots.policy.sigstore.dev",
            Self::TenantPolicies => "imagepolicies.countersign.dev",
        }
    }

    /// Its kind.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::ConfigMaps => "ConfigMap",
            Self::OwnPolicies | Self::SigstorePolicies => "ClusterImagePolicy",
            Self::Secrets => "Secret",
            Self::OwnTrustRoots | Self::SigstoreTrustRoots => "TrustRoot",
            Self::TenantPolicies => "ImagePolicy",
        }
    }

    /// Its API group.
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::ConfigMaps | Self::Secrets => "",
            Self::OwnPolicies | Self::OwnTrustRoots | Self::TenantPolicies => COUNTERSIGN_GROUP,
            Self::SigstorePolicies | Self::SigstoreTrustRoots => SIGSTORE_GROUP,
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::ConfigMaps => "configmaps",
            Self::OwnPolicies | Self::SigstorePolicies => "clusterimagepolicies",
            Self::Secrets => "secrets",
            Self::OwnTrustRoots | Self::SigstoreTrustRoots => "trustroots",
            Self::TenantPolicies => "imagepolicies",
        }
    }

    /// Whether its objects are policies: of those none may get lost.
    pub(super) fn is_policies(self) -> bool {
        match self {
            Self::OwnPolicies | Self::SigstorePolicies | Self::TenantPolicies => true,
            Self::ConfigMaps | Self::OwnTrustRoots | Self::Secrets | Self::SigstoreTrustRoots => false,
        }
    }

    /// Whether anybody but cluster admins may write its objects, so that one namespace's must not crowd out another's.
    pub(super) fn is_bounded_by_namespace(self) -> bool {
        match self {
            Self::TenantPolicies => true,
            Self::ConfigMaps
            | Self::OwnPolicies
            | Self::OwnTrustRoots
            | Self::Secrets
            | Self::SigstorePolicies
            | Self::SigstoreTrustRoots => false,
        }
    }

    /// What has to be there. policy-controller's definitions need not.
    pub(super) fn necessity(self) -> Necessity {
        match self {
            Self::ConfigMaps | Self::Secrets => Necessity::BuiltIn,
            Self::OwnPolicies | Self::OwnTrustRoots | Self::TenantPolicies => Necessity::Required,
            Self::SigstorePolicies | Self::SigstoreTrustRoots => Necessity::Optional,
        }
    }

    /// Where its objects are at `version`.
    pub(super) fn place(self, version: &str, namespace: &str) -> Place {
        match self {
            Self::ConfigMaps => Place::new("", version, self.plural(), Some(namespace)),
            // Helm keeps its releases in Secrets, each up to a mebibyte: no policy names one.
            Self::Secrets => Place::new("", version, self.plural(), Some(namespace)).only("type!=helm.sh/release.v1"),
            Self::OwnPolicies
            | Self::OwnTrustRoots
            | Self::SigstorePolicies
            | Self::SigstoreTrustRoots
            | Self::TenantPolicies => Place::new(self.group(), version, self.plural(), None),
        }
    }

    /// Where those of a custom resource are that are in `namespace`; empty for those that are in none.
    pub(super) fn place_in(self, version: &str, namespace: &str) -> Place {
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        Place::new(self.group(), version, self.plural(), namespace)
    }
}

/// Whether a source has a definition, and whether that has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Necessity {
    /// The API server has it built in.
    BuiltIn,
    /// A definition, without which there is nothing of the kind.
    Optional,
    /// A definition, without which nothing can be said.
    Required,
}
