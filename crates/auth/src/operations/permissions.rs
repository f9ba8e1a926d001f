//! What a caller may do beyond their own things, as it is now: asked of the database at every call that
//! is guarded, so that a role that was taken away is gone at once.

use async_trait::async_trait;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::permission::{Authority, Permissions};
use tollgate_kernel::problem::Problem;
use tollgate_storage::Result;
use tollgate_storage::db::Tx;

use crate::model::user::User;
use crate::store::second_factors;
use crate::{AuthService, Parts, problems};

#[async_trait]
impl Authority for AuthService {
    async fn confirmed(&self, caller: &Caller) -> std::result::Result<(), Problem> {
        self.is_confirmed(caller)
            .await
            .map_err(problems::confirmation)
    }

    async fn permissions(&self, caller: &Caller) -> std::result::Result<Permissions, Problem> {
        match caller {
            // A key of a member of staff is not the member of staff.
            Caller::User { .. } => {
                let user = self.standing(caller, None).await;
                let user = user.map_err(problems::standing)?;
                let held = self.held(&user).await?;
                held.ok_or_else(problems::second_factor_missing)
            }
            Caller::Service { scopes, .. } => Ok(Permissions::new(
                scopes.names().unwrap_or_default().iter().cloned(),
            )),
            _ => Ok(Permissions::default()),
        }
    }
}

impl AuthService {
    /// What a person holds; `None`: nothing until they have a second factor, where the house asks for one.
    pub(crate) async fn held(&self, user: &User) -> Result<Option<Permissions>> {
        let parts = self.parts();
        if !needs_factor(parts, user) {
            return Ok(Some(user.permissions()));
        }
        let factor = second_factors::find_confirmed(&parts.db, user.id).await?;
        Ok(factor.map(|_| user.permissions()))
    }
}

/// The same, inside a transaction.
pub(super) async fn held_in(
    parts: &Parts,
    tx: &mut Tx,
    user: &User,
) -> Result<Option<Permissions>> {
    if !needs_factor(parts, user) {
        return Ok(Some(user.permissions()));
    }
    let factor = second_factors::read_confirmed(tx, user.id).await?;
    Ok(factor.map(|_| user.permissions()))
}

fn needs_factor(parts: &Parts, user: &User) -> bool {
    parts.config.require_staff_second_factor && !user.permissions().names().is_empty()
}
