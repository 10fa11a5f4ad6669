//! Whose Events they are: those of the object at the top.

use super::*;

fn object(kind: &str, name: &str) -> Subject {
    let api_version = match kind {
        "CronJob" | "Job" => "batch/v1",
        "Rollout" => "argoproj.io/v1alpha1",
        _ => "apps/v1",
    };
    let [api_version, kind, namespace] = [api_version, kind, "shop"].map(str::to_owned);
    Subject { api_version, kind, namespace, name: name.to_owned(), uid: format!("uid of {name}") }
}

fn path(subject: &Subject) -> String {
    let plural = format!("{}s", subject.kind.to_lowercase());
    format!("/apis/{}/namespaces/{}/{plural}/{}", subject.api_version, subject.namespace, subject.name)
}

/// The metadata of `subject`, which `owner` owns and controls as this says.
fn metadata(subject: &Subject, owner: &Subject, controller: Option<bool>) -> Value {
    let Subject { api_version, kind, namespace: _, name, uid } = owner;
    let mut reference = json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid});
    if let Some(controller) = controller {
        reference["controller"] = json!(controller);
    }
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": subject.name, "namespace": subject.namespace, "uid": subject.uid, "ownerReferences": [reference]},
    })
}

impl Api {
    /// Keeps `subject` as one that `owner` controls.
    fn owns(&self, subject: &Subject, owner: &Subject) {
        self.keeps(path(subject), metadata(subject, owner, Some(true)));
    }

    fn keeps(&self, path: String, object: Value) {
        self.kept.lock().unwrap().objects.insert(path, object);
    }

    fn paths(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.kept.lock().unwrap().asked);
        asked.into_iter().filter(|(method, _)| method == "GET").map(|(_, path)| path).collect()
    }
}

async fn top(owners: &mut Owners, api: &Api, subject: &Subject) -> Subject {
    owners.top(&client(api.address), subject.clone(), clock::now()).await
}

#[tokio::test]
async fn those_of_a_replica_set_are_told_on_its_deployment_and_counted_together() {
    let api = Api::start([]).await;
    let deployment = object("Deployment", "web");
    let sets = ["web-1", "web-2"].map(|name| object("ReplicaSet", name));
    for set in &sets {
        api.owns(set, &deployment);
    }
    let (events, writer, metrics) = writer(api.address);
    for set in sets.iter().chain(&sets) {
        events.tell(Notice { subject: set.clone(), ..notice("web") });
    }
    drop(events);
    writer.run().await;
    assert_became(&metrics, &[(EventWrite::Written, 3), (EventWrite::Repeated, 1)]);
    assert_eq!(api.asked(), ["GET", "POST", "GET", "PATCH", "PATCH"]);
    let events = api.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    let expected = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web", "uid": "uid of web",
    });
    assert_eq!(event["regarding"], expected, "{event}");
    assert_eq!(event["series"]["count"], 4, "{event}");
}

#[tokio::test]
async fn only_those_are_followed_whose_owners_are_well_known() {
    let api = Api::start([]).await;
    let mut owners = Owners::default();
    let (rollout, set) = (object("Rollout", "web"), object("ReplicaSet", "web-1"));
    let (cron, job) = (object("CronJob", "night"), object("Job", "night-1"));
    api.owns(&set, &rollout);
    api.owns(&job, &cron);
    // Whoever looks after these is not asked for, though it could be told.
    for of in [&rollout, &cron] {
        api.owns(of, &object("Deployment", "above"));
    }
    assert_eq!(top(&mut owners, &api, &set).await, rollout);
    assert_eq!(top(&mut owners, &api, &job).await, cron);
    assert_eq!(api.paths(), [path(&set), path(&job)]);
    // Each is asked about once.
    assert_eq!(top(&mut owners, &api, &set).await, rollout);
    assert_eq!(top(&mut owners, &api, &job).await, cron);
    let other_group = Subject { api_version: "example.com/v1".to_owned(), ..set.clone() };
    let not_there_yet = Subject { uid: String::new(), ..set.clone() };
    let nowhere = Subject { namespace: String::new(), ..set.clone() };
    for last in [other_group, not_there_yet, nowhere, object("StatefulSet", "db"), Subject::default()] {
        assert_eq!(top(&mut owners, &api, &last).await, last);
    }
    assert_eq!(api.paths(), [""; 0]);
}

#[tokio::test]
async fn what_is_not_certain_is_told_on_the_object_that_the_workload_names() {
    let deployment = object("Deployment", "web");
    let set = object("ReplicaSet", "web-1");
    let long = Subject { name: "x".repeat(limits::PRINTED_NAME_BYTES + 1), ..deployment.clone() };
    let other = Subject { uid: "another".to_owned(), ..set.clone() };
    let renamed = Subject { name: "web-2".to_owned(), ..set.clone() };
    let mut alone = metadata(&set, &deployment, None);
    alone["metadata"]["ownerReferences"] = json!([]);
    for (is_known, answer) in [
        (true, metadata(&set, &deployment, Some(true))),
        (false, metadata(&set, &deployment, Some(false))),
        (false, metadata(&set, &deployment, None)),
        (false, metadata(&set, &long, Some(true))),
        (false, metadata(&set, &Subject { uid: String::new(), ..deployment.clone() }, Some(true))),
        // Another of the same name, and an answer to another question.
        (false, metadata(&other, &deployment, Some(true))),
        (false, metadata(&renamed, &deployment, Some(true))),
        (false, alone),
        (false, json!({"kind": "Status"})),
        (false, json!({"metadata": {"name": "web-1", "uid": "uid of web-1", "ownerReferences": {}}})),
    ] {
        let api = Api::start([]).await;
        api.keeps(path(&set), answer.clone());
        let found = top(&mut Owners::default(), &api, &set).await;
        assert_eq!(found == deployment, is_known, "{answer}");
        assert!(is_known || found == set, "{found:?} of {answer}");
    }
}

#[tokio::test]
async fn whatever_fails_the_event_is_written_and_asked_about_again_later() {
    let (deployment, set) = (object("Deployment", "web"), object("ReplicaSet", "web-1"));
    for fault in [Fault::Status(403, None), Fault::Status(404, None), Fault::Status(500, None), Fault::Reset] {
        let api = Api::start([fault]).await;
        api.owns(&set, &deployment);
        let (events, mut writer, metrics) = writer(api.address);
        events.tell(Notice { subject: set.clone(), ..notice("web") });
        drop(events);
        // One question alone, whatever becomes of it.
        let now = clock::now();
        assert_eq!(writer.owners.top(&writer.client, set.clone(), now).await, set, "{fault:?}");
        writer.run().await;
        assert_became(&metrics, &[(EventWrite::Written, 1)]);
        assert_eq!(api.events()[0]["regarding"]["name"], "web-1");
        assert_eq!(api.asked(), ["GET", "POST"], "{fault:?}");
    }
    let api = Api::start([Fault::Status(403, None)]).await;
    api.owns(&set, &deployment);
    let (mut owners, client, now) = (Owners::default(), client(api.address), clock::now());
    let later = |time: Duration| now + time;
    for (at, expected) in
        [(now, &set), (later(limits::OWNER_FAILURE_KEPT / 2), &set), (later(limits::OWNER_FAILURE_KEPT), &deployment)]
    {
        assert_eq!(owners.top(&client, set.clone(), at).await, *expected);
    }
    // An owner that is known is asked for again when that is long ago.
    api.owns(&set, &object("Deployment", "adopted"));
    let read_at = later(limits::OWNER_FAILURE_KEPT);
    assert_eq!(owners.top(&client, set.clone(), read_at + limits::OWNER_KEPT / 2).await, deployment);
    assert_eq!(owners.top(&client, set.clone(), read_at + limits::OWNER_KEPT).await.name, "adopted");
    assert_eq!(api.paths().len(), 3);
}

#[tokio::test]
async fn whoever_makes_owners_up_is_followed_within_bounds() {
    let api = Api::start([]).await;
    let (mut owners, client, mut now) = (Owners::default(), client(api.address), clock::now());
    // In a circle.
    let [one, two] = ["one", "two"].map(|name| object("ReplicaSet", name));
    api.owns(&one, &two);
    api.owns(&two, &one);
    assert!([one.clone(), two].contains(&owners.top(&client, one, now).await));
    assert_eq!(api.paths().len(), 2);
    // More than there is room for: not asked about, and not remembered as having none.
    now += limits::OWNER_PAUSE * limits::OWNER_BURST;
    let burst = usize::try_from(limits::OWNER_BURST).unwrap();
    let sets: Vec<_> = (0..burst + 10).map(|number| object("ReplicaSet", &format!("set-{number}"))).collect();
    for set in &sets {
        api.owns(set, &object("Deployment", "web"));
        let expected = if api.kept.lock().unwrap().asked.len() < burst { "web" } else { &set.name };
        assert_eq!(owners.top(&client, set.clone(), now).await.name, expected);
    }
    assert_eq!(api.paths().len(), burst);
    assert_eq!(owners.top(&client, sets[burst].clone(), now + limits::OWNER_PAUSE).await.name, "web");
    // What is remembered has a bound.
    for number in 0..limits::OWNERS_REMEMBERED {
        now += limits::OWNER_PAUSE;
        let set = object("ReplicaSet", &format!("another-{number}"));
        assert_eq!(owners.top(&client, set.clone(), now).await, set);
    }
    assert_eq!(owners.known.len(), limits::OWNERS_REMEMBERED);
}
