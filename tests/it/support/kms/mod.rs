//! Key management services on loopback that hold a client to their protocols: a request that the real ones would refuse is
//! refused, and counted. Faults can be put into them as into [`Faulty`].

mod aws;
mod azure;
mod google;
mod key;
mod vault;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::Value;

pub(crate) use aws::AwsDouble;
pub(crate) use azure::AzureDouble;
pub(crate) use google::GoogleDouble;
pub(crate) use key::{HeldKey, Kind};
pub(crate) use vault::VaultDouble;

use super::faulty::Handler;
use super::http::{Response, Seen};
use super::{Faulty, response};

/// A server whose answers `answer` makes.
async fn serve(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Faulty {
    let answer = Arc::new(answer);
    let handler: Handler = Arc::new(move |seen| {
        let answer = Arc::clone(&answer);
        async move { answer(&seen) }.boxed()
    });
    Faulty::serve(handler, None).await
}

fn json(status: u16, body: &Value) -> Response {
    response(status, body.to_string().into_bytes())
}

fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap_or(Value::Null)
}

fn form(text: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn path_and_query(seen: &Seen) -> (&str, BTreeMap<String, String>) {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    (path, form(query.as_bytes()))
}
