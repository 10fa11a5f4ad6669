//! A TUF repository on loopback, which the test makes, changes and takes away.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The files of a repository, by their path.
type Files = BTreeMap<String, Vec<u8>>;

/// A mirror. Nobody listens any more when it is dropped.
pub(crate) struct Mirror {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<Files>,
    ends: AtomicBool,
}

impl Mirror {
    /// Serves `files`.
    #[expect(clippy::disallowed_methods, reason = "it answers while the test goes on")]
    pub(crate) fn start(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared { files: Mutex::new(files), ends: AtomicBool::new(false) });
        let serving = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if shared.ends.load(Ordering::Acquire) {
                        return;
                    }
                    // Whoever asks and goes away is no matter.
                    let _ = stream.and_then(|stream| answer(stream, &shared));
                }
            })
        };
        Self { address, shared, serving: Some(serving) }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves these files from now on, and no others.
    pub(crate) fn publish(&self, files: Files) {
        *self.shared.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        // It waits for a connection, and looks up when there is one.
        drop(TcpStream::connect(self.address));
        drop(self.serving.take().map(JoinHandle::join));
    }
}

fn answer(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let found = shared.files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
    let (status, body) = found.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}
