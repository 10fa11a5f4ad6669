//! The file with kinds of custom resources that name images, as `--workload-kinds` reads it.

use super::field::{Field, Object};
use super::own_file::read_one;
use super::problem::{Problem, quoted};
use crate::image::PointerPattern;
use crate::policy::{WorkloadKind, WorkloadKinds};

/// The kind of the file's document. It is no resource of a cluster.
const KIND: &str = "WorkloadKinds";

/// Reads the file, strictly.
///
/// # Errors
/// When the text cannot be read as a whole, or is no such file: everything that is wrong with it.
pub fn workload_kinds(text: &str) -> Result<WorkloadKinds, Vec<Problem>> {
    read_one(text, KIND, "document about kinds of workloads", read)
}

fn read(mut object: Object<'_>, problems: &mut Vec<Problem>) -> Option<WorkloadKinds> {
    let before = problems.len();
    let entries = object.take("kinds").and_then(|field| field.list(problems)).unwrap_or_default();
    object.finish(problems);
    let kinds: Vec<_> = entries.iter().filter_map(|entry| read_kind(entry, problems)).collect();
    if problems.len() > before {
        return None;
    }
    match WorkloadKinds::new(kinds) {
        Ok(kinds) => Some(kinds),
        Err((index, error)) => {
            problems.extend(entries.get(index).map(|entry| entry.problem(error.to_string())));
            None
        }
    }
}

fn read_kind(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<WorkloadKind> {
    let mut object = field.object(problems)?;
    let mut text = |name, problems: &mut Vec<Problem>| {
        object.require(name, problems).and_then(|field| field.required_text(problems)).map(str::to_owned)
    };
    let (group, kind, resource) = (text("group", problems), text("kind", problems), text("resource", problems));
    let versions = object.require("versions", problems).map(|field| texts(&field, problems));
    let mut paths = |name, problems: &mut Vec<Problem>| {
        object.take(name).map(|field| patterns(&field, problems)).unwrap_or_default()
    };
    let (pod_specs, images) = (paths("podSpecs", problems), paths("images", problems));
    let may_name_none = object.take("mayNameNone").map_or(Some(false), |field| field.boolean(problems));
    object.finish(problems);
    Some(WorkloadKind {
        group: group?,
        versions: versions?,
        kind: kind?,
        resource: resource?,
        pod_specs,
        images,
        may_name_none: may_name_none?,
    })
}

fn texts(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<String> {
    let entries = field.list(problems).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.required_text(problems)).map(str::to_owned).collect()
}

fn patterns(field: &Field<'_>, problems: &mut Vec<Problem>) -> Vec<PointerPattern> {
    let entries = field.list(problems).unwrap_or_default();
    let parsed = entries.iter().filter_map(|entry| {
        let text = entry.required_text(problems)?;
        match text.parse() {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                let message = format!("{} is no path like `/spec/steps/*/image`: {why}", quoted(text));
                problems.push(entry.problem(message));
                None
            }
        }
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: countersign.dev/v1alpha1\nkind: WorkloadKinds\n";

    #[test]
    fn a_file_is_read() {
        let found = workload_kinds(&format!(
            "{HEAD}kinds:\n- group: argoproj.io\n  versions: [v1alpha1]\n  kind: Rollout\n  resource: rollouts\n  \
             podSpecs: [/spec/template/spec]\n  mayNameNone: true\n\
             - {{group: tekton.dev, versions: [v1, v1beta1], kind: Task, resource: tasks, images: [/spec/steps/*/image]}}\n"
        ))
        .unwrap();
        let rollout = found.named("argoproj.io", "v1alpha1", "Rollout").unwrap();
        assert_eq!((rollout.resource.as_str(), rollout.may_name_none), ("rollouts", true));
        assert_eq!(rollout.pod_specs, ["/spec/template/spec".parse().unwrap()]);
        let task = found.named("tekton.dev", "v1beta1", "Task").unwrap();
        assert_eq!((task.images.len(), task.pod_specs.len(), task.may_name_none), (1, 0, false));
        assert_eq!(workload_kinds(HEAD).unwrap(), WorkloadKinds::default());
    }

    #[test]
    fn the_example_of_the_manual_can_be_used() {
        let chapter = include_str!("../manual/custom_resources.rs");
        let (_, rest) = chapter.split_once("```yaml\n").unwrap();
        let (example, _) = rest.split_once("//! ```").unwrap();
        let example: String = example.lines().map(|line| format!("{}\n", line.strip_prefix("//! ").unwrap())).collect();
        let kinds = workload_kinds(&example).unwrap();
        assert_eq!(kinds.iter().count(), 5);
        assert!(kinds.named("tekton.dev", "v1", "Task").is_some());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let good = "group: a.io, versions: [v1], kind: A, resource: as, images: [/spec/image]";
        for (text, expected) in [
            ("kind: []".to_owned(), "kind"),
            ("kinds: {}".to_owned(), "kinds: has to be a list"),
            ("kinds: [{}]".to_owned(), "kinds[0].group: is missing"),
            (format!("kinds: [{{{good}, path: x}}]"), "kinds[0].path: `path` is not a known field"),
            (format!("kinds: [{{{good}, mayNameNone: 'yes'}}]"), "kinds[0].mayNameNone: has to be a boolean"),
            (format!("kinds: [{{{good}, podSpecs: [spec]}}]"), "kinds[0].podSpecs[0]: `spec` is no path like"),
            (format!("kinds: [{{{good}, podSpecs: [/spec]}}]"), "kinds[0]: `/spec` and `/spec/image` can lead"),
            (format!("kinds: [{{{good}}}, {{{good}}}]"), "kinds[1]: a version of this kind"),
            (format!("kinds: [{{{}}}]", good.replace("a.io", "apps")), "kinds[0]: `group` has to be"),
            (format!("kinds: [{{{}}}]", good.replace("a.io", "''")), "kinds[0].group: is empty"),
            (format!("kinds: [{{{}}}]", good.replace("[v1]", "v1")), "kinds[0].versions: has to be a list"),
            (format!("kinds: [{{{}}}]", good.replace("[v1]", "[]")), "kinds[0]: `versions` has to name"),
        ] {
            let problems = workload_kinds(&format!("{HEAD}{text}\n")).unwrap_err();
            let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert!(told.iter().any(|told| told.contains(expected)), "{text}: {told:?}");
        }
        assert!(workload_kinds("kind: WorkloadKinds\n").is_err());
    }
}
