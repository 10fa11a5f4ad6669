//! The manual says what the code does.

use countersign::policy::DenyReason;

#[test]
fn every_deny_code_has_its_section() {
    let chapter = include_str!("../../src/manual/deny_codes.rs");
    let sections: Vec<_> = chapter
        .split("\n//! # `")
        .skip(1)
        .map(|section| {
            let (code, text) = section.split_once('`').unwrap();
            assert!(text.contains("*What to do*: "), "`{code}` does not say what to do");
            (code, text.lines().nth(2).unwrap_or_default())
        })
        .collect();
    let lines: Vec<_> = DenyReason::ALL
        .iter()
        .map(|reason| (reason.code(), format!("//! {:?}, {}.", reason.class(), reason.class().http_status())))
        .collect();
    let codes: Vec<_> = lines.iter().map(|(code, line)| (*code, line.as_str())).collect();
    assert_eq!(sections, codes, "the chapter (left) and the code (right) list different codes or classes");
}
