//! What a caller may do beyond their own things, as it is now: asked of the database at every call that
//! is guarded, so that a role that was taken away is gone at once.

use async_trait::async_trait;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::permission::{Authority, Permissions};
use tollgate_kernel::problem::Problem;

use crate::{AuthService, problems};

#[async_trait]
impl Authority for AuthService {
    async fn permissions(&self, caller: &Caller) -> Result<Permissions, Problem> {
        match caller {
            // A key of a member of staff is not the member of staff.
            Caller::User { .. } => {
                let user = self.standing(caller, None).await;
                user.map(|user| user.permissions())
                    .map_err(problems::standing)
            }
            Caller::Service { scopes, .. } => Ok(Permissions::new(scopes)),
            _ => Ok(Permissions::default()),
        }
    }
}
