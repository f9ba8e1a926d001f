//! The tables of an application as SQLAlchemy keeps them: `users`, and if they are there `api_keys`, `user_subscriptions`
//! (or `subscriptions`) and `subscription_plans` (or `plans`), in the columns of those names here. Columns that are not
//! there say nothing; others are not looked at. Booleans may be numbers, moments texts, ids with or without hyphens.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use tollgate_kernel::clock::Timestamp;
use tollgate_payment::model::plan::{BillingCycle, Plan};
use tollgate_storage::foreign::{Foreign, Row, Table};
use tollgate_storage::url::DatabaseUrl;
use tollgate_storage::{StorageError, foreign_table};

use super::entries::{Fields, columns, flag, moment};
use super::{Kind, Move};

const USERS: &[Table] = &[foreign_table!("users")];
const API_KEYS: &[Table] = &[foreign_table!("api_keys")];
const SUBSCRIPTIONS: &[Table] = &[
    foreign_table!("user_subscriptions"),
    foreign_table!("subscriptions"),
];
const PLANS: &[Table] = &[
    foreign_table!("subscription_plans"),
    foreign_table!("plans"),
];

/// Which application's database, and what of it.
///
/// ```
/// # use tollgate::config::Config;
/// # use tollgate::moving_in::{FromDatabase, Kind, Move, Unreadable};
/// # use tollgate_payment::model::plan::Plan;
/// # use tollgate_kernel::clock::Timestamp;
/// /// Only people and their keys.
/// async fn look(here: &[Plan], now: Timestamp) -> Result<Move, Unreadable> {
///     let from = FromDatabase {
///         url: "sqlite:///./old/app.db".parse().map_err(|_| Unreadable::NoUsers)?,
///         only: vec![Kind::Users, Kind::ApiKeys],
///         plans: vec![],
///     };
///     let mut what = Move::default();
///     what.add_database(&from, here, now).await?;
///     Ok(what)
/// }
/// ```
#[derive(Debug)]
pub struct FromDatabase {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Only these; empty = everything.
    pub only: Vec<Kind>,
    /// Plans that have another name here.
    pub plans: Vec<PlanNamed>,
}

/// What a plan there is called here.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use tollgate::moving_in::PlanNamed;
/// let named: PlanNamed = "Pro (2025)=pro".parse()?;
/// assert_eq!((named.there.as_str(), named.here.as_str()), ("Pro (2025)", "pro"));
/// assert!("pro".parse::<PlanNamed>().is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanNamed {
    /// Its id, slug or name there.
    pub there: String,
    /// Its slug here.
    pub here: String,
}

/// Not `THERE=here`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("write NAME=slug: what the plan is called there, and its slug here")]
pub struct NotNamed;

impl FromStr for PlanNamed {
    type Err = NotNamed;

    fn from_str(text: &str) -> Result<Self, NotNamed> {
        let (there, here) = text.rsplit_once('=').ok_or(NotNamed)?;
        if there.is_empty() || here.is_empty() {
            return Err(NotNamed);
        }
        Ok(Self {
            there: there.to_owned(),
            here: here.to_owned(),
        })
    }
}

/// Why a database is not taken over.
///
/// ```
/// # use tollgate::moving_in::Unreadable;
/// assert_eq!(Unreadable::NoUsers.to_string(), "the database has no table \"users\"");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Without people there is nothing.
    #[error("the database has no table \"users\"")]
    NoUsers,
    /// It does not answer.
    #[error("the database to import from cannot be read")]
    Storage(#[from] StorageError),
}

/// A table that was there.
struct Found {
    name: &'static str,
    rows: Vec<Row>,
}

/// The first of the tables that is there.
async fn read(foreign: &mut Foreign, tables: &[Table]) -> Result<Option<Found>, StorageError> {
    for table in tables {
        if let Some(rows) = foreign.rows(table).await? {
            let name = table.name;
            return Ok(Some(Found { name, rows }));
        }
    }
    Ok(None)
}

impl Move {
    /// Reads another application's database, which is not changed. `here`: the plans that there are here.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub async fn add_database(
        &mut self,
        from: &FromDatabase,
        here: &[Plan],
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let mut foreign = Foreign::look(&from.url).await?;
        let users = read(&mut foreign, USERS).await?;
        let users = users.ok_or(Unreadable::NoUsers)?;
        let keys = read(&mut foreign, API_KEYS).await?;
        let subscriptions = read(&mut foreign, SUBSCRIPTIONS).await?;
        let plans = read(&mut foreign, PLANS).await?;
        drop(foreign);
        let is_wanted = |kind| from.only.is_empty() || from.only.contains(&kind);
        let emails: BTreeMap<String, String> = users
            .rows
            .iter()
            .filter_map(|row| Some((id(row, "id")?, row.get("email")?.clone())))
            .collect();
        if is_wanted(Kind::Users) {
            for row in &users.rows {
                self.bring(Kind::Users, place(&users, row), &known(Kind::Users, row));
            }
        }
        if let Some(keys) = keys.filter(|_| is_wanted(Kind::ApiKeys)) {
            for row in &keys.rows {
                self.add_key(&keys, row, &emails, now);
            }
        }
        let plans = Plans {
            there: plans.map_or(Vec::new(), |plans| plans.rows),
            named: &from.plans,
            here,
        };
        let wanted = [Kind::Subscriptions, Kind::Balances].map(is_wanted);
        let mut unknown = BTreeSet::new();
        for found in subscriptions.iter().filter(|_| wanted.contains(&true)) {
            for row in &found.rows {
                let added = self.add_subscription((found, row), &emails, &plans, wanted, now);
                if let Err(plan) = added
                    && unknown.insert(plan.clone())
                {
                    let why = format!(
                        "no plan here is called {plan:?}: say which it is with --plan '{plan}=SLUG'"
                    );
                    self.refuse(Kind::Subscriptions, place(found, row), why);
                }
            }
        }
        Ok(())
    }

    fn add_key(
        &mut self,
        keys: &Found,
        row: &Row,
        emails: &BTreeMap<String, String>,
        now: Timestamp,
    ) {
        let kind = Kind::ApiKeys;
        let mut fields = known(kind, row);
        let expires_at = moment(&fields, "expires_at");
        let is_over = flag(row, "is_active") == Ok(Some(false))
            || matches!(expires_at, Ok(Some(end)) if end <= now);
        if is_over {
            return self.is_over(kind);
        }
        let place = place(keys, row);
        let Some(email) = owner(row, emails) else {
            return self.refuse(kind, place, NO_OWNER.to_owned());
        };
        fields.insert("email".to_owned(), email.clone());
        fields
            .entry("name".to_owned())
            .or_insert_with(|| "imported".to_owned());
        let hash = row.get("key_hash").cloned().unwrap_or_default();
        if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let why = "key_hash is not the SHA-256 of a key in 64 hexadecimal digits: such a key cannot be looked up; \
                leave keys out with --only, and give new ones";
            return self.refuse(kind, place, why.to_owned());
        }
        fields.insert("sha256".to_owned(), hash);
        self.bring(kind, place, &fields);
    }

    /// An error is what the plan is called there, which nobody here knows.
    fn add_subscription(
        &mut self,
        (found, row): (&Found, &Row),
        emails: &BTreeMap<String, String>,
        plans: &Plans<'_>,
        [subscriptions, balances]: [bool; 2],
        now: Timestamp,
    ) -> Result<(), String> {
        let kind = Kind::Subscriptions;
        let place = place(found, row);
        let mut fields = known(kind, row);
        let end = moment(&fields, "current_period_end");
        let has_run_out = matches!(end, Ok(Some(end)) if end <= now);
        if fields
            .get("status")
            .is_some_and(|status| status == "expired")
        {
            if subscriptions {
                self.is_over(kind);
            }
            return Ok(());
        }
        let plan = match plans.of(row) {
            Ok(plan) => plan,
            // Whatever it was of, it is over.
            Err(_) if has_run_out => {
                if subscriptions {
                    self.is_over(kind);
                }
                return Ok(());
            }
            Err(unknown) => return Err(unknown),
        };
        let Some(email) = owner(row, emails) else {
            if subscriptions {
                self.refuse(kind, place, NO_OWNER.to_owned());
            }
            return Ok(());
        };
        fields.insert("email".to_owned(), email.clone());
        fields.insert("plan_slug".to_owned(), plan.slug.as_str().to_owned());
        if subscriptions {
            self.bring(kind, place.clone(), &fields);
        }
        let goes_on = plan.is_free() || plan.billing_cycle == BillingCycle::Lifetime;
        if balances && (goes_on || !has_run_out) {
            // What was used in a period that is over says nothing of this one.
            let used = row.get("quota_used").filter(|_| !has_run_out);
            let used = used.map_or("0", String::as_str);
            let stands: Fields = [
                ("email", email.as_str()),
                ("quota_type", plan.meter.as_str()),
                ("quota_used", used),
            ]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
            self.bring(Kind::Balances, place, &stands);
        }
        Ok(())
    }
}

const NO_OWNER: &str = "its user_id is that of no row of users with an e-mail address";

/// `users row 0198…`
fn place(found: &Found, row: &Row) -> String {
    let id = row.get("id").map_or("?", String::as_str);
    format!("{} row {id}", found.name)
}

/// An id, however it is written.
fn id(row: &Row, column: &str) -> Option<String> {
    let id = row.get(column)?.replace('-', "");
    Some(id.to_ascii_lowercase())
}

fn owner<'a>(row: &Row, emails: &'a BTreeMap<String, String>) -> Option<&'a String> {
    emails.get(&id(row, "user_id")?)
}

/// The columns of an entry, of those that the row has. A language that is not spoken here is not said.
fn known(kind: Kind, row: &Row) -> Fields {
    let (_, all) = columns(kind);
    let cells = row.iter().filter(|(name, text)| {
        let is_said = !text.trim().is_empty();
        all.contains(&name.as_str()) && is_said
    });
    let mut fields: Fields = cells
        .map(|(name, text)| (name.clone(), text.trim().to_owned()))
        .collect();
    if let Some(locale) = fields.remove("locale") {
        let spoken = ["zh", "en"].into_iter();
        let spoken = spoken.filter(|tag| locale.to_ascii_lowercase().starts_with(tag));
        fields.extend(spoken.map(|tag| ("locale".to_owned(), tag.to_owned())));
    }
    fields
}

/// What plans there are called here.
struct Plans<'a> {
    there: Vec<Row>,
    named: &'a [PlanNamed],
    here: &'a [Plan],
}

impl<'a> Plans<'a> {
    /// Of a subscription; otherwise what its plan is called.
    fn of(&self, subscription: &Row) -> Result<&'a Plan, String> {
        let of = id(subscription, "plan_id").unwrap_or_default();
        let there = self
            .there
            .iter()
            .find(|plan| id(plan, "id").is_some_and(|id| id == of));
        let text = |column: &str| there.and_then(|plan| plan.get(column)).map(String::as_str);
        let called: Vec<&str> = ["slug", "name"].into_iter().filter_map(text).collect();
        let written = subscription.get("plan_id").map_or("", String::as_str);
        let named = self.named.iter().find(|named| {
            let is_id = named.there.replace('-', "").eq_ignore_ascii_case(&of);
            is_id || called.contains(&named.there.as_str())
        });
        let slug = |slug: &str| self.here.iter().find(|plan| plan.slug.as_str() == slug);
        let found = match named {
            Some(named) => slug(&named.here),
            None => called
                .iter()
                .find_map(|called| slug(called).or_else(|| self.with_name(called))),
        };
        found.ok_or_else(|| called.last().copied().unwrap_or(written).to_owned())
    }

    /// The one plan that people know by this name.
    fn with_name(&self, name: &str) -> Option<&'a Plan> {
        let is_called =
            |plan: &&Plan| plan.name == name || plan.texts.values().any(|text| text.name == name);
        let mut plans = self.here.iter().filter(is_called);
        plans.next().filter(|_| plans.next().is_none())
    }
}
