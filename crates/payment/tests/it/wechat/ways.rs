//! The ways to pay.

use serde_json::{Value, json};
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::{
    NewOrder, Payer, PaymentAction, PaymentProvider as _, ProviderError,
};

use super::gateway::{APP_ID, Answer, Gateway, KEY_ID, MCH_ID, verifies};

fn order(gateway: &Gateway, scene: Scene) -> NewOrder {
    let id: PaymentId = Ids::new(gateway.clock.clone(), Entropy::seeded(7)).next();
    NewOrder {
        order_no: OrderNo::of(id),
        amount: Money::new(9_900, Currency::CNY),
        description: "专".repeat(200),
        expires_at: gateway
            .clock
            .now()
            .after(std::time::Duration::from_mins(30)),
        notify_url: "https://pay.example/payments/webhooks/wechat?a=1#b".to_owned(),
        scene,
        return_url: Some("https://shop.example/paid?order=1&x=é y".to_owned()),
        payer: Payer {
            address: Some("::ffff:192.0.2.7".parse().expect("an address")),
            openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned()),
            ..Payer::default()
        },
        renews: None,
    }
}

fn path(way: &str) -> String {
    format!("POST /v3/pay/transactions/{way}")
}

#[tokio::test]
async fn every_way_is_signed_and_says_the_same_of_the_order() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    for (scene, way, answer) in [
        (
            Scene::Pc,
            "native",
            json!({ "code_url": "weixin://wxpay/bizpayurl?pr=x" }),
        ),
        (Scene::Jsapi, "jsapi", json!({ "prepay_id": "wx0211" })),
        (
            Scene::H5,
            "h5",
            json!({ "h5_url": "https://wx.tenpay.com/x?a=1" }),
        ),
        (Scene::App, "app", json!({ "prepay_id": "wx0211" })),
    ] {
        gateway.answers(&path(way), Answer::new(200, &answer.to_string(), &seal));
        let order = order(&gateway, scene);
        let created = wechat.create_payment(&order).await.expect("a way");
        assert_eq!(created.provider_order_id, None);
        let calls = gateway.calls(&path(way));
        let [call] = calls.as_slice() else {
            panic!("{calls:?}")
        };
        assert!(gateway.is_signed(call), "{call:?}");
        let header = |name: &str| call.headers[name].to_str().expect("a text").to_owned();
        assert!(header("user-agent").starts_with("tollgate/"));
        assert_eq!(header("accept"), "application/json");
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("wechatpay-serial"), KEY_ID);
        let content = call.content();
        assert_eq!(content["appid"], APP_ID);
        assert_eq!(content["mchid"], MCH_ID);
        assert_eq!(content["out_trade_no"], order.order_no.as_str());
        assert_eq!(content["description"], "专".repeat(127));
        assert_eq!(
            content["amount"],
            json!({ "total": 9_900, "currency": "CNY" })
        );
        // Beijing's, with its zone; and an address without query.
        assert_eq!(content["time_expire"], "2027-01-15T16:30:00+08:00");
        assert_eq!(
            content["notify_url"],
            "https://pay.example/payments/webhooks/wechat"
        );
        assert_eq!(content.get("payer").is_some(), scene == Scene::Jsapi);
        assert_eq!(content.get("scene_info").is_some(), scene == Scene::H5);
        check_action(&gateway, &created.action, &content);
    }
}

fn check_action(gateway: &Gateway, action: &PaymentAction, content: &Value) {
    match action {
        PaymentAction::Qr { qr_content } => {
            assert_eq!(qr_content, "weixin://wxpay/bizpayurl?pr=x");
        }
        PaymentAction::Redirect { url } => {
            let scene = &content["scene_info"];
            assert_eq!(scene["payer_client_ip"], "192.0.2.7");
            assert_eq!(scene["h5_info"]["type"], "Wap");
            assert_eq!(
                url,
                "https://wx.tenpay.com/x?a=1&redirect_url=https%3A%2F%2Fshop.example%2Fpaid%3Forder%3D1%26x%3D%C3%A9%20y"
            );
        }
        PaymentAction::Jsapi { params } => {
            assert_eq!(content["payer"]["openid"], "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
            let names: Vec<_> = params.keys().map(String::as_str).collect();
            let all = [
                "appId",
                "nonceStr",
                "package",
                "paySign",
                "signType",
                "timeStamp",
            ];
            assert_eq!(names, all);
            assert_eq!(params["signType"], "RSA");
            assert_eq!(params["package"], "prepay_id=wx0211");
            let text = format!(
                "{APP_ID}\n{}\n{}\nprepay_id=wx0211\n",
                params["timeStamp"], params["nonceStr"]
            );
            assert!(verifies(&gateway.merchant, &text, &params["paySign"]));
        }
        PaymentAction::App { order_string } => {
            let kit: Value = serde_json::from_str(order_string).expect("JSON");
            let word = |name: &str| kit[name].as_str().expect("a text").to_owned();
            assert_eq!(
                (word("appid").as_str(), word("partnerid").as_str()),
                (APP_ID, MCH_ID)
            );
            assert_eq!(
                (word("prepayid").as_str(), word("package").as_str()),
                ("wx0211", "Sign=WXPay")
            );
            // Signed is the bare number, without `prepay_id=`.
            let text = format!(
                "{APP_ID}\n{}\n{}\nwx0211\n",
                word("timestamp"),
                word("noncestr")
            );
            assert!(verifies(&gateway.merchant, &text, &word("sign")));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_way_needs_and_nobody_knows_is_refused_before_any_call() {
    let (gateway, wechat, _) = Gateway::by_key().await;
    for scene in [Scene::Jsapi, Scene::H5, Scene::Page] {
        let order = NewOrder {
            payer: Payer::default(),
            ..order(&gateway, scene)
        };
        let refused = wechat.create_payment(&order).await;
        assert!(
            matches!(refused, Err(ProviderError::Refused { .. })),
            "{refused:?}"
        );
    }
    for way in ["native", "jsapi", "h5", "app"] {
        assert!(gateway.calls(&path(way)).is_empty());
    }
}

#[tokio::test]
async fn inv_p8_a_no_to_a_create_counts_only_when_there_is_no_such_order() {
    let (gateway, wechat, seal) = Gateway::by_key().await;
    let order = order(&gateway, Scene::Pc);
    let number = order.order_no.as_str();
    let query = format!("GET /v3/pay/transactions/out-trade-no/{number}");
    for (status, code) in [(400, "INVALID_REQUEST"), (403, "OUT_TRADE_NO_USED")] {
        let body = json!({ "code": code, "message": "m" }).to_string();
        gateway.answers(&path("native"), Answer::new(status, &body, &seal));
        // It is there, unpaid, with another content.
        let open = json!({ "appid": APP_ID, "mchid": MCH_ID, "out_trade_no": number, "trade_state": "NOTPAY" });
        gateway.answers(&query, Answer::new(200, &open.to_string(), &seal));
        let created = wechat.create_payment(&order).await;
        assert!(
            matches!(created, Err(ProviderError::Unknown { .. })),
            "{created:?}"
        );
        // Nobody knows whether it is there.
        gateway.answers(&query, Answer::new(500, "{}", &seal));
        let created = wechat.create_payment(&order).await;
        assert!(
            matches!(created, Err(ProviderError::Unknown { .. })),
            "{created:?}"
        );
        let none = json!({ "code": "ORDER_NOT_EXIST", "message": "m" }).to_string();
        gateway.answers(&query, Answer::new(404, &none, &seal));
        let created = wechat.create_payment(&order).await;
        assert!(
            matches!(&created, Err(ProviderError::Refused { code: told, .. }) if told == code),
            "{created:?}"
        );
    }
    // Nothing to pay with.
    for body in [
        "{}",
        "{\"code_url\":\"\"}",
        "{\"code_url\":null}",
        "[]",
        "",
        "<html>",
    ] {
        gateway.answers(&path("native"), Answer::new(200, body, &seal));
        let created = wechat.create_payment(&order).await;
        assert!(
            matches!(created, Err(ProviderError::Unknown { .. })),
            "{body}"
        );
    }
}
