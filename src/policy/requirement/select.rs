//! Which of several attestations count.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::policy::Denial;

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

/// One of several statements of one type.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Candidate<S, T> {
    /// The statement.
    pub(in crate::policy) item: T,
    /// Who signed it.
    pub(in crate::policy) signer: S,
    /// With what it was made, by its own words.
    pub(in crate::policy) scanner: Option<String>,
    /// When it was made.
    pub(in crate::policy) time: Option<Timestamp>,
}

/// Those of `candidates` that count and hold, where they are enough; otherwise what is wrong with each. `check` judges one.
pub(in crate::policy) fn select<S: Ord, T: Copy>(
    select: Select,
    candidates: Vec<Candidate<S, T>>,
    check: impl Fn(&T) -> Result<(), Denial>,
) -> Result<Vec<T>, Vec<Denial>> {
    let counting: Vec<T> = match select {
        Select::All | Select::Any => candidates.into_iter().map(|candidate| candidate.item).collect(),
        Select::Latest => latest(candidates),
    };
    let mut holding = Vec::new();
    let mut denials = Vec::new();
    for item in counting {
        match check(&item) {
            Ok(()) => holding.push(item),
            Err(denial) => denials.push(denial),
        }
    }
    let holds = match select {
        Select::All | Select::Latest => !holding.is_empty() && denials.is_empty(),
        Select::Any => !holding.is_empty(),
    };
    if holds { Ok(holding) } else { Err(denials) }
}

/// The statements of one scanner by one signer, each with its time.
type Group<T> = Vec<(Option<Timestamp>, T)>;

fn latest<S: Ord, T: Copy>(candidates: Vec<Candidate<S, T>>) -> Vec<T> {
    let mut groups: BTreeMap<(S, Option<String>), Group<T>> = BTreeMap::new();
    for Candidate { item, signer, scanner, time } in candidates {
        groups.entry((signer, scanner)).or_default().push((time, item));
    }
    groups
        .into_values()
        .flat_map(|group| {
            let last = group.iter().filter_map(|(time, _)| *time).max();
            group.into_iter().filter(move |(time, _)| time.is_none() || *time == last)
        })
        .map(|(_, item)| item)
        .collect()
}
