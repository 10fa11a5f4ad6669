//! The manual says what the code does.

use std::collections::BTreeSet;

use countersign::policy::DenyReason;

#[test]
fn every_deny_code_has_its_section() {
    let chapter = include_str!("../../src/manual/deny_codes.rs");
    let sections: Vec<_> = chapter
        .split("\n//! # `")
        .skip(1)
        .map(|section| {
            let (code, text) = section.split_once('`').unwrap();
            assert!(text.contains("*What to do*: "), "`{code}` does not say what to do");
            (code, text.lines().nth(2).unwrap_or_default())
        })
        .collect();
    let lines: Vec<_> = DenyReason::ALL
        .iter()
        .map(|reason| (reason.code(), format!("//! {:?}, {}.", reason.class(), reason.class().http_status())))
        .collect();
    let codes: Vec<_> = lines.iter().map(|(code, line)| (*code, line.as_str())).collect();
    assert_eq!(sections, codes, "the chapter (left) and the code (right) list different codes or classes");
}

#[test]
fn every_sample_is_a_recipe() {
    let chapter = include_str!("../../src/manual/policies.rs");
    let (_, recipes) = chapter.split_once("# Recipes").unwrap();
    let (recipes, _) = recipes.split_once("\n//! # ").unwrap();
    let rows = recipes.lines().filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "));
    let named: Vec<&str> = rows.flat_map(|(_, names)| names.split('`').skip(1).step_by(2)).collect();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/config/samples");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(named.len(), files.len(), "a recipe is named twice, or not at all");
    assert_eq!(named.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), files);
}
