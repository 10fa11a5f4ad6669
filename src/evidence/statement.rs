//! To be written.

/// To be written.
#[derive(Clone, Debug)]
pub struct Statement {
    predicate_type: String,
}

impl Statement {
    /// The predicate type, to the letter.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }
}
