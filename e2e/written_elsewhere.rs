//! Registries that stand for others, and how the chart has registries reached. The mirrors are real registries: one with a
//! referrers API, one without.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{codes_of, countersign};
use crate::support::installed::SYSTEM;
use crate::support::manifests::Helm;
use crate::support::process::Outcome;
use crate::support::registry::{Image, Kind, Registry};
use crate::support::scratch;

/// A registry that is nowhere: its images are on mirrors alone.
const WRITTEN: &str = "images.invalid/team";

/// Verifies what is written `images.invalid/team/app:v1` with these mirrors of it.
fn verify(image: &Image, mirrors: &[(&str, &str)]) -> Outcome {
    let entries: Vec<_> = mirrors
        .iter()
        .map(|(location, fallback)| format!("- {{prefix: {WRITTEN}, location: '{location}', fallback: {fallback}}}"))
        .collect();
    let folder = scratch::folder("registries");
    let head = "apiVersion: countersign.dev/v1alpha1\nkind: Registries\n";
    let mirrors = if entries.is_empty() { String::new() } else { format!("mirrors:\n{}\n", entries.join("\n")) };
    let file = scratch::file(&folder, "registries.yaml", format!("{head}{mirrors}"));
    let (file, key) = (file.display().to_string(), KeyPair::trusted().public.display().to_string());
    let written = format!("{WRITTEN}/app:{}", image.tag);
    let arguments = ["verify", &written, "--key", &key, "--registries", &file, "-o", "json", "--timeout", "20"];
    countersign(&arguments, Registry::shared(Kind::Tags))
}

#[test]
fn the_signatures_of_one_mirror_count_for_the_image_of_another() {
    let (referrers, tags) = (Registry::shared(Kind::Referrers), Registry::shared(Kind::Tags));
    let image = tags.push("mirror/whole/app", "v1");
    // A mirror that was filled without signatures.
    let bare = format!("{}/mirror/bare", referrers.host());
    tags.crane(&["copy", &image.by_digest(), &format!("{bare}/app:v1")]);
    Cosign::V2.sign(tags, KeyPair::trusted(), &image.by_digest());
    Cosign::V3.sign(tags, KeyPair::trusted(), &image.by_digest());
    let whole = format!("{}/mirror/whole", tags.host());

    for mirrors in [&[(whole.as_str(), "none")][..], &[(bare.as_str(), "none"), (whole.as_str(), "none")]] {
        let accepted = verify(&image, mirrors);
        assert_eq!(accepted.code(), 0, "{accepted}");
        assert!(accepted.stdout.contains(&image.digest), "{accepted}");
    }
    let refused = verify(&image, &[(bare.as_str(), "none")]);
    assert_eq!(codes_of(&refused.stdout), [codes::SIGNATURE_MISSING], "{refused}");
    // Where the registry itself is to be asked and cannot be, nobody knows whether there is one.
    let unknown = verify(&image, &[(bare.as_str(), "upstream")]);
    assert_eq!(codes_of(&unknown.stdout), [codes::REGISTRY_UNAVAILABLE], "{unknown}");
    // Nothing stands in for what is written elsewhere.
    let elsewhere = verify(&image, &[]);
    assert_ne!(elsewhere.code(), 0, "{elsewhere}");
}

fn template(values: &[&str]) -> Outcome {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/countersign");
    Helm::V3.template("countersign", &chart, SYSTEM, values)
}

/// The one object of `kind` in a rendered chart whose name ends like that.
fn rendered(values: &[&str], kind: &str, name: &str) -> Option<String> {
    let text = template(values).expect_success();
    let is = |document: &&str| {
        document.contains(&format!("\nkind: {kind}\n")) && document.contains(&format!("\n  name: {name}\n"))
    };
    text.split("\n---").find(is).map(str::to_owned)
}

#[test]
fn the_pod_asks_for_names_as_they_are_and_for_no_more_than_its_rights() {
    let deployment = |values: &[&str]| rendered(values, "Deployment", "countersign").expect("a Deployment");
    // A namespace that is called like a domain is not asked before the registry.
    assert!(deployment(&[]).contains("dnsConfig:\n        options: [{name: ndots, value: \"1\"}]"));
    let reads = |values: &[&str]| rendered(values, "ClusterRole", "countersign-pull-secrets").is_some();
    assert!(deployment(&[]).contains("- --pull-secrets=cluster\n") && reads(&[]));
    let none = ["pullSecrets.scope=none"];
    assert!(deployment(&none).contains("- --pull-secrets=none\n") && !reads(&none));
    // Nothing is granted that is never asked for.
    let role = |values: &[&str]| rendered(values, "ClusterRole", "countersign").expect("a ClusterRole");
    assert!(
        role(&[]).contains("resourceNames: [countersign, zz-countersign]")
            && role(&[]).contains("zz-countersign]\n    verbs: [patch]")
    );
    assert!(!role(&["webhook.mutate=false"]).contains("zz-countersign"));
    // Who never writes whom to believe may not.
    let given = ["certificate.mode=secret", "certificate.secretName=s", "certificate.caBundle=c"];
    let protects =
        |values: &[&str]| rendered(values, "ValidatingAdmissionPolicy", "countersign-webhooks").expect("one");
    assert!(protects(&[]).contains("username in ['system:serviceaccount:countersign-system:countersign']"));
    assert!(protects(&given).contains("username in []"));
    let two = ["pullSecrets.scope=namespaces", "pullSecrets.namespaces={a,b}"];
    assert!(deployment(&two).contains("--pull-secrets-namespace=a\n            - --pull-secrets-namespace=b\n"));
    let tells = |values: &[&str]| {
        let role = rendered(values, "ClusterRole", "countersign").expect("a ClusterRole");
        role.contains("apiGroups: [events.k8s.io]")
    };
    assert!(deployment(&[]).contains("- --events=all\n") && tells(&[]));
    let (refusals, none) = (["events.about=refusals"], ["events.about=none"]);
    assert!(deployment(&refusals).contains("- --events=refusals\n") && tells(&refusals));
    assert!(deployment(&none).contains("- --events=none\n") && !tells(&none));
    let mirror = |fallback: &str| {
        let set = |name: &str, value: &str| format!("registries.mirrors[0].{name}={value}");
        let sets = [set("prefix", "docker.io"), set("location", "m.corp:5000/hub"), set("fallback", fallback)];
        template(&sets.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let text = mirror("none").expect_success();
    let file = text.split("registries.yaml: |\n").nth(1).and_then(|text| text.split("\n---").next()).expect("the file");
    for line in
        ["kind: Registries", "requestsPerRegistry: 32", "mirrors:", "location: m.corp:5000/hub", "fallback: none"]
    {
        assert!(file.contains(line), "{line}: {file}");
    }
    assert!(!mirror("maybe").succeeded());
    let proxy = deployment(&["registries.proxy.https=http://proxy:3128", "registries.dockerConfigSecret=own"]);
    assert!(proxy.contains("{name: HTTPS_PROXY, value: \"http://proxy:3128\"}"), "{proxy}");
    assert!(proxy.contains("--docker-config=/etc/countersign/docker/config.json"), "{proxy}");
    // Where the cluster chooses users, none is named, and root is none all the same.
    let names_user = |values: &[&str]| {
        let rendered = template(values).expect_success();
        (rendered.matches("runAsUser:").count(), rendered.matches("runAsNonRoot: true").count())
    };
    assert_eq!(names_user(&[]), (3, 3));
    assert_eq!(names_user(&["podSecurityContext.runAsUser=null"]), (0, 3));
    // On the network of the nodes there may be no room for one more.
    let rolling = |values: &[&str], line: &str| deployment(values).contains(&format!("rollingUpdate: {{{line}}}"));
    assert!(rolling(&[], "maxUnavailable: 0, maxSurge: 1"));
    assert!(rolling(&["hostNetwork=true"], "maxUnavailable: 1, maxSurge: 0"));
    // Were the only one not to go first, an upgrade would wait for ever where there is one node.
    assert!(rolling(&["hostNetwork=true", "replicas=1"], "maxUnavailable: 1, maxSurge: 0"));
    // Where ports are listed, those that are named elsewhere need not be.
    let ports = |values: &[&str]| {
        let values = [&["networkPolicy.egressPorts={443}"], values].concat();
        let policy = rendered(&values, "NetworkPolicy", "countersign").expect("a NetworkPolicy");
        let ports = policy.split("port: ").skip(1).filter_map(|rest| rest.split('}').next()?.parse().ok());
        ports.skip_while(|port| *port != 443).collect::<Vec<u16>>()
    };
    assert_eq!(ports(&[]), [443]);
    assert_eq!(ports(&["registries.proxy.https=proxy:3128", "traces.endpoint=https://c/v1"]), [443, 3128]);
    assert_eq!(
        ports(&["registries.proxy.https=http://u:p@[fd00::1]:80", "traces.endpoint=http://c:4318"]),
        [443, 4318, 80]
    );
    assert_eq!(ports(&["registries.proxy.https=proxy"]), [443, 80]);
    let clouds = deployment(&["registries.cloudCredentials={aws,google}"]);
    assert!(clouds.contains("- --cloud-credentials=aws,google\n"));
    assert!(!template(&["registries.cloudCredentials={gcp}"]).succeeded());
}

#[test]
fn the_authority_of_cert_manager_outlives_the_certificate() {
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(&template(&["certificate.mode=certManager"]).expect_success()).expect("manifests");
    let of = |kind: &str, name: &str| {
        let is = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
        objects.iter().find(is).unwrap_or_else(|| panic!("no {kind} `{name}`"))["spec"].clone()
    };
    let issuer_of = |certificate: &Value| of("Issuer", certificate["issuerRef"]["name"].as_str().expect("an issuer"));
    // Whom the API server believes is what the certificate's Secret names as its authority.
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let configuration = objects.iter().find(|object| object["kind"] == kind).expect("a configuration");
        let from = &configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"];
        assert_eq!(from, &json!(format!("{SYSTEM}/countersign")));
    }
    let leaf = of("Certificate", "countersign");
    // It is still there when another mode renders a Secret of its own, which Helm would not take it for.
    let given = rendered(&[], "Secret", "countersign-certificate").expect("the Secret of the replicas");
    assert!(given.contains("type: Opaque") && leaf["secretName"] == "countersign-tls", "{given}");
    let mounted = rendered(&["certificate.mode=certManager"], "Deployment", "countersign").expect("a Deployment");
    assert!(mounted.contains("secret: {secretName: countersign-tls}"), "{mounted}");
    assert!(leaf["isCA"].is_null(), "{leaf}");
    // Were it its own authority, every renewal would make another one.
    let issuer = issuer_of(&leaf);
    let authority = of("Certificate", issuer["ca"]["secretName"].as_str().expect("a CA issuer"));
    assert_eq!((&authority["isCA"], &authority["secretName"]), (&json!(true), &issuer["ca"]["secretName"]));
    assert_eq!(authority["privateKey"]["rotationPolicy"], "Never");
    assert!(authority["commonName"].is_string() && authority["duration"] == "87600h", "{authority}");
    assert_ne!(authority["secretName"], leaf["secretName"]);
    assert_eq!(issuer_of(&authority), json!({"selfSigned": {}}));
}
