//! From what was found in every place to the facts about one image.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::evidence::{Evidence, Path, Query, Unasked};
use crate::image::ImageDigest;
use crate::limits::Budget;
use crate::policy::Lookup;
use crate::verify::{Facts, verify};

/// Verifies what was found about `image`, each place by its own anchors, and all of it within one budget.
pub(super) fn examine(image: &ImageDigest, found: &[(Lookup, Evidence)], now: Timestamp) -> Facts {
    let mut budget = Budget::per_image();
    let mut beside = None;
    let mut elsewhere = Vec::new();
    for (lookup, evidence) in found {
        let facts = verify(evidence, lookup.anchors(), now, &mut budget);
        match lookup.source() {
            None => beside = Some(facts),
            Some(source) => elsewhere.push((source.clone(), facts)),
        }
    }
    let nothing = || verify(&Evidence::new(image.clone(), BTreeMap::new()), &[], now, &mut Budget::per_image());
    let beside = beside.unwrap_or_else(nothing);
    elsewhere.into_iter().fold(beside, |facts, (source, found)| facts.with_source(source, found))
}

/// The evidence of a place that there cannot be.
pub(super) fn nowhere(image: &ImageDigest, why: &Unasked) -> Evidence {
    let every = Query::new(image.clone(), true).paths();
    Evidence::unasked(image.clone(), every.filter(|path| Path::ALL.contains(path)), why)
}
