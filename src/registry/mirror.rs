//! Where else to ask than at the registry that a name says.
//!
//! Policies match the name as it is written, and digests are of the bytes that arrive: a mirror can hide what is there,
//! and cannot make anything up.

use crate::evidence::{Answer, Evidence, Unasked, UnaskedKind};
use crate::image::{Location, Repository};

/// A place that is asked before, or instead of, what a name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Whose images it has.
    pub prefix: Location,
    /// Where it has them.
    pub location: Location,
    /// Whether the registry itself is asked for what the mirror does not have, or where it cannot be asked.
    pub falls_back: bool,
}

/// Every mirror.
#[derive(Clone, Debug, Default)]
pub(super) struct Mirrors(pub(super) Vec<Mirror>);

impl Mirrors {
    /// The repositories that stand for `repository`, in the order in which they are asked: those of the nearest mirrors,
    /// as they were given, and the repository itself where all of these fall back to it.
    ///
    /// # Errors
    /// When there can be no such repository on a mirror.
    pub(super) fn places(&self, repository: &Repository) -> Result<Vec<Repository>, Unasked> {
        let covering = || self.0.iter().filter_map(|mirror| Some((mirror, mirror.prefix.below(repository)?)));
        let nearest = covering().map(|(mirror, _)| mirror.prefix.depth()).max();
        let mut places = Vec::new();
        let mut falls_back = true;
        for (mirror, rest) in covering().filter(|(mirror, _)| Some(mirror.prefix.depth()) == nearest) {
            falls_back &= mirror.falls_back;
            places.push(mirror.location.join(rest).map_err(|why| {
                let location = &mirror.location;
                Unasked::new(UnaskedKind::Refused, format!("the mirror `{location}` cannot have `{repository}`: {why}"))
            })?);
        }
        if falls_back {
            places.push(repository.clone());
        }
        Ok(places)
    }
}

/// Whether another place is to be asked about something else than what `evidence` has answers for.
pub(super) fn is_complete(evidence: &Evidence) -> bool {
    evidence.answers().values().all(|answer| match answer {
        Answer::Answered(_) => true,
        Answer::Absent | Answer::Unasked(_) => false,
    })
}

/// What two places hold: each path as the first has it, else as the next one does. Where one could not be asked and the
/// other has nothing, it is not known whether there is anything.
pub(super) fn merged(first: &Evidence, next: &Evidence) -> Evidence {
    let answers = first.answers().iter().map(|(path, answer)| {
        let answer = match (answer, next.answers().get(path)) {
            (Answer::Answered(_) | Answer::Unasked(_), None | Some(Answer::Absent | Answer::Unasked(_)))
            | (Answer::Answered(_), Some(Answer::Answered(_)))
            | (Answer::Absent, None) => answer,
            (Answer::Absent | Answer::Unasked(_), Some(other @ Answer::Answered(_)))
            | (Answer::Absent, Some(other @ (Answer::Absent | Answer::Unasked(_)))) => other,
        };
        (*path, answer.clone())
    });
    Evidence::new(first.subject().clone(), answers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(prefix: &str, location: &str, falls_back: bool) -> Mirror {
        Mirror { prefix: prefix.parse().unwrap(), location: location.parse().unwrap(), falls_back }
    }

    #[test]
    fn the_nearest_mirrors_are_asked_in_their_order() {
        let mirrors = Mirrors(vec![
            mirror("docker.io", "a.corp/hub", true),
            mirror("docker.io", "b.corp", true),
            mirror("docker.io/team", "c.corp", false),
            mirror("ghcr.io", "a.corp/ghcr", true),
            mirror("ghcr.io", "b.corp/ghcr", false),
        ]);
        let rows = [
            ("nginx", vec!["a.corp/hub/library/nginx", "b.corp/library/nginx", "index.docker.io/library/nginx"]),
            ("team/app", vec!["c.corp/app"]),
            ("ghcr.io/team/app", vec!["a.corp/ghcr/team/app", "b.corp/ghcr/team/app"]),
            ("quay.io/team/app", vec!["quay.io/team/app"]),
            ("a.corp/hub/app", vec!["a.corp/hub/app"]),
        ];
        for (repository, expected) in rows {
            let places = mirrors.places(&repository.parse().unwrap()).unwrap();
            assert_eq!(places.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{repository}");
        }
        assert!(mirrors.places(&"team".parse().unwrap()).is_ok());
        let whole = Mirrors(vec![mirror("ghcr.io/team", "c.corp", true)]);
        assert!(whole.places(&"ghcr.io/team".parse().unwrap()).is_err(), "a registry alone is no repository");
    }
}
