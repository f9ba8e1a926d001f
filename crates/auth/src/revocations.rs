//! Sign-ins that ended while access tokens of theirs are still young. A token is checked by its signature
//! alone; this is what is known beside it, in memory: at once on the instance that ended the sign-in,
//! within [`EVERY`] on the others (at once where they share a [`blacklist`]), and as soon as an
//! instance starts. The database is the truth: what is missing here is still refused wherever it is
//! asked.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::SessionId;
use tollgate_storage::Result;

use crate::store::{refresh_tokens, sessions};
use crate::{AuthService, Parts, blacklist};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// No transaction lives longer than 30 seconds, and clocks of two instances differ by less than that:
/// what a look could miss, the looks of the next minute see.
const OVERLAP: Duration = Duration::from_mins(1);

/// Sign-ins that ended lately.
#[derive(Debug, Default)]
pub(crate) struct Revocations(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    ended: HashMap<SessionId, Timestamp>,
    seen_until: Option<Timestamp>,
}

impl Revocations {
    pub(crate) fn contains(&self, session: SessionId) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.ended.contains_key(&session)
    }

    /// What another instance told.
    #[cfg(feature = "redis")]
    pub(crate) fn hear(&self, sessions: &[SessionId], now: Timestamp) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.ended.extend(sessions.iter().map(|id| (*id, now)));
    }
}

impl AuthService {
    /// After whatever ends sign-ins or keys here: it is done, so a look that fails is only made up for
    /// later.
    pub(crate) async fn ended_here(&self) {
        self.parts().live_keys.forget_all();
        self.look().await;
    }

    async fn look(&self) {
        let looked = async {
            let new = self.see_revocations().await?;
            self.tell(&new).await
        };
        if let Err(error) = looked.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "ended sign-ins could not be read; their tokens live until they are read, or expire"
            );
        }
    }

    /// Whoever reads of an end first tells the others: mostly who ended it, and another one where that
    /// one stopped in between.
    async fn tell(&self, new: &[(SessionId, Timestamp)]) -> Result<()> {
        let parts = self.parts();
        let earliest = new.iter().map(|(_, at)| *at).min();
        let (Some(blacklist), Some(earliest)) = (&parts.blacklist, earliest) else {
            return Ok(());
        };
        let now = parts.clock.now();
        let mut tokens = refresh_tokens::ended_since(&parts.db, earliest, now).await?;
        let sessions: Vec<SessionId> = new.iter().map(|(id, _)| *id).collect();
        tokens.retain(|token| sessions.contains(&token.session_id));
        blacklist.add(&sessions, &tokens, now).await;
        Ok(())
    }

    /// Looks which sign-ins ended since the last look, every two seconds for what others ended.
    /// Gives those that nobody here knew.
    ///
    /// # Errors
    /// The database.
    pub(crate) async fn see_revocations(&self) -> Result<Vec<(SessionId, Timestamp)>> {
        let parts = self.parts();
        let now = parts.clock.now();
        // Older ones have no living token any more.
        let young = now.before(parts.config.access_token_ttl).before(OVERLAP);
        let seen = {
            let known = parts.revocations.0.read();
            known.unwrap_or_else(PoisonError::into_inner).seen_until
        };
        let since = seen.map_or(young, |seen| seen.before(OVERLAP).max(young));
        let mut ended = sessions::ended_since(&parts.db, since).await?;
        let mut known = parts
            .revocations
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        ended.retain(|(id, at)| known.ended.insert(*id, *at).is_none());
        known.ended.retain(|_, at| *at >= young);
        known.seen_until = known.seen_until.max(Some(now));
        Ok(ended)
    }
}

/// Listens to the other instances, where they can be heard.
pub(crate) fn listen(service: &AuthService) {
    let parts = &service.0;
    if let Some(blacklist) = &parts.blacklist {
        let installation = blacklist::installation(parts);
        Arc::clone(blacklist).begin(&installation, Arc::downgrade(parts));
    }
}

/// Looks every two seconds, as long as the service is there.
pub(crate) fn watch(service: &AuthService) {
    let parts = Arc::downgrade(&service.0);
    tokio::spawn(async move {
        let mut looks = tokio::time::interval(EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let Some(parts): Option<Arc<Parts>> = parts.upgrade() else {
                return;
            };
            AuthService(parts).look().await;
        }
    });
}
