//! What policies of either scope may hold, beside `super::super::{policy_document, authority, key}` that read it.

use super::node::{Schema, has};
use super::{Scope, attestation, terms};
use crate::limits;
use crate::verify::Extension;

/// `spec` of a policy.
pub(super) fn spec(scope: Scope) -> Schema {
    Schema::object([
        (
            "images",
            Schema::list(image())
                .at_most(limits::SCHEMA_GLOBS)
                .not_empty("name at least one glob")
                .about("The repositories that the policy covers: those that any of the globs matches."),
        ),
        (
            "authorities",
            Schema::list(authority(scope))
                .at_most(limits::SCHEMA_AUTHORITIES)
                .not_empty("a policy has at least one authority")
                .about("Who may vouch for an image. Any one of them is enough; a second policy over the same images asks for more."),
        ),
        (
            "mode",
            Schema::one_of(&["enforce", "warn"])
                .default("enforce")
                .about("Whether what fails is refused, or allowed with a warning."),
        ),
        (
            "match",
            Schema::list(resource()).about("The objects that it is about, any of them; every kind where the list is empty."),
        ),
        ("policy", set_condition(scope)),
    ])
    .and(terms::of_policy())
    .require(&["authorities", "images"])
}

fn image() -> Schema {
    let glob = Schema::text()
        .at_most_chars(limits::GLOB_CHARS)
        .not_empty("the glob is empty")
        .rule("self.matches('^[a-zA-Z0-9_:/*.@-]*$')", "a glob has letters, digits and `-_:/*.@`")
        .rule(
            "!self.matches('@|:[^/]*$')",
            "a glob is about repositories: a tag or digest in it could be dodged by naming the other; leave it out",
        )
        .about("`*` stands for any characters but `/`, `**` for any; `ghcr.io/acme/**` is everything below.");
    Schema::object([("glob", glob)]).require(&["glob"])
}

fn authority(scope: Scope) -> Schema {
    let beside = ["attestations", "ctlog", "rfc3161timestamp", "source"].map(has).join(" || ");
    Schema::object([
        ("name", Schema::text().about("What messages call it; `authority-<index>` where it has none.")),
        ("key", key(scope).about("A public key.")),
        ("keyless", keyless(scope)),
        ("static", fixed()),
        (
            "source",
            Schema::list(source())
                .at_most(limits::SCHEMA_SHORT_LIST_ITEMS)
                .about("Where else than beside the image its evidence lies."),
        ),
        ("ctlog", ctlog()),
        ("rfc3161timestamp", timestamps()),
        (
            "signatureFormat",
            Schema::one_of(&["", "bundle", "legacy"])
                .about("A hint of policy-controller's. Every layout is read whatever it says."),
        ),
        (
            "attestations",
            Schema::list(attestation::attestation(scope))
                .at_most(limits::SCHEMA_ATTESTATIONS)
                .not_empty("leave it out, or name what must be attested")
                .about("What has to be attested, all of it. With them no signature of the image itself is asked for."),
        ),
    ])
    .and(terms::of_signatures())
    .exactly_one(&["key", "keyless", "static"])
    .rule(format!("!has(self.static) || !({beside})"), "nothing but a name can stand beside `static`")
}

/// A key, inline or behind a reference.
fn key(scope: Scope) -> Schema {
    let data = Schema::text()
        .at_most_chars(limits::PUBLIC_KEY_BYTES)
        .rule("self.contains('-----BEGIN ')", "holds no PEM block such as `-----BEGIN PUBLIC KEY-----`")
        .rule("!self.contains('PRIVATE KEY-----')", "holds a private key; name the public one")
        .about("The key itself, in PEM.");
    let hash = Schema::text()
        .at_most_chars(limits::SCHEMA_WORD_CHARS)
        .rule(
            "self.trim().lowerAscii() in ['', 'sha256', 'sha384', 'sha512']",
            "there are `sha256`, `sha384` and `sha512`",
        )
        .about("By what signatures are hashed; `sha256` where nothing is said.");
    let fields = Schema::object([("data", data), ("hashAlgorithm", hash), ("secretRef", secret_reference(scope))]);
    match scope {
        Scope::Cluster => {
            let kms = Schema::text()
                .rule(
                    "self.matches('^(awskms|azurekms|gcpkms|hashivault|openbao)://')",
                    "begins with `awskms://`, `azurekms://`, `gcpkms://`, `hashivault://` or `openbao://`",
                )
                .about("A key that is held elsewhere.");
            fields.and([("kms", kms)]).exactly_one(&["data", "secretRef", "kms"])
        }
        Scope::Namespaced => fields.exactly_one(&["data", "secretRef"]),
    }
}

fn secret_reference(scope: Scope) -> Schema {
    let name = Schema::name().about("The name of a Secret that holds exactly one entry, in PEM.");
    let reference = Schema::object([("name", name)]).require(&["name"]);
    match scope {
        Scope::Cluster => {
            let namespace = Schema::text().about("The controller's own namespace, and no other.");
            reference.and([("namespace", namespace)])
        }
        Scope::Namespaced => reference,
    }
    .about("The Secret that holds it.")
}

fn keyless(scope: Scope) -> Schema {
    let expression = |what: &str| Schema::text().not_empty("is empty, and would match nobody").about(what);
    let identity = Schema::object([
        ("issuer", Schema::text().not_empty("is empty").about("Who vouches for the signer: the issuer of the token.")),
        ("issuerRegExp", expression("The same as a regular expression, which has to match as a whole.")),
        ("subject", Schema::text().not_empty("is empty").about("Who signed, as the certificate says.")),
        ("subjectRegExp", expression("The same as a regular expression, which has to match as a whole.")),
    ])
    .at_most_one(&["issuer", "issuerRegExp"])
    .exactly_one(&["subject", "subjectRegExp"])
    .and(Extension::ALL.map(|extension| {
        let about = "What the certificate has to say about the build: a text, or a mapping with `exact` or `regExp`.";
        (extension.as_str(), Schema::any().about(about))
    }));
    Schema::object([
        ("url", Schema::text().about("The address of Fulcio; its trusted root is what counts.")),
        (
            "identities",
            Schema::list(identity)
                .not_empty("without an identity a certificate of anybody would do")
                .about("For whom the certificate has to be issued: any of these."),
        ),
        ("ca-cert", certificates(scope)),
        (
            "trustRootRef",
            Schema::name().about("The TrustRoot that is believed; the public Sigstore's where none is named."),
        ),
        (
            "insecureIgnoreSCT",
            Schema::boolean().about("Takes certificates that no transparency log of certificates has seen."),
        ),
    ])
    .require(&["identities"])
    .at_most_one(&["url", "ca-cert"])
    .at_most_one(&["trustRootRef", "ca-cert"])
    .rule(
        format!("{} || self.identities.all(one, has(one.issuer) || has(one.issuerRegExp))", has("ca-cert")),
        "exactly one of `issuer` or `issuerRegExp` is needed in an identity",
    )
    .about("A certificate that was issued for an identity.")
}

/// A chain of certificates of one's own.
fn certificates(scope: Scope) -> Schema {
    let data = Schema::text()
        .at_most_chars(limits::SCHEMA_PEM_CHARS)
        .rule("self.contains('-----BEGIN CERTIFICATE-----')", "holds no PEM block `-----BEGIN CERTIFICATE-----`")
        .about("The chain itself, in PEM.");
    Schema::object([("data", data), ("secretRef", secret_reference(scope))])
        .exactly_one(&["data", "secretRef"])
        .about("A certificate authority of one's own, in place of Fulcio's: its chain, the root last.")
}

fn fixed() -> Schema {
    Schema::object([
        (
            "action",
            Schema::one_of(&["fail", "pass"]).about("`pass` allows every image unseen, `fail` refuses every image."),
        ),
        ("message", Schema::text().about("What is said where it refuses.")),
    ])
    .require(&["action"])
    .about("Decides without looking at anything.")
}

fn source() -> Schema {
    let secret = Schema::object([("name", Schema::name())]).require(&["name"]);
    Schema::object([
        ("oci", Schema::text().not_empty("is empty").about("A registry or repository.")),
        (
            "signaturePullSecrets",
            Schema::list(secret)
                .at_most(limits::SCHEMA_SHORT_LIST_ITEMS)
                .about("Secrets of the workload's namespace with the credentials for it."),
        ),
        ("tagPrefix", Schema::text().about("What stands before the tags of evidence there.")),
    ])
}

fn ctlog() -> Schema {
    Schema::object([
        ("url", Schema::text().about("The address of Rekor; its trusted root is what counts.")),
        ("trustRootRef", Schema::name().about("The TrustRoot whose logs are believed.")),
        ("required", Schema::boolean().about("Whether an entry has to be there; one that is there has to hold.")),
        ("insecureIgnoreTlog", Schema::boolean().about("Looks at no entry, and takes signatures that are not logged.")),
        ("threshold", Schema::integer(1).about("How many different logs have to have an entry.")),
    ])
    .about("What a transparency log has to prove.")
}

fn timestamps() -> Schema {
    Schema::object([
        ("trustRootRef", Schema::name().about("A TrustRoot.")),
        ("threshold", Schema::integer(1).about("How many different authorities have to have signed the time.")),
    ])
    .about("The timestamp authorities that are believed.")
}

/// A condition in a language.
pub(super) fn condition(scope: Scope) -> Schema {
    let config_map = Schema::object([
        ("name", Schema::name()),
        ("key", Schema::text().not_empty("is empty").about("The entry that holds it.")),
        ("namespace", Schema::text().about("The controller's own namespace, whatever stands here.")),
    ])
    .require(&["key", "name"])
    .about("The ConfigMap that holds it.");
    let fields = Schema::object([
        ("type", Schema::one_of(&["cel", "cue", "rego"]).about("The language.")),
        ("data", Schema::document().not_empty("is empty").about("The condition itself.")),
        ("configMapRef", config_map),
        (
            "allowEmpty",
            Schema::boolean().about("Whether it may hold of a statement that says nothing. It is refused otherwise."),
        ),
    ])
    .require(&["type"]);
    match scope {
        Scope::Cluster => {
            let remote = Schema::object([
                (
                    "url",
                    Schema::text().rule("self.startsWith('https://')", "is fetched by `https://` and nothing else"),
                ),
                (
                    "sha256sum",
                    Schema::text()
                        .at_most_chars(limits::SCHEMA_DIGEST_CHARS)
                        .rule("self.matches('^[0-9a-f]{64}$')", "is no SHA-256 in 64 small hexadecimal digits"),
                ),
            ])
            .require(&["sha256sum", "url"])
            .about("Where it is fetched from.");
            fields.and([("remote", remote)]).exactly_one(&["data", "configMapRef", "remote"])
        }
        Scope::Namespaced => fields.exactly_one(&["data", "configMapRef"]),
    }
    .about("A condition in a language of its own.")
}

/// A condition over everything that authorities found.
fn set_condition(scope: Scope) -> Schema {
    condition(scope).and([
        (
            "fetchConfigFile",
            Schema::boolean().about(
                "Whether it sees the configuration of the image as `config`, by platform; of an index that of every image in it.",
            ),
        ),
        ("includeObjectMeta", object_part("metadata", "`metadata`")),
        ("includeSpec", object_part("own specification", "`spec`, of a Deployment with `replicas` and `template`")),
        ("includeTypeMeta", object_part("`apiVersion` and `kind`", "`typemeta`")),
    ])
}

fn object_part(what: &str, place: &str) -> Schema {
    Schema::boolean()
        .about(&format!("Whether it sees the object's {what} as {place}. It is asked when an image is judged."))
}

fn resource() -> Schema {
    let expression = Schema::object([
        ("key", Schema::text()),
        ("operator", Schema::one_of(&["DoesNotExist", "Exists", "In", "NotIn"])),
        ("values", Schema::list(Schema::text())),
    ])
    .require(&["key", "operator"]);
    let selector =
        Schema::object([("matchLabels", Schema::map(Schema::text())), ("matchExpressions", Schema::list(expression))])
            .about("Labels of the object. Whoever writes the object writes its labels, too.");
    Schema::object([
        ("group", Schema::text().about("The API group; empty for the core group.")),
        ("version", Schema::text().filled().about("The version, or `*`.")),
        (
            "resource",
            Schema::one_of(&[
                "cronjobs",
                "daemonsets",
                "deployments",
                "jobs",
                "pods",
                "podtemplates",
                "replicasets",
                "replicationcontrollers",
                "statefulsets",
            ])
            .about("The plural name of the kind."),
        ),
        ("selector", selector),
    ])
    .require(&["resource", "version"])
}
