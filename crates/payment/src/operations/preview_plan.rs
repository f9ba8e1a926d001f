//! A plan as it would be, for whoever edits it; nothing is written.

use crate::model::plan_terms::PlanTerms;
use crate::shapes::PlanBody;
use crate::{PaymentService, PlanError};

impl PaymentService {
    /// The plan that [`PaymentService::create_plan`] would make of `body`, or [`PaymentService::change_plan`] of the plan
    /// `id_or_slug`. Whether a rival is faster, or the slug is taken, is not asked.
    ///
    /// ```
    /// # use tollgate_payment::{PaymentService, PlanError};
    /// # use tollgate_payment::shapes::PlanBody;
    /// async fn price_would_be(payment: &PaymentService) -> Result<String, PlanError> {
    ///     let body = PlanBody {
    ///         price_minor: Some(12_900),
    ///         ..PlanBody::default()
    ///     };
    ///     let terms = payment.preview_plan(Some("pro"), &body).await?;
    ///     Ok(terms.price.to_string())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`PlanError`]: no such plan, or what may not stand there.
    pub async fn preview_plan(
        &self,
        id_or_slug: Option<&str>,
        body: &PlanBody,
    ) -> Result<PlanTerms, PlanError> {
        let config = &self.0.config;
        let house = config.house();
        let known = match id_or_slug {
            Some(name) => {
                let known = self.any_plan(name).await?.ok_or(PlanError::NotFound)?;
                Some(known.terms(house))
            }
            None => None,
        };
        let body = match known {
            Some(_) => body.clone(),
            None => body.clone().or_in(config.currency),
        };
        let invalid = |faults| PlanError::Invalid {
            slug: String::new(),
            faults,
        };
        body.terms(known.as_ref(), house).map_err(invalid)
    }

    /// In which language `name` of a plan is, which every plan has.
    ///
    /// ```
    /// # use tollgate_payment::PaymentService;
    /// fn is_chinese(payment: &PaymentService) -> bool {
    ///     payment.house_language() == "zh"
    /// }
    /// ```
    pub fn house_language(&self) -> &'static str {
        self.0.config.house()
    }
}
