//! Finds the policies that may cover a repository, without asking each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::pattern::with_any_digest;
use super::{Coverage, Policy};
use crate::image::Repository;

/// The policies of a set by what the names that they cover begin with.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Those that cover everything.
    everything: Vec<usize>,
    /// Those with a glob that begins so, up to its first wildcard.
    by_prefix: HashMap<String, Vec<usize>>,
    /// How long those beginnings are: there are few lengths, however many policies.
    lengths: BTreeSet<usize>,
}

impl Index {
    pub(super) fn of(policies: &[Policy]) -> Self {
        let mut index = Self::default();
        for (number, policy) in policies.iter().enumerate() {
            match &policy.coverage {
                Coverage::Everything => index.everything.push(number),
                Coverage::Matching(patterns) => {
                    for prefix in patterns.iter().map(super::Pattern::prefix) {
                        index.lengths.insert(prefix.len());
                        index.by_prefix.entry(prefix).or_default().push(number);
                    }
                }
            }
        }
        index
    }

    /// The policies among `policies`, of which this is the index, that cover `repository`, in their order.
    pub(super) fn covering(&self, policies: &[Policy], repository: &Repository) -> Vec<usize> {
        let name = with_any_digest(&repository.to_string());
        let prefixes = self.lengths.iter().map_while(|length| name.get(..*length));
        let listed = prefixes.filter_map(|prefix| self.by_prefix.get(prefix)).flatten();
        let mut may_cover: BTreeMap<usize, bool> = self.everything.iter().map(|number| (*number, true)).collect();
        for number in listed {
            may_cover
                .entry(*number)
                .or_insert_with(|| policies.get(*number).is_some_and(|policy| policy.covers(repository)));
        }
        may_cover.into_iter().filter(|(_, covers)| *covers).map(|(number, _)| number).collect()
    }
}

#[cfg(test)]
mod tests {
    use nonempty::NonEmpty;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Authority, Dialect, Mode, Pattern, PolicyBody, PolicyName, PolicyTerms, Rule};

    fn policy(globs: &[(String, bool)]) -> Option<Policy> {
        let patterns = globs.iter().map(|(glob, theirs)| {
            Pattern::parse(glob, if *theirs { Dialect::PolicyController } else { Dialect::Countersign }).ok()
        });
        let coverage = match patterns.collect::<Option<Vec<_>>>()? {
            patterns if patterns.is_empty() => Coverage::Everything,
            patterns => Coverage::Matching(NonEmpty::from_vec(patterns)?),
        };
        let authority = Authority { name: "a".to_owned(), rule: Rule::Pass, terms: Box::default() };
        Some(Policy {
            name: PolicyName::new("g", "n"),
            coverage,
            mode: Mode::Enforce,
            body: PolicyBody::Compiled(NonEmpty::new(authority)),
            terms: PolicyTerms::default(),
        })
    }

    fn any_glob() -> impl Strategy<Value = String> {
        prop_oneof![
            "[*]{1,2}(/[ab*]{1,3}){0,2}",
            "a[.]io(:5)?(/[ab*]{1,3}){0,3}",
            "a[.]io/[ab]{1,2}@(sha256:)?[*]",
            "docker[.]io/[ab*]{1,2}",
        ]
    }

    proptest! {
        /// What the index finds is what one would find by asking every policy.
        #[test]
        fn nothing_is_lost_and_nothing_added(
            globs in vec(vec((any_glob(), any::<bool>()), 0..3), 0..12),
            name in prop_oneof!["a[.]io(:5)?(/[ab]{1,2}){1,3}", "[ab]{1,2}(/[ab]{1,2}){0,1}"],
        ) {
            let policies: Vec<_> = globs.iter().filter_map(|globs| policy(globs)).collect();
            let repository: Repository = name.parse().unwrap();
            let asked = policies.iter().enumerate().filter(|(_, policy)| policy.covers(&repository));
            let expected: Vec<usize> = asked.map(|(number, _)| number).collect();
            prop_assert_eq!(Index::of(&policies).covering(&policies, &repository), expected);
        }
    }
}
