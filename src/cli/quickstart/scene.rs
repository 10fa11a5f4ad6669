//! What is shown: an image, how it came to be, and what should be said of it.

use std::collections::BTreeMap;

use super::stage::{Signer, Stage};
use crate::cli::Error;
use crate::policy::DenyReason;
use crate::signer::Format;

/// One pod that is to be judged.
pub(super) struct Scene {
    /// What is special about it.
    pub(super) title: &'static str,
    /// The images of its containers, as their author wrote them.
    pub(super) images: Vec<String>,
    /// What should be said: admitted, or the reason of the refusal.
    pub(super) expected: Result<(), DenyReason>,
}

impl Scene {
    fn admitted(title: &'static str, image: String) -> Self {
        Self { title, images: vec![image], expected: Ok(()) }
    }

    fn denied(title: &'static str, image: String, reason: DenyReason) -> Self {
        Self { title, images: vec![image], expected: Err(reason) }
    }

    /// Every scene, with its images made and pushed.
    pub(super) async fn all(stage: &Stage, with_cosign: bool) -> Result<Vec<Self>, Error> {
        let mut scenes = Vec::new();

        let legacy = stage.push("shop/legacy", "v1")?;
        stage.sign(&legacy, Signer::Ours, Format::Legacy).await?;
        scenes.push(Self::admitted("signed, layout of cosign 2 (.sig)", legacy.clone()));

        let bundle = stage.push("shop/bundle", "v1")?;
        stage.sign(&bundle, Signer::Ours, Format::Bundle).await?;
        scenes.push(Self::admitted("signed, layout of cosign 3 (bundle)", bundle));

        if with_cosign {
            scenes.push(Self::admitted("signed by the real cosign 2", stage.push_layout("cosign/v2", "v2")?));
            scenes.push(Self::admitted("signed by the real cosign 3", stage.push_layout("cosign/v3", "v3")?));
        }

        let unsigned = stage.push("shop/unsigned", "v1")?;
        scenes.push(Self::denied("not signed", unsigned.clone(), DenyReason::SignatureMissing));

        let foreign = stage.push("shop/foreign", "v1")?;
        stage.sign(&foreign, Signer::Another, Format::Both).await?;
        scenes.push(Self::denied("signed with another key", foreign, DenyReason::KeyMismatch));

        let tampered = stage.push("shop/tampered", "v1")?;
        stage.sign(&tampered, Signer::Ours, Format::Legacy).await?;
        stage.tamper("shop/tampered", "v1")?;
        scenes.push(Self::denied(
            "changed after signing, its signature copied along",
            tampered,
            DenyReason::SubjectMismatch,
        ));

        let moved = stage.push("shop/moved", "v1")?;
        stage.sign(&moved, Signer::Ours, Format::Both).await?;
        stage.push("shop/moved", "v1")?;
        scenes.push(Self::denied("tag moved after signing", moved, DenyReason::SignatureMissing));

        let uncovered = stage.push("elsewhere/app", "v1")?;
        scenes.push(Self::denied("covered by no policy", uncovered, DenyReason::NoMatchingPolicy));

        scenes.push(Self {
            title: "two containers, one of them not signed",
            images: vec![legacy, unsigned],
            expected: Err(DenyReason::SignatureMissing),
        });
        Ok(scenes)
    }
}

/// The annotations of the signatures here: none.
pub(super) fn no_annotations() -> BTreeMap<String, String> {
    BTreeMap::new()
}
