//! The console: callbacks, webhooks, service keys, jobs, settings.

use std::time::Duration;

use reqwest::StatusCode;
use tollgate_auth::model::role::Role;
use tollgate_kernel::clock::Timestamp;

use super::browser::{Browser, Page};
use super::house::{send, staff};
use crate::harness::{Pen, each_engine, each_engine_with};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_seen_to_the_byte_and_replayed_by_finance() {
    each_engine(async |app| {
        let (buyer, pen) = (app.buyer().await, Pen::of(app).await);
        let order = app.order(&buyer).await;
        app.notify(pen.sign(&pen.paid(&order))).await;
        app.notify("sign=<script>alert(1)</script>".to_owned())
            .await;
        let mut reader = staff(app, Role::ReadOnly).await;
        let page = reader.get("/console/callbacks").await;
        page.expect(StatusCode::OK).says(&[
            "/payments/webhooks/alipay",
            "Verified",
            "data-copy=\"address-alipay\"",
        ]);
        let verified = reader
            .get("/console/callbacks?verdict=verified&provider=alipay")
            .await;
        let id = verified
            .body
            .split("href=\"/console/callbacks/")
            .nth(1)
            .expect("one");
        let one = format!(
            "/console/callbacks/{}",
            id.split('"').next().expect("an id")
        );
        let page = reader.get(&one).await;
        page.expect(StatusCode::OK).says(&[
            "out_trade_no=",
            "content-type: application/x-www-form-urlencoded",
            "ms",
        ]);
        page.hides(&["Its bytes are verified anew"]);
        let refused = reader.post(&format!("{one}/replay"), &[]).await;
        assert_eq!(refused.status, 403);
        for other in ["verdict=unreadable", "verdict=forged"] {
            reader
                .get(&format!("/console/callbacks?{other}"))
                .await
                .expect(StatusCode::OK)
                .hides(&["<script>alert"]);
        }
        let mut finance = staff(app, Role::Finance).await;
        let replayed = send(&mut finance, &one, &format!("{one}/replay"), &[]).await;
        let to = replayed.location().to_owned();
        assert!(
            to.ends_with("?done=replayed") && !to.starts_with(&one),
            "{to}"
        );
        finance
            .get(&to)
            .await
            .says(&["verified and applied anew", &one]);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_made_tried_changed_and_taken_away() {
    each_engine(async |app| {
        let mut admin = staff(app, Role::Admin).await;
        let fields = [
            ("url", "https://hooks.example.com/"),
            ("description", "shop"),
            ("kind_payment_completed", "on"),
        ];
        let made = send(
            &mut admin,
            "/console/webhooks",
            "/console/webhooks",
            &fields,
        )
        .await;
        made.expect(StatusCode::OK).says(&["whsec_", "shown once"]);
        assert_eq!(made.headers["cache-control"], "no-store");
        let secret = made.text_of("secret");
        let list = admin.get("/console/webhooks").await;
        list.says(&["https://hooks.example.com/", "payment.completed", "shop"])
            .hides(&[&secret]);
        let id = list
            .body
            .split("href=\"/console/webhooks/")
            .nth(1)
            .expect("one");
        let path = format!("/console/webhooks/{}", id.split('"').next().expect("an id"));
        admin
            .get(&path)
            .await
            .expect(StatusCode::OK)
            .says(&["Send a test event"])
            .hides(&[&secret]);

        let tested = admin.post(&format!("{path}/test"), &[]).await;
        let delivery = tested
            .location()
            .strip_suffix("?done=tested")
            .expect("begun")
            .to_owned();
        admin
            .get(&delivery)
            .await
            .expect(StatusCode::OK)
            .says(&["endpoint.test"]);
        let open = admin.post(&format!("{delivery}/resend"), &[]).await;
        assert!(open.location().starts_with(&delivery), "{}", open.body);

        let changed = [
            ("url", "https://other.example.com/"),
            ("description", "off now"),
        ];
        let done = admin.post(&format!("{path}/change"), &changed).await;
        assert_eq!(done.location(), format!("{path}?done=saved"));
        admin.get(&path).await.says(&[
            "https://other.example.com/",
            "Switched off",
            "off now",
            "All",
        ]);
        let wrong = [("url", "ftp://x"), ("description", &"x".repeat(300))];
        let page = admin.post(&format!("{path}/change"), &wrong).await;
        page.expect(StatusCode::OK).says(&["a whole https address"]);
        let rotated = admin.post(&format!("{path}/rotate"), &[]).await;
        assert_ne!(rotated.text_of("secret"), secret);
        assert_eq!(rotated.headers["cache-control"], "no-store");
        let gone = admin.post(&format!("{path}/delete"), &[]).await;
        assert_eq!(gone.location(), "/console/webhooks?done=deleted");
        assert_eq!(admin.get(&path).await.status, 404);
        assert_eq!(admin.post(&format!("{path}/test"), &[]).await.status, 404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a7_a_service_key_is_shown_once_renewed_and_ended() {
    each_engine(async |app| {
        let mut admin = staff(app, Role::Admin).await;
        let fields = [
            ("name", "viewer"),
            ("scope_quota", "on"),
            ("scope_users_read", "on"),
            ("allowed_addresses", "127.0.0.0/8\r\n::1"),
        ];
        let made = send(&mut admin, "/console/keys", "/console/keys", &fields).await;
        made.expect(StatusCode::OK).says(&["sk_test_"]);
        assert_eq!(made.headers["cache-control"], "no-store");
        let key = made.text_of("secret");
        let works = async |key: &str| app.get("/admin/users", key).await.status == 200;
        assert!(works(&key).await);
        let list = admin.get("/console/keys").await;
        list.says(&["viewer", "quota, users.read", "127.0.0.0/8"])
            .hides(&[&key]);
        let path = |page: &Page| {
            let form = page
                .body
                .split("action=\"/console/keys/")
                .nth(1)
                .expect("a form");
            format!("/console/keys/{}", form.split('/').next().expect("an id"))
        };
        let old = path(&list);
        let rotated = admin
            .post(&format!("{old}/rotate"), &[("overlap", "0")])
            .await;
        let new = rotated.text_of("secret");
        assert!(works(&new).await && !works(&key).await);
        assert_eq!(admin.post(&format!("{old}/rotate"), &[]).await.status, 404);
        let current = path(&admin.get("/console/keys").await);
        let ended = admin.post(&format!("{current}/delete"), &[]).await;
        assert_eq!(ended.location(), "/console/keys?done=ended");
        assert!(!works(&new).await);
        assert_eq!(
            admin.post(&format!("{current}/delete"), &[]).await.status,
            404
        );
        let wrong = [
            ("name", ""),
            ("allowed_addresses", "nowhere"),
            ("expires_at", "2001-01-01"),
        ];
        let page = admin.post("/console/keys", &wrong).await;
        page.expect(StatusCode::OK)
            .says(&["nowhere", "aria-invalid"])
            .hides(&["sk_test_"]);
    })
    .await;
}

/// What a stolen session must not be enough for leads to where it is confirmed, and back.
#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_sensitive_forms_take_a_confirmation() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut admin = staff(app, Role::Admin).await;
        admin.get("/console/keys").await.hides(&["/portal/confirm"]);
        app.damage("UPDATE sessions SET authenticated_at = '2020-01-01 00:00:00+00:00'")
            .await;
        let user = format!("/console/users/{}", buyer.id);
        for path in ["/console/keys", "/console/webhooks", &user] {
            admin
                .get(path)
                .await
                .expect(StatusCode::OK)
                .says(&["/portal/confirm?next=%2Fconsole%2F"]);
        }
        let wish = [
            ("name", "viewer"),
            ("scope_quota", "on"),
            ("url", "https://hooks.example.com/"),
        ];
        for to in [
            "/console/keys",
            "/console/webhooks",
            &format!("{user}/roles"),
            &format!("{user}/second-factor"),
        ] {
            let led = admin.post(to, &wish).await;
            assert!(
                led.location().starts_with("/portal/confirm?next="),
                "{to}: {}",
                led.body
            );
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM service_keys").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM webhook_endpoints").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duties_and_jobs_are_seen_and_dead_ones_are_done_again() {
    each_engine(async |app| {
        let mut admin = staff(app, Role::Admin).await;
        app.buyer().await;
        crate::harness::until("a duty", async || {
            app.count("SELECT COUNT(*) FROM jobs WHERE lane = 'duty'").await > 0
        })
        .await;
        admin.get("/console/jobs").await.expect(StatusCode::OK).says(&["expire_holds"]);
        app.damage("UPDATE jobs SET state = 'dead', finished_at = created_at, last_error = '<b>refused</b>' WHERE lane = 'mail'").await;
        let page = admin.get("/console/jobs?state=dead&lane=mail").await;
        page.expect(StatusCode::OK).says(&["letter", "Given up", "&#60;b&#62;refused"]).hides(&["<b>refused"]);
        let form = page.body.split("action=\"/console/jobs/").nth(1).expect("a form");
        let to = format!("/console/jobs/{}", form.split('"').next().expect("an address"));
        assert_eq!(admin.post(&to, &[]).await.location(), "/console/jobs?done=retried");
        let unknown = "/console/jobs/0198a000-0000-7000-8000-000000000000/retry";
        assert_eq!(admin.post(unknown, &[]).await.status, 404);
        admin.get("/console/jobs?state=nothing&lane=%00").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a10_settings_are_shown_without_secrets() {
    let hidden = "aGlkZGVuaGlkZGVuaGlkZGVuaGlkZGVuaGlkZGVuISE=";
    let settings = [("MASTER_KEY", hidden), ("ORDER_EXPIRE_MINUTES", "45")];
    each_engine_with(&settings, async |app| {
        let mut admin = staff(app, Role::Admin).await;
        let page = admin.get("/console/settings").await;
        page.expect(StatusCode::OK)
            .says(&[
                "ORDER_EXPIRE_MINUTES",
                "45",
                "environment",
                "***",
                "verify_email",
                "确认",
                "MASTER_KEY",
            ])
            .hides(&[hidden]);
        let letter = admin.get("/console/settings/letters/zh-verify_email").await;
        letter.expect(StatusCode::OK).says(&["<html lang=\"zh"]);
        let policy = letter.headers["content-security-policy"]
            .to_str()
            .expect("text");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("sandbox"),
            "{policy}"
        );
        let found = admin.get("/console/doctor").await;
        found.expect(StatusCode::OK).says(&[
            "DATABASE_URL",
            "the database answers",
            "no rail is set up",
        ]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_speak_the_language_of_their_reader() {
    each_engine(async |app| {
        let mut admin: Browser<'_> = staff(app, Role::Admin).await;
        for (path, word) in [
            ("/console/users", "用户"),
            ("/console/plans/new", "新建套餐"),
            ("/console/callbacks", "支付回调"),
            ("/console/webhooks", "事件推送"),
            ("/console/keys", "服务密钥"),
            ("/console/audit", "操作记录"),
            ("/console/jobs", "任务"),
            ("/console/settings", "配置"),
        ] {
            let page = admin.get(&format!("{path}?lang=zh")).await;
            page.expect(StatusCode::OK).says(&["lang=\"zh-CN\"", word]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_missed_is_sent_once_more_from_its_page() {
    each_engine(async |app| {
        let mut admin = staff(app, Role::Admin).await;
        let list = "/console/webhooks";
        let fields = [("url", "https://hooks.example.com/")];
        send(&mut admin, list, list, &fields)
            .await
            .expect(StatusCode::OK);
        let page = admin.get(list).await;
        let id = page.body.split("href=\"/console/webhooks/").nth(1);
        let id = id.expect("one").split('"').next().expect("an id");
        let path = format!("{list}/{id}");
        admin
            .get(&path)
            .await
            .says(&["Send once more what was missed"]);
        admin.post(&format!("{path}/test"), &[]).await.location();
        app.damage("UPDATE webhook_endpoints SET disabled_at = created_at")
            .await;
        app.damage("UPDATE webhook_deliveries SET state = 'failed', fence = fence + 1")
            .await;
        let now = app.clock.now();
        let day = |at: Timestamp| at.to_string()[..10].to_owned();
        let (from, to) = (day(now.before(DAY)), day(now.after(DAY)));
        let recover = format!("{path}/recover");
        for (from, to, fault) in [
            (to.as_str(), from.as_str(), "later than from"),
            ("", to.as_str(), "a date, as 2026-12-31"),
            (from.as_str(), "31.12.2026", "a date, as 2026-12-31"),
        ] {
            let again = admin.post(&recover, &[("from", from), ("to", to)]).await;
            again.expect(StatusCode::OK);
            again.says(&[fault, "aria-invalid=\"true\""]);
        }
        let days = [("from", from.as_str()), ("to", to.as_str())];
        for count in ["1", "0"] {
            let done = send(&mut admin, &path, &recover, &days).await;
            assert_eq!(done.location(), format!("{path}?recovered={count}"));
            let told = admin.get(done.location()).await;
            told.says(&[&format!("Sent once more: {count}.")]);
        }
        let open = "SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'open'";
        assert_eq!(app.count(open).await, 1);
    })
    .await;
}
