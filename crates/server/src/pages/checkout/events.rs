//! How a payment stands, told to a browser as it changes: server-sent events (HTML, §9.2). Each stream looks at the
//! database, so that it does not matter which instance hears of the money. Whoever gets no stream asks by himself.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tollgate_kernel::input::PathText;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::PaymentService;
use tollgate_payment::model::payment::{Payment, PaymentStatus};

use super::super::BuyerPages;
use super::super::visit::Visit;
use super::super::words::Words;
use super::{find, standing};
use crate::stop::stopped;

/// At once in a process: each is a look at the database every second.
const MOST_STREAMS: usize = 256;
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Proxies close what is silent.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Who still waits comes again.
const LONGEST: Duration = Duration::from_mins(10);
/// A browser whose stream has ended comes again after this long; one that got none asks by itself.
const COME_AGAIN: Duration = Duration::from_secs(3);
/// For who is refused.
const FULL_FOR_SECONDS: u64 = 30;
/// nginx would keep what is sent until it is worth sending.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Room for streams, and the word that they end.
#[derive(Clone, Debug)]
pub(in super::super) struct Streams {
    room: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

impl Streams {
    /// All of them end when `closing` says so.
    pub(in super::super) fn new(closing: watch::Receiver<bool>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(MOST_STREAMS)),
            closing,
        }
    }
}

/// One that is open.
struct Open {
    payment: PaymentService,
    link: String,
    words: Words,
    /// What was told last.
    told: Option<PaymentStatus>,
    ends_at: Instant,
    closing: watch::Receiver<bool>,
    _room: OwnedSemaphorePermit,
}

impl Open {
    /// The next change; `None`: nothing more will be told.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        // What is decided was the last word.
        if self.told.is_some_and(|told| told != PaymentStatus::Pending) {
            return None;
        }
        loop {
            // A database that is away is met again at the next look.
            let found = self.payment.find_by_checkout_link(&self.link).await;
            if let Ok(Some(order)) = found
                && let Some(event) = self.tell(&order)
            {
                return Some((Ok(event), self));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = tokio::time::sleep_until(self.ends_at) => return None,
                () = stopped(&mut self.closing) => return None,
            }
        }
    }

    fn tell(&mut self, order: &Payment) -> Option<Event> {
        let status = order.state.status();
        if self.told == Some(status) {
            return None;
        }
        self.told = Some(status);
        let text = standing(order, self.words).to_string();
        Some(
            Event::default()
                .event("status")
                .retry(COME_AGAIN)
                .data(text),
        )
    }
}

/// `GET /checkout/{link}/events`: how it stands, at once and whenever that changes, until it is decided.
pub(in super::super) async fn events(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
    visit: Visit,
) -> Result<Response, Problem> {
    find(&pages.payment, &link).await?;
    let Streams { room, closing } = pages.streams;
    let room = room.try_acquire_owned();
    let room = room.map_err(|_| Problem::new(Code::Unavailable).retry_after(FULL_FOR_SECONDS))?;
    let open = Open {
        payment: pages.payment,
        link,
        words: Words(visit.language),
        told: None,
        ends_at: Instant::now() + LONGEST,
        closing,
        _room: room,
    };
    let events = Sse::new(stream::unfold(open, Open::next));
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (BUFFERING, HeaderValue::from_static("no")),
    ];
    let events = events.keep_alive(KeepAlive::new().interval(HEARTBEAT));
    Ok((headers, events).into_response())
}
