//! A connection that is closed while its client still sends. What is sent after a close is answered with a reset, which
//! throws away the answer that the client has not read yet: a body that is too long would be told as "connection reset".
//! So our half is closed first, and what comes is read and dropped for a while.
//! RFC 9112 §9.6, "lingering close".

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// So long the rest is read: a client may be slow, and a stop waits for it (less than `accept`'s drain),
const LONGEST: Duration = Duration::from_secs(5);
/// and so much of it.
const MOST_BYTES: usize = 8 * 1024 * 1024;
const AT_ONCE: usize = 16 * 1024;

/// A stream that is closed so.
pub(crate) struct Lingering {
    stream: TcpStream,
    /// Once our half is closed.
    closing: Option<Pin<Box<Sleep>>>,
    dropped: usize,
}

impl Lingering {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            closing: None,
            dropped: 0,
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>, end: &mut Pin<Box<Sleep>>) -> Poll<()> {
        let mut scratch = [0; AT_ONCE];
        while self.dropped < MOST_BYTES && end.as_mut().poll(cx).is_pending() {
            let mut rest = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut rest));
            let bytes = rest.filled().len();
            if read.is_err() || bytes == 0 {
                break;
            }
            self.dropped = self.dropped.saturating_add(bytes);
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut end = if let Some(end) = this.closing.take() {
            end
        } else {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            Box::pin(sleep(LONGEST))
        };
        let rest = this.poll_rest(cx, &mut end);
        this.closing = Some(end);
        rest.map(Ok)
    }
}
