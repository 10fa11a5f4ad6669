//! Results of tests.

use serde_json::Value;

use super::{ReadError, json};
use crate::evidence::Statement;

/// What came of tests (<https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// Whether the result is `PASSED` and no test is listed as failed.
    pub is_passed: bool,
    /// The tests that are listed as failed.
    pub failed: Vec<String>,
}

impl TestResult {
    /// The predicate type.
    pub const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

    /// Reads the predicate of `statement`. `WARNED` is not passed.
    ///
    /// # Errors
    /// When it is of another type or states no result.
    pub fn read(statement: &Statement) -> Result<Self, ReadError> {
        const WHAT: &str = "the test result";
        if statement.predicate_type() != Self::PREDICATE_TYPE {
            return Err(ReadError::unsupported(WHAT, statement.predicate_type()));
        }
        let predicate = json::object(WHAT, statement.predicate_raw())?;
        let result =
            json::text(&predicate, &["result"]).ok_or_else(|| ReadError::malformed(WHAT, "it has no `result`"))?;
        let failed: Vec<String> = match json::at(&predicate, &["failedTests"]) {
            None => Vec::new(),
            Some(Value::Array(tests)) => {
                tests.iter().map(|test| json::scalar(test).unwrap_or_else(|| "a test".to_owned())).collect()
            }
            Some(_) => return Err(ReadError::malformed(WHAT, "`failedTests` is no list")),
        };
        Ok(Self { is_passed: result == "PASSED" && failed.is_empty(), failed })
    }
}
