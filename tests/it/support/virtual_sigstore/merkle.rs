//! Entries of a log, and proofs that they are in it (RFC 6962, 2.1).

use super::key::sha256;

/// An entry as bundles hold it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: String,
    pub(crate) version: String,
    pub(crate) body: Vec<u8>,
    pub(crate) log_id: Vec<u8>,
    pub(crate) index: i64,
    /// Seconds since 1970.
    pub(crate) time: Option<i64>,
    pub(crate) promise: Option<Vec<u8>>,
    pub(crate) proof: Option<Proof>,
}

/// A proof that an entry is in a tree.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) index: i64,
    pub(crate) size: i64,
    pub(crate) root: Vec<u8>,
    pub(crate) hashes: Vec<Vec<u8>>,
    pub(crate) checkpoint: String,
}

/// Where an entry stands in the trees of these logs, and how large they are.
pub(crate) const INDEX: usize = 5;
const SIZE: usize = 11;

/// Proves that `body` is in a tree of other entries, without a checkpoint.
pub(crate) fn prove(body: &[u8]) -> Proof {
    let leaves: Vec<_> = (0..SIZE)
        .map(|index| if index == INDEX { leaf(body) } else { leaf(format!("entry {index}").as_bytes()) })
        .collect();
    Proof {
        index: i64::try_from(INDEX).unwrap(),
        size: i64::try_from(SIZE).unwrap(),
        root: root(&leaves),
        hashes: path(INDEX, &leaves),
        checkpoint: String::new(),
    }
}

fn leaf(body: &[u8]) -> Vec<u8> {
    sha256(&[&[0], body].concat())
}

fn node(left: &[u8], right: &[u8]) -> Vec<u8> {
    sha256(&[&[1], left, right].concat())
}

fn split(leaves: &[Vec<u8>]) -> usize {
    leaves.len().next_power_of_two() / 2
}

fn root(leaves: &[Vec<u8>]) -> Vec<u8> {
    match leaves {
        [single] => single.clone(),
        _ => {
            let (left, right) = leaves.split_at(split(leaves));
            node(&root(left), &root(right))
        }
    }
}

fn path(index: usize, leaves: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let at = split(leaves);
    let (left, right) = leaves.split_at(at);
    let (mut hashes, sibling) =
        if index < at { (path(index, left), root(right)) } else { (path(index - at, right), root(left)) };
    hashes.push(sibling);
    hashes
}

/// A checkpoint (<https://c2sp.org/tlog-checkpoint>) over the tree of `proof`, without signatures.
pub(crate) fn note(origin: &str, proof: &Proof) -> String {
    use base64::Engine as _;
    let root = base64::engine::general_purpose::STANDARD.encode(&proof.root);
    format!("{origin}\n{}\n{root}\n", proof.size)
}

/// A line with a signature (<https://c2sp.org/signed-note>).
pub(crate) fn signature_line(name: &str, id: &[u8], signature: &[u8]) -> String {
    use base64::Engine as _;
    let signature = base64::engine::general_purpose::STANDARD.encode([&id[..4], signature].concat());
    format!("\u{2014} {name} {signature}\n")
}
