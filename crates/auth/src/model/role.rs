//! What staff may do: one table. Nobody may do what is not in it.

use std::str::FromStr;

use tollgate_kernel::permission::{
    ADMIN, AUDIT_READ, FINANCE, PAYMENTS_READ, Permissions, USAGE_READ, USERS_READ, USERS_WRITE,
};
use tollgate_kernel::problem::FieldError;
use tollgate_kernel::text::Text;

use crate::words::WORDS;

/// A role of a member of staff.
///
/// ```
/// use tollgate_auth::model::role::{Role, UnknownRole};
///
/// assert_eq!("read_only".parse(), Ok(Role::ReadOnly));
/// assert_eq!("root".parse::<Role>(), Err(UnknownRole));
/// assert_eq!(Role::ALL.map(Role::as_str), ["admin", "finance", "support", "read_only"]);
/// assert!(Role::Support.permissions().contains(&"users.write"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything.
    Admin,
    /// Money.
    Finance,
    /// People.
    Support,
    /// Looks, and touches nothing.
    ReadOnly,
}

/// Not a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role")]
pub struct UnknownRole;

impl FieldError for UnknownRole {
    fn code(&self) -> &'static str {
        "unknown_role"
    }

    fn detail(&self) -> Text {
        WORDS.text("staff.role")
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Finance, Self::Support, Self::ReadOnly];

    /// As it rests, and as answers show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Finance => "finance",
            Self::Support => "support",
            Self::ReadOnly => "read_only",
        }
    }

    /// The table.
    pub fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &[ADMIN],
            Self::Finance => &[FINANCE, PAYMENTS_READ, USAGE_READ, USERS_READ],
            Self::Support => &[PAYMENTS_READ, USAGE_READ, USERS_READ, USERS_WRITE],
            Self::ReadOnly => &[AUDIT_READ, PAYMENTS_READ, USAGE_READ, USERS_READ],
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

/// What somebody with these roles holds; a superuser holds everything.
///
/// ```
/// use tollgate_auth::model::role::{Role, held};
/// use tollgate_kernel::permission::{FINANCE, USERS_WRITE};
///
/// let both = held(false, &[Role::Finance, Role::Support]);
/// assert!(both.hold(FINANCE) && both.hold(USERS_WRITE));
/// assert!(!held(false, &[Role::ReadOnly]).hold(USERS_WRITE));
/// assert!(held(true, &[]).hold("anything"));
/// ```
pub fn held(is_superuser: bool, roles: &[Role]) -> Permissions {
    let by_roles = roles.iter().flat_map(|role| role.permissions());
    let all = is_superuser.then_some(&ADMIN);
    Permissions::new(by_roles.chain(all).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_denied() {
        assert!(!held(false, &[]).hold(USERS_READ));
        assert!(held(true, &[]).hold(FINANCE));
        assert!(held(false, &[Role::Admin]).hold("anything"));
        assert!(!held(false, &[Role::Support]).hold(FINANCE));
        assert!(!held(false, &[Role::ReadOnly]).hold(USERS_WRITE));
        let both = held(false, &[Role::Support, Role::Finance]);
        assert!(both.hold(FINANCE) && both.hold(USERS_WRITE) && !both.hold(ADMIN));
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }
}
