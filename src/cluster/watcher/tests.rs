use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// What the API server answers next.
enum Answer {
    /// This text, and nothing more.
    Text(u16, String),
    /// Bytes without an end, and without the end of a line.
    Endless,
}

/// A watcher of an API server that gives these answers, one to each request, and the paths that it was asked for.
fn watcher(answers: Vec<Answer>) -> (Watcher, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let seen = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<Body>| {
        seen.lock().unwrap().push(request.uri().to_string());
        let answer = answers.lock().unwrap().pop_front().expect("a request too many");
        let (status, body) = match answer {
            Answer::Text(status, text) => (status, Either::Left(Full::new(Bytes::from(text)))),
            Answer::Endless => {
                let frame = || Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b' '; 1 << 20])));
                (200, Either::Right(StreamBody::new(stream::repeat_with(frame))))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let place = Place::new("countersign.dev", "v1alpha1", "trustroots", None);
    (Watcher::new(&Client::new(service, "default"), place), asked)
}

fn object(name: &str, version: u32) -> Value {
    json!({"metadata": {"name": name, "resourceVersion": version.to_string()}})
}

fn list(objects: &[Value], version: u32, more: &str) -> Answer {
    let metadata = json!({"resourceVersion": version.to_string(), "continue": more});
    Answer::Text(200, json!({"metadata": metadata, "items": objects}).to_string())
}

fn events(events: &[(&str, Value)]) -> Answer {
    let lines = events.iter().map(|(what, object)| format!("{}\n", json!({"type": what, "object": object})));
    Answer::Text(200, lines.collect())
}

fn refused(code: u16, message: &str) -> Answer {
    Answer::Text(code, json!({"kind": "Status", "message": message, "code": code}).to_string())
}

/// A happening in short.
async fn next(watcher: &mut Watcher) -> String {
    match watcher.next().await {
        Happening::Applied(object) => format!("applied {}", object.key.1),
        Happening::Confirmed => "confirmed".to_owned(),
        Happening::Deleted(key) => format!("deleted {}", key.1),
        Happening::Listed(objects) => {
            let names: Vec<_> = objects.iter().map(|object| object.key.1.as_str()).collect();
            format!("listed {}", names.join(","))
        }
        Happening::NotThere => "not there".to_owned(),
        Happening::Trouble(trouble) => format!("trouble: {trouble}"),
    }
}

async fn happen(answers: Vec<Answer>, expected: &[&str]) -> Vec<String> {
    let (watcher, asked) = watcher(answers);
    happen_to(watcher, &asked, expected).await
}

/// The same where no list is believed for longer than its watch lasts.
async fn happen_to_doubters(answers: Vec<Answer>, expected: &[&str]) -> Vec<String> {
    let (mut watcher, asked) = watcher(answers);
    watcher.again.after = Duration::ZERO;
    happen_to(watcher, &asked, expected).await
}

async fn happen_to(mut watcher: Watcher, asked: &Mutex<Vec<String>>, expected: &[&str]) -> Vec<String> {
    for (at, expected) in expected.iter().enumerate() {
        let happening = next(&mut watcher).await;
        let is_so = if expected.ends_with(':') { happening.starts_with(expected) } else { happening == *expected };
        assert!(is_so, "happening {at} is `{happening}`, not `{expected}`");
    }
    let asked = asked.lock().unwrap();
    asked.clone()
}

fn one() -> Answer {
    list(&[object("a", 5)], 7, "")
}

#[tokio::test]
async fn t85_pages_are_one_list_and_a_watch_goes_on_where_it_ended() {
    let changes = [("ADDED", object("c", 8)), ("DELETED", object("a", 9)), ("BOOKMARK", object("", 20))];
    let answers =
        vec![list(&[object("a", 5)], 7, "next"), list(&[object("b", 6)], 7, ""), events(&changes), events(&[])];
    let expected = ["listed a,b", "confirmed", "applied c", "deleted a", "confirmed", "confirmed"];
    let asked = happen(answers, &expected).await;
    assert!(asked[1].contains("continue=next"), "{asked:?}");
    assert!(asked[2].contains("resourceVersion=7") && asked[2].contains("allowWatchBookmarks=true"), "{asked:?}");
    assert!(asked[3].contains("resourceVersion=20"), "a bookmark is where it goes on: {asked:?}");
}

#[tokio::test]
async fn t85_a_state_that_is_gone_is_listed_again() {
    let gone = json!({"kind": "Status", "code": 410, "message": "too old resource version"});
    let again = || list(&[object("b", 30)], 31, "");
    let expected = ["listed a", "confirmed", "listed b"];
    happen(vec![one(), events(&[("ERROR", gone)]), again()], &expected).await;
    happen(vec![one(), refused(410, "gone"), again()], &["listed a", "listed b"]).await;
}

#[tokio::test]
async fn t85_rights_that_are_taken_away_are_trouble_and_no_empty_list() {
    let forbidden = || refused(403, "trustroots is forbidden");
    let expected = ["trouble:", "trouble:", "listed a"];
    happen(vec![forbidden(), forbidden(), one()], &expected).await;
    let (mut watcher, _) = watcher(vec![one(), forbidden(), events(&[])]);
    assert_eq!(next(&mut watcher).await, "listed a");
    let trouble = next(&mut watcher).await;
    assert!(trouble.contains("answered with 403: trustroots is forbidden"), "{trouble}");
    assert_eq!(next(&mut watcher).await, "confirmed");
    happen(vec![refused(404, "no such resource"), one()], &["not there", "listed a"]).await;
}

#[tokio::test]
async fn t85_what_cannot_be_read_is_never_taken_for_nothing() {
    for broken in ["", "{", r#"{"metadata": {"resourceVersion": "7"}, "items": [{"metadata"#, r#"{"items": []}"#, "[]"]
    {
        happen(vec![Answer::Text(200, broken.to_owned()), one()], &["trouble:", "listed a"]).await;
    }
    for broken in [
        "{\"type\": \"ADDED\", \"obj\n",
        "\n",
        "{\"type\": \"NEW\", \"object\": {}}\n",
        "{\"type\": \"ADDED\", \"object\": 1}\n",
    ] {
        let answers = vec![one(), Answer::Text(200, broken.to_owned()), one()];
        happen(answers, &["listed a", "confirmed", "trouble:", "listed a"]).await;
    }
    // A line without its end is no event: the watch is opened again where it was.
    let cut = events(&[("ADDED", object("c", 8))]);
    let Answer::Text(status, mut cut) = cut else { panic!("a text") };
    cut.pop();
    let answers = vec![one(), Answer::Text(status, cut), events(&[("ADDED", object("c", 8))])];
    let asked = happen(answers, &["listed a", "confirmed", "confirmed", "applied c"]).await;
    assert!(asked[2].contains("resourceVersion=7"), "{asked:?}");
}

#[tokio::test]
async fn t85_an_event_without_an_end_is_trouble() {
    let expected = ["listed a", "confirmed", "trouble:", "listed a"];
    happen(vec![one(), Answer::Endless, one()], &expected).await;
}

/// What one namespace has too much is there and empty, and another's is whole.
#[tokio::test]
async fn a_namespace_does_not_crowd_out_another() {
    let object = |namespace: &str, name: &str, bytes: usize| {
        let metadata = json!({"namespace": namespace, "name": name, "resourceVersion": "5"});
        json!({"metadata": metadata, "spec": "x".repeat(bytes)})
    };
    let half = limits::TENANT_POLICY_BYTES / 2;
    let pages = vec![
        list(&[object("greedy", "a", half), object("greedy", "b", half), object("greedy", "c", 1)], 7, "next"),
        list(&[object("modest", "d", half)], 7, ""),
    ];
    let (watcher, asked) = watcher(pages);
    let Happening::Listed(objects) = watcher.bounded_by_namespace().next().await else { panic!("a list") };
    let emptied: Vec<_> = objects.iter().map(|object| (object.key.1.as_str(), object.is_emptied())).collect();
    assert_eq!(emptied, [("a", false), ("b", true), ("c", false), ("d", false)]);
    assert!(asked.lock().unwrap()[0].contains("limit=25"));

    // All pages together may be more than one list may have where admins alone write.
    let large = || list(&[object("own", "x", limits::API_LIST_BYTES / 2)], 7, "next");
    happen(vec![large(), large(), one()], &["trouble:", "listed a"]).await;
    let (watcher, _) = self::watcher(vec![large(), large(), one()]);
    let Happening::Listed(objects) = watcher.bounded_by_namespace().next().await else { panic!("a list") };
    assert_eq!(objects.len(), 3);
}

#[tokio::test]
async fn t85_after_some_failures_in_a_row_all_is_listed_again() {
    let broken = || refused(500, "etcdserver: no leader");
    let other = || list(&[object("b", 2)], 3, "");
    let expected = ["listed a", "trouble:", "trouble:", "trouble:", "listed b"];
    let asked = happen(vec![one(), broken(), broken(), broken(), other()], &expected).await;
    assert!(!asked[4].contains("watch=true"), "{asked:?}");
    // A watch that could be opened meanwhile starts the count anew.
    let answers = vec![one(), broken(), broken(), events(&[]), broken(), broken(), events(&[])];
    let expected = ["listed a", "trouble:", "trouble:", "confirmed", "trouble:", "trouble:", "confirmed"];
    happen(answers, &expected).await;
    // Where that fails as well the watch goes on, and the list is tried until there is one. That a watch can be opened says
    // nothing of what was missed until then: a list does, or the watch itself.
    let bookmark = events(&[("BOOKMARK", object("", 9))]);
    let answers =
        vec![one(), broken(), broken(), broken(), broken(), bookmark, broken(), broken(), events(&[]), other()];
    let troubles = ["listed a", "trouble:", "trouble:", "trouble:", "trouble:", "trouble:"];
    let asked = happen(answers, &[&troubles[..], &["confirmed", "trouble:", "confirmed", "listed b"]].concat()).await;
    let watches: Vec<_> = asked.iter().map(|path| path.contains("watch=true")).collect();
    assert_eq!(watches, [false, true, true, true, false, true, false, false, true, false], "{asked:?}");
    let answers = vec![one(), broken(), broken(), broken(), broken(), events(&[]), other(), events(&[])];
    let expected = ["listed a", "trouble:", "trouble:", "trouble:", "trouble:", "listed b", "confirmed"];
    let asked = happen(answers, &expected).await;
    assert!(asked[7].contains("resourceVersion=3"), "{asked:?}");
}

#[tokio::test]
async fn t85_a_list_is_not_believed_for_ever() {
    let other = || list(&[object("b", 30)], 31, "");
    let expected = ["listed a", "confirmed", "listed b", "confirmed"];
    let asked = happen_to_doubters(vec![one(), events(&[]), other(), events(&[])], &expected).await;
    assert!(asked[3].contains("resourceVersion=31"), "{asked:?}");
    // One that cannot be had costs nothing of what the watch tells.
    let answers = vec![one(), events(&[]), refused(500, "no"), events(&[("ADDED", object("c", 8))]), other()];
    let expected = ["listed a", "confirmed", "trouble:", "confirmed", "applied c", "listed b"];
    let asked = happen_to_doubters(answers, &expected).await;
    assert!(asked[3].contains("resourceVersion=7"), "{asked:?}");
    // While it is believed nothing is listed.
    let asked = happen(vec![one(), events(&[]), events(&[])], &["listed a", "confirmed", "confirmed"]).await;
    assert!(asked[2].contains("watch=true"), "{asked:?}");
}

#[tokio::test]
async fn t85_versions_that_go_back_are_another_history() {
    let other = || list(&[object("b", 2)], 3, "");
    for event in [("BOOKMARK", object("", 6)), ("ADDED", object("c", 2)), ("DELETED", object("a", 6))] {
        happen(vec![one(), events(&[event]), other()], &["listed a", "confirmed", "listed b"]).await;
    }
    let same = vec![one(), events(&[("BOOKMARK", object("", 7))])];
    happen(same, &["listed a", "confirmed", "confirmed"]).await;
    assert!(is_before("9", "10") && !is_before("10", "9") && !is_before("a", "b") && !is_before("", "7"));
}
