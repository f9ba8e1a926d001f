//! One's API keys.

mod list;
mod made;
mod new;
mod revoke;
mod rotate;

use axum::Router;
use axum::routing::get;
use tollgate_auth::model::api_key::ApiKey;
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::permission::Authority as _;

use crate::pages::AccountPages;
use crate::pages::frame::Frame;

const LIST: &str = "/portal/keys";
/// Scopes of the house that the catalogue explains.
const EXPLAINED: [&str; 4] = ["quota", "usage", "payments", "account"];

/// The pages of this folder.
pub(super) fn router() -> Router<AccountPages> {
    let rotate = get(rotate::page).post(rotate::rotate);
    let revoke = get(revoke::page).post(revoke::revoke);
    Router::new()
        .route(LIST, get(list::page))
        .route("/portal/keys/new", get(new::page).post(new::create))
        .route("/portal/keys/{id}/rotate", rotate)
        .route("/portal/keys/{id}/revoke", revoke)
}

/// Whether a form asks for the password, since nothing else has shown lately that it is they.
async fn asks_password(portal: &AccountPages, caller: &Caller) -> bool {
    portal.auth.confirmed(caller).await.is_err()
}

/// A key as pages show it.
struct Shown {
    id: String,
    name: String,
    prefix: String,
    scopes: Vec<String>,
    addresses: Vec<String>,
    per_minute: String,
    created_at: String,
    created: String,
    used: Option<(String, String)>,
    expires: Option<(String, String)>,
    is_over: bool,
}

impl Shown {
    fn of(key: &ApiKey, frame: &Frame, now: Timestamp) -> Self {
        let written = frame.written();
        let time = |at: Timestamp| (at.to_string(), written.time(at));
        let is_past = key.expires_at.is_some_and(|end| end <= now);
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            prefix: key.key_prefix.clone(),
            scopes: key.terms.scopes.names().unwrap_or_default().to_vec(),
            addresses: key.terms.addresses.texts(),
            per_minute: key
                .terms
                .per_minute
                .map(|calls| {
                    let count = written.count(calls);
                    frame.words().with("keys.per_minute", &[("count", &count)])
                })
                .unwrap_or_default(),
            created_at: key.created_at.to_string(),
            created: written.time(key.created_at),
            used: key.last_used_at.map(time),
            expires: key.expires_at.map(time),
            is_over: is_past || !key.is_active,
        }
    }
}

/// What a scope is for; those of an application speak for themselves.
fn explained(frame: &Frame, scope: &str) -> String {
    if EXPLAINED.contains(&scope) {
        frame.say(&format!("keys.scope_{scope}"))
    } else {
        String::new()
    }
}

#[cfg(test)]
mod samples {
    use tollgate_auth::model::key_terms::KeyTerms;
    use tollgate_kernel::clock::Clock;
    use tollgate_kernel::entropy::Entropy;
    use tollgate_kernel::ids::Ids;
    use tollgate_kernel::scope::Scopes;

    use super::*;
    use crate::pages::samples::{HOSTILE, LONG, LONG_ZH};

    /// Keys, with everything in them that a person can write.
    pub(super) fn keys(rows: usize) -> Vec<ApiKey> {
        let clock = Clock::system();
        let ids = Ids::new(clock.clone(), Entropy::seeded(1));
        let key = |at: usize| ApiKey {
            id: ids.next(),
            key_prefix: "sk_test_abc...".to_owned(),
            name: ["server", HOSTILE, LONG, LONG_ZH][at % 4].to_owned(),
            last_used_at: (at.is_multiple_of(2)).then(|| clock.now()),
            is_active: true,
            created_at: clock.now(),
            expires_at: (at.is_multiple_of(3)).then(|| clock.now()),
            terms: KeyTerms {
                scopes: Scopes::only(["quota", HOSTILE]),
                addresses: "203.0.113.0/24, 2001:db8::/32".parse().expect("networks"),
                per_minute: Some(1_000_000),
            },
            rotated_from: None,
        };
        (0..rows).map(key).collect()
    }
}
