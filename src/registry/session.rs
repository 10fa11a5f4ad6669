//! Questions about one repository, asked with the credentials that a keychain has for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::challenge::Challenge;
use super::client::Inner;
use super::credential::{Credential, Secret};
use super::host::{AsksFor, Host, Scheme};
use super::requests::RequestKind;
use super::token::{self, Key, Slot};
use super::transport::{Ask, Failure, Reply};
use super::zone::{Origin, Reach, authority};
use super::{Keychain, clock};
use crate::evidence::{Unasked, UnaskedKind};
use crate::image::{Registry, Repository};
use crate::limits;

/// One repository, and everything that is asked of it with one set of credentials before one deadline.
pub(super) struct Session<'a> {
    inner: &'a Inner,
    repository: &'a Repository,
    host: Arc<Host>,
    scope: String,
    /// The rights without which it cannot be done; empty where reading is all.
    rights: &'static str,
    keys: &'a dyn Keychain,
    credentials: Vec<Option<Credential>>,
    /// What the keychain has once all of them were refused; asked for once.
    renewed: OnceCell<Vec<Option<Credential>>>,
    /// The credential that was accepted last, before any was renewed: the next question starts with it.
    accepted: AtomicUsize,
    /// How far a connection to the registry may go.
    reach: Result<Reach, Unasked>,
    deadline: Instant,
}

/// What a question is allowed to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access<'a> {
    /// Read, write and delete.
    Delete,
    /// Read.
    Pull,
    /// Read and write.
    Push,
    /// Read and write, and take blobs of another repository.
    PushFrom(&'a Repository),
}

/// A question to the registry.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) kind: RequestKind,
    pub(super) method: Method,
    pub(super) place: Place,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) ceiling: usize,
    pub(super) redirects: bool,
    pub(super) repeats: bool,
}

/// Where to ask.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// What stands behind `/v2/<name>/`.
    Path(String),
    /// An address that the registry gave, and that was found to be its own.
    Url(Url),
}

impl Question {
    /// Reads what stands behind `/v2/<name>/`, of at most `ceiling` bytes.
    pub(super) fn get(kind: RequestKind, path: String, ceiling: usize) -> Self {
        Self {
            kind,
            method: Method::GET,
            place: Place::Path(path),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            ceiling,
            redirects: true,
            repeats: true,
        }
    }
}

impl<'a> Session<'a> {
    /// Gets the credentials of `keys` for `repository`.
    pub(super) async fn open(
        inner: &'a Inner,
        repository: &'a Repository,
        access: Access<'_>,
        keys: &'a dyn Keychain,
        deadline: Instant,
    ) -> Self {
        let credentials = in_turn(keys.credentials(repository).await);
        let path = repository.path();
        let scope = match access {
            Access::Delete => format!("repository:{path}:pull,push,delete"),
            Access::Pull => format!("repository:{path}:pull"),
            Access::Push => format!("repository:{path}:pull,push"),
            Access::PushFrom(from) => format!("repository:{path}:pull,push repository:{}:pull", from.path()),
        };
        let rights = match access {
            Access::Delete => "the rights to read, write and delete",
            Access::Pull => "",
            Access::Push | Access::PushFrom(_) => "the rights to read and write",
        };
        Self {
            rights,
            inner,
            repository,
            host: inner.transport.hosts().of(api_host(repository.registry())),
            scope,
            keys,
            credentials,
            renewed: OnceCell::new(),
            accepted: AtomicUsize::new(0),
            reach: inner.transport.exceptions().named(repository.registry()),
            deadline,
        }
    }

    /// The repository that is asked.
    pub(super) fn repository(&self) -> &'a Repository {
        self.repository
    }

    /// The registry that is asked.
    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Asks. A reply of 401 or 403 is never returned: it is an error once every credential was refused.
    ///
    /// # Errors
    /// When there is no answer that may be read.
    pub(super) async fn ask(&self, question: &Question) -> Result<Reply, Failure> {
        let scheme = self.host.scheme().unwrap_or(Scheme::Https);
        let plain = self.inner.transport.exceptions().allow_plain_http(self.repository.registry());
        match self.ask_over(scheme, question).await {
            Err(Failure::NoTls(_)) if plain && scheme == Scheme::Https => {
                self.host.speaks(Scheme::Http);
                self.ask_over(Scheme::Http, question).await
            }
            Err(Failure::NoTls(why)) => {
                self.inner.transport.rest(&self.host, &why);
                Err(Failure::Unasked(why))
            }
            Ok(reply) => {
                if plain && scheme == Scheme::Https {
                    self.host.speaks(Scheme::Https);
                }
                Ok(reply)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Tries one credential after the other, until one is accepted; and once more with what the keychain has then.
    async fn ask_over(&self, scheme: Scheme, question: &Question) -> Result<Reply, Failure> {
        let url = self.address(scheme, &question.place)?;
        if let Some(renewed) = self.renewed.get() {
            return self.ask_with(renewed, &url, question).await?.map_err(|refusal| self.refused(renewed, refusal));
        }
        let refusal = match self.ask_with(&self.credentials, &url, question).await? {
            Ok(reply) => return Ok(reply),
            Err(refusal) => refusal,
        };
        let renew = || async { self.keys.renewed(self.repository).await.map(in_turn).ok_or(()) };
        match self.renewed.get_or_try_init(renew).await {
            Ok(renewed) if *renewed != self.credentials => {
                self.ask_with(renewed, &url, question).await?.map_err(|refusal| self.refused(renewed, refusal))
            }
            Ok(_) | Err(()) => Err(self.refused(&self.credentials, refusal)),
        }
    }

    /// The reply to the first of `credentials` that is accepted, or how the last was refused.
    async fn ask_with(
        &self,
        credentials: &[Option<Credential>],
        url: &Url,
        question: &Question,
    ) -> Result<Result<Reply, Option<String>>, Failure> {
        let first = self.accepted.load(Ordering::Relaxed);
        let mut refusal = None;
        for (at, credential) in credentials.iter().enumerate().cycle().skip(first).take(credentials.len()) {
            match self.ask_as(credential.as_ref(), url, question).await {
                Ok(reply) if !matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                    self.accepted.store(at, Ordering::Relaxed);
                    return Ok(Ok(reply));
                }
                Ok(reply) if reply.redirected => return Err(self.unexpected(&reply).into()),
                Ok(reply) => {
                    let code = error_code(&reply.body).map(|code| format!(" ({code})")).unwrap_or_default();
                    let status = reply.status.as_u16();
                    refusal = Some(format!("`{}` refuses access with {status}{code}", self.repository));
                }
                Err(Failure::Unasked(why)) if why.kind() == UnaskedKind::Unauthorized => {
                    refusal = Some(format!("`{}` refuses access: {why}", self.repository));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(Err(refusal))
    }

    /// That none of `credentials` was accepted, and why there may be too few of them.
    fn refused(&self, credentials: &[Option<Credential>], refusal: Option<String>) -> Failure {
        let mut text = refusal.unwrap_or_else(|| format!("`{}` refuses access", self.repository));
        if let [None] = credentials {
            text.push_str("; there are no credentials for it");
        }
        if !self.rights.is_empty() {
            text.push_str(&format!("; it takes {} there", self.rights));
        }
        for trouble in self.keys.troubles(self.repository) {
            text.push_str("; ");
            text.push_str(&trouble);
        }
        Unasked::new(UnaskedKind::Unauthorized, text).into()
    }

    /// Asks with one credential, and once more with what the registry wants to see of it.
    async fn ask_as(&self, credential: Option<&Credential>, url: &Url, question: &Question) -> Result<Reply, Failure> {
        // A registry of a cloud that an administrator lists for plain HTTP sees nothing of its credentials.
        let credential = credential.filter(|credential| credential.may_go_to(url));
        let slot = self.inner.tokens.slot(Key {
            repository: self.repository.clone(),
            scope: self.scope.clone(),
            credential: credential.map(Credential::id),
        });
        let tried = self.known_header(credential, &slot, url).await?;
        let reply = self.send(url, question, tried.clone()).await?;
        if reply.status != StatusCode::UNAUTHORIZED || reply.redirected {
            return Ok(reply);
        }
        let Some(asks_for) = self.asks_for(&reply)? else {
            return Ok(reply);
        };
        let header = match (&asks_for, credential.map(Credential::secret)) {
            (_, Some(Secret::Bearer(_))) => None,
            (AsksFor::Basic, _) => credential.and_then(token::basic).filter(|header| Some(header) != tried.as_ref()),
            (AsksFor::Bearer(bearer, _), _) => {
                let scopes = self.scopes(bearer.scope.as_deref());
                Some(self.token(&slot, tried.as_ref(), reply.origin(), &asks_for, &scopes, credential).await?)
            }
        };
        let Some(header) = header else {
            return Ok(reply);
        };
        self.host.asked_for(asks_for);
        self.send(url, question, Some(header)).await
    }

    /// The header to start with: a token that is there or can be had, where it is known how the registry asks.
    async fn known_header(
        &self,
        credential: Option<&Credential>,
        slot: &Slot,
        url: &Url,
    ) -> Result<Option<HeaderValue>, Failure> {
        if let Some(Secret::Bearer(token)) = credential.map(Credential::secret) {
            return Ok(token::bearer(token));
        }
        match self.host.asks_for() {
            None => Ok(None),
            Some(AsksFor::Basic) => Ok(credential.and_then(token::basic)),
            Some(AsksFor::Bearer(bearer, zone)) => {
                let origin = Origin { url, zone, reach: self.reach.clone()? };
                let scopes = self.scopes(None);
                let asks_for = AsksFor::Bearer(bearer, zone);
                match self.token(slot, None, origin, &asks_for, &scopes, credential).await {
                    Ok(header) => Ok(Some(header)),
                    // The repository may be open to everyone, or want another token: its own answer says.
                    Err(Failure::Unasked(why)) if why.kind() == UnaskedKind::Unauthorized => Ok(None),
                    Err(failure) => Err(failure),
                }
            }
        }
    }

    /// The token in `slot`, or a new one where there is none but the one that was just refused.
    async fn token(
        &self,
        slot: &Slot,
        refused: Option<&HeaderValue>,
        from: Origin<'_>,
        asks_for: &AsksFor,
        scopes: &[String],
        credential: Option<&Credential>,
    ) -> Result<HeaderValue, Failure> {
        let mut held = slot.lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.is_alive() && Some(&token.header) != refused) {
            self.inner.tokens.uses.hit();
            return Ok(token.header.clone());
        }
        *held = None;
        let AsksFor::Bearer(bearer, _) = asks_for else {
            return Err(Unasked::new(UnaskedKind::Unauthorized, "no token is asked for").into());
        };
        self.inner.tokens.uses.missed();
        let token = token::obtain(&self.inner.transport, from, bearer, scopes, credential, self.deadline).await?;
        Ok(held.insert(token).header.clone())
    }

    /// What the token has to allow. A registry behind a proxy may know its repositories by other names than its users,
    /// so that its own word counts for reading; some ask for too little when it comes to writing.
    fn scopes(&self, named: Option<&str>) -> Vec<String> {
        let own = self.scope.split(' ').map(str::to_owned);
        let named: Vec<String> = named.into_iter().flat_map(|named| named.split(' ')).map(str::to_owned).collect();
        if named.is_empty() || self.scope.contains("push") {
            let mut scopes: Vec<_> = own.collect();
            scopes.extend(named.into_iter().filter(|named| !self.scope.contains(named.as_str())));
            scopes
        } else {
            named
        }
    }

    /// How the registry asks for credentials in a 401; none where it does not say, or in no way that is known.
    fn asks_for(&self, reply: &Reply) -> Result<Option<AsksFor>, Unasked> {
        let mut basic = false;
        for header in reply.headers.get_all(WWW_AUTHENTICATE) {
            let challenges = Challenge::parse(header.as_bytes())
                .map_err(|error| Unasked::new(UnaskedKind::Refused, format!("`{}`: {error}", self.host.name())))?;
            for challenge in challenges {
                match challenge {
                    Challenge::Basic => basic = true,
                    Challenge::Bearer(bearer) => return Ok(Some(AsksFor::Bearer(bearer, reply.zone))),
                    Challenge::Other(_) => {}
                }
            }
        }
        Ok(basic.then_some(AsksFor::Basic))
    }

    async fn send(&self, url: &Url, question: &Question, header: Option<HeaderValue>) -> Result<Reply, Failure> {
        let mut headers = question.headers.clone();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header);
        }
        let ask = Ask {
            kind: question.kind,
            method: question.method.clone(),
            url: url.clone(),
            headers,
            body: question.body.clone(),
            reach: self.reach.clone()?,
            ceiling: question.ceiling,
            redirects: question.redirects,
            repeats: question.repeats,
            repository: Some(self.repository.path().to_owned()),
        };
        self.inner.transport.send(ask, self.deadline).await
    }

    fn address(&self, scheme: Scheme, place: &Place) -> Result<Url, Failure> {
        let path = match place {
            Place::Path(path) => path,
            Place::Url(url) => return Ok(url.clone()),
        };
        let text = format!("{}://{}/v2/{}/{path}", scheme.as_str(), self.host.name(), self.repository.path());
        Url::parse(&text).map_err(|_| {
            Unasked::new(UnaskedKind::Unavailable, format!("`{}` is no address", self.repository.registry())).into()
        })
    }

    /// A reply with a status that the question does not have.
    pub(super) fn unexpected(&self, reply: &Reply) -> Unasked {
        let code = error_code(&reply.body).map(|code| format!(" ({code})")).unwrap_or_default();
        let status = reply.status.as_u16();
        Unasked::new(UnaskedKind::Unavailable, format!("`{}` answers with {status}{code}", authority(&reply.url)))
    }
}

/// What is tried in turn: nothing, where there are no credentials.
fn in_turn(credentials: Vec<Credential>) -> Vec<Option<Credential>> {
    let mut credentials: Vec<_> = credentials.into_iter().map(Some).collect();
    credentials.truncate(limits::CREDENTIALS_PER_REPOSITORY);
    if credentials.is_empty() {
        credentials.push(None);
    }
    credentials
}

/// Holds `work` against the deadline. With one that has passed, nothing is asked.
///
/// # Errors
/// Those of `work`, or that the deadline came first.
pub(super) async fn within<T, E: From<Unasked>>(
    repository: &Repository,
    deadline: Instant,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let late = || {
        Unasked::new(UnaskedKind::Deadline, format!("`{}` did not answer before the deadline", repository.registry()))
    };
    if clock::now() >= deadline {
        return Err(late().into());
    }
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(late().into()))
}

/// The first error code of a body of the distribution specification, as in `MANIFEST_UNKNOWN`
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>).
pub(super) fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Coded>,
    }
    #[derive(Deserialize)]
    struct Coded {
        code: String,
    }
    let errors: Errors = serde_json::from_slice(body).ok()?;
    let code = errors.errors.into_iter().next()?.code;
    let is_code = |code: &str| {
        !code.is_empty()
            && code.len() <= 64
            && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    is_code(&code).then_some(code)
}

/// The host at which a registry has its interface.
fn api_host(registry: &Registry) -> &str {
    if registry.is_docker_hub() { "registry-1.docker.io" } else { registry.as_str() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_are_taken_from_error_bodies() {
        let rows = [
            (r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"x","detail":{}}]}"#, Some("MANIFEST_UNKNOWN")),
            (r#"{"errors":[{"code":"evil\ntext"}]}"#, None),
            (r#"{"errors":[{"code":""}]}"#, None),
            (r#"{"errors":[]}"#, None),
            (r#"{"errors":"x"}"#, None),
            ("<html>", None),
            ("", None),
        ];
        for (body, code) in rows {
            assert_eq!(error_code(body.as_bytes()).as_deref(), code, "{body}");
        }
    }
}
