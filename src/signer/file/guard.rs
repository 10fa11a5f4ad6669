//! What must never be signed as a file.
//!
//! A signature over the bytes of a file is a signature over those bytes, whatever they mean. If they are what the signature
//! of an image covers, then whoever lets such a file be signed has an image signed. So files that are signing payloads are
//! refused; where that cannot be told, too.

use serde_json::Value;

use crate::limits;

/// Refuses a file that is itself a signing payload: simple signing, an in-toto statement, or the encoding that DSSE signs.
///
/// # Errors
/// When it is one, or looks so much like one that another parser might take it for one.
pub fn guard(file: &[u8]) -> Result<(), GuardError> {
    // https://github.com/secure-systems-lab/dsse/blob/master/protocol.md#signature-definition
    if file.starts_with(b"DSSEv1 ") {
        return Err(GuardError::PreAuthenticationEncoding);
    }
    // Parsers pass over white space and marks of byte order before a document.
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file).trim_ascii_start();
    if text.first() != Some(&b'{') || file.len() > limits::EVIDENCE_BLOB_BYTES {
        return Ok(());
    }
    let document = match serde_json::Deserializer::from_slice(text).into_iter::<Value>().next() {
        Some(Ok(Value::Object(document))) => document,
        Some(Ok(_)) | None => return Ok(()),
        Some(Err(error)) => {
            // A document in another notation that begins with a brace is none of the two, unless it names them.
            let lower = text.to_ascii_lowercase();
            let names = |word: &[u8]| lower.windows(word.len()).any(|window| window == word);
            let is_like_one = names(b"docker-manifest-digest") || names(b"in-toto.io/statement");
            return if is_like_one || error.to_string().starts_with("recursion limit") {
                Err(GuardError::Unclear)
            } else {
                Ok(())
            };
        }
    };
    for (name, value) in &document {
        // Some parsers take names whatever their case.
        match name.to_ascii_lowercase().as_str() {
            "critical" if value.is_object() => return Err(GuardError::SimpleSigning),
            "_type" if value.as_str().is_some_and(|kind| kind.contains("in-toto.io/Statement")) => {
                return Err(GuardError::Statement);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why a file is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// It is what DSSE signs.
    #[error("the file is what the signature of an attestation covers, and signing it could pass for one")]
    PreAuthenticationEncoding,
    /// It is a simple-signing payload.
    #[error("the file is what the signature of an image covers (simple signing), and signing it could pass for one")]
    SimpleSigning,
    /// It is an in-toto statement.
    #[error("the file is an in-toto statement, and signing it could pass for an attestation; `attest-file` attests")]
    Statement,
    /// It cannot be told.
    #[error("the file looks like what the signature of an image covers, and cannot be read to tell")]
    Unclear,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_payloads_are_refused() {
        let payload = r#"{"critical":{"image":{"docker-manifest-digest":"sha256:0"},"type":"x"},"optional":null}"#;
        let statement = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x"}"#;
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let rows: [(&[u8], Result<(), GuardError>); 20] = [
            (payload.as_bytes(), Err(GuardError::SimpleSigning)),
            (b" \n{\"critical\":{}}", Err(GuardError::SimpleSigning)),
            (b"\xef\xbb\xbf{\"critical\":{}}", Err(GuardError::SimpleSigning)),
            (b"{\"a\":1,\"CRITICAL\":{}}", Err(GuardError::SimpleSigning)),
            (b"{\"\\u0063ritical\":{}}", Err(GuardError::SimpleSigning)),
            (b"{\"critical\":{}} trailing", Err(GuardError::SimpleSigning)),
            (b"{\"docker-manifest-digest\":", Err(GuardError::Unclear)),
            (deep.as_bytes(), Err(GuardError::Unclear)),
            (statement.as_bytes(), Err(GuardError::Statement)),
            (b"{\"_type\":\"https://in-toto.io/Statement/v0.1\"}", Err(GuardError::Statement)),
            (b"{\"_TYPE\":\"https://in-toto.io/Statement/v9\"}", Err(GuardError::Statement)),
            (b"DSSEv1 28 application/vnd.in-toto+json 2 {}", Err(GuardError::PreAuthenticationEncoding)),
            (b"DSSEv1 0  0 ", Err(GuardError::PreAuthenticationEncoding)),
            (b"{\"_type\":\"https://in-toto.io/Link/v1\"}", Ok(())),
            (b"{\"critical\":true}", Ok(())),
            (b"{\"a\":{\"critical\":{}}}", Ok(())),
            (b"{{ template }}", Ok(())),
            (b"[{\"critical\":{}}]", Ok(())),
            (b"", Ok(())),
            (b"\x1f\x8b\x08", Ok(())),
        ];
        for (file, expected) in rows {
            assert_eq!(guard(file), expected, "{}", String::from_utf8_lossy(file).chars().take(80).collect::<String>());
        }
    }
}
