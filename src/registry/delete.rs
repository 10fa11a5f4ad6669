//! Taking a manifest away, for the signer.

use http::{Method, StatusCode};
use tokio::time::Instant;

use super::push::{rejected, unasked};
use super::requests::RequestKind;
use super::session::{Access, Question, error_code};
use super::{Client, Keychain, PushError};
use crate::image::{Digest, Repository};
use crate::limits;

/// What came of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Deleted {
    /// The registry took it away.
    Done,
    /// It was not there.
    Gone,
    /// The registry deletes nothing, or not this.
    Unsupported {
        /// The HTTP status.
        status: u16,
        /// The error code of the distribution specification.
        code: Option<String>,
    },
}

impl Client {
    /// Deletes the manifest `digest`
    /// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests>).
    ///
    /// # Errors
    /// When the registry refuses the credentials or cannot be asked. That it does not delete is no error.
    pub async fn delete_manifest(
        &self,
        repository: &Repository,
        digest: Digest,
        keys: &dyn Keychain,
        deadline: Instant,
    ) -> Result<Deleted, PushError> {
        self.session(repository, Access::Delete, keys, deadline, async |session| {
            let mut question =
                Question::get(RequestKind::Write, format!("manifests/{digest}"), limits::SMALL_ANSWER_BYTES);
            question.method = Method::DELETE;
            question.redirects = false;
            let reply = session.ask(&question).await.map_err(unasked)?;
            match reply.status {
                StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => Ok(Deleted::Done),
                StatusCode::NOT_FOUND if error_code(&reply.body).as_deref() == Some("MANIFEST_UNKNOWN") => {
                    Ok(Deleted::Gone)
                }
                status if status.is_client_error() => {
                    Ok(Deleted::Unsupported { status: status.as_u16(), code: error_code(&reply.body) })
                }
                _ => Err(rejected(session, &reply, format!("{repository}@{digest}"))),
            }
        })
        .await
    }
}
