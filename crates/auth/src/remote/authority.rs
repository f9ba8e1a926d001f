//! What a caller may do beyond their own things: asked of the other house at every guarded call, so that a role that was
//! taken away is gone at once.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::permission::{Authority, Permissions};
use tollgate_kernel::problem::Problem;

use super::Parts;
use crate::problems;

/// The authority beside one request, by its own token.
pub(super) struct Asking {
    pub(super) parts: Arc<Parts>,
    /// `None`: the caller shows a key.
    pub(super) token: Option<SecretString>,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asking").field(&self.parts.house).finish()
    }
}

#[async_trait]
impl Authority for Asking {
    async fn permissions(&self, caller: &Caller) -> Result<Permissions, Problem> {
        match (caller, &self.token) {
            // A key of a member of staff is not the member of staff.
            (Caller::User { .. }, Some(token)) => {
                let standing = self.parts.house.verify(token, false).await?;
                Ok(Permissions::new(standing.permissions))
            }
            (Caller::Service { scopes, .. }, _) => Ok(Permissions::new(
                scopes.names().unwrap_or_default().iter().cloned(),
            )),
            _ => Ok(Permissions::default()),
        }
    }

    async fn confirmed(&self, caller: &Caller) -> Result<(), Problem> {
        match (caller, &self.token) {
            (Caller::User { .. }, Some(token)) => {
                self.parts.house.verify(token, true).await.map(drop)
            }
            _ => Err(problems::not_signed_in()),
        }
    }
}
