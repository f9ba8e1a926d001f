//! What happens, told inside the process.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tollgate_kernel::clock::Timestamp;
use tollgate_payment::Listener;
use tollgate_storage::Result;

use crate::stop::stopped;
use crate::whole::Whole;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Something that happened, as webhook endpoints are told of it (`docs/webhooks.md`).
///
/// ```
/// use tollgate::Event;
///
/// fn welcome(event: &Event) -> Option<String> {
///     let user = event.data["user_id"].as_str()?;
///     (event.kind == "subscription.activated").then(|| format!("welcome, {user}"))
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// `subscription.activated`, `payment.completed` …
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// The resource, whole.
    pub data: Value,
}

/// Hears an event.
pub(crate) type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

/// Tells what happens from now on, until the word to stop.
pub(crate) async fn listen(
    whole: &Whole,
    hearers: Vec<OnEvent>,
    mut stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + use<>> {
    let ground = &whole.ground;
    let (db, clock) = (ground.db.clone(), ground.clock.clone());
    let mut listener = Listener::open(db, clock, &ground.entropy).await?;
    Ok(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stopped(&mut stop) => return,
            }
            let told = match listener.next().await {
                Ok(told) => told,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "events are looked for again at the next tick"
                    );
                    continue;
                }
            };
            for told in told {
                let mut body: Value = serde_json::from_str(&told.body).unwrap_or_default();
                let event = Event {
                    kind: told.kind,
                    at: told.at,
                    data: body["data"].take(),
                };
                for hear in &hearers {
                    hear(&event);
                }
            }
        }
    })
}
