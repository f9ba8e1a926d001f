//! The console: what came in, what goes back, what waits for a decision, who has what, what is used.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tollgate_auth::model::role::Role;

use super::browser::{Browser, Page};
use super::house::staff;
use crate::harness::{App, Buyer, each_engine, until};
use crate::refunds::{at_the_gateway, fault, has_plan, paid, status};
use crate::suspense::set_aside;

/// Every page of it that has no id in its address, and the permission it takes; tables too.
const PAGES: [(&str, &str); 7] = [
    ("/console/transactions", "payments.read"),
    ("/console/transactions.csv", "payments.read"),
    ("/console/refunds", "payments.read"),
    ("/console/suspense", "payments.read"),
    ("/console/subscriptions", "payments.read"),
    ("/console/usage", "usage.read"),
    ("/console/usage.csv", "usage.read"),
];
const NOBODYS: &str = "0198a000-0000-7000-8000-000000000000";

async fn email(app: &App, buyer: &Buyer) -> String {
    let me = app.get("/auth/me", &buyer.key).await.expect(StatusCode::OK);
    me["email"].as_str().expect("an address").to_owned()
}

/// Opens the form of a refund, and sends it filled.
async fn send_back(finance: &mut Browser<'_>, id: &str, amount: &str, again: &str) -> Page {
    let path = format!("/console/transactions/{id}/refund");
    let form = finance.get(&path).await;
    let key = form.expect(StatusCode::OK).field("key").expect("a key");
    send_again(finance, id, &key, amount, again).await
}

async fn send_again(
    finance: &mut Browser<'_>,
    id: &str,
    key: &str,
    amount: &str,
    again: &str,
) -> Page {
    let path = format!("/console/transactions/{id}/refund");
    let fields = [
        ("key", key),
        ("amount", amount),
        ("again", again),
        ("reason", "did not like it"),
        ("end", ""),
    ];
    finance.post(&path, &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p11_a_refund_of_the_console_is_made_once_however_often_its_form_is_sent() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let id = paid(app, &buyer).await;
        // The money may have been seen by a question of ours first.
        let called = "SELECT COUNT(*) FROM webhook_calls WHERE verdict = 'verified'";
        until("the provider's call", async || app.count(called).await > 0).await;
        let mut finance = staff(app, Role::Finance).await;
        let page = finance.get(&format!("/console/transactions/{id}")).await;
        page.expect(StatusCode::OK).says(&[
            "CN¥99.00",
            ">Paid</span>",
            &format!("href=\"/console/transactions/{id}/refund\""),
            &email(app, &buyer).await,
            "Order sent to the provider",
            "The provider called back; we answered 200",
        ]);

        // What does not fit is told, and nothing moves.
        for (amount, again, told) in [
            ("30.00", "30.01", "Not the amount above"),
            ("0.00", "0.00", "An amount above zero"),
            ("99.01", "99.01", "At most CN¥99.00 is left"),
        ] {
            let page = send_back(&mut finance, &id, amount, again).await;
            page.expect(StatusCode::OK).says(&[told, "did not like it"]);
        }
        assert_eq!(at_the_gateway(app).await, (0, 0));

        // A part, by a double click.
        let path = format!("/console/transactions/{id}/refund");
        let form = finance.get(&path).await;
        assert_eq!(form.field("amount").as_deref(), Some("99.00"), "all of it");
        let key = form.field("key").expect("a key");
        let done = format!("/console/transactions/{id}?done=refunded");
        for _ in 0..2 {
            let sent = send_again(&mut finance, &id, &key, "30.00", "30.00").await;
            assert_eq!(sent.location(), done);
        }
        assert_eq!(at_the_gateway(app).await, (1, 3_000));
        let other = send_again(&mut finance, &id, &key, "31.00", "31.00").await;
        other
            .expect(StatusCode::OK)
            .says(&["This form was sent before"]);
        let shown = status(app, &buyer, &id).await;
        assert_eq!(
            (&shown["status"], &shown["refunded_amount"]),
            (&json!("completed"), &json!("30.00"))
        );
        let page = finance.get(&done).await;
        page.says(&["The money has gone back.", "Gone back", "CN¥69.00"]);

        // All that is left, by a form that is sent again after it has gone.
        let form = finance.get(&path).await;
        assert_eq!(form.field("amount").as_deref(), Some("69.00"));
        let key = form.field("key").expect("a key");
        for _ in 0..2 {
            let sent = send_again(&mut finance, &id, &key, "69.00", "69.00").await;
            assert_eq!(sent.location(), done);
        }
        assert_eq!(at_the_gateway(app).await, (2, 9_900));
        let shown = status(app, &buyer, &id).await;
        assert_eq!(
            (&shown["status"], &shown["refunded_amount"]),
            (&json!("refunded"), &json!("99.00"))
        );
        assert!(
            !has_plan(app, &buyer).await,
            "with the last of it the plan ends"
        );
        let page = finance.get(&path).await;
        page.says(&["Nothing is left to refund."])
            .hides(&["name=\"again\""]);
        let page = finance.get("/console/refunds").await;
        page.says(&["CN¥30.00", "CN¥69.00", "did not like it", "Staff"]);
        let page = finance.get("/console/refunds?state=unknown").await;
        page.says(&["Nothing fits these filters."]);
        app.balance().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_in_doubt_is_not_shown_as_failed() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let id = paid(app, &buyer).await;
        // The answer is lost, and questions about it bring none either.
        fault(app, "answer_lost", "alipay.trade.refund", "").await;
        for _ in 0..3 {
            fault(app, "busy", "alipay.trade.fastpay.refund.query", "").await;
        }
        let mut finance = staff(app, Role::Finance).await;
        let sent = send_back(&mut finance, &id, "10.00", "10.00").await;
        let here = sent.location().to_owned();
        assert_eq!(here, format!("/console/transactions/{id}?done=refund_sent"));
        let page = finance.get(&here).await;
        page.says(&[
            "The refund is on its way.",
            "In doubt is not failed",
            ">In doubt<",
        ])
        .hides(&[">Failed<"]);
        let page = finance.get("/console/refunds?state=unknown").await;
        page.says(&["CN¥10.00", "not failed"]);
        let home = finance.get("/console").await;
        home.says(&["Refunds in doubt: 1"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_moves_only_for_those_who_showed_lately_who_they_are() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let id = paid(app, &buyer).await;
        let path = format!("/console/transactions/{id}/refund");
        let mut finance = staff(app, Role::Finance).await;
        let form = finance.get(&path).await;
        let key = form.field("key").expect("a key");
        app.clock.advance(Duration::from_mins(6));
        let page = finance.get(&path).await;
        page.expect(StatusCode::OK)
            .says(&["Confirm that it is me", "/portal/confirm?next="])
            .hides(&["name=\"again\""]);
        let sent = send_again(&mut finance, &id, &key, "9.00", "9.00").await;
        assert!(sent.location().starts_with("/portal/confirm?"));
        assert_eq!(at_the_gateway(app).await, (0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_each_role_sees_the_money_its_calls_show_and_nothing_else() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let id = paid(app, &buyer).await;
        let order = format!("/console/transactions/{id}");
        let mut nobody = Browser::new(app);
        for path in PAGES
            .iter()
            .map(|(path, _)| *path)
            .chain([&*order, "/console"])
        {
            let led = nobody.get(path).await;
            assert!(
                led.location().starts_with("/portal/login?next=%2Fconsole"),
                "{path}"
            );
        }
        let mut own = Browser::signed_in(app, &buyer).await;
        for path in PAGES
            .iter()
            .map(|(path, _)| *path)
            .chain([&*order, "/console"])
        {
            own.get(path)
                .await
                .expect(StatusCode::FORBIDDEN)
                .says(&["Permission denied"]);
        }
        for role in Role::ALL {
            let held = tollgate_auth::model::role::held(false, &[role]);
            let mut browser = staff(app, role).await;
            for (path, permission) in PAGES {
                let page = browser.get(path).await;
                assert_eq!(page.status == 200, held.hold(permission), "{path} {role:?}");
            }
            browser.get("/console").await.expect(StatusCode::OK);
            let page = browser.get(&order).await;
            let may_refund = held.hold("finance");
            assert_eq!(page.body.contains("/refund\""), may_refund, "{role:?}");
            let form = browser.get(&format!("{order}/refund")).await;
            let expected = if may_refund { 200 } else { 403 };
            assert_eq!(form.status, expected, "{role:?}");
            if !may_refund {
                let sent = send_again(&mut browser, &id, "k", "1.00", "1.00").await;
                sent.expect(StatusCode::FORBIDDEN).says(&["finance"]);
            }
        }
        assert_eq!(at_the_gateway(app).await, (0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404_and_forged_forms_of_money_are_403() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let id = paid(app, &buyer).await;
        let mut finance = staff(app, Role::Finance).await;
        for id in [NOBODYS, "x", "%00"] {
            for path in [
                format!("/console/transactions/{id}"),
                format!("/console/transactions/{id}/refund"),
                format!("/console/suspense/{id}"),
            ] {
                assert_eq!(finance.get(&path).await.status, 404, "{path}");
            }
        }
        assert_eq!(finance.get("/console/suspense?state=x").await.status, 404);
        let order = format!("/console/transactions/{id}");
        finance.get(&order).await.expect(StatusCode::OK);
        for to in [
            format!("{order}/sync"),
            format!("{order}/refund"),
            format!("/console/suspense/{NOBODYS}"),
        ] {
            finance
                .refuses_forgeries(&to, &[("amount", "99.00"), ("again", "99.00")])
                .await;
        }
        for list in [
            "transactions",
            "refunds",
            "subscriptions",
            "suspense",
            "usage",
        ] {
            let page = finance
                .get(&format!("/console/{list}?starting_after={NOBODYS}"))
                .await;
            assert_eq!(page.status, 422, "{list}");
        }
        let unknown = finance
            .post(&format!("/console/transactions/{NOBODYS}/sync"), &[])
            .await;
        assert_eq!(unknown.status, 404);
        assert_eq!(at_the_gateway(app).await, (0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_are_found_summed_downloaded_and_asked_about() {
    each_engine(async |app| {
        let (ann, bob) = (app.buyer().await, app.buyer().await);
        let first = paid(app, &ann).await;
        let open = app.order(&bob).await["transaction"]["id"].clone();
        let open = open.as_str().expect("an id").to_owned();
        let (ann, bob) = (email(app, &ann).await, email(app, &bob).await);
        let mut support = staff(app, Role::Support).await;
        let order_no = first.replace('-', "");
        let all = "/console/transactions".to_owned();
        for (path, shown, hidden) in [
            (all.clone(), vec![&first, &open], vec![]),
            (format!("{all}?status=completed"), vec![&first], vec![&open]),
            (format!("{all}?q={ann}"), vec![&first], vec![&open]),
            (format!("{all}?q={order_no}"), vec![&first], vec![&open]),
            (format!("{all}?q={first}"), vec![&first], vec![&open]),
            (format!("{all}?method=wechat"), vec![], vec![&first, &open]),
            (
                format!("{all}?currency=cny&method=alipay"),
                vec![&first, &open],
                vec![],
            ),
            (format!("{all}?currency=USD"), vec![], vec![&first, &open]),
            (format!("{all}?to=2001-01-01"), vec![], vec![&first, &open]),
            (
                format!("{all}?from=2001-01-01"),
                vec![&first, &open],
                vec![],
            ),
            (
                format!("{all}?q=nobody-at-all"),
                vec![],
                vec![&first, &open],
            ),
        ] {
            let page = support.get(&path).await;
            page.expect(StatusCode::OK);
            let link = |id: &String| format!("href=\"/console/transactions/{id}\"");
            for id in shown {
                page.says(&[&link(id)]);
            }
            for id in hidden {
                page.hides(&[&link(id)]);
            }
        }
        // Both of them begin like this.
        let page = support.get("/console/transactions?q=b").await;
        page.says(&["Which one do you mean?", &ann, &bob]);
        let page = support
            .get("/console/transactions?from=yesterday&currency=x&status=y")
            .await;
        page.expect(StatusCode::OK)
            .says(&["Not a day.", "Not a value of this filter"]);
        let page = support
            .get("/console/transactions?from=2026-05-02&to=2026-05-01")
            .await;
        page.says(&["The end is before the beginning"]);
        // Sums are of what is listed.
        let page = support.get(&format!("/console/transactions?q={bob}")).await;
        page.says(&["by currency", "CN¥0.00"])
            .hides(&["over 10 minutes"]);
        app.clock.advance(Duration::from_secs(601));
        let page = support.get("/console/transactions?status=pending").await;
        page.says(&["over 10 minutes"]);
        let home = support.get("/console").await;
        home.says(&["waited for more than 10 minutes: 1", "?status=pending"]);

        let table = support
            .get("/console/transactions.csv?status=completed")
            .await;
        table.expect(StatusCode::OK);
        assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
        assert_eq!(table.body.lines().count(), 2);
        assert!(table.body.contains(&first) && !table.body.contains(&open));
        let unclear = support.get("/console/transactions.csv?q=b").await;
        assert_eq!(unclear.status, 422);

        let here = format!("/console/transactions/{open}");
        support.get(&here).await.says(&["Ask the provider now"]);
        let asked = support.post(&format!("{here}/sync"), &[]).await;
        assert_eq!(asked.location(), format!("{here}?done=asked"));
        let page = support.get(asked.location()).await;
        page.says(&["The provider was asked.", "Provider asked about the order"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p6_money_in_suspense_is_decided_about_at_the_desk_once() {
    each_engine(async |app| {
        let buyer = app.buyer().await;
        let looks = crate::refunds::finance(app).await;
        let (_, second, kept) = set_aside(app, &buyer, &looks).await;
        let id = kept["id"].as_str().expect("an id");
        let here = format!("/console/suspense/{id}");
        let mut reader = staff(app, Role::ReadOnly).await;
        let page = reader.get("/console/suspense").await;
        page.says(&[&here, "Cannot be given any more"]);
        let page = reader.get(&here).await;
        page.expect(StatusCode::OK)
            .says(&[&format!("/console/transactions/{second}")])
            .hides(&["name=\"action\""]);
        let sent = reader.post(&here, &[("action", "refund")]).await;
        sent.expect(StatusCode::FORBIDDEN);

        let mut finance = staff(app, Role::Finance).await;
        let order = format!("/console/transactions/{second}");
        let page = finance.get(&order).await;
        page.says(&["lies in suspense", &here])
            .hides(&["/refund\""]);
        finance.get(&here).await.says(&["name=\"action\"", &second]);
        let decide = async |finance: &mut Browser<'_>, action: &str, reason: &str, sure: bool| {
            let mut fields = vec![("action", action), ("reason", reason), ("order", &*second)];
            if sure {
                fields.push(("sure", "on"));
            }
            finance.post(&here, &fields).await
        };
        let page = decide(&mut finance, "", "", false).await;
        page.expect(StatusCode::OK).says(&[
            "Choose one of the three",
            "1 to 256 characters",
            "Tick this after you have looked",
        ]);
        let page = decide(&mut finance, "apply", "the dearer one", true).await;
        page.expect(StatusCode::OK)
            .says(&["another plan in force", "the dearer one"]);
        let held = decide(&mut finance, "hold", "asking the buyer", true).await;
        assert_eq!(held.location(), format!("{here}?done=held"));
        let page = finance.get(held.location()).await;
        page.says(&["stays here for now", "On hold", "asking the buyer"]);
        let back = decide(&mut finance, "refund", "wrong plan", true).await;
        assert_eq!(back.location(), format!("{here}?done=sent_back"));
        let page = decide(&mut finance, "refund", "again", true).await;
        page.expect(StatusCode::OK)
            .says(&["decided about already"])
            .hides(&["name=\"action\""]);
        let refunds = "SELECT COUNT(*) FROM refunds WHERE suspense_id IS NOT NULL";
        assert_eq!(app.count(refunds).await, 1);
        let page = finance.get("/console/suspense").await;
        page.hides(&[&here]).says(&["Nothing lies here."]);
        finance
            .get("/console/suspense?state=all")
            .await
            .says(&[&here]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_who_has_what_and_what_is_used_and_how_it_all_stands() {
    each_engine(async |app| {
        let (ann, bob) = (app.buyer().await, app.buyer().await);
        paid(app, &ann).await;
        let call = json!({ "resource_type": "processing", "cost": 3 });
        for _ in 0..2 {
            let used = app.post("/quota/consume", &ann.key, call.clone()).await;
            used.expect(StatusCode::OK);
        }
        let (ann_is, bob_is) = (email(app, &ann).await, email(app, &bob).await);
        let mut admin = staff(app, Role::Admin).await;
        let page = admin.get("/console/subscriptions").await;
        page.expect(StatusCode::OK).says(&[&ann_is, "Active"]);
        let page = admin
            .get(&format!("/console/subscriptions?user={}", ann.id))
            .await;
        page.says(&[&ann_is]).hides(&[&bob_is]);
        let page = admin.get("/console/subscriptions?status=cancelled").await;
        page.says(&["Nothing fits these filters."]);

        let page = admin.get("/console/usage").await;
        page.expect(StatusCode::OK)
            .says(&["6 units in 2 calls", "processing", &ann_is, "<svg"]);
        let page = admin.get("/console/usage?group=user").await;
        page.says(&[&ann_is, "100.0%"]);
        let page = admin.get("/console/usage?group=api_key").await;
        page.says(&["name one first"]).hides(&["<svg"]);
        let page = admin
            .get(&format!("/console/usage?group=api_key&q={ann_is}"))
            .await;
        page.says(&["6 units in 2 calls"]);
        let page = admin.get("/console/usage?resource_type=no+name!").await;
        page.says(&["Not a value of this filter"]);
        let page = admin.get(&format!("/console/usage?q={bob_is}")).await;
        page.says(&["Nobody has used anything"]);
        let table = admin.get("/console/usage.csv").await;
        assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
        assert_eq!(table.body.lines().count(), 3);

        let home = admin.get("/console").await;
        home.expect(StatusCode::OK).says(&[
            "Before the first customer",
            "A payment provider",
            "Nothing waits for you.",
            "Revenue today",
            "CN¥99.00",
            "100.0%",
            "6 units in 2 calls",
        ]);
        let mut reader = staff(app, Role::ReadOnly).await;
        let home = reader.get("/console").await;
        home.says(&["CN¥99.00"])
            .hides(&["Before the first customer"]);
    })
    .await;
}
