//! People whom nobody is.

use tollgate_auth::model::user::{Locale, User};
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::text::Language;

use crate::pages::samples::{HOSTILE, LONG, LONG_ZH, visit};
use crate::pages::visit::Visitor;

/// Plain, with the longest words, and with what breaks pages.
pub(super) fn people() -> [(&'static str, User); 4] {
    let person = |name: &str| User {
        id: uuid::Uuid::nil().into(),
        email: format!("{name}@example.com"),
        username: name.to_owned(),
        is_active: true,
        is_superuser: false,
        created_at: Timestamp::from_seconds(1_798_734_600).expect("a time"),
        updated_at: Timestamp::from_seconds(1_798_734_600).expect("a time"),
        email_verified_at: None,
        locale: Locale::En,
        tokens_after: None,
        roles: Vec::new(),
    };
    [
        ("plain", person("ann")),
        ("long", person(LONG)),
        ("long-zh", person(LONG_ZH)),
        ("hostile", person(HOSTILE)),
    ]
}

/// One of them, who signed in.
pub(super) fn visitor(language: Language, user: User) -> Visitor {
    let visit = visit(language);
    Visitor { visit, user }
}
