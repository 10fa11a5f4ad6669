//! One request and its answer: bounded, repeated where that helps, redirected where that is safe.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::{Instant, sleep};
use url::Url;

use super::barred::Barred;
use super::body::{self, BodyError};
use super::client::{ClientError, Options};
use super::host::{Host, Hosts};
use super::proxy;
use super::requests::{Outcome, RequestKind, Sent};
use super::resolver::Guarded;
use super::retry_after::retry_after;
use super::trouble::{self, Trouble};
use super::zone::{Exceptions, Origin, Reach, Zone, authority, same_origin};
use super::{clock, tls, traced};
use crate::cloud::Proxy;
use crate::evidence::{Unasked, UnaskedKind};
use crate::limits;
use crate::telemetry::RegistryTimes;

/// The connections, and what is known of the hosts at their other ends.
pub(super) struct Transport {
    clients: Clients,
    /// Those that ask at a port where an address is barred.
    guarded: BTreeMap<u16, Clients>,
    /// The proxy, where there is one, and the client that speaks to it.
    by_proxy: Option<(Proxy, reqwest::Client)>,
    exceptions: Exceptions,
    hosts: Hosts,
    rest: Duration,
    retry_wait: Duration,
    times: Option<RegistryTimes>,
}

/// Who asks, by how far it may go.
struct Clients {
    anywhere: reqwest::Client,
    named: reqwest::Client,
    from_loopback: reqwest::Client,
    from_private: reqwest::Client,
    from_public: reqwest::Client,
}

impl Clients {
    fn new(client: impl Fn(Reach) -> Result<reqwest::Client, ClientError>) -> Result<Self, ClientError> {
        Ok(Self {
            anywhere: client(Reach::Anywhere)?,
            named: client(Reach::Named)?,
            from_loopback: client(Reach::FromLoopback)?,
            from_private: client(Reach::FromPrivate)?,
            from_public: client(Reach::FromPublic)?,
        })
    }

    fn going(&self, reach: Reach) -> &reqwest::Client {
        match reach {
            Reach::Anywhere => &self.anywhere,
            Reach::Named => &self.named,
            Reach::FromLoopback => &self.from_loopback,
            Reach::FromPrivate => &self.from_private,
            Reach::FromPublic => &self.from_public,
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// What it asks for.
    pub(super) kind: RequestKind,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How far the connection may go.
    pub(super) reach: Reach,
    /// Bytes that a successful answer may have.
    pub(super) ceiling: usize,
    /// Whether redirects are followed.
    pub(super) redirects: bool,
    /// Whether it may be sent again when it is not known what became of it.
    pub(super) repeats: bool,
    /// The repository that it is about, which rests if the host keeps failing.
    pub(super) repository: Option<String>,
}

/// An answer, whatever its status, but none that asked to come again later.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Who answered.
    pub(super) url: Url,
    pub(super) zone: Zone,
    pub(super) reach: Reach,
    /// Whether another origin answered than was asked.
    pub(super) redirected: bool,
}

impl Reply {
    /// The media type, without parameters and in lower case; empty where there is none.
    pub(super) fn media_type(&self) -> String {
        let text = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Who points to the addresses in this answer.
    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { url: &self.url, zone: self.zone, reach: self.reach }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The other end does not speak TLS.
    NoTls(Unasked),
    /// A successful answer has more bytes than it may have.
    TooLong,
    /// Any other reason.
    Unasked(Unasked),
}

impl From<Unasked> for Failure {
    fn from(unasked: Unasked) -> Self {
        Self::Unasked(unasked)
    }
}

impl Transport {
    /// Connections as `options` say.
    ///
    /// # Errors
    /// When TLS cannot be set up with the configured authorities.
    pub(super) fn new(options: Options) -> Result<Self, ClientError> {
        let tls = tls::config(&options.root_certificates)?;
        let client = |reach: Reach, proxy: Option<&Proxy>, barred: &Arc<BTreeSet<IpAddr>>| {
            let builder = reqwest::Client::builder().no_proxy();
            let builder = match proxy {
                None => builder,
                Some(proxy) => builder.proxy(proxy.to_reqwest()),
            };
            builder
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(Guarded { reach, barred: Arc::clone(barred) })
                .connect_timeout(options.connect_time)
                .http1_only()
                .pool_idle_timeout(limits::IDLE_CONNECTION_TIME)
                .pool_max_idle_per_host(options.requests_per_registry)
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .retry(reqwest::retry::never())
                .tcp_nodelay(true)
                .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| ClientError::Tls(error.to_string()))
        };
        let (barred, none) = (Barred::new(&options.barred), Arc::default());
        let mut guarded = BTreeMap::new();
        for (port, addresses) in barred.by_port() {
            guarded.insert(port, Clients::new(|reach| client(reach, None, &addresses))?);
        }
        Ok(Self {
            clients: Clients::new(|reach| client(reach, None, &none))?,
            guarded,
            by_proxy: match options.proxy {
                None => None,
                Some(proxy) => Some((proxy.clone(), client(Reach::Anywhere, Some(&proxy), &none)?)),
            },
            exceptions: Exceptions {
                plain_http: options.plain_http.into_iter().collect(),
                private: options.private_hosts.into_iter().collect(),
                mirrors: options.mirrors.iter().map(|mirror| mirror.location.registry().clone()).collect(),
                barred,
                in_pod: options.in_pod,
            },
            hosts: Hosts::new(options.requests_per_registry),
            rest: options.rest,
            retry_wait: options.retry_wait,
            times: options.times,
        })
    }

    pub(super) fn exceptions(&self) -> &Exceptions {
        &self.exceptions
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Lets a host rest that was found useless by what it answered.
    pub(super) fn rest(&self, host: &Host, why: &Unasked) {
        host.rest(self.rest, why);
    }

    /// Sends `ask` and follows its redirects. What arrives from another origin than was asked has not seen the
    /// credentials.
    ///
    /// # Errors
    /// When nothing usable arrives; waits and repetitions end before `deadline`, but the caller has to hold the whole
    /// against it.
    pub(super) async fn send(&self, mut ask: Ask, deadline: Instant) -> Result<Reply, Failure> {
        let asked = ask.url.clone();
        for _ in 0..=limits::REDIRECTS {
            let mut reply = self.hop(&ask, deadline).await.map_err(|failure| match &failure {
                // That the registry itself may do without TLS says nothing of where it points.
                Failure::NoTls(why) if ask.url != asked => Failure::Unasked(why.clone()),
                Failure::NoTls(_) | Failure::TooLong | Failure::Unasked(_) => failure,
            })?;
            if !matches!(reply.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                reply.redirected = !same_origin(&asked, &reply.url);
                return Ok(reply);
            }
            let refuse = |why: &str| {
                Failure::from(Unasked::new(UnaskedKind::Refused, format!("`{}` {why}", authority(&reply.url))))
            };
            if !ask.redirects {
                return Err(refuse("redirects what is not redirected"));
            }
            let location = reply.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let to = location
                .and_then(|location| reply.url.join(location).ok())
                .ok_or_else(|| refuse("redirects to no address"))?;
            ask.reach = self.exceptions.follow(reply.origin(), &to)?;
            if !same_origin(&asked, &to) {
                // Taken away for good: a way back to the registry would be one that somebody else chose.
                ask.headers.remove(AUTHORIZATION);
            }
            ask.url = to;
        }
        Err(Unasked::new(
            UnaskedKind::Refused,
            format!("`{}` redirects more than {} times", authority(&asked), limits::REDIRECTS),
        )
        .into())
    }

    /// Sends `ask` to one host, again where it was busy or the connection broke.
    async fn hop(&self, ask: &Ask, deadline: Instant) -> Result<Reply, Failure> {
        let host = self.hosts.of(&authority(&ask.url));
        let mut repetitions = if ask.repeats { limits::RETRIES } else { 0 };
        let mut pause = self.retry_wait;
        loop {
            if let Some(why) = host.resting(ask.repository.as_deref()) {
                return Err(why.into());
            }
            let result = {
                let _turn = host.turn().await;
                self.once(&host, ask).await
            };
            let (why, wished) = match result {
                Ok(reply) => match trouble::of_status(&host, reply.status, retry_after(&reply.headers)) {
                    Some(trouble) => trouble,
                    None => return Ok(reply),
                },
                Err(Trouble::Broken(why)) => (why, None),
                Err(Trouble::NoTls(why)) => return Err(Failure::NoTls(why)),
                Err(Trouble::TooLong) => return Err(Failure::TooLong),
                Err(Trouble::Unreachable(why)) => {
                    host.rest(self.rest, &why);
                    return Err(why.into());
                }
                Err(Trouble::Unusable(why)) => return Err(why.into()),
            };
            let wait = wished.unwrap_or(pause);
            let in_time = clock::now().checked_add(wait).is_some_and(|then| then < deadline);
            if repetitions == 0 || !in_time {
                if matches!(why.kind(), UnaskedKind::RateLimited { .. }) {
                    host.rest(self.rest, &why);
                } else if repetitions == 0 && ask.repeats {
                    // One attempt, or several cut short by this request's own deadline, would say nothing about the next.
                    host.rest_repository(ask.repository.as_deref().unwrap_or_default(), self.rest, &why);
                }
                return Err(why.into());
            }
            sleep(wait).await;
            repetitions -= 1;
            pause *= 2;
        }
    }

    async fn once(&self, host: &Host, ask: &Ask) -> Result<Reply, Trouble> {
        let span = traced::begin(&ask.method, &ask.url);
        let result = self.exchange(host, ask).await;
        traced::conclude(&span, &result);
        result
    }

    async fn exchange(&self, host: &Host, ask: &Ask) -> Result<Reply, Trouble> {
        let by_proxy = self.by_proxy.as_ref().filter(|(proxy, _)| proxy.covers(&ask.url));
        let client = match by_proxy {
            Some((_, client)) => {
                proxy::check(ask.reach, &ask.url, &self.exceptions.barred).await.map_err(Trouble::Unusable)?;
                client
            }
            None => {
                let guarded = ask.url.port_or_known_default().and_then(|port| self.guarded.get(&port));
                guarded.unwrap_or(&self.clients).going(ask.reach)
            }
        };
        let mut request = client
            .request(ask.method.clone(), ask.url.clone())
            .headers(ask.headers.clone())
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if ask.method != Method::GET && ask.method != Method::HEAD {
            request = request.body(ask.body.clone());
        }
        let mut sent = Sent::now(host, ask.kind, self.times.as_ref());
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let trouble = trouble::of_error(host, &error);
                sent.became((!matches!(trouble, Trouble::NoTls(_))).then_some(Outcome::Broken));
                return Err(trouble);
            }
        };
        let status = response.status();
        let body = if ask.method == Method::HEAD {
            Ok(Bytes::new())
        } else if status.is_success() {
            body::read(&mut response, ask.ceiling).await
        } else {
            Ok(body::read_some(&mut response, limits::SMALL_ANSWER_BYTES).await)
        };
        let body = body.map_err(|error| match error {
            BodyError::Broken(error) => {
                sent.became(Some(Outcome::Broken));
                trouble::of_error(host, &error)
            }
            BodyError::Encoded => {
                sent.became(Some(Outcome::Answered));
                Trouble::Unusable(Unasked::new(
                    UnaskedKind::Corrupt,
                    format!("`{}` sends compressed what was asked for as it is", host.name()),
                ))
            }
            BodyError::TooLong => {
                sent.became(Some(Outcome::Answered));
                Trouble::TooLong
            }
        })?;
        sent.became(Some(match status.as_u16() {
            401 | 403 => Outcome::Refused,
            429 => Outcome::RateLimited,
            500.. => Outcome::Failed,
            _ => Outcome::Answered,
        }));
        Ok(Reply {
            status,
            // Behind a proxy, the other end is the proxy's, and whoever is there points nowhere but to the internet.
            zone: match response.remote_addr() {
                Some(address) if by_proxy.is_none() => Zone::of(address.ip()),
                Some(_) | None => Zone::Public,
            },
            headers: std::mem::take(response.headers_mut()),
            body,
            url: ask.url.clone(),
            reach: ask.reach,
            redirected: false,
        })
    }
}
