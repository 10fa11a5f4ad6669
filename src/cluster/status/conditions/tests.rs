use nonempty::NonEmpty;

use super::*;
use crate::api::Problem;
use crate::policy::Leniency;

const NOW: &str = "2026-01-02T03:04:05.999Z";
const LATER: &str = "2026-01-02T03:09:00Z";

fn policy() -> PolicyAccount {
    PolicyAccount {
        problems: Vec::new(),
        warnings: Vec::new(),
        mode: Mode::Enforce,
        stance: Stance::Enforcing,
        stale: Vec::new(),
        is_stale: false,
        ends: Vec::new(),
        names_keys: false,
        names_roots: false,
    }
}

/// Each condition as `Type=Status Reason message`.
fn said(policy: &PolicyAccount) -> Vec<String> {
    let all = of_policy(policy);
    all.iter().map(|c| format!("{}={} {} {}", c.kind, c.status(), c.reason, c.message)).collect()
}

fn problem(path: &str, message: &str) -> Problem {
    Problem::new(path, None, message)
}

#[test]
fn a_policy_tells_what_became_of_it() {
    let good = said(&policy());
    assert_eq!(
        good,
        [
            "Ready=True InForce in force",
            "KeysResolved=True NoneNamed it names no key elsewhere",
            "TrustRootReady=True NoneNamed it names no trust root",
            "Enforcing=True Enforce what does not satisfy it is refused",
            "Permissive=False NotPermissive ",
        ]
    );
    let broken = said(&PolicyAccount {
        problems: vec![problem("spec.authorities[0].key.secretRef", "the Secret `k` is not there")],
        names_keys: true,
        ..policy()
    });
    assert_eq!(
        broken[..3],
        [
            "Ready=False PolicyInvalid policy_invalid: it refuses all that it covers: spec.authorities[0].key.secretRef: \
             the Secret `k` is not there",
            "KeysResolved=False KeysUnresolved spec.authorities[0].key.secretRef: the Secret `k` is not there",
            "TrustRootReady=True NoneNamed it names no trust root",
        ]
    );
    let rootless = said(&PolicyAccount {
        problems: vec![problem("spec.authorities[1].keyless.trustRootRef", "the TrustRoot `t` is not there")],
        names_roots: true,
        ..policy()
    });
    assert!(rootless[0].starts_with("Ready=False PolicyInvalid"), "{rootless:?}");
    assert!(rootless[1].starts_with("KeysResolved=True"), "{rootless:?}");
    assert!(rootless[2].starts_with("TrustRootReady=False TrustRootInvalid spec.authorities[1]"), "{rootless:?}");
}

#[test]
fn one_stale_root_of_several_leaves_a_policy_in_force() {
    let stale = || vec!["the TrustRoot `t`: it ended".to_owned()];
    let some = said(&PolicyAccount { stale: stale(), names_roots: true, ..policy() });
    assert_eq!(some[0], "Ready=True InForce in force");
    assert_eq!(some[2], "TrustRootReady=False TrustRootStale trust_root_stale: the TrustRoot `t`: it ended");
    let all = said(&PolicyAccount { stale: stale(), is_stale: true, names_roots: true, ..policy() });
    assert_eq!(all[0], "Ready=False TrustRootStale trust_root_stale: the TrustRoot `t`: it ended");
}

#[test]
fn a_policy_that_lets_everything_through_says_so() {
    let warns = PolicyAccount {
        mode: Mode::Warn,
        stance: Stance::Permissive(NonEmpty::new(Leniency::WarnMode)),
        warnings: vec![problem("spec.mode", "`warn` refuses nothing")],
        ..policy()
    };
    let said = said(&warns);
    assert_eq!(said[0], "Ready=True InForce in force; worth a second look: spec.mode: `warn` refuses nothing");
    assert!(said[3].starts_with("Enforcing=False Warn"), "{said:?}");
    assert!(said[4].starts_with("Permissive=True WarnMode its mode is `warn`"), "{said:?}");
}

#[test]
fn messages_are_bounded() {
    let many: Vec<_> = (0..9).map(|n| problem(&format!("spec.x[{n}]"), &"é".repeat(1000))).collect();
    let said = said(&PolicyAccount { problems: many, ..policy() });
    assert!(said[0].ends_with('…') && said[0].chars().count() < limits::CONDITION_CHARS + 40);
    assert_eq!(listed(&[1, 2, 3, 4, 5, 6, 7]), "1; 2; 3; 4; 5; and 2 more");
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn conditions_of(status: &Value) -> Vec<Value> {
    status["conditions"].as_array().unwrap().clone()
}

#[test]
fn only_what_is_new_is_written() {
    let wanted = of_policy(&policy());
    let first = patch("countersign.dev", 1, &[], &wanted, time(NOW)).unwrap();
    assert_eq!(first["observedGeneration"], json!(1));
    let stored = conditions_of(&first);
    assert_eq!(stored.len(), 5);
    assert_eq!(stored[0]["lastTransitionTime"], json!("2026-01-02T03:04:05Z"));
    assert_eq!(patch("countersign.dev", 1, &stored, &wanted, time(LATER)), None);

    // A newer generation that is as good keeps the times.
    let newer = patch("countersign.dev", 2, &stored, &wanted, time(LATER)).unwrap();
    assert_eq!(newer["observedGeneration"], json!(2));
    assert_eq!(newer["conditions"][0]["lastTransitionTime"], stored[0]["lastTransitionTime"]);
    assert_eq!(newer["conditions"][0]["observedGeneration"], json!(2));

    let broken = of_policy(&PolicyAccount { problems: vec![problem("spec", "is missing")], ..policy() });
    let changed = conditions_of(&patch("countersign.dev", 1, &stored, &broken, time(LATER)).unwrap());
    assert_eq!(changed[0]["lastTransitionTime"], json!("2026-01-02T03:09:00Z"));
    assert_eq!(changed[1..], stored[1..], "what is as it was stays as it was");
}

#[test]
fn conditions_of_others_stay() {
    let wanted = of_policy(&policy());
    let others = json!({"type": "Ready", "status": "False", "severity": "x", "lastTransitionTime": "t"});
    let status = patch(SIGSTORE_GROUP, 1, std::slice::from_ref(&others), &wanted, time(NOW)).unwrap();
    assert!(status.get("observedGeneration").is_none());
    let all = conditions_of(&status);
    assert_eq!((all.len(), &all[0], &all[1]["type"]), (6, &others, &json!("countersign.dev/Ready")));
    // Its definitions do not keep this.
    let pruned = all.into_iter().map(|mut condition| {
        condition.as_object_mut().unwrap().remove("observedGeneration");
        condition
    });
    let pruned: Vec<_> = pruned.collect();
    assert_eq!(patch(SIGSTORE_GROUP, 2, &pruned, &wanted, time(LATER)), None);
}
