//! Pages: server-rendered, whole without script, under a strict content policy.

mod checkout;
mod link;
mod renew;

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tollgate_auth::AuthService;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;
use tollgate_payment::PaymentService;

/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const CSS: &str = include_str!("../../static/tollgate.css");
const JS: &str = include_str!("../../static/checkout.js");

/// What the pages of accounts are made from.
#[derive(Clone, Debug)]
pub(crate) struct AccountPages {
    auth: AuthService,
    sandbox: bool,
}

/// What the pages of buyers are made from.
#[derive(Clone, Debug)]
pub(crate) struct BuyerPages {
    payment: PaymentService,
    sandbox: bool,
}

/// As the address asks, or as the browser does.
fn language_of(asked: Option<&str>, browser: Option<Extension<Language>>) -> Language {
    match asked {
        Some("zh" | "zh-CN") => Language::Zh,
        Some("en") => Language::En,
        _ => browser.map_or(Language::default(), |Extension(language)| language),
    }
}

/// Every page.
pub(crate) fn router(auth: AuthService, payment: PaymentService, sandbox: bool) -> Router {
    accounts(auth, sandbox)
        .merge(buying(payment, sandbox))
        .merge(assets())
}

/// Where links of letters lead.
pub(crate) fn accounts(auth: AuthService, sandbox: bool) -> Router {
    Router::new()
        .route("/portal/verify", get(link::verify_page).post(link::verify))
        .route("/portal/reset", get(link::reset_page).post(link::reset))
        .route(
            "/portal/register",
            get(link::register_page).post(link::register),
        )
        .route("/console/setup", get(link::set_up_page).post(link::set_up))
        .with_state(AccountPages { auth, sandbox })
}

/// Where money is paid.
pub(crate) fn buying(payment: PaymentService, sandbox: bool) -> Router {
    Router::new()
        .route("/checkout/{link}", get(checkout::page))
        .route("/checkout/{link}/qr.svg", get(checkout::qr))
        .route("/checkout/{link}/status", get(checkout::status))
        .route("/checkout/{link}/check", post(checkout::check))
        .route("/checkout/{link}/pay", get(checkout::pay))
        .route("/checkout/{link}/return", get(checkout::returned))
        .route("/portal/renew", get(renew::page).post(renew::renew))
        .with_state(BuyerPages { payment, sandbox })
}

/// What all pages load.
pub(crate) fn assets() -> Router {
    Router::new()
        .route(
            "/static/tollgate.css",
            get(async || asset("text/css; charset=utf-8", CSS)),
        )
        .route(
            "/static/checkout.js",
            get(async || asset("text/javascript; charset=utf-8", JS)),
        )
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (headers, text).into_response()
}

/// A page with the headers that every page has.
fn page(template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a page did not render"
        );
        Problem::new(Code::Internal)
    })?;
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    Ok((headers, Html(html)).into_response())
}
