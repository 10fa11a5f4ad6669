//! The fuzz targets of what Kubernetes sends, each a plain function, as in `targets.rs`.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use countersign::admission::{Judgement, Malformed, Operation, Request, Response};
use countersign::image::{Digest, ImageRef};
use serde_json::Value;

/// An AdmissionReview: every image that is found stands where its pointer says, and no text in a place of an image is
/// passed over.
pub fn review(bytes: &[u8]) {
    let request = match Request::parse(bytes) {
        Ok(request) => request,
        Err(Malformed::NotReview { finding }) => {
            assert!(!finding.is_empty());
            return;
        }
        Err(Malformed::Request { uid, denial }) => {
            assert!(!uid.is_empty());
            let answer = Response::refused(&uid, &denial);
            assert!(!answer.is_allowed());
            let answer: Value = serde_json::from_slice(&answer.to_json()).unwrap();
            assert_eq!(answer["response"]["uid"], Value::String(uid));
            return;
        }
    };
    let Ok(review) = serde_json::from_slice::<Value>(bytes) else {
        panic!("what serde_json cannot read is no review");
    };
    assert_eq!(review["request"]["uid"], Value::String(request.uid().to_owned()));
    let object = &review["request"]["object"];
    match request.subject() {
        Judgement::Judge(judge) => {
            for image in &judge.images {
                let found = object.pointer(image.pointer.as_str()).and_then(Value::as_str);
                assert_eq!(found, Some(image.image.written()));
            }
            // What is not judged can only be what an update leaves as it was.
            if request.operation() == Operation::Create {
                assert_eq!(judge.images.len(), images(object, false));
            }
            assert!(!Response::exempt(&request).is_allowed(), "it has to be judged");
        }
        Judgement::Pass(exemption) => {
            let answer = Response::exempt(&request);
            assert!(answer.is_allowed());
            if exemption.code() == "no_images" {
                assert_eq!(images(object, false), 0);
            }
        }
    }
}

/// The texts in the places of images, wherever in the object: of each entry of a list of containers, and each volume.
fn images(value: &Value, in_spec: bool) -> usize {
    let Value::Object(fields) = value else { return 0 };
    let blank = |text: &Value| text.as_str().is_none_or(|text| text.trim().is_empty());
    let count = |list: &str, pointer: &str| {
        let entries = fields.get(list).and_then(Value::as_array).into_iter().flatten();
        entries.filter(|entry| entry.pointer(pointer).is_some_and(|image| !blank(image))).count()
    };
    let here = count("containers", "/image")
        + count("initContainers", "/image")
        + count("ephemeralContainers", "/image")
        + count("volumes", "/image/reference");
    // The way to a pod spec leads through these only.
    let below = ["spec", "template", "jobTemplate"].iter().filter_map(|name| fields.get(*name));
    below.map(|value| images(value, true)).sum::<usize>() + if in_spec { here } else { 0 }
}

/// An image reference: what was parsed is printed as it was typed, and its canonical name means the same.
pub fn image_reference(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(image) = text.parse::<ImageRef>() else { return };
    assert_eq!(image.written(), text);
    assert!(text.is_ascii(), "{text:?}");
    let canonical: ImageRef = image.canonical().parse().unwrap();
    assert_eq!(canonical.canonical(), image.canonical());
    assert_eq!(canonical.repository(), image.repository());
    assert_eq!(canonical.digest(), image.digest());
    let digest = Digest::of(bytes);
    let pinned: ImageRef = image.pinned(digest).parse().unwrap();
    assert_eq!(pinned.digest(), Some(image.digest().unwrap_or(digest)));
    assert_eq!(pinned.repository(), image.repository());
    assert_eq!(pinned.pinned(Digest::of(b"another")), image.pinned(digest), "a second time changes nothing");
}
