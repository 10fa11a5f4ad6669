//! What the API server would say to a Pod with an image, asked without making one.

use serde_json::{Value, json};

use super::Access;
use super::place::Place;
use super::wire::{self, ApiError};

/// What the API server would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It would store the Pod.
    Admitted,
    /// A webhook of countersign refuses it, and says this.
    Denied(String),
    /// It is not known what countersign would say: the API server, or somebody else, says this.
    Unknown(String),
}

/// How a refusal by one of our webhooks begins, as the API server tells it.
const BY_US: &str = ".countersign.dev\" denied the request: ";

impl Access {
    /// Asks by a dry run whether a Pod with `image` would be admitted in the namespace of this access.
    pub async fn ask(&self, image: &str) -> Answer {
        let path = Place::new("", "v1", "pods", Some(&self.namespace)).query(&[("dryRun", "All")]);
        match wire::write(&self.client, "POST", &path, wire::JSON, &pod(image)).await {
            Ok(()) => Answer::Admitted,
            Err(ApiError::Expired) => Answer::Unknown(ApiError::Expired.to_string()),
            Err(
                ApiError::Away { said, .. }
                | ApiError::Conflict(said)
                | ApiError::NotFound(said)
                | ApiError::Trouble(said),
            ) => Answer::read(said),
        }
    }
}

impl Answer {
    fn read(said: String) -> Self {
        match said.split_once(BY_US) {
            Some((_, why)) => Self::Denied(why.to_owned()),
            None => Self::Unknown(said),
        }
    }
}

/// A Pod that asks for nothing, so that no other rule of a namespace stands in its way.
fn pod(image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "countersign-ask-"},
        "spec": {
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "asked",
                "image": image,
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "resources": {
                    "requests": {"cpu": "1m", "memory": "1Mi"},
                    "limits": {"cpu": "1m", "memory": "1Mi"},
                },
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_refusal_is_one() {
        let ours = "`/p` is answered with 403: admission webhook \"validate.countersign.dev\" denied the request: no";
        assert_eq!(Answer::read(ours.to_owned()), Answer::Denied("no".to_owned()));
        for other in [
            "`/p` is answered with 403: pods is forbidden: violates PodSecurity",
            "`/p` is answered with 403: admission webhook \"validate.example\" denied the request: no",
            "`/p` is answered with 500: failed calling webhook \"validate.countersign.dev\": refused",
        ] {
            assert_eq!(Answer::read(other.to_owned()), Answer::Unknown(other.to_owned()));
        }
    }
}
