//! Pages: server-rendered, whole without script, under a strict content policy.
//!
//! A page is a file with its template and its sample data. It reads a [`Visit`](visit::Visit) (or a
//! [`Visitor`](visit::Visitor), who signed in), calls operations, and fills a template that begins with a
//! [`Frame`](frame::Frame). Forms come in as [`Form`](form::Form): from this house and written for this browser. A refusal
//! is an ordinary `Problem`; the layer around all pages shows it as a page.

mod assets;
mod chart;
mod checkout;
mod console;
mod failure;
mod form;
mod frame;
mod link;
mod next;
mod plan_names;
mod portal;
mod renew;
#[cfg(test)]
mod samples;
mod sandbox;
mod visit;
mod written;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono_tz::Tz;
use tokio::sync::watch;
use tollgate_auth::AuthService;
use tollgate_kernel::clock::Clock;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_payment::PaymentService;

use crate::config::{Config, Seller};
use crate::sandbox_clock::SandboxClock;

/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Where the pages are shown.
#[derive(Clone, Debug)]
pub(crate) struct House {
    /// No real money moves.
    pub(crate) sandbox: bool,
    /// Where times are told.
    pub(crate) zone: Tz,
    /// Where people reach the service, without a slash at its end.
    pub(crate) public_url: String,
    /// Who is paid.
    pub(crate) seller: Arc<Seller>,
    /// From where people are sent here to sign in, and where they are sent back to.
    pub(crate) origins: Vec<String>,
    /// By https only.
    pub(crate) secure: bool,
    /// Which pages are here: no other is led to.
    pub(crate) mounted: Mounted,
    pub(crate) entropy: Entropy,
    /// Says that the service is about to stop: what stays open ends.
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) clock: Clock,
    /// With what it was started.
    pub(crate) installation: Option<Arc<Installation>>,
}

/// Which pages a service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mounted {
    /// All.
    Whole,
    /// Those of accounts.
    Accounts,
    /// Where money is paid; nobody signs in here.
    Plans,
}

impl Mounted {
    /// Where everything begins, if there is such a page.
    pub(crate) fn home(self) -> Option<&'static str> {
        match self {
            Self::Whole | Self::Accounts => Some("/portal"),
            Self::Plans => None,
        }
    }

    /// Where a sandbox tells of itself.
    fn sandbox(self) -> &'static str {
        match self {
            Self::Whole => "/sandbox",
            Self::Accounts | Self::Plans => "/sandbox/mail",
        }
    }
}

/// With what the service was started, for the pages of those who run it.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) config: Config,
}

/// What the pages of accounts are made from.
#[derive(Clone, Debug)]
pub(crate) struct AccountPages {
    auth: AuthService,
    /// Where they are known here.
    plans: Option<PaymentService>,
}

/// What the pages of buyers are made from.
#[derive(Clone, Debug)]
pub(crate) struct BuyerPages {
    payment: PaymentService,
    streams: checkout::Streams,
}

/// Every page.
pub(crate) fn router(house: House, auth: AuthService, payment: PaymentService) -> Router {
    let accounts = AccountPages {
        auth: auth.clone(),
        plans: Some(payment.clone()),
    };
    let pages = account_pages(accounts)
        .merge(buyer_pages(&house, payment.clone()))
        .merge(portal::router(auth.clone(), payment.clone()))
        .merge(console::router(auth, payment));
    shown(pages, house).merge(assets::router())
}

/// The desk of a sandbox.
pub(crate) fn sandbox(house: House, clock: SandboxClock) -> Router {
    let pages = Router::new()
        .route("/sandbox", get(sandbox::page))
        .route("/sandbox/advance", post(sandbox::advance))
        .route("/sandbox/stop", post(sandbox::stop))
        .with_state(clock);
    shown(pages, house)
}

/// Coming in, and one's account.
pub(crate) fn accounts(house: House, auth: AuthService) -> Router {
    let house = House {
        mounted: Mounted::Accounts,
        ..house
    };
    let accounts = AccountPages { auth, plans: None };
    // What a person has here is the account.
    let overview = Redirect::to("/portal/settings");
    let pages = account_pages(accounts).route("/portal", get(async move || overview));
    shown(pages, house).merge(assets::router())
}

/// Where money is paid.
pub(crate) fn buying(house: House, payment: PaymentService) -> Router {
    let house = House {
        mounted: Mounted::Plans,
        ..house
    };
    shown(buyer_pages(&house, payment), house).merge(assets::router())
}

fn account_pages(accounts: AccountPages) -> Router {
    let identify = accounts.auth.identify_page();
    Router::new()
        .merge(portal::accounts())
        .route("/portal/verify", get(link::verify_page).post(link::verify))
        .route("/portal/reset", get(link::reset_page).post(link::reset))
        .route("/console/setup", get(link::set_up_page).post(link::set_up))
        .with_state(accounts)
        .layer(identify)
}

fn buyer_pages(house: &House, payment: PaymentService) -> Router {
    let streams = checkout::Streams::new(house.closing.clone());
    Router::new()
        .route("/checkout/{link}", get(checkout::page))
        .route("/checkout/{link}/qr.svg", get(checkout::qr))
        .route("/checkout/{link}/status", get(checkout::status))
        .route("/checkout/{link}/events", get(checkout::events))
        .route("/checkout/{link}/check", post(checkout::check))
        .route("/checkout/{link}/pay", get(checkout::pay))
        .route("/checkout/{link}/return", get(checkout::returned))
        .route("/portal/renew", get(renew::page).post(renew::renew))
        .with_state(BuyerPages { payment, streams })
}

/// Pages with what goes around all of them.
fn shown(pages: Router, house: House) -> Router {
    pages.layer(axum::middleware::from_fn_with_state(house, visit::layer))
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
