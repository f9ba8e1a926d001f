//! A form of a page: from this house, written for this browser, or refused.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tollgate_auth::is_of_house;
use tollgate_kernel::input::JsonOrForm;
use tollgate_kernel::problem::{Code, Problem};

use super::visit::Visit;
use crate::words::WORDS;

/// What a form sent, without its word.
#[derive(Clone, Debug)]
pub(super) struct Form<T>(pub(super) T);

/// The field that says for whom a form was written.
const WORD: &str = "form_word";

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Ok(visit) = Visit::from_request_parts(&mut parts, state).await;
        of_this_house(&parts.headers, &visit)?;
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let bytes = bytes.map_err(|_| Problem::new(Code::BadRequest))?;
        let word = form_urlencoded::parse(&bytes).find(|(name, _)| name == WORD);
        if !word.is_some_and(|(_, word)| visit.wrote(&word)) {
            return Err(forged());
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        let sent = JsonOrForm::from_request(request, state).await?;
        Ok(Self(sent.value))
    }
}

/// A form whose secret stands in its address or in its fields, from a letter or a link that nobody can guess: it needs no
/// word, and comes from this house all the same.
#[derive(Clone, Debug)]
pub(super) struct LinkForm<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for LinkForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Ok(visit) = Visit::from_request_parts(&mut parts, state).await;
        let request = Request::from_parts(parts, body);
        of_this_house(request.headers(), &visit)?;
        let sent = JsonOrForm::<T>::from_request(request, state).await?;
        Ok(Self(sent.value))
    }
}

/// A button without fields, that moves nothing: it has to be pressed in this house.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pressed;

impl<S: Sync> FromRequestParts<S> for Pressed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(visit) = Visit::from_request_parts(parts, state).await;
        of_this_house(&parts.headers, &visit)?;
        Ok(Self)
    }
}

fn forged() -> Problem {
    Problem::new(Code::CsrfFailed).detail(WORDS.text("problem.forged_form"))
}

fn of_this_house(headers: &HeaderMap, visit: &Visit) -> Result<(), Problem> {
    if is_of_house(headers, &visit.house.public_url) {
        Ok(())
    } else {
        Err(forged())
    }
}
