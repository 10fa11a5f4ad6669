//! A proxy that gives tunnels (RFC 9110, 9.3.6), all to one place.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use countersign::cloud::Proxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::spawn;

/// A proxy on loopback. It runs until it is dropped.
pub(crate) struct Tunnels {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Tunnels {
    /// Tunnels to `target`, whatever is asked for.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback");
        let address = listener.local_addr().expect("its address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let shared = Arc::clone(&asked);
        let accepting = spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(tunnel(stream, target, Arc::clone(&shared)));
            }
        });
        Self { address, asked, accepting }
    }

    /// As clients are told of it, with these hosts that are reached without it.
    pub(crate) fn proxy(&self, direct: &str) -> Proxy {
        Proxy::new(&format!("http://{}", self.address), direct).expect("a proxy")
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `host:port` of every tunnel that was asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn tunnel(mut stream: TcpStream, target: SocketAddr, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) if head.len() < 8192 => head.push(byte),
            Ok(_) | Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let Some(to) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else { return };
    asked.lock().unwrap().push(to.to_owned());
    let Ok(mut other) = TcpStream::connect(target).await else { return };
    if stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
        drop(copy_bidirectional(&mut stream, &mut other).await);
    }
}
