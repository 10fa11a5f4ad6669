//! Bearer tokens: obtained from the service that a registry names, and kept for whoever obtained them.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/> and
//! <https://distribution.github.io/distribution/spec/auth/oauth/>.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::challenge::Bearer;
use super::clock;
use super::credential::{Credential, CredentialId, Hidden, Secret};
use super::host::lock;
use super::requests::RequestKind;
use super::transport::{Ask, Failure, Transport};
use super::zone::{Origin, authority};
use crate::evidence::{Unasked, UnaskedKind};
use crate::image::Repository;
use crate::limits;
use crate::telemetry::{CacheState, CacheUses};

/// How long before its end a token counts as ended, so that it does not end on the way.
const MARGIN: Duration = Duration::from_secs(5);

/// The tokens of one process, each for one repository, one kind of access, and one credential or none: what a token was
/// obtained with is what it may be used for.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    pub(super) uses: CacheUses,
}

/// Whose token it is, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) repository: Repository,
    pub(super) scope: String,
    pub(super) credential: Option<CredentialId>,
}

/// The place of one token. Whoever finds it empty holds it while asking, so that many requests ask once.
pub(super) type Slot = tokio::sync::Mutex<Option<Token>>;

/// A bearer token. Its `Debug` prints nothing of it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// The header that carries it, marked sensitive.
    pub(super) header: HeaderValue,
    until: Instant,
}

impl Token {
    /// Whether it can still be used.
    pub(super) fn is_alive(&self) -> bool {
        self.until > clock::now()
    }
}

impl Tokens {
    /// The place of the token of `key`.
    pub(super) fn slot(&self, key: Key) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        if slots.len() >= limits::TOKENS && !slots.contains_key(&key) {
            slots.retain(|_, slot| match slot.try_lock() {
                Ok(token) => token.as_ref().is_some_and(Token::is_alive),
                Err(_) => true,
            });
            if slots.len() >= limits::TOKENS {
                slots.clear();
            }
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// What they were good for so far, and how many are kept.
    pub(super) fn state(&self) -> CacheState {
        let slots = lock(&self.slots);
        // Where somebody holds the place, a token is on its way.
        let is_kept = |slot: &&Arc<Slot>| slot.try_lock().map_or(true, |token| token.is_some());
        self.uses.state(slots.values().filter(is_kept).count())
    }
}

/// Asks the token service of `bearer`, which `from` named, for a token.
///
/// # Errors
/// When the realm is not one to go to, or the service refuses or cannot be asked.
pub(super) async fn obtain(
    transport: &Transport,
    from: Origin<'_>,
    bearer: &Bearer,
    scopes: &[String],
    credential: Option<&Credential>,
    deadline: Instant,
) -> Result<Token, Failure> {
    let mut url = Url::parse(&bearer.realm).map_err(|_| {
        Unasked::new(UnaskedKind::Refused, format!("`{}` names a realm that is no address", authority(from.url)))
    })?;
    let reach = transport.exceptions().follow(from, &url)?;
    if credential.is_some_and(|credential| !credential.may_go_to(&url)) {
        let why = format!("`{}` names a token service of somebody else than its cloud", authority(from.url));
        return Err(Unasked::new(UnaskedKind::Refused, why).into());
    }
    url.set_fragment(None);
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut body = Bytes::new();
    let mut method = Method::GET;
    if let Some(Secret::Identity(token)) = credential.map(Credential::secret) {
        method = Method::POST;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token").append_pair("client_id", "countersign");
        form.append_pair("refresh_token", token);
        if let Some(service) = &bearer.service {
            form.append_pair("service", service);
        }
        form.append_pair("scope", &scopes.join(" "));
        body = Bytes::from(form.finish());
    } else {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &bearer.service {
            query.append_pair("service", service);
        }
        for scope in scopes {
            query.append_pair("scope", scope);
        }
        drop(query);
        if let Some(header) = credential.and_then(basic) {
            headers.insert(AUTHORIZATION, header);
        }
    }
    let service = authority(&url);
    let ask = Ask {
        kind: RequestKind::Token,
        method,
        url,
        headers,
        body,
        reach,
        ceiling: limits::SMALL_ANSWER_BYTES,
        redirects: false,
        repeats: true,
        repository: None,
    };
    let reply = transport.send(ask, deadline).await.map_err(|failure| match failure {
        Failure::NoTls(why) | Failure::Unasked(why) => Failure::Unasked(why),
        Failure::TooLong => unusable(&service, "more than a token").into(),
    })?;
    match reply.status.as_u16() {
        200 => read(&reply.body, &service),
        400 | 401 | 403 => Err(Unasked::new(
            UnaskedKind::Unauthorized,
            format!("the token service `{service}` refuses with {}", reply.status.as_u16()),
        )
        .into()),
        status => Err(unusable(&service, &status.to_string()).into()),
    }
}

/// The header of user name and password, if the credential is one.
pub(super) fn basic(credential: &Credential) -> Option<HeaderValue> {
    match credential.secret() {
        Secret::Basic { user, password } => {
            let pair = Zeroizing::new(format!("{user}:{}", password.as_str()));
            sensitive(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
        }
        Secret::Bearer(_) | Secret::Identity(_) => None,
    }
}

/// The header of a bearer token.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    if token.is_empty() || token.len() > limits::TOKEN_BYTES || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn read(body: &[u8], service: &str) -> Result<Token, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        token: Option<Hidden>,
        #[serde(default)]
        access_token: Option<Hidden>,
        #[serde(default)]
        expires_in: Option<serde_json::Value>,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| unusable(service, "no token"))?;
    let Hidden(token) = answer
        .token
        .filter(|token| !token.0.is_empty())
        .or(answer.access_token)
        .ok_or_else(|| unusable(service, "no token"))?;
    let header = bearer(&token).ok_or_else(|| unusable(service, "no token that can be sent"))?;
    let life = match answer.expires_in.and_then(|seconds| seconds.as_u64()) {
        None | Some(0) => limits::UNSTATED_TOKEN_LIFE,
        Some(seconds) => Duration::from_secs(seconds).min(limits::TOKEN_LIFE),
    };
    let now = clock::now();
    Ok(Token { header, until: now.checked_add(life.saturating_sub(MARGIN)).unwrap_or(now) })
}

fn unusable(service: &str, what: &str) -> Unasked {
    Unasked::new(UnaskedKind::Unavailable, format!("the token service `{service}` answers with {what}"))
}
