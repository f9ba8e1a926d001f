//! What Stripe told while nobody listened: its own list of events, thirty days back.

use tollgate_kernel::clock::Timestamp;

use super::Stripe;
use super::call::Form;
use super::event::KINDS;
use super::wire::{Event, List};
use crate::providers::{ProviderError, VerifiedEvent, WebhookRefusal};

const EVENTS: &str = "/v1/events";
/// Events carry whole objects; more of them would be too long an answer.
const AT_ONCE: &str = "10";
/// The newest thousand; who was away for more than that asks about each order anyway.
const PAGES: usize = 100;

impl Stripe {
    /// Oldest first. That our key was answered stands for a signature; each is read as a webhook is.
    pub(super) async fn since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<VerifiedEvent>, ProviderError> {
        let mut listed = self.listed(since).await?;
        listed.reverse();
        let mut events = Vec::new();
        for event in &listed {
            match self.tell(event).await {
                Ok(event) => events.push(event),
                // Neither will ever be read.
                Err(WebhookRefusal::NotYet(reason)) => return Err(ProviderError::unknown(reason)),
                Err(_) => {}
            }
        }
        Ok(events)
    }

    async fn listed(&self, since: Timestamp) -> Result<Vec<Event>, ProviderError> {
        let mut listed: Vec<Event> = Vec::new();
        for _ in 0..PAGES {
            let mut query = Form::default()
                .with("limit", AT_ONCE)
                .with("created[gte]", since.seconds().to_string());
            for (at, kind) in KINDS.iter().enumerate() {
                query = query.with(&format!("types[{at}]"), *kind);
            }
            if let Some(last) = listed.last() {
                query = query.with("starting_after", &last.id);
            }
            let list: List<Event> = self.get(EVENTS, &query).await?.done()?;
            let more = list.has_more && !list.data.is_empty();
            listed.extend(list.data);
            if !more {
                return Ok(listed);
            }
        }
        tracing::error!(%since, "more events of Stripe's were missed than are read at once: the oldest are left out");
        Ok(listed)
    }
}
