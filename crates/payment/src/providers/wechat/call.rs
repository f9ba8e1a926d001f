//! One signed call, and the check of what comes back. Nothing of an answer is read before its signature
//! was checked; an answer without a good one is "unknown".

use axum::http::HeaderMap;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use serde_json::Value;

use super::Wechat;
use super::failure::Failure;
use super::seal::{Distrust, Seal};
use crate::providers::ProviderError;

/// Answers are a few kilobytes; more is not an answer.
const ANSWER_LIMIT_BYTES: usize = 256 * 1024;
/// Calls without one are refused.
const AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));
/// Bytes of chance in a nonce; it has two digits for each.
const NONCE_BYTES: usize = 16;

/// An answer of which nothing is believed yet.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Heard {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// WeChat's number of the call, for whoever asks its staff.
    fn request_id(&self) -> &str {
        let id = self.headers.get("request-id");
        id.and_then(|id| id.to_str().ok()).unwrap_or("none")
    }
}

/// What a call came to, under WeChat's signature.
pub(super) enum Tried {
    /// Done: the body, to the byte.
    Done(Vec<u8>),
    /// Not done.
    Failed(Failure),
}

impl Wechat {
    /// One signed call; the answer's signature is checked before anything of it is read.
    pub(super) async fn call(
        &self,
        method: Method,
        target: &str,
        content: Option<&Value>,
    ) -> Result<Tried, ProviderError> {
        self.keep_fresh().await;
        let heard = self.send(method, target, content).await?;
        if let Err(distrust) = self.check(&heard.headers, &heard.body).await {
            let failure = Failure::read(heard.status, &heard.body);
            let told = if heard.is_success() {
                // Whatever it says, nobody reads it.
                String::new()
            } else {
                format!("; it says: {}", failure.unknown())
            };
            tracing::warn!(%target, request_id = heard.request_id(), %distrust, "an answer of WeChat Pay is not believed");
            return Err(ProviderError::unknown(format_args!("{distrust}{told}")));
        }
        if heard.is_success() {
            return Ok(Tried::Done(heard.body));
        }
        let failure = Failure::read(heard.status, &heard.body);
        tracing::info!(%target, request_id = heard.request_id(), failure = %failure.unknown(), "WeChat Pay said no");
        Ok(Tried::Failed(failure))
    }

    /// Whether WeChat signed these bytes just now. A serial that is not known may lead to a download.
    ///
    /// # Errors
    /// Why they are not believed.
    pub(super) async fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Distrust> {
        let now = self.clock.now();
        let seal = Seal::read(headers, now)?;
        let fetched = if self.trust.knows(seal.serial, now) {
            true
        } else {
            self.learn(seal.serial).await
        };
        match self.trust.check(&seal, body, now) {
            Err(Distrust::Serial) if !fetched => Err(Distrust::NoKey),
            checked => checked,
        }
    }

    /// Sends one signed call. `target`: path and query, beneath the address of the settings.
    pub(super) async fn send(
        &self,
        method: Method,
        target: &str,
        content: Option<&Value>,
    ) -> Result<Heard, ProviderError> {
        let base = self.gateway.as_str().trim_end_matches('/');
        let url = url::Url::parse(&format!("{base}{target}")).map_err(ProviderError::unknown)?;
        let line = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        // Written once: the bytes that are signed are the bytes that are sent.
        let body = content.map(Value::to_string).unwrap_or_default();
        let timestamp = self.clock.now().seconds().to_string();
        let signed =
            self.merchant
                .authorization(method.as_str(), &line, &timestamp, &self.nonce(), &body);
        let mut request = self
            .http
            .request(method, url)
            .header(AUTHORIZATION, signed)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, AGENT);
        if let Some(id) = self.trust.wanted() {
            request = request.header("Wechatpay-Serial", id);
        }
        if content.is_some() {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
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

    /// 32 characters that nobody guesses.
    pub(super) fn nonce(&self) -> String {
        hex::encode_upper(self.entropy.bytes::<NONCE_BYTES>())
    }
}
