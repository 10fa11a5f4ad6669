//! A server over plain HTTP in a thread of the test program, for answers that no real server gives at will.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a connection may be idle, and how long silence lasts.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server. Nobody listens any more when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// What was asked, without its body.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Begins with `/`.
    pub(crate) path: String,
    pub(crate) accept: String,
}

/// What is said to it.
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Nothing, until the client goes away.
    Silence,
    /// The same as this one, but that its body comes byte by byte, each second one.
    Trickle(Box<Self>),
}

impl Reply {
    /// An answer without headers of its own.
    pub(crate) fn of(status: u16, body: Vec<u8>) -> Self {
        Self::Answer { status, headers: Vec::new(), body }
    }
}

impl Server {
    /// Answers at a free port of `address`, each request on a connection of its own.
    #[expect(clippy::disallowed_methods, reason = "it answers while the test goes on")]
    pub(crate) fn start(address: &str, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (answer, ends) = (Arc::new(answer), Arc::new(AtomicBool::new(false)));
        let accepting = {
            let ends = Arc::clone(&ends);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if ends.load(Ordering::Acquire) {
                        return;
                    }
                    let answer = Arc::clone(&answer);
                    // Whoever asks and goes away is no matter.
                    std::thread::spawn(move || stream.and_then(|stream| serve(stream, &*answer)));
                }
            })
        };
        Self { address, ends, accepting: Some(accepting) }
    }

    /// `ADDRESS:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        // It waits for a connection, and looks up when there is one.
        drop(TcpStream::connect(self.address));
        drop(self.accepting.take().map(JoinHandle::join));
    }
}

fn serve(stream: TcpStream, answer: &(impl Fn(&Request) -> Reply + ?Sized)) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut first = [0; 1];
    if stream.peek(&mut first)? == 0 || !first[0].is_ascii_alphabetic() {
        // Who speaks TLS hears at once that nobody here does.
        return Ok(());
    }
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let line = lines.next().transpose()?.unwrap_or_default();
    let mut accept = Vec::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let header = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
        accept.extend(header.map(|(_, value)| value.trim().to_owned()));
    }
    let mut words = line.split(' ').map(str::to_owned);
    let [method, path] = [(); 2].map(|()| words.next().unwrap_or_default());
    let head = method == "HEAD";
    say(stream, head, false, answer(&Request { method, path, accept: accept.join(", ") }))
}

fn say(mut stream: TcpStream, head: bool, slowly: bool, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Answer { status, headers, body } => {
            write!(stream, "HTTP/1.1 {status} Said\r\nConnection: close\r\n")?;
            if !headers.iter().any(|(name, _)| *name == "content-length") {
                write!(stream, "Content-Length: {}\r\n", body.len())?;
            }
            for (name, value) in headers {
                write!(stream, "{name}: {value}\r\n")?;
            }
            stream.write_all(b"\r\n")?;
            match (head, slowly) {
                (true, _) => Ok(()),
                (false, false) => stream.write_all(&body),
                (false, true) => trickle(stream, &body),
            }
        }
        Reply::Silence => stream.read(&mut [0; 1]).map(drop),
        Reply::Trickle(reply) => say(stream, head, true, *reply),
    }
}

/// Says one byte each second, until the client goes away.
fn trickle(mut stream: TcpStream, body: &[u8]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    for byte in body {
        stream.write_all(&[*byte])?;
        // The client has nothing more to say: what ends this is the second, or that it goes away.
        if stream.read(&mut [0; 1]).is_ok() {
            break;
        }
    }
    Ok(())
}
