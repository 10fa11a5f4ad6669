//! What the same signer had said before: found before anything is pushed, taken away once the new is verified.
//!
//! Two signers with one key who work at the same time must not take each other's signature away. Each replaces only what
//! was there before it pushed, so that of two the later one stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::SignError;
use super::request::Kept;
use super::store::Store;
use super::tag::{Extend, Extended, Foreign};
use crate::evidence::{Path, media_type};
use crate::image::Digest;
use crate::registry::{Deleted, PushError};

/// Evidence by place and artifact, with the manifest that holds it.
#[derive(Debug, Default)]
pub(super) struct Older {
    found: BTreeMap<(Path, Digest), Option<Digest>>,
}

impl Older {
    pub(super) fn new(found: impl IntoIterator<Item = ((Path, Digest), Option<Digest>)>) -> Self {
        Self { found: found.into_iter().collect() }
    }

    /// Whether it was there before.
    pub(super) fn holds(&self, path: Path, artifact: Digest) -> bool {
        self.found.contains_key(&(path, artifact))
    }

    /// The artifacts of one place.
    pub(super) fn artifacts(&self, path: Path) -> BTreeSet<Digest> {
        self.found.keys().filter(|(place, _)| *place == path).map(|(_, artifact)| *artifact).collect()
    }

    /// The manifests of the referrers, without `new`, which may have the same bytes.
    fn referrers(&self, new: Option<Digest>) -> BTreeSet<Digest> {
        let referrers = self.found.iter().filter(|((path, _), _)| *path == Path::Referrers);
        referrers.filter_map(|(_, manifest)| *manifest).filter(|manifest| Some(*manifest) != new).collect()
    }
}

impl Store<'_> {
    /// Takes the referrers of `older` away, from the tag that stands in for their list (where `fallback` names it) and
    /// from the registry. Says how many are gone, and which are not and why.
    pub(super) async fn take_away(
        &self,
        older: &Older,
        new: Option<Digest>,
        fallback: Option<&crate::image::Tag>,
    ) -> Result<(usize, Vec<Kept>), SignError> {
        let manifests = older.referrers(new);
        if let Some(tag) = fallback
            && !manifests.is_empty()
        {
            self.extend(tag, &Without(&manifests)).await?;
        }
        let mut gone = 0_usize;
        let mut kept = Vec::new();
        for manifest in &manifests {
            let why = match self.client.delete_manifest(self.repository, *manifest, self.keys, self.deadline).await {
                Ok(Deleted::Done | Deleted::Gone) => None,
                Ok(Deleted::Unsupported { status, code }) => {
                    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
                    Some(format!("the registry answers with {status}{code}"))
                }
                Err(PushError::Rejected { name, status, code: _ }) => Some(format!("`{name}`: {status}")),
                Err(PushError::Unasked(why)) => Some(why.to_string()),
            };
            match why {
                None => gone = gone.saturating_add(1),
                // Nobody finds it without the list, wherever its bytes lie.
                Some(_) if fallback.is_some() => gone = gone.saturating_add(1),
                Some(detail) => kept.push(Kept { manifest: *manifest, detail }),
            }
        }
        Ok((gone, kept))
    }
}

/// The index of referrers without some of its entries.
struct Without<'a>(&'a BTreeSet<Digest>);

impl Without<'_> {
    fn is_out(&self, entry: &Value) -> bool {
        let digest = entry.get("digest").and_then(Value::as_str).and_then(|digest| digest.parse().ok());
        digest.is_some_and(|digest: Digest| self.0.contains(&digest))
    }
}

impl Extend for Without<'_> {
    fn media_type(&self) -> &'static str {
        media_type::OCI_INDEX
    }

    fn is_in(&self, index: &Map<String, Value>) -> bool {
        let entries = index.get("manifests").and_then(Value::as_array);
        entries.is_some_and(|entries| !entries.iter().any(|entry| self.is_out(entry)))
    }

    fn extend(&self, index: Option<Map<String, Value>>) -> Result<Extended, Foreign> {
        let mut index = index.ok_or(Foreign::Type)?;
        let entries = index.get_mut("manifests").and_then(Value::as_array_mut).ok_or(Foreign::Type)?;
        entries.retain(|entry| !self.is_out(entry));
        Ok(Extended { manifest: index, blob: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_goes() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let out = BTreeSet::from([digest("a")]);
        let index = serde_json::json!({
            "manifests": [
                {"digest": digest("a").to_string()},
                {"digest": digest("b").to_string(), "annotations": {"kept": "x"}},
                {"digest": "sha512:0"},
            ],
            "annotations": {"c": "d"},
        });
        let index = index.as_object().unwrap().clone();
        assert!(!Without(&out).is_in(&index));
        let left = Without(&out).extend(Some(index)).unwrap().manifest;
        assert!(Without(&out).is_in(&left));
        assert_eq!(left["manifests"].as_array().unwrap().len(), 2);
        assert_eq!(left["manifests"][0]["annotations"]["kept"], "x");
        assert_eq!(left["annotations"]["c"], "d");
        assert!(matches!(Without(&out).extend(None), Err(Foreign::Type)));
    }

    #[test]
    fn what_is_new_is_never_older() {
        let [old, new] = ["old", "new"].map(|text| Digest::of(text.as_bytes()));
        let older = Older::new([((Path::Referrers, old), Some(old)), ((Path::Referrers, new), Some(new))]);
        assert_eq!(older.referrers(Some(new)), BTreeSet::from([old]));
        assert_eq!(older.artifacts(Path::SignatureTag), BTreeSet::new());
    }
}
