//! The TUF repositories of the instances whose roots are built in.
//!
//! Beside this file lie their `root.json`, in which trust begins: data of sigstore/root-signing and of GitHub, signed by
//! their keyholders. They need not be new, since every later root is reached from them.

use std::sync::Arc;

use crate::trust::{BuiltInRoot, RelativePath, TufMirror, TufPlace, TufSource};

/// The repository that vouches for newer versions of a built-in root.
///
/// # Errors
/// Never, unless the program was built with a broken address; a test reads each.
pub fn repository_of(root: BuiltInRoot) -> Result<TufSource, Box<dyn std::error::Error + Send + Sync>> {
    let (bootstrap, mirror): (&[u8], &str) = match root {
        BuiltInRoot::GitHub => (include_bytes!("roots/github.root.json"), "https://tuf-repo.github.com"),
        BuiltInRoot::PublicGood => (include_bytes!("roots/public-good.root.json"), "https://tuf-repo-cdn.sigstore.dev"),
    };
    Ok(TufSource {
        bootstrap: Arc::from(bootstrap),
        place: TufPlace::Mirror(mirror.parse::<TufMirror>()?),
        target: "trusted_root.json".parse::<RelativePath>()?,
        targets: "targets".parse::<RelativePath>()?,
    })
}
