//! The envelope of a review.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{List, Strict, Text, is_too_deep, text};
use super::kind::GroupVersionKind;
use super::shape::Shape;
use crate::limits;

/// What a review asks. The object is read as far as it could be: an object that cannot be read still gets an answer.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    json: &'a str,
    request: Asked<'a, ()>,
    pub(super) object: Result<Option<Shape<'a>>, serde_json::Error>,
}

/// A whole review.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(bound(deserialize = "O: Deserialize<'de>"))]
struct Review<'a, O> {
    #[serde(borrow)]
    api_version: Option<Text<'a>>,
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    request: Option<Strict<Asked<'a, O>>>,
}

/// The `request` of a review.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(bound(deserialize = "O: Deserialize<'de>"))]
struct Asked<'a, O> {
    #[serde(borrow)]
    uid: Option<Text<'a>>,
    #[serde(borrow)]
    kind: Option<Strict<KindName<'a>>>,
    #[serde(borrow)]
    resource: Option<Strict<ResourceName<'a>>>,
    #[serde(borrow)]
    sub_resource: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    namespace: Option<Text<'a>>,
    #[serde(borrow)]
    operation: Option<Text<'a>>,
    #[serde(borrow)]
    user_info: Option<Strict<UserInfo<'a>>>,
    object: Option<O>,
    #[serde(borrow)]
    old_object: Option<&'a RawValue>,
    dry_run: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct KindName<'a> {
    #[serde(borrow)]
    group: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    kind: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct ResourceName<'a> {
    #[serde(borrow)]
    group: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    resource: Option<Text<'a>>,
}

/// Who asks, as the API server authenticated them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct UserInfo<'a> {
    #[serde(borrow)]
    pub(super) username: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) groups: List<Text<'a>>,
}

impl<'a> Envelope<'a> {
    /// Reads a review.
    ///
    /// # Errors
    /// When nobody knows which request to answer; the text says why.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let json = str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned())?;
        if is_too_deep(json) {
            return Err(format!("the body nests deeper than {} levels", limits::REVIEW_DEPTH));
        }
        // One pass over everything is the rule. Only where the object does not fit is the review read again around it,
        // since the uid is needed for a proper refusal.
        let envelope = match read::<Strict<Shape<'a>>>(json) {
            Ok(request) => {
                let (request, object) = request.take_object();
                Self { json, request, object: Ok(object.map(|object| object.0)) }
            }
            Err(_) => {
                let (request, object) = read::<&'a RawValue>(json)?.take_object();
                let object =
                    object.map(|object| serde_json::from_str::<Strict<Shape<'a>>>(object.get()).map(|object| object.0));
                Self { json, request, object: object.transpose() }
            }
        };
        match envelope.uid().len() {
            0 => Err("the request has no uid".to_owned()),
            length if length > limits::REVIEW_UID_BYTES => Err("the uid of the request is too long".to_owned()),
            _ => Ok(envelope),
        }
    }

    pub(super) fn uid(&self) -> &str {
        text(&self.request.uid)
    }

    pub(super) fn kind(&self) -> Option<GroupVersionKind<'_>> {
        let name = &self.request.kind.as_ref()?.0;
        Some(GroupVersionKind { group: text(&name.group), version: text(&name.version), kind: text(&name.kind) })
    }

    /// Group, version and resource.
    pub(super) fn resource(&self) -> Option<(&str, &str, &str)> {
        let name = &self.request.resource.as_ref()?.0;
        Some((text(&name.group), text(&name.version), text(&name.resource)))
    }

    /// Empty where the object itself is meant.
    pub(super) fn subresource(&self) -> &str {
        text(&self.request.sub_resource)
    }

    pub(super) fn name(&self) -> &str {
        text(&self.request.name)
    }

    pub(super) fn namespace(&self) -> &str {
        text(&self.request.namespace)
    }

    pub(super) fn operation(&self) -> &str {
        text(&self.request.operation)
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.request.dry_run.unwrap_or_default()
    }

    pub(super) fn user(&self) -> Option<&UserInfo<'a>> {
        self.request.user_info.as_ref().map(|user| &user.0)
    }

    /// The text of the object.
    ///
    /// # Errors
    /// When it cannot be found again.
    pub(super) fn object_text(&self) -> Result<Option<&'a str>, String> {
        Ok(read::<&'a RawValue>(self.json)?.object.map(RawValue::get))
    }

    /// The text of the object as it was.
    pub(super) fn old_object_text(&self) -> Option<&'a str> {
        self.request.old_object.map(RawValue::get)
    }

    /// The object as it was, if it can be read.
    pub(super) fn old_object(&self) -> Option<Shape<'a>> {
        let old = self.request.old_object?;
        let old: Strict<Shape<'a>> = serde_json::from_str(old.get()).ok()?;
        Some(old.0)
    }
}

impl<'a, O> Asked<'a, O> {
    fn take_object(self) -> (Asked<'a, ()>, Option<O>) {
        let rest = Asked {
            uid: self.uid,
            kind: self.kind,
            resource: self.resource,
            sub_resource: self.sub_resource,
            name: self.name,
            namespace: self.namespace,
            operation: self.operation,
            user_info: self.user_info,
            object: None,
            old_object: self.old_object,
            dry_run: self.dry_run,
        };
        (rest, self.object)
    }
}

fn read<'a, O: Deserialize<'a>>(json: &'a str) -> Result<Asked<'a, O>, String> {
    let review: Strict<Review<'a, O>> =
        serde_json::from_str(json).map_err(|error| format!("the body cannot be read: {error}"))?;
    let review = review.0;
    match (text(&review.api_version), text(&review.kind)) {
        ("admission.k8s.io/v1", "AdmissionReview") => {}
        (_, "AdmissionReview") => {
            return Err(
                "the body is an AdmissionReview of another version than `admission.k8s.io/v1`, which is to stand in `admissionReviewVersions`"
                    .to_owned(),
            );
        }
        _ => return Err("the body is no AdmissionReview of `admission.k8s.io/v1`".to_owned()),
    }
    match review.request {
        Some(request) => Ok(request.0),
        None => Err("the review has no request".to_owned()),
    }
}
