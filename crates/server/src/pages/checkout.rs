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
use tollgate_kernel::money::Money;
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;
use tollgate_payment::model::payment::{Payment, PaymentMethod, PaymentStatus};
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::Payer;
use tollgate_payment::{Offer, PaymentService};

use super::BuyerPages;

/// The side of the code, in pixels.
const QR_PIXELS: u32 = 240;

#[derive(Debug, Deserialize)]
pub(super) struct PageParams {
    lang: Option<String>,
    /// The buyer comes from the provider.
    returned: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PayParams {
    client: String,
    /// The order's own rail, if left out.
    method: Option<String>,
}

/// The words of the page.
struct Words {
    title: &'static str,
    sandbox: &'static str,
    amount: &'static str,
    order: &'static str,
    until: &'static str,
    open: &'static str,
    /// Of each rail: what to do with its code, and the way to its own page.
    alipay: [&'static str; 2],
    wechat: [&'static str; 2],
    stripe: [&'static str; 2],
    others: &'static str,
    again: &'static str,
    proceed: &'static str,
    check: &'static str,
    waiting: &'static str,
    checking: &'static str,
    paid: &'static str,
    failed: &'static str,
    refunded: &'static str,
    other_language: &'static str,
    other_tag: &'static str,
}

const ZH: Words = Words {
    title: "付款",
    sandbox: "沙箱环境，不产生真实扣款",
    amount: "金额",
    order: "订单号",
    until: "请在此之前付款",
    open: "在手机上打开",
    alipay: ["请用支付宝扫码付款", "前往支付宝付款"],
    wechat: ["请用微信扫码付款", "用微信支付付款"],
    stripe: ["请扫码付款", "用银行卡付款"],
    others: "换一种方式付款",
    again: "重新付款",
    proceed: "继续",
    check: "我已付款，立即查询",
    waiting: "等待付款…",
    checking: "正在查询付款结果…",
    paid: "已付款 ✓",
    failed: "订单已关闭，未扣款",
    refunded: "已退款",
    other_language: "English",
    other_tag: "en",
};

const EN: Words = Words {
    title: "Payment",
    sandbox: "Sandbox: no real money",
    amount: "Amount",
    order: "Order number",
    until: "Pay before",
    open: "Open on the phone",
    alipay: ["Scan with Alipay to pay", "Pay by Alipay"],
    wechat: ["Scan with WeChat to pay", "Pay by WeChat Pay"],
    stripe: ["Scan to pay", "Pay by card"],
    others: "Pay in another way",
    again: "Pay again",
    proceed: "Continue",
    check: "I have paid, check now",
    waiting: "Waiting for the payment…",
    checking: "Asking whether it is paid…",
    paid: "Paid ✓",
    failed: "The order is closed; nothing was charged",
    refunded: "Refunded",
    other_language: "中文",
    other_tag: "zh",
};

impl Words {
    fn of(language: Language) -> &'static Self {
        match language {
            Language::Zh => &ZH,
            Language::En => &EN,
        }
    }

    fn rail(&self, method: PaymentMethod) -> [&'static str; 2] {
        match method {
            PaymentMethod::Alipay => self.alipay,
            PaymentMethod::Wechat => self.wechat,
            PaymentMethod::Stripe => self.stripe,
        }
    }

    fn status(&self, status: PaymentStatus) -> &'static str {
        match status {
            PaymentStatus::Pending => self.waiting,
            PaymentStatus::Completed => self.paid,
            PaymentStatus::Failed => self.failed,
            PaymentStatus::Refunded => self.refunded,
        }
    }
}

#[derive(Template)]
#[template(path = "checkout.html")]
struct CheckoutPage<'a> {
    words: &'a Words,
    tag: &'static str,
    sandbox: bool,
    link: &'a str,
    description: &'a str,
    amount: String,
    order_no: String,
    expires_at: String,
    qr_content: Option<String>,
    qr_opens: bool,
    scan: &'static str,
    /// The way to the page of the order's own rail, while the order can be paid.
    own: Option<Button>,
    /// Other ways to pay the same, and what stands above them.
    others: Vec<Button>,
    above: &'static str,
    return_url: Option<&'a str>,
    status: &'static str,
    status_text: &'static str,
}

/// A way to pay.
struct Button {
    method: &'static str,
    client: &'static str,
    text: &'static str,
}

impl Button {
    fn of(offer: Offer, words: &Words) -> Self {
        let [_, text] = words.rail(offer.method);
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
    Params(params): Params<PageParams>,
    language: Option<axum::Extension<Language>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let payment = find(&pages.payment, &link).await?;
    let language = match params.lang.as_deref() {
        Some("zh") => Language::Zh,
        Some("en") => Language::En,
        _ => language.map_or(Language::default(), |axum::Extension(language)| language),
    };
    let words = Words::of(language);
    let step = pages.payment.next_step(&payment);
    let status = payment.state.status();
    let status_text = match status {
        PaymentStatus::Pending if params.returned.is_some() => words.checking,
        _ => words.status(status),
    };
    let [scan, _] = words.rail(payment.method);
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
            PaymentStatus::Failed => words.again,
            _ => words.others,
        },
        words,
        tag: language.tag(),
        sandbox: pages.sandbox,
        link: &link,
        description: &payment.description,
        amount: price(payment.amount, language),
        order_no: payment.order_no().as_str().to_owned(),
        expires_at: payment.expires_at.to_string(),
        qr_opens: step
            .qr_content
            .as_deref()
            .is_some_and(|text| text.starts_with("http")),
        qr_content: step.qr_content,
        return_url: payment.return_url.as_deref(),
        status: status.as_str(),
        status_text,
    })
}

/// `¥99.00` where it is the house's currency, `CN¥99.00` abroad.
pub(super) fn price(amount: Money, language: Language) -> String {
    let sign = match (amount.currency().code(), language) {
        ("CNY", Language::Zh) => "¥",
        ("CNY", Language::En) => "CN¥",
        ("USD", _) => "$",
        (code, _) => return format!("{code} {amount}"),
    };
    format!("{sign}{amount}")
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
    language: Option<axum::Extension<Language>>,
    Params(params): Params<PageParams>,
) -> Result<Json<Value>, Problem> {
    let payment = find(&pages.payment, &link).await?;
    let status = payment.state.status();
    let language = match params.lang.as_deref() {
        Some("zh-CN") => Language::Zh,
        Some("en") => Language::En,
        _ => language.map_or(Language::default(), |axum::Extension(language)| language),
    };
    Ok(Json(
        json!({ "status": status, "text": Words::of(language).status(status) }),
    ))
}

/// `POST /checkout/{link}/check`: asks the provider now. It moves no money, so whoever has the link
/// may press it.
pub(super) async fn check(
    State(pages): State<BuyerPages>,
    PathText(link): PathText,
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
