use serde_json::json;

use super::*;

/// The one source of policy-controller that the rows are about.
const FOREIGN: Source = Source::SigstorePolicies;
/// One of ours.
const OWN: Source = Source::OwnPolicies;

fn object(source: Source, name: &str) -> Object {
    let json = json!({
        "apiVersion": format!("{}/v1alpha1", source.group()), "kind": source.kind(),
        "metadata": {"name": name, "uid": "u", "resourceVersion": "5", "generation": 1},
        "spec": {"images": [{"glob": "**"}], "authorities": [{"static": {"action": "pass"}}]},
    });
    Object::read(&serde_json::value::to_raw_value(&json).unwrap()).unwrap()
}

/// A hub that was told of every source but `untold` what there is: nothing, and that policy-controller is not installed.
fn hub(untold: Source) -> Hub {
    let hub = Hub::new();
    for source in Source::ALL.into_iter().filter(|source| *source != untold) {
        match source.necessity() {
            Necessity::BuiltIn => hub.listed(source, &[]),
            Necessity::Optional => hub.undefined(source),
            Necessity::Required => {
                hub.defined(source, "v1alpha1");
                hub.listed(source, &[]);
            }
        }
    }
    hub
}

/// How many documents are shown; none before everything is known.
fn shown(hub: &Hub) -> Option<usize> {
    hub.look().documents.map(|documents| documents.len())
}

/// Every other source is confirmed: what `FOREIGN` was last is the oldest then.
fn confirm_others(hub: &Hub) {
    for source in Source::ALL.into_iter().filter(|source| *source != FOREIGN) {
        hub.confirmed(source);
        hub.definition_confirmed(source);
    }
}

fn trouble(hub: &Hub) -> String {
    hub.look().trouble.unwrap_or_default()
}

/// A source of which `said` is all that is known is no empty set: nobody is ready.
fn unknown(source: Source, told: &str, said: impl FnOnce(&Hub)) {
    let hub = hub(source);
    assert_eq!(shown(&hub), None, "before anything is said");
    said(&hub);
    assert_eq!(shown(&hub), None, "{told}");
    assert_eq!(hub.look().confirmed_at, None);
    assert!(trouble(&hub).contains(told), "`{told}` is not told: {}", trouble(&hub));
}

#[test]
fn what_is_not_installed_is_an_empty_set() {
    let hub = hub(FOREIGN);
    hub.undefined(FOREIGN);
    assert_eq!(shown(&hub), Some(0));
    assert_eq!(trouble(&hub), "");
    assert!(hub.look().confirmed_at.is_some());
}

#[test]
fn t85_what_is_installed_and_cannot_be_listed_is_never_an_empty_set() {
    unknown(FOREIGN, "is being deleted", |hub| hub.unserved(FOREIGN, "is being deleted"));
    unknown(FOREIGN, "is defined and not served", |hub| hub.unserved(FOREIGN, "is defined and not served"));
    unknown(FOREIGN, "were not listed yet", |hub| hub.defined(FOREIGN, "v1beta1"));
    unknown(FOREIGN, "403", |hub| {
        hub.defined(FOREIGN, "v1beta1");
        hub.trouble(FOREIGN, "403".to_owned());
    });
    unknown(FOREIGN, "403", |hub| hub.definition_trouble(FOREIGN, "403".to_owned()));
    unknown(FOREIGN, "is being deleted", |hub| {
        hub.defined(FOREIGN, "v1beta1");
        hub.unserved(FOREIGN, "is being deleted");
    });
    // Ours have to be there.
    unknown(OWN, "clusterimagepolicies.countersign.dev is not defined", |hub| hub.undefined(OWN));
    unknown(OWN, "is being deleted", |hub| hub.unserved(OWN, "is being deleted"));
    unknown(Source::Secrets, "403", |hub| hub.trouble(Source::Secrets, "403".to_owned()));
}

#[test]
fn t85_it_is_known_what_there_is_when_the_definition_is_gone_or_listed() {
    let gone = hub(FOREIGN);
    gone.unserved(FOREIGN, "is being deleted");
    gone.undefined(FOREIGN);
    assert_eq!((shown(&gone), trouble(&gone).as_str()), (Some(0), ""));

    let listed = hub(FOREIGN);
    listed.unserved(FOREIGN, "is defined and not served");
    listed.defined(FOREIGN, "v1beta1");
    assert_eq!(trouble(&listed), format!("{} were not listed yet", FOREIGN.name()));
    listed.listed(FOREIGN, &[object(FOREIGN, "a")]);
    assert_eq!((shown(&listed), trouble(&listed).as_str()), (Some(1), ""));
}

#[test]
fn a_definition_that_goes_takes_no_policy_with_it() {
    let hub = hub(FOREIGN);
    hub.defined(FOREIGN, "v1beta1");
    hub.listed(FOREIGN, &[object(FOREIGN, "a")]);
    assert_eq!((shown(&hub), trouble(&hub).as_str()), (Some(1), ""));
    hub.definition_confirmed(FOREIGN);
    confirm_others(&hub);
    let confirmed_at = hub.look().confirmed_at;
    for gone in [|hub: &Hub| hub.unserved(FOREIGN, "is being deleted"), |hub: &Hub| hub.undefined(FOREIGN)] {
        gone(&hub);
        confirm_others(&hub);
        assert_eq!(shown(&hub), Some(1));
        assert!(trouble(&hub).starts_with(FOREIGN.name()), "{}", trouble(&hub));
        // It gets older: what was said of the definition confirms nothing about objects.
        assert_eq!(hub.look().confirmed_at, confirmed_at);
    }
    // Defined again they stay until there is a list.
    hub.defined(FOREIGN, "v1beta1");
    assert_eq!(shown(&hub), Some(1));
    assert!(!trouble(&hub).is_empty());
    hub.listed(FOREIGN, &[]);
    assert_eq!((shown(&hub), trouble(&hub).as_str()), (Some(0), ""));
}

#[test]
fn t85_a_definition_that_comes_and_cannot_be_listed_ages_from_then_on() {
    let hub = hub(FOREIGN);
    hub.undefined(FOREIGN);
    assert_eq!(shown(&hub), Some(0));
    hub.unserved(FOREIGN, "is defined and not served");
    confirm_others(&hub);
    let since = hub.look().confirmed_at;
    assert!(since.is_some());
    for _ in 0..3 {
        hub.definition_confirmed(FOREIGN);
        hub.defined(FOREIGN, "v1beta1");
        hub.trouble(FOREIGN, "403".to_owned());
        confirm_others(&hub);
        assert_eq!(hub.look().confirmed_at, since, "the age counts from when it was there");
        assert_eq!(trouble(&hub), "403");
    }
    hub.listed(FOREIGN, &[object(FOREIGN, "a")]);
    assert!(hub.look().confirmed_at > since);
    assert_eq!((shown(&hub), trouble(&hub).as_str()), (Some(1), ""));
}

#[test]
fn a_list_that_says_the_same_changes_nothing() {
    let hub = hub(FOREIGN);
    let list = |names: &[&str]| {
        hub.listed(FOREIGN, &names.iter().map(|name| object(FOREIGN, name)).collect::<Vec<_>>());
        hub.look().documents.unwrap()
    };
    hub.defined(FOREIGN, "v1beta1");
    let (first, again) = (list(&["a", "b"]), list(&["a", "b"]));
    assert!(Arc::ptr_eq(&first, &again), "nobody has to read it again");
    for others in [&["a"][..], &["a", "c"], &["a", "b", "c"], &[]] {
        assert_eq!(list(others).len(), others.len());
        assert!(!Arc::ptr_eq(&first, &list(&["a", "b"])));
    }
}
