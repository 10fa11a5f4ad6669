//! The registry client against a real registry with faults in front of it.

mod access;
mod clouds;
mod copying;
mod fetching;
mod mirrors;
mod network;
mod proxies;
mod pushing;
mod resolving;
mod timing;
mod volume;

use std::time::Duration;

use countersign::evidence::{Answer, Artifact, Evidence, Path, Query, UnaskedKind};
use countersign::image::{ImageDigest, Repository};
use countersign::registry::{Anonymous, Client, Credential, Error, Keychain, Options};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use crate::support::ample;

/// A client that lets nothing rest, so that each step of a test stands for itself, and that hardly waits.
fn client() -> Client {
    let options = Options { rest: Duration::ZERO, retry_wait: Duration::from_millis(1), ..Options::default() };
    Client::new(options).expect("a client")
}

/// Asks for everything about `image` without credentials.
async fn fetch(client: &Client, image: &ImageDigest) -> Evidence {
    client.fetch(&Query::new(image.clone(), true), &Anonymous, ample()).await
}

fn answer(evidence: &Evidence, path: Path) -> &Answer {
    &evidence.answers()[&path]
}

#[track_caller]
fn artifacts(evidence: &Evidence, path: Path) -> &[Artifact] {
    match answer(evidence, path) {
        Answer::Answered(artifacts) => artifacts,
        other @ (Answer::Absent | Answer::Unasked(_)) => panic!("{path} is {other:?}"),
    }
}

/// Why a path could not be asked.
#[track_caller]
fn unasked(evidence: &Evidence, path: Path) -> UnaskedKind {
    match answer(evidence, path) {
        Answer::Unasked(why) => why.kind(),
        other @ (Answer::Absent | Answer::Answered(_)) => panic!("{path} is {other:?}"),
    }
}

/// Why a question could not be asked.
#[track_caller]
fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> UnaskedKind {
    match result {
        Err(Error::Unasked(why)) => why.kind(),
        other => panic!("{other:?}"),
    }
}

fn is_absent(answer: &Answer) -> bool {
    matches!(answer, Answer::Absent)
}

/// Credentials of a test, for every repository.
struct Keys(Vec<Credential>);

impl Keychain for Keys {
    fn credentials<'a>(&'a self, _: &'a Repository) -> BoxFuture<'a, Vec<Credential>> {
        ready(self.0.clone()).boxed()
    }
}

#[test]
fn questions_can_be_asked_from_any_thread() {
    fn is_send<T: Send>(_: T) {}
    let client = client();
    let image = ImageDigest::new("localhost/a".parse().unwrap(), countersign::image::Digest::of(b""));
    let query = Query::new(image, false);
    let reference = "localhost/a".parse().unwrap();
    is_send(client.fetch(&query, &Anonymous, ample()));
    is_send(client.resolve(&reference, &Anonymous, ample()));
    is_send(client.push_blob(query.repository(), bytes::Bytes::new(), &Anonymous, ample()));
}
