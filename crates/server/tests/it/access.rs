//! Who may call what: every route of the description against every kind of credential (A1, A8).

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_auth::model::key_terms::OF_SERVICE_KEYS;
use tollgate_auth::model::role::{Role, held};
use tollgate_kernel::permission::{
    ADMIN, AUDIT_READ, FINANCE, PAYMENTS_READ, Permissions, USAGE_READ, USERS_READ, USERS_WRITE,
};
use tollgate_kernel::scope::{INTROSPECT, QUOTA};

use crate::harness::{App, each_engine};
use crate::pages::browser::Browser;
use crate::routes;

const NOBODYS: &str = "0198a000-0000-7000-8000-000000000000";

/// What a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// Nothing; a bad credential is refused all the same.
    Nothing,
    /// Nothing, and credentials are not looked at.
    Open,
    /// A signature of its own.
    Signature,
    /// Nothing for one half of it, a sign-in or a key for the other.
    Either,
    /// A person who signed in.
    SignIn,
    /// A person, signed in or by a key.
    Person,
    /// A person, or a host application that names one.
    Customer,
    /// A person, or a host application by a key of this scope.
    PersonOr(&'static str),
    /// This permission.
    Staff(&'static str),
    /// A host application by a key of this scope.
    Service(&'static str),
}

use Takes::{Customer, Either, Nothing, Open, Person, PersonOr, Service, SignIn, Signature, Staff};

/// One row for each route: a route without a row fails.
const TABLE: &[(&str, Takes)] = &[
    ("GET /.well-known/oauth-authorization-server", Open),
    ("GET /admin/audit-log", Staff(AUDIT_READ)),
    ("POST /admin/invites", Staff(USERS_WRITE)),
    ("GET /admin/jobs", Staff(ADMIN)),
    ("GET /admin/jobs/{job_id}", Staff(ADMIN)),
    ("POST /admin/jobs/{job_id}/retry", Staff(ADMIN)),
    ("GET /admin/plans", Staff(ADMIN)),
    ("POST /admin/plans", Staff(ADMIN)),
    ("DELETE /admin/plans/{plan_id}", Staff(ADMIN)),
    ("GET /admin/plans/{plan_id}", Staff(ADMIN)),
    ("PATCH /admin/plans/{plan_id}", Staff(ADMIN)),
    ("GET /admin/refunds", Staff(PAYMENTS_READ)),
    ("GET /admin/service-keys", Staff(ADMIN)),
    ("POST /admin/service-keys", Staff(ADMIN)),
    ("DELETE /admin/service-keys/{service_key_id}", Staff(ADMIN)),
    (
        "POST /admin/service-keys/{service_key_id}/rotate",
        Staff(ADMIN),
    ),
    ("GET /admin/stats/overview", Staff(PAYMENTS_READ)),
    ("GET /admin/stats/revenue", Staff(PAYMENTS_READ)),
    ("GET /admin/stats/usage", Staff(USAGE_READ)),
    ("GET /admin/suspense", Staff(PAYMENTS_READ)),
    ("POST /admin/suspense/{suspense_id}/resolve", Staff(FINANCE)),
    ("GET /admin/transactions", Staff(PAYMENTS_READ)),
    (
        "GET /admin/transactions/{transaction_id}",
        Staff(PAYMENTS_READ),
    ),
    (
        "POST /admin/transactions/{transaction_id}/sync",
        Staff(PAYMENTS_READ),
    ),
    ("GET /admin/users", Staff(USERS_READ)),
    ("POST /admin/users", Staff(USERS_WRITE)),
    ("GET /admin/users/{user_id}", Staff(USERS_READ)),
    ("PATCH /admin/users/{user_id}", Staff(USERS_WRITE)),
    ("POST /admin/users/{user_id}/grant", Staff(USERS_WRITE)),
    ("GET /admin/users/{user_id}/roles", Staff(USERS_READ)),
    ("PUT /admin/users/{user_id}/roles", Staff(ADMIN)),
    ("DELETE /admin/users/{user_id}/second-factor", Staff(ADMIN)),
    ("DELETE /admin/users/{user_id}/sessions", Staff(USERS_WRITE)),
    ("GET /admin/webhook-deliveries", Staff(ADMIN)),
    ("GET /admin/webhook-deliveries/{delivery_id}", Staff(ADMIN)),
    (
        "POST /admin/webhook-deliveries/{delivery_id}/resend",
        Staff(ADMIN),
    ),
    ("GET /admin/webhook-endpoints", Staff(ADMIN)),
    ("POST /admin/webhook-endpoints", Staff(ADMIN)),
    (
        "DELETE /admin/webhook-endpoints/{endpoint_id}",
        Staff(ADMIN),
    ),
    ("GET /admin/webhook-endpoints/{endpoint_id}", Staff(ADMIN)),
    ("PATCH /admin/webhook-endpoints/{endpoint_id}", Staff(ADMIN)),
    (
        "POST /admin/webhook-endpoints/{endpoint_id}/recover",
        Staff(ADMIN),
    ),
    (
        "POST /admin/webhook-endpoints/{endpoint_id}/rotate-secret",
        Staff(ADMIN),
    ),
    (
        "POST /admin/webhook-endpoints/{endpoint_id}/test",
        Staff(ADMIN),
    ),
    ("GET /admin/webhook-events", Staff(PAYMENTS_READ)),
    (
        "GET /admin/webhook-events/{webhook_event_id}",
        Staff(PAYMENTS_READ),
    ),
    (
        "POST /admin/webhook-events/{webhook_event_id}/replay",
        Staff(FINANCE),
    ),
    ("GET /auth/.well-known/jwks.json", Nothing),
    ("GET /auth/api-keys", SignIn),
    ("POST /auth/api-keys", SignIn),
    ("DELETE /auth/api-keys/{key_id}", SignIn),
    ("POST /auth/api-keys/{key_id}/rotate", SignIn),
    ("POST /auth/change-password", SignIn),
    ("POST /auth/confirm", SignIn),
    ("GET /auth/export", SignIn),
    ("POST /auth/introspect", Service(INTROSPECT)),
    ("POST /auth/login", Nothing),
    ("POST /auth/login/second-factor", Nothing),
    ("POST /auth/logout", SignIn),
    ("DELETE /auth/me", SignIn),
    ("GET /auth/me", Person),
    ("PATCH /auth/me", SignIn),
    ("PUT /auth/me", SignIn),
    ("POST /auth/refresh", Nothing),
    ("POST /auth/register", Nothing),
    ("POST /auth/reset-password", Nothing),
    ("POST /auth/revoke", Nothing),
    ("DELETE /auth/sessions", SignIn),
    ("GET /auth/sessions", SignIn),
    ("DELETE /auth/sessions/{session_id}", SignIn),
    ("POST /auth/setup", Nothing),
    ("POST /auth/totp/confirm", SignIn),
    ("POST /auth/totp/disable", SignIn),
    ("POST /auth/totp/enroll", SignIn),
    ("GET /auth/verify", Person),
    ("POST /auth/verify-email", Either),
    ("GET /payments/plans", Nothing),
    ("GET /payments/plans/{plan_id}", Nothing),
    ("POST /payments/create", SignIn),
    ("POST /payments/quote", SignIn),
    ("POST /payments/refund/{transaction_id}", Staff(FINANCE)),
    ("GET /payments/status/{transaction_id}", Person),
    ("GET /payments/subscriptions/current", Person),
    ("POST /payments/subscriptions/cancel", SignIn),
    ("GET /payments/subscriptions/history", SignIn),
    ("POST /payments/subscriptions/renew", SignIn),
    ("POST /payments/subscriptions/portal", SignIn),
    ("POST /payments/subscriptions/resume", SignIn),
    ("POST /payments/subscriptions/subscribe", SignIn),
    ("GET /payments/transactions", SignIn),
    ("GET /payments/transactions/{transaction_id}", SignIn),
    ("POST /payments/webhooks/{provider}", Signature),
    ("GET /quota/check", Customer),
    ("POST /quota/commit", Service(QUOTA)),
    ("POST /quota/consume", Customer),
    ("POST /quota/extend", Service(QUOTA)),
    ("POST /quota/refund", Service(QUOTA)),
    ("POST /quota/release", Service(QUOTA)),
    ("POST /quota/reserve", Service(QUOTA)),
    ("GET /usage/explain", Person),
    ("GET /usage/logs", PersonOr(USAGE_READ)),
    ("GET /usage/summary", Person),
    ("GET /usage/timeseries", PersonOr(USAGE_READ)),
];

fn table() -> BTreeMap<String, Takes> {
    TABLE
        .iter()
        .map(|(name, takes)| ((*name).to_owned(), *takes))
        .collect()
}

#[test]
fn inv_a8_every_route_has_a_row_and_every_row_a_route() {
    let routes: Vec<String> = routes::all().iter().map(routes::Route::name).collect();
    let mut rows: Vec<String> = table().into_keys().collect();
    let mut served = routes.clone();
    rows.sort();
    served.sort();
    assert_eq!(rows, served);
}

/// Every kind of secret that the service gives out, but for the two that identify a caller.
async fn other_kinds(app: &App) -> Vec<(&'static str, String)> {
    let email = "kinds@example.com";
    let password = "plum orchard lantern 7";
    let account = json!({ "email": email, "username": "kinds", "password": password });
    app.post("/auth/register", "", account)
        .await
        .expect(StatusCode::CREATED);
    let wish = json!({ "email": email, "password": password });
    let pair = app
        .post("/auth/login", "", wish)
        .await
        .expect(StatusCode::OK);
    let access = pair["access_token"].as_str().expect("a token").to_owned();
    let (head, rest) = access.split_once('.').expect("a header");
    vec![
        (
            "refresh",
            pair["refresh_token"].as_str().expect("a token").to_owned(),
        ),
        ("one-time", format!("ot_{}", "A".repeat(43))),
        ("challenge", format!("ch_{}", "A".repeat(80))),
        (
            "changed header",
            format!("{}A.{rest}", &head[..head.len() - 1]),
        ),
        (
            "no signature",
            format!("{head}.{}.", rest.split('.').next().expect("a part")),
        ),
        ("made-up key", format!("sk_test_{}", "a".repeat(49))),
        ("live key", format!("sk_live_{}", "a".repeat(49))),
        ("garbage", "x".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a1_a8_every_kind_of_credential_at_every_route() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let kinds = other_kinds(app).await;
        let mut browser = Browser::signed_in(app, &buyer).await;
        browser.get("/portal/settings").await.expect(StatusCode::OK);
        let word = [("x-csrf-token", browser.form_word.as_str())];
        let table = table();
        for route in routes::all() {
            let name = route.name();
            let takes = *table.get(&name).expect("a row");
            let path = route.at(NOBODYS);
            let body = route.takes_json.then(|| json!({}));
            let call = async |credential: &str| {
                app.call(route.method.clone(), &path, credential, body.clone())
                    .await
            };
            // A secret of another kind identifies nobody, wherever it is shown.
            for (kind, secret) in &kinds {
                let answer = call(secret).await;
                if matches!(takes, Signature | Open) {
                    continue;
                }
                assert_eq!(answer.status, 401, "{name} by {kind}: {}", answer.body);
            }
            let nobody = call("").await.status;
            let by_key = call(&buyer.key).await;
            match takes {
                Nothing | Open | Signature => assert_ne!(nobody, 403, "{name}"),
                Either | SignIn | Person | PersonOr(_) | Customer | Staff(_) | Service(_) => {
                    assert_eq!(nobody, 401, "{name}");
                }
            }
            match takes {
                SignIn | Staff(_) | Service(_) => {
                    by_key.refused(403, "permission_denied");
                }
                Person | PersonOr(_) | Customer | Either | Nothing => {
                    assert!(
                        ![401, 403].contains(&by_key.status)
                            || by_key.body["code"] == "invalid_credentials",
                        "{name}: {}",
                        by_key.body
                    );
                }
                Open | Signature => {}
            }
            if matches!(takes, Staff(_) | Service(_)) {
                call(&buyer.token).await.refused(403, "permission_denied");
            }
            let by_cookie = async |headers: &[(&str, &str)]| {
                let method = route.method.clone();
                browser.call(method, &path, headers, body.clone()).await
            };
            // A browser sends its cookie with everything: alone it is nobody's.
            let alone = by_cookie(&[]).await;
            match takes {
                Nothing | Open | Signature => assert_eq!(alone.status, nobody, "{name}"),
                Either | SignIn | Person | PersonOr(_) | Customer | Staff(_) | Service(_) => {
                    alone.refused(403, "csrf_failed");
                }
            }
            match takes {
                Staff(_) | Service(_) => {
                    by_cookie(&word).await.refused(403, "permission_denied");
                }
                // What changes nothing, and so does not end the sign-in.
                _ if route.method == Method::GET => {
                    let answer = by_cookie(&word).await;
                    assert!(![401, 403].contains(&answer.status), "{name}");
                }
                _ => {}
            }
        }
    })
    .await;
}

/// A member of staff with a role, a session of theirs and the permissions it holds.
pub(crate) async fn staff(app: &App, role: Option<Role>) -> (String, Permissions) {
    let buyer = app.buyer().await;
    if let Some(role) = role {
        let mut tx = app.db.begin().await.expect("begins");
        let id: uuid::Uuid = buyer.id.parse().expect("an id");
        let statement = "INSERT INTO user_roles (user_id, role, created_at)
            SELECT id, $2, created_at FROM users WHERE id = $1";
        tollgate_storage::in_tx!(&mut tx, |c| sqlx::query(statement)
            .bind(id)
            .bind(role.as_str())
            .execute(c)
            .await
            .map(|_| ()))
        .expect("given");
        tx.commit().await.expect("commits");
    }
    let roles: Vec<Role> = role.into_iter().collect();
    (buyer.token, held(false, &roles))
}

/// What a role does not hold is refused before anything else is looked at; what it holds is not.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_every_role_at_every_route_of_staff() {
    each_engine(async |app| {
        let mut people = vec![("nobody's", staff(app, None).await)];
        for role in Role::ALL {
            people.push((role.as_str(), staff(app, Some(role)).await));
        }
        let (admin, _) = &people[1].1;
        let make = async |scopes: &[&str]| {
            let body = json!({ "name": "matrix", "scopes": scopes });
            let made = app.post("/admin/service-keys", admin, body).await;
            made.expect(StatusCode::CREATED)["key"]
                .as_str()
                .expect("a key")
                .to_owned()
        };
        let mut services = Vec::new();
        for scope in OF_SERVICE_KEYS {
            services.push((*scope, make(&[*scope]).await));
        }
        let table = table();
        for route in routes::all() {
            let name = route.name();
            let takes = *table.get(&name).expect("a row");
            let path = route.at(NOBODYS);
            let body = route.takes_json.then(|| json!({}));
            let call = async |credential: &str| {
                app.call(route.method.clone(), &path, credential, body.clone())
                    .await
            };
            if let Staff(permission) = takes {
                for (role, (token, held)) in &people {
                    let answer = call(token).await;
                    if held.hold(permission) {
                        assert_ne!(answer.body["permission"], permission, "{name} as {role}");
                        assert!(![401, 500].contains(&answer.status), "{name} as {role}");
                    } else {
                        answer.refused(403, "permission_denied");
                    }
                }
            }
            for (scope, key) in &services {
                let answer = call(key).await;
                let passes = match takes {
                    Nothing | Open | Signature => continue,
                    Staff(permission) => scope == &permission,
                    Customer => *scope == QUOTA,
                    Service(wanted) | PersonOr(wanted) => *scope == wanted,
                    Either | SignIn | Person => false,
                };
                if passes {
                    assert!(
                        ![401, 500].contains(&answer.status) && answer.body["permission"].is_null(),
                        "{name} by {scope}: {}",
                        answer.body
                    );
                } else {
                    answer.refused(403, "permission_denied");
                }
            }
        }
    })
    .await;
}

/// What is somebody else's is not there: the same 404 as for what never was, and no change.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_what_is_not_mine_is_not_there() {
    each_engine(async |app| {
        let (owner, stranger) = (app.buyer().await, app.buyer().await);
        let order = app.order(&owner).await;
        let keys = app
            .get("/auth/api-keys", &owner.token)
            .await
            .expect(StatusCode::OK);
        let sessions = app
            .get("/auth/sessions", &owner.token)
            .await
            .expect(StatusCode::OK);
        let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
        let belongings = BTreeMap::from([
            ("{key_id}", id(&keys["data"][0])),
            ("{session_id}", id(&sessions["data"][0])),
            ("{transaction_id}", id(&order["transaction"])),
        ]);
        // Named by anybody, or by staff, who are tested for themselves.
        let public = ["{plan_id}", "{provider}", "{user_id}", "{service_key_id}"];
        for route in routes::all()
            .into_iter()
            .filter(|route| route.path.contains('{'))
        {
            if public
                .iter()
                .any(|parameter| route.path.contains(parameter))
            {
                continue;
            }
            let name = route.name();
            if matches!(table().get(&name), Some(Staff(_))) {
                continue;
            }
            let of = belongings
                .iter()
                .find(|(parameter, _)| route.path.contains(**parameter));
            let (_, id) = of.unwrap_or_else(|| panic!("{name} has no row"));
            let body = route.takes_json.then(|| json!({}));
            let call = async |id: &str, body: Option<Value>| {
                app.call(route.method.clone(), &route.at(id), &stranger.token, body)
                    .await
            };
            let foreign = call(id, body.clone()).await.refused(404, "not_found");
            let unknown = call(NOBODYS, body.clone()).await.refused(404, "not_found");
            assert_eq!(foreign["detail"], unknown["detail"], "{name}");
            for spelling in [id.to_uppercase(), format!("%7B{id}%7D"), "x".to_owned()] {
                call(&spelling, body.clone())
                    .await
                    .refused(404, "not_found");
            }
        }
        let own = format!("/payments/status/{}", belongings["{transaction_id}"]);
        app.get(&own, &owner.token).await.expect(StatusCode::OK);
        app.get("/auth/me", &owner.key).await.expect(StatusCode::OK);
        let path = format!("/auth/sessions/{}", belongings["{session_id}"]);
        let ended = app.call(Method::DELETE, &path, &owner.token, None).await;
        assert_eq!(ended.status, 204, "it was still there");
    })
    .await;
}
