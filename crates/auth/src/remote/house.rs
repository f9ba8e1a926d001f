//! The other Tollgate, over HTTP.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;
use tollgate_kernel::ids::{ApiKeyId, ServiceKeyId, UserId};
use tollgate_kernel::problem::{Code, Problem};
use url::Url;

use super::RemoteSetupError;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions at once: who shows made-up keys here does not make a crowd there.
const AT_ONCE: usize = 64;
/// No answer of the house is longer.
const MOST_BYTES: usize = 256 * 1024;

/// What it says of a key (RFC 7662 §2.2).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Introspected {
    pub(super) active: bool,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) sub: Option<UserId>,
    pub(super) api_key_id: Option<ApiKeyId>,
    pub(super) service_key_id: Option<ServiceKeyId>,
    pub(super) scope: Option<String>,
    #[serde(default)]
    pub(super) allowed_addresses: Vec<String>,
    pub(super) rate_limit_per_minute: Option<u32>,
    pub(super) exp: Option<i64>,
    #[serde(default)]
    pub(super) livemode: bool,
}

/// What it says of whoever shows a token.
#[derive(Debug, Deserialize)]
pub(super) struct Standing {
    pub(super) permissions: Vec<String>,
}

/// Where it is, and our key there.
pub(super) struct House {
    base: String,
    service_key: SecretString,
    http: Client,
    asking: Semaphore,
}

impl fmt::Debug for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl House {
    pub(super) fn at(url: &Url, service_key: SecretString) -> Result<Self, RemoteSetupError> {
        let http = Client::builder()
            .timeout(PATIENCE)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(RemoteSetupError)?;
        Ok(Self {
            base: url.as_str().trim_end_matches('/').to_owned(),
            service_key,
            http,
            asking: Semaphore::new(AT_ONCE),
        })
    }

    /// Something everybody may read.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        let call = self.http.get(format!("{}{path}", self.base));
        self.answered(call).await
    }

    /// What a key is good for now.
    pub(super) async fn introspect(&self, key: &SecretString) -> Result<Introspected, Problem> {
        let _turn = self.asking.acquire().await;
        let call = self
            .http
            .post(format!("{}/auth/introspect", self.base))
            .bearer_auth(self.service_key.expose_secret())
            .form(&[("token", key.expose_secret())]);
        self.answered(call).await.map_err(|problem| {
            if matches!(problem.code().status(), 401 | 403) {
                tracing::error!(
                    "the accounts do not take TOLLGATE_SERVICE_KEY: it must be a service key of theirs with the scope introspect"
                );
                return away();
            }
            problem
        })
    }

    /// Whether the person behind `token` is still let in, and what they hold; with `confirmed`, whether they showed lately
    /// that it is they.
    pub(super) async fn verify(
        &self,
        token: &SecretString,
        confirmed: bool,
    ) -> Result<Standing, Problem> {
        let mut call = self
            .http
            .get(format!("{}/auth/verify", self.base))
            .bearer_auth(token.expose_secret());
        if confirmed {
            call = call.query(&[("confirmed", "true")]);
        }
        self.answered(call).await
    }

    async fn answered<T: DeserializeOwned>(
        &self,
        call: reqwest::RequestBuilder,
    ) -> Result<T, Problem> {
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(
                    accounts = %self.base,
                    error = &error as &dyn std::error::Error,
                    "the accounts do not answer"
                );
                return Err(away());
            }
        };
        let status = answer.status();
        let body = whole(answer).await.ok_or_else(away)?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| {
                tracing::error!(
                    accounts = %self.base,
                    error = &error as &dyn std::error::Error,
                    "the accounts answer something that is not understood"
                );
                away()
            });
        }
        Err(told(status, &body))
    }
}

/// Nobody can say: then nobody is let in.
pub(super) fn away() -> Problem {
    Problem::new(Code::Unavailable).retry_after(1)
}

/// The body, unless it is longer than any of the house.
async fn whole(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        if body.len().saturating_add(piece.len()) > MOST_BYTES {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body)
}

/// A refusal of a caller as our own; anything else is the house being away.
fn told(status: StatusCode, body: &[u8]) -> Problem {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = said["code"].as_str().unwrap_or_default();
    let known = Code::ALL.iter().copied().find(|known| {
        known.as_str() == code
            && known.status() == status.as_u16()
            && matches!(known.status(), 401 | 403)
    });
    known.map_or_else(
        || {
            tracing::warn!(%status, code, "the accounts refuse an answer");
            away()
        },
        Problem::new,
    )
}
