//! Two replicas that have not heard the same: each says what it goes by, and what one of them refuses is refused.

use serde_json::json;

use crate::support::cluster::EFFECT_LIMIT;
use crate::support::codes;
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, pod, policy};
use crate::support::installed::{Installed, SYSTEM};
use crate::support::registry::{Image, Kind, Registry};
use crate::support::relay::Relay;
use crate::support::wait::poll;

/// The name of the webhook that leads to the first replica.
const NAME: &str = "validate.countersign.dev";
/// What that of the webhook that leads to the second one begins with.
const SECOND: &str = "second";

#[test]
fn t96_replicas_say_by_which_revision_they_judge_and_the_stricter_one_holds() {
    let registry = Registry::shared(Kind::Referrers);
    let installed = Installed::new(registry);
    let (cluster, namespace) = (&installed.cluster, installed.namespace());
    let wire = Relay::start(cluster.address());
    let kubeconfig = cluster.kubeconfig_by(&format!("https://{}", wire.address()), SYSTEM, "countersign");
    let mut second = Gate::in_cluster(&kubeconfig, SYSTEM, &[registry], Options::default());
    second.wait_until_ready();
    let signed = |name: &str, key: &KeyPair| {
        let image = registry.push(&format!("revisions/{name}"), "v1");
        Cosign::V3.sign(registry, key, &image.by_digest());
        image
    };
    let (trusted, foreign) = (KeyPair::trusted(), KeyPair::foreign());
    let (image, other) = (signed("app", trusted), signed("other", foreign));
    let by = |key: &KeyPair| {
        let mut policy = policy("revisions", "127.0.0.1:*/revisions/**", key);
        policy["apiVersion"] = json!("countersign.dev/v1alpha1");
        policy
    };
    cluster.apply(&by(trusted));
    second.admits_soon(&pod("app", &[&image.by_tag()]));
    // An API server asks one replica or another, by chance. Here it asks both each time.
    cluster.install_validating_webhook(SECOND, &format!("{SECOND}.{NAME}"), &second);
    let revisions = |image: &Image| {
        poll("revisions of both", EFFECT_LIMIT, || {
            _ = namespace.dry_run(&pod("app", &[&image.by_tag()]));
            let noted = cluster.noted(namespace.name());
            let of = |name: &str| noted.get(&format!("{name}/revision")).cloned();
            match (of(NAME), of(&format!("{SECOND}.{NAME}"))) {
                (Some(one), Some(other)) => Ok((one, other)),
                _ => Err(format!("{noted:?}")),
            }
        })
    };
    namespace.admits_soon(&pod("app", &[&image.by_tag()]));
    let (revision, the_same) = revisions(&image);
    assert_eq!(revision, the_same);

    // The second one hears nothing any more, and the policy goes over to another key.
    wire.cut();
    cluster.apply(&by(foreign));
    let first = &installed.gate;
    first.admits_soon(&pod("other", &[&other.by_tag()]));
    first.denies(codes::KEY_MISMATCH, &pod("app", &[&image.by_tag()]));
    second.admits(&pod("app", &[&image.by_tag()]));
    second.denies(codes::KEY_MISMATCH, &pod("other", &[&other.by_tag()]));
    // What only one of them admits is refused, whichever it is; and it can be seen why.
    for image in [&image, &other] {
        namespace.denies_soon(codes::KEY_MISMATCH, &pod("app", &[&image.by_tag()]));
        let (fresh, stale) = revisions(image);
        assert_ne!(fresh, revision);
        assert_eq!(stale, revision);
    }

    // It comes back by itself, and they are of one mind again.
    wire.mend();
    namespace.admits_soon(&pod("other", &[&other.by_tag()]));
    namespace.denies_soon(codes::KEY_MISMATCH, &pod("app", &[&image.by_tag()]));
    let (one, two) = revisions(&other);
    assert_eq!(one, two);
    assert_ne!(one, revision);
}
