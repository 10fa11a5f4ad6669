//! Secrets that policies name.

use super::core_objects::object_name;
use super::field::Field;
use super::problem::{Problem, quoted};
use super::{Reference, Resolved, lint};

/// A Secret with one entry, and the field that names it.
#[derive(Clone, Debug)]
pub(super) struct SecretSpec {
    reference: Reference,
    /// Its namespace; none means the controller's own.
    namespace: Option<String>,
    name: String,
    /// The namespace of the tenant whose policy names it; none for the controller's own.
    tenant: Option<String>,
    /// A problem with the field that names it, its message still to be written.
    place: Problem,
}

/// Reads `secretRef`.
pub(super) fn read(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<SecretSpec> {
    let mut object = field.object(problems)?;
    let name = object.require("name", problems).and_then(|name| object_name(&name, problems));
    // Empty means the controller's own, as in policy-controller.
    let namespace = match object.take("namespace") {
        Some(namespace) if namespace.text(problems)?.is_empty() => None,
        Some(namespace) => Some(object_name(&namespace, problems)?),
        None => None,
    };
    object.finish(problems);
    let name = name?;
    let reference = Reference::Secret { namespace: namespace.clone(), name: name.clone() };
    Some(SecretSpec { reference, namespace, name, tenant: None, place: field.problem("") })
}

impl SecretSpec {
    /// The same, named by a policy of the tenant in `namespace`, who reaches into no other.
    pub(super) fn in_tenant(&mut self, namespace: &str) {
        self.tenant = Some(namespace.to_owned());
        let named = self.namespace.get_or_insert_with(|| namespace.to_owned());
        self.reference = Reference::Secret { namespace: Some(named.clone()), name: self.name.clone() };
    }

    /// What it names.
    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// What is odd about the one entry of the Secret, a public key.
    pub(super) fn oddity(&self, resolved: &Resolved) -> Option<Problem> {
        let odd = |bytes: &[u8]| Ok(str::from_utf8(bytes).ok().and_then(lint::odd_key));
        let message = self.entry("the public key", resolved, odd).ok()??;
        Some(self.place.saying(format!("{} {message}", self.reference)))
    }

    /// What `read` makes of the one entry of the Secret; `what` says in messages what that entry is.
    pub(super) fn parse<T>(
        &self,
        what: &str,
        resolved: &Resolved,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, Problem> {
        self.entry(what, resolved, read).map_err(|(message, unresolved)| {
            let mut problem = self.place.clone();
            problem.field.message = message;
            problem.unresolved = unresolved.then(|| self.reference.clone());
            problem
        })
    }

    /// The same, or what is wrong, and whether it is only that the Secret is not there.
    fn entry<T>(
        &self,
        what: &str,
        resolved: &Resolved,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, (String, bool)> {
        let reference = &self.reference;
        let (whose, own) = match &self.tenant {
            None => ("controller's", resolved.namespace()),
            Some(tenant) => ("policy's", Some(tenant.as_str())),
        };
        if let (Some(named), Some(own)) = (self.namespace.as_deref(), own)
            && named != own
        {
            let message = format!("{reference} has to be in the {whose} own namespace `{own}`");
            return Err((message, false));
        }
        let own = own.map_or_else(String::new, |own| format!(" `{own}`"));
        let secret = resolved
            .secret(self.namespace.as_deref(), &self.name)
            .ok_or_else(|| (format!("{reference} is not there, in the {whose} own namespace{own}"), true))?;
        if let Some(problem) = secret.problems().first() {
            return Err((format!("{reference} cannot be read: {problem}"), false));
        }
        // As policy-controller asks: with two entries nobody could say which is the one that counts, and a Secret that
        // holds a private key as well should not be readable by a verifier.
        let mut entries = secret.data().iter();
        let (Some((entry, bytes)), None) = (entries.next(), entries.next()) else {
            let count = secret.data().len();
            let private = secret.data().values().any(|bytes| is_private_key(bytes.expose()));
            let among =
                if private { ", among them a private key, which no verifier should be able to read" } else { "" };
            return Err((
                format!("{reference} has to hold exactly one entry, {what}, and holds {count}{among}"),
                false,
            ));
        };
        read(bytes.expose()).map_err(|error| (format!("{} of {reference}: {error}", quoted(entry)), false))
    }
}

/// Whether it says of itself that it is a private key, encrypted or not.
fn is_private_key(bytes: &[u8]) -> bool {
    const LABEL: &[u8] = b"PRIVATE KEY-----";
    bytes.windows(LABEL.len()).any(|window| window == LABEL)
}
