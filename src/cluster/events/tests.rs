//! The writer before an API server that fails, on the wire.

mod owners;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use kube::Config;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::super::wire::{self, ApiError};
use super::*;
use crate::explain::Action;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The connection ends without an answer, and nothing is stored.
    Reset,
    /// It is stored, and the connection ends without an answer.
    AnswerLost,
    /// This status, with `Retry-After` if there is one.
    Status(u16, Option<u64>),
}

/// What an API server keeps of Events, and what it was asked.
#[derive(Debug, Default)]
struct Kept {
    /// By their names.
    events: BTreeMap<String, Value>,
    /// Other objects, by their paths.
    objects: BTreeMap<String, Value>,
    asked: Vec<(String, String)>,
    faults: VecDeque<Fault>,
}

/// An API server that keeps Events, and fails as it is told.
struct Api {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    /// Each request takes a place before it is answered.
    places: Arc<Semaphore>,
    serving: JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Api {
    async fn start(faults: impl IntoIterator<Item = Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Kept { faults: faults.into_iter().collect(), ..Kept::default() };
        let (kept, places) = (Arc::new(Mutex::new(kept)), Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)));
        let (keeps, answers) = (Arc::clone(&kept), Arc::clone(&places));
        #[expect(clippy::disallowed_methods, reason = "the API server of a test")]
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One request at a time: the writer makes no more.
                drop(answer(stream, &keeps, &answers).await);
            }
        });
        Self { address, kept, places, serving }
    }

    fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.kept.lock().unwrap().faults.extend(faults);
    }

    fn events(&self) -> Vec<Value> {
        self.kept.lock().unwrap().events.values().cloned().collect()
    }

    /// The methods of the requests since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.kept.lock().unwrap().asked).into_iter().map(|(method, _)| method).collect()
    }
}

/// Answers one request as an API server does that keeps Events by their names, if nothing goes wrong.
async fn answer(stream: TcpStream, kept: &Mutex<Kept>, places: &Semaphore) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut start, mut length, mut accepted) = (String::new(), 0, String::new());
    stream.read_line(&mut start).await?;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("accept:") {
            value.trim().clone_into(&mut accepted);
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    drop(places.acquire().await.unwrap());
    let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let mut words = start.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let (status, wait, said) = {
        let mut kept = kept.lock().unwrap();
        kept.asked.push((method.clone(), path.clone()));
        match kept.faults.pop_front() {
            Some(Fault::Reset) => return Ok(()),
            Some(Fault::AnswerLost) => {
                kept.store(&method, &path, body);
                return Ok(());
            }
            Some(Fault::Status(status, wait)) => (status, wait, None),
            None if method == "GET" => {
                assert_eq!(accepted, "application/json;as=partialobjectmetadata;g=meta.k8s.io;v=v1");
                let object = kept.objects.get(&path).cloned();
                (if object.is_some() { 200 } else { 404 }, None, object)
            }
            None => (kept.store(&method, &path, body), None, None),
        }
    };
    let wait = wait.map(|wait| format!("Retry-After: {wait}\r\n")).unwrap_or_default();
    let said = said.unwrap_or_else(|| json!({"kind": "Status", "message": format!("said with {status}")})).to_string();
    let length = said.len();
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{wait}\r\n");
    stream.write_all(format!("{head}{said}").as_bytes()).await
}

impl Kept {
    fn store(&mut self, method: &str, path: &str, body: Value) -> u16 {
        let last = path.trim_end_matches('?').rsplit('/').next().unwrap().to_owned();
        match (method, self.events.get_mut(&last)) {
            ("PATCH", Some(event)) => {
                event["series"] = body["series"].clone();
                200
            }
            ("PATCH", None) => 404,
            ("POST", _) => {
                let name = body["metadata"]["name"].as_str().unwrap().to_owned();
                if self.events.contains_key(&name) {
                    return 409;
                }
                self.events.insert(name, body);
                201
            }
            _ => panic!("{method} {path}"),
        }
    }
}

fn client(address: SocketAddr) -> Client {
    let mut config = Config::new(format!("http://{address}").parse().unwrap());
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// A writer that waits no longer than it must, and what tells it.
fn writer(address: SocketAddr) -> (Events, EventWriter, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().unwrap());
    let namespace = "countersign-system".to_owned();
    let access = Access { client: client(address), namespace, server: Box::default() };
    let (events, writer) = events(&access, Arc::new(Hub::new()), "replica".to_owned(), &metrics);
    (events, EventWriter { pause: Duration::from_millis(1), ..writer }, metrics)
}

fn notice(name: &str) -> Notice {
    let [api_version, kind, namespace] = ["apps/v1", "StatefulSet", "shop"].map(str::to_owned);
    Notice {
        subject: Subject { api_version, kind, namespace, name: name.to_owned(), uid: format!("uid of {name}") },
        policy: None,
        action: Action::Deny,
        code: "signature_missing",
        field: "spec.containers[0].image".to_owned(),
        note: "refused".to_owned(),
    }
}

/// Asserts what became of all that was told, by how much of it; the rest is nothing.
fn assert_became(metrics: &Metrics, expected: &[(EventWrite, u64)]) {
    let text = metrics.text().unwrap();
    for outcome in EventWrite::ALL {
        let count = expected.iter().find(|(of, _)| *of == outcome).map_or(0, |(_, count)| *count);
        let line = format!("countersign_events_total{{outcome=\"{}\"}} {count}\n", outcome.as_str());
        assert!(text.contains(&line), "no {line} in {text}");
    }
}

/// Tells these, and writes until nothing waits any more.
async fn written(writer: EventWriter, events: Events, names: &[&str]) {
    for name in names {
        events.tell(notice(name));
    }
    drop(events);
    writer.run().await;
}

#[tokio::test]
async fn what_is_told_is_written_with_all_that_it_needs() {
    let api = Api::start([]).await;
    let (events, writer, metrics) = writer(api.address);
    written(writer, events, &["web", "web", "web", "web"]).await;
    assert_became(&metrics, &[(EventWrite::Written, 3), (EventWrite::Repeated, 1)]);
    assert_eq!(api.asked(), ["POST", "PATCH", "PATCH"]);
    let events = api.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    for (field, value) in [
        ("/regarding/uid", json!("uid of web")),
        ("/regarding/namespace", json!("shop")),
        ("/metadata/namespace", json!("shop")),
        ("/type", json!("Warning")),
        ("/action", json!("Deny")),
        ("/reason", json!("signature_missing")),
        ("/note", json!("refused")),
        ("/reportingController", json!("countersign.dev/countersign")),
        ("/reportingInstance", json!("replica")),
        ("/series/count", json!(4)),
    ] {
        assert_eq!(event.pointer(field), Some(&value), "{field}");
    }
}

#[tokio::test]
async fn an_api_server_that_is_away_is_asked_again_until_it_answers() {
    let faults = [Fault::Reset, Fault::Status(500, None), Fault::Status(429, Some(0)), Fault::Status(503, None)];
    let api = Api::start(faults).await;
    let (events, writer, metrics) = writer(api.address);
    written(writer, events, &["web", "shop"]).await;
    assert_became(&metrics, &[(EventWrite::Written, 2)]);
    assert_eq!(api.asked(), ["POST"; 6]);
    assert_eq!(api.events().len(), 2);
}

#[tokio::test]
async fn an_api_server_that_stays_away_holds_nothing_up_for_ever() {
    let tries = usize::try_from(limits::EVENT_TRIES).unwrap();
    for fault in [Fault::Reset, Fault::Status(500, None), Fault::Status(429, Some(0))] {
        let api = Api::start(vec![fault; 2 * tries]).await;
        let (events, writer, metrics) = writer(api.address);
        written(writer, events, &["a", "b", "c"]).await;
        assert_became(&metrics, &[(EventWrite::Failed, 2), (EventWrite::Written, 1)]);
        assert_eq!(api.asked().len(), 2 * tries + 1, "{fault:?}");
        assert_eq!(api.events()[0]["regarding"]["name"], "c");
    }
    // Nobody listens.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let (events, writer, metrics) = writer(address);
    written(writer, events, &["a", "b"]).await;
    assert_became(&metrics, &[(EventWrite::Failed, 2)]);
}

#[tokio::test]
async fn what_the_api_server_refuses_is_not_asked_for_again() {
    // A right that is taken away, a namespace that is gone, an Event that is not taken.
    for status in [403, 404, 422] {
        let api = Api::start([Fault::Status(status, None)]).await;
        let (events, writer, metrics) = writer(api.address);
        written(writer, events, &["a", "b"]).await;
        assert_became(&metrics, &[(EventWrite::Failed, 1), (EventWrite::Written, 1)]);
        assert_eq!(api.asked(), ["POST"; 2], "{status}");
        assert_eq!(api.events()[0]["regarding"]["name"], "b");
    }
}

#[tokio::test]
async fn what_was_written_is_not_written_twice_where_the_answer_was_lost() {
    let api = Api::start([Fault::AnswerLost]).await;
    let (events, writer, metrics) = writer(api.address);
    written(writer, events, &["web", "web"]).await;
    assert_became(&metrics, &[(EventWrite::Written, 2)]);
    assert_eq!(api.asked(), ["POST", "POST", "PATCH"]);
    let events = api.events();
    assert_eq!((events.len(), &events[0]["series"]["count"]), (1, &json!(2)));
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_made_again_with_its_number() {
    let api = Api::start([]).await;
    let (events, writer, metrics) = writer(api.address);
    events.tell(notice("web"));
    events.tell(notice("web"));
    let mut running = Box::pin(writer.run());
    until(&mut running, || api.events().first().is_some_and(|event| event["series"]["count"] == 2)).await;
    api.kept.lock().unwrap().events.clear();
    events.tell(notice("web"));
    events.tell(notice("web"));
    drop(events);
    running.await;
    assert_became(&metrics, &[(EventWrite::Written, 3), (EventWrite::Repeated, 1)]);
    assert_eq!(api.asked(), ["POST", "PATCH", "PATCH", "POST"]);
    assert_eq!(api.events()[0]["series"]["count"], 4);
}

#[tokio::test]
async fn what_could_not_be_counted_is_another_event() {
    let api = Api::start([]).await;
    let (events, writer, metrics) = writer(api.address);
    events.tell(notice("web"));
    let mut running = Box::pin(writer.run());
    until(&mut running, || !api.events().is_empty()).await;
    api.fails([Fault::Status(403, None)]);
    events.tell(notice("web"));
    events.tell(notice("web"));
    drop(events);
    running.await;
    assert_became(&metrics, &[(EventWrite::Failed, 1), (EventWrite::Written, 2)]);
    assert_eq!(api.asked(), ["POST", "PATCH", "POST"]);
    assert_eq!(api.events().len(), 2);
}

/// Whoever tells is answered at once, whatever the API server does: the queue is full, and what is more is counted.
#[tokio::test]
async fn nobody_waits_for_an_api_server_that_hangs() {
    let api = Api::start([]).await;
    let (events, writer, metrics) = writer(api.address);
    let mut running = Box::pin(writer.run());
    api.places.forget_permits(Semaphore::MAX_PERMITS);
    events.tell(notice("first"));
    // It is on its way, and gets no answer.
    until(&mut running, || events.queue.capacity() == limits::EVENT_QUEUE).await;
    for number in 0..limits::EVENT_QUEUE + 100 {
        events.tell(notice(&format!("web-{number}")));
    }
    assert_became(&metrics, &[(EventWrite::Dropped, 100)]);
    api.places.add_permits(limits::EVENT_QUEUE * 2);
    drop(events);
    running.await;
    // What waited was taken, and the namespace's share of it written.
    let written = u64::from(limits::EVENT_BURST_OF_NAMESPACE);
    let limited = u64::try_from(limits::EVENT_QUEUE).unwrap() + 1 - written;
    assert_became(
        &metrics,
        &[(EventWrite::Dropped, 100), (EventWrite::Limited, limited), (EventWrite::Written, written)],
    );
}

/// Lets the writer go on until `is_so`.
async fn until(running: &mut (impl Future<Output = ()> + Unpin), is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::select! {
            () = &mut *running => panic!("the writer ended"),
            () = tokio::task::yield_now() => {}
        }
    }
}

#[tokio::test]
async fn what_the_api_server_wants_is_kept_to_within_bounds() {
    let api = Api::start([Fault::Status(429, Some(7)), Fault::Status(503, None), Fault::Status(403, Some(7))]).await;
    let client = client(api.address);
    let mut waits = Vec::new();
    for _ in 0..3 {
        let failed = wire::write(&client, "POST", "/x", wire::JSON, &json!({})).await;
        waits.push(match failed.unwrap_err() {
            ApiError::Away { wait, .. } => Ok(wait.map(|wait| wait.as_secs())),
            other @ (ApiError::Conflict(_) | ApiError::Expired | ApiError::NotFound(_) | ApiError::Trouble(_)) => {
                Err(other.to_string())
            }
        });
    }
    assert_eq!(waits[0], Ok(Some(7)));
    assert_eq!(waits[1], Ok(None));
    assert_eq!(waits[2], Err("`/x` is answered with 403: said with 403".to_owned()));
    let second = Duration::from_secs(1);
    for (wait, pause, next) in [(None, 1, 1), (Some(0), 1, 1), (Some(7), 1, 7), (Some(7), 8, 8), (Some(3600), 1, 30)] {
        let wait = wait.map(|wait: u32| second * wait);
        assert_eq!(event::next_pause(wait, second * pause), second * next);
    }
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let (queue, mut taken) = mpsc::channel(2);
    let events = Events { queue, metrics: Arc::clone(&metrics) };
    for name in ["a", "b", "c", "d"] {
        events.tell(notice(name));
    }
    assert_became(&metrics, &[(EventWrite::Dropped, 2)]);
    assert_eq!(taken.try_recv().unwrap().subject.name, "a");
    events.tell(notice("e"));
    let rest: Vec<_> = std::iter::from_fn(|| taken.try_recv().ok()).map(|notice| notice.subject.name).collect();
    assert_eq!(rest, ["b", "e"]);
}
