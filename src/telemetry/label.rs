//! The closed lists from which labels of metrics are taken.

/// Which webhook was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/admit-policy`
    AdmitPolicy,
    /// `/mutate`
    Mutate,
    /// `/validate`
    Validate,
}

impl Endpoint {
    /// Every webhook.
    pub const ALL: [Self; 3] = [Self::AdmitPolicy, Self::Mutate, Self::Validate];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdmitPolicy => "admit_policy",
            Self::Mutate => "mutate",
            Self::Validate => "validate",
        }
    }
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The object may be stored.
    Allow,
    /// It may not.
    Deny,
    /// There is no decision: the request was no review that could be read.
    None,
}

impl Decision {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Deny, Self::None];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::None => "none",
        }
    }
}

/// Why work was refused before it was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// Too many bytes of bodies are held.
    Bytes,
    /// The machine gives no more descriptors: no connection can be taken.
    Descriptors,
    /// Too many requests are being judged.
    Requests,
}

impl Shed {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Bytes, Self::Descriptors, Self::Requests];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Descriptors => "descriptors",
            Self::Requests => "requests",
        }
    }
}

/// What became of something that is told in an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventWrite {
    /// Too much was waiting already.
    Dropped,
    /// It could not be written.
    Failed,
    /// Too much was written shortly before.
    Limited,
    /// It was told already; it is counted and not written again yet.
    Repeated,
    /// It was written.
    Written,
}

impl EventWrite {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Dropped, Self::Failed, Self::Limited, Self::Repeated, Self::Written];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Failed => "failed",
            Self::Limited => "limited",
            Self::Repeated => "repeated",
            Self::Written => "written",
        }
    }
}

/// What is kept so that it need not be got again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Credentials that clouds give for their registries.
    CloudCredentials,
    /// The pull secrets of workloads.
    PullSecrets,
    /// The tokens of registries.
    RegistryTokens,
    /// What the ServiceAccounts of workloads list.
    ServiceAccounts,
}

impl Cache {
    /// Every cache.
    pub const ALL: [Self; 4] = [Self::CloudCredentials, Self::PullSecrets, Self::RegistryTokens, Self::ServiceAccounts];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudCredentials => "cloud_credentials",
            Self::PullSecrets => "pull_secrets",
            Self::RegistryTokens => "registry_tokens",
            Self::ServiceAccounts => "service_accounts",
        }
    }
}

/// How a connection ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The TLS handshake failed.
    Handshake,
    /// The TLS handshake took too long.
    HandshakeTime,
    /// What was sent is not HTTP/1.1, or the connection broke.
    Http,
    /// The client was too slow to send or to read.
    Slow,
}

impl Broken {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Handshake, Self::HandshakeTime, Self::Http, Self::Slow];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::HandshakeTime => "handshake_time",
            Self::Http => "http",
            Self::Slow => "slow",
        }
    }
}

/// Why a policy lets through what it seems to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leniency {
    /// A condition asks for nothing.
    EmptyCondition,
    /// Everything satisfies an authority, and one is enough.
    StaticPass,
    /// It only warns.
    WarnMode,
}

impl Leniency {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::EmptyCondition, Self::StaticPass, Self::WarnMode];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmptyCondition => "empty_condition",
            Self::StaticPass => "static_pass",
            Self::WarnMode => "warn_mode",
        }
    }
}

/// Whether anybody is asked about the images of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamespaceState {
    /// It is left out, whatever its labels say.
    LeftOut,
    /// It is protected.
    Protected,
    /// It has no label that asks for protection.
    Unlabelled,
}

impl NamespaceState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::LeftOut, Self::Protected, Self::Unlabelled];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            Self::Protected => "protected",
            Self::Unlabelled => "unlabelled",
        }
    }
}

/// What became of a trust root that comes from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustState {
    /// Its repository was read, and refused.
    Invalid,
    /// It has ended.
    Stale,
    /// Its repository could not be read yet.
    Unreachable,
    /// It is believed.
    Usable,
}

impl TrustState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Invalid, Self::Stale, Self::Unreachable, Self::Usable];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Stale => "stale",
            Self::Unreachable => "unreachable",
            Self::Usable => "usable",
        }
    }
}

/// What became of writing a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusWrite {
    /// Somebody else changed the object first; it is written again.
    Conflict,
    /// It could not be written; it is tried again.
    Failed,
    /// It was written.
    Written,
}

impl StatusWrite {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Conflict, Self::Failed, Self::Written];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Written => "written",
        }
    }
}

/// What became of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanOutcome {
    /// Too many were waiting already.
    Dropped,
    /// The collector has it.
    Exported,
    /// It could not be sent.
    Failed,
    /// The collector took others of the same request.
    Rejected,
}

impl SpanOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Dropped, Self::Exported, Self::Failed, Self::Rejected];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Exported => "exported",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }
}
