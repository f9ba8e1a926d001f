//! What limits a key: scopes, addresses, calls a minute.

use tollgate_kernel::networks::Networks;
use tollgate_kernel::permission::{AUDIT_READ, PAYMENTS_READ, USAGE_READ, USERS_READ, USERS_WRITE};
use tollgate_kernel::problem::FieldErrors;
use tollgate_kernel::scope::{INTROSPECT, QUOTA, Scopes};

use crate::words::WORDS;

/// What a key of a host application may be given: what it asks for its users, and what staff may do
/// that does not take a person.
///
/// ```
/// use tollgate_auth::model::key_terms::OF_SERVICE_KEYS;
///
/// assert!(OF_SERVICE_KEYS.contains(&"introspect"));
/// assert!(!OF_SERVICE_KEYS.contains(&"finance"), "money takes a person");
/// ```
pub const OF_SERVICE_KEYS: &[&str] = &[
    QUOTA,
    INTROSPECT,
    USERS_READ,
    USERS_WRITE,
    PAYMENTS_READ,
    USAGE_READ,
    AUDIT_READ,
];

const MOST_ADDRESSES: usize = 50;
const MOST_CALLS: u32 = 1_000_000;

/// What limits a key of a person.
///
/// ```
/// use tollgate_auth::model::key_terms::KeyTerms;
/// use tollgate_kernel::{networks::Networks, scope::Scopes};
///
/// let terms = KeyTerms {
///     scopes: Scopes::only(["quota"]),
///     addresses: Networks::of(["192.0.2.0/24"]).expect("a network"),
///     per_minute: Some(60),
/// };
/// assert!(!terms.scopes.allow("account"));
/// assert!(!terms.addresses.contain("198.51.100.7".parse().unwrap()));
/// assert!(KeyTerms::unlimited().scopes.allow("account"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTerms {
    /// What it is for.
    pub scopes: Scopes,
    /// From where it may be used; empty: from anywhere.
    pub addresses: Networks,
    /// Calls a minute; `None`: as many as anybody's.
    pub per_minute: Option<u32>,
}

impl KeyTerms {
    /// Whatever its person may do.
    pub fn unlimited() -> Self {
        Self {
            scopes: Scopes::everything(),
            addresses: Networks::default(),
            per_minute: None,
        }
    }
}

/// Scopes that were asked for, out of those that there are. None at all is `None`.
///
/// ```
/// use tollgate_auth::model::key_terms::{OF_SERVICE_KEYS, scopes};
/// use tollgate_kernel::problem::FieldErrors;
///
/// let mut errors = FieldErrors::new();
/// let quota = scopes(&["quota".to_owned()], OF_SERVICE_KEYS, &mut errors);
/// assert!(quota.is_some_and(|scopes| scopes.allow("quota")));
/// scopes(&["everything".to_owned()], OF_SERVICE_KEYS, &mut errors);
/// assert!(errors.finish().is_err());
/// ```
pub fn scopes<S: AsRef<str>>(
    wanted: &[String],
    known: &[S],
    errors: &mut FieldErrors,
) -> Option<Scopes> {
    for (index, name) in wanted.iter().enumerate() {
        if !known.iter().any(|scope| scope.as_ref() == name) {
            let all: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
            let all = all.join(", ");
            let detail = WORDS.text_with("keys.scopes", &[("all", &all)]);
            errors.note(&format!("/scopes/{index}"), "unknown_scope", detail);
        }
    }
    let mut names = wanted.to_vec();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| Scopes::only(names))
}

/// Addresses and networks that were asked for.
///
/// ```
/// use tollgate_auth::model::key_terms::addresses;
/// use tollgate_kernel::problem::FieldErrors;
///
/// let mut errors = FieldErrors::new();
/// let networks = addresses(&["10.0.0.0/8".to_owned()], &mut errors);
/// assert!(networks.contain([10, 1, 2, 3].into()));
/// addresses(&["nowhere".to_owned()], &mut errors);
/// assert!(errors.finish().is_err());
/// ```
pub fn addresses(wanted: &[String], errors: &mut FieldErrors) -> Networks {
    if wanted.len() > MOST_ADDRESSES {
        let detail = WORDS.text_with("keys.too_many_addresses", &[("most", &MOST_ADDRESSES)]);
        errors.note("/allowed_addresses", "too_many", detail);
        return Networks::default();
    }
    for (index, text) in wanted.iter().enumerate() {
        if Networks::of([text]).is_err() {
            let detail = WORDS.text("keys.network");
            errors.note(
                &format!("/allowed_addresses/{index}"),
                "invalid_address",
                detail,
            );
        }
    }
    Networks::of(wanted).unwrap_or_default()
}

/// Calls a minute that were asked for.
///
/// ```
/// use tollgate_auth::model::key_terms::per_minute;
/// use tollgate_kernel::problem::FieldErrors;
///
/// let mut errors = FieldErrors::new();
/// assert_eq!(per_minute(Some(60), &mut errors), Some(60));
/// per_minute(Some(0), &mut errors);
/// assert!(errors.finish().is_err());
/// ```
pub fn per_minute(wanted: Option<u32>, errors: &mut FieldErrors) -> Option<u32> {
    if wanted.is_some_and(|calls| !(1..=MOST_CALLS).contains(&calls)) {
        let detail = WORDS.text_with("list.limit", &[("most", &MOST_CALLS)]);
        errors.note("/rate_limit_per_minute", "out_of_range", detail);
    }
    wanted
}
