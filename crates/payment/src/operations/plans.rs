//! What is for sale.

use serde_json::json;
use tollgate_kernel::ids::PlanId;
use tollgate_storage::{Result, settings};

use crate::PaymentService;
use crate::model::plan::{NewPlan, Plan};
use crate::store::plans;

impl PaymentService {
    /// Everything on sale, in the order of the house.
    ///
    /// # Errors
    /// The database.
    pub async fn plans(&self) -> Result<Vec<Plan>> {
        plans::list_active(&self.0.db).await
    }

    /// A plan on sale, by id or slug.
    ///
    /// # Errors
    /// The database.
    pub async fn find_plan(&self, id_or_slug: &str) -> Result<Option<Plan>> {
        let plan = match id_or_slug.parse::<PlanId>() {
            Ok(id) => plans::find(&self.0.db, id).await?,
            Err(_) => plans::find_by_slug(&self.0.db, id_or_slug).await?,
        };
        Ok(plan.filter(|plan| plan.is_active))
    }

    /// Puts plans on sale once in the life of a database: whoever deletes them is not given them
    /// again. `false`: it was done before.
    ///
    /// # Errors
    /// The database.
    pub async fn seed_plans(&self, samples: &[NewPlan]) -> Result<bool> {
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        if !settings::put_once(&mut tx, "sample_plans", &json!({ "seeded": true }), now).await? {
            return Ok(false);
        }
        for sample in samples {
            plans::insert(&mut tx, self.0.ids.at(now), sample, now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
