//! The ways to pay, and taking a payment back.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::alipay::AlipayKeys;
use tollgate_payment::providers::{
    Cancelled, NewOrder, OrderKey, Payer, PaymentAction, PaymentProvider as _, ProviderError,
};
use url::Url;

use super::gateway::{APP_ID, Call, Gateway, clock, signed, vector_key, word};

const PRECREATE: &str = "alipay.trade.precreate";
const CANCEL: &str = "alipay.trade.cancel";

fn order(scene: Scene) -> NewOrder {
    let id: PaymentId = Ids::new(clock(), Entropy::seeded(7)).next();
    NewOrder {
        order_no: OrderNo::of(id),
        amount: Money::new(9_900, Currency::CNY),
        description: "专业版 Pro".to_owned(),
        expires_at: clock().now().after(std::time::Duration::from_mins(30)),
        notify_url: "https://pay.example/payments/webhooks/alipay".to_owned(),
        scene,
        return_url: Some("https://shop.example/paid?order=1&x=é".to_owned()),
        payer: Payer::default(),
        renews: None,
    }
}

/// All that stands in a query, each name once.
fn read(query: &str) -> Call {
    let mut call = Call::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let twice = call.insert(name.into_owned(), value.into_owned());
        assert!(twice.is_none(), "a parameter is given twice");
    }
    call
}

fn content(call: &Call) -> Value {
    serde_json::from_str(&call["biz_content"]).expect("JSON")
}

#[tokio::test]
async fn every_way_is_signed_and_says_the_same_of_the_order() {
    let (gateway, alipay) = Gateway::by_key().await;
    for (scene, method, product, extra) in [
        (
            Scene::Page,
            "alipay.trade.page.pay",
            "FAST_INSTANT_TRADE_PAY",
            None,
        ),
        (
            Scene::H5,
            "alipay.trade.wap.pay",
            "QUICK_WAP_WAY",
            Some("quit_url"),
        ),
        (
            Scene::App,
            "alipay.trade.app.pay",
            "QUICK_MSECURITY_PAY",
            None,
        ),
    ] {
        let order = order(scene);
        let created = alipay.create_payment(&order).await.expect("a way");
        let query = match &created.action {
            PaymentAction::Redirect { url } => {
                assert!(url.starts_with(&format!("{}?", gateway.url)), "{url}");
                // Longer ones are cut by some browsers.
                assert!(url.len() < 2_000, "{}", url.len());
                let url: Url = url.parse().expect("an address");
                url.query().expect("a query").to_owned()
            }
            PaymentAction::App { order_string } => order_string.clone(),
            other => panic!("{other:?}"),
        };
        let call = read(&query);
        assert!(gateway.is_signed(&call), "{call:?}");
        assert_eq!(call["app_id"], APP_ID);
        assert_eq!(
            (call["method"].as_str(), call["charset"].as_str()),
            (method, "utf-8")
        );
        assert_eq!(call["sign_type"], "RSA2");
        // Beijing's, whatever our zone.
        assert_eq!(call["timestamp"], "2027-01-15 16:00:00");
        assert_eq!(call["notify_url"], order.notify_url);
        let back = (scene != Scene::App)
            .then_some(&order.return_url)
            .cloned()
            .flatten();
        assert_eq!(call.get("return_url"), back.as_ref());
        let content = content(&call);
        assert_eq!(content["out_trade_no"], order.order_no.as_str());
        assert_eq!(content["total_amount"], "99.00");
        assert_eq!(content["subject"], "专业版 Pro");
        assert_eq!(content["time_expire"], "2027-01-15 16:30:00");
        assert_eq!(content["product_code"], product);
        assert_eq!(content.get("quit_url").is_some(), extra.is_some());
        // The signature is the last, and what a kit compares is sorted.
        let names: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names.last().expect("names"), "sign");
        assert!(names[..names.len() - 1].is_sorted(), "{names:?}");
    }
    let refused = alipay.create_payment(&order(Scene::Jsapi)).await;
    assert!(
        matches!(refused, Err(ProviderError::Refused { .. })),
        "{refused:?}"
    );
    // None of them has called the gateway: it hears of the order when the buyer comes.
    assert_eq!(gateway.calls("alipay.trade.page.pay").len(), 0);
}

#[tokio::test]
async fn browsers_are_sent_where_they_can_see_the_gateway() {
    use tollgate_payment::providers::alipay::{Alipay, AlipayConfig};

    let own = word("key", "/rsa_private_pkcs8_base64");
    let foreign = super::gateway::Gateway::by_key().await.0;
    let config = AlipayConfig {
        app_id: APP_ID.to_owned(),
        private_key: own.into(),
        keys: super::gateway::files("/alipay_pem"),
        gateway: foreign.url.parse().expect("an address"),
        pages: Some(
            "https://shop.example/sandbox/gateway.do"
                .parse()
                .expect("an address"),
        ),
        seller_id: None,
    };
    let alipay = Alipay::new(&config, clock()).expect("good settings");
    let action = alipay
        .create_payment(&order(Scene::Page))
        .await
        .expect("a way")
        .action;
    let PaymentAction::Redirect { url } = action else {
        panic!("{action:?}")
    };
    assert!(
        url.starts_with("https://shop.example/sandbox/gateway.do?"),
        "{url}"
    );
}

#[tokio::test]
async fn a_code_is_asked_for_and_believed_only_for_this_order() {
    let (gateway, alipay) = Gateway::by_key().await;
    let order = order(Scene::Pc);
    let mine = json!({ "code": "10000", "msg": "Success", "out_trade_no": order.order_no.as_str(), "qr_code": "https://qr.example/1" });
    gateway.will_answer(
        PRECREATE,
        signed(PRECREATE, &mine.to_string(), &vector_key(), None),
    );
    let other = json!({ "code": "10000", "msg": "Success", "out_trade_no": "1", "qr_code": "https://qr.example/2" });
    gateway.will_answer(
        PRECREATE,
        signed(PRECREATE, &other.to_string(), &vector_key(), None),
    );
    let action = alipay.create_payment(&order).await.expect("a code").action;
    assert_eq!(
        action,
        PaymentAction::Qr {
            qr_content: "https://qr.example/1".to_owned()
        }
    );
    let calls = gateway.calls(PRECREATE);
    assert!(gateway.is_signed(&calls[0]));
    assert!(!calls[0].contains_key("return_url"));
    let told = alipay.create_payment(&order).await;
    assert!(
        matches!(told, Err(ProviderError::Unknown { .. })),
        "{told:?}"
    );
}

#[tokio::test]
async fn inv_p8_what_was_taken_back_is_told_by_its_action_and_nothing_is_guessed() {
    let (gateway, alipay) = Gateway::by_key().await;
    let order_no = order(Scene::Pc).order_no;
    let key = OrderKey {
        order_no: order_no.clone(),
        provider_order_id: None,
        created_at: clock().now(),
    };
    let answer = |more: Value| {
        let mut content =
            json!({ "code": "10000", "msg": "Success", "out_trade_no": order_no.as_str() });
        content
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        signed(CANCEL, &content.to_string(), &vector_key(), None)
    };
    for (more, cancelled) in [
        (
            json!({ "retry_flag": "N", "action": "close" }),
            Some(Cancelled::Closed),
        ),
        (
            json!({ "retry_flag": "N", "action": "refund" }),
            Some(Cancelled::Refunded),
        ),
        // The number is unknown there: success all the same.
        (json!({ "retry_flag": "N" }), Some(Cancelled::Nothing)),
        (json!({}), Some(Cancelled::Nothing)),
        (json!({ "retry_flag": "Y", "action": "close" }), None),
        (json!({ "action": "pay" }), None),
        (json!({ "out_trade_no": "1", "action": "close" }), None),
        (
            json!({ "code": "40004", "sub_code": "ACQ.SYSTEM_ERROR" }),
            None,
        ),
        (
            json!({ "code": "20000", "sub_code": "isp.unknow-error" }),
            None,
        ),
    ] {
        gateway.forget(CANCEL);
        gateway.will_answer(CANCEL, answer(more.clone()));
        match alipay.cancel_payment(&key).await {
            Ok(done) => assert_eq!(Some(done), cancelled, "{more}"),
            Err(ProviderError::Unknown { .. }) => assert_eq!(cancelled, None, "{more}"),
            Err(error) => panic!("{more}: {error}"),
        }
    }
    gateway.forget(CANCEL);
    gateway.will_answer(
        CANCEL,
        answer(json!({ "code": "40004", "sub_code": "ACQ.CANCEL_NOT_ALLOWED" })),
    );
    let refused = alipay.cancel_payment(&key).await;
    assert!(
        matches!(refused, Err(ProviderError::Refused { code, .. }) if code == "ACQ.CANCEL_NOT_ALLOWED")
    );
    let calls = gateway.calls(CANCEL);
    assert!(gateway.is_signed(&calls[0]) && !calls[0].contains_key("notify_url"));
    assert_eq!(
        content(&calls[0]),
        json!({ "out_trade_no": order_no.as_str() })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a plan is called: the signature holds, and nothing of the name becomes a parameter.
    #[test]
    fn line_37_no_description_breaks_the_signed_text(description in "[&=/+%\"'\\\\\\r\\n\\t a专😀{}<>]{0,80}|\\PC{0,300}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let gateway = Gateway::open(vector_key()).await;
            let alipay = gateway.client(super::gateway::files("/alipay_pem"), &clock()).expect("good settings");
            let order = NewOrder { description: description.clone(), ..order(Scene::Page) };
            let PaymentAction::Redirect { url } = alipay.create_payment(&order).await.expect("a way").action else {
                panic!("no address")
            };
            let url: Url = url.parse().expect("an address");
            let call = read(url.query().expect("a query"));
            assert!(gateway.is_signed(&call), "{call:?}");
            let names: Vec<_> = call.keys().map(String::as_str).collect();
            assert_eq!(names, ["alipay_root_cert_sn", "app_cert_sn", "app_id", "biz_content", "charset", "format",
                "method", "notify_url", "return_url", "sign", "sign_type", "timestamp", "version"]);
            let subject = content(&call)["subject"].as_str().expect("a text").to_owned();
            assert!(!subject.contains(['/', '=', '&', '\n', '\r']), "{subject:?}");
        });
    }
}

#[tokio::test]
async fn line_60_the_applications_own_key_in_place_of_alipays_is_refused() {
    let gateway = Gateway::open(vector_key()).await;
    let own = AlipayKeys::PublicKey(word("key", "/rsa_public_spki_base64"));
    let faults = gateway.client(own, &clock()).expect_err("our own key");
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].variable, "ALIPAY_PUBLIC_KEY");
    assert!(faults[0].reason.contains("own public key"), "{faults:?}");
}
