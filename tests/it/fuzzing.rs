//! The fuzz targets over seeded inputs: bytes without sense, and real ones with something broken. The seeds are fixed, so
//! that a run either always fails or never does.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use countersign::evidence::Query;
use countersign::image::{Digest, ImageDigest, ImageRef};
use countersign::registry::Layout;
use countersign::trust::TrustedRoot;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[path = "../fuzz/targets.rs"]
mod targets;
#[path = "../fuzz/targets_admission.rs"]
mod targets_admission;
#[path = "../fuzz/targets_attested.rs"]
mod targets_attested;
#[path = "../fuzz/targets_beside.rs"]
mod targets_beside;
#[path = "../fuzz/targets_image.rs"]
mod targets_image;
#[path = "../fuzz/targets_logged.rs"]
mod targets_logged;
#[path = "../fuzz/targets_policy.rs"]
mod targets_policy;
#[path = "../fuzz/targets_signer.rs"]
mod targets_signer;
#[path = "../fuzz/targets_signing.rs"]
mod targets_signing;
#[path = "../fuzz/targets_trust.rs"]
mod targets_trust;

/// Inputs for each target.
const CASES: usize = 2_000;

/// What parsers trip over.
const TOKENS: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "-1",
    "1e999",
    "\\ud800",
    "\u{feff}",
    "\0",
    "\\",
    "{}",
    "[]",
    "\"\"",
    "18446744073709551616",
    "=",
    "\"sha256\":",
];

/// One way to break a seed.
#[derive(Clone, Debug)]
enum Break {
    Cut(Index, Index),
    Flip(Index, u8),
    Insert(Index, &'static str),
    Repeat(Index, Index),
}

impl Break {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let range = |from: &Index, to: &Index| {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            from.min(to)..from.max(to)
        };
        match self {
            Self::Cut(from, to) => {
                bytes.drain(range(from, to));
            }
            Self::Flip(at, with) => {
                let at = at.index(bytes.len());
                bytes[at] ^= with;
            }
            Self::Insert(at, token) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, token.bytes());
            }
            Self::Repeat(from, to) => {
                let part = bytes[range(from, to)].to_vec();
                let at = to.index(bytes.len());
                bytes.splice(at..at, part);
            }
        }
    }
}

fn breaks() -> impl Strategy<Value = Break> {
    prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Break::Cut(from, to)),
        (any::<Index>(), 1..=255u8).prop_map(|(at, with)| Break::Flip(at, with)),
        (any::<Index>(), select(&TOKENS[..])).prop_map(|(at, token)| Break::Insert(at, token)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Break::Repeat(from, to)),
    ]
}

fn run(seeds: Vec<Vec<u8>>, target: fn(&[u8])) {
    run_some(CASES, seeds, target);
}

fn run_some(cases: usize, seeds: Vec<Vec<u8>>, target: fn(&[u8])) {
    assert!(!seeds.is_empty());
    for seed in &seeds {
        target(seed);
    }
    target(&[]);
    let broken = (select(seeds), vec(breaks(), 1..4)).prop_map(|(mut bytes, breaks)| {
        for one in breaks {
            one.apply(&mut bytes);
        }
        bytes
    });
    let inputs = prop_oneof![1 => vec(any::<u8>(), 0..256), 7 => broken];
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for _ in 0..cases {
        let input = inputs.new_tree(&mut runner).unwrap().current();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
            println!("the input was {:?}", String::from_utf8_lossy(&input));
            resume_unwind(panic);
        }
    }
}

/// The blobs that cosign wrote and that hold `marker`.
fn cosign(marker: &str) -> Vec<Vec<u8>> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cosign");
    let mut found = Vec::new();
    for layout in ["v2", "v3", "v3-fallback"] {
        for file in fs::read_dir(format!("{data}/{layout}/blobs/sha256")).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            if String::from_utf8_lossy(&bytes).contains(marker) {
                found.push(bytes);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn bundles() {
    run(cosign("verificationMaterial"), targets::bundle);
}

#[test]
fn envelopes() {
    let envelopes = cosign("payloadType").into_iter().filter(|bytes| bytes.starts_with(b"{\"payload"));
    run(envelopes.collect(), targets::envelope);
}

#[test]
fn manifests_and_indexes() {
    let mut seeds = cosign("schemaVersion");
    let index = include_bytes!("../data/cosign/v3-fallback/index.json");
    seeds.push(index.to_vec());
    run(seeds, targets::manifest_and_index);
}

#[test]
fn simple_signing_payloads() {
    run(cosign("docker-manifest-digest"), targets::simple_signing);
}

#[test]
fn statements() {
    let statement = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"annotations":{"env":"prod"}}],"predicateType":"https://cosign.sigstore.dev/attestation/v1","predicate":{"a":[1,{"b":"\u00e9"}]}}"#;
    run(vec![statement.into()], targets::statement);
}

#[test]
fn public_keys() {
    let pem = include_bytes!("../data/cosign/cosign.pub");
    let der = pem::parse(pem).unwrap().into_contents();
    run(vec![pem.to_vec(), der], targets::public_key);
}

#[test]
fn challenges() {
    let seeds = [
        r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
        r#"Negotiate YII=, Basic realm="a, \"b\"", bearer Realm=x , scope = "y""#,
    ];
    run(seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(), targets::challenge);
}

#[test]
fn docker_configurations() {
    // The secrets are "hunter2", once as the base64 of "user:hunter2".
    let seeds = [
        r#"{"auths":{"ghcr.io/a":{"auth":"dXNlcjpodW50ZXIy"},"b:5000":{"username":"u","password":"hunter2"}}}"#,
        r#"{"https://index.docker.io/v1/":{"identitytoken":"hunter2"},"c":{"registrytoken":"hunter2"}}"#,
    ];
    run(seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(), targets::docker_config);
}

#[test]
fn globs() {
    let seeds =
        ["ghcr.io/acme/**\nghcr.io/acme/app", "docker.io/*/a@*\nnginx", "*:5000/a/b*\nlocalhost:5000/a/b", "*/*"];
    run_some(10_000, seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(), targets_policy::glob);
}

#[test]
fn conditions() {
    let seeds = [
        "package slsa\ndeny[msg] { input.predicate.a[_] == 1; msg := sprintf(\"%v\", [input.predicate]) }",
        "package sigstore\nimport rego.v1\nisCompliant := {r | r := {\"result\": input.predicate.a[0] == 1, \"error\": \"e\"}}",
        "predicate.a.all(x, x != null && (x == 1 || string(x).matches('^b')))\n---\n{\"predicate\":{\"a\":[1,2]}}",
        "predicate: {\n  a: [int, =~\"b\" & string | null, ...]\n  b?: c: >=1.5 | !=\"x\" // \n}\n---\n{\"predicate\":{\"a\":[1]}}",
        "package p\nimport \"list\"\npredicate: a: list.MinItems(1) & [...]",
    ];
    run_some(1_000, seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(), targets_policy::condition);
}

#[test]
fn suites() {
    let suite = "apiVersion: countersign.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: s}\npolicies: [policies/, a.yaml]\n\
        noMatch: warn\nnow: 2026-01-31T12:00:00Z\ncases:\n- name: a\n  image: ghcr.io/acme/app:1.2\n  evidence: saved/\n  \
        expect: allow\n- name: b\n  object: pod.yaml\n  now: 2026-01-31T12:00:00Z\n  \
        expect: {verdict: deny, code: signature_missing, policy: acme}\n";
    assert!(countersign::api::suite(suite).is_ok(), "{:?}", countersign::api::suite(suite));
    run(vec![suite.into()], targets_policy::suite);
}

#[test]
fn signing_runs() {
    let run_file = "apiVersion: countersign.dev/v1alpha1\nkind: SigningRun\nmetadata: {name: r}\nspec:\n  \
        source: {type: oci, spec: {image: 'ghcr.io/acme/app:1.2'}}\n  signing: {type: cosign, spec: {privateKey: k}}\n  \
        uploadSignature: {upload: true}\n";
    let pipeline = "pipeline:\n  stages:\n  - stage:\n      spec:\n        execution:\n          steps:\n          - step:\n              \
        type: SscaArtifactSigning\n              name: sign\n              spec:\n                \
        source: {type: docker, spec: {connector: c, image: 'a/b:1'}}\n                \
        signing: {type: cosign, spec: {private_key: k, password: p}}\n                uploadSignature: {upload: true}\n";
    run([run_file, pipeline].map(|seed| seed.as_bytes().to_vec()).to_vec(), targets_policy::signing_run);
}

/// A saved layout whose index is hostile: it opens or it does not, and what it answers is within bounds.
#[test]
fn saved_layouts() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cosign/v3-fallback");
    let blobs = place.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    for file in fs::read_dir(format!("{source}/blobs/sha256")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), blobs.join(file.file_name())).unwrap();
    }
    let index = fs::read(format!("{source}/index.json")).unwrap();
    LAYOUT.with_borrow_mut(|path| *path = place.path().to_owned());
    run_some(500, vec![index], layout);
}

thread_local! {
    /// Where the layout under test lies.
    static LAYOUT: std::cell::RefCell<std::path::PathBuf> = std::cell::RefCell::default();
}

fn layout(index: &[u8]) {
    let place = LAYOUT.with_borrow(Clone::clone);
    fs::write(place.join("index.json"), index).unwrap();
    let layout = match Layout::open(&place) {
        Ok(layout) => layout,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let image: ImageRef = "registry.example/app:v1".parse().unwrap();
    let digest = layout
        .resolve(&image)
        .unwrap_or_else(|_| ImageDigest::new("registry.example/app".parse().unwrap(), Digest::of(b"nothing")));
    let evidence = layout.fetch(&Query::new(digest, true));
    for artifact in evidence.artifacts() {
        if let Err(error) = &artifact.content {
            assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
        }
    }
}

#[test]
fn policy_documents() {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/config/samples");
    let mut seeds: Vec<_> =
        fs::read_dir(samples).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    seeds.push(br#"{"apiVersion":"policy.sigstore.dev/v1beta1","kind":"ClusterImagePolicy","metadata":{"name":"p"},"spec":{"images":[{"glob":"**"}],"authorities":[{"static":{"action":"fail"}}],"mode":"warn"}}"#.to_vec());
    seeds.push(b"a: &a {b: [*c, &c 1]}\n---\napiVersion: v1\nkind: List\nitems: [*a]\n".to_vec());
    seeds.push(b"{apiVersion: countersign.dev/v1alpha1, kind: TrustRoot, metadata: {name: r}, spec: {remote: {mirror: 'https://m', root: eyJzaWduZWQiOnsiX3R5cGUiOiJyb290In0sInNpZ25hdHVyZXMiOlt7fV19}}}".to_vec());
    seeds.sort();
    run_some(10_000, seeds, targets_policy::policy_documents);
}

#[test]
fn trusted_roots() {
    let roots =
        [sigstore_trust_root::SIGSTORE_GITHUB_TRUSTED_ROOT, sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT];
    run(roots.map(|root| root.as_bytes().to_vec()).to_vec(), targets_trust::trusted_root);
}

#[test]
fn references_to_keys() {
    let seeds = [
        "awskms://localhost:4566/arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "awskms:///alias/team/cosign",
        "azurekms://acme.vault.azure.net/cosign/0123456789abcdef0123456789abcdef",
        "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/versions/3",
        "hashivault://cosign",
        "openbao://team.cosign",
    ];
    run_some(20_000, seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(), targets_trust::kms_key);
}

#[test]
fn tuf_archives() {
    use std::io::Write as _;

    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in [("repository/1.root.json", "{}"), ("repository/targets/a.trusted_root.json", "[]")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        builder.append_data(&mut header, name, bytes.as_bytes()).unwrap();
    }
    let tar = builder.into_inner().unwrap();
    // Not compressed, so that what is broken in the tar archive is not only a broken checksum of gzip.
    run(vec![tar.clone()], targets_trust::tuf_archive_unpacked);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&tar).unwrap();
    run(vec![encoder.finish().unwrap()], targets_trust::tuf_archive);
}

#[test]
fn reviews() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/reviews");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut seeds: Vec<_> = files.filter(|file| file.extension().is_some_and(|name| name == "json")).collect();
    seeds.sort();
    run(seeds.into_iter().map(|file| fs::read(file).unwrap()).collect(), targets_admission::review);
}

#[test]
fn an_unsigned_image_hides_nowhere() {
    run_some(10_000, (0..64_u8).map(|seed| vec![seed; 8]).collect(), targets_admission::bypass);
}

#[test]
fn image_references() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut seeds: Vec<_> = ["nginx", "docker.io/library/nginx:1.25", "[::1]:5000/a/b:c", "GHCR.io/a__b/c.d-e"]
        .map(|seed| seed.as_bytes().to_vec())
        .into();
    seeds.push(format!("localhost:5000/x:y@{digest}").into_bytes());
    run_some(20_000, seeds, targets_image::image_reference);
}

#[test]
fn configurations_of_images() {
    let seeds = [
        r#"{"os":"linux","architecture":"arm","variant":"v7","config":{"User":"1000"},"rootfs":{"type":"layers"}}"#,
        r#"{"os":"windows","architecture":"amd64","os.version":"10.0.20348","history":[{"created":"2026-01-01T00:00:00Z"}]}"#,
        r#"{"os":null,"os.features":["win32k"]}"#,
    ];
    run_some(10_000, seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(), targets_image::image_config);
}

/// Every target has its file for cargo-fuzz, and every file its entry in the manifest.
#[test]
fn every_target_can_be_fuzzed_without_end() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz");
    let manifest = fs::read_to_string(format!("{folder}/Cargo.toml")).unwrap();
    let mut called = String::new();
    for file in fs::read_dir(format!("{folder}/fuzz_targets")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not in Cargo.toml");
        called.push_str(&fs::read_to_string(&path).unwrap());
    }
    for module in [
        "targets",
        "targets_admission",
        "targets_attested",
        "targets_beside",
        "targets_image",
        "targets_logged",
        "targets_policy",
        "targets_signer",
        "targets_signing",
        "targets_trust",
    ] {
        let source = fs::read_to_string(format!("{folder}/{module}.rs")).unwrap();
        for line in source.lines().filter_map(|line| line.strip_prefix("pub")) {
            let Some((name, _)) = line.split_once("fn ").and_then(|(_, rest)| rest.split_once("(bytes: &[u8])")) else {
                continue;
            };
            assert!(called.contains(&format!("{module}::{name}(bytes)")), "{module}::{name} has no file");
        }
    }
}

#[test]
fn attested_predicates() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/provenance");
    let files = fs::read_dir(data).unwrap().map(|file| file.unwrap().path());
    let mut seeds: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| fs::read(path).unwrap())
        .collect();
    seeds.extend(
        [
            r#"{"scanner":{"uri":"s","result":{"Results":[{"Vulnerabilities":[{"VulnerabilityID":"CVE-1","Severity":"HIGH"}]}]}}}"#,
            r#"{"scanner":{"result":{"matches":[{"vulnerability":{"id":"CVE-1","severity":"High","fix":{"state":"fixed"}}}]}}}"#,
            r#"{"scanner":{"result":[{"id":"CVE-1","severity":[{"method":"nvd","score":"7.5"}]}]}}"#,
            r#"{"runs":[{"tool":{"driver":{"name":"s","rules":[{"id":"R"}]}},"results":[{"ruleId":"R","ruleIndex":0}]}]}"#,
            r#"{"spdxVersion":"SPDX-2.3","packages":[{"name":"a","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/%40a/b@1"}]}]}"#,
            r#"{"bomFormat":"CycloneDX","components":[{"name":"a","purl":"pkg:npm/a@1","components":[{"name":"b"}]}]}"#,
            r#"{"result":"PASSED","failedTests":[]}"#,
            r#"{"verifier":{"id":"v"},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}"#,
        ]
        .map(|seed| seed.as_bytes().to_vec()),
    );
    seeds.sort();
    run_some(4_000, seeds, targets_attested::predicate);
}

#[test]
fn names_of_sources_and_packages() {
    let seeds = [
        "git+https://github.com/acme/app.git@refs/heads/main",
        "git@github.com:acme/app.git",
        "pkg:npm/%40angular/core@12.3.1?a=b#c",
        ">=1.2, <2\n1.5.0-rc.1",
        "(MIT OR Apache-2.0) AND GPL-2.0-only WITH Classpath-exception-2.0",
    ];
    run_some(10_000, seeds.map(|seed| seed.as_bytes().to_vec()).to_vec(), targets_attested::name);
}

#[test]
fn files_to_be_signed() {
    let mut seeds = vec![
        b"{\"critical\":{\"image\":{\"docker-manifest-digest\":\"sha256:0\"}}}".to_vec(),
        b"{\"_type\":\"https://in-toto.io/Statement/v1\"}".to_vec(),
        b"DSSEv1 28 application/vnd.in-toto+json 2 {}".to_vec(),
    ];
    seeds.extend(
        ["chart.tgz", "shop.jar"]
            .map(|name| fs::read(format!("{}/tests/data/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()),
    );
    run_some(4_000, seeds, targets_signer::signed_file);
}

#[test]
fn accounts_of_signings() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let record = format!(
        r#"{{"apiVersion":"countersign.dev/v1alpha1","kind":"SigningRecord","spec":{{"artifact":{{"kind":"file","name":"a","digest":"{digest}"}},"action":"signed","signer":{{"key":"sha256:0"}},"time":"2026-01-02T03:04:05Z"}}}}"#
    );
    run_some(
        4_000,
        vec![format!("{record}\n{record}\n").into_bytes(), record.into_bytes()],
        targets_signer::signing_records,
    );
}

#[test]
fn signing_configurations() {
    let config = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","caUrls":[{"url":"https://a.example.com","majorApiVersion":1,"validFor":{"start":"2024-01-01T00:00:00Z"},"operator":"o"}],"rekorTlogUrls":[{"url":"https://b.example.com","majorApiVersion":2,"validFor":{"start":"2024-01-01T00:00:00Z","end":"2030-01-01T00:00:00Z"},"operator":"o"}],"rekorTlogConfig":{"selector":"EXACT","count":1},"tsaUrls":[{"url":"https://c.example.com/t","majorApiVersion":1}],"tsaConfig":{}}"#;
    run(vec![config.into()], targets_signing::signing_config);
}

#[test]
fn log_entries() {
    let entry = r#"{"logIndex":"7","logId":{"keyId":"AQI="},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},"integratedTime":"5","inclusionPromise":{"signedEntryTimestamp":"MEU="},"inclusionProof":{"logIndex":"7","rootHash":"AA==","treeSize":"9","hashes":["AQ=="],"checkpoint":{"envelope":"log"}},"canonicalizedBody":"e30="}"#;
    run(vec![entry.into()], targets_signing::log_entry);
}

#[test]
fn identity_tokens() {
    run(vec![b" header.payload.signature\n".to_vec()], targets_signing::identity_token);
}

#[test]
fn timestamp_tokens() {
    run(vec![include_bytes!("../data/timestamps/token.der").to_vec()], targets_beside::timestamp_token);
}

#[test]
fn certificates() {
    let root = TrustedRoot::public_good().unwrap();
    let known = root.certificate_authorities().iter().map(|authority| authority.anchor().der().to_vec());
    run(known.collect(), targets_beside::certificate);
}

#[test]
fn bodies_of_log_entries() {
    let good: serde_json::Value = serde_json::from_slice(&targets_logged::good_body()).unwrap();
    let signature = good["spec"]["signature"]["content"].clone();
    let key = good["spec"]["signature"]["publicKey"]["content"].clone();
    let hash = good["spec"]["data"]["hash"].clone();
    let of = |kind: &str, version: &str, spec: serde_json::Value| {
        serde_json::json!({ "apiVersion": version, "kind": kind, "spec": spec }).to_string().into_bytes()
    };
    let mut rekord = good["spec"].clone();
    rekord["signature"]["format"] = "x509".into();
    let envelope = serde_json::json!({ "payloadType": "a", "signatures": [{ "sig": signature, "publicKey": key }] });
    let verifier =
        serde_json::json!({ "keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": { "rawBytes": "AAAA" } });
    let data = serde_json::json!({ "algorithm": "SHA2_256", "digest": "AAAA" });
    let seeds = vec![
        targets_logged::good_body(),
        of("rekord", "0.0.1", rekord),
        of(
            "hashedrekord",
            "0.0.2",
            serde_json::json!({ "hashedRekordV002": { "data": data, "signature": { "content": signature, "verifier": verifier } } }),
        ),
        of(
            "dsse",
            "0.0.1",
            serde_json::json!({ "envelopeHash": hash, "payloadHash": hash, "signatures": [{ "signature": signature, "verifier": key }] }),
        ),
        of("intoto", "0.0.1", serde_json::json!({ "content": { "hash": hash }, "publicKey": key })),
        of(
            "intoto",
            "0.0.2",
            serde_json::json!({ "content": { "envelope": envelope, "hash": hash, "payloadHash": hash } }),
        ),
    ];
    run(seeds, targets_logged::logged_body);
}

#[test]
fn annotations_with_log_entries() {
    run(vec![targets_logged::good_annotation()], targets_logged::logged_annotation);
}

#[test]
fn other_annotations() {
    let chain = include_bytes!("../data/certificates/sound.pem");
    let seeds = [&chain[..], br#"{"SignedRFC3161Timestamp":"MIIB"}"#];
    let seeds = seeds.iter().flat_map(|seed| (0..3).map(|which| [&[which], *seed].concat()));
    run(seeds.collect(), targets_logged::annotated);
}

#[test]
fn log_entries_of_bundles() {
    run(vec![targets_logged::good_entry()], targets_logged::logged_entry);
}
