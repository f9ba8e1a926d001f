//! Which call does what.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::deed::Deed;
use super::wire::{Fault, Form, INVALID, Refusal};
use super::{customers, events, expand, invoices, lists, portal, refunds, sessions, subscriptions};
use crate::store::Listed;

/// A call, by what it is about.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) form: Form,
    /// `checkout.sessions`
    resource: String,
    pub(super) id: Option<String>,
    action: Option<String>,
}

/// Every call there is, by its name.
pub(super) const CALLS: [&str; 34] = [
    "account.retrieve",
    "balance.retrieve",
    "billing_portal.sessions.create",
    "charges.list",
    "charges.retrieve",
    "checkout.sessions.create",
    "checkout.sessions.expire",
    "checkout.sessions.line_items",
    "checkout.sessions.list",
    "checkout.sessions.retrieve",
    "customers.create",
    "customers.list",
    "customers.retrieve",
    "customers.update",
    "disputes.list",
    "disputes.retrieve",
    "events.list",
    "events.retrieve",
    "invoice_payments.list",
    "invoice_payments.retrieve",
    "invoices.list",
    "invoices.pay",
    "invoices.retrieve",
    "payment_intents.list",
    "payment_intents.retrieve",
    "payment_methods.retrieve",
    "refunds.create",
    "refunds.list",
    "refunds.retrieve",
    "refunds.update",
    "subscriptions.cancel",
    "subscriptions.list",
    "subscriptions.retrieve",
    "subscriptions.update",
];

impl Call {
    pub(super) fn new(method: Method, path: String, form: Form) -> Self {
        let mut parts = path.split('/').map(str::to_owned);
        let mut resource = parts.next().unwrap_or_default();
        if matches!(resource.as_str(), "checkout" | "billing_portal") {
            resource = format!("{resource}.{}", parts.next().unwrap_or_default());
        }
        let (id, action) = (parts.next(), parts.next());
        Self {
            method,
            path,
            form,
            resource,
            id,
            action,
        }
    }

    /// `checkout.sessions.expire`, `refunds.create` …
    pub(super) fn name(&self) -> String {
        let single = matches!(self.resource.as_str(), "account" | "balance");
        let verb = match (self.method.as_str(), &self.id, self.action.as_deref()) {
            (_, _, Some(action)) => action,
            ("GET", None, None) if single => "retrieve",
            ("GET", None, None) => "list",
            ("GET", Some(_), None) => "retrieve",
            ("POST", None, None) => "create",
            ("POST", Some(_), None) => "update",
            ("DELETE", Some(_), None) => "cancel",
            _ => "?",
        };
        format!("{}.{verb}", self.resource)
    }

    fn unknown(&self) -> Refusal {
        let message = format!(
            "Unrecognized request URL ({}: /v1/{}). If you are trying to list objects, remove the trailing slash.",
            self.method, self.path
        );
        Refusal::new(StatusCode::NOT_FOUND, INVALID, &message)
    }
}

/// Does it, and expands what is asked for.
pub(super) async fn act(deed: &mut Deed<'_>, call: &Call) -> Result<Value, Fault> {
    let name = call.name();
    let mut answer = if call.method == Method::GET {
        read(deed, call, &name).await?
    } else {
        write(deed, call, &name).await?
    };
    expand::expand(deed, &mut answer, &call.form).await?;
    Ok(answer)
}

async fn write(deed: &mut Deed<'_>, call: &Call, name: &str) -> Result<Value, Fault> {
    let (form, id) = (&call.form, call.id.as_deref().unwrap_or_default());
    match (call.method.as_str(), name) {
        ("POST", "checkout.sessions.create") => sessions::create(deed, form).await,
        ("POST", "checkout.sessions.expire") => sessions::expire(deed, form, id).await,
        ("POST", "customers.create") => customers::create(deed, form).await,
        ("POST", "customers.update") => customers::update(deed, form, id).await,
        ("POST", "subscriptions.update") => subscriptions::update(deed, form, id).await,
        ("DELETE", "subscriptions.cancel") => subscriptions::cancel(deed, form, id).await,
        ("POST", "invoices.pay") => invoices::pay(deed, form, id).await,
        ("POST", "refunds.create") => refunds::create(deed, form).await,
        ("POST", "refunds.update") => refunds::update(deed, form, id).await,
        ("POST", "billing_portal.sessions.create") => portal::create(deed, form).await,
        _ => Err(call.unknown().into()),
    }
}

async fn read(deed: &mut Deed<'_>, call: &Call, name: &str) -> Result<Value, Fault> {
    let (form, id) = (&call.form, call.id.as_deref().unwrap_or_default());
    let kind = match name {
        "account.retrieve" => return account(deed, form).await,
        "balance.retrieve" => return balance(deed, form).await,
        "checkout.sessions.line_items" => return line_items(deed, form, id).await,
        "events.list" => return events::list(deed, form).await,
        "refunds.list" => return refunds::list(deed, form).await,
        "subscriptions.list" => return subscriptions::list(deed, form).await,
        "checkout.sessions.list"
        | "charges.list"
        | "customers.list"
        | "disputes.list"
        | "invoice_payments.list"
        | "invoices.list"
        | "payment_intents.list" => {
            return list(deed, form, name).await;
        }
        "charges.retrieve" => "charge",
        "checkout.sessions.retrieve" => "checkout.session",
        "customers.retrieve" => "customer",
        "disputes.retrieve" => "dispute",
        "events.retrieve" => "event",
        "invoice_payments.retrieve" => "invoice_payment",
        "invoices.retrieve" => "invoice",
        "payment_intents.retrieve" => "payment_intent",
        "payment_methods.retrieve" => "payment_method",
        "refunds.retrieve" => "refund",
        "subscriptions.retrieve" => "subscription",
        _ => return Err(call.unknown().into()),
    };
    form.only(&[])?;
    object(deed, kind, id).await
}

/// An object of a kind.
///
/// # Errors
/// There is none.
pub(super) async fn object(deed: &mut Deed<'_>, kind: &str, id: &str) -> Result<Value, Fault> {
    let found = deed.tx.get(kind, id).await?;
    Ok(found.ok_or_else(|| Refusal::missing(id))?)
}

/// The lists that differ only by what they can be asked for.
async fn list(deed: &mut Deed<'_>, form: &Form, name: &str) -> Result<Value, Fault> {
    let (kind, url, members): (_, _, &[&str]) = match name {
        "checkout.sessions.list" => (
            "checkout.session",
            "/v1/checkout/sessions",
            &["customer", "payment_intent", "status", "subscription"],
        ),
        "charges.list" => ("charge", "/v1/charges", &["customer", "payment_intent"]),
        "customers.list" => ("customer", "/v1/customers", &["email"]),
        "disputes.list" => ("dispute", "/v1/disputes", &["charge", "payment_intent"]),
        "invoice_payments.list" => (
            "invoice_payment",
            "/v1/invoice_payments",
            &["invoice", "status"],
        ),
        "invoices.list" => (
            "invoice",
            "/v1/invoices",
            &["customer", "status", "collection_method"],
        ),
        _ => ("payment_intent", "/v1/payment_intents", &["customer"]),
    };
    let more: &[&str] = match kind {
        "invoice" => &["subscription"],
        "invoice_payment" => &["payment"],
        _ => &[],
    };
    lists::only(form, &[members, more].concat())?;
    // What the index knows; all wishes are compared below.
    let (parent, peer) = match kind {
        "checkout.session" => (form.text("payment_intent"), form.text("subscription")),
        "charge" => (form.text("payment_intent"), form.text("customer")),
        "dispute" => (form.text("payment_intent"), form.text("charge")),
        "invoice" => (form.text("subscription"), form.text("customer")),
        "invoice_payment" => (form.text("invoice"), form.text("payment[payment_intent]")),
        "payment_intent" => (form.text("customer"), None),
        _ => (None, None),
    };
    if kind == "invoice_payment" && form.has("payment") {
        let kind = form.required("payment[type]")?;
        if kind != "payment_intent" {
            let message = "This look-alike knows payments by payment_intent only.".to_owned();
            return Err(Refusal::invalid("payment[type]", message).into());
        }
    }
    let listed = Listed {
        kind,
        parent,
        peer,
        ..Listed::default()
    };
    let fits = |object: &Value| members.iter().all(|member| lists::is(form, object, member));
    lists::page(deed, form, listed, url, fits).await
}

async fn line_items(deed: &mut Deed<'_>, form: &Form, id: &str) -> Result<Value, Fault> {
    lists::only(form, &[])?;
    object(deed, "checkout.session", id).await?;
    let items = deed.tx.notes(id).await?["items"].clone();
    let url = format!("/v1/checkout/sessions/{id}/line_items");
    Ok(json!({ "object": "list", "data": items, "has_more": false, "url": url }))
}

async fn account(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    form.only(&[])?;
    let account = deed.tx.account().await?;
    Ok(json!({
        "id": account.account,
        "object": "account",
        "business_profile": { "name": "Sandbox" },
        "charges_enabled": true,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": true,
        "payouts_enabled": true,
        "type": "standard",
    }))
}

async fn balance(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    form.only(&[])?;
    let sums = deed.sandbox.inner.store.stripe_sums().await?;
    let sums: Vec<Value> = sums
        .iter()
        .map(|sum| json!({ "amount": sum.came_in.saturating_sub(sum.went_out), "currency": sum.currency }))
        .collect();
    Ok(json!({ "object": "balance", "available": sums, "livemode": false, "pending": [] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_by_what_it_is_about() {
        for (method, path, name) in [
            (
                Method::POST,
                "checkout/sessions",
                "checkout.sessions.create",
            ),
            (
                Method::GET,
                "checkout/sessions/cs_1",
                "checkout.sessions.retrieve",
            ),
            (
                Method::POST,
                "checkout/sessions/cs_1/expire",
                "checkout.sessions.expire",
            ),
            (
                Method::DELETE,
                "subscriptions/sub_1",
                "subscriptions.cancel",
            ),
            (Method::POST, "subscriptions/sub_1", "subscriptions.update"),
            (Method::GET, "account", "account.retrieve"),
            (Method::GET, "refunds", "refunds.list"),
        ] {
            let call = Call::new(method, path.to_owned(), Form::default());
            assert_eq!(call.name(), name);
            assert!(CALLS.contains(&name), "{name}");
        }
    }
}
