//! People, plans and payments that nobody made, for the samples of these pages.

use serde_json::{Value, json};
use tollgate_auth::model::user::{Locale, User};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::Language;
use tollgate_payment::shapes::{PlanShape, QuotaShape, SubscriptionShape};

use crate::pages::samples::{HOSTILE, visit};
use crate::pages::visit::{Guest, Visitor};

/// Noon in Shanghai on the first of May.
pub(super) fn noon() -> Timestamp {
    Timestamp::from_seconds(1_777_608_000).expect("a moment")
}

pub(super) fn id(at: usize) -> String {
    format!("0198a000-0000-7000-8000-{at:012x}")
}

/// Somebody who signed in, twice told.
pub(super) fn visitor(language: Language) -> (Visitor, Guest) {
    let user = User {
        id: id(1).parse().expect("an id"),
        email: "ann@example.com".to_owned(),
        username: HOSTILE.to_owned(),
        is_active: true,
        is_superuser: false,
        created_at: noon(),
        updated_at: noon(),
        email_verified_at: None,
        locale: Locale::Zh,
        tokens_after: None,
        roles: Vec::new(),
    };
    let visitor = Visitor {
        visit: visit(language),
        user: user.clone(),
    };
    let guest = Guest {
        visit: visit(language),
        user: Some(user),
    };
    (visitor, guest)
}

/// Somebody who did not.
pub(super) fn guest(language: Language) -> Guest {
    Guest {
        visit: visit(language),
        user: None,
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a sample of its shape")
}

/// A monthly plan, with `text` wherever staff write.
pub(super) fn plan(at: usize, text: &str, price: i64) -> PlanShape {
    let texts = json!({
        "name": text, "description": text, "features": [text, text], "meters": { "calls": text, "meter-0": text },
    });
    read(json!({
        "id": id(100 + at), "slug": format!("plan-{at}"), "name": text, "description": text,
        "i18n": { "zh": texts, "en": texts },
        "price": "0.00", "price_minor": price, "currency": "CNY", "billing_cycle": "monthly",
        "quota_type": "calls", "quota_limit": 1_000, "features": [text],
        "meters": [
            { "meter": "calls", "limit": 1_000, "reset": "month" },
            { "meter": "a".repeat(64), "limit": null, "reset": "term" },
        ],
        "resource_costs": { "*": 1, "scan": 2 }, "trial_days": 14, "is_default": false, "is_active": true,
        "sort_order": at, "created_at": noon(),
    }))
}

pub(super) fn held(plan: &PlanShape) -> SubscriptionShape {
    let end = noon().after(std::time::Duration::from_hours(24 * 30));
    read(json!({
        "id": id(2), "user_id": id(1), "plan_id": plan.id, "plan": plan, "status": "active",
        "current_period_start": noon(), "current_period_end": end, "quota_used": 820, "quota_limit": 1_000,
        "quota_remaining": 180, "resets_at": end, "is_entitled": true, "cancel_at_period_end": false,
        "auto_renew": false, "renewal": "manual", "state": "active", "entitled_until": end,
        "created_at": noon(), "updated_at": noon(),
    }))
}

pub(super) fn quota(meter: &str, used: i64, limit: Option<i64>) -> QuotaShape {
    let left = limit.map(|limit| (limit - used).max(0));
    read(json!({
        "quota_type": meter, "limit": limit, "used": used, "reserved": 0, "remaining": left,
        "period_start": noon(), "resets_at": noon().after(std::time::Duration::from_hours(24 * 30)),
    }))
}
