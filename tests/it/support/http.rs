//! As much of HTTP/1.1 as a server needs that must be able to break it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Method and path, as rules are matched against.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// An answer before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: vec![("content-length".to_owned(), "0".to_owned())], body: Vec::new() }
    }

    /// Sets a header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body, and its true length.
    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self = self.header("content-length", body.len().to_string());
        self.body = body;
        self
    }

    /// The answer as it is written. It closes the connection: every request of a test has its own.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} .\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(self.body);
        bytes
    }
}

/// Reads one request; none where what arrives is no HTTP, such as a TLS handshake.
pub(super) async fn read_request(wire: &mut Wire) -> Option<Seen> {
    let (start, headers, body) = read_message(wire, Some(0)).await.ok()?;
    let mut words = start.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Seen { method, path, headers, body })
}

/// Reads one response, to the end of the connection where it has no length.
pub(super) async fn read_response(stream: &mut (impl AsyncRead + Unpin), is_head: bool) -> io::Result<Response> {
    let (start, mut headers, body) = read_message(stream, is_head.then_some(0)).await?;
    let status = start.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    headers.retain(|(name, _)| name != "connection" && name != "transfer-encoding");
    let response = Response { status, headers, body };
    let length = response.body.len().to_string();
    Ok(if is_head { response } else { response.header("content-length", length) })
}

type Message = (String, Vec<(String, String)>, Vec<u8>);

/// Reads a message whose body has the announced length, or else `unannounced`, or else reaches to the end.
async fn read_message(stream: &mut (impl AsyncRead + Unpin), unannounced: Option<usize>) -> io::Result<Message> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        // What does not begin like a method or version is no HTTP.
        if bytes.first().is_some_and(|byte: &u8| !byte.is_ascii_uppercase()) || stream.read_buf(&mut bytes).await? == 0
        {
            return Err(broken());
        }
    };
    let mut body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).map_err(|_| broken())?;
    let mut lines = head.trim_end().split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let announced =
        headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, length)| length.parse().ok());
    match if unannounced.is_some() && start.starts_with("HTTP") { Some(0) } else { announced.or(unannounced) } {
        Some(length) => {
            while body.len() < length {
                if stream.read_buf(&mut body).await? == 0 {
                    return Err(broken());
                }
            }
        }
        None => {
            stream.read_to_end(&mut body).await?;
        }
    }
    Ok((start, headers, body))
}

fn broken() -> io::Error {
    io::Error::other("no HTTP")
}

/// A connection, with TLS or without.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Resets the connection when it is dropped.
    pub(super) fn reset(&self) {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        stream.set_zero_linger().expect("a socket that can be reset");
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
