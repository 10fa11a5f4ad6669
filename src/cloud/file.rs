//! Files with credentials. They are read when they are needed: a projected token changes while the program runs.

use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::{Secret, ServiceError};
use crate::limits;

/// What the file at `path` holds, without white space around it.
///
/// # Errors
/// When it cannot be read, is empty, too long or no text.
pub(crate) async fn read(path: &Path) -> Result<Secret, ServiceError> {
    let failed = |why: String| ServiceError::File { path: path.display().to_string(), why };
    let file = File::open(path).await.map_err(|error| failed(error.to_string()))?;
    let ceiling = u64::try_from(limits::CREDENTIAL_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(ceiling.saturating_add(1)).read_to_end(&mut bytes).await.map_err(|error| failed(error.to_string()))?;
    if bytes.len() > limits::CREDENTIAL_BYTES {
        return Err(failed(format!("it has more than {} bytes", limits::CREDENTIAL_BYTES)));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is no text".to_owned()))?.trim();
    if text.is_empty() {
        return Err(failed("it is empty".to_owned()));
    }
    Ok(Secret::new(text))
}
