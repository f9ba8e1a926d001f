//! Webhooks: owed by the faults, signed anew at each send, and sent until they are accepted.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::deed::Deed;
use super::faults::{FaultKind, Ordered};
use crate::store::{DueWebhook, NewWebhook, StripeAccount};
use crate::{Sandbox, SandboxError};

/// Waits after a send that was not accepted, in seconds: three more in a few hours.
const WAITS: [i64; 3] = [600, 3600, 3 * 3600];
/// So many sends count as made where nobody tries again.
const LAST: i64 = 3;
/// How long a claimed send is nobody else's.
const LEASE_SECONDS: i64 = 30;
/// Sends under way at once.
const BATCH: i64 = 16;
/// How old a stale signature is.
const STALE_SECONDS: i64 = 600;
const MANY: usize = 50;

const GENUINE: &str = "genuine";
const FORGED: &str = "forged";
const STALE: &str = "stale";
const SEVERAL: &str = "several";

/// Owes what is sent of the events of one change.
pub(super) async fn owe(
    deed: &mut Deed<'_>,
    told: &[Value],
    faults: &[Ordered],
) -> Result<(), SandboxError> {
    let on = |kind: FaultKind, event: &Value| {
        let only = |fault: &&Ordered| {
            fault.kind == kind
                && fault
                    .method
                    .as_deref()
                    .is_none_or(|method| event["type"] == method)
        };
        faults.iter().find(only)
    };
    if faults
        .iter()
        .any(|fault| fault.kind == FaultKind::ForeignObject)
    {
        foreign(deed, told).await?;
    }
    let order_no = deed.order_no.clone();
    let now = deed.sandbox.stripe_now();
    for (at, event) in told.iter().enumerate() {
        let (has, id) = (|kind| on(kind, event).is_some(), event["id"].as_str());
        if has(FaultKind::CallbackLost) {
            continue;
        }
        let late = on(FaultKind::CallbackLate, event).map_or(0, Ordered::wait);
        let webhook = |seal, body, place| NewWebhook {
            event: id.unwrap_or_default(),
            order_no: order_no.as_deref(),
            seal,
            body,
            place,
            due: now.saturating_add(late),
            attempts: if matches!(seal, FORGED | STALE) {
                LAST
            } else {
                0
            },
        };
        let mut place = 0;
        for (kind, seal, body) in [
            (FaultKind::CallbackForged, FORGED, None),
            (FaultKind::StaleCallback, STALE, None),
            (FaultKind::ThinEvent, GENUINE, Some(thin(deed, event))),
        ] {
            if has(kind) {
                deed.tx.owe(&webhook(seal, body, 0)).await?;
                place = 1;
            }
        }
        if has(FaultKind::CallbackReordered) {
            place += i64::try_from(told.len() - at).unwrap_or_default();
        }
        let seal = if has(FaultKind::SeveralSignatures) {
            SEVERAL
        } else {
            GENUINE
        };
        let count = match () {
            () if has(FaultKind::CallbackTimes50) => MANY,
            () if has(FaultKind::CallbackTwice) => 2,
            () => 1,
        };
        for _ in 0..count {
            let body = spoilt(event, has).map(|event| event.to_string());
            deed.tx.owe(&webhook(seal, body, place)).await?;
        }
    }
    Ok(())
}

/// An event as it is sent in its place.
fn spoilt(event: &Value, has: impl Fn(FaultKind) -> bool) -> Option<Value> {
    let mut spoilt = event.clone();
    if has(FaultKind::OtherLivemode) {
        spoilt["livemode"] = true.into();
        spoilt["data"]["object"]["livemode"] = true.into();
    }
    if has(FaultKind::WrongMerchant) {
        spoilt["account"] = "acct_connected".into();
    }
    if has(FaultKind::OtherVersion) {
        let object = &event["data"]["object"];
        spoilt["api_version"] = "2019-02-19".into();
        spoilt["data"]["object"] = json!({ "id": object["id"], "object": object["object"] });
    }
    (spoilt != *event).then_some(spoilt)
}

/// Of the other API; it carries no object.
fn thin(deed: &Deed<'_>, event: &Value) -> String {
    let thin = json!({
        "id": deed.number("evt"),
        "object": "v2.core.event",
        "type": "v1.billing.meter.no_meter_found",
        "livemode": false,
        "created": event["created"],
    });
    thin.to_string()
}

/// Another application of the same account sells under the same order number; it knows no mark of ours.
async fn foreign(deed: &mut Deed<'_>, told: &[Value]) -> Result<(), SandboxError> {
    let objects = told.iter().map(|event| &event["data"]["object"]);
    let mut sessions = objects.filter(|object| object["object"] == "checkout.session");
    let Some(session) = sessions.next() else {
        return Ok(());
    };
    let mut stranger = session.clone();
    stranger["id"] = deed.number("cs_test").into();
    stranger["metadata"] = json!({});
    stranger["payment_intent"] = Value::Null;
    stranger["subscription"] = Value::Null;
    stranger["invoice"] = Value::Null;
    let id = stranger["id"].as_str().unwrap_or_default().to_owned();
    deed.tx.put(&stranger, None).await?;
    deed.tx
        .note(&id, &json!({ "foreign": true, "items": [] }))
        .await?;
    let kind = "checkout.session.completed";
    let mut event = told[0].clone();
    event["id"] = deed.number("evt").into();
    event["type"] = kind.into();
    event["data"] = json!({ "object": stranger });
    deed.tx.put(&event, None).await?;
    let webhook = NewWebhook {
        event: event["id"].as_str().unwrap_or_default(),
        order_no: None,
        seal: GENUINE,
        body: None,
        place: 0,
        due: deed.sandbox.stripe_now(),
        attempts: 0,
    };
    deed.tx.owe(&webhook).await
}

impl Sandbox {
    /// Brings what is due up to now and sends what is owed; returns how many were sent.
    pub(crate) async fn deliver_stripe(&self) -> Result<usize, SandboxError> {
        self.stripe_up_to_now().await?;
        let mut sent = 0;
        loop {
            let now = self.stripe_now();
            let mut tx = self.inner.store.stripe().await?;
            let lease = now.saturating_add(LEASE_SECONDS);
            let due = tx.claim_webhooks(now, lease, BATCH).await?;
            let account = tx.account().await?;
            tx.commit().await?;
            if due.is_empty() {
                return Ok(sent);
            }
            sent += due.len();
            let mut sends = JoinSet::new();
            for webhook in due {
                let (sandbox, account) = (self.clone(), account.clone());
                sends.spawn(async move { sandbox.send_stripe(&account, &webhook, now).await });
            }
            while let Some(ended) = sends.join_next().await {
                if let Ok(result) = ended {
                    result?;
                } else {
                    tracing::error!("a webhook broke off; it is due again soon");
                }
            }
        }
    }

    async fn send_stripe(
        &self,
        account: &StripeAccount,
        webhook: &DueWebhook,
        now: i64,
    ) -> Result<(), SandboxError> {
        let own = || self.address("/payments/webhooks/stripe");
        let url = account.notify_url.clone().unwrap_or_else(own);
        let status = match self.inner.messenger.target(&url) {
            Ok(url) => self.post_webhook(url, account, webhook, now).await,
            Err(_) => None,
        };
        let accepted = status.is_some_and(|status| (200..300).contains(&status));
        let wait = usize::try_from(webhook.attempts - 1)
            .ok()
            .and_then(|place| WAITS.get(place));
        let due = wait.filter(|_| !accepted).map(|wait| now + wait);
        let mut tx = self.inner.store.stripe().await?;
        tx.finish_webhook(webhook, due, status).await?;
        tx.commit().await
    }

    async fn post_webhook(
        &self,
        url: url::Url,
        account: &StripeAccount,
        webhook: &DueWebhook,
        now: i64,
    ) -> Option<u16> {
        let request = self
            .inner
            .stripe
            .client
            .post(url)
            .header("content-type", "application/json; charset=utf-8")
            .header("user-agent", "tollgate-sandbox")
            .header("stripe-signature", header(account, webhook, now))
            .body(webhook.body.clone());
        let response = request.send().await.ok()?;
        Some(response.status().as_u16())
    }
}

/// `Stripe-Signature`
fn header(account: &StripeAccount, webhook: &DueWebhook, now: i64) -> String {
    let (secret, body) = (&account.webhook_secret, &webhook.body);
    let wrong = format!("{secret}?");
    let signed = |at: i64, secret: &str| format!("t={at},v1={}", mac(secret, at, body));
    match webhook.seal.as_str() {
        FORGED => signed(now, &wrong),
        STALE => signed(now.saturating_sub(STALE_SECONDS), secret),
        SEVERAL => format!(
            "{},v1={},v0={}",
            signed(now, &wrong),
            mac(secret, now, body),
            mac(&wrong, now, "")
        ),
        _ => match &account.previous {
            // One for each secret while it is rolled.
            Some((previous, until)) if now < *until => {
                format!("{},v1={}", signed(now, secret), mac(previous, now, body))
            }
            _ => signed(now, secret),
        },
    }
}

fn mac(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, format!("{at}.{body}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_official_kit() {
        let body = "{\n  \"id\": \"evt_1\",\n  \"object\": \"event\",\n  \"type\": \"checkout.session.completed\"\n}";
        let account = StripeAccount {
            account: String::new(),
            secret_key: String::new(),
            webhook_secret: ["whsec", "test_secret"].join("_"),
            previous: None,
            notify_url: None,
        };
        let webhook = |seal: &str| DueWebhook {
            id: 1,
            seal: seal.to_owned(),
            attempts: 1,
            body: body.to_owned(),
        };
        let right = "v1=8e4c8eed68d7a28ca69b128e876f05b4fde9184238065b36ef60fd535de03d1f";
        let at = 1_767_323_045;
        assert_eq!(
            header(&account, &webhook(GENUINE), at),
            format!("t={at},{right}")
        );
        let several = header(&account, &webhook(SEVERAL), at);
        assert!(
            several.contains(right) && several.matches("v1=").count() == 2,
            "{several}"
        );
        assert!(!header(&account, &webhook(FORGED), at).contains(right));
        let stale = header(&account, &webhook(STALE), at + STALE_SECONDS);
        assert_eq!(stale, format!("t={at},{right}"));
        let rolled = StripeAccount {
            webhook_secret: "new".to_owned(),
            previous: Some((account.webhook_secret.clone(), at + 1)),
            ..account
        };
        assert!(header(&rolled, &webhook(GENUINE), at).ends_with(right));
        let later = header(&rolled, &webhook(GENUINE), at + 1);
        assert_eq!(later.matches("v1=").count(), 1);
    }
}
