//! What watches show, without a cluster.

use tokio::sync::oneshot;

use super::*;
use crate::api::parse;
use crate::loader::Watched;
use crate::policy::PolicyBody;

const KEY: &str = include_str!("../../../tests/data/cosign/cosign.pub");

fn policy(name: &str) -> String {
    format!(
        "apiVersion: countersign.dev/v1alpha1\nkind: ClusterImagePolicy\nmetadata: {{name: {name}}}\n\
         spec: {{images: [{{glob: 'ghcr.io/{name}/**'}}], authorities: [{{key: {{secretRef: {{name: keys}}}}}}]}}\n"
    )
}

fn secret() -> String {
    let key = serde_json::to_string(KEY).unwrap();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys, namespace: own}}\nstringData: {{cosign.pub: {key}}}\n"
    )
}

#[expect(clippy::disallowed_methods, reason = "the present, to which the follower compares")]
fn now() -> Instant {
    Instant::now()
}

/// What is there, as of now.
fn shows(texts: &[&str]) -> Observed {
    let documents = texts.iter().flat_map(|text| parse(text).unwrap());
    let watched = |document| Watched { resource: "watched", generation: 3, document: Arc::new(document) };
    let documents: Documents = documents.map(watched).collect();
    Observed { documents: Some(documents), confirmed_at: Some(now()), trouble: None }
}

fn rules(max_age: Duration) -> Rules {
    Rules { no_match: NoMatch::Deny, namespace: "own".to_owned(), max_age, elsewhere: Elsewhere::default() }
}

const HOUR: Duration = Duration::from_secs(3600);

/// Runs a follower beside `test`, which shows it one thing after the other.
async fn followed(
    max_age: Duration,
    test: impl AsyncFnOnce(
        watch::Sender<Observed>,
        watch::Receiver<Option<Arc<PolicySet>>>,
        watch::Receiver<Status>,
    ) -> watch::Sender<Observed>,
) {
    let (shown, observed) = watch::channel(Observed::default());
    let follower = Follower::new(rules(max_age), observed);
    let (sets, status) = (follower.policies(), follower.status());
    let (stop, stopped) = oneshot::channel::<()>();
    let run = follower.run(async { drop(stopped.await) });
    let test = async {
        let _shown = test(shown, sets, status).await;
        stop.send(()).unwrap();
    };
    tokio::join!(run, test);
}

fn invalid(set: &PolicySet) -> Vec<bool> {
    set.policies().iter().map(|policy| matches!(policy.body, PolicyBody::Invalid(_))).collect()
}

#[tokio::test]
async fn there_is_no_set_before_everything_was_seen() {
    followed(HOUR, async |shown, mut sets, mut status| {
        let trouble = Some("secrets were not listed yet".to_owned());
        shown.send_replace(Observed { trouble: trouble.clone(), ..Observed::default() });
        status.wait_for(|status| status.stale == trouble).await.unwrap();
        assert!(sets.borrow_and_update().is_none());
        shown.send_replace(shows(&[]));
        let set = sets.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert_eq!(set.policies().len(), 0, "that there are no policies is known");
        status.wait_for(|status| status.generation == 1 && status.stale.is_none()).await.unwrap();
        shown
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_is_gone_breaks_its_policy_at_once() {
    followed(HOUR, async |shown, mut sets, _| {
        shown.send_replace(shows(&[&policy("a"), &secret()]));
        let good = sets.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert_eq!(invalid(&good), [false]);
        shown.send_replace(shows(&[&policy("a")]));
        sets.changed().await.unwrap();
        let broken = sets.borrow_and_update().clone().unwrap();
        assert_eq!(invalid(&broken), [true]);
        shown.send_replace(shows(&[&policy("a"), &secret()]));
        sets.changed().await.unwrap();
        assert_eq!(sets.borrow().as_ref().unwrap().revision(), good.revision());
        shown
    })
    .await;
}

#[tokio::test]
async fn what_says_the_same_makes_no_generation() {
    followed(HOUR, async |shown, mut sets, mut status| {
        shown.send_replace(shows(&[&policy("a"), &secret()]));
        let first = sets.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        // Another order, and a Secret that nobody names.
        let other = secret().replace("name: keys", "name: other");
        shown.send_replace(shows(&[&other, &secret(), &policy("a")]));
        shown.send_replace(Observed { trouble: Some("away".to_owned()), ..shows(&[&secret(), &policy("a")]) });
        status.wait_for(|status| status.stale.is_some()).await.unwrap();
        let same = sets.borrow().clone().unwrap();
        assert!(Arc::ptr_eq(&first, &same));
        assert_eq!(status.borrow().generation, 1);
        shown
    })
    .await;
}

#[tokio::test]
async fn policies_that_cannot_be_confirmed_get_too_old_and_come_back() {
    followed(HOUR, async |shown, mut sets, mut status| {
        let fresh = shows(&[&policy("a"), &secret()]);
        shown.send_replace(fresh.clone());
        let set = sets.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        // The same, last confirmed longer ago than is accepted.
        let old = fresh.confirmed_at.and_then(|at| at.checked_sub(HOUR));
        let away = Some("the cluster is away".to_owned());
        shown.send_replace(Observed { confirmed_at: old, trouble: away.clone(), ..fresh.clone() });
        sets.wait_for(Option::is_none).await.unwrap();
        assert_eq!(status.wait_for(|status| status.stale.is_some()).await.unwrap().stale, away);
        shown.send_replace(Observed { confirmed_at: Some(now()), ..fresh });
        let back = sets.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert!(Arc::ptr_eq(&set, &back), "nothing has changed but its age");
        shown
    })
    .await;
    // What is new while something else is not confirmed is not in force for a moment.
    followed(Duration::ZERO, async |shown, sets, mut status| {
        shown.send_replace(shows(&[&policy("a"), &secret()]));
        status.wait_for(|status| status.generation == 1).await.unwrap();
        assert!(!sets.has_changed().unwrap());
        shown
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_set_leaves_the_last_good_one() {
    followed(HOUR, async |shown, mut sets, mut status| {
        shown.send_replace(shows(&[&policy("a"), &secret()]));
        let set = sets.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let read_at = status.wait_for(|status| status.read_at.is_some()).await.unwrap().read_at;
        shown.send_replace(shows(&[&policy("a"), &policy("a"), &secret()]));
        status.wait_for(|status| status.stale.is_some()).await.unwrap();
        assert!(Arc::ptr_eq(sets.borrow().as_ref().unwrap(), &set));
        assert_eq!(status.borrow().read_at, read_at, "and it gets older");
        shown
    })
    .await;
}

/// One tenant with more policies than a set may have documents breaks nobody's.
#[tokio::test]
async fn t86_a_tenants_policies_do_not_count_against_the_ceiling() {
    let text = |kind: &str, at: usize| {
        let namespace = if kind == "ImagePolicy" { ", namespace: tenant" } else { "" };
        format!(
            "apiVersion: countersign.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: p{at}{namespace}}}\nspec: {{images: \
             [{{glob: 'ghcr.io/p/**'}}], authorities: [{{static: {{action: fail}}}}]}}\n"
        )
    };
    let many = |kind: &str| (0..=crate::limits::POLICY_DOCUMENTS).map(|at| text(kind, at)).collect::<Vec<_>>();
    let load = |texts: &[String]| {
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        compile(&shows(&texts).documents.unwrap(), &rules(HOUR))
    };
    let loaded = load(&many("ImagePolicy")).unwrap();
    assert_eq!(loaded.set.policies().len(), crate::limits::POLICY_DOCUMENTS + 1);
    assert!(load(&many("ClusterImagePolicy")).unwrap_err().contains("more than 20000 documents"));
}
