//! Moves an application's people in: accounts, API keys, subscriptions, and how they stood. One run is one transaction:
//! it happens whole or not at all, a dry run does all of it and takes it back, and a second run finds that all of it
//! came before.
//!
//! What can happen at once: another run waits for this one, at the row that each writes first; servers go on meanwhile on
//! PostgreSQL, and wait for the file on SQLite. A run must be shorter than what else is built on short transactions: the
//! folding of the log and the sealing of the audit log take two minutes for more than any of them lives.

mod database;
mod entries;
mod files;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::json;
use tollgate_auth::model::user::Email;
use tollgate_auth::{BroughtKey, BroughtUser, Imported};
use tollgate_kernel::ids::UserId;
use tollgate_payment::model::foreign_term::ForeignTerm;
use tollgate_payment::model::quota::{Meter, Units};
use tollgate_payment::{BroughtBalance, BroughtBonus, BroughtSubscription, TakenOver};
use tollgate_storage::db::Tx;
use tollgate_storage::{Result, StorageError, settings};

use crate::offline::Both;

pub use self::database::{FromDatabase, PlanNamed, Unreadable};

/// No run is longer.
const LONGEST: Duration = Duration::from_secs(90);
/// The row that each run writes first.
const RUN: &str = "import";

/// What is moved.
///
/// ```
/// use tollgate::moving_in::Kind;
///
/// let all = Kind::ALL.map(Kind::as_str);
/// assert_eq!(all, ["users", "api-keys", "subscriptions", "balances"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Accounts.
    Users,
    /// API keys, by their hash.
    ApiKeys,
    /// What people have.
    Subscriptions,
    /// How they stand.
    Balances,
}

impl Kind {
    /// All of them, in the order in which one needs the other.
    pub const ALL: [Self; 4] = [
        Self::Users,
        Self::ApiKeys,
        Self::Subscriptions,
        Self::Balances,
    ];

    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::ApiKeys => "api-keys",
            Self::Subscriptions => "subscriptions",
            Self::Balances => "balances",
        }
    }
}

/// What somebody brought, and where it was said.
#[derive(Debug)]
struct Entry<T> {
    /// `users.csv line 3`
    place: String,
    what: T,
}

/// What is one person's.
#[derive(Debug)]
struct Of<T> {
    email: Email,
    what: T,
}

#[derive(Debug)]
struct Subscription {
    plan_slug: String,
    term: ForeignTerm,
    cancelled: bool,
    paid: Option<String>,
}

#[derive(Debug)]
struct Balance {
    meter: Meter,
    used: Option<Units>,
    bonus: Option<BroughtBonus>,
}

/// Why an entry is not taken over.
///
/// ```
/// # use tollgate::moving_in::Refused;
/// let refused = Refused {
///     place: "users.csv line 3".to_owned(),
///     why: "not an e-mail address".to_owned(),
/// };
/// assert_eq!(refused.to_string(), "users.csv line 3: not an e-mail address");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `users.csv line 3`
    pub place: String,
    /// In one sentence.
    pub why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

/// Everything that one run moves.
///
/// ```
/// use tollgate::moving_in::{Kind, Move};
///
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// let file = folder.path().join("users.csv");
/// std::fs::write(&file, "email,username\nann@example.com,ann\nnobody,bob\n")?;
/// let mut what = Move::default();
/// // What is wrong with a line is told by the run, with all the others.
/// what.add_file(Kind::Users, &file)?;
/// assert!(what.add_file(Kind::Users, &folder.path().join("none.csv")).is_err());
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct Move {
    users: Vec<Entry<BroughtUser>>,
    api_keys: Vec<Entry<BroughtKey>>,
    subscriptions: Vec<Entry<Of<Subscription>>>,
    balances: Vec<Entry<Of<Balance>>>,
    /// Over where they come from, so that nothing is left to move.
    over: BTreeMap<Kind, usize>,
    /// What could not be read, with its place among those of its kind.
    refused: Vec<(Kind, Refused)>,
}

/// What became of one kind.
///
/// ```
/// # use tollgate::moving_in::Totals;
/// use std::collections::BTreeMap;
///
/// let mut all = Totals::default();
/// for of_file in [Totals { made: 2, ..Totals::default() }, Totals { refused: 1, ..Totals::default() }] {
///     all.made += of_file.made;
///     all.refused += of_file.refused;
/// }
/// assert_eq!((all.made, all.refused, all.sums), (2, 1, BTreeMap::new()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Made now.
    pub made: usize,
    /// Here before: nothing was done.
    pub known: usize,
    /// Of those, how many are said otherwise now. They stay as they are.
    pub differing: usize,
    /// Over before they came.
    pub over: usize,
    /// Why nothing at all was done.
    pub refused: usize,
    /// Of what was made: subscriptions by plan, units by meter.
    pub sums: BTreeMap<String, i64>,
}

/// Whether it is so now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is.
    Written,
    /// It would be.
    Tried,
    /// Something was refused: nothing is.
    Refused,
}

/// What a run came to.
///
/// ```
/// # use tollgate::moving_in::{Fate, Report, Totals};
/// fn lines(report: &Report) -> Vec<String> {
///     let totals = report.totals.iter();
///     totals.map(|(of, totals)| format!("{of}: {} new, {} known", totals.made, totals.known)).collect()
/// }
/// let users = Totals { made: 12, known: 3, ..Totals::default() };
/// let report = Report {
///     totals: vec![("users", users)],
///     refused: vec![],
///     fate: Fate::Tried, // of a dry run
/// };
/// assert_eq!(lines(&report), ["users: 12 new, 3 known"]);
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    /// By what they are of, in the order of the run: balances are `quota_used` and `bonus_units`.
    pub totals: Vec<(&'static str, Totals)>,
    /// Everything that was refused, in the order of the run.
    pub refused: Vec<Refused>,
    /// What became of it.
    pub fate: Fate,
}

/// Why a run did not come to an end.
///
/// ```
/// # use tollgate::moving_in::MoveError;
/// let told = MoveError::TooLong.to_string();
/// assert!(told.starts_with("nothing was imported: it took longer than 90 seconds"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It would have held up too much.
    #[error(
        "nothing was imported: it took longer than {} seconds; take over fewer at a time, what came before is known then",
        LONGEST.as_secs()
    )]
    TooLong,
    /// The database.
    #[error("nothing was imported")]
    Storage(#[from] StorageError),
}

/// Takes over what it is, whole or not at all. `dry_run`: not at all, after everything was done.
///
/// ```
/// # use std::path::Path;
/// # use tollgate::moving_in::{self, Fate, Kind, Move};
/// # use tollgate::offline::Both;
/// async fn accounts(both: &Both, file: &Path) -> Result<bool, Box<dyn std::error::Error>> {
///     let mut what = Move::default();
///     what.add_file(Kind::Users, file)?;
///     let report = moving_in::run(both, what, false).await?;
///     for refused in &report.refused {
///         eprintln!("{refused}");
///     }
///     Ok(report.fate == Fate::Written)
/// }
/// ```
///
/// # Errors
/// [`MoveError`]: then nothing was done.
pub async fn run(both: &Both, what: Move, dry_run: bool) -> Result<Report, MoveError> {
    let began = both.clock.now();
    let mut tx = both.db.begin().await?;
    settings::put(&mut tx, RUN, &json!({}), began).await?;
    let (totals, refused) = take(both, &mut tx, what).await?;
    if both.clock.now().since(began) > LONGEST {
        return Err(MoveError::TooLong);
    }
    let fate = match (refused.is_empty(), dry_run) {
        (false, _) => Fate::Refused,
        (true, true) => Fate::Tried,
        (true, false) => Fate::Written,
    };
    let changes = totals.iter().any(|(_, totals)| totals.made > 0);
    if fate == Fate::Written && changes {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(Report {
        totals,
        refused,
        fate,
    })
}

async fn take(
    both: &Both,
    tx: &mut Tx,
    what: Move,
) -> Result<(Vec<(&'static str, Totals)>, Vec<Refused>)> {
    let mut all = Sums {
        over: what.over,
        refused: what.refused,
        totals: Vec::new(),
    };
    let (places, users) = apart(what.users);
    let taken = both.auth.import_users(tx, &users).await?;
    all.add((Kind::Users, "users"), &places, accounts(taken));
    let (places, keys) = apart(what.api_keys);
    let taken = both.auth.import_api_keys(tx, &keys).await?;
    all.add((Kind::ApiKeys, "api-keys"), &places, accounts(taken));

    let (places, subscriptions) = all
        .known(both, tx, Kind::Subscriptions, what.subscriptions)
        .await?;
    let subscriptions: Vec<_> = subscriptions
        .into_iter()
        .map(|(user_id, what)| BroughtSubscription {
            user_id,
            plan_slug: what.plan_slug,
            term: what.term,
            cancelled: what.cancelled,
            paid: what.paid,
        })
        .collect();
    let taken = both.payment.take_over_subscriptions(tx, &subscriptions);
    let said = (Kind::Subscriptions, "subscriptions");
    all.add(said, &places, rights(taken.await?));

    let (places, balances) = all.known(both, tx, Kind::Balances, what.balances).await?;
    let balances: Vec<_> = balances
        .into_iter()
        .map(|(user_id, what)| BroughtBalance {
            user_id,
            meter: what.meter,
            used: what.used,
            bonus: what.bonus,
        })
        .collect();
    let taken = both.payment.take_over_balances(tx, &balances).await?;
    all.add((Kind::Balances, "quota_used"), &places, rights(taken.used));
    all.add(
        (Kind::Balances, "bonus_units"),
        &places,
        rights(taken.bonus),
    );
    Ok(all.done())
}

fn apart<T>(entries: Vec<Entry<T>>) -> (Vec<String>, Vec<T>) {
    let apart = entries.into_iter().map(|entry| (entry.place, entry.what));
    apart.unzip()
}

/// Totals, and what is wrong by the position of the entry.
type Taken = (Totals, Vec<(usize, String)>);

fn accounts(taken: Imported) -> Taken {
    let faults = taken.faults.into_iter();
    let totals = Totals {
        made: taken.made,
        known: taken.known,
        ..Totals::default()
    };
    (
        totals,
        faults.map(|(at, fault)| (at, fault.to_string())).collect(),
    )
}

fn rights(taken: TakenOver) -> Taken {
    let faults = taken.faults.into_iter();
    let totals = Totals {
        made: taken.made,
        known: taken.known,
        differing: taken.differing,
        over: taken.over,
        sums: taken.sums,
        ..Totals::default()
    };
    (
        totals,
        faults.map(|(at, fault)| (at, fault.to_string())).collect(),
    )
}

/// What a run has come to so far.
struct Sums {
    over: BTreeMap<Kind, usize>,
    refused: Vec<(Kind, Refused)>,
    totals: Vec<(Kind, &'static str, Totals)>,
}

impl Sums {
    fn add(&mut self, of: (Kind, &'static str), places: &[String], taken: Taken) {
        let (mut totals, faults) = taken;
        let over = self.over.remove(&of.0).unwrap_or(0);
        totals.over = totals.over.saturating_add(over);
        let faults = faults.into_iter().map(|(position, why)| {
            let place = places.get(position).cloned().unwrap_or_default();
            (of.0, Refused { place, why })
        });
        self.refused.extend(faults);
        self.totals.push((of.0, of.1, totals));
    }

    /// Those whose account is known by now; whoever is not is refused.
    async fn known<T>(
        &mut self,
        both: &Both,
        tx: &mut Tx,
        kind: Kind,
        entries: Vec<Entry<Of<T>>>,
    ) -> Result<(Vec<String>, Vec<(UserId, T)>)> {
        let (mut places, mut known) = (Vec::new(), Vec::new());
        for Entry { place, what } in entries {
            if let Some(user) = both.auth.holder(tx, &what.email).await? {
                places.push(place);
                known.push((user, what.what));
            } else {
                let why = "no account has this e-mail address".to_owned();
                self.refused.push((kind, Refused { place, why }));
            }
        }
        Ok((places, known))
    }

    /// What was refused of balances is counted with the first of them.
    fn done(self) -> (Vec<(&'static str, Totals)>, Vec<Refused>) {
        let mut refused = self.refused;
        refused.sort_by(|(kind, one), (other_kind, other)| {
            (kind, natural(&one.place)).cmp(&(other_kind, natural(&other.place)))
        });
        let mut counted = BTreeMap::new();
        for (kind, _) in &refused {
            let count: &mut usize = counted.entry(*kind).or_default();
            *count = count.saturating_add(1);
        }
        let totals = self.totals.into_iter().map(|(kind, name, mut totals)| {
            totals.refused = counted.remove(&kind).unwrap_or(0);
            (name, totals)
        });
        let totals = totals.filter(|(_, totals)| *totals != Totals::default());
        let refused = refused.iter().map(|(_, refused)| refused.clone()).collect();
        (totals.collect(), refused)
    }
}

/// Line 9 before line 10.
fn natural(place: &str) -> (&str, u64, &str) {
    let (before, number) = place.rsplit_once(' ').unwrap_or((place, ""));
    (before, number.parse().unwrap_or(0), number)
}
