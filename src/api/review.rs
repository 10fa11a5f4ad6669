//! What there is to say about a policy before anybody stores it.

use super::{Compiled, Problem};

/// What there is to say about a policy before it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// What is wrong with it: stored as it is, it would refuse whatever it covers.
    pub problems: Vec<Problem>,
    /// What is not wrong and worth a second look.
    pub warnings: Vec<Problem>,
}

impl Compiled {
    /// What is wrong with the policy itself. That something which it names is not there is among the warnings.
    pub fn reviewed(self) -> Reviewed {
        let (unresolved, problems): (Vec<_>, Vec<_>) =
            self.problems.into_iter().partition(|problem| problem.unresolved.is_some());
        let mut warnings = self.warnings;
        warnings.extend(unresolved);
        Reviewed { problems, warnings }
    }
}
