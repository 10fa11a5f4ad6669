//! A server that stands in front of another one and breaks what it is told to break.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use countersign::image::{ImageRef, Registry, Repository};
use countersign::{demo, image};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::http::{Response, Seen, Wire, read_request, read_response};
use super::token::Tokens;
use super::{Fault, TokenService, spawn, tls};

/// A registry with faults. It runs until it is dropped.
///
/// ```text
/// let front = Faulty::in_front_of(&demo).await;
/// front.on("GET /v2/app/manifests/", Fault::Status(500));      // from now on
/// front.once("/blobs/", Fault::Truncate);                       // the next one only
/// front.sequence("/referrers/", [Fault::Status(503), Fault::Pass]);
/// front.nth(2, Fault::Reset);                                   // the third request of all
/// assert_eq!(front.count("/blobs/"), 1);
/// ```
pub(crate) struct Faulty {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    guard: Mutex<Guard>,
}

struct Rule {
    matches: Matches,
    faults: VecDeque<Fault>,
    /// Whether the last of the faults stays.
    stays: bool,
}

enum Matches {
    /// The method and path hold this text.
    Line(String),
    /// It is the request with this number.
    Number(usize),
    /// The method and path are this text.
    Whole(String),
}

/// Who may ask.
#[derive(Default)]
enum Guard {
    /// Everyone.
    #[default]
    Open,
    /// Whoever sends this header.
    Basic(String),
    /// Whoever has a token of this service for the repository.
    Bearer { realm: String, tokens: Arc<Mutex<Tokens>> },
}

/// Makes the true answer to a request.
pub(super) type Handler = Arc<dyn Fn(Seen) -> BoxFuture<'static, Response> + Send + Sync>;

impl Faulty {
    /// Stands in front of `registry`.
    pub(crate) async fn in_front_of(registry: &demo::Running) -> Self {
        Self::serve(forward(registry.address()), None).await
    }

    /// Stands in front of `registry` and speaks TLS as `identity`.
    pub(crate) async fn with_tls(registry: &demo::Running, identity: &tls::Identity) -> Self {
        Self::with_tls_at(registry.address(), identity).await
    }

    /// Stands in front of what is at `address` and speaks TLS as `identity`.
    pub(crate) async fn with_tls_at(address: SocketAddr, identity: &tls::Identity) -> Self {
        Self::serve(forward(address), Some(identity.acceptor())).await
    }

    /// A server of one document, that speaks TLS as `identity`.
    pub(crate) async fn of_document(document: &str, identity: &tls::Identity) -> Self {
        let document = document.as_bytes().to_vec();
        let handler = Arc::new(move |_: Seen| {
            let answer = Response::new(200).header("content-type", "text/plain").body(document.clone());
            async move { answer }.boxed()
        });
        Self::serve(handler, Some(identity.acceptor())).await
    }

    /// A server whose true answers `handler` makes.
    pub(super) async fn serve(handler: Handler, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let accepting = spawn(accept(listener, Arc::clone(&shared), handler, tls));
        Self { address, shared, accepting }
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn registry(&self) -> Registry {
        self.address.to_string().parse().expect("an address is a registry")
    }

    pub(crate) fn repository(&self, path: &str) -> Repository {
        Repository::new(self.registry(), path).expect("a path of a repository")
    }

    /// `name` of this registry: `app:v1`.
    pub(crate) fn image(&self, name: &str) -> ImageRef {
        format!("{}/{name}", self.address).parse().expect("a reference")
    }

    /// The image `digest` of this registry.
    pub(crate) fn pinned(&self, digest: &image::ImageDigest) -> image::ImageDigest {
        image::ImageDigest::new(self.repository(digest.repository().path()), digest.digest())
    }

    /// Breaks every request whose `METHOD /path` holds `text`, from now on.
    pub(crate) fn on(&self, text: &str, fault: Fault) -> &Self {
        self.rule(Matches::Line(text.to_owned()), [fault], true)
    }

    /// Breaks the next request whose `METHOD /path` holds `text`.
    pub(crate) fn once(&self, text: &str, fault: Fault) -> &Self {
        self.rule(Matches::Line(text.to_owned()), [fault], false)
    }

    /// Breaks the next requests whose `METHOD /path` holds `text`, each in its own way.
    pub(crate) fn sequence(&self, text: &str, faults: impl IntoIterator<Item = Fault>) -> &Self {
        self.rule(Matches::Line(text.to_owned()), faults, false)
    }

    /// Breaks every request whose `METHOD /path` is `line`, but the next `first` of them.
    pub(crate) fn after(&self, first: usize, line: &str, fault: Fault) -> &Self {
        let faults = std::iter::repeat_n(Fault::Pass, first).chain([fault]);
        self.rule(Matches::Whole(line.to_owned()), faults, true)
    }

    /// Breaks the request with this number, from 0, of all that arrive. Repetitions have numbers of their own, and are
    /// broken as well where they ask the same.
    pub(crate) fn nth(&self, number: usize, fault: Fault) -> &Self {
        self.rule(Matches::Number(number), [fault], true)
    }

    fn rule(&self, matches: Matches, faults: impl IntoIterator<Item = Fault>, stays: bool) -> &Self {
        let faults = faults.into_iter().collect();
        self.shared.rules.lock().unwrap().push(Rule { matches, faults, stays });
        self
    }

    /// Breaks nothing any more, and forgets what was seen.
    pub(crate) fn heal(&self) -> &Self {
        self.shared.rules.lock().unwrap().clear();
        self.shared.seen.lock().unwrap().clear();
        self
    }

    /// Asks for this user and password.
    pub(crate) fn asks_for_password(&self, user: &str, password: &str) -> &Self {
        *self.shared.guard.lock().unwrap() = Guard::Basic(super::token::basic(user, password));
        self
    }

    /// Asks for tokens of `service`.
    pub(crate) fn asks_for_token(&self, service: &TokenService) -> &Self {
        self.asks_for_token_at(service, &service.realm())
    }

    /// Asks for tokens of `service`, which it says is at `realm`.
    pub(crate) fn asks_for_token_at(&self, service: &TokenService, realm: &str) -> &Self {
        let (realm, tokens) = (realm.to_owned(), service.tokens());
        *self.shared.guard.lock().unwrap() = Guard::Bearer { realm, tokens };
        self
    }

    /// Everything that was asked.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests there were whose `METHOD /path` holds `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line().contains(text)).count()
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// Notes the request, and says what is to become of its answer.
    fn fault(&self, request: &Seen) -> Fault {
        let mut seen = self.seen.lock().unwrap();
        let number = seen.len();
        seen.push(request.clone());
        let mut rules = self.rules.lock().unwrap();
        for rule in rules.iter_mut() {
            if let Matches::Number(wanted) = rule.matches
                && wanted == number
            {
                rule.matches = Matches::Line(request.line());
            }
            let matches = match &rule.matches {
                Matches::Line(text) => request.line().contains(text.as_str()),
                Matches::Number(_) => false,
                Matches::Whole(line) => request.line() == *line,
            };
            match rule.faults.front() {
                Some(last) if matches && rule.stays && rule.faults.len() == 1 => return last.clone(),
                Some(_) if matches => return rule.faults.pop_front().expect("it was there"),
                Some(_) | None => {}
            }
        }
        Fault::Pass
    }

    /// The answer to a request of someone who may not ask.
    fn refuse(&self, request: &Seen) -> Option<Response> {
        let authorization = request.header("authorization");
        match &*self.guard.lock().unwrap() {
            Guard::Open => None,
            Guard::Basic(header) => (authorization != Some(header))
                .then(|| Response::new(401).header("www-authenticate", "Basic realm=\"a registry\"")),
            Guard::Bearer { realm, tokens } => {
                let repository = repository_of(&request.path);
                let action = if matches!(request.method.as_str(), "GET" | "HEAD") { "pull" } else { "pull,push" };
                let held = authorization.and_then(|header| header.strip_prefix("Bearer "));
                let is_enough = held.is_some_and(|token| tokens.lock().unwrap().covers(token, &repository));
                (!is_enough).then(|| {
                    let challenge =
                        format!("Bearer realm=\"{realm}\",service=\"test\",scope=\"repository:{repository}:{action}\"");
                    Response::new(401)
                        .header("www-authenticate", challenge)
                        .body(br#"{"errors":[{"code":"UNAUTHORIZED"}]}"#.to_vec())
                })
            }
        }
    }
}

fn repository_of(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default().trim_start_matches("/v2/");
    ["/blobs/", "/manifests/", "/referrers/", "/tags/"]
        .iter()
        .find_map(|word| path.split_once(word))
        .map_or(path, |(name, _)| name)
        .to_owned()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, handler: Handler, tls: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, handler, tls) = (Arc::clone(&shared), Arc::clone(&handler), tls.clone());
        drop(spawn(async move {
            let mut wire = match tls {
                None => Wire::Plain(stream),
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => Wire::Tls(Box::new(stream)),
                    Err(_) => return,
                },
            };
            let Some(request) = read_request(&mut wire).await else {
                // What a server without TLS says to a handshake.
                let _ = wire.write_all(&Response::new(400).bytes()).await;
                return;
            };
            let fault = shared.fault(&request);
            let answer = match shared.refuse(&request) {
                Some(refusal) => refusal,
                None => handler(request).await,
            };
            fault.write(&mut wire, answer).await;
        }));
    }
}

/// Passes requests on to `address`.
fn forward(address: SocketAddr) -> Handler {
    Arc::new(move |request| {
        async move {
            let mut upstream = TcpStream::connect(address).await.expect("the registry behind");
            let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", request.method, request.path);
            for (name, value) in request.headers.iter().filter(|(name, _)| name != "connection") {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            upstream.write_all(head.as_bytes()).await.expect("a request to the registry behind");
            upstream.write_all(&request.body).await.expect("its body");
            read_response(&mut upstream, request.method == "HEAD").await.expect("its answer")
        }
        .boxed()
    })
}
