//! What is left, in the headers of answers: exactly; and who may spend whose.

use std::time::Duration;

use serde_json::json;

use super::stand::on_each;
use crate::harness::Answer;

/// 15 January to 15 February.
const MONTH: u64 = 31 * 86_400;

/// Those headers that tell of limits.
fn told(answer: &Answer) -> Vec<String> {
    let names = [
        "x-quota-limit",
        "x-quota-used",
        "x-quota-remaining",
        "x-quota-reset",
        "ratelimit-policy",
        "ratelimit",
        "retry-after",
    ];
    let line = |name: &&str| {
        let value = answer.headers.get(*name)?;
        Some(format!("{name}: {}", value.to_str().expect("text")))
    };
    names.iter().filter_map(line).collect()
}

fn of_a_hundred(used: u64, remaining: u64, reset: u64) -> Vec<String> {
    vec![
        "x-quota-limit: 100".to_owned(),
        format!("x-quota-used: {used}"),
        format!("x-quota-remaining: {remaining}"),
        format!("x-quota-reset: {reset}"),
        format!("ratelimit-policy: \"processing_count\";q=100;w={MONTH}"),
        format!("ratelimit: \"processing_count\";r={remaining};t={reset}"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_about_quota_tell_what_is_left() {
    on_each(async |stand| {
        let user = stand.somebody("free").await.to_string();
        let own = [("x-user", user.as_str())];
        let host = [("x-service", "1")];
        let check = "/quota/check?resource_type=thing&cost=7";
        assert_eq!(
            told(&stand.by(check, &own, None).await),
            of_a_hundred(0, 100, MONTH)
        );
        let three = json!({ "resource_type": "thing", "cost": 3 });
        let taken = stand.by("/quota/consume", &own, Some(three)).await;
        assert_eq!(told(&taken), of_a_hundred(3, 97, MONTH));
        stand.clock.advance(Duration::from_millis(40_001));
        let two = json!({ "resource_type": "thing", "cost": 2, "user_id": user });
        let held = stand.by("/quota/reserve", &host, Some(two)).await;
        assert_eq!(held.status, 201);
        // Two are set aside: not used, and not left either. Seconds that have begun count.
        assert_eq!(told(&held), of_a_hundred(3, 95, MONTH - 40));
        for (path, used, remaining) in [
            ("/one", 4, 94),
            ("/five?say=500", 4, 94),
            ("/five?cost=2", 6, 92),
            ("/admitted", 11, 87),
            ("/admitted?say=500", 11, 87),
            ("/minute?then=defer&say=202", 11, 82),
        ] {
            let answer = stand.by(path, &own, None).await;
            assert_eq!(
                told(&answer),
                of_a_hundred(used, remaining, MONTH - 40),
                "{path}"
            );
        }
        let problem = stand.by("/five?cost=9", &own, None).await;
        assert_eq!(problem.status, 422);
        assert_eq!(
            told(&problem),
            of_a_hundred(11, 82, MONTH - 40),
            "on a problem too"
        );
        // What is not about quota tells nothing of it, and reads nothing for it.
        let plan = stand.by("/quota/consume", &own, Some(json!({}))).await;
        assert_eq!(told(&plan), [""; 0]);
        stand.host.jobs.lock().expect("whole").clear();
        stand.nothing_is_held_but(2).await;
        stand.clock.advance(Duration::from_mins(11));
        stand.payment.tick().await.expect("due work");
        stand.balances().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_tells_how_long_to_wait() {
    on_each(async |stand| {
        let user = stand.somebody("free").await.to_string();
        let own = [("x-user", user.as_str())];
        let all = json!({ "resource_type": "thing", "cost": 98 });
        stand.by("/quota/consume", &own, Some(all.clone())).await;
        let wait = [format!("retry-after: {MONTH}")];
        let expected = [of_a_hundred(98, 2, MONTH), wait.to_vec()].concat();
        let of_host = json!({ "resource_type": "thing", "cost": 3, "user_id": user });
        for answer in [
            stand.by("/five", &own, None).await,
            stand.by("/admitted", &own, None).await,
            stand.by("/quota/consume", &own, Some(all)).await,
            stand
                .by("/quota/reserve", &[("x-service", "1")], Some(of_host))
                .await,
        ] {
            assert_eq!(told(&answer), expected);
            let problem = answer.refused(429, "quota_exceeded");
            assert_eq!(problem["quota"]["remaining"], 2);
            assert!(problem["upgrade_url"].is_string());
        }
        let rich = stand.somebody("enterprise").await;
        let unlimited = stand.post("/five", rich).await;
        assert_eq!((unlimited.status, told(&unlimited)), (200, vec![]));
        assert_eq!(stand.stands().await, (103, 0, 2), "still logged");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_a_key_spends_and_sees_what_its_scopes_name() {
    on_each(async |stand| {
        let user = stand.somebody("pro").await.to_string();
        for (path, scope, passes) in [
            ("/one", "quota", true),
            ("/one", "payments", false),
            ("/images", "images", true),
            ("/images", "quota", false),
            ("/reports", "reports", true),
            ("/reports", "quota", false),
        ] {
            let own = [("x-user", user.as_str()), ("x-scope", scope)];
            let answer = stand.by(path, &own, None).await;
            if passes {
                assert_eq!(answer.status, 200, "{path} {scope}");
            } else {
                answer.refused(403, "permission_denied");
            }
        }
        for path in ["/one", "/reports"] {
            let answer = stand.by(path, &[("x-service", "1")], None).await;
            answer.refused(403, "permission_denied");
            stand
                .by(path, &[], None)
                .await
                .refused(401, "unauthenticated");
        }
        assert_eq!(stand.ran(), 3);
        // The log names the key that made the call.
        let named = "SELECT COUNT(*) FROM usage_logs WHERE key_id IS NOT NULL";
        assert_eq!(
            (stand.count(named).await, stand.stands().await),
            (2, (2, 0, 2))
        );
    })
    .await;
}
