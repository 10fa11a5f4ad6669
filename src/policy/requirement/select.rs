//! Which of several attestations count.

use std::collections::BTreeMap;

use crate::policy::Denial;
use crate::provenance::Claimed;
use crate::trust::AnchorId;

/// Which of several attestations of one type have to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// All.
    All,
    /// One is enough.
    #[default]
    Any,
    /// The latest of each signer and scanner. One that does not say when it was made counts as the latest, too.
    Latest,
}

impl Select {
    /// Whether it is a condition over the whole set, so that one statement that is not seen may change the answer.
    pub fn needs_all(self) -> bool {
        match self {
            Self::All | Self::Latest => true,
            Self::Any => false,
        }
    }
}

/// Whether those of `candidates` that count hold, of which there is at least one; otherwise what is wrong with each.
///
/// `check` judges one, `claimed` says when and with what it was made.
pub(in crate::policy) fn select<T>(
    select: Select,
    candidates: &[(AnchorId, T)],
    check: impl Fn(&T) -> Result<(), Denial>,
    claimed: impl Fn(&T) -> Claimed,
) -> Result<(), Vec<Denial>> {
    let counting: Vec<&T> = match select {
        Select::All | Select::Any => candidates.iter().map(|(_, candidate)| candidate).collect(),
        Select::Latest => latest(candidates, claimed),
    };
    let found: Vec<_> = counting.iter().map(|candidate| check(candidate)).collect();
    let holds = match select {
        Select::All | Select::Latest => !found.is_empty() && found.iter().all(Result::is_ok),
        Select::Any => found.iter().any(Result::is_ok),
    };
    if holds { Ok(()) } else { Err(found.into_iter().filter_map(Result::err).collect()) }
}

/// The statements of one scanner by one signer, each with what it claims.
type Group<'a, T> = Vec<(Claimed, &'a T)>;

fn latest<T>(candidates: &[(AnchorId, T)], claimed: impl Fn(&T) -> Claimed) -> Vec<&T> {
    let mut groups: BTreeMap<(AnchorId, Option<String>), Group<'_, T>> = BTreeMap::new();
    for (anchor, candidate) in candidates {
        let claimed = claimed(candidate);
        groups.entry((*anchor, claimed.scanner.clone())).or_default().push((claimed, candidate));
    }
    groups
        .into_values()
        .flat_map(|group| {
            let last = group.iter().filter_map(|(claimed, _)| claimed.time).max();
            group.into_iter().filter(move |(claimed, _)| claimed.time.is_none() || claimed.time == last)
        })
        .map(|(_, candidate)| candidate)
        .collect()
}
