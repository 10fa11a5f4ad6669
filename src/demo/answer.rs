//! What the registry answers to a request
//! (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints>).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, LINK, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use url::form_urlencoded;

use super::server::Options;
use super::store::{Store, Stored, subject_of};
use crate::image::{self, Digest};

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A request whose body is read.
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
}

type Answer = Response<Full<Bytes>>;

/// Answers `request` out of `store`.
pub(super) fn answer(store: &mut Store, options: &Options, request: &Request<'_>) -> Answer {
    let Some(path) = request.path.strip_prefix("/v2/") else {
        return error(StatusCode::NOT_FOUND, "UNSUPPORTED");
    };
    if path.is_empty() {
        return json_answer(StatusCode::OK, "application/json", &json!({}));
    }
    if let Some(name) = path.strip_suffix("/tags/list") {
        return named(name, |name| tags(store, request, name));
    }
    // The last of the words counts: a repository may have one of them in its name.
    let cut = ["/blobs/uploads/", "/manifests/", "/blobs/", "/referrers/"]
        .into_iter()
        .filter_map(|word| path.rsplit_once(word).map(|(name, rest)| (word, name, rest)))
        .min_by_key(|(_, _, rest)| rest.len());
    match cut {
        Some(("/blobs/uploads/", name, id)) => named(name, |name| upload(store, request, name, id)),
        Some(("/manifests/", name, reference)) => {
            named(name, |name| manifest(store, options, request, name, reference))
        }
        Some(("/blobs/", name, digest)) => match (path.strip_suffix("/blobs/uploads"), digest) {
            (Some(name), "uploads") => named(name, |name| upload(store, request, name, "")),
            _ => named(name, |name| blob(store, request, name, digest)),
        },
        Some((_, name, digest)) if options.referrers => {
            named(name, |name| referrers(store, options, request, name, digest))
        }
        Some(_) | None => error(StatusCode::NOT_FOUND, "UNSUPPORTED"),
    }
}

fn named(name: &str, then: impl FnOnce(&str) -> Answer) -> Answer {
    match image::Repository::new(image::Registry::docker_hub(), name) {
        Ok(_) => then(name),
        Err(_) => error(StatusCode::BAD_REQUEST, "NAME_INVALID"),
    }
}

fn manifest(store: &mut Store, options: &Options, request: &Request<'_>, name: &str, reference: &str) -> Answer {
    match *request.method {
        Method::GET | Method::HEAD => {
            let Some(contents) = store.repositories.get(name) else {
                return error(StatusCode::NOT_FOUND, "NAME_UNKNOWN");
            };
            let Some((digest, stored)) = contents.manifest(reference) else {
                return error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
            };
            let mut answer = content(&stored.media_type, stored.bytes.clone());
            put_header(&mut answer, DIGEST, &digest.to_string());
            answer
        }
        Method::PUT => put_manifest(store, options, request, name, reference),
        Method::DELETE => {
            let contents = store.repository(name);
            if contents.tags.remove(reference).is_none() {
                let Some(stored) = reference.parse().ok().filter(|digest| contents.manifests.remove(digest).is_some())
                else {
                    return error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
                };
                contents.tags.retain(|_, digest| *digest != stored);
            }
            empty(StatusCode::ACCEPTED)
        }
        _ => method_not_supported("GET, HEAD, PUT, DELETE"),
    }
}

fn put_manifest(store: &mut Store, options: &Options, request: &Request<'_>, name: &str, reference: &str) -> Answer {
    let digest = Digest::of(&request.body);
    let tag: Option<image::Tag> = reference.parse().ok();
    if tag.is_none() && reference.parse() != Ok(digest) {
        return error(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
    }
    let contents = store.repository(name);
    if serde_json::from_slice::<serde::de::IgnoredAny>(&request.body).is_err() {
        return error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID");
    }
    if contents.missing_blob(&request.body).is_some() {
        return error(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN");
    }
    let media_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let stored = Stored { media_type: media_type.to_owned(), bytes: request.body.clone() };
    contents.manifests.insert(digest, stored);
    if let Some(tag) = tag {
        contents.tags.insert(tag.to_string(), digest);
    }
    let mut answer = empty(StatusCode::CREATED);
    put_header(&mut answer, LOCATION, &format!("/v2/{name}/manifests/{digest}"));
    put_header(&mut answer, DIGEST, &digest.to_string());
    if options.referrers
        && let Some(subject) = subject_of(&request.body)
    {
        put_header(&mut answer, HeaderName::from_static("oci-subject"), &subject);
    }
    answer
}

fn blob(store: &mut Store, request: &Request<'_>, name: &str, digest: &str) -> Answer {
    let Ok(digest) = digest.parse::<Digest>() else {
        return error(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
    };
    match *request.method {
        Method::GET | Method::HEAD => {
            let Some(bytes) = store.repositories.get(name).and_then(|contents| contents.blobs.get(&digest)) else {
                return error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
            };
            let part = request.headers.get(RANGE).and_then(|range| part_of(range.to_str().ok()?, bytes));
            let mut answer = content("application/octet-stream", part.clone().unwrap_or_else(|| bytes.clone()));
            if part.is_some() {
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            }
            put_header(&mut answer, DIGEST, &digest.to_string());
            answer
        }
        Method::DELETE => match store.repository(name).blobs.remove(&digest) {
            Some(_) => empty(StatusCode::ACCEPTED),
            None => error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
        },
        _ => method_not_supported("GET, HEAD, DELETE"),
    }
}

/// The part of a blob that `bytes=FIRST-LAST` names; none where it names none of it.
fn part_of(range: &str, bytes: &Bytes) -> Option<Bytes> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
    let end = last.checked_add(1)?;
    (first < end && end <= bytes.len()).then(|| bytes.slice(first..end))
}

fn upload(store: &mut Store, request: &Request<'_>, name: &str, id: &str) -> Answer {
    let query = query(request.query);
    match (request.method, id.parse::<u64>()) {
        (&Method::POST, _) if id.is_empty() => {
            if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from")) {
                let digest = digest.parse::<Digest>().ok();
                let found = digest.and_then(|digest| Some((digest, store.repositories.get(from)?.blobs.get(&digest)?)));
                if let Some((digest, bytes)) = found.map(|(digest, bytes)| (digest, bytes.clone())) {
                    return keep_blob(store, name, digest, bytes);
                }
            }
            if let Some(digest) = query.get("digest") {
                return finish(store, name, digest, request.body.clone());
            }
            let id = store.begin_upload();
            continue_at(StatusCode::ACCEPTED, name, id, 0)
        }
        (&Method::PATCH, Ok(id)) => match store.uploads.get_mut(&id) {
            Some(upload) => {
                upload.extend_from_slice(&request.body);
                continue_at(StatusCode::ACCEPTED, name, id, upload.len())
            }
            None => error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
        },
        (&Method::PUT, Ok(id)) => match (store.uploads.remove(&id), query.get("digest")) {
            (None, _) => error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            (Some(_), None) => error(StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            (Some(mut bytes), Some(digest)) => {
                bytes.extend_from_slice(&request.body);
                finish(store, name, digest, Bytes::from(bytes))
            }
        },
        (&Method::GET, Ok(id)) => match store.uploads.get(&id) {
            Some(upload) => continue_at(StatusCode::NO_CONTENT, name, id, upload.len()),
            None => error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
        },
        (&Method::DELETE, Ok(id)) => match store.uploads.remove(&id) {
            Some(_) => empty(StatusCode::NO_CONTENT),
            None => error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
        },
        _ => error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
    }
}

fn finish(store: &mut Store, name: &str, digest: &str, bytes: Bytes) -> Answer {
    match digest.parse() {
        Ok(digest) if digest == Digest::of(&bytes) => keep_blob(store, name, digest, bytes),
        Ok(_) | Err(_) => error(StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
    }
}

fn keep_blob(store: &mut Store, name: &str, digest: Digest, bytes: Bytes) -> Answer {
    store.repository(name).blobs.insert(digest, bytes);
    let mut answer = empty(StatusCode::CREATED);
    put_header(&mut answer, LOCATION, &format!("/v2/{name}/blobs/{digest}"));
    put_header(&mut answer, DIGEST, &digest.to_string());
    answer
}

fn continue_at(status: StatusCode, name: &str, id: u64, length: usize) -> Answer {
    let mut answer = empty(status);
    put_header(&mut answer, LOCATION, &format!("/v2/{name}/blobs/uploads/{id}"));
    put_header(&mut answer, HeaderName::from_static("range"), &format!("0-{}", length.saturating_sub(1)));
    answer
}

fn tags(store: &Store, request: &Request<'_>, name: &str) -> Answer {
    let Some(contents) = store.repositories.get(name) else {
        return error(StatusCode::NOT_FOUND, "NAME_UNKNOWN");
    };
    let query = query(request.query);
    let last = query.get("last").map(String::as_str).unwrap_or_default();
    let number = query.get("n").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    let tags: Vec<_> = contents.tags.keys().filter(|tag| tag.as_str() > last).take(number).collect();
    json_answer(StatusCode::OK, "application/json", &json!({ "name": name, "tags": tags }))
}

fn referrers(store: &Store, options: &Options, request: &Request<'_>, name: &str, subject: &str) -> Answer {
    let Ok(subject) = subject.parse::<Digest>() else {
        return error(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
    };
    let query = query(request.query);
    let artifact_type = query.get("artifactType").map(String::as_str);
    let skipped = query.get("skip").and_then(|skip| skip.parse().ok()).unwrap_or(0_usize);
    let all =
        store.repositories.get(name).map(|contents| contents.referrers(subject, artifact_type)).unwrap_or_default();
    let number = options.referrers_per_page.unwrap_or(usize::MAX);
    let next = skipped.saturating_add(number);
    let has_next = next < all.len();
    let page: Vec<_> = all.into_iter().skip(skipped).take(number).collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": page });
    let mut answer = json_answer(StatusCode::OK, media_type, &index);
    if artifact_type.is_some() {
        put_header(&mut answer, HeaderName::from_static("oci-filters-applied"), "artifactType");
    }
    if has_next {
        put_header(&mut answer, LINK, &format!("</v2/{name}/referrers/{subject}?skip={next}>; rel=\"next\""));
    }
    answer
}

fn query(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn content(media_type: &str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(bytes));
    put_header(&mut answer, CONTENT_TYPE, media_type);
    answer
}

fn json_answer(status: StatusCode, media_type: &str, value: &serde_json::Value) -> Answer {
    let mut answer = content(media_type, Bytes::from(value.to_string()));
    *answer.status_mut() = status;
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

/// An error as the specification has it.
pub(super) fn error(status: StatusCode, code: &str) -> Answer {
    json_answer(status, "application/json", &json!({ "errors": [{ "code": code, "message": code }] }))
}

fn method_not_supported(methods: &str) -> Answer {
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED");
    put_header(&mut answer, ALLOW, methods);
    answer
}

/// Sets a header to a text that a client sent or the registry made; one that is no header value is left out.
fn put_header(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
