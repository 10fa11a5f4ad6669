//! Admission warnings.

use super::{plain, quoted};
use crate::image::{ContainerKind, ImageUse, Pointer};
use crate::limits::WARNING_CHARS;
use crate::policy::Warning;

/// `warning` about `image` in at most [`WARNING_CHARS`] characters. Where there is more to say, the names of container and
/// policy are shortened from their end and the image from its front, since there images of one registry differ.
pub fn warning(warning: &Warning, image: &ImageUse) -> String {
    let (before, after) = around(warning, image, 64);
    let written = image.image.written();
    if before.chars().count() + after.chars().count() + written.chars().count() + 2 <= WARNING_CHARS {
        return format!("{before}`{written}`{after}");
    }
    let (before, after) = around(warning, image, 20);
    let room = WARNING_CHARS.saturating_sub(before.chars().count() + after.chars().count() + 2);
    format!("{before}`{}`{after}", tail(written, room))
}

/// What stands before and behind the image, with names of at most `name` bytes.
fn around(warning: &Warning, image: &ImageUse, name: usize) -> (String, String) {
    let before = match image.container.as_str() {
        "" => String::new(),
        container => format!("{} {}: ", image.kind, quoted(container, name)),
    };
    let after = match warning {
        Warning::MutableTag => " names a tag, which may move".to_owned(),
        Warning::NoMatchingPolicy => " is covered by no policy".to_owned(),
        Warning::WouldDeny(denial) => {
            let by = denial.policy.as_ref();
            let by = by.map(|policy| format!(" by {}", quoted(&policy.to_string(), name)));
            format!(" would be denied{}: {}", by.unwrap_or_default(), denial.reason)
        }
    };
    (before, after)
}

/// A warning that a template names no image at `pointer`, in at most [`WARNING_CHARS`] characters.
pub fn missing_image(kind: ContainerKind, container: &str, pointer: &Pointer) -> String {
    let warning = match kind {
        ContainerKind::Field => "a field that is to name an image is empty".to_owned(),
        ContainerKind::Container
        | ContainerKind::EphemeralContainer
        | ContainerKind::ImageVolume
        | ContainerKind::InitContainer => format!("{kind} {}: the template names no image", quoted(container, 40)),
    };
    let path = pointer.field_path();
    if warning.chars().count() + path.chars().count() + 3 > WARNING_CHARS {
        warning
    } else {
        format!("{warning} ({path})")
    }
}

/// A warning about the field at `path` of one of our own resources. The API server shortens warnings above 256 characters
/// when there are many.
pub fn finding(object: &str, path: &str, message: &str) -> String {
    plain(&format!("{object}: {path}: {message}"), 250)
}

/// The last characters of `text`, at most `chars`.
fn tail(text: &str, chars: usize) -> String {
    let length = text.chars().count();
    if length <= chars {
        return text.to_owned();
    }
    let tail = text.chars().skip(length + 1 - chars.max(1));
    std::iter::once('…').chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Denial, DenyReason, PolicyName};

    fn image(kind: ContainerKind, container: &str, image: &str) -> ImageUse {
        ImageUse {
            pointer: Pointer::new("/spec/containers/0/image"),
            kind,
            container: container.to_owned(),
            image: image.parse().unwrap(),
        }
    }

    #[test]
    fn warnings_in_words() {
        let web = image(ContainerKind::Container, "web", "ghcr.io/shop/web:v1");
        let policy = PolicyName::new("countersign.dev", "prod");
        let denial = Denial::new(DenyReason::SignatureMissing, "").by(&policy);
        for (warned, expected) in [
            (Warning::MutableTag, "container `web`: `ghcr.io/shop/web:v1` names a tag, which may move"),
            (Warning::NoMatchingPolicy, "container `web`: `ghcr.io/shop/web:v1` is covered by no policy"),
            (
                Warning::WouldDeny(denial),
                "container `web`: `ghcr.io/shop/web:v1` would be denied by `prod`: signature_missing",
            ),
        ] {
            assert_eq!(warning(&warned, &web), expected);
        }
        assert_eq!(
            missing_image(web.kind, "web", &web.pointer),
            "container `web`: the template names no image (spec.containers[0].image)"
        );
    }

    #[test]
    fn the_longest_warning_has_120_characters_and_the_end_of_the_image() {
        let path = format!("registry.example/{}/web:v1", "a/".repeat(100) + "b");
        let long = "\u{1b}".repeat(200);
        for kind in [ContainerKind::EphemeralContainer, ContainerKind::Container, ContainerKind::Field] {
            for reason in DenyReason::ALL {
                let policy = PolicyName::new("countersign.dev", "p".repeat(253));
                let denial = Denial::new(reason, "").by(&policy);
                for warned in [Warning::MutableTag, Warning::NoMatchingPolicy, Warning::WouldDeny(denial)] {
                    let said = warning(&warned, &image(kind, &long, &path));
                    assert!(said.chars().count() <= WARNING_CHARS, "{said}");
                    assert!(said.contains(":v1`"), "{said}");
                    assert!(!said.contains('\u{1b}'), "{said}");
                }
            }
            let pointer = Pointer::new(format!("/spec/{}/image", "x".repeat(200)));
            let said = missing_image(kind, &long, &pointer);
            assert!(said.chars().count() <= WARNING_CHARS, "{said}");
        }
    }
}
