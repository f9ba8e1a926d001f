//! One call to Stripe's API (payments.md, 4.1 and 4.2): form-encoded, in the version that is pinned here, with a key
//! on every POST.

use std::time::Duration;

use axum::http::HeaderMap;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::Stripe;
use super::failure::Failure;
use crate::providers::ProviderError;

/// Answers are a few kilobytes; more is not an answer.
const ANSWER_LIMIT_BYTES: usize = 256 * 1024;
/// The version whose shapes are read here, whatever the account's own one is.
const VERSION: &str = "2026-10-28.endive";
const AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));
/// Before the one repeat that Stripe asks for.
const REPEAT_AFTER: Duration = Duration::from_millis(500);
const FORM: &str = "application/x-www-form-urlencoded";

/// Parameters in the order in which they are sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    fn encoded(&self) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(&self.0).finish()
    }
}

/// What a call came to.
pub(super) enum Tried<T> {
    /// Done.
    Done(T),
    /// Not done.
    Failed(Failure),
}

impl<T> Tried<T> {
    /// # Errors
    /// What was not done.
    pub(super) fn done(self) -> Result<T, ProviderError> {
        match self {
            Self::Done(done) => Ok(done),
            Self::Failed(failure) => Err(failure.into()),
        }
    }
}

struct Heard {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Stripe {
    /// Reads an object or a list; reading needs no key.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Form,
    ) -> Result<Tried<T>, ProviderError> {
        self.call(Method::GET, path, query, None).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Tried<T>, ProviderError> {
        self.call(Method::DELETE, path, &Form::default(), None)
            .await
    }

    /// Does something. The same key with the same form does it once, however often it is sent within a day.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &Form,
        key: &str,
    ) -> Result<Tried<T>, ProviderError> {
        self.call(Method::POST, path, form, Some(key)).await
    }

    /// Asks once, and once more where Stripe itself wants to be asked again. Every other trouble is told: the
    /// repeats of the machine above go under the same key.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        form: &Form,
        key: Option<&str>,
    ) -> Result<Tried<T>, ProviderError> {
        let mut repeats = 1_u32;
        loop {
            let heard = self.send(method.clone(), path, form, key).await?;
            if (200..300).contains(&heard.status) {
                let read = serde_json::from_slice(&heard.body);
                return read.map(Tried::Done).map_err(|error| {
                    ProviderError::unknown(format_args!("an answer that cannot be read: {error}"))
                });
            }
            let failure = Failure::read(heard.status, &heard.headers, &heard.body);
            let request_id = heard.headers.get("request-id");
            tracing::info!(%method, path, request_id = request_id.and_then(|id| id.to_str().ok()), %failure, "Stripe did not do it");
            if !failure.asks_for_repeat() || repeats == 0 {
                return Ok(Tried::Failed(failure));
            }
            repeats = repeats.saturating_sub(1);
            tokio::time::sleep(REPEAT_AFTER).await;
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        form: &Form,
        key: Option<&str>,
    ) -> Result<Heard, ProviderError> {
        let base = self.api_base.as_str().trim_end_matches('/');
        let mut url = url::Url::parse(&format!("{base}{path}")).map_err(ProviderError::unknown)?;
        let encoded = form.encoded();
        let posts = method == Method::POST;
        if !posts && !encoded.is_empty() {
            url.set_query(Some(&encoded));
        }
        let mut request = self.headed(self.http.request(method, url), key);
        if posts {
            request = request.header(CONTENT_TYPE, FORM).body(encoded);
        }
        let lost = |error: reqwest::Error| ProviderError::unknown(error.without_url());
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len().saturating_add(chunk.len()) > ANSWER_LIMIT_BYTES {
                return Err(ProviderError::unknown("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Heard {
            status,
            headers,
            body,
        })
    }

    fn headed(&self, request: RequestBuilder, key: Option<&str>) -> RequestBuilder {
        let request = request
            .header(AUTHORIZATION, self.authorization.clone())
            .header(USER_AGENT, AGENT)
            .header("Stripe-Version", VERSION);
        match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        }
    }
}
