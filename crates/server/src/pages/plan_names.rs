//! Plans by their names, as the reader knows them.

use std::collections::BTreeMap;

use tollgate_kernel::ids::PlanId;
use tollgate_payment::PaymentService;
use tollgate_payment::model::payment::Payment;
use tollgate_storage::StorageError;

use super::written::Written;

/// All plans, archived ones too, in the reader's language.
#[derive(Debug, Default)]
pub(super) struct PlanNames(BTreeMap<PlanId, String>);

impl PlanNames {
    pub(super) async fn read(
        payment: &PaymentService,
        written: Written,
    ) -> Result<Self, StorageError> {
        let plans = payment.all_plans().await?;
        let plans = plans.iter().map(|plan| (plan.id, written.plan(plan)));
        Ok(Self(plans.collect()))
    }

    pub(super) fn get(&self, id: PlanId) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }

    /// What an order is for: its plan, or what the provider was told.
    pub(super) fn of(&self, payment: &Payment) -> String {
        let plan = payment.plan.and_then(|(id, _)| self.get(id));
        plan.unwrap_or(&payment.description).to_owned()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PlanId, &str)> {
        self.0.iter().map(|(id, name)| (*id, name.as_str()))
    }

    #[cfg(test)]
    pub(super) fn sample<const N: usize>(plans: [(PlanId, String); N]) -> Self {
        Self(BTreeMap::from(plans))
    }
}
