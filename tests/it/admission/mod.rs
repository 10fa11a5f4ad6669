//! Admission: from the bytes of a review to the bytes of the answer. What was found out about an image is put in by hand;
//! the gate's own tests look for it.

mod answers;
mod custom;
mod faults;
mod recorded;
mod support;
