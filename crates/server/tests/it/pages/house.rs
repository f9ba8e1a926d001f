//! The console: people, plans, the audit log.

use reqwest::StatusCode;
use serde_json::json;
use tollgate_auth::model::role::Role;
use tollgate_storage::in_tx;

use super::browser::{Browser, Page};
use crate::harness::{App, Buyer, Pen, each_engine};
use crate::refunds;

/// Every page of the house that has no id in its address, and the permission it takes.
pub(super) const PAGES: [(&str, &str); 12] = [
    ("/console/users", "users.read"),
    ("/console/users/new", "users.write"),
    ("/console/plans", "admin"),
    ("/console/plans/new", "admin"),
    ("/console/callbacks", "payments.read"),
    ("/console/webhooks", "admin"),
    ("/console/keys", "admin"),
    ("/console/audit", "audit.read"),
    ("/console/audit.csv", "audit.read"),
    ("/console/jobs", "admin"),
    ("/console/settings", "admin"),
    ("/console/doctor", "admin"),
];
const NOBODYS: &str = "0198a000-0000-7000-8000-000000000000";

async fn given(app: &App, buyer: &Buyer, role: Role) {
    let mut tx = app.db.begin().await.expect("begins");
    let id: uuid::Uuid = buyer.id.parse().expect("an id");
    let statement = "INSERT INTO user_roles (user_id, role, created_at)
        SELECT id, $2, created_at FROM users WHERE id = $1";
    in_tx!(&mut tx, |c| sqlx::query(statement)
        .bind(id)
        .bind(role.as_str())
        .execute(c)
        .await
        .map(|_| ()))
    .expect("given");
    tx.commit().await.expect("commits");
}

/// A member of staff, signed in by the page.
pub(super) async fn staff(app: &App, role: Role) -> Browser<'_> {
    let buyer = app.buyer().await;
    given(app, &buyer, role).await;
    Browser::signed_in(app, &buyer).await
}

/// Reads a page first, so that the form has its word.
pub(super) async fn send(
    browser: &mut Browser<'_>,
    page: &str,
    to: &str,
    fields: &[(&str, &str)],
) -> Page {
    browser.get(page).await.expect(StatusCode::OK);
    browser.post(to, fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_each_role_opens_what_its_calls_open_and_nothing_else() {
    each_engine(async |app| {
        let mut nobody = Browser::new(app);
        for (path, _) in PAGES {
            let led = nobody.get(path).await;
            assert!(
                led.location().starts_with("/portal/login?next=%2Fconsole"),
                "{path}"
            );
        }
        let buyer = app.buyer().await;
        let mut people = vec![("nobody's", Browser::signed_in(app, &buyer).await, None)];
        for role in Role::ALL {
            people.push((role.as_str(), staff(app, role).await, Some(role)));
        }
        for (name, browser, role) in &mut people {
            let held = tollgate_auth::model::role::held(false, role.as_slice());
            for (path, permission) in PAGES {
                let page = browser.get(path).await;
                if held.hold(permission) {
                    assert_eq!(page.status, 200, "{path} as {name}: {}", page.body);
                    let is_table = path.rsplit_once('.').is_some_and(|(_, kind)| kind == "csv");
                    let shown = if is_table {
                        "actor_kind"
                    } else {
                        "aria-current=\"page\""
                    };
                    page.says(&[shown]);
                } else {
                    assert_eq!(page.status, 403, "{path} as {name}");
                    page.says(&["Permission denied", permission]);
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404_and_forged_forms_are_403() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut admin = staff(app, Role::Admin).await;
        for path in [
            "/console/users/",
            "/console/plans/",
            "/console/callbacks/",
            "/console/webhooks/",
            "/console/webhooks/deliveries/",
            "/console/settings/letters/zh-",
        ] {
            for id in [NOBODYS, "x", "%00"] {
                let page = admin.get(&format!("{path}{id}")).await;
                assert_eq!(page.status, 404, "{path}{id}: {}", page.body);
            }
        }
        let user = format!("/console/users/{}", buyer.id);
        admin.get("/console/users/new").await.expect(StatusCode::OK);
        for to in [
            "/console/users",
            "/console/users/invite",
            "/console/audit/check",
            "/console/plans",
            "/console/plans/preview",
            "/console/plans/samples",
            "/console/keys",
            "/console/webhooks",
            &format!("{user}/active"),
            &format!("{user}/roles"),
            &format!("{user}/sign-out"),
            &format!("{user}/second-factor"),
            &format!("{user}/grant-plan"),
            &format!("{user}/grant-units"),
            &format!("/console/plans/{NOBODYS}"),
            &format!("/console/plans/{NOBODYS}/remove"),
            &format!("/console/callbacks/{NOBODYS}/replay"),
            &format!("/console/jobs/{NOBODYS}/retry"),
            &format!("/console/webhooks/{NOBODYS}/change"),
            &format!("/console/webhooks/{NOBODYS}/rotate"),
            &format!("/console/webhooks/{NOBODYS}/delete"),
            &format!("/console/webhooks/{NOBODYS}/test"),
            &format!("/console/webhooks/{NOBODYS}/recover"),
            &format!("/console/webhooks/deliveries/{NOBODYS}/resend"),
            &format!("/console/keys/{NOBODYS}/rotate"),
            &format!("/console/keys/{NOBODYS}/delete"),
        ] {
            admin.refuses_forgeries(to, &[("active", "no")]).await;
        }
        let seen = app
            .get("/auth/me", &buyer.token)
            .await
            .expect(StatusCode::OK);
        assert_eq!(seen["is_active"], true);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one walk, told as it is walked")]
async fn a_person_is_found_and_everything_about_them_is_told() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let me = app
            .get("/auth/me", &buyer.token)
            .await
            .expect(StatusCode::OK);
        let (email, name) = (
            me["email"].as_str().expect("one"),
            me["username"].as_str().expect("one"),
        );
        let mut admin = staff(app, Role::Admin).await;
        for query in [
            format!("q={email}"),
            format!("q={}", buyer.id),
            format!("q={name}&active=yes&staff=no"),
        ] {
            admin
                .get(&format!("/console/users?{query}"))
                .await
                .expect(StatusCode::OK)
                .says(&[email, &buyer.id]);
        }
        for query in [
            format!("q={name}&active=no"),
            format!("q={name}&staff=yes"),
            "q=%25".to_owned(),
        ] {
            admin
                .get(&format!("/console/users?{query}"))
                .await
                .expect(StatusCode::OK)
                .hides(&[email]);
        }
        app.order(&buyer).await;
        let path = format!("/console/users/{}", buyer.id);
        let page = admin.get(&path).await;
        page.expect(StatusCode::OK).says(&[
            email,
            "Signed in",
            "Order of CN¥99.00, not paid yet",
            "no plan",
        ]);

        // A plan, then units; each form given twice counts once.
        let key = page.field("key").expect("a key");
        let plan = [
            ("plan_slug", "pro"),
            ("terms", "2"),
            ("reason", "a prize"),
            ("key", &key),
        ];
        for _ in 0..2 {
            let given = admin.post(&format!("{path}/grant-plan"), &plan).await;
            assert_eq!(given.location(), format!("{path}?done=plan_given"));
        }
        let page = admin.get(&format!("{path}?done=plan_given")).await;
        page.expect(StatusCode::OK).says(&[
            "The plan was given.",
            "Subscription began",
            "a prize",
            "(pro)",
        ]);
        let count = "SELECT COUNT(*) FROM audit_log WHERE action = 'user.plan_granted'";
        assert_eq!(app.count(count).await, 1);
        let key = page.field("key").expect("a key");
        let units = [
            ("units", "25"),
            ("reason", "<b>outage</b>"),
            ("key", key.as_str()),
        ];
        for _ in 0..2 {
            let given = admin.post(&format!("{path}/grant-units"), &units).await;
            assert_eq!(given.location(), format!("{path}?done=units_given"));
        }
        let page = admin.get(&path).await;
        page.says(&["25 units of processing_count given", "&#60;b&#62;outage"])
            .hides(&["<b>outage"]);
        assert_eq!(app.count("SELECT COUNT(*) FROM quota_grants").await, 1);

        // What cannot be given is said beside its field, and what was typed stays.
        let wrong = [
            ("units", "-3"),
            ("meter", "no such"),
            ("expires_at", "soon"),
            ("reason", "kept words"),
        ];
        let page = admin.post(&format!("{path}/grant-units"), &wrong).await;
        page.expect(StatusCode::OK)
            .says(&["kept words", "a whole number from 1", "a date, as"]);
        let wrong = [("plan_slug", "pro"), ("terms", "many"), ("reason", "x")];
        let page = admin.post(&format!("{path}/grant-plan"), &wrong).await;
        page.expect(StatusCode::OK).says(&["1 to 120"]);

        // Out, off and on again.
        let out = admin
            .post(
                &format!("{path}/sign-out"),
                &[("keys", "on"), ("reason", "lost phone")],
            )
            .await;
        assert_eq!(out.location(), format!("{path}?done=signed_out"));
        assert_eq!(app.get("/auth/me", &buyer.key).await.status, 401);
        for (active, word) in [("no", "deactivated"), ("yes", "activated")] {
            let set = admin
                .post(
                    &format!("{path}/active"),
                    &[("active", active), ("reason", "asked for it")],
                )
                .await;
            assert_eq!(set.location(), format!("{path}?done={word}"));
        }
        let page = admin.get(&path).await;
        page.says(&[
            "user.deactivated",
            "asked for it",
            "is_active: true → false",
            "lost phone",
        ]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_has_pages_and_shows_what_its_reader_may_see() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let me = app
            .get("/auth/me", &buyer.token)
            .await
            .expect(StatusCode::OK);
        for _ in 0..24 {
            let login = json!({ "email": me["email"], "password": buyer.password });
            app.post("/auth/login", "", login)
                .await
                .expect(StatusCode::OK);
        }
        app.order(&buyer).await;
        let path = format!("/console/users/{}", buyer.id);
        let mut finance = staff(app, Role::Finance).await;
        let first = finance.get(&path).await;
        first
            .expect(StatusCode::OK)
            .says(&["Order of", "takes permissions that you do not have"]);
        first.hides(&["Set roles", "Deactivate", "Give units"]);
        let signed = |page: &Page| page.body.matches("Signed in<").count();
        assert_eq!(signed(&first), 19);
        let next = first
            .body
            .split("rel=\"next\" href=\"")
            .nth(1)
            .expect("a next page");
        let next = next
            .split('"')
            .next()
            .expect("an address")
            .replace("&#38;", "&");
        let second = finance.get(&format!("{path}{next}")).await;
        second
            .expect(StatusCode::OK)
            .hides(&["Order of", "rel=\"next\""]);
        assert_eq!(signed(&second), 6);
        // Whoever is not staff sees nothing of it.
        let mut other = Browser::signed_in(app, &app.buyer().await).await;
        assert_eq!(other.get(&path).await.status, 403);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_people_says_of_each_which_plan_they_have() {
    each_engine(async |app| {
        let mut admin = staff(app, Role::Admin).await;
        let (free, pro, none) = (app.buyer().await, app.buyer().await, app.buyer().await);
        refunds::paid(app, &pro).await;
        let wish = json!({ "plan_slug": "free" });
        let had = app.post("/payments/subscriptions/subscribe", &free.token, wish);
        had.await.expect(StatusCode::CREATED);
        let list = admin.get("/console/users?staff=no").await;
        list.expect(StatusCode::OK);
        let rows: Vec<&str> = list.body.split("<tr>").collect();
        for (buyer, plan) in [
            (&free, "<bdi>free</bdi>"),
            (&pro, "<bdi>pro</bdi>"),
            (&none, "—"),
        ] {
            let row = rows.iter().find(|row| row.contains(&buyer.id));
            assert!(row.expect("listed").contains(plan), "{plan}: {row:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_given_by_admins_and_one_stays() {
    each_engine(async |app| {
        let (buyer, own) = (app.buyer().await, app.buyer().await);
        given(app, &own, Role::Admin).await;
        let mut admin = Browser::signed_in(app, &own).await;
        let path = format!("/console/users/{}", buyer.id);
        let set = send(
            &mut admin,
            &path,
            &format!("{path}/roles"),
            &[("role_support", "on"), ("reason", "new here")],
        )
        .await;
        assert_eq!(set.location(), format!("{path}?done=roles"));
        admin.get(&path).await.says(&["support", "new here"]);
        // A member of staff is touched by admins only.
        let mut support = Browser::signed_in(app, &own_of(app, Role::Support).await).await;
        support
            .get(&path)
            .await
            .expect(StatusCode::OK)
            .hides(&["Deactivate", "Set roles"]);
        let refused = support
            .post(&format!("{path}/active"), &[("active", "no")])
            .await;
        assert_eq!(refused.status, 403);
        let refused = support.post(&format!("{path}/roles"), &[]).await;
        assert_eq!(refused.status, 403);
        // The last admin stays, and hears so on the page.
        let mine = format!("/console/users/{}", own.id);
        let kept = send(&mut admin, &mine, &format!("{mine}/roles"), &[]).await;
        kept.expect(StatusCode::OK)
            .says(&["Make somebody else an admin first"]);
        let kept = admin
            .post(&format!("{mine}/active"), &[("active", "no")])
            .await;
        kept.expect(StatusCode::OK)
            .says(&["Make somebody else an admin first"]);
        // Nothing to remove.
        let none = admin.post(&format!("{path}/second-factor"), &[]).await;
        assert_eq!(none.status, 404);
    })
    .await;
}

async fn own_of(app: &App, role: Role) -> Buyer {
    let buyer = app.buyer().await;
    given(app, &buyer, role).await;
    buyer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_opened_and_somebody_is_invited() {
    each_engine(async |app| {
        let mut support = staff(app, Role::Support).await;
        let new = "/console/users/new";
        let fields = [
            ("email", "new@example.com"),
            ("username", "newcomer"),
            ("locale", "en"),
            ("reason", "by phone"),
        ];
        let opened = send(&mut support, new, "/console/users", &fields).await;
        assert!(
            opened.location().ends_with("?done=opened"),
            "{}",
            opened.body
        );
        let to = opened.location().to_owned();
        support
            .get(&to)
            .await
            .says(&["new@example.com", "The account is open."]);
        let again = send(&mut support, new, "/console/users", &fields).await;
        again
            .expect(StatusCode::OK)
            .says(&["The e-mail address is taken", "by phone"]);
        let wrong = [("email", "nobody"), ("username", "a b"), ("locale", "xx")];
        let page = send(&mut support, new, "/console/users", &wrong).await;
        page.expect(StatusCode::OK)
            .says(&["not an e-mail address", "3 to 32 letters", "zh or en"]);
        let invited = send(
            &mut support,
            new,
            "/console/users/invite",
            &[("email", "guest@example.com")],
        )
        .await;
        assert_eq!(invited.location(), "/console/users?done=invited");
        let wrong = send(
            &mut support,
            new,
            "/console/users/invite",
            &[("email", "x")],
        )
        .await;
        wrong
            .expect(StatusCode::OK)
            .says(&["not an e-mail address"]);
    })
    .await;
}

fn team<'a>() -> Vec<(&'a str, &'a str)> {
    vec![
        ("slug", "team"),
        ("price", "199.00"),
        ("currency", "CNY"),
        ("billing_cycle", "monthly"),
        ("name_zh", "团队版"),
        ("features_zh", "两种配额\r\n优先支持"),
        ("name_en", "Team"),
        ("meter_0", "calls"),
        ("limit_0", "500"),
        ("reset_0", "month"),
        ("meter_1", "storage"),
        ("word_zh_1", "GB 空间"),
        ("word_en_1", "GB of <b>space</b>"),
        ("unlimited_1", "on"),
        ("reset_1", "never"),
        ("cost_0", "dicom_processing"),
        ("cost_units_0", "1"),
        ("cost_2", "upload"),
        ("cost_units_2", "3"),
        ("cost_meter_2", "storage"),
        ("trial_days", "14"),
        ("sort_order", "9"),
        ("is_active", "on"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one walk, told as it is walked")]
async fn line_56_a_plan_is_made_previewed_changed_and_taken_away() {
    each_engine(async |app| {
        let mut admin = staff(app, Role::Admin).await;
        let page = admin.get("/console/plans/new").await;
        page.expect(StatusCode::OK).says(&["/static/plan.js"]);
        let key = page.field("key").expect("a key");
        // Looked at, nothing is written.
        let mut look = team();
        look.extend([("act", "preview"), ("key", key.as_str())]);
        let seen = admin.post("/console/plans", &look).await;
        seen.expect(StatusCode::OK).says(&[
            "¥199.00",
            "CN¥199.00",
            "团队版",
            "14 days free",
            "500 calls",
            "优先支持",
        ]);
        assert_eq!(
            seen.field("key").as_deref(),
            Some(key.as_str()),
            "the same key"
        );
        assert_eq!(
            app.count("SELECT COUNT(*) FROM subscription_plans").await,
            3
        );
        let fragment = admin.post("/console/plans/preview", &team()).await;
        fragment
            .expect(StatusCode::OK)
            .says(&[
                "CN¥199.00",
                "GB 空间，不重置",
                "GB of &#60;b&#62;space&#60;/b&#62;",
            ])
            .hides(&["<html", "<b>space"]);
        // A word that is too long is told where it stands.
        let mut long = team();
        let word = "x".repeat(41);
        long.push(("word_en_0", &word));
        let refused = admin.post("/console/plans", &long).await;
        refused.expect(StatusCode::OK).says(&[
            &format!("value=\"{word}\""),
            "id=\"plan_word_en_0_fault\">1 to 40 characters",
        ]);

        let mut fields = team();
        fields.push(("key", &key));
        let made = admin.post("/console/plans", &fields).await;
        let path = made
            .location()
            .strip_suffix("?done=created")
            .expect("made")
            .to_owned();
        let again = admin.post("/console/plans", &fields).await;
        assert_eq!(again.location(), made.location(), "made once");
        let shown = app
            .get("/payments/plans/team", "")
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            shown["resource_costs"],
            json!({ "dicom_processing": 1, "upload": { "meter": "storage", "units": 3 } })
        );
        assert_eq!(
            shown["meters"][1],
            json!({ "meter": "storage", "name": "GB 空间", "limit": null, "reset": "never" })
        );
        assert_eq!(
            shown["i18n"]["zh"]["features"],
            json!(["两种配额", "优先支持"])
        );
        assert_eq!(shown["trial_days"], 14);

        // What is read is what is written: saved as it came, nothing is another.
        let page = admin.get(&path).await;
        page.expect(StatusCode::OK);
        let version = page.field("version").expect("a version");
        let mut same = team();
        same.push(("version", &version));
        let saved = admin.post(&path, &same).await;
        assert_eq!(saved.location(), format!("{path}?done=saved"));
        assert_eq!(
            admin.get(&path).await.field("version").as_deref(),
            Some("1")
        );
        // Two edit at once: the second hears of it, and what was typed stays.
        let mut dearer: Vec<_> = same
            .iter()
            .copied()
            .filter(|(name, _)| *name != "price")
            .collect();
        dearer.push(("price", "299.00"));
        assert_eq!(
            admin.post(&path, &dearer).await.location(),
            format!("{path}?done=saved")
        );
        let late = admin.post(&path, &dearer).await;
        late.expect(StatusCode::OK)
            .says(&["there is a newer version", "299.00"]);
        // Faults, each beside its field.
        let wrong = [
            ("slug", "No"),
            ("price", "1"),
            ("currency", "CNY"),
            ("billing_cycle", "weekly"),
            ("meter_0", "calls"),
            ("limit_0", "x"),
            ("cost_3", "a"),
            ("cost_units_3", "0"),
            ("trial_days", "-1"),
            ("name_zh", "版"),
        ];
        let page = admin.post("/console/plans", &wrong).await;
        page.expect(StatusCode::OK).says(&[
            "1 to 63 of a-z",
            "decimals",
            "monthly, yearly or lifetime",
        ]);
        let twice = [
            ("cost_5", "upload"),
            ("cost_units_5", "9"),
            ("version", "2"),
        ];
        let both: Vec<_> = same
            .iter()
            .copied()
            .filter(|(name, _)| *name != "version")
            .chain(twice)
            .collect();
        admin
            .post(&path, &both)
            .await
            .expect(StatusCode::OK)
            .says(&["stands in another row"]);

        let gone = admin.post(&format!("{path}/remove"), &[]).await;
        assert_eq!(gone.location(), "/console/plans?done=deleted");
        assert_eq!(admin.get(&path).await.status, 404);
        assert_eq!(admin.post(&path, &same).await.status, 404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sample_plans_are_offered_where_there_are_none_and_used_ones_are_archived() {
    each_engine(async |app| {
        let mut admin = staff(app, Role::Admin).await;
        let plans = admin.get("/console/plans").await;
        plans
            .expect(StatusCode::OK)
            .says(&["Enterprise", "CN¥99.00"])
            .hides(&["Use the sample plans"]);
        let taken = admin.post("/console/plans/samples", &[]).await;
        assert_eq!(taken.status, 422, "there are plans");
        for slug in ["free", "pro", "enterprise"] {
            let to = format!("/console/plans/{slug}/remove");
            assert_eq!(
                admin.post(&to, &[]).await.location(),
                "/console/plans?done=deleted"
            );
        }
        admin
            .get("/console/plans")
            .await
            .says(&["There are no plans.", "Use the sample plans"]);
        let used = admin.post("/console/plans/samples", &[]).await;
        assert_eq!(used.location(), "/console/plans?done=samples");
        let count = "SELECT COUNT(*) FROM audit_log WHERE action = 'plan.created'";
        assert_eq!(app.count(count).await, 3);
        let buyer = app.buyer().await;
        app.order(&buyer).await;
        let kept = admin.post("/console/plans/pro/remove", &[]).await;
        assert!(kept.location().ends_with("?done=archived"), "{}", kept.body);
        admin
            .get("/console/plans?archived=yes")
            .await
            .says(&["Archived"])
            .hides(&["Enterprise"]);
        admin
            .get("/console/plans?archived=no")
            .await
            .says(&["Enterprise"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a10_the_log_tells_who_did_what_and_whether_it_is_whole() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let mut admin = staff(app, Role::Admin).await;
        let path = format!("/console/users/{}", buyer.id);
        let done = send(
            &mut admin,
            &path,
            &format!("{path}/active"),
            &[("active", "no"), ("reason", "<i>why</i>")],
        )
        .await;
        done.expect(StatusCode::SEE_OTHER);
        let mut reader = staff(app, Role::ReadOnly).await;
        let page = reader
            .get(&format!("/console/audit?kind=user&subject={}", buyer.id))
            .await;
        page.expect(StatusCode::OK).says(&[
            "user.deactivated",
            "&#60;i&#62;why",
            "<del><bdi>true</bdi></del>",
            "<ins><bdi>false</bdi></ins>",
            "127.0.0.1",
        ]);
        reader
            .get("/console/audit?actor=nobody")
            .await
            .expect(StatusCode::OK)
            .says(&["Nothing was done."]);
        // The same, to download.
        let table = format!("/console/audit.csv?kind=user&subject={}", buyer.id);
        page.says(&[&format!("href=\"{}\"", table.replace('&', "&#38;"))]);
        let table = reader.get(&table).await;
        table.expect(StatusCode::OK).says(&["user.deactivated"]);
        table.hides(&["user.created"]);
        assert!(
            table.headers["content-type"]
                .as_bytes()
                .starts_with(b"text/csv")
        );
        assert_eq!(table.body.lines().count(), 2, "{}", table.body);
        reader
            .get("/console/audit.csv?actor=nobody")
            .await
            .expect(StatusCode::OK)
            .hides(&["user.deactivated"]);
        let checked = reader.post("/console/audit/check", &[]).await;
        assert_eq!(checked.location(), "/console/audit?done=whole");
        reader
            .get("/console/audit?done=whole")
            .await
            .says(&["as it was written"]);
        // Whatever else the address says is not said.
        reader
            .get("/console/audit?done=%3Cscript%3E&row=x")
            .await
            .hides(&["<script>", "notice"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_paid_stands_beside_them_by_currency() {
    each_engine(async |app| {
        let (rich, poor) = (app.buyer().await, app.buyer().await);
        let pen = Pen::of(app).await;
        for amount in [9_900, 100] {
            let wish = json!({
                "amount_minor": amount, "currency": "CNY", "payment_method": "alipay", "description": "x",
            });
            let order = app.post("/payments/create", &rich.token, wish).await;
            let order = order.expect(StatusCode::CREATED);
            app.notify(pen.sign(&pen.paid(&order))).await;
        }
        // An order that nobody paid is nothing that was spent.
        app.order(&poor).await;
        let spent = app.payment.spent([&rich, &poor, &rich].map(|one| one.id.parse().expect("an id")));
        let spent = spent.await.expect("read");
        let sums: Vec<String> = spent.values().flatten().map(ToString::to_string).collect();
        assert_eq!((spent.len(), sums), (1, vec!["100.00".to_owned()]));
        let mut reader = staff(app, Role::ReadOnly).await;
        let all = reader.get("/console/users").await;
        all.expect(StatusCode::OK).says(&["Spent", "CN¥100.00"]);
        assert_eq!(all.body.matches("CN¥").count(), 1, "{}", all.body);
    })
    .await;
}
