//! What Stripe told while nobody listened: its own list of events, thirty days back.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_kernel::clock::Timestamp;

use super::call::Form;
use super::event::KINDS;
use super::wire::{self, List};
use super::{ListedEvent, Stripe};
use crate::providers::ProviderError;

const EVENTS: &str = "/v1/events";
/// Events carry whole objects; more of them would be too long an answer.
const AT_ONCE: &str = "10";
/// The newest thousand; who was away for more than that asks about each order anyway.
const PAGES: usize = 100;

#[derive(Deserialize)]
struct Numbered {
    id: String,
}

impl Stripe {
    /// Oldest first, to the byte.
    pub(super) async fn listed(&self, since: Timestamp) -> Result<Vec<ListedEvent>, ProviderError> {
        let mut listed: Vec<ListedEvent> = Vec::new();
        for _ in 0..PAGES {
            let mut query = Form::default()
                .with("limit", AT_ONCE)
                .with("created[gte]", since.seconds().to_string());
            for (at, kind) in KINDS.iter().enumerate() {
                query = query.with(&format!("types[{at}]"), *kind);
            }
            if let Some(last) = listed.last() {
                query = query.with("starting_after", last.key());
            }
            let list: List<Box<RawValue>> = self.get(EVENTS, &query).await?.done()?;
            let more = list.has_more && !list.data.is_empty();
            for event in &list.data {
                let numbered: Numbered =
                    serde_json::from_str(event.get()).map_err(ProviderError::unknown)?;
                let key = wire::number(&numbered.id);
                let key = key.ok_or_else(|| ProviderError::unknown("an event without number"))?;
                listed.push(ListedEvent::new(key.to_owned(), event.get().to_owned()));
            }
            if !more {
                listed.reverse();
                return Ok(listed);
            }
        }
        tracing::error!(%since, "more events of Stripe's were missed than are read at once: the oldest are left out");
        listed.reverse();
        Ok(listed)
    }
}
