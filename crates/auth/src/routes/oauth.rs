//! The dress in which OAuth clients want refusals: `error` and `error_description` beside the
//! members of a problem, as `application/json` (RFC 6749 §5.2).

use axum::http::{HeaderMap, HeaderValue, header};
use tollgate_kernel::problem::{Code, Occurrence, Problem};
use tollgate_kernel::text::Language;

use crate::words::WORDS;

/// Whether a call came as a form. Asked of the headers, since a body that cannot be read is
/// refused in the same dress.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|essence| {
            essence
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}

/// A grant that is not the one of this endpoint.
pub(super) fn unsupported_grant(wanted: &str) -> Problem {
    Problem::new(Code::BadRequest)
        .detail(WORDS.text_with("sign_in.grant_type", &[("wanted", &wanted)]))
        .with("error", "unsupported_grant_type")
}

/// In that dress, when the call came as a form.
pub(super) fn dressed(problem: Problem, form: bool) -> Problem {
    if !form {
        return problem;
    }
    // English: the member is ASCII by its grammar.
    let document = problem.document(Language::En, &Occurrence::default());
    let error = document.get("error").and_then(|error| error.as_str());
    let error = error.unwrap_or_else(|| word(problem.code())).to_owned();
    let description = document.get("detail").cloned().unwrap_or_default();
    problem
        .with("error", error)
        .with("error_description", description)
        .header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )
}

fn word(code: Code) -> &'static str {
    match code.status() {
        401 => "invalid_grant",
        400..=499 => "invalid_request",
        503 => "temporarily_unavailable",
        _ => "server_error",
    }
}
