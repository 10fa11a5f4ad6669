//! The tables of the manual, held against policies.

use serde_json::{Value, json};

use crate::api::{Document, PolicyDocument, Resolved, STANDALONE_NAMESPACE, compile, parse};
use crate::policy::PolicyBody;
use crate::trust::{BuiltInRoot, ProofRule, Proofs, TrustedRoot};

const MANUAL: &str = include_str!("../../manual/required_proofs.rs");
const KEY: &str = include_str!("../../../tests/data/cosign/cosign.pub");
const GROUPS: [&str; 2] = ["policy.sigstore.dev", "countersign.dev"];

/// The lists that the signer's roots have besides their authority, by the rows of the tables.
const SIGNERS: [(&str, Option<&[&str]>); 5] = [
    ("root with logs and authorities", Some(&["tlogs", "timestampAuthorities"])),
    ("root with logs", Some(&["tlogs"])),
    ("root with authorities", Some(&["timestampAuthorities"])),
    ("root with neither, or `ca-cert`", Some(&[])),
    ("key", None),
];

/// What stands in an authority, by the columns of the tables, and whether both groups know it.
const LOGS: [(&str, &str, bool); 5] = [
    ("no `ctlog`", "", true),
    ("`ctlog: {}`", ", ctlog: {}", true),
    ("`ctlog: {trustRootRef}`", ", ctlog: {trustRootRef: named}", true),
    ("`ctlog: {required: false}`", ", ctlog: {required: false}", false),
    ("`ctlog: {insecureIgnoreTlog: true}`", ", ctlog: {insecureIgnoreTlog: true}", false),
];
const STAMPS: [(&str, &str); 3] = [
    ("", ""),
    ("`rfc3161timestamp: {}`", ", rfc3161timestamp: {}"),
    ("`rfc3161timestamp: {trustRootRef}`", ", rfc3161timestamp: {trustRootRef: named}"),
];

/// A table of the manual.
struct Table(Vec<Vec<String>>);

impl Table {
    /// The tables with the signers in their first column.
    fn all() -> Vec<Self> {
        let mut tables: Vec<Self> = Vec::new();
        let mut is_table = false;
        for line in MANUAL.lines() {
            let Some(row) = line.strip_prefix("//! | ").and_then(|row| row.strip_suffix(" |")) else {
                is_table &= line.starts_with("//! |---");
                continue;
            };
            let cells: Vec<_> = row.split(" | ").map(str::to_owned).collect();
            if cells[0] == "The signer" {
                is_table = true;
                tables.push(Self(Vec::new()));
            }
            if is_table {
                tables.last_mut().unwrap().0.push(cells);
            }
        }
        tables
    }

    fn cell(&self, row: &str, column: &str) -> &str {
        let column = self.0[0].iter().position(|head| head == column).unwrap_or_else(|| panic!("{column}"));
        let row = self.0.iter().find(|cells| cells[0] == row).unwrap_or_else(|| panic!("{row}"));
        &row[column]
    }
}

/// The public-good root with these lists alone. Its fingerprint is another for each.
fn root(lists: &[&str]) -> Value {
    let mut root: Value = serde_json::from_str(BuiltInRoot::PublicGood.json()).unwrap();
    for list in ["certificateAuthorities", "ctlogs", "timestampAuthorities", "tlogs"] {
        if !lists.contains(&list) {
            root[list] = json!([]);
        }
    }
    root
}

fn trust_root(group: &str, name: &str, root: &Value) -> String {
    let spec = match group {
        "countersign.dev" => json!({ "trustedRoot": { "json": root.to_string() } }),
        // The other group has no inline form; what is written out key by key says the same.
        _ => json!({ "sigstoreKeys": keys(root) }),
    };
    json!({
        "apiVersion": format!("{group}/v1alpha1"), "kind": "TrustRoot", "metadata": { "name": name }, "spec": spec,
    })
    .to_string()
}

fn keys(root: &Value) -> Value {
    let pem =
        |tag: &str, bytes: &Value| format!("-----BEGIN {tag}-----\n{}\n-----END {tag}-----\n", bytes.as_str().unwrap());
    let authority = |entry: &Value| {
        let certificates = entry["certChain"]["certificates"].as_array().unwrap();
        let chain: String = certificates.iter().map(|one| pem("CERTIFICATE", &one["rawBytes"])).collect();
        json!({ "certChain": chain, "uri": entry["uri"] })
    };
    let log = |entry: &Value| json!({ "baseURL": entry["baseUrl"], "publicKey": pem("PUBLIC KEY", &entry["publicKey"]["rawBytes"]) });
    let list = |name: &str| root[name].as_array().unwrap().iter();
    json!({
        "certificateAuthorities": list("certificateAuthorities").map(authority).collect::<Vec<_>>(),
        "timestampAuthorities": list("timestampAuthorities").map(authority).collect::<Vec<_>>(),
        "tLogs": list("tlogs").map(log).collect::<Vec<_>>(),
        "ctLogs": list("ctlogs").map(log).collect::<Vec<_>>(),
    })
}

fn read(text: &str, resolved: &mut Resolved) -> Option<PolicyDocument> {
    match parse(text).unwrap().pop() {
        Some(Document::ClusterImagePolicy(policy)) => Some(*policy),
        Some(Document::TrustRoot(root)) => {
            assert_eq!(root.problems(), []);
            assert!(resolved.add_trust_root(*root));
            None
        }
        other => panic!("{other:?}"),
    }
}

/// What a policy with one authority asks for.
fn proofs(group: &str, signer: &str, rest: &str, resolved: &mut Resolved) -> Proofs {
    let version = if group == "countersign.dev" { "v1alpha1" } else { "v1beta1" };
    let policy = format!(
        "apiVersion: {group}/{version}\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec: {{images: [{{glob: \
         ghcr.io/a/**}}], authorities: [{{{signer}{rest}}}]}}\n"
    );
    let compiled = compile(&read(&policy, resolved).unwrap(), resolved);
    let PolicyBody::Compiled(authorities) = &compiled.policy.body else { panic!("{:?}\n{policy}", compiled.problems) };
    authorities.first().rule.anchors().next().unwrap().proofs().clone()
}

/// A rule in the words of the tables.
fn told(rule: &ProofRule, own: Option<&TrustedRoot>, named: &TrustedRoot) -> String {
    let requirement = rule.requirement().as_str();
    let Some(root) = rule.root() else { return requirement.to_owned() };
    let public_good = TrustedRoot::public_good().unwrap();
    let whose = [(own, "own"), (Some(named), "named"), (Some(&public_good), "public-good")];
    let whose = whose.iter().find(|(known, _)| known.is_some_and(|known| known.fingerprint() == root.fingerprint()));
    format!("{requirement}: {}", whose.unwrap_or_else(|| panic!("somebody else's")).1)
}

#[test]
fn every_combination_is_what_the_manual_says() {
    let tables = Table::all();
    let [logs, unstamped, stamped] = &tables[..] else { panic!("{} tables", tables.len()) };
    let mut combinations = 0;
    for group in GROUPS {
        let mut resolved = Resolved::new(STANDALONE_NAMESPACE);
        read(&trust_root(group, "named", &root(&["tlogs", "timestampAuthorities"])), &mut resolved);
        let named = proofs(group, &key(), ", ctlog: {trustRootRef: named}", &mut resolved);
        let named = named.log_entry.root().unwrap().clone();
        for (index, (row, lists)) in SIGNERS.into_iter().enumerate() {
            let (signer, own) = match lists {
                None => (key(), None),
                Some(lists) => {
                    let lists = [lists, &["certificateAuthorities"]].concat();
                    read(&trust_root(group, &format!("own-{index}"), &root(&lists)), &mut resolved);
                    let own = if group == "countersign.dev" {
                        TrustedRoot::parse(root(&lists).to_string()).unwrap()
                    } else {
                        of_keys(group, index, &resolved)
                    };
                    (
                        format!("keyless: {{trustRootRef: own-{index}, identities: [{{issuer: i, subject: s}}]}}"),
                        Some(own),
                    )
                }
            };
            for (column, log, in_both) in LOGS {
                if !in_both && group != "countersign.dev" {
                    continue;
                }
                for (stamp_column, stamp) in STAMPS {
                    let proofs = proofs(group, &signer, &format!("{log}{stamp}"), &mut resolved);
                    let what = format!("{group}: {row}{log}{stamp}");
                    assert_eq!(told(&proofs.log_entry, own.as_ref(), &named), logs.cell(row, column), "{what}: log");
                    let timestamp = told(&proofs.timestamp, own.as_ref(), &named);
                    let expected = match stamp_column {
                        "" => unstamped.cell(row, column),
                        stamp_column => stamped.cell(row, stamp_column),
                    };
                    assert_eq!(timestamp, expected, "{what}: timestamp");
                    combinations += 1;
                }
            }
        }
    }
    assert_eq!(combinations, 5 * 5 * 3 + 5 * 3 * 3);
}

fn key() -> String {
    format!("key: {{data: {}}}", json!(KEY))
}

/// The root that was written out key by key.
fn of_keys(group: &str, index: usize, resolved: &Resolved) -> TrustedRoot {
    match resolved.trust_root(group, &format!("own-{index}")).unwrap().source() {
        Some(crate::trust::RootSource::Given(root)) => (**root).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn promises_in_certificates_follow_from_the_root() {
    let mut resolved = Resolved::new(STANDALONE_NAMESPACE);
    let group = "countersign.dev";
    for (name, lists) in
        [("logged", &["certificateAuthorities", "ctlogs"][..]), ("unlogged", &["certificateAuthorities"])]
    {
        read(&trust_root(group, name, &root(lists)), &mut resolved);
    }
    for (root, ignored, expected) in [
        ("logged", "", "required"),
        ("logged", ", insecureIgnoreSCT: false", "required"),
        ("logged", ", insecureIgnoreSCT: true", "ignored"),
        ("unlogged", "", "ignored"),
    ] {
        let signer = format!("keyless: {{trustRootRef: {root}, identities: [{{issuer: i, subject: s}}]{ignored}}}");
        let proofs = proofs(group, &signer, "", &mut resolved);
        assert_eq!(proofs.sct.requirement().as_str(), expected, "{root}{ignored}");
    }
}

#[test]
fn thresholds_count_what_the_root_has() {
    let mut resolved = Resolved::new(STANDALONE_NAMESPACE);
    read(
        &trust_root("countersign.dev", "all", &root(&["certificateAuthorities", "tlogs", "timestampAuthorities"])),
        &mut resolved,
    );
    let signer = "keyless: {trustRootRef: all, identities: [{issuer: i, subject: s}]}";
    let proofs =
        proofs("countersign.dev", signer, ", ctlog: {threshold: 2}, rfc3161timestamp: {threshold: 1}", &mut resolved);
    assert_eq!((proofs.log_entry.threshold(), proofs.timestamp.threshold()), (2, 1));
}
