//! An answer given before the whole body was read. HTTP/1.1 can only end such a connection, and one that ends without
//! having said so loses the next request of a client that keeps it: a notice of a payment sent on it would be a
//! "connection reset" that is not tried again.
//! RFC 9112 §9.6: a server that closes says `Connection: close` in its last answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tower::{Service, ServiceExt as _};

/// A body, and whether its end was seen.
#[derive(Debug)]
pub(crate) struct Watched {
    body: Incoming,
    ended: Arc<AtomicBool>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || this.body.is_end_stream() {
            this.ended.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What `service` answers, with the word that the connection ends where the body was not read to its end.
pub(crate) async fn answered<S, B>(
    service: S,
    request: Request<Incoming>,
) -> Result<Response<B>, Infallible>
where
    S: Service<Request<Watched>, Response = Response<B>, Error = Infallible>,
{
    let ended = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let watched = Arc::clone(&ended);
    let request = request.map(|body| Watched {
        body,
        ended: watched,
    });
    let mut response = service.oneshot(request).await?;
    if !ended.load(Ordering::Relaxed) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Ok(response)
}
