//! Keys in Secrets, as cosign keeps them: `k8s://NAMESPACE/NAME`.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ObjectMeta, PostParams, Preconditions};
use kube::{Api, Client, Config, config::KubeConfigOptions, config::Kubeconfig};

use super::Error;
use super::env;
use super::key_ref::SecretRef;
use crate::limits;
use crate::signer::Password;

/// The entry with the encrypted private key.
const PRIVATE: &str = "cosign.key";
/// The entry with its password.
const PASSWORD: &str = "cosign.password";
/// The entry with the public key.
pub(super) const PUBLIC: &str = "cosign.pub";

/// What such a Secret holds.
pub(super) struct KeySecret {
    pub(super) private_key: String,
    pub(super) password: Option<Vec<u8>>,
    pub(super) public_key: Option<String>,
}

/// Reads the Secret.
pub(super) async fn read(reference: &SecretRef) -> Result<KeySecret, Error> {
    let shown = shown(reference);
    let found = api(reference).await?.get_opt(&reference.name).await.map_err(|error| cannot("read", &shown, &error))?;
    let secret = found.ok_or_else(|| Error::usage(format!("{shown} is not there")))?;
    let mut data = secret.data.unwrap_or_default();
    let mut text = |entry: &str| match data.remove(entry) {
        None => Ok(None),
        Some(ByteString(bytes)) if bytes.len() > limits::PRIVATE_KEY_BYTES => {
            Err(Error::usage(format!("`{entry}` of {shown} has more than {} bytes", limits::PRIVATE_KEY_BYTES)))
        }
        Some(ByteString(bytes)) => {
            String::from_utf8(bytes).map(Some).map_err(|_| Error::usage(format!("`{entry}` of {shown} is no text")))
        }
    };
    let (private_key, public_key) = (text(PRIVATE)?, text(PUBLIC)?);
    let private_key = private_key.ok_or_else(|| Error::usage(format!("{shown} holds no `{PRIVATE}`")))?;
    let password = data.remove(PASSWORD).map(|ByteString(bytes)| bytes);
    Ok(KeySecret { private_key, password, public_key })
}

/// Creates the Secret, which nobody can change afterwards. One that is there is an error, unless `replace` is set: then it
/// is deleted first, if it is still the one that was seen.
pub(super) async fn create(
    reference: &SecretRef,
    private_key: &str,
    public_key: &str,
    password: &Password,
    replace: bool,
) -> Result<(), Error> {
    let shown = shown(reference);
    let secrets = api(reference).await?;
    if let Some(there) =
        secrets.get_metadata_opt(&reference.name).await.map_err(|error| cannot("read", &shown, &error))?
    {
        if !replace {
            return Err(Error::usage(format!("{shown} is there already; `--force` replaces it")));
        }
        let same = Preconditions { uid: there.metadata.uid, resource_version: None };
        let params = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
        secrets.delete(&reference.name, &params).await.map_err(|error| cannot("delete", &shown, &error))?;
    }
    let secret = Secret {
        metadata: ObjectMeta { name: Some(reference.name.clone()), ..ObjectMeta::default() },
        type_: Some("Opaque".to_owned()),
        immutable: Some(true),
        data: Some(BTreeMap::from([
            (PRIVATE.to_owned(), ByteString(private_key.into())),
            (PUBLIC.to_owned(), ByteString(public_key.into())),
            (PASSWORD.to_owned(), ByteString(password.expose().to_vec())),
        ])),
        ..Secret::default()
    };
    secrets.create(&PostParams::default(), &secret).await.map_err(|error| cannot("create", &shown, &error))?;
    Ok(())
}

fn shown(SecretRef { namespace, name }: &SecretRef) -> String {
    format!("the Secret `{namespace}/{name}`")
}

/// The Secrets of the namespace, as the kubeconfig says, or, without one, as the ServiceAccount of the pod.
async fn api(reference: &SecretRef) -> Result<Api<Secret>, Error> {
    let failed = |error: String| Error::unavailable(format!("the API server cannot be asked: {error}"));
    let mut config = match env::kubeconfig() {
        Some(path) => {
            let file = Kubeconfig::read_from(&path).map_err(|error| failed(error.to_string()))?;
            let options = KubeConfigOptions::default();
            Config::from_custom_kubeconfig(file, &options).await.map_err(|error| failed(error.to_string()))?
        }
        None => Config::incluster().map_err(|error| failed(error.to_string()))?,
    };
    config.connect_timeout = Some(limits::API_CONNECT_TIME);
    config.read_timeout = Some(limits::KMS_REQUEST_TIME);
    config.default_retry = false;
    let client = Client::try_from(config).map_err(|error| failed(error.to_string()))?;
    Ok(Api::namespaced(client, &reference.namespace))
}

/// The API server's word for why; never what was sent, which is a key.
fn cannot(verb: &str, shown: &str, error: &kube::Error) -> Error {
    if let kube::Error::Api(status) = error {
        let why = crate::explain::quoted(&status.reason, limits::PRINTED_NAME_BYTES);
        Error::unavailable(format!("cannot {verb} {shown}: {why} (status {})", status.code))
    } else {
        Error::unavailable(format!("cannot {verb} {shown}: the API server cannot be asked"))
    }
}
