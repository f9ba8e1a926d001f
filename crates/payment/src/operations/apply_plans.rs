//! Makes the plans of the house what a file says: shown first, then done whole or not at all.

use std::collections::BTreeSet;

use tollgate_kernel::clock::Timestamp;
use tollgate_storage::Result;
use tollgate_storage::audit::Initiator;

use super::TRIES;
use super::edit_plan::{Edit, PlanError, again, archiving, restless, write, write_new};
use crate::PaymentService;
use crate::model::plan::Plan;
use crate::model::plan_terms::{FieldChange, PlanFault, PlanTerms};
use crate::store::plans;
use crate::words::WORDS;

/// What becomes of a plan, by its slug.
///
/// ```
/// # use tollgate_payment::PlanChange;
/// let change = PlanChange::Archived("old-pro".to_owned());
/// let line = match change {
///     PlanChange::Added(slug, _) => format!("+ {slug}"),
///     PlanChange::Changed(slug, fields) => format!("~ {slug}, {} fields", fields.len()),
///     PlanChange::Archived(slug) => format!("- {slug}"),
/// };
/// assert_eq!(line, "- old-pro");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanChange {
    /// There was none.
    Added(String, Vec<FieldChange>),
    /// It is another one in these.
    Changed(String, Vec<FieldChange>),
    /// It is no longer for sale.
    Archived(String),
}

enum Step {
    Add(PlanTerms),
    Edit(Box<Edit>),
}

impl Step {
    fn terms(&self) -> &PlanTerms {
        match self {
            Self::Add(terms) => terms,
            Self::Edit(edit) => &edit.terms,
        }
    }

    fn shown(&self, house: &str) -> PlanChange {
        let slug = self.terms().slug.as_str().to_owned();
        match self {
            Self::Add(terms) => {
                let fields = terms.described().into_iter();
                let new = |(field, after)| FieldChange {
                    field,
                    before: None,
                    after: Some(after),
                };
                PlanChange::Added(slug, fields.map(new).collect())
            }
            Self::Edit(edit)
                if edit.archived_at != edit.known.archived_at && !edit.terms.is_active =>
            {
                PlanChange::Archived(slug)
            }
            Self::Edit(edit) => {
                let changes = edit.terms.changes_from(&edit.known.terms(house));
                PlanChange::Changed(slug, changes)
            }
        }
    }
}

impl PaymentService {
    /// What [`PaymentService::apply_plans`] would do; nothing: all is so already.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, PlanError};
    /// # use tollgate_payment::model::plan_terms::PlanTerms;
    /// async fn is_so(payment: &PaymentService, wanted: &[PlanTerms]) -> Result<bool, PlanError> {
    ///     let changes = payment.plan_changes(wanted, false).await?;
    ///     Ok(changes.is_empty())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`PlanError`].
    pub async fn plan_changes(
        &self,
        wanted: &[PlanTerms],
        archive_missing: bool,
    ) -> Result<Vec<PlanChange>, PlanError> {
        let house = self.0.config.house();
        let known = self.all_plans().await?;
        let steps = steps(known, wanted, archive_missing, house, self.0.clock.now())?;
        Ok(steps.iter().map(|step| step.shown(house)).collect())
    }

    /// Makes plans as they are wanted, in one commit. With `archive_missing`, those that are not named leave the
    /// shelf. `shown` is what was agreed to: other changes than those are refused.
    ///
    /// ```
    /// # use tollgate_kernel::origin::Origin;
    /// # use tollgate_payment::{PaymentService, Initiator, PlanError};
    /// # use tollgate_payment::model::plan_terms::PlanTerms;
    /// async fn deploy(payment: &PaymentService, wanted: &[PlanTerms]) -> Result<(), PlanError> {
    ///     let shown = payment.plan_changes(wanted, true).await?;
    ///     // … somebody reads `shown` and agrees …
    ///     let origin = Origin::default();
    ///     let editor = Initiator::operator(&origin);
    ///     payment.apply_plans(wanted, true, &shown, &editor).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`PlanError`].
    pub async fn apply_plans(
        &self,
        wanted: &[PlanTerms],
        archive_missing: bool,
        shown: &[PlanChange],
        editor: &Initiator<'_>,
    ) -> Result<(), PlanError> {
        let parts = &self.0;
        let house = parts.config.house();
        'again: for _ in 0..TRIES {
            let now = parts.clock.now();
            let mut tx = parts.db.begin().await?;
            let known = plans::read_all(&mut tx).await?;
            let steps = steps(known, wanted, archive_missing, house, now)?;
            let changes: Vec<PlanChange> = steps.iter().map(|step| step.shown(house)).collect();
            if changes != shown {
                return Err(PlanError::Changed);
            }
            // Whoever becomes the default comes last: its place is free by then.
            let (last, first): (Vec<_>, Vec<_>) =
                steps.iter().partition(|step| step.terms().is_default);
            for step in first.into_iter().chain(last) {
                let done = match step {
                    Step::Add(terms) => {
                        let made = write_new(parts, &mut tx, terms, editor, now).await;
                        made.map(|made| made.map(drop))
                    }
                    Step::Edit(edit) => write(parts, &mut tx, edit, editor, now).await,
                };
                if again(done)?.is_none() {
                    continue 'again;
                }
            }
            tx.commit().await?;
            return Ok(());
        }
        Err(restless("all"))
    }
}

/// From the plans there are to the ones that are wanted, by slug.
fn steps(
    known: Vec<Plan>,
    wanted: &[PlanTerms],
    archive_missing: bool,
    house: &str,
    now: Timestamp,
) -> Result<Vec<Step>, PlanError> {
    check(wanted, house)?;
    let new_default = wanted.iter().any(|wanted| wanted.is_default);
    let known_slugs: BTreeSet<String> = known
        .iter()
        .map(|plan| plan.slug.as_str().to_owned())
        .collect();
    let mut steps = Vec::new();
    for plan in known {
        let before = plan.terms(house);
        let named = wanted.iter().find(|wanted| wanted.slug == plan.slug);
        let mut terms = named.unwrap_or(&before).clone();
        if named.is_none() {
            terms.is_default &= !new_default;
            if archive_missing && terms.is_default {
                return Err(PlanError::DefaultStays(plan.slug.as_str().to_owned()));
            }
            if archive_missing && plan.archived_at.is_none() {
                steps.push(Step::Edit(Box::new(archiving(plan, house, now))));
                continue;
            }
        }
        if terms != before {
            let edit = Edit {
                archived_at: plan.archived_at.filter(|_| !terms.is_active),
                known: plan,
                terms,
                action: "plan.changed",
            };
            steps.push(Step::Edit(Box::new(edit)));
        }
    }
    let unknown = wanted
        .iter()
        .filter(|wanted| !known_slugs.contains(wanted.slug.as_str()));
    steps.extend(unknown.cloned().map(Step::Add));
    steps.sort_by(|a, b| a.terms().slug.cmp(&b.terms().slug));
    Ok(steps)
}

/// Each by itself, and beside the others.
fn check(wanted: &[PlanTerms], house: &str) -> Result<(), PlanError> {
    let mut slugs = BTreeSet::new();
    let mut default = false;
    for terms in wanted {
        let mut faults = terms.faults(house);
        if !slugs.insert(&terms.slug) {
            faults.push(PlanFault::new(
                "/slug",
                "named_twice",
                WORDS.text("plans.twice"),
            ));
        }
        if terms.is_default && default {
            faults.push(PlanFault::new(
                "/is_default",
                "two_defaults",
                WORDS.text("plans.two_defaults"),
            ));
        }
        default |= terms.is_default;
        if !faults.is_empty() {
            let slug = terms.slug.as_str().to_owned();
            return Err(PlanError::Invalid { slug, faults });
        }
    }
    Ok(())
}
