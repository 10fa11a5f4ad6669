//! What is read of a custom resource of a configured kind: who it is, and what stands at the places that its kind names.
//!
//! The object is read along its paths and read over elsewhere. What stands on a path has to be what the path says, so that
//! nothing is missed because it looks otherwise: a step leads through a map, `*` through a list or a map, a pod spec is an
//! object and an image a string. What is not there, or `null`, names nothing.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use super::json::{Strict, Text, text};
use super::kind::GroupVersionKind;
use super::shape::{Metadata, Spec};
use crate::image::{Pointer, PointerPart, PointerPattern};
use crate::policy::WorkloadKind;
use crate::{explain, limits};

/// A custom resource.
#[derive(Clone, Debug)]
pub(super) struct Custom<'a> {
    head: Head<'a>,
    places: Places<'a>,
}

/// What one list or map has too many of.
const ENTRIES: (&str, usize) = ("entries of one list of the object", limits::OBJECT_LIST_ENTRIES);

/// What every object says about itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    api_version: Option<Text<'a>>,
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    metadata: Option<Strict<Metadata<'a>>>,
}

impl<'a> Head<'a> {
    /// Reads it from the text of an object.
    ///
    /// # Errors
    /// When the text is no object, or one of these fields is something else.
    pub(super) fn read(json: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Strict<Self>>(json).map(|head| head.0)
    }

    pub(super) fn name(&self) -> GroupVersionKind<'_> {
        GroupVersionKind::of_object(text(&self.api_version), text(&self.kind))
    }

    pub(super) fn metadata(&self) -> Option<&Metadata<'a>> {
        self.metadata.as_ref().map(|metadata| &metadata.0)
    }
}

impl<'a> Custom<'a> {
    /// Reads the text of an object that is of `kind`.
    ///
    /// # Errors
    /// When what stands on one of the paths is not what the path says: where, and what it is.
    pub(super) fn read(json: &'a str, kind: &WorkloadKind) -> Result<Self, String> {
        let head = Head::read(json).map_err(|error| error.to_string())?;
        let way = |end| move |path| Way { path, end };
        let pod_specs = kind.pod_specs.iter().map(way(End::PodSpec));
        let ways: Vec<_> = pod_specs.chain(kind.images.iter().map(way(End::Image))).collect();
        let mut places = Places::default();
        let walk = Walk { ways: &ways, depth: 0, places: &mut places };
        match walk.deserialize(&mut serde_json::Deserializer::from_str(json)) {
            Ok(()) => Ok(Self { head, places }),
            Err(error) => {
                let place = Pointer::new(places.at).field_path();
                Err(format!("{}: {error}", explain::quoted(&place, limits::PRINTED_NAME_BYTES)))
            }
        }
    }

    pub(super) fn head(&self) -> &Head<'a> {
        &self.head
    }

    /// The pod specs, each with its pointer.
    pub(super) fn pod_specs(&self) -> &[(String, Spec<'a>)] {
        &self.places.pod_specs
    }

    /// The references of images, each with its pointer.
    pub(super) fn images(&self) -> &[(String, Text<'a>)] {
        &self.places.images
    }

    /// Whether nothing stands at any of the places.
    pub(super) fn names_none(&self) -> bool {
        self.places.count() == 0
    }

    /// What there is more of than is read, and how much is.
    pub(super) fn overflow(&self) -> Option<(&'static str, usize)> {
        let is_long = self.head.metadata().is_some_and(Metadata::overflows)
            || self.places.pod_specs.iter().any(|(_, spec)| spec.overflows());
        self.places.overflow.or(is_long.then_some(ENTRIES))
    }
}

/// What stands at the places of an object.
#[derive(Clone, Debug, Default)]
struct Places<'a> {
    pod_specs: Vec<(String, Spec<'a>)>,
    images: Vec<(String, Text<'a>)>,
    overflow: Option<(&'static str, usize)>,
    /// Where reading is, as a pointer.
    at: String,
}

impl Places<'_> {
    fn count(&self) -> usize {
        self.pod_specs.len() + self.images.len()
    }

    /// Adds one more, where there is room.
    fn add(&mut self, add: impl FnOnce(&mut Self)) {
        if self.count() < limits::PLACES_PER_OBJECT {
            add(self);
        } else {
            self.overflow = Some(("places for images in one object", limits::PLACES_PER_OBJECT));
        }
    }

    /// Goes one step on, from where so many steps were gone before: the length of the pointer to come back to.
    ///
    /// # Errors
    /// When that is too many, or too far.
    fn enter(&mut self, step: &str, before: usize) -> Result<usize, (&'static str, usize)> {
        let length = self.at.len();
        if before >= limits::OBJECT_LIST_ENTRIES {
            return Err(ENTRIES);
        }
        if length + step.len() >= limits::POINTER_BYTES {
            return Err(("bytes in the pointer to an image", limits::POINTER_BYTES));
        }
        self.at.push('/');
        for character in step.chars() {
            match character {
                '/' => self.at.push_str("~1"),
                '~' => self.at.push_str("~0"),
                plain => self.at.push(plain),
            }
        }
        Ok(length)
    }
}

/// A path, and what stands at its end.
#[derive(Clone, Copy)]
struct Way<'w> {
    path: &'w PointerPattern,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Image,
    PodSpec,
}

impl<'w> Way<'w> {
    /// The step from `depth` on; none where the way ends there.
    fn step(&self, depth: usize) -> Option<&'w PointerPart> {
        self.path.parts().get(depth)
    }
}

/// Reads one value, to which all of `ways` have led.
struct Walk<'w, 'p, 'a> {
    ways: &'w [Way<'w>],
    depth: usize,
    places: &'p mut Places<'a>,
}

impl<'w> Walk<'w, '_, '_> {
    /// The ways that go on with this name; where it is none, those that take every step.
    fn onward(&self, name: Option<&str>) -> Vec<Way<'w>> {
        let goes_on = |way: &&Way<'w>| match way.step(self.depth) {
            Some(PointerPart::Every) => true,
            Some(PointerPart::Named(wanted)) => name == Some(wanted),
            None => false,
        };
        self.ways.iter().filter(goes_on).copied().collect()
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(end) = self.ways.iter().find(|way| way.step(self.depth).is_none()).map(|way| way.end) else {
            return deserializer.deserialize_any(self);
        };
        if self.ways.len() > 1 {
            return Err(D::Error::custom("two paths lead here"));
        }
        let at = self.places.at.clone();
        match end {
            End::Image => {
                if let Some(image) = Option::deserialize(deserializer)? {
                    self.places.add(|places| places.images.push((at, image)));
                }
            }
            End::PodSpec => {
                if let Some(Strict(spec)) = Option::deserialize(deserializer)? {
                    self.places.add(|places| places.pod_specs.push((at, spec)));
                }
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list, as the configured path has it")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    /// What it says is not repeated: it may be an address with a password.
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(E::invalid_type(Unexpected::Other("string"), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let ways = self.onward(Some(name.as_str()));
            if ways.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let before = match self.places.enter(name.as_str(), seen.len()) {
                Ok(before) => before,
                Err(exceeded) => {
                    self.places.overflow = Some(exceeded);
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            // It becomes part of a pointer, which is printed.
            if !name.as_str().bytes().all(|b| matches!(b, b' '..=b'~')) {
                return Err(A::Error::custom("a key that is not printable ASCII"));
            }
            if !seen.insert(name) {
                return Err(A::Error::custom("the same key twice in one object"));
            }
            map.next_value_seed(Walk { ways: &ways, depth: self.depth + 1, places: &mut *self.places })?;
            self.places.at.truncate(before);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let ways = self.onward(None);
        if ways.len() < self.ways.len() {
            return Err(A::Error::custom("a list, and the configured path has a name here and no `*`"));
        }
        for index in 0.. {
            let before = match self.places.enter(&index.to_string(), index) {
                Ok(before) => before,
                Err(exceeded) => {
                    while list.next_element::<IgnoredAny>()?.is_some() {
                        self.places.overflow = Some(exceeded);
                    }
                    return Ok(());
                }
            };
            let walk = Walk { ways: &ways, depth: self.depth + 1, places: &mut *self.places };
            if list.next_element_seed(walk)?.is_none() {
                self.places.at.truncate(before);
                break;
            }
            self.places.at.truncate(before);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::WorkloadKinds;

    fn kind() -> WorkloadKind {
        let patterns = |paths: &[&str]| paths.iter().map(|path| path.parse().unwrap()).collect();
        WorkloadKind {
            group: "a.io".to_owned(),
            versions: vec!["v1".to_owned()],
            kind: "A".to_owned(),
            resource: "as".to_owned(),
            pod_specs: patterns(&["/a/spec", "/b/*/spec"]),
            images: patterns(&["/a/image", "/b/*/image", "/c/*/*"]),
            may_name_none: false,
        }
    }

    /// Trees of the names that the paths have, and of others.
    fn trees() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            Just(json!("x.io/a")),
            Just(json!(1)),
            Just(json!({"containers": [{"name": "c", "image": "x.io/c"}]})),
        ];
        leaf.prop_recursive(5, 64, 4, |inner| {
            let key = prop_oneof![Just("a"), Just("b"), Just("c"), Just("spec"), Just("image"), Just("~/")];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// What stands at the end of a path, found by plain recursion; an error where something else stands on it.
    fn at_ends<'v>(value: &'v Value, parts: &[PointerPart]) -> Result<Vec<&'v Value>, ()> {
        let below: Vec<&Value> = match (parts.first(), value) {
            (_, Value::Null) => Vec::new(),
            (None, end) => return Ok(vec![end]),
            (Some(PointerPart::Every), Value::Array(items)) => items.iter().collect(),
            (Some(PointerPart::Every), Value::Object(fields)) => fields.values().collect(),
            (Some(PointerPart::Named(name)), Value::Object(fields)) => fields.get(name).into_iter().collect(),
            (Some(_), _) => return Err(()),
        };
        let ends: Result<Vec<_>, ()> = below.into_iter().map(|value| at_ends(value, &parts[1..])).collect();
        Ok(ends?.concat())
    }

    proptest! {
        #[test]
        fn the_places_are_those_that_each_path_leads_to(tree in trees()) {
            let kind = kind();
            prop_assert!(WorkloadKinds::new(vec![kind.clone()]).is_ok());
            let json = tree.to_string();
            let ends = |paths: &[PointerPattern]| -> Result<Vec<Value>, ()> {
                let of = |path: &PointerPattern| at_ends(&tree, &path.parts().iter().cloned().collect::<Vec<_>>());
                let all: Result<Vec<_>, ()> = paths.iter().map(of).collect();
                Ok(all?.concat().into_iter().cloned().collect())
            };
            let is_spec = |value: &Value| serde_json::from_str::<Strict<Spec<'_>>>(&value.to_string()).is_ok();
            let expected = ends(&kind.pod_specs).and_then(|specs| Ok((specs, ends(&kind.images)?))).ok();
            let expected = expected
                .filter(|(specs, images)| specs.iter().all(is_spec) && images.iter().all(Value::is_string));
            let found = Custom::read(&json, &kind).ok().filter(|_| tree.is_object());
            prop_assert_eq!(found.is_some(), expected.is_some() && tree.is_object(), "{}", json);
            if let (Some(found), Some((specs, images))) = (found, expected) {
                prop_assert_eq!(found.pod_specs().len(), specs.len());
                let mut read: Vec<_> = found.images().iter().map(|(_, image)| json!(image.as_str())).collect();
                let mut images = images;
                read.sort_by_key(Value::to_string);
                images.sort_by_key(Value::to_string);
                prop_assert_eq!(read, images);
                for (pointer, image) in found.images() {
                    prop_assert_eq!(tree.pointer(pointer), Some(&json!(image.as_str())));
                }
                for (pointer, _) in found.pod_specs() {
                    prop_assert!(tree.pointer(pointer).is_some_and(Value::is_object), "{}", pointer);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\":,a-c*~/ 0-9n\\\\]{0,64}") {
            let _ = Custom::read(&text, &kind());
        }
    }
}
