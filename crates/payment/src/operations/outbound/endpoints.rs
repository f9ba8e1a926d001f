//! Who is told: made, changed and taken away by an admin, each deed in the audit log.

use serde_json::{Value, json};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::{EndpointId, UserId};
use tollgate_kernel::origin::Origin;
use tollgate_storage::audit::{self, Actor, Entry};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError};

use super::super::TRIES;
use super::address::{NotThere, checked};
use super::send::SECRET;
use crate::model::outbound::{EVENT_TYPES, Endpoint, Secret};
use crate::store::endpoints;
use crate::{Parts, PaymentService};

/// How long the secret before counts beside the new one.
const BOTH_SECRETS: std::time::Duration = std::time::Duration::from_hours(24);
/// More than anybody needs; each is looked at at every tick.
const MOST_ENDPOINTS: usize = 50;
const DESCRIPTION_CHARS: usize = 200;

/// A receiver, as an admin wants it.
///
/// ```
/// # use tollgate_payment::WantEndpoint;
/// let everything = WantEndpoint {
///     url: "https://shop.example/hooks".to_owned(),
///     description: "The shop".to_owned(),
///     kinds: Vec::new(),
/// };
/// assert!(everything.kinds.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct WantEndpoint {
    /// Where to.
    pub url: String,
    /// For whoever reads the list.
    pub description: String,
    /// Which types; empty: all.
    pub kinds: Vec<String>,
}

/// What is to be different; what is left out stays.
///
/// ```
/// # use tollgate_payment::ChangeEndpoint;
/// let off = ChangeEndpoint {
///     enabled: Some(false),
///     ..ChangeEndpoint::default()
/// };
/// assert!(off.url.is_none(), "the address stays");
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChangeEndpoint {
    /// Where to.
    pub url: Option<String>,
    /// For whoever reads the list.
    pub description: Option<String>,
    /// Which types; empty: all.
    pub kinds: Option<Vec<String>>,
    /// Whether it is told at all.
    pub enabled: Option<bool>,
}

/// Why there is no such receiver.
///
/// ```
/// # use tollgate_payment::EndpointError;
/// fn advice(error: &EndpointError) -> String {
///     match error {
///         EndpointError::Address { private: true } => "take an address of the internet".to_owned(),
///         EndpointError::Kind(kind) => format!("there is no event {kind}"),
///         other => other.to_string(),
///     }
/// }
/// assert_eq!(advice(&EndpointError::Kind("sold".to_owned())), "there is no event sold");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// No such endpoint, or no such delivery.
    #[error("there is no such endpoint")]
    NotFound,
    /// Events may not go there.
    #[error("events may not go to that address")]
    Address {
        /// It leads to this machine or to a private network.
        private: bool,
    },
    /// A type that is never told.
    #[error("there is no event of type {0}")]
    Kind(String),
    /// Too many words.
    #[error("a description has at most 200 characters")]
    Description,
    /// As many as there may be.
    #[error("there are 50 endpoints")]
    TooMany,
    /// It is on its way.
    #[error("the delivery is on its way")]
    Open,
    /// A time that ends before it begins.
    #[error("the time ends before it begins")]
    Span,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

impl PaymentService {
    /// All endpoints, oldest first.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn switched_off(payment: &PaymentService) -> Result<Vec<String>, StorageError> {
    ///     let all = payment.endpoints().await?;
    ///     Ok(all.into_iter().filter(|one| one.disabled_at.is_some()).map(|one| one.url).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        endpoints::list(&self.0.db, self.0.config.livemode).await
    }

    /// One of them.
    ///
    /// ```
    /// # use tollgate_kernel::ids::EndpointId;
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn hears_all(payment: &PaymentService, id: EndpointId) -> Result<bool, StorageError> {
    ///     let found = payment.endpoint(id).await?;
    ///     Ok(found.is_some_and(|one| one.kinds.is_empty()))
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>> {
        endpoints::find(&self.0.db, id, self.0.config.livemode).await
    }

    /// A new one, and its secret, which is shown this once.
    ///
    /// ```
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{EndpointError, PaymentService, WantEndpoint};
    /// async fn listen(payment: &PaymentService, origin: &Origin) -> Result<String, EndpointError> {
    ///     let wish = WantEndpoint {
    ///         url: "https://shop.example/hooks".to_owned(),
    ///         description: "The shop".to_owned(),
    ///         kinds: vec!["payment.completed".to_owned()],
    ///     };
    ///     let (_, secret) = payment.create_endpoint(&wish, None, origin).await?;
    ///     // Shown now, and never again.
    ///     Ok(secret.shown())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn create_endpoint(
        &self,
        wish: &WantEndpoint,
        by: Option<UserId>,
        origin: &Origin,
    ) -> Result<(Endpoint, Secret), EndpointError> {
        let parts = &self.0;
        check(parts, Some(&wish.url), &wish.kinds, &wish.description)?;
        if self.endpoints().await?.len() >= MOST_ENDPOINTS {
            return Err(EndpointError::TooMany);
        }
        let now = parts.clock.now();
        let secret = Secret::random(&parts.entropy);
        let new = Endpoint {
            id: parts.ids.at(now),
            url: wish.url.clone(),
            description: wish.description.clone(),
            kinds: wish.kinds.clone(),
            failing_since: None,
            disabled_at: None,
            disabled_reason: None,
            created_by: by,
            created_at: now,
            version: 1,
        };
        let mut tx = parts.db.begin().await?;
        endpoints::insert(&mut tx, &new, &seal(parts, &secret), parts.config.livemode).await?;
        let after = json!({ "url": new.url, "event_types": new.kinds });
        record(
            parts,
            &mut tx,
            "webhook_endpoint.created",
            new.id,
            after,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        Ok((new, secret))
    }

    /// Another address, other types, on or off. Switched on again, what waited is sent. What is read before is
    /// written under its version: an endpoint that is switched off meanwhile is not switched on by other words.
    ///
    /// ```
    /// # use tollgate_kernel::ids::EndpointId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{ChangeEndpoint, EndpointError, PaymentService};
    /// async fn switch_on(payment: &PaymentService, id: EndpointId, origin: &Origin) -> Result<(), EndpointError> {
    ///     let wish = ChangeEndpoint {
    ///         enabled: Some(true),
    ///         ..ChangeEndpoint::default()
    ///     };
    ///     payment.change_endpoint(id, &wish, origin).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn change_endpoint(
        &self,
        id: EndpointId,
        wish: &ChangeEndpoint,
        origin: &Origin,
    ) -> Result<Endpoint, EndpointError> {
        let parts = &self.0;
        let kinds = wish.kinds.as_deref().unwrap_or_default();
        let description = wish.description.as_deref().unwrap_or_default();
        check(parts, wish.url.as_deref(), kinds, description)?;
        for _ in 0..TRIES {
            let now = parts.clock.now();
            let known = self.endpoint(id).await?.ok_or(EndpointError::NotFound)?;
            let changed = changed(known, wish, now);
            let mut tx = parts.db.begin().await?;
            if !endpoints::change(&mut tx, &changed, parts.config.livemode, now).await? {
                tx.rollback().await?;
                continue;
            }
            let enabled = changed.disabled_at.is_none();
            let after =
                json!({ "url": changed.url, "event_types": changed.kinds, "enabled": enabled });
            record(
                parts,
                &mut tx,
                "webhook_endpoint.changed",
                id,
                after,
                origin,
                now,
            )
            .await?;
            tx.commit().await?;
            return self.endpoint(id).await?.ok_or(EndpointError::NotFound);
        }
        Err(StorageError::Inconsistent {
            table: "webhook_endpoints",
            column: "version",
            row: id.to_string(),
        }
        .into())
    }

    /// Another secret, shown this once; for 24 hours both sign.
    ///
    /// ```
    /// # use tollgate_kernel::ids::EndpointId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{EndpointError, PaymentService};
    /// async fn rotate(payment: &PaymentService, id: EndpointId, origin: &Origin) -> Result<String, EndpointError> {
    ///     let secret = payment.rotate_endpoint_secret(id, origin).await?;
    ///     Ok(secret.shown())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn rotate_endpoint_secret(
        &self,
        id: EndpointId,
        origin: &Origin,
    ) -> Result<Secret, EndpointError> {
        let parts = &self.0;
        let (now, livemode) = (parts.clock.now(), parts.config.livemode);
        let secret = Secret::random(&parts.entropy);
        let (sealed, until) = (seal(parts, &secret), now.after(BOTH_SECRETS));
        let mut tx = parts.db.begin().await?;
        if !endpoints::rotate(&mut tx, id, &sealed, until, livemode, now).await? {
            return Err(EndpointError::NotFound);
        }
        record(
            parts,
            &mut tx,
            "webhook_endpoint.secret_rotated",
            id,
            Value::Null,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// Takes one away, with all that was on its way to it.
    ///
    /// ```
    /// # use tollgate_kernel::ids::EndpointId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{EndpointError, PaymentService};
    /// async fn forget(payment: &PaymentService, id: EndpointId, origin: &Origin) -> Result<(), EndpointError> {
    ///     payment.delete_endpoint(id, origin).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn delete_endpoint(
        &self,
        id: EndpointId,
        origin: &Origin,
    ) -> Result<(), EndpointError> {
        let parts = &self.0;
        let now = parts.clock.now();
        let mut tx = parts.db.begin().await?;
        if !endpoints::delete(&mut tx, id, parts.config.livemode).await? {
            return Err(EndpointError::NotFound);
        }
        record(
            parts,
            &mut tx,
            "webhook_endpoint.deleted",
            id,
            Value::Null,
            origin,
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// As it will be.
fn changed(known: Endpoint, wish: &ChangeEndpoint, now: Timestamp) -> Endpoint {
    let enabled = wish.enabled.unwrap_or(known.disabled_at.is_none());
    let off = (!enabled).then(|| known.disabled_at.unwrap_or(now));
    Endpoint {
        url: wish.url.clone().unwrap_or(known.url),
        description: wish.description.clone().unwrap_or(known.description),
        kinds: wish.kinds.clone().unwrap_or(known.kinds),
        disabled_at: off,
        disabled_reason: off.and(known.disabled_reason),
        ..known
    }
}

fn check(
    parts: &Parts,
    url: Option<&str>,
    kinds: &[String],
    description: &str,
) -> Result<(), EndpointError> {
    if let Some(url) = url
        && let Err(error) = checked(url, parts.config.webhook_allow_private)
    {
        let private = error == NotThere::Private;
        return Err(EndpointError::Address { private });
    }
    let is_known = |kind: &&String| EVENT_TYPES.contains(&kind.as_str());
    if let Some(unknown) = kinds.iter().find(|kind| !is_known(kind)) {
        return Err(EndpointError::Kind(unknown.clone()));
    }
    if description.chars().count() > DESCRIPTION_CHARS {
        return Err(EndpointError::Description);
    }
    Ok(())
}

fn seal(parts: &Parts, secret: &Secret) -> Vec<u8> {
    parts
        .master_key
        .seal(SECRET, secret.bytes(), &parts.entropy)
}

/// Into the audit log, in the transaction of the deed.
pub(super) async fn record(
    parts: &Parts,
    tx: &mut Tx,
    action: &'static str,
    id: EndpointId,
    after: Value,
    origin: &Origin,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry {
        id: parts.ids.at(now),
        actor: Actor::of(origin),
        action,
        subject_kind: "webhook_endpoint",
        subject_id: id.to_string(),
        before: None,
        after: (!after.is_null()).then_some(after),
        reason: None,
        origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await
}

#[cfg(test)]
mod tests {
    use tollgate_kernel::entropy::Entropy;
    use tollgate_storage::seal::MasterKey;
    use tollgate_storage::testing::each_engine;

    use super::*;
    use crate::{MIGRATIONS, PaymentConfig};

    #[tokio::test(flavor = "multi_thread")]
    async fn inv_l4_other_words_do_not_switch_on_what_was_switched_off_meanwhile() {
        each_engine(&[MIGRATIONS], async |db| {
            let config = PaymentConfig::new("https://pay.example");
            let key = MasterKey::generate(&Entropy::system());
            let service = PaymentService::builder(db.clone(), key, config);
            let service = service.build().await.expect("built");
            let wish = WantEndpoint {
                url: "https://hooks.example.com/".to_owned(),
                description: String::new(),
                kinds: Vec::new(),
            };
            let origin = Origin::default();
            let made = service.create_endpoint(&wish, None, &origin).await;
            let (before, _) = made.expect("made");
            let (now, livemode) = (service.0.clock.now(), service.0.config.livemode);
            let mut tx = db.begin().await.expect("begins");
            let off = endpoints::disable(&mut tx, before.id, "it answered 410", now).await;
            assert!(off.expect("asked"));
            // Whoever read it before writes what he read: nothing comes of it.
            let late = endpoints::change(&mut tx, &before, livemode, now).await;
            assert!(!late.expect("asked"));
            tx.commit().await.expect("commits");
            let words = ChangeEndpoint {
                description: Some("shop".to_owned()),
                ..ChangeEndpoint::default()
            };
            let changed = service.change_endpoint(before.id, &words, &origin).await;
            let changed = changed.expect("changed");
            assert_eq!(changed.description, "shop");
            assert_eq!(changed.disabled_reason.as_deref(), Some("it answered 410"));
            let on = ChangeEndpoint {
                enabled: Some(true),
                ..ChangeEndpoint::default()
            };
            let changed = service.change_endpoint(before.id, &on, &origin).await;
            assert_eq!(changed.expect("changed").disabled_at, None);
        })
        .await;
    }
}
