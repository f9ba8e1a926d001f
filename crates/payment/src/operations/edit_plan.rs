//! Plans are made, changed and taken away by staff, each deed in the audit log.
//!
//! What can happen at once: two edits of one plan, two plans that become the default, an order for a plan that is
//! just deleted. An edit is written under the version it was read in, and read again when a rival was faster; the
//! row before is left as it was sold. The default that gives way is written first, so that rivals for its place meet
//! at one row. What an order names cannot be deleted: the foreign key says so, and it is archived instead.

use serde_json::{Map, Value};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::PlanId;
use tollgate_storage::audit::{self, Entry, Initiator};
use tollgate_storage::db::Tx;
use tollgate_storage::idempotency::{self, Known, Request};
use tollgate_storage::{Result, StorageError};

use super::{Answered, TRIES};
use crate::model::plan::Plan;
use crate::model::plan_terms::{FieldChange, PlanFault, PlanTerms};
use crate::shapes::{AdminPlanShape, PlanBody};
use crate::store::{plan_edits, plan_versions, plans};
use crate::{Parts, PaymentService};

const SLUG_KEY: &str = "subscription_plans_slug_key";
const DEFAULT_KEY: &str = "subscription_plans_is_default_key";

/// Why a plan stays as it is.
///
/// ```
/// # use tollgate_payment::PlanError;
/// fn lines(error: &PlanError) -> Vec<String> {
///     match error {
///         PlanError::Invalid { faults, .. } => {
///             faults.iter().map(|fault| format!("{}: {}", fault.field, fault.code)).collect()
///         }
///         other => vec![other.to_string()],
///     }
/// }
/// assert_eq!(lines(&PlanError::NotFound), ["there is no such plan"]);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No such plan.
    #[error("there is no such plan")]
    NotFound,
    /// Something may not stand there.
    #[error("the plan {slug} is not valid")]
    Invalid {
        /// Which plan, if it has a name.
        slug: String,
        /// What may not.
        faults: Vec<PlanFault>,
    },
    /// Another plan is called so.
    #[error("another plan has this slug")]
    SlugTaken,
    /// It was sold: this of it stays.
    #[error("the plan {slug} was sold: its {field} stays")]
    InUse {
        /// Which plan.
        slug: String,
        /// What of it.
        field: &'static str,
    },
    /// Everybody gets it who registers: it stays on sale.
    #[error("the plan {0} is the default one: it stays on sale")]
    DefaultStays(String),
    /// There is a newer version than the one the edit was made from.
    #[error("the plan was changed meanwhile")]
    Changed,
    /// The key was used for another body.
    #[error("the Idempotency-Key belongs to another request")]
    KeyReused,
    /// The database.
    #[error(transparent)]
    Internal(#[from] StorageError),
}

/// What became of a plan that was to go.
///
/// ```
/// # use tollgate_payment::Removed;
/// fn is_gone(removed: &Removed) -> bool {
///     matches!(removed, Removed::Deleted)
/// }
/// assert!(is_gone(&Removed::Deleted));
/// ```
#[derive(Clone, Debug)]
pub enum Removed {
    /// Nobody ever had it: it is gone.
    Deleted,
    /// It is kept for those who have or had it.
    Archived(Box<AdminPlanShape>),
}

impl PaymentService {
    /// A new plan.
    ///
    /// ```
    /// # use tollgate_kernel::ids::PlanId;
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{PaymentService, Initiator, PlanError};
    /// # use tollgate_payment::shapes::PlanBody;
    /// async fn add(payment: &PaymentService, origin: &Origin) -> Result<PlanId, PlanError> {
    ///     let body = PlanBody {
    ///         slug: Some("team".to_owned()),
    ///         name: Some("Team".to_owned()),
    ///         price_minor: Some(29_900), // 299.00
    ///         currency: Some("CNY".to_owned()),
    ///         billing_cycle: Some("monthly".to_owned()),
    ///         quota_type: Some("calls".to_owned()),
    ///         quota_limit: Some(Some(10_000)),
    ///         ..PlanBody::default()
    ///     };
    ///     let made = payment.create_plan(&body, &Initiator::caller(origin), None).await?;
    ///     Ok(made.value.plan.id)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`PlanError`].
    pub async fn create_plan(
        &self,
        body: &PlanBody,
        editor: &Initiator<'_>,
        key: Option<&Request>,
    ) -> Result<Answered<AdminPlanShape>, PlanError> {
        let parts = &self.0;
        let body = body.clone().or_in(parts.config.currency);
        let terms = body.terms(None, parts.config.house()).map_err(invalid)?;
        for _ in 0..TRIES {
            let now = parts.clock.now();
            let mut tx = parts.db.begin().await?;
            if let Some(first) = answered(&mut tx, key).await? {
                return Ok(Answered::again(first));
            }
            let Some(id) = again(write_new(parts, &mut tx, &terms, editor, now).await)? else {
                continue;
            };
            let made = plans::read(&mut tx, id).await?.ok_or(PlanError::NotFound)?;
            let shape = AdminPlanShape::new(made, 0, parts.config.house());
            if !keep(&mut tx, key, &shape, now).await? {
                continue;
            }
            tx.commit().await?;
            return Ok(Answered::first(shape));
        }
        Err(restless(terms.slug.as_str()))
    }

    /// Other terms; what is left out stays. Those who have the plan keep what they bought until their next term. With
    /// `version`, nothing is changed that somebody else changed meanwhile.
    ///
    /// ```
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{PaymentService, Initiator, PlanError};
    /// # use tollgate_payment::shapes::PlanBody;
    /// async fn dearer(payment: &PaymentService, origin: &Origin, seen: i64) -> Result<bool, PlanError> {
    ///     let body = PlanBody {
    ///         price_minor: Some(12_900),
    ///         version: Some(seen),
    ///         ..PlanBody::default()
    ///     };
    ///     match payment.change_plan("pro", &body, &Initiator::caller(origin)).await {
    ///         Ok(_) => Ok(true),
    ///         Err(PlanError::Changed) => Ok(false),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`PlanError`].
    pub async fn change_plan(
        &self,
        id_or_slug: &str,
        body: &PlanBody,
        editor: &Initiator<'_>,
    ) -> Result<AdminPlanShape, PlanError> {
        let parts = &self.0;
        let house = parts.config.house();
        for _ in 0..TRIES {
            let now = parts.clock.now();
            let known = self.any_plan(id_or_slug).await?;
            let known = known.ok_or(PlanError::NotFound)?;
            if body.version.is_some_and(|version| version != known.version) {
                return Err(PlanError::Changed);
            }
            let leaves_sale = body.is_active == Some(false) && body.is_default != Some(false);
            if known.is_default && leaves_sale {
                return Err(PlanError::DefaultStays(known.slug.as_str().to_owned()));
            }
            let before = known.terms(house);
            let terms = body.terms(Some(&before), house).map_err(invalid)?;
            if terms == before {
                return Ok(self.for_staff(known).await?);
            }
            let mut tx = parts.db.begin().await?;
            let edit = Edit {
                archived_at: known.archived_at.filter(|_| !terms.is_active),
                known,
                terms,
                action: "plan.changed",
            };
            if again(write(parts, &mut tx, &edit, editor, now).await)?.is_none() {
                continue;
            }
            tx.commit().await?;
            let changed = plans::find(&parts.db, edit.known.id).await?;
            return Ok(self.for_staff(changed.ok_or(PlanError::NotFound)?).await?);
        }
        Err(restless(id_or_slug))
    }

    /// Takes a plan away; one that somebody has, had or ordered is archived: they keep it, nobody can buy it.
    ///
    /// ```
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{PaymentService, Initiator, PlanError, Removed};
    /// async fn withdraw(payment: &PaymentService, origin: &Origin) -> Result<&'static str, PlanError> {
    ///     match payment.remove_plan("old-pro", &Initiator::caller(origin)).await? {
    ///         Removed::Deleted => Ok("nobody ever had it"),
    ///         Removed::Archived(_) => Ok("kept for those who have it"),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`PlanError`]: the default plan stays.
    pub async fn remove_plan(
        &self,
        id_or_slug: &str,
        editor: &Initiator<'_>,
    ) -> Result<Removed, PlanError> {
        let parts = &self.0;
        for _ in 0..TRIES {
            let now = parts.clock.now();
            let known = self.any_plan(id_or_slug).await?;
            let known = known.ok_or(PlanError::NotFound)?;
            if known.is_default {
                return Err(PlanError::DefaultStays(known.slug.as_str().to_owned()));
            }
            let mut tx = parts.db.begin().await?;
            let id = known.id;
            if plan_edits::is_used(&mut tx, id).await? {
                if known.archived_at.is_none() {
                    let edit = archiving(known, parts.config.house(), now);
                    if again(write(parts, &mut tx, &edit, editor, now).await)?.is_none() {
                        continue;
                    }
                    tx.commit().await?;
                }
                let kept = plans::find(&parts.db, id).await?;
                let kept = kept.ok_or(PlanError::NotFound)?;
                return Ok(Removed::Archived(Box::new(self.for_staff(kept).await?)));
            }
            match delete(parts, &mut tx, &known, editor, now).await {
                Ok(true) => {
                    tx.commit().await?;
                    return Ok(Removed::Deleted);
                }
                // Changed, or ordered by somebody this very moment.
                Ok(false) | Err(StorageError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(restless(id_or_slug))
    }
}

/// A plan, and what is to become of it.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) known: Plan,
    pub(super) terms: PlanTerms,
    pub(super) archived_at: Option<Timestamp>,
    pub(super) action: &'static str,
}

/// No longer for sale, kept for those who have it.
pub(super) fn archiving(known: Plan, house: &str, now: Timestamp) -> Edit {
    let mut terms = known.terms(house);
    terms.is_active = false;
    terms.is_default = false;
    Edit {
        known,
        terms,
        archived_at: Some(now),
        action: "plan.archived",
    }
}

/// A new plan, in its first version. `None`: a rival for the place of the default was faster.
pub(super) async fn write_new(
    parts: &Parts,
    tx: &mut Tx,
    terms: &PlanTerms,
    editor: &Initiator<'_>,
    now: Timestamp,
) -> Result<Option<PlanId>, PlanError> {
    let house = parts.config.house();
    let id: PlanId = parts.ids.at(now);
    if terms.is_default && !dethrone(parts, tx, id, editor, now).await? {
        return Ok(None);
    }
    plan_edits::insert(tx, id, terms, house, now).await?;
    let by = editor.origin.caller.as_ref().and_then(Caller::user_id);
    plan_versions::insert(tx, id, 1, terms, house, by, now).await?;
    let after = fields(terms.described().into_iter());
    let deed = ("plan.created", id, None, Some(after));
    record(parts, tx, deed, editor, now).await?;
    Ok(Some(id))
}

/// Another version of a plan, and of the default one that gives way to it. `None`: a rival was faster.
pub(super) async fn write(
    parts: &Parts,
    tx: &mut Tx,
    edit: &Edit,
    editor: &Initiator<'_>,
    now: Timestamp,
) -> Result<Option<()>, PlanError> {
    let (known, terms) = (&edit.known, &edit.terms);
    let becomes_default = terms.is_default && !known.is_default;
    if becomes_default && !dethrone(parts, tx, known.id, editor, now).await? {
        return Ok(None);
    }
    let written = write_version(parts, tx, edit, editor, now).await?;
    if written {
        return Ok(Some(()));
    }
    let stands = plans::read(tx, known.id).await?;
    if stands.is_none_or(|stands| stands.version != known.version) {
        return Ok(None);
    }
    let same = terms.price.currency() == known.price.currency();
    Err(PlanError::InUse {
        slug: known.slug.as_str().to_owned(),
        field: if same { "price" } else { "currency" },
    })
}

/// The default plan gives way to `to`. `false`: it changed since it was read.
async fn dethrone(
    parts: &Parts,
    tx: &mut Tx,
    to: PlanId,
    editor: &Initiator<'_>,
    now: Timestamp,
) -> Result<bool, PlanError> {
    let default = plans::read_default(tx).await?;
    let Some(known) = default.filter(|default| default.id != to) else {
        return Ok(true);
    };
    let mut terms = known.terms(parts.config.house());
    terms.is_default = false;
    let edit = Edit {
        archived_at: known.archived_at,
        known,
        terms,
        action: "plan.changed",
    };
    Ok(write_version(parts, tx, &edit, editor, now).await?)
}

/// The row, its version and its place in the audit log. `false`: no row was changed.
async fn write_version(
    parts: &Parts,
    tx: &mut Tx,
    edit: &Edit,
    editor: &Initiator<'_>,
    now: Timestamp,
) -> Result<bool> {
    let (known, terms, house) = (&edit.known, &edit.terms, parts.config.house());
    let version = plan_edits::update(tx, known, terms, edit.archived_at, house, now).await?;
    let Some(version) = version else {
        return Ok(false);
    };
    let by = editor.origin.caller.as_ref().and_then(Caller::user_id);
    plan_versions::insert(tx, known.id, version, terms, house, by, now).await?;
    let changes = terms.changes_from(&known.terms(house));
    let side = |pick: fn(&FieldChange) -> &Option<String>| {
        let of_change = |change| {
            pick(change)
                .clone()
                .map(|value| (change.field.clone(), value))
        };
        Some(fields(changes.iter().filter_map(of_change)))
    };
    let (before, after) = (side(|change| &change.before), side(|change| &change.after));
    let deed = (edit.action, known.id, before, after);
    record(parts, tx, deed, editor, now).await?;
    Ok(true)
}

/// A plan that nobody ever had, with its versions. `false`: it changed since it was read.
async fn delete(
    parts: &Parts,
    tx: &mut Tx,
    known: &Plan,
    editor: &Initiator<'_>,
    now: Timestamp,
) -> Result<bool> {
    plan_versions::delete(tx, known.id).await?;
    if !plan_edits::delete(tx, known).await? {
        return Ok(false);
    }
    let before = known.terms(parts.config.house()).described();
    let before = fields(before.into_iter());
    let deed = ("plan.deleted", known.id, Some(before), None);
    record(parts, tx, deed, editor, now).await?;
    Ok(true)
}

fn fields(described: impl Iterator<Item = (String, String)>) -> Value {
    let members: Map<String, Value> = described
        .map(|(field, value)| (field, Value::String(value)))
        .collect();
    Value::Object(members)
}

async fn record(
    parts: &Parts,
    tx: &mut Tx,
    (action, id, before, after): (&'static str, PlanId, Option<Value>, Option<Value>),
    editor: &Initiator<'_>,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry {
        id: parts.ids.at(now),
        actor: editor.actor.clone(),
        action,
        subject_kind: "plan",
        subject_id: id.to_string(),
        before,
        after,
        reason: None,
        origin: editor.origin,
    };
    audit::append(tx, &parts.master_key, &entry, now).await
}

/// `None` to be tried again: a rival has just become the default.
pub(super) fn again<T>(outcome: Result<Option<T>, PlanError>) -> Result<Option<T>, PlanError> {
    match outcome {
        Err(PlanError::Internal(StorageError::Conflict { constraint })) => {
            match constraint.as_str() {
                SLUG_KEY => Err(PlanError::SlugTaken),
                DEFAULT_KEY => Ok(None),
                _ => Err(StorageError::Conflict { constraint }.into()),
            }
        }
        outcome => outcome,
    }
}

/// The answer that is already known under the key.
async fn answered(tx: &mut Tx, key: Option<&Request>) -> Result<Option<AdminPlanShape>, PlanError> {
    let Some(key) = key else { return Ok(None) };
    match idempotency::find(tx, key).await? {
        None | Some(Known::Running { .. }) => Ok(None),
        Some(Known::OtherBody) => Err(PlanError::KeyReused),
        Some(Known::Answered { response, .. }) => {
            let first = serde_json::from_slice(&response);
            first.map(Some).map_err(|_| restless(&key.caller))
        }
    }
}

/// Keeps the answer under the key. `false`: a rival with the same key was faster.
async fn keep(
    tx: &mut Tx,
    key: Option<&Request>,
    shape: &AdminPlanShape,
    now: Timestamp,
) -> Result<bool> {
    let Some(key) = key else { return Ok(true) };
    let response = serde_json::to_vec(shape).expect("a shape of texts and numbers is JSON");
    idempotency::put(tx, key, 201, &response, now).await
}

fn invalid(faults: Vec<PlanFault>) -> PlanError {
    PlanError::Invalid {
        slug: String::new(),
        faults,
    }
}

/// More rivals than there can be.
pub(super) fn restless(plan: &str) -> PlanError {
    StorageError::Inconsistent {
        table: "subscription_plans",
        column: "version",
        row: plan.to_owned(),
    }
    .into()
}

#[cfg(test)]
pub(crate) mod tests;
