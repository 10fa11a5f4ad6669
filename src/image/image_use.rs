//! An image where an object names it.

use std::fmt;

use super::ImageRef;

/// An image as one field of a Kubernetes object names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    /// Which field of the object holds the reference.
    pub pointer: Pointer,
    /// What kind of list the field stands in.
    pub kind: ContainerKind,
    /// The name of the container or volume; empty where the object gives none.
    pub container: String,
    /// The reference in the field.
    pub image: ImageRef,
}

/// The kind of list in which an image stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerKind {
    /// `containers`
    Container,
    /// `ephemeralContainers`
    EphemeralContainer,
    /// A field of a custom resource, in no list of a pod spec
    Field,
    /// `volumes[].image`
    ImageVolume,
    /// `initContainers`
    InitContainer,
}

impl ContainerKind {
    /// How messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::EphemeralContainer => "ephemeral container",
            Self::Field => "field",
            Self::ImageVolume => "image volume",
            Self::InitContainer => "init container",
        }
    }
}

impl fmt::Display for ContainerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A JSON pointer (RFC 6901) into the object under review, as in `/spec/containers/0/image`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(String);

impl Pointer {
    /// A pointer from its text, which its maker has escaped as RFC 6901 asks.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pointer as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same place as Kubernetes writes it: `/spec/containers/0/image` is `spec.containers[0].image`.
    pub fn field_path(&self) -> String {
        let mut path = String::with_capacity(self.0.len() + 4);
        for part in self.0.split('/').skip(1) {
            if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
                path.push('[');
                path.push_str(part);
                path.push(']');
            } else {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&part.replace("~1", "/").replace("~0", "~"));
            }
        }
        path
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_prints_as_a_field_path() {
        let pointer = Pointer::new("/spec/template/spec/initContainers/12/image");
        assert_eq!(pointer.field_path(), "spec.template.spec.initContainers[12].image");
    }
}
