//! How verifiers of images were bypassed before, tried on countersign.
//!
//! Each test bears the number of its advisory, and the chapter [`countersign::manual::past_bypasses`] tells what went
//! wrong there. A test does what the attacker did, asserts the verdict with its exact code, and has a twin that differs in
//! one thing and is allowed. The bypass fuzzer beside them looks for what nobody has found yet.

#[path = "bypasses/bounds.rs"]
mod bounds;
#[path = "bypasses/evidence.rs"]
mod evidence;
#[path = "bypasses/fuzzer.rs"]
mod fuzzer;
#[path = "bypasses/objects.rs"]
mod objects;
#[path = "bypasses/registries.rs"]
mod registries;

use std::collections::BTreeSet;
use std::path::Path;

use crate::faults::test_names;

/// A row of the chapter's tables.
struct Row {
    /// The advisories, each as tests spell it: `cve_2022_35929`.
    advisories: Vec<String>,
    /// What the last column says.
    held: String,
}

fn rows() -> Vec<Row> {
    let chapter = include_str!("../src/manual/past_bypasses.rs");
    let cells = chapter.lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
    let cells = cells.map(|row| row.split(" | ").collect::<Vec<_>>()).filter(|row| row[0] != "Advisory");
    cells.map(|row| Row { advisories: advisories(row[0]), held: row[row.len() - 1].to_owned() }).collect()
}

/// The advisories of a cell. One that is written as `-42814` goes on from the one before.
fn advisories(cell: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let words =
        cell.split([',', ' ', '(', ')']).map(str::trim).filter(|word| word.contains(|c: char| c.is_ascii_digit()));
    for word in words {
        let spelled = word.to_lowercase().replace(['-', '#'], "_");
        let spelled = match (spelled.strip_prefix('_'), found.last()) {
            (Some(number), Some(before)) => format!("{}_{number}", before.rsplit_once('_').unwrap().0),
            _ => spelled,
        };
        found.push(spelled);
    }
    assert!(!found.is_empty(), "a row without an advisory: {cell}");
    found
}

/// The names of the tests beside this file.
fn bypasses() -> BTreeSet<String> {
    test_names(&[&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bypasses")])
}

#[test]
fn the_chapter_names_tests_that_exist() {
    let (here, all) = (bypasses(), crate::faults::all_test_names());
    let has = |names: &BTreeSet<String>, prefix: &str| names.iter().any(|name| name.starts_with(&format!("{prefix}_")));
    let rows = rows();
    assert!(rows.len() > 30);
    for row in &rows {
        let of_rows = row.held.split(", ").filter(|held| held.starts_with('T'));
        let waits = !row.held.contains("bypasses") && !row.held.contains("faults");
        for number in of_rows {
            assert!(waits || has(&all, &number.to_lowercase()), "no test of {number} for {:?}", row.advisories);
        }
        for advisory in &row.advisories {
            assert_eq!(has(&here, advisory), row.held.contains("bypasses"), "{advisory}: {}", row.held);
        }
    }
}

#[test]
fn every_test_is_in_the_chapter() {
    let told: BTreeSet<String> = rows().into_iter().flat_map(|row| row.advisories).collect();
    let is_number = |name: &str| ["cve_", "ghsa_", "kyverno_", "rustsec_"].iter().any(|kind| name.starts_with(kind));
    for name in bypasses().iter().filter(|name| is_number(name)) {
        assert!(told.iter().any(|advisory| name.starts_with(&format!("{advisory}_"))), "{name} is not in the chapter");
    }
}

#[test]
fn advisories_are_spelled_as_tests() {
    assert_eq!(advisories("CVE-2022-35929 (cosign)"), ["cve_2022_35929"]);
    assert_eq!(advisories("CVE-2023-42813, -42814 (Kyverno)"), ["cve_2023_42813", "cve_2023_42814"]);
    assert_eq!(advisories("kyverno#16336, GHSA-vh4v-2xq2-g5cg"), ["kyverno_16336", "ghsa_vh4v_2xq2_g5cg"]);
}
