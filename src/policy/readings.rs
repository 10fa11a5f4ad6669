//! What attestations say, read at most once for each decision.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Input;
use crate::evidence::Statement;
use crate::provenance::{Predicate, ReadError};

/// What the statements about one image say. Several policies may ask about one statement, and its predicate may have
/// megabytes: it is read when it is first asked about, and no second time.
#[derive(Default)]
pub(super) struct Readings {
    readings: RefCell<BTreeMap<usize, (Statement, Rc<Reading>)>>,
    inputs: RefCell<BTreeMap<usize, (Statement, Rc<InputReading>)>>,
}

/// What one statement says, or why it cannot be read.
pub(super) type Reading = Result<Predicate, ReadError>;

/// What conditions see of one statement, or why it cannot be read.
pub(super) type InputReading = Result<Input, ReadError>;

impl Readings {
    /// What `statement` says.
    pub(super) fn of(&self, statement: &Statement) -> Rc<Reading> {
        let mut known = self.readings.borrow_mut();
        // The statement is kept, so that no other one can come to stand where it stood.
        let read = || (statement.clone(), Rc::new(Predicate::read(statement)));
        let (_, reading) = known.entry(statement.address()).or_insert_with(read);
        Rc::clone(reading)
    }

    /// What conditions see of `statement`.
    pub(super) fn input(&self, statement: &Statement) -> Rc<InputReading> {
        let mut known = self.inputs.borrow_mut();
        let read = || (statement.clone(), Rc::new(Input::of_statement(statement)));
        let (_, input) = known.entry(statement.address()).or_insert_with(read);
        Rc::clone(input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_read_once() {
        let statement = |result: &str| {
            let text = format!(
                r#"{{"_type":"{}","subject":[],"predicateType":"https://in-toto.io/attestation/test-result/v0.1","predicate":{{"result":"{result}"}}}}"#,
                Statement::V1
            );
            Statement::parse(text.as_bytes()).unwrap()
        };
        let (passed, failed) = (statement("PASSED"), statement("FAILED"));
        let readings = Readings::default();
        let first = readings.of(&passed);
        assert!(Rc::ptr_eq(&first, &readings.of(&passed.clone())), "a clone is the same statement");
        assert!(!Rc::ptr_eq(&first, &readings.of(&failed)));
        assert!(!Rc::ptr_eq(&first, &readings.of(&statement("PASSED"))), "another may be told apart");
        let is_passed = |reading: &Reading| matches!(reading, Ok(Predicate::Test(result)) if result.is_passed);
        assert!(Rc::ptr_eq(&readings.input(&passed), &readings.input(&passed.clone())));
        assert!(is_passed(&first) && !is_passed(&readings.of(&failed)));
    }
}
