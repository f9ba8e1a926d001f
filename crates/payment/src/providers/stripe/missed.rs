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
    /// Oldest first. That our key was answered stands for a signature; each is read as a webhook is. What cannot be
    /// read is tried once more; one that nobody can read keeps none of the others back.
    pub(super) async fn since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<VerifiedEvent>, ProviderError> {
        let mut listed = self.listed(since).await?;
        listed.reverse();
        let (mut events, mut unread) = (Vec::new(), None);
        for event in &listed {
            let mut told = self.tell(event).await;
            if matches!(told, Err(WebhookRefusal::NotYet(_))) {
                told = self.tell(event).await;
            }
            match told {
                Ok(event) => events.push(event),
                Err(WebhookRefusal::NotYet(reason)) => {
                    tracing::error!(event.id, reason, "a missed event of Stripe's is left out");
                    unread = Some(reason);
                }
                // Neither will ever be read: it is not for us, or no event.
                Err(_) => {}
            }
        }
        match unread {
            Some(reason) if events.is_empty() => Err(ProviderError::unknown(reason)),
            _ => Ok(events),
        }
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
