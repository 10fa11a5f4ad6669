//! What always holds of selecting and of ages.

use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A statement: its signer, when and by which scanner it was made, and whether it holds.
#[derive(Clone, Debug)]
struct Statement {
    signer: usize,
    time: Option<i64>,
    scanner: bool,
    holds: bool,
}

fn statements() -> impl Strategy<Value = Vec<Statement>> {
    let one = (0..2usize, proptest::option::of(0..4i64), any::<bool>(), any::<bool>());
    vec(one.prop_map(|(signer, time, scanner, holds)| Statement { signer, time, scanner, holds }), 0..6)
}

fn holds(which: Select, statements: &[Statement]) -> bool {
    let candidates = statements.iter().map(|statement| Candidate {
        item: statement,
        signer: statement.signer,
        scanner: statement.scanner.then(|| "s".to_owned()),
        time: statement.time.map(|time| Timestamp::from_second(time).unwrap()),
    });
    let check = |statement: &&Statement| {
        if statement.holds { Ok(()) } else { Err(Denial::new(DenyReason::TestFailed, "")) }
    };
    select(which, candidates.collect(), check).is_ok()
}

/// What the documentation says of [`Select::Latest`], another way: nothing that fails is without a later one of the same
/// signer and scanner, and one that says no time has none later.
fn latest_holds(statements: &[Statement]) -> bool {
    let is_beaten = |failing: &Statement| {
        statements.iter().any(|other| {
            (other.signer, other.scanner) == (failing.signer, failing.scanner)
                && failing.time.is_some_and(|time| other.time.is_some_and(|later| later > time))
        })
    };
    !statements.is_empty() && statements.iter().all(|statement| statement.holds || is_beaten(statement))
}

proptest! {
    #[test]
    fn selecting_is_what_the_documentation_says(statements in statements()) {
        prop_assert_eq!(holds(Select::Any, &statements), statements.iter().any(|one| one.holds));
        let all = !statements.is_empty() && statements.iter().all(|one| one.holds);
        prop_assert_eq!(holds(Select::All, &statements), all);
        prop_assert_eq!(holds(Select::Latest, &statements), latest_holds(&statements));
    }

    #[test]
    fn without_a_condition_over_the_whole_set_one_less_never_holds(
        statements in statements(),
        index in any::<proptest::sample::Index>(),
    ) {
        prop_assume!(!statements.is_empty());
        let mut fewer = statements.clone();
        fewer.remove(index.index(statements.len()));
        prop_assert!(!holds(Select::Any, &fewer) || holds(Select::Any, &statements));
    }

    #[test]
    fn order_does_not_matter_and_asking_for_more_never_holds(statements in statements()) {
        let reversed: Vec<_> = statements.iter().rev().cloned().collect();
        for which in [Select::All, Select::Any, Select::Latest] {
            prop_assert_eq!(holds(which, &statements), holds(which, &reversed));
        }
        prop_assert!(!holds(Select::All, &statements) || holds(Select::Latest, &statements));
        prop_assert!(!holds(Select::Latest, &statements) || holds(Select::Any, &statements));
    }
}

#[test]
fn ages_end() {
    let age = MaxAge(Duration::from_secs(3600));
    let made: Timestamp = "2025-01-01T12:00:00Z".parse().unwrap();
    for (now, holds) in [
        ("2025-01-01T12:00:00Z", true),
        ("2025-01-01T13:00:00Z", true),
        ("2025-01-01T13:00:01Z", false),
        ("2030-01-01T00:00:00Z", false),
        ("2025-01-01T11:55:00Z", true),
        ("2025-01-01T11:54:59Z", false),
        ("1970-01-01T00:00:00Z", false),
    ] {
        let found = age.check("it", Some(made), now.parse().unwrap());
        assert_eq!(found.is_ok(), holds, "{now}");
    }
    assert_eq!(age.check("it", None, made).unwrap_err().reason, DenyReason::AttestationStale);
}
