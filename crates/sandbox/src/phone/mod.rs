//! The buyer's phone: opening the page is the scan, three forms are the buyer's thumb, and a row of
//! buttons orders what goes wrong with this order. Works without script; programs ask for JSON on the
//! same routes.

mod faults;
mod page;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Language;

pub(crate) use self::faults::order as order_fault;
use self::page::{Page, Shows};
use crate::buyer::{Outcome, Refusal as BuyerRefusal};
use crate::callbacks::is_loopback;
use crate::store::{Product, Rail};
use crate::words::WORDS;
use crate::{Sandbox, SandboxError};

/// Nothing inline, nothing from elsewhere, in nobody's frame.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `no-referrer` would make browsers send `Origin: null` with our own forms.
const REFERRER_POLICY: &str = "same-origin";

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    lang: Option<String>,
    /// Set by the redirect after a failed attempt.
    failed: Option<String>,
    /// Where WeChat's page for browsers leads back to.
    redirect_url: Option<String>,
}

impl Shown {
    fn language(&self, sandbox: &Sandbox, headers: &HeaderMap) -> Language {
        language(self.lang.as_deref(), sandbox, headers)
    }
}

/// The language that was asked for, in the address or else by the browser.
pub(crate) fn language(asked: Option<&str>, sandbox: &Sandbox, headers: &HeaderMap) -> Language {
    let accepted = || {
        headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(Language::accepted)
    };
    asked
        .and_then(Language::accepted)
        .or_else(accepted)
        .unwrap_or(sandbox.inner.default_language)
}

/// `GET /sandbox/pay/{code}`
pub(crate) async fn show(
    State(sandbox): State<Sandbox>,
    Path(code): Path<String>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = shown.language(&sandbox, &headers);
    let outcome = sandbox.buyer_scans(&code).await.map_err(failed)?;
    let Some(outcome) = outcome else {
        return Ok(html(
            StatusCode::NOT_FOUND,
            language,
            CONTENT_SECURITY_POLICY,
            Page::unknown(language),
        ));
    };
    let callback = sandbox
        .inner
        .store
        .last_callback(outcome.trade.rail, &outcome.trade.provider_no)
        .await
        .map_err(failed)?;
    let open = sandbox.inner.store.open_faults(outcome.trade.rail).await;
    let beside = Shows {
        callback: callback.as_ref(),
        faults: &open.map_err(failed)?,
        back: match outcome.trade.rail {
            Rail::Alipay => sandbox.way_back(&outcome.trade).map_err(failed)?,
            Rail::Wechat => shown.redirect_url.clone().filter(|url| {
                let ours = sandbox.inner.messenger.target(url).is_ok();
                ours && outcome.trade.product == Product::H5
            }),
        },
        failed: shown.failed.is_some(),
    };
    let page = Page::of(&outcome, &beside, language).map_err(failed)?;
    Ok(html(
        StatusCode::OK,
        language,
        CONTENT_SECURITY_POLICY,
        page,
    ))
}

/// `POST /sandbox/pay/{code}/{action}`
pub(crate) async fn act(
    State(sandbox): State<Sandbox>,
    Path((code, action)): Path<(String, String)>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check_origin(&headers, &sandbox.inner.base_url)?;
    let outcome = match action.as_str() {
        "pay" => sandbox.buyer_pays(&code).await,
        "fail" => sandbox.buyer_fails(&code).await,
        "close" => sandbox.buyer_closes(&code).await,
        _ => return Err(Problem::new(Code::NotFound)),
    };
    let outcome = outcome
        .map_err(failed)?
        .ok_or_else(|| Problem::new(Code::NotFound))?;
    if wants_json(&headers) {
        return Ok(answer(&outcome));
    }
    // Relative, so that it also holds below a prefix; the page says what became of the wish.
    let number = &outcome.trade.provider_no;
    let language = shown.language(&sandbox, &headers).tag();
    let failed = if action == "fail" && outcome.refused.is_none() {
        "&failed=1"
    } else {
        ""
    };
    Ok(Redirect::to(&format!("../{number}?lang={language}{failed}")).into_response())
}

/// `GET /sandbox/static/phone.css`
pub(crate) async fn stylesheet() -> Response {
    asset(
        "text/css; charset=utf-8",
        include_str!("../../static/phone.css"),
    )
}

/// `GET /sandbox/static/again.js`
pub(crate) async fn script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("../../static/again.js"),
    )
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"))
}

/// What a program is told: 409 when the wish did not fit the trade's state.
fn answer(outcome: &Outcome) -> Response {
    let status = outcome.status();
    let mut document = json!({
        "trade_status": status,
        "trade_no": status.map(|_| outcome.trade.provider_no.as_str()),
    });
    let Some(refused) = outcome.refused else {
        return axum::Json(document).into_response();
    };
    document["reason"] = match refused {
        BuyerRefusal::CodeExpired => "code_expired",
        BuyerRefusal::TradeClosed => "trade_closed",
        BuyerRefusal::TradePaid => "trade_paid",
    }
    .into();
    (StatusCode::CONFLICT, axum::Json(document)).into_response()
}

/// Other sites must not press our buttons. Programs send neither header.
pub(crate) fn check_origin(headers: &HeaderMap, base_url: &Url) -> Result<(), Problem> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let site_fits = matches!(site, None | Some("same-origin" | "none"));
    let origin_fits = match text(header::ORIGIN) {
        None => true,
        // A browser that hides where it comes from, but vouches that it is from here.
        Some("null") => site == Some("same-origin"),
        Some(origin) => is_own(origin, text(header::HOST), base_url),
    };
    if site_fits && origin_fits {
        return Ok(());
    }
    Err(Problem::new(Code::PermissionDenied).detail(WORDS.text("refusal.other_site")))
}

/// Our own address, or the loopback name the page was opened under. A foreign name that resolves
/// to this machine is neither.
fn is_own(origin: &str, host: Option<&str>, base_url: &Url) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    if origin.origin() == base_url.origin() {
        return true;
    }
    let authority = match (origin.host_str(), origin.port()) {
        (Some(name), Some(port)) if is_loopback(name) => format!("{name}:{port}"),
        (Some(name), None) if is_loopback(name) => name.to_owned(),
        _ => return false,
    };
    host == Some(authority.as_str())
}

pub(crate) fn html(
    status: StatusCode,
    language: Language,
    policy: &'static str,
    body: String,
) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, REFERRER_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept-language"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err asks for")]
pub(crate) fn failed(error: SandboxError) -> Problem {
    tracing::error!(%error, "a page of the sandbox failed");
    Problem::new(Code::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &'static str)]) -> bool {
        let base = Url::parse("https://pay.example").expect("a URL");
        let headers = pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        check_origin(&headers, &base).is_ok()
    }

    #[test]
    fn only_our_own_pages_and_programs_may_press_the_buttons() {
        for own in [
            &[][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("origin", "https://pay.example"), ("host", "internal:8080")],
            &[
                ("origin", "http://localhost:8080"),
                ("host", "localhost:8080"),
            ],
            &[("origin", "http://[::1]:8080"), ("host", "[::1]:8080")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(check(own), "{own:?}");
        }
        for foreign in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", "https://evil.example"), ("host", "evil.example")],
            &[("origin", "http://pay.example"), ("host", "pay.example")],
            &[
                ("origin", "http://localhost:9999"),
                ("host", "localhost:8080"),
            ],
            &[
                ("origin", "https://pay.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[("origin", "not a url")],
        ] {
            assert!(!check(foreign), "{foreign:?}");
        }
    }
}
