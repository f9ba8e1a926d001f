//! WeChat Pay, tried against the sandbox's look-alike of it on the wire, in both key modes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use axum::body::Bytes;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Row as _;
use tollgate_kernel::clock::Timestamp;
use tollgate_kernel::entropy::Entropy;
use tollgate_kernel::ids::{Ids, PaymentId};
use tollgate_kernel::money::{Currency, Money};
use tollgate_payment::model::payment::OrderNo;
use tollgate_payment::model::refund::RefundNo;
use tollgate_payment::model::scene::Scene;
use tollgate_payment::providers::conformance::{Peer, Trouble, conforms};
use tollgate_payment::providers::wechat::{Wechat, WechatConfig, WechatPublicKey};
use tollgate_payment::providers::{
    NewOrder, OrderKey, Payer, PaymentProvider, ProviderError, ProviderVerdict, RawWebhook,
    WebhookRefusal,
};

use crate::conformance::open;
use crate::harness::{App, each_engine};

/// How both sides know each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    PublicKey,
    Certificates,
}

/// Signs and encrypts with the keys of the sandbox's gateway: genuine notices, of any content.
pub(crate) struct Pen {
    pub(crate) app_id: String,
    pub(crate) mch_id: String,
    keys: Value,
}

impl Pen {
    pub(crate) async fn of(app: &App) -> Self {
        let mut file = open(app).await;
        let row = sqlx::query("SELECT app_id, merchant_id, keys FROM peers WHERE rail = 'wechat'")
            .fetch_one(&mut file)
            .await
            .expect("a merchant");
        Self {
            app_id: row.get("app_id"),
            mch_id: row.get("merchant_id"),
            keys: serde_json::from_str(row.get("keys")).expect("keys"),
        }
    }

    pub(crate) fn key(&self, pointer: &str) -> String {
        let key = self.keys.pointer(pointer).and_then(Value::as_str);
        key.expect("a key").to_owned()
    }

    /// The body of a notice about a payment.
    pub(crate) fn paid(&self, id: &str, order: &Value) -> String {
        let key = self.key("/api_key");
        let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("a key");
        let mut bytes = order.to_string().into_bytes();
        let nonce = Nonce::try_assume_unique_for_key(b"nonce-of-12b").expect("a nonce");
        LessSafeKey::new(key)
            .seal_in_place_append_tag(nonce, Aad::from("transaction"), &mut bytes)
            .expect("sealed");
        json!({
            "id": id, "event_type": "TRANSACTION.SUCCESS", "resource_type": "encrypt-resource",
            "resource": {
                "original_type": "transaction", "algorithm": "AEAD_AES_256_GCM", "nonce": "nonce-of-12b",
                "associated_data": "transaction", "ciphertext": BASE64_STANDARD.encode(bytes),
            },
        })
        .to_string()
    }

    /// A genuine notice of this moment about a payment.
    pub(crate) fn notice(&self, order: &Value, now: Timestamp) -> RawWebhook {
        let id = order["transaction_id"].as_str().expect("a number");
        self.sealed(Mode::PublicKey, &self.paid(id, order), now)
    }

    /// Under one of the gateway's two keys, at this moment.
    #[expect(
        clippy::disallowed_methods,
        reason = "PKCS#1 v1.5 is deterministic: the generator only blinds"
    )]
    fn sealed(&self, mode: Mode, body: &str, now: Timestamp) -> RawWebhook {
        let (private, serial) = match mode {
            Mode::PublicKey => ("/public_private", "/public_key_id"),
            Mode::Certificates => ("/platform/0/private", "/platform/0/serial"),
        };
        let private = BASE64_STANDARD.decode(self.key(private)).expect("base64");
        let key = KeyPair::from_pkcs8(&private).expect("a key");
        let text = format!("{}\nabc\n{body}\n", now.seconds());
        let mut signature = vec![0; key.public_modulus_len()];
        let random = SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .expect("signs");
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("wechatpay-timestamp", now.seconds().to_string()),
            ("wechatpay-nonce", "abc".to_owned()),
            ("wechatpay-signature", BASE64_STANDARD.encode(signature)),
            ("wechatpay-serial", self.key(serial)),
        ] {
            headers.insert(name, value.parse().expect("a header"));
        }
        RawWebhook {
            headers,
            body: Bytes::from(body.to_owned()),
        }
    }
}

/// The sandbox's WeChat Pay.
struct WechatPeer<'a> {
    app: &'a App,
    mode: Mode,
    pen: Pen,
    ids: Ids,
    provider: Arc<dyn PaymentProvider>,
}

impl<'a> WechatPeer<'a> {
    async fn of(app: &'a App, mode: Mode) -> Self {
        let pen = Pen::of(app).await;
        let merchant = app.get("/sandbox/wechat/merchant", "").await;
        let merchant = merchant.expect(StatusCode::OK);
        let text = |name: &str| merchant[name].as_str().expect("a text").to_owned();
        let config = WechatConfig {
            app_id: text("app_id"),
            mch_id: text("mch_id"),
            api_key: pen.key("/api_key").into(),
            certificate: text("certificate"),
            private_key: pen.key("/merchant/private").into(),
            public_key: (mode == Mode::PublicKey).then(|| WechatPublicKey {
                id: text("public_key_id"),
                key: text("public_key"),
            }),
            gateway: format!("{}/sandbox/wechat", app.url)
                .parse()
                .expect("an address"),
            refund_notify_url: None,
        };
        let provider = Wechat::new(&config, app.clock.clone(), Entropy::system());
        Self {
            app,
            mode,
            pen,
            ids: Ids::new(app.clock.clone(), Entropy::system()),
            provider: Arc::new(provider.expect("good settings")),
        }
    }

    fn notice(&self, order: &NewOrder, transaction_id: &str, mch_id: &str) -> RawWebhook {
        let total = order.amount.minor();
        let told = json!({
            "appid": self.pen.app_id, "mchid": mch_id, "out_trade_no": order.order_no.as_str(),
            "transaction_id": transaction_id, "trade_state": "SUCCESS", "trade_type": "NATIVE",
            "success_time": "2026-01-02T11:04:05+08:00",
            // With a coupon of WeChat's the buyer pays less, and that is no mismatch.
            "amount": { "total": total, "payer_total": 1, "currency": "CNY", "payer_currency": "CNY" },
        });
        let body = self
            .pen
            .paid(&format!("n{}", order.order_no.as_str()), &told);
        self.pen.sealed(self.mode, &body, self.app.clock.now())
    }
}

#[async_trait]
impl Peer for WechatPeer<'_> {
    fn provider(&self) -> Arc<dyn PaymentProvider> {
        self.provider.clone()
    }

    fn order(&self) -> NewOrder {
        let id: PaymentId = self.ids.next();
        NewOrder {
            order_no: OrderNo::of(id),
            amount: Money::new(123, Currency::CNY),
            description: "a=b & c/d \"}\" 专业版".to_owned(),
            expires_at: self.app.clock.now().after(Duration::from_mins(30)),
            notify_url: format!("{}/payments/webhooks/wechat", self.app.url),
            scene: Scene::Pc,
            return_url: Some(format!("{}/back", self.app.url)),
            payer: Payer {
                address: "203.0.113.7".parse().ok(),
                openid: Some("oBuyer".to_owned()),
                ..Payer::default()
            },
            renews: None,
        }
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    fn refund_no(&self) -> RefundNo {
        RefundNo::of(self.ids.next())
    }

    async fn pay(&self, order: &NewOrder) -> String {
        let number = order.order_no.as_str();
        let phone = format!("{}/sandbox/pay/{number}/pay", self.app.url);
        let paid = self.app.http.post(phone);
        let paid = paid.header("accept", "application/json").send().await;
        let paid = paid.expect("an answer");
        assert_eq!(paid.status(), StatusCode::OK);
        let paid: Value = paid.json().await.expect("JSON");
        paid["trade_no"].as_str().expect("a number").to_owned()
    }

    async fn callback(&self, order: &NewOrder, transaction_id: &str) -> RawWebhook {
        self.notice(order, transaction_id, &self.pen.mch_id)
    }

    async fn foreign_callback(&self, order: &NewOrder, transaction_id: &str) -> RawWebhook {
        self.notice(order, transaction_id, "1800000000")
    }

    async fn trouble(&self, trouble: Trouble) {
        let kind = match trouble {
            Trouble::AnswerLost => "answer_lost",
            Trouble::BrokenAnswer => "broken_signature",
            Trouble::Busy => "busy",
        };
        let put = self
            .app
            .post("/sandbox/wechat/faults", "", json!({ "kind": kind }))
            .await;
        put.expect(StatusCode::CREATED);
    }

    async fn went_back(&self, order: &NewOrder) -> i64 {
        let mut file = open(self.app).await;
        let row = sqlx::query(
            "SELECT COALESCE(SUM(r.amount), 0) AS total FROM trade_refunds r JOIN trades t
             ON t.rail = r.rail AND t.provider_no = r.provider_no WHERE t.rail = 'wechat' AND t.out_trade_no = $1",
        );
        let row = row.bind(order.order_no.as_str()).fetch_one(&mut file).await;
        row.expect("a row").get("total")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_p10_wechat_shows_what_every_provider_must() {
    each_engine(async |app| conforms(&WechatPeer::of(app, Mode::PublicKey).await).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_p8_p10_wechat_with_certificates_shows_it_too() {
    each_engine(async |app| conforms(&WechatPeer::of(app, Mode::Certificates).await).await).await;
}

/// F17: the platform's certificate is changed between two calls. Answers and notices under the new one are believed
/// once it was fetched; those under the old one stay good.
#[tokio::test(flavor = "multi_thread")]
async fn inv_p2_f17_a_certificate_that_changes_mid_order_is_fetched() {
    each_engine(async |app| {
        let peer = WechatPeer::of(app, Mode::Certificates).await;
        let order = peer.order();
        let created = peer.provider.create_payment(&order).await;
        created.expect("an order");
        let put = app
            .post(
                "/sandbox/wechat/faults",
                "",
                json!({ "kind": "key_changed" }),
            )
            .await;
        put.expect(StatusCode::CREATED);
        let id = peer.pay(&order).await;
        let pen = Pen::of(app).await;
        assert_ne!(pen.key("/platform/1/serial"), pen.key("/platform/0/serial"));
        let key = OrderKey {
            order_no: order.order_no.clone(),
            provider_order_id: None,
            created_at: app.clock.now(),
        };
        // Certificates were fetched just now, and are not fetched for every serial that somebody makes up.
        let unknown = peer.provider.verify_payment(&key).await;
        assert!(
            matches!(unknown, Err(ProviderError::Unknown { .. })),
            "{unknown:?}"
        );
        app.clock.advance(Duration::from_mins(11));
        let verdict = peer.provider.verify_payment(&key).await.expect("believed");
        assert!(
            matches!(&verdict, ProviderVerdict::Paid(paid) if paid.provider_transaction_id() == id),
            "{verdict:?}"
        );
        let before = peer.pen.sealed(peer.mode, "{}", app.clock.now());
        // The old certificate is still listed.
        let old = peer.provider.handle_webhook(&before).await;
        assert!(matches!(old, Err(WebhookRefusal::Unreadable)), "{old:?}");
    })
    .await;
}
