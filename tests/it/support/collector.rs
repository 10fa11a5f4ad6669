//! A collector of traces, and what it was sent.
//!
//! Protocol buffers are read here field by field, by the numbers of the published `trace.proto`
//! (<https://github.com/open-telemetry/opentelemetry-proto/tree/v1.9.0>), not by what wrote them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::Faulty;
use super::http::{Response, Seen};

/// A collector. Faults can be put into it.
pub(crate) struct Collector {
    pub(crate) front: Faulty,
}

/// A span that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// In hexadecimal digits, as all names here.
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where it has no parent.
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: BTreeMap<String, Value>,
    /// The message of a failure.
    pub(crate) failure: Option<String>,
    pub(crate) flags: u64,
    /// Who sent it.
    pub(crate) resource: BTreeMap<String, Value>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::answering(Response::new(200)).await
    }

    /// One that takes all but so many spans of each request.
    pub(crate) async fn rejecting(spans: u8) -> Self {
        // `ExportTraceServiceResponse.partial_success.rejected_spans`
        Self::answering(Response::new(200).body(vec![0x0a, 2, 0x08, spans])).await
    }

    async fn answering(answer: Response) -> Self {
        let handler = Arc::new(move |_: Seen| {
            let answer = answer.clone();
            async move { answer }.boxed()
        });
        Self { front: Faulty::serve(handler, None).await }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.front.address())
    }

    /// The spans of every request that arrived, in their order.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let seen = self.front.seen();
        seen.iter()
            .flat_map(|request| {
                assert_eq!(request.line(), "POST /v1/traces");
                assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
                of_request(&request.body)
            })
            .collect()
    }

    /// The one span of this name.
    #[track_caller]
    pub(crate) fn one(&self, name: &str) -> Span {
        let found: Vec<_> = self.spans().into_iter().filter(|span| span.name == name).collect();
        let [span] = found.try_into().unwrap_or_else(|found| panic!("not one `{name}` but {found:?}"));
        span
    }
}

impl Span {
    /// What it says, as text; empty where it does not.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.attributes.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The value of a field.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    #[track_caller]
    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Bytes(_) => panic!("bytes in the place of a number"),
        }
    }

    #[track_caller]
    fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => panic!("a number in the place of bytes"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("text")
    }

    fn hex(&self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Every field of a message with its number (<https://protobuf.dev/programming-guides/encoding/>).
fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = message.split_first().expect("a whole number");
            *message = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        number
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut message)),
            kind @ (1 | 5) => {
                let (bytes, rest) = message.split_at(if kind == 1 { 8 } else { 4 });
                message = rest;
                let mut number = [0; 8];
                number[..bytes.len()].copy_from_slice(bytes);
                Field::Number(u64::from_le_bytes(number))
            }
            2 => {
                let length = usize::try_from(varint(&mut message)).expect("a length");
                let (bytes, rest) = message.split_at(length);
                message = rest;
                Field::Bytes(bytes)
            }
            kind => panic!("a field of the type {kind}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

/// The messages in the field `number` of `message`.
fn messages(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    fields(message).into_iter().filter(move |(at, _)| *at == number).map(|(_, field)| field.bytes())
}

/// `ExportTraceServiceRequest`
fn of_request(message: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_resource in messages(message, 1) {
        let resource: BTreeMap<_, _> =
            messages(of_resource, 1).flat_map(|resource| messages(resource, 1)).map(attribute).collect();
        for of_scope in messages(of_resource, 2) {
            spans.extend(messages(of_scope, 2).map(|message| span(message, &resource)));
        }
    }
    spans
}

/// `Span`
fn span(message: &[u8], resource: &BTreeMap<String, Value>) -> Span {
    let mut span = Span {
        trace: String::new(),
        id: String::new(),
        parent: String::new(),
        name: String::new(),
        kind: 0,
        start: 0,
        end: 0,
        attributes: BTreeMap::new(),
        failure: None,
        flags: 0,
        resource: resource.clone(),
    };
    for (number, field) in fields(message) {
        match number {
            1 => span.trace = field.hex(),
            2 => span.id = field.hex(),
            4 => span.parent = field.hex(),
            5 => span.name = field.text(),
            6 => span.kind = field.number(),
            7 => span.start = field.number(),
            8 => span.end = field.number(),
            9 => span.attributes.extend([attribute(field.bytes())]),
            15 => {
                let status = fields(field.bytes());
                assert!(status.iter().any(|(number, code)| *number == 3 && code.number() == 2), "an error");
                span.failure = status.iter().find(|(number, _)| *number == 2).map(|(_, message)| message.text());
            }
            16 => span.flags = field.number(),
            other => panic!("a span has no field {other} here"),
        }
    }
    span
}

/// `KeyValue`
fn attribute(message: &[u8]) -> (String, Value) {
    let (mut key, mut value) = (String::new(), Value::Null);
    for (number, field) in fields(message) {
        match number {
            1 => key = field.text(),
            2 => {
                let [(number, field)] = fields(field.bytes()).try_into().ok().expect("one value");
                value = match number {
                    1 => json!(field.text()),
                    3 => json!(field.number()),
                    other => panic!("a value has no field {other} here"),
                };
            }
            other => panic!("an attribute has no field {other}"),
        }
    }
    (key, value)
}
