//! The hosted checkout: what is bought, how it can be paid here, and how the payment stands. Whoever has the link sees the
//! order, and nothing of the person who placed it.

mod device;
mod events;
mod page;
#[cfg(test)]
mod samples;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_kernel::input::{Params, PathText};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::words::Spoken;
use tollgate_payment::model::payment::{Payment, PaymentStatus};
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::Payer;
use tollgate_payment::{CheckoutError, Offer, PaymentService};

pub(super) use self::device::Device;
pub(super) use self::events::{Streams, events};
pub(super) use self::page::cycle;
use self::page::{Asked, Shown, Told};
use super::BuyerPages;
use super::form::Pressed;
use super::visit::Visit;

/// The side of the code, in pixels.
const QR_PIXELS: u32 = 240;

#[derive(Debug, Deserialize)]
pub(super) struct PageParams {
    /// The buyer comes from the provider.
    returned: Option<String>,
    /// The buyer wanted to know now.
    asked: Option<String>,
    /// Why the way that was chosen leads nowhere.
    told: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PayParams {
    client: String,
    /// The order's own rail, if left out.
    method: Option<String>,
}

/// In the catalogue: how the order stands.
fn status_name(status: PaymentStatus) -> &'static str {
    match status {
        PaymentStatus::Pending => "checkout.waiting",
        PaymentStatus::Completed => "checkout.paid",
        PaymentStatus::Failed => "checkout.failed",
        PaymentStatus::Refunded => "checkout.refunded",
    }
}

/// `GET /checkout/{link}`
pub(super) async fn page(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
    visit: Visit,
    Params(params): Params<PageParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let payment = &pages.payment;
    let order = find(payment, &link).await?;
    let asked = match params.asked {
        Some(_) => match payment.last_question(&order).await? {
            Some(question) => Asked::Last(question),
            None => Asked::NeverYet,
        },
        None => Asked::Unwanted,
    };
    let shown = Shown {
        bought: payment.purchase(&order).await?,
        left: payment.time_left(&order),
        step: payment.next_step(&order),
        ways: Device::of(&headers).ways(payment, &order),
        asked,
        is_back: params.returned.is_some(),
        told: params.told.as_deref().and_then(Told::of),
        link: &link,
        order: &order,
    };
    super::page(&shown.page(&visit))
}

/// `GET /checkout/{link}/qr.svg`
pub(super) async fn qr(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
) -> Result<Response, Problem> {
    let payment = find(&pages.payment, &link).await?;
    let content = pages
        .payment
        .next_step(&payment)
        .qr_content
        .ok_or_else(|| Problem::new(Code::NotFound))?;
    let code = QrCode::new(content.as_bytes()).map_err(|_| Problem::new(Code::NotFound))?;
    let drawing = code
        .render::<svg::Color<'_>>()
        .min_dimensions(QR_PIXELS, QR_PIXELS)
        .build();
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("image/svg+xml"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    Ok((headers, drawing).into_response())
}

/// `GET /checkout/{link}/pay?client=page&method=alipay`: to the provider's page, signed when it is asked for, or to the
/// code of another rail. It moves no money, so whoever has the link may go there.
pub(super) async fn pay(
    State(pages): State<BuyerPages>,
    origin: Origin,
    PathText(link): PathText,
    Params(params): Params<PayParams>,
) -> Result<Response, Problem> {
    let payment = find(&pages.payment, &link).await?;
    let not_found = |_| Problem::new(Code::NotFound);
    let Ok(scene @ (Scene::Pc | Scene::Page | Scene::H5)) = params.client.parse() else {
        return Err(Problem::new(Code::NotFound));
    };
    let method = match params.method.as_deref() {
        None => payment.method,
        Some(word) => word.parse().map_err(not_found)?,
    };
    let payer = Payer {
        address: origin.address,
        ..Payer::default()
    };
    let offer = Offer { method, scene };
    let to = match pages.payment.pay_by(&payment, offer, &payer).await {
        // A code is shown on a page of ours. Paid or over meanwhile: the page says so.
        Ok(step) => step
            .url
            .or(step.checkout_url)
            .unwrap_or_else(|| format!("../{link}")),
        Err(error) => format!("../{link}?told={}", told(error)?.as_str()),
    };
    // WeChat's page wants to see from which house a buyer comes (payments.md, 3.5); nobody sees the link.
    let policy = HeaderValue::from_static("origin");
    Ok(([(header::REFERRER_POLICY, policy)], Redirect::to(&to)).into_response())
}

/// What the buyer can do about it is on the page.
fn told(error: CheckoutError) -> Result<Told, Problem> {
    match error {
        CheckoutError::Silent(_) | CheckoutError::Provider(..) | CheckoutError::InProgress => {
            tracing::warn!(error = %error, "a way to pay leads nowhere");
            Ok(Told::Busy)
        }
        CheckoutError::PlanNotFound => Ok(Told::OffSale),
        CheckoutError::AnotherPlan
        | CheckoutError::NoTerm
        | CheckoutError::RenewsItself
        | CheckoutError::FreeOnce => Ok(Told::NotNow),
        other => Err(other.into()),
    }
}

/// `GET /checkout/{link}/return`: where the provider sends the buyer's browser. What it adds to the address
/// is not read: it proves nothing about money. The provider is asked, and the address left behind.
pub(super) async fn returned(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
) -> Result<Redirect, Problem> {
    let payment = find(&pages.payment, &link).await?;
    pages.payment.asked(payment).await?;
    Ok(Redirect::to(&format!("../{link}?returned=1")))
}

/// `GET /checkout/{link}/status`: what the page's script asks for where it hears no events.
pub(super) async fn status(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
    visit: Visit,
) -> Result<Json<Value>, Problem> {
    let payment = find(&pages.payment, &link).await?;
    Ok(Json(standing(&payment, visit.words())))
}

fn standing(order: &Payment, words: Spoken) -> Value {
    let status = order.state.status();
    json!({ "status": status, "text": words.say(status_name(status)) })
}

/// `POST /checkout/{link}/check`: asks the provider now, unless it was asked a moment ago. It moves no money, so whoever
/// has the link may press it.
pub(super) async fn check(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
    _: Pressed,
) -> Result<Redirect, Problem> {
    let payment = find(&pages.payment, &link).await?;
    pages.payment.asked(payment).await?;
    Ok(Redirect::to(&format!("../{link}?asked=1")))
}

async fn find(payment: &PaymentService, link: &str) -> Result<Payment, Problem> {
    let found = payment.find_by_checkout_link(link).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))
}
