//! Tells signers apart.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::trust::{AnchorId, Believed};
use crate::verify::{Fact, Signer, Subject};

/// By what names a signer goes. Two that share one are the same.
pub(super) type Names = BTreeSet<String>;

/// The names of who signed `fact`, which satisfies `rule`: the key, and every name that the certificate was issued for. Who
/// vouched for a name makes no other person of it.
pub(super) fn names(rule: &Rule, fact: &Fact) -> Names {
    match fact.signer() {
        Signer::Certificate(certificate) => {
            let subjects = certificate.subjects().iter().map(|subject| format!("subject {}", subject.value()));
            subjects.chain([format!("key {}", certificate.key().fingerprint())]).collect()
        }
        Signer::Key => {
            let anchor = rule.anchors().find(|anchor| anchor.id() == fact.anchor());
            let key = anchor.and_then(|anchor| match anchor.believed() {
                Believed::Certificates(_) => None,
                Believed::Key { key, .. } => Some(key.fingerprint()),
            });
            key.map(|key| format!("key {key}")).into_iter().collect()
        }
    }
}

/// How a signer is told from others where their statements are held against each other.
pub(super) type Author<'a> = (AnchorId, Option<&'a str>, Vec<&'a str>);

/// Who signed `fact`.
pub(super) fn author(fact: &Fact) -> Author<'_> {
    match fact.signer() {
        Signer::Certificate(certificate) => {
            let mut subjects: Vec<_> = certificate.subjects().iter().map(Subject::value).collect();
            subjects.sort_unstable();
            (fact.anchor(), certificate.issuer(), subjects)
        }
        Signer::Key => (fact.anchor(), None, Vec::new()),
    }
}

/// To how many of the authorities a signer can be given, of those who satisfy each, so that nobody stands for two.
pub(super) fn count(authorities: &[Vec<Names>]) -> usize {
    let mut people = People::default();
    for names in authorities.iter().flatten() {
        people.add(names);
    }
    let wants: Vec<BTreeSet<usize>> =
        authorities.iter().map(|signers| signers.iter().filter_map(|names| people.find(names)).collect()).collect();
    let mut held = BTreeMap::new();
    (0..wants.len()).filter(|authority| give(*authority, &wants, &mut held, &mut BTreeSet::new())).count()
}

/// Gives `authority` a signer, who may be taken from another authority if that one can be given somebody else: the
/// augmenting paths of a bipartite matching. It goes no deeper than there are authorities
/// ([`crate::limits::THRESHOLD_AUTHORITIES`]).
fn give(
    authority: usize,
    wants: &[BTreeSet<usize>],
    held: &mut BTreeMap<usize, usize>,
    tried: &mut BTreeSet<usize>,
) -> bool {
    for signer in wants.get(authority).into_iter().flatten() {
        if tried.insert(*signer) {
            let holder = held.get(signer).copied();
            if holder.is_none_or(|holder| give(holder, wants, held, tried)) {
                held.insert(*signer, authority);
                return true;
            }
        }
    }
    false
}

/// Everybody, each with all the names that were seen together.
#[derive(Default)]
struct People {
    /// The person of each name, by number. The number of a person who turned out to be another is in `same`.
    by_name: BTreeMap<String, usize>,
    same: BTreeMap<usize, usize>,
    next: usize,
}

impl People {
    fn add(&mut self, names: &Names) {
        let person = self.next;
        self.next += 1;
        for name in names {
            if let Some(known) = self.by_name.insert(name.clone(), person) {
                let known = self.root(known);
                if known != person {
                    self.same.insert(known, person);
                }
            }
        }
    }

    fn find(&self, names: &Names) -> Option<usize> {
        // Whoever has no name is nobody, and stands for nothing.
        names.iter().find_map(|name| self.by_name.get(name)).map(|person| self.root(*person))
    }

    fn root(&self, mut person: usize) -> usize {
        while let Some(other) = self.same.get(&person) {
            person = *other;
        }
        person
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn signers(names: &[&[&str]]) -> Vec<Names> {
        names.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect()
    }

    #[test]
    fn nobody_stands_for_two() {
        type Row<'a> = (&'a [&'a [&'a [&'a str]]], usize);
        let table: [Row<'_>; 10] = [
            (&[], 0),
            (&[&[]], 0),
            (&[&[&[]], &[&[]]], 0),
            (&[&[&["a"]], &[&["a"]]], 1),
            (&[&[&["a"]], &[&["b"]]], 2),
            // The first has a choice and must not take the only one of the second.
            (&[&[&["a"], &["b"]], &[&["a"]]], 2),
            (&[&[&["a"], &["b"]], &[&["a"]], &[&["b"]]], 2),
            (&[&[&["a"], &["b"]], &[&["b"], &["c"]], &[&["b"]]], 3),
            // Two certificates with a name in common are one person, also over a third.
            (&[&[&["a", "x"]], &[&["b", "x"]]], 1),
            (&[&[&["a", "x"]], &[&["b", "y"]], &[&["x", "y"]]], 1),
        ];
        for (authorities, expected) in table {
            let authorities: Vec<_> = authorities.iter().map(|names| signers(names)).collect();
            assert_eq!(count(&authorities), expected, "{authorities:?}");
        }
    }

    fn any_authorities() -> impl Strategy<Value = Vec<Vec<Names>>> {
        vec(vec(btree_set("[a-e]", 0..3), 0..4), 0..5)
    }

    proptest! {
        #[test]
        fn one_signer_less_is_never_more(authorities in any_authorities(), which in any::<prop::sample::Index>()) {
            prop_assume!(!authorities.is_empty());
            let before = count(&authorities);
            let mut fewer = authorities.clone();
            let changed = &mut fewer[which.index(authorities.len())];
            changed.pop();
            // Somebody who is not there any longer may have been who joined two others.
            let unjoined = authorities.iter().flatten().all(|names| names.len() < 2);
            prop_assert!(!unjoined || count(&fewer) <= before);
        }

        #[test]
        fn it_is_never_more_than_authorities_or_people(authorities in any_authorities()) {
            let names: BTreeSet<_> = authorities.iter().flatten().flatten().collect();
            prop_assert!(count(&authorities) <= authorities.len().min(names.len()));
            let mut reversed = authorities.clone();
            reversed.reverse();
            prop_assert_eq!(count(&reversed), count(&authorities));
        }
    }
}
