//! What the API server's audit log keeps of a verdict.

use std::collections::BTreeMap;

use nonempty::NonEmpty;

use crate::policy::Verdict;

/// Audit annotations about `verdicts`: `result`, `reason`, `policy`, `digest` and `revision`. The API server puts the
/// webhook's name before the keys.
pub fn annotations(
    _verdicts: &NonEmpty<Verdict>,
    _revision: &str,
) -> BTreeMap<&'static str, String> {
    todo!()
}
