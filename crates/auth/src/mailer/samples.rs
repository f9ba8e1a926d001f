//! One letter of each kind, with invented people: for previews, and for the tests that read them all.

use std::time::Duration;

use tollgate_kernel::clock::Timestamp;

use super::{Content, Due, Letter};
use crate::model::user::Locale;

/// Every kind of letter once, as it would be written to Ann at `at`. The links lead under
/// `public_url` and open nothing.
///
/// ```
/// # use tollgate_auth::{mailer::samples, model::user::Locale};
/// # use tollgate_kernel::clock::Timestamp;
/// let letters = samples("https://shop.example", Locale::Zh, Timestamp::EPOCH);
/// assert_eq!(letters[0].content.kind(), "verify_email");
/// assert!(letters.iter().all(|letter| letter.to == "ann@example.com"));
/// ```
pub fn samples(public_url: &str, locale: Locale, at: Timestamp) -> Vec<Letter> {
    let link = |path: &str| format!("{public_url}/{path}#token=sample");
    let address = Some("192.0.2.7".to_owned());
    let contents = vec![
        Content::VerifyEmail {
            link: link("verify-email"),
            minutes: 60,
        },
        Content::ResetPassword {
            link: link("reset-password"),
            minutes: 30,
        },
        Content::ConfirmNewEmail {
            link: link("confirm-email"),
            minutes: 60,
        },
        Content::EmailChangeAsked {
            new_email: "n***@example.org".to_owned(),
        },
        Content::EmailChanged {
            new_email: "n***@example.org".to_owned(),
        },
        Content::NewSignIn {
            at,
            device: Some("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0".to_owned()),
            address: address.clone(),
        },
        Content::PasswordChanged { at, address },
        Content::SessionsEnded { at },
        Content::Invite {
            link: link("invite"),
            minutes: 60,
        },
        Content::EndpointDisabled {
            at,
            url: "https://shop.example/events".to_owned(),
        },
        Content::SubscriptionExpiring {
            plan: "Pro".to_owned(),
            ends_at: at.after(Duration::from_hours(3 * 24)),
            amount: Some(Due {
                amount: "99.00".to_owned(),
                currency: "CNY".to_owned(),
            }),
            link: link("renew"),
            minutes: 3 * 24 * 60,
            until: at.after(Duration::from_hours(3 * 24)),
        },
    ];
    let contents = contents.into_iter().chain(of_money(public_url, locale, at));
    let letters = contents.map(|content| Letter {
        to: "ann@example.com".to_owned(),
        name: "Ann".to_owned(),
        locale,
        content,
    });
    letters.collect()
}

/// What is told of payments and units.
fn of_money(public_url: &str, locale: Locale, at: Timestamp) -> Vec<Content> {
    let (item, method) = match locale {
        Locale::Zh => ("专业版", "支付宝"),
        Locale::En => ("Pro", "Alipay"),
    };
    let (item, method) = (item.to_owned(), method.to_owned());
    let yuan = |amount: &str| Due {
        amount: amount.to_owned(),
        currency: "CNY".to_owned(),
    };
    let number = "0198c0de000070008000000000000001".to_owned();
    let link = |path: &str| format!("{public_url}/portal/{path}");
    let shown = link("payments/0198c0de-0000-7000-8000-000000000001");
    let month = at.after(Duration::from_hours(30 * 24));
    vec![
        Content::Receipt {
            item: item.clone(),
            amount: yuan("99.00"),
            method: method.clone(),
            number: number.clone(),
            starts_at: Some(at),
            ends_at: Some(month),
            link: shown.clone(),
            sandbox: false,
        },
        Content::PaymentFailed {
            item: item.clone(),
            amount: Some(yuan("99.00")),
            left_until: Some(at.after(Duration::from_hours(3 * 24))),
            link: link("subscription"),
            sandbox: false,
        },
        Content::PaymentFailed {
            item: item.clone(),
            amount: Some(yuan("99.00")),
            left_until: None,
            link: link("subscribe?plan=pro"),
            sandbox: false,
        },
        Content::Refund {
            item,
            amount: yuan("30.00"),
            paid: yuan("99.00"),
            method,
            number,
            link: shown,
            sandbox: true,
        },
        Content::QuotaReached {
            percent: 80,
            meter: "api_calls".to_owned(),
            used: 8_021,
            limit: 10_000,
            resets_at: month,
            link: link("pricing"),
        },
        Content::QuotaReached {
            percent: 100,
            meter: "api_calls".to_owned(),
            used: 10_000,
            limit: 10_000,
            resets_at: month,
            link: link("pricing"),
        },
    ]
}
