//! A way of its own to show who asks: a gateway in front has signed somebody in, and says so in a
//! header, `X-Gateway-User: <user id>.<HMAC-SHA-256 in hex>`, under a secret that both hold.

use async_trait::async_trait;
use aws_lc_rs::hmac;
use axum::http::request::Parts;
use tollgate_auth::{Method, Presented};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::{Code, Problem};

/// Believes the gateway that holds the secret.
#[derive(Debug)]
pub(crate) struct Gateway(pub(crate) hmac::Key);

#[async_trait]
impl Method for Gateway {
    async fn identify(&self, request: &Parts) -> Result<Option<Presented>, Problem> {
        let Some(header) = request.headers.get("x-gateway-user") else {
            return Ok(None);
        };
        let refused = || Problem::new(Code::Unauthenticated);
        let text = header.to_str().map_err(|_| refused())?;
        let (user, tag) = text.split_once('.').ok_or_else(refused)?;
        let tag = hex::decode(tag).map_err(|_| refused())?;
        hmac::verify(&self.0, user.as_bytes(), &tag).map_err(|_| refused())?;
        let user_id: UserId = user.parse().map_err(|_| refused())?;
        Ok(Some(Presented::of(Caller::User {
            user_id,
            session_id: None,
        })))
    }
}
