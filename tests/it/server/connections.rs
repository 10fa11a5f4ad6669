//! Slow, greedy and broken clients.

use std::sync::Arc;
use std::time::Duration;

use countersign::server::Ceilings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{Running, answer, bounded, closed, exchange, pod_review, raw_post, refusing, start};

const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Short enough to be met, and nothing waits for it that does not have to.
const SHORT: Duration = Duration::from_millis(50);

fn review() -> Vec<u8> {
    raw_post("/validate", &pod_review("a.example/b:1").to_string())
}

/// Waits until so many connections were cut off for this reason. The client may see the end first.
async fn broken(server: &Running, why: &str, count: u64) {
    server.metric(&format!("countersign_connections_broken_total{{why=\"{why}\"}} {count}")).await;
}

#[tokio::test]
async fn t10_a_handshake_that_is_not_begun_or_not_ended_is_cut_off() {
    let server = Running::start(refusing(), Ceilings { handshake_time: SHORT, ..Ceilings::default() }).await;
    let mut silent = server.tcp().await;
    closed(&mut silent).await;
    let mut half = server.tcp().await;
    half.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    closed(&mut half).await;
    broken(&server, "handshake_time", 2).await;
}

#[tokio::test]
async fn t10_headers_that_do_not_come_are_not_waited_for() {
    // Long enough for one good request on a busy machine.
    let header_read_time = Duration::from_millis(500);
    let server = Running::start(refusing(), Ceilings { header_read_time, ..Ceilings::default() }).await;
    let mut kept = server.connect().await;
    assert_eq!(exchange(&mut kept, LIVEZ).await.status, 200);

    for beginning in ["", "POST", "POST /validate HTTP/1.1\r\nHost: localhost\r\nX: "] {
        let mut slow = server.connect().await;
        slow.write_all(beginning.as_bytes()).await.unwrap();
        closed(&mut slow).await;
    }
    broken(&server, "slow", 3).await;

    // A connection that has nothing to ask is another matter: it may wait much longer than headers may take.
    assert_eq!(exchange(&mut kept, LIVEZ).await.status, 200);
    // And once it begins to ask, it has to go on.
    kept.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    closed(&mut kept).await;
    broken(&server, "slow", 4).await;
}

#[tokio::test]
async fn t10_an_idle_connection_is_closed() {
    let server = Running::start(refusing(), Ceilings { idle_time: SHORT, ..Ceilings::default() }).await;
    let mut idle = server.connect().await;
    assert_eq!(exchange(&mut idle, LIVEZ).await.status, 200);
    closed(&mut idle).await;
    server.assert_well().await;
    // It did nothing wrong.
    broken(&server, "slow", 0).await;
}

#[tokio::test]
async fn t10_a_body_that_does_not_come_is_refused() {
    let server = Running::start(refusing(), Ceilings { body_read_time: SHORT, ..Ceilings::default() }).await;
    let review = review();
    let (most, last) = review.split_at(review.len() - 1);
    let mut slow = server.connect().await;
    let answered = exchange(&mut slow, most).await;
    answered.assert_refused(408, "body_time");
    assert!(answered.headers.contains("connection: close"), "{}", answered.headers);
    closed(&mut slow).await;

    let patient = Running::start(refusing(), Ceilings::default()).await;
    let mut whole = patient.connect().await;
    whole.write_all(most).await.unwrap();
    whole.flush().await.unwrap();
    exchange(&mut whole, last).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn t10_a_client_that_does_not_read_is_cut_off() {
    let server = Running::start(refusing(), Ceilings { write_time: SHORT, ..Ceilings::default() }).await;
    let mut deaf = server.connect().await;
    // The buffers between the two fill up, then the server has nowhere to write to.
    let asking = async {
        let asks = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(64);
        while deaf.write_all(&asks).await.is_ok() && deaf.flush().await.is_ok() {}
    };
    bounded(asking).await;
    broken(&server, "slow", 1).await;
    server.assert_well().await;
}

#[tokio::test]
async fn t89_places_that_are_taken_are_given_again() {
    let server = Arc::new(Running::start(refusing(), Ceilings { connections: 2, ..Ceilings::default() }).await);
    let mut first = server.connect().await;
    let second = server.connect().await;
    // There is no third place: the handshake of this one waits until a place is free.
    let third = {
        let server = Arc::clone(&server);
        start(async move { server.connect().await })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!third.is_finished());
    server.metric("countersign_connections 2").await;

    // While most places are taken, none is kept for a second request.
    let answered = exchange(&mut first, LIVEZ).await;
    assert!(answered.headers.contains("connection: close"), "{}", answered.headers);
    closed(&mut first).await;
    let mut third = bounded(third).await.unwrap();
    assert_eq!(exchange(&mut third, LIVEZ).await.status, 200);
    drop(second);
}

#[tokio::test]
async fn connections_are_kept_while_there_is_room() {
    let server = Running::start(refusing(), Ceilings::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        let answered = exchange(&mut stream, &review()).await;
        answered.assert_denied("signature_missing");
        assert!(!answered.headers.contains("connection: close"), "{}", answered.headers);
    }
}

#[tokio::test]
async fn t11_two_lengths_are_one_request_and_the_last_one() {
    // RFC 9112, 6.3: a chunked body that also states a length is read by its chunks, and the connection ends.
    let server = Running::start(refusing(), Ceilings::default()).await;
    let body = pod_review("a.example/b:1").to_string();
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for lengths in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"]
    {
        let head =
            format!("POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lengths}\r\n");
        let mut stream = server.connect().await;
        let smuggled = [head.as_bytes(), chunked.as_bytes(), LIVEZ].concat();
        let answered = exchange(&mut stream, &smuggled).await;
        answered.assert_denied("signature_missing");
        assert!(answered.headers.contains("connection: close"), "{}", answered.headers);
        let mut rest = Vec::new();
        let _ = bounded(stream.read_to_end(&mut rest)).await;
        assert_eq!(rest, b"");
    }
    for bad in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: +4\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
    ] {
        let request =
            format!("POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{bad}\r\n{{}}}}");
        assert_eq!(server.ask(request.as_bytes()).await.status, 400, "{bad}");
    }
    server.assert_well().await;
}

#[tokio::test]
async fn t11_a_client_that_asks_whether_to_go_on_may() {
    let server = Running::start(refusing(), Ceilings::default()).await;
    let body = pod_review("a.example/b:1").to_string();
    let length = body.len();
    let head = format!(
        "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut stream = server.connect().await;
    assert_eq!(exchange(&mut stream, head.as_bytes()).await.status, 100);
    stream.write_all(body.as_bytes()).await.unwrap();
    answer(&mut stream).await.assert_denied("signature_missing");
}

#[tokio::test]
async fn t03_a_body_above_the_ceiling_is_refused_on_the_wire() {
    let server = Running::start(refusing(), Ceilings { review_bytes: 1000, ..Ceilings::default() }).await;
    let large = raw_post("/validate", &" ".repeat(1001));
    server.ask(&large).await.assert_refused(413, "body_too_large");
    let head = "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("100\r\n{}\r\n", " ".repeat(256));
    server.ask(format!("{head}{}", chunk.repeat(5)).as_bytes()).await.assert_refused(413, "body_too_large");
    server.assert_well().await;
}

#[tokio::test]
async fn headers_have_ceilings() {
    let server = Running::start(refusing(), Ceilings::default()).await;
    let with = |headers: &str| format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes();
    assert_eq!(server.ask(&with(&format!("X: {}\r\n", "x".repeat(16 << 10)))).await.status, 200);
    assert_eq!(server.ask(&with(&format!("X: {}\r\n", "x".repeat(64 << 10)))).await.status, 431);
    assert_eq!(server.ask(&with(&"X: x\r\n".repeat(90))).await.status, 200);
    assert_eq!(server.ask(&with(&"X: x\r\n".repeat(101))).await.status, 431);
    server.assert_well().await;
}
