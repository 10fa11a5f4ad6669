//! A collector of traces, which reads what it is sent by the published messages.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::process::Daemon;
use super::{scratch, tools};

/// How long it may take to start on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running collector.
pub(crate) struct Collector {
    daemon: Daemon,
    address: String,
}

/// A span that it has taken.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) trace: Vec<u8>,
    pub(crate) id: Vec<u8>,
    /// Empty where it has no parent.
    pub(crate) parent: Vec<u8>,
    pub(crate) name: String,
    /// What it says, where that is text.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Whether it says that it failed.
    pub(crate) failed: bool,
}

impl Collector {
    /// Starts one and waits until it listens.
    pub(crate) fn start() -> Self {
        let bound = scratch::folder("collector").join("address");
        let mut command = tools::command("collector");
        command.arg(&bound);
        let mut daemon = Daemon::start("collector", command);
        let address = || fs::read_to_string(&bound).unwrap_or_default();
        daemon.wait_until("listening", START_LIMIT, || address().contains(':'));
        Self { daemon, address: address() }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans that it has taken; panics if it refused anything.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let log = self.daemon.log();
        let requests = log.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("the collector refused a request: {line}"))
        });
        let each = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let of_request = |request: Value| {
            let scopes = each(&request, "resourceSpans").into_iter().flat_map(move |one| each(&one, "scopeSpans"));
            scopes.flat_map(move |scope| each(&scope, "spans"))
        };
        requests.flat_map(of_request).map(|span| Span::of(&span)).collect()
    }
}

impl Span {
    fn of(span: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bytes = |name: &str| BASE64_STANDARD.decode(text(&span[name])).expect("base64");
        let attributes = span["attributes"].as_array().into_iter().flatten();
        let attributes = attributes.map(|one| (text(&one["key"]), text(&one["value"]["stringValue"])));
        Self {
            trace: bytes("traceId"),
            id: bytes("spanId"),
            parent: bytes("parentSpanId"),
            name: text(&span["name"]),
            attributes: attributes.collect(),
            failed: span["status"]["code"] == "STATUS_CODE_ERROR",
        }
    }
}
