//! What a registry holds about an image: parsed, within limits, and **not believed**.
//!
//! Four places are asked ([`Path`]): the cosign tags `.sig` and `.att`, the OCI 1.1 referrers, and the tag that stands
//! in for them where a registry has no referrers API. Whatever is found becomes an [`Artifact`]; a broken or foreign one
//! is kept as an [`ArtifactError`], so that it can be explained and never switches another artifact off.
//!
//! This module never fetches and never verifies: it knows addresses ([`Query`]) and formats.

mod answer;
mod artifact;
mod bundle;
mod envelope;
mod manifest;
mod query;
mod signature_layer;
mod simple_signing;
mod statement;

pub use answer::{Answer, Evidence, Unasked, UnaskedKind};
pub use artifact::{Artifact, ArtifactError, Content};
pub use bundle::Bundle;
pub use envelope::Envelope;
pub use manifest::{Descriptor, Index, Manifest, ManifestError, media_type};
pub use query::{Path, Query};
pub use signature_layer::SignatureLayer;
pub use simple_signing::SimpleSigning;
pub use statement::Statement;
