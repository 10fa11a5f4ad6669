//! Globs held against policy-controller's own algorithm, in thousands of pairs.
//!
//! What stands here under [`theirs`] is its algorithm (`pkg/apis/glob`), written anew from its description. The two have to
//! agree but for the differences that are meant, each of which has to occur.

use std::collections::BTreeMap;

use countersign::image::Repository;
use countersign::policy::{Dialect, Pattern};
use regex::Regex;

/// policy-controller's algorithm, as it is used at admission: the name of an image is `registry/repository@digest`, in
/// which Docker Hub is `index.docker.io`; the tag is gone.
mod theirs {
    use super::Regex;

    /// The expression of a glob; none where it is refused.
    pub(super) fn compile(glob: &str) -> Option<Regex> {
        let glob = match glob {
            "*/*" => "index.docker.io/*/*",
            "*" => "index.docker.io/library/*",
            other => other,
        };
        if glob.is_empty() || !glob.chars().all(|c| c.is_ascii_alphanumeric() || "-_:/*.@".contains(c)) {
            return None;
        }
        let escaped = glob.replace('.', r"\.");
        // `**` first, by a character that no glob has.
        let starred = escaped.replace("**", "\u{1}").replace('*', "[^/]*").replace('\u{1}', ".*");
        Regex::new(&format!("^{starred}$")).ok()
    }

    pub(super) fn matches(glob: &Regex, registry: &str, path: &str, hex: &str) -> bool {
        glob.is_match(&format!("{registry}/{path}@sha256:{hex}"))
    }
}

/// Numbers that look random, and are the same at every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, ceiling: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % ceiling
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

const REGISTRIES: [&str; 6] =
    ["index.docker.io", "ghcr.io", "ghcr.io.evil.example", "localhost:5000", "registry.k8s.io", "a.b"];
const COMPONENTS: [&str; 8] = ["library", "acme", "app", "app-x", "a.b", "bad", "b", "x_y"];

fn path(numbers: &mut Numbers) -> String {
    let length = 1 + numbers.below(3);
    (0..length).map(|_| numbers.of(&COMPONENTS)).collect::<Vec<_>>().join("/")
}

/// A glob that is near to some image: its name with some pieces replaced, or pieces in any order.
fn glob(numbers: &mut Numbers, registry: &str, path: &str) -> String {
    const ENDS: [&str; 12] = ["", "", "", "*", "**", "@*", "@sha256:*", "@sha256:0*", ":v1", ":*", "@**", "/"];
    const PIECES: [&str; 14] =
        ["*", "**", "/", ".", ":", "@", "app", "acme", "ghcr.io", "docker.io", "index.docker.io", "sha256", "-", "a"];
    if numbers.below(4) == 0 {
        let length = 1 + numbers.below(7);
        return (0..length).map(|_| numbers.of(&PIECES)).collect();
    }
    let registry = match numbers.below(6) {
        0 => "*",
        1 => "**",
        2 if registry == "index.docker.io" => "docker.io",
        _ => registry,
    };
    let mut pieces: Vec<String> = vec![registry.to_owned()];
    for component in path.split('/') {
        pieces.push(match numbers.below(8) {
            0 => "*".to_owned(),
            1 => "**".to_owned(),
            2 => format!("{}*", component.get(..1).unwrap()),
            3 => format!("*{}", component.get(1..).unwrap()),
            4 => numbers.of(&COMPONENTS).to_owned(),
            _ => component.to_owned(),
        });
    }
    if numbers.below(5) == 0 {
        pieces.truncate(2);
    }
    format!("{}{}", pieces.join("/"), numbers.of(&ENDS))
}

/// Why the two may differ about a glob and an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    /// A glob without a wildcard at its end matches the repository that it names: there it never matches anything.
    BareRepository,
    /// `docker.io/` is Docker Hub: there it never matches anything.
    DockerHub,
    /// A glob that depends on the digits of a digest matches nothing: there it matches images by chance.
    OneDigest,
}

const HEX: [&str; 3] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
];

/// The difference, if there is one: the one that is meant, or none of them.
fn difference(glob: &str, registry: &str, path: &str) -> Option<Result<Meant, String>> {
    let ours = Pattern::parse(glob, Dialect::PolicyController).ok();
    let theirs = theirs::compile(glob);
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (None, None) => return None,
        (ours, _) => {
            return Some(Err(format!("`{glob}`: only {} takes it", if ours.is_some() { "ours" } else { "theirs" })));
        }
    };
    let repository: Repository = format!("{registry}/{path}").parse().unwrap();
    let ours = ours.matches(&repository);
    let matched = HEX.map(|hex| theirs::matches(&theirs, registry, path, hex));
    let first = matched[0];
    if matched.iter().any(|matched| *matched != first) {
        return Some(if ours {
            Err(format!("`{glob}` matches `{repository}` by its digest"))
        } else {
            Ok(Meant::OneDigest)
        });
    }
    match (ours, first) {
        (true, true) | (false, false) => None,
        (false, true) => Some(Err(format!("`{glob}` matches `{repository}` only there"))),
        (true, false) if glob.starts_with("docker.io/") && registry == "index.docker.io" => Some(Ok(Meant::DockerHub)),
        (true, false) if theirs.is_match(&format!("{registry}/{path}")) => Some(Ok(Meant::BareRepository)),
        (true, false) => Some(Err(format!("`{glob}` matches `{repository}` only here"))),
    }
}

#[test]
fn globs_match_as_in_policy_controller_but_where_they_are_meant_not_to() {
    let mut numbers = Numbers(0x005e_ed0f_6106_5000);
    let mut meant: BTreeMap<Meant, usize> = BTreeMap::new();
    let (mut pairs, mut matching) = (0, 0);
    let mut check = |glob: &str, registry: &str, path: &str| {
        pairs += 1;
        let repository: Repository = format!("{registry}/{path}").parse().unwrap();
        matching +=
            usize::from(Pattern::parse(glob, Dialect::PolicyController).is_ok_and(|glob| glob.matches(&repository)));
        match difference(glob, registry, path) {
            None => {}
            Some(Ok(difference)) => *meant.entry(difference).or_default() += 1,
            Some(Err(difference)) => panic!("{difference}"),
        }
    };
    for _ in 0..2_500 {
        let registry = numbers.of(&REGISTRIES);
        let mut image = path(&mut numbers);
        if registry == "index.docker.io" && !image.contains('/') {
            image = format!("library/{image}");
        }
        let near = glob(&mut numbers, registry, &image);
        check(&near, registry, &image);
        // The same glob and another image.
        let registry = numbers.of(&REGISTRIES);
        check(&near, registry, &format!("acme/{}", numbers.of(&COMPONENTS)));
    }
    assert_eq!(pairs, 5_000);
    assert!(matching > 500 && matching < 4_500, "{matching} of {pairs} pairs match: they say little");
    for difference in [Meant::BareRepository, Meant::DockerHub, Meant::OneDigest] {
        let seen = meant.get(&difference).copied().unwrap_or_default();
        assert!(seen > 8, "{difference:?} was seen {seen} times");
    }
}

/// In `countersign.dev` a glob with a tag or digest is refused, and every other means the same as above.
#[test]
fn both_groups_read_the_same_globs_but_for_tags_and_digests() {
    let mut numbers = Numbers(0x0c0_ffee);
    let mut refused = 0;
    for _ in 0..1_000 {
        let registry = numbers.of(&REGISTRIES);
        let image = format!("acme/{}", path(&mut numbers));
        let glob = glob(&mut numbers, registry, &image);
        let Ok(theirs) = Pattern::parse(&glob, Dialect::PolicyController) else { continue };
        let repository: Repository = format!("{registry}/{image}").parse().unwrap();
        match Pattern::parse(&glob, Dialect::Countersign) {
            Err(_) => {
                let behind = glob.rfind('/').map_or(glob.as_str(), |slash| glob.get(slash..).unwrap());
                assert!(glob.contains('@') || behind.contains(':'), "{glob}");
                refused += 1;
            }
            // A glob whose wildcard would have to eat the digest is none about the repository.
            Ok(ours) => assert!(!ours.matches(&repository) || theirs.matches(&repository), "{glob} {repository}"),
        }
    }
    assert!(refused > 40, "{refused}");
}
