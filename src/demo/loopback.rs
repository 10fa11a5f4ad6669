//! A listener that only this machine can reach.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};

/// A listener on 127.0.0.1 or `[::1]`. There is no way to make one on another address.
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
}

impl Loopback {
    /// Listens on 127.0.0.1; port 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn bind(port: u16) -> io::Result<Self> {
        Self::on(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
    }

    /// Listens on `[::1]`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be had, or the machine has no IPv6.
    pub async fn bind_v6(port: u16) -> io::Result<Self> {
        Self::on(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await
    }

    async fn on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
