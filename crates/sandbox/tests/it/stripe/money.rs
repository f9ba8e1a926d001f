//! Single payments, refunds, disputes and the books.

use serde_json::{Value, json};

use super::{PAYS, Shop, monthly, once, text};

impl Shop {
    async fn intent(&self, session: &Value) -> Value {
        let id = text(&session["payment_intent"]);
        self.get(&format!("payment_intents/{id}?expand[0]=latest_charge"))
            .await
    }

    /// What came in, what went out, and what is left.
    async fn sums(&self) -> (i64, i64, i64) {
        let books = self.bench.sandbox.stripe_books().await.expect("books");
        let sum = books.sums.first().expect("one currency");
        (sum.came_in, sum.went_out, sum.net)
    }
}

#[tokio::test]
async fn a_declined_card_then_one_that_asks_pays_once() {
    let shop = Shop::open().await;
    let id = shop.page(&once("o")).await;
    for (number, reason) in [
        ("4000000000000002", "generic_decline"),
        ("4000 0000 0000 9995", "insufficient_funds"),
        ("4000000000000069", "expired_card"),
        ("4111111111111111", "incorrect_number"),
    ] {
        let told = shop.card(&id, number).await;
        assert_eq!(
            (&told["declined"], &told["status"]),
            (&json!(reason), &json!("open"))
        );
    }
    let declined = shop.intent(&shop.session(&id).await).await;
    assert_eq!(declined["status"], "requires_payment_method");
    assert_eq!(declined["last_payment_error"]["code"], "incorrect_number");
    assert_eq!(
        shop.hand(&id, json!({ "answer": "approve" })).await.0,
        409,
        "no bank has asked"
    );
    assert_eq!(shop.card(&id, "4000002760003184").await["asks"], true);
    let (_, refused) = shop.hand(&id, json!({ "answer": "refuse" })).await;
    assert_eq!(refused["declined"], "payment_intent_authentication_failure");
    shop.card(&id, "4000002760003184").await;
    let (_, paid) = shop.hand(&id, json!({ "answer": "approve" })).await;
    assert_eq!(paid["return_url"], format!("http://127.0.0.1:1/ok?s={id}"));
    assert_eq!(
        shop.hand(&id, json!({ "number": PAYS })).await.0,
        409,
        "paid is paid"
    );
    let session = shop.session(&id).await;
    assert_eq!(
        (&session["payment_status"], &session["amount_total"]),
        (&json!("paid"), &json!(990))
    );
    assert!(session["url"].is_null());
    let intent = shop.intent(&session).await;
    assert_eq!(
        intent["metadata"],
        json!({ "app": "shop", "order_no": "o" })
    );
    assert_eq!(intent["amount_received"], 990);
    assert_eq!(shop.sums().await, (990, 0, 990));
    let expire = shop
        .post(&format!("checkout/sessions/{id}/expire"), "")
        .await;
    assert_eq!(expire.status, 400);
}

#[tokio::test]
async fn a_page_is_closed_by_the_merchant_or_by_time() {
    let shop = Shop::open().await;
    let (closed, old) = (shop.page(&once("a")).await, shop.page(&once("b")).await);
    let answer = shop
        .post(&format!("checkout/sessions/{closed}/expire"), "")
        .await;
    assert_eq!(answer.value["status"], "expired");
    shop.days(1);
    for id in [closed, old] {
        assert_eq!(shop.session(&id).await["status"], "expired");
        assert_eq!(shop.hand(&id, json!({ "number": PAYS })).await.0, 409);
    }
    assert_eq!(shop.told().await, ["checkout.session.expired"; 2]);
}

#[tokio::test]
async fn money_goes_back_in_parts_and_never_more_than_was_paid() {
    let shop = Shop::open().await;
    let sold = shop.sold(&once("o")).await;
    let intent = text(&sold["payment_intent"]);
    shop.arrived().await;
    let part = format!(
        "payment_intent={intent}&amount=400&reason=requested_by_customer&metadata[refund_no]=r"
    );
    let first = shop.keyed("refunds", &part, "r").await;
    assert_eq!(
        (&first.value["status"], &first.value["amount"]),
        (&json!("succeeded"), &json!(400))
    );
    assert!(shop.keyed("refunds", &part, "r").await.replayed);
    assert_eq!(shop.told().await, ["charge.refunded", "refund.created"]);
    let charge = text(&first.value["charge"]);
    for (amount, code) in [
        ("591", ""),
        ("0", "parameter_invalid_integer"),
        ("-1", "parameter_invalid_integer"),
    ] {
        let form = format!("charge={charge}&amount={amount}");
        let more = shop.post("refunds", &form).await;
        assert_eq!((more.status, more.code()), (400, code), "{amount}");
    }
    let rest = shop.post("refunds", &format!("charge={charge}")).await;
    assert_eq!(rest.value["amount"], 590);
    let none = shop
        .post("refunds", &format!("payment_intent={intent}"))
        .await;
    assert_eq!(none.code(), "charge_already_refunded");
    let whole = shop.get(&format!("charges/{charge}")).await;
    assert_eq!(
        (&whole["refunded"], &whole["amount_refunded"]),
        (&json!(true), &json!(990))
    );
    for filter in [
        format!("payment_intent={intent}"),
        format!("charge={charge}"),
    ] {
        let list = shop
            .get(&format!("refunds?{filter}&expand[0]=data.payment_intent"))
            .await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(2), "{filter}");
        assert_eq!(list["data"][1]["metadata"]["refund_no"], "r");
        assert_eq!(list["data"][0]["payment_intent"]["id"], intent.as_str());
    }
    assert_eq!(shop.sums().await, (990, 990, 0));
    let unpaid = shop.page(&once("p")).await;
    shop.card(&unpaid, "4000000000000002").await;
    let unpaid = text(&shop.session(&unpaid).await["payment_intent"]);
    let refused = shop
        .post("refunds", &format!("payment_intent={unpaid}"))
        .await;
    assert_eq!(refused.status, 400, "nothing was paid");
}

#[tokio::test]
async fn many_refunds_at_once_stay_within_what_was_paid() {
    let shop = Shop::open().await;
    let sold = shop.sold(&once("o")).await;
    let form = format!(
        "payment_intent={}&amount=300",
        text(&sold["payment_intent"])
    );
    let all = (0..12).map(|_| shop.post("refunds", &form));
    let answers = futures_util::future::join_all(all).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        3
    );
    assert_eq!(shop.sums().await, (990, 900, 90));
}

#[tokio::test]
async fn a_refund_takes_its_time_and_may_fail_in_the_end() {
    let shop = Shop::open().await;
    for (kind, first, then, back, sums) in [
        (
            "refund_pending_succeeded",
            "pending",
            "succeeded",
            990,
            (990, 990, 0),
        ),
        (
            "refund_pending_failed",
            "pending",
            "failed",
            0,
            (1_980, 990, 990),
        ),
        (
            "refund_fails_later",
            "succeeded",
            "failed",
            0,
            (3_960, 1_980, 1_980),
        ),
    ] {
        let sold = shop.sold(&once(kind)).await;
        let intent = text(&sold["payment_intent"]);
        shop.fault(kind, json!({ "order": kind, "argument": "60" }))
            .await;
        let refund = shop
            .post("refunds", &format!("payment_intent={intent}"))
            .await;
        assert_eq!(refund.value["status"], first, "{kind}");
        let more = shop
            .post("refunds", &format!("payment_intent={intent}"))
            .await;
        assert_eq!(
            more.code(),
            "charge_already_refunded",
            "it counts while it pends"
        );
        shop.arrived().await;
        shop.wait(60);
        let refund = shop.get(&format!("refunds/{}", refund.id())).await;
        assert_eq!(refund["status"], then, "{kind}");
        assert!(shop.told().await.contains(&"refund.updated".to_owned()));
        let charge = shop
            .get(&format!("charges/{}", text(&refund["charge"])))
            .await;
        assert_eq!(charge["amount_refunded"], back, "{kind}");
        assert_eq!(shop.sums().await, sums, "{kind}");
    }
}

#[tokio::test]
async fn somebody_refunds_at_the_dashboard() {
    let shop = Shop::open().await;
    let once = shop.sold(&once("a")).await;
    let month = shop.sold(&monthly("b")).await;
    shop.arrived().await;
    let by_order = shop
        .desk("console-refund", json!({ "order": "b", "amount": 90 }))
        .await;
    assert_eq!(
        (by_order.status, &by_order.value["metadata"]),
        (201, &json!({}))
    );
    let intent = text(&once["payment_intent"]);
    let by_money = shop
        .desk("console-refund", json!({ "payment_intent": intent }))
        .await;
    assert_eq!(by_money.value["amount"], 990);
    assert_eq!(month["payment_status"], "paid");
    assert_eq!(shop.told().await.len(), 4);
    for wish in [
        json!({ "payment_intent": intent }),
        json!({ "order": "b", "amount": 901 }),
        json!({ "order": "nobody" }),
        json!({}),
    ] {
        let refused = shop.desk("console-refund", wish.clone()).await;
        assert_eq!(refused.status, 422, "{wish}");
    }
    let books = shop.get_json("books").await;
    assert_eq!(books["data"][2]["cause"], "console");
    assert_eq!(books["data"][2]["order_no"], "b");
    assert_eq!(books["sums"][0]["net"], 900);
}

#[tokio::test]
async fn a_bank_takes_money_back_and_gives_it_again_or_not() {
    let shop = Shop::open().await;
    for (order_no, outcome, net) in [("a", "won", 990), ("b", "lost", 990)] {
        let sold = shop.sold(&once(order_no)).await;
        let intent = text(&sold["payment_intent"]);
        shop.arrived().await;
        let opened = shop
            .desk("console-dispute", json!({ "order": order_no }))
            .await;
        let id = opened.id();
        assert_eq!(
            shop.told().await,
            ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
        );
        let dispute = shop
            .get(&format!("disputes/{id}?expand[0]=payment_intent"))
            .await;
        assert_eq!(
            (&dispute["status"], &dispute["amount"]),
            (&json!("needs_response"), &json!(990))
        );
        assert_eq!(dispute["payment_intent"]["metadata"]["order_no"], order_no);
        let refund = shop
            .post("refunds", &format!("payment_intent={intent}"))
            .await;
        assert_eq!(refund.code(), "charge_disputed");
        let again = shop
            .desk("console-dispute", json!({ "order": order_no }))
            .await;
        assert_eq!(again.status, 422);
        let ending = json!({ "dispute": id, "outcome": outcome });
        let closed = shop.desk("console-dispute-close", ending.clone()).await;
        assert_eq!(closed.value["status"], outcome);
        assert!(
            shop.told()
                .await
                .contains(&"charge.dispute.closed".to_owned())
        );
        assert_eq!(shop.desk("console-dispute-close", ending).await.status, 422);
        assert_eq!(shop.sums().await.2, net, "{outcome}");
    }
}

#[tokio::test]
async fn currencies_without_decimals_are_whole_units() {
    let shop = Shop::open().await;
    let form = once("o").replace("[currency]=usd", "[currency]=JPY");
    let id = shop.page(&form).await;
    let page = shop.bench.client.get(shop.url(&format!("pay/{id}")));
    let page = shop.send(page).await.text;
    assert!(page.contains("990 JPY"), "{page}");
    shop.card(&id, PAYS).await;
    assert_eq!(shop.session(&id).await["currency"], "jpy");
}

impl Shop {
    /// What is no part of the API.
    pub(crate) async fn get_json(&self, path: &str) -> Value {
        self.send(self.bench.client.get(self.url(path))).await.value
    }
}
