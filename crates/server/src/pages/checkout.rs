//! The hosted checkout: the code to scan, and how the payment stands.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_kernel::input::{Params, PathText};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::model::payment::{Payment, PaymentStatus};
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::Payer;
use tollgate_payment::{Offer, PaymentService};

use super::BuyerPages;
use super::form::Pressed;
use super::frame::Frame;
use super::visit::Visit;
use super::words::Words;

/// The side of the code, in pixels.
const QR_PIXELS: u32 = 240;

#[derive(Debug, Deserialize)]
pub(super) struct PageParams {
    /// The buyer comes from the provider.
    returned: Option<String>,
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

#[derive(Template)]
#[template(path = "checkout.html")]
struct CheckoutPage<'a> {
    frame: Frame,
    link: &'a str,
    description: &'a str,
    amount: String,
    order_no: String,
    expires_at: String,
    expires: String,
    qr_content: Option<String>,
    qr_opens: bool,
    scan: String,
    /// The way to the page of the order's own rail, while the order can be paid.
    own: Option<Button>,
    /// Other ways to pay the same, and what stands above them.
    others: Vec<Button>,
    above: String,
    return_url: Option<&'a str>,
    status: &'static str,
    status_text: String,
}

/// A way to pay.
struct Button {
    method: &'static str,
    client: &'static str,
    text: String,
}

impl Button {
    fn of(offer: Offer, words: Words) -> Self {
        let text = words.say(&format!("checkout.pay_{}", offer.method.as_str()));
        Self {
            method: offer.method.as_str(),
            client: offer.scene.as_str(),
            text,
        }
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
    let payment = find(&pages.payment, &link).await?;
    let words = Words(visit.language);
    let frame = Frame::plain(&visit, payment.description.clone());
    let written = frame.written();
    let step = pages.payment.next_step(&payment);
    let status = payment.state.status();
    let status_text = match status {
        PaymentStatus::Pending if params.returned.is_some() => words.say("checkout.checking"),
        _ => words.say(status_name(status)),
    };
    let scan = words.say(&format!("checkout.scan_{}", payment.method.as_str()));
    let page = page_for(&headers);
    let is_open = step.kind != "none";
    let own = (is_open && pages.payment.has_way(&payment, page)).then(|| {
        let method = payment.method;
        Button::of(
            Offer {
                method,
                scene: page,
            },
            words,
        )
    });
    // Of one that is over, its own rail is as good as any other.
    let offers = pages.payment.offers(&payment, device(&headers));
    let offered = |offer: &Offer| match status {
        PaymentStatus::Pending => offer.method != payment.method,
        PaymentStatus::Failed => payment.plan.is_some(),
        PaymentStatus::Completed | PaymentStatus::Refunded => false,
    };
    let others = offers.into_iter().filter(offered);
    super::page(&CheckoutPage {
        scan,
        own,
        others: others.map(|offer| Button::of(offer, words)).collect(),
        above: match status {
            PaymentStatus::Failed => words.say("checkout.again"),
            _ => words.say("checkout.others"),
        },
        link: &link,
        description: &payment.description,
        amount: written.price(payment.amount),
        order_no: payment.order_no().as_str().to_owned(),
        expires_at: payment.expires_at.to_string(),
        expires: written.time(payment.expires_at),
        qr_opens: step
            .qr_content
            .as_deref()
            .is_some_and(|text| text.starts_with("http")),
        qr_content: step.qr_content,
        return_url: payment.return_url.as_deref(),
        status: status.as_str(),
        status_text,
        frame,
    })
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

pub(super) fn device(headers: &HeaderMap) -> Scene {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    Scene::of_device(agent.unwrap_or_default())
}

/// The provider's page that fits the device.
fn page_for(headers: &HeaderMap) -> Scene {
    match device(headers) {
        Scene::H5 => Scene::H5,
        _ => Scene::Page,
    }
}

/// `GET /checkout/{link}/pay?client=page&method=alipay`: to the provider's page, signed when it is asked for, or to the
/// code of another rail. It moves no money, so whoever has the link may go there.
pub(super) async fn pay(
    State(pages): State<BuyerPages>,
    origin: Origin,
    PathText(link): PathText,
    Params(params): Params<PayParams>,
) -> Result<Redirect, Problem> {
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
    let step = pages.payment.pay_by(&payment, offer, &payer).await?;
    // A code is shown on a page of ours. Paid or over meanwhile: the page says so.
    let url = step.url.or(step.checkout_url);
    Ok(Redirect::to(&url.unwrap_or_else(|| format!("../{link}"))))
}

/// `GET /checkout/{link}/return`: where the provider sends the buyer's browser. What it adds to the address
/// is not read: it proves nothing about money. The provider is asked, and the address left behind.
pub(super) async fn returned(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
) -> Result<Redirect, Problem> {
    let payment = find(&pages.payment, &link).await?;
    let asked = pages.payment.asked(payment).await;
    asked.map_err(|_| Problem::new(Code::Unavailable))?;
    Ok(Redirect::to(&format!("../{link}?returned=1")))
}

/// `GET /checkout/{link}/status`: what the page's script asks for.
pub(super) async fn status(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
    visit: Visit,
) -> Result<Json<Value>, Problem> {
    let payment = find(&pages.payment, &link).await?;
    let status = payment.state.status();
    let text = Words(visit.language).say(status_name(status));
    Ok(Json(json!({ "status": status, "text": text })))
}

/// `POST /checkout/{link}/check`: asks the provider now. It moves no money, so whoever has the link
/// may press it.
pub(super) async fn check(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
    _: Pressed,
) -> Result<Redirect, Problem> {
    let payment = find(&pages.payment, &link).await?;
    pages
        .payment
        .asked(payment)
        .await
        .map_err(|_| Problem::new(Code::Unavailable))?;
    Ok(Redirect::to(&format!("../{link}")))
}

async fn find(payment: &PaymentService, link: &str) -> Result<Payment, Problem> {
    let found = payment
        .find_by_checkout_link(link)
        .await
        .map_err(|_| Problem::new(Code::Unavailable))?;
    found.ok_or_else(|| Problem::new(Code::NotFound))
}
