//! What TrustRoot objects are worth.

use jiff::Timestamp;

use super::KeptRoot;
use crate::trust::{RootState, TufSourceId};

/// What one TrustRoot object is worth at one time: what the condition `Ready` of its status says, and until when.
///
/// For whoever writes status: the condition is `True` exactly if [`Self::is_ready`]; its reason is [`Self::reason`] and its
/// message [`Self::message`]; [`Self::since`] is its last transition where that is known, and otherwise the transition is
/// when the condition is seen to change. The rest are fields beside it. A root that is ready and was not renewed
/// ([`Self::failure`]) still counts, until [`Self::expires`]: that is the time to warn.
#[derive(Clone, Debug)]
pub struct RootReport {
    /// The API group of the object.
    pub group: String,
    /// Its name.
    pub name: String,
    /// The root, or why there is none.
    pub state: RootState,
    /// Since when it is ready, or is not; none where nobody keeps it fresh, and its documents alone say what it is.
    pub since: Option<Timestamp>,
    /// When its repository says that it ends, or that it ended; none for one that was written out.
    pub expires: Option<Timestamp>,
    /// When its repository last vouched for it; none where it never did, or there is none.
    pub refreshed: Option<Timestamp>,
    /// When and why the last refresh failed; none if it succeeded, or nothing is refreshed.
    pub failure: Option<(Timestamp, String)>,
}

impl RootReport {
    /// Whether policies can stand on it. They refuse what they cover otherwise.
    pub fn is_ready(&self) -> bool {
        self.state.root().is_some()
    }

    /// A word for it in CamelCase, as conditions have them.
    pub fn reason(&self) -> &'static str {
        match &self.state {
            RootState::Invalid(_) => "TrustRootInvalid",
            RootState::Stale { .. } | RootState::Unreachable(_) => "TrustRootStale",
            RootState::Usable(_) if self.failure.is_some() => "NotRenewed",
            RootState::Usable(_) => "Usable",
        }
    }

    /// It in a sentence, on one line.
    pub fn message(&self) -> String {
        match (&self.state, &self.failure) {
            (RootState::Invalid(why) | RootState::Unreachable(why), _) => why.clone(),
            (RootState::Stale { ended, why }, _) => format!("it ended at {ended}: {why}"),
            (RootState::Usable(_), failure) => {
                let until = self.expires.map_or_else(String::new, |expires| format!(" until {expires}"));
                let renewal = failure
                    .as_ref()
                    .map_or_else(String::new, |(at, why)| format!("; it could not be renewed at {at}: {why}"));
                format!("policies can stand on it{until}{renewal}")
            }
        }
    }
}

/// A TrustRoot of the newest documents.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) group: String,
    pub(super) name: String,
    /// The repository from which it is kept fresh, if it is.
    pub(super) repository: Option<TufSourceId>,
    /// What was known of it when the documents were taken.
    pub(super) state: RootState,
}

impl Named {
    /// What it is worth at `now`, by what is `kept` of its repository.
    pub(super) fn report(&self, kept: Option<&KeptRoot>, now: Timestamp) -> RootReport {
        let mut state = kept.map_or(&self.state, |kept| &kept.refresh.state).clone();
        let mut since = kept.map(|kept| kept.since);
        let failure = kept.and_then(|kept| kept.refresh.failure.as_ref()).map(|(at, _, why)| (*at, why.clone()));
        if let RootState::Usable(root) = &state
            && let Some(ended) = root.expires().filter(|_| root.is_expired(now))
        {
            // Whoever keeps it has not said so yet, or nobody does.
            let why = failure.as_ref().map_or("nobody renews it", |(_, why)| why);
            state = RootState::Stale { ended, why: why.to_owned() };
            since = Some(ended);
        }
        let expires = match &state {
            RootState::Invalid(_) | RootState::Unreachable(_) => None,
            RootState::Stale { ended, .. } => Some(*ended),
            RootState::Usable(root) => root.expires(),
        };
        RootReport {
            group: self.group.clone(),
            name: self.name.clone(),
            state,
            since,
            expires,
            refreshed: kept.and_then(|kept| kept.refresh.refreshed),
            failure,
        }
    }
}
