//! Where the link of a reminder leads: a further term is paid. Opening the page changes nothing, since mail programs open
//! links by themselves; the button orders.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tollgate_kernel::input::{JsonOrForm, Params};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::Problem;
use tollgate_kernel::text::Language;
use tollgate_payment::providers::Payer;
use tollgate_payment::{CheckoutError, RenewalOffer};

use super::checkout::{device, price};
use super::{BuyerPages, language_of};

/// What the link carries.
#[derive(Debug, Deserialize)]
pub(super) struct RenewParams {
    #[serde(default)]
    token: String,
    lang: Option<String>,
}

/// What the button sends.
#[derive(Deserialize)]
pub(super) struct RenewForm {
    token: String,
}

/// The words of the page.
struct Words {
    title: &'static str,
    sandbox: &'static str,
    amount: &'static str,
    ends: &'static str,
    explains: &'static str,
    button: &'static str,
    over: &'static str,
    off_sale: &'static str,
    busy: &'static str,
    other_language: &'static str,
    other_tag: &'static str,
}

const ZH: Words = Words {
    title: "续费",
    sandbox: "沙箱环境，不产生真实扣款",
    amount: "续费金额",
    ends: "到期时间",
    explains: "新的一期从当前到期时间开始。",
    button: "去付款",
    over: "链接无效，或套餐已续费、已取消、已到期",
    off_sale: "该套餐已停售，无法续费",
    busy: "暂时无法下单，请稍后再试",
    other_language: "English",
    other_tag: "en",
};

const EN: Words = Words {
    title: "Pay another term",
    sandbox: "Sandbox: no real money",
    amount: "For another term",
    ends: "Paid until",
    explains: "The further term begins where the present one ends.",
    button: "Go and pay",
    over: "The link does not work, or the plan was renewed, cancelled, or is over.",
    off_sale: "This plan is not on sale any more.",
    busy: "It cannot be ordered right now. Try again in a moment.",
    other_language: "中文",
    other_tag: "zh",
};

#[derive(Template)]
#[template(path = "renew.html")]
struct RenewPage<'a> {
    words: &'a Words,
    tag: &'static str,
    sandbox: bool,
    token: &'a str,
    offer: Option<Shown>,
    message: &'static str,
}

/// An offer in words.
struct Shown {
    plan: String,
    /// While a further term is on sale.
    amount: Option<String>,
    ends: String,
}

struct Reader {
    language: Language,
    words: &'static Words,
    sandbox: bool,
}

impl Reader {
    fn of(pages: &BuyerPages, params: &RenewParams, language: Option<Extension<Language>>) -> Self {
        let language = language_of(params.lang.as_deref(), language);
        let words = match language {
            Language::Zh => &ZH,
            Language::En => &EN,
        };
        Self {
            language,
            words,
            sandbox: pages.sandbox,
        }
    }

    fn page(
        &self,
        token: &str,
        offer: Option<&RenewalOffer>,
        busy: bool,
    ) -> Result<Response, Problem> {
        let words = self.words;
        let message = match offer {
            None => words.over,
            Some(offer) if offer.next.is_none() => words.off_sale,
            Some(_) if busy => words.busy,
            Some(_) => "",
        };
        let short = match self.language {
            Language::Zh => "zh",
            Language::En => "en",
        };
        let offer = offer.map(|offer| {
            // What is paid for, where another plan follows.
            let plan = offer.next.as_ref().unwrap_or(&offer.plan);
            let texts = plan.texts.get(short);
            let amount = offer.next.as_ref();
            Shown {
                plan: texts.map_or(&plan.name, |texts| &texts.name).clone(),
                amount: amount.map(|next| price(next.price, self.language)),
                ends: offer.term_end.to_string(),
            }
        });
        super::page(&RenewPage {
            words,
            tag: self.language.tag(),
            sandbox: self.sandbox,
            token,
            offer,
            message,
        })
    }
}

/// `GET /portal/renew?token=…`
pub(super) async fn page(
    State(pages): State<BuyerPages>,
    Params(params): Params<RenewParams>,
    language: Option<Extension<Language>>,
) -> Result<Response, Problem> {
    let reader = Reader::of(&pages, &params, language);
    let offer = pages.payment.renewal_offer(&params.token).await?;
    reader.page(&params.token, offer.as_ref(), false)
}

/// `POST /portal/renew`: to the hosted page of the order. It moves no money, so whoever has the link may press the button.
pub(super) async fn renew(
    State(pages): State<BuyerPages>,
    origin: Origin,
    headers: HeaderMap,
    Params(params): Params<RenewParams>,
    language: Option<Extension<Language>>,
    JsonOrForm { value: form, .. }: JsonOrForm<RenewForm>,
) -> Result<Response, Problem> {
    let reader = Reader::of(&pages, &params, language);
    let offer = pages.payment.renewal_offer(&form.token).await?;
    let Some(offer) = offer else {
        return reader.page(&form.token, None, false);
    };
    if offer.next.is_none() {
        return reader.page(&form.token, Some(&offer), false);
    }
    let payer = Payer {
        address: origin.address,
        ..Payer::default()
    };
    let begun = pages
        .payment
        .renew_by_link(&offer, device(&headers), &payer);
    match begun.await {
        Ok(order) => {
            let link = order.payment.checkout_url.unwrap_or_default();
            let link = link.rsplit('/').next().unwrap_or_default();
            Ok(Redirect::to(&format!("../checkout/{link}")).into_response())
        }
        Err(CheckoutError::Internal(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(error = %error, "a renewal could not be ordered");
            reader.page(&form.token, Some(&offer), true)
        }
    }
}
