//! What is sold: line items with a price of their own.

use serde_json::{Value, json};

use super::currency;
use super::deed::Deed;
use super::wire::{Form, Refusal};

const ITEMS: usize = 100;

/// The line items of a session.
pub(super) struct Items {
    pub(super) total: i64,
    pub(super) currency: String,
    /// As the API shows them.
    pub(super) shown: Vec<Value>,
    /// Each with its quantity.
    pub(super) prices: Vec<Value>,
}

/// Reads them.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn read(deed: &Deed<'_>, form: &Form, recurs: bool) -> Result<Items, Refusal> {
    let mut items = Items {
        total: 0,
        currency: String::new(),
        shown: Vec::new(),
        prices: Vec::new(),
    };
    for place in 0..ITEMS {
        let item = format!("line_items[{place}]");
        if !form.has(&item) {
            break;
        }
        one(deed, form, &item, recurs, &mut items)?;
    }
    if items.shown.is_empty() {
        return Err(Refusal::absent("line_items"));
    }
    let first = "line_items[0][price_data][unit_amount]";
    currency::check_least(first, &items.currency, items.total)?;
    Ok(items)
}

fn one(
    deed: &Deed<'_>,
    form: &Form,
    item: &str,
    recurs: bool,
    items: &mut Items,
) -> Result<(), Refusal> {
    form.only_below(item, &["price_data", "quantity"])?;
    let data = format!("{item}[price_data]");
    form.only_below(
        &data,
        &[
            "currency",
            "unit_amount",
            "product_data",
            "recurring",
            "tax_behavior",
        ],
    )?;
    let unit = form.required(&format!("{data}[currency]"))?;
    if unit.len() != 3 || !unit.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let message = format!("Invalid currency: {unit}");
        return Err(Refusal::invalid(&format!("{data}[currency]"), message));
    }
    let unit = unit.to_lowercase();
    if !items.currency.is_empty() && items.currency != unit {
        let message = "All line items must have one currency.".to_owned();
        return Err(Refusal::invalid("line_items", message));
    }
    let name = format!("{data}[unit_amount]");
    let price = form.whole(&name)?.ok_or_else(|| Refusal::absent(&name))?;
    let quantity = form.whole(&format!("{item}[quantity]"))?.unwrap_or(1);
    let amount = price.checked_mul(quantity).filter(|_| quantity >= 1);
    let amount = amount.and_then(|amount| Some((amount, items.total.checked_add(amount)?)));
    let (amount, total) = amount.ok_or_else(|| {
        let message = "The quantity must be at least 1.".to_owned();
        Refusal::invalid(&format!("{item}[quantity]"), message)
    })?;
    currency::check(&name, &unit, total)?;
    let recurring = recurring(form, &data, recurs)?;
    let name = form.required(&format!("{data}[product_data][name]"))?;
    let price = json!({
        "id": deed.number("price"),
        "object": "price",
        "active": false,
        "billing_scheme": "per_unit",
        "created": deed.at,
        "currency": unit,
        "livemode": false,
        "lookup_key": null,
        "metadata": {},
        "nickname": null,
        "product": deed.number("prod"),
        "recurring": recurring,
        "type": if recurs { "recurring" } else { "one_time" },
        "unit_amount": price,
        "unit_amount_decimal": price.to_string(),
    });
    items.shown.push(json!({
        "id": deed.number("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": unit,
        "description": name,
        "price": price,
        "quantity": quantity,
    }));
    let kept = json!({ "price": price, "quantity": quantity, "name": name });
    items.prices.push(kept);
    (items.total, items.currency) = (total, unit);
    Ok(())
}

/// How often it is bought again: the same for all of a session.
fn recurring(form: &Form, data: &str, recurs: bool) -> Result<Value, Refusal> {
    let name = format!("{data}[recurring]");
    if !recurs && form.has(&name) {
        let message = "You must use `subscription` mode with recurring prices.".to_owned();
        return Err(Refusal::invalid(&name, message));
    }
    if !recurs {
        return Ok(Value::Null);
    }
    let interval = form.required(&format!("{name}[interval]"))?;
    let count = form.whole(&format!("{name}[interval_count]"))?.unwrap_or(1);
    let longest = match interval {
        "day" => 3 * 365,
        "week" => 3 * 52,
        "month" => 3 * 12,
        "year" => 3,
        _ => 0,
    };
    let first = form.text("line_items[0][price_data][recurring][interval]");
    if !(1..=longest).contains(&count) || first != Some(interval) {
        let message =
            "One interval for all: day, week, month or year, and three years at most.".to_owned();
        return Err(Refusal::invalid(&name, message));
    }
    Ok(json!({
        "interval": interval,
        "interval_count": count,
        "meter": null,
        "trial_period_days": null,
        "usage_type": "licensed",
    }))
}
