//! What went wrong, as a page: what happened, what to do now, and under which number we find it.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use tollgate_kernel::problem::{Code, Occurrence, Problem};

use super::frame::Frame;
use super::next::Next;
use super::visit::Visit;

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    frame: Frame,
    detail: String,
    request_id: &'a str,
    /// Whether the same may work in a moment.
    again: bool,
}

/// A refusal as a page. Who is not signed in, or has to show once more that it is they, is led there and back.
pub(super) fn page(visit: &Visit, problem: &Problem) -> Result<Response, Problem> {
    let code = problem.code();
    match code {
        Code::Unauthenticated | Code::TokenRevoked | Code::TokenExpired | Code::UserInactive => {
            return Ok(lead("/portal/login", &visit.back));
        }
        Code::ConfirmationRequired => return Ok(lead("/portal/confirm", &visit.back)),
        _ => {}
    }
    let mut response = super::page(&FailurePage::of(visit, problem))?;
    *response.status_mut() =
        StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl<'a> FailurePage<'a> {
    fn of(visit: &'a Visit, problem: &Problem) -> Self {
        let code = problem.code();
        let frame = Frame::plain(visit, code.title(visit.language).to_owned());
        let document = problem.document(visit.language, &Occurrence::default());
        let told = |name: &str| document.get(name).and_then(|text| text.as_str());
        let mut detail = told("detail").unwrap_or_default().to_owned();
        let faults = document.get("errors").and_then(|list| list.as_array());
        for fault in faults.into_iter().flatten() {
            let text = fault.get("detail").and_then(|text| text.as_str());
            detail.push(' ');
            detail.push_str(text.unwrap_or_default());
        }
        if detail == frame.title {
            detail.clear();
        }
        Self {
            detail,
            again: matches!(code.status(), 408 | 429 | 500..),
            request_id: visit.request_id.as_deref().unwrap_or_default(),
            frame,
        }
    }
}

fn lead(to: &str, next: &Next) -> Response {
    Redirect::to(&format!("{to}?{}", next.query())).into_response()
}

#[cfg(test)]
mod samples {
    use tollgate_kernel::text::Text;

    use super::super::samples::{HOSTILE, LONG, LONG_ZH, languages, render, visit};
    use super::*;

    #[test]
    fn a_failure_renders_from_its_samples() {
        for (tag, language) in languages() {
            let visit = visit(language);
            for code in [Code::NotFound, Code::CsrfFailed, Code::Unavailable] {
                let page = FailurePage::of(&visit, &Problem::new(code));
                render(&format!("failure-{}-{tag}", code.as_str()), &page);
            }
            let long = Text::new(format!("{LONG_ZH}{HOSTILE}"), format!("{LONG} {HOSTILE}"));
            let long = Problem::new(Code::ValidationFailed).detail(long);
            let long = FailurePage::of(&visit, &long);
            render(&format!("failure-long-{tag}"), &long);
        }
    }
}
