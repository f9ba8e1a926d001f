//! Customers: made by the merchant, or when a page needs one.

use serde_json::{Value, json};

use super::deed::Deed;
use super::route::object;
use super::wire::{Fault, Form, Refusal};
use crate::SandboxError;

const KNOWN: [&str; 6] = [
    "email",
    "name",
    "phone",
    "description",
    "metadata",
    "preferred_locales",
];

/// `POST /v1/customers`
pub(super) async fn create(deed: &mut Deed<'_>, form: &Form) -> Result<Value, Fault> {
    form.only(&KNOWN)?;
    let mut customer = bare(deed, form.text("email"));
    fill(form, &mut customer)?;
    Ok(keep(deed, customer).await?)
}

/// `POST /v1/customers/{id}`
pub(super) async fn update(deed: &mut Deed<'_>, form: &Form, id: &str) -> Result<Value, Fault> {
    form.only(&KNOWN)?;
    let before = object(deed, "customer", id).await?;
    let mut customer = before.clone();
    if form.has("email") {
        customer["email"] = form.text("email").into();
    }
    fill(form, &mut customer)?;
    deed.tx.put(&customer, None).await?;
    deed.updated("customer.updated", &before, &customer).await?;
    Ok(customer)
}

fn fill(form: &Form, customer: &mut Value) -> Result<(), Refusal> {
    for name in ["name", "phone", "description"] {
        if form.has(name) {
            customer[name] = form.text(name).into();
        }
    }
    form.change_map("metadata", customer)
}

fn bare(deed: &Deed<'_>, email: Option<&str>) -> Value {
    json!({
        "id": deed.number("cus"),
        "object": "customer",
        "address": null,
        "balance": 0,
        "created": deed.at,
        "currency": null,
        "default_source": null,
        "delinquent": false,
        "description": null,
        "discount": null,
        "email": email,
        "invoice_settings": { "custom_fields": null, "default_payment_method": null, "footer": null },
        "livemode": false,
        "metadata": {},
        "name": null,
        "phone": null,
        "preferred_locales": [],
        "shipping": null,
    })
}

async fn keep(deed: &mut Deed<'_>, customer: Value) -> Result<Value, SandboxError> {
    deed.tx.put(&customer, None).await?;
    deed.happened("customer.created", &customer).await?;
    Ok(customer)
}

/// The customer that a session names.
pub(super) async fn named(deed: &mut Deed<'_>, form: &Form) -> Result<Option<String>, Fault> {
    let Some(id) = form.text("customer") else {
        return Ok(None);
    };
    if form.has("customer_email") || form.has("customer_creation") {
        let message = "You may only specify one of these parameters: customer, customer_email.";
        return Err(Refusal::invalid("customer", message.to_owned()).into());
    }
    let known = deed.tx.get("customer", id).await?;
    if known.is_none() {
        let message = format!("No such customer: '{id}'");
        let refusal = Refusal::invalid("customer", message).code("resource_missing");
        return Err(refusal.into());
    }
    Ok(Some(id.to_owned()))
}

/// The customer of a session, made if there is none yet.
pub(super) async fn of_session(
    deed: &mut Deed<'_>,
    session: &mut Value,
) -> Result<Value, SandboxError> {
    if session["customer"].is_null() {
        let email = session["customer_email"].as_str();
        let email = email.unwrap_or("buyer@sandbox.example");
        let customer = bare(deed, Some(email));
        session["customer"] = keep(deed, customer).await?["id"].clone();
    }
    Ok(session["customer"].clone())
}
