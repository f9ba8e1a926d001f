//! From a plan to its order: first every number, then the button.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::caller::{Caller, SignedIn};
use tollgate_kernel::input::Params;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::Payer;
use tollgate_payment::shapes::CheckoutShape;
use tollgate_payment::{CheckoutError, Expected, PayBy, PlanRef, Renew, Subscribe};
use tollgate_storage::idempotency::{IdempotencyKey, Request};

use super::super::Portal;
use super::preview::{Preview, Told, follows};
use super::why_not;
use crate::pages::form::Form;
use crate::pages::visit::Visitor;

/// Of a key for a form, in bytes.
const KEY_BYTES: usize = 16;

#[derive(Debug, Deserialize)]
pub(super) struct PlanParams {
    /// Its slug or id.
    #[serde(default)]
    plan: String,
}

/// What the button sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    plan: String,
    #[serde(default)]
    key: String,
    method: Option<String>,
    amount_minor: Option<String>,
    currency: Option<String>,
    /// `yes`: it is tried first.
    trial: Option<String>,
}

impl Wanted {
    fn plan(&self) -> PlanRef {
        PlanRef {
            plan_id: Some(self.plan.clone()),
            plan_slug: None,
        }
    }

    fn is_trial(&self) -> bool {
        self.trial.as_deref() == Some("yes")
    }

    /// What one believes to pay. A number that is none is not the price.
    fn expected(&self) -> Expected {
        let minor = self.amount_minor.as_ref();
        Expected {
            amount: None,
            amount_minor: minor.map(|text| text.parse().unwrap_or(-1)),
            currency: self.currency.clone(),
        }
    }

    /// The same form, sent twice, is one wish.
    fn request(&self, caller: &Caller) -> Option<Request> {
        let key = self.key.parse::<IdempotencyKey>().ok()?;
        let method = self.method.as_deref().unwrap_or_default();
        let body = format!("{}\n{method}\n{}", self.plan, self.is_trial());
        let path = "/portal/subscribe";
        Some(Request::new(
            caller.subject(),
            "POST",
            path,
            key,
            body.as_bytes(),
        ))
    }
}

/// On what somebody pays, as their browser says.
pub(super) fn device(headers: &HeaderMap) -> Scene {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    Scene::of_device(agent.unwrap_or_default())
}

/// `GET /portal/subscribe?plan=…`
pub(super) async fn page(
    State(portal): State<Portal>,
    visitor: Visitor,
    headers: HeaderMap,
    Params(params): Params<PlanParams>,
) -> Result<Response, Problem> {
    let wanted = Wanted {
        plan: params.plan,
        ..Wanted::default()
    };
    shown(&portal, &visitor, &headers, &wanted, None).await
}

async fn shown(
    portal: &Portal,
    visitor: &Visitor,
    headers: &HeaderMap,
    wanted: &Wanted,
    fault: Option<String>,
) -> Result<Response, Problem> {
    let user = visitor.user.id;
    let quote = portal.payment.quote(user, &wanted.plan()).await;
    let quote = quote.map_err(|error| match error {
        CheckoutError::PlanMissing => Problem::new(Code::NotFound),
        error => error.into(),
    })?;
    let held = portal.payment.current_subscription(user).await?;
    let currency = quote.currency.parse();
    let ways = currency.map_or_else(
        |_| Vec::new(),
        |currency| portal.payment.ways(currency, device(headers)),
    );
    let chosen = wanted.method.as_deref().and_then(|word| word.parse().ok());
    let key = visitor.visit.house.entropy.bytes::<KEY_BYTES>();
    let told = Told {
        quote: &quote,
        held: held.as_ref(),
        ways: &ways,
        key: hex::encode(key),
        chosen,
        fault,
    };
    crate::pages::page(&Preview::of(visitor, told))
}

/// `POST /portal/subscribe`: to the hosted page of the order, or to what is had.
pub(super) async fn subscribe(
    State(portal): State<Portal>,
    SignedIn(_): SignedIn,
    visitor: Visitor,
    caller: Caller,
    origin: Origin,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Problem> {
    match begin(&portal, &visitor, &caller, &origin, &headers, &wanted).await {
        Ok(to) => Ok(Redirect::to(&to).into_response()),
        Err(Refused::ByOrder(CheckoutError::Internal(error))) => Err(error.into()),
        Err(Refused::ByOrder(CheckoutError::PlanMissing | CheckoutError::PlanNotFound)) => {
            Err(Problem::new(Code::NotFound))
        }
        // What a person can mend is told where they can mend it, with every number as it is now.
        Err(refused) => {
            let problem = match refused {
                Refused::ByOrder(error) => error.into(),
                Refused::Method => Problem::new(Code::MethodUnavailable),
            };
            let fault = why_not(&problem, visitor.visit.language);
            let mut page = shown(&portal, &visitor, &headers, &wanted, Some(fault)).await?;
            let status = StatusCode::from_u16(problem.code().status());
            *page.status_mut() = status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            Ok(page)
        }
    }
}

/// Why nothing was ordered.
enum Refused {
    ByOrder(CheckoutError),
    /// No such rail.
    Method,
}

impl From<CheckoutError> for Refused {
    fn from(error: CheckoutError) -> Self {
        Self::ByOrder(error)
    }
}

async fn begin(
    portal: &Portal,
    visitor: &Visitor,
    caller: &Caller,
    origin: &Origin,
    headers: &HeaderMap,
    wanted: &Wanted,
) -> Result<String, Refused> {
    let user_id = visitor.user.id;
    let method = match wanted.method.as_deref() {
        // A free plan is paid by no method; the first stands for it.
        None => PaymentMethod::Alipay,
        Some(word) => word.parse().map_err(|_| Refused::Method)?,
    };
    let by = PayBy {
        method,
        client: None,
        device: device(headers),
        return_url: None,
        payer: Payer {
            address: origin.address,
            ..Payer::default()
        },
    };
    let key = wanted.request(caller);
    let payment = &portal.payment;
    let held = payment.current_subscription(user_id).await;
    let held = held.map_err(CheckoutError::from)?;
    let quote = payment.quote(user_id, &wanted.plan()).await?;
    let expected = wanted.expected();
    let begun = if !wanted.is_trial() && follows(&quote, held.as_ref()) {
        let wish = Renew {
            user_id,
            by,
            expected,
        };
        payment.renew(&wish, key.as_ref()).await?
    } else {
        let wish = Subscribe {
            user_id,
            plan: wanted.plan(),
            by,
            expected,
            trial: wanted.is_trial(),
        };
        payment.subscribe(&wish, key.as_ref()).await?
    };
    Ok(next(&begun.value, wanted))
}

/// Where it goes on.
fn next(begun: &CheckoutShape, wanted: &Wanted) -> String {
    if let Some(url) = &begun.payment.checkout_url {
        let link = url.rsplit('/').next().unwrap_or_default();
        return format!("/checkout/{link}");
    }
    let planned = begun.subscription.as_ref();
    let planned = planned.is_some_and(|held| held.next_plan_id.is_some());
    let to = match (wanted.is_trial(), planned) {
        (true, _) => "/portal?done=trial",
        (false, true) => "/portal/subscription?done=planned",
        (false, false) => "/portal?done=begun",
    };
    to.to_owned()
}
