//! The names of images: registry, repository, tag and digest; parsed, normalised and printed.
//!
//! An image is named in three ways, and each is a type of its own: [`ImageRef`] is what a user wrote,
//! [`Repository`] is what policies match, and [`ImageDigest`] is the only name that evidence can be about.
//!
//! This module never talks to a registry, and never guesses: what is not a valid name is an error.

mod digest;
mod image_digest;
mod image_use;
mod location;
mod pointer_pattern;
mod reference;
mod repository;
mod tag;

pub use digest::{Digest, ParseDigestError};
pub use image_digest::ImageDigest;
pub use image_use::{ContainerKind, ImageUse, Pointer};
pub use location::Location;
pub use pointer_pattern::{ParsePointerError, PointerPart, PointerPattern};
pub use reference::{ImageRef, ParseImageError};
pub use repository::{ParseRepositoryError, Registry, Repository};
pub use tag::{ParseTagError, Tag};
