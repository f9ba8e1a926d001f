//! The look-alike of Stripe keeps its objects as they are answered. Whatever changes one happens in
//! a transaction that holds the writer's lock from its beginning, so it reads what it changes.

mod faults;
mod movements;
mod objects;
mod requests;
mod webhooks;

use sqlx::sqlite::Sqlite;
use sqlx::{Row as _, Transaction};

pub(crate) use self::faults::{NewStripeFault, StripeFault};
pub(crate) use self::movements::{NewStripeMovement, StripeMovementRow, StripeSumRow};
pub(crate) use self::objects::Listed;
pub(crate) use self::requests::Known;
pub(crate) use self::webhooks::{DueWebhook, NewWebhook, WebhookState};
use super::Store;
use crate::SandboxError;

/// As it stands in tables of all rails.
const RAIL: &str = "stripe";

/// The only account.
#[derive(Clone)]
pub(crate) struct StripeAccount {
    pub(crate) account: String,
    pub(crate) secret_key: String,
    pub(crate) webhook_secret: String,
    /// While the secret is rolled: the one before, and until when it signs as well.
    pub(crate) previous: Option<(String, i64)>,
    pub(crate) notify_url: Option<String>,
}

/// A change under way.
pub(crate) struct StripeTx {
    tx: Transaction<'static, Sqlite>,
}

impl Store {
    pub(crate) async fn stripe(&self) -> Result<StripeTx, SandboxError> {
        Ok(StripeTx {
            tx: self.begin().await?,
        })
    }
}

impl StripeTx {
    pub(crate) async fn commit(self) -> Result<(), SandboxError> {
        Ok(self.tx.commit().await?)
    }

    /// The first account that is kept stays.
    pub(crate) async fn keep_account(&mut self, fresh: &StripeAccount) -> Result<(), SandboxError> {
        sqlx::query(KEEP_ACCOUNT)
            .bind(&fresh.account)
            .bind(&fresh.secret_key)
            .bind(&fresh.webhook_secret)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    pub(crate) async fn account(&mut self) -> Result<StripeAccount, SandboxError> {
        let row = sqlx::query(ACCOUNT).fetch_one(&mut *self.tx).await?;
        let previous: Option<String> = row.try_get("previous_secret")?;
        let until: Option<i64> = row.try_get("previous_until")?;
        Ok(StripeAccount {
            account: row.try_get("account")?,
            secret_key: row.try_get("secret_key")?,
            webhook_secret: row.try_get("webhook_secret")?,
            previous: previous.zip(until),
            notify_url: row.try_get("notify_url")?,
        })
    }

    pub(crate) async fn set_notify_url(&mut self, url: &str) -> Result<(), SandboxError> {
        let query = sqlx::query(SET_NOTIFY_URL).bind(url);
        query.execute(&mut *self.tx).await?;
        Ok(())
    }

    /// A new secret signs from now on, and until `until` the one before as well.
    pub(crate) async fn roll_secret(
        &mut self,
        secret: &str,
        until: i64,
    ) -> Result<(), SandboxError> {
        let query = sqlx::query(ROLL_SECRET).bind(secret).bind(until);
        query.execute(&mut *self.tx).await?;
        Ok(())
    }
}

const KEEP_ACCOUNT: &str = "INSERT INTO stripe_account (id, account, secret_key, webhook_secret)
    VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING";

const ACCOUNT: &str =
    "SELECT account, secret_key, webhook_secret, previous_secret, previous_until, notify_url
    FROM stripe_account";

const SET_NOTIFY_URL: &str = "UPDATE stripe_account SET notify_url = $1";

const ROLL_SECRET: &str = "UPDATE stripe_account
    SET previous_secret = webhook_secret, previous_until = $2, webhook_secret = $1";
