//! What is done with policies on the command line, without a cluster and without a registry.

use super::support::Place;

#[test]
fn help_about_policies() {
    let place = Place::new();
    let commands: [&[&str]; 4] = [
        &["crd", "--help"],
        &["policy", "convert", "--help"],
        &["policy", "explain", "--help"],
        &["policy", "test", "--help"],
    ];
    let shown: Vec<_> = commands.iter().map(|args| place.run(args)).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn the_definitions_are_printed() {
    let shown = Place::new().run(&["crd"]);
    let definitions = shown.matches("\nkind: CustomResourceDefinition\n").count();
    assert_eq!((definitions, shown.matches("\n---\n").count()), (4, 3), "{shown}");
    assert!(shown.ends_with("--- exit 0\n"), "{shown}");
}
