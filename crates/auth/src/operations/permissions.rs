//! What a caller may do beyond their own things, as it is now: asked of the database at every call that
//! is guarded, so that a role that was taken away is gone at once.

use async_trait::async_trait;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::permission::{Authority, Permissions};
use tollgate_kernel::problem::Problem;

use crate::store::second_factors;
use crate::{AuthService, problems};

#[async_trait]
impl Authority for AuthService {
    async fn confirmed(&self, caller: &Caller) -> Result<(), Problem> {
        self.is_confirmed(caller)
            .await
            .map_err(problems::confirmation)
    }

    async fn permissions(&self, caller: &Caller) -> Result<Permissions, Problem> {
        match caller {
            // A key of a member of staff is not the member of staff.
            Caller::User { .. } => {
                let user = self.standing(caller, None).await;
                let user = user.map_err(problems::standing)?;
                let held = user.permissions();
                if self.parts().config.require_staff_second_factor && !held.names().is_empty() {
                    let factor = second_factors::find_confirmed(&self.parts().db, user.id).await?;
                    factor.ok_or_else(problems::second_factor_missing)?;
                }
                Ok(held)
            }
            Caller::Service { scopes, .. } => Ok(Permissions::new(
                scopes.names().unwrap_or_default().iter().cloned(),
            )),
            _ => Ok(Permissions::default()),
        }
    }
}
