//! What is for sale.

use serde_json::json;
use tollgate_kernel::ids::PlanId;
use tollgate_storage::{Result, settings};

use crate::PaymentService;
use crate::model::plan::{NewPlan, Plan};
use crate::model::plan_terms::PlanTerms;
use crate::store::{plan_edits, plan_versions, plans};

impl PaymentService {
    /// Everything on sale, in the order of the house.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn price_list(payment: &PaymentService) -> Result<Vec<String>, StorageError> {
    ///     let plans = payment.plans().await?;
    ///     Ok(plans.iter().map(|plan| format!("{}: {}", plan.name, plan.price)).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn plans(&self) -> Result<Vec<Plan>> {
        plans::list_active(&self.0.db).await
    }

    /// A plan on sale, by id or slug.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn is_on_sale(payment: &PaymentService, slug: &str) -> Result<bool, StorageError> {
    ///     Ok(payment.find_plan(slug).await?.is_some())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn find_plan(&self, id_or_slug: &str) -> Result<Option<Plan>> {
        let plan = self.any_plan(id_or_slug).await?;
        Ok(plan.filter(|plan| plan.is_active))
    }

    /// A plan, on sale or not, by id or slug.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn was_ever_sold(payment: &PaymentService, slug: &str) -> Result<bool, StorageError> {
    ///     Ok(payment.any_plan(slug).await?.is_some())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn any_plan(&self, id_or_slug: &str) -> Result<Option<Plan>> {
        match id_or_slug.parse::<PlanId>() {
            Ok(id) => plans::find(&self.0.db, id).await,
            Err(_) => plans::find_by_slug(&self.0.db, id_or_slug).await,
        }
    }

    /// All plans, archived ones too, by slug.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_storage::StorageError;
    /// async fn off_the_shelf(payment: &PaymentService) -> Result<usize, StorageError> {
    ///     let plans = payment.all_plans().await?;
    ///     Ok(plans.iter().filter(|plan| !plan.is_active).count())
    /// }
    /// ```
    ///
    /// # Errors
    /// The database.
    pub async fn all_plans(&self) -> Result<Vec<Plan>> {
        let mut tx = self.0.db.begin().await?;
        plans::read_all(&mut tx).await
    }

    /// Puts plans on sale once in the life of a database: whoever deletes them is not given them
    /// again. `false`: it was done before.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// # use tollgate_payment::model::plan::NewPlan;
    /// # use tollgate_storage::StorageError;
    /// async fn first_start(payment: &PaymentService, samples: &[NewPlan]) -> Result<(), StorageError> {
    ///     if payment.seed_plans(samples).await? {
    ///         println!("sample plans are on sale; change them before anybody buys");
    ///     }
    ///     Ok(())
    /// }
    /// ```
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
            let (id, house) = (self.0.ids.at(now), sample.house_language);
            let terms = PlanTerms::from(sample.clone());
            plan_edits::insert(&mut tx, id, &terms, house, now).await?;
            plan_versions::insert(&mut tx, id, 1, &terms, house, None, now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
