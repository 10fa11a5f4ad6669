//! What the Secret of the certificate holds.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{MadeCertificate, two_thirds};
use crate::limits;

/// The certificate in use, the one that comes next, and the authority of the last.
pub(super) struct Stored {
    pub(super) current: MadeCertificate,
    renew_after: Timestamp,
    next: Option<(MadeCertificate, Timestamp)>,
    previous_authority: Option<String>,
    /// The state of the Secret that was read; none of a new one.
    state: Option<State>,
}

/// What somebody said about the Secret, Helm say, and which state of it was read: stays as it is where it is replaced.
pub(super) struct State(Map<String, Value>);

/// What stands in the place of the Secret.
pub(super) enum Seen {
    /// A Secret in this state that nobody has filled yet, or in which nothing can be used any more.
    Lost {
        state: State,
        /// What is wrong with what it holds; none where it is empty.
        damage: Option<String>,
    },
    /// Nothing.
    Nothing,
    /// A certificate.
    Stored(Box<Stored>),
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is no certificate, or its time is over.
    MakeFirst,
    /// There is no Secret.
    MakeSecret,
    /// Nothing.
    None,
    /// Two thirds of its time are over.
    PrepareNext,
    /// The Secret holds nothing any more, or nothing that could be used.
    PutBack,
    /// The next is believed, and everybody had time to see that; or the time of the one in use is over.
    UseNext,
}

impl Step {
    /// What is due `now`, when the bundle of `stored` was found to be `believed` everywhere, or not.
    pub(super) fn due(stored: Option<&Stored>, now: Timestamp, believed: bool) -> Self {
        let Some(stored) = stored else {
            return Self::MakeFirst;
        };
        let is_over = now >= stored.current.not_after;
        match &stored.next {
            Some(_) if is_over || (believed && stored.is_waiting(now)) => Self::UseNext,
            None if is_over => Self::MakeFirst,
            None if now >= stored.renew_after => Self::PrepareNext,
            Some(_) | None => Self::None,
        }
    }

    /// That it was done.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::MakeFirst => "a certificate was made",
            Self::MakeSecret => "the Secret of the certificate was not there, and was made",
            Self::None => "nothing was due",
            Self::PrepareNext => "the next certificate was made",
            Self::PutBack => {
                "the Secret of the certificate was lost: what is served was put back, and the next was made"
            }
            Self::UseNext => "the next certificate is used from now on",
        }
    }
}

#[derive(Deserialize)]
struct Object {
    metadata: Map<String, Value>,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

impl Stored {
    pub(super) fn first(made: MadeCertificate, now: Timestamp) -> Self {
        let renew_after = two_thirds(now, made.not_after);
        Self { current: made, renew_after, next: None, previous_authority: None, state: None }
    }

    /// The same in place of a Secret in this state.
    pub(super) fn in_place_of(self, state: State) -> Self {
        Self { state: Some(state), ..self }
    }

    /// The same Secret with `made` in place of what is over.
    pub(super) fn anew(self, made: MadeCertificate, now: Timestamp) -> Self {
        let previous_authority = Some(self.current.authority);
        Self { previous_authority, state: self.state, ..Self::first(made, now) }
    }

    /// The same with `made` to come next.
    pub(super) fn with_next(self, made: MadeCertificate, now: Timestamp) -> Self {
        let use_after = now.checked_add(limits::CERTIFICATE_SPREAD).unwrap_or(now);
        Self { next: Some((made, use_after)), ..self }
    }

    /// The same with what came next in use.
    pub(super) fn use_next(self, now: Timestamp) -> Self {
        match self.next {
            Some((next, _)) => {
                Self { previous_authority: Some(self.current.authority), state: self.state, ..Self::first(next, now) }
            }
            None => self,
        }
    }

    /// Whether the time has come to use the next.
    pub(super) fn is_waiting(&self, now: Timestamp) -> bool {
        self.next.as_ref().is_some_and(|(_, use_after)| now >= *use_after)
    }

    /// Whom to believe, in base64 as webhook configurations have it.
    pub(super) fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|(next, _)| next.authority.as_str());
        let all = [self.previous_authority.as_deref(), Some(self.current.authority.as_str()), next];
        let mut bundle = String::new();
        for authority in all.into_iter().flatten() {
            bundle.push_str(authority.trim_end());
            bundle.push('\n');
        }
        STANDARD.encode(bundle)
    }

    /// Reads a Secret whose certificates `check` finds whole, or not. What is said of it says nothing of what it holds.
    ///
    /// Only the certificate in use has to be found: where the next one, or a time, cannot be read, another one is due.
    pub(super) fn read(body: &[u8], check: impl Fn(&MadeCertificate) -> Result<(), String>) -> Result<Seen, String> {
        let unreadable = || "the Secret of the certificate cannot be read".to_owned();
        let Object { mut metadata, data } = serde_json::from_slice(body).map_err(|_| unreadable())?;
        if !metadata.contains_key("resourceVersion") {
            return Err(unreadable());
        }
        // Who said what is for the API server to know.
        metadata.remove("managedFields");
        let state = State(metadata);
        if data.is_empty() {
            return Ok(Seen::Lost { state, damage: None });
        }
        let found = |key: &str| {
            let bytes = STANDARD.decode(data.get(key)?).ok()?;
            String::from_utf8(bytes).ok()
        };
        let text = |key: &str| found(key).ok_or_else(|| format!("`{key}` is not there or no text"));
        let time = |key: &str| text(key)?.trim().parse::<Timestamp>().map_err(|_| format!("`{key}` is no time"));
        let certificate = |prefix: &str| {
            let certificate = MadeCertificate {
                authority: text(&format!("{prefix}ca.crt"))?,
                chain: text(&format!("{prefix}tls.crt"))?,
                key: Zeroizing::new(text(&format!("{prefix}tls.key"))?),
                not_after: time(&format!("{prefix}not-after"))?,
            };
            check(&certificate).map(|()| certificate)
        };
        let current = match certificate("") {
            Ok(current) => current,
            Err(damage) => return Ok(Seen::Lost { state, damage: Some(damage) }),
        };
        let at_once = Timestamp::UNIX_EPOCH;
        let mut renew_after = time("renew-after").unwrap_or(at_once);
        let mut next = None;
        if data.keys().any(|key| key.starts_with("next-")) {
            match certificate("next-").and_then(|next| Ok((next, time("use-next-after")?))) {
                Ok(found) => next = Some(found),
                Err(_) => renew_after = at_once,
            }
        }
        let previous_authority = found("previous-ca.crt");
        Ok(Seen::Stored(Box::new(Self { current, renew_after, next, previous_authority, state: Some(state) })))
    }

    /// The Secret to be stored. Where it was read, only in place of what was read.
    pub(super) fn object(&self, namespace: &str, name: &str) -> Value {
        let mut data = BTreeMap::new();
        let mut put = |key: String, value: &str| {
            data.insert(key, STANDARD.encode(value));
        };
        let next = self.next.as_ref().map(|(next, _)| ("next-", next));
        for (prefix, certificate) in [("", &self.current)].into_iter().chain(next) {
            put(format!("{prefix}ca.crt"), &certificate.authority);
            put(format!("{prefix}tls.crt"), &certificate.chain);
            put(format!("{prefix}tls.key"), &certificate.key);
            put(format!("{prefix}not-after"), &certificate.not_after.to_string());
        }
        put("renew-after".to_owned(), &self.renew_after.to_string());
        if let Some((_, use_after)) = &self.next {
            put("use-next-after".to_owned(), &use_after.to_string());
        }
        if let Some(authority) = &self.previous_authority {
            put("previous-ca.crt".to_owned(), authority);
        }
        let mut object = empty(namespace, name);
        if let Some(fields) = object.as_object_mut() {
            fields.insert("data".to_owned(), json!(data));
        }
        if let (Some(State(said)), Some(metadata)) = (&self.state, object.get_mut("metadata")) {
            *metadata = Value::Object(said.clone());
        }
        object
    }
}

/// The Secret with nothing in it.
pub(super) fn empty(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "countersign", "app.kubernetes.io/managed-by": "countersign"},
        },
        "type": "Opaque",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str, not_after: &str) -> MadeCertificate {
        MadeCertificate {
            authority: format!("{name} authority\n"),
            chain: format!("{name} chain\n"),
            key: Zeroizing::new(format!("{name} key\n")),
            not_after: not_after.parse().unwrap(),
        }
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn believed(stored: &Stored) -> Vec<String> {
        let bundle = String::from_utf8(STANDARD.decode(stored.bundle()).unwrap()).unwrap();
        bundle.lines().map(|line| line.trim_end_matches(" authority").to_owned()).collect()
    }

    /// Read by who knows damage where it is called so.
    fn read(object: &Value) -> Result<Seen, String> {
        Stored::read(object.to_string().as_bytes(), |certificate| {
            if certificate.chain.contains("damaged") { Err("it is damaged".to_owned()) } else { Ok(()) }
        })
    }

    fn with_version(mut object: Value) -> Value {
        object["metadata"]["resourceVersion"] = json!("7");
        object
    }

    /// Stored and read again, as by another replica.
    fn through(stored: &Stored) -> Stored {
        let object = with_version(stored.object("ns", "n"));
        let Ok(Seen::Stored(read)) = read(&object) else { panic!("not stored") };
        let mut again = read.object("ns", "n");
        assert_eq!(again["metadata"]["resourceVersion"], "7");
        again["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"].clone();
        assert_eq!(again, object);
        *read
    }

    #[test]
    fn a_life() {
        for believed in [true, false] {
            assert_eq!(Step::due(None, at("2026-01-01T00:00:00Z"), believed), Step::MakeFirst);
        }
        let first = through(&Stored::first(made("a", "2026-03-31T00:00:00Z"), at("2026-01-01T00:00:00Z")));
        assert_eq!(believed(&first), ["a"]);
        let rows = [
            ("2026-02-28T23:59:59Z", Step::None),
            ("2026-03-02T00:00:00Z", Step::PrepareNext),
            ("2026-03-31T00:00:00Z", Step::MakeFirst),
        ];
        for (now, step) in rows {
            for believed in [true, false] {
                assert_eq!(Step::due(Some(&first), at(now), believed), step, "{now}");
            }
        }

        let next = through(&first.with_next(made("b", "2026-05-31T00:00:00Z"), at("2026-03-02T00:00:00Z")));
        assert_eq!(believed(&next), ["a", "b"], "the next is believed before it is used");
        assert_eq!(*next.current.key, "a key\n");
        let rows = [
            ("2026-03-02T00:09:59Z", true, Step::None),
            ("2026-03-02T00:10:00Z", true, Step::UseNext),
            // As long as it is not believed the one in use stays, for the four weeks that it has left.
            ("2026-03-02T00:10:00Z", false, Step::None),
            ("2026-03-30T23:59:59Z", false, Step::None),
            ("2026-03-30T23:59:59Z", true, Step::UseNext),
            // When its time is over nobody believes it, and the next may be.
            ("2026-03-31T00:00:00Z", false, Step::UseNext),
            // Even one that is over has to come after it, where nobody looked for long.
            ("2026-07-01T00:00:00Z", false, Step::UseNext),
        ];
        for (now, believed, step) in rows {
            assert_eq!(Step::due(Some(&next), at(now), believed), step, "{now}, believed: {believed}");
            assert_eq!(next.is_waiting(at(now)), now != "2026-03-02T00:09:59Z");
        }

        let used = through(&next.use_next(at("2026-03-02T00:10:00Z")));
        assert_eq!(*used.current.key, "b key\n");
        assert_eq!(believed(&used), ["a", "b"], "a replica may still use the last");
        assert_eq!(Step::due(Some(&used), at("2026-03-02T00:10:00Z"), true), Step::None);
        assert!(!used.is_waiting(at("2026-03-02T00:10:00Z")));

        let again = used.anew(made("c", "2026-09-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
        assert_eq!(believed(&through(&again)), ["b", "c"]);
    }

    #[test]
    fn a_secret_that_is_empty_is_filled() {
        let metadata = json!({"name": "n", "resourceVersion": "7", "labels": {"by": "Helm"}, "managedFields": []});
        let Ok(Seen::Lost { state, damage: None }) = read(&json!({"metadata": metadata})) else { panic!("not empty") };
        let first = Stored::first(made("a", "2026-03-31T00:00:00Z"), at("2026-01-01T00:00:00Z")).in_place_of(state);
        // What others said of it stays.
        let said = json!({"name": "n", "resourceVersion": "7", "labels": {"by": "Helm"}});
        assert_eq!(first.object("ns", "n")["metadata"], said);
        assert!(read(&json!({"metadata": {"name": "n"}})).is_err(), "it is not known which state that is");
    }

    /// What is served is believed, so that it goes on, and what somebody threw away is renewed.
    #[test]
    fn what_is_put_back_is_renewed_soon() {
        let lost = made("a", "2026-03-31T00:00:00Z");
        let next = made("b", "2026-05-31T00:00:00Z");
        let back =
            through(&Stored::first(lost, at("2026-01-10T00:00:00Z")).with_next(next, at("2026-01-10T00:00:00Z")));
        assert_eq!(*back.current.key, "a key\n");
        assert_eq!(believed(&back), ["a", "b"]);
        assert_eq!(Step::due(Some(&back), at("2026-01-10T00:09:59Z"), true), Step::None);
        assert_eq!(Step::due(Some(&back), at("2026-01-10T00:10:00Z"), true), Step::UseNext);
    }

    #[test]
    fn what_is_damaged_is_said_without_what_is_held() {
        let stored = Stored::first(made("hunter2", "2026-03-31T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        let object = with_version(stored.object("ns", "n"));
        let not_text = json!(STANDARD.encode([0xff]));
        for (key, value, why) in [
            ("tls.crt", json!("*"), "`tls.crt` is not there or no text"),
            ("tls.crt", json!(STANDARD.encode("damaged hunter2")), "it is damaged"),
            ("tls.key", not_text, "`tls.key` is not there or no text"),
            ("ca.crt", json!("*"), "`ca.crt` is not there or no text"),
            ("not-after", json!(STANDARD.encode("hunter2")), "`not-after` is no time"),
        ] {
            let mut damaged = object.clone();
            damaged["data"][key] = value;
            let Ok(Seen::Lost { damage: Some(damage), .. }) = read(&damaged) else { panic!("{key} is not missed") };
            assert_eq!(damage, why);
        }
        let mut without = object.clone();
        without["data"].as_object_mut().unwrap().remove("tls.key");
        assert!(matches!(read(&without), Ok(Seen::Lost { damage: Some(_), .. })));
    }

    /// What is in use stays, and another comes next.
    #[test]
    fn a_next_certificate_that_is_damaged_is_made_again() {
        let now = at("2026-01-10T00:00:00Z");
        let first = Stored::first(made("a", "2026-03-31T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        assert_eq!(Step::due(Some(&through(&first)), now, true), Step::None);
        let next = Stored::first(made("a", "2026-03-31T00:00:00Z"), at("2026-01-01T00:00:00Z"))
            .with_next(made("b", "2026-05-31T00:00:00Z"), now);
        for (whole, keys) in [
            (first.object("ns", "n"), &["renew-after"][..]),
            (
                next.object("ns", "n"),
                &["next-ca.crt", "next-tls.crt", "next-tls.key", "next-not-after", "use-next-after"],
            ),
        ] {
            for key in keys {
                for damage in [None, Some("damaged")] {
                    let mut object = with_version(whole.clone());
                    let data = object["data"].as_object_mut().unwrap();
                    match damage {
                        None => _ = data.remove(*key),
                        // The check knows damage of a certificate, not of what stands beside it.
                        Some(_) if matches!(*key, "next-ca.crt" | "next-tls.key") => data[*key] = json!("*"),
                        Some(text) => data[*key] = json!(STANDARD.encode(text)),
                    }
                    let Ok(Seen::Stored(read)) = read(&object) else { panic!("{key}: nothing is found") };
                    assert_eq!(*read.current.key, "a key\n");
                    assert_eq!(Step::due(Some(&read), now, true), Step::PrepareNext, "{key}");
                }
            }
        }
    }
}
