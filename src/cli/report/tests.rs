//! What a report says of Pods, by policies that ask no registry.

use serde_json::{Value, json};

use super::*;
use crate::cluster::RunningPod;
use crate::loader::load_dir;
use crate::policy::NoMatch;

const POLICIES: &str = "\
apiVersion: countersign.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: passing}
spec:
  images: [{glob: r.example/good/**}]
  authorities: [{name: any, static: {action: pass}}]
---
apiVersion: countersign.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: refusing}
spec:
  images: [{glob: r.example/bad/**}]
  authorities: [{name: none, static: {action: fail}}]
---
apiVersion: countersign.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: trying}
spec:
  mode: warn
  images: [{glob: r.example/trial/**}]
  authorities: [{name: none, static: {action: fail}}]
---
apiVersion: countersign.dev/v1alpha1
kind: ClusterImagePolicy
metadata: {name: looking}
spec:
  images: [{glob: r.example/looked/**}]
  authorities: [{name: any, static: {action: pass}}]
  policy:
    includeTypeMeta: false
    includeObjectMeta: true
    type: cel
    data: metadata.name == 'one'
";

fn set(no_match: NoMatch) -> Arc<PolicySet> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policies.yaml"), POLICIES).unwrap();
    let loaded = load_dir(folder.path(), no_match).unwrap();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded.set
}

fn pod(name: &str, owner: Option<&str>, images: &[&str]) -> RunningPod {
    let containers: Vec<_> =
        images.iter().enumerate().map(|(index, image)| json!({"name": format!("c{index}"), "image": image})).collect();
    let owners: Vec<_> = owner
        .iter()
        .map(
            |name| json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": "u", "controller": true}),
        )
        .collect();
    let json = json!({
        "apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers},
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": owners},
    });
    RunningPod { namespace: "shop".to_owned(), name: name.to_owned(), json: json.to_string() }
}

fn report(set: &Arc<PolicySet>, pods: &[RunningPod]) -> Report {
    let mut audit = Audit::new(Arc::clone(set), 1 << 20);
    for pod in pods {
        audit.add(pod).unwrap();
    }
    let (_policies, receiver) = watch::channel(Some(Arc::clone(set)));
    let client = registry::Client::new(registry::Options::default()).unwrap();
    let gate = Gate::new(receiver, client, Arc::new(registry::Chain::new(Vec::new())));
    super::super::runtime::start().unwrap().block_on(audit.judge(&gate, 2, Duration::from_secs(9)))
}

#[test]
fn equal_pods_are_one_row_and_the_worst_image_counts() {
    let broken = RunningPod {
        namespace: "shop".to_owned(),
        name: "broken".to_owned(),
        json: r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"broken"}}"#.to_owned(),
    };
    let pods = [
        pod("web-1", Some("web"), &["r.example/good/a:1", "r.example/bad/b:1"]),
        pod("web-2", Some("web"), &["r.example/good/a:1", "r.example/bad/b:1"]),
        pod("trial", None, &["r.example/good/a:1", "r.example/trial/c:1"]),
        pod("fine", None, &["r.example/good/a:1"]),
        pod("other", None, &["r.example/other:1"]),
        pod("none", None, &[]),
        broken,
    ];
    let report = report(&set(NoMatch::Deny), &pods);
    assert_eq!(
        text(&report),
        "\
NAMESPACE  PODS  OF              CONTAINER  IMAGE                DIGEST FROM  VERDICT           CODE                POLICY
shop       1     Pod/broken                                                   would be refused  request_malformed
shop       1     Pod/fine        c0         r.example/good/a:1   tag          admitted                              passing
shop       1     Pod/other       c0         r.example/other:1    tag          would be refused  no_matching_policy
shop       1     Pod/trial       c0         r.example/good/a:1   tag          admitted                              passing
shop       1     Pod/trial       c1         r.example/trial/c:1  tag          warned            static_fail         trying
shop       2     ReplicaSet/web  c0         r.example/good/a:1   tag          admitted                              passing
shop       2     ReplicaSet/web  c1         r.example/bad/b:1    tag          would be refused  static_fail         refusing

Pods: 6; would be refused: 4, only warned of: 1, admitted: 1
"
    );
    assert_eq!(exit(&report), Exit::Refused);
    let said: Value = serde_json::from_str(&json(&report, &set(NoMatch::Deny)).unwrap()).unwrap();
    assert_eq!(said["summary"], json!({"pods": 6, "refused": 4, "warned": 1, "unknown": 0, "admitted": 1}));
    let warned: Vec<_> = said["images"].as_array().unwrap().iter().filter(|row| row["result"] == "warned").collect();
    assert_eq!(warned.len(), 1);
    assert_eq!((&warned[0]["pods"], &warned[0]["policies"]), (&json!(1), &json!(["trying"])));
    assert_eq!((&warned[0]["kind"], &warned[0]["digest_from"]), (&json!("container"), &json!("tag")));
}

#[test]
fn exit_codes_tell_what_was_found() {
    let of = |no_match, image| exit(&report(&set(no_match), &[pod("a", None, &[image])]));
    assert_eq!(of(NoMatch::Deny, "r.example/good/a:1"), Exit::Success);
    assert_eq!(of(NoMatch::Deny, "r.example/trial/a:1"), Exit::Refused);
    assert_eq!(of(NoMatch::Warn, "r.example/other:1"), Exit::Refused);
    assert_eq!(of(NoMatch::Allow, "r.example/other:1"), Exit::Success);
    assert_eq!(exit(&Report::default()), Exit::Success);
    assert_eq!(text(&Report::default()), "Pods: 0; would be refused: 0, only warned of: 0, admitted: 0\n");
}

#[test]
fn pods_that_conditions_look_at_are_judged_one_by_one_within_a_ceiling() {
    let set = set(NoMatch::Deny);
    let pods = ["one", "two"].map(|name| pod(name, Some("web"), &["r.example/looked/a:1"]));
    let report = report(&set, &pods);
    let results: Vec<_> = report.rows.iter().map(|(row, pods)| (row.result, *pods)).collect();
    assert_eq!(results, [(Standing::Admitted, 1), (Standing::Refused, 1)]);
    let mut audit = Audit::new(set, pods[0].json.len());
    audit.add(&pods[0]).unwrap();
    assert!(audit.add(&pods[1]).is_err());
}

#[test]
fn what_is_left_out_is_said() {
    assert_eq!(left_out(2, 0), None);
    assert!(left_out(0, 3).unwrap().contains(", of 3;"));
    assert!(left_out(2, 3).unwrap().contains("the others, 3,"));
}
