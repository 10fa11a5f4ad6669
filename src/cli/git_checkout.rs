//! What a checkout of git says of its source, read from its files: no program is run.

use std::path::{Path, PathBuf};

use super::{Error, file};
use crate::limits;
use crate::signer::Origin;

/// The source of the checkout that holds `folder`; none where there is none.
///
/// # Errors
/// When there is one whose files cannot be read.
pub(super) fn origin(folder: &Path) -> Result<Option<Origin>, Error> {
    let Some(git) = folder.ancestors().map(|folder| folder.join(".git")).find(|path| path.exists()) else {
        return Ok(None);
    };
    let git = if git.is_dir() { git } else { linked(&git)? };
    // A worktree has its own HEAD, and shares all else.
    let common = match text(&git.join("commondir"))? {
        Some(path) => git.join(path.trim()),
        None => git.clone(),
    };
    let head = text(&git.join("HEAD"))?.unwrap_or_default();
    let (reference, commit) = match head.trim().strip_prefix("ref: ") {
        Some(name) if is_reference(name) => (Some(name.to_owned()), commit_of(&common, name)?),
        Some(_) => (None, None),
        None => (None, Some(head.trim().to_owned()).filter(|commit| !commit.is_empty())),
    };
    let config = text(&common.join("config"))?.unwrap_or_default();
    Ok(Some(Origin {
        repository: remote(&config),
        branch: reference.as_deref().and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned),
        commit,
        ..Origin::default()
    }))
}

/// The folder that a file `.git` points to.
fn linked(path: &Path) -> Result<PathBuf, Error> {
    let text = text(path)?.unwrap_or_default();
    let to = text.trim().strip_prefix("gitdir: ").map(PathBuf::from);
    let to =
        to.ok_or_else(|| Error::usage(format!("`{}` does not say where the checkout's files are", path.display())))?;
    Ok(path.parent().map_or(to.clone(), |parent| parent.join(&to)))
}

/// A name that stays below the folder.
fn is_reference(name: &str) -> bool {
    name.starts_with("refs/") && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

fn commit_of(git: &Path, name: &str) -> Result<Option<String>, Error> {
    if let Some(commit) = text(&git.join(name))? {
        return Ok(Some(commit.trim().to_owned()));
    }
    let packed = text(&git.join("packed-refs"))?.unwrap_or_default();
    Ok(packed.lines().find_map(|line| {
        let (commit, packed) = line.split_once(' ')?;
        (packed == name).then(|| commit.to_owned())
    }))
}

/// The URL of the remote `origin`.
fn remote(config: &str) -> Option<String> {
    let mut within = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            within = line == "[remote \"origin\"]";
        } else if within
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "url"
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

/// A file of the checkout; none where there is none.
fn text(path: &Path) -> Result<Option<String>, Error> {
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = file::read("the checkout's file", path, limits::GIT_FILE_BYTES)?;
    String::from_utf8(bytes).map(Some).map_err(|_| Error::usage(format!("`{}` is no text", path.display())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn a_checkout_says_its_source() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(origin(folder.path()).unwrap(), None);
        let git = folder.path().join(".git");
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let config = "[core]\n\tbare = false\n[remote \"other\"]\n\turl = x\n[remote \"origin\"]\n\turl = https://git.example/a\n";
        fs::write(git.join("config"), config).unwrap();
        let read = |head: &str| {
            fs::write(git.join("HEAD"), head).unwrap();
            let origin = origin(&inner).unwrap().unwrap();
            assert_eq!(origin.repository.as_deref(), Some("https://git.example/a"));
            (origin.branch, origin.commit)
        };
        let (main, commit) = (Some("main".to_owned()), Some(COMMIT.to_owned()));
        assert_eq!(read("ref: refs/heads/main\n"), (main.clone(), None));
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{COMMIT} refs/heads/main\n")).unwrap();
        assert_eq!(read("ref: refs/heads/main\n"), (main.clone(), commit.clone()));
        fs::write(git.join("refs/heads/main"), format!("{}\n", "b".repeat(40))).unwrap();
        assert_eq!(read("ref: refs/heads/main\n"), (main.clone(), Some("b".repeat(40))));
        assert_eq!(read(&format!("{COMMIT}\n")), (None, commit));
        assert_eq!(read("ref: refs/heads/../../config\n"), (None, None));

        // A worktree.
        let elsewhere = tempfile::tempdir().unwrap();
        let own = git.join("worktrees/w");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        fs::write(elsewhere.path().join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
        assert_eq!(origin(elsewhere.path()).unwrap().unwrap().commit, Some("b".repeat(40)));
    }
}
