//! Trust roots from TUF repositories: what is believed, and what is refused. Each refusal has the twin that differs in
//! one thing, and after it a good repository is believed again.

mod kept;
mod mirror;
mod repository;

use std::sync::Arc;
use std::time::Duration;

use countersign::sigstore::{Keeper, MirrorError, RefreshError, RefreshFailure, TufClient, http_client, repository_of};
use countersign::trust::{
    BuiltInRoot, RelativePathError, RootState, TrustedRoot, TufArchive, TufMirror, TufPlace, TufSource,
};
use jiff::Timestamp;
use mirror::{Answer, Server};
use repository::{END, Files, Repository, archive, keys, other_trusted_root, sign};
use serde_json::{Value, json};

const NOW: &str = "2026-06-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn source(bootstrap: &[u8], place: TufPlace) -> TufSource {
    TufSource {
        bootstrap: Arc::from(bootstrap),
        place,
        target: "trusted_root.json".parse().unwrap(),
        targets: "targets".parse().unwrap(),
    }
}

fn client(bootstrap: &[u8], server: &Server) -> Result<TufClient, RefreshError> {
    let mirror: TufMirror = server.url.parse().unwrap();
    TufClient::new(&source(bootstrap, TufPlace::Mirror(mirror)), &http_client(&[]).unwrap())
}

fn of_archive(bootstrap: &[u8], files: &Files) -> Result<TufClient, RefreshError> {
    let place = TufPlace::Archive(TufArchive(Arc::from(archive(files))));
    TufClient::new(&source(bootstrap, place), &http_client(&[]).unwrap())
}

/// What a client that knows nothing but the first root makes of `files`.
async fn judge(repository: &Repository, files: &Files) -> Result<TrustedRoot, RefreshError> {
    of_archive(&repository.root(&Vec::new()), files)?.refresh(at(NOW)).await
}

fn name_of(files: &Files, end: &str) -> String {
    files.keys().find(|name| name.ends_with(end)).unwrap().clone()
}

/// Changes what is signed in one file, and signs it again by whoever has to.
fn resign(repository: &Repository, files: &mut Files, file: &str, change: impl FnOnce(&mut Value)) {
    let mut document: Value = serde_json::from_slice(&files[file]).unwrap();
    change(&mut document["signed"]);
    let role = document["signed"]["_type"].as_str().unwrap().to_owned();
    files.insert(file.to_owned(), sign(&document["signed"], &repository.roles[role.as_str()].0));
}

#[tokio::test]
async fn a_mirror_and_an_archive_give_the_same_root() {
    let repository = Repository::new();
    let root = repository.root(&Vec::new());
    let server = Server::start(&repository.files()).await;
    let read = client(&root, &server).unwrap().refresh(at(NOW)).await.unwrap();
    let packed = of_archive(&root, &repository.files()).unwrap().refresh(at(NOW)).await.unwrap();
    let expected = TrustedRoot::built_in(BuiltInRoot::PublicGood).unwrap();
    for found in [read, packed] {
        assert_eq!(found.fingerprint(), expected.fingerprint());
        assert_eq!(found.expires(), Some(at(END)));
    }
    let asked = server.asked();
    assert_eq!(asked[..4], ["/2.root.json", "/timestamp.json", "/1.snapshot.json", "/1.targets.json"]);
    assert!(asked[4].starts_with("/targets/") && asked[4].ends_with(".trusted_root.json"));
}

#[tokio::test]
async fn a_root_ends_when_the_first_of_its_metadata_does() {
    for role in repository::ROLES {
        let mut repository = Repository::new();
        repository.ends.insert(role, "2026-06-02T00:00:00Z");
        let root = judge(&repository, &repository.files()).await.unwrap();
        assert_eq!(root.expires(), Some(at("2026-06-02T00:00:00Z")), "{role}");
    }
}

#[tokio::test]
async fn the_repositories_of_the_built_in_roots_sign_for_themselves() {
    for root in BuiltInRoot::ALL {
        TufClient::new(&repository_of(root).unwrap(), &http_client(&[]).unwrap()).unwrap();
    }
}

/// T73: what was seen once is the floor, for every role.
#[tokio::test]
async fn t73_rollback_is_refused() {
    let old = Repository::new();
    let new = old.newer(&["timestamp", "snapshot", "targets"]);
    let root = old.root(&Vec::new());
    let server = Server::start(&new.files()).await;
    let client = client(&root, &server).unwrap();
    client.refresh(at(NOW)).await.unwrap();

    server.publish(&old.files());
    let error = client.refresh(at(NOW)).await.unwrap_err();
    assert_eq!(error, RefreshError::Rollback { role: "timestamp".to_owned(), trusted: 2, offered: 1 });

    // A newer timestamp around an older snapshot, and a newer snapshot around older targets.
    let mut mixed = new.newer(&["timestamp"]);
    mixed.versions.insert("snapshot", 1);
    server.publish(&mixed.files());
    let error = client.refresh(at(NOW)).await.unwrap_err();
    assert!(matches!(&error, RefreshError::Rollback { role, .. } if role.starts_with("snapshot")), "{error}");
    let mut mixed = new.newer(&["timestamp", "snapshot"]);
    mixed.versions.insert("targets", 1);
    server.publish(&mixed.files());
    let error = client.refresh(at(NOW)).await.unwrap_err();
    assert!(matches!(&error, RefreshError::Rollback { role, .. } if role.starts_with("targets")), "{error}");
    assert_eq!(error.failure(), RefreshFailure::Invalid);

    let mut newest = new.newer(&["timestamp", "timestamp", "snapshot", "snapshot", "targets"]);
    newest.target = other_trusted_root();
    server.publish(&newest.files());
    let found = client.refresh(at(NOW)).await.unwrap();
    assert_eq!(found.fingerprint(), TrustedRoot::built_in(BuiltInRoot::GitHub).unwrap().fingerprint());
}

/// T73: the floor is kept in a folder too, where there is one, and what lies there is not believed by itself.
#[tokio::test]
async fn t73_rollback_is_refused_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let old = Repository::new();
    let new = old.newer(&["timestamp"]);
    let root = old.root(&Vec::new());
    let server = Server::start(&new.files()).await;
    let restart = || client(&root, &server).unwrap().with_folder(folder.path());
    restart().refresh(at(NOW)).await.unwrap();
    server.publish(&old.files());
    let error = restart().refresh(at(NOW)).await.unwrap_err();
    assert_eq!(error, RefreshError::Rollback { role: "timestamp".to_owned(), trusted: 2, offered: 1 });

    // Somebody else's metadata in the folder.
    let foreign = Repository::new();
    for (name, bytes) in foreign.newer(&["timestamp"; 9]).files() {
        let name = if name.ends_with(".root.json") { "root.json".to_owned() } else { name };
        std::fs::create_dir_all(folder.path().join("targets")).unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    assert!(restart().refresh(at(NOW)).await.is_ok());
}

/// T73: metadata that has ended, each role by itself; the clock is the one that is given.
#[tokio::test]
async fn t73_freeze_is_refused() {
    for role in repository::ROLES {
        let mut repository = Repository::new();
        let end = "2026-06-02T00:00:00Z";
        repository.ends.insert(role, end);
        let client = of_archive(&repository.root(&Vec::new()), &repository.files()).unwrap();
        assert!(client.refresh(at(end)).await.is_ok(), "the last moment counts");
        let error = client.refresh(at("2026-06-02T00:00:01Z")).await.unwrap_err();
        assert_eq!(error, RefreshError::Expired { role: role.to_owned(), at: at(end) });
        assert_eq!(error.failure(), RefreshFailure::Stale);
    }
}

/// T73: the last good root is kept until it ends, then there is none.
#[tokio::test]
async fn t73_the_last_good_root_is_kept_until_it_ends() {
    let end = at("2026-06-03T00:00:00Z");
    let mut repository = Repository::new();
    repository.ends.insert("timestamp", "2026-06-03T00:00:00Z");
    let server = Server::start(&repository.files()).await;
    let client = client(&repository.root(&Vec::new()), &server).unwrap();
    let mut keeper = Keeper::new(None, at(NOW));
    keeper.refreshed(client.refresh(at(NOW)).await.unwrap(), at(NOW));
    server.answer("timestamp.json", Answer::Status(503));
    let later = at("2026-06-02T00:00:00Z");
    keeper.failed(client.refresh(later).await.unwrap_err(), later);
    assert!(matches!(keeper.state(end), RootState::Usable(_)));
    let RootState::Stale { ended, why } = keeper.state(at("2026-06-03T00:00:01Z")) else { panic!() };
    assert_eq!((ended, why.as_str()), (end, "`timestamp.json`: the mirror answers with status 503"));
}

/// T73: files of different states of a repository.
#[tokio::test]
async fn t73_mix_and_match_is_refused() {
    let old = Repository::new();
    let mut new = old.newer(&["snapshot", "targets", "timestamp"]);
    new.target = other_trusted_root();
    assert!(judge(&old, &new.files()).await.is_ok());

    // The new snapshot's place holds the old one, then the targets', then the target's.
    let both = [old.files(), new.files()];
    let swap = |from: &str, to: &str| {
        let mut files = both[1].clone();
        files.insert(name_of(&both[1], to), both[0][&name_of(&both[0], from)].clone());
        files
    };
    for (from, to) in [
        ("1.snapshot.json", "2.snapshot.json"),
        ("1.targets.json", "2.targets.json"),
        ("trusted_root.json", "trusted_root.json"),
    ] {
        let error = judge(&old, &swap(from, to)).await.unwrap_err();
        assert!(matches!(error, RefreshError::Mismatch(_)), "{to}: {error}");
    }
    // Pins by version alone, which is what most repositories write for targets.
    let mut files = new.files();
    let snapshot = name_of(&files, "snapshot.json");
    resign(&new, &mut files, &snapshot, |signed| {
        signed["meta"]["targets.json"] = json!({ "version": 3 });
    });
    files.insert("timestamp.json".to_owned(), new.timestamp(&files[&snapshot]));
    files.insert("3.targets.json".to_owned(), files["2.targets.json"].clone());
    let error = judge(&old, &files).await.unwrap_err();
    assert!(matches!(error, RefreshError::Mismatch(_)), "{error}");
}

/// T74: each of these roots is refused before anything is asked for.
#[tokio::test]
async fn t74_thresholds_and_keys_that_are_none_are_refused() {
    let good = Repository::new();
    assert!(of_archive(&good.root(&Vec::new()), &good.files()).is_ok());
    let refuse = |repository: &Repository| of_archive(&repository.root(&Vec::new()), &good.files()).unwrap_err();

    for role in repository::ROLES {
        let mut none = good.clone();
        none.roles.get_mut(role).unwrap().1 = 0;
        let error = refuse(&none);
        let zero = matches!(&error, RefreshError::Threshold { threshold: 0, .. } | RefreshError::Malformed(_));
        assert!(zero, "{role}: {error}");

        let mut too_many = good.clone();
        too_many.roles.get_mut(role).unwrap().1 = 2;
        let error = refuse(&too_many);
        let short = matches!(
            &error,
            RefreshError::Threshold { threshold: 2, keys: 1, .. }
                | RefreshError::Signatures { found: 1, threshold: 2, .. }
        );
        assert!(short, "{role}: {error}");

        // One key under two IDs: it signs twice, and each signature is good.
        let mut twice = good.clone();
        let (keys, threshold) = twice.roles.get_mut(role).unwrap();
        keys.push(("another-name".to_owned(), Arc::clone(&keys[0].1)));
        *threshold = 2;
        assert_eq!(refuse(&twice), RefreshError::KeyTwice(role.to_owned()));
    }

    // The same ID twice in the list, and the same signature twice.
    let mut signed = good.root_signed();
    let ids = signed["roles"]["root"]["keyids"].as_array_mut().unwrap();
    ids.push(ids[0].clone());
    let bootstrap = sign(&signed, &good.roles["root"].0);
    assert_eq!(of_archive(&bootstrap, &good.files()).unwrap_err(), RefreshError::KeyTwice("root".to_owned()));
    let mut document: Value = serde_json::from_slice(&good.root(&Vec::new())).unwrap();
    let signatures = document["signatures"].as_array_mut().unwrap();
    signatures.push(signatures[0].clone());
    let bootstrap = document.to_string().into_bytes();
    assert_eq!(of_archive(&bootstrap, &good.files()).unwrap_err(), RefreshError::KeyTwice("root".to_owned()));

    let mut lost = good.root_signed();
    lost["roles"].as_object_mut().unwrap().remove("timestamp");
    let bootstrap = sign(&lost, &good.roles["root"].0);
    assert_eq!(of_archive(&bootstrap, &good.files()).unwrap_err(), RefreshError::Role("timestamp".to_owned()));
}

/// T74: without the signatures that are needed nothing is believed, whichever role it is.
#[tokio::test]
async fn t74_the_unsigned_is_refused() {
    let good = Repository::new();
    let strangers = keys(1);
    for (role, file) in
        [("timestamp", "timestamp.json"), ("snapshot", "1.snapshot.json"), ("targets", "1.targets.json")]
    {
        for signers in [&Vec::new(), &strangers] {
            let mut other = good.clone();
            other.roles.insert(role, (signers.clone(), 1));
            // The keys that the root knows stay the same; only who signs changes.
            let files = other.files();
            assert!(files.contains_key(file));
            let error = judge(&good, &files).await.unwrap_err();
            assert_eq!(error, RefreshError::Signatures { role: role.to_owned(), found: 0, threshold: 1 });
        }
    }
    for bootstrap in [sign(&good.root_signed(), &Vec::new()), sign(&good.root_signed(), &strangers)] {
        let error = of_archive(&bootstrap, &good.files()).unwrap_err();
        assert_eq!(error, RefreshError::Signatures { role: "root".to_owned(), found: 0, threshold: 1 });
    }
    // Signed, and changed afterwards.
    let mut files = good.files();
    let changed = String::from_utf8(files["timestamp.json"].clone()).unwrap().replace("2030", "2031");
    files.insert("timestamp.json".to_owned(), changed.into_bytes());
    assert!(matches!(judge(&good, &files).await, Err(RefreshError::Signatures { found: 0, .. })));
}

/// A new root needs the keys of the old one, and its own.
#[tokio::test]
async fn t74_a_new_root_is_signed_by_the_old_one() {
    let old = Repository::new();
    let mut new = old.newer(&["root"]);
    new.roles.insert("root", (keys(2), 2));
    new.roles.insert("timestamp", (keys(1), 1));
    let with = |root: Vec<u8>| {
        let mut files = new.files();
        files.insert("2.root.json".to_owned(), root);
        files
    };
    let good = with(new.root(&old.roles["root"].0));
    assert!(judge(&old, &good).await.is_ok());
    let error = judge(&old, &with(new.root(&Vec::new()))).await.unwrap_err();
    assert_eq!(error, RefreshError::Signatures { role: "root".to_owned(), found: 0, threshold: 1 });
    let error = judge(&old, &with(sign(&new.root_signed(), &old.roles["root"].0))).await.unwrap_err();
    assert_eq!(error, RefreshError::Signatures { role: "root".to_owned(), found: 0, threshold: 2 });
    // A version is left out.
    let mut skipped = new.newer(&["root"]);
    skipped.roles.insert("root", old.roles["root"].clone());
    let error = judge(&old, &with(skipped.root(&Vec::new()))).await.unwrap_err();
    assert_eq!(error, RefreshError::RootVersion { trusted: 1, offered: 3 });
    // The new root counts one of its keys twice.
    let mut twice = new.clone();
    let key = Arc::clone(&new.roles["root"].0[0].1);
    twice.roles.insert("root", (vec![("a".to_owned(), Arc::clone(&key)), ("b".to_owned(), key)], 2));
    let error = judge(&old, &with(twice.root(&old.roles["root"].0))).await.unwrap_err();
    assert_eq!(error, RefreshError::KeyTwice("root".to_owned()));
}

/// T75: names that come from the repository's metadata never leave the mirror's folder, nor the folder on disk.
#[tokio::test]
async fn t75_names_that_leave_are_refused_and_nothing_is_written() {
    let good = Repository::new();
    let root = good.root(&Vec::new());
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("cache");
    let server = Server::start(&good.files()).await;
    for hash in ["../../x", "/etc/passwd", "https://other.example.com/x", "a\0b", "%2e%2e/%2e%2e/x"] {
        let mut files = good.files();
        resign(&good, &mut files, "1.targets.json", |signed| {
            signed["targets"]["trusted_root.json"]["hashes"]["sha256"] = json!(hash);
        });
        let snapshot = good.snapshot(&files["1.targets.json"]);
        files.insert("timestamp.json".to_owned(), good.timestamp(&snapshot));
        files.insert("1.snapshot.json".to_owned(), snapshot);
        server.publish(&files);
        let before = server.asked().len();
        let client = client(&root, &server).unwrap().with_folder(&folder);
        let error = client.refresh(at(NOW)).await.unwrap_err();
        assert!(matches!(error, RefreshError::Path { .. }), "{hash:?}: {error}");
        assert!(server.asked()[before..].iter().all(|path| !path.starts_with("/targets")), "{hash:?}");
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "{hash:?}");
    }
    // A delegated role with such a name: it would become a file of metadata, and a file of the folder.
    let mut files = good.files();
    let (id, _) = &good.roles["targets"].0[0];
    resign(&good, &mut files, "1.targets.json", |signed| {
        signed["targets"] = json!({});
        let public = json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": "00".repeat(32) } });
        signed["delegations"] = json!({
            "keys": { id: public },
            "roles": [{ "name": "../x", "keyids": [id], "threshold": 1, "terminating": true, "paths": ["*"] }],
        });
    });
    let mut snapshot: Value = serde_json::from_slice(&good.snapshot(&files["1.targets.json"])).unwrap();
    snapshot["signed"]["meta"]["../x.json"] = json!({ "version": 1 });
    let snapshot = sign(&snapshot["signed"], &good.roles["snapshot"].0);
    files.insert("timestamp.json".to_owned(), good.timestamp(&snapshot));
    files.insert("1.snapshot.json".to_owned(), snapshot);
    server.publish(&files);
    let error = client(&root, &server).unwrap().with_folder(&folder).refresh(at(NOW)).await.unwrap_err();
    assert!(matches!(error, RefreshError::Path { why: RelativePathError::Leaves, .. }), "{error}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);

    server.publish(&good.files());
    let afresh = outside.path().join("another");
    assert!(client(&root, &server).unwrap().with_folder(&afresh).refresh(at(NOW)).await.is_ok());
    assert!(afresh.join("targets/trusted_root.json").is_file());
}

/// T76: a mirror that is down, slow, endless or odd. None of it takes the built-in root away.
#[tokio::test]
async fn t76_a_mirror_that_fails_stops_nothing() {
    let good = Repository::new();
    let root = good.root(&Vec::new());
    let server = Server::start(&good.files()).await;
    let mirror = |error: RefreshError| {
        let RefreshError::Mirror { error, .. } = error else { panic!("{error}") };
        error
    };
    for (answer, expected) in [
        (Answer::Status(500), MirrorError::Status(500)),
        (Answer::Status(429), MirrorError::Status(429)),
        (Answer::Redirect("http://127.0.0.1:1/latest/meta-data".to_owned()), MirrorError::Redirect),
        (Answer::Endless, MirrorError::TooLarge { ceiling: 16 << 10 }),
        (Answer::File(vec![b' '; (16 << 10) + 1]), MirrorError::TooLarge { ceiling: 16 << 10 }),
    ] {
        server.answer("timestamp.json", answer);
        let client = client(&root, &server).unwrap();
        let error = client.refresh(at(NOW)).await.unwrap_err();
        let mut keeper = Keeper::new(Some(Arc::new(TrustedRoot::public_good().unwrap())), at(NOW));
        keeper.failed(error.clone(), at(NOW));
        assert!(matches!(keeper.state(at(NOW)), RootState::Usable(_)));
        assert_eq!(mirror(error), expected);

        server.publish(&good.files());
        assert!(client.refresh(at(NOW)).await.is_ok(), "a good mirror is believed afterwards");
    }
    for name in ["2.root.json", "1.snapshot.json", "1.targets.json"] {
        server.answer(name, Answer::Endless);
        let error = client(&root, &server).unwrap().refresh(at(NOW)).await.unwrap_err();
        assert!(matches!(mirror(error), MirrorError::TooLarge { .. }), "{name}");
        server.publish(&good.files());
    }
    server.answer("timestamp.json", Answer::Hang);
    let hanging = client(&root, &server).unwrap().with_time(Duration::from_millis(50));
    assert_eq!(hanging.refresh(at(NOW)).await.unwrap_err(), RefreshError::Timeout);
    server.answer("timestamp.json", Answer::Status(404));
    let error = client(&root, &server).unwrap().refresh(at(NOW)).await.unwrap_err();
    assert_eq!(error, RefreshError::Missing("timestamp.json not found".to_owned()));
    assert_eq!(error.failure(), RefreshFailure::Unreachable);

    let gone = client(&root, &server).unwrap();
    drop(server);
    let error = gone.refresh(at(NOW)).await.unwrap_err();
    assert_eq!(error.failure(), RefreshFailure::Unreachable);
}

#[tokio::test]
async fn what_the_target_holds_is_checked_too() {
    let mut repository = Repository::new();
    repository.target = b"{}".to_vec();
    let error = judge(&repository, &repository.files()).await.unwrap_err();
    assert!(matches!(error, RefreshError::TrustedRoot(_)), "{error}");
    repository.target = vec![b' '; (1 << 20) + 1];
    let error = judge(&repository, &repository.files()).await.unwrap_err();
    assert!(matches!(error, RefreshError::Mismatch(_)), "{error}");
}

#[tokio::test]
async fn the_older_layout_is_refused_by_name() {
    let mut repository = Repository::new();
    repository.name = "fulcio.crt.pem";
    let error = judge(&repository, &repository.files()).await.unwrap_err();
    assert_eq!(error, RefreshError::NoTarget("trusted_root.json".to_owned()));
    repository.custom = Some(json!({ "sigstore": { "usage": "Fulcio", "status": "Active" } }));
    let error = judge(&repository, &repository.files()).await.unwrap_err();
    assert!(error.to_string().contains("single files by usage (Fulcio)"), "{error}");
}

/// The command line over a repository in a document: exit codes, and what is printed.
#[test]
fn trust_refresh_and_show_say_what_a_repository_holds() {
    let folder = tempfile::tempdir().unwrap();
    let run = |repository: &Repository, files: &Files, command: &[&str]| {
        let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        let document = json!({
            "apiVersion": "policy.sigstore.dev/v1alpha1",
            "kind": "TrustRoot",
            "metadata": { "name": "acme" },
            "spec": { "repository": { "root": encode(&repository.root(&Vec::new())), "mirrorFS": encode(&archive(files)) } },
        });
        let path = folder.path().join("trust-root.json");
        std::fs::write(&path, document.to_string()).unwrap();
        let cache = folder.path().join("cache");
        let args = ["countersign", "trust"].iter().chain(command).map(std::ffi::OsString::from);
        let args = args.chain(["--trust-root".into(), path.into_os_string()]);
        let args = args.chain(
            (command[0] == "refresh").then(|| ["--cache-dir".into(), cache.into_os_string()]).into_iter().flatten(),
        );
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = countersign::cli::run(args, &mut out, &mut err);
        (exit.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let mut good = Repository::new();
    // The commands read the clock of the machine.
    good.ends.values_mut().for_each(|end| *end = "9000-01-01T00:00:00Z");
    for command in ["refresh", "show"] {
        let (code, out, err) = run(&good, &good.files(), &[command, "-o", "json"]);
        assert_eq!((code, err.as_str()), (0, ""), "{command}");
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(found[0]["name"], "TrustRoot acme");
        assert_eq!(found[0]["expires"], "9000-01-01T00:00:00Z");
        let expected = TrustedRoot::built_in(BuiltInRoot::PublicGood).unwrap().fingerprint().to_string();
        assert_eq!(found[0]["fingerprint"], expected);
    }
    let kept = std::fs::read(folder.path().join("cache/targets/trusted_root.json")).unwrap();
    assert_eq!(kept, repository::trusted_root());

    let mut ended = good.newer(&["timestamp"]);
    ended.ends.insert("timestamp", "2020-01-01T00:00:00Z");
    for command in ["refresh", "show"] {
        let (code, out, err) = run(&ended, &ended.files(), &[command]);
        assert_eq!((code, out.as_str()), (1, ""), "{command}");
        assert!(err.contains("TrustRoot acme: the timestamp of the repository ended at 2020-01-01T00:00:00Z"), "{err}");
    }
}

/// Roots made by others, which lie outside of the project.
#[test]
#[expect(clippy::disallowed_methods, reason = "where the vectors lie is said by the environment")]
fn published_roots_are_read() {
    let folder = std::env::var_os("COUNTERSIGN_VECTORS").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"),
        std::path::PathBuf::from,
    );
    let mut read = 0;
    let mut folders = vec![folder.join("roots"), folder.join("sigstore-conformance")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with("trusted_root.json") {
                let root = TrustedRoot::parse(std::fs::read(&path).unwrap());
                root.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                read += 1;
            } else if name == "production.tuf_root.json" {
                let place = repository_of(BuiltInRoot::PublicGood).unwrap().place;
                let source = source(&std::fs::read(&path).unwrap(), place);
                TufClient::new(&source, &http_client(&[]).unwrap()).unwrap();
                read += 1;
            }
        }
    }
    println!("published trust roots: {}", if read == 0 { "ABSENT".to_owned() } else { format!("{read} read") });
}
