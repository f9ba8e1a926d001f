//! Who may call, what is refused, keys, lists and what is expanded.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Shop, monthly, once, text};

#[tokio::test]
async fn a_key_an_account_and_a_version_are_asked_for() {
    let shop = Shop::open().await;
    let url = format!("{}/sandbox/stripe/v1/events", shop.bench.base);
    for key in [None, Some("other"), Some("")] {
        let request = shop.bench.client.get(&url);
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let answer = shop.send(request).await;
        assert_eq!(answer.status, 401, "{key:?}");
        assert_eq!(answer.value["error"]["type"], "invalid_request_error");
    }
    let account = shop.bench.sandbox.stripe_merchant().account;
    for (name, value, status) in [
        ("stripe-account", "acct_other", 403),
        ("stripe-account", account.as_str(), 200),
        ("stripe-version", "2019-02-19", 400),
        ("stripe-version", "2026-10-28.endive", 200),
    ] {
        let request = shop.request(Method::GET, "account").header(name, value);
        assert_eq!(shop.send(request).await.status, status, "{name} {value}");
    }
    assert_eq!(shop.get("account").await["id"], account);
}

#[tokio::test]
async fn the_first_answer_under_a_key_is_given_ever_after() {
    let shop = Shop::open().await;
    let order = once("o1");
    let first = shop.keyed("checkout/sessions", &order, "k").await;
    let again = shop.keyed("checkout/sessions", &order, "k").await;
    assert!(first.status == 200 && !first.replayed && again.replayed);
    assert_eq!(first.text, again.text);
    let other = shop.keyed("checkout/sessions", &once("o2"), "k").await;
    assert_eq!(other.status, 400);
    assert_eq!(other.value["error"]["type"], "idempotency_error");
    let refused = shop.keyed("checkout/sessions", "mode=", "n").await;
    assert!(refused.status == 400 && !refused.replayed);
    let free = shop.keyed("checkout/sessions", &order, "n").await;
    assert_eq!(free.status, 200, "a refused request leaves its key free");
    let expire = format!("checkout/sessions/{}/expire", first.id());
    for (key, status, replayed) in [("e1", 200, false), ("e2", 400, false), ("e2", 400, true)] {
        let answer = shop.keyed(&expire, "", key).await;
        assert_eq!(
            (answer.status, answer.replayed),
            (status, replayed),
            "{key}"
        );
    }
    shop.days(1);
    shop.wait(1);
    let later = shop.keyed("checkout/sessions", &once("o3"), "k").await;
    assert_eq!(later.status, 200, "after a day a key is forgotten");
}

#[tokio::test]
async fn what_stripe_does_not_take_is_refused_by_its_name() {
    let shop = Shop::open().await;
    let (good, month) = (once("o"), monthly("o"));
    for (form, param, code) in [
        (good.replace("mode=payment", "mode=setup"), "mode", ""),
        (
            format!("{good}&payment_method_types[0]=card"),
            "payment_method_types",
            "parameter_unknown",
        ),
        (
            format!("{good}&subscription_data[metadata][a]=b"),
            "subscription_data",
            "",
        ),
        (format!("{good}&expires_at=1767323046"), "expires_at", ""),
        (
            format!("{good}&customer=cus_none"),
            "customer",
            "resource_missing",
        ),
        (
            good.replace("http://127.0.0.1:1/ok", "ok"),
            "success_url",
            "url_invalid",
        ),
        (
            good.replace("=990", "=9.9"),
            "line_items[0][price_data][unit_amount]",
            "parameter_invalid_integer",
        ),
        (
            good.replace("=990", "=49"),
            "line_items[0][price_data][unit_amount]",
            "amount_too_small",
        ),
        (
            good.replace("[currency]=usd", "[currency]=us"),
            "line_items[0][price_data][currency]",
            "",
        ),
        (
            good.replace("[product_data][name]=Pro", "[tax]=1"),
            "line_items[0][price_data][tax]",
            "parameter_unknown",
        ),
        (
            good.replace("o&metadata", &format!("{}&metadata", "x".repeat(201))),
            "client_reference_id",
            "",
        ),
        (
            format!("{good}&metadata[{}]=1", "x".repeat(41)),
            "metadata",
            "",
        ),
        (
            month.replace("interval]=month", "interval]=often"),
            "line_items[0][price_data][recurring]",
            "",
        ),
        (
            month
                .replace("mode=subscription", "mode=payment")
                .replace("subscription_data", "payment_intent_data"),
            "line_items[0][price_data][recurring]",
            "",
        ),
        (
            monthly("o").replace(
                "[recurring][interval]=month",
                "[recurring][interval_count]=1",
            ),
            "line_items[0][price_data][recurring][interval]",
            "parameter_missing",
        ),
    ] {
        let answer = shop.post("checkout/sessions", &form).await;
        assert_eq!(answer.status, 400, "{form}");
        assert_eq!(answer.value["error"]["param"], param, "{}", answer.text);
        assert_eq!(answer.code(), code, "{}", answer.text);
    }
}

#[tokio::test]
async fn several_items_are_one_sum() {
    let shop = Shop::open().await;
    let more = "line_items[1][price_data][currency]=usd&line_items[1][price_data][unit_amount]=30\
        &line_items[1][price_data][product_data][name]=Cup&line_items[1][quantity]=3";
    // Each alone is less than Stripe charges.
    let form = format!("{}&{more}", once("o").replace("=990", "=20"));
    let sold = shop.sold(&form).await;
    assert_eq!(sold["amount_total"], 110);
    let path = format!("checkout/sessions/{}/line_items", text(&sold["id"]));
    let items = shop.get(&path).await;
    assert_eq!(items["data"][1]["amount_total"], 90);
    let other = form.replace(
        "line_items[1][price_data][currency]=usd",
        "line_items[1][price_data][currency]=eur",
    );
    assert_eq!(shop.post("checkout/sessions", &other).await.status, 400);
    let monthly = format!(
        "{}&{more}&line_items[1][price_data][recurring][interval]=month",
        monthly("m")
    );
    let sold = shop.sold(&monthly).await;
    let bill = shop
        .get(&format!("invoices/{}", text(&sold["invoice"])))
        .await;
    assert_eq!(bill["amount_paid"], 1_080);
    assert_eq!(bill["lines"]["total_count"], 2);
    let mixed = monthly.replace(
        "[1][price_data][recurring][interval]=month",
        "[1][quantity]=3",
    );
    assert_eq!(shop.post("checkout/sessions", &mixed).await.status, 400);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let shop = Shop::open().await;
    for path in [
        "refunds/re_1",
        "checkout/sessions/cs_1",
        "charges/pi_1",
        "invoices/cs_1",
    ] {
        let answer = shop.send(shop.request(Method::GET, path)).await;
        assert_eq!(
            (answer.status, answer.code()),
            (404, "resource_missing"),
            "{path}"
        );
    }
    for (method, path) in [
        (Method::DELETE, "refunds/re_1"),
        (Method::POST, "charges"),
        (Method::GET, "prices"),
    ] {
        let answer = shop.send(shop.request(method, path)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let answer = shop
        .send(shop.request(Method::GET, "refunds?limit=0"))
        .await;
    assert_eq!(answer.value["error"]["param"], "limit");
}

#[tokio::test]
async fn lists_are_newest_first_a_page_at_a_time() {
    let shop = Shop::open().await;
    let mut made = Vec::new();
    for order_no in ["a", "b", "c", "d", "e"] {
        made.push(shop.page(&once(order_no)).await);
        shop.wait(10);
    }
    let ids = |list: &Value| -> Vec<String> {
        let data = list["data"].as_array().expect("data");
        data.iter().map(|object| text(&object["id"])).collect()
    };
    let first = shop.get("checkout/sessions?limit=2").await;
    assert_eq!(ids(&first), [made[4].clone(), made[3].clone()]);
    assert_eq!(first["has_more"], true);
    let path = format!("checkout/sessions?limit=3&starting_after={}", made[3]);
    let rest = shop.get(&path).await;
    assert_eq!(
        ids(&rest),
        [made[2].clone(), made[1].clone(), made[0].clone()]
    );
    assert_eq!(rest["has_more"], false);
    let path = format!("checkout/sessions?limit=1&ending_before={}", made[2]);
    let back = shop.get(&path).await;
    assert_eq!(ids(&back), [made[3].clone()]);
    assert_eq!(back["has_more"], true);
    let created =
        |at: usize| shop.bench.clock.now().seconds() - 50 + 10 * i64::try_from(at).expect("small");
    let path = format!(
        "checkout/sessions?created[gte]={}&created[lt]={}",
        created(1),
        created(3)
    );
    assert_eq!(
        ids(&shop.get(&path).await),
        [made[2].clone(), made[1].clone()]
    );
    shop.card(&made[1], super::PAYS).await;
    assert_eq!(
        ids(&shop.get("checkout/sessions?status=complete").await),
        [made[1].clone()]
    );
    let path = "events?types[0]=checkout.session.completed&types[1]=charge.succeeded";
    assert_eq!(ids(&shop.get(path).await).len(), 2);
    assert_eq!(
        ids(&shop.get("events?type=payment_intent.*").await).len(),
        1
    );
    shop.days(31);
    assert!(ids(&shop.get("events?type=charge.succeeded").await).is_empty());
}

#[tokio::test]
async fn what_is_asked_for_is_expanded() {
    let shop = Shop::open().await;
    let sold = shop.sold(&monthly("o")).await;
    let id = text(&sold["id"]);
    assert!(sold["subscription"].is_string() && sold["payment_intent"].is_null());
    let path = format!(
        "checkout/sessions/{id}?expand[]=subscription&expand[]=invoice.payments&expand[]=payment_intent\
         &expand[]=line_items"
    );
    let whole = shop.get(&path).await;
    assert_eq!(whole["subscription"]["status"], "active");
    assert_eq!(whole["line_items"]["data"][0]["amount_total"], 990);
    let invoice = &whole["invoice"];
    assert_eq!(invoice["status"], "paid");
    let intent = text(&invoice["payments"]["data"][0]["payment"]["payment_intent"]);
    let bare = shop
        .get(&format!("invoices/{}", text(&invoice["id"])))
        .await;
    assert!(
        bare.get("payments").is_none(),
        "only who asks is shown the payments"
    );
    let path = format!(
        "invoice_payments?payment[type]=payment_intent&payment[payment_intent]={intent}&limit=1\
         &expand[0]=data.invoice"
    );
    let payments = shop.get(&path).await;
    assert_eq!(payments["data"][0]["invoice"]["id"], invoice["id"]);
    let path = format!("payment_intents/{intent}?expand[0]=latest_charge.refunds");
    let intent = shop.get(&path).await;
    assert_eq!(intent["latest_charge"]["refunds"]["data"], json!([]));
    for path in ["a.b.c.d.e", "nothing", "amount_total"] {
        let path = format!("checkout/sessions/{id}?expand[0]={path}");
        let answer = shop.send(shop.request(Method::GET, &path)).await;
        assert_eq!(
            answer.value["error"]["param"], "expand",
            "{path}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn customers_are_made_changed_and_named() {
    let shop = Shop::open().await;
    let made = shop
        .post("customers", "email=a@b.example&metadata[x]=1&metadata[y]=2")
        .await;
    let id = made.id();
    let path = format!("customers/{id}");
    let changed = shop.post(&path, "name=Li&metadata[x]=&metadata[z]=3").await;
    assert_eq!(changed.value["metadata"], json!({ "y": "2", "z": "3" }));
    assert_eq!(changed.value["email"], "a@b.example");
    let sold = shop.sold(&format!("{}&customer={id}", monthly("o"))).await;
    assert_eq!(sold["customer"], id.as_str());
    let subscriptions = shop.get(&format!("subscriptions?customer={id}")).await;
    assert_eq!(subscriptions["data"][0]["id"], sold["subscription"]);
    let unnamed = shop
        .sold(&format!("{}&customer_email=c@d.example", monthly("p")))
        .await;
    let customer = shop
        .get(&format!("customers/{}", text(&unnamed["customer"])))
        .await;
    assert_eq!(customer["email"], "c@d.example");
    let found = shop.get("customers?email=c@d.example").await;
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1));
}
