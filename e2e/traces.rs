//! Traces: what the API server begins goes on in ours, and arrives at whoever reads OTLP by the published messages.

use crate::support::cluster::Cluster;
use crate::support::codes;
use crate::support::collector::{Collector, Span};
use crate::support::cosign::{Cosign, KeyPair};
use crate::support::countersign::{Gate, Options, pod, policy};
use crate::support::registry::{Kind, Registry};

#[test]
fn the_trace_of_the_api_server_goes_on_here() {
    let (collector, registry, cluster) =
        (Collector::start(), Registry::shared(Kind::Referrers), Cluster::start_tracing());
    let signed = registry.push("traces/signed", "v1");
    Cosign::V3.sign(registry, KeyPair::trusted(), &signed.by_digest());
    let unsigned = registry.push("traces/unsigned", "v1").by_tag();
    let url = collector.url();
    let options = Options { port: cluster.webhook_port(), traces: Some(&url), ..Options::default() };
    let mut gate = Gate::start(&[policy("traced", "127.0.0.1:*/traces/**", KeyPair::trusted())], &[registry], options);
    cluster.install_webhooks(&gate);
    let namespace = cluster.namespace();
    namespace.denies_soon(codes::SIGNATURE_MISSING, &pod("bad", &[&unsigned]));
    // A pod that names a tag is admitted only where both webhooks are asked.
    namespace.admits_soon(&pod("good", &[&signed.by_tag()]));
    namespace.denies(codes::SIGNATURE_MISSING, &pod("bad", &[&unsigned]));
    namespace.admits(&pod("good", &[&signed.by_tag()]));
    gate.terminate();

    let spans = collector.spans();
    let said = |span: &Span, key: &str| span.attributes.get(key).cloned().unwrap_or_default();
    let validated = |decision: &str| {
        let of = |span: &&Span| span.name == "admission /validate" && said(span, "countersign.decision") == decision;
        spans.iter().rev().find(of).unwrap_or_else(|| panic!("no `{decision}` in {spans:#?}"))
    };
    let (bad, good) = (validated("deny"), validated("allow"));
    assert_eq!(said(bad, "countersign.reason"), codes::SIGNATURE_MISSING);
    assert_ne!(bad.trace, good.trace, "two requests of users");
    for root in [bad, good] {
        assert!(!root.failed, "{root:?}");
        let of_trace: Vec<_> = spans.iter().filter(|span| span.trace == root.trace).collect();
        // One request of a user has both webhooks in its trace, below spans of the API server.
        let mutated = of_trace.iter().find(|span| span.name == "admission /mutate").expect("the other webhook");
        for ours in [root, *mutated] {
            assert!(!ours.parent.is_empty(), "{ours:?}");
            assert!(spans.iter().all(|span| span.id != ours.parent), "the parent is the API server's: {ours:?}");
        }
        for stage in ["fetch", "verify", "decide"] {
            let found = of_trace.iter().find(|span| span.name == stage && span.parent == root.id);
            assert!(found.is_some(), "no `{stage}` below {root:?}: {of_trace:#?}");
        }
        assert!(of_trace.iter().any(|span| span.name == "resolve" && span.parent == mutated.id), "{of_trace:#?}");
    }
}
