//! Policies of other programs, and what becomes of them.

use super::*;
use crate::api::{Document, parse};

const PEM: &str = include_str!("../../../../tests/data/cosign/cosign.pub");
const CHAIN: &str = include_str!("../../../../tests/data/certificates/sound.pem");

/// What `policy convert` prints for `input`, in which KEY stands for a public key and ROOT for a certificate, indented as
/// they stand there.
fn converted(from: From, input: &str) -> String {
    // The authority stands behind its leaf.
    let root = CHAIN.get(CHAIN.rfind("-----BEGIN").unwrap()..).unwrap();
    let mut text = String::new();
    for line in input.lines() {
        let block =
            [("KEY", PEM), ("ROOT", root)].into_iter().find_map(|(word, pem)| Some((line.strip_suffix(word)?, pem)));
        match block {
            Some((indent, pem)) => pem.lines().for_each(|line| text.push_str(&format!("{indent}{line}\n"))),
            None => text.push_str(&format!("{line}\n")),
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("input.yaml");
    std::fs::write(&file, text).unwrap();
    match run(&ConvertArgs { from, file }) {
        Ok(outcome) => outcome.data,
        Err(error) => format!("error: {}\n", error.to_string().replace(directory.path().to_str().unwrap(), "[place]")),
    }
}

/// What is printed is right by the strict reader, but for what is not carried out yet.
fn check(output: &str) {
    let documents = parse(output).unwrap_or_else(|error| panic!("{error}\n{output}"));
    assert!(!documents.is_empty());
    for document in &documents {
        let problems = document.problems().iter().map(ToString::to_string);
        let problems: Vec<_> = problems.filter(|problem| !problem.contains("is not carried out yet")).collect();
        assert!(problems.is_empty(), "{problems:?}\n{output}");
        assert!(matches!(document, Document::ClusterImagePolicy(_) | Document::TrustRoot(_)), "{output}");
    }
}

#[test]
fn policies_of_policy_controller() {
    let output = converted(
        From::PolicyController,
        "\
apiVersion: v1
kind: List
items:
- apiVersion: policy.sigstore.dev/v1beta1
  kind: ClusterImagePolicy
  metadata: {name: keys}
  spec:
    images: [{glob: 'ghcr.io/acme/**'}, {glob: 'ghcr.io/acme/app@sha256:*'}, {glob: 'ghcr.io/acme/app:v1*'}, {glob: 'docker.io/acme/*'}]
    mode: warn
    authorities:
    - name: key
      key:
        data: |
          KEY
      attestations: [{name: a, predicateType: slsaprovenance}]
- apiVersion: policy.sigstore.dev/v1beta1
  kind: ClusterImagePolicy
  metadata: {name: keyless}
  spec:
    images: [{glob: '**'}]
    authorities:
    - keyless:
        url: https://fulcio.sigstore.dev
        identities: [{issuerRegExp: 'https://token.actions.*', subject: 'https://github.com/acme/app/.github/workflows/x.yml@refs/heads/main'}]
- apiVersion: policy.sigstore.dev/v1alpha1
  kind: ClusterImagePolicy
  metadata: {name: dead}
  spec: {images: [{glob: 'ghcr.io/a/b:v1'}], authorities: [{static: {action: pass}}]}
- {apiVersion: v1, kind: Secret, metadata: {name: s}}
",
    );
    check(&output);
    insta::assert_snapshot!(output);
}

#[test]
fn kyverno_cluster_policies() {
    let output = converted(
        From::Kyverno,
        "\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: verify-acme}
spec:
  validationFailureAction: Enforce
  rules:
  - name: any-key
    match: {any: [{resources: {kinds: [Pod], namespaces: [shop]}}]}
    exclude: {any: [{resources: {namespaces: [kube-system]}}]}
    verifyImages:
    - imageReferences: ['ghcr.io/acme/*', 'acme/app:v1*', 'quay.io/a?b/*']
      skipImageReferences: ['ghcr.io/acme/test*']
      attestors:
      - count: 1
        entries:
        - keys:
            rekor: {ignoreTlog: true}
            publicKeys: |
              KEY
        - keys: {secret: {name: signing-key, namespace: kyverno}, signatureAlgorithm: sha512}
        - keys: {publicKeys: 'k8s://tenant/other-key', rekor: {url: 'https://rekor.example.com'}}
  - name: all-of
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ['*']
      failureAction: Audit
      attestors:
      - entries:
        - keyless: {issuer: 'https://token.actions.githubusercontent.com', subject: 'https://github.com/acme/*@refs/heads/main', additionalExtensions: {a: b, githubWorkflowTrigger: push, 1.3.6.1.4.1.57264.1.5: 'acme/*'}}
        - keys: {kms: 'awskms:///arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012'}
      attestations:
      - type: https://slsa.dev/provenance/v1
        conditions:
        - all:
          - {key: '{{ buildDefinition.buildType }}', operator: Equals, value: x}
          - {key: '{{ runDetails.builder.id }}', operator: AnyIn, value: [a, b]}
          - {key: '{{ length(buildDefinition.resolvedDependencies) }}', operator: GreaterThan, value: 1}
        - any:
          - {key: '{{ buildDefinition.externalParameters.\"workflow-ref\" }}', operator: Equals, value: 'refs/tags/*'}
          - {key: '{{ request.namespace }}', operator: Equals, value: shop}
  - name: two-of-three
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ['ghcr.io/two/*']
      attestors:
      - count: 2
        entries:
        - keys: {publicKeys: 'k8s://ns/a', rekor: {ignoreTlog: true}}
        - keys: {publicKeys: 'k8s://ns/b', rekor: {ignoreTlog: true}}
        - keys: {publicKeys: 'k8s://ns/c', rekor: {ignoreTlog: true}}
  - name: elsewhere
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ['ghcr.io/else/*']
      repository: ghcr.io/acme/signatures
      attestors:
      - count: 1
        entries:
        - {keys: {publicKeys: 'k8s://ns/a', rekor: {ignoreTlog: true}}, annotations: {env: prod}}
        - {keys: {publicKeys: 'k8s://ns/b', rekor: {ignoreTlog: true}}, repository: ghcr.io/acme/other}
        - keyless:
            issuer: https://issuer.example.com
            subject: ci
            ctlog: {ignoreSCT: true}
            roots: |
              ROOT
      attestations:
      - type: https://cyclonedx.org/bom
        attestors: [{entries: [{keys: {publicKeys: 'k8s://ns/a', rekor: {ignoreTlog: true}}, annotations: {env: prod}}]}]
        conditions: [{all: [{key: '{{ time_since(a) }}', operator: LessThan, value: 24h}]}]
  - name: notary
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages: [{type: Notary, imageReferences: ['ghcr.io/n/*'], attestors: []}]
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: no-images}
spec: {rules: [{name: labels, validate: {message: m}}]}
",
    );
    check(&output);
    insta::assert_snapshot!(output);
}

#[test]
fn kyverno_image_validating_policies() {
    let output = converted(
        From::Kyverno,
        "\
apiVersion: policies.kyverno.io/v1
kind: ImageValidatingPolicy
metadata: {name: check-images}
spec:
  validationActions: [Deny]
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  matchImageReferences: [{glob: 'ghcr.io/acme/*'}, {expression: 'image.registry() == \"x\"'}]
  attestors:
  - name: cosign
    cosign:
      ctlog: {insecureIgnoreTlog: true}
      annotations: {env: prod}
      source: {repository: ghcr.io/acme/signatures}
      key:
        data: |
          KEY
  - name: ours
    cosign:
      ctlog: {insecureIgnoreTlog: true}
      keyless:
        identities: [{issuer: 'https://issuer.example.com', subject: ci}]
        roots: |
          ROOT
  - name: github
    cosign:
      keyless: {identities: [{issuer: 'https://token.actions.githubusercontent.com', subjectRegExp: '.*acme.*'}]}
  - name: notary
    notary: {certs: {value: x}}
  attestations: [{name: sbom, intoto: {type: 'https://cyclonedx.org/bom'}}, {name: other, referrer: {type: x}}]
  validations:
  - expression: >-
      images.containers.map(image, verifyImageSignatures(image, [attestors.cosign, attestors.github])).all(e, e > 0)
  - expression: images.containers.map(image, verifyAttestationSignatures(image, attestations.sbom, [attestors.cosign])).all(e, e > 0)
  - expression: images.containers.map(image, verifyImageSignatures(image, [attestors.notary])).all(e, e > 0)
  - expression: images.containers.map(image, extractPayload(image, attestations.sbom).bomFormat == 'CycloneDX').all(e, e)
  - expression: images.containers.map(image, verifyImageSignatures(image, [attestors.ours])).all(e, e > 0)
  - expression: images.containers.map(image, extractPayload(image, attestations.other).x == 1).all(e, e)
  - expression: images.containers.map(image, extractPayload(image, attestations.sbom).x == image.registry()).all(e, e)
  - expression: images.containers.map(image, verifyImageSignatures(image, [attestors.cosign])).exists(e, e > 0)
",
    );
    check(&output);
    insta::assert_snapshot!(output);
}

#[test]
fn the_configuration_of_connaisseur() {
    let output = converted(
        From::Connaisseur,
        "\
application:
  validators:
  - {name: allow, type: static, approve: true}
  - {name: deny, type: static, approve: false}
  - name: default
    type: cosign
    trustRoots:
    - name: default
      key: |
        KEY
    - name: github
      keyless: {issuer: 'https://token.actions.githubusercontent.com', subjectRegex: 'https://github.com/acme/.*'}
  - {name: old, type: notaryv1}
  - name: three
    type: cosign
    trustRoots:
    - {name: a, key: 'k8s://ns/a'}
    - {name: b, key: 'k8s://ns/b'}
    - {name: c, key: 'k8s://ns/c'}
  policy:
  - {pattern: '*:*', validator: deny}
  - {pattern: 'docker.io/acme/*:*'}
  - {pattern: 'ghcr.io/acme/*:*', with: {trustRoot: '*', threshold: 1, verifyInTransparencyLog: false}}
  - {pattern: 'ghcr.io/acme/both', with: {trustRoot: '*', required: [default, github]}}
  - {pattern: 'ghcr.io/acme/two', validator: three, with: {trustRoot: '*', threshold: 2}}
  - {pattern: 'registry.k8s.io/*:v1', validator: allow}
  - {pattern: 'nginx:*', validator: old}
  - {pattern: 'quay.io/x', validator: none}
",
    );
    check(&output);
    insta::assert_snapshot!(output);
}

#[test]
fn steps_of_harness() {
    let output = converted(
        From::Harness,
        "\
pipeline:
  name: build
  stages:
  - stage:
      spec:
        execution:
          steps:
          - step:
              type: SscaArtifactVerification
              name: Verify
              identifier: verify_signature
              spec:
                source: {type: docker, spec: {connector: hub, image: 'acme/app:v5'}}
                verifySign: {type: cosign, spec: {public_key: account.cosign_public_key}}
          - parallel:
            - step:
                type: SlsaVerification
                identifier: verify_slsa
                spec:
                  source: {type: Ecr, spec: {connector: aws, region: us-east-1, account: '123456789012', image: 'team/app:1'}}
                  verify_attestation: {type: cosign, spec: {type: keybased, spec: {publicKey: account.cosign_pub}}}
                enforce: {policySets: [slsa_rules]}
          - step:
              type: SscaArtifactVerification
              identifier: keyless
              spec:
                source: {type: gar, spec: {host: us-docker.pkg.dev, project_id: p, image: 'app:1'}}
                verifySign: {type: keyless, spec: {oidcProvider: harness}}
          - step:
              type: SscaArtifactVerification
              identifier: dynamic
              spec:
                source: {type: docker, spec: {image: '<+artifact.image>'}}
                verifySign: {type: cosign, spec: {public_key: k}}
          - step:
              type: SscaArtifactVerification
              identifier: vault
              spec:
                source: {type: docker, spec: {image: 'registry.example.com/a:1'}}
                verifySign: {type: secret-manager, spec: {connector: v, key: transit/signing}}
          - step: {type: Run, spec: {command: make}}
",
    );
    check(&output);
    insta::assert_snapshot!(output);
}

#[test]
fn what_cannot_be_converted_is_an_error() {
    for (from, input) in [
        (From::PolicyController, "a: 1\n"),
        (From::Kyverno, "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"),
        (From::Connaisseur, "application: {}\n"),
        (From::Harness, "pipeline: {stages: []}\n"),
        (From::Harness, "a: [\n"),
    ] {
        let output = converted(from, input);
        assert!(output.starts_with("error: `[place]/input.yaml`"), "{output}");
    }
}

#[test]
fn a_note_stays_in_its_comment() {
    assert_eq!(comment("a\nspec: {}\u{2028}b"), "a spec: {} b");
    assert_eq!(object_name("--A b/*"), "a-b");
    assert_eq!(object_name("**"), "converted");
}
