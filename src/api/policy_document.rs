//! ClusterImagePolicy as users write it, in `policy.sigstore.dev` and in `countersign.dev`.

use super::authority::{self, AuthoritySpec};
use super::canonical;
use super::condition::{self, ConditionSpec};
use super::core_objects::Metadata;
use super::field::{Field, Object};
use super::node::Node;
use super::problem::{Problem, quoted};
use super::{lint, matching, tenant, terms};
use crate::image::Digest;
use crate::policy::{Dialect, Mode, Pattern, PolicyName, PolicyTerms};

/// The API group whose policies are taken over from policy-controller.
pub const SIGSTORE_GROUP: &str = "policy.sigstore.dev";

/// The project's own API group.
pub const COUNTERSIGN_GROUP: &str = "countersign.dev";

/// A policy as its author wrote it, as far as it could be read, and everything that is wrong with it. It never gets
/// lost: one that cannot be read at all covers every image and refuses it.
#[derive(Clone, Debug)]
pub struct PolicyDocument {
    name: PolicyName,
    kind: &'static str,
    is_named: bool,
    line: Option<u64>,
    spec: Spec,
    fingerprint: Digest,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// What could be read of a policy's `spec`.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    /// The globs; none where any of them could not be read, since what it was to cover is not known.
    pub(super) images: Option<Vec<Pattern>>,
    /// The authorities that could be read.
    pub(super) authorities: Vec<AuthoritySpec>,
    /// The mode, where it could be read.
    pub(super) mode: Mode,
    /// What it says besides.
    pub(super) terms: PolicyTerms,
    /// The condition over all that is found.
    pub(super) condition: Option<ConditionSpec>,
}

impl PolicyDocument {
    /// Whether an object wants to be a policy. Everything in the two groups does, but for what is known to be something
    /// else, and so does every ClusterImagePolicy: a slip in `apiVersion` or `kind` must not lose it.
    pub(super) fn claims(api_version: &str, kind: &str) -> bool {
        let group = group(api_version);
        kind == KIND || (kind != "TrustRoot" && (group == SIGSTORE_GROUP || group == COUNTERSIGN_GROUP))
    }

    /// Reads a policy, which is the document with `index` in its text.
    pub(super) fn read(node: &Node, api_version: &str, kind: &str, index: usize) -> Self {
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        let mut spec = Spec::unread();
        let mut name = String::new();
        let is_tenants = kind == tenant::KIND && group(api_version) == COUNTERSIGN_GROUP;
        let mut namespace = None;
        if let Some(mut object) = Field::root(node).object(&mut problems) {
            check_type(&object, api_version, kind, &mut problems);
            let metadata = Metadata::take(&mut object, &mut problems);
            name = metadata.name;
            object.take("status");
            let is_readable = match node.get("spec") {
                Some(spec) if is_tenants => tenant::check(spec, &mut problems),
                Some(_) | None => true,
            };
            if let Some(field) = object.require("spec", &mut problems)
                && is_readable
            {
                spec = Spec::read(&field, dialect(api_version), &mut problems, &mut warnings);
            }
            if is_tenants {
                namespace = metadata.namespace;
                match &namespace {
                    Some(namespace) => spec.in_tenant(namespace),
                    None => {
                        let message = "is missing; it is about one namespace";
                        problems.push(Problem::new("metadata.namespace", node.line, message));
                        // Whose images it was to be about is not known.
                        spec.images = None;
                    }
                }
            }
            object.finish(&mut problems);
        }
        let is_named = !name.is_empty();
        if !is_named {
            name = format!("document-{index}");
        }
        Self {
            name: match namespace {
                None => PolicyName::new(group(api_version), name),
                Some(namespace) => PolicyName::in_namespace(group(api_version), namespace, name),
            },
            kind: if is_tenants { tenant::KIND } else { KIND },
            is_named,
            line: node.line,
            spec,
            fingerprint: canonical::fingerprint(node),
            problems,
            warnings,
        }
    }

    /// A policy of which nothing can be read but that it is there: it refuses every image, a tenant's those of its
    /// namespace.
    pub fn unreadable(group: &str, namespace: Option<&str>, name: &str, line: Option<u64>, why: &str) -> Self {
        Self {
            name: match namespace {
                None => PolicyName::new(group, name),
                Some(namespace) => PolicyName::in_namespace(group, namespace, name),
            },
            kind: if namespace.is_some() { tenant::KIND } else { KIND },
            is_named: true,
            line,
            spec: Spec::unread(),
            fingerprint: Digest::of(why.as_bytes()),
            problems: vec![Problem::new("document", line, format!("cannot be read: {why}"))],
            warnings: Vec::new(),
        }
    }

    /// Its name, which is made up from its place in the text where it has none.
    pub fn name(&self) -> &PolicyName {
        &self.name
    }

    /// Its kind: `ClusterImagePolicy`, or `ImagePolicy` for a tenant's.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether the name is its own.
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    /// The line where it starts.
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// What is wrong with it, whatever stands where it points to.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What is not wrong and worth a second look.
    pub(super) fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    pub(super) fn spec(&self) -> &Spec {
        &self.spec
    }

    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && self.fingerprint == other.fingerprint
            && self.problems == other.problems
    }

    /// Equal for documents that say the same.
    pub(super) fn fingerprint(&self) -> Digest {
        self.fingerprint
    }
}

const KIND: &str = "ClusterImagePolicy";

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _version)| group)
}

fn dialect(api_version: &str) -> Dialect {
    if group(api_version) == COUNTERSIGN_GROUP { Dialect::Countersign } else { Dialect::PolicyController }
}

fn check_type(object: &Object<'_>, api_version: &str, kind: &str, problems: &mut Vec<Problem>) {
    let known = matches!(
        api_version,
        "policy.sigstore.dev/v1beta1" | "policy.sigstore.dev/v1alpha1" | "countersign.dev/v1alpha1"
    );
    if !known {
        problems.push(object.problem_at(
            "apiVersion",
            format!(
                "{} is not known; policies are `policy.sigstore.dev/v1beta1` or `countersign.dev/v1alpha1`",
                quoted(api_version)
            ),
        ));
    }
    let is_tenants = kind == tenant::KIND && group(api_version) == COUNTERSIGN_GROUP;
    if kind != KIND && !is_tenants {
        problems.push(object.problem_at("kind", format!("{} is not carried out; policies are `{KIND}`", quoted(kind))));
    }
}

impl Spec {
    fn unread() -> Self {
        Self {
            images: None,
            authorities: Vec::new(),
            mode: Mode::Enforce,
            terms: PolicyTerms::default(),
            condition: None,
        }
    }

    /// The same, of the tenant in `namespace`, who names nothing of another.
    fn in_tenant(&mut self, namespace: &str) {
        self.authorities.iter_mut().for_each(|authority| authority.in_tenant(namespace));
        if let Some(condition) = &mut self.condition {
            condition.in_tenant(namespace);
        }
    }

    fn read(field: &Field<'_>, dialect: Dialect, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Self {
        let Some(mut object) = field.object(problems) else {
            return Self::unread();
        };
        let images =
            object.require("images", problems).and_then(|images| read_images(&images, dialect, problems, warnings));
        let authorities = object
            .require("authorities", problems)
            .map(|authorities| authority::read_all(&authorities, dialect, problems, warnings))
            .unwrap_or_default();
        let mode = object.take("mode").and_then(|mode| read_mode(&mode, problems, warnings)).unwrap_or(Mode::Enforce);
        let mut terms = match dialect {
            Dialect::Countersign => terms::read_policy(&mut object, &authorities, problems, warnings),
            Dialect::PolicyController => PolicyTerms::default(),
        };
        let condition =
            object.take("policy").and_then(|field| condition::read(&field, dialect, true, problems, warnings));
        if let Some(field) = object.take("match") {
            terms.objects = matching::read_all(&field, dialect, problems, warnings);
        }
        object.finish(problems);
        Self { images, authorities, mode, terms, condition }
    }
}

/// The globs, if every one of them can be read.
fn read_images(
    field: &Field<'_>,
    dialect: Dialect,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Vec<Pattern>> {
    let before = problems.len();
    let entries = field.list(problems)?;
    if entries.is_empty() {
        problems.push(field.problem("is empty; name at least one glob"));
    }
    let mut patterns = Vec::new();
    for entry in entries {
        let Some(mut image) = entry.object(problems) else {
            continue;
        };
        if let Some(glob) = image.require("glob", problems)
            && let Some(text) = glob.text(problems)
        {
            match Pattern::parse(text, dialect) {
                Ok(pattern) => {
                    warnings.extend(lint::pattern(&glob, &pattern, dialect));
                    patterns.push(pattern);
                }
                Err(error) => problems.push(glob.problem(error.to_string())),
            }
        }
        image.finish(problems);
    }
    (problems.len() == before).then_some(patterns)
}

fn read_mode(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<Mode> {
    match field.text(problems)? {
        "" | "enforce" => Some(Mode::Enforce),
        "warn" => {
            warnings.push(field.problem("`warn` refuses nothing: what fails is allowed with a warning"));
            Some(Mode::Warn)
        }
        other => {
            problems.push(field.problem(format!("{} is no mode; there are `enforce` and `warn`", quoted(other))));
            None
        }
    }
}
