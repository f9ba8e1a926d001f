//! Whether keys were brought along from elsewhere, which may have any shape: only then is a text that
//! is not of our shape worth a question.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::{Result, settings};

use crate::AuthService;

/// Set once, by the first import.
pub(crate) const MARK: &str = "auth.brought_keys";
/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);

/// As it was when it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct BroughtKeys(Mutex<Known>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    any: bool,
    looked_at: Option<Timestamp>,
}

impl AuthService {
    /// Known at the start; a later import is seen within five seconds, by whoever comes with such a key.
    pub(crate) async fn has_brought_keys(&self) -> bool {
        let now = self.parts().clock.now();
        let due = {
            let known = &self.parts().brought_keys.0;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let due = known.looked_at.is_none_or(|at| now.since(at) >= EVERY);
            if due && !known.any {
                known.looked_at = Some(now);
            }
            due && !known.any
        };
        if due && let Err(error) = self.look_for_brought_keys().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "whether keys were imported could not be read; keys of another shape are refused"
            );
        }
        let known = self.parts().brought_keys.0.lock();
        known.unwrap_or_else(PoisonError::into_inner).any
    }

    /// # Errors
    /// The database.
    pub(crate) async fn look_for_brought_keys(&self) -> Result<()> {
        let parts = self.parts();
        let any = settings::is_set(&parts.db, MARK).await?;
        let mut known = parts
            .brought_keys
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *known = Known {
            any,
            looked_at: Some(parts.clock.now()),
        };
        Ok(())
    }
}
