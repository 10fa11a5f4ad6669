//! Kubernetes' question and our answer: an AdmissionReview in, an AdmissionReview out.
//!
//! [`Request::parse`] finds every image of the object under review, or the reason why nobody has to look at it, or says
//! what cannot be understood. [`Response`] is the only type of the program that can say that an object may pass, and it
//! says so only from verdicts or from a request that the parser found exempt. A [`DocumentReview`] is about our own resources,
//! and admits no image.
//!
//! This module never decides about an image, never asks anybody, and never reads a label or annotation as a permission.

mod custom;
mod document;
mod exemption;
mod images;
mod json;
mod kind;
mod object;
mod pin;
mod request;
mod response;
mod review;
mod shape;

pub use document::{DocumentReview, Findings};
pub use exemption::Exemption;
pub use object::Object;
pub use pin::Pin;
pub use request::{About, Judge, Judgement, Malformed, MissingImage, Operation, Request, Target};
pub use response::Response;
