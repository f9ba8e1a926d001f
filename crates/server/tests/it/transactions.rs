//! Payments as lists, and what happened around one (A8).

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{App, Buyer, each_engine};
use crate::refunds::{finance, paid, refund};

async fn ids(app: &App, buyer: &Buyer, query: &str) -> Vec<String> {
    let page = app
        .get(&format!("/payments/transactions{query}"), &buyer.token)
        .await;
    named(&page.expect(StatusCode::OK))
}

fn named(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().expect("a list").iter();
    rows.map(|row| row["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_a8_everybody_sees_their_own_payments_and_finance_sees_all() {
    each_engine(async |app| {
        let (ann, bob) = (app.buyer().await, app.buyer().await);
        let staff = finance(app).await;
        let first = paid(app, &ann).await;
        let open = app.order(&bob).await["transaction"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        assert_eq!(ids(app, &ann, "").await, std::slice::from_ref(&first));
        assert_eq!(
            ids(app, &bob, "?mine=false").await,
            std::slice::from_ref(&open)
        );
        assert_eq!(ids(app, &staff, "").await, [open.clone(), first.clone()]);
        assert!(ids(app, &staff, "?mine=true").await.is_empty());
        for (query, expected) in [
            ("?status=completed", vec![&first]),
            ("?status=pending", vec![&open]),
            ("?status=failed", vec![]),
            ("?payment_method=alipay&limit=1", vec![&open]),
            ("?payment_method=wechat", vec![]),
            ("?from=2001-01-01T00:00:00Z&to=2002-01-01T00:00:00Z", vec![]),
            (&format!("?starting_after={open}"), vec![&first]),
        ] {
            let found = ids(app, &staff, query).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
        }
        let path = |id: &str| format!("/payments/transactions/{id}");
        app.get(&path(&first), &ann.token)
            .await
            .expect(StatusCode::OK);
        app.get(&path(&first), &staff.token)
            .await
            .expect(StatusCode::OK);
        app.get(&path(&first), &bob.token)
            .await
            .refused(404, "not_found");
        for bad in [
            "?limit=0",
            "?limit=101",
            "?status=paid",
            "?payment_method=cash",
            "?from=today",
            &format!("?starting_after={first}"),
        ] {
            app.get(&format!("/payments/transactions{bad}"), &bob.token)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_what_happened_around_a_payment_and_ask_again() {
    each_engine(async |app| {
        let (buyer, staff) = (app.buyer().await, finance(app).await);
        let open = app.order(&buyer).await["transaction"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let path = format!("/admin/transactions/{open}");
        let sync = app
            .call(Method::POST, &format!("{path}/sync"), &staff.token, None)
            .await;
        let seen = sync.expect(StatusCode::OK);
        let calls: Vec<&str> = seen["calls_out"]
            .as_array()
            .expect("calls")
            .iter()
            .map(|call| call["operation"].as_str().expect("a word"))
            .collect();
        assert_eq!(calls[0], "create");
        assert!(calls.contains(&"query"), "{calls:?}");

        let other = app.buyer().await;
        let id = paid(app, &other).await;
        refund(
            app,
            &staff,
            &id,
            json!({ "amount": "1.00", "reason": "a coupon" }),
        )
        .await
        .expect(StatusCode::CREATED);
        let seen = app
            .get(&format!("/admin/transactions/{id}"), &staff.token)
            .await;
        let seen = seen.expect(StatusCode::OK);
        assert_eq!(seen["transaction"]["refunded_amount"], "1.00");
        assert_eq!(seen["refunds"][0]["reason"], "a coupon");
        assert_eq!(seen["calls_in"][0]["verdict"], "verified");
        let last = seen["calls_out"]
            .as_array()
            .and_then(|calls| calls.last())
            .expect("a call");
        assert_eq!(
            (&last["operation"], &last["state"]),
            (&json!("refund"), &json!("succeeded"))
        );

        let table = app
            .get("/admin/transactions?format=csv", &staff.token)
            .await;
        assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
        let table = table.expect(StatusCode::OK);
        let lines: Vec<&str> = table.as_str().expect("text").lines().collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].starts_with("id,order_no,user_id,"));
        assert!(
            lines[1].starts_with(&id)
                && lines[1].contains(",99.00,CNY,1.00,completed,subscription,alipay,")
        );
        app.get("/admin/transactions?format=xml", &staff.token)
            .await
            .refused(422, "validation_failed");
        let filtered = app
            .get(
                &format!("/admin/transactions?user_id={}", buyer.id),
                &staff.token,
            )
            .await;
        assert_eq!(named(&filtered.expect(StatusCode::OK)), [open]);
        let nobody = "0198a000-0000-7000-8000-000000000000";
        app.get(&format!("/admin/transactions/{nobody}"), &staff.token)
            .await
            .refused(404, "not_found");
    })
    .await;
}
