//! Text of others, made harmless.

/// What a user wrote, in backticks, at most `bytes` long.
pub fn quoted(_text: &str, _bytes: usize) -> String {
    todo!()
}

/// What a stage or a policy's author says, on one line, at most `bytes` long.
pub fn plain(_text: &str, _bytes: usize) -> String {
    todo!()
}
