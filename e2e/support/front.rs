//! What stands before a registry and can be in a bad mood.

use std::sync::{Arc, Mutex, PoisonError};

use super::http;
use super::server::{Reply, Request, Server};

/// A door to a registry that speaks plain HTTP. It only lets reading through.
pub(crate) struct Front {
    server: Server,
    mood: Arc<Mutex<Mood>>,
}

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// Too many requests, it says.
    Busy,
    /// As the registry does.
    Helpful,
    /// Not at all.
    Silent,
    /// As the registry does, one byte each second.
    Trickling,
}

/// What a reader of a registry looks at in the head of an answer.
const HEADERS: [&str; 4] = ["content-length", "content-type", "docker-content-digest", "oci-filters-applied"];

impl Front {
    /// Opens it at `address`, before the registry at `host`.
    pub(crate) fn start(address: &str, host: &str) -> Self {
        let (host, mood) = (host.to_owned(), Arc::new(Mutex::new(Mood::Helpful)));
        let shared = Arc::clone(&mood);
        let server = Server::start(address, move |request| {
            let mood = *shared.lock().unwrap_or_else(PoisonError::into_inner);
            match mood {
                Mood::Busy => {
                    Reply::Answer { status: 429, headers: vec![("retry-after", "1".to_owned())], body: Vec::new() }
                }
                Mood::Helpful => passed_on(&host, request),
                Mood::Silent => Reply::Silence,
                Mood::Trickling => Reply::Trickle(Box::new(passed_on(&host, request))),
            }
        });
        Self { server, mood }
    }

    /// `ADDRESS:PORT`.
    pub(crate) fn host(&self) -> String {
        self.server.host()
    }

    /// Answers so from now on.
    pub(crate) fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }
}

fn passed_on(host: &str, request: &Request) -> Reply {
    let url = format!("http://{host}{}", request.path);
    let Ok(answer) = http::try_send(&request.method, &url, None, &[("accept", &request.accept)], b"") else {
        return Reply::of(502, Vec::new());
    };
    let headers = HEADERS.iter().filter_map(|name| Some((*name, answer.header(name)?.to_owned()))).collect();
    Reply::Answer { status: answer.status, headers, body: answer.body().to_vec() }
}
