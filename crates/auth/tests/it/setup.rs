//! Putting the service together, and what a host gets from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::{Method, Request};
use serde_json::{Map, Value, json};
use tollgate_auth::{AuthService, AuthSetupError, Entitlements, JwtKey, STATEMENTS};
use tollgate_kernel::caller::Caller;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::ids::UserId;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_storage::db::Tx;
use tollgate_storage::testing::{each_engine, prepare};

use crate::harness::{App, builder, claims, clock, config, master_key};

#[tokio::test]
async fn every_statement_is_understood() {
    each_engine(&[tollgate_auth::MIGRATIONS], async |db| {
        for statements in STATEMENTS {
            prepare(&db, statements).await;
        }
    })
    .await;
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_refused() {
    each_engine(&[], async |db| {
        let build = async |change: &dyn Fn(&mut tollgate_auth::AuthConfig)| {
            let mut config = config();
            change(&mut config);
            AuthService::builder(db.clone(), master_key(), config)
                .build()
                .await
        };
        let refused = build(&|config| config.bcrypt_cost = 11).await;
        assert!(matches!(refused, Err(AuthSetupError::WeakHashing)));
        let refused = build(&|config| config.bcrypt_cost = 32).await;
        assert!(matches!(refused, Err(AuthSetupError::Hashing(_))));
        let refused = build(&|config| config.jwt = JwtKey::Hs256("s".repeat(31).into())).await;
        assert!(matches!(refused, Err(AuthSetupError::ShortSecret)));
        for prefix in ["", "s_k", "SK", "clé"] {
            let refused = build(&|config| prefix.clone_into(&mut config.api_key_prefix)).await;
            assert!(
                matches!(refused, Err(AuthSetupError::KeyPrefix)),
                "{prefix}"
            );
        }
        builder(&db, config(), &clock())
            .build()
            .await
            .expect("starts");
        let other = tollgate_storage::seal::MasterKey::generate(
            &tollgate_kernel::entropy::Entropy::seeded(8),
        );
        let refused = AuthService::builder(db.clone(), other, config())
            .weak_hashing_for_tests()
            .build()
            .await;
        assert!(matches!(refused, Err(AuthSetupError::Storage(_))));
    })
    .await;
}

#[tokio::test]
async fn instances_that_start_at_once_share_one_key() {
    each_engine(&[tollgate_auth::MIGRATIONS], async |db| {
        let clock = clock();
        let (first, second) = tokio::join!(
            builder(&db, config(), &clock).build(),
            builder(&db, config(), &clock).build()
        );
        let first = App::around(first.expect("starts"), clock.clone(), &db);
        let second = App::around(second.expect("starts"), clock, &db);
        let tokens = first.person("ann").await;
        second
            .get("/auth/me", &tokens.text("access_token"))
            .await
            .ok(200);
        // The successor is the same whoever derives it.
        let token = tokens.text("refresh_token");
        let renewed = first.refresh(&token).await.ok(200).text("refresh_token");
        assert_eq!(
            second.refresh(&token).await.ok(200).text("refresh_token"),
            renewed
        );
    })
    .await;
}

#[derive(Debug)]
struct Plans;

#[async_trait]
impl Entitlements for Plans {
    async fn entitlements(&self, _: UserId) -> Result<Map<String, Value>, Problem> {
        Ok(Map::from_iter([
            ("plan".to_owned(), json!("pro")),
            ("quota".to_owned(), json!({ "remaining": 3 })),
        ]))
    }

    async fn meets(&self, _: UserId, demand: &BTreeMap<String, String>) -> Result<(), Problem> {
        if demand.get("plan").is_none_or(|plan| plan == "pro") {
            return Ok(());
        }
        Err(Problem::new(Code::PlanRequired))
    }

    async fn plan(
        &self,
        _: &mut Tx,
        _: UserId,
        _: Timestamp,
    ) -> tollgate_storage::Result<Option<String>> {
        Ok(Some("pro".to_owned()))
    }
}

#[derive(Debug)]
struct Away;

#[async_trait]
impl Entitlements for Away {
    async fn entitlements(&self, _: UserId) -> Result<Map<String, Value>, Problem> {
        Err(Problem::new(Code::Unavailable))
    }

    async fn meets(&self, _: UserId, _: &BTreeMap<String, String>) -> Result<(), Problem> {
        Err(Problem::new(Code::Unavailable))
    }

    async fn plan(
        &self,
        _: &mut Tx,
        _: UserId,
        _: Timestamp,
    ) -> tollgate_storage::Result<Option<String>> {
        Ok(None)
    }
}

#[tokio::test]
async fn verify_says_who_and_what() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        let made = app.create_key(&access, json!({ "name": "k" })).await.ok(201);
        let said = app.get("/auth/verify", &access).await.ok(200).body;
        let user = app.get("/auth/me", &access).await.ok(200).body;
        let exp = claims(&access)["exp"].as_i64().and_then(tollgate_kernel::clock::Timestamp::from_seconds);
        let by_token = json!({
            "valid": true, "subject_type": "user", "user": user, "api_key_id": null, "permissions": [], "scopes": null,
            "plan": null, "subscription": null, "quota": null, "expires_at": exp,
        });
        assert_eq!(said, by_token);

        let plans = builder(&db, config(), &app.clock).entitlements(Arc::new(Plans)).build().await;
        let plans = App::around(plans.expect("starts"), app.clock.clone(), &db);
        let said = plans.get("/auth/verify", &made.text("key")).await.ok(200).body;
        let by_key = json!({
            "valid": true, "subject_type": "api_key", "user": user, "api_key_id": made.body["id"], "permissions": [], "scopes": null,
            "plan": "pro", "subscription": null, "quota": { "remaining": 3 }, "expires_at": null,
        });
        assert_eq!(said, by_key);
        // A token carries a hint of it, and a name of its own.
        let first = claims(&plans.login("ann", crate::harness::PASSWORD).await.ok(200).text("access_token"));
        let second = claims(&plans.login("ann", crate::harness::PASSWORD).await.ok(200).text("access_token"));
        assert_eq!((&first["plan"], &first["permissions"]), (&json!("pro"), &json!([])));
        assert!(first["jti"].is_string() && first["jti"] != second["jti"]);
        let away = builder(&db, config(), &app.clock).entitlements(Arc::new(Away)).build().await;
        let away = App::around(away.expect("starts"), app.clock.clone(), &db);
        away.get("/auth/verify", &access).await.refused(503, "unavailable");

        let nobody = app.call(Method::GET, "/auth/verify", &[], None).await;
        nobody.refused(401, "unauthenticated");
        assert_eq!(nobody.body["valid"], false);
        // Whoever the operator has cut off fails at once, though the token is not yet old.
        app.clock.advance(std::time::Duration::from_secs(1));
        app.execute("UPDATE users SET tokens_after = created_at").await;
        app.get("/auth/verify", &access).await.ok(200);
        app.execute("UPDATE sessions SET revoked_at = created_at").await;
        app.get("/auth/verify", &access).await.refused(401, "token_revoked");
    })
    .await;
}

#[tokio::test]
async fn a_host_closes_its_own_routes() {
    each_engine(&[], async |db| {
        let app = App::new(&db).await;
        let access = app.person("ann").await.text("access_token");
        app.call(Method::GET, "/host/closed", &[], None)
            .await
            .refused(401, "unauthenticated");
        assert_eq!(app.get("/host/closed", &access).await.ok(200).body, "in");
        assert_eq!(
            app.get("/host/open", "not a token").await.ok(200).body,
            "open"
        );
        let request = Request::builder().header("authorization", format!("Bearer {access}"));
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let caller = app.auth.identify_request(&parts).await.expect("known");
        let Some(Caller::User {
            user_id,
            session_id: Some(_),
        }) = caller
        else {
            panic!("{caller:?}");
        };
        let user = app
            .auth
            .find_user(user_id)
            .await
            .expect("read")
            .expect("there");
        assert_eq!(user.username, "ann");
        let debug = format!("{:?}", app.auth);
        assert!(
            !debug.contains("PRIVATE") && debug.contains("MasterKey"),
            "{debug}"
        );
    })
    .await;
}
