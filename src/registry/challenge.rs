//! `WWW-Authenticate`: how a registry asks for credentials (RFC 9110, section 11.6.1).

use std::fmt;

use crate::limits;

/// One challenge. A registry may send several, in one header or in many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User name and password (RFC 7617).
    Basic,
    /// A bearer token, which the service at `realm` gives
    /// (<https://distribution.github.io/distribution/spec/auth/token/>).
    Bearer(Bearer),
    /// A scheme that no registry is known for.
    Other(String),
}

/// What a [`Challenge::Bearer`] names. All of it is the registry's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The address of the token service.
    pub realm: String,
    /// The name by which the token service knows the registry.
    pub service: Option<String>,
    /// What the token has to allow, as in `repository:library/nginx:pull`.
    pub scope: Option<String>,
}

impl Challenge {
    /// Reads the value of one `WWW-Authenticate` header.
    ///
    /// # Errors
    /// When it is too long, malformed, says a thing twice, or has a bearer challenge without a realm. Nothing of such a
    /// header is used.
    pub fn parse(header: &[u8]) -> Result<Vec<Self>, ChallengeError> {
        if header.len() > limits::CHALLENGE_BYTES {
            return Err(ChallengeError::TooLong);
        }
        let text = std::str::from_utf8(header).map_err(|_| ChallengeError::Malformed)?;
        let mut reader = Reader { rest: text };
        let mut challenges = Vec::new();
        loop {
            reader.skip_list_separators();
            if reader.rest.is_empty() {
                return Ok(challenges);
            }
            let scheme = reader.token().ok_or(ChallengeError::Malformed)?;
            let parameters = reader.parameters()?;
            challenges.push(Self::of(scheme, parameters)?);
        }
    }

    fn of(scheme: &str, parameters: Vec<(String, String)>) -> Result<Self, ChallengeError> {
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Self::Other(scheme.to_owned()));
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (name, value) in parameters {
            let slot = match name.to_ascii_lowercase().as_str() {
                "realm" => &mut realm,
                "service" => &mut service,
                "scope" => &mut scope,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(ChallengeError::Repeated);
            }
        }
        Ok(Self::Bearer(Bearer {
            realm: realm.filter(|realm| !realm.is_empty()).ok_or(ChallengeError::NoRealm)?,
            service,
            scope,
        }))
    }
}

/// Why a challenge is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeError {
    /// It is not as RFC 9110 has it.
    Malformed,
    /// A bearer challenge names no realm.
    NoRealm,
    /// A parameter is there twice.
    Repeated,
    /// It exceeds [`limits::CHALLENGE_BYTES`].
    TooLong,
}

impl fmt::Display for ChallengeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the challenge is malformed",
            Self::NoRealm => "the challenge names no realm",
            Self::Repeated => "the challenge says a thing twice",
            Self::TooLong => "the challenge is too long",
        })
    }
}

impl std::error::Error for ChallengeError {}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn skip_list_separators(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
    }

    fn eat(&mut self, byte: char) -> bool {
        match self.rest.strip_prefix(byte) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take(&mut self, keep: impl Fn(char) -> bool) -> Option<&'a str> {
        let rest = self.rest.trim_start_matches(keep);
        let taken = self.rest.strip_suffix(rest)?;
        self.rest = rest;
        (!taken.is_empty()).then_some(taken)
    }

    fn token(&mut self) -> Option<&'a str> {
        self.take(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
    }

    /// The parameters of a challenge whose scheme was just read, up to the next challenge or the end.
    fn parameters(&mut self) -> Result<Vec<(String, String)>, ChallengeError> {
        let mut parameters = Vec::new();
        if self.skip_token68() {
            return Ok(parameters);
        }
        loop {
            // A `,` may stand before a parameter or before the next challenge; what follows tells.
            let before = self.rest;
            self.skip_list_separators();
            let name = self.token();
            self.skip_spaces();
            let (Some(name), true) = (name, self.eat('=')) else {
                self.rest = before;
                return self.end_of_challenge(parameters);
            };
            self.skip_spaces();
            let value =
                if self.eat('"') { self.quoted()? } else { self.token().ok_or(ChallengeError::Malformed)?.to_owned() };
            parameters.push((name.to_owned(), value));
            self.skip_spaces();
            if !self.rest.is_empty() && !self.rest.starts_with(',') {
                return Err(ChallengeError::Malformed);
            }
        }
    }

    fn end_of_challenge(&mut self, parameters: Vec<(String, String)>) -> Result<Vec<(String, String)>, ChallengeError> {
        self.skip_spaces();
        if self.rest.is_empty() || self.rest.starts_with(',') { Ok(parameters) } else { Err(ChallengeError::Malformed) }
    }

    /// Skips the one opaque value that a scheme may have instead of parameters, as in `Negotiate YII=`.
    fn skip_token68(&mut self) -> bool {
        let before = self.rest;
        self.skip_spaces();
        let spaced = self.rest.len() < before.len();
        let taken = self.take(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        self.rest = self.rest.trim_start_matches('=');
        self.skip_spaces();
        if spaced && taken.is_some() && (self.rest.is_empty() || self.rest.starts_with(',')) {
            return true;
        }
        self.rest = before;
        false
    }

    fn quoted(&mut self) -> Result<String, ChallengeError> {
        let mut value = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next() {
                Some('"') => {
                    self.rest = characters.as_str();
                    return Ok(value);
                }
                Some('\\') => value.push(characters.next().ok_or(ChallengeError::Malformed)?),
                Some(c) if !c.is_control() || c == '\t' => value.push(c),
                Some(_) | None => return Err(ChallengeError::Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        })
    }

    #[test]
    fn reads_what_registries_send() {
        let rows = [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#,
                vec![bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:library/nginx:pull"),
                )],
            ),
            (
                r#"bearer REALM="https://a/t" , Service=x, error="invalid_token""#,
                vec![bearer("https://a/t", Some("x"), None)],
            ),
            (
                r#"Bearer realm="https://a/t",scope="repository:a:pull,push repository:b:pull""#,
                vec![bearer("https://a/t", None, Some("repository:a:pull,push repository:b:pull"))],
            ),
            (r#"Basic realm="Registry Realm""#, vec![Challenge::Basic]),
            ("Basic", vec![Challenge::Basic]),
            (
                r#"Basic realm="a, Bearer realm=\"https://evil/\"", Bearer realm="https://a/t""#,
                vec![Challenge::Basic, bearer("https://a/t", None, None)],
            ),
            (
                r#"Negotiate YII==, Bearer realm="https://a/t", Basic"#,
                vec![Challenge::Other("Negotiate".to_owned()), bearer("https://a/t", None, None), Challenge::Basic],
            ),
            (
                r#",, Digest qop="auth", nonce = "x" ,Basic realm=x,"#,
                vec![Challenge::Other("Digest".to_owned()), Challenge::Basic],
            ),
            (r#"Bearer realm="a\"b\\c""#, vec![bearer(r#"a"b\c"#, None, None)]),
            ("", vec![]),
        ];
        for (text, expected) in rows {
            assert_eq!(Challenge::parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_challenge() {
        use ChallengeError::{Malformed, NoRealm, Repeated, TooLong};
        let long = format!("Bearer realm=\"{}\"", "a".repeat(100_000));
        let rows = [
            ("Bearer", NoRealm),
            ("Bearer abc", NoRealm),
            (r#"Bearer service="x""#, NoRealm),
            (r#"Bearer realm="""#, NoRealm),
            (r#"Bearer realm="a",realm="b""#, Repeated),
            (r#"Bearer realm="a",REALM="b""#, Repeated),
            (r#"Bearer realm="a"#, Malformed),
            (r#"Bearer realm="a\"#, Malformed),
            (r#"Bearer realm="a" service="b""#, Malformed),
            ("Bearer realm=\"a\u{1}\"", Malformed),
            (r#"="a""#, Malformed),
            (r#""Bearer""#, Malformed),
            ("Bearer realm=,", NoRealm),
            (&long, TooLong),
        ];
        for (text, expected) in rows {
            assert_eq!(Challenge::parse(text.as_bytes()), Err(expected), "{text}");
        }
        assert_eq!(Challenge::parse(b"Bearer \xff"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Challenge::parse(&bytes);
        }

        #[test]
        fn never_panics_on_what_looks_like_one(
            text in "((Bearer|Basic|X)( |,|=|\"|\\\\|realm|scope|service|a|/){0,12}){0,4}"
        ) {
            let _ = Challenge::parse(text.as_bytes());
        }

        #[test]
        fn a_quoted_realm_comes_back(realm in "[^\\p{Cc}]{1,40}") {
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("Basic, Bearer realm=\"{quoted}\", service=\"s\"");
            prop_assert_eq!(
                Challenge::parse(text.as_bytes()),
                Ok(vec![Challenge::Basic, bearer(&realm, Some("s"), None)])
            );
        }
    }
}
