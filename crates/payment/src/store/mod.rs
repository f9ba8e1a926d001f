//! SQL. Rows stay in here; what leaves is the model. Every guard stands in the statement that acts.

pub(crate) mod agreements;
pub(crate) mod attempts;
pub(crate) mod backlog;
pub(crate) mod books;
pub(crate) mod calls;
pub(crate) mod change_quotes;
pub(crate) mod charges;
pub(crate) mod current_plans;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
pub(crate) mod explain;
pub(crate) mod first_meters;
pub(crate) mod free_grants;
pub(crate) mod inbox;
pub(crate) mod ledger;
pub(crate) mod looks;
pub(crate) mod payments;
pub(crate) mod plan_edits;
pub(crate) mod plan_versions;
pub(crate) mod plans;
pub(crate) mod prices;
pub(crate) mod quota_counters;
pub(crate) mod quota_grants;
pub(crate) mod quota_holds;
pub(crate) mod recoveries;
pub(crate) mod refunds;
pub(crate) mod reminders;
pub(crate) mod resets;
pub(crate) mod spent;
pub(crate) mod stats;
pub(crate) mod subscription_changes;
pub(crate) mod subscription_list;
pub(crate) mod subscriptions;
pub(crate) mod suspense;
pub(crate) mod sweeps;
pub(crate) mod taken_over;
pub(crate) mod takings;
pub(crate) mod terms;
pub(crate) mod timeline;
pub(crate) mod tries;
pub(crate) mod usage;
pub(crate) mod usage_logs;
pub(crate) mod usage_marks;
pub(crate) mod usage_refunds;
pub(crate) mod usage_rollups;
pub(crate) mod usage_series;

use std::str::FromStr;

use chrono::{DateTime, Utc};
use tollgate_kernel::money::{Currency, Money};
use tollgate_storage::error::known;
use tollgate_storage::rows::OverRows;
use tollgate_storage::{Result, StorageError};
use uuid::Uuid;

use crate::model::quota::{Cost, Units};

/// A moment as both drivers read it.
type At = DateTime<Utc>;

/// Every statement, for the test that prepares them on both engines.
pub(crate) const STATEMENTS: &[&[&str]] = &[
    agreements::STATEMENTS,
    attempts::STATEMENTS,
    backlog::STATEMENTS,
    calls::STATEMENTS,
    change_quotes::STATEMENTS,
    charges::STATEMENTS,
    deliveries::STATEMENTS,
    endpoints::STATEMENTS,
    explain::STATEMENTS,
    free_grants::STATEMENTS,
    books::STATEMENTS,
    inbox::STATEMENTS,
    ledger::STATEMENTS,
    looks::STATEMENTS,
    payments::STATEMENTS,
    plan_edits::STATEMENTS,
    plan_versions::STATEMENTS,
    plans::STATEMENTS,
    quota_counters::STATEMENTS,
    prices::STATEMENTS,
    quota_grants::STATEMENTS,
    quota_holds::STATEMENTS,
    first_meters::STATEMENTS,
    recoveries::STATEMENTS,
    refunds::STATEMENTS,
    reminders::STATEMENTS,
    resets::STATEMENTS,
    stats::STATEMENTS,
    subscription_changes::STATEMENTS,
    subscription_list::STATEMENTS,
    subscriptions::STATEMENTS,
    suspense::STATEMENTS,
    sweeps::STATEMENTS,
    taken_over::STATEMENTS,
    terms::STATEMENTS,
    timeline::STATEMENTS,
    tries::STATEMENTS,
    usage::STATEMENTS,
    usage_logs::STATEMENTS,
    usage_marks::STATEMENTS,
    usage_refunds::STATEMENTS,
    usage_rollups::STATEMENTS,
    usage_series::STATEMENTS,
];

/// Those for many rows at once.
pub(crate) const OVER_ROWS: &[&[&OverRows]] = &[
    charges::OVER_ROWS,
    explain::OVER_ROWS,
    quota_counters::OVER_ROWS,
    takings::OVER_ROWS,
    quota_holds::OVER_ROWS,
    spent::OVER_ROWS,
    current_plans::OVER_ROWS,
];

/// Reads the columns of one row into the model, naming the row when one is impossible.
#[derive(Clone, Copy)]
struct Reader {
    table: &'static str,
    row: Uuid,
}

impl Reader {
    fn text<T: FromStr>(self, column: &'static str, text: &str) -> Result<T, StorageError> {
        known(text.parse(), self.table, column, &self.row)
    }

    fn units(self, column: &'static str, count: i64) -> Result<Units, StorageError> {
        known(Units::new(count), self.table, column, &self.row)
    }

    fn cost(self, column: &'static str, count: i64) -> Result<Cost, StorageError> {
        known(Cost::new(count), self.table, column, &self.row)
    }

    fn limit(
        self,
        column: &'static str,
        count: Option<i64>,
    ) -> Result<Option<Units>, StorageError> {
        count.map(|count| self.units(column, count)).transpose()
    }

    fn money(self, minor: i64, currency: &str) -> Result<Money, StorageError> {
        let currency: Currency = self.text("currency", currency)?;
        Ok(Money::new(minor, currency))
    }
}
