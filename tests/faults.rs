//! The list of faults and bad input that countersign must survive, and the tests that hold each.
//!
//! A row has a number (`T07`) and is held by tests whose names begin with it (`t07_an_image_that_is_a_number`), wherever
//! the layer is that can fail for the right reason: beside the parser, in the tests of the registry client and the
//! server, here, or end to end. A row that is owned and has no test fails this file.
//!
//! The tests here take the whole way, from the review to the registry and back. A refusal is asserted with its exact code
//! and has a twin that differs in one thing and is allowed, and a good request succeeds afterwards.

#[path = "faults/attestations.rs"]
mod attestations;
#[path = "faults/identities.rs"]
mod identities;
#[path = "faults/life.rs"]
mod life;
#[path = "faults/objects.rs"]
mod objects;
#[path = "faults/policies.rs"]
mod policies;
#[path = "faults/protocol.rs"]
mod protocol;
#[path = "faults/provenance.rs"]
mod provenance;
#[path = "faults/registries.rs"]
mod registries;
#[path = "faults/signatures.rs"]
mod signatures;
#[path = "faults/volume.rs"]
mod volume;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// The rows that are held today.
#[rustfmt::skip]
const OWNED: &[&str] = &[
    // protocol and body
    "T01", "T02", "T03", "T04", "T05", "T06", "T07", "T08", "T09", "T10", "T11",
    // the shape of Kubernetes objects
    "T12", "T13", "T14", "T15", "T16", "T17", "T19", "T20", "T21", "T22", "T23", "T24",
    // references and policies
    "T25", "T26", "T27", "T28", "T29", "T30", "T30b", "T30c",
    // between check and use
    "T31", "T33", "T35",
    // identities
    "T36", "T37", "T38", "T39", "T40",
    // attestations
    "T41", "T42", "T43", "T44", "T45", "T46", "T47", "T48", "T49", "T50",
    // signatures
    "T51", "T52", "T53", "T54", "T55", "T56", "T57", "T58", "T59", "T60", "T60b", "T60c", "T60d",
    // volume
    "T61", "T62", "T63", "T64", "T65", "T66", "T67", "T68",
    // registry and network
    "T69", "T70", "T71", "T72", "T73", "T74", "T75", "T76", "T77", "T78", "T79", "T80",
    // the life of the service
    "T82", "T83", "T84", "T85", "T86", "T87", "T88", "T89", "T90", "T91", "T92", "T93", "T94", "T95", "T96", "T98", "T99",
];

#[test]
fn every_owned_row_has_a_test_that_bears_its_number() {
    let names = all_test_names();
    let missing: Vec<_> = OWNED
        .iter()
        .filter(|row| {
            let prefix = format!("{}_", row.to_lowercase());
            !names.iter().any(|name| name.starts_with(&prefix))
        })
        .collect();
    assert!(missing.is_empty(), "rows without a test: {missing:?}");
}

/// The names of all tests: of the library, of its integration, and end to end.
pub(crate) fn all_test_names() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    test_names(&["src", "tests", "e2e"].map(|folder| root.join(folder)).each_ref().map(PathBuf::as_path))
}

/// The names of all functions under `#[test]` or `#[tokio::test]` in these folders.
pub(crate) fn test_names(folders: &[&Path]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in folders.iter().flat_map(|folder| rust_files(folder)) {
        let source = fs::read_to_string(&file).unwrap();
        collect(source.parse().unwrap(), &mut names);
    }
    names
}

/// Adds each `fn name` that follows an attribute which ends in `test`, also inside macros and modules.
fn collect(tokens: TokenStream, names: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut tested = false;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                let attribute =
                    matches!(tokens.get(index.wrapping_sub(1)), Some(TokenTree::Punct(p)) if p.as_char() == '#');
                if attribute {
                    let last = group.stream().into_iter().filter(|t| matches!(t, TokenTree::Ident(_))).last();
                    tested |= last.is_some_and(|ident| ident.to_string() == "test");
                } else {
                    collect(group.stream(), names);
                }
            }
            TokenTree::Ident(ident) if ident == "fn" => {
                if let (true, Some(name)) = (tested, tokens.get(index + 1)) {
                    names.insert(name.to_string());
                }
                tested = false;
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let nested = paths.map(|path| {
        if path.is_dir() {
            rust_files(&path)
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            vec![path]
        } else {
            Vec::new()
        }
    });
    nested.flatten().collect()
}
