//! What a registry holds about an image: parsed, within limits, and **not believed**.
//!
//! Four places are asked ([`Path`]): the cosign tags `.sig` and `.att`, the OCI 1.1 referrers, and the tag that stands
//! in for them where a registry has no referrers API. Whatever is found becomes an [`Artifact`]; a broken or foreign one
//! is kept as an [`ArtifactError`], so that it can be explained and never switches another artifact off.
//!
//! This module never fetches and never verifies: it knows addresses ([`Query`]) and formats.

pub mod annotation;
mod answer;
mod artifact;
mod bundle;
mod descriptor;
mod envelope;
mod image_config;
mod json;
mod manifest;
mod material;
pub mod media_type;
mod query;
mod signature_layer;
mod simple_signing;
mod source;
mod statement;

pub use answer::{Answer, Evidence, Unasked, UnaskedKind};
pub(crate) use artifact::one_line;
pub use artifact::{Artifact, ArtifactError, Content};
pub use bundle::Bundle;
pub use descriptor::{Descriptor, Platform};
pub use envelope::{Envelope, EnvelopeSignature};
pub use image_config::ImageConfig;
pub use manifest::{Index, Manifest, ManifestError, Unreadable};
pub use material::Material;
pub use query::{Path, Query};
pub use signature_layer::SignatureLayer;
pub use simple_signing::SimpleSigning;
pub use source::{Source, SourcePlace};
pub use statement::{Statement, StatementSubject};
