//! A sentence and a hint for every reason.

use crate::policy::DenyReason;

/// What `reason` means, in one sentence.
pub fn sentence(_reason: DenyReason) -> &'static str {
    todo!()
}

/// What to do about `reason`. The word `IMAGE` stands for the image.
pub fn hint(_reason: DenyReason) -> Option<&'static str> {
    todo!()
}

/// What to do about `reason`, where the image is known.
pub fn hint_for(reason: DenyReason, image: &str) -> Option<String> {
    hint(reason).map(|hint| hint.replace("IMAGE", image))
}
