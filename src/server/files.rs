//! A certificate in files, and its renewal there.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::{Certificate, CertificateError, clock};
use crate::limits;
use crate::telemetry::{Metrics, field};

/// The files of a certificate and its key. They are looked at by content, so that it does not matter how they are
/// replaced; while one is there and the other not yet, or a file is half written, the last good pair stays.
#[derive(Debug)]
pub struct CertificateFiles {
    chain: PathBuf,
    key: PathBuf,
    /// What was there when last looked at, good or bad.
    last: Option<Seen>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// What is in them cannot be used.
    #[error("`{}`: {error}", path.display())]
    Certificate {
        /// The file of the chain.
        path: PathBuf,
        /// Why.
        error: CertificateError,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// What a look at the files found.
#[derive(Debug)]
pub enum Look {
    /// A new pair, which cannot be used.
    Bad(FilesError),
    /// A new pair.
    New(Certificate),
    /// What was there before, good or bad.
    Same,
}

/// The state of the files.
#[derive(PartialEq, Eq)]
enum Seen {
    Pair { chain: Vec<u8>, key: Zeroizing<Vec<u8>> },
    Unreadable(String),
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen(****)")
    }
}

impl CertificateFiles {
    /// The chain in the file `chain`, the key in the file `key`, both PEM.
    pub fn new(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { chain: chain.into(), key: key.into(), last: None }
    }

    /// Looks at the files, as of `now`.
    pub fn look(&mut self, now: Timestamp) -> Look {
        let pair = read(&self.chain).and_then(|chain| Ok((chain, Zeroizing::new(read(&self.key)?))));
        let (seen, look) = match pair {
            Ok((chain, key)) => {
                let certificate = Certificate::from_pem(&chain, &key, now);
                let bad = |error| Look::Bad(FilesError::Certificate { path: self.chain.clone(), error });
                (Seen::Pair { chain, key }, certificate.map_or_else(bad, Look::New))
            }
            Err(error) => (Seen::Unreadable(error.to_string()), Look::Bad(error)),
        };
        if self.last.as_ref() == Some(&seen) {
            return Look::Same;
        }
        self.last = Some(seen);
        look
    }

    /// Looks at the files for the first time.
    ///
    /// # Errors
    /// When there is no certificate that can be used: a server does not start without.
    pub fn load(&mut self) -> Result<Certificate, FilesError> {
        self.last = None;
        match self.look(clock::now()) {
            Look::Bad(error) => Err(error),
            Look::New(certificate) => Ok(certificate),
            Look::Same => Err(FilesError::Certificate { path: self.chain.clone(), error: CertificateError::Missing }),
        }
    }

    /// Keeps looking, and hands new certificates on, until nobody wants them any more. What is bad is said once for each
    /// state of the files, not at every look.
    pub async fn watch(mut self, to: watch::Sender<Certificate>, metrics: &Metrics) {
        let mut ticks = tokio::time::interval(limits::CERTIFICATE_POLL);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.renew(&to, metrics),
                () = to.closed() => return,
            }
        }
    }

    /// Looks once, and hands on a new certificate.
    pub fn renew(&mut self, to: &watch::Sender<Certificate>, metrics: &Metrics) {
        match self.look(clock::now()) {
            Look::Same => {}
            Look::New(certificate) => {
                tracing::info!(
                    { field::EVENT } = "certificate",
                    "a new certificate, valid until {}",
                    certificate.not_after()
                );
                to.send_replace(certificate);
            }
            Look::Bad(error) => {
                metrics.certificate_refused();
                tracing::error!(
                    { field::EVENT } = "certificate",
                    { field::DETAIL } = error.to_string(),
                    "the certificate on disk cannot be used, the last one stays"
                );
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FilesError> {
    let unreadable = |error| FilesError::Unreadable { path: path.to_owned(), error };
    let ceiling = u64::try_from(limits::CERTIFICATE_FILE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let length = file.take(ceiling.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if length > limits::CERTIFICATE_FILE_BYTES {
        return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}
