//! What all pages load. It holds nothing of anybody, so it is sent compressed, which pages are not.

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower_http::compression::CompressionLayer;

/// Path, kind, content.
const ASSETS: [(&str, &str, &str); 5] = [
    (
        "/static/tollgate.css",
        "text/css; charset=utf-8",
        include_str!("../../static/tollgate.css"),
    ),
    (
        "/static/page.js",
        "text/javascript; charset=utf-8",
        include_str!("../../static/page.js"),
    ),
    (
        "/static/checkout.js",
        "text/javascript; charset=utf-8",
        include_str!("../../static/checkout.js"),
    ),
    (
        "/static/plan.js",
        "text/javascript; charset=utf-8",
        include_str!("../../static/plan.js"),
    ),
    (
        "/static/icon.svg",
        "image/svg+xml",
        include_str!("../../static/icon.svg"),
    ),
];

/// All of it.
pub(super) fn router() -> Router {
    ASSETS
        .into_iter()
        .fold(Router::new(), |router, (path, kind, text)| {
            let tag = tag(text);
            let sent = async move |headers: HeaderMap| asset(kind, text, &tag, &headers);
            router.route(path, get(sent))
        })
        .layer(CompressionLayer::new())
}

/// Changes with every byte. Weak: compressed or not, it is the same (RFC 9110 §8.8.1).
fn tag(text: &str) -> HeaderValue {
    let digest = hex::encode(digest(&SHA256, text.as_bytes()));
    HeaderValue::try_from(format!("W/\"{digest}\"")).expect("hexadecimal digits in quotes")
}

fn asset(kind: &'static str, text: &'static str, tag: &HeaderValue, asked: &HeaderMap) -> Response {
    let headers = [
        (header::ETAG, tag.clone()),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
    ];
    if asked.get(header::IF_NONE_MATCH) == Some(tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let content = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (headers, content, text).into_response()
}
