//! `serve` where there is little of everything: memory, file descriptors, places to write.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::thread;

use countersign::evidence::media_type;
use countersign::signer::Format;
use serde_json::{Value, json};

use super::serving::{Serving, policy};
use super::support::Place;
use crate::support::forge::{bundle, payload, put_bundle, put_signatures, signature_layer, signed_envelope, statement};
use crate::support::review::{create, pod};
use crate::support::{Fault, Stage};

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");

/// The program under a shell that first takes something away.
fn without(place: &Place, script: &str) -> Serving {
    Serving::start_as(place, |args| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{script} && exec \"$0\" \"$@\""), PROGRAM]).args(args).current_dir(place.path());
        shell
    })
}

fn ends_well(serving: Serving) {
    serving.signal("TERM");
    assert_eq!(serving.end().0, Some(0));
}

/// How often no connection could be taken.
fn not_taken(serving: &Serving) -> u64 {
    let (status, metrics) = serving.get("/metrics");
    assert_eq!(status, 200);
    let line = metrics.lines().find_map(|line| line.strip_prefix("countersign_shed_total{ceiling=\"descriptors\"} "));
    line.unwrap().parse().unwrap()
}

/// What became of a review for whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Became {
    Allowed,
    CutOff,
    Denied,
    Shed,
}

/// T89: more connections than there are file descriptors wait, are cut off or are refused; none is let in that should not
/// be, and the process lives.
#[tokio::test(flavor = "multi_thread")]
async fn t89_a_process_without_file_descriptors_lives() {
    const ASKING: usize = 1_000;
    let stage = Stage::new().await;
    let signed = create(pod(&[&stage.push_signed("good", "v1").to_string()])).to_string();
    let unsigned = create(pod(&[&stage.push("bare", "v1").to_string()])).to_string();
    let place = Place::new();
    place.write("policies/signed.yaml", &stage.signed());
    let mut serving = without(&place, "ulimit -n 64");
    assert!(serving.judge());
    assert_eq!(not_taken(&serving), 0);
    let crowd: Vec<_> = (0..120).map(|_| TcpStream::connect(&serving.client().address).unwrap()).collect();
    serving.wait_for("os error 24");
    drop(crowd);
    assert!(serving.judge());

    // A thousand at once, each with a review of its own; what is refused is refused for want of proof or of room.
    let client = serving.client();
    let ask = |review: &String| match client.ask("POST", "/validate?timeout=20s", review) {
        Err(_) => Became::CutOff,
        Ok((408 | 503, _)) => Became::Shed,
        Ok((status, body)) => {
            assert_eq!(status, 200, "{body}");
            let answer: Value = serde_json::from_str(&body).unwrap();
            let allowed = answer["response"]["allowed"].as_bool().unwrap();
            let reason = answer["response"]["auditAnnotations"]["reason"].as_str();
            let lacks = ["deadline_exceeded", "overloaded", "registry_unavailable", "signature_missing"];
            assert!(allowed || reason.is_some_and(|reason| lacks.contains(&reason)), "{body}");
            if allowed { Became::Allowed } else { Became::Denied }
        }
    };
    let before = not_taken(&serving);
    let together = std::sync::Barrier::new(ASKING);
    let became: Vec<(bool, Became)> = thread::scope(|scope| {
        let asked: Vec<_> = (0..ASKING)
            .map(|at| {
                let (together, ask, is_signed) = (&together, &ask, at % 2 == 0);
                let review = if is_signed { &signed } else { &unsigned };
                scope.spawn(move || {
                    together.wait();
                    (is_signed, ask(review))
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let mut counts = std::collections::BTreeMap::new();
    became.iter().for_each(|became| *counts.entry(*became).or_insert(0_usize) += 1);
    println!("{counts:?}");
    assert_eq!(became.len(), ASKING);
    assert_eq!(counts.get(&(false, Became::Allowed)), None, "without proof: {counts:?}");
    assert!(not_taken(&serving) > before, "{counts:?}");

    // Afterwards everything is as it was, once what it could not ask may be asked again.
    let allowed = |review| ask(review) == Became::Allowed;
    serving.until("the signed one is admitted", |_| allowed(&signed));
    assert_eq!(ask(&unsigned), Became::Denied);
    assert!(serving.judge());
    ends_well(serving);
}

/// T87: it writes nothing that it was not told to write. Under this limit whoever writes a byte to a file is killed.
#[test]
fn t87_nothing_is_written_to_disk() {
    let place = Place::new();
    let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = place.write("countersign-ca.pem", &identity.cert.pem());
    let key = place.write("tls.key", &identity.signing_key.serialize_pem());
    let policies = place.write("policies/p.yaml", &policy("pass"));
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "ulimit -f 0 && cd / && exec \"$0\" \"$@\"",
        PROGRAM,
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--policies",
    ]);
    shell.arg(policies.parent().unwrap()).arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
    for name in ["TMPDIR", "HOME", "XDG_CACHE_HOME"] {
        shell.env(name, "/nonexistent");
    }
    let serving = Serving::start_with(&place, shell);
    assert!(serving.judge());
    place.write("policies/p.yaml", &policy("fail"));
    serving.until("the new policy refuses", |serving| !serving.judge());
    ends_well(serving);
}

/// The most memory that T88 may take at any moment, in KiB: that of a small pod.
const SMALL_POD: u64 = 64 << 10;

/// Fields of a process's `status`, in KiB.
pub(super) fn memory(process: u32, fields: &[&str]) -> Vec<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let of = |field: &&str| {
        let line = status.lines().find_map(|line| line.strip_prefix(*field)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    };
    fields.iter().map(of).collect()
}

/// The most memory that a process takes from now on.
struct Peak {
    process: u32,
    /// What it has of files so far: its own and libraries.
    files: u64,
}

impl Peak {
    /// Forgets the peak so far (proc(5), `clear_refs`).
    fn begin(process: u32) -> Self {
        fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
        Self { process, files: memory(process, &["RssFile"])[0] }
    }

    /// The peak since, in KiB, without the pages of files that it had at the beginning: a limit of memory counts those, but
    /// the kernel takes them back before it ends anything.
    fn read(&self) -> u64 {
        memory(self.process, &["VmHWM"])[0] - self.files
    }
}

/// T88: too much of everything, again and again, fits into the memory of a small pod.
#[tokio::test(flavor = "multi_thread")]
async fn t88_hostile_volume_stays_within_little_memory() {
    let stage = Stage::new().await;
    let good = stage.push_signed("good", "v1").to_string();
    let layers = stage.push("layers", "v1");
    let text = payload(layers.digest()).to_string();
    put_signatures(
        &stage.registry,
        &layers,
        &vec![signature_layer(&stage.registry, "layers", text.as_bytes(), b"noise"); 10_000],
    );
    let wide = stage.push("wide", "v1");
    let mut claims = statement(crate::support::forge::SIGN, wide.digest());
    claims["subject"]
        .as_array_mut()
        .unwrap()
        .extend(vec![json!({ "name": "x", "digest": { "sha256": "00" } }); 100_000]);
    put_bundle(
        &stage.registry,
        &wide,
        &bundle(&stage.key, &signed_envelope(&stage.key, claims.to_string().as_bytes())),
    );
    let deep = stage.push("deep", "v1");
    let nested =
        format!(r#"{{"schemaVersion":2,"config":{}{},"layers":[]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let tag = countersign::evidence::Path::SignatureTag.tag(deep.digest()).to_string();
    stage.registry.put_manifest("deep", Some(&tag), media_type::OCI_MANIFEST, nested.into());
    let endless = stage.push("endless", "v1");
    stage.sign(&endless, Format::Legacy);
    stage.front.on("/v2/endless/blobs/", Fault::Endless);
    let many = vec![good.as_str(); countersign::limits::IMAGES_PER_REQUEST + 1];
    let reviews: Vec<(&str, Value)> = vec![
        ("limit_exceeded", create(pod(&[&layers.to_string()]))),
        ("limit_exceeded", create(pod(&[&wide.to_string()]))),
        ("evidence_malformed", create(pod(&[&deep.to_string()]))),
        ("evidence_malformed", create(pod(&[&endless.to_string()]))),
        ("limit_exceeded", create(pod(&many))),
    ];

    let place = Place::new();
    place.write("policies/signed.yaml", &stage.signed());
    let serving = Serving::start(&place);
    let client = serving.client();
    let judge = |review: &Value| {
        let (status, body) = client.ask("POST", "/validate?timeout=30s", &review.to_string()).unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["response"].clone()
    };
    assert_eq!(judge(&create(pod(&[&good])))["allowed"], true);
    let peak = Peak::begin(serving.id());
    for round in 0..10 {
        let answers: Vec<_> = thread::scope(|scope| {
            let asked: Vec<_> = reviews.iter().map(|(_, review)| scope.spawn(|| judge(review))).collect();
            asked.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        for ((code, _), answer) in reviews.iter().zip(answers) {
            assert_eq!(answer["allowed"], false);
            let text = answer["status"]["message"].as_str().unwrap();
            assert!(text.contains(code), "{code}: {text}");
        }
        let most = peak.read();
        assert!(most < SMALL_POD, "{most} KiB in round {round}");
    }
    println!("at most {} KiB", peak.read());
    assert_eq!(judge(&create(pod(&[&good])))["allowed"], true);
    ends_well(serving);
}
