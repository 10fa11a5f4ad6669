//! A wire between two programs, which can be cut.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

/// A port of loopback that leads to another, until it is cut.
pub(crate) struct Relay {
    address: String,
    wires: Arc<Mutex<Wires>>,
}

#[derive(Default)]
struct Wires {
    cut: bool,
    both_ends: Vec<TcpStream>,
}

impl Relay {
    /// Opens a port that leads to `host`.
    #[expect(clippy::disallowed_methods, reason = "it carries what others say while the test goes on")]
    pub(crate) fn start(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let wires = Arc::new(Mutex::new(Wires::default()));
        let (shared, host) = (Arc::clone(&wires), host.to_owned());
        spawn(move || {
            for near in listener.incoming().flatten() {
                // Whoever is not let through is told so by the end of the connection.
                _ = Self::join(&shared, near, &host);
            }
        });
        Self { address, wires }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Ends what is open, and lets nothing through from now on.
    pub(crate) fn cut(&self) {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.cut = true;
        for end in wires.both_ends.drain(..) {
            // It may have ended by itself.
            _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Lets through again what comes from now on.
    pub(crate) fn mend(&self) {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner).cut = false;
    }

    #[expect(clippy::disallowed_methods, reason = "each direction has its own pace")]
    fn join(wires: &Mutex<Wires>, near: TcpStream, host: &str) -> io::Result<()> {
        let mut wires = wires.lock().unwrap_or_else(PoisonError::into_inner);
        if wires.cut {
            return Ok(());
        }
        let far = TcpStream::connect(host)?;
        for (mut from, mut to) in [(near.try_clone()?, far.try_clone()?), (far.try_clone()?, near.try_clone()?)] {
            spawn(move || {
                // Whichever way it ends, the other side hears of it.
                _ = io::copy(&mut from, &mut to);
                to.shutdown(Shutdown::Both)
            });
        }
        wires.both_ends.extend([near, far]);
        Ok(())
    }
}
