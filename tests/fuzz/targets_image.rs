//! The fuzz target of image references, a plain function, as in `targets.rs`.

#![expect(unreachable_pub, reason = "the packages that include this file call it from outside")]

use countersign::image::{Digest, ImageRef};

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
