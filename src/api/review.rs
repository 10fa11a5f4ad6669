//! One object as somebody asks the API server to store it.

use super::{Compiled, Document, Problem, Resolved, compile, parse};

/// What there is to say about an object before it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// What is wrong with it: stored as it is, it would refuse whatever it covers.
    pub problems: Vec<Problem>,
    /// What is not wrong and worth a second look.
    pub warnings: Vec<Problem>,
}

/// Looks at the JSON of one policy or trust root with the compiler that will make a policy of it. What it names and is not
/// in `resolved` may well be stored after it, and is only warned of.
pub fn review(object: &[u8], resolved: &Resolved) -> Reviewed {
    let wrong =
        |message: String| Reviewed { problems: vec![Problem::new("document", None, message)], ..Reviewed::default() };
    let Ok(text) = str::from_utf8(object) else {
        return wrong("is no text in UTF-8".to_owned());
    };
    let documents = match parse(text) {
        Ok(documents) => documents,
        Err(error) => return wrong(error.message().to_owned()),
    };
    let [document] = &documents[..] else {
        return wrong(format!("is not one object but {}", documents.len()));
    };
    match document {
        Document::ClusterImagePolicy(policy) => compile(policy, resolved).reviewed(),
        Document::TrustRoot(root) => Reviewed { problems: root.problems().to_vec(), ..Reviewed::default() },
        Document::ConfigMap(_) | Document::Namespace(_) | Document::Other(_) | Document::Secret(_) => {
            wrong("is neither a policy nor a trust root".to_owned())
        }
    }
}

impl Compiled {
    /// What is wrong with the policy itself. That something which it names is not there is among the warnings.
    pub fn reviewed(self) -> Reviewed {
        let (unresolved, problems): (Vec<_>, Vec<_>) =
            self.problems.into_iter().partition(|problem| problem.unresolved.is_some());
        let mut warnings = self.warnings;
        warnings.extend(unresolved);
        Reviewed { problems, warnings }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(authorities: &Value) -> Value {
        json!({
            "apiVersion": "countersign.dev/v1alpha1", "kind": "ClusterImagePolicy",
            "metadata": {"name": "p", "uid": "u", "managedFields": [{"manager": "kubectl"}]},
            "spec": {"images": [{"glob": "ghcr.io/a/**"}], "authorities": authorities},
        })
    }

    fn said(object: &Value) -> (Vec<String>, Vec<String>) {
        let reviewed = review(object.to_string().as_bytes(), &Resolved::new("own"));
        let texts = |problems: &[Problem]| problems.iter().map(ToString::to_string).collect();
        (texts(&reviewed.problems), texts(&reviewed.warnings))
    }

    #[test]
    fn an_object_is_looked_at_before_it_is_stored() {
        let key = include_str!("../../tests/data/cosign/cosign.pub");
        let good = policy(&json!([{"name": "k", "key": {"data": key}}]));
        assert_eq!(said(&good), (vec![], vec![]));
        let (problems, warnings) = said(&policy(&json!([{"key": {"data": "x"}}])));
        assert!(problems[0].starts_with("spec.authorities[0].key.data: ") && warnings.is_empty(), "{problems:?}");
        let (problems, warnings) = said(&policy(&json!([{"key": {"secretRef": {"name": "later"}}}])));
        assert!(
            problems.is_empty() && warnings[0].contains("the Secret `later` is not there"),
            "{problems:?} {warnings:?}"
        );
        let (problems, warnings) = said(&policy(&json!([{"static": {"action": "pass"}}])));
        assert!(problems.is_empty() && warnings[0].contains("unseen"), "{warnings:?}");
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        let root = json!({"apiVersion": "countersign.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "r"}, "spec": {}});
        assert!(said(&root).0[0].starts_with("spec: exactly one of"));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": []});
        for (object, expected) in [
            (json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}), "document: is neither"),
            (list, "document: is not one object but 0"),
            (json!({"kind": "ClusterImagePolicy"}), "document: the document has no `apiVersion`"),
        ] {
            let (problems, _) = said(&object);
            assert!(problems[0].starts_with(expected), "{problems:?}");
        }
        assert_eq!(review(b"\xff", &Resolved::new("own")).problems[0].to_string(), "document: is no text in UTF-8");
        let twice = br#"{"apiVersion":"v1","apiVersion":"v1"}"#;
        assert_eq!(review(twice, &Resolved::new("own")).problems.len(), 1);
    }
}
