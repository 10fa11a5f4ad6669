//! Places of objects, several at once.

use std::fmt;
use std::str::FromStr;

use nonempty::NonEmpty;

use crate::limits;

/// Places of an object: a JSON pointer (RFC 6901) in which `*` stands for every item of a list and every value of a map,
/// as in `/spec/steps/*/image`. A name is one of a map: no place is found by its number in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointerPattern(NonEmpty<PointerPart>);

/// One step from an object towards a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PointerPart {
    /// To the value of this name.
    Named(String),
    /// To everything that is there.
    Every,
}

impl PointerPart {
    fn may_be(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named(one), Self::Named(other)) => one == other,
            (Self::Every, _) | (_, Self::Every) => true,
        }
    }
}

impl PointerPattern {
    /// The steps, from the object on.
    pub fn parts(&self) -> &NonEmpty<PointerPart> {
        &self.0
    }

    /// Whether a place of one can be a place of the other, or lie inside of it.
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0.iter()).all(|(one, other)| one.may_be(other))
    }
}

impl FromStr for PointerPattern {
    type Err = ParsePointerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > limits::POINTER_BYTES {
            return Err(ParsePointerError::TooLong);
        }
        let parts = text.strip_prefix('/').ok_or(ParsePointerError::NoSlash)?;
        let parts: Vec<_> = parts.split('/').map(part).collect::<Result<_, _>>()?;
        if parts.len() > limits::POINTER_PARTS {
            return Err(ParsePointerError::TooDeep);
        }
        NonEmpty::from_vec(parts).map(Self).ok_or(ParsePointerError::NoSlash)
    }
}

fn part(text: &str) -> Result<PointerPart, ParsePointerError> {
    match text {
        "" => return Err(ParsePointerError::EmptyPart),
        "*" => return Ok(PointerPart::Every),
        _ => {}
    }
    let mut name = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        name.push(match character {
            '~' => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                Some(_) | None => return Err(ParsePointerError::Escape),
            },
            plain => plain,
        });
    }
    Ok(PointerPart::Named(name))
}

impl fmt::Display for PointerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            PointerPart::Every => f.write_str("/*"),
            PointerPart::Named(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
        })
    }
}

/// A text is no pattern of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePointerError {
    /// A part is empty.
    #[error("a part of it is empty")]
    EmptyPart,
    /// A `~` that escapes nothing.
    #[error("after `~` comes `0` (for `~`) or `1` (for `/`)")]
    Escape,
    /// It does not begin at the object.
    #[error("it does not begin with `/`")]
    NoSlash,
    /// More parts than [`limits::POINTER_PARTS`].
    #[error("it has more than {} parts", limits::POINTER_PARTS)]
    TooDeep,
    /// More bytes than [`limits::POINTER_BYTES`].
    #[error("it has more than {} bytes", limits::POINTER_BYTES)]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PointerPattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn patterns_print_as_they_are_written() {
        for text in [
            "/spec/template/spec",
            "/spec/steps/*/image",
            "/*",
            "/metadata/annotations/sidecar.example~1image",
            "/a~0b/c~01/*x/0",
        ] {
            assert_eq!(pattern(text).to_string(), text);
        }
        let annotation = pattern("/metadata/annotations/a~1b~0");
        assert_eq!(annotation.parts().last(), &PointerPart::Named("a/b~".to_owned()));
    }

    #[test]
    fn what_is_no_pattern() {
        let long = format!("/{}", "a".repeat(limits::POINTER_BYTES));
        let deep = "/a".repeat(limits::POINTER_PARTS + 1);
        for (text, expected) in [
            ("", ParsePointerError::NoSlash),
            ("spec/image", ParsePointerError::NoSlash),
            ("$.spec.image", ParsePointerError::NoSlash),
            ("/", ParsePointerError::EmptyPart),
            ("/spec//image", ParsePointerError::EmptyPart),
            ("/spec/image/", ParsePointerError::EmptyPart),
            ("/a~2", ParsePointerError::Escape),
            ("/a~", ParsePointerError::Escape),
            (long.as_str(), ParsePointerError::TooLong),
            (deep.as_str(), ParsePointerError::TooDeep),
        ] {
            assert_eq!(text.parse::<PointerPattern>(), Err(expected), "{text}");
        }
        assert!("/a".repeat(limits::POINTER_PARTS).parse::<PointerPattern>().is_ok());
    }

    #[test]
    fn patterns_that_may_find_the_same_place_meet() {
        for (one, other, meet) in [
            ("/spec/image", "/spec/image", true),
            ("/spec", "/spec/image", true),
            ("/spec/*/image", "/spec/main/image", true),
            ("/spec/*", "/spec/main/image", true),
            ("/*/a", "/b/*", true),
            ("/spec/image", "/spec/images", false),
            ("/spec/*/image", "/spec/*/name", false),
            ("/spec/*/image", "/spec/a/b/c", false),
        ] {
            assert_eq!(pattern(one).meets(&pattern(other)), meet, "{one} {other}");
            assert_eq!(pattern(other).meets(&pattern(one)), meet, "{other} {one}");
        }
    }
}
