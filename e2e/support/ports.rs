//! Free loopback ports for programs that cannot choose their own.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};

/// Below the range from which the kernel serves outgoing connections (32768 and up), so that none of them can take
/// a port between its choice here and its use by the program that it was chosen for.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

/// A port of 127.0.0.1 that nothing listens on and that no other caller in this run was given.
pub(crate) fn free() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Two runs on one machine begin at different places.
    let offset = u16::try_from(std::process::id() % u32::from(COUNT)).expect("less than COUNT");
    let port = (0..COUNT)
        .map(|step| FIRST + (offset.wrapping_mul(7) % COUNT + step) % COUNT)
        .find(|port| !given.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free loopback port");
    given.insert(port);
    port
}

/// Whether something accepts connections at the port.
pub(crate) fn open(port: u16) -> bool {
    answers(&format!("{}:{port}", Ipv4Addr::LOCALHOST))
}

/// Whether something accepts connections at `address:port`.
pub(crate) fn answers(host: &str) -> bool {
    TcpStream::connect(host).is_ok()
}
