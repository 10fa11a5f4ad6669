//! Work that is counted, and what happens when a ceiling is met.

use std::fmt;

use super::SIGNATURE_CHECKS_PER_IMAGE;

/// What a ceiling covers, and so what fails when it is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One artifact: it is rejected, the others count.
    Artifact,
    /// The image or the request as a whole: it is denied.
    Request,
}

/// A ceiling was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exceeded {
    what: &'static str,
    ceiling: usize,
    scope: Scope,
}

impl Exceeded {
    /// `what` (with its unit, in plural, as in `bytes of a manifest`) exceeds `ceiling`.
    pub const fn new(what: &'static str, ceiling: usize, scope: Scope) -> Self {
        Self { what, ceiling, scope }
    }

    /// What the ceiling covers.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} {}", self.ceiling, self.what)
    }
}

impl std::error::Error for Exceeded {}

/// The work that may still be spent on one image. Spending is counted, never timed, so that the same evidence always
/// ends the same way.
#[derive(Debug)]
pub struct Budget {
    signature_checks: u32,
}

impl Budget {
    /// The budget of one image.
    pub fn per_image() -> Self {
        Self { signature_checks: SIGNATURE_CHECKS_PER_IMAGE }
    }

    /// A budget of `checks` signature checks.
    pub fn of_signature_checks(checks: u32) -> Self {
        Self { signature_checks: checks }
    }

    /// Pays for one signature check.
    ///
    /// # Errors
    /// When nothing is left: the image is denied.
    pub fn spend_signature_check(&mut self) -> Result<(), Exceeded> {
        match self.signature_checks.checked_sub(1) {
            Some(left) => {
                self.signature_checks = left;
                Ok(())
            }
            None => Err(Exceeded::new(
                "signature checks for one image",
                usize::try_from(SIGNATURE_CHECKS_PER_IMAGE).unwrap_or(usize::MAX),
                Scope::Request,
            )),
        }
    }

    /// Signature checks that are left.
    pub fn signature_checks_left(&self) -> u32 {
        self.signature_checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends() {
        let mut budget = Budget::of_signature_checks(2);
        assert!(budget.spend_signature_check().is_ok());
        assert!(budget.spend_signature_check().is_ok());
        let error = budget.spend_signature_check().unwrap_err();
        assert_eq!(error.scope(), Scope::Request);
        assert_eq!(error.to_string(), "more than 2000 signature checks for one image");
        assert_eq!(budget.signature_checks_left(), 0);
    }
}
