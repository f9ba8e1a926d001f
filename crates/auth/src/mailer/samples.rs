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
    let letters = contents.into_iter().map(|content| Letter {
        to: "ann@example.com".to_owned(),
        name: "Ann".to_owned(),
        locale,
        content,
    });
    letters.collect()
}
