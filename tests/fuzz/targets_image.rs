//! The fuzz targets of images, their names and configurations, each a plain function, as in `targets.rs`.

#![expect(unreachable_pub, reason = "the packages that include this file call them from outside")]

use countersign::evidence::ImageConfig;
use countersign::image::{Digest, ImageRef};
use serde_json::Value;

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

/// The configuration of an image: what is read of it is what a reader that knows nothing of types sees.
pub fn image_config(bytes: &[u8]) {
    let Ok(config) = ImageConfig::parse(bytes) else { return };
    assert_eq!(config.json().as_bytes(), bytes);
    // What is read over may hold numbers and escapes that the untyped reader refuses.
    let Ok(document) = serde_json::from_str::<Value>(config.json()) else { return };
    let text = |name: &str| document[name].as_str().unwrap_or_default();
    assert_eq!(config.platform().is_empty(), text("os").is_empty());
    assert!(
        config.platform().starts_with(text("os")) && config.platform().contains(text("variant"))
            || text("os").is_empty()
    );
}
