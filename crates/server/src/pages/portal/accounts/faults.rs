//! What is wrong with what was typed.

use std::collections::BTreeMap;

use crate::words::WORDS;
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tollgate_kernel::problem::{Code, Occurrence, Problem};
use tollgate_kernel::text::Language;

/// What a page that is shown again says beside its fields, and above them.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) above: String,
    beside: BTreeMap<String, String>,
    status: StatusCode,
    wait: Option<HeaderValue>,
}

impl Faults {
    /// Of a refusal that its reader can mend on the very page. `fields`: the names of its fields.
    ///
    /// # Errors
    /// The refusal, if it is none of those.
    pub(super) fn of(
        problem: Problem,
        language: Language,
        fields: &[&str],
    ) -> Result<Self, Problem> {
        let code = problem.code();
        let mendable = matches!(
            code,
            Code::InvalidCredentials
                | Code::UserInactive
                | Code::RegistrationClosed
                | Code::EmailTaken
                | Code::UsernameTaken
                | Code::LastAdmin
                | Code::ValidationFailed
                | Code::WeakPassword
                | Code::RateLimited
                | Code::Unavailable
        );
        if !mendable {
            return Err(problem);
        }
        let document = problem.document(language, &Occurrence::default());
        let mut beside = BTreeMap::new();
        let mut above = Vec::new();
        let errors = document.get("errors").and_then(|list| list.as_array());
        for fault in errors.into_iter().flatten() {
            let told = |name: &str| fault.get(name).and_then(|text| text.as_str());
            let (pointer, detail) = (told("field"), told("detail").unwrap_or_default());
            // `/scopes/2` is a fault of the field `scopes`.
            let field = pointer.unwrap_or_default().split('/').nth(1);
            match field.filter(|field| fields.contains(field)) {
                Some(field) => drop(beside.insert(field.to_owned(), detail.to_owned())),
                None => above.push(detail),
            }
        }
        let detail = document.get("detail").and_then(|text| text.as_str());
        if beside.is_empty() && above.is_empty() {
            above.extend(detail);
        }
        let wait = problem.response(language, &Occurrence::default());
        Ok(Self {
            above: above.join(" "),
            beside,
            status: StatusCode::from_u16(code.status()).unwrap_or_default(),
            wait: wait.headers().get(header::RETRY_AFTER).cloned(),
        })
    }

    /// The same, where the password is asked for with the rest.
    ///
    /// # Errors
    /// As [`Faults::of`].
    pub(super) fn of_confirmed(
        problem: Problem,
        language: Language,
        fields: &[&str],
    ) -> Result<Self, Problem> {
        match problem.code() {
            Code::InvalidCredentials => Ok(Self::wrong_password(language)),
            Code::ConfirmationRequired => {
                let text = WORDS.say(language, "confirm.needed").to_owned();
                Ok(Self::one("current_password", text))
            }
            _ => Self::of(problem, language, fields),
        }
    }

    /// Not the present password.
    pub(super) fn wrong_password(language: Language) -> Self {
        let text = WORDS.say(language, "confirm.wrong_password").to_owned();
        Self::one("current_password", text)
    }

    /// One fault beside a field.
    pub(super) fn one(field: &str, text: String) -> Self {
        Self {
            beside: BTreeMap::from([(field.to_owned(), text)]),
            status: StatusCode::UNPROCESSABLE_ENTITY,
            ..Self::default()
        }
    }

    /// What is wrong with a field; nothing: empty.
    pub(super) fn beside(&self, field: &str) -> &str {
        self.beside.get(field).map_or("", String::as_str)
    }

    /// The page that tells them.
    pub(super) fn page(&self, template: &impl Template) -> Result<Response, Problem> {
        let mut response = crate::pages::page(template)?;
        *response.status_mut() = self.status;
        if let Some(wait) = &self.wait {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, wait.clone());
        }
        Ok(response)
    }
}
