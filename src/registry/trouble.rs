//! What went wrong with a request, and in which words it is told.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;

use super::host::Host;
use super::resolver::Forbidden;
use crate::evidence::{Unasked, UnaskedKind};

/// Why a request has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The connection broke; it may hold the next time.
    Broken(Unasked),
    /// The other end does not speak TLS.
    NoTls(Unasked),
    /// The body has more bytes than it may have.
    TooLong,
    /// There is no connection, and there will be none soon.
    Unreachable(Unasked),
    /// There is an answer, and no use in another one like it.
    Unusable(Unasked),
}

/// The trouble in a status that asks to come again, and for how long the host wishes to be left alone.
pub(super) fn of_status(
    host: &Host,
    status: StatusCode,
    retry_after: Option<Duration>,
) -> Option<(Unasked, Option<Duration>)> {
    let name = host.name();
    let kind = match status.as_u16() {
        429 => UnaskedKind::RateLimited { retry_after },
        503 if retry_after.is_some() => UnaskedKind::RateLimited { retry_after },
        // Not implemented: it will not be the next time either.
        501 => return None,
        500.. => UnaskedKind::Unavailable,
        _ => return None,
    };
    let wish = retry_after.map(|wait| format!(" and asks to wait {} s", wait.as_secs())).unwrap_or_default();
    Some((Unasked::new(kind, format!("`{name}` answers with {}{wish}", status.as_u16())), retry_after))
}

/// The trouble in an error of a connection.
pub(super) fn of_error(host: &Host, error: &reqwest::Error) -> Trouble {
    let name = host.name();
    let unavailable = |why: String| Unasked::new(UnaskedKind::Unavailable, why);
    if find::<Forbidden>(error).is_some() {
        return Trouble::Unusable(Unasked::new(
            UnaskedKind::Refused,
            format!("`{name}` lies at an address that is not followed: list the host as private if it is right"),
        ));
    }
    if !error.is_connect() {
        return Trouble::Broken(unavailable(format!("`{name}` broke off its answer: {}", cause(error))));
    }
    if error.is_timeout() {
        return Trouble::Unreachable(unavailable(format!("`{name}` is unreachable: no connection in time")));
    }
    if error.is_dns() {
        return Trouble::Unreachable(unavailable(format!("`{name}` is unreachable: its name has no address")));
    }
    if speaks_no_tls(error) {
        return Trouble::NoTls(unavailable(format!(
            "`{name}` does not speak TLS: list the registry for plain HTTP if it is right"
        )));
    }
    Trouble::Unreachable(unavailable(format!("`{name}` is unreachable: {}", cause(error))))
}

/// Whether the other end answered a TLS handshake with something else, or closed. A certificate that is not believed is
/// never that.
fn speaks_no_tls(error: &reqwest::Error) -> bool {
    if let Some(error) = find::<rustls::Error>(error) {
        return matches!(error, rustls::Error::InvalidMessage(_));
    }
    matches!(
        find::<io::Error>(error).map(io::Error::kind),
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted)
    )
}

/// What is behind an error, in words that do not change with the platform where that is possible.
fn cause(error: &reqwest::Error) -> String {
    if let Some(rustls::Error::InvalidCertificate(error)) = find::<rustls::Error>(error) {
        use rustls::CertificateError::{
            Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
        };
        return if matches!(error, Expired | ExpiredContext { .. }) {
            "its certificate has expired".to_owned()
        } else if matches!(error, NotValidForName | NotValidForNameContext { .. }) {
            "its certificate is for another name".to_owned()
        } else if *error == UnknownIssuer {
            "its certificate is from an unknown authority: configure the authority if it is right".to_owned()
        } else {
            format!("its certificate is not valid: {}", plain(&error.to_string()))
        };
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return format!("TLS fails: {}", plain(&error.to_string()));
    }
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "connection reset".to_owned(),
        Some(io::ErrorKind::UnexpectedEof) => "connection closed".to_owned(),
        Some(io::ErrorKind::TimedOut) => "no connection in time".to_owned(),
        Some(_) | None => {
            let mut last: &dyn Error = error;
            while let Some(source) = last.source() {
                last = source;
            }
            plain(&last.to_string())
        }
    }
}

/// The error of type `E` among the causes of `error`, looking also into what an I/O error wraps.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = find::<E>(wrapped)
        {
            return Some(found);
        }
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Foreign text as part of a message: one short line without control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
