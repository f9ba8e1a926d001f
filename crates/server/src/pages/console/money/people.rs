//! People on pages about money: by their names for those who may see people, by their ids for others.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_auth::Search;
use tollgate_auth::model::user::User;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::permission::{Named, USERS_READ};
use tollgate_kernel::problem::Problem;

use super::super::Console;
use super::super::staff::Staff;
use super::cells::{Person, short};

/// So many are offered where several are meant.
const OFFERED: u32 = 10;

/// Those who are named on a page.
#[derive(Debug, Default)]
pub(super) struct Names {
    may_see: bool,
    known: BTreeMap<UserId, String>,
}

impl Names {
    pub(super) async fn of<P: Named>(
        console: &Console,
        staff: &Staff<P>,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<Self, Problem> {
        let may_see = staff.holds(USERS_READ);
        let mut known = BTreeMap::new();
        if may_see {
            for id in ids.into_iter().collect::<BTreeSet<_>>() {
                if let Some(user) = console.auth.find_user(id).await? {
                    known.insert(id, user.email);
                }
            }
        }
        Ok(Self { may_see, known })
    }

    pub(super) fn person(&self, id: UserId) -> Person {
        Person {
            href: self.may_see.then(|| format!("/console/users/{id}")),
            text: self
                .known
                .get(&id)
                .cloned()
                .unwrap_or_else(|| short(&id.to_string())),
        }
    }

    #[cfg(test)]
    pub(super) fn sample(id: UserId, name: &str) -> Self {
        Self {
            may_see: true,
            known: BTreeMap::from([(id, name.to_owned())]),
        }
    }
}

/// Who is meant by what was typed.
#[derive(Clone, Debug)]
pub(super) enum Meant {
    /// Nobody was named.
    Everybody,
    /// This one.
    One(UserId),
    /// One of these; the page asks which.
    Several(Vec<(UserId, String)>),
    /// There is no such person.
    Nobody,
    /// People are not for the caller to look for.
    Hidden,
}

impl Meant {
    /// By an id, as links of our own have it, or by words.
    pub(super) async fn by<P: Named>(
        console: &Console,
        staff: &Staff<P>,
        id: Option<&str>,
        text: Option<&str>,
    ) -> Result<Self, Problem> {
        if let Some(id) = id {
            return Ok(id.parse().map_or(Self::Nobody, Self::One));
        }
        let Some(text) = text else {
            return Ok(Self::Everybody);
        };
        if let Ok(id) = text.parse() {
            return Ok(Self::One(id));
        }
        if !staff.holds(USERS_READ) {
            return Ok(Self::Hidden);
        }
        let search = Search {
            text: Some(text.to_owned()),
            ..Search::default()
        };
        let found = console.auth.search_users(&search, OFFERED).await?;
        let is_whole = |user: &User| {
            user.email.eq_ignore_ascii_case(text) || user.username.eq_ignore_ascii_case(text)
        };
        if let Some(exact) = found.iter().find(|listed| is_whole(&listed.user)) {
            return Ok(Self::One(exact.user.id));
        }
        let mut found = found.into_iter().map(|listed| listed.user);
        Ok(match (found.next(), found.next()) {
            (None, _) => Self::Nobody,
            (Some(one), None) => Self::One(one.id),
            (Some(one), Some(two)) => {
                let all = [one, two].into_iter().chain(found);
                Self::Several(all.map(|user| (user.id, user.email)).collect())
            }
        })
    }

    /// The one person, where one is meant.
    pub(super) fn one(&self) -> Option<UserId> {
        match self {
            Self::One(id) => Some(*id),
            _ => None,
        }
    }

    /// Whether a list can be shown.
    pub(super) fn is_clear(&self) -> bool {
        matches!(self, Self::Everybody | Self::One(_))
    }
}
