//! Terms: bought, debited by themselves, tried again, and ended.

use reqwest::Method;
use serde_json::{Value, json};

use super::{PAYS, Shop, monthly, text};

const FAILS_LATER: &str = "4000000000000341";
const ASKS: &str = "4000002760003184";

async fn subscribed(card: &str) -> (Shop, String) {
    let shop = Shop::open().await;
    let id = shop.page(&monthly("o")).await;
    shop.card(&id, card).await;
    let session = shop.session(&id).await;
    shop.arrived().await;
    (shop, text(&session["subscription"]))
}

impl Shop {
    async fn subscription(&self, id: &str) -> Value {
        self.get(&format!("subscriptions/{id}")).await
    }

    /// Its bills, newest first.
    async fn bills(&self, id: &str) -> Vec<Value> {
        let list = self.get(&format!("invoices?subscription={id}")).await;
        list["data"].as_array().expect("data").clone()
    }
}

fn period(subscription: &Value) -> (i64, i64) {
    let item = &subscription["items"]["data"][0];
    let at = |name: &str| item[name].as_i64().expect("a moment");
    (at("current_period_start"), at("current_period_end"))
}

#[tokio::test]
async fn the_first_term_is_bought_on_the_page() {
    let shop = Shop::open().await;
    let sold = shop.sold(&monthly("o")).await;
    assert_eq!(
        (&sold["status"], &sold["payment_status"]),
        (&json!("complete"), &json!("paid"))
    );
    let id = text(&sold["subscription"]);
    let subscription = shop.subscription(&id).await;
    assert_eq!(subscription["status"], "active");
    assert_eq!(
        subscription["metadata"],
        json!({ "app": "shop", "order_no": "o" })
    );
    assert_eq!(subscription["latest_invoice"], sold["invoice"]);
    let (start, end) = period(&subscription);
    // 2 January to 2 February.
    assert_eq!(end - start, 31 * 86_400);
    let bill = &shop.bills(&id).await[0];
    assert_eq!(bill["billing_reason"], "subscription_create");
    assert_eq!(
        (&bill["amount_paid"], &bill["status"]),
        (&json!(990), &json!("paid"))
    );
    assert_eq!(
        bill["lines"]["data"][0]["period"],
        json!({ "start": start, "end": end })
    );
    assert_eq!(
        (&bill["period_start"], &bill["period_end"]),
        (&json!(start), &json!(start))
    );
    let details = &bill["parent"]["subscription_details"];
    assert_eq!(details["subscription"], id.as_str());
    assert_eq!(details["metadata"]["order_no"], "o");
    assert!(bill.get("subscription").is_none() && bill.get("payment_intent").is_none());
    assert!(subscription.get("current_period_end").is_none());
    let told = shop.told().await;
    for kind in [
        "customer.created",
        "customer.subscription.created",
        "invoice.paid",
        "payment_intent.succeeded",
        "customer.subscription.updated",
        "checkout.session.completed",
    ] {
        assert_eq!(
            told.iter().filter(|one| *one == kind).count(),
            1,
            "{kind}: {told:?}"
        );
    }
}

#[tokio::test]
async fn a_further_term_is_debited_an_hour_after_it_began() {
    let (shop, id) = subscribed(PAYS).await;
    let before = period(&shop.subscription(&id).await);
    shop.days(31);
    let subscription = shop.subscription(&id).await;
    assert_eq!(subscription["status"], "active");
    let (start, end) = period(&subscription);
    assert_eq!(
        (start, end - start),
        (before.1, 28 * 86_400),
        "2 February to 2 March"
    );
    assert_eq!(shop.bills(&id).await[0]["status"], "draft");
    let told = shop.told().await;
    assert_eq!(told, ["customer.subscription.updated", "invoice.created"]);
    shop.wait(3_600);
    let bill = shop.bills(&id).await.remove(0);
    assert_eq!(
        (&bill["status"], &bill["billing_reason"]),
        (&json!("paid"), &json!("subscription_cycle"))
    );
    assert_eq!(bill["status_transitions"]["paid_at"], start + 3_600);
    assert_eq!(
        bill["lines"]["data"][0]["period"],
        json!({ "start": start, "end": end })
    );
    assert_eq!(
        (&bill["period_start"], &bill["period_end"]),
        (&json!(before.0), &json!(before.1))
    );
    assert!(shop.told().await.contains(&"invoice.paid".to_owned()));
    let books = shop.bench.sandbox.stripe_books().await.expect("books");
    assert_eq!(books.sums[0].came_in, 2 * 990);
    assert!(
        books
            .data
            .iter()
            .all(|movement| movement.order_no.as_deref() == Some("o"))
    );
}

#[tokio::test]
async fn many_terms_pass_at_once_each_at_its_own_moment() {
    let (shop, id) = subscribed(PAYS).await;
    shop.days(100);
    let bills = shop.bills(&id).await;
    assert_eq!(bills.len(), 4);
    let mut created: Vec<_> = bills.iter().map(|bill| bill["created"].as_i64()).collect();
    created.reverse();
    assert!(
        created.windows(2).all(|pair| pair[0] < pair[1]),
        "{created:?}"
    );
    let events = shop.get("events?type=invoice.paid&limit=100").await;
    let paid = events["data"].as_array().expect("data");
    // Events are kept for thirty days.
    assert_eq!(paid.len(), 1);
    assert_eq!(
        paid[0]["created"],
        bills[0]["status_transitions"]["paid_at"]
    );
}

#[tokio::test]
async fn a_debit_that_fails_is_tried_again_and_then_it_is_over() {
    let (shop, id) = subscribed(FAILS_LATER).await;
    shop.days(31);
    shop.wait(3_600);
    let bill = shop.bills(&id).await.remove(0);
    assert_eq!(
        (&bill["status"], &bill["attempt_count"]),
        (&json!("open"), &json!(1))
    );
    let now = shop.bench.clock.now().seconds();
    assert_eq!(bill["next_payment_attempt"], now + 3 * 86_400);
    assert_eq!(shop.subscription(&id).await["status"], "past_due");
    let told = shop.told().await;
    assert!(
        told.contains(&"invoice.payment_failed".to_owned()),
        "{told:?}"
    );
    assert!(!told.contains(&"invoice.paid".to_owned()));
    shop.days(3);
    shop.days(5);
    assert_eq!(shop.bills(&id).await[0]["attempt_count"], 3);
    assert_eq!(shop.subscription(&id).await["status"], "past_due");
    shop.days(7);
    let over = shop.subscription(&id).await;
    assert_eq!(over["status"], "canceled");
    assert_eq!(over["cancellation_details"]["reason"], "payment_failed");
    let told = shop.told().await;
    assert_eq!(
        told.iter()
            .filter(|kind| *kind == "invoice.payment_failed")
            .count(),
        3
    );
    assert!(told.contains(&"customer.subscription.deleted".to_owned()));
    shop.days(200);
    assert_eq!(
        shop.bills(&id).await.len(),
        2,
        "nothing is debited any more"
    );
    assert!(shop.told().await.is_empty());
}

#[tokio::test]
async fn a_debit_that_was_ordered_to_fail_twice_succeeds_at_the_third_try() {
    let (shop, id) = subscribed(PAYS).await;
    shop.fault("renewal_fails", json!({ "times": 2, "order": "o" }))
        .await;
    shop.days(31);
    shop.wait(3_600);
    assert_eq!(shop.subscription(&id).await["status"], "past_due");
    shop.days(3);
    assert_eq!(shop.subscription(&id).await["status"], "past_due");
    shop.days(5);
    assert_eq!(shop.subscription(&id).await["status"], "active");
    let bill = shop.bills(&id).await.remove(0);
    assert_eq!(
        (&bill["status"], &bill["attempt_count"]),
        (&json!("paid"), &json!(3))
    );
    let told = shop.told().await;
    assert_eq!(
        told.iter()
            .filter(|kind| *kind == "invoice.payment_failed")
            .count(),
        2
    );
    assert_eq!(
        told.iter().filter(|kind| *kind == "invoice.paid").count(),
        1
    );
}

#[tokio::test]
async fn a_bank_that_asks_at_a_debit_is_answered_on_the_bills_page() {
    let shop = Shop::open().await;
    let page = shop.page(&monthly("o")).await;
    assert_eq!(shop.card(&page, ASKS).await["asks"], true);
    assert_eq!(shop.session(&page).await["status"], "open");
    let (_, told) = shop.hand(&page, json!({ "answer": "approve" })).await;
    assert_eq!(told["status"], "complete");
    let id = text(&shop.session(&page).await["subscription"]);
    shop.arrived().await;
    shop.days(31);
    shop.wait(3_600);
    let bill = shop.bills(&id).await.remove(0);
    assert!(
        shop.told()
            .await
            .contains(&"invoice.payment_action_required".to_owned())
    );
    let number = text(&bill["id"]);
    assert!(text(&bill["hosted_invoice_url"]).ends_with(&number));
    let (status, told) = shop.hand(&number, json!({ "answer": "approve" })).await;
    assert_eq!((status, &told["status"]), (200, &json!("paid")));
    assert_eq!(shop.subscription(&id).await["status"], "active");
    let told = shop.told().await;
    assert!(told.contains(&"invoice.paid".to_owned()), "{told:?}");
    shop.days(10);
    assert_eq!(
        shop.bills(&id).await[0]["attempt_count"],
        2,
        "nobody tries what is paid"
    );
    assert_eq!(shop.hand(&number, json!({ "number": PAYS })).await.0, 409);
}

#[tokio::test]
async fn the_merchant_ends_it_with_its_term_goes_on_or_ends_it_now() {
    let (shop, id) = subscribed(PAYS).await;
    let path = format!("subscriptions/{id}");
    let end = period(&shop.subscription(&id).await).1;
    let marked = shop.post(&path, "cancel_at_period_end=true").await;
    assert_eq!(marked.value["cancel_at_period_end"], true);
    assert_eq!(
        (&marked.value["cancel_at"], &marked.value["status"]),
        (&json!(end), &json!("active"))
    );
    assert_eq!(shop.told().await, ["customer.subscription.updated"]);
    let again = shop.post(&path, "cancel_at_period_end=true").await;
    assert_eq!(again.status, 200);
    assert!(shop.told().await.is_empty(), "nothing has changed");
    let on = shop.post(&path, "cancel_at_period_end=false").await;
    assert!(on.value["cancel_at"].is_null() && on.value["canceled_at"].is_null());
    shop.post(&path, "cancel_at_period_end=true&metadata[x]=1")
        .await;
    shop.arrived().await;
    shop.days(31);
    let over = shop.subscription(&id).await;
    assert_eq!(
        (&over["status"], &over["ended_at"]),
        (&json!("canceled"), &json!(end))
    );
    assert_eq!(over["metadata"]["x"], "1");
    assert_eq!(shop.told().await, ["customer.subscription.deleted"]);
    assert_eq!(shop.bills(&id).await.len(), 1);
    assert_eq!(
        shop.post(&path, "cancel_at_period_end=false").await.status,
        400
    );
    let gone = shop.send(shop.request(Method::DELETE, &path)).await;
    assert_eq!((gone.status, gone.code()), (404, "resource_missing"));

    let (shop, id) = subscribed(PAYS).await;
    let path = format!("subscriptions/{id}");
    let ended = shop.send(shop.request(Method::DELETE, &path)).await;
    assert_eq!(ended.value["status"], "canceled");
    shop.days(60);
    assert_eq!(shop.bills(&id).await.len(), 1);
    let listed = |status: &str| format!("subscriptions?status={status}");
    assert_eq!(shop.get("subscriptions").await["data"], json!([]));
    assert_eq!(shop.get(&listed("all")).await["data"][0]["id"], id.as_str());
    assert_eq!(
        shop.get(&listed("canceled")).await["data"][0]["id"],
        id.as_str()
    );
}

#[tokio::test]
async fn a_bill_is_not_debited_after_its_subscription_has_ended() {
    let (shop, id) = subscribed(FAILS_LATER).await;
    shop.days(31);
    shop.wait(3_600);
    assert_eq!(shop.bills(&id).await[0]["attempt_count"], 1);
    shop.send(shop.request(Method::DELETE, &format!("subscriptions/{id}")))
        .await;
    shop.days(30);
    let bill = shop.bills(&id).await.remove(0);
    assert_eq!(
        (&bill["attempt_count"], &bill["auto_advance"]),
        (&json!(1), &json!(false))
    );
    // By hand it still can be paid, or fail; nobody comes back to life.
    let tried = shop
        .post(&format!("invoices/{}/pay", text(&bill["id"])), "")
        .await;
    assert_eq!(tried.value["attempt_count"], 2);
    assert_eq!(shop.subscription(&id).await["status"], "canceled");
}
