//! How a payment stands, told to a browser as it changes: server-sent events (HTML, §9.2). Each stream looks at the
//! database, so that it does not matter which instance hears of the money. Whoever gets no stream asks by himself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tollgate_kernel::ids::PaymentId;
use tollgate_kernel::input::PathText;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::words::Spoken;
use tollgate_payment::PaymentService;
use tollgate_payment::model::payment::{Payment, PaymentStatus};

use super::super::BuyerPages;
use super::super::visit::Visit;
use super::{find, standing};
use crate::stop::stopped;

/// At once in a process: each is a look at the database every second.
const MOST_STREAMS: usize = 256;
/// Of one order: the pages that a buyer has open. Whoever has the link may otherwise take the room of all.
const MOST_OF_ONE: usize = 4;
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
    of_one: Arc<Mutex<HashMap<PaymentId, usize>>>,
    closing: watch::Receiver<bool>,
}

/// Room for one stream, until it is dropped.
#[derive(Debug)]
struct Room {
    order: PaymentId,
    of_one: Arc<Mutex<HashMap<PaymentId, usize>>>,
    _of_all: OwnedSemaphorePermit,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut open = self.of_one.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.order) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Streams {
    /// All of them end when `closing` says so.
    pub(in super::super) fn new(closing: watch::Receiver<bool>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(MOST_STREAMS)),
            of_one: Arc::default(),
            closing,
        }
    }

    /// `None`: there is none left, of all or of this order.
    fn room(&self, order: PaymentId) -> Option<Room> {
        let of_all = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let mut open = self.of_one.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(order).or_default();
        if *count >= MOST_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Room {
            order,
            of_one: Arc::clone(&self.of_one),
            _of_all: of_all,
        })
    }
}

/// One that is open.
struct Open {
    payment: PaymentService,
    link: String,
    words: Spoken,
    /// What was told last.
    told: Option<PaymentStatus>,
    ends_at: Instant,
    closing: watch::Receiver<bool>,
    _room: Room,
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
    let order = find(&pages.payment, &link).await?;
    let room = pages.streams.room(order.id);
    let full = || Problem::new(Code::Unavailable).retry_after(FULL_FOR_SECONDS);
    let room = room.ok_or_else(full)?;
    let open = Open {
        payment: pages.payment,
        link,
        words: visit.words(),
        told: None,
        ends_at: Instant::now() + LONGEST,
        closing: pages.streams.closing,
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
