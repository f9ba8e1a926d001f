//! What happens from now on, for a developer who has no endpoint yet: read from the outbox beside the service, signed
//! with a secret of the moment, as endpoints get it. Nothing is noted; what nobody was there to take is not repeated.

use tollgate_kernel::clock::{Clock, Timestamp};
use tollgate_kernel::entropy::Entropy;
use tollgate_storage::Result;
use tollgate_storage::db::Db;

use super::send::body_of;
use crate::model::outbound::Secret;
use crate::store::deliveries;

/// Facts in one look.
const AT_ONCE: i64 = 100;

/// One who listens.
///
/// ```
/// # use std::time::Duration;
/// # use tollgate_kernel::clock::Clock;
/// # use tollgate_kernel::entropy::Entropy;
/// # use tollgate_payment::Listener;
/// # use tollgate_storage::StorageError;
/// # use tollgate_storage::db::Db;
/// async fn follow(db: Db, clock: Clock, entropy: &Entropy) -> Result<(), StorageError> {
///     let mut listener = Listener::open(db, clock, entropy).await?;
///     println!("signed with {}", listener.secret());
///     loop {
///         for event in listener.next().await? {
///             println!("{} {} {}", event.at, event.kind, event.body);
///         }
///         tokio::time::sleep(Duration::from_millis(500)).await;
///     }
/// }
/// ```
pub struct Listener {
    db: Db,
    clock: Clock,
    secret: Secret,
    position: i64,
}

/// An event as it is sent.
///
/// ```
/// # use tollgate_payment::SignedEvent;
/// fn forward(event: &SignedEvent) {
///     for (name, value) in &event.headers {
///         println!("{name}: {value}");
///     }
///     println!("\n{}", event.body);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEvent {
    /// Its type.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    pub headers: [(&'static str, String); 3],
    /// To the byte.
    pub body: String,
}

impl Listener {
    /// From now on.
    ///
    /// # Errors
    /// The database.
    pub async fn open(db: Db, clock: Clock, entropy: &Entropy) -> Result<Self> {
        let position = deliveries::last_position(&db).await?;
        Ok(Self {
            db,
            clock,
            secret: Secret::random(entropy),
            position,
        })
    }

    /// `whsec_…`: what the events are signed with.
    pub fn secret(&self) -> String {
        self.secret.shown()
    }

    /// What has happened since the last look.
    ///
    /// # Errors
    /// The database.
    pub async fn next(&mut self) -> Result<Vec<SignedEvent>> {
        let told = deliveries::read_behind(&self.db, self.position, AT_ONCE).await?;
        if let Some(last) = told.last() {
            self.position = last.position;
        }
        let at = self.clock.now().seconds();
        let signed = told.into_iter().map(|told| {
            let (id, body) = (
                told.id.to_string(),
                body_of(&told.kind, told.at, &told.data),
            );
            let signature = self.secret.sign(&id, at, &body);
            SignedEvent {
                kind: told.kind,
                at: told.at,
                headers: [
                    ("webhook-id", id),
                    ("webhook-timestamp", at.to_string()),
                    ("webhook-signature", signature),
                ],
                body,
            }
        });
        Ok(signed.collect())
    }
}
