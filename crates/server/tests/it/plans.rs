//! Plans: made by admins, kept as they were sold, written to a file and back, given to everybody who registers.

use std::process::Output;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate_auth::model::role::Role;

use crate::access::staff;
use crate::command::tollgate;
use crate::harness::{Answer, App, Buyer, each_engine};
use crate::points::{at_every_place, covers, is_alone};

async fn admin(app: &App) -> String {
    staff(app, Some(Role::Admin)).await.0
}

async fn change(app: &App, admin: &str, plan: &str, body: Value) -> Answer {
    let path = format!("/admin/plans/{plan}");
    app.call(Method::PATCH, &path, admin, Some(body)).await
}

fn team() -> Value {
    json!({
        "slug": "team", "price": "199.00", "currency": "CNY", "billing_cycle": "monthly",
        "i18n": { "zh": { "name": "团队版", "features": ["两种配额"] }, "en": { "name": "Team" } },
        "meters": [{ "meter": "calls", "limit": 500 }, { "meter": "storage", "limit": null, "reset": "never" }],
        "resource_costs": { "dicom_processing": 1, "upload": { "meter": "storage", "units": 3 } },
        "trial_days": 14, "sort_order": 9,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn line_56_plans_are_made_changed_and_archived_by_admins() {
    each_engine(async |app| {
        let admin = admin(app).await;
        let made = app
            .post("/admin/plans", &admin, team())
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(
            (
                &made["price_minor"],
                &made["quota_type"],
                &made["quota_limit"]
            ),
            (&json!(19_900), &json!("calls"), &json!(500))
        );
        assert_eq!(
            (&made["version"], &made["subscribers"], &made["archived_at"]),
            (&json!(1), &json!(0), &Value::Null)
        );
        let shown = app
            .get("/payments/plans/team", "")
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            (&shown["trial_days"], &shown["meters"][1]["reset"]),
            (&json!(14), &json!("never"))
        );
        assert_eq!(shown["resource_costs"], team()["resource_costs"]);
        // What was there stays there, and in its form.
        let pro = app
            .get("/payments/plans/pro", "")
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            pro["resource_costs"],
            json!({ "*": 1, "dicom_processing": 1 })
        );
        assert_eq!(
            pro["meters"],
            json!([{ "meter": "processing_count", "name": "次处理", "limit": 1_000, "reset": "month" }])
        );

        change(app, &admin, "team", json!({ "price": "-1.00" }))
            .await
            .refused(422, "validation_failed");
        change(app, &admin, "team", json!({ "prize": "1.00" }))
            .await
            .refused(422, "unknown_field");
        change(app, &admin, "nothing", json!({}))
            .await
            .refused(404, "not_found");
        app.post("/admin/plans", &admin, team())
            .await
            .refused(422, "validation_failed");
        let gone = app
            .call(Method::DELETE, "/admin/plans/team", &admin, None)
            .await;
        assert_eq!(gone.status, 204);
        app.get("/admin/plans/team", &admin)
            .await
            .refused(404, "not_found");
    })
    .await;
}

/// Takes the free plan.
async fn take_free(app: &App, buyer: &Buyer) {
    let free = json!({ "plan_slug": "free" });
    let path = "/payments/subscriptions/subscribe";
    let taken = app.post(path, &buyer.token, free).await;
    taken.expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn line_56_what_somebody_has_stays_as_it_was_bought_and_is_archived() {
    each_engine(async |app| {
        let (admin, buyer) = (admin(app).await, app.buyer().await);
        // Ten units, of which three are used; then there are two for those who come.
        take_free(app, &buyer).await;
        let consume = json!({ "resource_type": "dicom_processing", "cost": 3 });
        app.post("/quota/consume", &buyer.key, consume)
            .await
            .expect(StatusCode::OK);
        let dollars = json!({ "currency": "USD", "price": "0.00" });
        let refused = change(app, &admin, "free", dollars)
            .await
            .refused(409, "plan_in_use");
        assert_eq!(refused["errors"][0]["field"], "/currency");
        let refused = change(app, &admin, "free", json!({ "price": "1.00" }))
            .await
            .refused(409, "plan_in_use");
        assert_eq!(refused["errors"][0]["field"], "/price");
        let less = change(app, &admin, "free", json!({ "quota_limit": 2 }))
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            (&less["version"], &less["subscribers"]),
            (&json!(2), &json!(1))
        );
        let left = app
            .get("/quota/check?resource_type=dicom_processing", &buyer.key)
            .await
            .expect(StatusCode::OK);
        assert_eq!(left["quota"]["remaining"], 7);
        let late = app.buyer().await;
        take_free(app, &late).await;
        let left = app
            .get("/quota/check?resource_type=dicom_processing", &late.key)
            .await
            .expect(StatusCode::OK);
        assert_eq!(left["quota"]["remaining"], 2);
        app.balance().await;

        let kept = app
            .call(Method::DELETE, "/admin/plans/free", &admin, None)
            .await
            .expect(StatusCode::OK);
        assert!(kept["archived_at"].is_string());
        app.get("/payments/plans/free", "")
            .await
            .refused(404, "not_found");
        app.get("/payments/subscriptions/current", &late.key)
            .await
            .expect(StatusCode::OK);
        let detail = app
            .get("/admin/plans/free", &admin)
            .await
            .expect(StatusCode::OK);
        let limits: Vec<&Value> = detail["versions"]
            .as_array()
            .expect("versions")
            .iter()
            .map(|version| &version["meters"][0]["limit"])
            .collect();
        assert_eq!(limits, [&json!(2), &json!(2), &json!(10)]);
        assert!(
            detail["versions"][0]["created_by"].is_string()
                && detail["versions"][2]["created_by"].is_null()
        );
        let log = app
            .get("/admin/audit-log?subject_kind=plan", &admin)
            .await
            .expect(StatusCode::OK);
        let deeds: Vec<&str> = log["data"]
            .as_array()
            .expect("deeds")
            .iter()
            .filter_map(|deed| deed["action"].as_str())
            .collect();
        assert_eq!(deeds, ["plan.archived", "plan.changed"]);
        let edit = &log["data"][1];
        assert_eq!(
            edit["before"],
            json!({ "meters": "processing_count 10 (month)" }),
            "{edit}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_plans_goes_both_ways_and_shows_the_archived_ones() {
    each_engine(async |app| {
        let admin = admin(app).await;
        for number in 0..3 {
            let mut plan = team();
            plan["slug"] = json!(format!("team-{number}"));
            app.post("/admin/plans", &admin, plan)
                .await
                .expect(StatusCode::CREATED);
        }
        let page = async |query: String| {
            let list = app
                .get(&format!("/admin/plans?{query}"), &admin)
                .await
                .expect(StatusCode::OK);
            let slugs: Vec<String> = list["data"]
                .as_array()
                .expect("plans")
                .iter()
                .map(|plan| plan["slug"].as_str().expect("a slug").to_owned())
                .collect();
            (slugs, list)
        };
        let (slugs, first) = page("limit=2".to_owned()).await;
        assert_eq!(
            (slugs.as_slice(), &first["has_more"]),
            (
                ["team-2".to_owned(), "team-1".to_owned()].as_slice(),
                &json!(true)
            )
        );
        let cursor = first["next_cursor"].as_str().expect("a cursor").to_owned();
        let (slugs, second) = page(format!("limit=2&starting_after={cursor}")).await;
        assert_eq!(slugs[0], "team-0");
        let back = second["data"][0]["id"].as_str().expect("an id");
        let (slugs, _) = page(format!("limit=2&ending_before={back}")).await;
        assert_eq!(slugs, ["team-2", "team-1"]);
        assert_eq!(page("archived=true".to_owned()).await.0.len(), 0);
        assert_eq!(page("archived=false&limit=100".to_owned()).await.0.len(), 6);
        for bad in [
            "limit=0",
            "limit=101",
            "starting_after=0198a000-0000-7000-8000-000000000000",
            "archived=maybe",
        ] {
            app.get(&format!("/admin/plans?{bad}"), &admin)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}

fn run(app: &App, arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = tollgate(app.database(), arguments, "");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("a code"), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_written_to_a_file_changed_there_and_applied_once() {
    each_engine(async |app| {
        let path = app.database().folder().join("plans.toml");
        let file = path.to_str().expect("a path");
        let (code, exported, _) = run(app, &["plans", "export"]);
        assert_eq!(code, 0);
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write(&exported);
        let (code, said, told) = run(app, &["plans", "apply", file]);
        assert_eq!((code, said.as_str()), (0, ""), "{told}");
        assert!(told.contains("nothing to do"));
        // Dearer, and a new one: shown, and nothing done without a word.
        let mut text = exported.replace("price = \"99.00\"", "price = \"129.00\"");
        text.push_str("\n[[plans]]\nslug = \"yen\"\nprice = \"150\"\ncurrency = \"JPY\"\nbilling_cycle = \"yearly\"\nquota_type = \"calls\"\nquota_limit = \"unlimited\"\ni18n.zh.name = \"日元\"\n");
        write(&text);
        let (code, said, told) = run(app, &["plans", "apply", file]);
        assert_eq!(code, 5, "{told}");
        assert!(said.contains("~ pro\n    price: 99.00 → 129.00\n") && said.contains("+ yen\n"), "{said}");
        assert_eq!(app.get("/payments/plans/pro", "").await.expect(StatusCode::OK)["price"], "99.00");
        let (code, again, told) = run(app, &["plans", "apply", file, "--yes"]);
        assert_eq!((code, &again), (0, &said), "{told}");
        assert_eq!(app.get("/payments/plans/pro", "").await.expect(StatusCode::OK)["price"], "129.00");
        assert_eq!(app.get("/payments/plans/yen", "").await.expect(StatusCode::OK)["quota_limit"], Value::Null);
        assert_eq!(run(app, &["plans", "apply", file, "--yes"]).1, "");
        // What the file does not name goes when that is said.
        write(&exported);
        let (code, said, _) = run(app, &["plans", "apply", file, "--yes", "--archive-missing"]);
        assert_eq!(code, 0);
        assert!(said.contains("- yen archived"), "{said}");
        // A bad value names its plan and field, and nothing else of the file is done either.
        write(&exported.replace("price = \"99.00\"", "price = \"-1.00\"").replace("9999.00", "8888.00"));
        let (code, _, told) = run(app, &["plans", "apply", file, "--yes"]);
        assert_eq!(code, 1);
        assert!(told.contains("plan pro: price: "), "{told}");
        assert_eq!(app.get("/payments/plans/enterprise", "").await.expect(StatusCode::OK)["price"], "9999.00");
        // A rule of the house.
        let buyer = app.buyer().await;
        take_free(app, &buyer).await;
        write(&exported.replace("price = \"0.00\"", "price = \"1.00\""));
        let (code, _, told) = run(app, &["plans", "apply", file, "--yes"]);
        assert_eq!(code, 5, "{told}");
        assert_eq!(run(app, &["plans", "show", "nothing"]).0, 4);
        assert!(run(app, &["plans", "show", "pro"]).1.contains("price = \"99.00\""));
        assert!(run(app, &["plans", "list"]).1.contains("archived"));
        assert_eq!(run(app, &["plans", "apply"]).0, 2);
        let by_operator = "SELECT COUNT(*) FROM audit_log WHERE subject_kind = 'plan' AND actor_kind = 'operator'";
        assert_eq!(app.count(by_operator).await, 4);
    })
    .await;
}

async fn has_plan(app: &App, token: &str) -> bool {
    let held = app.get("/payments/subscriptions/current", token).await;
    held.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a9_whoever_registers_has_the_default_plan_at_once_and_one_person_once() {
    each_engine(async |app| {
        let admin = admin(app).await;
        assert!(!has_plan(app, &app.buyer().await.token).await);
        let default = json!({ "is_default": true });
        change(app, &admin, "pro", default.clone()).await.refused(422, "validation_failed");
        change(app, &admin, "free", default).await.expect(StatusCode::OK);
        let buyer = app.buyer().await;
        let held = app.get("/payments/subscriptions/current", &buyer.token).await.expect(StatusCode::OK);
        assert_eq!(held["plan"]["slug"], "free");
        let consume = json!({ "resource_type": "dicom_processing" });
        app.post("/quota/consume", &buyer.key, consume).await.expect(StatusCode::OK);
        app.balance().await;
        for (email, name, has) in [("ann.lee@gmail.com", "ann1", true), ("annlee+2@gmail.com", "ann2", false)] {
            let account = crate::entitlements::account(app, email, name).await;
            assert_eq!(has_plan(app, &account.token).await, has, "{email}");
        }
        // An account that staff open has it too.
        let body = json!({ "email": "new@example.com", "username": "newcomer" });
        let opened = app.post("/admin/users", &admin, body).await.expect(StatusCode::CREATED);
        assert!(opened["id"].is_string());
        let held = "SELECT COUNT(*) FROM subscriptions s JOIN users u ON u.id = s.user_id WHERE u.email = 'new@example.com'";
        assert_eq!(app.count(held).await, 1);
        // The default plan stays on sale.
        let removed = app.call(Method::DELETE, "/admin/plans/free", &admin, None).await;
        removed.refused(409, "plan_in_use");
        change(app, &admin, "free", json!({ "is_active": false })).await.refused(409, "plan_in_use");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_an_edit_of_a_plan_cut_off_anywhere_is_whole() {
    if !is_alone("plans::inv_l3_an_edit_of_a_plan_cut_off_anywhere_is_whole").await {
        return;
    }
    each_engine(async |app| {
        let admin = admin(app).await;
        let mut number = 0;
        let cut = at_every_place(
            async || {
                number += 1;
                let mut plan = team();
                (plan["slug"], plan["price"]) = (json!(format!("team-{number}")), json!("0.00"));
                plan["trial_days"] = json!(0);
                app.post("/admin/plans", &admin, plan).await.expect(StatusCode::CREATED)
            },
            async |plan| {
                // The default before gives way in the same commit.
                let edit = json!({ "is_default": true, "quota_limit": 7 });
                change(app, &admin, plan["slug"].as_str().expect("a slug"), edit).await;
            },
            async |plan| {
                let slug = plan["slug"].as_str().expect("a slug");
                let halves = "SELECT COUNT(*) FROM subscription_plans p WHERE p.version <> (SELECT COUNT(*) FROM plan_versions v WHERE v.plan_id = p.id)
                    OR NOT EXISTS (SELECT 1 FROM plan_meters m WHERE m.plan_id = p.id AND m.version = p.version AND m.position = 0
                                   AND m.meter = p.quota_type AND (m.quota_limit = p.quota_limit OR p.quota_limit IS NULL))
                    OR (SELECT COUNT(*) FROM plan_costs c WHERE c.plan_id = p.id AND c.version = p.version) <> 2";
                assert_eq!(app.count(halves).await, 0);
                let unsaid = "SELECT COUNT(*) FROM plan_versions v WHERE v.version > 1 AND v.version > 1 +
                    (SELECT COUNT(*) FROM audit_log a WHERE a.subject_kind = 'plan' AND a.action = 'plan.changed')";
                assert_eq!(app.count(unsaid).await, 0);
                let defaults = "SELECT COUNT(*) FROM subscription_plans WHERE is_default";
                if app.count("SELECT COUNT(*) FROM subscription_plans").await > 4 {
                    assert_eq!(app.count(defaults).await, 1, "the place of the default is empty");
                }
                let edit = json!({ "is_default": true, "quota_limit": 7 });
                let done = change(app, &admin, slug, edit).await.expect(StatusCode::OK);
                assert_eq!((&done["version"], &done["is_default"]), (&json!(2), &json!(true)));
                assert_eq!(app.count("SELECT COUNT(*) FROM subscription_plans WHERE is_default").await, 1);
            },
        )
        .await;
        covers(&cut, &["store/plan_edits.rs", "store/plan_versions.rs", "storage/src/audit.rs"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_l3_a_registration_cut_off_anywhere_is_an_account_with_its_plan_or_none() {
    if !is_alone(
        "plans::inv_l3_a_registration_cut_off_anywhere_is_an_account_with_its_plan_or_none",
    )
    .await
    {
        return;
    }
    each_engine(async |app| {
        let admin = admin(app).await;
        change(app, &admin, "free", json!({ "is_default": true })).await.expect(StatusCode::OK);
        let mut number = 0;
        let account = |number: u32| {
            json!({ "email": format!("cut{number}@example.com"), "username": format!("cut{number}"), "password": "plum orchard lantern 7" })
        };
        let cut = at_every_place(
            async || {
                number += 1;
                number
            },
            async |number| {
                app.post("/auth/register", "", account(*number)).await;
            },
            async |number| {
                let bare = "SELECT COUNT(*) FROM users u WHERE u.email LIKE 'cut%' AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.user_id = u.id)";
                assert_eq!(app.count(bare).await, 0, "registered without the plan");
                let orphans = "SELECT COUNT(*) FROM subscriptions s WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = s.user_id)";
                assert_eq!(app.count(orphans).await, 0, "a plan of nobody");
                // Whoever tries again has it, or had it before.
                let again = app.post("/auth/register", "", account(*number)).await;
                assert!(again.status == 201 || again.body["code"] == "email_taken", "{again:?}");
                assert_eq!(app.count(bare).await, 0);
            },
        )
        .await;
        covers(&cut, &["store/users.rs", "store/subscriptions.rs", "store/free_grants.rs", "store/quota_counters.rs"]);
    })
    .await;
}
