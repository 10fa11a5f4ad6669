//! What a registry takes as proof of who asks.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use aws_lc_rs::hmac;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::cloud::Cloud;

/// A credential for one registry or repository. Its `Debug` prints `****`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    secret: Secret,
    /// The cloud whose hosts alone may see it; none where it is for whoever it was chosen for.
    cloud: Option<Cloud>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Secret {
    Basic { user: String, password: Zeroizing<String> },
    Bearer(Zeroizing<String>),
    Identity(Zeroizing<String>),
}

/// A secret in a document.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct Hidden(pub(super) Zeroizing<String>);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Credential {
    /// A user name and a password, or an access token in its place.
    pub fn basic(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::of(Secret::Basic { user: user.into(), password: Zeroizing::new(password.into()) })
    }

    /// A bearer token that the registry itself takes: docker's `registrytoken`.
    pub fn bearer(token: impl Into<String>) -> Self {
        Self::of(Secret::Bearer(Zeroizing::new(token.into())))
    }

    /// An identity token, for which the registry's token service gives a bearer token: docker's `identitytoken`
    /// (<https://distribution.github.io/distribution/spec/auth/oauth/>).
    pub fn identity(token: impl Into<String>) -> Self {
        Self::of(Secret::Identity(Zeroizing::new(token.into())))
    }

    fn of(secret: Secret) -> Self {
        Self { secret, cloud: None }
    }

    /// The same, for hosts of `cloud` alone: no token service elsewhere sees it, whoever names it.
    #[must_use]
    pub fn only_for(self, cloud: Cloud) -> Self {
        Self { cloud: Some(cloud), ..self }
    }

    /// Whether it may be sent to `url`.
    pub(super) fn may_go_to(&self, url: &Url) -> bool {
        self.cloud.is_none_or(|cloud| cloud.owns(url))
    }

    /// What tells this credential from others, without saying what it is. Equal credentials have equal ones in one run
    /// of the program. Whatever is cached under a credential is kept under this.
    pub fn id(&self) -> CredentialId {
        let mut context = hmac::Context::with_key(&KEY);
        let parts: [&str; 3] = match &self.secret {
            Secret::Basic { user, password } => ["basic", user, password],
            Secret::Bearer(token) => ["bearer", "", token],
            Secret::Identity(token) => ["identity", "", token],
        };
        for part in parts {
            // The length in front keeps `("a", "bc")` apart from `("ab", "c")`.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut id = [0; 32];
        id.copy_from_slice(context.sign().as_ref());
        CredentialId(id)
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(****)")
    }
}

/// The identity of a [`Credential`]: a keyed hash that says nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId([u8; 32]);

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialId(****)")
    }
}

/// A key of this run, so that an identity that leaks does not help to guess a password. The randomness is the standard
/// library's, which cannot fail.
static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    let mut key = [0; 32];
    for chunk in key.chunks_exact_mut(8) {
        let random = RandomState::new().hash_one(chunk.len());
        chunk.copy_from_slice(&random.to_le_bytes());
    }
    hmac::Key::new(hmac::HMAC_SHA256, &key)
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_of_its_secret() {
        for credential in
            [Credential::basic("alice", "hunter2"), Credential::bearer("hunter2"), Credential::identity("hunter2")]
        {
            let printed = format!("{credential:?} {:?}", credential.id());
            assert_eq!(printed, "Credential(****) CredentialId(****)");
        }
    }

    #[test]
    fn every_difference_makes_another_identity() {
        let all = [
            Credential::basic("a", "bc"),
            Credential::basic("ab", "c"),
            Credential::basic("", "abc"),
            Credential::bearer("abc"),
            Credential::identity("abc"),
        ];
        for (at, one) in all.iter().enumerate() {
            for (other_at, other) in all.iter().enumerate() {
                assert_eq!(one.id() == other.id(), at == other_at);
            }
        }
        assert_eq!(Credential::basic("a", "b").id(), Credential::basic("a", "b").id());
    }
}
