//! A token service (<https://distribution.github.io/distribution/spec/auth/token/>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;

use super::http::{Response, Seen};
use super::{Fault, Faulty};

/// A token service that knows who may read which repository. Faults can be put into it as into [`Faulty`].
pub(crate) struct TokenService {
    pub(crate) front: Faulty,
    tokens: Arc<Mutex<Tokens>>,
}

/// Accounts, and the tokens that were given.
#[derive(Default)]
pub(crate) struct Tokens {
    /// The repositories of each account, by the `Authorization` or refresh token that proves it; none is anyone.
    accounts: BTreeMap<Option<String>, BTreeSet<String>>,
    given: BTreeMap<String, Given>,
    expires_in: Option<u64>,
}

struct Given {
    account: Option<String>,
    repositories: BTreeSet<String>,
}

impl TokenService {
    pub(crate) async fn start() -> Self {
        let tokens = Arc::new(Mutex::new(Tokens::default()));
        let shared = Arc::clone(&tokens);
        let handler = Arc::new(move |request: Seen| {
            let answer = shared.lock().unwrap().answer(&request);
            async move { answer }.boxed()
        });
        Self { front: Faulty::serve(handler, None).await, tokens }
    }

    /// Its address, as challenges name it.
    pub(crate) fn realm(&self) -> String {
        format!("http://{}/token", self.front.address())
    }

    /// An account with a password.
    pub(crate) fn account(&self, user: &str, password: &str, repositories: &[&str]) -> &Self {
        self.proves(Some(basic(user, password)), repositories)
    }

    /// An account with an identity token.
    pub(crate) fn identity(&self, token: &str, repositories: &[&str]) -> &Self {
        self.proves(Some(token.to_owned()), repositories)
    }

    /// What anyone may read.
    pub(crate) fn anyone(&self, repositories: &[&str]) -> &Self {
        self.proves(None, repositories)
    }

    fn proves(&self, account: Option<String>, repositories: &[&str]) -> &Self {
        let repositories = repositories.iter().map(|&name| name.to_owned()).collect();
        self.tokens.lock().unwrap().accounts.insert(account, repositories);
        self
    }

    /// Says with each token that it lives so many seconds.
    pub(crate) fn expires_in(&self, seconds: u64) -> &Self {
        self.tokens.lock().unwrap().expires_in = Some(seconds);
        self
    }

    /// Makes every token that was given worthless.
    pub(crate) fn revoke(&self) -> &Self {
        self.tokens.lock().unwrap().given.clear();
        self
    }

    /// Breaks its answers from now on.
    pub(crate) fn breaks(&self, fault: Fault) -> &Self {
        self.front.on("/token", fault);
        self
    }

    /// Everything that was asked of it.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.front.seen()
    }

    /// The account that a token was given to, by what proved it.
    pub(crate) fn owner_of(&self, authorization: &str) -> Option<String> {
        let tokens = self.tokens.lock().unwrap();
        tokens.given.get(authorization.strip_prefix("Bearer ")?)?.account.clone()
    }

    pub(super) fn tokens(&self) -> Arc<Mutex<Tokens>> {
        Arc::clone(&self.tokens)
    }
}

impl Tokens {
    /// Whether `token` lets its bearer into `repository`.
    pub(super) fn covers(&self, token: &str, repository: &str) -> bool {
        self.given.get(token).is_some_and(|given| given.repositories.contains(repository))
    }

    fn answer(&mut self, request: &Seen) -> Response {
        let query = match request.method.as_str() {
            "POST" => String::from_utf8_lossy(&request.body).into_owned(),
            _ => request.path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default(),
        };
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let of =
            |name: &'static str| query.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.clone());
        let account = match request.method.as_str() {
            "POST" => of("refresh_token").next(),
            _ => request.header("authorization").map(str::to_owned),
        };
        let Some(repositories) = self.accounts.get(&account) else {
            return Response::new(401);
        };
        let asked: BTreeSet<_> = of("scope")
            .flat_map(|scopes| scopes.split(' ').map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|scope| scope.split(':').nth(1).map(str::to_owned))
            .collect();
        let token = format!("token-{}", self.given.len() + 1);
        let repositories = asked.intersection(repositories).cloned().collect();
        self.given.insert(token.clone(), Given { account, repositories });
        let body = match self.expires_in {
            Some(seconds) => serde_json::json!({ "token": token, "expires_in": seconds }),
            None => serde_json::json!({ "access_token": token }),
        };
        Response::new(200).header("content-type", "application/json").body(body.to_string().into_bytes())
    }
}

/// The header of a user and a password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
