//! A stream that ends when its client is too slow.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Ceilings;

/// What a connection waits for from its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing: a request is being answered, and reads its body under a deadline of its own.
    Answering,
    /// The headers of a request that has begun.
    Headers,
    /// Another request.
    Idle,
}

/// The phase of one connection, shared by its stream and its service.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    phase: AtomicU8,
    too_slow: AtomicBool,
    /// Whoever polls the stream: after an answer it has to look at the clock again, and hyper sees no reason to.
    reader: AtomicWaker,
}

/// A request is being answered as long as it lives.
pub(super) struct Answering(Pace);

impl Pace {
    /// A new connection has to send headers at once.
    pub(super) fn new() -> Self {
        let pace = Self(Arc::default());
        pace.set(Phase::Headers);
        pace
    }

    /// The headers are complete.
    pub(super) fn answering(&self) -> Answering {
        self.set(Phase::Answering);
        Answering(self.clone())
    }

    /// Whether the connection ended because its client was too slow. One that ended since it had nothing to ask was not.
    pub(super) fn was_too_slow(&self) -> bool {
        self.0.too_slow.load(Ordering::Relaxed)
    }

    fn too_slow(&self) -> io::Error {
        self.0.too_slow.store(true, Ordering::Relaxed);
        io::ErrorKind::TimedOut.into()
    }

    fn set(&self, phase: Phase) {
        let number = match phase {
            Phase::Answering => 0,
            Phase::Headers => 1,
            Phase::Idle => 2,
        };
        self.0.phase.store(number, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Relaxed) {
            0 => Phase::Answering,
            1 => Phase::Headers,
            _ => Phase::Idle,
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.set(Phase::Idle);
        self.0.0.reader.wake();
    }
}

/// A stream under the pace of its connection. It fails with [`io::ErrorKind::TimedOut`].
pub(super) struct Paced<S> {
    stream: S,
    pace: Pace,
    header_read_time: Duration,
    idle_time: Duration,
    write_time: Duration,
    reading: Option<(Phase, Pin<Box<Sleep>>)>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pace: Pace, ceilings: &Ceilings) -> Self {
        Self {
            stream,
            pace,
            header_read_time: ceilings.header_read_time,
            idle_time: ceilings.idle_time,
            write_time: ceilings.write_time,
            reading: None,
            writing: None,
        }
    }

    /// Nothing came: whether it has been so for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let phase = self.pace.phase();
        let time = match phase {
            Phase::Answering => {
                self.reading = None;
                self.pace.0.reader.register(cx.waker());
                return Poll::Pending;
            }
            Phase::Headers => self.header_read_time,
            Phase::Idle => self.idle_time,
        };
        let timer = match &mut self.reading {
            Some((of, timer)) if *of == phase => timer,
            reading => &mut reading.insert((phase, Box::pin(sleep(time)))).1,
        };
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(match phase {
            Phase::Answering | Phase::Headers => self.pace.too_slow(),
            Phase::Idle => io::ErrorKind::TimedOut.into(),
        })
    }

    /// What a write came to: an error if nothing was taken for too long.
    fn poll_written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let time = self.write_time;
        let timer = self.writing.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(self.pace.too_slow()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Pending => this.poll_patience(cx).map(Err),
            Poll::Ready(read) => {
                if buffer.filled().len() > before && this.pace.phase() == Phase::Idle {
                    this.pace.set(Phase::Headers);
                }
                Poll::Ready(read)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.poll_written(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.poll_written(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.poll_written(cx, shut)
    }
}
