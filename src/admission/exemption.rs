//! Why nobody has to judge the images of a request.

use std::fmt;

/// Why a request passes without a look at images. The list is closed, and only the parser of requests hands one out: it
/// reaches an answer inside a [`super::Request`], which nobody else can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exemption {
    /// `CONNECT` (exec, attach, port-forward) runs no image.
    Connect,
    /// `DELETE` runs no image.
    Delete,
    /// An update keeps every image as it is, so that draining and cleaning up always work.
    ImagesUnchanged,
    /// A node tells of a static pod that it runs already, under its own name.
    MirrorPodFromNode,
    /// The object names no image.
    NoImages,
    /// The subresource carries an object that has no place for an image.
    SubresourceWithoutImages,
}

impl Exemption {
    /// Every exemption, in the order of their codes.
    pub const ALL: [Self; 6] = [
        Self::Connect,
        Self::Delete,
        Self::ImagesUnchanged,
        Self::MirrorPodFromNode,
        Self::NoImages,
        Self::SubresourceWithoutImages,
    ];

    /// The stable code, for metrics, logs and audit annotations.
    pub fn code(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Delete => "delete",
            Self::ImagesUnchanged => "images_unchanged",
            Self::MirrorPodFromNode => "mirror_pod_from_node",
            Self::NoImages => "no_images",
            Self::SubresourceWithoutImages => "subresource_without_images",
        }
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
