//! What payments have to tell people, as letters of the accounts. Each is in its reader's language, as far as a plan has words in it.

use tollgate_auth::mailer::{Content, Due};
use tollgate_auth::model::user::Locale;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::money::Money;
use tollgate_kernel::text::Language;
use tollgate_payment::model::payment::PaymentMethod;
use tollgate_payment::model::plan::{Plan, meter_word};
use tollgate_payment::model::quota::Units;
use tollgate_payment::{Expiring, News};

use crate::words::WORDS;

/// A term ends.
pub(super) fn expiring(expiring: &Expiring, locale: Locale, at: Timestamp) -> Content {
    Content::SubscriptionExpiring {
        plan: name(&expiring.plan, locale),
        ends_at: expiring.term_end,
        amount: expiring.next.as_ref().map(|next| due(next.price)),
        link: expiring.link.clone(),
        minutes: expiring.link_until.since(at).as_secs() / 60,
        until: expiring.link_until,
    }
}

/// Money and units.
pub(super) fn of(news: &News, locale: Locale) -> Content {
    let item = |plan: &Option<Box<Plan>>, otherwise: &str| match plan {
        Some(plan) => name(plan, locale),
        None => otherwise.to_owned(),
    };
    match news {
        News::Paid {
            payment,
            plan,
            term,
            link,
        } => Content::Receipt {
            item: item(plan, &payment.description),
            amount: due(payment.amount),
            method: rail(payment.method, locale),
            number: payment.order_no().as_str().to_owned(),
            starts_at: term.map(|(from, _)| from),
            ends_at: term.and_then(|(_, to)| to),
            link: link.clone(),
            sandbox: !payment.livemode,
        },
        News::NotPaid {
            livemode,
            plan,
            description,
            amount,
            left_until,
            link,
            ..
        } => Content::PaymentFailed {
            item: item(plan, description),
            amount: amount.map(due),
            left_until: *left_until,
            link: link.clone(),
            sandbox: !livemode,
        },
        News::Refunded {
            payment,
            plan,
            refund,
            link,
        } => Content::Refund {
            item: item(plan, &payment.description),
            amount: due(refund.amount),
            paid: due(payment.amount),
            method: rail(payment.method, locale),
            number: payment.order_no().as_str().to_owned(),
            link: link.clone(),
            sandbox: !payment.livemode,
        },
        News::QuotaReached {
            percent,
            quota,
            plan,
            link,
            ..
        } => Content::QuotaReached {
            percent: *percent,
            meter: word(plan.as_deref(), quota.meter.as_str(), locale),
            used: quota.used.get(),
            limit: quota.limit.map_or(0, Units::get),
            resets_at: quota.resets_at,
            link: link.clone(),
        },
    }
}

fn name(plan: &Plan, locale: Locale) -> String {
    plan.name_in(locale.as_str()).to_owned()
}

/// What is counted, as its reader knows it.
fn word(plan: Option<&Plan>, meter: &str, locale: Locale) -> String {
    let word = plan.map_or(meter, |plan| {
        meter_word(&plan.texts, locale.as_str(), meter)
    });
    word.to_owned()
}

fn due(money: Money) -> Due {
    Due {
        amount: money.to_string(),
        currency: money.currency().code().to_owned(),
    }
}

fn rail(method: PaymentMethod, locale: Locale) -> String {
    let language = match locale {
        Locale::Zh => Language::Zh,
        Locale::En => Language::En,
    };
    let name = format!("money_rail.{}", method.as_str());
    WORDS.say(language, &name).to_owned()
}
