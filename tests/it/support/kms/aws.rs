//! AWS KMS, ECR, STS, and the credentials of a pod and of a machine. Signed requests are checked by the published algorithm
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::trust::HashAlgorithm;
use serde_json::{Value, json};

use super::key::How;
use super::{HeldKey, Kind, body, form, json};
use crate::support::Faulty;
use crate::support::http::{Response, Seen};

/// The services of one region with one key, `alias/cosign`.
pub(crate) struct AwsDouble {
    pub(crate) front: Faulty,
    state: Arc<Mutex<State>>,
}

struct State {
    key: HeldKey,
    /// How the key is: the exception that every use of it gives.
    exception: Option<&'static str>,
    algorithms: Vec<&'static str>,
    /// Access keys with their secrets and sessions.
    accounts: BTreeMap<String, (String, Option<String>)>,
    expired: bool,
    lives: jiff::SignedDuration,
    given: u32,
    /// The role of the machine, and what was said instead of its credentials.
    role: Option<&'static str>,
    withheld: Option<&'static str>,
    sessions: Vec<String>,
}

impl AwsDouble {
    pub(crate) const REGION: &'static str = "eu-central-1";
    pub(crate) const ID: &'static str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    pub(crate) const ACCESS_KEY: &'static str = "AKIDEXAMPLE";
    pub(crate) const SECRET: &'static str = "wJalr5ecretKEY/access";
    pub(crate) const ROLE: &'static str = "arn:aws:iam::111122223333:role/signer";
    pub(crate) const WEB_TOKEN: &'static str = "eyJ-5ecret-web-identity";
    pub(crate) const POD_TOKEN: &'static str = "eyJ-5ecret-pod-identity";

    pub(crate) async fn start(key: HeldKey) -> Self {
        let algorithms = match key.kind {
            Kind::Ed25519 => vec!["ED25519_PH_SHA_512", "ED25519_SHA_512"],
            Kind::P256 => vec!["ECDSA_SHA_256"],
            Kind::P384 => vec!["ECDSA_SHA_384"],
            Kind::P521 => vec!["ECDSA_SHA_512"],
            Kind::Rsa2048 => vec!["RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_512", "RSASSA_PSS_SHA_256"],
        };
        let state = Arc::new(Mutex::new(State {
            key,
            exception: None,
            algorithms,
            accounts: BTreeMap::from([(Self::ACCESS_KEY.to_owned(), (Self::SECRET.to_owned(), None))]),
            expired: false,
            lives: jiff::SignedDuration::from_hours(1),
            given: 0,
            role: Some("node+role"),
            withheld: None,
            sessions: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let front = super::serve(move |seen| shared.lock().unwrap().answer(seen)).await;
        Self { front, state }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.front.address())
    }

    pub(crate) fn arn() -> String {
        format!("arn:aws:kms:{}:111122223333:key/{}", Self::REGION, Self::ID)
    }

    /// Every use of the key gives this exception.
    pub(crate) fn gives(&self, exception: &'static str) {
        self.state.lock().unwrap().exception = Some(exception);
    }

    pub(crate) fn algorithms(&self, algorithms: &[&'static str]) {
        self.state.lock().unwrap().algorithms = algorithms.to_vec();
    }

    /// Says of the credentials that were given so far that they have ended.
    pub(crate) fn expire(&self) {
        let mut state = self.state.lock().unwrap();
        state.accounts.retain(|id, _| id == Self::ACCESS_KEY);
        state.expired = true;
    }

    /// The role of the machine from now on.
    pub(crate) fn role(&self, role: Option<&'static str>) {
        self.state.lock().unwrap().role = role;
    }

    /// The metadata service gives this word, and no credentials.
    pub(crate) fn withholds(&self, word: &'static str) {
        self.state.lock().unwrap().withheld = Some(word);
    }

    /// Credentials that are given live so long.
    pub(crate) fn lives(&self, life: jiff::SignedDuration) {
        self.state.lock().unwrap().lives = life;
    }
}

fn exception(name: &str) -> Response {
    json(400, &json!({ "__type": format!("com.amazonaws.kms#{name}"), "message": "a 5ecret may stand here" }))
}

impl State {
    fn answer(&mut self, seen: &Seen) -> Response {
        if seen.method == "GET" && seen.path == "/v1/credentials" {
            return self.pod_identity(seen);
        }
        if seen.path.starts_with("/latest/") {
            return self.metadata(seen);
        }
        if seen.header("content-type") == Some("application/x-www-form-urlencoded") {
            return self.assume_role(seen);
        }
        let (region, service) = match seen.header("x-amz-target").and_then(|target| target.split_once('.')) {
            Some(("AmazonEC2ContainerRegistry_V20150921", _)) => (AwsDouble::REGION, "ecr"),
            Some(("SpencerFrontendService", _)) => ("us-east-1", "ecr-public"),
            _ => (AwsDouble::REGION, "kms"),
        };
        if let Err(why) = self.check_signature(seen, region, service) {
            return exception(if self.expired { "ExpiredTokenException" } else { why });
        }
        if seen.path != "/" || seen.header("content-type") != Some("application/x-amz-json-1.1") {
            return exception("UnknownOperationException");
        }
        let body = body(seen);
        if service != "kms" {
            return self.password(seen, service);
        }
        let id = body["KeyId"].as_str().unwrap_or_default();
        let names = [AwsDouble::ID.to_owned(), "alias/cosign".to_owned(), AwsDouble::arn()];
        if !names.iter().any(|name| name == id) {
            return exception("NotFoundException");
        }
        if let Some(name) = self.exception {
            return exception(name);
        }
        match seen.header("x-amz-target") {
            Some("TrentService.GetPublicKey") => json(
                200,
                &json!({
                    "KeyId": AwsDouble::arn(),
                    "PublicKey": STANDARD.encode(self.key.spki()),
                    "KeyUsage": "SIGN_VERIFY",
                    "SigningAlgorithms": self.algorithms,
                }),
            ),
            Some("TrentService.Sign") => self.sign(&body),
            _ => exception("UnknownOperationException"),
        }
    }

    /// The password of a registry: a list of one from the private one, and that itself from the public one.
    fn password(&self, seen: &Seen, service: &str) -> Response {
        if let Some(name) = self.exception {
            return exception(name);
        }
        if !seen.header("x-amz-target").is_some_and(|target| target.ends_with(".GetAuthorizationToken")) {
            return exception("UnknownOperationException");
        }
        #[expect(clippy::disallowed_methods, reason = "passwords end by the clock")]
        let ends = (jiff::Timestamp::now() + self.lives).as_second();
        let token = json!({
            "authorizationToken": STANDARD.encode(format!("AWS:{service}-5ecret-{}", self.given)),
            "expiresAt": ends,
        });
        json(200, &json!({ "authorizationData": if service == "ecr" { json!([token]) } else { token } }))
    }

    fn sign(&self, body: &Value) -> Response {
        let Ok(message) = STANDARD.decode(body["Message"].as_str().unwrap_or_default()) else {
            return exception("SerializationException");
        };
        let algorithm = body["SigningAlgorithm"].as_str().unwrap_or_default();
        if !self.algorithms.contains(&algorithm) {
            return exception("InvalidKeyUsageException");
        }
        let (hash, how) = match algorithm {
            "ECDSA_SHA_256" => (HashAlgorithm::Sha256, How::Der),
            "ECDSA_SHA_384" => (HashAlgorithm::Sha384, How::Der),
            "ECDSA_SHA_512" => (HashAlgorithm::Sha512, How::Der),
            "RSASSA_PKCS1_V1_5_SHA_256" => (HashAlgorithm::Sha256, How::Pkcs1),
            "RSASSA_PSS_SHA_256" => (HashAlgorithm::Sha256, How::Pss),
            "ED25519_SHA_512" if body["MessageType"] == "RAW" && message.len() <= 4096 => {
                return self.signed(algorithm, &self.key.sign_message(&message));
            }
            _ => return exception("ValidationException"),
        };
        match self.key.sign(hash, &message, how) {
            Some(signature) if body["MessageType"] == "DIGEST" => self.signed(algorithm, &signature),
            _ => exception("ValidationException"),
        }
    }

    fn signed(&self, algorithm: &str, signature: &[u8]) -> Response {
        let signature = STANDARD.encode(signature);
        json(200, &json!({ "KeyId": AwsDouble::arn(), "Signature": signature, "SigningAlgorithm": algorithm }))
    }

    /// A new access key with a session.
    fn give(&mut self) -> (String, String, String, String) {
        self.given += 1;
        self.expired = false;
        let (id, secret, session) = (
            format!("ASIA{}", self.given),
            format!("5ecret/{}", self.given),
            format!("session-5ecret/{}=", self.given),
        );
        self.accounts.insert(id.clone(), (secret.clone(), Some(session.clone())));
        #[expect(clippy::disallowed_methods, reason = "credentials end by the clock")]
        let ends = jiff::Timestamp::now() + self.lives;
        (id, secret, session, ends.to_string())
    }

    fn pod_identity(&mut self, seen: &Seen) -> Response {
        if seen.header("authorization") != Some(AwsDouble::POD_TOKEN) {
            return json(401, &json!({ "code": "AccessDenied", "message": "no" }));
        }
        let (id, secret, session, ends) = self.give();
        json(200, &json!({ "AccessKeyId": id, "SecretAccessKey": secret, "Token": session, "Expiration": ends }))
    }

    /// The second version of the metadata service alone
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>).
    fn metadata(&mut self, seen: &Seen) -> Response {
        let text = |text: &str| Response::new(200).header("content-type", "text/plain").body(text.as_bytes().to_vec());
        if seen.header("x-forwarded-for").is_some() {
            return Response::new(403);
        }
        if seen.line() == "PUT /latest/api/token" {
            let life = seen.header("x-aws-ec2-metadata-token-ttl-seconds").and_then(|life| life.parse::<u32>().ok());
            if !life.is_some_and(|life| (1..=21600).contains(&life)) {
                return Response::new(400);
            }
            let session = format!("AQAEA-5ecret-{}==", self.sessions.len());
            self.sessions.push(session.clone());
            return text(&session);
        }
        let shown = seen.header("x-aws-ec2-metadata-token").unwrap_or_default();
        if !self.sessions.iter().any(|session| session == shown) {
            return Response::new(401);
        }
        let roles = "GET /latest/meta-data/iam/security-credentials/";
        match (seen.line().strip_prefix(roles), self.role) {
            (Some(""), Some(role)) => text(role),
            (Some(asked), Some(role)) if asked == role => match self.withheld {
                Some(word) => json(200, &json!({ "Code": word, "Message": "a 5ecret may stand here" })),
                None => {
                    let (id, secret, session, ends) = self.give();
                    let told = json!({
                        "Code": "Success", "LastUpdated": ends, "Type": "AWS-HMAC", "AccessKeyId": id,
                        "SecretAccessKey": secret, "Token": session, "Expiration": ends,
                    });
                    json(200, &told)
                }
            },
            _ => Response::new(404),
        }
    }

    fn assume_role(&mut self, seen: &Seen) -> Response {
        let expected = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", AwsDouble::ROLE),
            ("RoleSessionName", "countersign"),
            ("WebIdentityToken", AwsDouble::WEB_TOKEN),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        if form(&seen.body) != BTreeMap::from(expected) || seen.header("authorization").is_some() {
            return Response::new(400)
                .body(b"<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>".to_vec());
        }
        let (id, secret, session, ends) = self.give();
        let xml = format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
             <AssumeRoleWithWebIdentityResult>\n    <Credentials>\n      <AccessKeyId>{id}</AccessKeyId>\n      \
             <SecretAccessKey>{secret}</SecretAccessKey>\n      <SessionToken>{session}</SessionToken>\n      \
             <Expiration>{ends}</Expiration>\n    </Credentials>\n    \
             <Provider>https://oidc.example.com</Provider>\n  </AssumeRoleWithWebIdentityResult>\n\
             </AssumeRoleWithWebIdentityResponse>"
        );
        Response::new(200).header("content-type", "text/xml").body(xml.into_bytes())
    }

    /// The check of the service: everything that has to be signed is, by whom it says, in this region, now.
    fn check_signature(&self, seen: &Seen, region: &str, service: &str) -> Result<(), &'static str> {
        let header = |name: &str| seen.header(name).ok_or("IncompleteSignature");
        let authorization = header("authorization")?.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("IncompleteSignature")?;
        let parts: BTreeMap<_, _> = authorization.split(',').filter_map(|part| part.trim().split_once('=')).collect();
        let [credential, signed, signature] =
            ["Credential", "SignedHeaders", "Signature"].map(|name| parts.get(name).copied().unwrap_or_default());
        let time = header("x-amz-date")?;
        let day = time.get(..8).ok_or("IncompleteSignature")?;
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let id = credential.strip_suffix(&format!("/{scope}")).ok_or("SignatureDoesNotMatch")?;
        let (secret, session) = self.accounts.get(id).ok_or("UnrecognizedClientException")?;
        if seen.header("x-amz-security-token") != session.as_deref() {
            return Err("UnrecognizedClientException");
        }
        #[expect(clippy::disallowed_methods, reason = "signatures last for minutes")]
        let now = jiff::Timestamp::now();
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).map_err(|_| "IncompleteSignature")?;
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        if at.duration_since(now).abs() > jiff::SignedDuration::from_mins(5) {
            return Err("SignatureDoesNotMatch");
        }
        let signed_names: Vec<_> = signed.split(';').collect();
        for (name, _) in &seen.headers {
            let has_to_be = name == "host" || name.starts_with("x-amz-");
            if has_to_be && !signed_names.contains(&name.as_str()) {
                return Err("InvalidSignatureException");
            }
        }
        let mut request = format!("{}\n{}\n\n", seen.method, seen.path);
        for name in &signed_names {
            request.push_str(&format!("{name}:{}\n", header(name)?.trim()));
        }
        request.push_str(&format!("\n{signed}\n{}", sha256(&seen.body)));
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(request.as_bytes()));
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [day, region, service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let expected = hex(&mac(&key, to_sign.as_bytes()));
        if signature == expected { Ok(()) } else { Err("InvalidSignatureException") }
    }
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
