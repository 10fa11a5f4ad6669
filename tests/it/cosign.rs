//! What the real cosign wrote (`tests/data/cosign`), verified without a registry.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use countersign::evidence::{Answer, Artifact, Descriptor, Evidence, Index, Manifest, Path, media_type};
use countersign::image::{Digest, ImageDigest};
use countersign::limits::Budget;
use countersign::trust::{Anchor, HashAlgorithm, Proofs, PublicKey};
use countersign::verify::{Fact, FactKind, Facts, VerifyError, verify};

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

/// An OCI image layout (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>).
struct Layout {
    directory: String,
    index: Index,
}

impl Layout {
    fn open(name: &str) -> Self {
        let directory = format!("{}/tests/data/cosign/{name}", env!("CARGO_MANIFEST_DIR"));
        let index = Index::parse(&fs::read(format!("{directory}/index.json")).unwrap()).unwrap();
        Self { directory, index }
    }

    fn blob(&self, digest: Digest) -> Vec<u8> {
        let bytes = fs::read(format!("{}/blobs/sha256/{}", self.directory, digest.hex())).unwrap();
        assert_eq!(Digest::of(&bytes), digest);
        bytes
    }

    fn image(&self) -> Digest {
        self.index.manifests()[0].digest
    }

    /// What lies beside `image`, as a registry would be asked for it.
    fn evidence(&self, image: Digest) -> Evidence {
        let mut answers: BTreeMap<Path, Answer> = Path::ALL.into_iter().map(|path| (path, Answer::Absent)).collect();
        for path in [Path::SignatureTag, Path::AttestationTag] {
            let tag = path.tag(image);
            let tagged =
                |tagged: &&Descriptor| tagged.annotations.get(REF_NAME).map(String::as_str) == Some(tag.as_str());
            let Some(descriptor) = self.index.manifests().iter().find(tagged) else {
                continue;
            };
            let manifest = Manifest::parse(&self.blob(descriptor.digest)).unwrap();
            let layers = manifest.evidence_layers().unwrap().iter();
            let read = match path {
                Path::SignatureTag => Artifact::from_signature_layer,
                Path::AttestationTag | Path::Referrers => Artifact::from_envelope_layer,
            };
            let artifacts = layers.map(|layer| read(layer, &self.blob(layer.digest)));
            answers.insert(path, Answer::Answered(artifacts.collect()));
        }
        let mut referrers = Vec::new();
        for descriptor in self.index.manifests() {
            let Ok(manifest) = Manifest::parse(&self.blob(descriptor.digest)) else {
                continue;
            };
            if manifest.subject().map(|subject| subject.digest) != Some(image) {
                continue;
            }
            assert!(media_type::is_bundle(manifest.artifact_type()));
            for layer in manifest.evidence_layers().unwrap() {
                referrers.push(Artifact::from_bundle(layer.digest, &self.blob(layer.digest)));
            }
        }
        if !referrers.is_empty() {
            answers.insert(Path::Referrers, Answer::Answered(referrers));
        }
        Evidence::new(ImageDigest::new("registry.test/app".parse().unwrap(), image), answers)
    }
}

fn anchor(pem: &str) -> Arc<Anchor> {
    Arc::new(Anchor::key(PublicKey::from_pem(pem).unwrap(), HashAlgorithm::Sha256, Proofs::beside_key()))
}

fn judge(evidence: &Evidence, pem: &str) -> Facts {
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    verify(evidence, &[anchor(pem)], now, &mut Budget::per_image())
}

const COSIGN: &str = include_str!("../data/cosign/cosign.pub");
const OTHER: &str = include_str!("../data/cosign/other.pub");

#[test]
fn signatures_and_attestations_of_cosign_verify() {
    for (layout, paths) in [
        ("v2", [Path::AttestationTag, Path::SignatureTag]),
        ("v3", [Path::Referrers, Path::Referrers]),
        ("v3-fallback", [Path::Referrers, Path::Referrers]),
    ] {
        let files = Layout::open(layout);
        let evidence = files.evidence(files.image());
        let facts = judge(&evidence, COSIGN);
        assert!(facts.rejections().is_empty(), "{layout}: {:?}", facts.rejections());
        let found: Vec<_> = facts.facts().iter().map(Fact::path).collect();
        assert_eq!(found, paths, "{layout}");
        let mut signatures = 0;
        let mut attestations = 0;
        for fact in facts.facts() {
            match fact.kind() {
                FactKind::Attestation(statement) => {
                    assert_eq!(statement.predicate_type(), CUSTOM, "{layout}");
                    assert!(statement.predicate_raw().contains("passed"), "{layout}");
                    attestations += 1;
                }
                FactKind::Signature { .. } => signatures += 1,
                FactKind::SourceSummary(statement) => panic!("about a source: {statement:?}"),
            }
        }
        assert_eq!((signatures, attestations), (1, 1), "{layout}");
    }
}

#[test]
fn another_key_proves_nothing() {
    for layout in ["v2", "v3", "v3-fallback"] {
        let layout = Layout::open(layout);
        let facts = judge(&layout.evidence(layout.image()), OTHER);
        assert!(facts.facts().is_empty());
        assert_eq!(facts.rejections().len(), 2);
        for rejection in facts.rejections() {
            assert_eq!(rejection.error, VerifyError::KeyMismatch);
        }
    }
}

#[test]
fn evidence_moved_to_another_image_proves_nothing() {
    for layout in ["v2", "v3", "v3-fallback"] {
        let layout = Layout::open(layout);
        let evidence = layout.evidence(layout.image());
        let other = ImageDigest::new("registry.test/app".parse().unwrap(), Digest::of(b"another image"));
        let moved = Evidence::new(other, evidence.answers().clone());
        let facts = judge(&moved, COSIGN);
        assert!(facts.facts().is_empty());
        assert_eq!(facts.rejections().len(), 2);
        for rejection in facts.rejections() {
            let found = layout.image().to_string();
            assert_eq!(rejection.error, VerifyError::SubjectMismatch { found });
        }
    }
}
