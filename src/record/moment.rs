//! The four moments at which an artifact can be changed, and so at which somebody has to look.

use std::fmt;

/// A moment in the life of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// It is built, and its origin is attested.
    Creation,
    /// It is put where it is kept, and signed there.
    Storage,
    /// It is copied from one place to another.
    Distribution,
    /// It is taken to be run, and verified.
    Consumption,
}

impl Moment {
    /// Every moment, in the order of an artifact's life.
    pub const ALL: [Self; 4] = [Self::Creation, Self::Storage, Self::Distribution, Self::Consumption];

    /// Whether attestations of this type tell how something was made.
    pub fn is_of_creation(predicate_type: &str) -> bool {
        ["https://slsa.dev/provenance/", "https://spdx.dev/", "https://cyclonedx.org/", "https://in-toto.io/Link/"]
            .iter()
            .any(|prefix| predicate_type.starts_with(prefix))
    }

    /// How messages and JSON name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consumption => "consumption",
            Self::Creation => "creation",
            Self::Distribution => "distribution",
            Self::Storage => "storage",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
